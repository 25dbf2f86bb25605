//! What was forgotten is neither compared with nor imported again, and still belongs to the chain.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::tz::TimeZone;
use lumivault_chunk_store::Silent;
use lumivault_chunk_store::forget::{forget, pin, revive};
use lumivault_chunk_store::session::Writing;
use lumivault_format::{Annotation, AnnotationKind, SnapshotId};
use lumivault_ingest::import::{DateFrom, ImportOutcome, import_one, plan};
use support::{Vault, noise, write};

fn folder() -> tempfile::TempDir {
    let source = tempfile::tempdir().unwrap();
    write(source.path(), "Pictures/a.jpg", &noise(1, 100_000));
    write(source.path(), "Documents/diary.txt", b"dear diary");
    source
}

fn predecessors(vault: &Vault, id: SnapshotId) -> Vec<SnapshotId> {
    let found = vault.snapshots().into_iter().find(|s| s.id == id);
    found.unwrap().snapshot.predecessors
}

#[test]
fn a_backup_is_not_compared_with_a_forgotten_snapshot_but_follows_it() {
    let (vault, source) = (Vault::new(), folder());
    let first = vault.backup(source.path()).snapshot.unwrap();
    write(source.path(), "new", b"new");
    let second = vault.backup(source.path()).snapshot.unwrap();
    forget(&vault.open(Arc::new(Silent)), &[second], "desk").unwrap();

    // Nothing has changed since the forgotten one; since the one before it, something has.
    let third = vault.backup_with(source.path(), |request| request.skip_if_unchanged = true);
    assert_eq!(
        (third.parent, third.skipped, third.changes.new),
        (Some(first), false, 1)
    );
    assert_eq!(predecessors(&vault, third.snapshot.unwrap()), [second]);
    vault.check();

    // With none left it is as the first of its phone.
    let repository = vault.open(Arc::new(Silent));
    forget(&repository, &[first, third.snapshot.unwrap()], "desk").unwrap();
    let fourth = vault.backup(source.path());
    assert_eq!((fourth.parent, fourth.changes.new), (None, 3));
    assert_eq!(
        predecessors(&vault, fourth.snapshot.unwrap()),
        [third.snapshot.unwrap()]
    );
    vault.check();
}

fn import(vault: &Vault, folders: &[PathBuf]) -> Vec<ImportOutcome> {
    let now = "2026-11-21T00:00:00Z".parse().unwrap();
    let plan = plan(folders, DateFrom::Name, &TimeZone::UTC, now).unwrap();
    let repository = vault.open(Arc::new(Silent));
    let writing = Writing::begin(&repository, &support::holder(), None).unwrap();
    let one = |item| import_one(&writing, item, support::request(Vec::new())).unwrap();
    plan.items.iter().map(one).collect()
}

fn month(folder: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.join(name);
    write(&path, "Documents/diary.txt", content);
    path
}

#[test]
fn what_was_forgotten_is_not_imported_again_in_silence() {
    let (vault, copies) = (Vault::new(), tempfile::tempdir().unwrap());
    let may = month(copies.path(), "2026-05", b"dear diary");
    let id = import(&vault, std::slice::from_ref(&may))[0]
        .summary
        .snapshot
        .unwrap();
    let repository = vault.open(Arc::new(Silent));
    forget(&repository, &[id], "desk").unwrap();

    let again = import(&vault, std::slice::from_ref(&may)).remove(0);
    assert_eq!((again.summary.snapshot, again.forgotten), (None, Some(id)));
    assert_eq!((again.summary.skipped, again.same_period), (true, vec![]));
    assert_eq!(vault.snapshots().len(), 1);

    // Another copy of that month is another content; that it is the second is of no interest any more.
    let other = tempfile::tempdir().unwrap();
    let second = import(&vault, &[month(other.path(), "2026-05", b"dear other diary")]).remove(0);
    assert!(second.summary.snapshot.is_some());
    assert_eq!((second.forgotten, second.same_period), (None, vec![]));

    revive(&repository, &[id], "desk").unwrap();
    pin(&repository, &[id], "desk").unwrap();
    let back = import(&vault, &[may]).remove(0);
    assert_eq!((back.summary.skipped, back.forgotten), (true, None));
    assert_eq!(back.same_period, [second.summary.snapshot.unwrap()]);
}

#[test]
fn what_is_being_removed_can_be_imported_again() {
    let (vault, copies) = (Vault::new(), tempfile::tempdir().unwrap());
    let may = month(copies.path(), "2026-05", b"dear diary");
    let id = import(&vault, std::slice::from_ref(&may))[0]
        .summary
        .snapshot
        .unwrap();
    let repository = vault.open(Arc::new(Silent));
    forget(&repository, &[id], "desk").unwrap();
    let removal = Annotation {
        kind: AnnotationKind::Removal,
        snapshot: id,
        text: String::new(),
        unix_seconds: i64::MAX,
        nanoseconds: 0,
        host: "desk".into(),
        predecessors: Vec::new(),
    };
    repository.annotate(&removal).unwrap();
    let again = import(&vault, &[may]).remove(0);
    assert!(again.summary.snapshot.is_some() && again.forgotten.is_none());
    vault.check();
}
