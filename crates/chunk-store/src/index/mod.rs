//! The index: which chunk lies where. One sorted table of fixed-width records, mapped from the local cache where
//! there is one; exact; derived from the repository's index objects and never trusted beyond them.

mod build;
mod cache;
mod table;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use lumivault_format::{
    ChunkId, ChunkKind, Index, IndexedPack, ObjectId, ObjectKind, ObjectName, ObjectType, limits,
};

pub use cache::CacheDir;
pub use table::{Location, PackInfo};

use crate::seal::{load_object, open_object};
use crate::{Error, Event, Repository};
use build::Builder;
use table::Table;

/// The chunks of a repository, as far as its readable index objects list them.
#[derive(Debug)]
pub struct ChunkIndex {
    state: RwLock<State>,
    cache: Option<CacheDir>,
    unreadable: Vec<ObjectName>,
}

#[derive(Debug)]
struct State {
    table: Arc<Table>,
    packs: HashMap<ObjectName, u32>,
}

impl State {
    fn new(table: Table) -> Self {
        let packs = table
            .packs()
            .iter()
            .zip(0..)
            .map(|(pack, number)| (pack.name, number))
            .collect();
        Self {
            table: Arc::new(table),
            packs,
        }
    }
}

impl ChunkIndex {
    /// Loads the index: the cached table if it fits, and whatever index objects it does not cover yet. Index objects
    /// that cannot be read are reported and set aside; they never block reading the rest.
    pub fn load(repository: &Repository, cache: Option<CacheDir>) -> Result<Self, Error> {
        let monitor = &repository.environment().monitor;
        monitor.event(Event::Phase("reading the index"));
        let present: BTreeSet<ObjectName> = repository
            .backend()
            .list(ObjectKind::Index)?
            .into_iter()
            .map(|info| info.name)
            .collect();
        let cached = cache.as_ref().and_then(|cache| cache.load(&present));
        let mut unreadable = Vec::new();
        let mut builder = Builder::new(cached, cache.as_ref());
        let mut replaced = BTreeSet::new();
        for name in &present {
            if builder.covers(name) {
                continue;
            }
            match read_index(repository, name) {
                Ok(index) => {
                    replaced.extend(index.replaces.iter().copied());
                    builder.add(*name, &index.packs)?;
                }
                Err(error) if error.is_damage() => {
                    let text = format!("{error}; its packs are left out until it is repaired");
                    monitor.event(Event::Warning(&text));
                    unreadable.push(*name);
                }
                Err(error) => return Err(error),
            }
        }
        if replaced.iter().any(|name| builder.covers(name)) {
            builder = Self::build_without(repository, cache.as_ref(), &present, &replaced)?;
        }
        let state = State::new(builder.finish()?);
        Ok(Self {
            state: RwLock::new(state),
            cache,
            unreadable,
        })
    }

    /// Starts over where a cached or present index object was replaced by another.
    fn build_without<'c>(
        repository: &Repository,
        cache: Option<&'c CacheDir>,
        present: &BTreeSet<ObjectName>,
        replaced: &BTreeSet<ObjectName>,
    ) -> Result<Builder<'c>, Error> {
        let mut builder = Builder::new(None, cache);
        for name in present.difference(replaced) {
            match read_index(repository, name) {
                Ok(index) => builder.add(*name, &index.packs)?,
                Err(error) if error.is_damage() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(builder)
    }

    /// Index objects that could not be read.
    pub fn unreadable(&self) -> &[ObjectName] {
        &self.unreadable
    }

    /// Where a chunk lies.
    pub fn find(&self, id: &ChunkId) -> Option<Location> {
        self.table().find(id)
    }

    /// Whether a chunk is listed.
    pub fn contains(&self, id: &ChunkId) -> bool {
        self.read().table.find(id).is_some()
    }

    /// Whether a pack is listed.
    pub fn has_pack(&self, name: &ObjectName) -> bool {
        self.read().packs.contains_key(name)
    }

    /// The pack with this number, as in [`Location::pack`].
    pub fn pack(&self, number: u32) -> Option<PackInfo> {
        self.table().packs().get(usize::try_from(number).ok()?).copied()
    }

    /// All packs listed.
    pub fn packs(&self) -> Vec<PackInfo> {
        self.table().packs().to_vec()
    }

    /// Number of chunks listed.
    pub fn len(&self) -> u64 {
        self.table().len()
    }

    /// Whether no chunk is listed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls `each` with every chunk and its place, in the order of ids.
    pub fn for_each(&self, mut each: impl FnMut(ChunkId, Location)) {
        let table = self.table();
        (0..table.len())
            .filter_map(|i| table.get(i))
            .for_each(|(id, location)| each(id, location));
    }

    /// Adds the packs of an index object that was just written.
    pub(crate) fn add(&self, name: ObjectName, packs: &[IndexedPack]) -> Result<(), Error> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let mut builder = Builder::new(Some(Arc::clone(&state.table)), self.cache.as_ref());
        builder.add(name, packs)?;
        *state = State::new(builder.finish()?);
        Ok(())
    }

    fn table(&self) -> Arc<Table> {
        Arc::clone(&self.read().table)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads one index object.
pub(crate) fn read_index(repository: &Repository, name: &ObjectName) -> Result<Index, Error> {
    let id = ObjectId {
        kind: ObjectKind::Index,
        name: *name,
    };
    let object = load_object(repository.backend(), &id, limits::SEALED_BYTES_MAX)?;
    let body = open_object(
        &repository.secrets().keyring,
        &repository.archive(),
        ObjectType::Index,
        &id,
        &object,
    )?;
    drop(object);
    Index::decode(&body).map_err(|source| Error::Decode { object: id, source })
}

/// The number that stands for a chunk kind in the table's file.
const fn kind_number(kind: ChunkKind) -> u8 {
    kind.pack_type().number()
}
