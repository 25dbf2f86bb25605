//! Searches many snapshots at once, as if they were one.
//!
//! All snapshots are walked together, one path at a time. At each path the folders of all snapshots are told apart
//! by their references, and those that differ in nothing that is searched (their names and contents streams, and the
//! stats only where times are asked for) are merged into one *class*, which is read once. What is left is a merge of
//! sorted lists, whose equal pieces are decoded once, too. So an unchanged folder costs one reading, however many
//! months hold it, and a fresh copy with new times costs its heads and the references in it.
//!
//! Memory is that of one folder's heads a level, and a few pieces.

mod class;
mod search;

use std::io;

use lumivault_chunk_store::{Error, StoredSnapshot};

use super::error::BrowseError;
use super::listed::Listed;
use super::query::Query;
use super::tree::Browser;
use search::Search;

/// Something found: one content at one path, in however many snapshots of one phone.
#[derive(Clone, Debug)]
pub struct Found<'s> {
    /// As it is in the newest of them.
    pub listed: Listed,
    /// The snapshots that hold it, oldest first; at least one.
    pub snapshots: Vec<&'s StoredSnapshot>,
}

/// What a search comes upon.
#[derive(Debug)]
pub enum FindEvent<'a, 's> {
    /// Something that was looked for. In ascending order of paths, as in a walk.
    Found(&'a Found<'s>),
    /// An entry, or the rest of a folder, that cannot be read. The search goes on behind it.
    Unreadable {
        /// Its path.
        path: &'a [u8],
        /// The snapshots that it is missing from, oldest first.
        snapshots: Vec<&'s StoredSnapshot>,
        /// Why; a damaged or missing chunk is named.
        error: &'a Error,
    },
}

/// What a search did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FindSummary {
    /// Times [`FindEvent::Found`] was reported.
    pub found: u64,
    /// Times [`FindEvent::Unreadable`] was reported.
    pub unreadable: u64,
    /// Folder heads read. Folders with one reference at one path count once.
    pub heads: u64,
    /// Lists of names read. Folders that differ in what was not asked for count once.
    pub lists: u64,
}

impl Browser<'_, '_> {
    /// Searches snapshots, in any order, for what the query wants.
    pub fn find<'s>(
        &self,
        snapshots: &[&'s StoredSnapshot],
        query: &Query,
        each: &mut dyn FnMut(FindEvent<'_, 's>) -> io::Result<()>,
    ) -> Result<FindSummary, BrowseError> {
        let mut ordered = snapshots.to_vec();
        ordered.sort_by_key(|one| (one.snapshot.time.since_epoch(), one.rank));
        ordered.dedup_by_key(|one| one.id);
        Search::new(self, query, ordered, each).run()
    }
}

impl<'s> Found<'s> {
    /// The oldest snapshot that holds it.
    pub fn first(&self) -> Option<&'s StoredSnapshot> {
        self.snapshots.first().copied()
    }

    /// The newest one.
    pub fn last(&self) -> Option<&'s StoredSnapshot> {
        self.snapshots.last().copied()
    }
}
