//! The folder of a new repository: made durably, and never made of somebody else's folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use lumivault_format::ObjectKind;

use super::tmp;
use crate::backend::BackendError;
use crate::sys;

/// What systems put into the root of an empty disk by themselves.
const SYSTEM_LEFTOVERS: [&str; 9] = [
    "lost+found",
    "System Volume Information",
    "$RECYCLE.BIN",
    "desktop.ini",
    ".DS_Store",
    ".Spotlight-V100",
    ".fseventsd",
    ".Trashes",
    ".Trash-1000",
];

/// Makes the folder and those above it, or finds it empty enough.
pub(super) fn root(path: &Path) -> Result<(), BackendError> {
    let failed = |source| BackendError::from_io("making the folder", &path.display().to_string(), source);
    let path = std::path::absolute(path).map_err(failed)?;
    make_with_parents(&path).map_err(failed)?;
    match occupant(&path).map_err(failed)? {
        None => Ok(()),
        Some(found) => Err(BackendError::NotEmpty {
            location: path.display().to_string(),
            found,
        }),
    }
}

/// Every folder made here is synced into its parent before the next is made in it. So is the deepest that is there: it
/// may be all that an attempt made that was stopped before it came to syncing.
fn make_with_parents(path: &Path) -> io::Result<()> {
    let mut missing: Vec<PathBuf> = Vec::new();
    let mut at = Some(path);
    while let Some(folder) = at.filter(|folder| !folder.try_exists().unwrap_or(true)) {
        missing.push(folder.to_owned());
        at = folder.parent();
    }
    if let Some(parent) = at.and_then(Path::parent) {
        sync_if_permitted(parent)?;
    }
    for folder in missing.iter().rev() {
        sys::make_dir(folder)?;
        if let Some(parent) = folder.parent() {
            sys::sync_dir(parent)?;
        }
    }
    Ok(())
}

/// A folder of somebody else's may not be ours to open; then it was not we who made a folder in it.
fn sync_if_permitted(folder: &Path) -> io::Result<()> {
    match sys::sync_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        result => result.map(drop),
    }
}

/// The first name that does not belong into a new repository's folder.
fn occupant(root: &Path) -> io::Result<Option<String>> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(text) = name.to_str() else {
            return Ok(Some(name.to_string_lossy().into_owned()));
        };
        let ours = text == tmp::FOLDER || ObjectKind::ALL.iter().any(|kind| kind.folder() == text);
        let harmless = if ours {
            holds_no_objects(&entry.path(), text)?
        } else {
            SYSTEM_LEFTOVERS.contains(&text)
        };
        if !harmless {
            return Ok(Some(text.to_owned()));
        }
    }
    Ok(None)
}

/// Whether a folder of ours is what an interrupted attempt left: `tmp`, or object folders with no file in them.
fn holds_no_objects(folder: &Path, name: &str) -> io::Result<bool> {
    if !folder.symlink_metadata()?.is_dir() {
        return Ok(false);
    }
    if name == tmp::FOLDER {
        return tmp::holds_only_instances(folder);
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() || fs::read_dir(entry.path())?.next().is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}
