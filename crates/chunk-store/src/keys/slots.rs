//! All key slots of a repository, at most sixteen. Nothing in them is trusted before it was opened, or found authentic
//! by whoever opened another. See docs/format.md §5.

use std::collections::BTreeMap;

use lumivault_format::{ArchiveId, ObjectId, ObjectKind, ObjectName, SlotId, SlotKind, limits};

use super::Keyring;
use super::slot::{LoadedSlot, OpenSlot, SlotSecret};
use crate::Error;
use crate::parity::Copies;

/// All slot objects, and those that could not be read.
pub(crate) struct LoadedSlots {
    /// By slot, then ascending by generation.
    slots: BTreeMap<SlotId, Vec<LoadedSlot>>,
    pub(crate) unreadable: Vec<Error>,
}

/// Slot objects in a repository, older generations included. Interrupted changes leave one or two.
const SLOT_OBJECTS_MAX: usize = 64;

impl LoadedSlots {
    /// Reads every slot object. One that cannot be read is set aside: it must not lock out the others.
    pub(crate) fn load(objects: &Copies) -> Result<Self, Error> {
        let mut slots: BTreeMap<SlotId, Vec<LoadedSlot>> = BTreeMap::new();
        let mut unreadable = Vec::new();
        let listed = objects.list(ObjectKind::KeySlot)?;
        if listed.len() > SLOT_OBJECTS_MAX {
            return Err(TOO_MANY_SLOTS);
        }
        for name in listed {
            let id = ObjectId {
                kind: ObjectKind::KeySlot,
                name,
            };
            match LoadedSlot::load(objects, &id) {
                Ok(found) => slots.entry(found.slot.id).or_default().push(found),
                Err(error) if error.spares_the_rest() => unreadable.push(error),
                Err(error) => return Err(error),
            }
        }
        if slots.len() > limits::KEY_SLOTS_MAX {
            return Err(TOO_MANY_SLOTS);
        }
        for generations in slots.values_mut() {
            generations.sort_by_key(|found| found.slot.generation);
        }
        Ok(Self { slots, unreadable })
    }

    /// Sets aside what was not made by a holder of the keyring. Only with this, no forged generation can stand in for a
    /// genuine one, and no epoch key is ever sealed to a stranger.
    pub(crate) fn authentic(mut self, keyring: &Keyring, archive: &ArchiveId) -> Self {
        let unreadable = &mut self.unreadable;
        self.slots.retain(|_, generations| {
            generations.retain(|found| {
                match found.check_archive(archive).and_then(|()| found.info(keyring)) {
                    Ok(_) => true,
                    Err(error) => {
                        unreadable.push(error);
                        false
                    }
                }
            });
            !generations.is_empty()
        });
        self
    }

    /// The generation in force of each slot.
    pub(crate) fn newest(&self) -> impl Iterator<Item = &LoadedSlot> {
        self.slots.values().filter_map(|generations| generations.last())
    }

    /// The generation in force of one slot.
    pub(crate) fn get(&self, id: SlotId) -> Option<&LoadedSlot> {
        self.slots.get(&id)?.last()
    }

    /// All objects of one slot, the oldest generation first.
    pub(crate) fn objects(&self, id: SlotId) -> Vec<ObjectName> {
        let generations = self.slots.get(&id).map(Vec::as_slice).unwrap_or_default();
        generations.iter().map(|found| found.name).collect()
    }

    /// Slot objects that an older generation holds, left by an interrupted change.
    pub(crate) fn outdated(&self) -> impl Iterator<Item = ObjectName> {
        self.slots.values().flat_map(|generations| {
            let in_force = generations.last().map_or(0, |found| found.slot.generation);
            let older = generations
                .iter()
                .filter(move |found| found.slot.generation < in_force);
            older.map(|found| found.name)
        })
    }

    /// How many slots there are, or may be once those that cannot be read now can be read again.
    pub(crate) fn len_at_most(&self) -> usize {
        self.slots.len() + self.unreadable.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Tries the secret on the slots, the one named `first` before the others.
    pub(crate) fn open(
        mut self,
        secret: &SlotSecret,
        first: Option<SlotId>,
        kdf_memory_kib_max: u32,
    ) -> Result<(OpenSlot, Keyring, ArchiveId), Error> {
        let mut order: Vec<&LoadedSlot> = Vec::new();
        for generations in self.slots.values() {
            let in_force = generations.last().map_or(0, |found| found.slot.generation);
            // Several, where two machines wrapped the slot anew at the same time.
            order.extend(
                generations
                    .iter()
                    .filter(|found| found.slot.generation == in_force),
            );
        }
        // Raw slots cost nothing to try; of the others, the one that worked last comes first.
        order.sort_by_key(|s| (s.slot.kind != SlotKind::Raw, Some(s.slot.id) != first, s.slot.id));
        let (mut tried, mut refused, mut too_large) = (false, None, None);
        for slot in order {
            let attempt = slot.derive(secret, kdf_memory_kib_max);
            let opened = attempt.and_then(|keys| match keys {
                Some(keys) => {
                    tried = true;
                    slot.open(&keys)
                }
                None => Ok(None),
            });
            match opened {
                Ok(Some((open, keyring))) => return Ok((open, keyring, slot.archive)),
                Ok(None) => {}
                Err(error @ Error::KdfMemory { .. }) => too_large = Some(error),
                Err(error) => refused = Some(error),
            }
        }
        // What the user can do something about comes first: allow more memory, type the right password.
        if let Some(error) = too_large {
            return Err(error);
        }
        let wrong = Error::WrongPassword(self.slots.len(), self.unreadable.len());
        if tried {
            return Err(refused.unwrap_or(wrong));
        }
        let unreadable = self.unreadable.pop().filter(|_| self.slots.is_empty());
        Err(refused.or(unreadable).unwrap_or(wrong))
    }
}

const TOO_MANY_SLOTS: Error = Error::KeySlots(
    "this repository has more than 16 key slots; that many are never made. Remove from the folder `keys` what was put \
     there lately",
);
