//! On a storage whose listings show every change a minute later, somebody does something at the worst of all moments. Each of these
//! moments is what one of the waits in docs/format.md §16 is for.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use common::archive::{backup, backup_with, range};
use common::scene::{AT_ONCE, Backup, DELAY_SECONDS, Scene, assert_always, machine, reads, result, seconds};
use common::{Fixture, raw, raw_slot};
use lumivault_chunk_store::backend::Backend as _;
use lumivault_chunk_store::check::{CheckOptions, ReadData, check};
use lumivault_chunk_store::forget::{forget, revive};
use lumivault_chunk_store::prune::prune;
use lumivault_chunk_store::repair::{self, PacksOptions};
use lumivault_chunk_store::session::{LEASE_SECONDS, Writing};
use lumivault_chunk_store::{CacheDir, ChunkIndex, Error, InitOptions, Repository, StoredSnapshot, parity};
use lumivault_format::ObjectKind;
use lumivault_testkit::lagging::Lagging;

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
        let clock = Arc::clone(&scene.f.world.clock);
        // The sweep removes packs and their mark after eight times the delay.
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
    let reading = scene.open_unaware();
    let looks = scene.looks(15 * DELAY_SECONDS, move || reads(reading, kept));
    scene.prune().unwrap();
    let swept = scene.prune().unwrap();
    assert!(swept.removed.packs > 0);
    scene.pass(15 * DELAY_SECONDS);
    assert_always(&looks);
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
        let reading = scene.open_unaware();
        let looks = scene.looks(12 * DELAY_SECONDS, move || reads(reading, kept));
        let swept = scene.prune().unwrap();
        assert!(swept.removed.packs > 0 && swept.copied_bytes > 0, "{swept:?}");
        scene.pass(12 * DELAY_SECONDS);
        assert_always(&looks);
        scene.f.world.notes.take_warnings();
    }
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

#[test]
fn a_mark_that_its_sweeper_sees_before_others_do_is_not_swept_at_once() {
    let scene = Scene::new("lagging: early mark");
    let name = scene.f.list(ObjectKind::Snapshot)[0];
    let snapshot = common::id(ObjectKind::Snapshot, name);
    scene.f.memory.remove(&snapshot).unwrap();
    let copy = scene.f.copy();
    prune(&copy.open(), &machine("marking"), None, &AT_ONCE).unwrap();
    let mark = common::id(ObjectKind::Mark, copy.list(ObjectKind::Mark)[0]);
    // Made by somebody who was taken for dead, when the sweep is just about to load marks.
    let storage = scene.storage.clone();
    scene.plan(DELAY_SECONDS - 1, move || {
        storage.create(&mark, &copy.bytes(&mark)).unwrap();
    });
    let writer = scene.open();
    let backup = scene.plan(2 * DELAY_SECONDS - 2, || Backup::begin(writer, None));
    let slot = Arc::clone(&backup);
    let committed = scene.plan(2 * DELAY_SECONDS + 10, move || result(&slot).commit());
    let sweeping = scene.storage.prompt(ObjectKind::Mark);
    let sweeping = scene.f.open_on(Arc::new(sweeping)).unwrap();
    let swept = prune(&sweeping, &machine("pruning"), None, &AT_ONCE).unwrap();
    let id = result(&committed).unwrap();
    assert!(swept.removed.packs > 0 && swept.copied_bytes > 0, "{swept:?}");
    scene.assert_holds(id);
}

#[test]
fn a_revival_that_does_not_show_yet_keeps_a_snapshot_and_one_that_sees_the_removal_fails() {
    for (lost, in_time) in [(false, true), (false, false), (true, true), (true, false)] {
        let scene = Scene::new(&format!(
            "lagging: late revival, lost: {lost}, in time: {in_time}"
        ));
        if lost {
            scene.lose_files();
        }
        let (repository, id) = (scene.open_unaware(), scene.forgotten);
        // Who has waited before reads just before the removal shows, or then; it is made after so many times the delay.
        let removed_after = if lost { 3 } else { 4 };
        let after = (removed_after + 1) * DELAY_SECONDS - u32::from(in_time);
        let revived = scene.plan(after, move || revive(repository, &[id], "desk").map(drop));
        if lost {
            scene.drop_lost();
        } else {
            let removed = scene.prune().unwrap().snapshots_removed;
            assert_eq!(removed, u64::from(!in_time));
        }
        let revived = result(&revived);
        assert_eq!(revived.is_ok(), in_time, "{revived:?}");
        scene.pass(10 * DELAY_SECONDS);
        let found = scene.open().snapshots().unwrap().found;
        let is_there = found.iter().find(|stored| stored.id == id);
        assert_eq!(
            is_there.is_some_and(StoredSnapshot::is_live),
            in_time,
            "lost: {lost}"
        );
    }
}

#[test]
fn what_was_brought_back_before_it_was_to_be_removed_can_be_brought_back_again() {
    let scene = Scene::new("lagging: revived before");
    let (repository, id) = (scene.open_unaware(), scene.forgotten);
    // The prune reads what was revived after four times the delay, when this just shows.
    let revived = scene.plan(3 * DELAY_SECONDS - 1, move || {
        revive(repository, &[id], "desk").map(drop)
    });
    assert_eq!(scene.prune().unwrap().snapshots_removed, 0);
    result(&revived).unwrap();
    scene.pass(2 * DELAY_SECONDS);
    forget(scene.open(), &[id], "desk").unwrap();
    scene.pass(2 * DELAY_SECONDS);
    revive(scene.open(), &[id], "desk").unwrap();
    scene.assert_holds(id);
}

#[test]
fn what_replaces_a_damaged_snapshot_is_found_though_it_does_not_show_yet() {
    let scene = Scene::new("lagging: replaced");
    let damaged = backup(scene.open(), 2, &range(0, 6)).unwrap();
    scene.pass(2 * DELAY_SECONDS);
    scene.lose_files();
    // Somebody stores something, and that shows at once, when the index was read.
    let repository: &'static Repository = Box::leak(Box::new(scene.f.open()));
    let other = scene.plan(DELAY_SECONDS + 10, || backup(repository, 3, &range(8, 10)));
    let report = scene.drop_lost();
    let replaced = report.replaced.iter().find(|one| one.damaged == damaged);
    let by = replaced.unwrap().by.unwrap();
    scene.pass(2 * DELAY_SECONDS);
    let snapshots = scene.open().snapshots().unwrap();
    let live: Vec<_> = snapshots.live().map(|stored| stored.id).collect();
    assert_eq!(live, [by, result(&other).unwrap()]);
}

#[test]
fn a_snapshot_that_does_not_show_yet_is_neither_missed_nor_given_up() {
    for checked in [true, false] {
        let scene = Scene::new(&format!("lagging: gap, checked: {checked}"));
        let first = backup(scene.open(), 2, &range(0, 4)).unwrap();
        scene.pass(2 * DELAY_SECONDS);
        let found = scene.open().snapshots().unwrap().found;
        let mut next = found.into_iter().find(|stored| stored.id == first).unwrap();
        next.snapshot.predecessors = vec![first];
        // It shows, and the one that it names does not.
        scene.plan_anew(DELAY_SECONDS - 1, ObjectKind::Snapshot);
        let next = scene.f.open().commit_snapshot(&next.snapshot).unwrap().id;
        if checked {
            check_clean(scene.open());
        } else {
            let report = scene.drop_lost();
            assert!(report.gone.is_empty(), "{report:?}");
        }
        scene.assert_holds(first);
        scene.assert_holds(next);
    }
}

fn check_clean(repository: &Repository) {
    let options = CheckOptions {
        read: ReadData::AllData,
        threads: NonZeroUsize::MIN,
    };
    let index = ChunkIndex::load(repository, None).unwrap();
    let report = check(repository, &index, &options).unwrap();
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}

#[test]
fn what_a_backup_just_made_is_not_missed_by_checks_and_repairs() {
    let scene = Scene::new("lagging: checks");
    check_clean(scene.open());
    // Its snapshot shows already.
    scene.plan_anew(1, ObjectKind::Index);
    scene.pass(1);
    check_clean(scene.open());
    scene.plan_anew(DELAY_SECONDS - 1, ObjectKind::Pack);
    check_clean(scene.open());
    scene.pass(DELAY_SECONDS);
    scene.plan_anew(DELAY_SECONDS - 1, ObjectKind::Pack);
    let report = repair::index(scene.open(), &machine("repairing"), false).unwrap();
    assert!(!report.changed && report.gone.is_empty(), "{report:?}");
    scene.pass(DELAY_SECONDS);
    scene.plan_anew(DELAY_SECONDS - 1, ObjectKind::Pack);
    let options = PacksOptions {
        from: None,
        threads: NonZeroUsize::MIN,
        dry_run: false,
    };
    let report = repair::packs(scene.open(), &machine("repairing"), None, &options).unwrap();
    assert!(!report.is_damaged() && report.packs > 0, "{report:?}");
    scene.assert_holds(scene.forgotten);
}

#[test]
fn at_every_moment_of_a_repair_of_the_index_a_reader_finds_everything() {
    let scene = Scene::new("lagging: repair index");
    let kept = scene.forgotten;
    let before = scene.f.list(ObjectKind::Index);
    backup(scene.open(), 2, &range(4, 6)).unwrap();
    for name in scene.f.list(ObjectKind::Index) {
        if !before.contains(&name) {
            let id = common::id(ObjectKind::Index, name);
            scene.f.memory.remove(&id).unwrap();
        }
    }
    scene.pass(2 * DELAY_SECONDS);
    let reading = scene.open_unaware();
    let looks = scene.looks(4 * DELAY_SECONDS, move || reads(reading, kept));
    let report = repair::index(scene.open(), &machine("repairing"), false).unwrap();
    assert!(!report.added.is_empty());
    scene.pass(4 * DELAY_SECONDS);
    assert_always(&looks);
}

#[test]
fn at_every_moment_of_a_new_config_the_repository_opens() {
    let scene = Scene::new("lagging: config");
    let (mut f, storage) = (scene.f.copy(), scene.storage.clone());
    f.listing_delay_seconds = 0;
    let f = Arc::new(f);
    let looks = scene.looks(3 * DELAY_SECONDS, move || {
        f.open_on(Arc::new(storage.clone())).is_ok()
    });
    let mut repository = scene.f.open_on(Arc::new(scene.storage.clone())).unwrap();
    parity::add(&mut repository, 10, false).unwrap();
    scene.pass(3 * DELAY_SECONDS);
    assert_always(&looks);
}

#[test]
fn who_removes_a_way_in_removes_what_was_made_of_it_a_moment_ago() {
    let scene = Scene::new("lagging: ways in");
    let repository = scene.open();
    let slot = repository.add_key_slot(&raw_slot([2; 32], "second")).unwrap();
    scene.pass(2 * DELAY_SECONDS);
    let wrap_anew = |key| {
        let slot_of_it = raw_slot(key, "second, new");
        scene.open().rewrap_key_slot(slot, &slot_of_it).unwrap();
    };
    wrap_anew([3; 32]);
    wrap_anew([4; 32]);
    assert_eq!(scene.f.list(ObjectKind::KeySlot).len(), 2);
    repository.remove_key_slot(slot).unwrap();
    for key in [[2; 32], [3; 32], [4; 32]] {
        assert!(scene.f.open_with(&raw(key)).is_err());
    }
}

#[test]
fn a_key_slot_that_was_removed_opens_nothing_though_its_copies_did_not_show() {
    let scene = Scene::new("lagging: slot");
    let id = scene.open().add_key_slot(&raw_slot([7; 32], "to go")).unwrap();
    let mut other = scene.f.open_on(Arc::new(scene.storage.clone())).unwrap();
    // While it is waited for all objects of the slot to show, another machine makes copies of all slots.
    let added = scene.plan(DELAY_SECONDS / 2, move || {
        parity::add(&mut other, 5, false).map(drop)
    });
    scene.open().remove_key_slot(id).unwrap();
    result(&added).unwrap();
    scene.pass(2 * DELAY_SECONDS);
    let opened = scene.f.open_with(&raw([7; 32]));
    assert!(matches!(opened, Err(Error::WrongPassword(..))), "{opened:?}");
}

#[test]
fn an_init_that_is_called_off_while_it_waits_leaves_no_archive() {
    let f = Fixture::empty("lagging: init called off");
    let options = InitOptions {
        listing_delay_seconds: DELAY_SECONDS,
        ..InitOptions::new(vec![raw_slot(f.key, "first")], vec![1])
    };
    let notes = Arc::clone(&f.world.notes);
    f.world.clock.plan(seconds(1), move || notes.cancel());
    let made = Repository::init(Arc::new(f.memory.clone()), &options, f.env());
    assert!(matches!(made, Err(Error::Cancelled)), "{made:?}");
    assert!(f.list(ObjectKind::Config).is_empty());
}

#[test]
fn a_new_repository_opens_though_its_config_does_not_show_yet() {
    let f = Fixture::empty("lagging: init");
    let clock = Arc::clone(&f.world.clock);
    let storage = Lagging::new(f.memory.clone(), clock, seconds(DELAY_SECONDS));
    let options = InitOptions {
        listing_delay_seconds: DELAY_SECONDS,
        ..InitOptions::new(vec![raw_slot(f.key, "first")], vec![1])
    };
    Repository::init(Arc::new(storage), &options, f.env()).unwrap();
}
