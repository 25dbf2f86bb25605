//! What a repository cannot be opened without, and is not there.

use std::io::Read as _;
use std::path::Path;

use lumivault_chunk_store::Error;
use lumivault_chunk_store::backend::{Backend as _, LocalDisk};
use lumivault_format::ObjectKind;

use crate::exit::ExitCode;
use crate::failure::Failure;

/// How the text begins that every repository is described by; `init` writes it when all else is there.
const README_BEGINS: &str = "This folder is a lumivault archive";

/// There is no config: that of a repository is gone, or there never was one.
pub(super) fn no_config(root: &Path, disk: &LocalDisk) -> Result<Failure, Failure> {
    let holds = |kind| disk.list(kind).map(|listed| !listed.is_empty());
    if !(holds(ObjectKind::Pack)? || holds(ObjectKind::Snapshot)? || is_described(root)) {
        return Ok(Error::NoRepository(disk.location()).into());
    }
    Ok(gone(&disk.location(), "its config is", "config"))
}

/// There is no key slot. What was given may be right, and nothing that anybody knows can help.
pub(super) fn no_keys(location: &str) -> Failure {
    gone(location, "all its keys are", "keys")
}

fn gone(location: &str, what: &str, folder: &str) -> Failure {
    let problem = format!("there is a lumivault repository in {location}, but {what} gone");
    Failure::new(ExitCode::Damage, problem).hint(format!(
        "put the folder `{folder}` back from another copy of the repository; nothing opens it without"
    ))
}

fn is_described(root: &Path) -> bool {
    let mut begin = [0; README_BEGINS.len()];
    let read = std::fs::File::open(root.join("README.txt")).and_then(|mut file| file.read_exact(&mut begin));
    read.is_ok() && begin == *README_BEGINS.as_bytes()
}

#[cfg(test)]
mod tests {
    use super::README_BEGINS;

    #[test]
    fn the_description_begins_as_it_is_looked_for() {
        assert!(include_str!("readme.txt").starts_with(README_BEGINS));
    }
}
