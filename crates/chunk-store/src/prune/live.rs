//! Which chunks the snapshots need: one bit for each record of the index, found by walking every folder once.

use std::sync::Arc;

use lumivault_format::tree::{ContentRecord, ContentState, Extent, FolderHead, FolderRef, Stream, StreamTag};
use lumivault_format::wire::Reader;
use lumivault_format::{ChunkId, DecodeError, limits};

use crate::index::Location;
use crate::index::Table;
use crate::{ChunkIndex, Error, Repository, StoredSnapshot, TreeReader};

/// The chunks that snapshots need.
pub(super) struct Live<'r> {
    index: &'r ChunkIndex,
    /// The table as it was when the walk began: the bits count its records.
    table: Arc<Table>,
    bits: Vec<u64>,
}

impl<'r> Live<'r> {
    /// Walks the snapshots. Anything that cannot be read or is not there ends it: from what is not understood, nothing may be
    /// deleted.
    pub(super) fn find(
        repository: &'r Repository,
        index: &'r ChunkIndex,
        snapshots: &[StoredSnapshot],
    ) -> Result<Self, Error> {
        let table = index.table();
        let bits = vec![0; table.count().div_ceil(64)];
        let live = Self { index, table, bits };
        let mut walk = Walk {
            live,
            reader: TreeReader::new(repository, index),
        };
        for stored in snapshots {
            repository.environment().check_cancelled()?;
            let root = FolderRef::decode_whole(&stored.snapshot.root).map_err(folder_error)?;
            walk.folder(&root, 0)?;
        }
        Ok(walk.live)
    }

    fn is_set(&self, position: usize) -> bool {
        self.bits
            .get(position / 64)
            .is_some_and(|word| word >> (position % 64) & 1 == 1)
    }

    /// Notes a chunk as needed; `false` if it was noted before.
    fn set(&mut self, id: &ChunkId) -> Result<bool, Error> {
        let position = self.table.first_of(id).ok_or(Error::MissingChunk(*id))?;
        if self.is_set(position) {
            return Ok(false);
        }
        let mut places = self.table.find_all(id);
        if !places.any(|place| self.index.is_present(place.pack)) {
            return Err(Error::MissingChunk(*id));
        }
        if let Some(word) = self.bits.get_mut(position / 64) {
            *word |= 1 << (position % 64);
        }
        Ok(true)
    }

    /// Calls `each` with every chunk that is listed, whether it is needed, and its places.
    pub(super) fn for_each(&self, mut each: impl FnMut(&ChunkId, bool, &[Location])) {
        let mut position = 0;
        let mut places = Vec::new();
        while let Some((id, first)) = self.table.at(position) {
            let needed = self.is_set(position);
            places.clear();
            places.push(first);
            position += 1;
            while let Some((_, place)) = self.table.at(position).filter(|(next, _)| *next == id) {
                places.push(place);
                position += 1;
            }
            each(&id, needed, &places);
        }
    }
}

struct Walk<'r> {
    live: Live<'r>,
    reader: TreeReader<'r>,
}

impl Walk<'_> {
    fn folder(&mut self, reference: &FolderRef, depth: usize) -> Result<(), Error> {
        if depth > limits::TREE_DEPTH_MAX {
            return Err(folder_error(DecodeError::Invalid(
                "folder",
                "it is nested too deep",
            )));
        }
        let head = match reference {
            FolderRef::Inline(bytes) => FolderHead::decode(bytes),
            FolderRef::Chunk { id, .. } => {
                if !self.live.set(id)? {
                    return Ok(());
                }
                FolderHead::decode(&self.reader.chunk(id)?)
            }
        };
        let head = head.map_err(folder_error)?;
        for tag in [StreamTag::Names, StreamTag::Stats] {
            if let Stream::Pieces(pieces) = &head.stream(tag).stream {
                for piece in pieces {
                    self.live.set(&piece.id)?;
                }
            }
        }
        self.pieces(&head, StreamTag::Contents, &mut |walk, r, records| {
            let mut state = ContentState::default();
            for _ in 0..records {
                let content = ContentRecord::decode(r, &mut state).map_err(folder_error)?;
                let mut chunks = content.extents.iter().filter_map(Extent::chunk);
                chunks.try_for_each(|id| walk.live.set(&id).map(drop))?;
            }
            Ok(())
        })?;
        self.pieces(&head, StreamTag::Folders, &mut |walk, r, records| {
            for _ in 0..records {
                let folder = FolderRef::decode(r).map_err(folder_error)?;
                walk.folder(&folder, depth + 1)?;
            }
            Ok(())
        })
    }

    /// Decodes the pieces of a stream that were not met before: what those refer to is noted already.
    fn pieces(&mut self, head: &FolderHead, tag: StreamTag, each: Each<'_>) -> Result<(), Error> {
        let stream = head.stream(tag);
        match &stream.stream {
            Stream::Inline(bytes) => self.records(bytes, stream.records, each),
            Stream::Pieces(pieces) => {
                for piece in pieces {
                    if !self.live.set(&piece.id)? {
                        continue;
                    }
                    let chunk = self.reader.chunk(&piece.id)?;
                    let records = chunk.strip_prefix(&[tag.number()]).ok_or_else(|| {
                        folder_error(DecodeError::Invalid(
                            "folder",
                            "a chunk of one stream is used for another",
                        ))
                    })?;
                    self.records(records, piece.records, each)?;
                }
                Ok(())
            }
        }
    }

    fn records(&mut self, bytes: &[u8], records: u64, each: Each<'_>) -> Result<(), Error> {
        let mut r = Reader::new(bytes, "folder");
        each(self, &mut r, records)?;
        r.finish().map_err(folder_error)
    }
}

type Each<'e> = &'e mut dyn FnMut(&mut Walk<'_>, &mut Reader<'_>, u64) -> Result<(), Error>;

fn folder_error(source: DecodeError) -> Error {
    Error::Content {
        what: "a folder".into(),
        source,
    }
}
