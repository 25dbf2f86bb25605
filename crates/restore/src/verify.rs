//! Reads back what was restored and compares it with what the snapshot says, by the ids of chunks.

use std::sync::Arc;

use lumivault_chunk_store::{Error, Event};
use lumivault_format::tree::ContentRecord;

use crate::RestoreError;
use crate::error::Cause;
use crate::execute::{Places, Restore, is_file, parallel};
use crate::plan::{Action, Comparer, Item, Opened, Pass, Spot, Subfolder, Visit, run_pass, stored_path};
use crate::target::{Folder, TargetError};

/// Reads back every file that the restore answers for. What is not right is reported.
pub(crate) fn verify(restore: &Restore<'_, '_>, places: &Places, root: &Folder) -> Result<(), RestoreError> {
    let (plan, reader) = (restore.plan(), restore.engine().reader);
    let monitor = &reader.repository().environment().monitor;
    monitor.event(Event::Phase("verifying"));
    let totals = plan.totals();
    monitor.event(Event::Total {
        items: Action::ALL
            .iter()
            .filter(|action| action.restores())
            .map(|action| totals.files.of(*action))
            .sum(),
        bytes: totals.file_bytes,
    });
    run_pass(plan, reader, Some(root), &mut VerifyPass { restore, places })
}

struct VerifyPass<'v, 'e, 'r> {
    restore: &'v Restore<'e, 'r>,
    places: &'v Places,
}

impl VerifyPass<'_, '_, '_> {
    fn check(
        &self,
        comparer: &mut Comparer<'_>,
        here: &Folder,
        item: &Item,
        content: &ContentRecord,
    ) -> Result<(), RestoreError> {
        let engine = self.restore.engine();
        let problem = match here.open_existing(&item.name) {
            Ok(Some(file)) if file.info().size == content.len() => {
                match comparer.first_mismatch(&file, content) {
                    Ok(mismatch) => mismatch.map(|(offset, length)| Cause::Mismatch { offset, length }),
                    Err(RestoreError::Target(error)) => Some(Cause::Target(error.into())),
                    Err(error) => return Err(error),
                }
            }
            Ok(_) | Err(TargetError::NotRegular { .. }) => Some(Cause::NotAsRestored),
            Err(error) => Some(Cause::Target(error.into())),
        };
        match problem {
            Some(cause) => engine
                .report
                .problem(here.stored_path_of(item.name.stored()), cause),
            None => engine.tally.verified(),
        }
        engine.report.done(1, content.len());
        Ok(())
    }
}

impl Pass for VerifyPass<'_, '_, '_> {
    fn open(&mut self, parent: Option<&Folder>, folder: &Subfolder) -> Result<Opened, RestoreError> {
        if self.places.is_failed(folder) {
            return Ok(Opened::Skip);
        }
        // A folder that is gone costs each file that should be in it a problem of its own.
        let place = parent.and_then(|parent| parent.open_folder(&folder.name).ok().flatten());
        Ok(Opened::Into(place))
    }

    fn folder(&mut self, visit: &Visit<'_>) -> Result<(), RestoreError> {
        let engine = self.restore.engine();
        let listing = visit.listing;
        let jobs: Vec<(&Item, &Arc<ContentRecord>, usize)> = listing
            .items
            .iter()
            .zip(visit.actions)
            .zip(visit.first..)
            .filter(|((item, action), position)| {
                is_file(item) && action.restores() && !engine.is_absent(*position)
            })
            .filter_map(|((item, _), position)| Some((item, listing.content(item)?, position)))
            .collect();
        let Some(here) = visit.here else {
            for (item, ..) in jobs {
                let path = stored_path(&visit.spot.path_of(item.name.stored()));
                engine.report.problem(path, Cause::NotAsRestored);
            }
            return Ok(());
        };
        let comparer = || Comparer::new(engine.reader.repository(), &engine.budget);
        parallel::for_each(engine.threads, jobs.len(), comparer, |comparer, number| {
            jobs.get(number).map_or(Ok(()), |(item, content, _)| {
                self.check(comparer, here, item, content)
            })
        })
    }

    fn leave(&mut self, _here: Option<Folder>, _folder: &Subfolder) -> Result<(), RestoreError> {
        Ok(())
    }

    fn unreadable(&mut self, spot: &Spot, error: Error) {
        self.restore.engine().unreadable(&spot.path, error);
    }
}
