//! The index: which chunk lies where. One sorted table of fixed-width records, mapped from the local cache where
//! there is one; exact; derived from the repository's index objects and never trusted beyond them.

mod build;
#[cfg(any(test, fuzzing))]
pub(crate) use table::fuzzing;
mod cache;
mod load;
mod presence;
mod table;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use lumivault_format::{ChunkId, ChunkKind, Index, ObjectName, PackEntry};

pub use cache::CacheDir;
pub(crate) use load::read_index;
pub(crate) use presence::packs_there;
pub use table::{Location, PackInfo};

use crate::Error;
use build::Builder;
pub(crate) use table::Table;

/// The chunks of a repository, as far as its readable index objects list them.
#[derive(Debug)]
pub struct ChunkIndex {
    state: RwLock<State>,
    /// Held while a larger table is built, so that lookups need not wait for it.
    adding: Mutex<()>,
    cache: Option<CacheDir>,
    unreadable: Vec<ObjectName>,
}

#[derive(Debug)]
struct State {
    table: Arc<Table>,
    packs: HashMap<ObjectName, u32>,
    /// Packs that the index lists and a listing of the storage did not, or in another size.
    absent: HashSet<u32>,
    /// Packs that are to be removed, whether the index lists them or not.
    marked: HashSet<ObjectName>,
    /// For each pack whether what is being written relies on it.
    relied: Vec<AtomicBool>,
}

impl State {
    fn new(table: Table) -> Self {
        let packs = table
            .packs()
            .iter()
            .zip(0..)
            .map(|(pack, number)| (pack.name, number))
            .collect();
        let relied = table.packs().iter().map(|_| AtomicBool::new(false)).collect();
        Self {
            table: Arc::new(table),
            packs,
            absent: HashSet::new(),
            marked: HashSet::new(),
            relied,
        }
    }

    /// The same with a table that has grown: packs keep their numbers. What was added was just written, and is relied on.
    fn grown(&mut self, table: Table) -> Self {
        let mut grown = Self::new(table);
        grown.absent = std::mem::take(&mut self.absent);
        grown.marked = std::mem::take(&mut self.marked);
        for (number, relied) in grown.relied.iter_mut().enumerate() {
            *relied.get_mut() = self.relied.get_mut(number).is_none_or(|old| *old.get_mut());
        }
        grown
    }

    /// Whether a new snapshot may refer to chunks of this pack.
    fn may_share(&self, pack: u32) -> bool {
        let is_marked = || {
            self.pack(pack)
                .is_some_and(|info| self.marked.contains(&info.name))
        };
        !self.absent.contains(&pack) && (self.marked.is_empty() || !is_marked())
    }

    fn pack(&self, number: u32) -> Option<&PackInfo> {
        self.table.packs().get(usize::try_from(number).ok()?)
    }

    fn rely_on(&self, pack: u32) {
        let flag = usize::try_from(pack)
            .ok()
            .and_then(|number| self.relied.get(number));
        if let Some(flag) = flag
            && !flag.load(Ordering::Relaxed)
        {
            flag.store(true, Ordering::Relaxed);
        }
    }
}

impl ChunkIndex {
    /// An index that lists nothing.
    pub(crate) fn empty() -> Result<Self, Error> {
        Ok(Self {
            state: RwLock::new(State::new(Builder::new(None, None).finish()?)),
            adding: Mutex::new(()),
            cache: None,
            unreadable: Vec::new(),
        })
    }

    /// Index objects that could not be read.
    pub fn unreadable(&self) -> &[ObjectName] {
        &self.unreadable
    }

    /// Where a chunk lies. Of several places, one in a pack that is not known to be absent.
    pub fn find(&self, id: &ChunkId) -> Option<Location> {
        let state = self.read();
        let mut places = state.table.find_all(id);
        let first = places.next()?;
        if !state.absent.contains(&first.pack) {
            return Some(first);
        }
        places
            .find(|place| !state.absent.contains(&place.pack))
            .or(Some(first))
    }

    /// All places of a chunk: several where two machines stored it at once, or where a pack was lost in between.
    pub fn places(&self, id: &ChunkId) -> Vec<Location> {
        self.read().table.find_all(id).take(PLACES_MAX).collect()
    }

    /// Whether a new snapshot may refer to a chunk as it is stored: it is listed in a pack that is neither known to be
    /// absent nor about to be removed.
    pub fn contains(&self, id: &ChunkId) -> bool {
        let state = self.read();
        state.table.find_all(id).any(|place| state.may_share(place.pack))
    }

    /// The same, and notes that what is being written relies on its pack.
    pub fn share(&self, id: &ChunkId) -> bool {
        let state = self.read();
        let place = state.table.find_all(id).find(|place| state.may_share(place.pack));
        place.inspect(|place| state.rely_on(place.pack)).is_some()
    }

    /// The index objects that the index consists of.
    pub(crate) fn objects(&self) -> Vec<ObjectName> {
        self.table().covered().iter().copied().collect()
    }

    /// Whether a chunk is listed, in whatever pack.
    pub(crate) fn is_listed(&self, id: &ChunkId) -> bool {
        self.read().table.find_all(id).next().is_some()
    }

    /// Whether a chunk is listed at this very place.
    pub(crate) fn has_place(&self, place: &Location) -> bool {
        let state = self.read();
        let mut places = state.table.find_all(&place.place.entry.id);
        places.any(|found| found == *place)
    }

    /// The chunks of one pack in their order. Looks through the whole index.
    pub(crate) fn entries_of(&self, pack: u32) -> Vec<PackEntry> {
        let mut places = Vec::new();
        self.for_each(|_, place| {
            if place.pack == pack {
                places.push(place.place);
            }
        });
        places.sort_unstable_by_key(|place| place.offset);
        places.into_iter().map(|place| place.entry).collect()
    }

    /// The number of a pack, as in [`Location::pack`].
    pub(crate) fn pack_number(&self, name: &ObjectName) -> Option<u32> {
        self.read().packs.get(name).copied()
    }

    /// Whether an index object was replaced by another and counts no more.
    pub(crate) fn is_replaced(&self, object: &ObjectName) -> bool {
        self.read().table.replaced().contains(object)
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

    /// Number of chunks listed; one in two packs counts twice.
    pub fn len(&self) -> u64 {
        self.table().len()
    }

    /// Whether no chunk is listed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls `each` with every chunk and its place, in the order of ids; a chunk in two packs comes twice.
    pub fn for_each(&self, mut each: impl FnMut(ChunkId, Location)) {
        let table = self.table();
        (0..table.len())
            .filter_map(|i| table.get(i))
            .for_each(|(id, location)| each(id, location));
    }

    /// Adds an index object that was just written.
    pub(crate) fn add(&self, name: ObjectName, index: &Index) -> Result<(), Error> {
        let _one_at_a_time = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let grow = |cache: Option<&CacheDir>| {
            let mut builder = Builder::new(Some(self.table()), cache);
            builder.add(name, index)?;
            builder.finish()
        };
        let table = match grow(self.cache.as_ref()) {
            // Losing the cache costs time only.
            Err(Error::Cache { .. }) => grow(None),
            other => other,
        }?;
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        *state = state.grown(table);
        Ok(())
    }

    pub(crate) fn table(&self) -> Arc<Table> {
        Arc::clone(&self.read().table)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Places of one chunk that are worth trying.
const PLACES_MAX: usize = 16;

/// The number that stands for a chunk kind in the table's file.
const fn kind_number(kind: ChunkKind) -> u8 {
    kind.pack_type().number()
}

#[cfg(test)]
mod tests;
