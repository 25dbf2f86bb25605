//! Storage on which something happens at a chosen moment, or that fails in a chosen way whatever the order of operations.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use lumivault_chunk_store::backend::{Backend, BackendError, Memory, ObjectInfo, Spool};
use lumivault_format::{ObjectId, ObjectKind, ObjectName};

type Act = Box<dyn FnOnce() + Send>;
type Choice = Box<dyn Fn(&ObjectId) -> bool + Send + Sync>;

/// Objects in memory, with one surprise.
pub struct Steered {
    inner: Memory,
    full: bool,
    is_lost: Choice,
    before: Mutex<Option<(ObjectKind, Act)>>,
    after: Mutex<Option<(ObjectKind, Act)>>,
    absent: Mutex<Option<ObjectName>>,
    flickers: Option<(ObjectKind, usize)>,
    listings: AtomicUsize,
}

impl Steered {
    /// Takes no pack any more; small objects still fit.
    pub fn full(inner: Memory) -> Arc<Self> {
        Self::new(inner, true, Box::new(|_| false), None)
    }

    /// Is not there any more when certain objects are read.
    pub fn losing(inner: Memory, is_lost: impl Fn(&ObjectId) -> bool + Send + Sync + 'static) -> Arc<Self> {
        Self::new(inner, false, Box::new(is_lost), None)
    }

    /// Something happens just before objects of a kind are listed for the first time.
    pub fn before(inner: Memory, kind: ObjectKind, act: impl FnOnce() + Send + 'static) -> Arc<Self> {
        Self::new(inner, false, Box::new(|_| false), Some((kind, Box::new(act))))
    }

    /// Something happens just after objects of a kind were listed for the first time.
    pub fn after(inner: Memory, kind: ObjectKind, act: impl FnOnce() + Send + 'static) -> Arc<Self> {
        let steered = Self::new(inner, false, Box::new(|_| false), None);
        *steered.after.lock().unwrap() = Some((kind, Box::new(act)));
        steered
    }

    /// Lists an object that is not there.
    pub fn absent(inner: Memory, name: ObjectName) -> Arc<Self> {
        let steered = Self::new(inner, false, Box::new(|_| false), None);
        *steered.absent.lock().unwrap() = Some(name);
        steered
    }

    /// Every second listing of a kind, of so many, shows an object that is gone when it is read.
    pub fn flickering(inner: Memory, kind: ObjectKind, listings: usize) -> Arc<Self> {
        let mut steered = Self::plain(inner, false, Box::new(|_| false), None);
        steered.flickers = Some((kind, listings));
        Arc::new(steered)
    }

    /// How often what flickers was listed.
    pub fn listings(&self) -> usize {
        self.listings.load(Ordering::SeqCst)
    }

    fn is_there(&self, id: &ObjectId) -> Result<(), BackendError> {
        if *self.absent.lock().unwrap() == Some(id.name) {
            return Err(BackendError::NotFound {
                object: *id,
                location: self.location(),
            });
        }
        Ok(())
    }

    fn new(inner: Memory, full: bool, is_lost: Choice, before: Option<(ObjectKind, Act)>) -> Arc<Self> {
        Arc::new(Self::plain(inner, full, is_lost, before))
    }

    fn plain(inner: Memory, full: bool, is_lost: Choice, before: Option<(ObjectKind, Act)>) -> Self {
        Self {
            inner,
            full,
            is_lost,
            before: Mutex::new(before),
            after: Mutex::default(),
            absent: Mutex::default(),
            flickers: None,
            listings: AtomicUsize::new(0),
        }
    }
}

impl fmt::Debug for Steered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("steered memory")
    }
}

impl Backend for Steered {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn list(&self, kind: ObjectKind) -> Result<Vec<ObjectInfo>, BackendError> {
        let act = |when: &Mutex<Option<(ObjectKind, Act)>>| {
            let act = when.lock().unwrap().take_if(|(of, _)| *of == kind);
            if let Some((_, act)) = act {
                act();
            }
        };
        act(&self.before);
        let listed = self.inner.list(kind);
        act(&self.after);
        let flickers = self.flickers.filter(|(of, _)| *of == kind);
        let Some((_, flickering)) = flickers else {
            return listed;
        };
        let before = self.listings.fetch_add(1, Ordering::SeqCst);
        let mut listed = listed?;
        if before < flickering && before.is_multiple_of(2) {
            let name = ObjectName::from_bytes([7; 32]);
            listed.push(ObjectInfo { name, size: 1 });
        }
        Ok(listed)
    }

    fn size(&self, id: &ObjectId) -> Result<u64, BackendError> {
        self.is_there(id)?;
        self.inner.size(id)
    }

    fn read_at(&self, id: &ObjectId, offset: u64, buffer: &mut [u8]) -> Result<(), BackendError> {
        self.is_there(id)?;
        if (self.is_lost)(id) {
            return Err(BackendError::NoSuchPlace {
                location: self.location(),
                source: io::Error::from(io::ErrorKind::NotFound),
            });
        }
        self.inner.read_at(id, offset, buffer)
    }

    fn create(&self, id: &ObjectId, bytes: &[u8]) -> Result<(), BackendError> {
        self.inner.create(id, bytes)
    }

    fn heal(&self, id: &ObjectId, bytes: &[u8]) -> Result<(), BackendError> {
        self.inner.heal(id, bytes)
    }

    fn spool(&self) -> Result<Box<dyn Spool>, BackendError> {
        if self.full {
            return Err(BackendError::Full {
                action: "writing a pack".into(),
                location: self.location(),
                source: io::Error::from(io::ErrorKind::StorageFull),
            });
        }
        self.inner.spool()
    }

    fn remove(&self, id: &ObjectId) -> Result<(), BackendError> {
        self.inner.remove(id)
    }

    fn set_aside(&self, id: &ObjectId) -> Result<(), BackendError> {
        self.inner.set_aside(id)
    }
}
