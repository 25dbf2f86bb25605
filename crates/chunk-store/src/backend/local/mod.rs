//! A folder on a mounted file system. An object is acknowledged only when its bytes, its name and every folder
//! above it are on the disk. See docs/format.md §2 for the layout.
//!
//! The order of every write: temporary file in `tmp/` → all bytes → sync of the file → rename without replacing →
//! sync of the folder. Folders are made, and synced into their parents, before anything is renamed into them. Before
//! the rename, and before anything is removed, whatever was listed is made durable too: see `listed.rs`.
//!
//! Objects are readable and writable by their owner only (0600). They are not marked read-only although they
//! never change: on SMB shares and FAT that mark becomes an attribute which stops Windows from deleting the file,
//! and what it would guard against (an edit in place) shows anyway, because names hash the bytes.

mod capabilities;
mod create;
mod folders;
mod handles;
mod listed;
mod listing;
mod place;
mod quarantine;
mod spool;
#[cfg(test)]
mod tests;
mod tmp;
mod writer;

use std::io;
use std::path::Path;
use std::sync::Arc;

use lumivault_format::{ObjectId, ObjectKind};

use super::{Backend, BackendError, ObjectInfo, Spool, check_name};
use crate::sys;

pub use capabilities::{Capabilities, Capability};
use handles::Handles;
use place::Place;
use writer::Writer;

/// The file that tells a finder what the folder is.
const README: &str = "README.txt";
/// Space kept for a full disk, docs/format.md §2.
const RESERVE: &str = "reserve";
const RESERVE_BYTES: usize = 64 * 1024;

/// A repository in a folder of a mounted file system.
///
/// Nothing is written before the first write is asked for, so an archive on read-only media can be read.
#[derive(Debug)]
pub struct LocalDisk {
    place: Arc<Place>,
    writer: Arc<Writer>,
    handles: Handles,
}

impl LocalDisk {
    /// Opens a folder that exists; writes nothing, and does not look whether a repository is in it.
    pub fn open(path: &Path) -> Result<Self, BackendError> {
        let place = Arc::new(Place::open(path)?);
        Ok(Self {
            writer: Arc::new(Writer::new(Arc::clone(&place))),
            place,
            handles: Handles::default(),
        })
    }

    /// Makes the folder (and those above it) durable and opens it. A folder that holds anything but traces of the
    /// system or of an interrupted attempt is [`BackendError::NotEmpty`], a repository with objects included.
    pub fn create(path: &Path) -> Result<Self, BackendError> {
        create::root(path)?;
        Self::open(path)
    }

    /// Writes `README.txt` durably, unless there is one already. It must be written after the objects that make a
    /// repository: [`LocalDisk::create`] takes a folder with this file in it for somebody else's.
    pub fn write_readme(&self, text: &str) -> Result<(), BackendError> {
        let path = self.place.root.join(README);
        if path
            .try_exists()
            .map_err(|source| self.place.failed("looking for README.txt", source))?
        {
            return Ok(());
        }
        let mut spool = self.writer.spool()?;
        spool.append(text.as_bytes())?;
        spool.settle("writing README.txt", &self.place.root, &path)?;
        Ok(())
    }

    /// Keeps a little space for what must be written to free some: marks, a session, an index object without what goes. Where there
    /// is no room even for this, there is none to keep.
    pub fn keep_reserve(&self) -> Result<(), BackendError> {
        let path = self.place.root.join(RESERVE);
        if path.try_exists().unwrap_or(true) {
            return Ok(());
        }
        let mut spool = self.writer.spool()?;
        spool.append(&vec![0; RESERVE_BYTES])?;
        spool.settle("reserving space", &self.place.root, &path)?;
        Ok(())
    }

    /// Gives the reserved space back for once; `false` if there is none.
    pub fn release_reserve(&self) -> bool {
        sys::remove_file(&self.place.root.join(RESERVE)).is_ok()
    }

    /// What this file system was found able to do so far. Only writing finds out.
    pub fn capabilities(&self) -> Capabilities {
        self.writer.capabilities()
    }

    /// Opens an object; absence of the object is told from absence of the place.
    fn open_object(&self, id: &ObjectId) -> Result<std::fs::File, BackendError> {
        sys::open_regular(&self.place.object(id)).map_err(|source| self.object_failed("reading", id, source))
    }

    fn object_failed(&self, verb: &str, id: &ObjectId, source: io::Error) -> BackendError {
        if source.kind() == io::ErrorKind::NotFound {
            return self.place.absent(id);
        }
        self.place.failed(format!("{verb} {id}"), source)
    }

    /// Reads through a handle left open by an earlier read. A failure there proves nothing (a network file
    /// system may have lost the handle), so it only costs the handle.
    fn read_again(&self, id: &ObjectId, offset: u64, buffer: &mut [u8]) -> bool {
        let Some(file) = self.handles.get(id) else {
            return false;
        };
        let full = sys::read_full_at(&file, buffer, offset).is_ok_and(|filled| filled == buffer.len());
        if !full {
            self.handles.forget(id);
        }
        full
    }
}

impl Backend for LocalDisk {
    fn location(&self) -> String {
        self.place.location.clone()
    }

    fn list(&self, kind: ObjectKind) -> Result<Vec<ObjectInfo>, BackendError> {
        listing::list(&self.place, kind, &self.writer.listed)
    }

    fn size(&self, id: &ObjectId) -> Result<u64, BackendError> {
        match self.place.object(id).symlink_metadata() {
            Ok(metadata) if metadata.is_file() => Ok(metadata.len()),
            Ok(_) => Err(self.place.absent(id)),
            Err(source) => Err(self.object_failed("looking for", id, source)),
        }
    }

    fn read_at(&self, id: &ObjectId, offset: u64, buffer: &mut [u8]) -> Result<(), BackendError> {
        if self.read_again(id, offset, buffer) {
            return Ok(());
        }
        let file = Arc::new(self.open_object(id)?);
        let end = offset.saturating_add(buffer.len() as u64);
        // Systems count file offsets in signed numbers; nothing can lie beyond.
        let filled = if i64::try_from(end).is_ok() {
            sys::read_full_at(&file, buffer, offset)
                .map_err(|source| self.object_failed("reading", id, source))?
        } else {
            0
        };
        if filled < buffer.len() {
            let location = self.place.location.clone();
            return Err(BackendError::Truncated {
                object: *id,
                location,
                end,
            });
        }
        self.handles.keep(*id, file);
        Ok(())
    }

    fn create(&self, id: &ObjectId, bytes: &[u8]) -> Result<(), BackendError> {
        let mut spool = self.writer.spool()?;
        spool.append(bytes)?;
        Box::new(spool).publish(id)
    }

    fn heal(&self, id: &ObjectId, bytes: &[u8]) -> Result<(), BackendError> {
        check_name(id, bytes, &self.place.location)?;
        let mut spool = self.writer.spool()?;
        spool.append(bytes)?;
        // Windows does not replace a file that is open in every way.
        self.handles.forget(id);
        let healed = spool.replace(id);
        // Opened in between, it would go on showing what was replaced.
        self.handles.forget(id);
        healed
    }

    fn spool(&self) -> Result<Box<dyn Spool>, BackendError> {
        Ok(Box::new(self.writer.spool()?))
    }

    fn remove(&self, id: &ObjectId) -> Result<(), BackendError> {
        self.handles.forget(id);
        self.writer.remove(id)
    }

    fn set_aside(&self, id: &ObjectId) -> Result<(), BackendError> {
        self.handles.forget(id);
        self.writer.set_aside(id)
    }
}
