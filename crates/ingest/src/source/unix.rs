//! The Unix half of [`super`]: permissions, owners, extended attributes, special files.

use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use lumivault_format::limits::EXTRAS_BYTES_MAX;
use lumivault_format::tree::{Extra, StatRecord};
use rustix::io::Errno;

use super::{FileIdentity, Found, FoundKind};

pub(super) fn describe(path: &Path, metadata: &Metadata) -> io::Result<Found> {
    let kind = kind_of(path, metadata)?;
    let (mtime_seconds, mtime_nanoseconds) = super::mtime(metadata);
    let mut stat = StatRecord {
        mtime_seconds,
        mtime_nanoseconds,
        mode: Some(metadata.mode() & 0o7777),
        owner: Some(metadata.uid()),
        group: Some(metadata.gid()),
        extras: Vec::new(),
    };
    if matches!(kind, FoundKind::CharDevice | FoundKind::BlockDevice) {
        let device = metadata.rdev();
        let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
        stat.extras.push(Extra::device(major.into(), minor.into()));
    }
    let doubt = match read_xattrs(path, &mut stat.extras) {
        Ok(()) => None,
        Err(error) => Some(format!("its extended attributes cannot be read: {error}")),
    };
    let linked = matches!(kind, FoundKind::File { .. }) && metadata.nlink() > 1;
    Ok(Found {
        kind,
        stat,
        identity: FileIdentity {
            device: metadata.dev(),
            inode: metadata.ino(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            modified: (mtime_seconds, mtime_nanoseconds),
        },
        device: metadata.dev(),
        hard_link: linked.then(|| (metadata.dev(), metadata.ino())),
        doubt,
    })
}

/// The number of the file system that an entry lies on.
pub(super) fn device(metadata: &Metadata) -> u64 {
    metadata.dev()
}

fn kind_of(path: &Path, metadata: &Metadata) -> io::Result<FoundKind> {
    let file_type = metadata.file_type();
    Ok(if file_type.is_file() {
        FoundKind::File { size: metadata.len() }
    } else if file_type.is_dir() {
        FoundKind::Folder
    } else if file_type.is_symlink() {
        FoundKind::Symlink {
            target: path.read_link()?.as_os_str().as_bytes().to_vec(),
        }
    } else if file_type.is_fifo() {
        FoundKind::Fifo
    } else if file_type.is_socket() {
        FoundKind::Socket
    } else if file_type.is_char_device() {
        FoundKind::CharDevice
    } else {
        FoundKind::BlockDevice
    })
}

/// Room for most entries' attributes; a longer list is read again with room for any.
const LIST_BYTES: usize = 256;
/// The most that Linux hands out, names and values alike.
const XATTR_BYTES_MAX: usize = 64 * 1024;

/// Reads all extended attributes of an entry itself (not of what a link points to), in the order of their names.
fn read_xattrs(path: &Path, extras: &mut Vec<Extra>) -> io::Result<()> {
    let Some(list) = xattr(|buffer| rustix::fs::llistxattr(path, buffer))? else {
        return Ok(());
    };
    let mut names: Vec<&[u8]> = list.split(|b| *b == 0).filter(|name| !name.is_empty()).collect();
    names.sort_unstable();
    let mut room = EXTRAS_BYTES_MAX / 2;
    for name in names {
        let Some(value) = xattr(|buffer| rustix::fs::lgetxattr(path, name, buffer))? else {
            continue;
        };
        room = room
            .checked_sub(name.len() + value.len())
            .ok_or_else(|| io::Error::other("there are more than 512 KiB of them"))?;
        extras.push(Extra::xattr(name, &value));
    }
    Ok(())
}

/// What the system answers, of whatever length; `None` where there are no attributes, or not this one any more.
fn xattr(ask: impl Fn(&mut [u8]) -> Result<usize, Errno>) -> io::Result<Option<Vec<u8>>> {
    let mut small = [0u8; LIST_BYTES];
    let mut large = Vec::new();
    let mut buffer = small.as_mut_slice();
    let answer = match ask(&mut *buffer) {
        Err(Errno::RANGE) => {
            large.resize(XATTR_BYTES_MAX, 0);
            buffer = large.as_mut_slice();
            ask(&mut *buffer)
        }
        answer => answer,
    };
    match answer {
        Ok(length) => Ok(buffer.get(..length).map(<[u8]>::to_vec)),
        Err(Errno::NOTSUP | Errno::NOSYS | Errno::PERM | Errno::NODATA) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
