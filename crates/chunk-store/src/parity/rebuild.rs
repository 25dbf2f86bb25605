//! Rebuilding a damaged pack in memory. What comes out hashes to the pack's name, or does not come out.

use lumivault_format::{
    ObjectId, ObjectName, PARITY_FIELDS_BYTES, PARITY_SHARD_BYTES, PARITY_TABLE_OFFSET, PackParity,
    ParityTable,
};
use reed_solomon_simd::ReedSolomonDecoder;

use super::pack::{WINDOW_BYTES, code_failed, hash, pack_id, room_for, shard_hash};
use super::{Outlook, ParityMap, parity_id, try_read};
use crate::Error;
use crate::backend::{Backend, ObjectInfo};
use crate::seal::object_name;

/// What became of a damaged pack.
pub(crate) enum Rebuilt {
    /// Its bytes, and how many shards of them were bad.
    Whole(Vec<u8>, usize),
    /// Why it cannot be rebuilt.
    Not(Outlook),
}

/// Rebuilds a pack from what is left of it and of any of its parity objects.
pub(crate) fn rebuild(
    backend: &dyn Backend,
    parity: &[ObjectInfo],
    pack: ObjectName,
) -> Result<Rebuilt, Error> {
    let mut nearest: Option<Outlook> = None;
    for info in parity {
        let Some(table) = load_table(backend, info)?.filter(|table| table.shape.pack() == pack) else {
            continue;
        };
        match rebuild_from(backend, &parity_id(info), &table)? {
            Rebuilt::Not(outlook) if nearest.is_none_or(|known| known.lacks() > outlook.lacks()) => {
                nearest = Some(outlook);
            }
            Rebuilt::Not(_) => {}
            whole @ Rebuilt::Whole(..) => return Ok(whole),
        }
    }
    Ok(Rebuilt::Not(nearest.unwrap_or(Outlook::Nothing)))
}

/// What parity can do about a pack.
pub(crate) fn outlook_of_pack(
    backend: &dyn Backend,
    map: &ParityMap,
    pack: ObjectName,
) -> Result<Outlook, Error> {
    Ok(match rebuild(backend, &map.parity_of(backend, pack)?, pack)? {
        Rebuilt::Whole(_, bad_shards) => Outlook::Parity { bad_shards },
        Rebuilt::Not(outlook) => outlook,
    })
}

/// Either table of a parity object, if one fits its hash.
pub(super) fn load_table(backend: &dyn Backend, info: &ObjectInfo) -> Result<Option<ParityTable>, Error> {
    let offset = u64::try_from(PARITY_TABLE_OFFSET).unwrap_or(u64::MAX);
    if let Some(table) = table_at(backend, info, offset, None)? {
        return Ok(Some(table));
    }
    for (offset, bytes) in PackParity::second_tables(info.size) {
        if let Some(table) = table_at(backend, info, offset, Some(bytes))? {
            return Ok(Some(table));
        }
    }
    Ok(None)
}

fn table_at(
    backend: &dyn Backend,
    info: &ObjectInfo,
    offset: u64,
    expected_bytes: Option<usize>,
) -> Result<Option<ParityTable>, Error> {
    let id = parity_id(info);
    let mut fields = [0; PARITY_FIELDS_BYTES];
    if !try_read(backend, &id, offset, &mut fields)? {
        return Ok(None);
    }
    let Ok(shape) = PackParity::decode_fields(&fields) else {
        return Ok(None);
    };
    let bytes = shape.table_bytes();
    let ends = u64::try_from(bytes).ok().and_then(|n| offset.checked_add(n));
    let lies_within = ends.is_some_and(|end| end <= info.size);
    if !lies_within || expected_bytes.is_some_and(|expected| expected != bytes) {
        return Ok(None);
    }
    let mut table = vec![0; bytes];
    if !try_read(backend, &id, offset, &mut table)? {
        return Ok(None);
    }
    Ok(ParityTable::decode(&table, hash).ok())
}

fn rebuild_from(backend: &dyn Backend, parity: &ObjectId, table: &ParityTable) -> Result<Rebuilt, Error> {
    let shape = table.shape;
    let _room = room_for(shape.pack_bytes());
    let (data_hashes, parity_hashes) = table.split();
    let mut shards = read_pack(backend, &shape)?;
    let bad: Vec<usize> = shards
        .chunks_exact(PARITY_SHARD_BYTES)
        .zip(data_hashes)
        .enumerate()
        .filter(|(_, (shard, expected))| shard_hash(shard) != **expected)
        .map(|(number, _)| number)
        .collect();
    if !bad.is_empty() {
        let (data, count) = (shape.data_shards(), shape.parity_shards());
        let mut decoder = ReedSolomonDecoder::new(data, count, PARITY_SHARD_BYTES).map_err(code_failed)?;
        let usable = add_parity(backend, parity, &shape, parity_hashes, bad.len(), &mut decoder)?;
        if usable < bad.len() {
            return Ok(Rebuilt::Not(Outlook::Beyond {
                bad_shards: bad.len(),
                mendable_shards: usable,
            }));
        }
        let mut next_bad = bad.iter().copied().peekable();
        for (number, shard) in shards.chunks_exact(PARITY_SHARD_BYTES).enumerate() {
            if next_bad.next_if_eq(&number).is_none() {
                decoder.add_original_shard(number, shard).map_err(code_failed)?;
            }
        }
        let decoded = decoder.decode().map_err(code_failed)?;
        for number in &bad {
            let from = number * PARITY_SHARD_BYTES;
            let to = shards.get_mut(from..from + PARITY_SHARD_BYTES);
            if let (Some(shard), Some(to)) = (decoded.restored_original(*number), to) {
                to.copy_from_slice(shard);
            }
        }
    }
    shards.truncate(usize::try_from(shape.pack_bytes()).unwrap_or(usize::MAX));
    if object_name(&shards) == shape.pack() {
        return Ok(Rebuilt::Whole(shards, bad.len()));
    }
    // What it says of the shards is not true: it was made up, or made of another pack.
    Ok(Rebuilt::Not(Outlook::Nothing))
}

/// The pack filled up to whole shards, with zeros where the storage gives nothing.
fn read_pack(backend: &dyn Backend, shape: &PackParity) -> Result<Vec<u8>, Error> {
    let id = pack_id(shape.pack());
    let size = usize::try_from(shape.pack_bytes()).unwrap_or(usize::MAX);
    let mut shards = vec![0; shape.data_shards() * PARITY_SHARD_BYTES];
    let at = |number: usize, bytes: usize| u64::try_from(number * bytes).unwrap_or(u64::MAX);
    for (window, bytes) in shards[..size].chunks_mut(WINDOW_BYTES).enumerate() {
        let start = at(window, WINDOW_BYTES);
        if try_read(backend, &id, start, bytes)? {
            continue;
        }
        for (number, shard) in bytes.chunks_mut(PARITY_SHARD_BYTES).enumerate() {
            if !try_read(backend, &id, start + at(number, PARITY_SHARD_BYTES), shard)? {
                shard.fill(0);
            }
        }
    }
    Ok(shards)
}

/// Hands good parity shards to the decoder, as many as are wanted; returns how many there were.
fn add_parity(
    backend: &dyn Backend,
    parity: &ObjectId,
    shape: &PackParity,
    hashes: &[[u8; lumivault_format::SHARD_HASH_BYTES]],
    wanted: usize,
    decoder: &mut ReedSolomonDecoder,
) -> Result<usize, Error> {
    let mut shard = vec![0; PARITY_SHARD_BYTES];
    let mut usable = 0;
    for (number, expected) in hashes.iter().enumerate() {
        if usable == wanted {
            break;
        }
        if try_read(backend, parity, shape.shard_offset(number), &mut shard)?
            && shard_hash(&shard) == *expected
        {
            decoder.add_recovery_shard(number, &shard).map_err(code_failed)?;
            usable += 1;
        }
    }
    Ok(usable)
}
