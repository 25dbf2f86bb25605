//! A snapshot among others: what it follows, what it is compared with, when there is none.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::sync::{Arc, Barrier, Mutex};

use lumivault_chunk_store::session::Writing;
use lumivault_chunk_store::{Error, Event, Silent};
use lumivault_format::SnapshotId;
use lumivault_ingest::IngestError;
use lumivault_ingest::backup::{BackupRequest, backup};
use support::{Hook, Vault, noise, prose, write};

fn folder() -> tempfile::TempDir {
    let source = tempfile::tempdir().unwrap();
    write(source.path(), "Pictures/a.jpg", &noise(1, 100_000));
    write(source.path(), "Documents/diary.txt", &prose(2, 200_000));
    for i in 0..40 {
        write(source.path(), &format!("notes/{i}"), &prose(i, 400));
    }
    source
}

fn predecessors(vault: &Vault, id: SnapshotId) -> BTreeSet<SnapshotId> {
    let snapshots = vault.snapshots();
    let found = snapshots.iter().find(|s| s.id == id).unwrap();
    found.snapshot.predecessors.iter().copied().collect()
}

#[test]
fn snapshots_form_a_chain() {
    let (vault, source) = (Vault::new(), folder());
    let mut before = BTreeSet::new();
    for i in 0..4 {
        write(source.path(), "counter", &[i]);
        // Another phone's snapshots belong to the same chain.
        let summary = vault.backup_with(source.path(), |request| {
            request.phone = format!("phone {}", i % 2);
        });
        let id = summary.snapshot.unwrap();
        assert_eq!(predecessors(&vault, id), before);
        before = BTreeSet::from([id]);
    }
}

#[test]
fn two_backups_at_the_same_time_make_a_fork_that_the_next_joins() {
    let vault = Vault::new();
    let (one, two) = (folder(), folder());
    write(one.path(), "own", &noise(10, 2_000_000));
    write(two.path(), "own", &noise(11, 2_000_000));
    let first = vault.backup(one.path()).snapshot.unwrap();
    // Both have seen the same snapshots before either commits.
    let barrier = Arc::new(Barrier::new(2));
    let ids: Vec<SnapshotId> = std::thread::scope(|scope| {
        let running: Vec<_> = [&one, &two]
            .map(|source| {
                let barrier = Arc::clone(&barrier);
                let met = std::sync::Once::new();
                let hook = Hook::new(move |event| {
                    if matches!(event, Event::Phase("reading the source")) {
                        met.call_once(|| {
                            barrier.wait();
                        });
                    }
                });
                write(source.path(), "more", source.path().to_str().unwrap().as_bytes());
                let vault = &vault;
                scope.spawn(move || vault.try_backup(source.path(), hook, |_| ()).unwrap())
            })
            .into_iter()
            .collect();
        running
            .into_iter()
            .map(|r| r.join().unwrap().snapshot.unwrap())
            .collect()
    });
    assert_ne!(ids[0], ids[1]);
    for id in &ids {
        assert_eq!(predecessors(&vault, *id), BTreeSet::from([first]));
    }
    vault.check();
    for (id, source) in ids.iter().zip([&one, &two]) {
        let snapshot = vault.snapshots().into_iter().find(|s| s.id == *id).unwrap();
        let made = vault.entries(&snapshot);
        assert!(made[b"own".as_slice()].bytes == std::fs::read(source.path().join("own")).unwrap());
        assert_eq!(made.len(), 47);
    }
    let join = vault.backup(one.path()).snapshot.unwrap();
    assert_eq!(predecessors(&vault, join), ids.iter().copied().collect());
    let after = vault.backup(two.path()).snapshot.unwrap();
    assert_eq!(predecessors(&vault, after), BTreeSet::from([join]));
    vault.check();
}

#[test]
fn a_backup_is_compared_with_the_same_sources_of_the_same_phone() {
    let vault = Vault::new();
    let (phone, card) = (folder(), folder());
    // One after the other, also for a clock of whole seconds.
    let hours = std::cell::Cell::new(0);
    let of = |source: &tempfile::TempDir, name: &str| {
        hours.set(hours.get() + 1);
        let repository = vault.open_in(support::later(Arc::new(Silent), hours.get() * 3600));
        let specs = support::root(source.path());
        support::run(&repository, specs, |request| request.phone = name.into()).unwrap()
    };
    let a = of(&phone, "A");
    assert_eq!((a.parent, a.changes.new, a.changes.gone), (None, 42, 0));
    let first_b = of(&card, "B");
    assert_eq!(first_b.parent, a.snapshot, "of any phone, if it has none yet");
    let second_a = of(&phone, "A");
    assert_eq!(second_a.parent, a.snapshot);
    assert_eq!((second_a.changes.unchanged, second_a.changes.changed), (42, 0));
    let a_from_card = of(&card, "A");
    assert_eq!(a_from_card.parent, second_a.snapshot);
    write(phone.path(), "Documents/diary.txt", b"short");
    std::fs::remove_file(phone.path().join("notes/7")).unwrap();
    write(phone.path(), "new", b"new");
    let third_a = of(&phone, "A");
    assert_eq!(
        third_a.parent, second_a.snapshot,
        "of the same sources, where there is one"
    );
    let changes = third_a.changes;
    assert_eq!(
        (changes.new, changes.changed, changes.unchanged, changes.gone),
        (1, 1, 40, 1)
    );
}

#[test]
fn a_dry_run_stores_nothing_and_tells_what_would_be_new() {
    let (vault, source) = (Vault::new(), folder());
    let dry = |vault: &Vault| {
        vault.backup_with(source.path(), |request| {
            request.dry_run = true;
            request.threads = 1;
        })
    };
    let wet = |vault: &Vault| vault.backup_with(source.path(), |request| request.threads = 1);
    for change in [
        None,
        Some(("Pictures/b.jpg", noise(3, 70_000))),
        Some(("notes/1", b"x".to_vec())),
    ] {
        if let Some((name, bytes)) = change {
            write(source.path(), name, &bytes);
        }
        let before = support::files_below(&vault.repository_path());
        let size = vault.size();
        let predicted = dry(&vault);
        assert_eq!(predicted.snapshot, None);
        assert_eq!(
            (support::files_below(&vault.repository_path()), vault.size()),
            (before, size)
        );
        let done = wet(&vault);
        // What refers to a bundle names it by its id, which says nothing about lengths.
        assert_eq!(predicted.written.plain_bytes, done.written.plain_bytes);
        assert_eq!(predicted.written.chunks, done.written.chunks);
        assert_eq!(predicted.counts.new_bytes, done.counts.new_bytes);
        assert_eq!(predicted.counts.stored_bytes, 0);
        assert!(done.counts.stored_bytes > 0 && done.counts.stored_bytes == done.written.stored_bytes);
        assert_eq!(predicted.changes, done.changes);
        assert_eq!(predicted.digest, done.digest);
    }
    assert_eq!(dry(&vault).written.plain_bytes, 0);
}

#[test]
fn a_dry_run_leaves_the_cache_as_it_is() {
    let (vault, source) = (Vault::new(), folder());
    let summary = vault.backup_cached(source.path(), |request| request.dry_run = true);
    assert_eq!(summary.snapshot, None);
    vault.backup(source.path());
    assert_eq!(vault.backup_cached(source.path(), |_| ()).unchanged_files, 0);
}

#[test]
fn nothing_changed_and_told_to_skip_leaves_no_trace() {
    let (vault, source) = (Vault::new(), folder());
    let skip = |vault: &Vault| vault.backup_with(source.path(), |request| request.skip_if_unchanged = true);
    let first = skip(&vault);
    assert!(!first.skipped && first.snapshot.is_some());
    let size = vault.size();
    let second = skip(&vault);
    assert!(second.skipped && second.snapshot.is_none());
    assert_eq!((second.parent, second.digest), (first.snapshot, first.digest));
    assert_eq!((vault.size(), vault.snapshots().len()), (size, 1));
    // A time is a change too.
    let file = std::fs::File::options()
        .write(true)
        .open(source.path().join("notes/1"))
        .unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    let third = skip(&vault);
    assert!(!third.skipped && third.snapshot.is_some());
    assert_eq!(third.digest, first.digest, "but not of the content");
    file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1))
        .unwrap();
    let size = vault.size();
    let known = vault.backup_with(source.path(), |request| request.skip_digests = vec![first.digest]);
    assert!(known.skipped && known.snapshot.is_none());
    assert_eq!(vault.size(), size, "not even the new time");
}

#[test]
fn told_to_skip_what_was_lost_is_stored_again_all_the_same() {
    let (vault, source) = (Vault::new(), folder());
    let skip = || vault.backup_with(source.path(), |request| request.skip_if_unchanged = true);
    let first = skip();
    let files = vault.made(&first).len();
    for pack in support::files_below(&vault.repository_path().join("packs")) {
        std::fs::remove_file(pack).unwrap();
    }
    let second = skip();
    assert!(second.skipped && second.snapshot.is_none());
    assert!(second.written.data_chunks > 0 && second.written.packs > 0);
    assert_eq!(vault.made(&first).len(), files, "all of it is back");
}

#[test]
fn a_run_is_dry_if_either_side_says_so() {
    let (vault, source) = (Vault::new(), folder());
    let size = vault.size();
    let repository = vault.open(Arc::new(Silent));
    for (dry_run, with_session) in [(false, false), (true, true)] {
        let writing = if with_session {
            Writing::begin(&repository, &support::holder(), None).unwrap()
        } else {
            Writing::dry(&repository, None).unwrap()
        };
        let request = BackupRequest {
            dry_run,
            ..support::request(support::root(source.path()))
        };
        let summary = backup(&writing, &writing.snapshots().found, request).unwrap();
        assert_eq!(summary.snapshot, None);
        assert!(summary.written.plain_bytes > 0);
        writing.close().unwrap();
        assert_eq!(vault.size(), size);
    }
}

#[test]
fn what_a_run_is_about_is_told() {
    let (vault, source) = (Vault::new(), folder());
    let phases = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&phases);
    let monitor = Hook::new(move |event| {
        if let Event::Phase(phase) = event {
            note.lock().unwrap().push((*phase).to_owned());
        }
    });
    vault.try_backup(source.path(), monitor, |_| ()).unwrap();
    let phases = phases.lock().unwrap();
    let known = phases
        .iter()
        .filter(|p| ["reading the source", "writing the index"].contains(&p.as_str()));
    assert_eq!(known.count(), 2, "{phases:?}");
}

#[test]
fn an_archive_cut_by_other_rules_is_left_alone() {
    use lumivault_chunk_store::backend::LocalDisk;
    use lumivault_chunk_store::keys::{NewSlot, RecoveryCode, SlotSecret};
    use lumivault_chunk_store::{Environment, InitOptions, Repository};
    let folder = tempfile::tempdir().unwrap();
    let disk = LocalDisk::create(&folder.path().join("r")).unwrap();
    let mut chunker = lumivault_ingest::chunking::parameters();
    chunker[0] = 2;
    let slot = NewSlot {
        secret: SlotSecret::Raw(RecoveryCode::from_key([1; 32])),
        label: String::new(),
        kdf: lumivault_format::KdfParams::DEFAULT,
    };
    let options = InitOptions::new(vec![slot], chunker);
    let environment = Environment::system(Arc::new(Silent));
    let repository = Repository::init(Arc::new(disk), &options, environment).unwrap();
    let source = self::folder();
    let result = support::run(&repository, support::root(source.path()), |_| ());
    assert!(
        matches!(result, Err(IngestError::Store(Error::Unsupported(_)))),
        "{result:?}"
    );
}
