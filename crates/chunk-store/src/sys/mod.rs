//! What differs between operating systems: making files durable, renaming without replacing, reading at an offset.
//! Every call here is one step that can fail; nothing here decides what a failure means.

#[cfg(test)]
pub(crate) mod faults;
pub(crate) mod log;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

#[cfg(unix)]
use unix as imp;
#[cfg(windows)]
use windows as imp;

use log::Step;

/// How a file got its final name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Renamed {
    /// The system itself refuses to replace.
    Exclusively,
    /// The system cannot refuse; it was looked whether the name was free just before.
    #[cfg_attr(windows, allow(dead_code, reason = "every Windows file system can refuse"))]
    AfterChecking,
}

/// The answer to asking for a file's lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lock {
    /// It is held through this handle until the handle is closed, by the death of the process at the latest.
    Taken,
    /// Somebody else holds it.
    Held,
    /// The file system has no locks.
    Unsupported,
}

/// Makes a folder that only its owner can use. `false`: something of that name exists already.
pub(crate) fn make_dir(path: &Path) -> io::Result<bool> {
    #[cfg(test)]
    faults::before(faults::Step::MakeDir)?;
    match log::step(Step::MakeDir(path), || imp::make_dir(path)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Creates a file that only its owner can read and write; never opens one that exists.
pub(crate) fn create_file(path: &Path) -> io::Result<File> {
    #[cfg(test)]
    faults::before(faults::Step::CreateFile)?;
    log::create(path, || imp::create_file(path))
}

/// Opens a regular file for reading. Anything else of that name (a folder, a link, a pipe that would block for
/// ever) is [`io::ErrorKind::InvalidData`] or an error of the system.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    let file = imp::open_for_reading(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidData, "not a regular file"))
    }
}

/// Reads from `offset` until the buffer is full or the file ends; returns the bytes read.
pub(crate) fn read_full_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match imp::read_at(file, rest, advance(offset, filled)?) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Writes all bytes at `offset`.
pub(crate) fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    #[cfg(test)]
    faults::before_write(file, bytes, offset)?;
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        let at = advance(offset, written)?;
        match log::write(file, rest, |bytes| imp::write_at(file, bytes, at), at) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn advance(offset: u64, by: usize) -> io::Result<u64> {
    offset
        .checked_add(by as u64)
        .ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

/// Waits until the file's bytes are on the disk. After an error they may never get there, and asking again
/// proves nothing: the system may have dropped them and report success.
pub(crate) fn sync_file(file: &File) -> io::Result<()> {
    #[cfg(test)]
    faults::before(faults::Step::SyncFile)?;
    log::step(Step::SyncFile(file), || file.sync_all())
}

/// Waits until the names in a folder are on the disk. `false`: the system has no such operation here.
pub(crate) fn sync_dir(path: &Path) -> io::Result<bool> {
    #[cfg(test)]
    let injected = faults::before(faults::Step::SyncDir);
    #[cfg(not(test))]
    let injected = Ok(());
    match injected.and_then(|()| log::step(Step::SyncDir(path), || imp::sync_dir(path))) {
        Ok(()) => Ok(true),
        Err(error) if imp::has_no_sync_dir(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Gives a file its final name on the same file system, or fails with [`io::ErrorKind::AlreadyExists`] where
/// that name is taken.
pub(crate) fn rename_exclusive(from: &Path, to: &Path) -> io::Result<Renamed> {
    let how = imp::rename_exclusive(from, to)?;
    #[cfg(test)]
    faults::before(faults::Step::AnswerRename)?;
    Ok(how)
}

/// Gives a file its final name on the same file system, in the place of whatever file has it.
pub(crate) fn rename_over(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(test)]
    faults::before(faults::Step::Rename)?;
    log::step(Step::Rename(from, to), || imp::rename_over(from, to))
}

/// Removes a file.
pub(crate) fn remove_file(path: &Path) -> io::Result<()> {
    #[cfg(test)]
    faults::before(faults::Step::RemoveFile)?;
    log::step(Step::RemoveFile(path), || imp::remove_file(path))
}

/// Removes an empty folder.
pub(crate) fn remove_dir(path: &Path) -> io::Result<()> {
    log::step(Step::RemoveDir(path), || std::fs::remove_dir(path))
}

/// Asks for the exclusive lock of a file without waiting.
pub(crate) fn try_lock(file: &File) -> Lock {
    #[cfg(test)]
    if faults::before(faults::Step::Lock).is_err() {
        return Lock::Unsupported;
    }
    match file.try_lock() {
        Ok(()) => Lock::Taken,
        Err(TryLockError::WouldBlock) => Lock::Held,
        Err(TryLockError::Error(_)) => Lock::Unsupported,
    }
}

/// A number that tells the mounted file system of `path` from another one, where the system offers it.
pub(crate) fn volume(path: &Path) -> io::Result<Option<u64>> {
    imp::volume(path)
}

/// Whether a process of this number runs on this machine; `None` where the system does not tell.
pub(crate) fn process_exists(process: u32) -> Option<bool> {
    imp::process_exists(process)
}

/// Whether the error means that the disk or the server went away.
pub(crate) fn is_detached(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::StaleNetworkFileHandle | Kind::NotConnected | Kind::HostUnreachable | Kind::NetworkUnreachable
    ) || imp::is_detached(error)
}
