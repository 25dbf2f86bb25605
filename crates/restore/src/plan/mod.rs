//! What a restore will do, as a value: it can be shown, and then carried out.
//!
//! A plan looks at the target and writes nothing. It keeps a byte for each entry and 16 for each folder; the rest is
//! read from the snapshot again wherever it is needed.

mod census;
mod compare;
mod decide;
mod extraneous;
mod folders;
mod listing;
mod pass;
mod request;
mod show;
mod tape;

use std::collections::HashMap;

use lumivault_chunk_store::{Event, TreeReader};
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
use crate::error::{Cause, Problem};
use crate::execute::budget::Budget;
use crate::execute::report::Report;
use crate::target::{Abilities, Existing, StoredPath, Target, TargetError};
use census::Census;
use folders::Visited;

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

    /// Patterns of `include` that match nothing in the snapshot.
    pub fn unmatched_includes(&self) -> Vec<String> {
        self.scope.filter.unmatched().map(ToOwned::to_owned).collect()
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

impl Planner<'_, '_> {
    fn problem(&self, path: &StoredPath, error: TargetError) {
        self.report.problem(path.clone(), Cause::Target(error.into()));
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
