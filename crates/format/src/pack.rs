//! The bytes of packs: where what lies, and what authenticates it. See docs/format.md §7.

use crate::limits::{CHUNK_BYTES_MAX, PACK_BYTES_MAX, PACK_ENTRIES_MAX};
use crate::wire::Reader;
use crate::{ChunkId, DecodeError, HEADER_BYTES};

/// Bytes before the first entry, with key method 0.
pub const PACK_PREFIX_BYTES: usize = 80;
/// The sealed trailer at the end of a pack.
pub const PACK_TRAILER_BYTES: usize = 32;
/// An authentication tag.
pub const TAG_BYTES: usize = 16;
/// One directory entry.
pub const DIRECTORY_ENTRY_BYTES: usize = 41;
/// Slot number of the directory.
pub const DIRECTORY_SLOT: u32 = u32::MAX;
/// Slot number of the trailer.
pub const TRAILER_SLOT: u32 = u32::MAX - 1;

/// How a chunk's stored bytes become its plaintext. See docs/format.md §6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Codec {
    /// Stored as it is.
    None = 0,
    /// One zstd frame.
    Zstd = 1,
}

impl Codec {
    /// The number in the format.
    #[expect(clippy::as_conversions, reason = "the discriminants are the numbers")]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The codec with this number; reserved ones are refused by number.
    pub fn from_number(number: u8, what: &'static str) -> Result<Self, DecodeError> {
        match number {
            0 => Ok(Self::None),
            1 => Ok(Self::Zstd),
            _ => Err(DecodeError::UnsupportedFeature {
                what,
                feature: format!("codec-{number}"),
            }),
        }
    }
}

/// The prefix of a pack after its common header.
pub fn encode_pack_prefix(header: &[u8; HEADER_BYTES], salt: &[u8; 32]) -> [u8; PACK_PREFIX_BYTES] {
    let mut out = [0u8; PACK_PREFIX_BYTES];
    out.iter_mut()
        .zip(header.iter().chain(salt))
        .for_each(|(to, from)| *to = *from);
    out
}

/// The salt from a pack's prefix; checks that there is no key blob.
pub fn decode_pack_salt(prefix: &[u8]) -> Result<[u8; 32], DecodeError> {
    let mut r = Reader::new(prefix, "pack");
    r.take(HEADER_BYTES)?;
    let salt = r.array()?;
    if r.array::<16>()? != [0; 16] {
        return Err(DecodeError::Invalid(
            "pack",
            "key method 0 has no key blob, but there is one",
        ));
    }
    Ok(salt)
}

/// One chunk in a pack's directory or in an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackEntry {
    /// The chunk.
    pub id: ChunkId,
    /// How it is stored.
    pub codec: Codec,
    /// Stored bytes without the tag, 1..=16 MiB.
    pub stored_len: u32,
    /// Plaintext bytes, 1..=16 MiB.
    pub plain_len: u32,
}

impl PackEntry {
    /// Bytes that the sealed entry takes in the pack.
    pub fn sealed_len(&self) -> u32 {
        self.stored_len.saturating_add(16)
    }

    /// Appends the 41 bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.id.as_bytes());
        out.push(self.codec.number());
        out.extend_from_slice(&self.stored_len.to_le_bytes());
        out.extend_from_slice(&self.plain_len.to_le_bytes());
    }

    /// Reads and checks 41 bytes.
    pub fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let what = r.what();
        let id = ChunkId::from_bytes(r.array()?);
        let codec = Codec::from_number(r.u8()?, what)?;
        let (stored_len, plain_len) = (r.u32()?, r.u32()?);
        for length in [stored_len, plain_len] {
            if length == 0 || length > CHUNK_BYTES_MAX {
                return Err(DecodeError::TooLarge {
                    what,
                    value: length.into(),
                    max: CHUNK_BYTES_MAX.into(),
                });
            }
        }
        if codec == Codec::None && stored_len != plain_len {
            return Err(DecodeError::Invalid(what, "an unencoded chunk has two lengths"));
        }
        Ok(Self {
            id,
            codec,
            stored_len,
            plain_len,
        })
    }
}

/// The plaintext of a directory.
pub fn encode_directory(entries: &[PackEntry]) -> Vec<u8> {
    let mut out = Vec::with_capacity(
        entries
            .len()
            .saturating_mul(DIRECTORY_ENTRY_BYTES)
            .saturating_add(TAG_BYTES),
    );
    for entry in entries {
        entry.encode(&mut out);
    }
    out
}

/// Reads a directory of exactly `count` entries that must lie before `directory_offset`.
pub fn decode_directory(
    bytes: &[u8],
    count: u32,
    directory_offset: u32,
) -> Result<Vec<PackEntry>, DecodeError> {
    let mut r = Reader::new(bytes, "pack directory");
    let capacity = usize::try_from(count.min(PACK_ENTRIES_MAX)).unwrap_or(0);
    let mut entries = Vec::with_capacity(capacity.min(bytes.len() / DIRECTORY_ENTRY_BYTES));
    let mut end = u32::try_from(PACK_PREFIX_BYTES).unwrap_or(u32::MAX);
    for _ in 0..count {
        let entry = PackEntry::decode(&mut r)?;
        end = end.saturating_add(entry.sealed_len());
        if end > directory_offset {
            return Err(DecodeError::Invalid(
                "pack directory",
                "entries overlap the directory",
            ));
        }
        entries.push(entry);
    }
    r.finish()?;
    Ok(entries)
}

/// Where a pack's directory lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackTrailer {
    /// Offset of the sealed directory.
    pub directory_offset: u32,
    /// Number of entries.
    pub count: u32,
}

impl PackTrailer {
    /// Plaintext bytes of the directory.
    pub fn directory_len(&self) -> u32 {
        self.count.saturating_mul(41)
    }

    /// The 16 bytes of plaintext.
    pub fn encode(&self) -> [u8; 16] {
        let mut out = [0u8; 16];
        let fields = [self.directory_offset, self.directory_len(), self.count, 0];
        out.iter_mut()
            .zip(fields.iter().flat_map(|f| f.to_le_bytes()))
            .for_each(|(to, from)| *to = from);
        out
    }

    /// Reads a trailer and checks it against the pack's size.
    pub fn decode(bytes: &[u8], pack_size: u32) -> Result<Self, DecodeError> {
        let what = "pack trailer";
        let mut r = Reader::new(bytes, what);
        let (directory_offset, directory_len, count, zero) = (r.u32()?, r.u32()?, r.u32()?, r.u32()?);
        let trailer = Self {
            directory_offset,
            count,
        };
        r.finish()?;
        if count > PACK_ENTRIES_MAX || pack_size > PACK_BYTES_MAX {
            return Err(DecodeError::TooLarge {
                what,
                value: count.into(),
                max: PACK_ENTRIES_MAX.into(),
            });
        }
        let end = [directory_len, 16, 32]
            .iter()
            .try_fold(trailer.directory_offset, |sum, n| sum.checked_add(*n));
        if zero != 0 || directory_len != trailer.directory_len() || end != Some(pack_size) {
            return Err(DecodeError::Invalid(what, "its numbers do not fit the pack"));
        }
        Ok(trailer)
    }
}

/// Associated data of the directory and the trailer.
pub fn pack_box_ad(header: &[u8; HEADER_BYTES], salt: &[u8; 32], slot: u32, length: u32) -> [u8; 72] {
    let mut out = [0u8; 72];
    let fields = header
        .iter()
        .chain(salt)
        .copied()
        .chain(slot.to_le_bytes())
        .chain(length.to_le_bytes());
    out.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
    out
}

/// Associated data of an entry; its slot is its offset in the pack.
pub fn pack_entry_ad(
    header: &[u8; HEADER_BYTES],
    salt: &[u8; 32],
    slot: u32,
    entry: &PackEntry,
) -> [u8; 109] {
    let mut out = [0u8; 109];
    let fields = pack_box_ad(header, salt, slot, entry.stored_len)
        .into_iter()
        .chain([entry.codec.number()])
        .chain(entry.plain_len.to_le_bytes())
        .chain(*entry.id.as_bytes());
    out.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
    out
}
