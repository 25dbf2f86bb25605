//! A folder's streams, read piece by piece as far as they are needed.
//!
//! A piece is decoded once while it stays in the cache, however many folders share it: versions of a folder that
//! are read side by side cost little more than one. While a subfolder is read its parents hold on to no more than the
//! names that come next, so memory follows neither depth nor size.

use std::ops::Deref;
use std::sync::Arc;

use lumivault_chunk_store::Error;
use lumivault_format::tree::{
    EntryKind, FolderHead, FolderRef, NameRecord, StatRecord, Stream, StreamRecords,
};

pub(super) use super::pieces::{Content, PieceCache, PieceSource, malformed};
use super::pieces::{Record, count};

impl PieceSource<'_, '_> {
    /// Reads a folder's head.
    pub(super) fn open(&self, reference: &FolderRef) -> Result<Opened, Error> {
        Ok(Opened::new(self.reader.head(reference)?))
    }
}

/// A record, and the piece that it is in.
#[derive(Debug)]
pub(super) struct Held<T> {
    piece: Arc<[T]>,
    at: usize,
}

impl<T> Clone for Held<T> {
    fn clone(&self) -> Self {
        Self {
            piece: Arc::clone(&self.piece),
            at: self.at,
        }
    }
}

impl<T> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // Only `Cursor::get` makes one, with a place that it has checked.
        &self.piece[self.at]
    }
}

/// A stream of records, any of which can be asked for; neighbours are cheap.
#[derive(Debug)]
pub(super) struct Cursor<T> {
    stream: StreamRecords,
    /// Records up to the end of each piece.
    ends: Vec<u64>,
    loaded: Option<(usize, Arc<[T]>)>,
}

impl<T: Record> Cursor<T> {
    pub(super) fn new(stream: StreamRecords) -> Self {
        let ends = match &stream.stream {
            Stream::Inline(_) => Vec::new(),
            Stream::Pieces(pieces) => pieces
                .iter()
                .scan(0u64, |end, piece| {
                    *end = end.saturating_add(piece.records);
                    Some(*end)
                })
                .collect(),
        };
        Self {
            stream,
            ends,
            loaded: None,
        }
    }

    pub(super) fn records(&self) -> u64 {
        self.stream.records
    }

    pub(super) fn get(&mut self, source: PieceSource<'_, '_>, index: u64) -> Result<Held<T>, Error> {
        let number = self.ends.partition_point(|end| *end <= index);
        let first = number
            .checked_sub(1)
            .and_then(|before| self.ends.get(before))
            .copied()
            .unwrap_or(0);
        let piece = self.load(source, number)?;
        let at = usize::try_from(index.saturating_sub(first)).unwrap_or(usize::MAX);
        if at < piece.len() {
            Ok(Held { piece, at })
        } else {
            Err(malformed("a folder refers to a record that it does not have"))
        }
    }

    fn load(&mut self, source: PieceSource<'_, '_>, number: usize) -> Result<Arc<[T]>, Error> {
        if let Some((loaded, piece)) = &self.loaded
            && *loaded == number
        {
            return Ok(Arc::clone(piece));
        }
        let piece = match &self.stream.stream {
            Stream::Inline(bytes) => source.decode(bytes, self.stream.records)?,
            Stream::Pieces(pieces) => {
                let Some(part) = pieces.get(number) else {
                    return Err(malformed("a folder refers to a record that it does not have"));
                };
                source.piece(&part.id, part.plain_len, part.records)?
            }
        };
        self.loaded = Some((number, Arc::clone(&piece)));
        Ok(piece)
    }

    /// Lets go of the piece at hand.
    pub(super) fn park(&mut self) {
        self.loaded = None;
    }

    /// Whether the stream holds the same bytes, as far as that can be told without reading.
    pub(super) fn same_as(&self, other: &Self) -> bool {
        self.stream == other.stream
    }

    /// Adds what the stream consists of to a hash that tells equal streams.
    pub(super) fn identify(&self, hasher: &mut blake3::Hasher) {
        hasher.update(&self.stream.records.to_le_bytes());
        match &self.stream.stream {
            Stream::Inline(bytes) => {
                hasher
                    .update(&[0])
                    .update(&count(bytes).to_le_bytes())
                    .update(bytes);
            }
            Stream::Pieces(pieces) => {
                hasher.update(&[1]).update(&count(pieces).to_le_bytes());
                for piece in pieces {
                    hasher
                        .update(piece.id.as_bytes())
                        .update(&piece.records.to_le_bytes());
                }
            }
        }
    }
}

/// A name and where the rest of its entry is.
#[derive(Debug)]
pub(super) struct NameAt {
    pub(super) record: Held<NameRecord>,
    /// Its number among all entries.
    pub(super) index: u64,
    /// Of a file: the number of its content.
    content: Option<u64>,
    /// Of a folder: its number among the folders.
    pub(super) folder: Option<u64>,
}

/// The names of a folder, one after the other.
#[derive(Debug)]
pub(super) struct Names {
    cursor: Cursor<NameRecord>,
    next: u64,
    folders: u64,
    /// What content indexes in the present piece are relative to.
    base: u64,
    /// Index after that of the last file's content.
    next_content: u64,
    /// End of the present piece.
    piece_end: u64,
    last_of_piece: Vec<u8>,
}

impl Names {
    pub(super) fn new(stream: StreamRecords) -> Self {
        Self {
            cursor: Cursor::new(stream),
            next: 0,
            folders: 0,
            base: 0,
            next_content: 0,
            piece_end: 0,
            last_of_piece: Vec::new(),
        }
    }

    pub(super) fn next(&mut self, source: PieceSource<'_, '_>) -> Result<Option<NameAt>, Error> {
        if self.next >= self.cursor.records() {
            return Ok(None);
        }
        let index = self.next;
        let record = self.cursor.get(source, index)?;
        if index >= self.piece_end {
            if !self.last_of_piece.is_empty() && record.name <= self.last_of_piece {
                return Err(malformed("names are not in ascending order, or one occurs twice"));
            }
            self.base = self.next_content;
            self.piece_end = index.saturating_add(count(&record.piece));
            self.last_of_piece = record
                .piece
                .last()
                .map(|last| last.name.clone())
                .unwrap_or_default();
        }
        self.next = index.saturating_add(1);
        let content = match record.kind {
            EntryKind::File { content } => Some(self.base.wrapping_add(content)),
            _ => None,
        };
        if let Some(content) = content {
            self.next_content = content.wrapping_add(1);
        }
        let folder = (record.kind == EntryKind::Folder).then_some(self.folders);
        self.folders = self.folders.saturating_add(u64::from(folder.is_some()));
        Ok(Some(NameAt {
            record,
            index,
            content,
            folder,
        }))
    }

    /// Folders among the names so far.
    pub(super) fn folders(&self) -> u64 {
        self.folders
    }

    pub(super) fn park(&mut self) {
        self.cursor.park();
    }

    pub(super) fn same_as(&self, other: &Self) -> bool {
        self.cursor.same_as(&other.cursor)
    }

    pub(super) fn identify(&self, hasher: &mut blake3::Hasher) {
        self.cursor.identify(hasher);
    }
}

/// A folder whose head was read.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) names: Names,
    pub(super) contents: Cursor<Content>,
    pub(super) stats: Cursor<StatRecord>,
    pub(super) folders: Cursor<FolderRef>,
}

impl Opened {
    fn new(head: FolderHead) -> Self {
        let [contents, names, stats, folders] = head.streams;
        Self {
            names: Names::new(names),
            contents: Cursor::new(contents),
            stats: Cursor::new(stats),
            folders: Cursor::new(folders),
        }
    }

    /// The next name; at the end, whether the folder is consistent.
    pub(super) fn next(&mut self, source: PieceSource<'_, '_>) -> Result<Option<NameAt>, Error> {
        let next = self.names.next(source)?;
        if next.is_none() && self.names.folders() != self.folders.records() {
            return Err(malformed("its names do not fit its other streams"));
        }
        Ok(next)
    }

    pub(super) fn content(
        &mut self,
        source: PieceSource<'_, '_>,
        name: &NameAt,
    ) -> Result<Option<Held<Content>>, Error> {
        content_of(&mut self.contents, source, name)
    }

    pub(super) fn stat(
        &mut self,
        source: PieceSource<'_, '_>,
        name: &NameAt,
    ) -> Result<Held<StatRecord>, Error> {
        self.stats.get(source, name.index)
    }

    pub(super) fn folder(
        &mut self,
        source: PieceSource<'_, '_>,
        name: &NameAt,
    ) -> Result<Option<FolderRef>, Error> {
        let number = name.folder.map(|number| self.folders.get(source, number));
        Ok(number.transpose()?.map(|held| held.clone_inner()))
    }

    /// Lets go of what was read while something else is.
    pub(super) fn park(&mut self) {
        self.names.park();
        self.contents.park();
        self.stats.park();
        self.folders.park();
    }
}

impl Held<FolderRef> {
    pub(super) fn clone_inner(&self) -> FolderRef {
        FolderRef::clone(self)
    }
}

/// The content of a file entry.
pub(super) fn content_of(
    contents: &mut Cursor<Content>,
    source: PieceSource<'_, '_>,
    name: &NameAt,
) -> Result<Option<Held<Content>>, Error> {
    name.content.map(|index| contents.get(source, index)).transpose()
}
