//! `repair snapshots`

use std::time::Duration;

use lumivault_chunk_store::repair::{SnapshotsOptions, SnapshotsReport};
use lumivault_format::SnapshotId;
use serde::Serialize;

use super::{
    AffectedAnswer, Context, Failure, ObjectAnswer, ProblemAnswer, affected_answers, aside, count, letters,
    objects, show_affected, some, status, would,
};

#[derive(Serialize)]
struct ReplacedAnswer {
    damaged: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    lost: u64,
}

#[derive(Serialize)]
struct SnapshotsAnswer {
    status: &'static str,
    dry_run: bool,
    mended: Vec<ObjectAnswer>,
    brought_back: Vec<ObjectAnswer>,
    lost: Vec<ProblemAnswer>,
    gone: Vec<String>,
    given_up: bool,
    grace_restarted: Vec<String>,
    affected: Vec<AffectedAnswer>,
    affected_total: u64,
    affected_snapshots: Vec<String>,
    replaced: Vec<ReplacedAnswer>,
    seconds: f64,
}

pub(in super::super) fn snapshots(
    report: &SnapshotsReport,
    options: &SnapshotsOptions<'_>,
    elapsed: Duration,
    context: &Context,
) -> Result<(), Failure> {
    let dry_run = options.dry_run;
    let changed = !report.mended.is_empty() || !report.brought_back.is_empty();
    if context.output.is_json() {
        let lost = report.lost.iter().map(|lost| ProblemAnswer {
            object: ObjectAnswer::new(&lost.object),
            text: lost.problem.clone(),
            set_aside: lost.set_aside && !dry_run,
        });
        let replaced = report.replaced.iter().map(|one| ReplacedAnswer {
            damaged: one.damaged.to_letters(),
            by: one.by.map(SnapshotId::to_letters),
            lost: one.lost,
        });
        return context.output.document(&SnapshotsAnswer {
            status: status(changed, report.is_damaged()),
            dry_run,
            mended: objects(&report.mended),
            brought_back: objects(&report.brought_back),
            lost: lost.collect(),
            gone: letters(&report.gone),
            given_up: report.given_up && !report.gone.is_empty(),
            grace_restarted: letters(&report.grace_restarted),
            affected: affected_answers(&report.affected),
            affected_total: report.affected_total,
            affected_snapshots: letters(&report.affected_snapshots),
            replaced: replaced.collect(),
            seconds: elapsed.as_secs_f64(),
        });
    }
    let would = would(dry_run);
    let mut lines = Vec::new();
    lines.extend(report.mended.iter().map(|id| format!("{id}: {would}mended")));
    let back = report.brought_back.iter();
    lines.extend(back.map(|id| format!("{id} was gone, and {would}brought back")));
    lines.extend(report.lost.iter().map(|lost| {
        if lost.set_aside {
            format!("lost: {}; it {}", lost.problem, aside(dry_run))
        } else {
            format!("{}; it stays", lost.problem)
        }
    }));
    lines.extend(report.gone.iter().map(|id| {
        let given_up = match (report.given_up, dry_run) {
            (false, _) => "",
            (true, false) => "; it is given up",
            (true, true) => "; it would be given up",
        };
        format!("snapshot {id}, which another names as the one before it, is gone{given_up}")
    }));
    let waiting = report.grace_restarted.iter();
    lines.extend(waiting.map(|id| {
        format!("snapshot {id} is forgotten, unless what was lost said otherwise: lumivault forget --undo {id} brings it back")
    }));
    some(context, &lines)?;
    show_affected(
        &report.affected,
        report.affected_total,
        report.affected_snapshots.len(),
        context,
    )?;
    for one in &report.replaced {
        let lost = count(one.lost, "file or folder", "files and folders");
        context.output.line(&match one.by {
            Some(by) => format!("snapshot {} replaced by {by}, without {lost}", one.damaged),
            None => format!("snapshot {} would be replaced by one without {lost}", one.damaged),
        })?;
    }
    if !report.affected_snapshots.is_empty() && !options.drop_lost {
        context.output.line(
            "lumivault repair packs --from fetches what they lack from another copy; if there is none, lumivault repair snapshots \
             --drop-lost replaces them by snapshots without it",
        )?;
    }
    if !report.gone.is_empty() && options.from.is_none() && !report.given_up {
        context.output.line(
            "lumivault repair snapshots --from COPY fetches what is gone from another copy; if there is none, --drop-lost gives \
             it up",
        )?;
    }
    match status(changed, report.is_damaged()) {
        "clean" => context.output.line("no damage was found"),
        _ => Ok(()),
    }
}
