//! What a power cut may leave. From the log of a real local repository ([`StorageLog`]) a disk is simulated that
//! forgets everything it was not told to keep: at every prefix of the log each change of a name whose folder was not
//! synced, and each byte of a file that was not synced, may be there or not, whatever the order in which they were made.
//!
//! Harsher than any file system: a rename may be undone in one folder and not in the other, a later change may outlive
//! an earlier one, a new folder may be lost with what was synced in it, and syncing a file says nothing of its name.
//!
//! [`StorageLog`]: lumivault_chunk_store::storage_log::StorageLog

mod choice;
mod disk;
mod explore;
#[cfg(test)]
mod tests;
mod tree;

pub use choice::Choice;
pub use disk::Disk;
pub use explore::{CrashState, Exploration, explore, explore_at, last_steps};
pub use tree::{Blob, Node, Tree};
