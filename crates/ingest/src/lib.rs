//! Turns folders into lumivault snapshots: walking, chunking by content, the backup pipeline, imports of dated folders.
//!
//! Stores through the chunk store and decrypts nothing but the folders of the snapshot before. See
//! `docs/architecture.md`.

pub mod backup;
pub mod chunking;
pub mod dates;
mod error;
pub mod import;
pub mod source;

pub use error::IngestError;
