//! The contents stream: what files consist of. See docs/format.md §8.2.

use crate::limits::{CHUNK_BYTES_MAX, CONTENT_BYTES_MAX, EXTENTS_MAX};
use crate::wire::{Reader, put_length, put_varint};
use crate::{ChunkId, ContentId, DecodeError};

const WHAT: &str = "folder's contents stream";

/// A part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extent {
    /// The bytes of a data chunk.
    Chunk {
        /// The chunk.
        id: ChunkId,
        /// Its plaintext bytes, 1..=16 MiB.
        len: u32,
    },
    /// Zeros that take no space.
    Hole {
        /// How many.
        len: u64,
    },
    /// A tiny content inside a chunk that bundles many.
    Slice {
        /// The bundle's chunk.
        bundle: ChunkId,
        /// The bundle's plaintext bytes.
        bundle_len: u32,
        /// Where in it the content begins.
        offset: u32,
        /// Bytes of the content.
        len: u32,
        /// The id that a chunk of these bytes would have.
        id: ChunkId,
    },
}

impl Extent {
    /// Bytes of the file that it covers.
    pub fn len(&self) -> u64 {
        match self {
            Self::Chunk { len, .. } | Self::Slice { len, .. } => u64::from(*len),
            Self::Hole { len } => *len,
        }
    }

    /// Whether it covers nothing; no valid extent does.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The data chunk that must be read for it.
    pub fn chunk(&self) -> Option<ChunkId> {
        match self {
            Self::Chunk { id, .. } => Some(*id),
            Self::Slice { bundle, .. } => Some(*bundle),
            Self::Hole { .. } => None,
        }
    }
}

/// What one distinct file content consists of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContentRecord {
    /// The rule that classified it, docs/chunking.md.
    pub classifier: u8,
    /// The rule that cut it.
    pub chunker: u8,
    /// Its parts, in file order.
    pub extents: Vec<Extent>,
}

/// What a record refers back to within its piece. A new piece begins with the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct ContentState {
    bundle: Option<(ChunkId, u32, u32)>,
}

impl ContentRecord {
    /// Bytes of the content.
    pub fn len(&self) -> u64 {
        self.extents
            .iter()
            .fold(0u64, |sum, extent| sum.saturating_add(extent.len()))
    }

    /// Whether the content is empty.
    pub fn is_empty(&self) -> bool {
        self.extents.is_empty()
    }

    /// The content id, where it needs no key: of an empty content, or one in a single chunk or slice.
    pub fn simple_id(&self) -> Option<ContentId> {
        match self.extents.as_slice() {
            [] => Some(ContentId::EMPTY),
            [Extent::Chunk { id, .. } | Extent::Slice { id, .. }] => {
                Some(ContentId::from_bytes(*id.as_bytes()))
            }
            _ => None,
        }
    }

    /// The bytes whose keyed hash is the content id of any other content.
    pub fn id_material(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.extents.len().saturating_mul(41));
        for extent in &self.extents {
            let (tag, id) = match extent {
                Extent::Chunk { id, .. } => (1, Some(id)),
                Extent::Hole { .. } => (2, None),
                Extent::Slice { id, .. } => (3, Some(id)),
            };
            out.push(tag);
            out.extend_from_slice(&extent.len().to_le_bytes());
            if let Some(id) = id {
                out.extend_from_slice(id.as_bytes());
            }
        }
        out
    }

    /// Appends the record.
    pub fn encode(&self, state: &mut ContentState, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.classifier, self.chunker]);
        put_length(out, self.extents.len());
        for extent in &self.extents {
            match extent {
                Extent::Chunk { id, len } => {
                    out.push(1);
                    out.extend_from_slice(id.as_bytes());
                    put_varint(out, (*len).into());
                }
                Extent::Hole { len } => {
                    out.push(2);
                    put_varint(out, *len);
                }
                Extent::Slice {
                    bundle,
                    bundle_len,
                    offset,
                    len,
                    id,
                } => {
                    out.push(3);
                    if state.bundle == Some((*bundle, *bundle_len, *offset)) {
                        out.push(1);
                    } else {
                        out.push(0);
                        out.extend_from_slice(bundle.as_bytes());
                        put_varint(out, (*bundle_len).into());
                        put_varint(out, (*offset).into());
                    }
                    put_varint(out, (*len).into());
                    out.extend_from_slice(id.as_bytes());
                    state.bundle = Some((*bundle, *bundle_len, offset.saturating_add(*len)));
                }
            }
        }
    }

    /// Reads one record.
    pub fn decode(r: &mut Reader<'_>, state: &mut ContentState) -> Result<Self, DecodeError> {
        let (classifier, chunker) = (r.u8()?, r.u8()?);
        let count = r.varint_max(EXTENTS_MAX)?;
        // Most contents have one extent, for which a vector that grows by itself takes room for four.
        let mut extents = Vec::with_capacity(usize::from(count == 1));
        let mut total = 0u64;
        for _ in 0..count {
            let extent = decode_extent(r, state)?;
            total = total.saturating_add(extent.len());
            if extent.is_empty() || total > CONTENT_BYTES_MAX {
                return Err(DecodeError::Invalid(
                    WHAT,
                    "an extent is empty or a content too long",
                ));
            }
            if matches!(extent, Extent::Slice { .. }) && count != 1 {
                return Err(DecodeError::Invalid(
                    WHAT,
                    "a slice is not its content's only extent",
                ));
            }
            extents.push(extent);
        }
        Ok(Self {
            classifier,
            chunker,
            extents,
        })
    }
}

fn decode_extent(r: &mut Reader<'_>, state: &mut ContentState) -> Result<Extent, DecodeError> {
    match r.u8()? {
        1 => Ok(Extent::Chunk {
            id: ChunkId::from_bytes(r.array()?),
            len: chunk_length(r)?,
        }),
        2 => Ok(Extent::Hole {
            len: r.varint_max(CONTENT_BYTES_MAX)?,
        }),
        3 => {
            let (bundle, bundle_len, offset) = match (r.u8()?, state.bundle) {
                (0, _) => (
                    ChunkId::from_bytes(r.array()?),
                    chunk_length(r)?,
                    chunk_length(r)?,
                ),
                (1, Some(bundle)) => bundle,
                _ => return Err(DecodeError::Invalid(WHAT, "a slice refers to no bundle")),
            };
            let len = chunk_length(r)?;
            let id = ChunkId::from_bytes(r.array()?);
            let end = offset.saturating_add(len);
            if end > bundle_len {
                return Err(DecodeError::Invalid(WHAT, "a slice reaches beyond its bundle"));
            }
            state.bundle = Some((bundle, bundle_len, end));
            Ok(Extent::Slice {
                bundle,
                bundle_len,
                offset,
                len,
                id,
            })
        }
        4 => Err(DecodeError::UnsupportedFeature {
            what: WHAT,
            feature: "recoded-content".into(),
        }),
        _ => Err(DecodeError::Invalid(WHAT, "an extent is of an unknown kind")),
    }
}

fn chunk_length(r: &mut Reader<'_>) -> Result<u32, DecodeError> {
    let length = r.varint_max(CHUNK_BYTES_MAX.into())?;
    u32::try_from(length).map_err(|_| DecodeError::Invalid(WHAT, "a chunk is too long"))
}
