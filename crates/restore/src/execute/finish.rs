//! The last pass: what only the target has goes, and folders get their metadata, deepest first.

use lumivault_chunk_store::Error;

use super::Restore;
use super::places::Places;
use crate::RestoreError;
use crate::error::{Cause, stops_writing};
use crate::plan::{Action, Opened, Pass, Spot, Subfolder, Visit, for_each_extraneous, stored_path};
use crate::target::Folder;

pub(super) struct FinishPass<'f, 'e, 'r> {
    restore: &'f Restore<'e, 'r>,
    places: &'f mut Places,
    delete: bool,
}

impl<'f, 'e, 'r> FinishPass<'f, 'e, 'r> {
    pub(super) fn new(restore: &'f Restore<'e, 'r>, places: &'f mut Places, delete: bool) -> Self {
        Self {
            restore,
            places,
            delete,
        }
    }

    fn delete(&self, here: &Folder, visit: &Visit<'_>) -> Result<(), RestoreError> {
        let engine = &self.restore.engine;
        let place = (visit.spot.path.as_slice(), visit.spot.within);
        let names = visit.listing.names();
        let scope = &self.restore.plan.scope;
        let deleted = for_each_extraneous(scope, here, &names, place, &mut |folder, child, path| {
            engine.check_cancelled()?;
            match folder.remove(child) {
                Ok(()) => engine.tally.deleted(),
                Err(error) => engine
                    .report
                    .problem(stored_path(path), Cause::Target(error.into())),
            }
            Ok(())
        });
        match deleted {
            Err(RestoreError::Target(error)) => {
                let path = stored_path(&visit.spot.path);
                engine.report.problem(path, Cause::Target(error.into()));
                Ok(())
            }
            result => result,
        }
    }
}

impl Pass for FinishPass<'_, '_, '_> {
    fn open(&mut self, parent: Option<&Folder>, folder: &Subfolder) -> Result<Opened, RestoreError> {
        self.places.reopen(self.restore, parent, folder)
    }

    fn folder(&mut self, visit: &Visit<'_>) -> Result<(), RestoreError> {
        match visit.here {
            Some(here) if self.delete => self.delete(here, visit),
            _ => Ok(()),
        }
    }

    fn leave(&mut self, here: Option<Folder>, folder: &Subfolder) -> Result<(), RestoreError> {
        let Some(here) = here else { return Ok(()) };
        let engine = &self.restore.engine;
        let stat = Some(&folder.stat).filter(|_| folder.action != Action::Through);
        match here.finish(stat) {
            Ok(warnings) => {
                if stat.is_some() {
                    engine.tally.folder();
                }
                engine.report.warnings(|| here.stored_path(), warnings);
            }
            Err(error) if stops_writing(&error) => return Err(error.into()),
            Err(error) => engine
                .report
                .problem(here.stored_path(), Cause::Target(error.into())),
        }
        self.places.forget(folder);
        Ok(())
    }

    fn unreadable(&mut self, spot: &Spot, error: Error) {
        self.restore.engine.unreadable(&spot.path, error);
    }
}
