//! The Unix half of [`super`]: permissions, owners, extended attributes, special files.

use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use lumivault_format::limits::EXTRAS_BYTES_MAX;
use lumivault_format::tree::{Extra, StatRecord};

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
        },
        device: metadata.dev(),
        hard_link: linked.then(|| (metadata.dev(), metadata.ino())),
        doubt,
    })
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

/// Reads all extended attributes of an entry itself (not of what a link points to), in the order of their names.
fn read_xattrs(path: &Path, extras: &mut Vec<Extra>) -> io::Result<()> {
    let unsupported = |error: &rustix::io::Errno| {
        [
            rustix::io::Errno::NOTSUP,
            rustix::io::Errno::NOSYS,
            rustix::io::Errno::PERM,
        ]
        .contains(error)
    };
    let mut list = [0u8; 64 * 1024];
    let length = match rustix::fs::llistxattr(path, &mut list) {
        Ok(length) => length,
        Err(error) if unsupported(&error) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let mut names: Vec<&[u8]> = list[..length]
        .split(|b| *b == 0)
        .filter(|name| !name.is_empty())
        .collect();
    names.sort_unstable();
    let mut room = EXTRAS_BYTES_MAX / 2;
    for name in names {
        let mut value = vec![0u8; 64 * 1024];
        let length = match rustix::fs::lgetxattr(path, name, value.as_mut_slice()) {
            Ok(length) => length,
            Err(error) if unsupported(&error) || error == rustix::io::Errno::NODATA => continue,
            Err(error) => return Err(error.into()),
        };
        room = room
            .checked_sub(name.len() + length)
            .ok_or_else(|| io::Error::other("there are more than 512 KiB of them"))?;
        extras.push(Extra::xattr(name, &value[..length]));
    }
    Ok(())
}
