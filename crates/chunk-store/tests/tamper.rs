//! Whatever is done to the bytes of a repository: no panic, never a wrong byte, and the damage is named.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::tree::{Layout, Node, commit, file, folder};
use common::{Fixture, begin, chain, id, raw, raw_slot};
use lumivault_chunk_store::{ChunkIndex, Error, Repository, TreeReader};
use lumivault_format::tree::{Extent, FolderRef};
use lumivault_format::{Annotation, AnnotationKind, ChunkId, ObjectId, ObjectKind, ObjectName};

const TEXTS: [&str; 3] = ["contacts of May", "a message, twice as long as any other", "deep"];

/// One object of each kind and both kinds of pack.
fn archive(seed: &str) -> Fixture {
    let f = Fixture::new(seed);
    f.open().rotate_epoch().unwrap();
    let repository = f.open();
    let (_, writer) = begin(&repository).unwrap();
    let below = folder(&writer, Layout::Chunk, vec![("deep.txt", file(TEXTS[2]))]);
    let entries = vec![
        ("a.vcf", file(TEXTS[0])),
        ("b.txt", file(TEXTS[1])),
        ("c", Node::Folder(below)),
    ];
    let root = folder(&writer, Layout::Pieces, entries);
    writer.finish().unwrap();
    let snapshot = commit(&repository, 0, &root).unwrap();
    let note = Annotation {
        kind: AnnotationKind::TagAdded,
        snapshot,
        text: "keep".into(),
        unix_seconds: 1_778_760_000,
        nanoseconds: 0,
        host: "desk".into(),
        predecessors: Vec::new(),
    };
    repository.annotate(&note).unwrap();
    f
}

/// What a reader met: everything that was reported, and every file that was read.
#[derive(Default)]
struct Seen {
    problems: String,
    files: Vec<Vec<u8>>,
    tags: usize,
}

/// Does all that a reader does, and goes on after every error.
fn read_everything(f: &Fixture) -> Seen {
    let mut seen = Seen::default();
    match f.open_with(&raw(f.key)) {
        Ok(repository) => read_repository(&repository, &mut seen),
        Err(error) => seen.problems.push_str(&chain(&error)),
    }
    for warning in f.world.notes.take_warnings() {
        seen.problems.push_str(&warning);
    }
    seen
}

fn read_repository(repository: &Repository, seen: &mut Seen) {
    let mut note = |error: &Error| seen.problems.extend([&chain(error), "\n"]);
    match repository.key_slots() {
        Ok(slots) => slots.unreadable.iter().for_each(&mut note),
        Err(error) => note(&error),
    }
    let snapshots = repository.snapshots().unwrap();
    snapshots.unreadable.iter().for_each(&mut note);
    let index = ChunkIndex::load(repository, None).unwrap();
    let reader = TreeReader::new(repository, &index);
    for stored in &snapshots.found {
        seen.tags += stored.tags.len();
        let root = FolderRef::decode_whole(&stored.snapshot.root).unwrap();
        read_folder(&reader, &root, seen);
    }
}

fn read_folder(reader: &TreeReader<'_>, reference: &FolderRef, seen: &mut Seen) {
    let folder = match reader.folder(reference) {
        Ok(folder) => folder,
        Err(error) => return seen.problems.push_str(&chain(&error)),
    };
    for content in &folder.contents {
        for extent in &content.extents {
            let Extent::Chunk { id, .. } = extent else {
                panic!()
            };
            match reader.chunk(id) {
                Ok(chunk) => seen.files.push(chunk),
                Err(error) => seen.problems.push_str(&chain(&error)),
            }
        }
    }
    for below in &folder.folders {
        read_folder(reader, below, seen);
    }
}

fn judge(seen: &Seen, object: &ObjectId, bytes_name: Option<ObjectName>, case: &str) {
    for file in &seen.files {
        assert!(
            TEXTS.iter().any(|text| text.as_bytes() == file),
            "{case}: a wrong byte"
        );
    }
    if object.kind == ObjectKind::Pack {
        // Readers read what they need of a pack: what is damaged elsewhere is found by a check.
        assert!(
            seen.files.len() == 3 || !seen.problems.is_empty(),
            "{case}: lost without a word"
        );
        return;
    }
    let names = [Some(object.name), bytes_name];
    let named = names
        .iter()
        .flatten()
        .any(|name| seen.problems.contains(&name.to_hex()));
    assert!(named, "{case}: not named in {:?}", seen.problems);
}

/// Every byte of the parts that are laid out, and some of the rest.
fn places(length: usize) -> impl Iterator<Item = usize> {
    let sparse = (length / 97).max(1);
    (0..length).filter(move |place| *place < 320 || length - place < 150 || place % sparse == 0)
}

#[test]
fn the_archive_reads_when_nothing_is_done_to_it() {
    let f = archive("tamper: untouched");
    let seen = read_everything(&f);
    assert_eq!((seen.problems.as_str(), seen.files.len(), seen.tags), ("", 3, 2));
}

#[test]
fn every_changed_byte_of_every_object_is_found_under_its_old_name() {
    let f = archive("tamper: changed in place");
    for kind in ObjectKind::ALL {
        for name in f.list(kind) {
            let object = id(kind, name);
            let bytes = f.bytes(&object);
            for place in places(bytes.len()) {
                let mut changed = bytes.clone();
                changed[place] ^= 1 << (place % 8);
                f.overwrite(&object, &changed);
                judge(
                    &read_everything(&f),
                    &object,
                    None,
                    &format!("{object}, byte {place}"),
                );
            }
            for length in places(bytes.len()) {
                f.overwrite(&object, &bytes[..length]);
                judge(
                    &read_everything(&f),
                    &object,
                    None,
                    &format!("{object}, {length} bytes"),
                );
            }
            f.overwrite(&object, &bytes);
        }
    }
}

#[test]
fn every_changed_byte_is_found_though_the_name_was_made_to_fit() {
    // The name proves nothing against whoever can compute a hash; now the seals have to hold.
    use lumivault_chunk_store::backend::Backend;
    let f = archive("tamper: changed and renamed");
    for kind in ObjectKind::ALL {
        for name in f.list(kind) {
            let object = id(kind, name);
            let bytes = f.bytes(&object);
            f.memory.remove(&object).unwrap();
            for place in places(bytes.len()) {
                let mut changed = bytes.clone();
                changed[place] ^= 1 << (place % 8);
                let planted = f.plant(kind, &changed);
                let seen = read_everything(&f);
                let case = format!("{object}, byte {place}");
                match kind {
                    // Another slot id is another slot, to which this epoch key is not sealed.
                    ObjectKind::Epoch => assert!(!seen.problems.is_empty(), "{case}"),
                    // Without the only slot nothing opens; that the slot was tried shows.
                    ObjectKind::KeySlot => {
                        assert!(seen.files.is_empty() && !seen.problems.is_empty(), "{case}");
                    }
                    _ => judge(&seen, &object, Some(planted), &case),
                }
                f.memory.remove(&id(kind, planted)).unwrap();
            }
            f.memory.create(&object, &bytes).unwrap();
        }
    }
    let seen = read_everything(&f);
    assert_eq!((seen.problems.as_str(), seen.files.len(), seen.tags), ("", 3, 2));
}

#[test]
fn objects_do_not_stand_in_for_one_another() {
    let f = archive("tamper: swapped");
    let kinds: Vec<_> = ObjectKind::ALL
        .into_iter()
        .filter(|kind| !f.list(*kind).is_empty())
        .collect();
    assert_eq!(kinds.len(), 7);
    for from in &kinds {
        for to in kinds.iter().filter(|to| *to != from) {
            let copy = f.copy();
            let bytes = copy.bytes(&id(*from, copy.list(*from)[0]));
            let planted = copy.plant(*to, &bytes);
            let seen = read_everything(&copy);
            assert_eq!(seen.files.len(), 3, "{from} as {to}");
            let ignored = *to == ObjectKind::Pack; // no index lists it, so no reader opens it
            assert!(
                ignored || seen.problems.contains(&planted.to_hex()),
                "{from} as {to}: {}",
                seen.problems
            );
        }
    }
}

#[test]
fn objects_of_another_archive_are_refused_as_such() {
    let (f, foreign) = (archive("tamper: this archive"), archive("tamper: that archive"));
    for kind in ObjectKind::ALL {
        for name in foreign.list(kind) {
            f.plant(kind, &foreign.bytes(&id(kind, name)));
        }
    }
    let seen = read_everything(&f);
    assert_eq!((seen.files.len(), seen.tags), (3, 2));
    for kind in [
        ObjectKind::Config,
        ObjectKind::KeySlot,
        ObjectKind::Epoch,
        ObjectKind::Index,
        ObjectKind::Snapshot,
        ObjectKind::Annotation,
    ] {
        let name = foreign.list(kind)[0];
        assert!(
            seen.problems.contains(&name.to_hex()),
            "{kind}: {}",
            seen.problems
        );
    }
    assert!(
        seen.problems.contains("belongs to another archive"),
        "{}",
        seen.problems
    );
    // A run adopts none of its packs.
    let index = ChunkIndex::load(&f.open(), None).unwrap();
    let before = index.len();
    common::store(&f.open(), lumivault_format::ChunkKind::Data, &[b"more".to_vec()]).unwrap();
    assert_eq!(ChunkIndex::load(&f.open(), None).unwrap().len(), before + 1);
    f.world.notes.take_warnings();
}

#[test]
fn a_later_format_and_an_unknown_feature_are_refused_by_name() {
    let f = archive("tamper: later format");
    for kind in [ObjectKind::Config, ObjectKind::KeySlot, ObjectKind::Snapshot] {
        let copy = f.copy();
        let mut bytes = copy.bytes(&id(kind, copy.list(kind)[0]));
        bytes[8] = 2;
        copy.plant(kind, &bytes);
        let seen = read_everything(&copy);
        assert!(
            seen.problems.contains("format version 2"),
            "{kind}: {}",
            seen.problems
        );
        bytes[8] = 1;
        bytes[11] = 1;
        copy.plant(kind, &bytes);
        let seen = read_everything(&copy);
        assert!(
            seen.problems.contains("key-method-1"),
            "{kind}: {}",
            seen.problems
        );
    }
}

#[test]
fn a_snapshot_that_no_reader_would_accept_is_not_committed() {
    let f = archive("tamper: snapshot beyond the limits");
    let repository = f.open();
    let before = f.list(ObjectKind::Snapshot);
    let root = FolderRef::Inline(vec![]);
    let good = common::tree::snapshot(&repository, 1, &root);
    let mut many_parents = good.clone();
    many_parents.predecessors = vec![lumivault_format::SnapshotId::from_bytes([1; 32]); 65];
    let mut many_tags = good.clone();
    many_tags.tags = vec![String::new(); 10_001];
    let mut bad_time = good.clone();
    bad_time.time.nanoseconds = 1_000_000_000;
    for bad in [many_parents, many_tags, bad_time] {
        assert!(matches!(
            repository.commit_snapshot(&bad),
            Err(Error::Snapshot(_))
        ));
    }
    assert_eq!(f.list(ObjectKind::Snapshot), before);
    repository.commit_snapshot(&good).unwrap();
}

#[test]
fn a_damaged_slot_does_not_lock_out_the_others() {
    let f = archive("tamper: one of two slots");
    f.open().add_key_slot(&raw_slot([2; 32], "second")).unwrap();
    for name in f.list(ObjectKind::KeySlot) {
        let copy = f.copy();
        copy.overwrite(&id(ObjectKind::KeySlot, name), b"damaged");
        let opened = [copy.key, [2; 32]].map(|key| copy.open_with(&raw(key)).is_ok());
        assert_eq!(opened.iter().filter(|ok| **ok).count(), 1);
        let warnings = copy.world.notes.take_warnings();
        assert!(
            warnings.iter().all(|warning| warning.contains(&name.to_hex())),
            "{warnings:?}"
        );
    }
}

#[test]
fn a_missing_chunk_is_named() {
    let f = archive("tamper: missing chunk");
    let repository = f.open();
    let index = ChunkIndex::load(&repository, None).unwrap();
    let missing = ChunkId::from_bytes([3; 32]);
    let error = TreeReader::new(&repository, &index).chunk(&missing).unwrap_err();
    assert!(matches!(error, Error::MissingChunk(id) if id == missing) && error.is_damage());
}
