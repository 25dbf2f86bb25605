//! Folder heads and the four streams.

use lumivault_format::limits::{CONTENT_BYTES_MAX, EXTRAS_BYTES_MAX, NAME_BYTES_MAX, TARGET_BYTES_MAX};
use lumivault_format::tree::{
    Category, ContentRecord, EntryKind, Extent, Extra, FolderHead, FolderRef, NameRecord, NameState, Piece,
    StatRecord, Stream, StreamRecords, check_name,
};
use lumivault_format::wire::Reader;

use super::seeds::chunk_id;
use crate::fuzz::{SLACK_BYTES, Target, bounded, round_trip, times};

fn inline(records: u64, bytes: &[u8]) -> StreamRecords {
    StreamRecords {
        records,
        stream: Stream::Inline(bytes.to_vec()),
    }
}

fn heads() -> Vec<FolderHead> {
    let piece = |seed, records| Piece {
        id: chunk_id(seed),
        plain_len: 4000,
        records,
    };
    let pieces = |count: u8| StreamRecords {
        records: u64::from(count) * 10,
        stream: Stream::Pieces((0..count).map(|seed| piece(seed, 10)).collect()),
    };
    vec![
        FolderHead {
            entries: 0,
            streams: [inline(0, b""), inline(0, b""), inline(0, b""), inline(0, b"")],
        },
        FolderHead {
            entries: 400,
            streams: [pieces(3), pieces(40), pieces(40), inline(1, &[0, 0])],
        },
    ]
}

pub(super) const HEAD: Target = Target {
    name: "folder_head",
    seeds: || heads().iter().map(FolderHead::encode).collect(),
    check: |bytes| round_trip(bytes, times(bytes, 8), FolderHead::decode, FolderHead::encode),
};

fn references() -> Vec<FolderRef> {
    let inline = |head: &FolderHead| FolderRef::Inline(head.encode());
    let chunk = FolderRef::Chunk {
        id: chunk_id(9),
        plain_len: 70_000,
    };
    heads().iter().map(inline).chain([chunk]).collect()
}

pub(super) const REFERENCE: Target = Target {
    name: "folder_reference",
    seeds: || references().iter().map(encode_reference).collect(),
    check: |bytes| round_trip(bytes, times(bytes, 2), FolderRef::decode_whole, encode_reference),
};

fn encode_reference(reference: &FolderRef) -> Vec<u8> {
    let mut out = Vec::new();
    reference.encode(&mut out);
    out
}

/// All records up to the end of the bytes, or up to the first that is malformed.
fn records<T, S: Default>(
    bytes: &[u8],
    decode: impl Fn(&mut Reader<'_>, &mut S) -> Result<T, lumivault_format::DecodeError>,
) -> Vec<T> {
    let (mut r, mut state, mut out) = (Reader::new(bytes, "test"), S::default(), Vec::new());
    while !r.is_empty() {
        match decode(&mut r, &mut state) {
            Ok(record) => out.push(record),
            Err(_) => break,
        }
    }
    out
}

fn stream<T, S: Default>(records: &[T], encode: impl Fn(&T, &mut S, &mut Vec<u8>)) -> Vec<u8> {
    let (mut out, mut state) = (Vec::new(), S::default());
    records
        .iter()
        .for_each(|record| encode(record, &mut state, &mut out));
    out
}

fn same<T: PartialEq + std::fmt::Debug>(records: &[T], again: &[T]) {
    assert!(records == again, "{records:?} came back as {again:?}");
}

fn contents() -> Vec<ContentRecord> {
    let record = |extents| ContentRecord {
        classifier: 12,
        chunker: 1,
        extents,
    };
    let slice = |offset, len| Extent::Slice {
        bundle: chunk_id(3),
        bundle_len: 10_000,
        offset,
        len,
        id: chunk_id(4),
    };
    let chunk = Extent::Chunk {
        id: chunk_id(1),
        len: 70_000,
    };
    vec![
        record(vec![chunk, Extent::Hole { len: 65_536 }, chunk]),
        record(vec![]),
        record(vec![slice(0, 100)]),
        record(vec![slice(100, 50)]),
        record(vec![slice(7, 1)]),
        record(vec![Extent::Hole {
            len: CONTENT_BYTES_MAX,
        }]),
    ]
}

pub(super) const CONTENTS: Target = Target {
    name: "contents_stream",
    seeds: || {
        let holes = ContentRecord {
            classifier: 13,
            chunker: 1,
            extents: vec![Extent::Hole { len: 1 }; 30_000],
        };
        vec![
            stream(&contents(), ContentRecord::encode),
            stream(&[holes], ContentRecord::encode),
            [12, 1, 1, 2, 1].repeat(5000),
        ]
    },
    check: |bytes| {
        // A hole takes two bytes, and as much memory as a slice.
        let decode = |bytes: &[u8]| records(bytes, ContentRecord::decode);
        let decoded = bounded(bytes, times(bytes, 128), decode);
        same(&decoded, &decode(&stream(&decoded, ContentRecord::encode)));
        for record in &decoded {
            assert!(record.len() <= CONTENT_BYTES_MAX && record.extents.iter().all(|e| !e.is_empty()));
            let _ = (record.simple_id(), record.id_material().len());
        }
    },
};

fn names() -> Vec<NameRecord> {
    let record = |name: &str, category, kind| NameRecord {
        name: name.as_bytes().to_vec(),
        category,
        kind,
    };
    let long = "z".repeat(NAME_BYTES_MAX);
    vec![
        record("Camera Roll", Category::Media, EntryKind::Folder),
        record("Camera Rolls", Category::None, EntryKind::File { content: 3 }),
        record("a", Category::Other, EntryKind::File { content: u64::MAX }),
        record(
            "b",
            Category::None,
            EntryKind::Symlink {
                target: b"../x".to_vec(),
            },
        ),
        record("c", Category::None, EntryKind::Fifo),
        record("d", Category::None, EntryKind::BlockDevice),
        record(&long, Category::None, EntryKind::Socket),
    ]
}

/// Names share their beginnings, so many long ones take little on a disk: what is bounded is the memory of one record.
const NAME_RECORD_BYTES: usize = SLACK_BYTES + 4 * NAME_BYTES_MAX + TARGET_BYTES_MAX;

pub(super) const NAMES: Target = Target {
    name: "names_stream",
    // The first byte says after how many records a new piece begins.
    seeds: || {
        [1u8, 3, 200]
            .map(|piece| [&[piece][..], &encode_names(&names(), piece)].concat())
            .to_vec()
    },
    check: |bytes| {
        let Some((piece, bytes)) = bytes.split_first() else {
            return;
        };
        let decoded = decode_names(bytes, *piece);
        same(&decoded, &decode_names(&encode_names(&decoded, *piece), *piece));
        for record in &decoded {
            assert!(check_name(&record.name).is_ok(), "{record:?}");
        }
        assert!(decoded.is_sorted_by(|a, b| a.name < b.name));
    },
};

fn decode_names(bytes: &[u8], piece: u8) -> Vec<NameRecord> {
    let (mut r, mut state, mut out) = (Reader::new(bytes, "test"), NameState::default(), Vec::new());
    while !r.is_empty() {
        if out.len() % usize::from(piece.max(1)) == 0 {
            state.next_piece();
        }
        match bounded(bytes, NAME_RECORD_BYTES, |_| {
            NameRecord::decode(&mut r, &mut state)
        }) {
            Ok(record) => out.push(record),
            Err(_) => break,
        }
    }
    out
}

fn encode_names(records: &[NameRecord], piece: u8) -> Vec<u8> {
    let (mut state, mut out) = (NameState::default(), Vec::new());
    for group in records.chunks(usize::from(piece.max(1))) {
        state.next_piece();
        group
            .iter()
            .for_each(|record| record.encode(&mut state, &mut out));
    }
    out
}

fn stats() -> Vec<StatRecord> {
    let plain = StatRecord {
        mtime_seconds: 1_778_760_000,
        mtime_nanoseconds: 999_999_999,
        mode: Some(0o644),
        owner: Some(0),
        group: Some(u32::MAX),
        extras: Vec::new(),
    };
    let extras = StatRecord {
        mtime_seconds: i64::MIN,
        mode: None,
        extras: vec![Extra::xattr(b"user.x", b"value"), Extra::device(8, 1)],
        ..plain.clone()
    };
    vec![plain.clone(), plain, extras, StatRecord::default()]
}

pub(super) const STATS: Target = Target {
    name: "stats_stream",
    seeds: || vec![stream(&stats(), StatRecord::encode), [0, 0].repeat(10_000)],
    check: |bytes| {
        // A record takes two bytes at least.
        let decode = |bytes: &[u8]| records(bytes, StatRecord::decode);
        let decoded = bounded(bytes, times(bytes, 128), decode);
        same(&decoded, &decode(&stream(&decoded, StatRecord::encode)));
        for extra in decoded.iter().flat_map(|record| &record.extras) {
            if let Some((name, value)) = extra.as_xattr() {
                assert!(name.len() + value.len() <= EXTRAS_BYTES_MAX);
                assert_eq!(Extra::xattr(name, value).value, extra.value);
            }
            if let Some((major, minor)) = extra.as_device() {
                assert_eq!(Extra::device(major, minor).value, extra.value);
            }
        }
    },
};

pub(super) const FOLDERS: Target = Target {
    name: "folders_stream",
    seeds: || {
        let all = references().iter().map(encode_reference).collect::<Vec<_>>();
        vec![all.concat(), [0, 0].repeat(10_000)]
    },
    check: |bytes| {
        let decode = |bytes: &[u8]| records(bytes, |r, (): &mut ()| FolderRef::decode(r));
        let decoded = bounded(bytes, times(bytes, 80), decode);
        let encoded: Vec<u8> = decoded.iter().flat_map(encode_reference).collect();
        same(&decoded, &decode(&encoded));
    },
};
