//! Looking into snapshots without restoring them: what `ls`, `find`, `diff`, `dump` and `cat` are made of.
//!
//! Folders are read stream by stream and piece by piece, so that memory does not grow with their size, and what is
//! not asked for (the times, where only names matter) is not read at all. What is equal in two snapshots is known by
//! its reference and read once or, where only differences count, never. A part that cannot be read is reported with
//! its path, and the work goes on.

mod diff;
mod dump;
mod error;
mod find;
mod listed;
mod pieces;
mod query;
mod range;
mod reference;
mod set;
mod streams;
mod tree;
mod walk;

pub use diff::{Change, DiffEvent, DiffOptions, DiffSummary, Difference, Side, Tally};
pub use dump::{ArchiveNote, ArchiveSummary, NoteTaker, SkipReason};
pub use error::BrowseError;
pub use find::{FindEvent, FindSummary, Found};
pub use listed::{Listed, ListedKind};
pub use query::{Query, QueryError, QueryRules};
pub use range::{DateRange, in_range};
pub use reference::{
    Reference, ReferenceError, ResolveRequest, Resolved, SnapshotName, resolve, resolve_parsed,
};
pub use tree::{Browser, Node};
pub use walk::{Walk, WalkOptions, Walked};
