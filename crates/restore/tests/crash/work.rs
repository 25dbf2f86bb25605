//! The work that power cuts interrupt, step by step.

use std::collections::BTreeSet;

use lumivault_chunk_store::forget::forget;
use lumivault_chunk_store::prune::GRACE_SECONDS;
use lumivault_chunk_store::storage_log::{Record, StorageLog};
use lumivault_format::{Annotation, AnnotationKind, SnapshotId};
use lumivault_testkit::crash::{Choice, Disk, Tree};

use super::expect::{Acknowledged, Held, Key};
use super::site::{Site, Try, failed, slot};
use super::sources::{ELSE, Sources};

/// A step: opens the repository as a process of its own would, changes it, and says in `now` what is acknowledged then.
type Step = fn(&Worker<'_>, now: &mut Acknowledged) -> Try<()>;

/// Every command that writes has a place here, so that power cuts meet it. A step that removes snapshots takes them out
/// of `now`: until it is acknowledged they may be there or not.
const STEPS: &[(&str, Step)] = &[
    ("init", init),
    ("first backup", |worker, now| worker.backup(0, now)),
    ("tag", tag),
    ("second backup", |worker, now| worker.backup(1, now)),
    ("same backup again", |worker, now| worker.backup(1, now)),
    ("backup of something else", |worker, now| worker.backup(ELSE, now)),
    ("key passwd", passwd),
    ("key rotate", rotate),
    ("backup in the new epoch", |worker, now| worker.backup(2, now)),
    ("forget", |worker, now| worker.forget(0, now)),
    ("prune: mark", prune),
    ("prune: sweep", prune),
    ("parity", parity),
    ("backup with parity", |worker, now| worker.backup(1, now)),
    ("forget something else", |worker, now| worker.forget(ELSE, now)),
    ("prune at once", |worker, _| {
        worker.site.advance(GRACE_SECONDS + 3600);
        worker.site.prune(RECOVERY, true)
    }),
];

/// The slot whose secret never changes, as of a recovery code, and the secrets of the other.
pub(super) const RECOVERY: Key = [7; 32];
pub(super) const OLD: Key = [8; 32];
const NEW: Key = [9; 32];

/// What was done, written down.
#[derive(Debug)]
pub(super) struct History {
    pub(super) log: Vec<Record>,
    /// Before the first step, and after each.
    pub(super) acknowledged: Vec<Acknowledged>,
    /// The machine's cache at the end.
    pub(super) cache: Tree,
    /// When it ended, in seconds since 1970.
    pub(super) ended: i64,
}

struct Worker<'a> {
    site: &'a Site,
    sources: &'a Sources,
}

/// Does all the work on an empty disk.
pub(super) fn record(name: &str, sources: &Sources) -> Try<History> {
    let site = Site::new(name);
    let log = StorageLog::begin(&site.disk()).map_err(failed("the log"))?;
    let worker = Worker { site: &site, sources };
    let mut acknowledged = vec![Acknowledged::default()];
    for (name, step) in STEPS {
        let mut now = acknowledged.last().cloned().unwrap_or_default();
        step(&worker, &mut now).map_err(|error| format!("{name}: {error}"))?;
        log.note(format!("acknowledged: {name}"));
        acknowledged.push(now);
    }
    let log = log.records();
    assert_complete(&log, &site);
    let cache = Tree::read(&site.cache()).map_err(failed("the cache"))?;
    Ok(History {
        log,
        acknowledged,
        cache,
        ended: site.now(),
    })
}

/// The log must make the very disk that is there: else something changes repositories past the log, and power cuts
/// there would not be tried.
fn assert_complete(log: &[Record], site: &Site) {
    let mut disk = Disk::default();
    log.iter().for_each(|record| disk.apply(record));
    let (told, found) = (disk.crash(Choice::AllKept), Tree::read(&site.disk()).unwrap());
    let paths = |tree: &Tree| tree.0.keys().cloned().collect::<Vec<_>>();
    assert_eq!(paths(&told), paths(&found), "the log does not tell everything");
    assert!(told == found, "the log does not tell all bytes");
}

fn init(worker: &Worker<'_>, now: &mut Acknowledged) -> Try<()> {
    now.slots = vec![RECOVERY, OLD];
    worker.site.init(&now.slots)?;
    now.repository = true;
    Ok(())
}

fn tag(worker: &Worker<'_>, now: &mut Acknowledged) -> Try<()> {
    let (id, held) = now.snapshots.iter_mut().next().ok_or("nothing to tag")?;
    worker.tag(*id, "kept")?;
    held.tags.insert("kept".into());
    Ok(())
}

fn passwd(worker: &Worker<'_>, now: &mut Acknowledged) -> Try<()> {
    let repository = worker.site.open(OLD)?;
    repository
        .rewrap_key_slot(repository.opened_slot(), &slot(NEW))
        .map_err(failed("changing the key"))?;
    now.slots[1] = NEW;
    Ok(())
}

fn rotate(worker: &Worker<'_>, _now: &mut Acknowledged) -> Try<()> {
    let repository = worker.site.open(RECOVERY)?;
    repository.rotate_epoch().map(drop).map_err(failed("rotating"))
}

/// Once whatever is forgotten, and whatever is marked, has waited long enough.
fn prune(worker: &Worker<'_>, _now: &mut Acknowledged) -> Try<()> {
    worker.site.advance(GRACE_SECONDS + 3600);
    worker.site.prune(RECOVERY, false)
}

fn parity(worker: &Worker<'_>, _now: &mut Acknowledged) -> Try<()> {
    let mut repository = worker.site.open(RECOVERY)?;
    let added = lumivault_chunk_store::parity::add(&mut repository, 5, false);
    added.map(drop).map_err(failed("adding parity"))
}

impl Worker<'_> {
    fn backup(&self, stage: usize, now: &mut Acknowledged) -> Try<()> {
        let id = self.site.backup(RECOVERY, self.sources.path(stage))?;
        let tags = BTreeSet::new();
        now.snapshots.insert(id, Held { stage, tags });
        Ok(())
    }

    /// Every snapshot of a stage.
    fn forget(&self, stage: usize, now: &mut Acknowledged) -> Try<()> {
        let repository = self.site.open(RECOVERY)?;
        let of_stage = now.snapshots.iter().filter(|(_, held)| held.stage == stage);
        let old: Vec<SnapshotId> = of_stage.map(|(id, _)| *id).collect();
        now.snapshots.retain(|id, _| !old.contains(id));
        let forgotten = forget(&repository, &old, "test");
        forgotten.map(drop).map_err(failed("forgetting"))
    }

    fn tag(&self, snapshot: SnapshotId, text: &str) -> Try<()> {
        let annotation = Annotation {
            kind: AnnotationKind::TagAdded,
            snapshot,
            text: text.into(),
            unix_seconds: self.site.now(),
            nanoseconds: 0,
            host: "test".into(),
            predecessors: Vec::new(),
        };
        let repository = self.site.open(RECOVERY)?;
        repository.annotate(&annotation).map_err(failed("tagging"))
    }
}
