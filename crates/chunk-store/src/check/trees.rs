//! Snapshots and their folders: every folder decodes, and every chunk that a file consists of can be found. A folder
//! that several snapshots share is walked once.

use std::collections::{HashMap, HashSet};

use lumivault_format::tree::{FolderHead, FolderRef, StatRecord, StreamTag};
use lumivault_format::{ChunkId, ChunkKind, ObjectId, ObjectKind, ObjectName, SnapshotId, limits};

use super::objects::list;
use super::report::{Affected, CheckReport, Finding, Remedy, Severity};
use super::{Health, announce, count, done};
use crate::{ChunkIndex, Error, Repository, StoredSnapshot, TreeReader};

pub(super) fn check(
    repository: &Repository,
    index: &ChunkIndex,
    snapshots: &HashSet<ObjectName>,
    health: &Health,
    report: &mut CheckReport,
) -> Result<(), Error> {
    let mut loaded = repository.snapshots()?;
    loaded.found.retain(|stored| snapshots.contains(&stored.object));
    report.counts.objects += count(loaded.found.len() + list(repository, ObjectKind::Annotation)?.len());
    for error in &loaded.unreadable {
        let advice = "`lumivault repair snapshots --from COPY` fetches it from another copy of the repository; the other \
                      snapshots are unharmed";
        report.add_with(Remedy::Snapshots, Finding::of_error(error, advice));
    }
    check_config(repository, &loaded.found, report);
    let mut chain = repository.chain()?;
    if !chain.gaps().is_empty() && repository.listings_lag() {
        // What was committed meanwhile may show before what it names.
        repository.settle()?;
        chain = repository.chain()?;
    }
    if !chain.is_complete() {
        let message =
            "a snapshot or a later fact about one could not be read again; the storage fails in places";
        report.add(Finding::new(Severity::Damage, message));
    }
    for gone in chain.gaps() {
        let message = format!(
            "snapshot {gone}, which another names as the one before it, is gone without having been forgotten. `lumivault repair \
             snapshots --from COPY` fetches it from another copy of the repository; where there is none, --drop-lost gives it up"
        );
        report.add_with(Remedy::Snapshots, Finding::new(Severity::Damage, message));
    }
    announce(repository, count(loaded.found.len()), 0);
    let mut walker = Walker {
        repository,
        index,
        reader: TreeReader::new(repository, index),
        health,
        report,
        snapshot: SnapshotId::from_bytes([0; 32]),
        path: Vec::new(),
        sound: HashMap::new(),
        broken: HashSet::new(),
        pieces: HashMap::new(),
        reported: HashSet::new(),
    };
    for stored in &loaded.found {
        walker.snapshot(stored)?;
        done(repository, 1, 0);
    }
    Ok(())
}

/// Snapshots name the config that was in force: a later one than is there now is gone.
fn check_config(repository: &Repository, snapshots: &[StoredSnapshot], report: &mut CheckReport) {
    let in_force = repository.config().generation;
    let generations = snapshots.iter().map(|stored| stored.snapshot.config_generation);
    if let Some(newest) = generations.max().filter(|newest| *newest > in_force) {
        let message = format!(
            "the config in force is of generation {in_force}, and a snapshot was made under generation {newest}: that file is \
             gone, and what was set in it, such as parity, does not count. Restore the file from another copy of the \
             repository, if there is one"
        );
        report.add(Finding::new(Severity::Warning, message));
    }
}

/// Chunks reported as missing that are remembered, so that none is reported twice.
const REPORTED_MAX: usize = 100_000;

pub(super) struct Walker<'w> {
    pub(super) repository: &'w Repository,
    pub(super) index: &'w ChunkIndex,
    pub(super) reader: TreeReader<'w>,
    pub(super) health: &'w Health,
    pub(super) report: &'w mut CheckReport,
    pub(super) snapshot: SnapshotId,
    pub(super) path: Vec<u8>,
    /// Folders without any fault, by the ids of their heads, and how deep they go.
    pub(super) sound: HashMap<ChunkId, usize>,
    /// Folders with a fault, in themselves or further down.
    pub(super) broken: HashSet<ChunkId>,
    /// Pieces of streams without any fault that can be understood alone, and their records.
    pub(super) pieces: HashMap<ChunkId, u64>,
    pub(super) reported: HashSet<ChunkId>,
}

/// What became of a folder: how many levels it has, if all of it is sound.
type Depth = Option<usize>;

impl Walker<'_> {
    fn snapshot(&mut self, stored: &StoredSnapshot) -> Result<(), Error> {
        self.snapshot = stored.id;
        self.path.clear();
        self.report.counts.snapshots += 1;
        let object = ObjectId {
            kind: ObjectKind::Snapshot,
            name: stored.object,
        };
        let mut sound = true;
        if let Err(problem) = StatRecord::decode_alone(&stored.snapshot.root_stat) {
            self.fault(None, &problem.to_string());
            sound = false;
        }
        match FolderRef::decode_whole(&stored.snapshot.root) {
            Ok(root) => sound &= self.folder(&root, 0)?.is_some(),
            Err(problem) => {
                self.report_with_place(Finding::new(Severity::Damage, problem.to_string()).object(object));
                sound = false;
            }
        }
        if !sound {
            self.report.add_affected_snapshot(stored.id);
        }
        Ok(())
    }

    fn folder(&mut self, reference: &FolderRef, level: usize) -> Result<Depth, Error> {
        self.repository.environment().check_cancelled()?;
        // A head is the same folder whether it lies in a chunk of its own or inline.
        let id = match reference {
            FolderRef::Inline(head) => self.repository.chunk_id(ChunkKind::Tree, head),
            FolderRef::Chunk { id, .. } => *id,
        };
        if let Some(depth) = self.sound.get(&id) {
            let depth = *depth;
            return Ok(self.check_depth(level + depth).then_some(depth));
        }
        if self.broken.contains(&id) {
            self.affect(None);
            return Ok(None);
        }
        if !self.check_depth(level) {
            return Ok(None);
        }
        let depth = match self.head(reference)? {
            Some(head) => self.folder_with(&head, level)?,
            None => None,
        };
        match depth {
            Some(depth) => drop(self.sound.insert(id, depth)),
            None => drop(self.broken.insert(id)),
        }
        Ok(depth)
    }

    fn check_depth(&mut self, level: usize) -> bool {
        let fits = level <= limits::TREE_DEPTH_MAX;
        if !fits {
            self.fault(None, "folders are nested more than 256 deep");
        }
        fits
    }

    fn head(&mut self, reference: &FolderRef) -> Result<Option<FolderHead>, Error> {
        let decoded = match reference {
            FolderRef::Inline(head) => FolderHead::decode(head),
            FolderRef::Chunk { id, plain_len } => match self.tree_chunk(id, *plain_len)? {
                Some(head) => FolderHead::decode(&head),
                None => return Ok(None),
            },
        };
        match decoded {
            Ok(head) => Ok(Some(head)),
            Err(problem) => {
                self.fault(None, &problem.to_string());
                Ok(None)
            }
        }
    }

    fn folder_with(&mut self, head: &FolderHead, level: usize) -> Result<Depth, Error> {
        self.report.counts.folders += 1;
        let (mut sound, bad) = self.contents(head)?;
        sound &= self.stats(head)?;
        let mut folders = Vec::new();
        sound &= self.stream(head, StreamTag::Folders, &mut |r, _, _| {
            folders.push(FolderRef::decode(r)?);
            Ok(())
        })?;
        let Some(names) = self.names(head, &bad)? else {
            return Ok(None);
        };
        if names.len() != folders.len() {
            self.fault(None, "the folder's names do not fit its subfolders");
            return Ok(None);
        }
        sound &= bad.is_empty();
        let mut depth = 0;
        for (name, folder) in names.iter().zip(&folders) {
            let length = self.path.len();
            self.enter(name);
            let below = self.folder(folder, level + 1)?;
            self.path.truncate(length);
            match below {
                Some(below) => depth = depth.max(below + 1),
                None => sound = false,
            }
        }
        Ok(sound.then_some(depth))
    }

    pub(super) fn enter(&mut self, name: &[u8]) {
        if !self.path.is_empty() {
            self.path.push(b'/');
        }
        self.path.extend_from_slice(name);
    }

    pub(super) fn fault(&mut self, chunk: Option<ChunkId>, problem: &str) {
        let message = format!(
            "{problem}. Files of this folder cannot be restored from this snapshot; others may hold them"
        );
        let finding = Finding::new(Severity::Damage, message);
        self.report_with_place(Finding { chunk, ..finding });
        self.affect(chunk);
    }

    pub(super) fn fault_once(&mut self, chunk: &ChunkId, problem: &str) {
        if self.reported.contains(chunk) {
            return;
        }
        if self.reported.len() < REPORTED_MAX {
            self.reported.insert(*chunk);
        }
        let message = format!("a chunk is lost: {problem}");
        self.report_with_place(Finding::new(Severity::Damage, message).chunk(*chunk));
    }

    pub(super) fn report_with_place(&mut self, finding: Finding) {
        self.report.add(Finding {
            snapshot: Some(self.snapshot),
            path: Some(self.path.clone()),
            ..finding
        });
    }

    pub(super) fn affect(&mut self, chunk: Option<ChunkId>) {
        self.report.add_affected(Affected {
            snapshot: self.snapshot,
            path: self.path.clone(),
            chunk,
        });
    }
}
