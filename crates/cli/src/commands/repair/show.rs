//! What a repair found and did, for people and as JSON.

mod index;
mod packs;
mod sessions;
mod snapshots;

use lumivault_chunk_store::check::Affected;
use lumivault_format::{ObjectId, ObjectName, SnapshotId};
use serde::Serialize;

pub(super) use index::index;
pub(super) use packs::packs;
pub(super) use sessions::sessions;
pub(super) use snapshots::snapshots;

use super::super::Context;
use super::super::answer::{ArchivePath, ObjectAnswer, shown_path};
use super::super::summary::grouped;
use crate::failure::Failure;
use crate::output::count;

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
struct AffectedAnswer {
    snapshot: String,
    #[serde(flatten)]
    path: ArchivePath,
}

fn hex(names: &[ObjectName]) -> Vec<String> {
    names.iter().map(|name| name.to_hex()).collect()
}

fn objects(ids: &[ObjectId]) -> Vec<ObjectAnswer> {
    ids.iter().map(ObjectAnswer::new).collect()
}

fn letters(ids: &[SnapshotId]) -> Vec<String> {
    ids.iter().map(|id| id.to_letters()).collect()
}

fn affected_answers(affected: &[Affected]) -> Vec<AffectedAnswer> {
    let one = |one: &Affected| AffectedAnswer {
        snapshot: one.snapshot.to_letters(),
        path: ArchivePath::new(&one.path),
    };
    affected.iter().map(one).collect()
}

fn would(dry_run: bool) -> &'static str {
    if dry_run { "would be " } else { "" }
}

fn aside(dry_run: bool) -> &'static str {
    if dry_run {
        "would be set aside"
    } else {
        "was set aside"
    }
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
