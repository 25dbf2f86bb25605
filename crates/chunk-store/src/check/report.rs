//! What a check found. Lists are bounded: the first of each are kept, all are counted.

use std::collections::BTreeSet;

use lumivault_format::{ChunkId, ObjectId, ObjectKind, SnapshotId};

use crate::Error;

/// Findings kept; more are only counted.
const FINDINGS_MAX: usize = 1000;
/// Affected paths kept; more are only counted.
pub(super) const AFFECTED_MAX: usize = 1000;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is wrong; somebody may want to know.
    Note,
    /// Nothing is lost, but something should be done.
    Warning,
    /// Stored data is damaged or missing.
    Damage,
}

/// What helps against damage, in the order in which it is to be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Remedy {
    /// A file has to be put back by hand, as its finding says.
    ByHand,
    /// Repairing the index: copies of small records mend them, and the index is listed anew from the packs.
    Index,
    /// Repairing snapshots: their records come from another copy of the repository.
    Snapshots,
    /// Repairing packs: parity mends them.
    Parity,
    /// Repairing packs: chunks come from another copy of the repository.
    Packs,
}

impl Remedy {
    /// What helps against a finding, as far as the object alone tells. What helps packs is known when their parity was looked at.
    fn of(finding: &Finding) -> Option<Self> {
        match finding.object?.kind {
            ObjectKind::Pack => None,
            ObjectKind::Index => Some(Self::Index),
            ObjectKind::Snapshot | ObjectKind::Annotation => Some(Self::Snapshots),
            _ => Some(Self::ByHand),
        }
    }
}

/// One thing that a check found, and what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// The object.
    pub object: Option<ObjectId>,
    /// The chunk.
    pub chunk: Option<ChunkId>,
    /// The first snapshot that it was met in.
    pub snapshot: Option<SnapshotId>,
    /// The path in that snapshot, components joined by `/`; empty for its root.
    pub path: Option<Vec<u8>>,
    /// What is wrong, and what to do.
    pub message: String,
}

impl Finding {
    pub(super) fn new(severity: Severity, message: impl Into<String>) -> Self {
        Self {
            severity,
            object: None,
            chunk: None,
            snapshot: None,
            path: None,
            message: message.into(),
        }
    }

    /// An error about one object, with its causes. What needs a later program is no damage.
    pub(super) fn of_error(error: &Error, advice: &str) -> Self {
        let (severity, advice) = if error.is_unsupported() {
            (Severity::Warning, "It cannot be checked here")
        } else {
            (Severity::Damage, advice)
        };
        Self {
            object: error.object(),
            ..Self::new(severity, format!("{}. {advice}", error.with_causes()))
        }
    }

    pub(super) fn object(self, object: ObjectId) -> Self {
        Self {
            object: Some(object),
            ..self
        }
    }

    pub(super) fn chunk(self, chunk: ChunkId) -> Self {
        Self {
            chunk: Some(chunk),
            ..self
        }
    }
}

/// A file or folder that cannot be restored whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Affected {
    /// The snapshot.
    pub snapshot: SnapshotId,
    /// The path in it, components joined by `/`; empty for its root.
    pub path: Vec<u8>,
    /// The chunk that it lacks; `None` for a folder known to be affected from another snapshot.
    pub chunk: Option<ChunkId>,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckCounts {
    /// Small objects read whole: config, key slots, epochs, index, snapshots, annotations.
    pub objects: u64,
    /// Packs listed by the index.
    pub packs: u64,
    /// Packs read from their first byte to their last.
    pub packs_read: u64,
    /// Their bytes.
    pub bytes_read: u64,
    /// Chunks listed by the index.
    pub chunks: u64,
    /// Snapshots walked.
    pub snapshots: u64,
    /// Distinct folders walked.
    pub folders: u64,
    /// Entries of distinct folders that are files.
    pub files: u64,
}

/// The outcome of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// The first 1,000 findings.
    pub findings: Vec<Finding>,
    /// How many there were.
    pub findings_total: u64,
    /// The gravest of all.
    pub worst: Option<Severity>,
    /// What helps against the damage.
    pub remedies: BTreeSet<Remedy>,
    /// Snapshots that cannot be restored whole.
    pub affected_snapshots: Vec<SnapshotId>,
    /// The first 1,000 files and folders that cannot be restored whole. A folder that several snapshots share is
    /// looked into once; for the others the folder is named.
    pub affected: Vec<Affected>,
    /// How many there were.
    pub affected_total: u64,
    /// What was looked at.
    pub counts: CheckCounts,
}

impl CheckReport {
    /// Whether stored data is damaged or missing.
    pub fn is_damaged(&self) -> bool {
        self.worst == Some(Severity::Damage)
    }

    pub(super) fn add(&mut self, finding: Finding) {
        if finding.severity == Severity::Damage {
            self.remedies.extend(Remedy::of(&finding));
        }
        self.keep(finding);
    }

    /// The same where it is known what helps.
    pub(super) fn add_with(&mut self, remedy: Remedy, finding: Finding) {
        self.remedies.insert(remedy);
        self.keep(finding);
    }

    fn keep(&mut self, finding: Finding) {
        self.findings_total += 1;
        self.worst = self.worst.max(Some(finding.severity));
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }

    pub(super) fn add_affected(&mut self, affected: Affected) {
        self.affected_total += 1;
        if self.affected.len() < AFFECTED_MAX {
            self.affected.push(affected);
        }
    }

    pub(super) fn add_affected_snapshot(&mut self, snapshot: SnapshotId) {
        if self.affected_snapshots.last() != Some(&snapshot) {
            self.affected_snapshots.push(snapshot);
        }
    }
}
