//! Records that cannot be read, and records that are gone without having been removed.

use std::collections::{BTreeMap, HashSet};

use lumivault_format::{AnnotationKind, ObjectId, ObjectKind, ObjectName, ObjectType, SnapshotId, limits};

use super::super::other::OtherCopy;
use super::super::{list, set_aside, tick, twice};
use super::{LostObject, Work};
use crate::backend::BackendError;
use crate::forget::Facts;
use crate::seal::object_name;
use crate::{Error, Repository, StoredSnapshot};

impl Work<'_> {
    /// Annotations first: they tell which snapshots were removed by the rules.
    pub(super) fn objects(&mut self) -> Result<(), Error> {
        self.phase("reading snapshots");
        for kind in [ObjectKind::Annotation, ObjectKind::Snapshot] {
            self.unreadable(kind)?;
        }
        if let Some(other) = self.options.from {
            self.bring_back_annotations(other)?;
            self.bring_back_snapshots(other)?;
        }
        Ok(())
    }

    fn unreadable(&mut self, kind: ObjectKind) -> Result<(), Error> {
        let mut damaged = BTreeMap::new();
        for name in list(self.repository, kind)? {
            tick(self.repository, self.session)?;
            let read = twice(|| match kind {
                ObjectKind::Annotation => self.repository.load_annotation(name).map(drop),
                _ => self.repository.load_snapshot(name).map(drop),
            });
            match read {
                Ok(()) | Err(Error::Backend(BackendError::NotFound { .. })) => {}
                Err(error) if error.spares_the_rest() => drop(damaged.insert(name, error)),
                Err(error) => return Err(error),
            }
        }
        // Exchanged bytes are whole under the wrong name.
        let stray = stray_bytes(self.repository, kind, damaged.keys())?;
        for (name, error) in damaged {
            let id = ObjectId { kind, name };
            let found = match stray.get(&name) {
                Some(bytes) => Some(bytes.clone()),
                None => self.options.from.map_or(Ok(None), |other| other.object(&id))?,
            };
            // What does not decode under its own name is no better elsewhere.
            match found.filter(|_| !matches!(error, Error::Decode { .. })) {
                Some(bytes) => {
                    self.put(&id, &bytes)?;
                    self.report.mended.push(id);
                }
                None => self.give_up(id, &error)?,
            }
        }
        Ok(())
    }

    /// Puts a record's own bytes under its name, with its copies.
    fn put(&self, id: &ObjectId, bytes: &[u8]) -> Result<(), Error> {
        if self.session.is_none() {
            return Ok(());
        }
        self.repository.backend().heal(id, bytes)?;
        let object_type = match id.kind {
            ObjectKind::Annotation => ObjectType::Annotation,
            _ => ObjectType::Snapshot,
        };
        self.repository.storing().store(object_type, bytes)?;
        self.repository.copies().forget();
        Ok(())
    }

    fn give_up(&mut self, id: ObjectId, error: &Error) -> Result<(), Error> {
        let goes = error.is_damage();
        self.report.lost.push(LostObject {
            object: id,
            problem: error.with_causes(),
            set_aside: goes,
        });
        if !goes || self.session.is_none() {
            return Ok(());
        }
        if id.kind == ObjectKind::Annotation {
            self.restart_grace()?;
        }
        set_aside(self.repository, &id)
    }

    /// What was lost may have brought a snapshot back that is forgotten without it, or pinned it: before that is removed for
    /// good, there must be time to notice.
    fn restart_grace(&mut self) -> Result<(), Error> {
        if !self.report.grace_restarted.is_empty() {
            return Ok(());
        }
        let mut facts = Facts::read(self.repository, &self.holder.host)?;
        let snapshots = self.repository.snapshots()?.found;
        let forgotten = |stored: &&StoredSnapshot| stored.forgotten.is_some() && !stored.removal;
        for stored in snapshots.iter().filter(forgotten) {
            facts.add(stored, AnnotationKind::Tombstone, "")?;
            self.report.grace_restarted.push(stored.id);
        }
        Ok(())
    }

    /// No rule ever removes an annotation: one that the same place once had was lost.
    fn bring_back_annotations(&mut self, other: &OtherCopy<'_>) -> Result<(), Error> {
        if other.repository().replica() != self.repository.replica() {
            return Ok(());
        }
        let here: HashSet<ObjectName> = list(self.repository, ObjectKind::Annotation)?
            .into_iter()
            .collect();
        let lost: HashSet<ObjectName> = self.report.lost.iter().map(|lost| lost.object.name).collect();
        for name in list(other.repository(), ObjectKind::Annotation)? {
            if here.contains(&name)
                || lost.contains(&name)
                || other.repository().load_annotation(name).is_err()
            {
                continue;
            }
            self.bring_back(
                other,
                ObjectId {
                    kind: ObjectKind::Annotation,
                    name,
                },
            )?;
        }
        Ok(())
    }

    /// Snapshots that were removed by the rules were forgotten before. Others that are gone, and that the same place had or that
    /// others name as their predecessors, were lost.
    fn bring_back_snapshots(&mut self, other: &OtherCopy<'_>) -> Result<(), Error> {
        let here = self.repository.snapshots()?.found;
        let present: HashSet<SnapshotId> = here.iter().map(|stored| stored.id).collect();
        let facts = self.repository.annotations()?.found;
        let states = Facts::read(self.repository, &self.holder.host)?;
        let named: HashSet<SnapshotId> = here
            .iter()
            .flat_map(|stored| stored.snapshot.predecessors.iter().copied())
            .chain(facts.iter().flat_map(|fact| fact.predecessors.iter().copied()))
            .collect();
        let same_place = other.repository().replica() == self.repository.replica();
        for stored in other.repository().snapshots()?.found {
            let is_gone = !present.contains(&stored.id) && states.state(&stored.id).forgotten.is_none();
            if is_gone && (same_place || named.contains(&stored.id)) {
                self.bring_back(
                    other,
                    ObjectId {
                        kind: ObjectKind::Snapshot,
                        name: stored.object,
                    },
                )?;
            }
        }
        Ok(())
    }

    fn bring_back(&mut self, other: &OtherCopy<'_>, id: ObjectId) -> Result<(), Error> {
        tick(self.repository, self.session)?;
        if let Some(bytes) = other.object(&id)? {
            self.put(&id, &bytes)?;
            self.report.brought_back.push(id);
        }
        Ok(())
    }
}

/// The bytes of damaged objects by the names that they hash to.
fn stray_bytes<'n>(
    repository: &Repository,
    kind: ObjectKind,
    damaged: impl Iterator<Item = &'n ObjectName> + Clone,
) -> Result<BTreeMap<ObjectName, Vec<u8>>, Error> {
    let wanted: HashSet<&ObjectName> = damaged.clone().collect();
    let backend = repository.backend();
    let mut found = BTreeMap::new();
    for name in damaged {
        let id = ObjectId { kind, name: *name };
        let read = || -> Result<Vec<u8>, Error> {
            let size = backend.size(&id)?.min(limits::SEALED_BYTES_MAX);
            let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
            backend.read_at(&id, 0, &mut bytes)?;
            Ok(bytes)
        };
        match read() {
            Ok(bytes) => {
                let own = object_name(&bytes);
                if own != *name && wanted.contains(&own) {
                    found.insert(own, bytes);
                }
            }
            Err(error) if error.spares_the_rest() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}
