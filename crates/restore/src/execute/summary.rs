//! What a restore did.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Notice, Problem};
use crate::plan::Action;
use crate::target::Skipped;

/// What was read from the repository for contents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fetched {
    /// Packs that were read from.
    pub packs: u64,
    /// Chunks decoded.
    pub chunks: u64,
    /// Bytes of these chunks as they are stored.
    pub stored_bytes: u64,
    /// Bytes of these chunks, decoded.
    pub plain_bytes: u64,
    /// Read operations.
    pub reads: u64,
    /// Bytes read, small gaps between chunks included.
    pub read_bytes: u64,
}

/// How a restore ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything is as the snapshot has it.
    Complete,
    /// Something could not be created here.
    Incomplete,
    /// Something could not be restored because stored data is damaged or missing, or reads back differently.
    Damaged,
}

/// What a restore did.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RestoreSummary {
    /// Files created.
    pub created: u64,
    /// Files replaced whole.
    pub replaced: u64,
    /// Files of which only some ranges were fetched.
    pub updated: u64,
    /// Files of which only the metadata was set.
    pub metadata: u64,
    /// Files that were there already.
    pub unchanged: u64,
    /// Files that were there and stayed, as the request says.
    pub kept: u64,
    /// Further names given to files.
    pub hard_links: u64,
    /// Symbolic links, devices, pipes and sockets made.
    pub others: u64,
    /// Folders made, or given their metadata.
    pub folders: u64,
    /// Bytes of the files written.
    pub bytes: u64,
    /// What was read from the repository.
    pub fetched: Fetched,
    /// Things removed that only the target had, a folder with all in it counted once.
    pub deleted: u64,
    /// Deleting was asked for, but not everything could be restored.
    pub deletions_withheld: bool,
    /// Files read back and found right.
    pub verified: u64,
    /// Entries that are not in the target as they should be (the first 10,000).
    pub problems: Vec<Problem>,
    /// How many there are.
    pub problems_total: u64,
    /// How many of them mean damage.
    pub damaged_total: u64,
    /// What to know about others (the first 10,000).
    pub notices: Vec<Notice>,
    /// How many there are.
    pub notices_total: u64,
    /// Entries left out because this user may not make them, or the target cannot hold them.
    pub left_out_total: u64,
    /// Metadata left out because it comes only on request.
    pub skipped: Skipped,
    /// Whether it went on from an interrupted restore.
    pub resumed: bool,
}

impl RestoreSummary {
    /// How it ended.
    pub fn outcome(&self) -> Outcome {
        if self.damaged_total > 0 {
            Outcome::Damaged
        } else if self.problems_total > 0 || self.left_out_total > 0 {
            Outcome::Incomplete
        } else {
            Outcome::Complete
        }
    }
}

/// Counts by several threads.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    created: AtomicU64,
    replaced: AtomicU64,
    updated: AtomicU64,
    metadata: AtomicU64,
    unchanged: AtomicU64,
    kept: AtomicU64,
    hard_links: AtomicU64,
    others: AtomicU64,
    folders: AtomicU64,
    bytes: AtomicU64,
    deleted: AtomicU64,
    verified: AtomicU64,
}

fn add(count: &AtomicU64, number: u64) {
    count.fetch_add(number, Ordering::Relaxed);
}

impl Tally {
    pub(super) fn restored(&self, action: Action, bytes: u64) {
        let count = match action {
            Action::Replace => &self.replaced,
            Action::Update => &self.updated,
            Action::Metadata => return add(&self.metadata, 1),
            Action::Unchanged => return add(&self.unchanged, 1),
            _ => &self.created,
        };
        add(count, 1);
        add(&self.bytes, bytes);
    }

    pub(super) fn kept(&self) {
        add(&self.kept, 1);
    }

    pub(super) fn linked(&self) {
        add(&self.hard_links, 1);
    }

    pub(super) fn other(&self) {
        add(&self.others, 1);
    }

    pub(super) fn folder(&self) {
        add(&self.folders, 1);
    }

    pub(super) fn deleted(&self) {
        add(&self.deleted, 1);
    }

    pub(crate) fn verified(&self) {
        add(&self.verified, 1);
    }

    pub(super) fn into_summary(self) -> RestoreSummary {
        RestoreSummary {
            created: self.created.into_inner(),
            replaced: self.replaced.into_inner(),
            updated: self.updated.into_inner(),
            metadata: self.metadata.into_inner(),
            unchanged: self.unchanged.into_inner(),
            kept: self.kept.into_inner(),
            hard_links: self.hard_links.into_inner(),
            others: self.others.into_inner(),
            folders: self.folders.into_inner(),
            bytes: self.bytes.into_inner(),
            deleted: self.deleted.into_inner(),
            verified: self.verified.into_inner(),
            ..RestoreSummary::default()
        }
    }
}
