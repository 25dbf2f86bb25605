//! What must hold for every cache file, see `crate::fuzzing`.

#![allow(
    clippy::missing_panics_doc,
    reason = "all of it panics where a promise is broken"
)]

use lumivault_format::limits::{CHUNK_BYTES_MAX, PACK_BYTES_MAX};
use lumivault_format::{ChunkKind, Codec};

use super::*;

/// A table as it may lie in the cache, without its checksum: tables beyond a size are used without it, so whatever fits its
/// own counts must be harmless.
pub fn index_table(bytes: &[u8]) {
    let _ = Table::open(Bytes::Owned(bytes.to_vec()));
    let mut whole = bytes.to_vec();
    whole.extend_from_slice(blake3::hash(bytes).as_bytes());
    let Ok(table) = Table::open(Bytes::Owned(whole)) else {
        return;
    };
    assert!(table.count() * RECORD_BYTES + table.packs().len() * 37 <= bytes.len());
    let mut ids = vec![ChunkId::from_bytes([0; 32]), ChunkId::from_bytes([255; 32])];
    for position in 0..table.count() {
        let Some((id, location)) = table.at(position) else {
            continue;
        };
        assert!((1..=CHUNK_BYTES_MAX).contains(&location.place.entry.stored_len));
        assert!((1..=CHUNK_BYTES_MAX).contains(&location.place.entry.plain_len));
        if ids.len() < 64 {
            ids.push(id);
        }
    }
    assert!(table.at(table.count()).is_none() && table.get(u64::MAX).is_none());
    for id in ids {
        assert!(table.find_all(&id).all(|location| location.place.entry.id == id));
    }
}

/// A table with some chunks, one of them in two packs, and an empty one.
pub fn index_table_seeds() -> Vec<Vec<u8>> {
    let id = |number: u8| ChunkId::from_bytes([number; 32]);
    let entry = |number| PackEntry {
        id: id(number),
        codec: Codec::Zstd,
        stored_len: 1000,
        plain_len: CHUNK_BYTES_MAX,
    };
    let records: Vec<Record> = [1, 2, 2, 40, 200]
        .iter()
        .zip(0..)
        .map(|(number, pack)| encode_record(pack % 2, 80, &entry(*number)))
        .collect();
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&5u64.to_le_bytes());
    for count in [2u32, 1, 1] {
        out.extend_from_slice(&count.to_le_bytes());
    }
    out.extend_from_slice(&[7; 64]);
    for kind in [ChunkKind::Data, ChunkKind::Tree] {
        out.extend_from_slice(&[8; 32]);
        out.push(kind.pack_type().number());
        out.extend_from_slice(&PACK_BYTES_MAX.to_le_bytes());
    }
    out.extend(records.iter().flatten());
    let empty = [&MAGIC[..], &[0; 20]].concat();
    vec![out, empty]
}
