//! Packs, the index, and parity.

use lumivault_format::{
    ChunkKind, Codec, HEADER_BYTES, Index, IndexedPack, ObjectType, PACK_PREFIX_BYTES, PackEntry, PackParity,
    PackTrailer, ParityHead, ParityTable, TAG_BYTES, decode_directory, decode_pack_salt, encode_directory,
    encode_pack_prefix, limits,
};

use super::seeds::{ARCHIVE, chunk_id, header, name};
use crate::fuzz::{Target, bounded, round_trip, times};

pub(super) const PREFIX: Target = Target {
    name: "pack_prefix",
    seeds: || vec![encode_pack_prefix(&header(ObjectType::DataPack), &[9; 32]).to_vec()],
    check: |bytes| {
        let encode = |salt: &[u8; 32]| encode_pack_prefix(&header(ObjectType::TreePack), salt).to_vec();
        round_trip(bytes, times(bytes, 0), decode_pack_salt, encode);
    },
};

fn entries() -> Vec<PackEntry> {
    let entry = |seed, codec, stored_len, plain_len| PackEntry {
        id: chunk_id(seed),
        codec,
        stored_len,
        plain_len,
    };
    vec![
        entry(1, Codec::None, 100, 100),
        entry(2, Codec::Zstd, 1, limits::CHUNK_BYTES_MAX),
        entry(3, Codec::Zstd, limits::CHUNK_BYTES_MAX, 1),
    ]
}

/// Directories begin behind so many bytes, and say how many entries they have, in the first eight bytes of an input.
const CLAIMS_BYTES: usize = 8;

pub(super) const DIRECTORY: Target = Target {
    name: "pack_directory",
    seeds: || {
        let with = |count: u32, offset: u32, entries: &[PackEntry]| {
            [
                &count.to_le_bytes()[..],
                &offset.to_le_bytes(),
                &encode_directory(entries),
            ]
            .concat()
        };
        vec![
            with(3, 60_000_000, &entries()),
            with(0, 80, &[]),
            with(limits::PACK_ENTRIES_MAX, limits::PACK_BYTES_MAX, &entries()),
        ]
    },
    check: |bytes| {
        let Some((claims, directory)) = bytes.split_at_checked(CLAIMS_BYTES) else {
            return;
        };
        let number = |at: usize| {
            claims[at..]
                .first_chunk()
                .map_or(0, |four| u32::from_le_bytes(*four))
        };
        let (count, offset) = (number(0), number(4));
        round_trip(
            directory,
            times(directory, 2),
            |bytes| decode_directory(bytes, count, offset),
            |entries| encode_directory(entries),
        );
        if let Ok(entries) = decode_directory(directory, count, offset) {
            let bytes: u64 = entries.iter().map(|entry| u64::from(entry.sealed_len())).sum();
            let prefix = PACK_PREFIX_BYTES as u64;
            assert!(entries.is_empty() || prefix + bytes <= u64::from(offset));
        }
    },
};

pub(super) const TRAILER: Target = Target {
    name: "pack_trailer",
    seeds: || {
        let trailer = PackTrailer {
            directory_offset: 65_000,
            count: 12,
        };
        let size: u32 = 65_000 + 12 * 41 + 16 + 32;
        vec![[&size.to_le_bytes()[..], &trailer.encode()].concat()]
    },
    check: |bytes| {
        let Some((size, trailer)) = bytes.split_first_chunk() else {
            return;
        };
        let size = u32::from_le_bytes(*size);
        let decode = |bytes: &[u8]| PackTrailer::decode(bytes, size);
        round_trip(trailer, times(trailer, 0), decode, |trailer| {
            trailer.encode().to_vec()
        });
        if let Ok(trailer) = PackTrailer::decode(trailer, size) {
            let end = u64::from(trailer.directory_offset) + u64::from(trailer.directory_len());
            assert!(end + 48 == u64::from(size) && size <= limits::PACK_BYTES_MAX);
        }
    },
};

pub(super) const INDEX: Target = Target {
    name: "index",
    seeds: || {
        let pack = |seed, kind, entries: Vec<PackEntry>| IndexedPack {
            name: name(seed),
            kind,
            size: 70_000_000,
            entries,
        };
        let index = Index {
            packs: vec![
                pack(1, ChunkKind::Data, entries()),
                pack(2, ChunkKind::Tree, entries()),
                pack(3, ChunkKind::Tree, Vec::new()),
            ],
            replaces: vec![name(8), name(9)],
        };
        let empty_packs = Index {
            packs: (0..2000).map(|_| pack(4, ChunkKind::Data, Vec::new())).collect(),
            replaces: Vec::new(),
        };
        vec![index.encode(), empty_packs.encode(), Index::default().encode()]
    },
    check: |bytes| round_trip(bytes, times(bytes, 8), Index::decode, Index::encode),
};

pub(super) const PARITY_HEAD: Target = Target {
    name: "parity_head",
    seeds: || {
        let mut copy = lumivault_format::CopyHead::encode(&ARCHIVE, 2, &name(7));
        copy.extend_from_slice(&header(ObjectType::Snapshot));
        let table = table(&shape());
        let pack = [&header(ObjectType::Parity)[..], &table].concat();
        vec![copy, pack[..104].to_vec()]
    },
    check: |bytes| {
        let decoded = bounded(bytes, times(bytes, 0), |bytes| ParityHead::decode(bytes, None));
        match decoded {
            Ok(ParityHead::Pack(shape)) => {
                let again = PackParity::decode_fields(&table(&shape));
                assert_eq!(again, Ok(shape));
            }
            Ok(ParityHead::Copy(head)) => {
                let mut again = lumivault_format::CopyHead::encode(&ARCHIVE, head.number, &head.name);
                again.extend_from_slice(&header(head.object_type));
                assert_eq!(
                    ParityHead::decode(&again, Some(&ARCHIVE)),
                    Ok(ParityHead::Copy(head))
                );
            }
            Err(_) => {}
        }
    },
};

fn shape() -> PackParity {
    PackParity::new(name(5), 300_000, 3).unwrap_or_else(|| unreachable!("a pack may have this shape"))
}

fn table(shape: &PackParity) -> Vec<u8> {
    let shards = shape.data_shards() + shape.parity_shards();
    let table = ParityTable {
        shape: *shape,
        hashes: vec![[6; 16]; shards],
    };
    table.encode(hash)
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}

pub(super) const PARITY_TABLE: Target = Target {
    name: "parity_table",
    seeds: || {
        let large = PackParity::new(name(6), limits::PACK_BYTES_MAX, 8192);
        [Some(shape()), large, PackParity::new(name(7), 1, 2)]
            .iter()
            .flatten()
            .map(table)
            .collect()
    },
    check: |bytes| {
        let decode = |bytes: &[u8]| ParityTable::decode(bytes, hash);
        let encode = |table: &ParityTable| table.encode(hash);
        round_trip(bytes, times(bytes, 4), decode, encode);
        // The same with a hash that fits, else nothing behind it is ever reached.
        if let Ok(shape) = PackParity::decode_fields(bytes) {
            let mut whole = bytes.to_vec();
            whole.resize(shape.table_bytes() - 32, 0);
            let sum = hash(&whole);
            whole.extend_from_slice(&sum);
            assert!(ParityTable::decode(&whole, hash).is_ok(), "{shape:?}");
            round_trip(&whole, times(&whole, 4), decode, encode);
            let places = PackParity::second_tables(shape.object_bytes());
            let place = (shape.object_bytes() - whole.len() as u64, whole.len());
            assert!(places.contains(&place), "{shape:?} is not among {places:?}");
        }
    },
};

/// Where a second table may lie in an object of any size.
pub(super) const PARITY_PLACES: Target = Target {
    name: "parity_places",
    seeds: || {
        let size = shape().object_bytes();
        [
            size,
            0,
            223,
            224,
            224 + 32 * 513,
            limits::PARITY_BYTES_MAX,
            u64::MAX,
        ]
        .map(|size| size.to_le_bytes().to_vec())
        .to_vec()
    },
    check: |bytes| {
        let Some(first) = bytes.first_chunk() else { return };
        let size = u64::from_le_bytes(*first);
        let places = bounded(bytes, times(bytes, 0), |_| PackParity::second_tables(size));
        assert!(places.len() <= 17, "{size}: {places:?}");
        for (offset, length) in places {
            assert_eq!(offset + length as u64, size);
        }
    },
};

const _: () = assert!(HEADER_BYTES == 32 && TAG_BYTES == 16);
