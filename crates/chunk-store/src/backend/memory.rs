//! Objects in memory: the reference for what a backend promises.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lumivault_format::{ObjectId, ObjectKind};

use super::{Backend, BackendError, ObjectInfo, Spool, check_name};

const LOCATION: &str = "memory";

type Objects = BTreeMap<ObjectId, Arc<[u8]>>;
type Aside = Vec<(ObjectId, Arc<[u8]>)>;

/// Objects in memory. Clones share them, as two processes share a folder.
#[derive(Clone, Default)]
pub struct Memory {
    objects: Arc<Mutex<Objects>>,
    aside: Arc<Mutex<Aside>>,
}

impl Memory {
    /// An empty place.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was set aside, in that order.
    pub fn quarantine(&self) -> Vec<(ObjectId, Arc<[u8]>)> {
        self.aside.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn objects(&self) -> MutexGuard<'_, Objects> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn object(&self, id: &ObjectId) -> Result<Arc<[u8]>, BackendError> {
        let absent = || BackendError::NotFound {
            object: *id,
            location: LOCATION.to_owned(),
        };
        self.objects().get(id).cloned().ok_or_else(absent)
    }

    fn insert(&self, id: &ObjectId, bytes: Arc<[u8]>) -> Result<(), BackendError> {
        use std::collections::btree_map::Entry;
        match self.objects().entry(*id) {
            Entry::Vacant(entry) => {
                entry.insert(bytes);
                Ok(())
            }
            Entry::Occupied(_) => Err(BackendError::AlreadyExists {
                object: *id,
                location: LOCATION.to_owned(),
            }),
        }
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory")
            .field("objects", &self.objects().len())
            .finish()
    }
}

impl Backend for Memory {
    fn location(&self) -> String {
        LOCATION.to_owned()
    }

    fn list(&self, kind: ObjectKind) -> Result<Vec<ObjectInfo>, BackendError> {
        let objects = self.objects();
        let of_kind = objects.iter().filter(|(id, _)| id.kind == kind);
        Ok(of_kind
            .map(|(id, bytes)| ObjectInfo {
                name: id.name,
                size: bytes.len() as u64,
            })
            .collect())
    }

    fn size(&self, id: &ObjectId) -> Result<u64, BackendError> {
        self.object(id).map(|bytes| bytes.len() as u64)
    }

    fn read_at(&self, id: &ObjectId, offset: u64, buffer: &mut [u8]) -> Result<(), BackendError> {
        if copy_range(&self.object(id)?, offset, buffer) {
            return Ok(());
        }
        let end = offset.saturating_add(buffer.len() as u64);
        Err(BackendError::Truncated {
            object: *id,
            location: LOCATION.to_owned(),
            end,
        })
    }

    fn create(&self, id: &ObjectId, bytes: &[u8]) -> Result<(), BackendError> {
        self.insert(id, bytes.into())
    }

    fn heal(&self, id: &ObjectId, bytes: &[u8]) -> Result<(), BackendError> {
        check_name(id, bytes, LOCATION)?;
        self.objects().insert(*id, bytes.into());
        Ok(())
    }

    fn spool(&self) -> Result<Box<dyn Spool>, BackendError> {
        Ok(Box::new(MemorySpool {
            memory: self.clone(),
            bytes: Vec::new(),
        }))
    }

    fn remove(&self, id: &ObjectId) -> Result<(), BackendError> {
        let absent = || BackendError::NotFound {
            object: *id,
            location: LOCATION.to_owned(),
        };
        self.objects().remove(id).map(|_| ()).ok_or_else(absent)
    }

    fn set_aside(&self, id: &ObjectId) -> Result<(), BackendError> {
        let bytes = self.object(id)?;
        let mut aside = self.aside.lock().unwrap_or_else(PoisonError::into_inner);
        aside.push((*id, bytes));
        self.remove(id)
    }
}

struct MemorySpool {
    memory: Memory,
    bytes: Vec<u8>,
}

impl fmt::Debug for MemorySpool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySpool")
            .field("len", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

impl Spool for MemorySpool {
    fn append(&mut self, bytes: &[u8]) -> Result<(), BackendError> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), BackendError> {
        if copy_range(&self.bytes, offset, buffer) {
            return Ok(());
        }
        let source = io::ErrorKind::UnexpectedEof.into();
        Err(BackendError::from_io("reading back a spool", LOCATION, source))
    }

    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn publish(self: Box<Self>, id: &ObjectId) -> Result<(), BackendError> {
        self.memory.insert(id, self.bytes.into())
    }
}

/// Fills `buffer` from `bytes`; `false` if the range does not lie within.
fn copy_range(bytes: &[u8], offset: u64, buffer: &mut [u8]) -> bool {
    let rest = usize::try_from(offset)
        .ok()
        .and_then(|offset| bytes.get(offset..));
    let Some(range) = rest.and_then(|rest| rest.get(..buffer.len())) else {
        return false;
    };
    buffer.copy_from_slice(range);
    true
}
