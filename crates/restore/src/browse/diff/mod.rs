//! What differs between two trees. Folders with equal references are not read, and times only where they are asked for.

mod compare;
mod moves;
mod pass;

use std::io;

use lumivault_chunk_store::Error;

use super::error::BrowseError;
use super::listed::{Listed, ListedKind};
use super::tree::{Browser, Node};
use compare::Comparison;
use moves::{Census, Moves};
use pass::Pass;

/// What to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiffOptions {
    /// Report entries that differ in times, permissions, owners or extra fields only. A fresh copy of a phone differs
    /// so in every file.
    pub metadata: bool,
    /// Look for files that moved; costs a second pass over what differs.
    pub moves: bool,
}

impl Default for DiffOptions {
    fn default() -> Self {
        Self {
            metadata: false,
            moves: true,
        }
    }
}

/// One of the trees compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that is compared with.
    Before,
    /// The one that is looked at.
    After,
}

/// How an entry differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is a file or link with another content or target.
    Modified,
    /// Only what is known of it differs.
    Metadata,
    /// The same content has left one path and come up under another.
    Moved,
    /// It is something of another kind. What was in a folder is reported removed, what is in one, added.
    Kind,
}

/// A difference. Paths are those in the trees compared, from the places where the comparison began.
#[derive(Debug)]
pub struct Difference<'a> {
    /// What happened.
    pub change: Change,
    /// The entry before, unless it was added.
    pub before: Option<&'a Listed>,
    /// The entry after, unless it was removed.
    pub after: Option<&'a Listed>,
}

/// What a comparison comes upon.
#[derive(Debug)]
pub enum DiffEvent<'a> {
    /// A difference, in the order of paths, but for moves, which come when both ends are known.
    Difference(Difference<'a>),
    /// An entry, or the rest of a folder, that cannot be read and is left out of the comparison.
    Unreadable {
        /// Its path.
        path: &'a [u8],
        /// In which tree.
        side: Side,
        /// Why; a damaged or missing chunk is named.
        error: &'a Error,
    },
}

/// Entries that changed in one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Files.
    pub files: u64,
    /// Folders.
    pub folders: u64,
    /// Links and special files.
    pub others: u64,
    /// Bytes of the files as they are after; of removed ones, as they were before.
    pub bytes: u64,
}

/// How much differs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiffSummary {
    /// New entries.
    pub added: Tally,
    /// Entries that are gone.
    pub removed: Tally,
    /// Other content.
    pub modified: Tally,
    /// Other metadata only; counted where asked for.
    pub metadata: Tally,
    /// Moved files.
    pub moved: Tally,
    /// Another kind; counted as what it is after.
    pub kind: Tally,
    /// Entries that could not be read.
    pub unreadable: u64,
    /// There were so many candidates that some moves are reported as removed and added.
    pub moves_limited: bool,
}

impl DiffSummary {
    /// Whether the trees are the same in all that was compared, and could be read.
    pub fn is_same(&self) -> bool {
        *self == Self::default()
    }

    fn count(&mut self, difference: &Difference<'_>) {
        let tally = match difference.change {
            Change::Added => &mut self.added,
            Change::Removed => &mut self.removed,
            Change::Modified => &mut self.modified,
            Change::Metadata => &mut self.metadata,
            Change::Moved => &mut self.moved,
            Change::Kind => &mut self.kind,
        };
        let Some(entry) = difference.after.or(difference.before) else {
            return;
        };
        match entry.kind {
            ListedKind::File => tally.files += 1,
            ListedKind::Folder => tally.folders += 1,
            _ => tally.others += 1,
        }
        tally.bytes = tally.bytes.saturating_add(entry.size);
    }
}

impl Browser<'_, '_> {
    /// Compares two folders, or two files, of any two snapshots.
    pub fn diff(
        &self,
        before: &Node,
        after: &Node,
        options: DiffOptions,
        each: &mut dyn FnMut(DiffEvent<'_>) -> io::Result<()>,
    ) -> Result<DiffSummary, BrowseError> {
        let mut moves = Moves::default();
        if options.moves && before.folder.is_some() && after.folder.is_some() {
            let mut census = Census::default();
            let only_content = DiffOptions {
                metadata: false,
                ..options
            };
            Comparison::new(self, only_content, &mut Pass::Census(&mut census)).run(before, after)?;
            moves = census.finish();
        }
        let mut summary = DiffSummary::default();
        let mut pass = Pass::Report {
            each,
            moves: &mut moves,
            summary: &mut summary,
        };
        Comparison::new(self, options, &mut pass).run(before, after)?;
        let (rest, limited) = std::mem::take(&mut moves).finish();
        summary.moves_limited = limited;
        for (entry, appeared) in rest {
            let mut pass = Pass::Report {
                each,
                moves: &mut moves,
                summary: &mut summary,
            };
            pass.one_sided(&entry, appeared)?;
        }
        Ok(summary)
    }
}
