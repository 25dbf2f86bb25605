//! The Windows half: paths that cannot be exchanged while they are used.
//!
//! The standard library opens by path only. The path of a folder is used only while its handle is open, and such a
//! handle does not share deletion: neither the folder nor any above it can be renamed, removed or replaced by a link
//! meanwhile. Each folder is opened while the one above it is, and the last name of a path is never followed.

use super::{Found, Identity, Kind, Node, Object};
use crate::target::wtf8;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, FileTimes, FileType, OpenOptions, Permissions};
use std::io;
use std::ops::ControlFlow;
use std::os::windows::ffi::{OsStrExt, OsStringExt};
use std::os::windows::fs::{FileExt, FileTimesExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempPath;
use winapi_util::file::information;

pub(in crate::target) const IS_WINDOWS: bool = true;

/// Lets folders be opened.
const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;
/// Opens a link itself.
const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;
/// Reading and writing, but not deletion, which is renaming too.
const SHARE_ALL_BUT_DELETION: u32 = 1 | 2;
const FILE_WRITE_ATTRIBUTES: u32 = 0x0100;
const GENERIC_READ: u32 = 0x8000_0000;
const READ_ONLY: u32 = 1;
/// Hidden, system, archive.
const PLAIN_ATTRIBUTES: u32 = 2 | 4 | 32;

/// Makes the root. Who may enter it is inherited here.
pub(in crate::target) fn create_private_dir(path: &Path) -> io::Result<()> {
    fs::create_dir(path)
}

/// An open folder.
#[derive(Debug)]
pub(in crate::target) struct Dir {
    handle: File,
    /// Where it is while `handle` is open, in the verbatim form that Windows does not reinterpret.
    path: PathBuf,
}

impl Dir {
    /// Opens the root. Links in the user's own path are followed.
    pub(in crate::target) fn open_root(path: &Path) -> io::Result<Self> {
        Self::open(fs::canonicalize(path)?)
    }

    fn open(path: PathBuf) -> io::Result<Self> {
        let handle = OpenOptions::new()
            .read(true)
            .share_mode(SHARE_ALL_BUT_DELETION)
            .custom_flags(FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT)
            .open(&path)?;
        // Says "link" of junctions too.
        if to_kind(handle.metadata()?.file_type()) != Kind::Folder {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self { handle, path })
    }

    fn at(&self, name: &OsStr) -> PathBuf {
        self.path.join(name)
    }

    pub(in crate::target) fn open_dir(&self, name: &OsStr) -> io::Result<Self> {
        Self::open(self.at(name))
    }

    pub(in crate::target) fn create_dir(&self, name: &OsStr, _mode: u32) -> io::Result<()> {
        fs::create_dir(self.at(name))
    }

    /// A new file, open for reading and writing. The mode is for Unix.
    pub(in crate::target) fn create_file(
        &self,
        name: &OsStr,
        _mode: u32,
        attributes: Option<u32>,
    ) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create_new(true)
            .custom_flags(FILE_FLAG_OPEN_REPARSE_POINT);
        if let Some(attributes) = attributes.map(|a| a & PLAIN_ATTRIBUTES).filter(|a| *a != 0) {
            options.attributes(attributes);
        }
        options.open(self.at(name))
    }

    /// An existing file; whoever calls checks that it is a regular one.
    pub(in crate::target) fn open_file(&self, name: &OsStr, write: bool) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(FILE_FLAG_OPEN_REPARSE_POINT);
        if write {
            return options.write(true).open(self.at(name));
        }
        let mut with_attributes = options.clone();
        with_attributes.access_mode(GENERIC_READ | FILE_WRITE_ATTRIBUTES);
        match with_attributes.open(self.at(name)) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => options.open(self.at(name)),
            result => result,
        }
    }

    /// What is under a name, links not followed.
    pub(in crate::target) fn find(&self, name: &OsStr) -> io::Result<Option<Found>> {
        match self.open_entry(name, 0) {
            Ok(entry) => found(&entry).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// About the folder itself.
    pub(in crate::target) fn found(&self) -> io::Result<Found> {
        found(&self.handle)
    }

    /// Calls `each` for every entry until told to stop.
    pub(in crate::target) fn entries(
        &self,
        each: &mut dyn FnMut(OsString, Kind) -> ControlFlow<()>,
    ) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if each(entry.file_name(), to_kind(entry.file_type()?)).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Moves, replacing what is not a folder.
    pub(in crate::target) fn replace(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        let (from, to) = (self.at(from), self.at(to));
        match fs::rename(&from, &to) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let kind = fs::symlink_metadata(&to)?.file_type();
                if kind.is_symlink_dir() {
                    // A link to a folder counts as a folder, which no file replaces.
                    fs::remove_dir(&to)?;
                } else if kind.is_dir() || !clear_read_only(&to)? {
                    return Err(error);
                }
                fs::rename(&from, &to)
            }
            result => result,
        }
    }

    /// Moves; `AlreadyExists` when there is anything. One call of Windows decides, on FAT too. On failure the
    /// entry is gone.
    pub(in crate::target) fn rename_new(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        let (from, to) = (self.at(from), self.at(to));
        let before = fs::symlink_metadata(&from)?;
        // `tempfile` resets the attributes, because files of its own are marked temporary.
        TempPath::try_from_path(&from)?
            .persist_noclobber(&to)
            .map_err(|failed| failed.error)?;
        if before.file_type().is_file() {
            fs::set_permissions(&to, before.permissions())?;
        }
        Ok(())
    }

    /// Moves an entry to another folder.
    pub(in crate::target) fn move_to(&self, from: &OsStr, other: &Self, to: &OsStr) -> io::Result<()> {
        fs::rename(self.at(from), other.at(to))
    }

    /// Removes anything but a folder; of a link the link itself.
    pub(in crate::target) fn remove_file(&self, name: &OsStr) -> io::Result<()> {
        let path = self.at(name);
        let kind = fs::symlink_metadata(&path)?.file_type();
        if kind.is_symlink_dir() || (kind.is_symlink() && !kind.is_symlink_file()) {
            // Links to folders and junctions are removed as the folders they pose as.
            return fs::remove_dir(&path);
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                if clear_read_only(&path)? {
                    fs::remove_file(&path)
                } else {
                    Err(error)
                }
            }
            result => result,
        }
    }

    /// Removes an empty folder.
    pub(in crate::target) fn remove_dir(&self, name: &OsStr) -> io::Result<()> {
        let path = self.at(name);
        match fs::remove_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                if clear_read_only(&path)? {
                    fs::remove_dir(&path)
                } else {
                    Err(error)
                }
            }
            result => result,
        }
    }

    /// A second name for the same thing.
    pub(in crate::target) fn hard_link(&self, from: &OsStr, other: &Self, to: &OsStr) -> io::Result<()> {
        fs::hard_link(self.at(from), other.at(to))
    }

    /// A symbolic link. Slashes become what links of Windows need to lead anywhere.
    pub(in crate::target) fn symlink(&self, target: &[u8], name: &OsStr, folder: bool) -> io::Result<()> {
        let native: Vec<u8> = target
            .iter()
            .map(|b| if *b == b'/' { b'\\' } else { *b })
            .collect();
        let target = name_from_bytes(&native).ok_or(io::ErrorKind::InvalidInput)?;
        let folder = folder || self.leads_to_folder(&native);
        let link = self.at(name);
        if folder {
            std::os::windows::fs::symlink_dir(target, &link)?;
        } else {
            std::os::windows::fs::symlink_file(target, &link)?;
        }
        // Wine reports success and makes nothing.
        if fs::symlink_metadata(&link).is_ok_and(|made| made.is_symlink()) {
            Ok(())
        } else {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    #[expect(clippy::unused_self, reason = "the Unix half needs it")]
    pub(in crate::target) fn make_node(&self, _name: &OsStr, _node: Node, _mode: u32) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The limit of Windows is not in bytes.
    #[expect(clippy::unused_self, reason = "the Unix half needs it")]
    pub(in crate::target) fn name_bytes_max(&self) -> Option<usize> {
        None
    }

    /// Folders beneath one that minds case do so too.
    #[expect(clippy::unused_self, reason = "the Unix half needs it")]
    pub(in crate::target) fn folds_case(&self) -> bool {
        false
    }

    /// Windows flushes single files only; a restore's end does not wait for that.
    #[expect(clippy::unused_self, reason = "the Unix half needs it")]
    pub(in crate::target) fn flush_all(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Whether a relative path beneath this folder is one of a folder. Links are not followed, nor `..`.
    fn leads_to_folder(&self, target: &[u8]) -> bool {
        let mut at: Option<Self> = None;
        for component in target.split(|b| *b == b'\\') {
            let name = name_from_bytes(component).filter(|_| single_component(component));
            let outer = at.as_ref().unwrap_or(self);
            let Some(Ok(inner)) = name.map(|name| outer.open_dir(&name)) else {
                return false;
            };
            at = Some(inner);
        }
        true
    }

    /// The entry itself, whatever it is.
    fn open_entry(&self, name: &OsStr, access: u32) -> io::Result<File> {
        OpenOptions::new()
            .access_mode(access)
            .custom_flags(FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT)
            .open(self.at(name))
    }

    /// The folder itself, to write its attributes. Its own handle may only read.
    fn open_self(&self) -> io::Result<File> {
        OpenOptions::new()
            .access_mode(FILE_WRITE_ATTRIBUTES)
            .custom_flags(FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT)
            .open(&self.path)
    }
}

fn clear_read_only(path: &Path) -> io::Result<bool> {
    let mut permissions = fs::symlink_metadata(path)?.permissions();
    if !permissions.readonly() {
        return Ok(false);
    }
    set_read_only(&mut permissions, false);
    fs::set_permissions(path, permissions)?;
    Ok(true)
}

#[expect(
    clippy::permissions_set_readonly_false,
    reason = "on Windows this clears one attribute"
)]
fn set_read_only(permissions: &mut Permissions, on: bool) {
    if on {
        permissions.set_readonly(true);
    } else {
        permissions.set_readonly(false);
    }
}

fn to_kind(kind: FileType) -> Kind {
    if kind.is_symlink() {
        Kind::Symlink
    } else if kind.is_dir() {
        Kind::Folder
    } else if kind.is_file() {
        Kind::File
    } else {
        Kind::Other
    }
}

fn split(time: SystemTime) -> (i64, u32) {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => (
            i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
            after.subsec_nanos(),
        ),
        Err(before) => {
            let before = before.duration();
            let seconds = i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
            match before.subsec_nanos() {
                0 => (-seconds, 0),
                nanoseconds => ((-seconds).saturating_sub(1), 1_000_000_000 - nanoseconds),
            }
        }
    }
}

fn join(seconds: i64, nanoseconds: u32) -> io::Result<SystemTime> {
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let base = if seconds < 0 {
        UNIX_EPOCH.checked_sub(whole)
    } else {
        UNIX_EPOCH.checked_add(whole)
    };
    base.and_then(|time| time.checked_add(Duration::from_nanos(nanoseconds.into())))
        .ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

/// About an open file or folder.
pub(in crate::target) fn found(file: &File) -> io::Result<Found> {
    let metadata = file.metadata()?;
    let information = information(file)?;
    let (mtime_seconds, mtime_nanoseconds) = split(metadata.modified()?);
    Ok(Found {
        kind: to_kind(metadata.file_type()),
        identity: Identity {
            device: information.volume_serial_number(),
            number: information.file_index(),
        },
        size: metadata.len(),
        mtime_seconds,
        mtime_nanoseconds,
        links: information.number_of_links(),
        mode: 0,
    })
}

/// Moves the file's own position too, which nobody here uses.
pub(in crate::target) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.seek_read(buffer, offset)
}

pub(in crate::target) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    file.seek_write(bytes, offset)
}

/// Windows has no such wish.
pub(in crate::target) fn begin_writeback(_file: &File, _offset: u64, _length: u64) {}

/// The name of the bytes, if they are WTF-8.
pub(in crate::target) fn name_from_bytes(bytes: &[u8]) -> Option<OsString> {
    wtf8::to_utf16(bytes).map(|units| OsString::from_wide(&units))
}

pub(in crate::target) fn name_to_bytes(name: &OsStr) -> Vec<u8> {
    wtf8::from_utf16(name.encode_wide())
}

/// Whether a name cannot lead out of its folder, nor to a stream or device.
pub(in crate::target) fn single_component(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..") && !name.iter().any(|b| matches!(b, 0 | b'/' | b'\\' | b':'))
}

fn with_file<T>(object: Object<'_>, act: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
    match object {
        Object::File(file) => act(file),
        Object::Folder(dir) => act(&dir.open_self()?),
        Object::Entry(dir, name) => act(&dir.open_entry(name, FILE_WRITE_ATTRIBUTES)?),
    }
}

/// Sets the time of modification and leaves the others.
pub(in crate::target) fn set_times(object: Object<'_>, seconds: i64, nanoseconds: u32) -> io::Result<()> {
    let times = FileTimes::new().set_modified(join(seconds, nanoseconds)?);
    with_file(object, |file| file.set_times(times))
}

/// Sets the time of creation.
pub(in crate::target) fn set_birth_time(
    object: Object<'_>,
    seconds: i64,
    nanoseconds: u32,
) -> io::Result<()> {
    let times = FileTimes::new().set_created(join(seconds, nanoseconds)?);
    with_file(object, |file| file.set_times(times))
}

/// Permission bits of Unix mean nothing here.
pub(in crate::target) fn set_mode(_object: Object<'_>, _mode: u32) -> io::Result<()> {
    Ok(())
}

/// Numbers of Unix owners mean nothing here.
pub(in crate::target) fn set_owner(
    _object: Object<'_>,
    _owner: Option<u32>,
    _group: Option<u32>,
) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(in crate::target) fn set_xattr(_object: Object<'_>, _name: &[u8], _value: &[u8]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Sets what can be set without leaving the standard library: read-only. Hidden, system and archive are given to
/// files as they are created; `Unsupported` if they still differ.
pub(in crate::target) fn set_attributes(object: Object<'_>, attributes: u32) -> io::Result<()> {
    with_file(object, |file| {
        let metadata = file.metadata()?;
        let mut permissions = metadata.permissions();
        let read_only = attributes & READ_ONLY != 0;
        if permissions.readonly() != read_only {
            set_read_only(&mut permissions, read_only);
            file.set_permissions(permissions)?;
        }
        // Archive is set by Windows itself at every change, and nothing depends on it.
        let wanted = PLAIN_ATTRIBUTES & !32;
        if (metadata.file_attributes() ^ attributes) & wanted != 0 {
            return Err(io::ErrorKind::Unsupported.into());
        }
        Ok(())
    })
}
