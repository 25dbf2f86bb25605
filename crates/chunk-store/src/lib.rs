//! The repository of a lumivault archive: keys, sealing, packing, index, storage and checking.
//!
//! Knows nothing of terminals and nothing of phones. See `docs/architecture.md`.

pub mod backend;
