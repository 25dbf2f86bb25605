//! Packs: many sealed chunks in one object, with hidden boundaries. See docs/format.md §7.

mod adopt;
mod dealer;
mod open_pack;
mod reader;
mod run;
mod shared;
mod verify;
mod writer;

pub use reader::{EntryLocation, PackReader};
pub use writer::{ChunkWriter, Stored, WriteSummary, WriterOptions};

pub(crate) use reader::verify_entry;
pub(crate) use verify::{Flaw, verify_pack};

/// Full packs end on a multiple of this.
const CLASS_BYTES: u32 = 512 * 1024;
/// The smallest full pack.
const FULL_BYTES_MIN: u32 = 16 * 1024 * 1024;
/// A pack that would grow beyond this is closed instead. A single chunk of nearly 16 MiB in a pack of nearly 16 MiB
/// may still exceed it by a class, as docs/format.md §7 allows.
const FULL_BYTES_MAX: u32 = 32 * 1024 * 1024;
/// The smallest last pack of a run.
const LAST_BYTES_MIN: u64 = 64 * 1024;
/// A full pack this close to a class boundary is closed at once. With photos of a megabyte a pack comes this close before it is
/// full seven times in eight, and wastes 32 KiB on average; whatever it is closed at later wastes 256 KiB.
const CLOSE_GAP: u32 = 64 * 1024;
