//! Folder heads and the references to them. See docs/format.md §8.1.

use crate::limits::CHUNK_BYTES_MAX;
use crate::wire::{Reader, put_bytes, put_length, put_varint};
use crate::{ChunkId, DecodeError};

const WHAT: &str = "folder";
const HEAD_TAG: u8 = 1;
const CHUNK_MAX: usize = 16 * 1024 * 1024;

/// The four streams, by their tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StreamTag {
    /// Distinct file contents.
    Contents,
    /// Entries.
    Names,
    /// Times and permissions, in the order of names.
    Stats,
    /// Subfolders, in the order of names.
    Folders,
}

impl StreamTag {
    /// All, in the order of a folder head.
    pub const ALL: [Self; 4] = [Self::Contents, Self::Names, Self::Stats, Self::Folders];

    /// The byte that a piece of this stream begins with.
    pub const fn number(self) -> u8 {
        match self {
            Self::Contents => 2,
            Self::Names => 3,
            Self::Stats => 4,
            Self::Folders => 5,
        }
    }
}

/// A tree chunk with part of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The chunk.
    pub id: ChunkId,
    /// Its plaintext bytes, tag included.
    pub plain_len: u32,
    /// Records in it.
    pub records: u64,
}

/// Where a stream's records are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Here.
    Inline(Vec<u8>),
    /// In tree chunks.
    Pieces(Vec<Piece>),
}

/// A stream and the number of its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamRecords {
    /// Records in all.
    pub records: u64,
    /// Where they are.
    pub stream: Stream,
}

/// What a folder consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderHead {
    /// Number of entries.
    pub entries: u64,
    /// Contents, names, stats, folders.
    pub streams: [StreamRecords; 4],
}

impl FolderHead {
    /// Encodes it, tag included.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![HEAD_TAG];
        put_varint(&mut out, self.entries);
        for stream in &self.streams {
            put_varint(&mut out, stream.records);
            match &stream.stream {
                Stream::Inline(bytes) => {
                    out.push(0);
                    put_bytes(&mut out, bytes);
                }
                Stream::Pieces(pieces) => {
                    put_length(&mut out, pieces.len());
                    for piece in pieces {
                        out.extend_from_slice(piece.id.as_bytes());
                        put_varint(&mut out, piece.plain_len.into());
                        put_varint(&mut out, piece.records);
                    }
                }
            }
        }
        out
    }

    /// Decodes a head, tag included, and checks that its counts agree.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes, WHAT);
        if r.u8()? != HEAD_TAG {
            return Err(DecodeError::Invalid(
                WHAT,
                "a chunk that should be a folder head is something else",
            ));
        }
        let entries = r.varint()?;
        let streams = [
            decode_stream(&mut r)?,
            decode_stream(&mut r)?,
            decode_stream(&mut r)?,
            decode_stream(&mut r)?,
        ];
        r.finish()?;
        let [contents, names, stats, folders] = &streams;
        if names.records != entries
            || stats.records != entries
            || contents.records > entries
            || folders.records > entries
        {
            return Err(DecodeError::Invalid(
                WHAT,
                "its streams disagree about the number of entries",
            ));
        }
        Ok(Self { entries, streams })
    }

    /// One of the streams.
    pub fn stream(&self, tag: StreamTag) -> &StreamRecords {
        let [contents, names, stats, folders] = &self.streams;
        match tag {
            StreamTag::Contents => contents,
            StreamTag::Names => names,
            StreamTag::Stats => stats,
            StreamTag::Folders => folders,
        }
    }
}

fn decode_stream(r: &mut Reader<'_>) -> Result<StreamRecords, DecodeError> {
    let records = r.varint()?;
    let count = r.varint()?;
    if count == 0 {
        let bytes = r.bytes(CHUNK_MAX)?.to_vec();
        return Ok(StreamRecords {
            records,
            stream: Stream::Inline(bytes),
        });
    }
    let mut pieces = Vec::new();
    let mut total = 0u64;
    for _ in 0..count {
        let id = ChunkId::from_bytes(r.array()?);
        let plain_len = chunk_length(r)?;
        let piece = Piece {
            id,
            plain_len,
            records: r.varint()?,
        };
        total = total.saturating_add(piece.records);
        pieces.push(piece);
    }
    if total != records {
        return Err(DecodeError::Invalid(
            WHAT,
            "a stream's pieces disagree with its number of records",
        ));
    }
    Ok(StreamRecords {
        records,
        stream: Stream::Pieces(pieces),
    })
}

fn chunk_length(r: &mut Reader<'_>) -> Result<u32, DecodeError> {
    let length = r.varint_max(CHUNK_BYTES_MAX.into())?;
    u32::try_from(length).map_err(|_| DecodeError::Invalid(WHAT, "a chunk is too long"))
}

/// Where a folder head is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FolderRef {
    /// Here, encoded.
    Inline(Vec<u8>),
    /// In a tree chunk.
    Chunk {
        /// The chunk.
        id: ChunkId,
        /// Its plaintext bytes.
        plain_len: u32,
    },
}

impl FolderRef {
    /// Appends the reference.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Inline(head) => {
                out.push(0);
                put_bytes(out, head);
            }
            Self::Chunk { id, plain_len } => {
                out.push(1);
                out.extend_from_slice(id.as_bytes());
                put_varint(out, (*plain_len).into());
            }
        }
    }

    /// Reads one reference.
    pub fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8()? {
            0 => Ok(Self::Inline(r.bytes(CHUNK_MAX)?.to_vec())),
            1 => Ok(Self::Chunk {
                id: ChunkId::from_bytes(r.array()?),
                plain_len: chunk_length(r)?,
            }),
            _ => Err(DecodeError::Invalid(
                WHAT,
                "a reference to a folder is of an unknown kind",
            )),
        }
    }

    /// Reads a reference that fills the bytes, such as a snapshot's root.
    pub fn decode_whole(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes, WHAT);
        let reference = Self::decode(&mut r)?;
        r.finish()?;
        Ok(reference)
    }
}
