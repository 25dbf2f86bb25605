//! Does what a history says, to the archive and to the model.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use lumivault_chunk_store::check::{CheckOptions, Finding, ReadData, Severity, check};
use lumivault_chunk_store::forget::{forget, pin, revive, unpin};
use lumivault_chunk_store::prune::{MaxUnused, PruneOptions, prune};
use lumivault_chunk_store::session::{LEASE_SECONDS, Writing};
use lumivault_chunk_store::{CacheDir, ChunkIndex, ChunkWriter, Error, Repository};
use lumivault_format::{ObjectKind, SnapshotId};
use lumivault_testkit::{FaultBackend, FaultControl, Outcome};

use super::known::Known;
use super::steps::{Between, Deed, Failure, Prune, Step};
use super::tree;
use crate::common::archive::{HOST, holder};
use crate::common::tree::commit_stored;
use crate::common::{Fixture, OPTIONS};

const HOUR: i64 = 3600;

/// What happened in all histories: one in which nothing does shows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) steps: u64,
    pub(super) faults: u64,
    pub(super) backups: u64,
    pub(super) revoked: u64,
    pub(super) forgotten: u64,
    pub(super) revived: u64,
    pub(super) removed_packs: u64,
    pub(super) copied: u64,
    pub(super) in_use: u64,
    pub(super) compared: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: &Self) {
        for (sum, one) in [
            (&mut self.steps, other.steps),
            (&mut self.faults, other.faults),
            (&mut self.backups, other.backups),
            (&mut self.revoked, other.revoked),
            (&mut self.forgotten, other.forgotten),
            (&mut self.revived, other.revived),
            (&mut self.removed_packs, other.removed_packs),
            (&mut self.copied, other.copied),
            (&mut self.in_use, other.in_use),
            (&mut self.compared, other.compared),
        ] {
            *sum += one;
        }
    }
}

pub(super) struct Player {
    f: Fixture,
    cache: Option<tempfile::TempDir>,
    snapshots: BTreeMap<SnapshotId, Known>,
    /// In the order in which they were made.
    order: Vec<SnapshotId>,
    pub(super) tally: Tally,
}

/// A repository for one step, and what lets its storage fail.
struct Opened {
    repository: Repository,
    control: FaultControl,
    begin: usize,
}

impl Opened {
    /// Whether a failure was met.
    fn failed(&self) -> bool {
        let log = self.control.log();
        log.iter()
            .skip(self.begin)
            .any(|event| matches!(event.outcome, Outcome::Injected(_)))
    }
}

impl Player {
    pub(super) fn new(seed: &str, cached: bool) -> Self {
        Self {
            f: Fixture::new(seed),
            cache: cached.then(|| tempfile::tempdir().unwrap()),
            snapshots: BTreeMap::new(),
            order: Vec::new(),
            tally: Tally::default(),
        }
    }

    fn now(&self) -> i64 {
        self.f.env().clock.now().0
    }

    fn open(&self, failure: Option<Failure>) -> Opened {
        let faulty = FaultBackend::new(self.f.memory.clone());
        let control = faulty.control();
        let repository = self.f.open_on(Arc::new(faulty)).unwrap();
        let begin = control.count();
        if let Some(failure) = failure {
            let at = begin + failure.after;
            if failure.for_ever {
                control.fail_from(at, failure.fault);
            } else {
                control.fail_at(at, failure.fault);
            }
        }
        Opened {
            repository,
            control,
            begin,
        }
    }

    fn cache(&self, repository: &Repository) -> Option<CacheDir> {
        let folder = self.cache.as_ref()?;
        Some(CacheDir::open(folder.path(), repository).unwrap())
    }

    /// Somebody who may still be at work, and whoever is in the way of that.
    fn is_anybody_there(&self) -> bool {
        !self.f.list(ObjectKind::Session).is_empty()
    }

    pub(super) fn play(&mut self, step: &Step) {
        self.tally.steps += 1;
        let opened = self.open(step.failure);
        match &step.deed {
            Deed::Backup(numbers, between) => self.backup(&opened, numbers, *between),
            Deed::Prune(options) => self.prune(&opened, *options),
            Deed::Forget(which) => self.forget(&opened, which.index(self.order.len().max(1))),
            Deed::Revive(which) => self.revive(&opened, which.index(self.order.len().max(1))),
            Deed::Pin(which) => self.pin(&opened, which.index(self.order.len().max(1)), true),
            Deed::Unpin(which) => self.pin(&opened, which.index(self.order.len().max(1)), false),
            Deed::Clock(hours) => self.f.world.clock.advance(hours * HOUR),
            Deed::Look => self.look(),
        }
        self.tally.faults += u64::from(opened.failed());
    }

    fn backup(&mut self, opened: &Opened, numbers: &[u64], between: Between) {
        let was_anybody_there = self.is_anybody_there();
        let repository = &opened.repository;
        let began = self.now();
        let made = self.try_backup(repository, numbers, between);
        let was_long = self.now() - began > LEASE_SECONDS;
        match made {
            Ok(Some(id)) => {
                self.tally.backups += 1;
                self.order.push(id);
                let before = self.snapshots.insert(id, Known::new(numbers.to_vec()));
                assert!(before.is_none(), "two snapshots with one id");
            }
            // Nothing was promised; whatever is left must only do no harm.
            Ok(None) => {}
            Err(_) if opened.failed() => {}
            Err(Error::InUse(_)) if was_anybody_there => self.tally.in_use += 1,
            Err(Error::Revoked | Error::PacksVanished(_)) if was_long => self.tally.revoked += 1,
            Err(error) => panic!("backup: {error:?}"),
        }
    }

    /// What a backup does; None if it died.
    fn try_backup(
        &mut self,
        repository: &Repository,
        numbers: &[u64],
        between: Between,
    ) -> Result<Option<SnapshotId>, Error> {
        let cache = self.cache(repository);
        let writing = Writing::begin(repository, &holder(), cache)?;
        let mut between = Some(between);
        loop {
            let writer = ChunkWriter::new(repository, Arc::clone(writing.index()), OPTIONS)?;
            let root = tree::store(&writer, numbers)?;
            writer.finish()?;
            match between.take() {
                Some(Between::Death) => {
                    std::mem::forget(writing);
                    return Ok(None);
                }
                Some(Between::Pruned(hours, options)) => {
                    self.f.world.clock.advance(hours * HOUR);
                    let other = self.open(None);
                    self.prune(&other, options);
                }
                Some(Between::Nothing) | None => {}
            }
            if writing.look_again()?.is_some() {
                continue;
            }
            // Every snapshot has a time of its own, so that each has an id of its own.
            let day = i64::try_from(self.tally.steps).unwrap();
            let stored = commit_stored(repository, day, &root)?;
            writing.confirm(&stored)?;
            writing.close()?;
            return Ok(Some(stored.id));
        }
    }

    fn prune(&mut self, opened: &Opened, options: Prune) {
        let was_anybody_there = self.is_anybody_there();
        let repository = &opened.repository;
        let cache = self.cache(repository);
        let grace_seconds = options.grace_hours * HOUR;
        let all = PruneOptions {
            grace_seconds,
            now: options.now,
            max_unused: if options.thorough {
                MaxUnused::Bytes(0)
            } else {
                MaxUnused::Percent(5.0)
            },
            ..PruneOptions::default()
        };
        let done = prune(repository, &holder(), cache.as_ref(), &all);
        let failed = opened.failed();
        match &done {
            Ok(report) => {
                self.tally.removed_packs += report.removed.packs;
                self.tally.copied += u64::from(report.copied_bytes > 0);
            }
            Err(_) if failed => {}
            Err(Error::InUse(_)) if was_anybody_there => {
                self.tally.in_use += 1;
                return;
            }
            Err(error) => panic!("prune: {error:?}"),
        }
        let now = self.now();
        for known in self.snapshots.values_mut() {
            known.prune(now, grace_seconds, options.now, done.is_ok());
        }
    }

    fn chosen(&mut self, at: usize) -> Option<(SnapshotId, Known)> {
        let id = *self.order.get(at)?;
        Some((id, self.snapshots[&id].clone()))
    }

    fn forget(&mut self, opened: &Opened, at: usize) {
        let Some((id, mut known)) = self.chosen(at) else {
            return;
        };
        let done = forget(&opened.repository, &[id], HOST);
        let now = self.now();
        match &done {
            Ok(_) => {
                self.tally.forgotten += 1;
                assert!(
                    known.live || known.forgotten.is_some(),
                    "what is gone was forgotten"
                );
                assert!(known.pinned != Some(true), "what is pinned was forgotten");
                known.forget(now, true);
                known.absent = false;
            }
            Err(_) if opened.failed() => known.forget(now, false),
            Err(Error::Pinned(_)) => assert!(known.pinned != Some(false), "it is not pinned"),
            Err(Error::Snapshot(_)) => assert!(known.absent, "{id} is there: {done:?}"),
            Err(error) => panic!("forget: {error:?}"),
        }
        self.snapshots.insert(id, known);
    }

    fn revive(&mut self, opened: &Opened, at: usize) {
        let Some((id, mut known)) = self.chosen(at) else {
            return;
        };
        let done = revive(&opened.repository, &[id], HOST);
        let now = self.now();
        match &done {
            Ok(_) => {
                self.tally.revived += 1;
                assert!(!known.is_absent(), "what is gone came back");
                known.revive(now, true);
            }
            Err(_) if opened.failed() => known.revive(now, false),
            Err(Error::Removed(_) | Error::Snapshot(_)) => {
                assert!(known.absent || known.removal, "nobody removed {id}: {done:?}");
            }
            Err(error) => panic!("revive: {error:?}"),
        }
        self.snapshots.insert(id, known);
    }

    fn pin(&mut self, opened: &Opened, at: usize, pinned: bool) {
        let Some((id, mut known)) = self.chosen(at) else {
            return;
        };
        let change = if pinned { pin } else { unpin };
        let done = change(&opened.repository, &[id], HOST);
        let now = self.now();
        match &done {
            Ok(_) => {
                if pinned {
                    assert!(known.live, "what is forgotten was pinned");
                    known.forgotten = None;
                }
                assert!(!known.is_absent(), "what is gone was changed");
                known.absent = false;
                known.pin(now, pinned, true);
            }
            Err(_) if opened.failed() => known.pin(now, pinned, false),
            Err(Error::Forgotten(_)) => assert!(known.forgotten.is_some() || known.absent),
            Err(Error::Snapshot(_)) => assert!(known.absent, "{id} is there: {done:?}"),
            Err(error) => panic!("pin: {error:?}"),
        }
        self.snapshots.insert(id, known);
    }

    /// What is there is what the model says, and every byte is well.
    pub(super) fn look(&mut self) {
        let repository = self.f.open();
        let loaded = repository.snapshots().unwrap();
        assert!(loaded.unreadable.is_empty(), "{:?}", loaded.unreadable);
        let mut there: Vec<(SnapshotId, Vec<u64>)> = Vec::new();
        for (id, known) in &mut self.snapshots {
            let stored = loaded.found.iter().find(|stored| stored.id == *id);
            let before = known.clone();
            if let Err(problem) = known.look(stored) {
                panic!("{id}: {problem}; the model says {before:?}");
            }
            if known.is_live() || known.is_forgotten() {
                there.push((*id, known.numbers.clone()));
            }
        }
        let index = ChunkIndex::load(&repository, self.cache(&repository)).unwrap();
        let options = CheckOptions {
            read: ReadData::AllData,
            threads: NonZeroUsize::MIN,
        };
        let report = check(&repository, &index, &options).unwrap();
        let damage = |finding: &&Finding| finding.severity == Severity::Damage;
        let damage: Vec<_> = report.findings.iter().filter(damage).collect();
        assert!(damage.is_empty(), "{damage:#?}");
        for (id, numbers) in &there {
            self.tally.compared += 1;
            let stored = loaded.found.iter().find(|stored| stored.id == *id).unwrap();
            tree::assert_holds(&repository, &index, stored, numbers);
        }
    }

    /// A day later, when nobody is at work any more, everything can be freed at once; nothing that counts goes.
    pub(super) fn end(&mut self) {
        self.look();
        self.f.world.clock.advance(LEASE_SECONDS * 20);
        let opened = self.open(None);
        let options = Prune {
            grace_hours: 0,
            now: true,
            thorough: true,
        };
        let before = self.tally.in_use;
        self.prune(&opened, options);
        assert_eq!(self.tally.in_use, before, "somebody is still in the way");
        for kind in [ObjectKind::Session, ObjectKind::Mark] {
            assert!(self.f.list(kind).is_empty(), "a {kind} is left");
        }
        self.look();
    }
}
