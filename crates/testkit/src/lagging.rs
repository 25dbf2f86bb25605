//! A storage whose listings show what was there some time ago, as network file systems that cache folders and some object stores do.
//! An object is found by its name as soon as it was made.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lumivault_chunk_store::backend::{Backend, BackendError, ObjectInfo, Spool};
use lumivault_format::{ObjectId, ObjectKind, ObjectName};

use crate::{FixedClock, SeededRandom};

/// Decorates a backend so. Every object shows, and stops to show, in its own time.
#[derive(Debug)]
pub struct Lagging<B>(Arc<Shared<B>>, Option<ObjectKind>);

impl<B> Clone for Lagging<B> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0), self.1)
    }
}

#[derive(Debug)]
struct Shared<B> {
    inner: B,
    clock: Arc<FixedClock>,
    at_most: Duration,
    /// None: every change shows as late as it can.
    random: Option<SeededRandom>,
    /// The longest that an operation takes.
    operation: Duration,
    /// Whether what is removed stays for as long as listings lag, and is found by its name until then.
    removes_late: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What was created, and when listings show it.
    unshown: HashMap<ObjectId, Duration>,
    /// What was removed, and when listings stop to show it.
    shown: HashMap<ObjectId, (ObjectInfo, Duration)>,
    met: Lag,
}

/// What listings showed wrongly.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lag {
    /// Objects that were there and not shown.
    pub unshown: u64,
    /// Objects that were shown and not there.
    pub shown: u64,
}

impl<B: Backend> Lagging<B> {
    /// Listings show every change just so much later, by the time that passes on this clock.
    pub fn new(inner: B, clock: Arc<FixedClock>, at_most: Duration) -> Self {
        Self::with(inner, clock, at_most, (None, Duration::ZERO))
    }

    /// Listings show changes up to so much later, which is drawn, as is how long an operation takes, up to `operation`.
    pub fn drawn(
        inner: B,
        clock: Arc<FixedClock>,
        at_most: Duration,
        operation: Duration,
        seed: &str,
    ) -> Self {
        Self::with(inner, clock, at_most, (Some(SeededRandom::new(seed)), operation))
    }

    fn with(
        inner: B,
        clock: Arc<FixedClock>,
        at_most: Duration,
        (random, operation): (Option<SeededRandom>, Duration),
    ) -> Self {
        let shared = Shared {
            inner,
            clock,
            at_most,
            random,
            operation,
            removes_late: AtomicBool::new(false),
            state: Mutex::default(),
        };
        Self(Arc::new(shared), None)
    }

    /// The same storage as a machine sees it to which listings of this kind show everything at once: not all lag alike.
    #[must_use]
    pub fn prompt(&self, kind: ObjectKind) -> Self {
        Self(Arc::clone(&self.0), Some(kind))
    }

    /// From now on what is removed stays for as long as listings lag.
    pub fn remove_late(&self) {
        self.0.removes_late.store(true, Ordering::SeqCst);
    }

    /// What listings showed wrongly so far.
    pub fn met(&self) -> Lag {
        self.0.lock().met
    }
}

impl<B: Backend> Shared<B> {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn takes_a_while(&self) {
        if let Some(random) = &self.random {
            self.clock.pass(below(random, self.operation));
        }
    }

    /// When listings show what happened now: at once, as late as can be, or in between.
    fn shows_at(&self) -> Duration {
        let after = match &self.random {
            Some(random) => match random.below(4) {
                0 => Duration::ZERO,
                1 => below(random, self.at_most),
                _ => self.at_most,
            },
            None => self.at_most,
        };
        self.clock.passed() + after
    }

    fn created(&self, id: ObjectId) {
        let at = self.shows_at();
        let mut state = self.lock();
        state.shown.remove(&id);
        state.unshown.insert(id, at);
    }

    fn take_away(
        &self,
        id: &ObjectId,
        how: impl FnOnce() -> Result<(), BackendError>,
    ) -> Result<(), BackendError> {
        self.takes_a_while();
        let size = self.inner.size(id)?;
        how()?;
        let at = self.shows_at();
        let info = ObjectInfo { name: id.name, size };
        let mut state = self.lock();
        // What never showed may show now.
        state.unshown.remove(id);
        state.shown.insert(*id, (info, at));
        Ok(())
    }
}

fn below(random: &SeededRandom, end: Duration) -> Duration {
    let milliseconds = u64::try_from(end.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(random.below(milliseconds.max(1)))
}

impl<B: Backend + 'static> Backend for Lagging<B> {
    fn location(&self) -> String {
        self.0.inner.location()
    }

    fn list(&self, kind: ObjectKind) -> Result<Vec<ObjectInfo>, BackendError> {
        self.0.takes_a_while();
        let mut listed = self.0.inner.list(kind)?;
        if self.1 == Some(kind) {
            return Ok(listed);
        }
        let now = self.0.clock.passed();
        let mut state = self.0.lock();
        state.unshown.retain(|_, at| *at > now);
        state.shown.retain(|_, (_, at)| *at > now);
        let there = listed.len();
        listed.retain(|info| {
            let name = info.name;
            !state.unshown.contains_key(&ObjectId { kind, name })
        });
        let unshown = there - listed.len();
        // One that was removed just now is listed anyway.
        let names: HashSet<ObjectName> = listed.iter().map(|info| info.name).collect();
        let gone = state.shown.iter();
        let gone = gone.filter(|(id, _)| id.kind == kind && !names.contains(&id.name));
        let gone: Vec<ObjectInfo> = gone.map(|(_, (info, _))| *info).collect();
        state.met.unshown += unshown as u64;
        state.met.shown += gone.len() as u64;
        listed.extend(gone);
        Ok(listed)
    }

    fn size(&self, id: &ObjectId) -> Result<u64, BackendError> {
        self.0.takes_a_while();
        self.0.inner.size(id)
    }

    fn read_at(&self, id: &ObjectId, offset: u64, buffer: &mut [u8]) -> Result<(), BackendError> {
        self.0.takes_a_while();
        self.0.inner.read_at(id, offset, buffer)
    }

    fn create(&self, id: &ObjectId, bytes: &[u8]) -> Result<(), BackendError> {
        self.0.takes_a_while();
        self.0.inner.create(id, bytes)?;
        self.0.created(*id);
        Ok(())
    }

    fn heal(&self, id: &ObjectId, bytes: &[u8]) -> Result<(), BackendError> {
        self.0.takes_a_while();
        self.0.inner.heal(id, bytes)
    }

    fn spool(&self) -> Result<Box<dyn Spool>, BackendError> {
        Ok(Box::new(Writing {
            storage: self.clone(),
            inner: self.0.inner.spool()?,
        }))
    }

    fn remove(&self, id: &ObjectId) -> Result<(), BackendError> {
        if self.0.removes_late.load(Ordering::SeqCst) {
            let (shared, id) = (Arc::clone(&self.0), *id);
            self.0.clock.plan(self.0.at_most, move || {
                drop(shared.take_away(&id, || shared.inner.remove(&id)));
            });
            return Ok(());
        }
        self.0.take_away(id, || self.0.inner.remove(id))
    }

    fn set_aside(&self, id: &ObjectId) -> Result<(), BackendError> {
        self.0.take_away(id, || self.0.inner.set_aside(id))
    }
}

#[derive(Debug)]
struct Writing<B> {
    storage: Lagging<B>,
    inner: Box<dyn Spool>,
}

impl<B: Backend + 'static> Spool for Writing<B> {
    fn append(&mut self, bytes: &[u8]) -> Result<(), BackendError> {
        self.inner.append(bytes)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), BackendError> {
        self.inner.read_at(offset, buffer)
    }

    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn publish(self: Box<Self>, id: &ObjectId) -> Result<(), BackendError> {
        self.storage.0.takes_a_while();
        self.inner.publish(id)?;
        self.storage.0.created(*id);
        Ok(())
    }
}
