//! Keys: the keyring of an archive, the slots that wrap it, and recovery codes. See docs/format.md §5.

mod kdf;
mod keyring;
mod recovery;
mod slot;

pub use keyring::Keyring;
pub(crate) use keyring::{DerivedKeys, keyed_hash};
pub use recovery::{RecoveryCode, RecoveryCodeError};
pub(crate) use slot::{LoadedSlots, create_slot, open_epochs, rewrap_slot, seal_epoch};
pub use slot::{NewSlot, OpenSlot, SlotSecret, SlotSummary};
