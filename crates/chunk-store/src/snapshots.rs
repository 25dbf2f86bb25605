//! Snapshots and the later facts about them. See docs/format.md §9, §10.

use std::collections::{HashMap, HashSet};

use lumivault_format::{
    Annotation, AnnotationKind, ObjectId, ObjectKind, ObjectName, ObjectType, Snapshot, SnapshotId,
};

use crate::backend::BackendError;
use crate::forget::{FactTime, State};
use crate::keys::keyed_hash;
use crate::repository::Loaded;
use crate::{Error, Repository};

/// A snapshot as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSnapshot {
    /// Its id.
    pub id: SnapshotId,
    /// The object that holds it.
    pub object: ObjectName,
    /// What it says.
    pub snapshot: Snapshot,
    /// Its tags, later annotations applied.
    pub tags: Vec<String>,
    /// Since when it is forgotten, if it is.
    pub forgotten: Option<FactTime>,
    /// Whether it must not be forgotten.
    pub pinned: bool,
    /// Whether it is forgotten and its removal was begun: it may be gone at any moment.
    pub removal: bool,
    /// Its place in the order in which all were written, by the clocks of those who wrote them; one that names another as
    /// its predecessor in the same second comes after it. Decides between snapshots of the same time.
    pub rank: u64,
}

impl StoredSnapshot {
    /// Whether it counts for whoever lists snapshots or names one by a date.
    pub fn is_live(&self) -> bool {
        self.forgotten.is_none() && !self.removal
    }
}

impl Loaded<StoredSnapshot> {
    /// Those that are not forgotten.
    pub fn live(&self) -> impl Iterator<Item = &StoredSnapshot> {
        self.found.iter().filter(|stored| stored.is_live())
    }
}

impl Repository {
    /// All snapshots, oldest first, forgotten ones among them, with what could not be read.
    pub fn snapshots(&self) -> Result<Loaded<StoredSnapshot>, Error> {
        let mut loaded = Loaded {
            found: Vec::new(),
            unreadable: Vec::new(),
        };
        let mut not_found = Vec::new();
        for name in self.list_small(ObjectKind::Snapshot)? {
            match self.load_snapshot(name) {
                Ok(snapshot) => loaded.found.push(snapshot),
                Err(Error::Backend(BackendError::NotFound { .. })) => not_found.push(name),
                Err(error) if error.spares_the_rest() => loaded.unreadable.push(error),
                Err(error) => return Err(error),
            }
        }
        loaded
            .unreadable
            .extend(self.still_listed(ObjectKind::Snapshot, &not_found)?);
        let annotations = self.annotations()?;
        loaded.unreadable.extend(annotations.unreadable);
        let mut facts: HashMap<SnapshotId, Vec<&Annotation>> = HashMap::new();
        for annotation in &annotations.found {
            facts.entry(annotation.snapshot).or_default().push(annotation);
        }
        for stored in &mut loaded.found {
            apply(stored, facts.get(&stored.id).map_or(&[], Vec::as_slice));
        }
        rank(&mut loaded.found);
        loaded
            .found
            .sort_by_key(|s| (s.snapshot.time.unix_seconds, s.snapshot.time.nanoseconds, s.rank));
        Ok(loaded)
    }

    pub(crate) fn load_snapshot(&self, name: ObjectName) -> Result<StoredSnapshot, Error> {
        let id = ObjectId {
            kind: ObjectKind::Snapshot,
            name,
        };
        let body = self.load_sealed(ObjectType::Snapshot, &id)?;
        let (mac, record) = body.split_first_chunk::<32>().ok_or(Error::Damaged {
            object: id,
            problem: "it is shorter than its MAC",
        })?;
        let expected = keyed_hash(&self.secrets().derived.snapshot_mac, record);
        if blake3::Hash::from_bytes(*mac) != blake3::Hash::from_bytes(expected) {
            return Err(Error::Damaged {
                object: id,
                problem: "its MAC does not fit",
            });
        }
        let snapshot = Snapshot::decode(record).map_err(|source| Error::Decode { object: id, source })?;
        Ok(self.stored(name, record, snapshot))
    }

    /// Commits a snapshot. Everything it refers to must be durable and listed already.
    pub fn commit_snapshot(&self, snapshot: &Snapshot) -> Result<StoredSnapshot, Error> {
        let salt = self.environment().random_array()?;
        self.commit_record(snapshot, &snapshot.encode_salted(salt))
    }

    /// The same from its encoding.
    pub(crate) fn commit_record(&self, snapshot: &Snapshot, record: &[u8]) -> Result<StoredSnapshot, Error> {
        // What breaks a limit would be stored and never be read again.
        match Snapshot::decode(record) {
            Ok(decoded) if decoded == *snapshot => {}
            Ok(_) => {
                return Err(Error::Snapshot(
                    "the snapshot does not read back as it was written".into(),
                ));
            }
            Err(source) => {
                return Err(Error::Snapshot(format!(
                    "the snapshot cannot be stored: {source}"
                )));
            }
        }
        let mac = keyed_hash(&self.secrets().derived.snapshot_mac, record);
        let object = self.store_sealed(ObjectType::Snapshot, &[mac.as_slice(), record].concat())?;
        Ok(self.stored(object, record, snapshot.clone()))
    }

    /// As it was committed: without what was said about it later.
    fn stored(&self, object: ObjectName, record: &[u8], snapshot: Snapshot) -> StoredSnapshot {
        StoredSnapshot {
            id: self.snapshot_id(record),
            object,
            tags: snapshot.tags.clone(),
            snapshot,
            forgotten: None,
            pinned: false,
            removal: false,
            rank: 0,
        }
    }

    fn snapshot_id(&self, record: &[u8]) -> SnapshotId {
        SnapshotId::from_bytes(keyed_hash(&self.secrets().derived.snapshot_id, record))
    }

    /// Adds a later fact about a snapshot.
    pub fn annotate(&self, annotation: &Annotation) -> Result<(), Error> {
        self.store_sealed(ObjectType::Annotation, &annotation.encode())
            .map(drop)
    }

    pub(crate) fn load_annotation(&self, name: ObjectName) -> Result<Annotation, Error> {
        let id = ObjectId {
            kind: ObjectKind::Annotation,
            name,
        };
        let body = self.load_sealed(ObjectType::Annotation, &id)?;
        Annotation::decode(&body).map_err(|source| Error::Decode { object: id, source })
    }

    /// All annotations in the order in which they count.
    pub fn annotations(&self) -> Result<Loaded<Annotation>, Error> {
        let mut loaded = Loaded {
            found: Vec::new(),
            unreadable: Vec::new(),
        };
        let (mut named, mut not_found) = (Vec::new(), Vec::new());
        for info in self.backend().list(ObjectKind::Annotation)? {
            match self.load_annotation(info.name) {
                Ok(annotation) => named.push((info.name, annotation)),
                Err(Error::Backend(BackendError::NotFound { .. })) => not_found.push(info.name),
                Err(error) if error.spares_the_rest() => loaded.unreadable.push(error),
                Err(error) => return Err(error),
            }
        }
        loaded
            .unreadable
            .extend(self.still_listed(ObjectKind::Annotation, &not_found)?);
        named.sort_by_key(|(name, a)| (a.unix_seconds, a.nanoseconds, *name));
        loaded
            .found
            .extend(named.into_iter().map(|(_, annotation)| annotation));
        Ok(loaded)
    }
}

/// Numbers them in the order in which they were written.
fn rank(found: &mut [StoredSnapshot]) {
    let depths = depths(found);
    found.sort_by_key(|one| {
        let depth = depths.get(&one.id).copied().unwrap_or_default();
        (one.snapshot.written_unix_seconds, depth, one.id)
    });
    for (rank, one) in (0..).zip(found) {
        one.rank = rank;
    }
}

/// How many that are there each has before it in the longest way back.
fn depths(found: &[StoredSnapshot]) -> HashMap<SnapshotId, u64> {
    let mut waits: HashMap<SnapshotId, HashSet<SnapshotId>> = HashMap::new();
    let present: HashSet<SnapshotId> = found.iter().map(|one| one.id).collect();
    let mut after: HashMap<SnapshotId, Vec<SnapshotId>> = HashMap::new();
    for one in found {
        let before = one
            .snapshot
            .predecessors
            .iter()
            .filter(|id| present.contains(*id));
        let before: HashSet<SnapshotId> = before.copied().collect();
        for id in &before {
            after.entry(*id).or_default().push(one.id);
        }
        waits.insert(one.id, before);
    }
    let mut depths: HashMap<SnapshotId, u64> = HashMap::new();
    let mut ready: Vec<SnapshotId> = waits
        .iter()
        .filter(|(_, before)| before.is_empty())
        .map(|(id, _)| *id)
        .collect();
    while let Some(id) = ready.pop() {
        let depth = depths.get(&id).copied().unwrap_or_default();
        for next in after.remove(&id).unwrap_or_default() {
            let deepest = depths.entry(next).or_default();
            *deepest = depth.saturating_add(1).max(*deepest);
            if let Some(before) = waits.get_mut(&next) {
                before.remove(&id);
                if before.is_empty() {
                    ready.push(next);
                }
            }
        }
    }
    depths
}

/// Applies the facts about a snapshot, which come in the order in which they count.
fn apply(stored: &mut StoredSnapshot, facts: &[&Annotation]) {
    let mut state = State::default();
    for fact in facts {
        state.take_in(fact);
        let tag = &fact.text;
        match fact.kind {
            AnnotationKind::TagAdded if !stored.tags.contains(tag) => stored.tags.push(tag.clone()),
            AnnotationKind::TagRemoved => stored.tags.retain(|known| known != tag),
            _ => {}
        }
    }
    stored.tags.sort();
    stored.forgotten = state.forgotten;
    stored.pinned = state.pinned;
    stored.removal = state.removal_begun && state.forgotten.is_some();
}

#[cfg(test)]
mod tests;
