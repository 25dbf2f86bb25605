//! A folder of the snapshot as every pass of a restore sees it: names mapped, filter applied.

use std::sync::Arc;

use lumivault_chunk_store::{Entry, Error, TreeReader};
use lumivault_format::tree::{ContentRecord, EntryKind, FolderRef};

use super::request::Scope;
use crate::filter::{Verdict, Within, push_component};
use crate::target::{Abilities, MappedName, StoredPath, map_names};

/// A folder to be looked into.
#[derive(Clone, Debug)]
pub(crate) struct Spot {
    pub(crate) reference: FolderRef,
    /// Its path below the place that is restored, joined by slashes.
    pub(crate) path: Vec<u8>,
    pub(crate) depth: usize,
    pub(crate) within: Within,
}

impl Spot {
    pub(crate) fn root(scope: &Scope) -> Self {
        Self {
            reference: scope.root.clone(),
            path: Vec::new(),
            depth: 0,
            within: Within::default(),
        }
    }

    pub(crate) fn path_of(&self, name: &[u8]) -> Vec<u8> {
        let mut path = self.path.clone();
        push_component(&mut path, name);
        path
    }
}

/// A path as it may be shown.
pub(crate) fn stored_path(path: &[u8]) -> StoredPath {
    let components = path.split(|byte| *byte == b'/').filter(|c| !c.is_empty());
    StoredPath::new(components.map(<[u8]>::to_vec).collect())
}

/// An entry with what every pass needs to know of it.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) entry: Entry,
    pub(crate) name: MappedName,
    pub(crate) verdict: Verdict,
    /// Of a folder.
    pub(crate) reference: Option<FolderRef>,
}

/// A folder, read.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) items: Vec<Item>,
    contents: Vec<Arc<ContentRecord>>,
}

impl Listing {
    /// Reads a folder. The names depend on what the target can hold.
    pub(crate) fn read(
        reader: &TreeReader<'_>,
        scope: &Scope,
        spot: &Spot,
        abilities: &Abilities,
    ) -> Result<Self, Error> {
        let mut folder = reader.folder(&spot.reference)?;
        let contents = folder.contents.drain(..).map(Arc::new).collect();
        let mut references = folder.folders.into_iter();
        let mut entries: Vec<(Entry, Option<FolderRef>)> = folder
            .entries
            .into_iter()
            .map(|entry| {
                let is_folder = entry.name.kind == EntryKind::Folder;
                let reference = if is_folder { references.next() } else { None };
                (entry, reference)
            })
            .collect();
        if let Some(only) = scope.only.as_ref().filter(|_| spot.depth == 0) {
            entries.retain(|(entry, _)| entry.name.name == *only);
        }
        let names: Vec<&[u8]> = entries.iter().map(|(e, _)| e.name.name.as_slice()).collect();
        let mapped = map_names(&names, abilities);
        let mut path = spot.path.clone();
        let items = entries
            .into_iter()
            .zip(mapped)
            .map(|((entry, reference), name)| {
                path.truncate(spot.path.len());
                push_component(&mut path, &entry.name.name);
                let verdict = scope.filter.judge(&path, &entry.name, spot.within);
                Item {
                    entry,
                    name,
                    verdict,
                    reference,
                }
            })
            .collect();
        Ok(Self { items, contents })
    }

    /// The content of a file.
    pub(crate) fn content(&self, item: &Item) -> Option<&Arc<ContentRecord>> {
        match item.entry.name.kind {
            EntryKind::File { content } => self.contents.get(usize::try_from(content).ok()?),
            _ => None,
        }
    }

    /// The names of everything in it.
    pub(crate) fn names(&self) -> Vec<MappedName> {
        self.items.iter().map(|item| item.name.clone()).collect()
    }
}
