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
