//! The Unix half: `openat` and its kin, always with one component and never following a link.

use super::{Found, Identity, Kind, Node, Object};
use rustix::fs::{
    self as fs, AtFlags, FileType, Mode, OFlags, RawMode, Stat, Timespec, Timestamps, UTIME_OMIT,
};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::path::Path;

pub(in crate::target) const IS_WINDOWS: bool = false;

/// Makes the root, for its owner alone.
pub(in crate::target) fn create_private_dir(path: &Path) -> io::Result<()> {
    Ok(fs::mkdir(path, to_mode(0o700))?)
}

/// An open folder.
#[derive(Debug)]
pub(in crate::target) struct Dir {
    fd: OwnedFd,
}

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

impl Dir {
    /// Opens the root. Links in the user's own path are followed.
    pub(in crate::target) fn open_root(path: &Path) -> io::Result<Self> {
        let flags = FOLDER.difference(OFlags::NOFOLLOW);
        let fd = fs::open(path, flags, Mode::empty())?;
        Ok(Self { fd })
    }

    pub(in crate::target) fn open_dir(&self, name: &OsStr) -> io::Result<Self> {
        let fd = fs::openat(&self.fd, name, FOLDER, Mode::empty())?;
        Ok(Self { fd })
    }

    pub(in crate::target) fn create_dir(&self, name: &OsStr, mode: u32) -> io::Result<()> {
        Ok(fs::mkdirat(&self.fd, name, to_mode(mode))?)
    }

    /// A new file, open for reading and writing. Attributes are for Windows.
    pub(in crate::target) fn create_file(
        &self,
        name: &OsStr,
        mode: u32,
        _attributes: Option<u32>,
    ) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(fs::openat(&self.fd, name, flags, to_mode(mode))?.into())
    }

    /// An existing file; whoever calls checks that it is a regular one. Never waits for a named pipe's other end.
    pub(in crate::target) fn open_file(&self, name: &OsStr, write: bool) -> io::Result<File> {
        let access = if write { OFlags::RDWR } else { OFlags::RDONLY };
        let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        Ok(fs::openat(&self.fd, name, flags, Mode::empty())?.into())
    }

    /// What is under a name, links not followed.
    pub(in crate::target) fn find(&self, name: &OsStr) -> io::Result<Option<Found>> {
        match fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(from_stat(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// About the folder itself.
    pub(in crate::target) fn found(&self) -> io::Result<Found> {
        Ok(from_stat(&fs::fstat(&self.fd)?))
    }

    /// Calls `each` for every entry until told to stop.
    pub(in crate::target) fn entries(
        &self,
        each: &mut dyn FnMut(OsString, Kind) -> ControlFlow<()>,
    ) -> io::Result<()> {
        for entry in fs::Dir::read_from(&self.fd)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            let name = OsStr::from_bytes(name);
            let kind = match entry.file_type() {
                FileType::Unknown => match self.find(name)? {
                    Some(found) => found.kind,
                    None => continue,
                },
                known => to_kind(known),
            };
            if each(name.to_owned(), kind).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Moves, replacing what is not a folder.
    pub(in crate::target) fn replace(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(fs::renameat(&self.fd, from, &self.fd, to)?)
    }

    /// Moves; `AlreadyExists` when there is anything.
    pub(in crate::target) fn rename_new(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        match rename_exclusive(self.fd.as_fd(), from, to) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => self.link_new(from, to),
            result => Ok(result?),
        }
    }

    /// The next best: a link is never made over something.
    fn link_new(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        match fs::linkat(&self.fd, from, &self.fd, to, AtFlags::empty()) {
            Ok(()) => self.remove_file(from),
            Err(Errno::EXIST) => Err(Errno::EXIST.into()),
            // No links either, as on FAT: a look before the move is all there is.
            Err(_) if self.find(to)?.is_some() => Err(Errno::EXIST.into()),
            Err(_) => self.replace(from, to),
        }
    }

    /// Moves an entry to another folder.
    pub(in crate::target) fn move_to(&self, from: &OsStr, other: &Self, to: &OsStr) -> io::Result<()> {
        Ok(fs::renameat(&self.fd, from, &other.fd, to)?)
    }

    /// Removes anything but a folder; of a link the link itself.
    pub(in crate::target) fn remove_file(&self, name: &OsStr) -> io::Result<()> {
        Ok(fs::unlinkat(&self.fd, name, AtFlags::empty())?)
    }

    /// Removes an empty folder.
    pub(in crate::target) fn remove_dir(&self, name: &OsStr) -> io::Result<()> {
        Ok(fs::unlinkat(&self.fd, name, AtFlags::REMOVEDIR)?)
    }

    /// A second name for the same thing. Of a link the link itself is meant.
    pub(in crate::target) fn hard_link(&self, from: &OsStr, other: &Self, to: &OsStr) -> io::Result<()> {
        Ok(fs::linkat(&self.fd, from, &other.fd, to, AtFlags::empty())?)
    }

    /// A symbolic link. Whether it leads to a folder matters to Windows only.
    pub(in crate::target) fn symlink(&self, target: &[u8], name: &OsStr, _folder: bool) -> io::Result<()> {
        Ok(fs::symlinkat(OsStr::from_bytes(target), &self.fd, name)?)
    }

    #[cfg(not(target_vendor = "apple"))]
    pub(in crate::target) fn make_node(&self, name: &OsStr, node: Node, mode: u32) -> io::Result<()> {
        let (kind, device) = match node {
            Node::Fifo => (FileType::Fifo, 0),
            Node::Socket => (FileType::Socket, 0),
            Node::CharDevice(major, minor) => (FileType::CharacterDevice, fs::makedev(major, minor)),
            Node::BlockDevice(major, minor) => (FileType::BlockDevice, fs::makedev(major, minor)),
        };
        Ok(fs::mknodat(&self.fd, name, kind, to_mode(mode), device)?)
    }

    #[cfg(target_vendor = "apple")]
    pub(in crate::target) fn make_node(&self, _name: &OsStr, _node: Node, _mode: u32) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Bytes of the longest name, where the system tells.
    pub(in crate::target) fn name_bytes_max(&self) -> Option<usize> {
        let max = fs::fstatvfs(&self.fd).ok()?.f_namemax;
        usize::try_from(max).ok().filter(|max| *max > 0)
    }

    /// Whether names in this very folder ignore case although its file system does not (ext4, f2fs).
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(in crate::target) fn folds_case(&self) -> bool {
        /// `FS_CASEFOLD_FL`
        const CASEFOLD: u32 = 0x4000_0000;
        fs::ioctl_getflags(&self.fd).is_ok_and(|flags| flags.bits() & CASEFOLD != 0)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(in crate::target) fn folds_case(&self) -> bool {
        false
    }

    /// Makes everything written to this file system durable.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(in crate::target) fn flush_all(&self) -> io::Result<()> {
        Ok(fs::syncfs(&self.fd)?)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(in crate::target) fn flush_all(&self) -> io::Result<()> {
        fs::sync();
        Ok(())
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn rename_exclusive(dir: BorrowedFd<'_>, from: &OsStr, to: &OsStr) -> rustix::io::Result<()> {
    fs::renameat_with(dir, from, dir, to, fs::RenameFlags::NOREPLACE)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn rename_exclusive(_dir: BorrowedFd<'_>, _from: &OsStr, _to: &OsStr) -> rustix::io::Result<()> {
    Err(Errno::NOSYS)
}

/// About an open file.
pub(in crate::target) fn found(file: &File) -> io::Result<Found> {
    Ok(from_stat(&fs::fstat(file)?))
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_lossless,
    clippy::unnecessary_cast,
    reason = "the fields have other widths and signs on every system; none loses a value that occurs"
)]
fn from_stat(stat: &Stat) -> Found {
    Found {
        kind: to_kind(FileType::from_raw_mode(stat.st_mode)),
        identity: Identity {
            device: stat.st_dev as u64,
            number: stat.st_ino as u64,
        },
        size: u64::try_from(stat.st_size).unwrap_or(0),
        mtime_seconds: stat.st_mtime as i64,
        mtime_nanoseconds: stat.st_mtime_nsec as u32,
        links: stat.st_nlink as u64,
        mode: stat.st_mode as u32 & 0o7777,
    }
}

fn to_kind(kind: FileType) -> Kind {
    match kind {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Folder,
        FileType::Symlink => Kind::Symlink,
        _ => Kind::Other,
    }
}

#[allow(clippy::useless_conversion, reason = "16 bits on some systems")]
fn to_mode(mode: u32) -> Mode {
    Mode::from_raw_mode(RawMode::try_from(mode & 0o7777).unwrap_or(0))
}

pub(in crate::target) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.read_at(buffer, offset)
}

pub(in crate::target) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    file.write_at(bytes, offset)
}

/// Lets the system begin to write a range to the disk while the rest is still on its way. Only a wish.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(in crate::target) fn begin_writeback(file: &File, offset: u64, length: u64) {
    // Linux begins writing before it looks for pages that it need not keep.
    let _ = fs::fadvise(
        file,
        offset,
        std::num::NonZeroU64::new(length),
        fs::Advice::DontNeed,
    );
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(in crate::target) fn begin_writeback(_file: &File, _offset: u64, _length: u64) {}

/// The name of the bytes; here every name is bytes.
#[expect(clippy::unnecessary_wraps, reason = "Windows has bytes that are no name")]
pub(in crate::target) fn name_from_bytes(bytes: &[u8]) -> Option<OsString> {
    Some(OsString::from_vec(bytes.to_vec()))
}

pub(in crate::target) fn name_to_bytes(name: &OsStr) -> Vec<u8> {
    name.as_bytes().to_vec()
}

/// Whether a name cannot lead out of its folder.
pub(in crate::target) fn single_component(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..") && !name.iter().any(|byte| matches!(byte, 0 | b'/'))
}

fn handle(object: Object<'_>) -> Result<BorrowedFd<'_>, (&Dir, &OsStr)> {
    match object {
        Object::File(file) => Ok(file.as_fd()),
        Object::Folder(dir) => Ok(dir.fd.as_fd()),
        Object::Entry(dir, name) => Err((dir, name)),
    }
}

/// Sets the time of modification and leaves that of access.
pub(in crate::target) fn set_times(object: Object<'_>, seconds: i64, nanoseconds: u32) -> io::Result<()> {
    let times = Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: seconds,
            tv_nsec: nanoseconds.into(),
        },
    };
    match handle(object) {
        Ok(fd) => Ok(fs::futimens(fd, &times)?),
        Err((dir, name)) => Ok(fs::utimensat(&dir.fd, name, &times, AtFlags::SYMLINK_NOFOLLOW)?),
    }
}

/// No portable call exists.
#[expect(clippy::unnecessary_wraps, reason = "Windows can fail here")]
pub(in crate::target) fn set_birth_time(
    _object: Object<'_>,
    _seconds: i64,
    _nanoseconds: u32,
) -> io::Result<()> {
    Ok(())
}

/// Sets the permission bits.
pub(in crate::target) fn set_mode(object: Object<'_>, mode: u32) -> io::Result<()> {
    match handle(object) {
        Ok(fd) => Ok(fs::fchmod(fd, to_mode(mode))?),
        Err((dir, name)) => set_entry_mode(dir, name, mode),
    }
}

/// Linux has no `fchmodat` that spares links before 6.6. A handle that only names the thing does it.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn set_entry_mode(dir: &Dir, name: &OsStr, mode: u32) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = fs::openat(&dir.fd, name, flags, Mode::empty())?;
    if to_kind(FileType::from_raw_mode(fs::fstat(&fd)?.st_mode)) == Kind::Symlink {
        return Err(Errno::LOOP.into());
    }
    Ok(fs::chmod(
        format!("/proc/self/fd/{}", fd.as_raw_fd()),
        to_mode(mode),
    )?)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn set_entry_mode(dir: &Dir, name: &OsStr, mode: u32) -> io::Result<()> {
    Ok(fs::chmodat(
        &dir.fd,
        name,
        to_mode(mode),
        AtFlags::SYMLINK_NOFOLLOW,
    )?)
}

/// Sets owner and group, each only if given.
pub(in crate::target) fn set_owner(
    object: Object<'_>,
    owner: Option<u32>,
    group: Option<u32>,
) -> io::Result<()> {
    // All ones mean "leave it" to the kernel, so no file can belong to them.
    let given = |id: Option<u32>| id.filter(|id| *id != u32::MAX);
    let owner = given(owner).map(fs::Uid::from_raw);
    let group = given(group).map(fs::Gid::from_raw);
    match handle(object) {
        Ok(fd) => Ok(fs::fchown(fd, owner, group)?),
        Err((dir, name)) => Ok(fs::chownat(
            &dir.fd,
            name,
            owner,
            group,
            AtFlags::SYMLINK_NOFOLLOW,
        )?),
    }
}

/// Sets an extended attribute of a file or folder.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
pub(in crate::target) fn set_xattr(object: Object<'_>, name: &[u8], value: &[u8]) -> io::Result<()> {
    match handle(object) {
        Ok(fd) => Ok(fs::fsetxattr(
            fd,
            OsStr::from_bytes(name),
            value,
            fs::XattrFlags::empty(),
        )?),
        Err(_) => Err(io::ErrorKind::Unsupported.into()),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub(in crate::target) fn set_xattr(_object: Object<'_>, _name: &[u8], _value: &[u8]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Attributes of Windows mean nothing here, and their absence loses nothing.
#[expect(clippy::unnecessary_wraps, reason = "Windows can fail here")]
pub(in crate::target) fn set_attributes(_object: Object<'_>, _attributes: u32) -> io::Result<()> {
    Ok(())
}
