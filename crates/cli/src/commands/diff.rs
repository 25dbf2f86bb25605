//! `diff`: what changed between two snapshots.

use lumivault_chunk_store::TreeReader;
use lumivault_format::SnapshotTime;
use lumivault_restore::browse::{
    Browser, Change, DiffEvent, DiffOptions, DiffSummary, Difference, Listed, Side,
};
use lumivault_restore::target::StoredPath;
use serde::Serialize;

use super::answer::{ArchivePath, Selected, shown_path};
use super::looking::Stop;
use super::node::{Facts, UnreadableAnswer, shown};
use super::select::choose;
use super::{Context, repo};
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::output::{count, size};
use crate::request::{Access, Diff};

#[derive(Serialize)]
struct Compare<'s> {
    #[serde(rename = "type")]
    kind: &'static str,
    from: String,
    to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_selected: &'s Option<Selected>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_selected: &'s Option<Selected>,
}

#[derive(Serialize)]
struct ChangeAnswer {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    path: ArchivePath,
    change: &'static str,
    /// Where it was; only of what moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<ArchivePath>,
    before: Option<Facts>,
    after: Option<Facts>,
}

#[derive(Serialize)]
struct Unreadable {
    #[serde(flatten)]
    what: UnreadableAnswer,
    side: &'static str,
}

#[derive(Serialize)]
struct Summary {
    #[serde(rename = "type")]
    kind: &'static str,
    files_added: u64,
    files_removed: u64,
    files_changed: u64,
    files_moved: u64,
    folders_added: u64,
    folders_removed: u64,
    kind_changed: u64,
    metadata_changed: u64,
    bytes_added: u64,
    bytes_removed: u64,
    bytes_changed: u64,
    unreadable: u64,
}

pub(crate) fn run(request: &Diff, access: &Access, context: &Context) -> Result<ExitCode, Failure> {
    let mut opened = repo::open(access, context, "diff")?;
    let listed = opened.snapshots()?;
    let from = choose(&listed.snapshots, &request.from, context)?;
    let to = choose(&listed.snapshots, &request.to, context)?;
    let index = opened.index()?;
    opened.progress.finish();
    let reader = TreeReader::new(&opened.repository, &index);
    let browser = Browser::new(&reader);
    let before = browser.lookup(from.snapshot, &StoredPath::new(request.from_path.clone()))?;
    let after = browser.lookup(to.snapshot, &StoredPath::new(request.to_path.clone()))?;
    let clocks = (&from.snapshot.snapshot.time, &to.snapshot.snapshot.time);
    let output = &context.output;
    if output.is_json() {
        output.json_line(&Compare {
            kind: "compare",
            from: from.snapshot.id.to_letters(),
            to: to.snapshot.id.to_letters(),
            from_selected: &from.selected,
            to_selected: &to.selected,
        })?;
    }
    let options = DiffOptions {
        metadata: request.metadata,
        moves: true,
    };
    let mut stop = Stop::default();
    let compared = browser.diff(&before, &after, options, &mut |event| {
        let written = match event {
            DiffEvent::Difference(difference) if output.is_json() => {
                output.json_line(&answer(&difference, clocks))
            }
            DiffEvent::Difference(difference) => output.line(&line(&difference)),
            DiffEvent::Unreadable { path, side, error } => unreadable(path, side, error, context),
        };
        stop.pass(output, written)
    });
    match stop.end(compared)? {
        Some(summary) => end(&summary, context),
        None => Ok(ExitCode::Done),
    }
}

fn unreadable(
    path: &[u8],
    side: Side,
    error: &lumivault_chunk_store::Error,
    context: &Context,
) -> Result<(), Failure> {
    let side = match side {
        Side::Before => "from",
        Side::After => "to",
    };
    let text = error.with_causes();
    context.warn(&format!("{} cannot be read ({side}): {text}", shown_path(path)));
    if !context.output.is_json() {
        return Ok(());
    }
    let what = UnreadableAnswer::new(path, text);
    context.output.json_line(&Unreadable { what, side })
}

fn answer(difference: &Difference<'_>, clocks: (&SnapshotTime, &SnapshotTime)) -> ChangeAnswer {
    let path = |listed: Option<&Listed>| ArchivePath::new(listed.map_or(&[], |one| &one.path));
    let moved = difference.change == Change::Moved;
    ChangeAnswer {
        kind: "change",
        path: path(difference.after.or(difference.before)),
        change: match difference.change {
            Change::Added => "added",
            Change::Removed => "removed",
            Change::Modified => "content",
            Change::Metadata => "metadata",
            Change::Moved => "moved",
            Change::Kind => "kind",
        },
        from: moved.then(|| path(difference.before)),
        before: difference.before.map(|one| Facts::new(one, clocks.0)),
        after: difference.after.map(|one| Facts::new(one, clocks.1)),
    }
}

/// `+ /a.jpg`, `R /b.jpg -> /Holiday/b.jpg`.
fn line(difference: &Difference<'_>) -> String {
    let letter = match difference.change {
        Change::Added => '+',
        Change::Removed => '-',
        Change::Modified => 'M',
        Change::Metadata => 'U',
        Change::Moved => 'R',
        Change::Kind => 'T',
    };
    match (difference.before, difference.after) {
        (Some(before), Some(after)) if difference.change == Change::Moved => {
            format!("{letter} {} -> {}", shown(before), shown(after))
        }
        (before, after) => {
            let path = after.or(before).map(shown);
            format!("{letter} {}", path.unwrap_or_default())
        }
    }
}

fn end(summary: &DiffSummary, context: &Context) -> Result<ExitCode, Failure> {
    let all = |tally: &lumivault_restore::browse::Tally| tally.files + tally.folders + tally.others;
    if context.output.is_json() {
        context.output.json_line(&Summary {
            kind: "summary",
            files_added: summary.added.files,
            files_removed: summary.removed.files,
            files_changed: summary.modified.files,
            files_moved: summary.moved.files,
            folders_added: summary.added.folders,
            folders_removed: summary.removed.folders,
            kind_changed: all(&summary.kind),
            metadata_changed: all(&summary.metadata),
            bytes_added: summary.added.bytes,
            bytes_removed: summary.removed.bytes,
            bytes_changed: summary.modified.bytes,
            unreadable: summary.unreadable,
        })?;
    } else {
        context.remark(&format!(
            "{} new ({}), {} gone ({}), {} changed, {} moved",
            count(summary.added.files, "file", "files"),
            size(summary.added.bytes),
            summary.removed.files,
            size(summary.removed.bytes),
            summary.modified.files,
            summary.moved.files,
        ));
    }
    if summary.moves_limited {
        context.remark("so much differs that some moved files are shown as gone and new");
    }
    Ok(if summary.unreadable > 0 {
        ExitCode::Damage
    } else {
        ExitCode::Done
    })
}
