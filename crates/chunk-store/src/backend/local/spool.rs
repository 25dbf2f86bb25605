//! A temporary file that becomes an object, or goes without a trace.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lumivault_format::ObjectId;

use super::writer::{Settled, Writer};
use crate::backend::{BackendError, Spool};
use crate::sys;

/// A file in this instance's temporary folder. Fields are dropped in this order: the file is closed before the
/// writer, and with it perhaps the temporary folder, goes.
#[derive(Debug)]
pub(super) struct LocalSpool {
    file: File,
    path: PathBuf,
    len: u64,
    state: State,
    writer: Arc<Writer>,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Usable,
    /// An append failed: what the file holds is unknown.
    Failed,
    /// The file is an object now and must stay.
    Settled,
}

impl LocalSpool {
    pub(super) fn new(file: File, path: PathBuf, writer: Arc<Writer>) -> Self {
        Self {
            file,
            path,
            len: 0,
            state: State::Usable,
            writer,
        }
    }

    /// Gives the file its final name.
    pub(super) fn settle(
        mut self,
        action: &str,
        folder: &Path,
        target: &Path,
    ) -> Result<Settled, BackendError> {
        self.check_usable(action)?;
        let settled = self
            .writer
            .settle(action, &self.file, &self.path, folder, target)?;
        if settled == Settled::New {
            self.state = State::Settled;
        }
        Ok(settled)
    }

    /// Makes the file an object in the place of whatever stands under that name.
    pub(super) fn replace(mut self, id: &ObjectId) -> Result<(), BackendError> {
        let action = format!("replacing {id}");
        self.check_usable(&action)?;
        let folder = self.writer.object_folder(&action, id)?;
        let target = self.writer.place.object(id);
        self.writer
            .settle_over(&action, &self.file, &self.path, &folder, &target)?;
        self.state = State::Settled;
        Ok(())
    }

    fn check_usable(&self, action: &str) -> Result<(), BackendError> {
        if self.state == State::Usable {
            return Ok(());
        }
        let source = io::Error::other("an earlier write to the temporary file failed");
        Err(self.writer.place.failed(action, source))
    }
}

impl Spool for LocalSpool {
    fn append(&mut self, bytes: &[u8]) -> Result<(), BackendError> {
        const ACTION: &str = "writing a temporary file";
        self.writer.check_running(ACTION)?;
        self.check_usable(ACTION)?;
        if let Err(source) = sys::write_all_at(&self.file, bytes, self.len) {
            self.state = State::Failed;
            return Err(self.writer.place.failed(ACTION, source));
        }
        self.len = self.len.saturating_add(bytes.len() as u64);
        Ok(())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), BackendError> {
        let failed = |source| self.writer.place.failed("reading back a temporary file", source);
        let within = offset
            .checked_add(buffer.len() as u64)
            .is_some_and(|end| end <= self.len);
        if within && sys::read_full_at(&self.file, buffer, offset).map_err(failed)? == buffer.len() {
            return Ok(());
        }
        Err(failed(io::ErrorKind::UnexpectedEof.into()))
    }

    fn len(&self) -> u64 {
        self.len
    }

    fn publish(self: Box<Self>, id: &ObjectId) -> Result<(), BackendError> {
        let action = format!("writing {id}");
        self.check_usable(&action)?;
        let writer = Arc::clone(&self.writer);
        let folder = writer.object_folder(&action, id)?;
        match self.settle(&action, &folder, &writer.place.object(id))? {
            Settled::New => {
                writer.listed.note_made(&writer.place, id);
                Ok(())
            }
            Settled::Existed => Err(BackendError::AlreadyExists {
                object: *id,
                location: writer.place.location.clone(),
            }),
        }
    }
}

impl Drop for LocalSpool {
    fn drop(&mut self) {
        if self.state != State::Settled {
            // What cannot be removed now goes with the temporary folder of a dead process later.
            let _ = sys::remove_file(&self.path);
        }
    }
}
