//! A check finds every damage and names it, and finds none where there is none.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::num::NonZeroUsize;
use std::sync::Arc;

use common::tree::{Layout, Node, chunk_extent, commit, file, folder, place, stat, tree_chunk};
use common::{Fixture, begin, id, raw_slot, store};
use lumivault_chunk_store::backend::Backend;
use lumivault_chunk_store::check::{CheckOptions, CheckReport, Finding, ReadData, Severity, Subset, check};
use lumivault_chunk_store::{ChunkIndex, CompressionHint, Error, Repository, parity};
use lumivault_format::tree::{
    ContentRecord, ContentState, EntryKind, Extent, FolderHead, FolderRef, NameRecord, NameState, Piece,
    StatState, Stream, StreamRecords,
};
use lumivault_format::{
    Annotation, AnnotationKind, ChunkId, ChunkKind, Header, ObjectId, ObjectKind, ObjectType, SnapshotId,
};
use lumivault_testkit::{Fault, FaultBackend, Operation, SeededRandom};

fn options(read: ReadData) -> CheckOptions {
    CheckOptions {
        read,
        threads: NonZeroUsize::new(2).unwrap(),
    }
}

fn run(repository: &Repository, read: ReadData) -> CheckReport {
    let index = ChunkIndex::load(repository, None).unwrap();
    check(repository, &index, &options(read)).unwrap()
}

fn damages(report: &CheckReport) -> Vec<&Finding> {
    let of = |finding: &&Finding| finding.severity == Severity::Damage;
    report.findings.iter().filter(of).collect()
}

fn text(report: &CheckReport) -> String {
    format!("{report:#?}")
}

/// Two snapshots that share the folder `photos`, with every layout, two epochs, two slots and an annotation.
struct Archive {
    f: Fixture,
    first: SnapshotId,
    second: SnapshotId,
}

fn archive(seed: &str) -> Archive {
    let f = Fixture::new(seed);
    let random = SeededRandom::new(&format!("{seed}, content"));
    f.open().add_key_slot(&raw_slot([2; 32], "second")).unwrap();
    f.open().rotate_epoch().unwrap();
    let repository = f.open();
    let big = vec![random.bytes(40_000), random.bytes(50_000)];
    let photos = |writer: &_| {
        let deep = folder(writer, Layout::Inline, vec![("deep.txt", file("deep"))]);
        let entries = vec![
            ("a.jpg", Node::File(big.clone())),
            ("album", Node::Folder(deep)),
            ("b.jpg", file("picture b")),
            ("c.jpg", file("picture c")),
            ("link", Node::Link("a.jpg")),
            ("tiny.txt", Node::Slice(b"a bundle of tiny things".to_vec(), 2..8)),
        ];
        folder(writer, Layout::Pieces, entries)
    };
    let mut ids = Vec::new();
    for (day, extra) in [(0, "contacts of May"), (30, "contacts of June")] {
        let (_, writer) = begin(&repository).unwrap();
        let photos = photos(&writer);
        let entries = vec![("contacts.vcf", file(extra)), ("photos", Node::Folder(photos))];
        let root = folder(&writer, Layout::Chunk, entries);
        writer.finish().unwrap();
        ids.push(commit(&repository, day, &root).unwrap());
    }
    let note = Annotation {
        kind: AnnotationKind::TagAdded,
        snapshot: ids[0],
        text: "keep".into(),
        unix_seconds: 1_778_760_000,
        nanoseconds: 0,
        host: "desk".into(),
        predecessors: Vec::new(),
    };
    repository.annotate(&note).unwrap();
    Archive {
        f,
        first: ids[0],
        second: ids[1],
    }
}

#[test]
fn a_clean_repository_gives_no_finding() {
    let a = archive("check: clean");
    let repository = a.f.open();
    for read in [
        ReadData::Structure,
        ReadData::AllData,
        ReadData::Subset(Subset::Percent(50.0)),
        ReadData::Subset(Subset::Bytes(1)),
        ReadData::Subset(Subset::Part { part: 1, of: 1 }),
    ] {
        let report = run(&repository, read);
        assert_eq!(
            (report.findings_total, report.worst),
            (0, None),
            "{}",
            text(&report)
        );
        assert!(report.affected.is_empty() && report.affected_snapshots.is_empty());
        let counts = report.counts;
        assert_eq!((counts.snapshots, counts.packs), (2, 4));
        assert_eq!(
            (counts.folders, counts.files),
            (4, 7),
            "shared folders are walked once"
        );
        // Config, two slots, two epoch boxes, two index objects, two snapshots, one annotation.
        assert_eq!(counts.objects, 10);
        let bytes: u64 =
            a.f.memory
                .list(ObjectKind::Pack)
                .unwrap()
                .iter()
                .map(|pack| pack.size)
                .sum();
        match read {
            ReadData::Structure => assert_eq!((counts.packs_read, counts.bytes_read), (0, 0)),
            ReadData::AllData | ReadData::Subset(Subset::Part { .. }) => {
                assert_eq!((counts.packs_read, counts.bytes_read), (4, bytes));
            }
            ReadData::Subset(Subset::Percent(_)) => assert!(counts.bytes_read >= bytes / 2),
            ReadData::Subset(Subset::Bytes(_)) => assert_eq!(counts.packs_read, 1),
        }
    }
    assert_eq!(
        a.f.world
            .notes
            .phases()
            .iter()
            .filter(|phase| *phase == "reading packs")
            .count(),
        4
    );
    assert!(a.f.world.notes.take_warnings().is_empty());
}

#[test]
fn parts_are_all_packs_together_and_random_subsets_become_all_of_them() {
    let f = Fixture::new("check: subsets");
    for number in 0..12u32 {
        store(&f.open(), ChunkKind::Data, &[number.to_le_bytes().to_vec()]).unwrap();
    }
    let repository = f.open();
    let read = |subset| run(&repository, ReadData::Subset(subset)).counts.packs_read;
    let parts: u64 = (1..=5).map(|part| read(Subset::Part { part, of: 5 })).sum();
    assert_eq!(parts, 12);
    assert_eq!(read(Subset::Bytes(3 * 65_536)), 3);
    assert_eq!(read(Subset::Bytes(0)), 0);
    assert_eq!(read(Subset::Percent(25.0)), 3);
    assert_eq!(read(Subset::Percent(100.0)), 12);
    let index = ChunkIndex::load(&repository, None).unwrap();
    for subset in [
        Subset::Part { part: 0, of: 3 },
        Subset::Part { part: 4, of: 3 },
        Subset::Percent(101.0),
        Subset::Percent(f64::NAN),
    ] {
        assert!(
            check(&repository, &index, &options(ReadData::Subset(subset))).is_err(),
            "{subset:?}"
        );
    }
    // One damaged pack is found sooner or later.
    let pack = id(ObjectKind::Pack, f.list(ObjectKind::Pack)[4]);
    let mut bytes = f.bytes(&pack);
    bytes[200] ^= 1;
    f.overwrite(&pack, &bytes);
    let found = (0..200).position(|_| run(&repository, ReadData::Subset(Subset::Percent(10.0))).is_damaged());
    assert!(found.is_some(), "200 random tenths never met one of twelve packs");
}

/// Kinds of damage to the bytes of an object; `other` is another object of the same kind.
fn damaged(bytes: &[u8], other: &[u8]) -> Vec<(&'static str, Option<Vec<u8>>)> {
    let flip = |place: usize| {
        let mut bytes = bytes.to_vec();
        bytes[place] ^= 0x10;
        Some(bytes)
    };
    let middle = bytes.len() / 2;
    let mut zeroed = bytes.to_vec();
    zeroed[middle..].iter_mut().take(4096).for_each(|byte| *byte = 0);
    let mut out = vec![
        ("deleted", None),
        ("emptied", Some(Vec::new())),
        ("cut short", Some(bytes[..bytes.len() - 1].to_vec())),
        ("cut in half", Some(bytes[..middle].to_vec())),
        ("longer", Some([bytes, b"x"].concat())),
        ("flipped at the start", flip(0)),
        ("flipped in the archive id", flip(20)),
        ("flipped in the nonce or salt", flip(40)),
        ("flipped in the middle", flip(middle)),
        ("flipped at the end", flip(bytes.len() - 1)),
        ("partly zero", Some(zeroed)),
    ];
    if other != bytes {
        out.push(("swapped", Some(other.to_vec())));
    }
    out
}

#[test]
fn every_damage_to_every_object_is_found_and_named() {
    let a = archive("check: damage");
    let mut cases = 0;
    for kind in ObjectKind::ALL {
        for name in a.f.list(kind) {
            let object = id(kind, name);
            let other =
                a.f.list(kind)
                    .into_iter()
                    .find(|other| *other != name)
                    .unwrap_or(name);
            for (damage, bytes) in damaged(&a.f.bytes(&object), &a.f.bytes(&id(kind, other))) {
                let f = a.f.copy();
                // Opened before, as some damage keeps a repository from opening at all.
                let repository = f.open();
                f.memory.remove(&object).unwrap();
                if let Some(bytes) = &bytes {
                    f.memory.create(&object, bytes).unwrap();
                }
                let report = run(&repository, ReadData::AllData);
                judge(&a, &object, damage, &report);
                cases += 1;
            }
        }
    }
    assert!(cases > 140, "{cases}");
}

fn judge(a: &Archive, object: &ObjectId, damage: &str, report: &CheckReport) {
    let case = format!("{object} {damage}: {}", text(report));
    let named = || {
        report
            .findings
            .iter()
            .any(|finding| finding.object == Some(*object))
    };
    if damage == "deleted" {
        match object.kind {
            // Nothing in the repository says that they were there; the trust file of a machine does.
            ObjectKind::Snapshot | ObjectKind::Annotation => return assert_eq!(report.worst, None, "{case}"),
            ObjectKind::KeySlot => return assert!(report.worst <= Some(Severity::Warning), "{case}"),
            ObjectKind::Epoch => return assert_eq!(report.worst, Some(Severity::Warning), "{case}"),
            ObjectKind::Config | ObjectKind::Index => return assert!(report.is_damaged(), "{case}"),
            _ => {}
        }
    }
    assert!(report.is_damaged(), "{case}");
    assert!(named(), "{case}");
    if object.kind != ObjectKind::Pack {
        return;
    }
    // What lies in the first run's packs belongs to both snapshots, in part.
    let header = Header::decode(&a.f.bytes(object)).unwrap();
    assert!(matches!(
        header.object_type,
        ObjectType::DataPack | ObjectType::TreePack
    ));
    let padding_only = report
        .findings
        .iter()
        .any(|f| f.message.contains("every chunk in it is whole"));
    let directory_only = report
        .findings
        .iter()
        .any(|f| f.message.contains("through the index"));
    if !padding_only && !directory_only {
        assert!(!report.affected_snapshots.is_empty(), "{case}");
        assert!(
            report
                .affected
                .iter()
                .all(|path| [a.first, a.second].contains(&path.snapshot)),
            "{case}"
        );
        assert!(report.affected_total > 0, "{case}");
    }
}

#[test]
fn damaged_chunks_are_traced_to_files_and_snapshots() {
    let a = archive("check: tracing");
    let f = &a.f;
    let repository = f.open();
    // `contacts of June` is the only chunk in the second run's data pack.
    let june = repository.chunk_id(ChunkKind::Data, b"contacts of June");
    let index = ChunkIndex::load(&repository, None).unwrap();
    let place = index.find(&june).unwrap();
    let pack = id(ObjectKind::Pack, index.pack(place.pack).unwrap().name);
    let mut bytes = f.bytes(&pack);
    bytes[place.place.offset as usize + 3] ^= 1;
    f.overwrite(&pack, &bytes);
    let report = run(&repository, ReadData::AllData);
    assert_eq!(damages(&report).len(), 1, "{}", text(&report));
    assert_eq!(
        (report.findings[0].chunk, report.findings[0].object),
        (Some(june), Some(pack))
    );
    assert_eq!(report.affected_snapshots, [a.second]);
    assert_eq!(report.affected.len(), 1);
    assert_eq!(report.affected[0].path, b"contacts.vcf");
    // Without reading data it cannot be known.
    assert_eq!(run(&repository, ReadData::Structure).worst, None);

    // A file in the shared folder concerns both.
    let f = a.f.copy();
    let repository = f.open();
    let b = repository.chunk_id(ChunkKind::Data, b"picture b");
    let place = index.find(&b).unwrap();
    let pack = id(ObjectKind::Pack, index.pack(place.pack).unwrap().name);
    let mut bytes = f.bytes(&pack);
    bytes[place.place.offset as usize] ^= 1;
    f.overwrite(&pack, &bytes);
    let report = run(&repository, ReadData::AllData);
    assert_eq!(
        report.affected_snapshots,
        [a.first, a.second],
        "{}",
        text(&report)
    );
    let paths: Vec<_> = report
        .affected
        .iter()
        .map(|x| (x.snapshot, String::from_utf8_lossy(&x.path)))
        .collect();
    assert!(paths.contains(&(a.first, "photos/b.jpg".into())), "{paths:?}");
    assert!(paths.contains(&(a.second, "photos".into())), "{paths:?}");
    let not_affected = ["photos/a.jpg", "photos/c.jpg", "photos/tiny.txt"];
    assert!(
        !paths
            .iter()
            .any(|(_, path)| not_affected.contains(&path.as_ref())),
        "{paths:?}"
    );
}

#[test]
fn a_lost_pack_whose_chunks_were_stored_again_is_only_a_warning() {
    let a = archive("check: stored again");
    let f = &a.f;
    let june = id(ObjectKind::Pack, pack_of(f, ChunkKind::Data, b"contacts of June"));
    f.memory.remove(&june).unwrap();
    let report = run(&f.open(), ReadData::Structure);
    assert!(report.is_damaged(), "{}", text(&report));
    store(&f.open(), ChunkKind::Data, &[b"contacts of June".to_vec()]).unwrap();
    let report = run(&f.open(), ReadData::AllData);
    assert_eq!(report.worst, Some(Severity::Warning), "{}", text(&report));
    assert!(report.findings.iter().any(|finding| finding.object == Some(june)));
    assert!(report.affected_snapshots.is_empty());
    f.world.notes.take_warnings();
}

fn pack_of(f: &Fixture, kind: ChunkKind, plain: &[u8]) -> lumivault_format::ObjectName {
    let repository = f.open();
    let index = ChunkIndex::load(&repository, None).unwrap();
    let place = index.find(&repository.chunk_id(kind, plain)).unwrap();
    index.pack(place.pack).unwrap().name
}

#[test]
fn leftovers_and_repeated_chunks_are_notes() {
    let f = Fixture::new("check: notes");
    let (one, two) = (f.open(), f.open());
    let ((_, a), (_, b)) = (begin(&one).unwrap(), begin(&two).unwrap());
    for writer in [a, b] {
        writer
            .store(ChunkKind::Data, b"twice", CompressionHint::Store)
            .unwrap();
        writer.finish().unwrap();
    }
    let report = run(&f.open(), ReadData::AllData);
    assert_eq!(
        (report.worst, report.findings_total),
        (Some(Severity::Note), 1),
        "{}",
        text(&report)
    );
    assert!(
        report.findings[0].message.contains("1 chunk ("),
        "{}",
        text(&report)
    );
    let index = f.list(ObjectKind::Index)[0];
    f.memory.remove(&id(ObjectKind::Index, index)).unwrap();
    let report = run(&f.open(), ReadData::AllData);
    assert_eq!(
        (report.worst, report.findings_total),
        (Some(Severity::Note), 1),
        "{}",
        text(&report)
    );
    assert!(
        report.findings[0].message.contains("no index lists it"),
        "{}",
        text(&report)
    );
}

#[test]
fn a_snapshot_of_chunks_that_are_nowhere_is_found() {
    let f = Fixture::new("check: dangling");
    let repository = f.open();
    let nowhere = FolderRef::Chunk {
        id: ChunkId::from_bytes([9; 32]),
        plain_len: 100,
    };
    let snapshot = commit(&repository, 0, &nowhere).unwrap();
    let report = run(&repository, ReadData::Structure);
    let found = damages(&report);
    assert_eq!(found.len(), 1, "{}", text(&report));
    assert_eq!(found[0].chunk, Some(ChunkId::from_bytes([9; 32])));
    assert_eq!(
        (found[0].snapshot, found[0].path.as_deref()),
        (Some(snapshot), Some(&b""[..]))
    );
    assert_eq!(report.affected_snapshots, [snapshot]);
}

fn inline(records: u64, bytes: Vec<u8>) -> StreamRecords {
    StreamRecords {
        records,
        stream: Stream::Inline(bytes),
    }
}

/// A head of files with these names and contents; everything else is as it must be.
fn head(names: &[(&str, u64)], contents: &[ContentRecord]) -> FolderHead {
    let (mut name_bytes, mut stat_bytes, mut content_bytes) = (Vec::new(), Vec::new(), Vec::new());
    let (mut name_state, mut stat_state, mut content_state) = (
        NameState::default(),
        StatState::default(),
        ContentState::default(),
    );
    for (name, content) in names {
        let record = NameRecord {
            name: name.as_bytes().to_vec(),
            category: lumivault_format::tree::Category::Media,
            kind: EntryKind::File { content: *content },
        };
        record.encode(&mut name_state, &mut name_bytes);
        stat().encode(&mut stat_state, &mut stat_bytes);
    }
    for content in contents {
        content.encode(&mut content_state, &mut content_bytes);
    }
    let count = names.len() as u64;
    FolderHead {
        entries: count,
        streams: [
            inline(contents.len() as u64, content_bytes),
            inline(count, name_bytes),
            inline(count, stat_bytes),
            inline(0, Vec::new()),
        ],
    }
}

#[test]
fn folders_that_are_authentic_but_wrong_are_found() {
    let f = Fixture::new("check: wrong folders");
    let repository = f.open();
    let (_, writer) = begin(&repository).unwrap();
    let content = |extents| ContentRecord {
        classifier: 0,
        chunker: 0,
        extents,
    };
    let real = chunk_extent(&writer, b"real");
    let Extent::Chunk { id: real_id, .. } = real else {
        panic!()
    };
    let piece = |id, plain_len| StreamRecords {
        records: 1,
        stream: Stream::Pieces(vec![Piece {
            id,
            plain_len,
            records: 1,
        }]),
    };
    let stat_chunk = writer
        .store(ChunkKind::Tree, b"\x04\0\0", CompressionHint::Store)
        .unwrap()
        .id;
    let good = head(&[("x", 0)], &[content(vec![real])]);
    let with = |stream: usize, records: StreamRecords| {
        let mut head = good.clone();
        head.streams[stream] = records;
        head
    };
    let mut trailing = good.clone();
    if let Stream::Inline(bytes) = &mut trailing.streams[2].stream {
        bytes.push(0);
    }
    let heads = [
        ("sound", good.clone()),
        (
            "content missing",
            head(
                &[("x", 0)],
                &[content(vec![Extent::Chunk {
                    id: ChunkId::from_bytes([1; 32]),
                    len: 4,
                }])],
            ),
        ),
        (
            "wrong length",
            head(
                &[("x", 0)],
                &[content(vec![Extent::Chunk { id: real_id, len: 5 }])],
            ),
        ),
        ("no such content", head(&[("x", 1)], &[content(vec![real])])),
        (
            "names out of order",
            head(&[("b", 0), ("a", 0)], &[content(vec![real])]),
        ),
        ("a name with a slash", head(&[("a/b", 0)], &[content(vec![real])])),
        ("the name ..", head(&[("..", 0)], &[content(vec![real])])),
        ("a data chunk for a piece", with(1, piece(real_id, 4))),
        ("a piece of another stream", with(1, piece(stat_chunk, 3))),
        ("a piece with a wrong length", with(2, piece(stat_chunk, 4))),
        ("trailing bytes", trailing),
        ("a missing piece", with(2, piece(ChunkId::from_bytes([3; 32]), 9))),
        ("a folder too many", {
            let mut folder = Vec::new();
            FolderRef::Inline(good.encode()).encode(&mut folder);
            with(3, inline(1, folder))
        }),
    ];
    let mut roots: Vec<(&str, FolderRef)> = heads
        .iter()
        .map(|(name, head)| (*name, place(&writer, Layout::Chunk, head)))
        .collect();
    roots.push(("no head", tree_chunk(&writer, b"\x02")));
    roots.push((
        "an inline head that is none",
        FolderRef::Inline(b"nonsense".to_vec()),
    ));
    roots.push((
        "a data chunk as head",
        FolderRef::Chunk {
            id: real_id,
            plain_len: 4,
        },
    ));
    writer.finish().unwrap();
    for (name, root) in roots {
        let copy = f.copy();
        let repository = copy.open();
        let snapshot = commit(&repository, 0, &root).unwrap();
        let report = run(&repository, ReadData::Structure);
        if name == "sound" {
            assert_eq!(report.worst, None, "{}", text(&report));
            continue;
        }
        let found = damages(&report);
        assert!(!found.is_empty(), "{name}: {}", text(&report));
        assert!(
            found.iter().all(|finding| finding.snapshot == Some(snapshot)),
            "{name}: {}",
            text(&report)
        );
        assert_eq!(report.affected_snapshots, [snapshot], "{name}");
        assert!(report.affected_total > 0, "{name}");
    }
}

#[test]
fn folders_may_be_256_deep_and_no_deeper() {
    let f = Fixture::new("check: depth");
    let repository = f.open();
    let (_, writer) = begin(&repository).unwrap();
    let mut levels = vec![folder(
        &writer,
        Layout::Chunk,
        vec![("bottom.txt", file("bottom"))],
    )];
    for _ in 0..300 {
        let below = levels.last().unwrap().clone();
        levels.push(folder(&writer, Layout::Chunk, vec![("d", Node::Folder(below))]));
    }
    writer.finish().unwrap();
    for (depth, fits) in [(256, true), (257, false), (300, false)] {
        let copy = f.copy();
        commit(&copy.open(), 0, &levels[depth]).unwrap();
        let report = run(&copy.open(), ReadData::Structure);
        assert_eq!(report.is_damaged(), !fits, "{depth}: {}", text(&report));
    }
    // A sound folder that was met before must not be nested too deep either.
    let copy = f.copy();
    let repository = copy.open();
    let sound = commit(&repository, 0, &levels[200]).unwrap();
    let (_, writer) = begin(&repository).unwrap();
    let mut root = levels[200].clone();
    for _ in 0..57 {
        root = folder(&writer, Layout::Chunk, vec![("e", Node::Folder(root))]);
    }
    writer.finish().unwrap();
    let deep = commit(&repository, 1, &root).unwrap();
    let report = run(&repository, ReadData::Structure);
    assert_eq!(report.affected_snapshots, [deep], "not {sound}");
}

#[test]
fn an_index_that_was_loaded_before_others_stored_something_is_loaded_anew() {
    let a = archive("check: stale index");
    let repository = a.f.open();
    let index = ChunkIndex::load(&repository, None).unwrap();
    store(
        &a.f.open(),
        ChunkKind::Data,
        &[b"stored after the index was loaded".to_vec()],
    )
    .unwrap();
    let report = check(&repository, &index, &options(ReadData::Structure)).unwrap();
    assert_eq!(report.worst, None, "{}", text(&report));
    assert_eq!(report.counts.chunks, index.len() + 1);
}

#[test]
fn a_storage_that_fails_in_places_does_not_end_the_check() {
    let a = archive("check: failing storage");
    let faulty = FaultBackend::new(a.f.memory.clone());
    let control = faulty.control();
    let repository = a.f.open_on(Arc::new(faulty)).unwrap();
    let index = ChunkIndex::load(&repository, None).unwrap();
    let start = control.count();
    check(&repository, &index, &options(ReadData::AllData)).unwrap();
    let events: Vec<_> = control.log().split_off(start);
    for (failing, event) in events.iter().enumerate() {
        control.fail_at(control.count() + failing, Fault::Io);
        let result = check(&repository, &index, &options(ReadData::AllData));
        control.heal();
        match result {
            Ok(report) => assert!(report.is_damaged(), "{event:?}: {}", text(&report)),
            Err(error) => {
                assert!(
                    matches!(event.operation, Operation::List(_)),
                    "{event:?}: {error}"
                );
                assert!(matches!(error, Error::Backend(_)));
            }
        }
    }
}

#[test]
fn a_check_can_be_called_off() {
    let a = archive("check: cancelled");
    let repository = a.f.open();
    let index = ChunkIndex::load(&repository, None).unwrap();
    a.f.world.notes.cancel();
    let result = check(&repository, &index, &options(ReadData::AllData));
    assert!(matches!(result, Err(Error::Cancelled)));
}

#[test]
fn an_interrupted_rotation_and_a_leftover_generation_are_warnings() {
    let a = archive("check: unfinished keys");
    let boxes = a.f.list(ObjectKind::Epoch);
    let slots = a.f.list(ObjectKind::KeySlot);
    let old: Vec<_> = slots
        .iter()
        .map(|name| a.f.bytes(&id(ObjectKind::KeySlot, *name)))
        .collect();
    let repository = a.f.open();
    repository
        .rewrap_key_slot(repository.opened_slot(), &raw_slot(a.f.key, "new"))
        .unwrap();
    for (name, bytes) in slots.iter().zip(&old) {
        let object = id(ObjectKind::KeySlot, *name);
        if a.f.memory.size(&object).is_err() {
            a.f.memory.create(&object, bytes).unwrap();
        }
    }
    a.f.memory.remove(&id(ObjectKind::Epoch, boxes[0])).unwrap();
    let repository = a.f.open_with(&common::raw(a.f.key)).unwrap();
    let report = run(&repository, ReadData::Structure);
    assert_eq!(
        (report.worst, report.findings_total),
        (Some(Severity::Warning), 2),
        "{}",
        text(&report)
    );
    // The next run finishes the rotation, the next change of the slot tidies up.
    store(&repository, ChunkKind::Data, &[b"more".to_vec()]).unwrap();
    repository
        .rewrap_key_slot(repository.opened_slot(), &raw_slot(a.f.key, "newest"))
        .unwrap();
    assert_eq!(run(&a.f.open(), ReadData::AllData).worst, None);
}

#[test]
fn a_config_that_is_older_than_a_snapshot_knew_is_a_warning() {
    let a = archive("check: older config");
    let older = id(ObjectKind::Config, a.f.list(ObjectKind::Config)[0]);
    let bytes = a.f.bytes(&older);
    parity::add(&mut a.f.open(), 5, false).unwrap();
    parity::remove(&mut a.f.open(), false).unwrap();
    let newer = id(ObjectKind::Config, a.f.list(ObjectKind::Config)[0]);
    let repository = a.f.open();
    let (_, writer) = begin(&repository).unwrap();
    let root = folder(&writer, Layout::Inline, vec![("new.txt", file("new"))]);
    writer.finish().unwrap();
    commit(&repository, 3, &root).unwrap();
    assert_eq!(run(&repository, ReadData::Structure).findings, []);

    a.f.memory.remove(&newer).unwrap();
    a.f.memory.create(&older, &bytes).unwrap();
    let report = run(&a.f.open(), ReadData::Structure);
    assert_eq!(report.worst, Some(Severity::Warning), "{}", text(&report));
    assert!(
        text(&report).contains("made under generation 3"),
        "{}",
        text(&report)
    );
}

#[test]
fn what_others_commit_meanwhile_is_no_damage() {
    let a = archive("check: beside a backup");
    let repository = a.f.open();
    let index = ChunkIndex::load(&repository, None).unwrap();
    let (_, writer) = begin(&repository).unwrap();
    let root = folder(
        &writer,
        Layout::Chunk,
        vec![("july.txt", file("what is new in July"))],
    );
    writer.finish().unwrap();
    commit(&repository, 60, &root).unwrap();
    let report = check(&repository, &index, &options(ReadData::AllData)).unwrap();
    assert_eq!(damages(&report), Vec::<&Finding>::new(), "{}", text(&report));
    assert_eq!(report.counts.snapshots, 3);
}
