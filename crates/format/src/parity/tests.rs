use proptest::prelude::*;

use super::*;
use crate::limits::PARITY_BYTES_MAX;

const ARCHIVE: ArchiveId = ArchiveId::from_bytes([9; 16]);

/// Not H, but any change of the input shows in it.
fn sum(bytes: &[u8]) -> [u8; 32] {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    let mut out = [0; 32];
    for (i, byte) in bytes.iter().enumerate() {
        state = (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        out[i % 32] ^= (state >> 32) as u8;
    }
    out[..8].copy_from_slice(&state.to_le_bytes());
    out
}

fn name(fill: u8) -> ObjectName {
    ObjectName::from_bytes([fill; 32])
}

fn table(pack_bytes: u32, parity: u32) -> ParityTable {
    let shape = PackParity::new(name(3), pack_bytes, parity).unwrap();
    let shards = shape.data_shards() + shape.parity_shards();
    ParityTable {
        shape,
        hashes: (0..shards).map(|i| [i as u8; 16]).collect(),
    }
}

#[test]
fn shards_are_those_of_the_document() {
    let mib = 1024 * 1024;
    for (bytes, percent, shards) in [
        (1, 1, 2),
        (65_536, 5, 2),
        (32 * mib, 5, 104),
        (32 * mib, 1, 22),
        (32 * mib, 50, 1025),
        (128 * mib, 50, 4097),
        (128 * mib, 255, 8192),
    ] {
        assert_eq!(
            PackParity::shards_for(bytes, percent),
            shards,
            "{bytes} {percent}"
        );
    }
    for (bytes, parity) in [(0, 2), (128 * mib + 1, 2), (mib, 1), (mib, 8193), (mib, u32::MAX)] {
        assert_eq!(PackParity::new(name(0), bytes, parity), None, "{bytes} {parity}");
    }
    let largest = PackParity::new(name(0), 128 * mib, 8192).unwrap();
    assert!(largest.object_bytes() <= PARITY_BYTES_MAX);
}

#[test]
fn tables_round_trip_and_every_flip_shows() {
    let table = table(100_000, 3);
    let bytes = table.encode(sum);
    assert_eq!(bytes.len(), table.shape.table_bytes());
    assert_eq!(ParityTable::decode(&bytes, sum), Ok(table.clone()));
    assert_eq!(table.split().0.len(), 7);
    let longer = [bytes.as_slice(), &[7; 100]].concat();
    assert_eq!(ParityTable::decode(&longer, sum), Ok(table));
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(ParityTable::decode(&flipped, sum).is_err(), "bit {bit}");
    }
    for length in 0..bytes.len() {
        assert!(ParityTable::decode(&bytes[..length], sum).is_err(), "{length}");
    }
}

#[test]
fn the_second_table_is_found_by_the_objects_size_alone() {
    for bytes in [1, 16_384, 16_385, 65_536, 33 << 20, 128 << 20] {
        for parity in [2, 3, 104, 513, 8192] {
            let shape = PackParity::new(name(1), bytes, parity).unwrap();
            let size = shape.object_bytes();
            let place = (size - shape.table_bytes() as u64, shape.table_bytes());
            let places = PackParity::second_tables(size);
            assert!(places.contains(&place), "{bytes} {parity}");
            assert!(places.len() <= 17, "{}", places.len());
        }
    }
    for size in [0, 223, 224, 256, 225, 33_000, u64::MAX, u64::MAX - 31] {
        for (offset, bytes) in PackParity::second_tables(size) {
            assert_eq!(offset + bytes as u64, size);
        }
    }
}

#[test]
fn heads_tell_what_an_object_is_of() {
    let shape = PackParity::new(name(2), 70_000, 2).unwrap();
    let pack = [parity_header(&ARCHIVE).to_vec(), shape.encode(), vec![1; 16]].concat();
    assert_eq!(
        ParityHead::decode(&pack, Some(&ARCHIVE)),
        Ok(ParityHead::Pack(shape))
    );
    assert_eq!(ParityHead::decode(&pack, None), Ok(ParityHead::Pack(shape)));
    let other = ArchiveId::from_bytes([8; 16]);
    assert!(ParityHead::decode(&pack, Some(&other)).is_err());

    let snapshot = Header {
        object_type: ObjectType::Snapshot,
        epoch: 1,
        archive: ARCHIVE,
    };
    let copy = [
        CopyHead::encode(&ARCHIVE, 2, &name(4)),
        snapshot.encode().to_vec(),
    ]
    .concat();
    assert_eq!(copy.len(), PARITY_HEAD_BYTES);
    let head = CopyHead {
        number: 2,
        name: name(4),
        object_type: ObjectType::Snapshot,
    };
    assert_eq!(
        ParityHead::decode(&copy, Some(&ARCHIVE)),
        Ok(ParityHead::Copy(head))
    );
    for length in 0..PARITY_HEAD_BYTES {
        assert!(ParityHead::decode(&copy[..length], None).is_err(), "{length}");
    }
    assert!(ParityHead::decode(&snapshot.encode(), None).is_err());
}

proptest! {
    #[test]
    fn anything_decodes_or_fails(bytes in proptest::collection::vec(any::<u8>(), 0..300), size: u64) {
        let _ = ParityHead::decode(&bytes, None);
        let _ = ParityTable::decode(&bytes, sum);
        let headed = [parity_header(&ARCHIVE).as_slice(), &bytes].concat();
        let _ = ParityHead::decode(&headed, Some(&ARCHIVE));
        prop_assert!(PackParity::second_tables(size).len() <= 17);
    }

    #[test]
    fn damaged_fields_decode_to_possible_shapes(at in 0usize..96, byte: u8) {
        let mut bytes = table(200_000, 2).encode(sum);
        bytes[at] = byte;
        if let Ok(found) = ParityTable::decode(&bytes, |_| sum(b"")) {
            prop_assert!(found.shape.object_bytes() <= PARITY_BYTES_MAX);
        }
    }
}
