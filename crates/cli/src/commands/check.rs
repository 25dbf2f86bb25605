//! `check`: whether the repository is whole.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use lumivault_chunk_store::StoredSnapshot;
use lumivault_chunk_store::check::{
    Affected, CheckCounts, CheckOptions, CheckReport, Finding, ReadData, Severity, Subset, check,
};
use lumivault_format::SnapshotId;
use serde::Serialize;

use super::advice::after_check;
use super::answer::{ArchivePath, ObjectAnswer, shown_path};
use super::summary::{grouped, many};
use super::{Context, repo};
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::output::{count, size};
use crate::request::{self, Access, Check};

/// Affected files shown to people; `--json` has more.
const SHOWN_MAX: usize = 50;

#[derive(Serialize)]
struct ProblemAnswer {
    severity: &'static str,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<ObjectAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chunk: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot: Option<String>,
    #[serde(flatten)]
    path: Option<ArchivePath>,
}

#[derive(Serialize)]
struct AffectedAnswer {
    snapshot: String,
    #[serde(flatten)]
    path: ArchivePath,
    #[serde(skip_serializing_if = "Option::is_none")]
    chunk: Option<String>,
}

#[derive(Serialize)]
struct CheckAnswer {
    status: &'static str,
    objects: u64,
    snapshots: u64,
    folders: u64,
    files: u64,
    chunks: u64,
    packs: u64,
    packs_read: u64,
    bytes_read: u64,
    problems: Vec<ProblemAnswer>,
    problems_total: u64,
    affected: Vec<AffectedAnswer>,
    affected_total: u64,
    affected_snapshots: Vec<String>,
    rolled_back: bool,
    seconds: f64,
}

pub(crate) fn run(request: Check, access: &Access, context: &Context) -> Result<ExitCode, Failure> {
    let mut opened = repo::open(access, context, "check")?;
    let index = opened.index()?;
    let options = CheckOptions {
        read: read(request.read_data),
        threads: NonZeroUsize::new(context.threads()).unwrap_or(NonZeroUsize::MIN),
    };
    let report = check(&opened.repository, &index, &options)?;
    // For their dates, and because this machine may know of some that are gone.
    let listed = opened.snapshots()?;
    opened.progress.finish();
    if context.output.is_json() {
        context
            .output
            .document(&answer(&report, listed.is_rolled_back, opened.progress.elapsed()))?;
    } else {
        show(&report, &listed.snapshots, request, context)?;
        if listed.is_rolled_back && !report.is_damaged() {
            context.output.line(
                "snapshots that this machine saw here are gone: `lumivault repair snapshots --from COPY` fetches them from another \
                 copy of the repository; --accept-rollback with the next command that writes accepts what is there",
            )?;
        }
    }
    Ok(if report.is_damaged() {
        ExitCode::Damage
    } else if listed.is_rolled_back {
        ExitCode::Stale
    } else {
        ExitCode::Done
    })
}

fn read(read: request::ReadData) -> ReadData {
    match read {
        request::ReadData::None => ReadData::Structure,
        request::ReadData::All => ReadData::AllData,
        request::ReadData::Some(subset) => ReadData::Subset(match subset {
            request::Subset::PartsPerMillion(parts) => Subset::Percent(f64::from(parts) / 10_000.0),
            request::Subset::Bytes(bytes) => Subset::Bytes(bytes),
            request::Subset::Group { number, of } => Subset::Part { part: number, of },
        }),
    }
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "notice",
        Severity::Warning => "warning",
        Severity::Damage => "damage",
    }
}

fn answer(report: &CheckReport, rolled_back: bool, elapsed: Duration) -> CheckAnswer {
    let problem = |finding: &Finding| ProblemAnswer {
        severity: word(finding.severity),
        text: finding.message.clone(),
        object: finding.object.as_ref().map(ObjectAnswer::new),
        chunk: finding.chunk.map(|chunk| chunk.to_string()),
        snapshot: finding.snapshot.map(SnapshotId::to_letters),
        path: finding.path.as_deref().map(ArchivePath::new),
    };
    let affected = |affected: &Affected| AffectedAnswer {
        snapshot: affected.snapshot.to_letters(),
        path: ArchivePath::new(&affected.path),
        chunk: affected.chunk.map(|chunk| chunk.to_string()),
    };
    let CheckCounts {
        objects,
        packs,
        packs_read,
        bytes_read,
        chunks,
        snapshots,
        folders,
        files,
    } = report.counts;
    CheckAnswer {
        status: if report.is_damaged() { "damaged" } else { "clean" },
        objects,
        snapshots,
        folders,
        files,
        chunks,
        packs,
        packs_read,
        bytes_read,
        problems: report.findings.iter().map(problem).collect(),
        problems_total: report.findings_total,
        affected: report.affected.iter().map(affected).collect(),
        affected_total: report.affected_total,
        rolled_back,
        affected_snapshots: report
            .affected_snapshots
            .iter()
            .map(|id| id.to_letters())
            .collect(),
        seconds: elapsed.as_secs_f64(),
    }
}

fn show(
    report: &CheckReport,
    snapshots: &[StoredSnapshot],
    request: Check,
    context: &Context,
) -> Result<(), Failure> {
    let output = &context.output;
    for finding in &report.findings {
        output.line(&line(finding))?;
    }
    if let Some(text) = more(report.findings.len(), report.findings_total) {
        output.line(&text)?;
    }
    show_affected(report, snapshots, context)?;
    let CheckCounts {
        packs,
        packs_read,
        bytes_read,
        chunks,
        snapshots,
        folders,
        files,
        ..
    } = report.counts;
    output.line(&format!(
        "checked {}, {}, {}, {}, {}",
        many(snapshots, "snapshot"),
        many(folders, "folder"),
        many(files, "file"),
        many(chunks, "chunk"),
        many(packs, "pack"),
    ))?;
    if packs_read > 0 {
        let packs = count(packs_read, "pack", "packs");
        output.line(&format!("read every byte of {packs}, {}", size(bytes_read)))?;
    }
    output.line(match report.worst {
        Some(Severity::Damage) => "the repository is damaged",
        Some(Severity::Warning) => "nothing is lost, but see the warnings above",
        Some(Severity::Note) | None => "no damage was found",
    })?;
    if report.is_damaged() {
        output.line(&after_check(&report.remedies))?;
    }
    if request.read_data == request::ReadData::None {
        context.remark("the data itself was not read; --read-data does that");
    }
    Ok(())
}

/// `damage: packs/ab/ab12…: it is missing; …`.
fn line(finding: &Finding) -> String {
    let object = finding.object.as_ref().map(|object| format!("{object}: "));
    let chunk = finding.chunk.map(|chunk| format!("chunk {chunk}: "));
    let place = finding.snapshot.as_ref().zip(finding.path.as_deref());
    let place = place.map(|(snapshot, path)| format!(" ({} in {snapshot})", shown_path(path)));
    format!(
        "{}: {}{}{}{}",
        word(finding.severity),
        object.unwrap_or_default(),
        chunk.unwrap_or_default(),
        finding.message,
        place.unwrap_or_default()
    )
}

fn show_affected(
    report: &CheckReport,
    snapshots: &[StoredSnapshot],
    context: &Context,
) -> Result<(), Failure> {
    if report.affected_total == 0 {
        return Ok(());
    }
    let output = &context.output;
    let dates: HashMap<SnapshotId, String> = snapshots.iter().map(|one| (one.id, date(one))).collect();
    let number = report.affected_snapshots.len();
    output.line(&format!(
        "{} cannot be restored whole:",
        count(number as u64, "snapshot", "snapshots")
    ))?;
    for id in report.affected_snapshots.iter().take(SHOWN_MAX) {
        let date = dates.get(id).map_or("", String::as_str);
        output.line(&format!("  {id}  {date}"))?;
    }
    output.line("affected files and folders:")?;
    for affected in report.affected.iter().take(SHOWN_MAX) {
        output.line(&format!(
            "  {}  {}",
            affected.snapshot,
            shown_path(&affected.path)
        ))?;
    }
    match more(report.affected.len().min(SHOWN_MAX), report.affected_total) {
        Some(text) => output.line(&format!("  {text}; --json names more of them")),
        None => Ok(()),
    }
}

/// The date of a snapshot, and its phone if that has a name.
fn date(stored: &StoredSnapshot) -> String {
    let (time, phone) = (stored.snapshot.time, &stored.snapshot.phone);
    if phone.is_empty() {
        time.to_string()
    } else {
        format!("{time}, {phone}")
    }
}

fn more(shown: usize, total: u64) -> Option<String> {
    let more = total.checked_sub(shown as u64).filter(|more| *more > 0)?;
    Some(format!("and {} more", grouped(more)))
}
