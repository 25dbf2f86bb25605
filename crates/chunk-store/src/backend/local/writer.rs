//! Every change of a local repository, in the one order that survives a power cut. After a failed sync nothing
//! more is written.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use lumivault_format::ObjectId;

use super::capabilities::Capabilities;
use super::folders::DurableFolders;
use super::listed::Listed;
use super::place::Place;
use super::spool::LocalSpool;
use super::tmp::TmpFolder;
use crate::backend::BackendError;
use crate::sys::{self, Renamed};

/// What became of a file that was given its final name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// It stands under that name, durably.
    New,
    /// The name was taken; what stands there is durable.
    Existed,
}

/// The writing half of one opened repository.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) place: Arc<Place>,
    folders: DurableFolders,
    pub(super) listed: Listed,
    /// Made at the first write, so that read-only media can be read.
    tmp: Mutex<Option<TmpFolder>>,
    capabilities: Mutex<Capabilities>,
    stopped: AtomicBool,
}

impl Writer {
    pub(super) fn new(place: Arc<Place>) -> Self {
        Self {
            place,
            folders: DurableFolders::default(),
            listed: Listed::default(),
            tmp: Mutex::new(None),
            capabilities: Mutex::new(Capabilities::default()),
            stopped: AtomicBool::new(false),
        }
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        *self.capabilities.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, change: impl FnOnce(&mut Capabilities)) {
        change(&mut self.capabilities.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Fails after a sync has failed.
    pub(super) fn check_running(&self, action: &str) -> Result<(), BackendError> {
        if !self.stopped.load(Ordering::Acquire) {
            return Ok(());
        }
        let location = self.place.location.clone();
        Err(BackendError::WritesStopped {
            action: action.to_owned(),
            location,
        })
    }

    pub(super) fn spool(self: &Arc<Self>) -> Result<LocalSpool, BackendError> {
        const ACTION: &str = "making a temporary file";
        self.check_running(ACTION)?;
        let (file, path) = {
            let mut tmp = self.tmp.lock().unwrap_or_else(PoisonError::into_inner);
            if tmp.is_none() {
                // Else a mount point without its disk would be filled.
                self.place.check_attached()?;
            }
            self.tmp_file(&mut tmp)
                .map_err(|source| self.place.failed(ACTION, source))?
        };
        Ok(LocalSpool::new(file, path, Arc::clone(self)))
    }

    fn tmp_file(&self, tmp: &mut Option<TmpFolder>) -> io::Result<(File, PathBuf)> {
        if let Some(folder) = tmp {
            return folder.file();
        }
        let folder = tmp.insert(TmpFolder::make(&self.place.root)?);
        self.note(|capabilities| capabilities.file_locks.note(folder.locked));
        folder.file()
    }

    /// The folder an object belongs into, durable.
    pub(super) fn object_folder(&self, action: &str, id: &ObjectId) -> Result<PathBuf, BackendError> {
        self.check_running(action)?;
        self.folders.ensure(&self.place, id, |folder| {
            self.sync_folder(action, folder).map(|_| ())
        })
    }

    /// Gives the file at `from` the name `target` in the durable `folder`. The bytes must be durable before they
    /// have a name, and the name before it is acknowledged.
    pub(super) fn settle(
        &self,
        action: &str,
        file: &File,
        from: &Path,
        folder: &Path,
        target: &Path,
    ) -> Result<Settled, BackendError> {
        self.check_running(action)?;
        self.sync_file(action, file)?;
        self.sync_listed(action)?;
        match sys::rename_exclusive(from, target) {
            Ok(how) => {
                self.note(|capabilities| capabilities.exclusive_rename.note(how == Renamed::Exclusively));
                if !self.sync_folder(action, folder)? {
                    // The next best: many systems write a file's name with its data.
                    self.sync_file(action, file)?;
                }
                Ok(Settled::New)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // Whoever made it may not have synced the folder yet.
                self.sync_folder(action, folder)?;
                Ok(Settled::Existed)
            }
            Err(source) => Err(self.place.failed(action, source)),
        }
    }

    /// The same in the place of what has that name. The bytes are durable before they replace anything, and the system
    /// replaces in one step: after a power cut either stands there.
    pub(super) fn settle_over(
        &self,
        action: &str,
        file: &File,
        from: &Path,
        folder: &Path,
        target: &Path,
    ) -> Result<(), BackendError> {
        self.check_running(action)?;
        self.sync_file(action, file)?;
        sys::rename_over(from, target).map_err(|source| self.place.failed(action, source))?;
        if !self.sync_folder(action, folder)? {
            self.sync_file(action, file)?;
        }
        Ok(())
    }

    pub(super) fn remove(&self, id: &ObjectId) -> Result<(), BackendError> {
        let action = format!("removing {id}");
        self.check_running(&action)?;
        self.sync_listed(&action)?;
        let path = self.place.object(id);
        match sys::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Whoever removed it may not have synced the folder yet.
                if let Some(folder) = path.parent().filter(|folder| folder.is_dir()) {
                    self.sync_folder(&action, folder)?;
                }
                return Err(self.place.absent(id));
            }
            Err(source) => return Err(self.place.failed(action, source)),
        }
        if let Some(folder) = path.parent() {
            self.sync_folder(&action, folder)?;
        }
        self.listed.note_removed(&self.place, id);
        Ok(())
    }

    pub(super) fn sync_listed(&self, action: &str) -> Result<(), BackendError> {
        self.listed
            .sync(|folder| self.sync_folder(action, folder).map(drop))
    }

    fn sync_file(&self, action: &str, file: &File) -> Result<(), BackendError> {
        sys::sync_file(file).map_err(|source| self.stop(action, source))
    }

    /// `false`: folders cannot be synced here.
    pub(super) fn sync_folder(&self, action: &str, folder: &Path) -> Result<bool, BackendError> {
        let synced = sys::sync_dir(folder).map_err(|source| self.stop(action, source))?;
        self.note(|capabilities| capabilities.folder_sync.note(synced));
        Ok(synced)
    }

    fn stop(&self, action: &str, source: io::Error) -> BackendError {
        self.stopped.store(true, Ordering::Release);
        self.place.failed(action, source)
    }
}
