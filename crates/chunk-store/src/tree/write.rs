//! Writing folders: their streams are cut into tree chunks at places that follow from the records, so that a change stays local.
//! See docs/format.md §8.5.

use lumivault_format::ChunkKind;
use lumivault_format::tree::{
    ContentState, EntryKind, FolderHead, FolderRef, NameRecord, NameState, Piece, StatState, Stream,
    StreamRecords, StreamTag,
};

use super::Folder;
use crate::{ChunkWriter, CompressionHint, Error, Repository};

/// Streams and heads up to this many bytes are kept inline.
const INLINE_BYTES_MAX: usize = 512;
/// A piece longer than this many averages is cut wherever it is.
const FORCED: usize = 4;

/// Average bytes of a piece: small where records shrink well or change often.
const fn average(tag: StreamTag) -> usize {
    match tag {
        StreamTag::Contents | StreamTag::Folders => 4096,
        StreamTag::Names => 1024,
        StreamTag::Stats => 512,
    }
}

/// Collects the records of one stream.
#[allow(
    missing_debug_implementations,
    reason = "a writer of chunks is none to look at"
)]
pub struct StreamWriter<'a> {
    repository: &'a Repository,
    chunks: &'a ChunkWriter,
    tag: StreamTag,
    /// The piece in the making, with its tag in front.
    piece: Vec<u8>,
    piece_records: u64,
    records: u64,
    bytes: usize,
    pieces: Vec<Piece>,
}

impl<'a> StreamWriter<'a> {
    /// An empty stream; its pieces are stored as they become complete.
    pub fn new(repository: &'a Repository, chunks: &'a ChunkWriter, tag: StreamTag) -> Self {
        let piece = vec![tag.number()];
        Self {
            repository,
            chunks,
            tag,
            piece,
            piece_records: 0,
            records: 0,
            bytes: 0,
            pieces: Vec::new(),
        }
    }

    /// Whether the next record is the first of its piece and must not refer back.
    pub fn at_piece_start(&self) -> bool {
        self.piece_records == 0
    }

    /// Where the next record's bytes are appended.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.piece
    }

    /// Ends a record, given in its absolute form; cuts behind it where the form says so.
    pub fn end_record(&mut self, absolute: &[u8]) -> Result<(), Error> {
        self.piece_records += 1;
        self.records += 1;
        let average = average(self.tag);
        let length = self.piece.len() - 1;
        let material = [&[self.tag.number()], absolute].concat();
        let hash = u64::from(self.repository.stream_cut_hash(&material));
        let threshold = (1u64 << 32) * absolute.len() as u64 / average as u64;
        let due = hash < threshold && length >= average / 4 && self.bytes + length > INLINE_BYTES_MAX;
        if due || length >= FORCED * average {
            self.end_piece()
        } else {
            Ok(())
        }
    }

    fn end_piece(&mut self) -> Result<(), Error> {
        let stored = self
            .chunks
            .store(ChunkKind::Tree, &self.piece, CompressionHint::Compress)?;
        let plain_len = u32::try_from(self.piece.len()).unwrap_or(u32::MAX);
        self.pieces.push(Piece {
            id: stored.id,
            plain_len,
            records: self.piece_records,
        });
        self.bytes += self.piece.len() - 1;
        self.piece.truncate(1);
        self.piece_records = 0;
        Ok(())
    }

    /// Stores what is left; a short stream stays inline.
    pub fn finish(mut self) -> Result<StreamRecords, Error> {
        if self.pieces.is_empty() && self.piece.len() - 1 <= INLINE_BYTES_MAX {
            self.piece.remove(0);
            return Ok(StreamRecords {
                records: self.records,
                stream: Stream::Inline(self.piece),
            });
        }
        if self.piece_records > 0 {
            self.end_piece()?;
        }
        Ok(StreamRecords {
            records: self.records,
            stream: Stream::Pieces(self.pieces),
        })
    }
}

/// Appends an entry's name to a stream of names, and cuts behind it where its form says so.
pub fn write_name(
    out: &mut StreamWriter<'_>,
    state: &mut NameState,
    record: &NameRecord,
) -> Result<(), Error> {
    if out.at_piece_start() {
        state.next_piece();
    }
    record.encode(state, out.buffer());
    let mut absolute = record.name.clone();
    absolute.push(record.kind.number() | record.category.number() << 4);
    if let EntryKind::Symlink { target } = &record.kind {
        absolute.extend_from_slice(target);
    }
    out.end_record(&absolute)
}

/// Stores a folder's head: a small one stays with its parent, others become a tree chunk.
pub fn store_head(chunks: &ChunkWriter, head: &FolderHead) -> Result<FolderRef, Error> {
    let head = head.encode();
    if head.len() <= INLINE_BYTES_MAX {
        return Ok(FolderRef::Inline(head));
    }
    let stored = chunks.store(ChunkKind::Tree, &head, CompressionHint::Compress)?;
    Ok(FolderRef::Chunk {
        id: stored.id,
        plain_len: u32::try_from(head.len()).unwrap_or(u32::MAX),
    })
}

/// Stores a folder that was read and changed. Its contents keep their order.
pub(crate) fn write_folder(
    repository: &Repository,
    chunks: &ChunkWriter,
    folder: &Folder,
) -> Result<FolderRef, Error> {
    let stream = |tag| StreamWriter::new(repository, chunks, tag);
    let mut contents = stream(StreamTag::Contents);
    let mut state = ContentState::default();
    for record in &folder.contents {
        if contents.at_piece_start() {
            state = ContentState::default();
        }
        record.encode(&mut state, contents.buffer());
        let mut absolute = Vec::new();
        record.encode(&mut ContentState::default(), &mut absolute);
        contents.end_record(&absolute)?;
    }
    let mut names = stream(StreamTag::Names);
    let mut state = NameState::default();
    for entry in &folder.entries {
        write_name(&mut names, &mut state, &entry.name)?;
    }
    let mut stats = stream(StreamTag::Stats);
    let mut state = StatState::default();
    for entry in &folder.entries {
        if stats.at_piece_start() {
            state = StatState::default();
        }
        entry.stat.encode(&mut state, stats.buffer());
        stats.end_record(&entry.stat.encode_alone())?;
    }
    let mut folders = stream(StreamTag::Folders);
    for reference in &folder.folders {
        let mut bytes = Vec::new();
        reference.encode(&mut bytes);
        folders.buffer().extend_from_slice(&bytes);
        folders.end_record(&bytes)?;
    }
    let head = FolderHead {
        entries: folder.entries.len() as u64,
        streams: [
            contents.finish()?,
            names.finish()?,
            stats.finish()?,
            folders.finish()?,
        ],
    };
    store_head(chunks, &head)
}
