//! Folders: four streams of records and the head that holds them together. See docs/format.md §8.

mod contents;
mod head;
mod names;
mod stats;

pub use contents::{ContentRecord, ContentState, Extent};
pub use head::{FolderHead, FolderRef, Piece, Stream, StreamRecords, StreamTag};
pub use names::{Category, EntryKind, NameRecord, NameState, check_name};
pub use stats::{Extra, ExtraKind, StatRecord, StatState};

#[cfg(test)]
mod tests;
