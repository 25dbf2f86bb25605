//! What was listed is durable before anything is written that may rely on it.
//!
//! That an object is listed proves nothing: whoever made it may have been stopped before it synced the folder, or be
//! about to. Then a snapshot could be durable, and a pack or an index object that it relies on, not written by this
//! run because it was there, could go with the power. A removal that somebody did not sync could be undone likewise.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use lumivault_format::{ObjectId, ObjectKind, ObjectName};

use super::place::Place;
use crate::backend::{BackendError, ObjectInfo};

/// The folders that this instance has to sync before it gives a name to anything.
#[derive(Debug, Default)]
pub(super) struct Listed(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    due: BTreeSet<PathBuf>,
    /// Objects that were listed and are durable since, or will be once all that is due is synced.
    known: HashSet<ObjectName>,
}

impl Listed {
    /// Takes note of a listing. A folder is due if there is something new in it: of the many that packs lie in, that is
    /// all of them once, and later few.
    pub(super) fn note(&self, place: &Place, kind: ObjectKind, objects: &[ObjectInfo]) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for name in objects.iter().map(|info| info.name) {
            if state.known.insert(name) {
                let path = place.object(&ObjectId { kind, name });
                let above = path.ancestors().skip(1);
                let within = above.take_while(|folder| folder.starts_with(&place.root));
                let new = within.take_while(|folder| !state.due.contains(*folder));
                let new: Vec<_> = new.map(Path::to_owned).collect();
                state.due.extend(new);
            }
        }
    }

    /// Takes note of an object that this instance made durable.
    pub(super) fn note_durable(&self, name: ObjectName) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.known.insert(name);
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
