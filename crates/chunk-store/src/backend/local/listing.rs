//! Listings: complete, or an error. A name that is no object's, or lies where no reader would look, is foreign.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use lumivault_format::{ObjectId, ObjectKind, ObjectName};

use super::listed::{Listed, Names};
use super::place::Place;
use crate::backend::{BackendError, ObjectInfo};

/// Every object of one kind. The folders that were looked into are noted in `listed`.
pub(super) fn list(
    place: &Place,
    kind: ObjectKind,
    listed: &Listed,
) -> Result<Vec<ObjectInfo>, BackendError> {
    let mut objects = Vec::new();
    let complete = visit(place, kind, listed, &mut objects)
        .map_err(|source| place.failed(format!("listing {}", kind.folder()), source))?;
    if !complete {
        place.check_attached()?;
    }
    Ok(objects)
}

/// `false`: a folder was missing, which is only right while the place is there.
fn visit(
    place: &Place,
    kind: ObjectKind,
    listed: &Listed,
    objects: &mut Vec<ObjectInfo>,
) -> io::Result<bool> {
    let folder = place.folder(kind);
    if !kind.fan_out() {
        return visit_folder(place, kind, &folder, listed, objects);
    }
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        entries => entries?,
    };
    let mut complete = true;
    for entry in entries {
        if let Some(below) = fan_out_folder(&entry?) {
            match visit_folder(place, kind, &below, listed, objects) {
                Ok(found) => complete &= found,
                Err(error) if error.kind() == io::ErrorKind::NotADirectory => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(complete)
}

/// Folders of other names (a user's, a system's) are not entered: they may be unreadable or huge.
fn fan_out_folder(entry: &DirEntry) -> Option<PathBuf> {
    let name = entry.file_name();
    let digits = name.to_str()?.as_bytes();
    let is_prefix = digits.len() == 2 && digits.iter().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    is_prefix.then(|| entry.path())
}

fn visit_folder(
    place: &Place,
    kind: ObjectKind,
    folder: &Path,
    listed: &Listed,
    objects: &mut Vec<ObjectInfo>,
) -> io::Result<bool> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        entries => entries?,
    };
    let mut names = Names::default();
    for entry in entries {
        let entry = entry?;
        let Some(name) = entry.file_name().to_str().and_then(ObjectName::from_hex) else {
            continue;
        };
        if place.object(&ObjectId { kind, name }) != entry.path() {
            continue;
        }
        match entry.metadata() {
            Ok(metadata) if metadata.is_file() => {
                names.add(&name);
                objects.push(ObjectInfo {
                    name,
                    size: metadata.len(),
                });
            }
            Ok(_) => {}
            // Another process removed it since.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    listed.note(place, folder, names);
    Ok(true)
}
