//! Changing the ways into an archive. Every change writes first and removes last, so that whatever interrupts it, all
//! that opened before still opens.

use lumivault_format::{ObjectId, ObjectKind, ObjectName, SlotId, limits};
use zeroize::Zeroizing;

use super::epoch::{epoch_boxes, open_epochs, seal_epoch};
use super::slot::{create_slot, rewrap_slot};
use super::{Keyring, LoadedSlots, NewSlot, SlotSummary};
use crate::repository::Loaded;
use crate::{Error, Event, Repository, parity};

/// The number of a new epoch is drawn from so many above the newest, so that two machines that rotate at the same time
/// do not give one number to two keys.
const EPOCH_STEP_MAX: u32 = 65_536;

const NO_SUCH_SLOT: Error = Error::KeySlots("there is no such key slot; `lumivault key list` shows them");

impl Repository {
    /// The key slots, in the order of their ages, and slot objects that are damaged or forged.
    pub fn key_slots(&self) -> Result<Loaded<SlotSummary>, Error> {
        let slots = self.load_slots()?;
        let mut found = Vec::new();
        for slot in slots.newest() {
            found.push(SlotSummary {
                id: slot.slot.id,
                kind: slot.slot.kind,
                generation: slot.slot.generation,
                info: slot.info(&self.secrets().keyring)?,
                opened: slot.slot.id == self.opened_slot(),
            });
        }
        found.sort_by_key(|slot| (slot.info.created_unix_seconds, slot.id));
        Ok(Loaded {
            found,
            unreadable: slots.unreadable,
        })
    }

    /// Adds a way in.
    pub fn add_key_slot(&self, new: &NewSlot) -> Result<SlotId, Error> {
        if self.all_slots()?.len_at_most() >= limits::KEY_SLOTS_MAX {
            return Err(Error::KeySlots("all 16 key slots are in use; remove one first"));
        }
        let keyring = self.current_keyring()?;
        create_slot(self.storing(), &self.archive(), &keyring, new, self.environment())
    }

    /// Wraps the keyring of a slot anew under another secret, then removes the old generation. A copy of the old slot
    /// object still opens the archive.
    pub fn rewrap_key_slot(&self, id: SlotId, new: &NewSlot) -> Result<(), Error> {
        let slots = self.all_slots()?;
        let old = slots.get(id).ok_or(NO_SUCH_SLOT)?;
        let keyring = self.current_keyring()?;
        rewrap_slot(self.storing(), &keyring, old, new, self.environment())?;
        self.remove_slot_objects(&slots.objects(id))
    }

    /// Removes a way in, but never the last one.
    pub fn remove_key_slot(&self, id: SlotId) -> Result<(), Error> {
        let slots = self.all_slots()?;
        slots.get(id).ok_or(NO_SUCH_SLOT)?;
        if slots.len() == 1 {
            return Err(Error::KeySlots(
                "this is the only key slot; without it nobody could open the repository",
            ));
        }
        self.remove_slot_objects(&slots.objects(id))
    }

    /// Starts a new epoch: what is sealed from the next opening on needs a key that old copies of slots do not hold.
    /// Returns its number.
    pub fn rotate_epoch(&self) -> Result<u32, Error> {
        let slots = self.load_slots()?;
        if let Some(error) = slots.unreadable.into_iter().next() {
            return Err(error);
        }
        let keyring = self.current_keyring()?;
        if keyring.epochs().len() >= usize::from(limits::EPOCHS_MAX) {
            return Err(Error::KeySlots(
                "this archive has 1,024 epochs, the most there can be",
            ));
        }
        let step = u32::from_le_bytes(self.environment().random_array()?) % EPOCH_STEP_MAX + 1;
        let number = keyring
            .newest_epoch()
            .checked_add(step)
            .ok_or(Error::KeySlots("there are no numbers left for a new epoch"))?;
        let key = Zeroizing::new(self.environment().random_array::<32>()?);
        let mut extended = keyring;
        extended.add_epoch(number, &key);
        self.seal_missing_epochs(&extended)?;
        Ok(number)
    }

    /// Finishes a rotation that was interrupted after some slots had got the new key, or that met a slot in the
    /// making: whatever is sealed must open with every slot. docs/format.md §5.
    pub(crate) fn complete_epochs(&self) -> Result<(), Error> {
        self.seal_missing_epochs(&self.secrets().keyring)
    }

    /// Seals to each slot every epoch that there is no box for, but the first: every slot holds that from its making.
    /// The slot that is open comes first: with the key in its hands, its holder can finish what is interrupted here.
    fn seal_missing_epochs(&self, keyring: &Keyring) -> Result<(), Error> {
        let Some((_, later)) = keyring
            .epochs()
            .split_first()
            .filter(|(_, later)| !later.is_empty())
        else {
            return Ok(());
        };
        let slots = self.load_slots()?;
        let (boxes, unreadable) = epoch_boxes(self.copies(), &self.archive())?;
        for error in slots.unreadable.iter().chain(&unreadable) {
            let text = format!("{}; it was set aside", error.with_causes());
            self.environment().monitor.event(Event::Warning(&text));
        }
        let mut order: Vec<_> = slots.newest().collect();
        order.sort_by_key(|slot| slot.slot.id != self.opened_slot());
        for slot in order {
            for (number, key) in later
                .iter()
                .filter(|(number, _)| !boxes.contains(&(*number, slot.slot.id)))
            {
                seal_epoch(self.storing(), keyring, slot, *number, key, self.environment())?;
            }
        }
        Ok(())
    }

    pub(crate) fn load_slots(&self) -> Result<LoadedSlots, Error> {
        let slots = LoadedSlots::load(self.copies())?;
        Ok(slots.authentic(&self.secrets().keyring, &self.archive()))
    }

    /// The slots for whoever changes them: an object that a listing does not show yet would go on opening the archive, or be one
    /// too many.
    fn all_slots(&self) -> Result<LoadedSlots, Error> {
        self.settle()?;
        self.load_slots()
    }

    /// The keyring with the epochs that another machine has added since this repository was opened: a new slot must not
    /// miss them.
    fn current_keyring(&self) -> Result<Keyring, Error> {
        let mut keyring = self.secrets().keyring.clone();
        open_epochs(self.copies(), &mut keyring, self.open_slot(), &self.archive())?;
        Ok(keyring)
    }

    /// Removes slot objects in their order: older generations first, so that none of them comes back in force; before
    /// all of them their copies, which open the archive too.
    fn remove_slot_objects(&self, names: &[ObjectName]) -> Result<(), Error> {
        let objects = names.iter().map(|name| ObjectId {
            kind: ObjectKind::KeySlot,
            name: *name,
        });
        parity::remove_with_copies(self, &objects.collect::<Vec<_>>())
    }
}
