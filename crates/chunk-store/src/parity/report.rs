//! What parity can do about what is damaged.

use lumivault_format::ObjectId;

/// Damaged objects kept in a report; more are only counted.
pub(super) const DAMAGED_MAX: usize = 1000;

/// Whether a damaged or lost object can be mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// From parity, of which the pack needs so many shards of 16 KiB.
    Parity {
        /// Shards of the pack that are bad or missing.
        bad_shards: usize,
    },
    /// From a copy.
    Copy,
    /// More is bad than its parity can mend.
    Beyond {
        /// Shards of the pack that are bad or missing.
        bad_shards: usize,
        /// Good shards of the parity: as many could be mended.
        mendable_shards: usize,
    },
    /// There is no usable parity and no good copy.
    Nothing,
}

impl Outlook {
    /// Whether it can be mended here.
    pub const fn is_mendable(self) -> bool {
        matches!(self, Self::Parity { .. } | Self::Copy)
    }

    /// Shards that are missing to mend it.
    pub(super) const fn lacks(self) -> usize {
        match self {
            Self::Parity { .. } | Self::Copy => 0,
            Self::Beyond {
                bad_shards,
                mendable_shards,
            } => bad_shards.saturating_sub(mendable_shards),
            Self::Nothing => usize::MAX,
        }
    }
}

/// An object that is damaged or lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// The object.
    pub object: ObjectId,
    /// What can be done about it.
    pub outlook: Outlook,
}

/// Damaged objects: the first of them, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct List {
    pub(super) first: Vec<Damaged>,
    pub(super) total: u64,
}

impl List {
    pub(super) fn add(&mut self, object: ObjectId, outlook: Outlook) {
        self.total += 1;
        if self.first.len() < DAMAGED_MAX {
            self.first.push(Damaged { object, outlook });
        }
    }
}
