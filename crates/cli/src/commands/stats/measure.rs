//! Walks snapshots, the oldest first, and counts every content and every chunk where it is met first. Of folders only
//! what says where contents lie is read, and what two snapshots share is read once.

use std::collections::HashSet;

use lumivault_chunk_store::{ChunkIndex, Error, Event, Monitor as _, Repository, StoredSnapshot, TreeReader};
use lumivault_format::ChunkId;
use lumivault_format::tree::{Extent, FolderHead, FolderRef, Stream, StreamTag};

use crate::progress::Progress;

/// Different chunks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Chunks {
    pub(super) number: u64,
    /// Their bytes.
    pub(super) plain: u64,
    /// Their bytes in packs: compressed and sealed.
    pub(super) stored: u64,
}

impl Chunks {
    fn add(&mut self, plain: u64, stored: u64) {
        self.number += 1;
        self.plain += plain;
        self.stored += stored;
    }
}

/// What snapshots consist of.
#[derive(Debug, Default)]
pub(super) struct Measured {
    pub(super) contents: u64,
    pub(super) bytes_unique: u64,
    pub(super) data: Chunks,
    pub(super) trees: Chunks,
    /// Chunks, of either kind, that are first met in each snapshot.
    pub(super) added: Vec<Chunks>,
    /// Folders that cannot be read, and chunks that are in no index.
    pub(super) unreadable: u64,
}

pub(super) fn measure(
    repository: &Repository,
    index: &ChunkIndex,
    snapshots: &[&StoredSnapshot],
    progress: &Progress,
) -> Result<Measured, Error> {
    let mut measurer = Measurer {
        reader: TreeReader::new(repository, index),
        index,
        progress,
        measured: Measured::default(),
        added: Chunks::default(),
        seen: HashSet::new(),
        contents: HashSet::new(),
    };
    progress.event(Event::Phase("measuring snapshots"));
    for snapshot in snapshots {
        measurer.snapshot(snapshot)?;
        progress.event(Event::Done { items: 1, bytes: 0 });
    }
    Ok(measurer.measured)
}

struct Measurer<'m> {
    reader: TreeReader<'m>,
    index: &'m ChunkIndex,
    progress: &'m Progress,
    measured: Measured,
    added: Chunks,
    /// Chunks by pack and offset.
    seen: HashSet<u64>,
    /// Half of each content's id: keyed hashes, of which no two will be alike in that.
    contents: HashSet<[u8; 16]>,
}

/// Whether a chunk is met for the first time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Met {
    First,
    Again,
    Missing,
}

impl Measurer<'_> {
    fn snapshot(&mut self, snapshot: &StoredSnapshot) -> Result<(), Error> {
        self.added = Chunks::default();
        match FolderRef::decode_whole(&snapshot.snapshot.root) {
            Ok(root) => self.folders(root)?,
            Err(_) => self.unreadable(&format!("the root of snapshot {} cannot be read", snapshot.id)),
        }
        self.measured.added.push(self.added);
        Ok(())
    }

    fn folders(&mut self, root: FolderRef) -> Result<(), Error> {
        let mut left = vec![root];
        while let Some(reference) = left.pop() {
            self.reader.repository().environment().check_cancelled()?;
            if let FolderRef::Chunk { id, .. } = &reference
                && self.tree_chunk(id) == Met::Again
            {
                // Everything in it was met as well.
                continue;
            }
            match self.folder(&reference) {
                Ok(subfolders) => left.extend(subfolders),
                Err(Error::Cancelled) => return Err(Error::Cancelled),
                Err(error) => self.unreadable(&error.with_causes()),
            }
        }
        Ok(())
    }

    fn folder(&mut self, reference: &FolderRef) -> Result<Vec<FolderRef>, Error> {
        let head = self.reader.head(reference)?;
        for tag in [StreamTag::Names, StreamTag::Stats, StreamTag::Folders] {
            self.pieces(&head, tag);
        }
        // Of pieces that were all met before, so were the contents.
        if self.pieces(&head, StreamTag::Contents) {
            for content in self.reader.contents_of(&head)? {
                let id = self.reader.repository().content_id(&content);
                let half = id.as_bytes().first_chunk::<16>().copied().unwrap_or_default();
                if !self.contents.insert(half) {
                    continue;
                }
                self.measured.contents += 1;
                self.measured.bytes_unique = self.measured.bytes_unique.saturating_add(content.len());
                content
                    .extents
                    .iter()
                    .filter_map(Extent::chunk)
                    .for_each(|id| self.data_chunk(&id));
            }
        }
        self.reader.folders_of(&head)
    }

    /// Counts the chunks of a stream; tells whether there may be something new in it.
    fn pieces(&mut self, head: &FolderHead, tag: StreamTag) -> bool {
        match &head.stream(tag).stream {
            Stream::Inline(_) => true,
            Stream::Pieces(pieces) => pieces.iter().fold(false, |new, piece| {
                (self.tree_chunk(&piece.id) != Met::Again) | new
            }),
        }
    }

    fn tree_chunk(&mut self, id: &ChunkId) -> Met {
        self.meet(id, |measured| &mut measured.trees)
    }

    fn data_chunk(&mut self, id: &ChunkId) {
        if self.meet(id, |measured| &mut measured.data) == Met::Missing {
            self.unreadable(&Error::MissingChunk(*id).to_string());
        }
    }

    /// A tree chunk that is missing is reported by whoever reads it.
    fn meet(&mut self, id: &ChunkId, of: impl Fn(&mut Measured) -> &mut Chunks) -> Met {
        let Some(location) = self.index.find(id) else {
            return Met::Missing;
        };
        let place = u64::from(location.pack) << 32 | u64::from(location.place.offset);
        if !self.seen.insert(place) {
            return Met::Again;
        }
        let entry = location.place.entry;
        let (plain, stored) = (entry.plain_len.into(), entry.sealed_len().into());
        of(&mut self.measured).add(plain, stored);
        self.added.add(plain, stored);
        Met::First
    }

    fn unreadable(&mut self, text: &str) {
        self.measured.unreadable += 1;
        self.progress.warn(text);
    }
}
