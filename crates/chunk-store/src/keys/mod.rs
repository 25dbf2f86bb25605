//! Keys: the keyring of an archive, the slots that wrap it, and recovery codes. See docs/format.md §5.

mod epoch;
mod kdf;
mod keyring;
mod manage;
mod recovery;
mod slot;
mod slots;

pub(crate) use epoch::{epoch_boxes, open_epochs};
#[cfg(test)]
pub(crate) use kdf::SlotKeys;
#[cfg(any(test, fuzzing))]
pub(crate) use kdf::normalised;
pub use keyring::Keyring;
pub(crate) use keyring::{DerivedKeys, keyed_hash};
pub use recovery::{RecoveryCode, RecoveryCodeError};
pub(crate) use slot::create_slot;
pub use slot::{NewSlot, OpenSlot, SlotSecret, SlotSummary};
pub(crate) use slots::LoadedSlots;
