//! `cat`: an object of the repository, decoded. Never anything secret.

mod objects;
mod tree;

use std::ffi::OsStr;

use lumivault_chunk_store::{ChunkIndex, StoredSnapshot, TreeReader};
use lumivault_format::tree::FolderRef;
use lumivault_format::{ChunkId, ObjectKind as Stored, ObjectName};
use lumivault_restore::browse::Browser;
use lumivault_restore::target::StoredPath;
use serde::Serialize;

use super::Context;
use super::answer::{SnapshotAnswer, hex};
use super::looking::Pipe;
use super::repo::{self, Opened};
use super::select::choose;
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::output::Output;
use crate::request::{Access, Cat, ObjectKind, Selection, Selector, SnapshotPath};

/// Digits from which on hexadecimal text is an id and no year.
const ID_DIGITS_MIN: usize = 8;
/// Ids named in a message about an ambiguous one.
const IDS_NAMED_MAX: usize = 4;

pub(crate) fn run(request: &Cat, access: &Access, context: &Context) -> Result<ExitCode, Failure> {
    let mut opened = repo::open(access, context, "cat")?;
    let id = request.id.as_deref().unwrap_or_default().trim();
    let output = &context.output;
    match request.kind {
        ObjectKind::Config => {
            opened.progress.finish();
            document(output, &objects::config(&opened.repository))?;
        }
        ObjectKind::Key => document(output, &objects::key(&opened, id)?)?,
        ObjectKind::Index => {
            let name = stored(&opened, Stored::Index, id)?;
            opened.progress.finish();
            document(output, &objects::index(&opened.repository, name)?)?;
        }
        ObjectKind::Pack => {
            let name = stored(&opened, Stored::Pack, id)?;
            opened.progress.finish();
            document(output, &objects::pack(&opened.repository, name)?)?;
        }
        ObjectKind::Snapshot => snapshot(&opened, id, context)?,
        ObjectKind::Chunk => {
            let index = opened.index()?;
            opened.progress.finish();
            let reader = TreeReader::new(&opened.repository, &index);
            let bytes = reader.chunk(&chunk(&index, id)?)?;
            write(output, &bytes)?;
        }
        ObjectKind::Tree => folder(&mut opened, id, context)?,
    }
    Ok(ExitCode::Done)
}

/// JSON, also for people; names from the repository cannot drive a terminal.
fn document(output: &Output, document: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_vec_pretty(document)
        .map_err(|error| Failure::failed("the answer cannot be written as JSON").because(&error))?;
    write(output, &[&text[..], b"\n"].concat())
}

fn write(output: &Output, bytes: &[u8]) -> Result<(), Failure> {
    let written = std::io::Write::write_all(&mut Pipe::new(output), bytes);
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::failed("cannot write to standard output").because(&error))
        }
        _ => Ok(()),
    }
}

#[derive(Serialize)]
struct SnapshotDocument<'s> {
    #[serde(flatten)]
    snapshot: SnapshotAnswer<'s>,
    object: String,
    root: tree::Reference,
    root_stat: Option<tree::Stat>,
    config: String,
    config_generation: u32,
    content_digest: String,
}

fn snapshot(opened: &Opened, id: &str, context: &Context) -> Result<(), Failure> {
    let listed = opened.snapshots()?;
    let selector = Selector::parse(id).map_err(|problem| Failure::option("ID", problem))?;
    let chosen = choose(&listed.snapshots, &selection(selector), context)?.snapshot;
    opened.progress.finish();
    let record = &chosen.snapshot;
    let failed = |source| lumivault_chunk_store::Error::Content {
        what: format!("the root of snapshot {}", chosen.id),
        source,
    };
    let root = FolderRef::decode_whole(&record.root).map_err(failed)?;
    let stat = lumivault_format::tree::StatRecord::decode_alone(&record.root_stat).map_err(failed)?;
    document(
        &context.output,
        &SnapshotDocument {
            snapshot: SnapshotAnswer::new(chosen),
            object: chosen.object.to_hex(),
            root: tree::Reference::new(&root),
            root_stat: Some(tree::Stat::new(&stat)),
            config: record.config.to_hex(),
            config_generation: record.config_generation,
            content_digest: hex(record.digest.as_bytes()),
        },
    )
}

fn selection(snapshot: Selector) -> Selection {
    Selection {
        snapshot,
        phone: None,
        strict: false,
    }
}

/// A folder, by the id of its head or by its place in a snapshot.
fn folder(opened: &mut Opened, id: &str, context: &Context) -> Result<(), Failure> {
    let by_id = id.len() >= ID_DIGITS_MIN && is_hex(id);
    let listed = if by_id { None } else { Some(opened.snapshots()?) };
    let index = opened.index()?;
    opened.progress.finish();
    let reader = TreeReader::new(&opened.repository, &index);
    let reference = match &listed {
        None => {
            let id = chunk(&index, id)?;
            let place = index
                .find(&id)
                .ok_or(lumivault_chunk_store::Error::MissingChunk(id))?;
            FolderRef::Chunk {
                id,
                plain_len: place.place.entry.plain_len,
            }
        }
        Some(listed) => place(&listed.snapshots, id, &reader, context)?,
    };
    document(&context.output, &tree::document(&reader, &reference)?)
}

fn place(
    snapshots: &[StoredSnapshot],
    text: &str,
    reader: &TreeReader<'_>,
    context: &Context,
) -> Result<FolderRef, Failure> {
    let SnapshotPath { snapshot, path } =
        SnapshotPath::parse(OsStr::new(text)).map_err(|problem| Failure::option("ID", problem))?;
    let selector = snapshot.unwrap_or_else(Selector::latest);
    let chosen = choose(snapshots, &selection(selector), context)?;
    let node = Browser::new(reader).lookup(chosen.snapshot, &StoredPath::new(path))?;
    node.folder()
        .cloned()
        .ok_or_else(|| Failure::usage(format!("{text} is no folder")))
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The object of this kind whose name begins so.
fn stored(opened: &Opened, kind: Stored, prefix: &str) -> Result<ObjectName, Failure> {
    let names = opened.repository.backend().list(kind)?;
    one(
        prefix,
        &kind.to_string(),
        names.into_iter().map(|info| info.name),
        |name| name.to_hex(),
    )
}

/// The chunk whose id begins so. One in several packs is one.
fn chunk(index: &ChunkIndex, prefix: &str) -> Result<ChunkId, Failure> {
    let mut fitting: Vec<ChunkId> = Vec::new();
    let wanted = prefix.to_ascii_lowercase();
    index.for_each(|id, _| {
        // Enough to tell that they are too many.
        let more = fitting.len() <= IDS_NAMED_MAX && fitting.last() != Some(&id);
        if more && id.to_string().starts_with(&wanted) {
            fitting.push(id);
        }
    });
    one(prefix, "chunk", fitting.into_iter(), ToString::to_string)
}

/// The only one whose id begins so.
fn one<T>(
    prefix: &str,
    what: &str,
    all: impl Iterator<Item = T>,
    id: impl Fn(&T) -> String,
) -> Result<T, Failure> {
    if !is_hex(prefix) {
        return Err(Failure::option(
            "ID",
            format!("the id of a {what} is hexadecimal"),
        ));
    }
    let wanted = prefix.to_ascii_lowercase();
    let mut fitting: Vec<T> = all.filter(|one| id(one).starts_with(&wanted)).collect();
    if fitting.len() > 1 {
        let mut names: Vec<String> = fitting.iter().take(IDS_NAMED_MAX).map(id).collect();
        if fitting.len() > IDS_NAMED_MAX {
            names.push("…".into());
        }
        let problem = format!("the ids of several begin with `{prefix}`: {}", names.join(", "));
        return Err(Failure::usage(problem).hint("type more of the id"));
    }
    fitting
        .pop()
        .ok_or_else(|| Failure::failed(format!("no {what} has an id that begins with `{prefix}`")))
}
