//! What a repair found and did, for people and as JSON.

use std::time::Duration;

use jiff::Timestamp;
use lumivault_chunk_store::check::Affected;
use lumivault_chunk_store::repair::{
    IndexReport, PacksReport, SessionInfo, SessionsReport, SnapshotsOptions, SnapshotsReport,
};
use lumivault_format::{ObjectId, ObjectName, SessionKind, SnapshotId};
use serde::Serialize;

use super::super::Context;
use super::super::answer::{ArchivePath, ObjectAnswer, shown_path};
use super::super::summary::grouped;
use crate::failure::Failure;
use crate::output::table::Align;
use crate::output::{Table, count, size};

/// Lines of one kind shown to people; `--json` has more.
const SHOWN_MAX: usize = 50;

/// `clean`: there was nothing to do; `mended`; `damaged`: something stays lost or damaged.
fn status(changed: bool, damaged: bool) -> &'static str {
    match (damaged, changed) {
        (true, _) => "damaged",
        (false, true) => "mended",
        (false, false) => "clean",
    }
}

#[derive(Serialize)]
struct ProblemAnswer {
    object: ObjectAnswer,
    text: String,
    set_aside: bool,
}

#[derive(Serialize)]
struct PackProblem {
    pack: String,
    text: String,
}

#[derive(Serialize)]
struct GoneAnswer {
    pack: String,
    chunks: u64,
}

#[derive(Serialize)]
struct IndexAnswer {
    status: &'static str,
    dry_run: bool,
    objects: u64,
    mended: Vec<ObjectAnswer>,
    unreadable: Vec<ProblemAnswer>,
    packs: u64,
    packs_listed_anew: Vec<String>,
    packs_gone: Vec<GoneAnswer>,
    chunks_missing: u64,
    damaged: Vec<PackProblem>,
    seconds: f64,
}

fn hex(names: &[ObjectName]) -> Vec<String> {
    names.iter().map(|name| name.to_hex()).collect()
}

fn objects(ids: &[ObjectId]) -> Vec<ObjectAnswer> {
    ids.iter().map(ObjectAnswer::new).collect()
}

fn would(dry_run: bool) -> &'static str {
    if dry_run { "would be " } else { "" }
}

/// The first of several lines, and how many more there are.
fn some(context: &Context, lines: &[String]) -> Result<(), Failure> {
    for line in lines.iter().take(SHOWN_MAX) {
        context.output.line(line)?;
    }
    match lines.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
        Some(more) => context.output.line(&format!("and {} more", grouped(more as u64))),
        None => Ok(()),
    }
}

pub(super) fn index(
    report: &IndexReport,
    dry_run: bool,
    elapsed: Duration,
    context: &Context,
) -> Result<(), Failure> {
    if context.output.is_json() {
        let unreadable = report.unreadable.iter().map(|(object, text)| ProblemAnswer {
            object: ObjectAnswer::new(object),
            text: text.clone(),
            set_aside: !dry_run,
        });
        let gone = report.gone.iter().map(|pack| GoneAnswer {
            pack: pack.name.to_hex(),
            chunks: pack.chunks,
        });
        let damaged = report.damaged.iter().map(|(name, text)| PackProblem {
            pack: name.to_hex(),
            text: text.clone(),
        });
        return context.output.document(&IndexAnswer {
            status: status(report.changed, report.is_damaged()),
            dry_run,
            objects: report.objects,
            mended: objects(&report.mended),
            unreadable: unreadable.collect(),
            packs: report.packs,
            packs_listed_anew: hex(&report.added),
            packs_gone: gone.collect(),
            chunks_missing: report.missing_chunks,
            damaged: damaged.collect(),
            seconds: elapsed.as_secs_f64(),
        });
    }
    let would = would(dry_run);
    let mut lines = Vec::new();
    lines.extend(
        report
            .mended
            .iter()
            .map(|id| format!("{id}: {would}mended from a copy")),
    );
    let unreadable = report.unreadable.iter();
    lines.extend(unreadable.map(|(_, text)| format!("{text}; it {}", aside(dry_run))));
    let gone = report.gone.iter();
    lines.extend(gone.map(|pack| {
        let chunks = count(pack.chunks, "chunk", "chunks");
        format!(
            "pack {} with {chunks} is gone, and {would}listed no more",
            pack.name.to_hex()
        )
    }));
    let damaged = report.damaged.iter();
    lines.extend(damaged.map(|(name, text)| format!("damage: pack {}: {text}", name.to_hex())));
    some(context, &lines)?;
    let packs = count(report.packs, "pack", "packs");
    context.output.line(&match report.changed {
        true => format!(
            "the index {would}written anew: {packs}, {} of them listed anew",
            grouped(report.added.len() as u64)
        ),
        false => format!("the index lists what is there: {packs}"),
    })?;
    if report.missing_chunks > 0 {
        context.output.line(&format!(
            "{} in no pack any more; lumivault repair packs --from fetches them from another copy, or tells what they belong to",
            count(report.missing_chunks, "chunk is", "chunks are")
        ))?;
    }
    if !report.damaged.is_empty() {
        context
            .output
            .line("something is wrong with the packs named above; lumivault repair packs mends them")?;
    }
    Ok(())
}

fn aside(dry_run: bool) -> &'static str {
    if dry_run {
        "would be set aside"
    } else {
        "was set aside"
    }
}

#[derive(Serialize)]
struct DamagedAnswer {
    pack: String,
    text: String,
    chunks_good: u64,
    chunks_bad: u64,
    set_aside: bool,
}

#[derive(Serialize)]
struct AffectedAnswer {
    snapshot: String,
    #[serde(flatten)]
    path: ArchivePath,
}

#[derive(Serialize)]
struct PacksAnswer {
    status: &'static str,
    dry_run: bool,
    packs: u64,
    bytes_read: u64,
    mended: Vec<String>,
    damaged: Vec<DamagedAnswer>,
    chunks_copied: u64,
    chunks_fetched: u64,
    chunks_lost: u64,
    chunks_lost_unneeded: u64,
    unreadable_records: u64,
    affected: Vec<AffectedAnswer>,
    affected_total: u64,
    affected_snapshots: Vec<String>,
    seconds: f64,
}

fn affected_answers(affected: &[Affected]) -> Vec<AffectedAnswer> {
    let one = |one: &Affected| AffectedAnswer {
        snapshot: one.snapshot.to_letters(),
        path: ArchivePath::new(&one.path),
    };
    affected.iter().map(one).collect()
}

fn letters(ids: &[SnapshotId]) -> Vec<String> {
    ids.iter().map(|id| id.to_letters()).collect()
}

fn show_affected(
    affected: &[Affected],
    total: u64,
    snapshots: usize,
    context: &Context,
) -> Result<(), Failure> {
    if snapshots == 0 {
        return Ok(());
    }
    let snapshots = count(snapshots as u64, "snapshot", "snapshots");
    context.output.line(&format!(
        "{snapshots} cannot be restored whole; these files and folders lack something:"
    ))?;
    for one in affected.iter().take(SHOWN_MAX) {
        context
            .output
            .line(&format!("  {}  {}", one.snapshot, shown_path(&one.path)))?;
    }
    let shown = affected.len().min(SHOWN_MAX) as u64;
    if total > shown {
        let more = grouped(total - shown);
        context
            .output
            .line(&format!("  and {more} more; --json names more of them"))?;
    }
    Ok(())
}

pub(super) fn packs(
    report: &PacksReport,
    dry_run: bool,
    elapsed: Duration,
    context: &Context,
) -> Result<(), Failure> {
    let changed = !report.mended.is_empty() || !report.damaged.is_empty() || report.fetched > 0;
    if context.output.is_json() {
        let damaged = report.damaged.iter().map(|pack| DamagedAnswer {
            pack: pack.name.to_hex(),
            text: pack.problem.clone(),
            chunks_good: pack.good,
            chunks_bad: pack.bad,
            set_aside: pack.set_aside,
        });
        return context.output.document(&PacksAnswer {
            status: status(changed, report.is_damaged()),
            dry_run,
            packs: report.packs,
            bytes_read: report.bytes,
            mended: hex(&report.mended),
            damaged: damaged.collect(),
            chunks_copied: report.copied,
            chunks_fetched: report.fetched,
            chunks_lost: report.lost,
            chunks_lost_unneeded: report.lost_unneeded,
            unreadable_records: report.unreadable_records,
            affected: affected_answers(&report.affected),
            affected_total: report.affected_total,
            affected_snapshots: letters(&report.affected_snapshots),
            seconds: elapsed.as_secs_f64(),
        });
    }
    let would = would(dry_run);
    let mut lines = Vec::new();
    let mended = report.mended.iter();
    lines.extend(mended.map(|name| format!("pack {}: {would}mended from parity", name.to_hex())));
    lines.extend(report.damaged.iter().map(|pack| {
        let (good, bad) = (grouped(pack.good), grouped(pack.bad));
        let rest = match pack.set_aside {
            true => format!(
                "{good} of its chunks are good, {bad} are not; it {}",
                aside(dry_run)
            ),
            false => format!("{good} of its chunks can be read, {bad} cannot now; it stays"),
        };
        format!("damage: pack {}: {}; {rest}", pack.name.to_hex(), pack.problem)
    }));
    some(context, &lines)?;
    let output = &context.output;
    output.line(&format!(
        "read every byte of {}, {}",
        count(report.packs, "pack", "packs"),
        size(report.bytes)
    ))?;
    if changed {
        output.line(&format!(
            "{} {would}mended from parity; {} {would}written anew, {} {would}fetched",
            count(report.mended.len() as u64, "pack", "packs"),
            count(report.copied, "chunk", "chunks"),
            count(report.fetched, "chunk", "chunks"),
        ))?;
    }
    if report.lost > 0 {
        output.line(&format!(
            "{} that snapshots need are nowhere; name another copy with --from, or back up the originals again",
            count(report.lost, "chunk", "chunks")
        ))?;
    }
    show_affected(
        &report.affected,
        report.affected_total,
        report.affected_snapshots.len(),
        context,
    )?;
    if report.unreadable_records > 0 {
        output.line(&format!(
            "{} cannot be read, and what they need is not known: lumivault repair snapshots first, and then this again",
            count(report.unreadable_records, "snapshot or annotation", "snapshots and annotations")
        ))?;
    }
    match status(changed, report.is_damaged()) {
        "clean" => output.line("no damage was found"),
        "mended" if !dry_run => output.line("nothing is lost"),
        _ => Ok(()),
    }
}

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
    grace_restarted: Vec<String>,
    affected: Vec<AffectedAnswer>,
    affected_total: u64,
    affected_snapshots: Vec<String>,
    replaced: Vec<ReplacedAnswer>,
    seconds: f64,
}

pub(super) fn snapshots(
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
    lines.extend(report.lost.iter().map(|lost| match lost.set_aside {
        true => format!("lost: {}; it {}", lost.problem, aside(dry_run)),
        false => format!("{}; it stays", lost.problem),
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
    match status(changed, report.is_damaged()) {
        "clean" => context.output.line("no damage was found"),
        _ => Ok(()),
    }
}

#[derive(Serialize)]
struct SessionAnswer {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    began: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refreshed: Option<String>,
    dead: bool,
    removed: bool,
}

#[derive(Serialize)]
struct SessionsAnswer {
    status: &'static str,
    dry_run: bool,
    sessions: Vec<SessionAnswer>,
    revocations_set_aside: Vec<String>,
}

fn kind(session: &SessionInfo) -> &'static str {
    match session.kind {
        Some(SessionKind::Writer) => "backup",
        Some(SessionKind::Maintenance) => "maintenance",
        Some(SessionKind::Exclusive) => "exclusive",
        None => "unreadable",
    }
}

fn moment(unix_seconds: i64, context: &Context, form: &str) -> String {
    let at = Timestamp::from_second(unix_seconds).unwrap_or(Timestamp::MAX);
    at.to_zoned(context.time_zone.clone()).strftime(form).to_string()
}

pub(super) fn sessions(report: &SessionsReport, dry_run: bool, context: &Context) -> Result<(), Failure> {
    let removed = report.sessions.iter().any(|session| session.removed);
    if context.output.is_json() {
        let rfc3339 = |at| moment(at, context, "%Y-%m-%dT%H:%M:%S%:z");
        let answer = |session: &SessionInfo| {
            let known = session.kind.is_some();
            SessionAnswer {
                kind: kind(session),
                host: known.then(|| session.host.clone()),
                process: known.then_some(session.process),
                began: known.then(|| rfc3339(session.began_unix_seconds)),
                refreshed: known.then(|| rfc3339(session.refreshed_unix_seconds)),
                dead: session.is_dead,
                removed: session.removed && !dry_run,
            }
        };
        let names: Vec<ObjectName> = report.unreadable_revocations.iter().map(|id| id.name).collect();
        return context.output.document(&SessionsAnswer {
            status: status(removed, report.is_damaged()),
            dry_run,
            sessions: report.sessions.iter().map(answer).collect(),
            revocations_set_aside: hex(&names),
        });
    }
    if report.sessions.is_empty() {
        return context.output.line("nobody is at work");
    }
    let mut table = Table::new(&[
        ("kind", Align::Left),
        ("host", Align::Left),
        ("process", Align::Right),
        ("began", Align::Left),
        ("last seen", Align::Left),
        ("", Align::Left),
    ]);
    for session in &report.sessions {
        let state = match (session.removed, dry_run) {
            (true, false) => "removed",
            (true, true) => "would be removed",
            (false, _) if session.kind.is_none() => "cannot be read; --all sets it aside",
            (false, _) => "at work, as far as is known",
        };
        let known = session.kind.is_some();
        let when = |at| match known {
            true => moment(at, context, "%Y-%m-%d %H:%M"),
            false => String::new(),
        };
        table.row([
            kind(session).to_owned(),
            session.host.clone(),
            if known {
                session.process.to_string()
            } else {
                String::new()
            },
            when(session.began_unix_seconds),
            when(session.refreshed_unix_seconds),
            state.to_owned(),
        ]);
    }
    context.output.table(&table)
}
