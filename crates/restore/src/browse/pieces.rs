//! Pieces of folders' streams, decoded once while they are used, however many folders share them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use lumivault_chunk_store::{Error, Repository, TreeReader};
use lumivault_format::tree::{
    ContentRecord, ContentState, FolderRef, NameRecord, NameState, StatRecord, StatState, StreamTag,
};
use lumivault_format::wire::Reader;
use lumivault_format::{ChunkId, ContentId, DecodeError};

/// Decoded bytes kept of each kind of stream, twice: the pieces used lately, and those used before them.
const CACHE_BYTES: usize = 2 * 1024 * 1024;

/// A content with what is derived from it.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) record: ContentRecord,
    pub(super) id: ContentId,
    pub(super) len: u64,
}

/// A record of one of the four streams.
pub(super) trait Record: Sized {
    const TAG: StreamTag;

    /// Decodes all records of a piece, which stands for itself.
    fn decode_piece(
        r: &mut Reader<'_>,
        records: u64,
        repository: &Repository,
    ) -> Result<Vec<Self>, DecodeError>;

    fn shelf(cache: &PieceCache) -> &Mutex<Shelf<Self>>;
}

/// Content indexes are relative to where the piece before ended; [`Names`] knows where.
impl Record for NameRecord {
    const TAG: StreamTag = StreamTag::Names;

    fn decode_piece(r: &mut Reader<'_>, records: u64, _: &Repository) -> Result<Vec<Self>, DecodeError> {
        let mut state = NameState::default();
        (0..records).map(|_| Self::decode(r, &mut state)).collect()
    }

    fn shelf(cache: &PieceCache) -> &Mutex<Shelf<Self>> {
        &cache.names
    }
}

impl Record for StatRecord {
    const TAG: StreamTag = StreamTag::Stats;

    fn decode_piece(r: &mut Reader<'_>, records: u64, _: &Repository) -> Result<Vec<Self>, DecodeError> {
        let mut state = StatState::default();
        (0..records).map(|_| Self::decode(r, &mut state)).collect()
    }

    fn shelf(cache: &PieceCache) -> &Mutex<Shelf<Self>> {
        &cache.stats
    }
}

impl Record for FolderRef {
    const TAG: StreamTag = StreamTag::Folders;

    fn decode_piece(r: &mut Reader<'_>, records: u64, _: &Repository) -> Result<Vec<Self>, DecodeError> {
        (0..records).map(|_| Self::decode(r)).collect()
    }

    fn shelf(cache: &PieceCache) -> &Mutex<Shelf<Self>> {
        &cache.folders
    }
}

impl Record for Content {
    const TAG: StreamTag = StreamTag::Contents;

    fn decode_piece(
        r: &mut Reader<'_>,
        records: u64,
        repository: &Repository,
    ) -> Result<Vec<Self>, DecodeError> {
        let mut state = ContentState::default();
        (0..records)
            .map(|_| {
                let record = ContentRecord::decode(r, &mut state)?;
                Ok(Self {
                    id: repository.content_id(&record),
                    len: record.len(),
                    record,
                })
            })
            .collect()
    }

    fn shelf(cache: &PieceCache) -> &Mutex<Shelf<Self>> {
        &cache.contents
    }
}

/// Decoded pieces of one kind: when the young ones are too many, they become the old ones, and the old ones go.
#[derive(Debug)]
pub(super) struct Shelf<T> {
    young: HashMap<ChunkId, Arc<[T]>>,
    old: HashMap<ChunkId, Arc<[T]>>,
    young_bytes: usize,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            young_bytes: 0,
        }
    }
}

impl<T> Shelf<T> {
    fn get(&mut self, id: &ChunkId, plain_len: u32) -> Option<Arc<[T]>> {
        if let Some(piece) = self.young.get(id) {
            return Some(Arc::clone(piece));
        }
        let piece = self.old.remove(id)?;
        self.put(*id, Arc::clone(&piece), plain_len);
        Some(piece)
    }

    fn put(&mut self, id: ChunkId, piece: Arc<[T]>, plain_len: u32) {
        // The records' own allocations hold about as much as was encoded.
        let encoded = usize::try_from(plain_len).unwrap_or(usize::MAX);
        let weight = size_of_val(&*piece).saturating_add(encoded);
        if self.young_bytes.saturating_add(weight) > CACHE_BYTES {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes = self.young_bytes.saturating_add(weight);
        self.young.insert(id, piece);
    }
}

/// Decoded pieces of all kinds.
#[derive(Debug, Default)]
pub(super) struct PieceCache {
    names: Mutex<Shelf<NameRecord>>,
    stats: Mutex<Shelf<StatRecord>>,
    folders: Mutex<Shelf<FolderRef>>,
    contents: Mutex<Shelf<Content>>,
}

/// Where pieces come from.
#[derive(Clone, Copy)]
pub(super) struct PieceSource<'b, 'r> {
    pub(super) reader: &'b TreeReader<'r>,
    pub(super) cache: &'b PieceCache,
}

impl PieceSource<'_, '_> {
    pub(super) fn piece<T: Record>(
        &self,
        id: &ChunkId,
        plain_len: u32,
        records: u64,
    ) -> Result<Arc<[T]>, Error> {
        let shelf = T::shelf(self.cache);
        let cached = shelf
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id, plain_len);
        if let Some(piece) = cached.filter(|piece| count(piece) == records) {
            return Ok(piece);
        }
        let chunk = self.reader.chunk(id)?;
        let Some((tag, bytes)) = chunk.split_first() else {
            return Err(malformed("a piece of a stream is empty"));
        };
        if *tag != T::TAG.number() {
            return Err(malformed("a chunk of one stream is used for another"));
        }
        let piece = self.decode::<T>(bytes, records)?;
        let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.put(*id, Arc::clone(&piece), plain_len);
        Ok(piece)
    }

    pub(super) fn decode<T: Record>(&self, bytes: &[u8], records: u64) -> Result<Arc<[T]>, Error> {
        let mut r = Reader::new(bytes, "folder");
        let decoded = T::decode_piece(&mut r, records, self.reader.repository()).map_err(content_error)?;
        r.finish().map_err(content_error)?;
        Ok(decoded.into())
    }
}

/// Records, as the format counts them.
pub(super) fn count<T>(records: &[T]) -> u64 {
    u64::try_from(records.len()).unwrap_or(u64::MAX)
}

fn content_error(source: DecodeError) -> Error {
    Error::Content {
        what: "a folder".into(),
        source,
    }
}

/// A folder that does not hold together.
pub(super) fn malformed(problem: &'static str) -> Error {
    content_error(DecodeError::Invalid("folder", problem))
}
