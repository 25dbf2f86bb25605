//! `find`: files by their names, in many snapshots at once.

use lumivault_chunk_store::{StoredSnapshot, TreeReader};
use lumivault_restore::browse::{Browser, FindEvent, FindSummary, Found, Query, QueryRules};
use serde::Serialize;

use super::answer::shown_path;
use super::looking::{Stop, categories};
use super::node::{NodeAnswer, UnreadableAnswer, long_line, shown};
use super::repo::Listed;
use super::select::{choose, choose_all};
use super::{Context, repo};
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::output::count;
use crate::request::{Access, Find, FindWithin};

#[derive(Serialize)]
struct Match {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    node: NodeAnswer,
    snapshots: Vec<String>,
}

#[derive(Serialize)]
struct Unreadable {
    #[serde(flatten)]
    what: UnreadableAnswer,
    snapshots: Vec<String>,
}

#[derive(Serialize)]
struct Summary {
    #[serde(rename = "type")]
    kind: &'static str,
    matches: u64,
    unreadable: u64,
    snapshots_searched: usize,
}

pub(crate) fn run(request: &Find, access: &Access, context: &Context) -> Result<ExitCode, Failure> {
    let mut opened = repo::open(access, context, "find")?;
    let query = Query::new(QueryRules {
        patterns: request.patterns.iter().map(|one| one.text.clone()).collect(),
        ignore_case: request.patterns.iter().any(|one| one.ignore_case),
        categories: categories(&request.only),
        ..QueryRules::default()
    })?;
    let listed = opened.snapshots()?;
    let (within, code) = within(&listed, &request.within, context)?;
    let index = opened.index()?;
    opened.progress.finish();
    let reader = TreeReader::new(&opened.repository, &index);
    let browser = Browser::new(&reader);
    let output = &context.output;
    let mut stop = Stop::default();
    let found = browser.find(&within, &query, &mut |event| {
        let written = match event {
            FindEvent::Found(found) => show(found, request.long, context),
            FindEvent::Unreadable {
                path,
                snapshots,
                error,
            } => {
                let text = error.with_causes();
                context.warn(&format!("{} cannot be read: {text}", shown_path(path)));
                let what = UnreadableAnswer::new(path, text);
                let snapshots = letters(&snapshots);
                if output.is_json() {
                    output.json_line(&Unreadable { what, snapshots })
                } else {
                    Ok(())
                }
            }
        };
        stop.pass(output, written)
    });
    match stop.end(found)? {
        Some(summary) => end(summary, within.len(), code, context),
        None => Ok(code),
    }
}

/// The snapshots to look into, and what a search of them all would miss.
fn within<'s>(
    listed: &'s Listed,
    within: &FindWithin,
    context: &Context,
) -> Result<(Vec<&'s StoredSnapshot>, ExitCode), Failure> {
    match within {
        FindWithin::Filtered(filter) => {
            let chosen = choose_all(&listed.snapshots, &[], filter, context)?;
            Ok((chosen, listed.code()))
        }
        FindWithin::Selected(selections) => {
            let chosen = selections
                .iter()
                .map(|selection| Ok(choose(&listed.snapshots, selection, context)?.snapshot));
            Ok((chosen.collect::<Result<_, Failure>>()?, ExitCode::Done))
        }
    }
}

fn end(
    summary: FindSummary,
    snapshots_searched: usize,
    code: ExitCode,
    context: &Context,
) -> Result<ExitCode, Failure> {
    if context.output.is_json() {
        context.output.json_line(&Summary {
            kind: "summary",
            matches: summary.found,
            unreadable: summary.unreadable,
            snapshots_searched,
        })?;
    } else {
        context.remark(&format!(
            "{} in {}",
            count(summary.found, "match", "matches"),
            count(snapshots_searched as u64, "snapshot", "snapshots")
        ));
    }
    Ok(if summary.unreadable > 0 {
        ExitCode::Damage
    } else {
        code
    })
}

fn letters(snapshots: &[&StoredSnapshot]) -> Vec<String> {
    snapshots.iter().map(|one| one.id.to_letters()).collect()
}

/// A line, and with `--long` one for each snapshot below; times by the clock of the newest.
fn show(found: &Found<'_>, long: bool, context: &Context) -> Result<(), Failure> {
    let (output, listed) = (&context.output, &found.listed);
    let Some(newest) = found.snapshots.last() else {
        return Ok(());
    };
    let clock = &newest.snapshot.time;
    if output.is_json() {
        return output.json_line(&Match {
            kind: "match",
            node: NodeAnswer::new(listed, clock),
            snapshots: letters(&found.snapshots),
        });
    }
    if !long {
        return output.line(&format!("{}  ({})", shown(listed), span(&found.snapshots)));
    }
    output.line(&long_line(listed, clock))?;
    found.snapshots.iter().try_for_each(|one| {
        let (time, phone) = (one.snapshot.time.to_string(), &one.snapshot.phone);
        output.line(&format!("    {}  {time:<10}  {phone}", one.id))
    })
}

/// `2026-05`, `2026-05 to 2026-08, 4 snapshots`.
fn span(snapshots: &[&StoredSnapshot]) -> String {
    match snapshots {
        [] => String::new(),
        [only] => only.snapshot.time.to_string(),
        [first, .., last] => format!(
            "{} to {}, {} snapshots",
            first.snapshot.time,
            last.snapshot.time,
            snapshots.len()
        ),
    }
}
