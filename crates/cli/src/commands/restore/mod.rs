//! `restore`: brings back a snapshot or part of one. Plans first, shows the plan or carries it out, and tells.

mod answer;
mod show;

use lumivault_chunk_store::{StoredSnapshot, TreeReader};
use lumivault_restore::filter::{Filter, Located, locate};
use lumivault_restore::target::StoredPath;
use lumivault_restore::{
    Outcome, OverwriteWhen, RestorePlan, RestoreRequest, RestoreSummary, execute, inspect_target,
    open_target, plan,
};

use super::answer::Selected;
use super::looking::rules;
use super::repo::Opened;
use super::select::{Chosen, choose};
use super::{Context, repo};
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::request::{Access, Overwrite, Restore};

/// What the answer tells besides the outcome.
pub(crate) struct Told<'r> {
    pub(crate) request: &'r Restore,
    pub(crate) snapshot: &'r StoredSnapshot,
    pub(crate) selected: &'r Option<Selected>,
    /// Stored names above what is restored: reports of the library begin below.
    pub(crate) above: Vec<Vec<u8>>,
}

pub(crate) fn run(request: &Restore, access: &Access, context: &Context) -> Result<ExitCode, Failure> {
    attempt(request, access, context).map_err(|failure| {
        if failure.code() == ExitCode::Interrupted && !request.dry_run {
            failure.hint("run the same command again; what is restored already is not read again")
        } else {
            failure
        }
    })
}

fn attempt(request: &Restore, access: &Access, context: &Context) -> Result<ExitCode, Failure> {
    // Before anything is opened or made.
    Filter::new(&rules(&request.include, &request.exclude, &request.only))?;
    let mut opened = repo::open(access, context, "restore")?;
    let listed = opened.snapshots()?;
    let Chosen { snapshot, selected } = choose(&listed.snapshots, &request.selection, context)?;
    let index = opened.index()?;
    let reader = TreeReader::new(&opened.repository, &index);
    let wanted = wanted(request, snapshot, context);
    // Before a folder is made for what is not there.
    let above = match locate(&reader, &snapshot.snapshot, &wanted.path)? {
        Located::Folder { .. } => request.path.clone(),
        Located::Entry { .. } => request
            .path
            .split_last()
            .map_or_else(Vec::new, |(_, above)| above.to_vec()),
    };
    let told = Told {
        request,
        snapshot,
        selected: &selected,
        above,
    };
    if request.dry_run {
        let target = inspect_target(&request.target, &wanted)?;
        let plan = plan(&reader, wanted, target.as_ref())?;
        opened.progress.finish();
        let elapsed = opened.progress.elapsed();
        show::plan(&plan, (&reader, target.as_ref()), &told, elapsed, context)?;
        return Ok(code_of_plan(&plan).and(unmatched(&plan, context)));
    }
    let target = open_target(&request.target, &wanted)?;
    let plan = plan(&reader, wanted, Some(&target))?;
    let summary = execute(&plan, &reader, &target)?;
    tell((&plan, &summary), &told, &opened, context)?;
    let code = unmatched(&plan, context);
    Ok(code.and(match summary.outcome() {
        Outcome::Complete => ExitCode::Done,
        Outcome::Incomplete => ExitCode::Incomplete,
        Outcome::Damaged => ExitCode::Damage,
    }))
}

/// Warns of patterns by which nothing could be chosen.
fn unmatched(plan: &RestorePlan<'_>, context: &Context) -> ExitCode {
    let unmatched = plan.unmatched_includes();
    if unmatched.is_empty() {
        return ExitCode::Done;
    }
    context.warn(&format!(
        "nothing in the snapshot matches {}; lumivault find and lumivault ls show what is there",
        unmatched.join(", ")
    ));
    ExitCode::Incomplete
}

/// The request as the library takes it.
fn wanted<'s>(request: &Restore, snapshot: &'s StoredSnapshot, context: &Context) -> RestoreRequest<'s> {
    let mut wanted = RestoreRequest::new(snapshot);
    wanted.path = StoredPath::new(request.path.clone());
    wanted.filter = rules(&request.include, &request.exclude, &request.only);
    wanted.overwrite = request.overwrite.map(|overwrite| match overwrite {
        Overwrite::Always => OverwriteWhen::Always,
        Overwrite::IfChanged => OverwriteWhen::IfChanged,
        Overwrite::IfNewer => OverwriteWhen::IfNewer,
        Overwrite::Never => OverwriteWhen::Never,
    });
    wanted.delete = request.delete;
    wanted.verify = request.verify;
    wanted.threads = context.threads();
    wanted
}

/// What carrying it out would end with, as far as is known already.
fn code_of_plan(plan: &RestorePlan<'_>) -> ExitCode {
    let damaged = plan.problems().iter().any(|problem| problem.cause.is_damage());
    if damaged || plan.totals().missing_files > 0 {
        ExitCode::Damage
    } else if plan.problems_total() > 0 {
        ExitCode::Incomplete
    } else {
        ExitCode::Done
    }
}

fn tell(
    (plan, summary): (&RestorePlan<'_>, &RestoreSummary),
    told: &Told<'_>,
    opened: &Opened,
    context: &Context,
) -> Result<(), Failure> {
    opened.progress.finish();
    if context.output.is_json() {
        let answer = answer::Answer::of_summary((plan, summary), told, opened.progress.elapsed());
        return context.output.document(&answer);
    }
    show::summary(summary, told, context)
}
