//! What has been acknowledged, and what follows from it for a state in between.

use std::collections::{BTreeMap, BTreeSet};

use lumivault_format::SnapshotId;

/// The secret of a key slot.
pub(super) type Key = [u8; 32];

/// What a repository holds after a step was acknowledged.
#[derive(Clone, Debug, Default)]
pub(super) struct Acknowledged {
    pub(super) repository: bool,
    /// The secret of each key slot.
    pub(super) slots: Vec<Key>,
    pub(super) snapshots: BTreeMap<SnapshotId, Held>,
    /// Those that were forgotten and can still be revived.
    pub(super) forgotten: BTreeMap<SnapshotId, Held>,
    /// Whether the disk rotted, so far that a repair mends it.
    pub(super) damaged: bool,
    /// The stage that a backup was to hold when it failed. Its snapshot may be there all the same.
    pub(super) in_the_making: Option<usize>,
}

/// A snapshot: the stage of the source that it holds, its tags, and whether it is pinned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) stage: usize,
    pub(super) tags: BTreeSet<String>,
    pub(super) pinned: bool,
}

impl Held {
    pub(super) fn new(stage: usize) -> Self {
        Self {
            stage,
            tags: BTreeSet::new(),
            pinned: false,
        }
    }
}

/// What must be true of a state between two acknowledged ones: whatever is true of both, and nothing that is true of
/// neither.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    /// Whether there must be a repository.
    pub(super) repository: bool,
    /// Of each slot the secrets one of which must open it.
    pub(super) slots: Vec<BTreeSet<Key>>,
    /// Secrets that open nothing any more.
    pub(super) refused: BTreeSet<Key>,
    /// Snapshots that must be there, with the tags that they must have.
    pub(super) must: BTreeMap<SnapshotId, Held>,
    /// Snapshots that may be there, with the stages that they hold.
    pub(super) may: BTreeMap<SnapshotId, usize>,
    /// The stage that snapshots hold of which nothing was said.
    pub(super) others: Option<usize>,
    /// Whether a repair may be needed first.
    pub(super) damaged: bool,
}

impl Expected {
    /// In a history that has got to `done` of its acknowledged states and may be on its way to the next.
    pub(super) fn of(history: &[Acknowledged], done: usize) -> Self {
        let before = &history[done];
        let after = history.get(done + 1).unwrap_or(before);
        let either = |number: usize| {
            [before, after]
                .into_iter()
                .filter_map(move |state| state.slots.get(number))
        };
        // One that is being added or removed may open it or not.
        let count = if before.repository {
            before.slots.len().min(after.slots.len())
        } else {
            after.slots.len()
        };
        let slots: Vec<BTreeSet<Key>> = (0..count)
            .map(|number| either(number).copied().collect())
            .collect();
        let ever = history.iter().flat_map(|state| &state.slots);
        let works = |key: &Key| before.slots.contains(key) || after.slots.contains(key);
        let refused = ever.filter(|key| !works(key));
        let held = before.snapshots.iter().filter_map(|(id, held)| {
            let other = after.snapshots.get(id)?;
            let tags = held.tags.intersection(&other.tags).cloned().collect();
            let (stage, pinned) = (held.stage, held.pinned && other.pinned);
            Some((*id, Held { stage, tags, pinned }))
        });
        let either = before.snapshots.iter().chain(&after.snapshots);
        Self {
            repository: before.repository,
            must: held.collect(),
            may: either.map(|(id, held)| (*id, held.stage)).collect(),
            refused: refused.copied().collect(),
            slots,
            others: after.in_the_making,
            damaged: before.damaged || after.damaged,
        }
    }

    /// Where nothing was acknowledged, and an archive with these slots may be in the making.
    pub(super) fn nothing(slots: &[Key]) -> Self {
        Self {
            repository: false,
            slots: slots.iter().map(|key| BTreeSet::from([*key])).collect(),
            refused: BTreeSet::new(),
            must: BTreeMap::new(),
            may: BTreeMap::new(),
            others: None,
            damaged: false,
        }
    }

    /// After one more backup, acknowledged or under way.
    pub(super) fn with(&self, id: SnapshotId, stage: usize, acknowledged: bool) -> Self {
        let mut more = self.clone();
        more.may.insert(id, stage);
        if acknowledged {
            more.must.insert(id, Held::new(stage));
        }
        more
    }
}
