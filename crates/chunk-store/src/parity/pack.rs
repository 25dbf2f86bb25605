//! The parity of one pack, computed from the bytes that the storage gives back: it is only made of a pack whose bytes
//! hash to its name.

use std::sync::{Mutex, MutexGuard, PoisonError};

use lumivault_format::{
    ArchiveId, ObjectId, ObjectKind, ObjectName, ObjectType, PARITY_SHARD_BYTES, PackParity, ParityTable,
    SHARD_HASH_BYTES, parity_header,
};
use reed_solomon_simd::ReedSolomonEncoder;

use crate::Error;
use crate::backend::Backend;
use crate::seal::{ObjectHasher, store_object};

/// Shards read at a time.
pub(super) const WINDOW_BYTES: usize = 64 * PARITY_SHARD_BYTES;
/// Of packs over this size only one at a time is in memory.
const LARGE_BYTES: u32 = 40 * 1024 * 1024;

static LARGE: Mutex<()> = Mutex::new(());

/// Held while a pack of so many bytes is in memory.
pub(super) fn room_for(pack_bytes: u32) -> Option<MutexGuard<'static, ()>> {
    (pack_bytes > LARGE_BYTES).then(|| LARGE.lock().unwrap_or_else(PoisonError::into_inner))
}

/// H of the document.
pub(super) fn hash(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}

/// What stands for a shard in the table.
pub(super) fn shard_hash(shard: &[u8]) -> [u8; SHARD_HASH_BYTES] {
    let mut half = [0; SHARD_HASH_BYTES];
    half.copy_from_slice(&hash(shard)[..SHARD_HASH_BYTES]);
    half
}

/// The code is only asked for what the shape allows.
pub(super) fn code_failed(error: reed_solomon_simd::Error) -> Error {
    Error::Unsupported(format!("the parity of a pack cannot be computed: {error}"))
}

/// Reads a pack, computes its parity and stores it. Returns the bytes of the parity object.
pub(crate) fn store_parity(
    backend: &dyn Backend,
    archive: &ArchiveId,
    pack: ObjectName,
    pack_bytes: u32,
    percent: u8,
) -> Result<u64, Error> {
    let shards = PackParity::shards_for(pack_bytes, percent);
    let shape = PackParity::new(pack, pack_bytes, shards).ok_or(Error::Damaged {
        object: pack_id(pack),
        problem: "it has a size that no pack has",
    })?;
    let object = create(backend, archive, shape)?;
    store_object(backend, ObjectType::Parity, &object)?;
    Ok(u64::try_from(object.len()).unwrap_or(u64::MAX))
}

pub(super) fn pack_id(name: ObjectName) -> ObjectId {
    ObjectId {
        kind: ObjectKind::Pack,
        name,
    }
}

/// Reads a pack and computes its parity object. A pack that is not what its name says is an error.
pub(super) fn create(
    backend: &dyn Backend,
    archive: &ArchiveId,
    shape: PackParity,
) -> Result<Vec<u8>, Error> {
    let _room = room_for(shape.pack_bytes());
    let object = pack_id(shape.pack());
    let damaged = |problem| Error::Damaged { object, problem };
    if backend.size(&object)? != u64::from(shape.pack_bytes()) {
        return Err(damaged("it has another size than it had"));
    }
    let (data, parity) = (shape.data_shards(), shape.parity_shards());
    let mut encoder = ReedSolomonEncoder::new(data, parity, PARITY_SHARD_BYTES).map_err(code_failed)?;
    let mut hashes = Vec::with_capacity(data + parity);
    let mut hasher = ObjectHasher::new();
    let mut window = vec![0; WINDOW_BYTES];
    let size = usize::try_from(shape.pack_bytes()).unwrap_or(usize::MAX);
    let mut offset = 0;
    while offset < size {
        let bytes = (size - offset).min(WINDOW_BYTES);
        backend.read_at(
            &object,
            u64::try_from(offset).unwrap_or(u64::MAX),
            &mut window[..bytes],
        )?;
        hasher.update(&window[..bytes]);
        let whole = bytes.next_multiple_of(PARITY_SHARD_BYTES);
        window[bytes..whole].fill(0);
        for shard in window[..whole].chunks_exact(PARITY_SHARD_BYTES) {
            hashes.push(shard_hash(shard));
            encoder.add_original_shard(shard).map_err(code_failed)?;
        }
        offset += bytes;
    }
    if hasher.name() != shape.pack() {
        return Err(damaged("its bytes do not hash to its name"));
    }
    drop(window);
    let encoded = encoder.encode().map_err(code_failed)?;
    hashes.extend(encoded.recovery_iter().map(shard_hash));
    let table = ParityTable { shape, hashes }.encode(hash);
    let mut out = Vec::with_capacity(usize::try_from(shape.object_bytes()).unwrap_or(0));
    out.extend_from_slice(&parity_header(archive));
    out.extend_from_slice(&table);
    encoded
        .recovery_iter()
        .for_each(|shard| out.extend_from_slice(shard));
    out.extend_from_slice(&table);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Memory;
    use crate::seal::object_name;

    /// Parity stays what it was, byte for byte: scrubbing compares it so, and other programs may mend from it.
    #[test]
    fn the_code_is_frozen() {
        for (bytes, shards, expected) in [
            (1, 2, "53411ced86134841"),
            (65_536, 2, "75660d26b68ecde3"),
            (100_000, 4, "1551a683cd0d4b3d"),
            (3_000_000, 11, "aa5f6f9355333066"),
            (70_000, 300, "9fdf594cb5f8d1c5"),
        ] {
            let mut content = vec![0; bytes];
            blake3::Hasher::new().finalize_xof().fill(&mut content);
            let memory = Memory::new();
            let name = object_name(&content);
            memory.create(&pack_id(name), &content).unwrap();
            let shape = PackParity::new(name, u32::try_from(bytes).unwrap(), shards).unwrap();
            let parity = create(&memory, &ArchiveId::from_bytes([1; 16]), shape).unwrap();
            assert_eq!(parity.len() as u64, shape.object_bytes());
            assert_eq!(&object_name(&parity).to_hex()[..16], expected, "{bytes} {shards}");
        }
    }
}
