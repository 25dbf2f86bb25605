//! The table itself: 48 bytes a chunk, sorted by id, found by interpolation because ids are uniform.
//!
//! File: magic (8) ‖ u64 records ‖ u32 packs ‖ u32 index objects ‖ u32 replaced index objects ‖ names of the index
//! objects (32 each) ‖ names of the replaced ones (32 each) ‖ packs (37 each: name, type, size) ‖ records (48 each) ‖
//! BLAKE3 of everything before (32). Little-endian. The file is a cache of one machine and no part of the repository's
//! format; another magic is simply another program's.

use std::collections::BTreeSet;
use std::fmt;

use lumivault_format::wire::Reader;
use lumivault_format::{ChunkId, ChunkKind, Codec, DecodeError, ObjectName, ObjectType, PackEntry, limits};

use crate::pack::EntryLocation;

pub(super) const MAGIC: [u8; 8] = *b"LVINDEX2";
pub(super) const RECORD_BYTES: usize = 48;
pub(super) const HASH_BYTES: usize = 32;
/// Tables up to this size are verified when they are opened; beyond, only what is found is checked, against chunk ids.
const VERIFIED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A pack in the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackInfo {
    /// Its name.
    pub name: ObjectName,
    /// What it holds.
    pub kind: ChunkKind,
    /// Its size in bytes.
    pub size: u32,
}

/// Where a chunk lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    /// Number of the pack, for [`super::ChunkIndex::pack`].
    pub pack: u32,
    /// Place in the pack.
    pub place: EntryLocation,
}

/// One record as it lies in the table.
pub(super) type Record = [u8; RECORD_BYTES];

pub(super) fn encode_record(pack: u32, offset: u32, entry: &PackEntry) -> Record {
    let mut out = [0u8; RECORD_BYTES];
    out[..32].copy_from_slice(entry.id.as_bytes());
    out[32..36].copy_from_slice(&pack.to_le_bytes());
    out[36..40].copy_from_slice(&offset.to_le_bytes());
    out[40..44].copy_from_slice(&entry.stored_len.to_le_bytes());
    // Plain lengths are 1..=2^24: one less fits three bytes.
    let packed = entry.plain_len.saturating_sub(1) | u32::from(entry.codec.number()) << 24;
    out[44..].copy_from_slice(&packed.to_le_bytes());
    out
}

fn decode_record(record: &Record) -> Option<(ChunkId, Location)> {
    let mut r = Reader::new(record, "index table");
    let id = ChunkId::from_bytes(r.array().ok()?);
    let (pack, offset, stored_len, packed) = (r.u32().ok()?, r.u32().ok()?, r.u32().ok()?, r.u32().ok()?);
    let codec = Codec::from_number(u8::try_from(packed >> 24).ok()?, "index table").ok()?;
    // Whoever reads the chunk allocates what the record says, and a large table was not verified as a whole.
    if stored_len == 0 || stored_len > limits::CHUNK_BYTES_MAX {
        return None;
    }
    let entry = PackEntry {
        id,
        codec,
        stored_len,
        plain_len: (packed & 0x00ff_ffff) + 1,
    };
    Some((
        id,
        Location {
            pack,
            place: EntryLocation { offset, entry },
        },
    ))
}

/// Where the table's bytes are.
pub(super) enum Bytes {
    Mapped(memmap2::Mmap),
    Owned(Vec<u8>),
}

impl Bytes {
    pub(super) fn get(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

/// A sorted table of chunks.
pub(crate) struct Table {
    bytes: Bytes,
    count: usize,
    first_record: usize,
    packs: Vec<PackInfo>,
    covered: BTreeSet<ObjectName>,
    replaced: BTreeSet<ObjectName>,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("chunks", &self.count)
            .field("packs", &self.packs.len())
            .finish_non_exhaustive()
    }
}

impl Table {
    /// Checks the bytes and opens them as a table.
    pub(super) fn open(bytes: Bytes) -> Result<Self, DecodeError> {
        let what = "index table";
        let invalid = |problem| DecodeError::Invalid(what, problem);
        let all = bytes.get();
        let mut r = Reader::new(all, what);
        if r.array::<8>()? != MAGIC {
            return Err(DecodeError::NotLumivault(what));
        }
        let count = usize::try_from(r.u64()?).map_err(|_| DecodeError::Truncated(what))?;
        let (pack_count, covered_count, replaced_count) = (r.u32()?, r.u32()?, r.u32()?);
        let (covered, replaced) = (
            read_names(&mut r, covered_count)?,
            read_names(&mut r, replaced_count)?,
        );
        let mut packs = Vec::new();
        for _ in 0..pack_count {
            let name = ObjectName::from_bytes(r.array()?);
            let kind = ObjectType::from_number(r.u8()?)
                .and_then(ChunkKind::from_pack_type)
                .ok_or(invalid("a pack is of an unknown type"))?;
            packs.push(PackInfo {
                name,
                kind,
                size: r.u32()?,
            });
        }
        let first_record = all.len() - r.remaining();
        let wanted = count
            .checked_mul(RECORD_BYTES)
            .and_then(|n| n.checked_add(HASH_BYTES));
        if wanted != Some(r.remaining()) {
            return Err(invalid("its size does not fit its counts"));
        }
        if all.len() <= VERIFIED_BYTES_MAX {
            let (body, hash) = all.split_at(all.len() - HASH_BYTES);
            if blake3::hash(body).as_bytes() != hash {
                return Err(invalid("its checksum does not fit"));
            }
        }
        Ok(Self {
            bytes,
            count,
            first_record,
            packs,
            covered,
            replaced,
        })
    }

    pub(super) fn len(&self) -> u64 {
        u64::try_from(self.count).unwrap_or(u64::MAX)
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn packs(&self) -> &[PackInfo] {
        &self.packs
    }

    pub(super) fn covered(&self) -> &BTreeSet<ObjectName> {
        &self.covered
    }

    /// Index objects that those covered replace. They count no more, whether they still lie there or not.
    pub(super) fn replaced(&self) -> &BTreeSet<ObjectName> {
        &self.replaced
    }

    pub(super) fn record(&self, position: usize) -> Option<&Record> {
        if position >= self.count {
            return None;
        }
        let start = self.first_record + position * RECORD_BYTES;
        self.bytes.get().get(start..)?.first_chunk()
    }

    pub(super) fn get(&self, position: u64) -> Option<(ChunkId, Location)> {
        self.at(usize::try_from(position).ok()?)
    }

    /// One record, decoded.
    pub(crate) fn at(&self, position: usize) -> Option<(ChunkId, Location)> {
        decode_record(self.record(position)?)
    }

    /// Where the records of a chunk begin.
    pub(crate) fn first_of(&self, id: &ChunkId) -> Option<usize> {
        let mut first = self.search(id)?;
        while first > 0 && self.is_of(first - 1, id) {
            first -= 1;
        }
        Some(first)
    }

    fn is_of(&self, position: usize, id: &ChunkId) -> bool {
        self.record(position)
            .is_some_and(|record| record.starts_with(id.as_bytes()))
    }

    /// All places of a chunk: equal ids lie side by side.
    pub(crate) fn find_all(&self, id: &ChunkId) -> impl Iterator<Item = Location> {
        let first = self.first_of(id).unwrap_or(self.count);
        (first..self.count)
            .take_while(move |position| self.is_of(*position, id))
            .filter_map(|position| decode_record(self.record(position)?))
            .map(|(_, location)| location)
    }

    /// Interpolation search: ids are uniform, so two or three probes find one among ten million.
    fn search(&self, id: &ChunkId) -> Option<usize> {
        let wanted = prefix(id.as_bytes());
        let (mut low, mut high) = (0usize, self.count);
        let (mut low_key, mut high_key) = (0u64, u64::MAX);
        let mut guesses = 0;
        while low < high {
            let span = high - low;
            // Where ids turn out not to be uniform, halving ends the search.
            let middle = if guesses < 8 && high_key > low_key && span > 8 {
                let share = u128::from(wanted.saturating_sub(low_key)) * u128::try_from(span).unwrap_or(0)
                    / u128::from(high_key - low_key);
                low + usize::try_from(share).unwrap_or(usize::MAX).min(span - 1)
            } else {
                low + span / 2
            };
            guesses += 1;
            let found: &[u8; 32] = self.record(middle)?.first_chunk()?;
            match found.cmp(id.as_bytes()) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => (low, low_key) = (middle + 1, prefix(found)),
                std::cmp::Ordering::Greater => (high, high_key) = (middle, prefix(found)),
            }
        }
        None
    }
}

fn read_names(r: &mut Reader<'_>, count: u32) -> Result<BTreeSet<ObjectName>, DecodeError> {
    (0..count)
        .map(|_| r.array().map(ObjectName::from_bytes))
        .collect()
}

fn prefix(id: &[u8; 32]) -> u64 {
    id.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
#[cfg(test)]
mod tests;
