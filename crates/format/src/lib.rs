//! The bytes of a lumivault repository.
//!
//! Everything here encodes and decodes; nothing here does I/O, holds keys or reads the clock. Decoders never
//! panic and never allocate more than the limits in [`limits`] allow. The normative description of the bytes is
//! `docs/format.md`; comments point to its sections.

mod name;
mod time;

pub use name::{ObjectId, ObjectKind, ObjectName};
pub use time::{Precision, SnapshotTime};
