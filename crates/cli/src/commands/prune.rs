//! `prune`: frees the space of what no snapshot needs.

use lumivault_chunk_store::Error;
use lumivault_chunk_store::backend::BackendError;
use lumivault_chunk_store::prune::{Amount, PruneOptions, PruneReport, prune};
use serde::Serialize;

use super::Context;
use super::repo::{self, Opened};
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::output::{count, size};
use crate::request::{Access, Prune};

#[derive(Serialize)]
struct Packs {
    packs: u64,
    bytes: u64,
}

impl From<Amount> for Packs {
    fn from(amount: Amount) -> Self {
        Self {
            packs: amount.packs,
            bytes: amount.bytes,
        }
    }
}

/// What `prune` did, for programs.
#[derive(Serialize)]
pub(crate) struct PruneAnswer {
    dry_run: bool,
    snapshots_removed: u64,
    snapshots_waiting: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_removal: Option<String>,
    all: Packs,
    unneeded: Packs,
    rewritten: Packs,
    rewritten_bytes: u64,
    unused_bytes: u64,
    removed: Packs,
    waiting: Packs,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_sweep: Option<String>,
    held_up: Vec<String>,
    no_room: bool,
}

impl PruneAnswer {
    fn new(report: &PruneReport, dry_run: bool, context: &Context) -> Self {
        Self {
            dry_run,
            snapshots_removed: report.snapshots_removed,
            snapshots_waiting: report.snapshots_waiting,
            next_removal: report
                .next_removal
                .map(|at| moment(at, context, "%Y-%m-%dT%H:%M:%S%:z")),
            all: report.packs.into(),
            unneeded: report.dead.into(),
            rewritten: report.repacked.into(),
            rewritten_bytes: report.copied_bytes,
            unused_bytes: report.unused_bytes,
            removed: report.removed.into(),
            waiting: report.waiting.into(),
            next_sweep: report
                .next_sweep
                .map(|at| moment(at, context, "%Y-%m-%dT%H:%M:%S%:z")),
            held_up: report.held_up.clone(),
            no_room: report.no_room,
        }
    }
}

pub(crate) fn run(request: &Prune, access: &Access, context: &Context) -> Result<ExitCode, Failure> {
    let mut opened = repo::open_to_write(access, context, "prune", request.options.dry_run)?;
    let (code, answer) = carry_out(&request.options, &mut opened, context)?;
    if context.output.is_json() {
        context.output.document(&answer)?;
    }
    Ok(code)
}

/// Prunes an open repository and tells people what was done.
pub(crate) fn carry_out(
    options: &PruneOptions,
    opened: &mut Opened,
    context: &Context,
) -> Result<(ExitCode, PruneAnswer), Failure> {
    let once = |opened: &Opened| {
        let repository = &opened.repository;
        prune(repository, &context.holder(), opened.cache.as_ref(), options)
    };
    let report = match once(opened) {
        // What was done so far counts; with the reserve there is room to go on.
        Err(Error::Backend(BackendError::Full { .. })) if opened.disk.release_reserve() => once(opened)?,
        other => other?,
    };
    if !options.dry_run {
        opened.tell_capabilities();
    }
    opened.progress.finish();
    for reason in &report.held_up {
        opened
            .progress
            .warn(&format!("{reason}; they wait for a later run"));
    }
    if report.no_room {
        opened.progress.warn(
            "there is no room to write anew what is needed, so only packs that nobody needs at all were dealt with; run it \
             again when there is",
        );
    }
    if !context.output.is_json() {
        show(&report, options, context)?;
    }
    // Everything that could be done safely is done, but not everything that was asked for.
    let code = if report.held_up.is_empty() && !report.no_room {
        ExitCode::Done
    } else {
        ExitCode::Incomplete
    };
    Ok((code, PruneAnswer::new(&report, options.dry_run, context)))
}

fn show(report: &PruneReport, options: &PruneOptions, context: &Context) -> Result<(), Failure> {
    let line = |text: &str| context.output.line(text);
    let would = if options.dry_run { "would be " } else { "" };
    if report.snapshots_removed > 0 {
        let snapshots = count(
            report.snapshots_removed,
            "forgotten snapshot",
            "forgotten snapshots",
        );
        line(&format!("{snapshots} {would}removed for good"))?;
    }
    if let Some(at) = report.next_removal {
        let (one, many) = ("forgotten snapshot waits", "forgotten snapshots wait");
        line(&format!(
            "{} with what only {} until {} at the earliest; lumivault prune --now does not wait",
            count(report.snapshots_waiting, one, many),
            if report.snapshots_waiting == 1 {
                "it needs"
            } else {
                "they need"
            },
            moment(at, context, "%Y-%m-%d %H:%M"),
        ))?;
    }
    let packs = |amount: Amount| format!("{}, {}", count(amount.packs, "pack", "packs"), size(amount.bytes));
    let verb = if options.now {
        "no longer needed"
    } else {
        "marked, no longer needed"
    };
    line(&format!("{}: {verb}", packs(report.dead)))?;
    if report.repacked.packs > 0 || report.copied_bytes > 0 {
        line(&format!(
            "{}: {would}replaced by {} of what is needed in them",
            packs(report.repacked),
            size(report.copied_bytes)
        ))?;
    }
    if report.unused_bytes > 0 {
        line(&format!(
            "{} of unneeded content stay in packs that are worth keeping",
            size(report.unused_bytes)
        ))?;
    }
    if report.waiting.packs > 0 {
        let when = report.next_sweep.map(|at| moment(at, context, "%Y-%m-%d %H:%M"));
        line(&format!(
            "{}: waiting; run lumivault prune again{}",
            packs(report.waiting),
            when.map_or_else(String::new, |when| format!(" after {when}"))
        ))?;
    }
    let freed = report.removed;
    line(&format!(
        "{} {would}freed ({})",
        size(freed.bytes),
        count(freed.packs, "pack", "packs")
    ))
}

fn moment(unix_seconds: i64, context: &Context, form: &str) -> String {
    let at = jiff::Timestamp::from_second(unix_seconds).unwrap_or(jiff::Timestamp::MAX);
    at.to_zoned(context.time_zone.clone()).strftime(form).to_string()
}
