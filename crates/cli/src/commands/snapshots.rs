//! `snapshots`: what dated states there are.

use std::collections::HashMap;

use lumivault_chunk_store::StoredSnapshot;

use super::Context;
use super::answer::SnapshotAnswer;
use super::repo;
use super::select::{choose_all, day, passes};
use super::summary::grouped;
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::output::table::Align;
use crate::output::{Table, count, size};
use crate::request::{Access, Snapshots};

pub(crate) fn run(request: &Snapshots, access: &Access, context: &Context) -> Result<ExitCode, Failure> {
    let opened = repo::open(access, context, "snapshots")?;
    let listed = opened.snapshots()?;
    opened.progress.finish();
    let mut chosen = if request.forgotten {
        let all = listed.snapshots.iter();
        let fits = |one: &&StoredSnapshot| !one.is_live() && passes(one, &request.filter);
        all.filter(fits).collect()
    } else {
        choose_all(&listed.snapshots, &request.only, &request.filter, context)?
    };
    if let Some(latest) = request.latest {
        keep_latest(&mut chosen, latest);
    }
    if context.output.is_json() {
        let answers: Vec<_> = chosen.iter().map(|one| SnapshotAnswer::new(one)).collect();
        context.output.document(&answers)?;
        return Ok(listed.code());
    }
    if !chosen.is_empty() {
        context.output.table(&table(&chosen, context))?;
    }
    let number = chosen.len() as u64;
    context.output.line(&count(number, "snapshot", "snapshots"))?;
    if !request.forgotten && request.only.is_empty() {
        tell_of_forgotten(&listed.snapshots, context);
    }
    if listed.unreadable > 0 {
        let damaged = count(listed.unreadable as u64, "record", "records");
        context.warn(&format!(
            "{damaged} could not be read, see above; lumivault check tells more"
        ));
    }
    Ok(listed.code())
}

/// A list that leaves something out says so.
fn tell_of_forgotten(snapshots: &[StoredSnapshot], context: &Context) {
    let number = snapshots.iter().filter(|one| !one.is_live()).count() as u64;
    if number > 0 {
        let more = count(number, "forgotten one", "forgotten ones");
        context.remark(&format!(
            "without {more}; lumivault snapshots --forgotten lists what can still be brought back"
        ));
    }
}

/// The newest so many of each phone, still the oldest first.
fn keep_latest(chosen: &mut Vec<&StoredSnapshot>, latest: u32) {
    let mut seen: HashMap<&str, u32> = HashMap::new();
    let mut kept: Vec<&StoredSnapshot> = Vec::new();
    for one in chosen.iter().rev() {
        let number = seen.entry(&one.snapshot.phone).or_default();
        *number += 1;
        if *number <= latest {
            kept.push(one);
        }
    }
    kept.reverse();
    *chosen = kept;
}

fn table(chosen: &[&StoredSnapshot], context: &Context) -> Table {
    let mut table = Table::new(&[
        ("Id", Align::Left),
        ("Date", Align::Left),
        ("Phone", Align::Left),
        ("Host", Align::Left),
        ("Files", Align::Right),
        ("Size", Align::Right),
        ("Added", Align::Right),
        ("Tags", Align::Left),
        ("Notes", Align::Left),
    ]);
    for one in chosen {
        let snapshot = &one.snapshot;
        table.row([
            one.id.to_string(),
            snapshot.time.to_string(),
            snapshot.phone.clone(),
            snapshot.host.clone(),
            grouped(snapshot.counts.files),
            size(snapshot.counts.bytes),
            size(snapshot.counts.stored_bytes),
            one.tags.join(","),
            notes(one, context),
        ]);
    }
    table
}

fn notes(stored: &StoredSnapshot, context: &Context) -> String {
    let mut notes = Vec::new();
    if stored.removal {
        notes.push("being removed".to_owned());
    }
    if let Some(since) = stored.forgotten {
        notes.push(format!("forgotten {}", day(since, context)));
    }
    if stored.pinned {
        notes.push("pinned".to_owned());
    }
    if stored.snapshot.scope.incomplete {
        notes.push("incomplete".to_owned());
    }
    if stored.snapshot.warnings_total > 0 {
        notes.push(count(stored.snapshot.warnings_total, "warning", "warnings"));
    }
    notes.join(", ")
}
