//! The Windows half. Access lists are not read: whoever may read a file is unknown here, and said so.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use super::Privacy;

/// Opens for reading.
pub(crate) fn open_without_waiting(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Creates a file; an existing one is an error. Who may read it follows from its folder.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// Creates a folder, and those above it that are missing. Who may read it follows from the folder above.
pub(crate) fn create_private_folders(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)
}

/// A process here inherits no numbered descriptors beyond its standard streams.
pub(crate) fn open_descriptor(_number: u32) -> io::Result<File> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "only descriptor 0 can be read on Windows",
    ))
}

#[allow(clippy::unnecessary_wraps, reason = "the Unix half can fail")]
pub(crate) fn privacy(_file: &File) -> io::Result<Privacy> {
    Ok(Privacy::Unknown)
}

/// Windows writes dumps of other programs only where it was set up to; there is nothing to forbid from here.
pub(crate) fn forbid_core_dumps() {}

pub(crate) fn host_name() -> Option<String> {
    None
}
