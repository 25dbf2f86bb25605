//! What is meant to follow one another: rules hold in each group by itself.

use std::collections::BTreeMap;

use super::Decision;
use crate::StoredSnapshot;

/// What snapshots of one group have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "any combination is meant")]
pub struct GroupBy {
    /// The phone.
    pub phone: bool,
    /// The machine.
    pub host: bool,
    /// All tags, in whatever order.
    pub tags: bool,
    /// The places of all sources, in whatever order.
    pub paths: bool,
}

impl Default for GroupBy {
    fn default() -> Self {
        Self {
            phone: true,
            ..Self::NOTHING
        }
    }
}

impl GroupBy {
    /// All snapshots in one group.
    pub const NOTHING: Self = Self {
        phone: false,
        host: false,
        tags: false,
        paths: false,
    };
}

/// What the snapshots of a group have in common; None where that may differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupKey {
    /// The phone.
    pub phone: Option<String>,
    /// The machine.
    pub host: Option<String>,
    /// Tags in alphabetical order.
    pub tags: Option<Vec<String>>,
    /// Places of the sources, ascending.
    pub paths: Option<Vec<Vec<u8>>>,
}

/// A group and what is to become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group<'s> {
    /// What its snapshots have in common.
    pub key: GroupKey,
    /// One for each, the oldest snapshot first.
    pub decisions: Vec<Decision<'s>>,
}

impl Group<'_> {
    /// Whether none of it would stay.
    pub fn keeps_nothing(&self) -> bool {
        !self.decisions.iter().any(|one| one.keep)
    }
}

fn key_of(stored: &StoredSnapshot, by: GroupBy) -> GroupKey {
    let sorted_tags = || {
        let mut tags = stored.tags.clone();
        tags.sort();
        tags
    };
    let sorted_paths = || {
        let sources = &stored.snapshot.sources;
        let mut paths: Vec<Vec<u8>> = sources.iter().map(|source| source.path.clone()).collect();
        paths.sort();
        paths
    };
    GroupKey {
        phone: by.phone.then(|| stored.snapshot.phone.clone()),
        host: by.host.then(|| stored.snapshot.host.clone()),
        tags: by.tags.then(sorted_tags),
        paths: by.paths.then(sorted_paths),
    }
}

pub(super) fn grouped<'s>(
    snapshots: impl IntoIterator<Item = &'s StoredSnapshot>,
    by: GroupBy,
) -> BTreeMap<GroupKey, Vec<&'s StoredSnapshot>> {
    let mut groups: BTreeMap<GroupKey, Vec<&StoredSnapshot>> = BTreeMap::new();
    for stored in snapshots {
        groups.entry(key_of(stored, by)).or_default().push(stored);
    }
    groups
}
