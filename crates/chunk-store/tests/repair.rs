//! Repairing loses nothing that is anywhere, names what is nowhere, and may be stopped at every step.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::Arc;

use common::tree::{Layout, Node, commit, file, folder};
use common::{Fixture, begin, id};
use lumivault_chunk_store::backend::Backend;
use lumivault_chunk_store::check::{Affected, CheckOptions, CheckReport, ReadData, Severity, check};
use lumivault_chunk_store::forget::{forget, pin};
use lumivault_chunk_store::prune::{GRACE_SECONDS, PruneOptions, prune};
use lumivault_chunk_store::repair::{
    IndexReport, OtherCopy, PacksOptions, PacksReport, SessionsReport, SnapshotsOptions, SnapshotsReport,
};
use lumivault_chunk_store::session::{Holder, LEASE_SECONDS, Writing};
use lumivault_chunk_store::{ChunkIndex, Error, Repository, StoredSnapshot, TreeReader, parity, repair};
use lumivault_format::tree::FolderRef;
use lumivault_format::{Annotation, AnnotationKind, ChunkKind, ObjectKind, ObjectName, SnapshotId};
use lumivault_testkit::{Fault, FaultBackend, Operation, SeededRandom};

const HOST: &str = "desk";

fn holder() -> Holder {
    Holder {
        host: HOST.into(),
        process: std::process::id(),
    }
}

/// A file's bytes, or a link's target.
type Files = BTreeMap<String, Vec<u8>>;

fn photo(number: u64) -> Vec<u8> {
    SeededRandom::new(&format!("repair: photo {number}")).bytes(30_000)
}

/// Commits a month: new photos in a folder of their own, a folder that never changes, and small files at the root.
fn month(repository: &Repository, number: u64) -> SnapshotId {
    let (_, writer) = begin(repository).unwrap();
    let first = number * 4;
    let names: Vec<String> = (first..first + 4).map(|n| format!("{n:04}.jpg")).collect();
    let entries = names
        .iter()
        .map(String::as_str)
        .zip((first..first + 4).map(|n| Node::File(vec![photo(n), photo(n + 1000)])));
    let fresh = folder(&writer, Layout::Pieces, entries.collect());
    let kept = folder(
        &writer,
        Layout::Chunk,
        vec![
            ("diary.txt", file("dear diary")),
            ("photo.jpg", Node::File(vec![photo(0)])),
        ],
    );
    let inline = folder(
        &writer,
        Layout::Inline,
        vec![("link", Node::Link("../diary.txt"))],
    );
    let note = format!("the note of month {number}");
    let root = folder(
        &writer,
        Layout::Pieces,
        vec![
            ("fresh", Node::Folder(fresh)),
            ("inline", Node::Folder(inline)),
            ("kept", Node::Folder(kept)),
            ("note.txt", file(&note)),
        ],
    );
    writer.finish().unwrap();
    commit(repository, i64::try_from(number).unwrap() * 30, &root).unwrap()
}

/// An archive of three months, one of them tagged, one pinned.
struct Archive {
    f: Fixture,
    whole: BTreeMap<SnapshotId, Files>,
}

fn archive(seed: &str) -> Archive {
    let f = Fixture::new(seed);
    let repository = f.open();
    let ids: Vec<SnapshotId> = (0..3).map(|number| month(&repository, number)).collect();
    repository
        .annotate(&Annotation {
            kind: AnnotationKind::TagAdded,
            snapshot: ids[0],
            text: "first".into(),
            unix_seconds: 1,
            nanoseconds: 0,
            host: HOST.into(),
            predecessors: Vec::new(),
        })
        .unwrap();
    pin(&repository, &[ids[1]], HOST).unwrap();
    let index = ChunkIndex::load(&repository, None).unwrap();
    let found = repository.snapshots().unwrap().found;
    let whole: BTreeMap<_, _> = found
        .iter()
        .map(|stored| (stored.id, read(&repository, &index, &stored.snapshot.root)))
        .collect();
    assert!(whole.values().all(|files| files.len() == 8), "{whole:?}");
    drop(repository);
    Archive { f, whole }
}

/// All files that can be read.
fn read(repository: &Repository, index: &ChunkIndex, root: &[u8]) -> Files {
    let mut files = Files::new();
    let reader = TreeReader::new(repository, index);
    let root = FolderRef::decode_whole(root).unwrap();
    read_folder(&reader, &root, "", &mut files);
    files
}

fn read_folder(reader: &TreeReader<'_>, reference: &FolderRef, path: &str, files: &mut Files) {
    let Ok(folder) = reader.folder(reference) else {
        return;
    };
    for (entry, below) in folder.with_folders() {
        let path = format!("{path}/{}", std::str::from_utf8(&entry.name.name).unwrap());
        if let Some(below) = below {
            read_folder(reader, below, &path, files);
        } else if let Some(content) = folder.content(entry) {
            let chunks = content
                .extents
                .iter()
                .map(|extent| reader.chunk(&extent.chunk().unwrap()));
            if let Ok(chunks) = chunks.collect::<Result<Vec<_>, _>>() {
                files.insert(path, chunks.concat());
            }
        } else {
            files.insert(path, format!("{:?}", entry.name.kind).into_bytes());
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Damage {
    Delete,
    Truncate,
    Flip,
    Swap,
    Duplicate,
}

const DAMAGES: [Damage; 5] = [
    Damage::Delete,
    Damage::Truncate,
    Damage::Flip,
    Damage::Swap,
    Damage::Duplicate,
];
const KINDS: [ObjectKind; 4] = [
    ObjectKind::Index,
    ObjectKind::Pack,
    ObjectKind::Snapshot,
    ObjectKind::Annotation,
];

fn harm(f: &Fixture, kind: ObjectKind, name: ObjectName, damage: Damage) {
    let object = id(kind, name);
    let bytes = f.bytes(&object);
    match damage {
        Damage::Delete => f.memory.remove(&object).unwrap(),
        Damage::Truncate => f.overwrite(&object, &bytes[..bytes.len() / 2]),
        Damage::Flip => {
            let mut bytes = bytes;
            let middle = bytes.len() / 3;
            bytes[middle] ^= 1;
            f.overwrite(&object, &bytes);
        }
        Damage::Swap => {
            let names = f.list(kind);
            let at = names.iter().position(|other| *other == name).unwrap();
            let other = id(kind, names[(at + 1) % names.len()]);
            let others = f.bytes(&other);
            f.overwrite(&object, &others);
            f.overwrite(&other, &bytes);
        }
        Damage::Duplicate => {
            let mut wrong = *name.as_bytes();
            wrong[31] ^= 1;
            f.memory
                .create(&id(kind, ObjectName::from_bytes(wrong)), &bytes)
                .unwrap();
        }
    }
}

const THREADS: NonZeroUsize = NonZeroUsize::new(2).unwrap();

struct Reports {
    index: IndexReport,
    packs: PacksReport,
    snapshots: SnapshotsReport,
}

fn repair_all(
    repository: &Repository,
    from: Option<&Repository>,
    drop_lost: bool,
    dry_run: bool,
) -> Result<Reports, Error> {
    let other = match from {
        Some(from) => Some(OtherCopy::new(repository, from)?),
        None => None,
    };
    let packs = PacksOptions {
        from: other.as_ref(),
        threads: THREADS,
        dry_run,
    };
    let snapshots = SnapshotsOptions {
        from: other.as_ref(),
        drop_lost,
        dry_run,
    };
    let index = repair::index(repository, &holder(), dry_run)?;
    // Records first: they say which chunks are needed.
    let mut records = repair::snapshots(
        repository,
        &holder(),
        None,
        &SnapshotsOptions {
            drop_lost: false,
            ..snapshots
        },
    )?;
    let packs = repair::packs(repository, &holder(), None, &packs)?;
    let mut reports = Reports {
        index,
        packs,
        snapshots: repair::snapshots(repository, &holder(), None, &snapshots)?,
    };
    reports.snapshots.lost.append(&mut records.lost);
    reports
        .snapshots
        .grace_restarted
        .append(&mut records.grace_restarted);
    Ok(reports)
}

fn full_check(repository: &Repository) -> CheckReport {
    let index = ChunkIndex::load(repository, None).unwrap();
    let options = CheckOptions {
        read: ReadData::AllData,
        threads: THREADS,
    };
    check(repository, &index, &options).unwrap()
}

#[track_caller]
fn assert_clean(f: &Fixture, what: &str) {
    let report = full_check(&f.open());
    let problems: Vec<_> = report
        .findings
        .iter()
        .filter(|finding| finding.severity > Severity::Note)
        .collect();
    assert!(problems.is_empty(), "{what}: {problems:#?}");
}

/// What can be read now, by snapshot.
fn readable(f: &Fixture) -> BTreeMap<SnapshotId, Files> {
    let repository = f.open();
    let index = ChunkIndex::load(&repository, None).unwrap();
    let found = repository.snapshots().unwrap().found;
    let files = found
        .iter()
        .map(|stored| (stored.id, read(&repository, &index, &stored.snapshot.root)));
    files.collect()
}

#[track_caller]
fn assert_whole(a: &Archive, f: &Fixture, what: &str) {
    assert_clean(f, what);
    let now = readable(f);
    assert_eq!(
        now.keys().collect::<Vec<_>>(),
        a.whole.keys().collect::<Vec<_>>(),
        "{what}"
    );
    for (id, files) in &a.whole {
        assert!(now[id] == *files, "{what}: {id}");
    }
    let found = f.open().snapshots().unwrap().found;
    assert!(
        found
            .iter()
            .any(|stored| stored.tags.contains(&"first".to_owned())),
        "{what}: a tag is lost"
    );
    assert_eq!(found.iter().filter(|stored| stored.pinned).count(), 1, "{what}");
}

fn prune_now(f: &Fixture) {
    let options = PruneOptions {
        now: true,
        ..PruneOptions::default()
    };
    prune(&f.open(), &holder(), None, &options).unwrap();
}

/// Every damage to every object, with what that was.
fn each_damage(a: &Archive, kinds: &[ObjectKind], mut each: impl FnMut(Fixture, ObjectKind, Damage, &str)) {
    for kind in kinds.iter().copied() {
        for (number, name) in a.f.list(kind).into_iter().enumerate() {
            for damage in DAMAGES {
                let copy = a.f.copy();
                harm(&copy, kind, name, damage);
                each(copy, kind, damage, &format!("{damage:?} of {kind} {number}"));
                a.f.world.notes.take_warnings();
            }
        }
    }
}

#[test]
fn with_another_copy_everything_is_mended() {
    let a = archive("repair: from a copy");
    let copy = a.f.copy();
    each_damage(&a, &KINDS, |f, _, _, what| {
        let before: Vec<_> = KINDS.iter().map(|kind| f.list(*kind)).collect();
        let other = copy.open();
        let plan = repair_all(&f.open(), Some(&other), false, true);
        let after: Vec<_> = KINDS.iter().map(|kind| f.list(*kind)).collect();
        assert_eq!(before, after, "{what}: a dry run changed something");
        drop(plan);
        let reports = repair_all(&f.open(), Some(&other), false, false)
            .unwrap_or_else(|error| panic!("{what}: {error:?}"));
        assert_eq!(reports.packs.lost, 0, "{what}");
        assert!(!reports.packs.is_damaged(), "{what}: {:?}", reports.packs);
        // An object that never was one has nothing to come from.
        assert!(
            reports.snapshots.affected_snapshots.is_empty(),
            "{what}: {:?}",
            reports.snapshots
        );
        assert_whole(&a, &f, what);
        let again = repair_all(&f.open(), Some(&other), false, false).unwrap();
        assert!(!again.index.changed && again.packs.damaged.is_empty(), "{what}");
        prune_now(&f);
        assert_whole(&a, &f, what);
        assert!(f.list(ObjectKind::Session).is_empty(), "{what}");
    });
}

/// Whether a file is among those reported: itself, or a folder above it.
fn is_named(affected: &[Affected], snapshot: SnapshotId, path: &str) -> bool {
    affected.iter().any(|one| {
        let folder = format!("/{}", String::from_utf8_lossy(&one.path));
        one.snapshot == snapshot
            && (path == folder || folder == "/" || path.starts_with(&format!("{folder}/")))
    })
}

#[test]
fn without_another_copy_exactly_what_is_lost_is_named_and_everything_else_reads_back() {
    let a = archive("repair: alone");
    let mut lossy = 0;
    each_damage(
        &a,
        &[ObjectKind::Index, ObjectKind::Pack],
        |f, kind, damage, what| {
            let reports =
                repair_all(&f.open(), None, false, false).unwrap_or_else(|error| panic!("{what}: {error:?}"));
            if kind == ObjectKind::Index || matches!(damage, Damage::Swap | Damage::Duplicate) {
                assert_whole(&a, &f, what);
                return;
            }
            let now = readable(&f);
            let mut lost = 0;
            for (id, files) in &a.whole {
                for (path, content) in files {
                    if let Some(read) = now[id].get(path) {
                        assert!(read == content, "{what}: {path} came back changed");
                        continue;
                    }
                    lost += 1;
                    assert!(
                        is_named(&reports.packs.affected, *id, path)
                            && is_named(&reports.snapshots.affected, *id, path),
                        "{what}: {path} of {id} is not named"
                    );
                }
                for one in reports.packs.affected.iter().filter(|one| one.snapshot == *id) {
                    let path = format!("/{}", String::from_utf8_lossy(&one.path));
                    let is_there = now[id].contains_key(&path) && one.chunk.is_some();
                    assert!(!is_there, "{what}: {path} is named and can be read");
                }
            }
            assert_eq!(reports.packs.lost > 0, lost > 0, "{what}: {:?}", reports.packs);
            lossy += usize::from(lost > 0);
            // Nothing was deleted.
            assert!(
                damage == Damage::Delete || !f.memory.quarantine().is_empty(),
                "{what}"
            );
            // With the user's word the rest becomes whole.
            let said = repair_all(&f.open(), None, true, false).unwrap();
            assert_clean(&f, what);
            assert_dropped(&a, &f, &now, &said.snapshots, what);
            prune_now(&f);
            assert_clean(&f, what);
            assert_dropped(&a, &f, &now, &said.snapshots, what);
        },
    );
    assert!(lossy > 10, "only {lossy} damages lost anything");
}

/// Snapshots that lacked something are replaced by ones that hold what can be read, and name the rest.
fn assert_dropped(
    a: &Archive,
    f: &Fixture,
    before: &BTreeMap<SnapshotId, Files>,
    said: &SnapshotsReport,
    what: &str,
) {
    let now = readable(f);
    let found = f.open().snapshots().unwrap().found;
    assert_eq!(now.len(), a.whole.len(), "{what}");
    for (id, files) in &a.whole {
        if let Some(kept) = now.get(id) {
            assert!(kept == files, "{what}: {id} lacks something and stays");
            continue;
        }
        let replaced = said.replaced.iter().find(|one| one.damaged == *id).unwrap();
        let new = replaced.by.unwrap();
        // Of a folder whose names or heads are lost nothing can be had; of others everything that can be read.
        for (path, content) in &now[&new] {
            assert!(
                files.get(path) == Some(content),
                "{what}: {path} is not what it was"
            );
        }
        let stored = found.iter().find(|stored| stored.id == new).unwrap();
        let named: Vec<String> = stored
            .snapshot
            .warnings
            .iter()
            .filter(|warning| warning.code == "lost")
            .map(|warning| format!("/{}", String::from_utf8_lossy(&warning.path)))
            .collect();
        for path in files.keys() {
            let is_named = named
                .iter()
                .any(|lost| lost == "/" || lost == path || path.starts_with(&format!("{lost}/")));
            assert!(
                now[&new].contains_key(path) || is_named,
                "{what}: {path} is not named"
            );
            let was_there = before.get(id).is_some_and(|files| files.contains_key(path));
            assert!(
                !was_there || now[&new].contains_key(path),
                "{what}: {path} was given up"
            );
        }
        assert!(
            stored.snapshot.scope.incomplete && stored.snapshot.predecessors == [*id],
            "{what}"
        );
        let files = now[&new]
            .values()
            .filter(|content| !content.starts_with(b"Symlink"));
        assert_eq!(
            stored.snapshot.counts.files,
            files.clone().count() as u64,
            "{what}"
        );
        assert_eq!(
            stored.snapshot.counts.bytes,
            files.map(|content| content.len() as u64).sum::<u64>(),
            "{what}"
        );
    }
    assert_eq!(
        found.iter().filter(|stored| stored.pinned).count(),
        1,
        "{what}: pins"
    );
    assert!(found.iter().all(StoredSnapshot::is_live), "{what}");
    assert!(
        found
            .iter()
            .any(|stored| stored.tags.contains(&"first".to_owned())),
        "{what}: tags"
    );
}

#[test]
fn records_that_are_nowhere_else_are_set_aside_and_named() {
    let a = archive("repair: records");
    each_damage(
        &a,
        &[ObjectKind::Snapshot, ObjectKind::Annotation],
        |f, kind, damage, what| {
            let reports = repair_all(&f.open(), None, false, false).unwrap();
            assert_clean(&f, what);
            let lost = &reports.snapshots.lost;
            match damage {
                Damage::Delete => assert!(lost.is_empty(), "{what}"),
                Damage::Swap => {
                    assert!(lost.is_empty(), "{what}: {lost:?}");
                    assert_whole(&a, &f, what);
                }
                Damage::Duplicate | Damage::Truncate | Damage::Flip => {
                    assert!(lost.len() == 1 && lost[0].object.kind == kind, "{what}: {lost:?}");
                    assert_eq!(f.memory.quarantine().len(), 1, "{what}");
                }
            }
            let now = readable(&f);
            for (id, files) in &now {
                assert!(a.whole[id] == *files, "{what}");
            }
            let is_gone = kind == ObjectKind::Snapshot
                && matches!(damage, Damage::Delete | Damage::Truncate | Damage::Flip);
            assert_eq!(now.len(), a.whole.len() - usize::from(is_gone), "{what}");
            prune_now(&f);
            assert_eq!(readable(&f), now, "{what}");
        },
    );
}

#[test]
fn a_lost_revival_does_not_cost_the_snapshot_before_that_can_be_noticed() {
    let a = archive("repair: lost revival");
    let repository = a.f.open();
    let old = *a.whole.keys().find(|id| !is_pinned(&repository, **id)).unwrap();
    forget(&repository, &[old], HOST).unwrap();
    let before = a.f.list(ObjectKind::Annotation);
    a.f.world.clock.advance(60);
    lumivault_chunk_store::forget::revive(&repository, &[old], HOST).unwrap();
    let revival = a.f.list(ObjectKind::Annotation);
    let revival = revival.iter().find(|name| !before.contains(name)).unwrap();
    a.f.world.clock.advance(10 * GRACE_SECONDS);
    harm(&a.f, ObjectKind::Annotation, *revival, Damage::Flip);
    let reports = repair_all(&a.f.open(), None, false, false).unwrap();
    assert_eq!(reports.snapshots.grace_restarted, [old]);
    prune(&a.f.open(), &holder(), None, &PruneOptions::default()).unwrap();
    assert_eq!(readable(&a.f), a.whole, "it can still be brought back");
    a.f.world.notes.take_warnings();
}

fn is_pinned(repository: &Repository, id: SnapshotId) -> bool {
    let found = repository.snapshots().unwrap().found;
    found.iter().any(|stored| stored.id == id && stored.pinned)
}

#[test]
fn parity_and_copies_mend_without_another_copy() {
    let a = archive("repair: parity");
    parity::add(&mut a.f.open(), 10, false).unwrap();
    let kinds = [
        ObjectKind::Config,
        ObjectKind::KeySlot,
        ObjectKind::Index,
        ObjectKind::Pack,
        ObjectKind::Snapshot,
    ];
    each_damage(&a, &kinds, |f, kind, damage, what| {
        // Strays in these folders are for people to judge.
        if damage == Damage::Duplicate && matches!(kind, ObjectKind::Config | ObjectKind::KeySlot) {
            return;
        }
        // A pack that is gone as a whole takes more than a tenth.
        if kind == ObjectKind::Pack && matches!(damage, Damage::Delete | Damage::Truncate) {
            return;
        }
        let reports =
            repair_all(&f.open(), None, false, false).unwrap_or_else(|error| panic!("{what}: {error:?}"));
        let is_stray = damage == Damage::Duplicate;
        assert_eq!(
            reports.snapshots.lost.len(),
            usize::from(is_stray && kind == ObjectKind::Snapshot)
        );
        assert_eq!(
            f.memory.quarantine().is_empty(),
            !is_stray && (kind, damage) != (ObjectKind::Pack, Damage::Swap),
            "{what}"
        );
        assert_whole(&a, &f, what);
        prune_now(&f);
        assert_whole(&a, &f, what);
    });
    // What is given up leaves no copies that would stand for it.
    let packs = a.f.list(ObjectKind::Pack);
    for pack in &packs {
        harm(&a.f, ObjectKind::Pack, *pack, Damage::Delete);
    }
    repair_all(&a.f.open(), None, true, false).unwrap();
    assert_clean(&a.f, "all packs gone");
    let left = readable(&a.f);
    assert!(left.len() == 3 && left.values().all(Files::is_empty), "{left:?}");
    a.f.world.notes.take_warnings();
}

#[test]
fn sound_repositories_are_left_alone() {
    let a = archive("repair: sound");
    let everything = |f: &Fixture| -> Vec<_> { ObjectKind::ALL.iter().map(|kind| f.list(*kind)).collect() };
    let before = everything(&a.f);
    let reports = repair_all(&a.f.open(), Some(&a.f.copy().open()), true, false).unwrap();
    assert_eq!(everything(&a.f), before);
    assert!(!reports.index.is_damaged() && !reports.packs.is_damaged() && !reports.snapshots.is_damaged());
    assert!(a.f.memory.quarantine().is_empty());
}

#[test]
fn what_no_index_lists_is_listed_if_it_is_sound() {
    let a = archive("repair: no index at all");
    for name in a.f.list(ObjectKind::Index) {
        a.f.memory.remove(&id(ObjectKind::Index, name)).unwrap();
    }
    let damaged = a.f.list(ObjectKind::Pack)[2];
    let copy = a.f.copy();
    harm(&copy, ObjectKind::Pack, damaged, Damage::Flip);
    let report = repair::index(&a.f.open(), &holder(), false).unwrap();
    assert_eq!((report.added.len(), report.gone.len()), (6, 0));
    assert_whole(&a, &a.f, "listed again");
    let report = repair::index(&copy.open(), &holder(), false).unwrap();
    assert_eq!((report.added.len(), report.damaged.len()), (5, 1));
    // Then the other copy gives what is missing, as no index knows any more what was in the damaged pack.
    repair_all(&copy.open(), Some(&a.f.open()), false, false).unwrap();
    assert_whole(&a, &copy, "fetched");
    a.f.world.notes.take_warnings();
}

#[test]
fn another_archive_is_no_copy() {
    let (a, b) = (Fixture::new("repair: one"), Fixture::new("repair: another"));
    let (here, other) = (a.open(), b.open());
    assert!(matches!(OtherCopy::new(&here, &other), Err(Error::NotACopy(_))));
}

#[test]
fn while_something_could_still_be_found_nothing_is_given_up() {
    let a = archive("repair: too early");
    let pack = a.f.list(ObjectKind::Pack)[0];
    harm(&a.f, ObjectKind::Pack, pack, Damage::Truncate);
    let options = SnapshotsOptions {
        from: None,
        drop_lost: true,
        dry_run: false,
    };
    let refused = repair::snapshots(&a.f.open(), &holder(), None, &options);
    assert!(
        matches!(&refused, Err(Error::Blocked(text)) if text.contains("repair packs")),
        "{refused:?}"
    );
    let index = a.f.list(ObjectKind::Index)[0];
    let unlisted = archive("repair: too early, unlisted");
    let gone = id(ObjectKind::Index, unlisted.f.list(ObjectKind::Index)[0]);
    unlisted.f.memory.remove(&gone).unwrap();
    let refused = repair::snapshots(&unlisted.f.open(), &holder(), None, &options);
    assert!(
        matches!(&refused, Err(Error::Blocked(text)) if text.contains("repair index")),
        "{refused:?}"
    );
    harm(&a.f, ObjectKind::Index, index, Damage::Flip);
    let refused = repair::snapshots(&a.f.open(), &holder(), None, &options);
    assert!(
        matches!(&refused, Err(Error::Blocked(text)) if text.contains("repair index")),
        "{refused:?}"
    );
    assert!(a.f.list(ObjectKind::Session).is_empty());
    a.f.world.notes.take_warnings();
}

#[test]
fn sessions_of_the_dead_go_and_others_only_with_a_word() {
    let f = Fixture::new("repair: sessions");
    let repository = f.open();
    let dead = Writing::begin(&repository, &holder(), None).unwrap();
    f.world.clock.advance(LEASE_SECONDS + 1);
    let elsewhere = Holder {
        host: "elsewhere".into(),
        process: 7,
    };
    let alive = Writing::begin(&repository, &elsewhere, None).unwrap();
    let unreadable = f.plant(ObjectKind::Session, b"no session");
    let run =
        |all, dry_run| -> SessionsReport { repair::sessions(&f.open(), &holder(), all, dry_run).unwrap() };
    let plan = run(false, true);
    // What was read came after each began.
    assert_eq!(f.list(ObjectKind::Session).len(), 2 * 2 + 1);
    let report = run(false, false);
    assert_eq!(plan, report);
    let removed = |report: &SessionsReport| report.sessions.iter().filter(|one| one.removed).count();
    assert_eq!((report.sessions.len(), removed(&report)), (3, 1));
    assert!(report.is_damaged(), "one cannot be read and stays");
    assert_eq!(f.list(ObjectKind::Session).len(), 2 + 1);
    assert!(matches!(dead.look_again(), Err(Error::Revoked)));
    assert_eq!(alive.look_again().unwrap(), None);
    let report = run(true, false);
    assert_eq!(removed(&report), 2);
    assert!(!report.is_damaged());
    assert!(matches!(alive.look_again(), Err(Error::Revoked)));
    assert!(f.list(ObjectKind::Session).is_empty());
    let aside = f.memory.quarantine();
    assert!(aside.len() == 1 && aside[0].0.name == unreadable);
    assert_eq!(f.list(ObjectKind::Revocation).len(), 2);
}

/// Damages several objects at once.
fn harm_much(f: &Fixture, with_snapshot: bool) {
    harm(f, ObjectKind::Index, f.list(ObjectKind::Index)[1], Damage::Flip);
    let packs = f.list(ObjectKind::Pack);
    harm(f, ObjectKind::Pack, packs[0], Damage::Flip);
    harm(f, ObjectKind::Pack, packs[3], Damage::Truncate);
    harm(f, ObjectKind::Pack, packs[4], Damage::Delete);
    if with_snapshot {
        harm(
            f,
            ObjectKind::Snapshot,
            f.list(ObjectKind::Snapshot)[2],
            Damage::Truncate,
        );
        harm(
            f,
            ObjectKind::Annotation,
            f.list(ObjectKind::Annotation)[0],
            Damage::Flip,
        );
    }
}

/// Stops a repair at each of its operations; the next one completes it.
fn stopped_anywhere(a: &Archive, other: Option<&Fixture>, fault: Fault) {
    let damaged = a.f.copy();
    harm_much(&damaged, other.is_some());
    let other = other.map(Fixture::open);
    let drop_lost = other.is_none();
    // What an undisturbed repair comes to.
    let model = damaged.copy();
    repair_all(&model.open(), other.as_ref(), drop_lost, false).unwrap();
    assert_clean(&model, "undisturbed");
    let expected: BTreeSet<Vec<(String, Vec<u8>)>> = contents(&model);
    let (mut at, mut stopped) = (0, 0);
    loop {
        let copy = damaged.copy();
        let faulty = FaultBackend::new(copy.memory.clone());
        let control = faulty.control();
        let repository = copy.open_on(Arc::new(faulty)).unwrap();
        control.fail_from(control.count() + at, fault);
        let ended = repair_all(&repository, other.as_ref(), drop_lost, false).is_ok();
        control.heal();
        drop(repository);
        let what = format!("{fault:?} at {at}");
        // Whoever was stopped left a session, which is dead by tomorrow.
        copy.world.clock.advance(LEASE_SECONDS + 1);
        let again = repair_all(&copy.open(), other.as_ref(), drop_lost, false);
        assert!(again.is_ok(), "{what}: {:?}", again.err());
        if other.is_some() {
            assert_whole(a, &copy, &what);
        } else {
            assert_clean(&copy, &what);
            assert_eq!(contents(&copy), expected, "{what}");
        }
        copy.world.clock.advance(-LEASE_SECONDS - 1);
        a.f.world.notes.take_warnings();
        if ended {
            break;
        }
        stopped += 1;
        at += 1;
    }
    assert!(stopped > 50, "{fault:?}: only {stopped} operations");
}

fn contents(f: &Fixture) -> BTreeSet<Vec<(String, Vec<u8>)>> {
    let all = readable(f).into_values();
    all.map(|files| files.into_iter().collect()).collect()
}

#[test]
fn stopped_anywhere_nothing_is_lost() {
    for fault in [Fault::Io, Fault::LostAnswer, Fault::Full, Fault::Sync] {
        let a = archive(&format!("repair: stopped with {fault:?}"));
        let copy = a.f.copy();
        stopped_anywhere(&a, Some(&copy), fault);
    }
}

#[test]
fn stopped_anywhere_no_more_than_what_is_lost_is_dropped() {
    for fault in [Fault::Io, Fault::LostAnswer] {
        let a = archive(&format!("repair: dropping stopped with {fault:?}"));
        stopped_anywhere(&a, None, fault);
    }
}

/// A storage that fails once is not taken for damaged.
#[test]
fn one_failure_is_no_damage() {
    let a = archive("repair: one failure");
    let copy = a.f.copy();
    for at in 0.. {
        let f = a.f.copy();
        let faulty = FaultBackend::new(f.memory.clone());
        let control = faulty.control();
        let repository = f.open_on(Arc::new(faulty)).unwrap();
        let first = control.count();
        control.fail_at(first + at, Fault::Io);
        let result = repair_all(&repository, None, true, false);
        let count = control.count() - first;
        drop(repository);
        drop(result);
        f.world.clock.advance(LEASE_SECONDS + 1);
        repair_all(&f.open(), Some(&copy.open()), false, false).unwrap();
        assert_whole(&a, &f, &format!("operation {at}"));
        assert!(f.memory.quarantine().is_empty(), "operation {at} of {count}");
        f.world.clock.advance(-LEASE_SECONDS - 1);
        a.f.world.notes.take_warnings();
        if at >= count {
            break;
        }
    }
}

#[test]
fn whatever_is_wrong_with_an_index_is_put_right_at_once_and_said() {
    let remove = |f: &Fixture, kind| {
        let object = id(kind, f.list(kind)[0]);
        let bytes = f.bytes(&object);
        f.memory.remove(&object).unwrap();
        (object, bytes)
    };
    let damage = |f: &Fixture| {
        let damaged = id(ObjectKind::Index, ObjectName::from_bytes([7; 32]));
        f.memory.create(&damaged, b"damaged").unwrap();
    };
    for wrong in ["unreadable", "left over", "added", "gone", "mended"] {
        let a = archive(&format!("repair: index, {wrong}"));
        let repair = || repair::index(&a.f.open(), &holder(), false).unwrap();
        match wrong {
            "unreadable" => damage(&a.f),
            "left over" => {
                let (id, bytes) = remove(&a.f, ObjectKind::Index);
                a.f.memory.create(&id, &bytes).unwrap();
                damage(&a.f);
                repair();
                a.f.memory.create(&id, &bytes).unwrap();
            }
            "added" => drop(remove(&a.f, ObjectKind::Index)),
            "gone" => drop(remove(&a.f, ObjectKind::Pack)),
            _ => {
                parity::add(&mut a.f.open(), 10, false).unwrap();
                remove(&a.f, ObjectKind::Index);
            }
        }
        let there = a.f.list(ObjectKind::Index).len() as u64;
        let report = repair();
        assert!(report.changed, "{wrong}: {report:?}");
        assert_eq!(
            report.unreadable.len(),
            usize::from(wrong == "unreadable"),
            "{wrong}"
        );
        assert_eq!(report.mended.len(), usize::from(wrong == "mended"), "{wrong}");
        let read = there + report.mended.len() as u64 - report.unreadable.len() as u64;
        assert_eq!(report.objects, read, "{wrong}");
        let again = repair();
        assert!(!again.changed, "{wrong}: {again:?}");
        a.f.world.notes.take_warnings();
    }
}

#[test]
fn a_snapshot_that_is_nowhere_is_named_and_given_up_only_with_a_word() {
    let a = archive("repair: gone");
    let repository = a.f.open();
    let found = repository.snapshots().unwrap().found;
    let gone = found.first().unwrap();
    let mut next = gone.snapshot.clone();
    next.predecessors = vec![gone.id];
    repository.commit_snapshot(&next).unwrap();
    a.f.memory.remove(&id(ObjectKind::Snapshot, gone.object)).unwrap();
    let facts = a.f.list(ObjectKind::Annotation).len();
    for (drop_lost, dry_run, written) in [
        (false, false, 0),
        (false, true, 0),
        (true, true, 0),
        (true, false, 1),
    ] {
        let options = SnapshotsOptions {
            from: None,
            drop_lost,
            dry_run,
        };
        let report = repair::snapshots(&a.f.open(), &holder(), None, &options).unwrap();
        assert_eq!((report.gone, report.given_up), (vec![gone.id], drop_lost));
        assert_eq!(a.f.list(ObjectKind::Annotation).len(), facts + written);
    }
    assert!(a.f.open().chain().unwrap().gaps().is_empty());
}

#[test]
fn a_snapshot_that_an_interrupted_run_wrote_is_not_written_again() {
    let a = archive("repair: not twice");
    let index = ChunkIndex::load(&a.f.open(), None).unwrap();
    for pack in index.packs().iter().filter(|pack| pack.kind == ChunkKind::Data) {
        a.f.memory.remove(&id(ObjectKind::Pack, pack.name)).unwrap();
    }
    repair::index(&a.f.open(), &holder(), false).unwrap();
    let options = SnapshotsOptions {
        from: None,
        drop_lost: true,
        dry_run: false,
    };
    let run = |f: &Fixture, fails_at: Option<usize>| {
        let faulty = FaultBackend::new(f.memory.clone());
        let control = faulty.control();
        let repository = f.open_on(Arc::new(faulty)).unwrap();
        let before = control.count();
        fails_at.inspect(|at| control.fail_at(before + at, Fault::Io));
        let report = repair::snapshots(&repository, &holder(), None, &options);
        let log = control.log();
        let annotation = log.iter().skip(before).position(|event| {
            event.operation == Operation::Create
                && event.object.is_some_and(|id| id.kind == ObjectKind::Annotation)
        });
        (report, annotation)
    };
    let model = a.f.copy();
    let (report, annotation) = run(&model, None);
    assert!(!report.unwrap().replaced.is_empty());
    let (stopped, _) = run(&a.f, annotation);
    assert!(stopped.is_err());
    let snapshots = |f: &Fixture| f.open().snapshots().unwrap().found.len();
    assert!(snapshots(&a.f) > snapshots(&model), "both are there");
    run(&a.f, None).0.unwrap();
    assert_eq!(snapshots(&a.f), snapshots(&model));
}
