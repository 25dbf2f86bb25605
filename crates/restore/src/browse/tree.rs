//! One snapshot's tree: what lies at a path, reading only the folders on the way.

use std::fmt;

use lumivault_chunk_store::{Error, StoredSnapshot, TreeReader};
use lumivault_format::tree::{ContentRecord, FolderRef, StatRecord};
use lumivault_format::{DecodeError, limits};
use unicode_normalization::UnicodeNormalization;

use super::error::BrowseError;
use super::listed::{Listed, ListedKind};
use super::streams::{Content, Held, NameAt, Opened, PieceCache, PieceSource};
use crate::target::StoredPath;

/// Looks into the snapshots of a repository; keeps a few MiB of folders read lately.
pub struct Browser<'t, 'r> {
    pub(super) reader: &'t TreeReader<'r>,
    cache: PieceCache,
}

impl fmt::Debug for Browser<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Browser").finish_non_exhaustive()
    }
}

/// An entry, with the way to what is in it.
#[derive(Clone, Debug)]
pub struct Node {
    /// What is shown of it.
    pub listed: Listed,
    pub(super) content: Option<Held<Content>>,
    pub(super) folder: Option<FolderRef>,
}

impl Node {
    /// Of a file: its parts.
    pub fn content(&self) -> Option<&ContentRecord> {
        self.content.as_ref().map(|content| &content.record)
    }

    /// Of a folder: where it is stored.
    pub fn folder(&self) -> Option<&FolderRef> {
        self.folder.as_ref()
    }
}

impl<'t, 'r> Browser<'t, 'r> {
    /// Looks through a reader.
    pub fn new(reader: &'t TreeReader<'r>) -> Self {
        Self {
            reader,
            cache: PieceCache::default(),
        }
    }

    /// The reader it looks through.
    pub fn reader(&self) -> &'t TreeReader<'r> {
        self.reader
    }

    pub(super) fn source(&self) -> PieceSource<'_, 'r> {
        PieceSource {
            reader: self.reader,
            cache: &self.cache,
        }
    }

    pub(super) fn check_cancelled(&self) -> Result<(), Error> {
        self.reader.repository().environment().check_cancelled()
    }

    /// The root of a snapshot.
    pub fn root(&self, snapshot: &StoredSnapshot) -> Result<Node, BrowseError> {
        let failed = |source: DecodeError| {
            let what = format!("the root of snapshot {}", snapshot.id);
            BrowseError::Store(Error::Content { what, source })
        };
        let reference = FolderRef::decode_whole(&snapshot.snapshot.root).map_err(failed)?;
        let stat = StatRecord::decode_alone(&snapshot.snapshot.root_stat).map_err(failed)?;
        Ok(Node {
            listed: Listed::bare(Vec::new(), ListedKind::Folder, &stat),
            content: None,
            folder: Some(reference),
        })
    }

    /// What lies at a path in a snapshot.
    pub fn lookup(&self, snapshot: &StoredSnapshot, path: &StoredPath) -> Result<Node, BrowseError> {
        let mut node = self.root(snapshot)?;
        for (name, depth) in path.components().iter().zip(0..) {
            self.check_cancelled()?;
            let mut below = node.listed.path.clone();
            let Some(reference) = node.folder else {
                return Err(BrowseError::NotAFolder { path: below });
            };
            if depth > limits::TREE_DEPTH_MAX {
                return Err(BrowseError::at(&below, too_deep()));
            }
            let failed = |source| BrowseError::at(&below, source);
            let mut folder = self.source().open(&reference).map_err(failed)?;
            let found = self.search(&mut folder, name).map_err(failed)?;
            push_name(&mut below, name);
            let Some(found) = found else {
                let similar = self.similar(&reference, name);
                return Err(BrowseError::NotThere { path: below, similar });
            };
            node = self
                .node(&mut folder, &found, below.clone())
                .map_err(|source| BrowseError::at(&below, source))?;
        }
        Ok(node)
    }

    fn search(&self, folder: &mut Opened, name: &[u8]) -> Result<Option<NameAt>, Error> {
        while let Some(next) = folder.next(self.source())? {
            match next.record.name.as_slice().cmp(name) {
                std::cmp::Ordering::Less => {}
                std::cmp::Ordering::Equal => return Ok(Some(next)),
                std::cmp::Ordering::Greater => break,
            }
        }
        Ok(None)
    }

    /// Everything about an entry.
    pub(super) fn node(&self, folder: &mut Opened, name: &NameAt, path: Vec<u8>) -> Result<Node, Error> {
        let source = self.source();
        let content = folder.content(source, name)?;
        let stat = folder.stat(source, name)?;
        Ok(Node {
            listed: Listed::new(path, &name.record, &stat, content.as_deref()),
            content,
            folder: folder.folder(source, name)?,
        })
    }

    /// The only name of a folder that a person might take for the one that is not there.
    fn similar(&self, reference: &FolderRef, name: &[u8]) -> Option<Vec<u8>> {
        let wanted = folded(name);
        let mut folder = self.source().open(reference).ok()?;
        let mut found: Option<Vec<u8>> = None;
        while let Some(next) = folder.next(self.source()).ok()? {
            if folded(&next.record.name) == wanted && found.replace(next.record.name.clone()).is_some() {
                return None;
            }
        }
        found
    }
}

/// A name without what people do not tell apart: case, and composed or decomposed accents. Stray bytes stay.
pub(super) fn folded(name: &[u8]) -> Vec<u8> {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    let mut out = Vec::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        let text: String = chunk.valid().nfc().flat_map(char::to_lowercase).nfc().collect();
        out.extend_from_slice(text.as_bytes());
        out.extend_from_slice(chunk.invalid());
    }
    out
}

/// Appends a name to a path joined by slashes.
pub(super) fn push_name(path: &mut Vec<u8>, name: &[u8]) {
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
}

pub(super) fn too_deep() -> Error {
    super::streams::malformed("folders are nested more than 256 deep")
}
