//! The repository of a lumivault archive: keys, sealing, packing, index, storage and checking.
//!
//! Knows nothing of terminals and nothing of phones. See `docs/architecture.md`.

mod aead;
pub mod backend;
mod chain;
pub mod check;
mod codec;
mod environment;
mod error;
pub mod forget;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod index;
pub mod keys;
mod nonce_ledger;
pub mod pack;
pub mod parity;
pub mod prune;
pub mod repair;
mod repository;
mod seal;
pub mod session;
mod snapshots;
mod sys;
/// What local repositories did to the disk; test builds only.
#[cfg(feature = "storage-log")]
pub mod storage_log {
    pub use crate::sys::log::{Deed, Fault, FileNumber, Record, StorageLog};
}
#[cfg(test)]
mod testing;
pub mod tree;
#[cfg(test)]
mod vectors;

pub use chain::Chain;
pub use codec::{Compression, CompressionHint};
pub use environment::{Clock, Environment, Event, Monitor, Random, Silent, SystemClock, SystemRandom};
pub use error::Error;
pub use index::{CacheDir, ChunkIndex};
#[cfg(feature = "nonce-ledger")]
pub use nonce_ledger::totals as nonce_ledger_totals;
pub use pack::{ChunkWriter, EntryLocation, PackReader, Stored, WriteSummary, WriterOptions};
pub use repository::{InitOptions, Loaded, OpenOptions, Repository};
pub use snapshots::StoredSnapshot;
pub use tree::{Entry, Folder, TreeReader};
