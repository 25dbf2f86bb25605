//! Listings that are not what is there any more: something was removed or replaced since, or the storage shows changes late. What
//! machines do at the same time on such a storage is tried in `remote.rs` and `together.rs`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::Fixture;
use common::archive::{assert_holds, backup, holder, range};
use common::steered::Steered;
use common::{raw, raw_slot};
use lumivault_chunk_store::backend::Backend as _;
use lumivault_chunk_store::forget::{forget, revive};
use lumivault_chunk_store::prune::{PruneOptions, prune};
use lumivault_chunk_store::session::Writing;
use lumivault_chunk_store::{ChunkIndex, Error, InitOptions, OpenOptions, Repository, parity};
use lumivault_format::{ObjectKind, SnapshotId, limits};
use lumivault_testkit::{Fault, FaultBackend};

const NOW: PruneOptions = PruneOptions {
    max_unused: lumivault_chunk_store::prune::MaxUnused::Bytes(0),
    max_repack: None,
    grace_seconds: 0,
    now: true,
    dry_run: false,
};

/// Two snapshots that share something; the first is forgotten, and what only it needs goes when somebody prunes.
fn archive(seed: &str) -> (Fixture, SnapshotId) {
    let f = Fixture::new(seed);
    let repository = f.open();
    let first = backup(&repository, 1, &range(0, 4)).unwrap();
    let second = backup(&repository, 2, &range(2, 6)).unwrap();
    forget(&repository, &[first], "desk").unwrap();
    (f, second)
}

/// Prunes just after objects of this kind were listed.
fn pruned_after(f: &Fixture, kind: ObjectKind) -> Repository {
    let other = f.open();
    let backend = Steered::after(f.memory.clone(), kind, move || {
        let report = prune(&other, &holder(), None, &NOW).unwrap();
        assert!(report.removed.packs > 0 && report.snapshots_removed == 1);
    });
    f.open_on(backend).unwrap()
}

#[test]
fn an_index_that_is_replaced_while_it_is_read_is_read_anew() {
    let (f, kept) = archive("listings: index");
    let repository = pruned_after(&f, ObjectKind::Index);
    let index = ChunkIndex::load(&repository, None).unwrap();
    assert!(index.unreadable().is_empty() && f.world.notes.take_warnings().is_empty());
    assert_eq!(index.packs(), ChunkIndex::load(&f.open(), None).unwrap().packs());
    assert_holds(&f.open(), &[(kept, &range(2, 6))]);
}

#[test]
fn an_index_of_which_only_copies_are_there_may_be_replaced_as_well() {
    let (f, _) = archive("listings: copies");
    parity::add(&mut f.open(), 10, false).unwrap();
    for name in f.list(ObjectKind::Index) {
        let id = common::id(ObjectKind::Index, name);
        f.memory.remove(&id).unwrap();
    }
    // It knows of what only copies are there.
    let repository = f.open();
    prune(&f.open(), &holder(), None, &NOW).unwrap();
    let index = ChunkIndex::load(&repository, None).unwrap();
    let warnings = f.world.notes.take_warnings();
    assert!(index.unreadable().is_empty(), "{warnings:?}");
    assert_eq!(index.packs(), ChunkIndex::load(&f.open(), None).unwrap().packs());
}

#[test]
fn an_index_object_that_is_shown_and_not_there_is_missing() {
    let (f, _) = archive("listings: missing");
    let name = f.list(ObjectKind::Index)[0];
    let memory = f.memory.clone();
    // It stays in the listing, as a folder entry does whose file is damaged.
    let backend = Steered::absent(memory, name);
    let index = ChunkIndex::load(&f.open_on(backend).unwrap(), None).unwrap();
    assert_eq!(index.unreadable(), [name]);
    assert_eq!(f.world.notes.take_warnings().len(), 1);
}

#[test]
fn an_index_that_changes_whenever_it_is_read_is_read_five_times() {
    let (f, _) = archive("listings: restless");
    let calm = Steered::flickering(f.memory.clone(), ObjectKind::Index, 0);
    let index = ChunkIndex::load(&f.open_on(Arc::clone(&calm) as _).unwrap(), None).unwrap();
    assert!(index.unreadable().is_empty());
    assert_eq!(calm.listings(), 1);
    let restless = Steered::flickering(f.memory.clone(), ObjectKind::Index, 50);
    let index = ChunkIndex::load(&f.open_on(Arc::clone(&restless) as _).unwrap(), None).unwrap();
    assert_eq!(index.unreadable().len(), 1);
    // Between two of them another one, whether what was not found is missing.
    assert_eq!(restless.listings(), 5 + 4);
    assert_eq!(f.world.notes.take_warnings().len(), 1);
}

#[test]
fn a_snapshot_that_is_removed_while_snapshots_are_read_is_gone_and_not_unreadable() {
    let (f, kept) = archive("listings: snapshot");
    let repository = pruned_after(&f, ObjectKind::Snapshot);
    let loaded = repository.snapshots().unwrap();
    assert!(loaded.unreadable.is_empty(), "{:?}", loaded.unreadable);
    let ids: Vec<SnapshotId> = loaded.found.iter().map(|stored| stored.id).collect();
    assert_eq!(ids, [kept]);
}

#[test]
fn a_session_shows_until_it_ends() {
    let f = Fixture::new("listings: session");
    let repository = f.open();
    let writing = Writing::begin(&repository, &holder(), None).unwrap();
    let first = f.list(ObjectKind::Session);
    f.world.clock.advance(2 * 3600);
    writing.refresh().unwrap();
    let later = f.list(ObjectKind::Session);
    assert!(later.len() > first.len() && first.iter().all(|name| later.contains(name)));
    writing.close().unwrap();
    assert!(f.list(ObjectKind::Session).is_empty());
}

#[test]
fn a_session_without_one_of_its_objects_was_revoked() {
    // Whoever revoked it may have seen only some of them.
    for number in 0..3 {
        let f = Fixture::new(&format!("listings: revoked, {number}"));
        let repository = f.open();
        let writing = Writing::begin(&repository, &holder(), None).unwrap();
        f.world.clock.advance(2 * 3600);
        writing.refresh().unwrap();
        let objects = f.list(ObjectKind::Session);
        assert_eq!(objects.len(), 3);
        let gone = common::id(ObjectKind::Session, objects[number]);
        f.memory.remove(&gone).unwrap();
        assert!(matches!(writing.look_again(), Err(Error::Revoked)));
    }
}

#[test]
fn what_an_interrupted_end_leaves_of_a_session_says_no_less_than_the_whole() {
    let f = Fixture::new("listings: interrupted end");
    let faulty = FaultBackend::new(f.memory.clone());
    let control = faulty.control();
    let repository = f.open_on(Arc::new(faulty)).unwrap();
    let writing = Writing::begin(&repository, &holder(), None).unwrap();
    let before = f.list(ObjectKind::Session);
    f.world.clock.advance(2 * 3600);
    writing.refresh().unwrap();
    control.fail_at(control.count() + 1, Fault::Io);
    assert!(writing.close().is_err());
    let left = f.list(ObjectKind::Session);
    assert_eq!(left.len(), before.len());
    assert!(left.iter().any(|name| !before.contains(name)), "the newest stays");
}

#[test]
fn whoever_deletes_waits_until_listings_show_everything_and_nobody_else_does() {
    const DELAY: u32 = 60;
    let f = Fixture::empty("listings: delay");
    let options = InitOptions {
        listing_delay_seconds: DELAY,
        ..InitOptions::new(vec![raw_slot(f.key, "first")], vec![1])
    };
    Repository::init(Arc::new(f.memory.clone()), &options, f.env()).unwrap();
    // It is in the archive: whoever opens it needs not know.
    let repository = f.open();
    assert!(repository.listings_lag());
    let passed = || f.world.clock.passed();
    let delay = Duration::from_secs(DELAY.into());
    let before = passed();
    let first = backup(&repository, 1, &range(0, 4)).unwrap();
    backup(&repository, 2, &range(2, 6)).unwrap();
    forget(&repository, &[first], "desk").unwrap();
    assert_eq!(passed(), before, "a backup has nothing to wait for");
    revive(&repository, &[first], "desk").unwrap();
    assert_eq!(passed(), before + delay);
    forget(&repository, &[first], "desk").unwrap();
    let before = passed();
    let report = prune(&repository, &holder(), None, &NOW).unwrap();
    assert!(report.removed.packs > 0);
    assert!(passed() >= before + 5 * delay);
    assert!(
        f.world
            .notes
            .phases()
            .iter()
            .any(|phase| phase.starts_with("waiting until listings"))
    );
    // Whoever has enough of it can leave.
    f.world.notes.cancel();
    assert!(matches!(
        prune(&repository, &holder(), None, &NOW),
        Err(Error::Cancelled)
    ));
}

#[test]
fn where_listings_show_everything_nobody_waits() {
    let (f, kept) = archive("listings: at once");
    prune(&f.open(), &holder(), None, &NOW).unwrap();
    assert_eq!(f.world.clock.passed(), Duration::ZERO);
    let phases = f.world.notes.phases();
    assert!(
        !phases.iter().any(|phase| phase.starts_with("waiting")),
        "{phases:?}"
    );
    assert_holds(&f.open(), &[(kept, &range(2, 6))]);
}

#[test]
fn a_delay_can_be_given_to_an_archive_that_knows_of_none_and_has_a_limit_as_parity_has() {
    let f = Fixture::new("listings: given");
    assert!(!f.open().listings_lag());
    let options = OpenOptions {
        listing_delay_seconds: 5,
        ..OpenOptions::default()
    };
    let opened = Repository::open(Arc::new(f.memory.clone()), &raw(f.key), options, f.env()).unwrap();
    assert!(opened.listings_lag());
    let init = |options: InitOptions| {
        let empty = Fixture::empty(&format!("listings: limits of {options:?}"));
        let made = Repository::init(Arc::new(empty.memory.clone()), &options, empty.env());
        assert_eq!(empty.list(ObjectKind::KeySlot).len(), usize::from(made.is_ok()));
        made
    };
    let options = || InitOptions::new(vec![raw_slot(f.key, "first")], vec![1]);
    for (beyond, fits) in [(0, true), (1, false), (2, false)] {
        let made = init(InitOptions {
            listing_delay_seconds: limits::LISTING_DELAY_SECONDS_MAX + beyond,
            ..options()
        });
        assert_eq!(made.is_ok(), fits, "{made:?}");
        let made = init(InitOptions {
            parity_percent: limits::PARITY_PERCENT_MAX + u8::try_from(beyond).unwrap(),
            ..options()
        });
        assert_eq!(made.is_ok(), fits, "{made:?}");
    }
}
