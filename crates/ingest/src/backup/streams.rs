//! Cuts a folder's streams into tree chunks at places that follow from the records, so that a change stays local.
//! See docs/format.md §8.5.

use lumivault_chunk_store::{ChunkWriter, CompressionHint, Error, Repository};
use lumivault_format::ChunkKind;
use lumivault_format::tree::{Piece, Stream, StreamRecords, StreamTag};

/// Streams and heads up to this many bytes are kept inline.
pub(super) const INLINE_BYTES_MAX: usize = 512;
/// A piece longer than this many averages is cut wherever it is.
const FORCED: usize = 4;

/// Average bytes of a piece: small where records shrink well or change often.
const fn average(tag: StreamTag) -> usize {
    match tag {
        StreamTag::Contents => 4096,
        StreamTag::Names => 1024,
        StreamTag::Stats => 512,
        StreamTag::Folders => 4096,
    }
}

/// Collects the records of one stream.
pub(super) struct StreamWriter<'a> {
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
    pub(super) fn new(repository: &'a Repository, chunks: &'a ChunkWriter, tag: StreamTag) -> Self {
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
    pub(super) fn at_piece_start(&self) -> bool {
        self.piece_records == 0
    }

    /// Where the next record's bytes are appended.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.piece
    }

    /// Ends a record, given in its absolute form; cuts behind it where the form says so.
    pub(super) fn end_record(&mut self, absolute: &[u8]) -> Result<(), Error> {
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

    pub(super) fn finish(mut self) -> Result<StreamRecords, Error> {
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
