//! What the file system says about an entry, in the terms of the format.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::io;
use std::path::Path;

use lumivault_format::tree::StatRecord;

#[cfg(unix)]
#[path = "unix.rs"]
mod sys;
#[cfg(windows)]
#[path = "windows.rs"]
mod sys;

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    windows,
    allow(dead_code, reason = "pipes, sockets and devices are no files there")
)]
pub(crate) enum FoundKind {
    File { size: u64 },
    Folder,
    Symlink { target: Vec<u8> },
    Fifo,
    Socket,
    CharDevice,
    BlockDevice,
}

/// What tells that a file is still the same one, on this machine: kept in the local cache only, as a keyed hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FileIdentity {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    /// Change time (Unix) or creation time (Windows), seconds and nanoseconds.
    pub(crate) changed: (i64, i64),
    /// Modification time, seconds and nanoseconds.
    pub(crate) modified: (i64, u32),
}

/// An entry as it was found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) kind: FoundKind,
    pub(crate) stat: StatRecord,
    pub(crate) identity: FileIdentity,
    /// Number of the device it lies on, for `--one-file-system`.
    pub(crate) device: u64,
    /// Further names of the same file exist: device and inode.
    pub(crate) hard_link: Option<(u64, u64)>,
    /// Something about it could not be read, such as its extended attributes.
    pub(crate) doubt: Option<String>,
}

/// Looks at an entry without following it.
pub(crate) fn inspect(path: &Path) -> io::Result<Found> {
    let metadata = path.symlink_metadata()?;
    sys::describe(path, &metadata)
}

/// As much of an entry as tells how much there is to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Glance {
    pub(crate) is_folder: bool,
    /// Of a regular file.
    pub(crate) size: Option<u64>,
    pub(crate) device: u64,
}

/// Looks at an entry without following it, and without its extended attributes.
pub(crate) fn glance(path: &Path) -> io::Result<Glance> {
    let metadata = path.symlink_metadata()?;
    Ok(Glance {
        is_folder: metadata.is_dir(),
        size: metadata.is_file().then_some(metadata.len()),
        device: sys::device(&metadata),
    })
}

/// The name of an entry as it is stored: the raw bytes on Unix, WTF-8 on Windows (which is what the standard
/// library keeps names in there).
pub(crate) fn name_bytes(name: &OsStr) -> Vec<u8> {
    name.as_encoded_bytes().to_vec()
}

/// Modification time as seconds and nanoseconds since 1970, also before it.
pub(crate) fn mtime(metadata: &Metadata) -> (i64, u32) {
    let Ok(time) = metadata.modified() else {
        return (0, 0);
    };
    split_time(time)
}

pub(crate) fn split_time(time: std::time::SystemTime) -> (i64, u32) {
    match time.duration_since(std::time::UNIX_EPOCH) {
        Ok(since) => (
            i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            since.subsec_nanos(),
        ),
        Err(before) => {
            let before = before.duration();
            let seconds = i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
            match before.subsec_nanos() {
                0 => (-seconds, 0),
                nanos => (-seconds - 1, 1_000_000_000 - nanos),
            }
        }
    }
}
