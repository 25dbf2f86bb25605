//! Index objects: which chunks lie in which packs. See docs/format.md §11.

use crate::limits::{INDEX_ENTRIES_MAX, PACK_BYTES_MAX, PACK_ENTRIES_MAX};
use crate::wire::Reader;
use crate::{DecodeError, ObjectName, ObjectType, PackEntry};

/// Which of the two kinds of chunk a pack holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChunkKind {
    /// File contents.
    Data,
    /// Folders.
    Tree,
}

impl ChunkKind {
    /// The object type of a pack of such chunks.
    pub const fn pack_type(self) -> ObjectType {
        match self {
            Self::Data => ObjectType::DataPack,
            Self::Tree => ObjectType::TreePack,
        }
    }

    /// The kind of chunk in packs of this type.
    pub const fn from_pack_type(object_type: ObjectType) -> Option<Self> {
        match object_type {
            ObjectType::DataPack => Some(Self::Data),
            ObjectType::TreePack => Some(Self::Tree),
            _ => None,
        }
    }
}

/// One pack as an index lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexedPack {
    /// The pack's name.
    pub name: ObjectName,
    /// What it holds.
    pub kind: ChunkKind,
    /// Its size in bytes.
    pub size: u32,
    /// Its chunks, in file order.
    pub entries: Vec<PackEntry>,
}

/// The body of an index object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// Packs listed.
    pub packs: Vec<IndexedPack>,
    /// Index objects that this one replaces.
    pub replaces: Vec<ObjectName>,
}

impl Index {
    /// Encodes the body.
    pub fn encode(&self) -> Vec<u8> {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
        let mut out = Vec::new();
        out.extend_from_slice(&count(self.packs.len()));
        for pack in &self.packs {
            out.extend_from_slice(pack.name.as_bytes());
            out.push(pack.kind.pack_type().number());
            out.extend_from_slice(&pack.size.to_le_bytes());
            out.extend_from_slice(&count(pack.entries.len()));
            pack.entries.iter().for_each(|entry| entry.encode(&mut out));
        }
        out.extend_from_slice(&count(self.replaces.len()));
        self.replaces
            .iter()
            .for_each(|name| out.extend_from_slice(name.as_bytes()));
        out
    }

    /// Decodes a body.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let what = "index";
        let mut r = Reader::new(bytes, what);
        let mut index = Self::default();
        let mut total = 0u32;
        for _ in 0..r.u32()? {
            let pack = decode_pack(&mut r)?;
            total = total.saturating_add(u32::try_from(pack.entries.len()).unwrap_or(u32::MAX));
            if total > INDEX_ENTRIES_MAX {
                return Err(DecodeError::TooLarge {
                    what,
                    value: total.into(),
                    max: INDEX_ENTRIES_MAX.into(),
                });
            }
            index.packs.push(pack);
        }
        for _ in 0..r.u32()? {
            index.replaces.push(ObjectName::from_bytes(r.array()?));
        }
        r.finish()?;
        Ok(index)
    }
}

fn decode_pack(r: &mut Reader<'_>) -> Result<IndexedPack, DecodeError> {
    let what = r.what();
    let name = ObjectName::from_bytes(r.array()?);
    let kind = ObjectType::from_number(r.u8()?)
        .and_then(ChunkKind::from_pack_type)
        .ok_or(DecodeError::Invalid(what, "a pack is of an unknown type"))?;
    let (size, count) = (r.u32()?, r.u32()?);
    if count > PACK_ENTRIES_MAX || size > PACK_BYTES_MAX {
        return Err(DecodeError::Invalid(what, "a pack exceeds the limits"));
    }
    let mut entries = Vec::new();
    let mut end = 80u32;
    for _ in 0..count {
        let entry = PackEntry::decode(r)?;
        end = end.saturating_add(entry.sealed_len());
        entries.push(entry);
    }
    if end > size {
        return Err(DecodeError::Invalid(what, "a pack's entries exceed its size"));
    }
    Ok(IndexedPack {
        name,
        kind,
        size,
        entries,
    })
}
