//! The work that power cuts interrupt, step by step.

use std::path::Path;

use lumivault_chunk_store::Error;
use lumivault_chunk_store::forget;
use lumivault_chunk_store::prune::GRACE_SECONDS;
use lumivault_chunk_store::storage_log::{Record, StorageLog};
use lumivault_format::{Annotation, AnnotationKind, SnapshotId};
use lumivault_testkit::crash::{Choice, Disk, Node, Tree};

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
    ("prune at once", |worker, now| {
        worker.site.advance(GRACE_SECONDS + 3600);
        now.forgotten.clear();
        worker.site.prune(RECOVERY, true)
    }),
    ("key add", add_key),
    ("key remove", remove_key),
    ("pin", pin),
    ("forget what is wanted back", |worker, now| worker.forget(1, now)),
    ("forget --undo", revive),
    ("rot", rot),
    ("repair", mend),
    ("rot of parity", rot_of_parity),
    ("parity scrub", mend),
    ("parity remove", remove_parity),
    ("backup without parity", |worker, now| worker.backup(0, now)),
];

/// The slot whose secret never changes, as of a recovery code, and the secrets of the other.
pub(super) const RECOVERY: Key = [7; 32];
pub(super) const OLD: Key = [8; 32];
const NEW: Key = [9; 32];
/// Of a slot that comes and goes.
const THIRD: Key = [10; 32];

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
    log: &'a StorageLog,
}

/// A step, and what there is before it.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) name: &'static str,
    step: Step,
    pub(super) disk: Tree,
    pub(super) cache: Tree,
    /// When it begins, in seconds since 1970.
    pub(super) time: i64,
    pub(super) before: Acknowledged,
    /// What is acknowledged if it succeeds; another run makes other snapshots.
    pub(super) after: Acknowledged,
}

impl Task {
    /// Takes the step on another machine, where everything is as it is before it.
    pub(super) fn run(
        &self,
        site: &Site,
        sources: &Sources,
        log: &StorageLog,
        now: &mut Acknowledged,
    ) -> Try<()> {
        (self.step)(&Worker { site, sources, log }, now)
    }
}

/// Does all the work on an empty disk.
pub(super) fn record(name: &str, sources: &Sources) -> Try<History> {
    let site = Site::new(name);
    let log = StorageLog::begin(&site.disk()).map_err(failed("the log"))?;
    let acknowledged = work(&site, sources, &log, |_, _| Ok(()))?;
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

/// The steps one by one, each with what there is before it.
pub(super) fn tasks(name: &str, sources: &Sources) -> Try<Vec<Task>> {
    let site = Site::new(name);
    let log = StorageLog::begin(&site.disk()).map_err(failed("the log"))?;
    let mut tasks: Vec<Task> = Vec::new();
    let acknowledged = work(&site, sources, &log, |number, before| {
        let (name, step) = STEPS[number];
        tasks.push(Task {
            name,
            step,
            disk: Tree::read(&site.disk()).map_err(failed("the disk"))?,
            cache: Tree::read(&site.cache()).map_err(failed("the cache"))?,
            time: site.now(),
            before: before.clone(),
            after: Acknowledged::default(),
        });
        Ok(())
    })?;
    for (task, after) in tasks.iter_mut().zip(&acknowledged[1..]) {
        task.after = after.clone();
    }
    Ok(tasks)
}

/// Takes all steps; returns what was acknowledged before the first and after each.
fn work(
    site: &Site,
    sources: &Sources,
    log: &StorageLog,
    mut before: impl FnMut(usize, &Acknowledged) -> Try<()>,
) -> Try<Vec<Acknowledged>> {
    let worker = Worker { site, sources, log };
    let mut acknowledged = vec![Acknowledged::default()];
    for (number, (name, step)) in STEPS.iter().enumerate() {
        let mut now = acknowledged.last().cloned().unwrap_or_default();
        before(number, &now)?;
        step(&worker, &mut now).map_err(|error| format!("{name}: {error}"))?;
        log.note(format!("acknowledged: {name}"));
        acknowledged.push(now);
    }
    Ok(acknowledged)
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
    let repository = match worker.site.try_open(OLD) {
        Ok(Some(repository)) => repository,
        // An attempt that failed got so far that only the new one opens it.
        _ => worker.site.open(NEW)?,
    };
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
fn prune(worker: &Worker<'_>, now: &mut Acknowledged) -> Try<()> {
    worker.site.advance(GRACE_SECONDS + 3600);
    now.forgotten.clear();
    worker.site.prune(RECOVERY, false)
}

fn parity(worker: &Worker<'_>, _now: &mut Acknowledged) -> Try<()> {
    let mut repository = worker.site.open(RECOVERY)?;
    let added = lumivault_chunk_store::parity::add(&mut repository, 5, false);
    added.map(drop).map_err(failed("adding parity"))
}

fn remove_parity(worker: &Worker<'_>, _now: &mut Acknowledged) -> Try<()> {
    let mut repository = worker.site.open(RECOVERY)?;
    let removed = lumivault_chunk_store::parity::remove(&mut repository, false);
    removed.map(drop).map_err(failed("removing parity"))
}

fn add_key(worker: &Worker<'_>, now: &mut Acknowledged) -> Try<()> {
    let repository = worker.site.open(RECOVERY)?;
    let added = repository.add_key_slot(&slot(THIRD));
    added.map_err(failed("adding a key slot"))?;
    now.slots.push(THIRD);
    Ok(())
}

/// Every slot with that secret: an attempt to add it may have failed and got through all the same.
fn remove_key(worker: &Worker<'_>, now: &mut Acknowledged) -> Try<()> {
    let repository = worker.site.open(RECOVERY)?;
    now.slots.retain(|key| *key != THIRD);
    loop {
        let opened = match worker.site.try_open(THIRD) {
            Ok(opened) => opened.ok_or("there is no repository")?,
            Err(Error::WrongPassword(_, 0)) => return Ok(()),
            Err(error) => return Err(failed("opening")(error)),
        };
        repository
            .remove_key_slot(opened.opened_slot())
            .map_err(failed("removing a key slot"))?;
    }
}

fn pin(worker: &Worker<'_>, now: &mut Acknowledged) -> Try<()> {
    let repository = worker.site.open(RECOVERY)?;
    let of_stage = now.snapshots.iter_mut().find(|(_, held)| held.stage == 2);
    let (id, held) = of_stage.ok_or("nothing to pin")?;
    forget::pin(&repository, &[*id], "test").map_err(failed("pinning"))?;
    held.pinned = true;
    Ok(())
}

fn revive(worker: &Worker<'_>, now: &mut Acknowledged) -> Try<()> {
    let repository = worker.site.open(RECOVERY)?;
    let ids: Vec<SnapshotId> = now.forgotten.keys().copied().collect();
    forget::revive(&repository, &ids, "test").map_err(failed("reviving"))?;
    now.snapshots.append(&mut now.forgotten);
    Ok(())
}

/// One bit of an object of each kind turns over, which parity and copies mend.
fn rot(worker: &Worker<'_>, now: &mut Acknowledged) -> Try<()> {
    now.damaged = true;
    ["config", "keys", "snapshots", "index", "packs"]
        .into_iter()
        .try_for_each(|kind| worker.flip(kind))
}

fn rot_of_parity(worker: &Worker<'_>, now: &mut Acknowledged) -> Try<()> {
    now.damaged = true;
    worker.flip("parity")
}

fn mend(worker: &Worker<'_>, now: &mut Acknowledged) -> Try<()> {
    worker.site.repair(RECOVERY)?;
    now.damaged = false;
    Ok(())
}

impl Worker<'_> {
    fn backup(&self, stage: usize, now: &mut Acknowledged) -> Try<()> {
        now.in_the_making = Some(stage);
        let id = self.site.backup(RECOVERY, self.sources.path(stage))?;
        now.in_the_making = None;
        now.snapshots.insert(id, Held::new(stage));
        Ok(())
    }

    /// Turns a bit over in the first object of a kind.
    fn flip(&self, kind: &str) -> Try<()> {
        let tree = Tree::read(&self.site.disk()).map_err(failed("the disk"))?;
        let folder = Path::new("backups/archive").join(kind);
        let is_object = |path: &Path| path.starts_with(&folder);
        let file = tree.0.iter().find_map(|(path, node)| match node {
            Node::File(blob) if is_object(path) => Some((path, blob.bytes())),
            _ => None,
        });
        let (path, bytes) = file.ok_or_else(|| format!("nothing in {kind}"))?;
        let middle = bytes.len() / 2;
        self.log
            .damage(path, middle as u64, &[bytes[middle] ^ 1])
            .map_err(failed("rotting"))
    }

    /// Every snapshot of a stage.
    fn forget(&self, stage: usize, now: &mut Acknowledged) -> Try<()> {
        let repository = self.site.open(RECOVERY)?;
        let of_stage = now.snapshots.iter().filter(|(_, held)| held.stage == stage);
        let old: Vec<SnapshotId> = of_stage.map(|(id, _)| *id).collect();
        for id in &old {
            now.forgotten.extend(now.snapshots.remove_entry(id));
        }
        let forgotten = forget::forget(&repository, &old, "test");
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
