//! Folders whose names are on the disk: whatever is renamed into one of them can be acknowledged.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use lumivault_format::ObjectId;

use super::place::Place;
use crate::backend::BackendError;
use crate::sys;

/// The folders this instance synced into their parents.
///
/// That a folder exists proves nothing: another process may have made it a moment ago and not synced it yet. So
/// every instance syncs each folder once by itself, but the many below one kind all at once.
#[derive(Debug, Default)]
pub(super) struct DurableFolders(Mutex<HashSet<PathBuf>>);

impl DurableFolders {
    /// The folder of an object, made where it was missing. `sync` makes the names in a folder durable.
    pub(super) fn ensure(
        &self,
        place: &Place,
        id: &ObjectId,
        sync: impl Fn(&Path) -> Result<(), BackendError>,
    ) -> Result<PathBuf, BackendError> {
        let failed = |source| place.failed(format!("making the folder of {id}"), source);
        let mut durable = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = place.folder(id.kind);
        if !durable.contains(&kind) {
            sys::make_dir(&kind).map_err(failed)?;
            sync(&place.root)?;
            if id.kind.fan_out() {
                let below = subfolders(&kind).map_err(failed)?;
                sync(&kind)?;
                durable.extend(below);
            }
            durable.insert(kind.clone());
        }
        let object = place.object(id);
        let folder = object.parent().unwrap_or(&kind);
        if !durable.contains(folder) {
            sys::make_dir(folder).map_err(failed)?;
            sync(&kind)?;
            durable.insert(folder.to_owned());
        }
        Ok(folder.to_owned())
    }
}

fn subfolders(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect()
}
