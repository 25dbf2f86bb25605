//! The decorator: every call passes the control first.

use std::fmt;
use std::io;

use lumivault_chunk_store::backend::{Backend, BackendError, ObjectInfo, Spool};
use lumivault_format::{ObjectId, ObjectKind};

use super::{Call, Fault, FaultControl, Operation, Verdict};

/// Decorates a backend with faults and a log.
#[derive(Debug)]
pub struct FaultBackend<B> {
    inner: B,
    control: FaultControl,
}

impl<B: Backend> FaultBackend<B> {
    /// Decorates `inner`; nothing fails until the control says so.
    pub fn new(inner: B) -> Self {
        Self::with_control(inner, FaultControl::default())
    }

    /// Decorates `inner` under an existing control, which goes on counting: a second instance of one history.
    pub fn with_control(inner: B, control: FaultControl) -> Self {
        Self { inner, control }
    }

    /// The handle that steers and inspects.
    pub fn control(&self) -> FaultControl {
        self.control.clone()
    }
}

impl<B: Backend> Backend for FaultBackend<B> {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn list(&self, kind: ObjectKind) -> Result<Vec<ObjectInfo>, BackendError> {
        let call = Call {
            operation: Operation::List(kind),
            object: None,
            spool: None,
            length: 0,
        };
        self.control.run(call, &self.location(), || self.inner.list(kind))
    }

    fn size(&self, id: &ObjectId) -> Result<u64, BackendError> {
        let call = Call::of(Operation::Size, id, 0);
        self.control.run(call, &self.location(), || self.inner.size(id))
    }

    fn read_at(&self, id: &ObjectId, offset: u64, buffer: &mut [u8]) -> Result<(), BackendError> {
        let call = Call::of(Operation::Read, id, buffer.len() as u64);
        self.control
            .run(call, &self.location(), || self.inner.read_at(id, offset, buffer))
    }

    fn create(&self, id: &ObjectId, bytes: &[u8]) -> Result<(), BackendError> {
        let call = Call::of(Operation::Create, id, bytes.len() as u64);
        self.control
            .run(call, &self.location(), || self.inner.create(id, bytes))
    }

    fn heal(&self, id: &ObjectId, bytes: &[u8]) -> Result<(), BackendError> {
        let call = Call::of(Operation::Heal, id, bytes.len() as u64);
        self.control
            .run(call, &self.location(), || self.inner.heal(id, bytes))
    }

    fn spool(&self) -> Result<Box<dyn Spool>, BackendError> {
        let number = self.control.next_spool();
        let location = self.location();
        let call = Call {
            operation: Operation::Spool,
            object: None,
            spool: Some(number),
            length: 0,
        };
        let inner = self.control.run(call, &location, || self.inner.spool())?;
        Ok(Box::new(FaultSpool {
            inner,
            control: self.control.clone(),
            location,
            number,
            failed: false,
        }))
    }

    fn remove(&self, id: &ObjectId) -> Result<(), BackendError> {
        let call = Call::of(Operation::Remove, id, 0);
        self.control.run(call, &self.location(), || self.inner.remove(id))
    }

    fn set_aside(&self, id: &ObjectId) -> Result<(), BackendError> {
        let call = Call::of(Operation::SetAside, id, 0);
        self.control
            .run(call, &self.location(), || self.inner.set_aside(id))
    }
}

struct FaultSpool {
    inner: Box<dyn Spool>,
    control: FaultControl,
    location: String,
    number: usize,
    /// An append failed: the spool can only be dropped.
    failed: bool,
}

impl FaultSpool {
    fn call(&self, operation: Operation, object: Option<ObjectId>, length: u64) -> Call {
        Call {
            operation,
            object,
            spool: Some(self.number),
            length,
        }
    }

    fn check_usable(&self, action: &str) -> Result<(), BackendError> {
        if !self.failed {
            return Ok(());
        }
        let (action, location) = (action.to_owned(), self.location.clone());
        let source = io::Error::other("an earlier append to this spool failed");
        Err(BackendError::Io {
            action,
            location,
            source,
        })
    }
}

impl fmt::Debug for FaultSpool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultSpool")
            .field("number", &self.number)
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl Spool for FaultSpool {
    fn append(&mut self, bytes: &[u8]) -> Result<(), BackendError> {
        self.check_usable("appending")?;
        let call = self.call(Operation::Append, None, bytes.len() as u64);
        let begun = self.control.begin(call);
        if begun.1 == Verdict::Fail(Fault::ShortWrite) {
            self.failed = true;
            self.inner.append(&bytes[..bytes.len() / 2])?;
        }
        let inner = &mut self.inner;
        let result = self
            .control
            .finish(begun, call, &self.location, || inner.append(bytes));
        self.failed = result.is_err();
        result
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), BackendError> {
        let call = self.call(Operation::ReadBack, None, buffer.len() as u64);
        self.control
            .run(call, &self.location, || self.inner.read_at(offset, buffer))
    }

    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn publish(self: Box<Self>, id: &ObjectId) -> Result<(), BackendError> {
        self.check_usable("publishing")?;
        let call = self.call(Operation::Publish, Some(*id), self.inner.len());
        let Self {
            inner,
            control,
            location,
            ..
        } = *self;
        control.run(call, &location, || inner.publish(id))
    }
}
