//! What was forgotten, kept or brought back, for people and as JSON.

use lumivault_chunk_store::StoredSnapshot;
use lumivault_chunk_store::forget::Outcome;
use lumivault_chunk_store::forget::policy::{Decision, Group, GroupKey, Reason};
use lumivault_format::SnapshotId;
use serde::Serialize;

use super::super::Context;
use super::super::answer::Time;
use super::super::prune::PruneAnswer;
use super::GRACE_DAYS;
use crate::failure::Failure;
use crate::output::table::Align;
use crate::output::{Table, count};

/// What was done, for programs.
#[derive(Serialize)]
pub(super) struct Answer {
    status: &'static str,
    dry_run: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<GroupAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<usize>,
    changed: Vec<String>,
    unchanged: Vec<String>,
    /// What pruning did afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) prune: Option<PruneAnswer>,
}

#[derive(Serialize)]
struct GroupAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    paths: Option<Vec<String>>,
    snapshots: Vec<DecisionAnswer>,
}

#[derive(Serialize)]
struct DecisionAnswer {
    snapshot: String,
    #[serde(flatten)]
    time: Time,
    phone: String,
    keep: bool,
    reasons: Vec<String>,
}

impl GroupAnswer {
    fn new(group: &Group<'_>) -> Self {
        let GroupKey {
            phone,
            host,
            tags,
            paths,
        } = &group.key;
        let decision = |one: &Decision<'_>| DecisionAnswer {
            snapshot: one.snapshot.id.to_letters(),
            time: Time::new(&one.snapshot.snapshot.time),
            phone: one.snapshot.snapshot.phone.clone(),
            keep: one.keep,
            reasons: one.reasons.iter().map(Reason::to_string).collect(),
        };
        Self {
            phone: phone.clone(),
            host: host.clone(),
            tags: tags.clone(),
            paths: paths.as_ref().map(|paths| texts(paths)),
            snapshots: group.decisions.iter().map(decision).collect(),
        }
    }
}

fn texts(paths: &[Vec<u8>]) -> Vec<String> {
    let text = |path: &Vec<u8>| String::from_utf8_lossy(path).into_owned();
    paths.iter().map(text).collect()
}

fn letters(ids: &[SnapshotId]) -> Vec<String> {
    ids.iter().map(|id| id.to_letters()).collect()
}

fn document(status: &'static str, outcome: &Outcome, dry_run: bool) -> Answer {
    Answer {
        status: if dry_run { "dry-run" } else { status },
        dry_run,
        groups: Vec::new(),
        kept: None,
        changed: letters(&outcome.changed),
        unchanged: letters(&outcome.unchanged),
        prune: None,
    }
}

/// The snapshots that were named.
pub(super) fn named(
    chosen: &[&StoredSnapshot],
    outcome: &Outcome,
    dry_run: bool,
    context: &Context,
) -> Result<Answer, Failure> {
    let answer = document("forgotten", outcome, dry_run);
    if context.output.is_json() {
        return Ok(answer);
    }
    let done = if dry_run { "would forget" } else { "forgot" };
    lines(chosen, outcome, [done, "is forgotten already:"], context)?;
    if !outcome.changed.is_empty() {
        tell_of_space(dry_run, context)?;
    }
    Ok(answer)
}

/// What the rules decided, group by group.
pub(super) fn rules(
    groups: &[Group<'_>],
    outcome: &Outcome,
    dry_run: bool,
    context: &Context,
) -> Result<Answer, Failure> {
    let all = groups.iter().flat_map(|group| &group.decisions);
    let kept = all.filter(|one| one.keep).count();
    let answer = Answer {
        groups: groups.iter().map(GroupAnswer::new).collect(),
        kept: Some(kept),
        ..document("forgotten", outcome, dry_run)
    };
    let output = &context.output;
    if output.is_json() {
        return Ok(answer);
    }
    for group in groups {
        output.line(&format!("{}:", title(group)))?;
        output.table(&table(group))?;
        output.line("")?;
    }
    let forgotten = count(outcome.changed.len() as u64, "snapshot", "snapshots");
    let would = if dry_run { "would be " } else { "" };
    output.line(&format!("{forgotten} {would}forgotten, {kept} kept"))?;
    if !outcome.changed.is_empty() {
        tell_of_space(dry_run, context)?;
    }
    Ok(answer)
}

/// The snapshots that are back.
pub(super) fn undone(
    chosen: &[&StoredSnapshot],
    outcome: &Outcome,
    dry_run: bool,
    context: &Context,
) -> Result<Answer, Failure> {
    let answer = document("revived", outcome, dry_run);
    if context.output.is_json() {
        return Ok(answer);
    }
    let done = if dry_run {
        "would bring back"
    } else {
        "brought back"
    };
    lines(chosen, outcome, [done, "is not forgotten:"], context)?;
    Ok(answer)
}

fn lines(
    chosen: &[&StoredSnapshot],
    outcome: &Outcome,
    [changed, unchanged]: [&str; 2],
    context: &Context,
) -> Result<(), Failure> {
    for one in chosen {
        let did = if outcome.changed.contains(&one.id) {
            changed
        } else {
            unchanged
        };
        let (time, phone) = (one.snapshot.time, &one.snapshot.phone);
        context
            .output
            .line(&format!("{did} {}  {time}  {phone}", one.id))?;
    }
    Ok(())
}

/// What forgetting alone does not do.
fn tell_of_space(dry_run: bool, context: &Context) -> Result<(), Failure> {
    if dry_run {
        return Ok(());
    }
    context.output.line(&format!(
        "lumivault forget --undo ID brings one back until lumivault prune has removed it, {GRACE_DAYS} days from now at the \
         earliest"
    ))?;
    context.output.line("lumivault prune then frees the space")
}

/// What the snapshots of a group have in common.
pub(super) fn title(group: &Group<'_>) -> String {
    let GroupKey {
        phone,
        host,
        tags,
        paths,
    } = &group.key;
    let unnamed = |name: &String| match name.as_str() {
        "" => "(unnamed)".to_owned(),
        name => name.to_owned(),
    };
    let listed = |all: &[String]| match all {
        [] => "none".to_owned(),
        some => some.join(", "),
    };
    let parts: Vec<String> = [
        phone.as_ref().map(|phone| format!("phone {}", unnamed(phone))),
        host.as_ref().map(|host| format!("host {}", unnamed(host))),
        tags.as_ref().map(|tags| format!("tags {}", listed(tags))),
        paths
            .as_ref()
            .map(|paths| format!("paths {}", listed(&texts(paths)))),
    ]
    .into_iter()
    .flatten()
    .collect();
    if parts.is_empty() {
        "all snapshots".into()
    } else {
        parts.join("; ")
    }
}

fn table(group: &Group<'_>) -> Table {
    let mut table = Table::new(&[
        ("Id", Align::Left),
        ("Date", Align::Left),
        ("Phone", Align::Left),
        ("Tags", Align::Left),
        ("Then", Align::Left),
        ("Why", Align::Left),
    ]);
    for one in &group.decisions {
        let reasons: Vec<String> = one.reasons.iter().map(Reason::to_string).collect();
        table.row([
            one.snapshot.id.to_string(),
            one.snapshot.snapshot.time.to_string(),
            one.snapshot.snapshot.phone.clone(),
            one.snapshot.tags.join(","),
            if one.keep { "keep" } else { "forget" }.to_owned(),
            reasons.join(", "),
        ]);
    }
    table
}
