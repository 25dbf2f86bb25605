//! A plan, shown entry by entry.

use std::ops::Range;

use lumivault_chunk_store::{Entry, Error, TreeReader};

use super::listing::{Spot, stored_path};
use super::pass::{Opened, Pass, Subfolder, Visit, run};
use super::{Action, RestorePlan, for_each_extraneous};
use crate::RestoreError;
use crate::target::{ExistingKind, Folder, RenameReason, StoredPath, Target};

/// What is planned for one entry.
#[derive(Debug)]
pub struct Planned<'p> {
    /// Where it is below the place that is restored.
    pub path: StoredPath,
    /// What becomes of it.
    pub action: Action,
    /// What it is.
    pub kind: PlannedKind<'p>,
    /// Its name in the target and why, if that is not its own.
    pub written_as: Option<(&'p [u8], &'p RenameReason)>,
    /// Of a file: its size in bytes.
    pub size: u64,
    /// Of a file that is updated: the ranges that are fetched. Others are in the target already, or holes.
    pub ranges: Vec<Range<u64>>,
}

/// Where an entry comes from.
#[derive(Debug)]
pub enum PlannedKind<'p> {
    /// From the snapshot.
    Stored(&'p Entry),
    /// It is only in the target.
    Foreign(ExistingKind),
}

impl RestorePlan<'_> {
    /// Calls `each` for everything that is planned, folder by folder: what is in the snapshot in the order of names
    /// (without what was not asked for), then what only the target has and is removed.
    pub fn show(
        &self,
        reader: &TreeReader<'_>,
        target: Option<&Target>,
        each: &mut dyn FnMut(&Planned<'_>) -> Result<(), RestoreError>,
    ) -> Result<(), RestoreError> {
        let root = target.map(Target::root).filter(|root| !root.is_new());
        run(self, reader, root, &mut Show { plan: self, each })
    }
}

struct Show<'s> {
    plan: &'s RestorePlan<'s>,
    each: &'s mut dyn FnMut(&Planned<'_>) -> Result<(), RestoreError>,
}

impl Pass for Show<'_> {
    fn open(&mut self, parent: Option<&Folder>, folder: &Subfolder) -> Result<Opened, RestoreError> {
        let place = parent.map(|p| p.open_folder(&folder.name)).transpose()?;
        Ok(Opened::Into(place.flatten()))
    }

    fn folder(&mut self, visit: &Visit<'_>) -> Result<(), RestoreError> {
        for ((item, action), position) in visit.listing.items.iter().zip(visit.actions).zip(visit.first..) {
            if *action == Action::Leave {
                continue;
            }
            let content = visit.listing.content(item);
            let ranges = content
                .zip(self.plan.tape.matched(position))
                .map(|(content, matched)| fetched(&content.extents, matched))
                .unwrap_or_default();
            (self.each)(&Planned {
                path: stored_path(&visit.spot.path_of(&item.entry.name.name)),
                action: *action,
                kind: PlannedKind::Stored(&item.entry),
                written_as: item.name.reason().map(|reason| (item.name.written(), reason)),
                size: content.map_or(0, |content| content.len()),
                ranges,
            })?;
        }
        self.foreign(visit)
    }

    fn leave(&mut self, _here: Option<Folder>, _folder: &Subfolder) -> Result<(), RestoreError> {
        Ok(())
    }

    fn unreadable(&mut self, _spot: &Spot, _error: Error) {}
}

impl Show<'_> {
    fn foreign(&mut self, visit: &Visit<'_>) -> Result<(), RestoreError> {
        let (true, Some(folder), None) = (
            self.plan.request.delete,
            visit.here,
            self.plan.scope.only.as_ref(),
        ) else {
            return Ok(());
        };
        let place = (visit.spot.path.as_slice(), visit.spot.within);
        let names = visit.listing.names();
        for_each_extraneous(&self.plan.scope, folder, &names, place, &mut |_, child, path| {
            (self.each)(&Planned {
                path: stored_path(path),
                action: Action::Delete,
                kind: PlannedKind::Foreign(child.kind()),
                written_as: None,
                size: 0,
                ranges: Vec::new(),
            })
        })
    }
}

/// The ranges of a file that are not there, side by side ones joined.
fn fetched(extents: &[lumivault_format::tree::Extent], matched: &[bool]) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    let mut at = 0;
    for (extent, is_there) in extents.iter().zip(matched) {
        let end = at + extent.len();
        if !is_there && extent.chunk().is_some() {
            match ranges.last_mut().filter(|last| last.end == at) {
                Some(last) => last.end = end,
                None => ranges.push(at..end),
            }
        }
        at = end;
    }
    ranges
}
