//! `repair`

use super::RepoLocation;
use crate::password::Unlock;

/// What is to be repaired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Repair {
    Index {
        dry_run: bool,
    },
    Packs {
        from: Option<OtherCopy>,
        dry_run: bool,
    },
    Snapshots {
        from: Option<OtherCopy>,
        /// Give up what is nowhere.
        drop_lost: bool,
        dry_run: bool,
    },
    Sessions {
        /// The user says that nobody is at work.
        all: bool,
        dry_run: bool,
    },
}

impl Repair {
    /// Where what is lost is fetched from.
    pub(crate) fn from(&self) -> Option<&OtherCopy> {
        match self {
            Self::Packs { from, .. } | Self::Snapshots { from, .. } => from.as_ref(),
            Self::Index { .. } | Self::Sessions { .. } => None,
        }
    }
}

/// Another copy of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OtherCopy {
    pub(crate) repo: RepoLocation,
    /// None: what opens the repository opens the copy too.
    pub(crate) unlock: Option<Unlock>,
}
