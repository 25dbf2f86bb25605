use proptest::prelude::*;

use super::*;
use crate::wire::Reader;
use crate::{ChunkId, DecodeError};

fn chunk_id() -> impl Strategy<Value = ChunkId> {
    any::<[u8; 32]>().prop_map(ChunkId::from_bytes)
}

fn content() -> impl Strategy<Value = ContentRecord> {
    let length = 1..=crate::limits::CHUNK_BYTES_MAX;
    let plain = prop_oneof![
        (chunk_id(), length.clone()).prop_map(|(id, len)| Extent::Chunk { id, len }),
        (1u64..1 << 40).prop_map(|len| Extent::Hole { len }),
    ];
    let slice = (0u8..3, 0u32..5000, 1u32..5000, chunk_id()).prop_map(|(bundle, offset, len, id)| {
        vec![Extent::Slice {
            bundle: ChunkId::from_bytes([bundle; 32]),
            bundle_len: 10_000,
            offset,
            len,
            id,
        }]
    });
    (
        any::<u8>(),
        any::<u8>(),
        prop_oneof![proptest::collection::vec(plain, 0..6), slice],
    )
        .prop_map(|(classifier, chunker, extents)| ContentRecord {
            classifier,
            chunker,
            extents,
        })
}

fn stat() -> impl Strategy<Value = StatRecord> {
    let extra = (
        1u64..9,
        any::<bool>(),
        proptest::collection::vec(any::<u8>(), 0..20),
    )
        .prop_map(|(n, critical, value)| {
            let kind = match n {
                1 => ExtraKind::Xattr,
                2 => ExtraKind::WindowsAttributes,
                4 => ExtraKind::BirthTime,
                5 => ExtraKind::HardLink,
                6 => ExtraKind::Device,
                n => ExtraKind::Unknown(n),
            };
            Extra {
                kind,
                critical,
                value,
            }
        });
    (
        any::<i64>(),
        0u32..1_000_000_000,
        proptest::option::of(0u32..0o10000),
        proptest::option::of(any::<u32>()),
        proptest::option::of(any::<u32>()),
        proptest::collection::vec(extra, 0..3),
    )
        .prop_map(
            |(mtime_seconds, mtime_nanoseconds, mode, owner, group, extras)| StatRecord {
                mtime_seconds,
                mtime_nanoseconds,
                mode,
                owner,
                group,
                extras,
            },
        )
}

fn names() -> impl Strategy<Value = Vec<NameRecord>> {
    let kind = prop_oneof![
        (0u64..1000).prop_map(|content| EntryKind::File { content }),
        Just(EntryKind::Folder),
        proptest::collection::vec(1u8.., 1..30).prop_map(|target| EntryKind::Symlink { target }),
        Just(EntryKind::Fifo),
    ];
    proptest::collection::btree_map("[a-c]{1,6}[^/\0]{0,3}", kind, 0..20).prop_map(|map| {
        map.into_iter()
            .map(|(name, kind)| NameRecord {
                name: name.into_bytes(),
                category: Category::Media,
                kind,
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn contents_round_trip(records in proptest::collection::vec(content(), 0..12)) {
        let (mut out, mut state) = (Vec::new(), ContentState::default());
        records.iter().for_each(|record| record.encode(&mut state, &mut out));
        let (mut r, mut state) = (Reader::new(&out, "test"), ContentState::default());
        for record in &records {
            prop_assert_eq!(&ContentRecord::decode(&mut r, &mut state).unwrap(), record);
        }
        prop_assert!(r.is_empty());
    }

    #[test]
    fn stats_round_trip(records in proptest::collection::vec(stat(), 0..12)) {
        let (mut out, mut state) = (Vec::new(), StatState::default());
        records.iter().for_each(|record| record.encode(&mut state, &mut out));
        let (mut r, mut state) = (Reader::new(&out, "test"), StatState::default());
        for record in &records {
            prop_assert_eq!(&StatRecord::decode(&mut r, &mut state).unwrap(), record);
        }
        prop_assert!(r.is_empty());
    }

    #[test]
    fn names_round_trip_over_pieces(records in names(), piece in 1usize..5) {
        let (mut pieces, mut state) = (Vec::new(), NameState::default());
        for group in records.chunks(piece) {
            let mut out = Vec::new();
            state.next_piece();
            group.iter().for_each(|record| record.encode(&mut state, &mut out));
            pieces.push((out, group.len()));
        }
        let (mut decoded, mut state) = (Vec::new(), NameState::default());
        for (bytes, count) in &pieces {
            let mut r = Reader::new(bytes, "test");
            state.next_piece();
            for _ in 0..*count {
                decoded.push(NameRecord::decode(&mut r, &mut state).unwrap());
            }
            prop_assert!(r.is_empty());
        }
        prop_assert_eq!(decoded, records);
    }

    #[test]
    fn decoders_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = FolderHead::decode(&bytes);
        let _ = FolderRef::decode_whole(&bytes);
        let _ = StatRecord::decode_alone(&bytes);
        let _ = ContentRecord::decode(&mut Reader::new(&bytes, "test"), &mut ContentState::default());
        let _ = NameRecord::decode(&mut Reader::new(&bytes, "test"), &mut NameState::default());
        let _ = crate::Snapshot::decode(&bytes);
        let _ = crate::Annotation::decode(&bytes);
        let _ = crate::Config::decode(&bytes);
        let _ = crate::Index::decode(&bytes);
        let _ = crate::KeySlot::decode(&bytes);
        let _ = crate::EpochBox::decode(&bytes);
        let _ = crate::decode_keyring(&bytes);
        let _ = crate::unpad_body(&bytes, "test");
        let _ = crate::Header::decode(&bytes);
    }
}

#[test]
fn hostile_names_are_refused() {
    let long = vec![b'a'; 1025];
    for name in [b"".as_slice(), b".", b"..", b"a/b", b"/", b"a\0b", &long] {
        assert!(check_name(name).is_err(), "{name:?}");
        let record = NameRecord {
            name: name.to_vec(),
            category: Category::None,
            kind: EntryKind::Folder,
        };
        let mut out = Vec::new();
        record.encode(&mut NameState::default(), &mut out);
        let decoded = NameRecord::decode(&mut Reader::new(&out, "test"), &mut NameState::default());
        assert!(
            matches!(
                decoded,
                Err(DecodeError::Invalid(..) | DecodeError::TooLarge { .. })
            ),
            "{name:?}"
        );
    }
    for name in [b"...".as_slice(), b"\\", b"CON", b" ", b"\xff\xfe", &long[..1024]] {
        assert!(check_name(name).is_ok(), "{name:?}");
    }
}

#[test]
fn twice_the_same_name_is_refused() {
    let record = NameRecord {
        name: b"a".to_vec(),
        category: Category::None,
        kind: EntryKind::Folder,
    };
    let (mut out, mut state) = (Vec::new(), NameState::default());
    record.encode(&mut state, &mut out);
    state.next_piece();
    record.encode(&mut state, &mut out);
    let (mut r, mut state) = (Reader::new(&out, "test"), NameState::default());
    NameRecord::decode(&mut r, &mut state).unwrap();
    state.next_piece();
    assert!(NameRecord::decode(&mut r, &mut state).is_err());
}

#[test]
fn a_content_has_no_more_extents_than_can_differ() {
    let content = |count| ContentRecord {
        classifier: 13,
        chunker: 1,
        extents: vec![Extent::Hole { len: 1 }; count],
    };
    for (count, fits) in [(1 << 20, true), ((1 << 20) + 1, false)] {
        let mut out = Vec::new();
        content(count).encode(&mut ContentState::default(), &mut out);
        let decoded = ContentRecord::decode(&mut Reader::new(&out, "test"), &mut ContentState::default());
        match decoded {
            Ok(record) => assert!(fits && record == content(count)),
            Err(error) => assert!(!fits && matches!(error, DecodeError::TooLarge { .. }), "{error}"),
        }
    }
}
