//! `forget`: snapshots are hidden from lists and dates, by name or by rules, and brought back.

mod show;

use jiff::civil::Date;
use lumivault_chunk_store::forget::policy::{Group, GroupBy, KeepRules, plan};
use lumivault_chunk_store::forget::{self, Outcome};
use lumivault_chunk_store::prune::PruneOptions;
use lumivault_chunk_store::{Error, StoredSnapshot};
use lumivault_format::{CivilDate, SnapshotId};

use super::Context;
use super::repo::{self, Listed, Opened};
use super::select::{each, passes};
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::request::{Access, Filter, Forget, Forgetting, Selector};

/// Days that `prune` leaves what is forgotten.
const GRACE_DAYS: u32 = 7;

pub(crate) fn run(request: &Forget, access: &Access, context: &Context) -> Result<ExitCode, Failure> {
    let mut opened = repo::open_to_write(access, context, "forget", request.dry_run)?;
    let listed = opened.snapshots()?;
    let mut answer = match &request.what {
        Forgetting::Named(named) => by_name(named, request, &mut opened, &listed, context)?,
        Forgetting::Rules { keep, by } => by_rules(keep, *by, request, &mut opened, &listed, context)?,
        Forgetting::Undo(prefixes) => undo(prefixes, request, &mut opened, &listed, context)?,
    };
    let mut code = Ok(listed.code());
    if request.prune {
        let options = PruneOptions {
            dry_run: request.dry_run,
            ..PruneOptions::default()
        };
        code = super::prune::carry_out(&options, &mut opened, context).map(|(pruned, report)| {
            answer.prune = Some(report);
            listed.code().and(pruned)
        });
    }
    // Also where pruning failed: what was forgotten is.
    if context.output.is_json() {
        context.output.document(&answer)?;
    }
    code
}

/// Forgets those that are named. Unlike anywhere else a time must hold the snapshot: else the same command, run again,
/// would forget the one before.
fn by_name(
    named: &[Selector],
    request: &Forget,
    opened: &mut Opened,
    listed: &Listed,
    context: &Context,
) -> Result<show::Answer, Failure> {
    let chosen = each(&listed.snapshots, named, &request.filter, true, context)?;
    let ids: Vec<SnapshotId> = chosen.iter().map(|one| one.id).collect();
    let outcome = forget_these(&ids, request, opened, &chosen, context)?;
    opened.progress.finish();
    show::named(&chosen, &outcome, request.dry_run, context)
}

/// Forgets what the rules do not keep.
fn by_rules(
    keep: &KeepRules,
    by: GroupBy,
    request: &Forget,
    opened: &mut Opened,
    listed: &Listed,
    context: &Context,
) -> Result<show::Answer, Failure> {
    let live = listed.snapshots.iter().filter(|one| one.is_live());
    let chosen: Vec<&StoredSnapshot> = live.filter(|one| passes(one, &request.filter)).collect();
    if chosen.is_empty() && !request.filter.is_empty() {
        return Err(Failure::failed("no snapshot is chosen by these options")
            .hint("lumivault snapshots lists what there is"));
    }
    let groups = plan(chosen.iter().copied(), keep, by, civil(context.today()));
    if let Some(group) = groups.iter().find(|group| group.keeps_nothing()) {
        return Err(Failure::usage(format!(
            "these rules would keep nothing of {}; nothing was changed",
            show::title(group)
        ))
        .hint("--keep-last 1 keeps the newest; to forget all, name the snapshots"));
    }
    let ids = forgotten_of(&groups);
    let outcome = forget_these(&ids, request, opened, &chosen, context)?;
    opened.progress.finish();
    show::rules(&groups, &outcome, request.dry_run, context)
}

/// Writes the tombstones. Whoever frees space in the same run begins where this returns.
fn forget_these(
    ids: &[SnapshotId],
    request: &Forget,
    opened: &mut Opened,
    chosen: &[&StoredSnapshot],
    context: &Context,
) -> Result<Outcome, Failure> {
    if !request.dry_run {
        let outcome = forget::forget(&opened.repository, ids, &context.host)?;
        opened.tell_capabilities();
        return Ok(outcome);
    }
    let named = || chosen.iter().filter(|one| ids.contains(&one.id));
    let pinned: Vec<SnapshotId> = named().filter(|one| one.pinned).map(|one| one.id).collect();
    if !pinned.is_empty() {
        return Err(Error::Pinned(pinned).into());
    }
    let (changed, unchanged): (Vec<_>, Vec<_>) = named().partition(|one| one.is_live());
    Ok(outcome_of(&changed, &unchanged))
}

/// Brings back.
fn undo(
    prefixes: &[String],
    request: &Forget,
    opened: &mut Opened,
    listed: &Listed,
    context: &Context,
) -> Result<show::Answer, Failure> {
    let named: Vec<Selector> = prefixes.iter().cloned().map(Selector::Id).collect();
    let chosen = each(&listed.snapshots, &named, &Filter::default(), true, context);
    let chosen = chosen.map_err(|failure| match failure.code() {
        ExitCode::Failed => failure
            .hint("lumivault snapshots --forgotten lists what is there; anything else, prune has removed"),
        _ => failure,
    })?;
    let outcome = if request.dry_run {
        if chosen.iter().any(|one| one.removal) {
            let removed = chosen.iter().filter(|one| one.removal);
            return Err(Error::Removed(removed.map(|one| one.id).collect()).into());
        }
        let (unchanged, changed): (Vec<_>, Vec<_>) = chosen.iter().partition(|one| one.is_live());
        outcome_of(&changed, &unchanged)
    } else {
        let ids: Vec<SnapshotId> = chosen.iter().map(|one| one.id).collect();
        forget::revive(&opened.repository, &ids, &context.host)?
    };
    opened.progress.finish();
    show::undone(&chosen, &outcome, request.dry_run, context)
}

fn outcome_of(changed: &[&&StoredSnapshot], unchanged: &[&&StoredSnapshot]) -> Outcome {
    let ids = |all: &[&&StoredSnapshot]| all.iter().map(|one| one.id).collect();
    Outcome {
        changed: ids(changed),
        unchanged: ids(unchanged),
    }
}

fn forgotten_of(groups: &[Group<'_>]) -> Vec<SnapshotId> {
    let decisions = groups.iter().flat_map(|group| &group.decisions);
    decisions
        .filter(|one| !one.keep)
        .map(|one| one.snapshot.id)
        .collect()
}

/// A day of this machine's calendar.
fn civil(day: Date) -> CivilDate {
    let small = |field: i8| u8::try_from(field).unwrap_or(1);
    CivilDate::new(day.year(), small(day.month()), small(day.day())).unwrap_or(CivilDate::MAX)
}
