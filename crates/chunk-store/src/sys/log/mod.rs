//! Every step that changes what a disk holds passes through here. Test builds can write them down, in the order in
//! which they happened, so that a test can work out what a power cut would have left, or let them fail; shipping builds only take the step.

#[cfg(feature = "storage-log")]
mod kept;

use std::fs::File;
#[cfg(not(feature = "storage-log"))]
use std::io;
use std::path::Path;

#[cfg(feature = "storage-log")]
pub use kept::{Deed, Fault, FileNumber, Record, StorageLog};

/// A step whose success says nothing more.
#[cfg_attr(
    not(feature = "storage-log"),
    allow(dead_code, reason = "nobody reads it there")
)]
#[cfg_attr(windows, allow(dead_code, reason = "some steps are taken on Unix only"))]
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'a> {
    MakeDir(&'a Path),
    RemoveDir(&'a Path),
    SyncDir(&'a Path),
    SyncFile(&'a File),
    Rename(&'a Path, &'a Path),
    Link(&'a Path, &'a Path),
    RemoveFile(&'a Path),
}

#[cfg(feature = "storage-log")]
pub(super) use kept::{create, step, write};

#[cfg(not(feature = "storage-log"))]
pub(super) fn step<T>(_step: Step<'_>, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    act()
}

/// Creating a file.
#[cfg(not(feature = "storage-log"))]
pub(super) fn create(_path: &Path, act: impl FnOnce() -> io::Result<File>) -> io::Result<File> {
    act()
}

/// Writing some or all of `bytes` at `offset`; the answer says how many.
#[cfg(not(feature = "storage-log"))]
pub(super) fn write(
    _file: &File,
    bytes: &[u8],
    act: impl FnOnce(&[u8]) -> io::Result<usize>,
    _offset: u64,
) -> io::Result<usize> {
    act(bytes)
}
