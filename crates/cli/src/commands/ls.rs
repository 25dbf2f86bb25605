//! `ls`: what is in a folder of a snapshot.

use lumivault_chunk_store::TreeReader;
use lumivault_restore::browse::{Browser, WalkOptions, Walked};
use lumivault_restore::filter::Filter;
use lumivault_restore::target::StoredPath;
use serde::Serialize;

use super::answer::{Selected, SnapshotAnswer, shown_path};
use super::looking::{Stop, rules};
use super::node::{NodeAnswer, UnreadableAnswer, long_line, shown};
use super::select::choose;
use super::{Context, repo};
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::request::{Access, Ls};

#[derive(Serialize)]
struct First<'s> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    snapshot: SnapshotAnswer<'s>,
    #[serde(skip_serializing_if = "Option::is_none")]
    selected: &'s Option<Selected>,
}

#[derive(Serialize)]
struct Line {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    node: NodeAnswer,
}

pub(crate) fn run(request: &Ls, access: &Access, context: &Context) -> Result<ExitCode, Failure> {
    let mut opened = repo::open(access, context, "ls")?;
    let listed = opened.snapshots()?;
    let chosen = choose(&listed.snapshots, &request.selection, context)?;
    let index = opened.index()?;
    opened.progress.finish();
    let reader = TreeReader::new(&opened.repository, &index);
    let browser = Browser::new(&reader);
    let start = browser.lookup(chosen.snapshot, &StoredPath::new(request.path.clone()))?;
    let filter = match request.only.as_slice() {
        [] => None,
        only => Some(Filter::new(&rules(&[], &[], only))?),
    };
    let options = WalkOptions {
        recursive: request.recursive,
        filter: filter.as_ref(),
    };
    let (output, clock) = (&context.output, &chosen.snapshot.snapshot.time);
    if output.is_json() {
        output.json_line(&First {
            kind: "snapshot",
            snapshot: SnapshotAnswer::new(chosen.snapshot),
            selected: &chosen.selected,
        })?;
    }
    let mut stop = Stop::default();
    let mut code = ExitCode::Done;
    let walked = browser.list(&start, options, &mut |walked| {
        let written = match walked {
            Walked::Entry(node) if output.is_json() => output.json_line(&Line {
                kind: "node",
                node: NodeAnswer::new(&node.listed, clock),
            }),
            Walked::Entry(node) if request.long => output.line(&long_line(&node.listed, clock)),
            Walked::Entry(node) => output.line(&shown(&node.listed)),
            Walked::Unreadable { path, error } => {
                code = ExitCode::Damage;
                let text = error.with_causes();
                context.warn(&format!("{} cannot be read: {text}", shown_path(&path)));
                if output.is_json() {
                    output.json_line(&UnreadableAnswer::new(&path, text))
                } else {
                    Ok(())
                }
            }
        };
        stop.pass(output, written)
    });
    stop.end(walked)?;
    Ok(code)
}
