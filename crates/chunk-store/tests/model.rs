//! Random histories of an archive against a model of it: a map from snapshots to what they hold. Backups, forgetting, reviving,
//! pinning, pruning with clocks that jump, runs that die, and storage that fails at any operation. After each history every
//! snapshot that must be there reads back what the model says, and a check of every byte finds nothing.
//!
//! `LUMIVAULT_MODEL_HISTORIES` and `LUMIVAULT_MODEL_SEED` make a longer campaign of it; docs/testing.md.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

mod model {
    mod histories;
    mod known;
    mod player;
    mod steps;
    mod tree;
}
