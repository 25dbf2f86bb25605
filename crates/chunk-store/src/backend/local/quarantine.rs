//! Objects that were set aside: they keep their bytes, and no reader meets them. See docs/format.md §2.

use std::io;
use std::path::{Path, PathBuf};

use lumivault_format::ObjectId;

use super::writer::Writer;
use crate::backend::BackendError;
use crate::sys;

/// The folder below the root.
const FOLDER: &str = "quarantine";
/// How often one name can be set aside; far more than anybody repairs.
const COPIES_MAX: u32 = 10_000;

impl Writer {
    /// Moves an object into the quarantine. Its new name is on the disk before the old one is known to be gone.
    pub(super) fn set_aside(&self, id: &ObjectId) -> Result<(), BackendError> {
        let action = format!("setting aside {id}");
        self.check_running(&action)?;
        let path = self.place.object(id);
        match path.symlink_metadata() {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => return Err(self.place.absent(id)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(self.place.absent(id)),
            Err(source) => return Err(self.place.failed(action, source)),
        }
        let folder = self.place.root.join(FOLDER);
        sys::make_dir(&folder).map_err(|source| self.place.failed(&action, source))?;
        self.sync_folder(&action, &self.place.root)?;
        self.sync_listed(&action)?;
        match move_into(&folder, &path, id) {
            Ok(()) => {}
            // Somebody else was faster.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(self.place.absent(id)),
            Err(source) => return Err(self.place.failed(action, source)),
        }
        self.sync_folder(&action, &folder)?;
        if let Some(from) = path.parent() {
            self.sync_folder(&action, from)?;
        }
        self.listed.note_removed(&self.place, id);
        Ok(())
    }
}

fn move_into(folder: &Path, path: &Path, id: &ObjectId) -> io::Result<()> {
    for number in 0..COPIES_MAX {
        match sys::rename_exclusive(path, &target(folder, id, number)) {
            Ok(_) => {
                // Where a second name was made first, taking away the old one may have failed.
                if path.try_exists()? {
                    sys::remove_file(path)?;
                }
                return Ok(());
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(
        "too many objects of this name were set aside before",
    ))
}

/// `packs-ab12…`, and `packs-ab12….1` where that is taken.
fn target(folder: &Path, id: &ObjectId, number: u32) -> PathBuf {
    let name = format!("{}-{}", id.kind.folder(), id.name.to_hex());
    folder.join(match number {
        0 => name,
        _ => format!("{name}.{number}"),
    })
}
