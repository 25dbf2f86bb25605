//! Folders of the target between the passes: kept as long as there are not too many, found again by name otherwise.

use std::collections::{HashMap, HashSet};

use super::Restore;
use crate::RestoreError;
use crate::error::{Cause, stops_writing};
use crate::plan::{Action, Opened, Subfolder};
use crate::target::{Folder, Overwrite};

/// Folders kept, a few hundred bytes each. One that is not kept is opened again.
const KEPT_MAX: usize = 8192;

/// The folders of the target, by their numbers in the plan.
#[derive(Debug, Default)]
pub(crate) struct Places {
    kept: HashMap<usize, Folder>,
    failed: HashSet<usize>,
}

impl Places {
    /// Keeps a folder for the passes that follow.
    pub(super) fn keep(&mut self, folder: &Subfolder, place: &Folder) {
        // Only who opened a folder first knows the permissions that it had.
        if self.kept.len() < KEPT_MAX || folder.action == Action::Through {
            self.kept.insert(folder.number, place.clone());
        }
    }

    /// Gives a folder back that no pass needs any more.
    pub(super) fn forget(&mut self, folder: &Subfolder) {
        self.kept.remove(&folder.number);
    }

    /// Takes note that nothing in a folder can be restored.
    pub(super) fn set_failed(&mut self, folder: &Subfolder) {
        self.failed.insert(folder.number);
    }

    /// Whether nothing in a folder could be restored, which was reported then.
    pub(crate) fn is_failed(&self, folder: &Subfolder) -> bool {
        self.failed.contains(&folder.number)
    }

    /// Opens a folder that an earlier pass made, unless that, or this, fails.
    pub(super) fn reopen(
        &mut self,
        restore: &Restore<'_, '_>,
        parent: Option<&Folder>,
        folder: &Subfolder,
    ) -> Result<Opened, RestoreError> {
        if let Some(place) = self.kept.get(&folder.number) {
            return Ok(Opened::Into(Some(place.clone())));
        }
        let Some(parent) = parent.filter(|_| !self.failed.contains(&folder.number)) else {
            return Ok(Opened::Skip);
        };
        match parent.create_folder(&folder.name, Overwrite::Never) {
            Ok(place) => Ok(Opened::Into(Some(place))),
            Err(error) if stops_writing(&error) => Err(error.into()),
            Err(error) => {
                let path = parent.stored_path_of(folder.name.stored());
                restore.engine.report.problem(path, Cause::Target(error.into()));
                self.set_failed(folder);
                Ok(Opened::Skip)
            }
        }
    }
}
