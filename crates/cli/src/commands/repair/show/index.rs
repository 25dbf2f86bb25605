//! `repair index`

use std::time::Duration;

use lumivault_chunk_store::repair::IndexReport;
use serde::Serialize;

use super::{
    Context, Failure, ObjectAnswer, ProblemAnswer, aside, count, grouped, hex, objects, some, status, would,
};

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

pub(in super::super) fn index(
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
    context.output.line(&if report.changed {
        let anew = grouped(report.added.len() as u64);
        format!("the index {would}written anew: {packs}, {anew} of them listed anew")
    } else {
        format!("the index lists what is there: {packs}")
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
