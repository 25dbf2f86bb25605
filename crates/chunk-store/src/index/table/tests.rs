use std::collections::HashMap;

use lumivault_format::{Index, IndexedPack};
use proptest::prelude::*;

use super::super::build::Builder;
use super::*;

fn entry(id: ChunkId, number: u32) -> PackEntry {
    let length = 1 + number % (1 << 24);
    PackEntry {
        id,
        codec: if number.is_multiple_of(3) {
            Codec::None
        } else {
            Codec::Zstd
        },
        stored_len: if number.is_multiple_of(3) {
            length
        } else {
            1 + length / 2
        },
        plain_len: length,
    }
}

fn uniform(number: u64) -> ChunkId {
    ChunkId::from_bytes(*blake3::hash(&number.to_le_bytes()).as_bytes())
}

fn name(number: u64) -> ObjectName {
    ObjectName::from_bytes(*blake3::hash(&[number.to_le_bytes(), *b"the name"].concat()).as_bytes())
}

fn pack(number: u64, entries: Vec<PackEntry>) -> IndexedPack {
    IndexedPack {
        name: name(number),
        kind: if number.is_multiple_of(2) {
            ChunkKind::Data
        } else {
            ChunkKind::Tree
        },
        size: 128 * 1024 * 1024,
        entries,
    }
}

fn index(packs: Vec<IndexedPack>) -> Index {
    Index {
        packs,
        replaces: Vec::new(),
    }
}

/// Where each chunk of some packs is expected, by the numbers the packs get in their order.
fn expected(packs: &[IndexedPack]) -> HashMap<ChunkId, Vec<Location>> {
    let mut model: HashMap<ChunkId, Vec<Location>> = HashMap::new();
    for (number, pack) in (0..).zip(packs) {
        let mut offset = 80;
        for entry in &pack.entries {
            let place = EntryLocation {
                offset,
                entry: *entry,
            };
            model
                .entry(entry.id)
                .or_default()
                .push(Location { pack: number, place });
            offset = offset.saturating_add(entry.sealed_len());
        }
    }
    model
}

fn check(table: &Table, packs: &[IndexedPack]) {
    let model = expected(packs);
    for (id, places) in &model {
        let mut found: Vec<_> = table.find_all(id).collect();
        found.sort_by_key(|place| (place.pack, place.place.offset));
        assert_eq!(found, *places);
    }
    assert_eq!(
        table.len(),
        model.values().map(|places| places.len() as u64).sum::<u64>()
    );
    let ids: Vec<_> = (0..table.len()).map(|i| table.get(i).unwrap().0).collect();
    assert!(ids.is_sorted());
    for number in 0..100 {
        let absent = uniform(1 << 40 | number);
        assert_eq!(table.find_all(&absent).count(), 0);
    }
}

/// Builds a table from some index objects at once, or from each on top of the table before.
fn build(indexes: &[Index], one_by_one: bool) -> Table {
    let mut table: Option<std::sync::Arc<Table>> = None;
    let mut builder = Builder::new(None, None);
    for (number, index) in (0..).zip(indexes) {
        if one_by_one {
            let mut builder = Builder::new(table.take(), None);
            builder.add(name(1 << 50 | number), index).unwrap();
            table = Some(std::sync::Arc::new(builder.finish().unwrap()));
        } else {
            builder.add(name(1 << 50 | number), index).unwrap();
        }
    }
    match table {
        Some(table) => std::sync::Arc::try_unwrap(table).unwrap(),
        None => builder.finish().unwrap(),
    }
}

/// Ids as they are, and ids that interpolation is worst at: crowded, equal in front, in the corners.
fn any_id() -> impl Strategy<Value = ChunkId> {
    prop_oneof![
        4 => any::<[u8; 32]>().prop_map(ChunkId::from_bytes),
        2 => any::<u8>().prop_map(|last| {
            let mut bytes = [0x55; 32];
            bytes[31] = last;
            ChunkId::from_bytes(bytes)
        }),
        1 => any::<[u8; 2]>().prop_map(|first| {
            let mut bytes = [0xff; 32];
            bytes[..2].copy_from_slice(&first);
            ChunkId::from_bytes(bytes)
        }),
        1 => Just(ChunkId::from_bytes([0; 32])),
        1 => Just(ChunkId::from_bytes([0xff; 32])),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_table_is_a_map(
        ids in proptest::collection::vec(proptest::collection::vec(any_id(), 0..60), 1..8),
        one_by_one: bool,
    ) {
        let packs: Vec<_> = (0..).zip(&ids).map(|(number, ids)| {
            pack(number, (0..).zip(ids).map(|(i, id)| entry(*id, i)).collect())
        }).collect();
        let indexes: Vec<_> = packs.chunks(2).map(|packs| index(packs.to_vec())).collect();
        check(&build(&indexes, one_by_one), &packs);
    }

    #[test]
    fn no_bytes_make_it_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..400), magic: bool, id in any_id()) {
        if magic && bytes.len() >= 8 {
            bytes[..8].copy_from_slice(&MAGIC);
        }
        if let Ok(table) = Table::open(Bytes::Owned(bytes)) {
            let _ = table.find_all(&id).count();
        }
    }
}

#[test]
fn two_hundred_thousand_chunks_take_48_bytes_each_and_are_all_found() {
    let packs: Vec<_> = (0..100u64)
        .map(|number| {
            pack(
                number,
                (0..2000)
                    .map(|i| entry(uniform(number * 2000 + i), 40_000))
                    .collect(),
            )
        })
        .collect();
    let indexes: Vec<_> = packs.chunks(10).map(|packs| index(packs.to_vec())).collect();
    let (at_once, one_by_one) = (build(&indexes, false), build(&indexes, true));
    check(&at_once, &packs);
    assert_eq!(
        at_once.bytes.get(),
        one_by_one.bytes.get(),
        "however it came about"
    );
    let size = at_once.bytes.get().len();
    assert!(size <= 200_000 * 48 + 100 * 37 + 10 * 32 + 100, "{size}");
    assert_eq!(at_once.covered().len(), 10);
}

#[test]
fn more_than_one_run_is_merged() {
    // Over the 500,000 records that are sorted at a time.
    let packs: Vec<_> = (0..6u64)
        .map(|number| {
            pack(
                number,
                (0..100_000)
                    .map(|i| entry(uniform(number * 99_000 + i), 5))
                    .collect(),
            )
        })
        .collect();
    let table = build(&[index(packs.clone())], false);
    assert_eq!(table.len(), 600_000);
    let twice = table.find_all(&uniform(99_500)).collect::<Vec<_>>();
    assert_eq!((twice.len(), twice[0].pack, twice[1].pack), (2, 0, 1));
    assert!(
        (0..600_000)
            .step_by(997)
            .all(|i| table.get(i).unwrap().0 <= table.get(i + 1).unwrap().0)
    );
}

#[test]
fn a_pack_listed_twice_counts_once() {
    let packs = [pack(1, vec![entry(uniform(1), 1), entry(uniform(2), 2)])];
    let table = build(&[index(packs.to_vec()), index(packs.to_vec())], true);
    check(&table, &packs);
    assert_eq!((table.packs().len(), table.covered().len()), (1, 2));
}

#[test]
fn damaged_tables_are_refused() {
    let packs = [pack(1, (0..50).map(|i| entry(uniform(i), 7)).collect())];
    let table = build(&[index(packs.to_vec())], false);
    let good = table.bytes.get().to_vec();
    assert!(Table::open(Bytes::Owned(good.clone())).is_ok());
    for place in 0..good.len() {
        let mut bad = good.clone();
        bad[place] ^= 1;
        assert!(Table::open(Bytes::Owned(bad)).is_err(), "byte {place}");
    }
    for length in 0..good.len() {
        assert!(
            Table::open(Bytes::Owned(good[..length].to_vec())).is_err(),
            "length {length}"
        );
    }
    assert!(Table::open(Bytes::Owned([good.as_slice(), b"x"].concat())).is_err());
}

#[test]
fn a_record_never_asks_for_more_than_a_chunk() {
    // Tables over 64 MiB are not verified as a whole when they are opened.
    let mut record = encode_record(1, 80, &entry(uniform(1), 6));
    assert!(decode_record(&record).is_some());
    for stored in [0, (1 << 24) + 1, u32::MAX] {
        record[40..44].copy_from_slice(&stored.to_le_bytes());
        assert_eq!(decode_record(&record), None);
    }
}
