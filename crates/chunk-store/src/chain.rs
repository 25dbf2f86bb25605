//! The chain of snapshots: each names those before it, and what goes leaves a tombstone. Whoever remembers where the chain
//! ended notices when a storage shows an older state. See docs/format.md §17.

use std::collections::HashSet;

use lumivault_format::{AnnotationKind, SnapshotId};

use crate::{Error, Repository};

/// The chain as a repository shows it.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    present: HashSet<SnapshotId>,
    buried: HashSet<SnapshotId>,
    /// Named as predecessors by either.
    named: HashSet<SnapshotId>,
    complete: bool,
}

impl Repository {
    /// Reads the chain.
    pub fn chain(&self) -> Result<Chain, Error> {
        let mut chain = Chain::default();
        let annotations = self.annotations()?;
        let snapshots = self.snapshots()?;
        chain.complete = annotations.unreadable.is_empty() && snapshots.unreadable.is_empty();
        for fact in &annotations.found {
            if fact.kind == AnnotationKind::Tombstone {
                chain.buried.insert(fact.snapshot);
                chain.named.extend(fact.predecessors.iter().copied());
            }
        }
        for stored in &snapshots.found {
            chain.present.insert(stored.id);
            chain.named.extend(stored.snapshot.predecessors.iter().copied());
        }
        Ok(chain)
    }

    /// Tells this archive's keys from others', to be kept outside of the repository.
    pub fn key_fingerprint(&self) -> [u8; 16] {
        self.cache_fingerprint(b"lumivault trust file")
    }
}

impl Chain {
    /// Where the chain ends: what no other names as its predecessor.
    pub fn heads(&self) -> Vec<SnapshotId> {
        let all = self.present.union(&self.buried);
        let mut heads: Vec<SnapshotId> = all.filter(|id| !self.named.contains(id)).copied().collect();
        heads.sort_unstable();
        heads
    }

    /// Which of these are not accounted for: neither there nor forgotten by the rules.
    pub fn unaccounted(&self, remembered: &[SnapshotId]) -> Vec<SnapshotId> {
        let is_known = |id: &&SnapshotId| self.present.contains(*id) || self.buried.contains(*id);
        remembered.iter().filter(|id| !is_known(id)).copied().collect()
    }

    /// What others name as their predecessor and is neither there nor was forgotten.
    pub fn gaps(&self) -> Vec<SnapshotId> {
        let mut gaps: Vec<SnapshotId> = self
            .named
            .iter()
            .filter(|id| !self.present.contains(*id) && !self.buried.contains(*id))
            .copied()
            .collect();
        gaps.sort_unstable();
        gaps
    }

    /// Whether all of it could be read.
    pub fn is_complete(&self) -> bool {
        self.complete
    }
}

#[cfg(test)]
mod tests {
    use lumivault_format::Annotation;

    use super::*;
    use crate::testing::{reopen, repository};

    fn id(number: u8) -> SnapshotId {
        SnapshotId::from_bytes([number; 32])
    }

    #[test]
    fn heads_and_gaps_are_what_the_names_say() {
        let set = |numbers: &[u8]| numbers.iter().copied().map(id).collect();
        let chain = Chain {
            present: set(&[1, 2, 6]),
            buried: set(&[3, 7]),
            named: set(&[1, 3, 4, 5]),
            complete: true,
        };
        assert_eq!(
            chain.heads(),
            [2, 6, 7].map(id),
            "present or forgotten, and named by none"
        );
        assert_eq!(
            chain.gaps(),
            [4, 5].map(id),
            "named, and neither present nor forgotten"
        );
        assert_eq!(chain.unaccounted(&[1, 3, 8, 4].map(id)), [8, 4].map(id));
    }

    #[test]
    fn only_tombstones_bury() {
        let (repository, _) = repository("chain: buried");
        for (number, kind) in [(1, AnnotationKind::Tombstone), (2, AnnotationKind::TagAdded)] {
            let annotation = Annotation {
                kind,
                snapshot: id(number),
                text: "text".into(),
                unix_seconds: 1_778_760_000,
                nanoseconds: 0,
                host: "desk".into(),
                predecessors: vec![id(number + 10)],
            };
            repository.annotate(&annotation).unwrap();
        }
        let chain = repository.chain().unwrap();
        assert!(chain.is_complete());
        assert_eq!(chain.heads(), [id(1)]);
        assert_eq!(chain.gaps(), [id(11)]);
    }

    #[test]
    fn the_fingerprint_is_that_of_the_keys() {
        let (one, memory) = repository("chain: one");
        let (other, _) = repository("chain: other");
        assert_ne!(one.key_fingerprint(), other.key_fingerprint());
        assert_eq!(
            one.key_fingerprint(),
            reopen(&memory, "chain: again").key_fingerprint()
        );
    }
}
