//! Reading a pack whole, once, from its first byte to its last: every entry opens, decodes and hashes to its id, and
//! all the bytes hash to the pack's name.

use lumivault_format::{PACK_PREFIX_BYTES, PackEntry};

use super::reader::{EntryLocation, PackReader};
use crate::seal::ObjectHasher;
use crate::{Environment, Error};

/// Entries that lie side by side are read together up to this many bytes; a larger one is read alone.
const WINDOW_BYTES: usize = 4 * 1024 * 1024;

/// What is wrong with a pack.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Flaw<'p> {
    /// One of its chunks.
    Chunk(&'p EntryLocation, &'static str),
    /// Its bytes are not those that gave it its name, though every chunk may be well.
    Name,
}

/// Reads the pack of `size` bytes with these entries (from its directory, which was checked) and calls `each` with
/// whatever is wrong. Holds one window and one chunk in memory.
pub(crate) fn verify_pack(
    reader: &PackReader<'_>,
    size: u32,
    entries: &[PackEntry],
    env: &Environment,
    each: &mut dyn FnMut(Flaw<'_>),
) -> Result<(), Error> {
    let mut hasher = ObjectHasher::new();
    let (mut sealed, mut plain) = (Vec::new(), Vec::new());
    let mut offset = 0;
    read_and_hash(reader, &mut offset, PACK_PREFIX_BYTES, &mut sealed, &mut hasher)?;
    let mut rest = entries;
    while !rest.is_empty() {
        env.check_cancelled()?;
        let (window, later, bytes) = split_window(rest);
        rest = later;
        let mut next = offset;
        read_and_hash(reader, &mut offset, bytes, &mut sealed, &mut hasher)?;
        let mut boxes = sealed.as_mut_slice();
        for entry in window {
            let place = EntryLocation {
                offset: next,
                entry: *entry,
            };
            next = next.saturating_add(entry.sealed_len());
            let (this, others) = boxes.split_at_mut(sealed_len(entry));
            boxes = others;
            match reader.open_entry(&place, this, &mut plain) {
                Ok(_) => {}
                Err(Error::DamagedChunk { problem, .. }) => each(Flaw::Chunk(&place, problem)),
                Err(error) => return Err(error),
            }
        }
    }
    while offset < size {
        let bytes = usize::try_from(size - offset)
            .unwrap_or(usize::MAX)
            .min(WINDOW_BYTES);
        read_and_hash(reader, &mut offset, bytes, &mut sealed, &mut hasher)?;
    }
    if hasher.name() != reader.object().name {
        each(Flaw::Name);
    }
    Ok(())
}

fn read_and_hash(
    reader: &PackReader<'_>,
    offset: &mut u32,
    bytes: usize,
    buffer: &mut Vec<u8>,
    hasher: &mut ObjectHasher,
) -> Result<(), Error> {
    buffer.clear();
    buffer.reserve_exact(bytes);
    buffer.resize(bytes, 0);
    reader.read_range(*offset, buffer)?;
    hasher.update(buffer);
    *offset = offset.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
    Ok(())
}

/// As many entries as fit a window, at least one; the others; the bytes of the first.
fn split_window(entries: &[PackEntry]) -> (&[PackEntry], &[PackEntry], usize) {
    let mut bytes = 0usize;
    let mut count = 0;
    for entry in entries {
        let more = bytes.saturating_add(sealed_len(entry));
        if count > 0 && more > WINDOW_BYTES {
            break;
        }
        (bytes, count) = (more, count + 1);
    }
    let (window, rest) = entries.split_at(count);
    (window, rest, bytes)
}

fn sealed_len(entry: &PackEntry) -> usize {
    usize::try_from(entry.sealed_len()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use lumivault_format::{ChunkId, Codec, TAG_BYTES};

    use super::*;

    #[test]
    fn a_window_takes_what_fits_four_mebibytes_and_at_least_one_entry() {
        let most = 4_194_304;
        let tag = u32::try_from(TAG_BYTES).unwrap();
        // Sealed lengths; how many of the first make the window.
        let cases: [(&[u32], usize); 8] = [
            (&[100], 1),
            (&[100, 200, 300], 3),
            (&[most], 1),
            (&[most + 1, 100], 1),
            (&[100, most + 1], 1),
            (&[100, most - 100, 100], 2),
            (&[100, most - 99, 100], 1),
            (&[100, most - 200, 101, 100], 2),
        ];
        for (sealed, expected) in cases {
            let entry = |sealed: &u32| PackEntry {
                id: ChunkId::from_bytes([7; 32]),
                codec: Codec::None,
                stored_len: sealed - tag,
                plain_len: sealed - tag,
            };
            let entries: Vec<_> = sealed.iter().map(entry).collect();
            let (window, rest, bytes) = split_window(&entries);
            assert_eq!((window, rest), entries.split_at(expected), "{sealed:?}");
            assert_eq!(
                bytes,
                sealed[..expected].iter().sum::<u32>() as usize,
                "{sealed:?}"
            );
        }
    }
}
