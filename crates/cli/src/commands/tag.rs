//! `tag`: later facts about snapshots; the snapshots themselves never change.

use lumivault_chunk_store::forget::{Facts, pin, unpin};
use lumivault_chunk_store::{Error, StoredSnapshot};
use lumivault_format::{AnnotationKind, SnapshotId};
use serde::Serialize;

use super::Context;
use super::repo::{self, Opened};
use super::select::choose_all;
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::output::count;
use crate::request::{Access, Tag, TagChange};

#[derive(Serialize)]
struct Answer {
    changed: Vec<Changed>,
    unchanged: usize,
    dry_run: bool,
}

#[derive(Serialize)]
struct Changed {
    snapshot: String,
    tags: Vec<String>,
    pinned: bool,
}

pub(crate) fn run(request: &Tag, access: &Access, context: &Context) -> Result<ExitCode, Failure> {
    let mut opened = repo::open_to_write(access, context, "tag", request.dry_run)?;
    let listed = opened.snapshots()?;
    let chosen = choose_all(&listed.snapshots, &request.snapshots, &request.filter, context)?;
    if chosen.is_empty() {
        return Err(Failure::failed("no snapshot is chosen by these options")
            .hint("lumivault snapshots lists what there is"));
    }
    let mut answer = Answer {
        changed: Vec::new(),
        unchanged: 0,
        dry_run: request.dry_run,
    };
    // First, since it may be refused.
    pins(&opened, &chosen, request, context)?;
    let mut facts = Facts::read(&opened.repository, &context.host)?;
    for one in chosen {
        let (added, removed) = difference(&one.tags, &request.change);
        let pinned = request.pin.unwrap_or(one.pinned);
        if added.is_empty() && removed.is_empty() && pinned == one.pinned {
            answer.unchanged += 1;
            continue;
        }
        if !request.dry_run {
            opened.repository.environment().check_cancelled()?;
            annotate(&mut facts, one, &added, &removed)?;
        }
        let mut tags: Vec<String> = one
            .tags
            .iter()
            .filter(|tag| !removed.contains(tag))
            .cloned()
            .collect();
        tags.extend(added);
        tags.sort();
        if !context.output.is_json() {
            let tags = if tags.is_empty() {
                "none".to_owned()
            } else {
                tags.join(", ")
            };
            let pinned = if pinned { ", pinned" } else { "" };
            opened.progress.finish();
            context.output.line(&format!(
                "{}  {}  tags: {tags}{pinned}",
                one.id, one.snapshot.time
            ))?;
        }
        answer.changed.push(Changed {
            snapshot: one.id.to_letters(),
            tags,
            pinned,
        });
    }
    opened.tell_capabilities();
    opened.progress.finish();
    if context.output.is_json() {
        context.output.document(&answer)?;
    } else {
        let changed = count(answer.changed.len() as u64, "snapshot", "snapshots");
        let would = if request.dry_run { "would be " } else { "" };
        context.output.line(&format!(
            "{changed} {would}changed, {} as before",
            answer.unchanged
        ))?;
    }
    Ok(listed.code())
}

/// Tags to be added and tags to be removed.
fn difference(tags: &[String], change: &TagChange) -> (Vec<String>, Vec<String>) {
    let (mut wanted, unwanted): (Vec<String>, Vec<String>) = match change {
        TagChange::Set(exactly) => {
            let unwanted = tags.iter().filter(|tag| !exactly.contains(tag));
            (exactly.clone(), unwanted.cloned().collect())
        }
        TagChange::Edit { add, remove } => (add.clone(), remove.clone()),
    };
    wanted.retain(|tag| !tags.contains(tag));
    wanted.sort();
    wanted.dedup();
    let mut removed: Vec<String> = unwanted.into_iter().filter(|tag| tags.contains(tag)).collect();
    removed.sort();
    removed.dedup();
    (wanted, removed)
}

/// Pins them, or lets them go. What is forgotten cannot be pinned.
fn pins(
    opened: &Opened,
    chosen: &[&StoredSnapshot],
    request: &Tag,
    context: &Context,
) -> Result<(), Failure> {
    let Some(wanted) = request.pin else { return Ok(()) };
    if let Some(gone) = chosen.iter().find(|one| wanted && !one.is_live()) {
        return Err(Error::Forgotten(gone.id).into());
    }
    if request.dry_run {
        return Ok(());
    }
    let ids: Vec<SnapshotId> = chosen.iter().map(|one| one.id).collect();
    let change = if wanted { pin } else { unpin };
    change(&opened.repository, &ids, &context.host)?;
    Ok(())
}

fn annotate(
    facts: &mut Facts<'_>,
    stored: &StoredSnapshot,
    added: &[String],
    removed: &[String],
) -> Result<(), Failure> {
    let added = added.iter().map(|tag| (AnnotationKind::TagAdded, tag));
    let removed = removed.iter().map(|tag| (AnnotationKind::TagRemoved, tag));
    for (kind, tag) in added.chain(removed) {
        facts.add(stored, kind, tag)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::difference;
    use crate::request::TagChange;

    #[test]
    fn only_what_is_different_is_written() {
        let own = |tags: &[&str]| tags.iter().map(ToString::to_string).collect::<Vec<_>>();
        let tags = own(&["a", "b"]);
        let edit = |add: &[&str], remove: &[&str]| TagChange::Edit {
            add: own(add),
            remove: own(remove),
        };
        assert_eq!(
            difference(&tags, &edit(&["b", "c", "c"], &["a", "z"])),
            (own(&["c"]), own(&["a"]))
        );
        assert_eq!(
            difference(&tags, &TagChange::Set(own(&["c", "a"]))),
            (own(&["c"]), own(&["b"]))
        );
        assert_eq!(
            difference(&tags, &TagChange::Set(vec![])),
            (vec![], own(&["a", "b"]))
        );
        assert_eq!(difference(&tags, &edit(&["a"], &["z"])), (vec![], vec![]));
    }
}
