//! Pruning frees what nobody needs and nothing else, whoever else is at work and wherever it is stopped.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::archive::{HOST, assert_holds, backup, backup_with, holder, range, tree};
use common::steered::Steered;
use common::tree::{Layout, Node, commit, commit_stored, file, folder};
use common::{Fixture, OPTIONS, begin, id, raw};
use lumivault_chunk_store::backend::{Backend, BackendError, Memory};
use lumivault_chunk_store::forget::{forget, revive};
use lumivault_chunk_store::parity;
use lumivault_chunk_store::prune::{Amount, GRACE_SECONDS, MaxUnused, PruneOptions, PruneReport, prune};
use lumivault_chunk_store::session::{LEASE_SECONDS, Writing};
use lumivault_chunk_store::{
    CacheDir, ChunkIndex, ChunkWriter, Clock, Environment, Error, Event, Monitor, OpenOptions, Repository,
};
use lumivault_format::{AnnotationKind, ObjectId, ObjectKind, ObjectName, SnapshotId};
use lumivault_testkit::{Event as FaultEvent, Fault, FaultBackend, Operation};

fn now() -> PruneOptions {
    PruneOptions {
        now: true,
        ..PruneOptions::default()
    }
}

fn run(repository: &Repository, options: &PruneOptions) -> Result<PruneReport, Error> {
    prune(repository, &holder(), None, options)
}

fn bytes(memory: &Memory) -> u64 {
    memory
        .list(ObjectKind::Pack)
        .unwrap()
        .iter()
        .map(|info| info.size)
        .sum()
}

#[test]
fn nothing_goes_while_everything_is_needed() {
    let f = Fixture::new("prune: all needed");
    let repository = f.open();
    let kept = backup(&repository, 0, &range(0, 10)).unwrap();
    let packs = f.list(ObjectKind::Pack);
    let report = run(&repository, &now()).unwrap();
    assert_eq!((report.dead, report.repacked, report.removed), Default::default());
    let copying = |phase: &String| phase.contains("anew");
    assert!(
        !f.world.notes.phases().iter().any(copying),
        "there is nothing to copy"
    );
    assert_eq!(report.packs.packs, packs.len() as u64);
    assert_eq!(f.list(ObjectKind::Pack), packs);
    assert!(f.list(ObjectKind::Mark).is_empty() && f.list(ObjectKind::Session).is_empty());
    assert_holds(&repository, &[(kept, &range(0, 10))]);
}

#[test]
fn what_was_forgotten_goes_after_the_grace_period_and_its_packs_after_another() {
    let f = Fixture::new("prune: grace");
    let repository = f.open();
    let old = backup(&repository, 0, &range(0, 10)).unwrap();
    let kept = backup(&repository, 30, &range(10, 20)).unwrap();
    let full = bytes(&f.memory);
    forget(&repository, &[old], HOST).unwrap();
    let options = PruneOptions::default();
    assert_eq!(options.grace_seconds, 604_800, "a week");

    let report = run(&repository, &options).unwrap();
    assert_eq!(
        (report.snapshots_removed, report.dead),
        (0, Amount::default()),
        "it can be revived"
    );
    assert_eq!(report.next_sweep, None, "nothing waits");
    assert_holds(&repository, &[(old, &range(0, 10)), (kept, &range(10, 20))]);

    f.world.clock.advance(GRACE_SECONDS);
    let report = run(&repository, &options).unwrap();
    assert_eq!(report.snapshots_removed, 1);
    assert!(report.dead.packs >= 1 && report.removed.packs == 0, "{report:?}");
    assert_eq!(report.waiting, report.dead);
    let due = f.world.clock.now().0 + GRACE_SECONDS;
    assert_eq!(report.next_sweep, Some(due));
    assert_eq!(bytes(&f.memory), full, "what is marked is still there");
    assert_holds(&repository, &[(kept, &range(10, 20))]);
    assert!(matches!(
        revive(&repository, &[old], HOST),
        Err(Error::Removed(_) | Error::Snapshot(_))
    ));

    let again = run(&repository, &options).unwrap();
    assert_eq!(
        (again.dead, again.waiting, again.next_sweep),
        (Amount::default(), report.waiting, Some(due)),
        "marked once"
    );

    f.world.clock.advance(GRACE_SECONDS);
    let swept = run(&repository, &options).unwrap();
    assert_eq!(swept.removed, report.waiting);
    assert_eq!(bytes(&f.memory), full - swept.removed.bytes);
    assert!(f.list(ObjectKind::Mark).is_empty());
    assert_holds(&repository, &[(kept, &range(10, 20))]);
    assert_eq!(run(&repository, &now()).unwrap().removed, Amount::default());
}

#[test]
fn a_forgotten_snapshot_of_which_only_copies_are_left_goes_with_them() {
    let f = Fixture::new("prune: only copies");
    let mut repository = f.open();
    parity::add(&mut repository, 5, false).unwrap();
    let old = backup(&repository, 0, &range(0, 5)).unwrap();
    let object = id(ObjectKind::Snapshot, f.list(ObjectKind::Snapshot)[0]);
    let kept = backup(&repository, 30, &range(3, 8)).unwrap();
    forget(&repository, &[old], HOST).unwrap();
    f.memory.remove(&object).unwrap();
    let repository = f.open();
    assert_eq!(repository.snapshots().unwrap().found.len(), 2, "read from a copy");
    run(&repository, &now()).unwrap();
    let left = f.open().snapshots().unwrap();
    assert!(left.unreadable.is_empty());
    assert_eq!(
        left.found.iter().map(|stored| stored.id).collect::<Vec<_>>(),
        [kept]
    );
    assert_holds(&f.open(), &[(kept, &range(3, 8))]);
}

/// Whoever revives a snapshot looks for that.
#[test]
fn a_removal_is_announced_once_before_the_snapshot_goes() {
    let f = Fixture::new("prune: announced");
    let old = backup(&f.open(), 0, &range(0, 10)).unwrap();
    let kept = backup(&f.open(), 30, &range(10, 20)).unwrap();
    forget(&f.open(), &[old], HOST).unwrap();
    f.world.clock.advance(GRACE_SECONDS);
    let backend = FaultBackend::new(f.memory.clone());
    let control = backend.control();
    let repository = f.open_on(Arc::new(backend)).unwrap();
    // Where the snapshot is to go, in a run on a copy.
    let gone = |event: &FaultEvent| {
        event.operation == Operation::Remove
            && event
                .object
                .is_some_and(|object| object.kind == ObjectKind::Snapshot)
    };
    let elsewhere = f.copy();
    let counted = FaultBackend::new(elsewhere.memory.clone());
    let log = counted.control();
    let other = elsewhere.open_on(Arc::new(counted)).unwrap();
    let opened = log.count();
    run(&other, &PruneOptions::default()).unwrap();
    let at = log.log().iter().position(gone).unwrap() - opened;

    let removals = |f: &Fixture| {
        let facts = f.open().annotations().unwrap().found;
        facts
            .iter()
            .filter(|fact| fact.kind == AnnotationKind::Removal)
            .count()
    };
    control.fail_at(control.count() + at, Fault::Io);
    run(&repository, &PruneOptions::default()).unwrap_err();
    assert!(control.log().iter().any(gone), "it was stopped there");
    assert_eq!(removals(&f), 1, "announced before it goes");
    // The next run goes on, without another word.
    let report = run(&f.open(), &PruneOptions::default()).unwrap();
    assert_eq!((report.snapshots_removed, removals(&f)), (1, 1));
    assert_holds(&f.open(), &[(kept, &range(10, 20))]);
}

#[test]
fn a_revived_snapshot_stays() {
    let f = Fixture::new("prune: revived");
    let repository = f.open();
    let old = backup(&repository, 0, &range(0, 5)).unwrap();
    forget(&repository, &[old], HOST).unwrap();
    f.world.clock.advance(GRACE_SECONDS - 1);
    revive(&repository, &[old], HOST).unwrap();
    f.world.clock.advance(GRACE_SECONDS);
    assert_eq!(run(&repository, &now()).unwrap().removed, Amount::default());
    assert_holds(&repository, &[(old, &range(0, 5))]);
}

#[test]
fn packs_that_are_partly_needed_are_written_anew_once_that_frees_enough() {
    let f = Fixture::new("prune: repack");
    let repository = f.open();
    let old = backup(&repository, 0, &range(0, 100)).unwrap();
    let kept = backup(&repository, 30, &range(0, 60)).unwrap();
    forget(&repository, &[old], HOST).unwrap();
    let full = bytes(&f.memory);
    let plan = run(
        &repository,
        &PruneOptions {
            dry_run: true,
            ..now()
        },
    )
    .unwrap();
    assert_eq!(bytes(&f.memory), full, "a dry run changes nothing");
    let report = run(&repository, &now()).unwrap();
    assert_eq!(
        (plan.dead, plan.repacked, plan.removed),
        (report.dead, report.repacked, report.removed)
    );
    assert!(report.repacked.packs >= 1, "{report:?}");
    assert!(
        plan.copied_bytes > 60 * 60_000 && plan.copied_bytes < 61 * 60_000,
        "{plan:?}"
    );
    assert!(report.unused_bytes < 5 * 60_000, "{report:?}");
    let (announced, done) = (f.world.notes.total(), f.world.notes.done());
    assert_eq!(announced, done, "what is announced is done");
    assert!(announced.0 > 60 && announced.1 > 60 * 60_000, "{announced:?}");
    let after = bytes(&f.memory);
    assert!(after < full - 35 * 60_000, "{full} bytes became {after}");
    assert_holds(&repository, &[(kept, &range(0, 60))]);
}

#[test]
fn little_is_never_bought_by_writing_much_anew() {
    let f = Fixture::new("prune: little");
    let repository = f.open();
    let old = backup(&repository, 0, &range(0, 100)).unwrap();
    let kept = backup(&repository, 30, &range(0, 95)).unwrap();
    forget(&repository, &[old], HOST).unwrap();
    let options = PruneOptions {
        max_unused: MaxUnused::Bytes(0),
        ..now()
    };
    let report = run(&repository, &options).unwrap();
    // Folders are another matter: theirs is a small pack.
    assert!(report.copied_bytes < 200_000, "{report:?}");
    assert!(
        report.unused_bytes > 4 * 60_000 && report.unused_bytes < 6 * 60_000,
        "{report:?}"
    );
    assert_holds(&repository, &[(kept, &range(0, 95))]);
}

#[test]
fn limits_of_what_is_written_anew_are_kept() {
    let f = Fixture::new("prune: limits");
    let repository = f.open();
    let old = backup(&repository, 0, &range(0, 100)).unwrap();
    let kept = backup(&repository, 30, &range(0, 60)).unwrap();
    forget(&repository, &[old], HOST).unwrap();
    for options in [
        PruneOptions {
            max_unused: MaxUnused::Unlimited,
            ..now()
        },
        PruneOptions {
            max_repack: Some(0),
            ..now()
        },
    ] {
        let report = run(&repository, &options).unwrap();
        let rewritten = (report.repacked.packs, report.copied_bytes);
        assert_eq!(rewritten, (0, 0), "{options:?}");
    }
    let foreseen = |max_repack| {
        let options = PruneOptions {
            max_repack,
            dry_run: true,
            ..now()
        };
        run(&repository, &options).unwrap()
    };
    let all = foreseen(None);
    assert_eq!(
        foreseen(Some(all.copied_bytes)),
        all,
        "as much as allowed, to the byte"
    );
    assert_ne!(foreseen(Some(all.copied_bytes - 1)), all);
    let options = PruneOptions {
        max_repack: Some(1_000_000),
        ..now()
    };
    let report = run(&repository, &options).unwrap();
    assert!(report.copied_bytes < 1_000_000, "{report:?}");
    assert_holds(&repository, &[(kept, &range(0, 60))]);
}

#[test]
fn a_leftover_that_no_index_lists_goes_but_not_while_somebody_may_be_writing_it() {
    let f = Fixture::new("prune: leftover");
    let repository = f.open();
    let kept = backup(&repository, 0, &range(0, 5)).unwrap();
    let before = f.list(ObjectKind::Index);
    let writing = Writing::begin(&repository, &holder(), None).unwrap();
    let writer = ChunkWriter::new(&repository, Arc::clone(writing.index()), OPTIONS).unwrap();
    tree(&writer, &range(100, 110));
    writer.finish().unwrap();
    for name in f.list(ObjectKind::Index) {
        if !before.contains(&name) {
            f.memory.remove(&id(ObjectKind::Index, name)).unwrap();
        }
    }
    let report = run(&repository, &PruneOptions::default()).unwrap();
    assert_eq!(report.dead, Amount::default(), "the session is open");
    writing.close().unwrap();
    let report = run(&repository, &PruneOptions::default()).unwrap();
    assert!(report.dead.packs > 0);
    f.world.clock.advance(GRACE_SECONDS);
    assert_eq!(
        run(&repository, &PruneOptions::default()).unwrap().removed,
        report.dead
    );
    assert_holds(&repository, &[(kept, &range(0, 5))]);
}

#[test]
fn what_cannot_be_read_blocks_deleting() {
    let seed = "prune: blocked";
    let f = Fixture::new(seed);
    let repository = f.open();
    let old = backup(&repository, 0, &range(0, 10)).unwrap();
    backup(&repository, 30, &range(5, 20)).unwrap();
    forget(&repository, &[old], HOST).unwrap();
    let kinds = [
        ObjectKind::Snapshot,
        ObjectKind::Annotation,
        ObjectKind::Index,
        ObjectKind::Pack,
    ];
    for kind in kinds {
        for name in f.list(kind) {
            let copy = f.copy();
            let mut damaged = copy.bytes(&id(kind, name));
            let middle = if kind == ObjectKind::Pack {
                40
            } else {
                damaged.len() / 2
            };
            damaged[middle] ^= 1;
            copy.overwrite(&id(kind, name), &damaged);
            let listed = |copy: &Fixture| {
                [ObjectKind::Pack, ObjectKind::Snapshot, ObjectKind::Annotation].map(|kind| copy.list(kind))
            };
            let before = listed(&copy);
            let result = run(&copy.open(), &now());
            // Damage in a pack that nobody needs is no reason to keep it.
            let tolerable = kind == ObjectKind::Pack && result.is_ok();
            let refused =
                matches!(&result, Err(error) if error.is_damage() || matches!(error, Error::Blocked(_)));
            assert!(tolerable || refused, "{kind} {name:?}: {result:?}");
            if refused {
                for (before, left) in before.iter().zip(listed(&copy)) {
                    assert!(
                        before.iter().all(|name| left.contains(name)),
                        "{kind}: something was removed"
                    );
                }
            }
            assert!(
                copy.list(ObjectKind::Session).is_empty(),
                "{kind}: the session was closed"
            );
        }
    }
}

#[test]
fn what_only_a_cache_still_knows_blocks_deleting_too() {
    let f = Fixture::new("prune: blocked, cached");
    let repository = f.open();
    let old = backup(&repository, 0, &range(0, 10)).unwrap();
    backup(&repository, 30, &range(5, 20)).unwrap();
    forget(&repository, &[old], HOST).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cache = CacheDir::open(folder.path(), &repository).unwrap();
    ChunkIndex::load(&repository, Some(cache.clone())).unwrap();
    let index = id(ObjectKind::Index, f.list(ObjectKind::Index)[0]);
    let mut damaged = f.bytes(&index);
    damaged[100] ^= 1;
    f.overwrite(&index, &damaged);
    let cached = ChunkIndex::load(&repository, Some(cache.clone())).unwrap();
    assert!(cached.unreadable().is_empty(), "the cache knows what was in it");
    let kinds = [ObjectKind::Pack, ObjectKind::Snapshot];
    let before = kinds.map(|kind| f.list(kind));
    let result = prune(&repository, &holder(), Some(&cache), &now());
    assert!(matches!(result, Err(Error::Blocked(_))), "{result:?}");
    assert_eq!(kinds.map(|kind| f.list(kind)), before);
}

#[test]
fn a_backup_that_shares_what_is_marked_meanwhile_stores_it_anew() {
    let f = Fixture::new("prune: marked meanwhile");
    let repository = f.open();
    let old = backup(&repository, 0, &range(0, 10)).unwrap();
    forget(&repository, &[old], HOST).unwrap();
    f.world.clock.advance(GRACE_SECONDS);
    let (first, second) = (f.open(), f.open());
    let writing = Writing::begin(&first, &holder(), None).unwrap();
    let kept = backup_with(&writing, 30, &range(0, 12), || {
        let report = run(&second, &PruneOptions::default()).unwrap();
        assert!(report.dead.packs > 0, "{report:?}");
    })
    .unwrap();
    // The mark is not older than the session, and nobody sweeps before the session has ended.
    let at_once = PruneOptions {
        grace_seconds: 0,
        ..PruneOptions::default()
    };
    let report = run(&second, &at_once).unwrap();
    assert_eq!(report.removed, Amount::default());
    assert_eq!(report.held_up.len(), 1, "{report:?}");
    assert_eq!(report.copied_bytes, 0, "the backup stored it anew");
    writing.close().unwrap();
    let report = run(&second, &at_once).unwrap();
    assert!(report.removed.packs > 0 && report.copied_bytes == 0, "{report:?}");
    assert_holds(&f.open(), &[(kept, &range(0, 12))]);
}

#[test]
fn a_later_backup_does_not_share_what_is_marked() {
    let f = Fixture::new("prune: marked before");
    let repository = f.open();
    let old = backup(&repository, 0, &range(0, 10)).unwrap();
    forget(&repository, &[old], HOST).unwrap();
    f.world.clock.advance(GRACE_SECONDS);
    run(&repository, &PruneOptions::default()).unwrap();
    let writing = Writing::begin(&repository, &holder(), None).unwrap();
    // Knowing the mark, this session does not hold up the sweep.
    f.world.clock.advance(GRACE_SECONDS);
    let kept = backup_with(&writing, 30, &range(0, 10), || {
        let report = run(&f.open(), &PruneOptions::default()).unwrap();
        assert!(report.removed.packs > 0, "{report:?}");
    })
    .unwrap();
    writing.close().unwrap();
    assert_holds(&f.open(), &[(kept, &range(0, 10))]);
}

#[test]
fn what_is_needed_again_is_copied_out_of_marked_packs() {
    let f = Fixture::new("prune: rescue");
    let repository = f.open();
    let old = backup(&repository, 0, &range(0, 10)).unwrap();
    // The snapshot object comes back after its packs were marked, as when somebody restores a lost file from another copy.
    let name = f.list(ObjectKind::Snapshot)[0];
    let object = f.bytes(&id(ObjectKind::Snapshot, name));
    forget(&repository, &[old], HOST).unwrap();
    f.world.clock.advance(GRACE_SECONDS);
    run(&repository, &PruneOptions::default()).unwrap();
    f.memory.create(&id(ObjectKind::Snapshot, name), &object).unwrap();
    for annotation in f.list(ObjectKind::Annotation) {
        f.memory.remove(&id(ObjectKind::Annotation, annotation)).unwrap();
    }
    f.world.clock.advance(GRACE_SECONDS);
    let report = run(&repository, &PruneOptions::default()).unwrap();
    assert!(report.removed.packs > 0 && report.copied_bytes > 0, "{report:?}");
    assert_holds(&f.open(), &[(old, &range(0, 10))]);
}

#[test]
fn a_session_taken_for_dead_does_not_report_success() {
    let f = Fixture::new("prune: taken for dead");
    let repository = f.open();
    let old = backup(&repository, 0, &range(0, 10)).unwrap();
    forget(&repository, &[old], HOST).unwrap();
    let stopped = f.open();
    let writing = Writing::begin(&stopped, &holder(), None).unwrap();
    let result = backup_with(&writing, 30, &range(0, 12), || {
        f.world.clock.advance(LEASE_SECONDS + GRACE_SECONDS + 1);
        let other = f.open();
        run(&other, &PruneOptions::default()).unwrap();
        f.world.clock.advance(GRACE_SECONDS);
        let report = run(&other, &PruneOptions::default()).unwrap();
        assert!(report.removed.packs > 0, "{report:?}");
    });
    assert!(matches!(result, Err(Error::Revoked)), "{result:?}");
    drop(writing);
    // The next run is complete.
    let kept = backup(&f.open(), 30, &range(0, 12)).unwrap();
    assert_holds(&f.open(), &[(kept, &range(0, 12))]);
}

#[test]
fn a_snapshot_that_was_committed_too_late_is_taken_back() {
    let f = Fixture::new("prune: too late");
    let repository = f.open();
    let old = backup(&repository, 0, &range(0, 10)).unwrap();
    forget(&repository, &[old], HOST).unwrap();
    let stopped = f.open();
    let writing = Writing::begin(&stopped, &holder(), None).unwrap();
    let writer = ChunkWriter::new(&stopped, Arc::clone(writing.index()), OPTIONS).unwrap();
    let root = tree(&writer, &range(0, 12));
    writer.finish().unwrap();
    assert_eq!(writing.look_again().unwrap(), None);
    // Stopped between looking and committing, for long.
    f.world.clock.advance(LEASE_SECONDS + GRACE_SECONDS + 1);
    run(&f.open(), &PruneOptions::default()).unwrap();
    f.world.clock.advance(GRACE_SECONDS);
    assert!(run(&f.open(), &PruneOptions::default()).unwrap().removed.packs > 0);
    let late = commit_stored(&stopped, 30, &root).unwrap();
    assert!(matches!(writing.confirm(&late), Err(Error::Revoked)));
    assert!(stopped.snapshots().unwrap().found.is_empty());
    assert_holds(&f.open(), &[]);
    run(&f.open(), &now()).unwrap();
}

#[test]
fn being_alone_takes_that_nobody_else_is_at_work() {
    let f = Fixture::new("prune: alone");
    let repository = f.open();
    backup(&repository, 0, &range(0, 3)).unwrap();
    let writing = Writing::begin(&repository, &holder(), None).unwrap();
    assert!(matches!(run(&f.open(), &now()), Err(Error::InUse(_))));
    writing.close().unwrap();
    run(&f.open(), &now()).unwrap();
    // A dead session is no hindrance.
    let writing = Writing::begin(&repository, &holder(), None).unwrap();
    f.world.clock.advance(LEASE_SECONDS + 1);
    run(&f.open(), &now()).unwrap();
    assert!(matches!(writing.look_again(), Err(Error::Revoked)));
    assert_eq!(f.list(ObjectKind::Revocation).len(), 1);
}

/// Stops a prune at each of its operations, for ever or only once; nothing is lost, and the next one completes the work.
#[test]
fn stopped_anywhere_nothing_is_lost() {
    for (seed, options, fault) in [
        ("prune: stopped now", now(), Fault::Io),
        ("prune: lost answers", now(), Fault::LostAnswer),
        ("prune: full", now(), Fault::Full),
        ("prune: unsynced", now(), Fault::Sync),
        (
            "prune: stopped by and by",
            PruneOptions {
                grace_seconds: 0,
                ..PruneOptions::default()
            },
            Fault::Io,
        ),
    ] {
        let f = Fixture::new(seed);
        let repository = f.open();
        let old = backup(&repository, 0, &range(0, 10)).unwrap();
        let kept = backup(&repository, 30, &range(0, 5)).unwrap();
        forget(&repository, &[old], HOST).unwrap();
        let (mut stopped, mut at) = (0, 0);
        loop {
            let copy = f.copy();
            let faulty = FaultBackend::new(copy.memory.clone());
            let control = faulty.control();
            let repository = copy.open_on(Arc::new(faulty)).unwrap();
            control.fail_from(control.count() + at, fault);
            let result = run(&repository, &options);
            let ended = result.is_ok();
            control.heal();
            drop(repository);
            assert_holds(&copy.open(), &[(kept, &range(0, 5))]);
            // Whoever was stopped left a session, which is dead by tomorrow.
            copy.world.clock.advance(LEASE_SECONDS + 1);
            let repository = copy.open();
            let again = run(&repository, &now());
            assert!(again.is_ok(), "{seed}, operation {at}: {again:?}");
            assert_holds(&copy.open(), &[(kept, &range(0, 5))]);
            assert!(copy.list(ObjectKind::Mark).is_empty(), "{seed}, operation {at}");
            copy.world.clock.advance(-LEASE_SECONDS - 1);
            if ended {
                break;
            }
            stopped += 1;
            at += 1;
        }
        assert!(stopped > 20, "{seed}: only {stopped} operations");
    }
}

#[test]
fn without_room_for_copies_only_what_nobody_needs_at_all_goes() {
    let f = Fixture::new("prune: no room");
    let repository = f.open();
    let partly = backup(&repository, 0, &range(0, 20)).unwrap();
    let kept = backup(&repository, 30, &range(0, 10)).unwrap();
    let dead = backup(&repository, 40, &range(100, 110)).unwrap();
    forget(&repository, &[partly, dead], HOST).unwrap();
    let full = f.open_on(Steered::full(f.memory.clone())).unwrap();
    let report = run(&full, &now()).unwrap();
    assert!(
        report.no_room && report.repacked == Amount::default(),
        "{report:?}"
    );
    assert!(report.dead.bytes > 10 * 60_000, "{report:?}");
    assert_eq!(report.removed, report.dead);
    let unused = report.unused_bytes;
    assert!(
        (10 * 60_000..11 * 60_000).contains(&unused),
        "only what nobody needs: {report:?}"
    );
    assert_holds(&f.open(), &[(kept, &range(0, 10))]);
    // With room again the rest goes.
    let report = run(&f.open(), &now()).unwrap();
    assert!(
        !report.no_room && report.removed.bytes > 10 * 60_000,
        "{report:?}"
    );
    assert_holds(&f.open(), &[(kept, &range(0, 10))]);
}

#[test]
fn marked_packs_that_are_needed_again_stay_while_there_is_no_room_for_copies() {
    let f = Fixture::new("prune: rescue without room");
    let repository = f.open();
    let old = backup(&repository, 0, &range(0, 10)).unwrap();
    let name = f.list(ObjectKind::Snapshot)[0];
    let object = f.bytes(&id(ObjectKind::Snapshot, name));
    forget(&repository, &[old], HOST).unwrap();
    f.world.clock.advance(GRACE_SECONDS);
    run(&repository, &PruneOptions::default()).unwrap();
    f.memory.create(&id(ObjectKind::Snapshot, name), &object).unwrap();
    for annotation in f.list(ObjectKind::Annotation) {
        f.memory.remove(&id(ObjectKind::Annotation, annotation)).unwrap();
    }
    f.world.clock.advance(GRACE_SECONDS);
    let full = f.open_on(Steered::full(f.memory.clone())).unwrap();
    let packs = f.list(ObjectKind::Pack);
    let report = run(&full, &PruneOptions::default()).unwrap();
    assert!(
        report.no_room && report.removed == Amount::default(),
        "{report:?}"
    );
    assert_eq!(f.list(ObjectKind::Pack), packs);
    assert_holds(&f.open(), &[(old, &range(0, 10))]);
    let report = run(&f.open(), &PruneOptions::default()).unwrap();
    assert!(report.removed.packs == packs.len() as u64, "{report:?}");
    assert_holds(&f.open(), &[(old, &range(0, 10))]);
}

/// Two machines that store at once, so that what both have is stored twice.
fn two_at_once(f: &Fixture, first: &[u64], second: &[u64]) -> [SnapshotId; 2] {
    let machines = [f.open(), f.open()];
    let begun = machines.each_ref().map(|machine| {
        let writing = Writing::begin(machine, &holder(), None).unwrap();
        let writer = ChunkWriter::new(machine, Arc::clone(writing.index()), OPTIONS).unwrap();
        (writing, writer)
    });
    let mut work = begun.into_iter().zip([(0, first), (10, second)]);
    [(); 2].map(|()| {
        let ((writing, writer), (day, numbers)) = work.next().unwrap();
        let root = tree(&writer, numbers);
        writer.finish().unwrap();
        assert_eq!(writing.look_again().unwrap(), None);
        let stored = commit_stored(writing.repository(), day, &root).unwrap();
        writing.confirm(&stored).unwrap();
        writing.close().unwrap();
        stored.id
    })
}

/// Copies of a repository, in each of which every chunk of another pack of files is damaged.
fn with_a_damaged_pack(f: &Fixture) -> Vec<Fixture> {
    let is_large = |name: &ObjectName| f.bytes(&id(ObjectKind::Pack, *name)).len() > 300_000;
    let packs = f.list(ObjectKind::Pack).into_iter().filter(is_large);
    let damage = |name| {
        let copy = f.copy();
        let object = id(ObjectKind::Pack, name);
        let mut bytes = copy.bytes(&object);
        let end = bytes.len() - 10_000;
        bytes[1000..end]
            .iter_mut()
            .step_by(20_000)
            .for_each(|byte| *byte ^= 1);
        copy.overwrite(&object, &bytes);
        copy
    };
    packs.map(damage).collect()
}

#[test]
fn what_is_there_twice_goes_once_and_only_if_the_other_is_well() {
    let f = Fixture::new("prune: twice");
    let files = range(0, 10);
    let ids = two_at_once(&f, &files, &files);
    let kept = ids.map(|id| (id, files.as_slice()));
    let copies = with_a_damaged_pack(&f);
    assert_eq!(copies.len(), 2);
    let (mut done, mut refused) = (0, 0);
    for copy in copies {
        let before = copy.list(ObjectKind::Pack);
        match run(&copy.open(), &now()) {
            Ok(report) => {
                assert!(report.removed.bytes > 10 * 60_000, "{report:?}");
                assert_holds(&copy.open(), &kept);
                done += 1;
            }
            Err(Error::Blocked(_)) => {
                assert_eq!(copy.list(ObjectKind::Pack), before);
                assert!(copy.list(ObjectKind::Mark).is_empty());
                refused += 1;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!((done, refused), (1, 1), "the one that stays was damaged once");
    let report = run(&f.open(), &now()).unwrap();
    assert!(
        report.removed.bytes > 10 * 60_000 && report.copied_bytes == 0,
        "{report:?}"
    );
    assert_holds(&f.open(), &kept);
}

#[test]
fn what_stays_is_not_read() {
    let f = Fixture::new("prune: nothing goes");
    two_at_once(&f, &range(0, 10), &range(5, 15));
    let copies = with_a_damaged_pack(&f);
    assert_eq!(copies.len(), 2);
    for copy in copies {
        let options = PruneOptions {
            max_unused: MaxUnused::Unlimited,
            ..now()
        };
        // Finding damage is for `check`; nothing depends on it here.
        let report = run(&copy.open(), &options).unwrap();
        assert_eq!(
            (report.dead.bytes, report.repacked.bytes, report.copied_bytes),
            (0, 0, 0)
        );
    }
}

#[test]
fn of_two_copies_that_go_the_good_one_is_written_anew() {
    let f = Fixture::new("prune: the good one");
    let old = two_at_once(&f, &range(0, 10), &range(0, 10));
    let kept = backup(&f.open(), 30, &range(0, 5)).unwrap();
    forget(&f.open(), &old, HOST).unwrap();
    let copies = with_a_damaged_pack(&f);
    assert_eq!(copies.len(), 2);
    for copy in copies {
        let report = run(&copy.open(), &now()).unwrap();
        assert!(report.copied_bytes > 5 * 60_000, "{report:?}");
        assert_holds(&copy.open(), &[(kept, &range(0, 5))]);
    }
}

#[test]
fn what_a_backup_stored_anew_is_not_marked_for_the_sake_of_a_marked_copy() {
    for seed in 0..4 {
        let f = Fixture::new(&format!("prune: stored anew {seed}"));
        let repository = f.open();
        let old = backup(&repository, 0, &range(0, 10)).unwrap();
        forget(&repository, &[old], HOST).unwrap();
        f.world.clock.advance(GRACE_SECONDS);
        run(&repository, &PruneOptions::default()).unwrap();
        let kept = backup(&f.open(), 30, &range(0, 10)).unwrap();
        let report = run(&f.open(), &PruneOptions::default()).unwrap();
        assert_eq!(
            (report.dead, report.repacked),
            Default::default(),
            "{seed}: {report:?}"
        );
        assert_holds(&f.open(), &[(kept, &range(0, 10))]);
    }
}

/// A backup that stored what it has, and has not committed yet.
fn uncommitted<'r>(repository: &'r Repository, numbers: &[u64]) -> Writing<'r> {
    let writing = Writing::begin(repository, &holder(), None).unwrap();
    let writer = ChunkWriter::new(repository, Arc::clone(writing.index()), OPTIONS).unwrap();
    tree(&writer, numbers);
    writer.finish().unwrap();
    writing
}

#[test]
fn what_a_session_at_work_may_have_written_is_not_marked() {
    let f = Fixture::new("prune: at work");
    let repository = f.open();
    let kept = backup(&repository, 0, &range(0, 5)).unwrap();
    // Before the prune began, and between two of its steps.
    let (early, late) = (f.copy(), f.copy());
    let machine = early.open();
    let writing = uncommitted(&machine, &range(100, 110));
    let report = run(&early.open(), &PruneOptions::default()).unwrap();
    assert_eq!(report.dead, Amount::default());
    assert_eq!(writing.look_again().unwrap(), None);
    writing.close().unwrap();
    let report = run(&early.open(), &PruneOptions::default()).unwrap();
    assert!(report.dead.bytes > 10 * 60_000, "{report:?}");
    assert_holds(&early.open(), &[(kept, &range(0, 5))]);

    let machine = late.open();
    let steered = Steered::before(late.memory.clone(), ObjectKind::Snapshot, move || {
        uncommitted(&machine, &range(100, 110)).close().unwrap();
    });
    let report = run(&late.open_on(steered).unwrap(), &PruneOptions::default()).unwrap();
    assert_eq!(
        report.dead,
        Amount::default(),
        "listed only after others were looked for"
    );
    let report = run(&late.open(), &PruneOptions::default()).unwrap();
    assert!(report.dead.bytes > 10 * 60_000, "{report:?}");
}

#[test]
fn folders_count_as_deep_as_they_may_be() {
    for (depth, fits) in [(256, true), (257, false)] {
        let f = Fixture::new(&format!("prune: {depth} deep"));
        let repository = f.open();
        let (_, writer) = begin(&repository).unwrap();
        let mut root = folder(&writer, Layout::Chunk, vec![("bottom.txt", file("bottom"))]);
        for _ in 0..depth {
            root = folder(&writer, Layout::Chunk, vec![("d", Node::Folder(root))]);
        }
        writer.finish().unwrap();
        commit(&repository, 0, &root).unwrap();
        let result = run(&repository, &now());
        assert_eq!(result.is_ok(), fits, "{depth}: {result:?}");
    }
}

#[test]
fn storage_that_is_gone_while_chunks_are_copied_is_no_damage() {
    let f = Fixture::new("prune: disk pulled out");
    let repository = f.open();
    let old = backup(&repository, 0, &range(0, 10)).unwrap();
    let kept = backup(&repository, 30, &range(0, 5)).unwrap();
    forget(&repository, &[old], HOST).unwrap();
    let memory = f.memory.clone();
    // Files lie in the large pack, which is read only when they are copied.
    let is_lost =
        move |id: &ObjectId| id.kind == ObjectKind::Pack && memory.size(id).is_ok_and(|n| n > 300_000);
    let lost = f.open_on(Steered::losing(f.memory.clone(), is_lost)).unwrap();
    let result = run(&lost, &now());
    assert!(
        matches!(result, Err(Error::Backend(BackendError::NoSuchPlace { .. }))),
        "{result:?}"
    );
    assert_holds(&f.open(), &[(kept, &range(0, 5))]);
}

#[test]
fn storage_that_is_gone_is_not_an_archive_with_damaged_snapshots() {
    let f = Fixture::new("prune: disk pulled out early");
    let repository = f.open();
    let old = backup(&repository, 0, &range(0, 3)).unwrap();
    forget(&repository, &[old], HOST).unwrap();
    for kind in [ObjectKind::Snapshot, ObjectKind::Annotation] {
        let lost = Steered::losing(f.memory.clone(), move |id| id.kind == kind);
        let result = f.open_on(lost).unwrap().snapshots().map(drop);
        assert!(
            matches!(result, Err(Error::Backend(BackendError::NoSuchPlace { .. }))),
            "{kind}: {result:?}"
        );
    }
}

/// Calls the work off when a phase begins.
#[derive(Debug)]
struct CallOff(AtomicBool);

impl Monitor for CallOff {
    fn event(&self, event: Event<'_>) {
        if let Event::Phase("removing packs") = event {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

#[test]
fn called_off_while_packs_are_removed_it_stops_and_the_next_goes_on() {
    let f = Fixture::new("prune: called off");
    let old = backup(&f.open(), 0, &range(0, 10)).unwrap();
    let kept = backup(&f.open(), 30, &range(20, 25)).unwrap();
    forget(&f.open(), &[old], HOST).unwrap();
    let env = Environment {
        monitor: Arc::new(CallOff(AtomicBool::new(false))),
        ..f.env()
    };
    let memory = Arc::new(f.memory.clone());
    let repository = Repository::open(memory, &raw(f.key), OpenOptions::default(), env).unwrap();
    let packs = f.list(ObjectKind::Pack);
    let result = run(&repository, &now());
    assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");
    assert_eq!(f.list(ObjectKind::Pack), packs);
    assert_holds(&f.open(), &[(kept, &range(20, 25))]);
    assert!(run(&f.open(), &now()).unwrap().removed.bytes > 10 * 60_000);
    assert_holds(&f.open(), &[(kept, &range(20, 25))]);
}
