//! What was listed is durable before anything is written or removed that may rely on it.
//!
//! That an object is listed proves nothing: whoever made it may have been stopped before it synced the folder, or be
//! about to. Then a snapshot could be durable, and a pack or an index object that it relies on, not written by this
//! run because it was there, could go with the power. That an object is not listed proves as little: it may come back.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use lumivault_format::{ObjectId, ObjectName};

use super::place::Place;
use crate::backend::BackendError;

/// The folders that this instance has to sync before it gives a name to anything, or removes anything.
#[derive(Debug, Default)]
pub(super) struct Listed(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    due: BTreeSet<PathBuf>,
    /// What each folder was found to hold, which is durable once all that is due is synced.
    known: HashMap<PathBuf, Names>,
}

/// A set of object names, as their number and sum: enough to see that it changed, since names are hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    count: u64,
    sum: u128,
}

impl Names {
    pub(super) fn add(&mut self, name: &ObjectName) {
        self.count = self.count.wrapping_add(1);
        self.sum = self.sum.wrapping_add(number(name));
    }

    fn remove(&mut self, name: &ObjectName) {
        self.count = self.count.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(number(name));
    }
}

fn number(name: &ObjectName) -> u128 {
    let mut first = [0; 16];
    first.copy_from_slice(&name.as_bytes()[..16]);
    u128::from_be_bytes(first)
}

impl Listed {
    /// Takes note of a folder that was listed. It is due unless it holds what it held before: of the many that packs lie
    /// in, that is all of them once, and later few.
    pub(super) fn note(&self, place: &Place, folder: &Path, names: Names) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.known.insert(folder.to_owned(), names) == Some(names) {
            return;
        }
        let within = folder.ancestors().take_while(|at| at.starts_with(&place.root));
        state.due.extend(within.map(Path::to_owned));
    }

    /// Takes note of an object that this instance made, durably.
    pub(super) fn note_made(&self, place: &Place, id: &ObjectId) {
        self.change(place, id, Names::add);
    }

    /// Takes note of an object that this instance removed, durably.
    pub(super) fn note_removed(&self, place: &Place, id: &ObjectId) {
        self.change(place, id, Names::remove);
    }

    fn change(&self, place: &Place, id: &ObjectId, how: impl Fn(&mut Names, &ObjectName)) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let path = place.object(id);
        if let Some(names) = path.parent().and_then(|folder| state.known.get_mut(folder)) {
            how(names, &id.name);
        }
    }

    /// Syncs what is due. Whoever comes meanwhile waits: nobody may go on before it is done.
    pub(super) fn sync(&self, sync: impl Fn(&Path) -> Result<(), BackendError>) -> Result<(), BackendError> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for folder in &state.due {
            sync(folder)?;
        }
        state.due.clear();
        Ok(())
    }
}
