//! What differs between operating systems: folder handles that follow no link, and metadata.
//!
//! Every function takes a folder handle and one single name beneath it. Nothing here decides what a failure means,
//! and nothing here takes a path, except [`Dir::open_root`] and [`create_private_dir`], whose path is the user's own.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::ffi::OsStr;
use std::fs::File;
use std::io;

#[cfg(unix)]
use unix as imp;
#[cfg(windows)]
use windows as imp;

pub(super) use imp::{
    Dir, IS_WINDOWS, begin_writeback, create_private_dir, found, name_from_bytes, name_to_bytes, read_at,
    set_attributes, set_birth_time, set_mode, set_owner, set_times, set_xattr, single_component, write_at,
};

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    /// Also a Windows junction: whatever would lead elsewhere.
    Symlink,
    Other,
}

/// A file or folder of one machine, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) device: u64,
    pub(super) number: u64,
}

/// What is known of an object without reading it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) kind: Kind,
    pub(super) identity: Identity,
    pub(super) size: u64,
    pub(super) mtime_seconds: i64,
    pub(super) mtime_nanoseconds: u32,
    pub(super) links: u64,
    /// Permission bits; always 0 on Windows.
    pub(super) mode: u32,
}

/// A node that is neither file, folder nor symbolic link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Fifo,
    Socket,
    CharDevice(u32, u32),
    BlockDevice(u32, u32),
}

/// What metadata is written to.
#[derive(Clone, Copy)]
pub(super) enum Object<'a> {
    File(&'a File),
    Folder(&'a Dir),
    /// The thing itself under this name, where opening it would have an effect or follow it.
    Entry(&'a Dir, &'a OsStr),
}

/// Writes all of `bytes`.
pub(super) fn write_all_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = match write_at(file, bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        bytes = bytes.get(written..).unwrap_or_default();
        offset = offset.saturating_add(u64::try_from(written).unwrap_or(u64::MAX));
    }
    Ok(())
}
