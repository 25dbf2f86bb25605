//! The Windows half. Files are opened with the standard library's sharing (read, write and delete), so that an
//! open handle hinders neither renaming nor removing.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::windows::fs::FileExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use tempfile::TempPath;

use super::Renamed;
use super::log::{self, Step};

// System error codes (winerror.h) that have no `io::ErrorKind` of their own.
const ERROR_NOT_READY: i32 = 21;
const ERROR_SHARING_VIOLATION: i32 = 32;
const ERROR_BAD_NETPATH: i32 = 53;
const ERROR_DEV_NOT_EXIST: i32 = 55;
const ERROR_BAD_NET_NAME: i32 = 67;
const ERROR_NO_SUCH_DEVICE: i32 = 433;
const ERROR_DEVICE_NOT_CONNECTED: i32 = 1167;
const ERROR_DEVICE_REMOVED: i32 = 1617;

/// A virus scanner or the search index may hold a new file for a moment: waits of 1, 2, 4 … 256 ms, half a
/// second in all.
const BUSY_RETRIES: u32 = 9;

pub(super) fn make_dir(path: &Path) -> io::Result<()> {
    fs::create_dir(path)
}

pub(super) fn create_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(path)
}

pub(super) fn open_for_reading(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Moves the file's own position too, which nobody here uses.
pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.seek_read(buffer, offset)
}

pub(super) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    file.seek_write(bytes, offset)
}

/// Windows documents no way to flush a folder. The caller flushes the renamed file once more instead, which
/// makes NTFS write its log, and with it the rename.
pub(super) fn sync_dir(_path: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(super) fn has_no_sync_dir(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported
}

/// `MoveFileExW` without `MOVEFILE_REPLACE_EXISTING`, which one file system call decides, on FAT and exFAT too.
/// `std::fs::rename` replaces, and hard links exist on NTFS only; `tempfile` offers the call behind a safe
/// function.
pub(super) fn rename_exclusive(from: &Path, to: &Path) -> io::Result<Renamed> {
    #[cfg(test)]
    super::faults::before(super::faults::Step::Rename)?;
    let mut source = Some(TempPath::try_from_path(from)?);
    let mut rename = || {
        let path = source.take().ok_or(io::ErrorKind::NotFound)?;
        path.persist_noclobber(to).map_err(|failed| {
            // Dropped, it would remove the file.
            source = Some(failed.path);
            failed.error
        })
    };
    for attempt in 0.. {
        match log::step(Step::Rename(from, to), &mut rename) {
            Ok(()) => break,
            Err(error) if attempt < BUSY_RETRIES && is_busy(&error) => {
                thread::sleep(Duration::from_millis(1 << attempt));
            }
            Err(error) => {
                // Dropped, it would remove the file, which may be an object that is to be set aside.
                if let Some(path) = source {
                    path.keep().map_err(|failed| failed.error)?;
                }
                return Err(error);
            }
        }
    }
    Ok(Renamed::Exclusively)
}

fn is_busy(error: &io::Error) -> bool {
    error.raw_os_error() == Some(ERROR_SHARING_VIOLATION) || error.kind() == io::ErrorKind::PermissionDenied
}

/// `MoveFileExW` with `MOVEFILE_REPLACE_EXISTING`: on NTFS one step of its log.
pub(super) fn rename_over(from: &Path, to: &Path) -> io::Result<()> {
    let mut attempt = 0;
    loop {
        match fs::rename(from, to) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && make_writable(to)? => {}
            Err(error) if attempt < BUSY_RETRIES && is_busy(&error) => {
                thread::sleep(Duration::from_millis(1 << attempt));
                attempt += 1;
            }
            Err(error) if is_busy(&error) => return replace_open(from, to).map_err(|_| error),
            result => return result,
        }
    }
}

/// Where the system does not replace files that somebody reads (Windows before 10, file systems other than NTFS), they can
/// be renamed all the same. In between there is no file of that name; its bytes are never gone.
fn replace_open(from: &Path, to: &Path) -> io::Result<()> {
    let aside = to.with_extension("old");
    match fs::remove_file(&aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::rename(to, &aside)?;
    if let Err(error) = fs::rename(from, to) {
        fs::rename(&aside, to)?;
        return Err(error);
    }
    // A reader may hold it for a while; what stays is no object.
    let _ = fs::remove_file(&aside);
    Ok(())
}

pub(super) fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && make_writable(path)? => {
            fs::remove_file(path)
        }
        result => result,
    }
}

/// Objects are not made read-only, but a copy from elsewhere may have left the attribute on them, and Windows neither
/// deletes nor replaces such files. `false`: that is not what stands in the way.
fn make_writable(path: &Path) -> io::Result<bool> {
    let mut permissions = match fs::metadata(path) {
        Ok(metadata) => metadata.permissions(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    if !permissions.readonly() {
        return Ok(false);
    }
    #[expect(
        clippy::permissions_set_readonly_false,
        reason = "on Windows this clears one attribute"
    )]
    permissions.set_readonly(false);
    fs::set_permissions(path, permissions)?;
    Ok(true)
}

/// The volume's serial number is not stable API yet. A drive letter without its drive is an error anyway.
#[expect(clippy::unnecessary_wraps, reason = "the Unix half can fail and can answer")]
pub(super) fn volume(_path: &Path) -> io::Result<Option<u64>> {
    Ok(None)
}

/// Asking would take more than safe functions give; a session that does not show that it lives is dead after a day.
pub(super) fn process_exists(_process: u32) -> Option<bool> {
    None
}

pub(super) fn is_detached(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            ERROR_NOT_READY
                | ERROR_BAD_NETPATH
                | ERROR_DEV_NOT_EXIST
                | ERROR_BAD_NET_NAME
                | ERROR_NO_SUCH_DEVICE
                | ERROR_DEVICE_NOT_CONNECTED
                | ERROR_DEVICE_REMOVED
        )
    )
}
