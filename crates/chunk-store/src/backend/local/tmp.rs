//! Each instance has its own temporary folder, `tmp/<32 hex>/`, and holds a lock in it while it lives. A folder
//! whose lock can be taken belongs to nobody: it is removed, never used.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crate::sys::{self, Lock};

/// The folder below the root.
pub(super) const FOLDER: &str = "tmp";

const LOCK: &str = "lock";

/// How long a folder stays whose owner cannot be asked, because the file system has no locks.
const UNLOCKED_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Names are random, so a second attempt is only needed when a cleaner took the new folder for a dead one.
const ATTEMPTS: u32 = 16;

/// The temporary folder of one instance, removed when dropped.
#[derive(Debug)]
pub(super) struct TmpFolder {
    path: PathBuf,
    /// Open as long as the folder lives; `None` only while it is dropped.
    lock: Option<File>,
    /// Whether the file system has locks.
    pub(super) locked: bool,
    next: AtomicU64,
}

impl TmpFolder {
    /// Makes a folder of one's own and removes those of dead processes.
    pub(super) fn make(root: &Path) -> io::Result<Self> {
        let tmp = root.join(FOLDER);
        sys::make_dir(&tmp)?;
        for _ in 0..ATTEMPTS {
            if let Some(made) = Self::try_make(tmp.join(random_name()?))? {
                // Leftovers cost space only; failing to remove them must not stop a backup.
                let _ = remove_dead(&tmp, &made.path);
                return Ok(made);
            }
        }
        Err(io::Error::other("no temporary folder could be made and locked"))
    }

    /// `None`: the name was taken, or a cleaner got hold of the folder before it was locked.
    fn try_make(path: PathBuf) -> io::Result<Option<Self>> {
        if !sys::make_dir(&path)? {
            return Ok(None);
        }
        let lock_path = path.join(LOCK);
        let lock = sys::create_file(&lock_path).inspect_err(|_| {
            // Without a lock file it would stay for days.
            let _ = sys::remove_dir(&path);
        })?;
        let locked = match sys::try_lock(&lock) {
            Lock::Taken => true,
            Lock::Held => return Ok(None),
            Lock::Unsupported => false,
        };
        // A cleaner removes the lock file while it holds the lock. If the file is still there, none was at work,
        // and from here on none can be.
        if !lock_path.try_exists().unwrap_or(false) {
            return Ok(None);
        }
        Ok(Some(Self {
            path,
            lock: Some(lock),
            locked,
            next: AtomicU64::new(0),
        }))
    }

    /// A new, empty file.
    pub(super) fn file(&self) -> io::Result<(File, PathBuf)> {
        let path = self
            .path
            .join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        Ok((sys::create_file(&path)?, path))
    }
}

impl Drop for TmpFolder {
    fn drop(&mut self) {
        if let Some(lock) = self.lock.take() {
            remove_folder(&self.path, lock);
        }
    }
}

/// Whether a `tmp` folder holds nothing but folders of instances.
pub(super) fn holds_only_instances(tmp: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(tmp)? {
        if !is_instance(&entry?)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn random_name() -> io::Result<String> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

fn is_instance(entry: &fs::DirEntry) -> io::Result<bool> {
    let name = entry.file_name();
    let digits = name.as_encoded_bytes();
    let is_ours = digits.len() == 32 && digits.iter().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    Ok(is_ours && entry.file_type()?.is_dir())
}

/// Removes the folders in `tmp` whose owners are dead. Ages are counted from the own folder's time, so that only
/// the file system's clock matters and not this machine's.
fn remove_dead(tmp: &Path, own: &Path) -> io::Result<()> {
    let now = fs::metadata(own.join(LOCK))?.modified()?;
    for entry in fs::read_dir(tmp)? {
        let entry = entry?;
        let path = entry.path();
        if path != own && is_instance(&entry)? {
            remove_if_dead(&path, now);
        }
    }
    Ok(())
}

fn remove_if_dead(folder: &Path, now: SystemTime) {
    match OpenOptions::new().read(true).write(true).open(folder.join(LOCK)) {
        Ok(lock) => match sys::try_lock(&lock) {
            Lock::Taken => remove_folder(folder, lock),
            Lock::Unsupported if is_old(folder, now) => remove_folder(folder, lock),
            Lock::Held | Lock::Unsupported => {}
        },
        // The owner is about to make its lock, or died just before, or a cleaner died just after.
        Err(error) if error.kind() == io::ErrorKind::NotFound && is_old(folder, now) => {
            remove_files(folder);
            let _ = sys::remove_dir(folder);
        }
        Err(_) => {}
    }
}

/// The lock file goes last but for the folder, and while its lock is held, see [`TmpFolder::try_make`].
fn remove_folder(folder: &Path, lock: File) {
    remove_files(folder);
    let _ = sys::remove_file(&folder.join(LOCK));
    // Where an open file keeps its name (Windows before 10, FAT), the folder is empty only now.
    drop(lock);
    let _ = sys::remove_dir(folder);
}

fn remove_files(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name() != LOCK {
            let _ = sys::remove_file(&entry.path());
        }
    }
}

/// Whether neither the folder nor anything in it changed for [`UNLOCKED_KEPT`]. What cannot be told is young.
fn is_old(folder: &Path, now: SystemTime) -> bool {
    let age = |metadata: fs::Metadata| {
        metadata
            .modified()
            .ok()
            .and_then(|then| now.duration_since(then).ok())
    };
    let is_old = |metadata: io::Result<fs::Metadata>| {
        metadata
            .ok()
            .and_then(age)
            .is_some_and(|age| age >= UNLOCKED_KEPT)
    };
    let Ok(entries) = fs::read_dir(folder) else {
        return false;
    };
    is_old(fs::metadata(folder))
        && entries
            .into_iter()
            .all(|entry| is_old(entry.and_then(|entry| entry.metadata())))
}
