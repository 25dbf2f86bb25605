//! A plan, and what became of it, for people.

use std::time::Duration;

use lumivault_chunk_store::TreeReader;
use lumivault_restore::target::{Target, escape};
use lumivault_restore::{Action, ActionCounts, Planned, RestoreError, RestorePlan, RestoreSummary};

use super::Told;
use super::answer::{Answer, notice_text, whole};
use crate::commands::Context;
use crate::commands::answer::shown_path;
use crate::commands::looking::joined;
use crate::commands::summary::{files, grouped};
use crate::failure::Failure;
use crate::output::{count, printable_path, size};

/// Notices shown to people; `--json` has more.
const NOTICES_MAX: usize = 100;
/// Renamed entries in the answer of a dry run, as many as a restore keeps.
const RENAMED_MAX: usize = 10_000;

/// Shows what would be done, entry by entry or as a document.
pub(super) fn plan(
    plan: &RestorePlan<'_>,
    (reader, target): (&TreeReader<'_>, Option<&Target>),
    told: &Told<'_>,
    elapsed: Duration,
    context: &Context,
) -> Result<(), Failure> {
    let output = &context.output;
    if output.is_json() {
        let mut answer = Answer::of_plan(plan, told, elapsed);
        let mut left = RENAMED_MAX;
        plan.show(reader, target, &mut |planned| {
            if let (Some((to, reason)), true) = (planned.written_as, left > 0) {
                left -= 1;
                answer.add_renamed(&whole(told, &planned.path), to, reason);
            }
            Ok(())
        })?;
        return output.document(&answer);
    }
    let mut failure = None;
    let shown = plan.show(reader, target, &mut |planned| {
        let Some(line) = planned_line(planned, context.settings.verbosity > 0) else {
            return Ok(());
        };
        match output.line(&line) {
            // The reader went away: nobody wants to see the rest.
            Ok(()) if output.is_closed() => Err(RestoreError::PlanOutdated),
            Ok(()) => Ok(()),
            Err(error) => {
                failure = Some(error);
                Err(RestoreError::PlanOutdated)
            }
        }
    });
    match (failure, shown) {
        (Some(failure), _) => return Err(failure),
        (None, Err(_)) if output.is_closed() => return Ok(()),
        (None, shown) => shown?,
    }
    totals(plan, told, context)
}

/// `create   /Pictures/a.jpg (1.5 MiB)`. What stays as it is, is shown only on request.
fn planned_line(planned: &Planned<'_>, verbose: bool) -> Option<String> {
    let word = match planned.action {
        Action::Create => "create",
        Action::Replace => "replace",
        Action::Update => "update",
        Action::Link => "link",
        Action::Delete => "delete",
        Action::Blocked => "blocked",
        Action::Refuse => "refuse",
        Action::Unreadable => "damaged",
        Action::NotAsked | Action::NotSupported => "leave out",
        Action::Metadata if verbose => "metadata",
        Action::Unchanged if verbose => "unchanged",
        Action::Keep | Action::KeepNewer if verbose => "keep",
        _ => return None,
    };
    // As it comes to lie under the target.
    let path = shown_path(&joined(planned.path.components()));
    let length = if planned.action == Action::Update {
        let fetched: u64 = planned.ranges.iter().map(|range| range.end - range.start).sum();
        format!(" ({} of {})", size(fetched), size(planned.size))
    } else if planned.action.writes_content() && planned.size > 0 {
        format!(" ({})", size(planned.size))
    } else {
        String::new()
    };
    let renamed = planned
        .written_as
        .map(|(to, reason)| format!(" as {}: {reason}", escape(to)));
    Some(format!(
        "{word:<9}  {path}{length}{}",
        renamed.unwrap_or_default()
    ))
}

fn totals(plan: &RestorePlan<'_>, told: &Told<'_>, context: &Context) -> Result<(), Failure> {
    let (output, totals) = (&context.output, plan.totals());
    let files_of = |actions: &[Action]| actions.iter().map(|action| totals.files.of(*action)).sum::<u64>();
    let written = files_of(&[Action::Create, Action::Replace, Action::Update, Action::Link]);
    output.line(&format!(
        "would write {} ({}) to {}",
        files(written),
        size(totals.write_bytes),
        printable_path(&told.request.target)
    ))?;
    let made = |counts: &ActionCounts| counts.of(Action::Create) + counts.of(Action::Replace);
    details(
        &[
            (files_of(&[Action::Create, Action::Link]), "new", "new"),
            (files_of(&[Action::Replace]), "replaced", "replaced"),
            (files_of(&[Action::Update]), "updated in part", "updated in part"),
            (
                files_of(&[Action::Unchanged, Action::Metadata]),
                "unchanged",
                "unchanged",
            ),
            (
                files_of(&[Action::Keep, Action::KeepNewer]),
                "kept as it is",
                "kept as they are",
            ),
        ],
        &[
            (made(&totals.folders), "folder", "folders"),
            (made(&totals.others), "link", "links"),
            (totals.renamed, "renamed", "renamed"),
            (totals.deletions, "deleted", "deleted"),
        ],
        context,
    )?;
    output.line(&format!(
        "  reads     {} in {} from the repository",
        size(totals.stored_bytes),
        count(totals.packs, "pack", "packs")
    ))?;
    if totals.missing_files > 0 {
        let missing = files(totals.missing_files);
        output.line(&format!(
            "  damaged   {missing} need data that is not in the repository"
        ))?;
    }
    if plan.problems_total() > 0 {
        let problems = count(plan.problems_total(), "entry", "entries");
        output.line(&format!(
            "  problems  {problems} cannot be restored, see the warnings"
        ))?;
    }
    Ok(())
}

/// A number with what it counts, for one and for others.
type Counted = (u64, &'static str, &'static str);

/// Two lines below the headline: files, and what else. What is nothing is left out.
fn details(files: &[Counted], others: &[Counted], context: &Context) -> Result<(), Failure> {
    for (label, counted) in [("files", files), ("also", others)] {
        let parts: Vec<String> = counted
            .iter()
            .filter(|(number, ..)| *number > 0)
            .map(|(number, one, many)| {
                let noun = if *number == 1 { one } else { many };
                format!("{} {noun}", grouped(*number))
            })
            .collect();
        if !parts.is_empty() {
            context
                .output
                .line(&format!("  {label:<8}  {}", parts.join(", ")))?;
        }
    }
    Ok(())
}

/// Tells what was done. Single problems were told as they came.
pub(super) fn summary(summary: &RestoreSummary, told: &Told<'_>, context: &Context) -> Result<(), Failure> {
    let output = &context.output;
    let written = summary.created + summary.replaced + summary.updated + summary.hard_links;
    output.line(&format!(
        "restored {} ({}) to {}",
        files(written),
        size(summary.bytes),
        printable_path(&told.request.target)
    ))?;
    let snapshot = &told.snapshot.snapshot;
    let phone = Some(snapshot.phone.as_str()).filter(|phone| !phone.is_empty());
    let phone = phone.map(|phone| format!(", {phone}")).unwrap_or_default();
    output.line(&format!(
        "  snapshot  {}, {}{phone}",
        told.snapshot.id, snapshot.time
    ))?;
    details(
        &[
            (summary.created + summary.hard_links, "new", "new"),
            (summary.replaced, "replaced", "replaced"),
            (summary.updated, "updated in part", "updated in part"),
            (summary.unchanged + summary.metadata, "unchanged", "unchanged"),
            (summary.kept, "kept as it was", "kept as they were"),
        ],
        &[
            (summary.folders, "folder", "folders"),
            (summary.others, "link", "links"),
            (summary.deleted, "deleted", "deleted"),
        ],
        context,
    )?;
    if summary.resumed {
        output.line("  resumed   went on from an interrupted restore")?;
    }
    if told.request.verify {
        let verified = files(summary.verified);
        output.line(&format!("  verified  {verified} read back and compared"))?;
    }
    notices(summary, context)?;
    if summary.deletions_withheld {
        context.warn("nothing was deleted, because not everything could be restored");
    }
    if summary.damaged_total > 0 {
        let damaged = count(summary.damaged_total, "entry", "entries");
        context.warn(&format!(
            "{damaged} could not be restored because stored data is damaged, see above; lumivault check tells more"
        ));
    }
    let others = summary.problems_total - summary.damaged_total + summary.left_out_total;
    if others > 0 {
        let others = count(others, "entry", "entries");
        context.warn(&format!("{others} could not be created, see above"));
    }
    Ok(())
}

/// What was renamed, left out, or is not in all as recorded.
fn notices(summary: &RestoreSummary, context: &Context) -> Result<(), Failure> {
    let output = &context.output;
    if summary.notices_total == 0 {
        return Ok(());
    }
    output.line("  notices")?;
    for notice in summary.notices.iter().take(NOTICES_MAX) {
        output.line(&format!("    {}", notice_text(notice)))?;
    }
    let shown = summary.notices.len().min(NOTICES_MAX) as u64;
    match summary.notices_total.saturating_sub(shown) {
        0 => Ok(()),
        more => output.line(&format!(
            "    and {} more; --json has more of them",
            grouped(more)
        )),
    }
}
