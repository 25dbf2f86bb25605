//! What the snapshots need and is not there: a walk over every folder that can be read, here or in another copy.

use std::collections::{BTreeMap, HashSet};

use lumivault_format::tree::{ContentRecord, ContentState, Extent, FolderHead, FolderRef, Stream, StreamTag};
use lumivault_format::wire::Reader;
use lumivault_format::{ChunkId, ChunkKind, DecodeError, limits};

use super::other::OtherCopy;
use super::tick;
use super::verify::Places;
use crate::session::Session;
use crate::{Error, Repository, StoredSnapshot, TreeReader};

/// The chunks that some snapshot needs and that cannot be read here. What lies below a folder that is nowhere stays unknown.
pub(super) fn missing(
    repository: &Repository,
    session: Option<&Session<'_>>,
    places: &Places<'_>,
    other: Option<&OtherCopy<'_>>,
    snapshots: &[StoredSnapshot],
) -> Result<BTreeMap<ChunkId, ChunkKind>, Error> {
    let mut walk = Walk {
        repository,
        session,
        places,
        other,
        reader: TreeReader::new(repository, places.index),
        seen: HashSet::new(),
        missing: BTreeMap::new(),
    };
    for stored in snapshots {
        if let Ok(root) = FolderRef::decode_whole(&stored.snapshot.root) {
            walk.folder(&root, 0)?;
        }
    }
    Ok(walk.missing)
}

struct Walk<'w> {
    repository: &'w Repository,
    session: Option<&'w Session<'w>>,
    places: &'w Places<'w>,
    other: Option<&'w OtherCopy<'w>>,
    reader: TreeReader<'w>,
    /// Tree chunks that were looked into.
    seen: HashSet<ChunkId>,
    missing: BTreeMap<ChunkId, ChunkKind>,
}

impl Walk<'_> {
    fn folder(&mut self, reference: &FolderRef, depth: usize) -> Result<(), Error> {
        if depth > limits::TREE_DEPTH_MAX {
            return Ok(());
        }
        tick(self.repository, self.session)?;
        let head = match reference {
            FolderRef::Inline(bytes) => FolderHead::decode(bytes),
            FolderRef::Chunk { id, .. } => match self.tree_chunk(id)? {
                Some(bytes) => FolderHead::decode(&bytes),
                None => return Ok(()),
            },
        };
        // What does not decode is not lost but wrong, which check tells.
        let Ok(head) = head else { return Ok(()) };
        for tag in [StreamTag::Names, StreamTag::Stats] {
            if let Stream::Pieces(pieces) = &head.stream(tag).stream {
                for piece in pieces {
                    self.need(&piece.id, ChunkKind::Tree);
                }
            }
        }
        self.stream(&head, StreamTag::Contents, &mut |walk, r, records| {
            let mut state = ContentState::default();
            for _ in 0..records {
                let content = ContentRecord::decode(r, &mut state)?;
                for id in content.extents.iter().filter_map(Extent::chunk) {
                    walk.need(&id, ChunkKind::Data);
                }
            }
            Ok(Vec::new())
        })?;
        let folders = self.stream(&head, StreamTag::Folders, &mut |_, r, records| {
            (0..records).map(|_| FolderRef::decode(r)).collect()
        })?;
        folders
            .iter()
            .try_for_each(|folder| self.folder(folder, depth + 1))
    }

    fn stream(
        &mut self,
        head: &FolderHead,
        tag: StreamTag,
        decode: Decode<'_>,
    ) -> Result<Vec<FolderRef>, Error> {
        let stream = head.stream(tag);
        let mut folders = Vec::new();
        match &stream.stream {
            Stream::Inline(bytes) => {
                let mut r = Reader::new(bytes, "folder");
                folders.extend(decode(self, &mut r, stream.records).unwrap_or_default());
            }
            Stream::Pieces(pieces) => {
                for piece in pieces {
                    let Some(chunk) = self.tree_chunk(&piece.id)? else {
                        continue;
                    };
                    let Some(records) = chunk.strip_prefix(&[tag.number()]) else {
                        continue;
                    };
                    let mut r = Reader::new(records, "folder");
                    folders.extend(decode(self, &mut r, piece.records).unwrap_or_default());
                }
            }
        }
        Ok(folders)
    }

    fn need(&mut self, id: &ChunkId, kind: ChunkKind) {
        if !self.places.is_readable(id) {
            self.missing.insert(*id, kind);
        }
    }

    /// A tree chunk that was not met before, from wherever it can be read.
    fn tree_chunk(&mut self, id: &ChunkId) -> Result<Option<Vec<u8>>, Error> {
        if !self.seen.insert(*id) {
            return Ok(None);
        }
        if self.places.is_readable(id) {
            match self.reader.chunk(id) {
                Ok(chunk) => return Ok(Some(chunk)),
                Err(error) if error.spares_the_rest() => {}
                Err(error) => return Err(error),
            }
        }
        self.missing.insert(*id, ChunkKind::Tree);
        self.other.map_or(Ok(None), |other| other.chunk(id))
    }
}

type Decode<'d> =
    &'d mut dyn FnMut(&mut Walk<'_>, &mut Reader<'_>, u64) -> Result<Vec<FolderRef>, DecodeError>;
