//! Which packs are there, which are to be removed, and which are relied on by what is being written.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use lumivault_format::{ObjectId, ObjectKind, ObjectName};

use super::{ChunkIndex, PackInfo};
use crate::Error;
use crate::backend::{Backend, BackendError, ObjectInfo};

impl ChunkIndex {
    /// Packs that are to be removed: nothing in them is shared any more.
    pub(crate) fn note_marked(&self, packs: impl IntoIterator<Item = ObjectName>) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.marked.extend(packs);
    }

    /// Whether a pack was found to be there.
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
