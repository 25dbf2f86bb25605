//! On a storage whose listings show every change a minute later, somebody does something at the worst of all moments. Each of these
//! moments is what one of the waits in docs/format.md §16 is for.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::archive::{assert_holds, backup, backup_with, range, tree};
use common::tree::commit_stored;
use common::{Fixture, OPTIONS};
use lumivault_chunk_store::backend::{Backend as _, Memory};
use lumivault_chunk_store::forget::{forget, revive};
use lumivault_chunk_store::prune::{MaxUnused, PruneOptions, PruneReport, prune};
use lumivault_chunk_store::session::{Holder, LEASE_SECONDS, Writing};
use lumivault_chunk_store::{
    CacheDir, ChunkIndex, ChunkWriter, Error, InitOptions, Repository, TreeReader, parity,
};
use lumivault_format::tree::FolderRef;
use lumivault_format::{ObjectKind, SnapshotId};
use lumivault_testkit::FixedClock;
use lumivault_testkit::lagging::Lagging;

const DELAY_SECONDS: u32 = 60;
/// Marks and forgotten snapshots wait for nobody, so that only waiting for listings keeps anything.
const AT_ONCE: PruneOptions = PruneOptions {
    max_unused: MaxUnused::Bytes(0),
    max_repack: None,
    grace_seconds: 0,
    now: false,
    dry_run: false,
};

fn seconds(number: u32) -> Duration {
    Duration::from_secs(number.into())
}

fn machine(name: &str) -> Holder {
    Holder {
        host: name.into(),
        process: std::process::id(),
    }
}

/// An archive with a forgotten snapshot of the files 0 to 3. Everybody sees all of it.
struct Scene {
    f: Fixture,
    storage: Lagging<Memory>,
    forgotten: SnapshotId,
}

impl Scene {
    fn new(seed: &str) -> Self {
        Self::on(Fixture::new(seed), |f, clock| {
            Lagging::new(f.memory.clone(), clock, seconds(DELAY_SECONDS))
        })
    }

    /// What was made later may show before what was made earlier.
    fn out_of_order(seed: &str) -> Self {
        Self::on(Fixture::new(seed), |f, clock| {
            let delay = seconds(DELAY_SECONDS);
            Lagging::drawn(f.memory.clone(), clock, delay, Duration::ZERO, seed)
        })
    }

    fn on(mut f: Fixture, storage: impl FnOnce(&Fixture, Arc<FixedClock>) -> Lagging<Memory>) -> Self {
        f.listing_delay_seconds = DELAY_SECONDS;
        let storage = storage(&f, Arc::clone(&f.world.clock));
        let repository = f.open_on(Arc::new(storage.clone())).unwrap();
        let forgotten = backup(&repository, 1, &range(0, 4)).unwrap();
        f.world.clock.pass(seconds(2 * DELAY_SECONDS));
        forget(&repository, &[forgotten], "desk").unwrap();
        let scene = Self {
            f,
            storage,
            forgotten,
        };
        scene.pass(2 * DELAY_SECONDS);
        scene
    }

    fn pass(&self, number: u32) {
        self.f.world.clock.pass(seconds(number));
    }

    /// For ever, so that what is planned can hold it.
    fn open(&self) -> &'static Repository {
        let repository = self.f.open_on(Arc::new(self.storage.clone())).unwrap();
        Box::leak(Box::new(repository))
    }

    fn prune(&self) -> Result<PruneReport, Error> {
        prune(self.open(), &machine("pruning"), None, &AT_ONCE)
    }

    /// In so many seconds from now; what it returns is there when it was done.
    fn plan<T: Send + 'static>(
        &self,
        after: u32,
        deed: impl FnOnce() -> T + Send + 'static,
    ) -> Arc<Mutex<Option<T>>> {
        let done = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&done);
        self.f.world.clock.plan(seconds(after), move || {
            *slot.lock().unwrap() = Some(deed());
        });
        done
    }

    /// When all is over, it can be relied on.
    fn assert_holds(&self, snapshot: SnapshotId) {
        self.pass(10 * DELAY_SECONDS);
        assert_holds(&self.f.open(), &[(snapshot, &range(0, 4))]);
    }
}

/// A backup of the same files that has stored everything, sharing all it can, and looked again; it needs only to commit.
struct Backup {
    writing: Writing<'static>,
    root: FolderRef,
}

impl Backup {
    fn begin(repository: &'static Repository, cache: Option<CacheDir>) -> Self {
        let writing = Writing::begin(repository, &machine("writing"), cache).unwrap();
        let writer = ChunkWriter::new(repository, Arc::clone(writing.index()), OPTIONS).unwrap();
        let root = tree(&writer, &range(0, 4));
        let stored = writer.finish().unwrap();
        assert_eq!(stored.packs, 0, "it shares everything");
        assert!(writing.look_again().unwrap().is_none());
        Self { writing, root }
    }

    fn commit(self) -> Result<SnapshotId, Error> {
        let stored = commit_stored(self.writing.repository(), 2, &self.root)?;
        self.writing.confirm(&stored)?;
        self.writing.close()?;
        Ok(stored.id)
    }
}

fn result<T>(done: &Arc<Mutex<Option<T>>>) -> T {
    done.lock().unwrap().take().expect("it was done meanwhile")
}

#[test]
fn who_commits_and_leaves_just_before_a_sweep_looks_is_seen() {
    let scene = Scene::new("lagging: leaves");
    let backup = Backup::begin(scene.open(), None);
    scene.pass(2 * DELAY_SECONDS);
    let marked = scene.prune().unwrap();
    assert!(marked.dead.packs > 0);
    // The sweep looks for sessions after three times the delay.
    let committed = scene.plan(3 * DELAY_SECONDS - 1, || backup.commit());
    let swept = scene.prune().unwrap();
    assert!(swept.held_up.is_empty(), "{swept:?}");
    let id = result(&committed).unwrap();
    assert!(swept.copied_bytes > 0, "what it needs was copied out");
    scene.assert_holds(id);
}

#[test]
fn a_mark_is_not_swept_before_it_shows_to_all_whatever_clocks_say() {
    let scene = Scene::new("lagging: young");
    // An interrupted prune has got so far. One that vanishes from the listing just now would be waited for.
    let name = scene.f.list(ObjectKind::Snapshot)[0];
    scene
        .f
        .memory
        .remove(&common::id(ObjectKind::Snapshot, name))
        .unwrap();
    scene.prune().unwrap();
    // The mark shows in a minute.
    let writer = scene.open();
    let backup = scene.plan(50, || Backup::begin(writer, None));
    let slot = Arc::clone(&backup);
    let committed = scene.plan(150, move || result(&slot).commit());
    let swept = scene.prune().unwrap();
    let id = result(&committed).unwrap();
    assert!(swept.copied_bytes > 0 || !swept.held_up.is_empty(), "{swept:?}");
    scene.assert_holds(id);
}

#[test]
fn who_was_taken_for_dead_and_does_not_see_it_yet_is_waited_for() {
    let scene = Scene::new("lagging: dead");
    let backup = Backup::begin(scene.open(), None);
    scene.pass(2 * DELAY_SECONDS);
    scene.prune().unwrap();
    scene
        .f
        .world
        .clock
        .pass(Duration::from_secs(LEASE_SECONDS.unsigned_abs() + 1));
    // Its session is found by name for a minute more, and its revocation shows in a minute.
    scene.storage.remove_late();
    let committed = scene.plan(4 * DELAY_SECONDS - 1, || backup.commit());
    scene.prune().unwrap();
    let id = result(&committed).unwrap();
    scene.assert_holds(id);
}

#[test]
fn who_brings_back_a_snapshot_that_is_just_removed_is_seen() {
    let scene = Scene::new("lagging: revival");
    let (repository, id) = (scene.open(), scene.forgotten);
    // Just before the prune has read everything, which is after three times the delay.
    let revived = scene.plan(3 * DELAY_SECONDS - 1, move || {
        revive(repository, &[id], "desk").map(drop)
    });
    let report = scene.prune().unwrap();
    result(&revived).unwrap();
    assert_eq!(report.snapshots_removed, 0);
    scene.assert_holds(id);
}

#[test]
fn a_backup_just_behind_a_sweep_does_not_find_what_is_gone() {
    for cached in [true, false] {
        let scene = Scene::new(&format!("lagging: behind, {cached}"));
        let folder = tempfile::tempdir().unwrap();
        let repository = scene.open();
        let cache = cached.then(|| CacheDir::open(folder.path(), repository).unwrap());
        ChunkIndex::load(repository, cache.clone()).unwrap();
        scene.prune().unwrap();
        scene.pass(DELAY_SECONDS);
        // The sweep removes packs and their mark after eight times the delay.
        let clock = Arc::clone(&scene.f.world.clock);
        let made = scene.plan(8 * DELAY_SECONDS + 10, move || {
            let began = clock.passed();
            let writing = Writing::begin(repository, &machine("writing"), cache)?;
            let id = backup_with(&writing, 2, &range(0, 4), || {})?;
            writing.close()?;
            Ok::<_, Error>((id, clock.passed() == began))
        });
        let swept = scene.prune().unwrap();
        assert!(swept.removed.packs > 0);
        let (id, at_once) = result(&made).unwrap();
        assert!(at_once, "a backup has nothing to wait for");
        assert_eq!(scene.f.world.notes.take_warnings(), [""; 0]);
        scene.assert_holds(id);
    }
}

#[test]
fn what_was_forgotten_a_moment_ago_can_be_brought_back() {
    let scene = Scene::new("lagging: undo");
    let (repository, id) = (scene.open(), scene.forgotten);
    revive(repository, &[id], "desk").unwrap();
    scene.pass(DELAY_SECONDS);
    forget(repository, &[id], "elsewhere").unwrap();
    revive(repository, &[id], "desk").unwrap();
    scene.pass(DELAY_SECONDS);
    assert_eq!(repository.snapshots().unwrap().live().count(), 1);
    scene.assert_holds(id);
}

#[test]
fn at_every_moment_of_a_prune_a_reader_finds_everything() {
    let scene = Scene::new("lagging: reader");
    // It needs all files of what was forgotten and not its tree, so that some packs go that an index object lists with others.
    let kept = backup(scene.open(), 2, &range(0, 6)).unwrap();
    scene.pass(2 * DELAY_SECONDS);
    // Who does not know that listings lag does not wait either.
    let mut reading = scene.f.copy();
    reading.listing_delay_seconds = 0;
    let reading = reading.open_on(Arc::new(scene.storage.clone())).unwrap();
    let reading: &'static Repository = Box::leak(Box::new(reading));
    let looks: Vec<_> = (1..15 * DELAY_SECONDS)
        .map(|second| scene.plan(second, move || reads(reading, kept)))
        .collect();
    scene.prune().unwrap();
    let swept = scene.prune().unwrap();
    assert!(swept.removed.packs > 0);
    scene.pass(15 * DELAY_SECONDS);
    for (second, look) in (1..).zip(looks) {
        assert!(result(&look), "after {second} seconds");
    }
    scene.f.world.notes.take_warnings();
}

#[test]
fn copies_show_before_what_they_were_copied_from_goes() {
    for round in 0..12 {
        let scene = Scene::out_of_order(&format!("lagging: out of order, {round}"));
        let backup = Backup::begin(scene.open(), None);
        scene.pass(2 * DELAY_SECONDS);
        scene.prune().unwrap();
        let kept = backup.commit().unwrap();
        scene.pass(2 * DELAY_SECONDS);
        let mut reading = scene.f.copy();
        reading.listing_delay_seconds = 0;
        let reading = reading.open_on(Arc::new(scene.storage.clone())).unwrap();
        let reading: &'static Repository = Box::leak(Box::new(reading));
        let looks: Vec<_> = (1..250)
            .map(|number| scene.plan(3 * number, move || reads(reading, kept)))
            .collect();
        let swept = scene.prune().unwrap();
        assert!(swept.removed.packs > 0 && swept.copied_bytes > 0, "{swept:?}");
        scene.pass(15 * DELAY_SECONDS);
        for (number, look) in (1..).zip(looks) {
            assert!(result(&look), "round {round}, look {number}");
        }
        scene.f.world.notes.take_warnings();
    }
}

#[test]
fn a_key_slot_that_was_removed_opens_nothing_though_its_copies_did_not_show() {
    let scene = Scene::new("lagging: slot");
    let new = common::raw_slot([7; 32], "to go");
    let id = scene.open().add_key_slot(&new).unwrap();
    let mut other = scene.f.open_on(Arc::new(scene.storage.clone())).unwrap();
    // While it is waited for all objects of the slot to show, another machine makes copies of all slots.
    let added = scene.plan(DELAY_SECONDS / 2, move || {
        parity::add(&mut other, 5, false).map(drop)
    });
    scene.open().remove_key_slot(id).unwrap();
    result(&added).unwrap();
    scene.pass(2 * DELAY_SECONDS);
    let opened = scene.f.open_with(&common::raw([7; 32]));
    assert!(matches!(opened, Err(Error::WrongPassword(..))), "{opened:?}");
}

#[test]
fn an_init_that_is_called_off_while_it_waits_leaves_no_archive() {
    let f = Fixture::empty("lagging: init");
    let options = InitOptions {
        listing_delay_seconds: DELAY_SECONDS,
        ..InitOptions::new(vec![common::raw_slot(f.key, "first")], vec![1])
    };
    let notes = Arc::clone(&f.world.notes);
    f.world.clock.plan(seconds(1), move || notes.cancel());
    let made = Repository::init(Arc::new(f.memory.clone()), &options, f.env());
    assert!(matches!(made, Err(Error::Cancelled)), "{made:?}");
    assert!(f.list(ObjectKind::Config).is_empty());
}

/// Whether every file of a snapshot is found, without reading it.
fn reads(repository: &Repository, id: SnapshotId) -> bool {
    let Ok(found) = repository.snapshots() else {
        return false;
    };
    let index = ChunkIndex::load(repository, None).unwrap();
    let reader = TreeReader::new(repository, &index);
    let Some(stored) = found.found.iter().find(|stored| stored.id == id) else {
        return false;
    };
    let root = FolderRef::decode_whole(&stored.snapshot.root).unwrap();
    reader.folder(&root).is_ok_and(|folder| {
        let mut extents = folder.contents.iter().flat_map(|content| &content.extents);
        extents.all(|extent| extent.chunk().is_none_or(|chunk| reader.chunk(&chunk).is_ok()))
    })
}

#[test]
fn of_two_that_begin_to_prune_at_the_same_time_one_gives_up() {
    let scene = Scene::new("lagging: two");
    let repository = scene.open();
    let other = scene.plan(DELAY_SECONDS / 2, move || {
        prune(repository, &machine("other"), None, &AT_ONCE)
    });
    scene.prune().unwrap();
    assert!(matches!(result(&other), Err(Error::InUse(_))));
}

#[test]
fn what_was_not_acknowledged_is_taken_back_though_it_does_not_show_yet() {
    let scene = Scene::new("lagging: taken back");
    let backup = Backup::begin(scene.open(), None);
    for info in scene.f.memory.list(ObjectKind::Pack).unwrap() {
        let id = common::id(ObjectKind::Pack, info.name);
        scene.f.memory.remove(&id).unwrap();
    }
    // Also if the user had enough of it.
    scene.f.world.notes.cancel();
    assert!(matches!(backup.commit(), Err(Error::PacksVanished(_))));
    scene.pass(2 * DELAY_SECONDS);
    assert_eq!(scene.open().snapshots().unwrap().live().count(), 0);
}
