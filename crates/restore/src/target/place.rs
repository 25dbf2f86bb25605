//! A finished thing gets its name: in one step, and never through what had the name before.

use super::names::MappedName;
use super::sys::{Dir, Kind};
use super::{Folder, Outcome, Overwrite, TargetError};
use std::ffi::OsStr;
use std::io;

/// Moves `temp` to `name`. Whatever happens, `temp` is gone afterwards.
pub(super) fn place(
    folder: &Folder,
    dir: &Dir,
    temp: &OsStr,
    name: &MappedName,
    overwrite: Overwrite,
) -> Result<Outcome, TargetError> {
    let result = folder.component(name).and_then(|written| match overwrite {
        Overwrite::Never => place_new(folder, dir, temp, &written, name),
        Overwrite::Always => place_over(folder, dir, temp, &written, name),
    });
    match result {
        // What was moved to a free name is moved.
        Ok(Outcome::Written) if overwrite == Overwrite::Never => {}
        Ok(Outcome::Written) => {
            // Renaming one of two names of the same file over the other does nothing, and succeeds.
            if let Err(cause) = remove_if_there(dir, temp) {
                return Err(folder.failed_at("tidying up after", name, cause));
            }
        }
        // The first error is the one to tell; what stays behind is found by `clean_leftovers`.
        _ => drop(remove_if_there(dir, temp)),
    }
    result
}

fn place_new(
    folder: &Folder,
    dir: &Dir,
    temp: &OsStr,
    written: &OsStr,
    name: &MappedName,
) -> Result<Outcome, TargetError> {
    match dir.rename_new(temp, written) {
        Ok(()) => Ok(Outcome::Written),
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(Outcome::Kept),
        Err(cause) => Err(folder.failed_at("naming", name, cause)),
    }
}

fn place_over(
    folder: &Folder,
    dir: &Dir,
    temp: &OsStr,
    written: &OsStr,
    name: &MappedName,
) -> Result<Outcome, TargetError> {
    let Err(cause) = dir.replace(temp, written) else {
        return Ok(Outcome::Written);
    };
    let failed = |cause| folder.failed_at("naming", name, cause);
    match dir.find(written).map_err(failed)? {
        Some(found) if found.kind == Kind::Folder => {
            // An empty folder makes way, a full one is for the user to judge.
            if dir.remove_dir(written).is_err() {
                return Err(folder.in_the_way(name, Kind::Folder));
            }
            dir.replace(temp, written).map_err(failed)?;
            Ok(Outcome::Written)
        }
        _ => Err(failed(cause)),
    }
}

/// Removes what is no folder, unless it is gone already.
pub(super) fn remove_if_there(dir: &Dir, name: &OsStr) -> io::Result<()> {
    match dir.remove_file(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
