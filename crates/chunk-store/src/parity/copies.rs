//! Copies of small objects. The bytes of a copy follow from the object's, and with them its name.

use std::collections::{HashMap, HashSet};

use lumivault_format::{
    COPY_PREFIX_BYTES, CopyHead, Header, KeySlot, ObjectId, ObjectKind, ObjectName, ObjectType, ParityHead,
    SlotId, limits,
};

use super::pack::pack_id;
use super::{ParityMap, parity_id, remove_if_there};
use crate::backend::{Backend, BackendError, ObjectInfo};
use crate::seal::{load_object, object_name, store_object};
use crate::{Error, Repository};

/// How many copies an object of a kind gets.
pub(crate) const fn copies_of(kind: ObjectKind) -> u32 {
    match kind {
        ObjectKind::Config | ObjectKind::KeySlot | ObjectKind::Epoch | ObjectKind::Snapshot => 2,
        ObjectKind::Index => 1,
        _ => 0,
    }
}

/// The most bytes that an object of a kind has.
pub(super) const fn bytes_max(kind: ObjectKind) -> u64 {
    match kind {
        ObjectKind::KeySlot | ObjectKind::Epoch => limits::KEY_OBJECT_BYTES_MAX,
        _ => limits::SEALED_BYTES_MAX,
    }
}

/// Where small objects are stored, and whether they are copied there.
#[derive(Clone, Copy)]
pub(crate) struct Storing<'s> {
    pub(crate) backend: &'s dyn Backend,
    pub(crate) copied: bool,
}

impl Storing<'_> {
    /// Stores an object under the name it hashes to, then its copies.
    pub(crate) fn store(self, object_type: ObjectType, bytes: &[u8]) -> Result<ObjectName, Error> {
        let name = store_object(self.backend, object_type, bytes)?;
        let kind = object_type.kind();
        let copies = if self.copied { copies_of(kind) } else { 0 };
        for number in 1..=copies {
            let copy = copy_of(&ObjectId { kind, name }, number, bytes)?;
            store_object(self.backend, ObjectType::Parity, &copy)?;
        }
        Ok(name)
    }
}

/// The bytes of a copy. The archive is that of the object's own header.
pub(super) fn copy_of(id: &ObjectId, number: u32, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let header = Header::decode(bytes).map_err(|source| Error::Decode { object: *id, source })?;
    let mut copy = CopyHead::encode(&header.archive, number, &id.name);
    copy.extend_from_slice(bytes);
    Ok(copy)
}

/// Removes all copies of objects that are about to be removed: a copy of an old key slot opens the archive, and a copy of
/// a snapshot says that there is one. Fails where something cannot be read that may be one.
pub fn remove_copies(repository: &Repository, objects: &[ObjectId]) -> Result<(), Error> {
    let backend = repository.backend();
    // Or what only copies told of would still be listed, and could not be read.
    repository.copies().forget();
    let mut unsure: HashSet<ObjectId> = HashSet::new();
    for id in objects.iter().filter(|id| copies_of(id.kind) > 0) {
        // The names of the copies follow from the object. Of key slots nothing may be left, whoever wrote it.
        let known = load_object(backend, id, bytes_max(id.kind));
        match known {
            Ok(bytes) => {
                for number in 1..=copies_of(id.kind) {
                    let name = object_name(&copy_of(id, number, &bytes)?);
                    let kind = ObjectKind::Parity;
                    remove_if_there(backend, &ObjectId { kind, name })?;
                }
                if id.kind == ObjectKind::KeySlot {
                    unsure.insert(*id);
                }
            }
            Err(error) if error.spares_the_rest() => drop(unsure.insert(*id)),
            Err(error) => return Err(error),
        }
    }
    if unsure.is_empty() {
        return Ok(());
    }
    let doomed = Doomed::new(backend, unsure)?;
    for info in backend.list(ObjectKind::Parity)? {
        if doomed.is_copied_by(backend, &info)? {
            remove_if_there(backend, &parity_id(&info))?;
        }
    }
    Ok(())
}

/// Removes objects in their order, each after its copies. One that is gone already is no error.
pub fn remove_with_copies(repository: &Repository, objects: &[ObjectId]) -> Result<(), Error> {
    remove_copies(repository, objects)?;
    for id in objects {
        remove_if_there(repository.backend(), id)?;
    }
    Ok(())
}

/// Removes the parity of packs that were removed.
pub(crate) fn remove_parity_of(repository: &Repository, packs: &HashSet<ObjectName>) -> Result<(), Error> {
    let backend = repository.backend();
    if packs.is_empty() || backend.list(ObjectKind::Parity)?.is_empty() {
        return Ok(());
    }
    let map = ParityMap::read(backend, Some(&repository.archive()))?;
    let mut names: Vec<&ObjectName> = packs.iter().collect();
    names.sort_unstable();
    for name in names {
        for found in map.of(&pack_id(*name)) {
            remove_if_there(backend, &parity_id(&found.info))?;
        }
    }
    Ok(())
}

/// Objects about to be removed, and how their copies can be told.
struct Doomed {
    objects: HashSet<ObjectId>,
    /// Key slots among them, with their highest generation.
    slots: HashMap<SlotId, u32>,
    /// Key slots that stay.
    kept: HashSet<ObjectName>,
    bytes_max: u64,
}

impl Doomed {
    fn new(backend: &dyn Backend, objects: HashSet<ObjectId>) -> Result<Self, Error> {
        let doomed_slots = objects.iter().filter(|id| id.kind == ObjectKind::KeySlot);
        let mut slots = HashMap::new();
        for id in doomed_slots {
            if let Ok(bytes) = load_object(backend, id, bytes_max(id.kind))
                && let Ok((slot, _)) = KeySlot::decode(&bytes)
            {
                let generation = slots.entry(slot.id).or_default();
                *generation = slot.generation.max(*generation);
            }
        }
        let listed = backend.list(ObjectKind::KeySlot)?.into_iter();
        let kept = listed.map(|info| info.name).filter(|name| {
            !objects.contains(&ObjectId {
                kind: ObjectKind::KeySlot,
                name: *name,
            })
        });
        let largest = objects.iter().map(|id| bytes_max(id.kind)).max().unwrap_or(0);
        Ok(Self {
            slots,
            kept: kept.collect(),
            bytes_max: largest.saturating_add(COPY_PREFIX_BYTES as u64),
            objects,
        })
    }

    /// Whether a parity object copies one of them: as it says, or as the bytes in it say if what it says is damaged.
    fn is_copied_by(&self, backend: &dyn Backend, info: &ObjectInfo) -> Result<bool, Error> {
        let mut head = [0; lumivault_format::PARITY_HEAD_BYTES];
        let id = parity_id(info);
        if !read_surely(backend, &id, &mut head)? {
            return Ok(false);
        }
        match ParityHead::decode(&head, None) {
            Ok(ParityHead::Pack(_)) => return Ok(false),
            Ok(ParityHead::Copy(copy)) => {
                let of = ObjectId {
                    kind: copy.object_type.kind(),
                    name: copy.name,
                };
                if self.objects.contains(&of) {
                    return Ok(true);
                }
            }
            Err(_) => {}
        }
        if info.size > self.bytes_max {
            return Ok(false);
        }
        let mut bytes = vec![0; usize::try_from(info.size).unwrap_or(0)];
        if !read_surely(backend, &id, &mut bytes)? {
            return Ok(false);
        }
        let Some(copied) = bytes.get(COPY_PREFIX_BYTES..) else {
            return Ok(false);
        };
        let name = object_name(copied);
        let is_doomed = self.objects.iter().any(|id| id.name == name);
        let is_old_slot = || {
            let slot = KeySlot::decode(copied);
            let is_old = |slot: &KeySlot| {
                let doomed = self.slots.get(&slot.id);
                doomed.is_some_and(|generation| slot.generation <= *generation)
            };
            slot.is_ok_and(|(slot, _)| is_old(&slot) && !self.kept.contains(&name))
        };
        Ok(is_doomed || is_old_slot())
    }
}

/// Fills the buffer from the beginning of an object; `false` if it is absent or shorter. Where the storage fails nobody knows
/// whether a copy is there, which would stay, and open the archive again.
fn read_surely(backend: &dyn Backend, id: &ObjectId, buffer: &mut [u8]) -> Result<bool, Error> {
    match backend.read_at(id, 0, buffer) {
        Ok(()) => Ok(true),
        Err(BackendError::NotFound { .. } | BackendError::Truncated { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
