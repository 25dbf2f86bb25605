//! Parity objects: the parity of one pack, or a copy of one small object. See docs/format.md §18.
//!
//! Nothing in them is secret or authentic. What is decoded here is only where things would lie; whoever repairs checks
//! every byte against the name of the pack or object. Hashes are handed in: this crate computes none.

use crate::limits::{PACK_BYTES_MAX, PARITY_SHARDS_MAX};
use crate::wire::Reader;
use crate::{ArchiveId, DecodeError, HEADER_BYTES, Header, ObjectName, ObjectType};

/// Bytes of a shard, of a pack or of its parity.
pub const PARITY_SHARD_BYTES: usize = 16_384;
/// Bytes of a shard's hash in the table.
pub const SHARD_HASH_BYTES: usize = 16;
/// So many bytes tell what a parity object is of: of a copy, its own 72 and the header of the object that was copied.
pub const PARITY_HEAD_BYTES: usize = 104;
/// Bytes of a copy before the object's own.
pub const COPY_PREFIX_BYTES: usize = 72;
/// Where the first table begins.
pub const PARITY_TABLE_OFFSET: usize = HEADER_BYTES;

const WHAT: &str = "parity";
const KIND_PACK: u32 = 1;
const KIND_COPY: u32 = 2;
/// Bytes of a table before its hashes of shards.
pub const PARITY_FIELDS_BYTES: usize = 64;
/// Bytes of the hash behind them.
const TABLE_HASH_BYTES: usize = 32;
const SHARD_U64: u64 = 16_384;

/// The shape of a pack's parity: which pack, and how many shards of both sorts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PackParity {
    pack: ObjectName,
    pack_bytes: u32,
    parity_shards: u16,
}

impl PackParity {
    /// `None`: no pack has so many bytes, or no pack so many parity shards (2 to 8,192).
    pub fn new(pack: ObjectName, pack_bytes: u32, parity_shards: u32) -> Option<Self> {
        let possible = (1..=PACK_BYTES_MAX).contains(&pack_bytes);
        let parity_shards = u16::try_from(parity_shards)
            .ok()
            .filter(|p| possible && (2..=PARITY_SHARDS_MAX).contains(p))?;
        Some(Self {
            pack,
            pack_bytes,
            parity_shards,
        })
    }

    /// Parity shards of a pack of so many bytes: so many percent of its shards, one more, and never less than two.
    pub fn shards_for(pack_bytes: u32, percent: u8) -> u32 {
        let wanted = u64::from(pack_bytes)
            .div_ceil(SHARD_U64)
            .saturating_mul(percent.into())
            .div_ceil(100)
            .saturating_add(1)
            .clamp(2, PARITY_SHARDS_MAX.into());
        u32::try_from(wanted).unwrap_or(2)
    }

    /// The pack.
    pub const fn pack(&self) -> ObjectName {
        self.pack
    }

    /// Bytes of the pack.
    pub const fn pack_bytes(&self) -> u32 {
        self.pack_bytes
    }

    /// Shards of the pack, 1 to 8,192; the last one may be filled up with zeros.
    pub fn data_shards(&self) -> usize {
        usize::try_from(self.pack_bytes)
            .unwrap_or(usize::MAX)
            .div_ceil(PARITY_SHARD_BYTES)
    }

    /// Parity shards, 2 to 8,192: as many bad shards can be mended.
    pub fn parity_shards(&self) -> usize {
        usize::from(self.parity_shards)
    }

    /// Bytes of a table, its own hash included.
    pub fn table_bytes(&self) -> usize {
        self.data_shards()
            .saturating_add(self.parity_shards())
            .saturating_mul(SHARD_HASH_BYTES)
            .saturating_add(PARITY_FIELDS_BYTES)
            .saturating_add(TABLE_HASH_BYTES)
    }

    /// Where a parity shard lies in the object.
    pub fn shard_offset(&self, parity_shard: usize) -> u64 {
        let offset = parity_shard
            .saturating_mul(PARITY_SHARD_BYTES)
            .saturating_add(self.table_bytes())
            .saturating_add(PARITY_TABLE_OFFSET);
        u64::try_from(offset).unwrap_or(u64::MAX)
    }

    /// Bytes of the whole object.
    pub fn object_bytes(&self) -> u64 {
        let table = u64::try_from(self.table_bytes()).unwrap_or(u64::MAX);
        self.shard_offset(self.parity_shards()).saturating_add(table)
    }

    /// Where the second table may begin in an object of so many bytes, and how long it is then: its place follows from
    /// the numbers of shards, which are what may be damaged in the first. At most 17 places.
    pub fn second_tables(object_bytes: u64) -> Vec<(u64, usize)> {
        // 224 bytes that are always there, 32 for each shard of either sort, 16,384 more for each parity shard.
        let Some(units) = object_bytes.checked_sub(224).filter(|rest| rest % 32 == 0) else {
            return Vec::new();
        };
        let units = units / 32;
        let most = units.checked_div(513).unwrap_or(0).min(PARITY_SHARDS_MAX.into());
        let fitting = (2..=most).rev().map_while(|parity| {
            let data = units.checked_sub(parity.checked_mul(513)?)?;
            (data <= u64::from(PACK_BYTES_MAX) / SHARD_U64).then_some((parity, data))
        });
        fitting
            .filter(|(_, data)| *data > 0)
            .filter_map(|(parity, data)| {
                let bytes = parity.checked_add(data)?.checked_mul(16)?.checked_add(96)?;
                Some((object_bytes.checked_sub(bytes)?, usize::try_from(bytes).ok()?))
            })
            .collect()
    }

    fn encode(&self) -> Vec<u8> {
        let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
        let mut out = Vec::with_capacity(self.table_bytes());
        out.extend_from_slice(&KIND_PACK.to_le_bytes());
        out.extend_from_slice(&self.pack_bytes.to_le_bytes());
        out.extend_from_slice(self.pack.as_bytes());
        out.extend_from_slice(&small(PARITY_SHARD_BYTES));
        out.extend_from_slice(&small(self.data_shards()));
        out.extend_from_slice(&small(self.parity_shards()));
        out.extend_from_slice(&[0; 12]);
        out
    }

    /// Reads the fields at the beginning of a table, which nothing vouches for until its hash was checked.
    pub fn decode_fields(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes, WHAT);
        if r.u32()? != KIND_PACK {
            return Err(DecodeError::Invalid(WHAT, "it is no table"));
        }
        Self::decode(&mut r)
    }

    /// Behind the number that says the kind.
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let invalid = |problem| DecodeError::Invalid(WHAT, problem);
        let pack_bytes = r.u32()?;
        let pack = ObjectName::from_bytes(r.array()?);
        if usize::try_from(r.u32()?) != Ok(PARITY_SHARD_BYTES) {
            return Err(invalid("its shards have another size than 16,384 bytes"));
        }
        let (data, parity) = (r.u32()?, r.u32()?);
        let shape =
            Self::new(pack, pack_bytes, parity).ok_or(invalid("no pack has this size or so many shards"))?;
        if usize::try_from(data) != Ok(shape.data_shards()) {
            return Err(invalid("its number of shards does not fit the size of the pack"));
        }
        if r.array::<12>()? != [0; 12] {
            return Err(invalid("bytes that must be zero are not"));
        }
        Ok(shape)
    }
}

/// The table of a pack's parity: its shape and the hash of each shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParityTable {
    /// How many shards of which pack.
    pub shape: PackParity,
    /// The first half of each shard's hash, those of the pack first.
    pub hashes: Vec<[u8; SHARD_HASH_BYTES]>,
}

impl ParityTable {
    /// The bytes of either table; `hash` is that of the document's H.
    pub fn encode(&self, hash: impl FnOnce(&[u8]) -> [u8; 32]) -> Vec<u8> {
        let mut out = self.shape.encode();
        out.extend(self.hashes.iter().flatten());
        let sum = hash(&out);
        out.extend_from_slice(&sum);
        out
    }

    /// Reads a table that begins at the first of `bytes`, whatever follows it, and checks its own hash.
    pub fn decode(bytes: &[u8], hash: impl FnOnce(&[u8]) -> [u8; 32]) -> Result<Self, DecodeError> {
        let shape = PackParity::decode_fields(bytes)?;
        let shards = shape.data_shards().saturating_add(shape.parity_shards());
        let mut hashed = Reader::new(bytes, WHAT);
        let covered = hashed.take(shape.table_bytes().saturating_sub(TABLE_HASH_BYTES))?;
        if hashed.array::<TABLE_HASH_BYTES>()? != hash(covered) {
            return Err(DecodeError::Invalid(WHAT, "its table does not fit its hash"));
        }
        let mut r = Reader::new(covered, WHAT);
        r.take(PARITY_FIELDS_BYTES)?;
        let hashes = (0..shards).map(|_| r.array()).collect::<Result<_, _>>()?;
        Ok(Self { shape, hashes })
    }

    /// The hashes of the pack's shards, and of the parity shards.
    pub fn split(&self) -> (&[[u8; SHARD_HASH_BYTES]], &[[u8; SHARD_HASH_BYTES]]) {
        let data = self.shape.data_shards().min(self.hashes.len());
        self.hashes.split_at(data)
    }
}

/// What a copy says it is a copy of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CopyHead {
    /// Which of several copies, from 1.
    pub number: u32,
    /// The name of the object.
    pub name: ObjectName,
    /// Its type.
    pub object_type: ObjectType,
}

impl CopyHead {
    /// The bytes before the object's own.
    pub fn encode(archive: &ArchiveId, number: u32, name: &ObjectName) -> Vec<u8> {
        let mut out = Vec::with_capacity(COPY_PREFIX_BYTES);
        out.extend_from_slice(&parity_header(archive));
        out.extend_from_slice(&KIND_COPY.to_le_bytes());
        out.extend_from_slice(&number.to_le_bytes());
        out.extend_from_slice(name.as_bytes());
        out
    }
}

/// What a parity object says it is of, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParityHead {
    /// A pack.
    Pack(PackParity),
    /// A small object.
    Copy(CopyHead),
}

impl ParityHead {
    /// Reads the first [`PARITY_HEAD_BYTES`] bytes. Without an `archive`, that of the header is taken for right.
    pub fn decode(bytes: &[u8], archive: Option<&ArchiveId>) -> Result<Self, DecodeError> {
        let found = Header::decode(bytes)?.archive;
        let archive = archive.unwrap_or(&found);
        Header::decode_as(bytes, ObjectType::Parity, archive)?;
        let mut r = Reader::new(bytes, WHAT);
        r.take(HEADER_BYTES)?;
        match r.u32()? {
            KIND_PACK => PackParity::decode(&mut r).map(Self::Pack),
            KIND_COPY => {
                let number = r.u32()?;
                let name = ObjectName::from_bytes(r.array()?);
                let copied = Header::decode(r.take(HEADER_BYTES)?)?;
                Ok(Self::Copy(CopyHead {
                    number,
                    name,
                    object_type: copied.object_type,
                }))
            }
            _ => Err(DecodeError::Invalid(WHAT, "it is of an unknown kind")),
        }
    }
}

/// The header of every parity object.
pub fn parity_header(archive: &ArchiveId) -> [u8; HEADER_BYTES] {
    Header {
        object_type: ObjectType::Parity,
        epoch: 0,
        archive: *archive,
    }
    .encode()
}

#[cfg(test)]
mod tests;
