//! Reading a repository in the order that makes writing to it safe. See docs/format.md §16.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use lumivault_format::{Annotation, AnnotationKind, ObjectId, ObjectKind, ObjectName, SessionKind};

use super::{Holder, Session, load_marks};
use crate::index::CacheDir;
use crate::{ChunkIndex, Error, Loaded, Repository, StoredSnapshot, parity};

/// A repository as a writer sees it: a session, then snapshots, then the index, without what is about to be removed.
#[derive(Debug)]
pub struct Writing<'r> {
    repository: &'r Repository,
    session: Option<Session<'r>>,
    index: Arc<ChunkIndex>,
    snapshots: Loaded<StoredSnapshot>,
    marks: Mutex<HashSet<ObjectName>>,
}

/// Packs that were relied on and may not be any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// How many.
    pub packs: usize,
}

impl<'r> Writing<'r> {
    /// Opens a session and reads what a writer needs.
    pub fn begin(
        repository: &'r Repository,
        holder: &Holder,
        cache: Option<CacheDir>,
    ) -> Result<Self, Error> {
        let session = Session::open(repository, SessionKind::Writer, holder)?;
        Self::read(repository, Some(session), cache)
    }

    /// Reads the same without a session, for a dry run: nothing may be stored.
    pub fn dry(repository: &'r Repository, cache: Option<CacheDir>) -> Result<Self, Error> {
        Self::read(repository, None, cache)
    }

    fn read(
        repository: &'r Repository,
        session: Option<Session<'r>>,
        cache: Option<CacheDir>,
    ) -> Result<Self, Error> {
        let marks = load_marks(repository, &HashSet::new())?;
        let snapshots = repository.snapshots()?;
        let index = ChunkIndex::load(repository, cache)?;
        index.note_marked(marks.iter().flat_map(|stored| stored.mark.packs.iter().copied()));
        let marks: HashSet<ObjectName> = marks.iter().map(|stored| stored.object).collect();
        if let Some(session) = &session {
            session.has_read(marks.iter().copied().collect(), index.objects())?;
        }
        Ok(Self {
            repository,
            session,
            index: Arc::new(index),
            snapshots,
            marks: Mutex::new(marks),
        })
    }

    /// The repository.
    pub fn repository(&self) -> &'r Repository {
        self.repository
    }

    /// The index.
    pub fn index(&self) -> &Arc<ChunkIndex> {
        &self.index
    }

    /// The snapshots as they were before the index was read.
    pub fn snapshots(&self) -> &Loaded<StoredSnapshot> {
        &self.snapshots
    }

    /// Whether something may be stored.
    pub fn is_dry(&self) -> bool {
        self.session.is_none()
    }

    /// Shows that the session lives, if that is due.
    pub fn refresh(&self) -> Result<(), Error> {
        self.session.as_ref().map_or(Ok(()), Session::refresh)
    }

    /// Looks again before a commit: whether packs that this run relies on were marked or removed meanwhile. Such packs are not
    /// shared from now on, so doing the work again stores anew what was in them.
    pub fn look_again(&self) -> Result<Option<Conflict>, Error> {
        if let Some(session) = &self.session {
            session.check()?;
        }
        let mut known = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        for stored in load_marks(self.repository, &known)? {
            self.index.note_marked(stored.mark.packs);
            known.insert(stored.object);
        }
        drop(known);
        let there = self.index.packs_there(self.repository.backend())?;
        self.index.note_there(&there);
        let packs = self.index.take_conflicts();
        Ok((packs > 0).then_some(Conflict { packs }))
    }

    /// Looks once more after a commit. Only if this succeeds the snapshot may be relied on: otherwise it was written while somebody
    /// took this session for dead, or packs vanished, and it is taken back.
    pub fn confirm(&self, snapshot: &StoredSnapshot) -> Result<(), Error> {
        let confirmed = self.try_confirm();
        if confirmed.is_err() {
            // Whatever comes of this, the first failure is what counts.
            let _ = self.take_back(snapshot);
        }
        confirmed
    }

    fn try_confirm(&self) -> Result<(), Error> {
        if let Some(session) = &self.session {
            session.check()?;
        }
        let backend = self.repository.backend();
        // A listing that lags may show what is gone; names tell, one by one.
        let listed = if self.repository.listings_lag() {
            Vec::new()
        } else {
            backend.list(ObjectKind::Pack)?
        };
        match self.index.relied_but_absent(backend, &listed)? {
            0 => Ok(()),
            count => Err(Error::PacksVanished(count)),
        }
    }

    /// Hides a snapshot that was never reported as made, for good. The tombstone goes first, so that its absence is explained.
    fn take_back(&self, stored: &StoredSnapshot) -> Result<(), Error> {
        let (unix_seconds, nanoseconds) = self.repository.environment().clock.now();
        self.repository.annotate(&Annotation {
            kind: AnnotationKind::Tombstone,
            snapshot: stored.id,
            text: "never completed".into(),
            unix_seconds,
            nanoseconds,
            host: stored.snapshot.host.clone(),
            predecessors: stored.snapshot.predecessors.clone(),
        })?;
        let object = ObjectId {
            kind: ObjectKind::Snapshot,
            name: stored.object,
        };
        parity::remove_with_copies(self.repository, &[object])
    }

    /// Ends the session.
    pub fn close(self) -> Result<(), Error> {
        self.session.map_or(Ok(()), Session::close)
    }
}
