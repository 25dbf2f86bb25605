//! `repair packs`

use std::time::Duration;

use lumivault_chunk_store::repair::PacksReport;
use serde::Serialize;

use super::super::super::advice::after_packs;
use super::{
    AffectedAnswer, Context, Failure, affected_answers, aside, count, grouped, hex, letters, show_affected,
    some, status, would,
};
use crate::output::size;

#[derive(Serialize)]
struct DamagedAnswer {
    pack: String,
    text: String,
    chunks_good: u64,
    chunks_bad: u64,
    set_aside: bool,
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

pub(in super::super) fn packs(
    report: &PacksReport,
    (dry_run, from_copy): (bool, bool),
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
        let rest = if pack.set_aside && pack.is_missing {
            let chunks = count(pack.bad, "chunk", "chunks");
            let is = if dry_run { "would be" } else { "is" };
            format!("it held {chunks} and {is} listed no more")
        } else if pack.set_aside {
            let aside = aside(dry_run);
            let are = if pack.good == 1 { "is" } else { "are" };
            let not = if pack.bad == 1 { "is" } else { "are" };
            format!("{good} of its chunks {are} good, {bad} {not} not; it {aside}")
        } else {
            format!("{good} of its chunks can be read, {bad} cannot now; it stays")
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
            "{} nowhere",
            count(
                report.lost,
                "chunk that snapshots need is",
                "chunks that snapshots need are"
            )
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
    if report.damaged.iter().any(|pack| !pack.set_aside) {
        output.line(
            "what stays may be read another time: copy the repository to a sound disk, and run this again there",
        )?;
    }
    if report.lost > 0 {
        output.line(&after_packs(dry_run, from_copy))?;
    }
    match status(changed, report.is_damaged()) {
        "clean" => output.line("no damage was found"),
        "mended" if !dry_run => output.line("nothing is lost"),
        _ => Ok(()),
    }
}
