//! The Unix half. Owner-only modes are given when a file or folder is made, so no moment exists at which others
//! could open it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::Renamed;
use super::log::{self, Step};

pub(super) fn make_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

pub(super) fn create_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// `NONBLOCK` because opening a pipe would otherwise wait for a writer for ever; it means nothing to regular files.
pub(super) fn open_for_reading(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
}

pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.read_at(buffer, offset)
}

pub(super) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    file.write_at(bytes, offset)
}

pub(super) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// What file systems without the operation answer (SMB, some FUSE drivers).
pub(super) fn has_no_sync_dir(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::INVAL | Errno::NOTSUP | Errno::NOSYS)
    )
}

/// `RENAME_NOREPLACE`; else a second link, which never replaces either; else looking first.
pub(super) fn rename_exclusive(from: &Path, to: &Path) -> io::Result<Renamed> {
    match rename_noreplace(from, to) {
        Ok(()) => return Ok(Renamed::Exclusively),
        Err(Errno::INVAL | Errno::NOTSUP | Errno::NOSYS) => {}
        Err(errno) => return Err(errno.into()),
    }
    match link(from, to) {
        Ok(()) => {
            // The object stands; a second name left in the temporary folder goes with that folder.
            let _ = log::step(Step::RemoveFile(from), || fs::remove_file(from));
            Ok(Renamed::Exclusively)
        }
        Err(error) if has_no_links(&error) => rename_after_checking(from, to),
        Err(error) => Err(error),
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn rename_noreplace(from: &Path, to: &Path) -> Result<(), Errno> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    #[cfg(test)]
    super::faults::before(super::faults::Step::Rename)
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    let rename = || renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE);
    log::step(Step::Rename(from, to), || Ok(rustix::io::retry_on_intr(rename)?))
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn rename_noreplace(_from: &Path, _to: &Path) -> Result<(), Errno> {
    Err(Errno::NOSYS)
}

/// A network server may carry a link out and lose the answer; the client then asks again and hears "exists". So
/// a name that is taken by this very file is a success.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(test)]
    super::faults::before(super::faults::Step::Link)?;
    match log::step(Step::Link(from, to), || fs::hard_link(from, to)) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && same_file(from, to)? => Ok(()),
        result => result,
    }
}

fn same_file(a: &Path, b: &Path) -> io::Result<bool> {
    let (a, b) = (fs::symlink_metadata(a)?, fs::symlink_metadata(b)?);
    Ok((a.dev(), a.ino()) == (b.dev(), b.ino()))
}

/// File systems without hard links say so in several ways; FAT says "not permitted".
fn has_no_links(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::PERM | Errno::ACCESS | Errno::NOTSUP | Errno::NOSYS | Errno::INVAL | Errno::MLINK)
    )
}

/// The lock makes this exclusive within the process. Another process can slip in between looking and renaming;
/// as names hash the bytes, it can only put the same bytes there.
fn rename_after_checking(from: &Path, to: &Path) -> io::Result<Renamed> {
    static CHECKING: Mutex<()> = Mutex::new(());
    let _checking = CHECKING.lock().unwrap_or_else(PoisonError::into_inner);
    match fs::symlink_metadata(to) {
        Ok(_) => return Err(io::ErrorKind::AlreadyExists.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    log::step(Step::Rename(from, to), || fs::rename(from, to)).map(|()| Renamed::AfterChecking)
}

pub(super) fn rename_over(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

pub(super) fn remove_file(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}

pub(super) fn volume(path: &Path) -> io::Result<Option<u64>> {
    Ok(Some(fs::metadata(path)?.dev()))
}

pub(super) fn process_exists(process: u32) -> Option<bool> {
    let number = i32::try_from(process)
        .ok()
        .and_then(rustix::process::Pid::from_raw)?;
    match rustix::process::test_kill_process(number) {
        Ok(()) | Err(Errno::PERM) => Some(true),
        Err(Errno::SRCH) => Some(false),
        Err(_) => None,
    }
}

pub(super) fn is_detached(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::NODEV | Errno::NXIO | Errno::NOTCONN | Errno::STALE)
    )
}
