//! Sessions: how those who change a repository at the same time know of each other. See docs/format.md §16.

mod marks;
mod others;
mod writing;

use std::sync::{Mutex, PoisonError};

use lumivault_format::{ObjectId, ObjectKind, ObjectName, ObjectType, SessionId, SessionKind, SessionRecord};

pub use writing::{Conflict, Writing};

pub(crate) use marks::{StoredMark, load_marks, write_mark};
pub(crate) use others::{Other, others};

use crate::backend::BackendError;
use crate::{Error, Event, Repository};
use others::revocations;

/// A session that did not show for so long that it lives is dead.
pub const LEASE_SECONDS: i64 = 24 * 3600;
/// A session at work shows that it lives after this time.
const REFRESH_SECONDS: i64 = 3600;

/// Who works: for others to read, and for this machine to know its own dead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The machine's name.
    pub host: String,
    /// The process on it.
    pub process: u32,
}

/// An open session. Dropping it closes it as far as possible.
#[derive(Debug)]
pub struct Session<'r> {
    repository: &'r Repository,
    holder: Holder,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    record: SessionRecord,
    /// All objects of the session, the newest last. They stay until it ends: whoever lists sessions meanwhile must see one of them.
    objects: Vec<ObjectName>,
    closed: bool,
}

impl<'r> Session<'r> {
    /// Opens a session, unless another one is in the way: an exclusive one, one of maintenance for maintenance, any for
    /// an exclusive one. Dead ones in the way are revoked first.
    pub(crate) fn open(
        repository: &'r Repository,
        kind: SessionKind,
        holder: &Holder,
    ) -> Result<Self, Error> {
        let env = repository.environment();
        let now = env.clock.now().0;
        let record = SessionRecord {
            id: SessionId::from_bytes(env.random_array()?),
            kind,
            host: holder.host.clone(),
            process: holder.process,
            began_unix_seconds: now,
            refreshed_unix_seconds: now,
            sequence: 0,
            has_read: false,
            marks_seen: Vec::new(),
            indexes_seen: Vec::new(),
        };
        let object = repository.store_sealed(ObjectType::Session, &record.encode())?;
        let session = Self {
            repository,
            holder: holder.clone(),
            state: Mutex::new(State {
                record,
                objects: vec![object],
                closed: false,
            }),
        };
        if kind != SessionKind::Writer {
            repository.settle()?;
        }
        // Whoever opens one at the same moment sees this one, or is seen here.
        for other in others(repository, Some(session.id()), holder)? {
            if !session.is_hindered_by(&other) {
                continue;
            }
            if other.dead {
                other.revoke(repository, holder)?;
            } else {
                return Err(Error::InUse(other.description()));
            }
        }
        Ok(session)
    }

    fn is_hindered_by(&self, other: &Other) -> bool {
        let kind = |state: &State| state.record.kind;
        match (kind(&self.lock()), other.kind()) {
            // What cannot be read could be anything; it hinders only whoever wants to be alone.
            (mine, None) => mine == SessionKind::Exclusive,
            (SessionKind::Exclusive, Some(_)) | (_, Some(SessionKind::Exclusive)) => true,
            (SessionKind::Maintenance, Some(theirs)) => theirs == SessionKind::Maintenance,
            (SessionKind::Writer, Some(_)) => false,
        }
    }

    pub(crate) fn id(&self) -> SessionId {
        self.lock().record.id
    }

    pub(crate) fn holder(&self) -> &Holder {
        &self.holder
    }

    /// Records what was read. Only after this the session may write packs.
    pub(crate) fn has_read(&self, marks: Vec<ObjectName>, indexes: Vec<ObjectName>) -> Result<(), Error> {
        let mut state = self.lock();
        state.record.has_read = true;
        state.record.marks_seen = marks;
        state.record.indexes_seen = indexes;
        self.write_next(&mut state)
    }

    /// Shows that it lives, if that is due. Cheap otherwise.
    pub fn refresh(&self) -> Result<(), Error> {
        let now = self.repository.environment().clock.now().0;
        let mut state = self.lock();
        // A clock that was set back is as good a reason as one that went on.
        let since = now.saturating_sub(state.record.refreshed_unix_seconds);
        if (0..REFRESH_SECONDS).contains(&since) {
            return Ok(());
        }
        self.check_present(&state)?;
        self.write_next(&mut state)
    }

    fn write_next(&self, state: &mut State) -> Result<(), Error> {
        let mut next = state.record.clone();
        next.sequence += 1;
        next.refreshed_unix_seconds = self.repository.environment().clock.now().0;
        let object = self
            .repository
            .store_sealed(ObjectType::Session, &next.encode())?;
        state.objects.push(object);
        state.record = next;
        Ok(())
    }

    /// Fails if somebody took this session for dead. Whatever it commits then must not be relied on.
    pub fn check(&self) -> Result<(), Error> {
        let state = self.lock();
        self.check_present(&state)
    }

    fn check_present(&self, state: &State) -> Result<(), Error> {
        if revocations(self.repository)?.contains(&state.record.id) {
            return Err(Error::Revoked);
        }
        // Whoever revokes it removes them all, as far as they show.
        for name in &state.objects {
            match self.repository.backend().size(&object_id(*name)) {
                Ok(_) => {}
                Err(BackendError::NotFound { .. }) => return Err(Error::Revoked),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Closes the session.
    pub fn close(self) -> Result<(), Error> {
        let mut state = self.lock();
        state.closed = true;
        Ok(remove_all(self.repository, &state.objects)?)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return;
        }
        // One that stays is known to be dead when the process is gone, or after a day.
        if let Err(error) = remove_all(self.repository, &state.objects) {
            let text = format!("the session of this run could not be closed: {error}");
            self.repository.environment().monitor.event(Event::Detail(&text));
        }
    }
}

/// Removes a session's objects, the newest last: what an interruption leaves says no less than the whole did.
fn remove_all(repository: &Repository, objects: &[ObjectName]) -> Result<(), BackendError> {
    for name in objects {
        match repository.backend().remove(&object_id(*name)) {
            // Whoever revoked the session may have removed it.
            Ok(()) | Err(BackendError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn object_id(name: ObjectName) -> ObjectId {
    ObjectId {
        kind: ObjectKind::Session,
        name,
    }
}
