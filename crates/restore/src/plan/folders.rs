//! What becomes of folders, and of everything beneath them.

use lumivault_format::limits::TREE_DEPTH_MAX;

use super::{Action, Item, Listing, OverwriteWhen, Planner, Spot, for_each_extraneous, stored_path};
use crate::RestoreError;
use crate::error::{Cause, stops_reading};
use crate::target::{ExistingKind, Folder, TargetError, There};

/// What became of planning a folder.
pub(super) enum Visited {
    /// It is on the tape under this number.
    Planned {
        number: usize,
        /// Whether anything in it is wanted.
        wanted: bool,
    },
    Unreadable(lumivault_chunk_store::Error),
}

/// A subfolder still to be planned.
struct Deeper {
    spot: Spot,
    position: usize,
    selected: bool,
    renamed: bool,
    /// What becomes of it if it, or something in it, is wanted.
    action: Action,
    in_the_way: There,
    inner: Option<Folder>,
}

impl Planner<'_, '_> {
    /// Plans a folder and everything beneath. Recursion is bounded by the depth that the format allows.
    pub(super) fn folder(&mut self, spot: &Spot, here: Option<&Folder>) -> Result<Visited, RestoreError> {
        self.reader.repository().environment().check_cancelled()?;
        let abilities = here.map_or(self.abilities, Folder::abilities);
        let listing = match Listing::read(self.reader, self.scope, spot, abilities) {
            Ok(listing) => listing,
            Err(error) if stops_reading(&error) => return Err(error.into()),
            Err(error) => return Ok(Visited::Unreadable(error)),
        };
        let (number, first) = self.tape.begin(listing.items.len());
        let mut wanted = self.entries((spot, here), &listing, (number, first))?;
        if let Some(folder) = here {
            self.deletions(spot, folder, &listing);
        }
        let deeper = self.subfolders(spot, here, &listing, first);
        drop(listing);
        for folder in deeper {
            wanted |= self.subfolder(folder, number)?;
        }
        self.tape.end(number);
        Ok(Visited::Planned { number, wanted })
    }

    fn subfolders(
        &mut self,
        spot: &Spot,
        here: Option<&Folder>,
        listing: &Listing,
        first: usize,
    ) -> Vec<Deeper> {
        let mut deeper = Vec::new();
        for (item, position) in listing.items.iter().zip(first..) {
            let Some(reference) = item.reference.as_ref().filter(|_| item.verdict.descend) else {
                continue;
            };
            let path = spot.path_of(&item.entry.name.name);
            if self.refuses(item, &path) {
                self.finish_folder(position, Action::Refuse);
                continue;
            }
            if spot.depth >= TREE_DEPTH_MAX {
                let path = stored_path(&path);
                self.problem(&path.clone(), TargetError::TooDeep { path });
                self.finish_folder(position, Action::Unreadable);
                continue;
            }
            match self.folder_there(here, item) {
                Ok((action, in_the_way, inner)) => deeper.push(Deeper {
                    spot: Spot {
                        reference: reference.clone(),
                        path,
                        depth: spot.depth + 1,
                        within: item.verdict.within,
                    },
                    position,
                    selected: item.verdict.selected,
                    renamed: item.name.reason().is_some(),
                    action,
                    in_the_way,
                    inner,
                }),
                Err(error) => {
                    self.problem(&stored_path(&path), error);
                    self.finish_folder(position, Action::Blocked);
                }
            }
        }
        deeper
    }

    /// What becomes of a folder, from what the target has under its name.
    fn folder_there(
        &self,
        here: Option<&Folder>,
        item: &Item,
    ) -> Result<(Action, There, Option<Folder>), TargetError> {
        let found = here.map(|folder| folder.existing(&item.name)).transpose()?;
        let (Some(folder), Some(found)) = (here, found.flatten()) else {
            return Ok((Action::Create, There::Other, None));
        };
        let there = match found.kind {
            ExistingKind::Folder => {
                let keep = !item.verdict.selected || self.mode == OverwriteWhen::Never;
                let action = if keep { Action::Through } else { Action::Metadata };
                return Ok((action, There::Folder, folder.open_folder(&item.name)?));
            }
            ExistingKind::File => There::File,
            ExistingKind::Symlink => There::Symlink,
            ExistingKind::Other => There::Other,
        };
        let keeps = self.keeps(item, &found).is_some();
        let action = if keeps { Action::Blocked } else { Action::Replace };
        Ok((action, there, None))
    }

    /// Plans a subfolder; tells whether it, or anything in it, is wanted.
    fn subfolder(&mut self, deeper: Deeper, parent: usize) -> Result<bool, RestoreError> {
        let Deeper {
            spot,
            position,
            selected,
            renamed,
            action,
            in_the_way,
            inner,
        } = deeper;
        let totals = self.totals;
        match self.folder(&spot, inner.as_ref())? {
            Visited::Unreadable(error) => {
                self.report
                    .problem(stored_path(&spot.path), Cause::Folder(error.into()));
                self.finish_folder(position, Action::Unreadable);
                Ok(selected)
            }
            Visited::Planned { number, wanted } if wanted || selected => {
                if action == Action::Blocked {
                    // Nothing in it will be written, whatever was planned for it.
                    let path = stored_path(&spot.path);
                    let there = in_the_way;
                    self.problem(&path.clone(), TargetError::InTheWay { path, there });
                    self.tape.forget(number);
                    self.totals = totals;
                } else if self.tape.mark(number)?.late {
                    self.tape.set_late(parent);
                }
                self.totals.renamed += u64::from(renamed);
                self.finish_folder(position, action);
                Ok(true)
            }
            Visited::Planned { number, .. } => {
                self.tape.forget(number);
                Ok(false)
            }
        }
    }

    fn finish_folder(&mut self, position: usize, action: Action) {
        self.tape.set(position, action);
        self.totals.folders.add(action);
    }

    fn deletions(&mut self, spot: &Spot, folder: &Folder, listing: &Listing) {
        if !self.request.delete || self.scope.only.is_some() {
            return;
        }
        let mut count = 0;
        let place = (spot.path.as_slice(), spot.within);
        let names = listing.names();
        let counted = for_each_extraneous(self.scope, folder, &names, place, &mut |_, _, _| {
            count += 1;
            Ok(())
        });
        self.totals.deletions += count;
        if let Err(RestoreError::Target(error)) = counted {
            self.problem(&stored_path(&spot.path), error);
        }
    }
}
