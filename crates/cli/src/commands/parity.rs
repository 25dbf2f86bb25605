//! `parity`: what mends a repository that rots.

use std::time::Duration;

use lumivault_chunk_store::parity::{self, AddReport, Damaged, Outlook, RemoveReport, ScrubReport};
use serde::Serialize;

use super::Context;
use super::answer::ObjectAnswer;
use super::repo::{self, Opened};
use super::summary::grouped;
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::output::{count, size};
use crate::request::{Access, Parity};

/// Damaged objects shown to people; `--json` has more.
const SHOWN_MAX: usize = 50;

#[derive(Serialize)]
struct AddAnswer {
    dry_run: bool,
    percent: u8,
    packs: u64,
    copies: u64,
    bytes: u64,
    damaged: u64,
    seconds: f64,
}

#[derive(Serialize)]
struct RemoveAnswer {
    dry_run: bool,
    objects: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct DamagedAnswer {
    object: ObjectAnswer,
    mendable: bool,
    /// Shards of 16 KiB; only of packs that have parity.
    #[serde(skip_serializing_if = "Option::is_none")]
    bad_shards: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mendable_shards: Option<usize>,
}

#[derive(Serialize)]
struct ScrubAnswer {
    status: &'static str,
    dry_run: bool,
    packs: u64,
    objects: u64,
    bytes_read: u64,
    sound: u64,
    rewritten: u64,
    removed: u64,
    damaged: Vec<DamagedAnswer>,
    damaged_total: u64,
    unmendable_total: u64,
    seconds: f64,
}

pub(crate) fn run(request: Parity, access: &Access, context: &Context) -> Result<ExitCode, Failure> {
    let dry_run = match request {
        Parity::Add { dry_run, .. } | Parity::Remove { dry_run } | Parity::Scrub { dry_run } => dry_run,
    };
    let mut opened = repo::open_to_write(access, context, "parity", dry_run)?;
    match request {
        Parity::Add { percent, dry_run } => {
            let report = parity::add(&mut opened.repository, percent, dry_run)?;
            finish(&mut opened);
            show_added(percent, dry_run, &report, opened.progress.elapsed(), context)
        }
        Parity::Remove { dry_run } => {
            let report = parity::remove(&mut opened.repository, dry_run)?;
            finish(&mut opened);
            show_removed(dry_run, report, context)
        }
        Parity::Scrub { dry_run } => {
            let index = opened.index()?;
            let report = parity::scrub(&opened.repository, &index, dry_run)?;
            finish(&mut opened);
            show_scrubbed(dry_run, &report, opened.progress.elapsed(), context)
        }
    }
}

fn finish(opened: &mut Opened) {
    opened.tell_capabilities();
    opened.progress.finish();
}

fn would(dry_run: bool) -> &'static str {
    if dry_run { "would be " } else { "" }
}

fn show_added(
    percent: u8,
    dry_run: bool,
    report: &AddReport,
    elapsed: Duration,
    context: &Context,
) -> Result<ExitCode, Failure> {
    let AddReport {
        packs,
        copies,
        bytes_written,
        damaged,
    } = *report;
    if context.output.is_json() {
        context.output.document(&AddAnswer {
            dry_run,
            percent,
            packs,
            copies,
            bytes: bytes_written,
            damaged,
            seconds: elapsed.as_secs_f64(),
        })?;
    } else {
        context.output.line(&format!(
            "parity of {percent} % {}made for {}, and {}: {}",
            would(dry_run),
            count(packs, "pack", "packs"),
            count(copies, "copy of a small record", "copies of small records"),
            size(bytes_written)
        ))?;
        if damaged > 0 {
            context.output.line(&format!(
                "{} damaged already and got none; lumivault check tells more",
                count(damaged, "object is", "objects are")
            ))?;
        }
    }
    Ok(code(damaged > 0))
}

fn show_removed(dry_run: bool, report: RemoveReport, context: &Context) -> Result<ExitCode, Failure> {
    let RemoveReport { objects, bytes } = report;
    if context.output.is_json() {
        let answer = RemoveAnswer {
            dry_run,
            objects,
            bytes,
        };
        context.output.document(&answer)?;
    } else {
        context.output.line(&format!(
            "{} of parity {}removed, {}",
            count(objects, "file", "files"),
            would(dry_run),
            size(bytes)
        ))?;
    }
    Ok(ExitCode::Done)
}

fn show_scrubbed(
    dry_run: bool,
    report: &ScrubReport,
    elapsed: Duration,
    context: &Context,
) -> Result<ExitCode, Failure> {
    let is_damaged = report.damaged_total > 0;
    if context.output.is_json() {
        context.output.document(&ScrubAnswer {
            status: if is_damaged { "damaged" } else { "clean" },
            dry_run,
            packs: report.packs,
            objects: report.objects,
            bytes_read: report.bytes_read,
            sound: report.sound,
            rewritten: report.rewritten,
            removed: report.removed,
            damaged: report.damaged.iter().map(damaged_answer).collect(),
            damaged_total: report.damaged_total,
            unmendable_total: report.unmendable_total,
            seconds: elapsed.as_secs_f64(),
        })?;
        return Ok(code(is_damaged));
    }
    let output = &context.output;
    for damaged in report.damaged.iter().take(SHOWN_MAX) {
        output.line(&format!(
            "damage: {}: {}",
            damaged.object,
            outlook(damaged.outlook)
        ))?;
    }
    let shown = report.damaged.len().min(SHOWN_MAX) as u64;
    if report.damaged_total > shown {
        output.line(&format!("and {} more", grouped(report.damaged_total - shown)))?;
    }
    output.line(&format!(
        "read {}, {}, and {}",
        count(report.packs, "pack", "packs"),
        size(report.bytes_read),
        count(report.objects, "small record", "small records"),
    ))?;
    output.line(&format!(
        "parity: {} sound, {} {would}made anew, {} of no use {would}removed",
        grouped(report.sound),
        grouped(report.rewritten),
        grouped(report.removed),
        would = would(dry_run)
    ))?;
    output.line(match (report.damaged_total, report.unmendable_total) {
        (0, _) => "no damage was found",
        (_, 0) => {
            "the repository is damaged; lumivault repair index and lumivault repair packs mend all of it"
        }
        _ => {
            "the repository is damaged, and not all of it can be mended from parity; lumivault check --read-data tells what to do"
        }
    })?;
    Ok(code(is_damaged))
}

fn outlook(outlook: Outlook) -> String {
    match outlook {
        Outlook::Parity { bad_shards } => {
            format!("{}; lumivault repair packs mends it from parity", bad(bad_shards))
        }
        Outlook::Copy => "lumivault repair index mends it from a copy".into(),
        Outlook::Beyond {
            bad_shards,
            mendable_shards,
        } => format!(
            "{}, and its parity mends at most {mendable_shards}",
            bad(bad_shards)
        ),
        Outlook::Nothing => "there is no parity or copy that could mend it".into(),
    }
}

fn bad(shards: usize) -> String {
    let are = if shards == 1 { "is" } else { "are" };
    format!("{shards} of its shards of 16 KiB {are} bad")
}

fn damaged_answer(damaged: &Damaged) -> DamagedAnswer {
    let (bad_shards, mendable_shards) = match damaged.outlook {
        Outlook::Parity { bad_shards } => (Some(bad_shards), None),
        Outlook::Beyond {
            bad_shards,
            mendable_shards,
        } => (Some(bad_shards), Some(mendable_shards)),
        Outlook::Copy | Outlook::Nothing => (None, None),
    };
    DamagedAnswer {
        object: ObjectAnswer::new(&damaged.object),
        mendable: damaged.outlook.is_mendable(),
        bad_shards,
        mendable_shards,
    }
}

fn code(is_damaged: bool) -> ExitCode {
    if is_damaged {
        ExitCode::Damage
    } else {
        ExitCode::Done
    }
}
