//! Facts about snapshots in the order in which they count, and what follows from them. A fact that is written is later
//! than every one about its snapshot that was seen, whatever the clock says. See docs/format.md §10, §17.

use std::collections::HashMap;

use lumivault_format::{Annotation, AnnotationKind, SnapshotId};

use crate::{Error, Repository, StoredSnapshot};

const NANOSECONDS_MAX: u32 = 999_999_999;

/// When a fact was written, as it says itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactTime {
    /// Seconds since 1970.
    pub unix_seconds: i64,
    /// And nanoseconds.
    pub nanoseconds: u32,
}

impl FactTime {
    /// The time that an annotation says.
    pub fn of(annotation: &Annotation) -> Self {
        Self {
            unix_seconds: annotation.unix_seconds,
            nanoseconds: annotation.nanoseconds,
        }
    }

    /// The next one there is; None at the end of all time.
    fn following(self) -> Option<Self> {
        let next = self.nanoseconds.checked_add(1).filter(|n| *n <= NANOSECONDS_MAX);
        Some(match next {
            Some(nanoseconds) => Self { nanoseconds, ..self },
            None => Self {
                unix_seconds: self.unix_seconds.checked_add(1)?,
                nanoseconds: 0,
            },
        })
    }
}

/// The time of the next fact about a snapshot: what the clock says, unless a fact is there that is as late. None where
/// nothing can be later.
pub fn next_fact_time(clock: (i64, u32), latest_seen: Option<FactTime>) -> Option<FactTime> {
    let now = FactTime {
        unix_seconds: clock.0,
        nanoseconds: clock.1.min(NANOSECONDS_MAX),
    };
    match latest_seen {
        Some(latest) if latest >= now => latest.following(),
        _ => Some(now),
    }
}

/// What all facts about one snapshot come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Since when it is forgotten, if it is.
    pub forgotten: Option<FactTime>,
    /// Whether it must not be forgotten.
    pub pinned: bool,
    /// Whether somebody was about to remove it. If it is forgotten, it may be gone at any moment; if it was revived in the same
    /// moment, it stays, but from then on no revival of it is reported as done.
    pub removal_begun: bool,
    latest: Option<FactTime>,
}

impl State {
    /// Takes in one fact. Facts come in the order in which they count.
    pub fn take_in(&mut self, fact: &Annotation) {
        let time = FactTime::of(fact);
        self.latest = self.latest.max(Some(time));
        match fact.kind {
            AnnotationKind::Pin => self.pinned = true,
            AnnotationKind::Unpin => self.pinned = false,
            AnnotationKind::Tombstone => self.forgotten = Some(time),
            AnnotationKind::Revival => self.forgotten = None,
            AnnotationKind::Removal => self.removal_begun = true,
            AnnotationKind::TagAdded
            | AnnotationKind::TagRemoved
            | AnnotationKind::Superseded
            | AnnotationKind::Note => {}
        }
    }
}

/// What is known about snapshots, to be added to.
#[derive(Debug)]
pub struct Facts<'r> {
    repository: &'r Repository,
    host: String,
    states: HashMap<SnapshotId, State>,
    unreadable: Vec<Error>,
}

impl<'r> Facts<'r> {
    /// Lists and reads all facts. `host` is the machine that will add some.
    pub fn read(repository: &'r Repository, host: &str) -> Result<Self, Error> {
        let annotations = repository.annotations()?;
        let mut states: HashMap<SnapshotId, State> = HashMap::new();
        for fact in &annotations.found {
            states.entry(fact.snapshot).or_default().take_in(fact);
        }
        Ok(Self {
            repository,
            host: host.to_owned(),
            states,
            unreadable: annotations.unreadable,
        })
    }

    /// Fails if a fact could not be read: it may be a pin or a removal.
    pub fn complete(mut self) -> Result<Self, Error> {
        match self.unreadable.pop() {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }

    /// What is known of a snapshot.
    pub fn state(&self, snapshot: &SnapshotId) -> State {
        self.states.get(snapshot).copied().unwrap_or_default()
    }

    /// Writes a fact, later than all about this snapshot that were seen.
    pub fn add(&mut self, snapshot: &StoredSnapshot, kind: AnnotationKind, text: &str) -> Result<(), Error> {
        let state = self.states.entry(snapshot.id).or_default();
        let clock = self.repository.environment().clock.now();
        let time = next_fact_time(clock, state.latest).ok_or_else(|| {
            let problem = "a fact about it says that it is from the end of all time; nothing can be later";
            Error::Snapshot(format!("snapshot {}: {problem}", snapshot.id))
        })?;
        let fact = Annotation {
            kind,
            snapshot: snapshot.id,
            text: text.to_owned(),
            unix_seconds: time.unix_seconds,
            nanoseconds: time.nanoseconds,
            host: self.host.clone(),
            predecessors: match kind {
                AnnotationKind::Tombstone => snapshot.snapshot.predecessors.clone(),
                _ => Vec::new(),
            },
        };
        self.repository.annotate(&fact)?;
        state.take_in(&fact);
        Ok(())
    }
}
