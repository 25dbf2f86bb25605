//! Reading snapshots' folders, and storing them. What is in them is the ingest crate's business.

pub mod write;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use lumivault_format::tree::{
    ContentRecord, ContentState, EntryKind, FolderHead, FolderRef, NameRecord, NameState, StatRecord,
    StatState, Stream, StreamTag,
};
use lumivault_format::wire::Reader;
use lumivault_format::{ChunkId, DecodeError};

use crate::index::Location;
use crate::pack::PackReader;
use crate::{ChunkIndex, Error, Repository};

/// One entry of a folder, with everything known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name, kind and category.
    pub name: NameRecord,
    /// Times, permissions, extra fields.
    pub stat: StatRecord,
}

/// A folder, decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder {
    /// Its entries, ascending by name.
    pub entries: Vec<Entry>,
    /// The distinct contents of its files.
    pub contents: Vec<ContentRecord>,
    /// Its subfolders, in the order of the folder entries.
    pub folders: Vec<FolderRef>,
}

impl Folder {
    /// The content of a file entry.
    pub fn content(&self, entry: &Entry) -> Option<&ContentRecord> {
        match entry.name.kind {
            EntryKind::File { content } => self.contents.get(usize::try_from(content).ok()?),
            _ => None,
        }
    }

    /// Entries with the reference of each subfolder beside its entry.
    pub fn with_folders(&self) -> impl Iterator<Item = (&Entry, Option<&FolderRef>)> {
        let mut folders = self.folders.iter();
        self.entries.iter().map(move |entry| match entry.name.kind {
            EntryKind::Folder => (entry, folders.next()),
            _ => (entry, None),
        })
    }
}

/// Reads chunks and folders of a repository. Keeps the keys of the packs it met; may be used from several threads.
pub struct TreeReader<'r> {
    repository: &'r Repository,
    index: &'r ChunkIndex,
    packs: Mutex<HashMap<u32, Arc<PackReader<'r>>>>,
}

/// Open packs kept; each is a few hundred bytes.
const PACKS_KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(255);

impl<'r> TreeReader<'r> {
    /// Reads through an index.
    pub fn new(repository: &'r Repository, index: &'r ChunkIndex) -> Self {
        Self {
            repository,
            index,
            packs: Mutex::default(),
        }
    }

    /// The index it reads through.
    pub fn index(&self) -> &'r ChunkIndex {
        self.index
    }

    /// The repository it reads from.
    pub fn repository(&self) -> &'r Repository {
        self.repository
    }

    /// Opens a pack by its number in the index, or finds it open.
    pub fn pack(&self, number: u32) -> Result<Arc<PackReader<'r>>, Error> {
        let mut packs = self.packs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pack) = packs.get(&number) {
            return Ok(Arc::clone(pack));
        }
        drop(packs);
        let info = self
            .index
            .pack(number)
            .ok_or_else(|| Error::Unsupported(format!("the index has no pack number {number}")))?;
        let pack = Arc::new(PackReader::open(self.repository, info.name, info.kind)?);
        packs = self.packs.lock().unwrap_or_else(PoisonError::into_inner);
        if packs.len() >= PACKS_KEPT.get() {
            packs.clear();
        }
        packs.insert(number, Arc::clone(&pack));
        Ok(pack)
    }

    /// Reads and checks one chunk of either kind.
    pub fn chunk(&self, id: &ChunkId) -> Result<Vec<u8>, Error> {
        let first = self.index.find(id).ok_or(Error::MissingChunk(*id))?;
        let read = |place: &Location| self.pack(place.pack)?.read_chunk(&place.place);
        read(&first).or_else(|error| {
            // A chunk that was stored again after its pack was lost lies in another one too.
            let others = self.index.places(id);
            let another = others
                .iter()
                .filter(|place| **place != first)
                .find_map(|place| read(place).ok());
            another.ok_or(error)
        })
    }

    /// Reads a folder.
    pub fn folder(&self, reference: &FolderRef) -> Result<Folder, Error> {
        let head = self.head(reference)?;
        let contents = self.contents_of(&head)?;
        let names = self.names_of(&head)?;
        let stats: Vec<StatRecord> = self.records(&head, StreamTag::Stats, |r, first, state| {
            if first {
                *state = StatState::default();
            }
            StatRecord::decode(r, state)
        })?;
        let folders = self.folders_of(&head)?;
        let files = u64::try_from(contents.len()).unwrap_or(u64::MAX);
        let dangling = names
            .iter()
            .any(|n| matches!(n.kind, EntryKind::File { content } if content >= files));
        let folder_entries = names.iter().filter(|n| n.kind == EntryKind::Folder).count();
        if dangling || folder_entries != folders.len() {
            let source = DecodeError::Invalid("folder", "its names do not fit its other streams");
            return Err(content_error(source));
        }
        let entries = names
            .into_iter()
            .zip(stats)
            .map(|(name, stat)| Entry { name, stat })
            .collect();
        Ok(Folder {
            entries,
            contents,
            folders,
        })
    }

    /// Reads only the contents stream of a folder.
    pub fn contents(&self, reference: &FolderRef) -> Result<Vec<ContentRecord>, Error> {
        self.contents_of(&self.head(reference)?)
    }

    /// Reads a folder's head.
    pub fn head(&self, reference: &FolderRef) -> Result<FolderHead, Error> {
        match reference {
            FolderRef::Inline(bytes) => FolderHead::decode(bytes).map_err(content_error),
            FolderRef::Chunk { id, .. } => FolderHead::decode(&self.chunk(id)?).map_err(content_error),
        }
    }

    /// Reads the contents stream of a folder whose head was read.
    pub fn contents_of(&self, head: &FolderHead) -> Result<Vec<ContentRecord>, Error> {
        self.records(head, StreamTag::Contents, |r, first, state| {
            if first {
                *state = ContentState::default();
            }
            ContentRecord::decode(r, state)
        })
    }

    /// Reads the references to a folder's subfolders.
    pub fn folders_of(&self, head: &FolderHead) -> Result<Vec<FolderRef>, Error> {
        self.records(head, StreamTag::Folders, |r, _, (): &mut ()| FolderRef::decode(r))
    }

    fn names_of(&self, head: &FolderHead) -> Result<Vec<NameRecord>, Error> {
        self.records(head, StreamTag::Names, |r, first, state: &mut NameState| {
            if first {
                state.next_piece();
            }
            NameRecord::decode(r, state)
        })
    }

    /// Decodes all records of a stream; `decode` is told whether a record is the first of its piece.
    fn records<T, S: Default>(
        &self,
        head: &FolderHead,
        tag: StreamTag,
        decode: impl Fn(&mut Reader<'_>, bool, &mut S) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, Error> {
        let stream = head.stream(tag);
        let (mut out, mut state) = (Vec::new(), S::default());
        let mut piece = |bytes: &[u8], records: u64, out: &mut Vec<T>| -> Result<(), DecodeError> {
            let mut r = Reader::new(bytes, "folder");
            for i in 0..records {
                out.push(decode(&mut r, i == 0, &mut state)?);
            }
            r.finish()
        };
        match &stream.stream {
            Stream::Inline(bytes) => piece(bytes, stream.records, &mut out).map_err(content_error)?,
            Stream::Pieces(pieces) => {
                for part in pieces {
                    let chunk = self.chunk(&part.id)?;
                    let Some((first, records)) = chunk.split_first() else {
                        continue;
                    };
                    if *first != tag.number() {
                        let problem = "a chunk of one stream is used for another";
                        return Err(content_error(DecodeError::Invalid("folder", problem)));
                    }
                    piece(records, part.records, &mut out).map_err(content_error)?;
                }
            }
        }
        Ok(out)
    }
}

fn content_error(source: DecodeError) -> Error {
    Error::Content {
        what: "a folder".into(),
        source,
    }
}
