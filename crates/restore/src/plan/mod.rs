//! What a restore will do, as a value: it can be shown, and then carried out.
//!
//! A plan looks at the target and writes nothing. It keeps a byte for each entry and 16 for each folder; the rest is
//! read from the snapshot again wherever it is needed.

mod census;
mod compare;
mod decide;
mod extraneous;
mod listing;
mod pass;
mod request;
mod show;
mod tape;

use std::collections::HashMap;

use lumivault_chunk_store::{Event, TreeReader};
use lumivault_format::limits::TREE_DEPTH_MAX;
use lumivault_format::{ContentId, SnapshotId};

pub use census::{ActionCounts, PlanTotals};
pub use request::{OverwriteWhen, RestoreRequest};
pub use show::{Planned, PlannedKind};
pub use tape::Action;

pub(crate) use census::Fill;
pub(crate) use compare::Comparer;
pub(crate) use decide::group_of;
pub(crate) use extraneous::for_each_extraneous;
pub(crate) use listing::{Item, Listing, Spot, stored_path};
pub(crate) use pass::{Opened, Pass, Subfolder, Visit, run as run_pass};
pub(crate) use request::{Scope, TokenState};
pub(crate) use tape::Tape;

use crate::RestoreError;
use crate::error::{Cause, Problem, stops_reading};
use crate::execute::budget::Budget;
use crate::execute::report::Report;
use crate::target::{Abilities, Existing, ExistingKind, Folder, Target, TargetError, There};
use census::Census;

/// A restore, planned.
#[derive(Debug)]
pub struct RestorePlan<'s> {
    pub(crate) request: RestoreRequest<'s>,
    pub(crate) scope: Scope,
    pub(crate) tape: Tape,
    pub(crate) groups: Groups,
    /// Whether what the target holds of an interrupted restore of the same is known to be durable.
    pub(crate) trusted: bool,
    totals: PlanTotals,
    problems: Vec<Problem>,
    problems_total: u64,
}

impl RestorePlan<'_> {
    /// What it comes to.
    pub fn totals(&self) -> &PlanTotals {
        &self.totals
    }

    /// The snapshot that is restored.
    pub fn snapshot(&self) -> SnapshotId {
        self.request.snapshot.id
    }

    /// Entries that cannot be restored, as far as is known already (the first 10,000).
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// How many there are.
    pub fn problems_total(&self) -> u64 {
        self.problems_total
    }

    /// Bytes it takes in memory, hard-linked files and problems apart.
    pub fn memory_bytes(&self) -> usize {
        self.tape.bytes()
    }
}

/// Files that are one file, by the group that the snapshot gives them.
pub(crate) type Groups = HashMap<[u8; 8], Group>;

/// The first file of a group; the others become further names of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    /// Number of its action.
    pub(crate) position: usize,
    content: ContentId,
    written: bool,
    /// Whether there are others.
    pub(crate) shared: bool,
}

/// Plans a restore into a target; `None` stands for one that is not there yet. Writes nothing.
pub fn plan<'s>(
    reader: &TreeReader<'_>,
    request: RestoreRequest<'s>,
    target: Option<&Target>,
) -> Result<RestorePlan<'s>, RestoreError> {
    let env = reader.repository().environment();
    env.monitor.event(Event::Phase("planning the restore"));
    let scope = Scope::of(reader, &request)?;
    let marker = target.map(Target::read_marker).transpose()?.flatten();
    let trusted = request.overwrite.is_none()
        && marker
            .as_ref()
            .is_none_or(|found| *found == request.token(TokenState::Stopped));
    let own = own_abilities();
    let mut planner = Planner {
        reader,
        request: &request,
        scope: &scope,
        abilities: target.map_or(&own, Target::abilities),
        mode: request.overwrite.unwrap_or(if trusted {
            OverwriteWhen::IfChanged
        } else {
            OverwriteWhen::Always
        }),
        budget: Budget::default(),
        report: Report::new(&env.monitor),
        tape: Tape::default(),
        groups: Groups::new(),
        totals: PlanTotals::default(),
        census: Census::default(),
    };
    let root = target.map(Target::root).filter(|root| !root.is_new());
    if let Visited::Unreadable(error) = planner.folder(&Spot::root(&scope), root)? {
        return Err(error.into());
    }
    let Planner {
        report,
        tape,
        groups,
        totals,
        ..
    } = planner;
    let (problems, problems_total) = report.into_problems();
    Ok(RestorePlan {
        request,
        scope,
        tape,
        groups,
        trusted,
        totals,
        problems,
        problems_total,
    })
}

/// What is taken to be possible in a target that is not there yet.
pub(crate) fn own_abilities() -> Abilities {
    Abilities::usual()
}

struct Planner<'p, 'r> {
    reader: &'p TreeReader<'r>,
    request: &'p RestoreRequest<'p>,
    scope: &'p Scope,
    abilities: &'p Abilities,
    mode: OverwriteWhen,
    budget: Budget,
    report: Report,
    tape: Tape,
    groups: Groups,
    totals: PlanTotals,
    census: Census,
}

/// What became of planning a folder.
enum Visited {
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
    fn folder(&mut self, spot: &Spot, here: Option<&Folder>) -> Result<Visited, RestoreError> {
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

    fn problem(&self, path: &crate::target::StoredPath, error: TargetError) {
        self.report.problem(path.clone(), Cause::Target(error.into()));
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

    /// Whether something that is there stays, and why.
    fn keeps(&self, item: &Item, found: &Existing) -> Option<Action> {
        let recorded = (item.entry.stat.mtime_seconds, item.entry.stat.mtime_nanoseconds);
        let there = (found.mtime_seconds, found.mtime_nanoseconds);
        match self.mode {
            OverwriteWhen::Never => Some(Action::Keep),
            OverwriteWhen::IfNewer if there >= recorded => Some(Action::KeepNewer),
            _ => None,
        }
    }
}
