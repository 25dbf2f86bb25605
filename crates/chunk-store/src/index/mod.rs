//! The index: which chunk lies where. One sorted table of fixed-width records, mapped from the local cache where
//! there is one; exact; derived from the repository's index objects and never trusted beyond them.

mod build;
#[cfg(any(test, fuzzing))]
pub(crate) use table::fuzzing;
mod cache;
mod table;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use lumivault_format::{ChunkId, ChunkKind, Index, ObjectId, ObjectKind, ObjectName, ObjectType, PackEntry};

pub use cache::CacheDir;
pub use table::{Location, PackInfo};

use crate::backend::{Backend, BackendError, ObjectInfo};
use crate::{Error, Event, Repository};
use build::Builder;
pub(crate) use table::Table;

/// How often the index is read anew because parts of it were replaced meanwhile; what vanishes even then counts as unreadable.
const READ_ANEW_MAX: usize = 4;

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
    /// Loads the index: the cached table if it fits, and whatever index objects it does not cover yet. Index objects
    /// that cannot be read are reported and set aside; they never block reading the rest.
    pub fn load(repository: &Repository, cache: Option<CacheDir>) -> Result<Self, Error> {
        let monitor = &repository.environment().monitor;
        monitor.event(Event::Phase("reading the index"));
        let (mut builder, mut unreadable) = Self::read_listed(repository, cache.as_ref())?;
        for _ in 0..READ_ANEW_MAX {
            if !Self::has_vanished(repository, &unreadable)? {
                break;
            }
            (builder, unreadable) = Self::read_listed(repository, cache.as_ref())?;
        }
        for (_, error) in &unreadable {
            let text = format!(
                "{}; its packs are left out until it is repaired",
                error.with_causes()
            );
            monitor.event(Event::Warning(&text));
        }
        let state = State::new(builder.finish()?);
        Ok(Self {
            state: RwLock::new(state),
            adding: Mutex::new(()),
            cache,
            unreadable: unreadable.into_iter().map(|(name, _)| name).collect(),
        })
    }

    /// An index that lists nothing.
    pub(crate) fn empty() -> Result<Self, Error> {
        Ok(Self {
            state: RwLock::new(State::new(Builder::new(None, None).finish()?)),
            adding: Mutex::new(()),
            cache: None,
            unreadable: Vec::new(),
        })
    }

    /// Reads what a listing shows, with what of it cannot be read.
    fn read_listed<'c>(
        repository: &Repository,
        cache: Option<&'c CacheDir>,
    ) -> Result<(Builder<'c>, Vec<(ObjectName, Error)>), Error> {
        let present = repository.list_small(ObjectKind::Index)?;
        let present: BTreeSet<ObjectName> = present.into_iter().collect();
        let cached = cache.and_then(|cache| cache.load(&present));
        let mut builder = Builder::new(cached, cache);
        let mut unreadable = Self::read_missing(repository, &present, &mut builder)?;
        if builder.is_outdated() {
            builder = builder.without_replaced();
            unreadable = Self::read_missing(repository, &present, &mut builder)?;
        }
        // One that was replaced may go at any moment.
        unreadable.retain(|(name, error)| !(is_not_found(error) && builder.is_replaced(name)));
        Ok((builder, unreadable))
    }

    /// Whether some that were listed had been removed when they were to be read. Those that replaced them may not have been listed
    /// then, so that only reading all anew tells what there is.
    fn has_vanished(repository: &Repository, unreadable: &[(ObjectName, Error)]) -> Result<bool, Error> {
        let not_found = unreadable.iter().filter(|(_, error)| is_not_found(error));
        let not_found: Vec<ObjectName> = not_found.map(|(name, _)| *name).collect();
        let still_listed = repository.still_listed(ObjectKind::Index, &not_found)?;
        Ok(still_listed.len() < not_found.len())
    }

    /// Reads the index objects that the builder does not know yet; returns those that cannot be read.
    fn read_missing(
        repository: &Repository,
        present: &BTreeSet<ObjectName>,
        builder: &mut Builder<'_>,
    ) -> Result<Vec<(ObjectName, Error)>, Error> {
        let mut unreadable = Vec::new();
        for name in present {
            if builder.covers(name) {
                continue;
            }
            match read_index(repository, name) {
                Ok(index) => builder.add(*name, &index)?,
                Err(error) if error.spares_the_rest() => unreadable.push((*name, error)),
                Err(error) => return Err(error),
            }
        }
        Ok(unreadable)
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

    /// Packs that are to be removed: nothing in them is shared any more.
    pub(crate) fn note_marked(&self, packs: impl IntoIterator<Item = ObjectName>) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.marked.extend(packs);
    }

    /// Whether a listing of the storage showed a pack.
    pub(crate) fn is_present(&self, pack: u32) -> bool {
        !self.read().absent.contains(&pack)
    }

    /// Whether a pack is to be removed.
    pub(crate) fn is_marked(&self, pack: &ObjectName) -> bool {
        self.read().marked.contains(pack)
    }

    /// How many packs that what is being written relies on may not be relied on. If there are any, it has to be written
    /// again, relying on nothing yet.
    pub(crate) fn take_conflicts(&self) -> usize {
        let state = self.read();
        let relied = (0..)
            .zip(&state.relied)
            .filter(|(_, relied)| relied.load(Ordering::Relaxed));
        let conflicts = relied.filter(|(number, _)| !state.may_share(*number)).count();
        if conflicts > 0 {
            state
                .relied
                .iter()
                .for_each(|relied| relied.store(false, Ordering::Relaxed));
        }
        conflicts
    }

    /// How many packs that what was written relies on are not there. Those that the listing does not show are asked for by name.
    pub(crate) fn relied_but_absent(
        &self,
        backend: &dyn Backend,
        listed: &[ObjectInfo],
    ) -> Result<usize, Error> {
        let relied: Vec<PackInfo> = {
            let state = self.read();
            let packs = state.table.packs().iter().zip(&state.relied);
            let relied = packs.filter(|(_, relied)| relied.load(Ordering::Relaxed));
            relied.map(|(pack, _)| *pack).collect()
        };
        let there = packs_there(backend, listed, relied.iter().map(|pack| pack.name))?;
        Ok(relied.iter().filter(|pack| !is_among(&there, pack)).count())
    }

    /// Whether it consists of all index objects that are there now.
    pub(crate) fn is_current(&self, repository: &Repository) -> Result<bool, Error> {
        let table = self.table();
        let listed = repository.backend().list(ObjectKind::Index)?;
        let mut names = listed.iter().map(|info| &info.name);
        let is_known = |name: &ObjectName| {
            table.covered().contains(name)
                || table.replaced().contains(name)
                || self.unreadable.contains(name)
        };
        Ok(names.all(is_known))
    }

    /// The index objects that the index consists of.
    pub(crate) fn objects(&self) -> Vec<ObjectName> {
        self.table().covered().iter().copied().collect()
    }

    /// The packs that are there, listed in the index or not, and their sizes.
    pub(crate) fn packs_there(&self, backend: &dyn Backend) -> Result<HashMap<ObjectName, u64>, Error> {
        let listed = backend.list(ObjectKind::Pack)?;
        packs_there(backend, &listed, self.packs().iter().map(|pack| pack.name))
    }

    /// Notes which packs are there; returns those that are missing or have another size. From then on [`Self::contains`] does not count
    /// them: a writer must not share what is not there.
    pub(crate) fn note_there(&self, there: &HashMap<ObjectName, u64>) -> Vec<PackInfo> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let packs = (0..).zip(state.table.packs());
        let absent = packs.filter(|(_, pack)| !is_among(there, pack));
        let absent: Vec<(u32, PackInfo)> = absent.map(|(number, pack)| (number, *pack)).collect();
        state.absent = absent.iter().map(|(number, _)| *number).collect();
        absent.into_iter().map(|(_, pack)| pack).collect()
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

fn is_not_found(error: &Error) -> bool {
    matches!(error, Error::Backend(BackendError::NotFound { .. }))
}

/// The packs of a listing, and those of the `known` ones that it does not show and that are there: they may have been made a moment
/// ago.
pub(crate) fn packs_there(
    backend: &dyn Backend,
    listed: &[ObjectInfo],
    known: impl IntoIterator<Item = ObjectName>,
) -> Result<HashMap<ObjectName, u64>, Error> {
    let mut there: HashMap<ObjectName, u64> = listed.iter().map(|info| (info.name, info.size)).collect();
    for name in known {
        if there.contains_key(&name) {
            continue;
        }
        let kind = ObjectKind::Pack;
        match backend.size(&ObjectId { kind, name }) {
            Ok(size) => drop(there.insert(name, size)),
            Err(BackendError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(there)
}

fn is_among(there: &HashMap<ObjectName, u64>, pack: &PackInfo) -> bool {
    there.get(&pack.name) == Some(&pack.size.into())
}

/// Places of one chunk that are worth trying.
const PLACES_MAX: usize = 16;

/// Reads one index object.
pub(crate) fn read_index(repository: &Repository, name: &ObjectName) -> Result<Index, Error> {
    let id = ObjectId {
        kind: ObjectKind::Index,
        name: *name,
    };
    let body = repository.load_sealed(ObjectType::Index, &id)?;
    Index::decode(&body).map_err(|source| Error::Decode { object: id, source })
}

/// The number that stands for a chunk kind in the table's file.
const fn kind_number(kind: ChunkKind) -> u8 {
    kind.pack_type().number()
}

#[cfg(test)]
mod tests;
