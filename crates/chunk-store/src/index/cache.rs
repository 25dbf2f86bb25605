//! The local cache of one archive: a folder of its owner's only, with the index table. It holds keyed ids, locations
//! and lengths, and nothing else; losing it costs time, never data.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lumivault_format::ObjectName;

use super::table::{Bytes, Table};
use crate::{Error, Repository};

/// An archive's folder in the cache.
#[derive(Clone, Debug)]
pub struct CacheDir {
    folder: PathBuf,
}

const TABLE_PREFIX: &str = "index-";

/// Writes a table into a file and returns the table's hash.
pub(super) type Write<'w> = &'w mut dyn FnMut(&File) -> io::Result<blake3::Hash>;

impl CacheDir {
    /// Makes (if need be) the folder for this repository below `root`.
    pub fn open(root: &Path, repository: &Repository) -> Result<Self, Error> {
        let mut hex = String::with_capacity(32);
        for byte in repository.replica().as_bytes() {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
        }
        let folder = root.join(hex);
        make_folders(&folder).map_err(|source| Error::Cache {
            path: folder.clone(),
            source,
        })?;
        Ok(Self { folder })
    }

    /// The folder, for other caches of this repository.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The newest table all of whose index objects are still present; anything unfit is ignored.
    pub(super) fn load(&self, present: &BTreeSet<ObjectName>) -> Option<Arc<Table>> {
        let mut best: Option<Table> = None;
        for path in self.tables() {
            let Ok(bytes) = File::open(&path).and_then(|file| map(&file)) else {
                continue;
            };
            let Ok(table) = Table::open(bytes) else { continue };
            let better = best
                .as_ref()
                .is_none_or(|b| table.covered().len() > b.covered().len());
            if better && table.covered().is_subset(present) {
                best = Some(table);
            }
        }
        best.map(Arc::new)
    }

    /// Writes a table that only this process needs; its file vanishes with it.
    pub(super) fn create_temporary(&self, write: Write<'_>) -> Result<Bytes, Error> {
        let file = tempfile::tempfile_in(&self.folder).map_err(|source| self.failed(source))?;
        write(&file)
            .and_then(|_| map(&file))
            .map_err(|source| self.failed(source))
    }

    /// Writes the table that is to stay, in place of all others. One that is in use elsewhere may survive until the
    /// next time.
    pub(super) fn create(&self, write: Write<'_>) -> Result<Bytes, Error> {
        let failed = |source| self.failed(source);
        let file = tempfile::Builder::new()
            .prefix("tmp-")
            .tempfile_in(&self.folder)
            .map_err(failed)?;
        // Synced, or a power cut could leave a file of the right size and name whose middle is zeros.
        let hash = write(file.as_file())
            .and_then(|hash| file.as_file().sync_data().map(|()| hash))
            .map_err(failed)?;
        let name = format!("{TABLE_PREFIX}{}", &hash.to_hex()[..32]);
        let path = self.folder.join(&name);
        // Through the handle: another process may remove what has this name any moment, to put its own in its place.
        let kept = file.persist(&path).map_err(|error| failed(error.error))?;
        let bytes = map(&kept).map_err(failed)?;
        for older in self.tables().into_iter().filter(|older| *older != path) {
            let _ = fs::remove_file(older);
        }
        Ok(bytes)
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::Cache {
            path: self.folder.clone(),
            source,
        }
    }

    fn tables(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return Vec::new();
        };
        entries
            .filter_map(Result::ok)
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(TABLE_PREFIX))
            .map(|entry| entry.path())
            .collect()
    }
}

/// Makes a folder and what it lies in, for its owner only.
fn make_folders(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        make_folders(parent)?;
    }
    crate::sys::make_dir(folder).map(drop)
}

/// Maps a cache file of our own.
#[expect(unsafe_code, reason = "memory maps are unsafe by nature")]
fn map(file: &File) -> io::Result<Bytes> {
    // SAFETY: the file lies in a folder that only its owner can write, is created whole under a temporary name, never
    // written again and only ever replaced by renaming or removed, both of which leave the mapped bytes alone. It is no
    // user's file and lies on the disk of the cache, not of the repository.
    unsafe { memmap2::Mmap::map(file) }.map(Bytes::Mapped)
}
