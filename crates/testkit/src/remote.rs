//! A storage behind a network: answers get lost after the deed was done, a request that was given up arrives later once more,
//! removing takes its time, and creating replaces what is there without a word.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use lumivault_chunk_store::backend::{Backend, BackendError, ObjectInfo, Spool};
use lumivault_format::{ObjectId, ObjectKind};

use crate::SeededRandom;

/// How many operations later a request arrives at the latest.
const LATE_MAX: u64 = 120;
/// Of so many answers one gets lost.
const LOST_ONE_OF: u64 = 400;

/// Decorates a backend so. What happens follows from the seed and the order of operations.
#[derive(Debug)]
pub struct Remote<B>(Arc<Shared<B>>);

impl<B> Clone for Remote<B> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[derive(Debug)]
struct Shared<B> {
    inner: B,
    random: SeededRandom,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    operations: u64,
    /// What is still under way, and when it arrives.
    late: Vec<(u64, Late)>,
    done: Odd,
}

#[derive(Debug)]
enum Late {
    Create(ObjectId, Vec<u8>),
    Remove(ObjectId),
}

/// What happened that happens on no disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct Odd {
    /// Answers that got lost.
    pub lost_answers: u64,
    /// Objects that were created once more, after whatever came in between.
    pub repeated: u64,
    /// Objects that came back so after they had been removed.
    pub returned: u64,
    /// Removals that took effect later.
    pub delayed: u64,
}

impl<B: Backend> Remote<B> {
    /// Decorates `inner`.
    pub fn new(inner: B, seed: &str) -> Self {
        Self(Arc::new(Shared {
            inner,
            random: SeededRandom::new(seed),
            state: Mutex::default(),
        }))
    }

    /// Lets everything arrive that is under way; returns what happened so far.
    pub fn settle(&self) -> Odd {
        self.0.arrive(u64::MAX);
        self.0.lock().done
    }
}

impl<B: Backend> Shared<B> {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more operation: what is due by now arrives before it.
    fn begin(&self) {
        let now = {
            let mut state = self.lock();
            state.operations += 1;
            state.operations
        };
        self.arrive(now);
    }

    fn arrive(&self, now: u64) {
        let due: Vec<Late> = {
            let mut state = self.lock();
            let all = std::mem::take(&mut state.late);
            let (due, rest): (Vec<_>, Vec<_>) = all.into_iter().partition(|(at, _)| *at <= now);
            state.late = rest;
            due.into_iter().map(|(_, late)| late).collect()
        };
        for late in due {
            match late {
                Late::Create(id, bytes) => {
                    let returned = self.inner.create(&id, &bytes).is_ok();
                    let mut state = self.lock();
                    state.done.repeated += 1;
                    state.done.returned += u64::from(returned);
                }
                Late::Remove(id) => drop(self.inner.remove(&id)),
            }
        }
    }

    fn later(&self, late: Late) {
        let after = 1 + self.random.below(LATE_MAX);
        let mut state = self.lock();
        let at = state.operations + after;
        state.late.push((at, late));
    }

    /// The answer, unless it gets lost.
    fn answer<T>(&self, action: &str, result: Result<T, BackendError>) -> Result<T, BackendError> {
        if result.is_err() || self.random.below(LOST_ONE_OF) > 0 {
            return result;
        }
        self.lock().done.lost_answers += 1;
        Err(BackendError::Io {
            action: action.to_owned(),
            location: self.inner.location(),
            source: io::Error::new(io::ErrorKind::ConnectionReset, "the answer got lost"),
        })
    }

    fn create(&self, id: &ObjectId, bytes: &[u8]) -> Result<(), BackendError> {
        self.begin();
        let result = match self.inner.create(id, bytes) {
            // It heeds no condition. The bytes are the same, as names follow from them.
            Err(BackendError::AlreadyExists { .. }) => Ok(()),
            result => result,
        };
        if result.is_ok() && self.random.below(12) == 0 {
            self.later(Late::Create(*id, bytes.to_vec()));
        }
        self.answer("creating", result)
    }
}

impl<B: Backend + 'static> Backend for Remote<B> {
    fn location(&self) -> String {
        self.0.inner.location()
    }

    fn list(&self, kind: ObjectKind) -> Result<Vec<ObjectInfo>, BackendError> {
        self.0.begin();
        self.0.answer("listing", self.0.inner.list(kind))
    }

    fn size(&self, id: &ObjectId) -> Result<u64, BackendError> {
        self.0.begin();
        self.0.answer("asking", self.0.inner.size(id))
    }

    fn read_at(&self, id: &ObjectId, offset: u64, buffer: &mut [u8]) -> Result<(), BackendError> {
        self.0.begin();
        let result = self.0.inner.read_at(id, offset, buffer);
        self.0.answer("reading", result)
    }

    fn create(&self, id: &ObjectId, bytes: &[u8]) -> Result<(), BackendError> {
        self.0.create(id, bytes)
    }

    fn heal(&self, id: &ObjectId, bytes: &[u8]) -> Result<(), BackendError> {
        self.0.begin();
        self.0.answer("healing", self.0.inner.heal(id, bytes))
    }

    fn spool(&self) -> Result<Box<dyn Spool>, BackendError> {
        Ok(Box::new(Upload {
            remote: self.clone(),
            bytes: Vec::new(),
        }))
    }

    fn remove(&self, id: &ObjectId) -> Result<(), BackendError> {
        self.0.begin();
        if self.0.random.below(3) > 0 {
            return self.0.answer("removing", self.0.inner.remove(id));
        }
        self.0.inner.size(id)?;
        self.0.later(Late::Remove(*id));
        self.0.lock().done.delayed += 1;
        Ok(())
    }

    fn set_aside(&self, id: &ObjectId) -> Result<(), BackendError> {
        self.0.begin();
        self.0.answer("setting aside", self.0.inner.set_aside(id))
    }
}

/// Bytes that are sent as a whole.
#[derive(Debug)]
struct Upload<B> {
    remote: Remote<B>,
    bytes: Vec<u8>,
}

impl<B: Backend + 'static> Spool for Upload<B> {
    fn append(&mut self, bytes: &[u8]) -> Result<(), BackendError> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), BackendError> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(buffer.len());
        let Some(part) = self.bytes.get(start..end) else {
            return Err(BackendError::Io {
                action: "reading back".into(),
                location: self.remote.location(),
                source: io::ErrorKind::UnexpectedEof.into(),
            });
        };
        buffer.copy_from_slice(part);
        Ok(())
    }

    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn publish(self: Box<Self>, id: &ObjectId) -> Result<(), BackendError> {
        self.remote.0.create(id, &self.bytes)
    }
}
