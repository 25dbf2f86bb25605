//! What the archive knows already, from the snapshot before: the same folder for files that did not change, and every
//! content wherever it lay for files that were renamed or copied.

use std::collections::HashMap;
use std::sync::OnceLock;

use lumivault_chunk_store::{ChunkIndex, Error, Folder, Repository, TreeReader};
use lumivault_format::tree::{ContentRecord, Extent, FolderRef};
use lumivault_format::{ChunkId, ContentId, limits};

use super::trails::{Cutting, Trail, Trails};
use crate::chunking::Rule;

/// Contents remembered at most: 32 MB. Beyond, tiny files may be bundled anew; nothing else is lost.
const CONTENTS_MAX: usize = 1 << 20;

/// Where a content stood in the snapshot before: folder in walking order, place in its contents stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OldPlace {
    pub(super) folder: u32,
    pub(super) position: u32,
}

/// A content known from before.
#[derive(Clone, Copy, Debug)]
struct Known {
    key: Key,
    place: OldPlace,
    /// Number of its bundle, and offset there; [`NO_BUNDLE`] for contents that are no slices.
    bundle: u32,
    offset: u32,
}

const NO_BUNDLE: u32 = u32::MAX;

/// First half of a content id: 128 bits of a keyed hash do not collide.
type Key = [u8; 16];

fn key(id: &[u8; 32]) -> Key {
    let mut key = [0; 16];
    key.copy_from_slice(&id[..16]);
    key
}

#[derive(Default)]
struct Contents {
    /// Ascending by key; of several places of one content, the first only.
    known: Vec<Known>,
    bundles: Vec<(ChunkId, u32)>,
    bundle_numbers: HashMap<ChunkId, u32>,
    folders: u32,
    trails: Trails,
}

/// The snapshot before.
pub(super) struct Previous<'r> {
    reader: TreeReader<'r>,
    root: Option<FolderRef>,
    contents: OnceLock<Contents>,
}

impl<'r> Previous<'r> {
    pub(super) fn new(repository: &'r Repository, index: &'r ChunkIndex, root: Option<FolderRef>) -> Self {
        Self {
            reader: TreeReader::new(repository, index),
            root,
            contents: OnceLock::new(),
        }
    }

    pub(super) fn root(&self) -> Option<&FolderRef> {
        self.root.as_ref()
    }

    /// A folder of that snapshot. One that cannot be read is as good as none: its files are read again.
    pub(super) fn folder(&self, reference: &FolderRef) -> Option<Folder> {
        self.reader.folder(reference).ok()
    }

    /// Where a content stood.
    pub(super) fn place(&self, id: &ContentId) -> Option<OldPlace> {
        self.contents().find(id.as_bytes()).map(|known| known.place)
    }

    /// The slice of a bundle that holds these very bytes, if it is still stored.
    pub(super) fn slice(&self, id: ChunkId, len: u32) -> Option<Extent> {
        let contents = self.contents();
        let known = contents.find(id.as_bytes())?;
        let (bundle, bundle_len) = *contents.bundles.get(usize::try_from(known.bundle).ok()?)?;
        self.reader.index().share(&bundle).then_some(Extent::Slice {
            bundle,
            bundle_len,
            offset: known.offset,
            len,
            id,
        })
    }

    /// What predicts the cuts of a content of this rule and length.
    pub(super) fn trail(&self, rule: Rule, content_len: Option<u64>) -> Trail<'_> {
        match Cutting::of(rule) {
            Some(cutting) => self.contents().trails.begin(cutting, content_len),
            None => Trail::default(),
        }
    }

    /// Reads all contents streams of the snapshot, once, when the first file turns up that is not where it was.
    fn contents(&self) -> &Contents {
        self.contents.get_or_init(|| {
            let mut contents = Contents::default();
            if let Some(root) = &self.root {
                // What cannot be read is not known; that costs time and space, not data.
                let _ = self.collect(root, &mut contents, 0);
            }
            contents.sort();
            contents
        })
    }

    fn collect(&self, reference: &FolderRef, to: &mut Contents, depth: usize) -> Result<(), Error> {
        if depth > limits::TREE_DEPTH_MAX || to.known.len() >= CONTENTS_MAX {
            return Ok(());
        }
        self.reader.repository().environment().check_cancelled()?;
        let folder = to.folders;
        to.folders += 1;
        let head = self.reader.head(reference)?;
        for (record, position) in self.reader.contents_of(&head)?.iter().zip(0..) {
            to.add(self.reader.repository(), record, OldPlace { folder, position });
        }
        for child in self.reader.folders_of(&head)? {
            let _ = self.collect(&child, to, depth + 1);
        }
        Ok(())
    }
}

impl Contents {
    fn add(&mut self, repository: &Repository, record: &ContentRecord, place: OldPlace) {
        if self.known.len() >= CONTENTS_MAX {
            return;
        }
        self.trails.add(record);
        let id = repository.content_id(record);
        let (bundle, offset) = match record.extents.as_slice() {
            [
                Extent::Slice {
                    bundle,
                    bundle_len,
                    offset,
                    ..
                },
            ] => {
                let next = u32::try_from(self.bundles.len()).unwrap_or(NO_BUNDLE);
                let number = *self.bundle_numbers.entry(*bundle).or_insert(next);
                if number == next {
                    self.bundles.push((*bundle, *bundle_len));
                }
                (number, *offset)
            }
            _ => (NO_BUNDLE, 0),
        };
        self.known.push(Known {
            key: key(id.as_bytes()),
            place,
            bundle,
            offset,
        });
    }

    fn sort(&mut self) {
        self.known.sort_unstable_by_key(|known| (known.key, known.place));
        self.known.dedup_by_key(|known| known.key);
        self.known.shrink_to_fit();
        self.bundle_numbers = HashMap::new();
    }

    fn find(&self, id: &[u8; 32]) -> Option<&Known> {
        let found = self
            .known
            .binary_search_by_key(&key(id), |known| known.key)
            .ok()?;
        self.known.get(found)
    }
}
