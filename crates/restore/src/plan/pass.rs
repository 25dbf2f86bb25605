//! A pass over everything that is planned: the folders of the snapshot beside their actions on the tape.

use lumivault_chunk_store::{Error, TreeReader};
use lumivault_format::tree::StatRecord;

use super::listing::{Listing, Spot};
use super::tape::{Action, FolderMark};
use super::{RestorePlan, own_abilities};
use crate::RestoreError;
use crate::error::stops_reading;
use crate::target::{Folder, MappedName};

/// A folder as a pass comes upon it.
pub(crate) struct Visit<'v> {
    pub(crate) spot: &'v Spot,
    pub(crate) listing: &'v Listing,
    /// One for each item.
    pub(crate) actions: &'v [Action],
    /// Number of the first action.
    pub(crate) first: usize,
    /// The folder in the target, as far as the pass opened it.
    pub(crate) here: Option<&'v Folder>,
}

/// A subfolder to be looked into.
pub(crate) struct Subfolder {
    pub(crate) spot: Spot,
    pub(crate) name: MappedName,
    pub(crate) stat: StatRecord,
    pub(crate) action: Action,
    /// Its number on the tape.
    pub(crate) number: usize,
    pub(crate) mark: FolderMark,
}

/// Whether a pass looks into a subfolder.
pub(crate) enum Opened {
    /// It does; the folder in the target, if there is one.
    Into(Option<Folder>),
    /// Neither into it nor beneath.
    Skip,
}

/// What a pass does.
pub(crate) trait Pass {
    /// Opens a subfolder in the target, if it is to be looked into.
    fn open(&mut self, parent: Option<&Folder>, folder: &Subfolder) -> Result<Opened, RestoreError>;

    /// Deals with the entries of a folder, before its subfolders.
    fn folder(&mut self, visit: &Visit<'_>) -> Result<(), RestoreError>;

    /// Deals with a subfolder when everything beneath it was dealt with.
    fn leave(&mut self, here: Option<Folder>, folder: &Subfolder) -> Result<(), RestoreError>;

    /// Takes note of a folder that was readable when the plan was made and is not now.
    fn unreadable(&mut self, spot: &Spot, error: Error);
}

/// Walks everything that is planned.
pub(crate) fn run(
    plan: &RestorePlan<'_>,
    reader: &TreeReader<'_>,
    root: Option<&Folder>,
    pass: &mut dyn Pass,
) -> Result<(), RestoreError> {
    let mut walk = Walk {
        plan,
        reader,
        pass,
        next: 0,
    };
    walk.folder(&Spot::root(&plan.scope), root)
}

struct Walk<'w, 'r> {
    plan: &'w RestorePlan<'w>,
    reader: &'w TreeReader<'r>,
    pass: &'w mut dyn Pass,
    /// Number of the next folder on the tape.
    next: usize,
}

impl Walk<'_, '_> {
    /// Recursion is bounded: no plan holds folders deeper than the format allows.
    fn folder(&mut self, spot: &Spot, here: Option<&Folder>) -> Result<(), RestoreError> {
        self.reader.repository().environment().check_cancelled()?;
        let tape = &self.plan.tape;
        let mark = tape.mark(self.next)?;
        self.next += 1;
        for mut folder in self.entries(spot, &mark, here)? {
            folder.number = self.next;
            folder.mark = tape.mark(self.next)?;
            match self.pass.open(here, &folder)? {
                Opened::Into(inner) => {
                    self.folder(&folder.spot, inner.as_ref())?;
                    self.pass.leave(inner, &folder)?;
                }
                Opened::Skip => self.next = to_usize(folder.mark.end),
            }
        }
        self.next = to_usize(mark.end);
        Ok(())
    }

    /// Deals with the entries of a folder and returns its subfolders. What was read is given up before any of those is
    /// looked into, so that depth costs no memory.
    fn entries(
        &mut self,
        spot: &Spot,
        mark: &FolderMark,
        here: Option<&Folder>,
    ) -> Result<Vec<Subfolder>, RestoreError> {
        let own = own_abilities();
        let abilities = here.map_or(&own, Folder::abilities);
        let listing = match Listing::read(self.reader, &self.plan.scope, spot, abilities) {
            Ok(listing) => listing,
            Err(error) if stops_reading(&error) => return Err(error.into()),
            Err(error) => {
                self.pass.unreadable(spot, error);
                return Ok(Vec::new());
            }
        };
        let (first, actions) = self.plan.tape.actions(mark, listing.items.len())?;
        self.pass.folder(&Visit {
            spot,
            listing: &listing,
            actions,
            first,
            here,
        })?;
        let subfolders = listing
            .items
            .into_iter()
            .zip(actions)
            .filter(|(item, action)| action.descends(&item.entry.name.kind))
            .filter_map(|(item, action)| {
                Some(Subfolder {
                    spot: Spot {
                        reference: item.reference?,
                        path: spot.path_of(&item.entry.name.name),
                        depth: spot.depth + 1,
                        within: item.verdict.within,
                    },
                    name: item.name,
                    stat: item.entry.stat,
                    action: *action,
                    number: 0,
                    mark: *mark,
                })
            });
        Ok(subfolders.collect())
    }
}

fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
