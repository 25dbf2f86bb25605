//! Puts several sources under one root: those named by the user become folders or files of a root that exists only in the
//! snapshot.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lumivault_chunk_store::Folder;
use lumivault_format::tree::{FolderRef, StatRecord, check_name};
use lumivault_format::{Source, limits};
use rayon::{Scope, ThreadPool};

use super::content;
use super::folder::{FolderNode, Outcome, Slot};
use super::listing::{Here, Spot};
use super::reading::ContentError;
use super::report::Report;
use super::run::Run;
use super::walk;
use crate::IngestError;
use crate::source::{ExcludeRules, Excludes, Found, FoundKind, SourceSpec, inspect, name_bytes};

/// A source that was looked at.
pub(super) struct Prepared {
    path: PathBuf,
    full_path: Vec<u8>,
    at: Vec<Vec<u8>>,
    found: Found,
    excludes: Excludes,
    device: Option<u64>,
}

impl Prepared {
    /// Its place in the snapshot; empty for the root.
    fn label(&self) -> Vec<u8> {
        self.at.join(&b'/')
    }

    /// What the snapshot says of it.
    pub(super) fn describe(&self) -> Source {
        Source {
            label: self.label(),
            path: self.full_path.clone(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn excludes(&self) -> &Excludes {
        &self.excludes
    }

    /// The device to stay on, if told to.
    pub(super) fn device(&self) -> Option<u64> {
        self.device
    }

    /// Its size, if it is a file.
    pub(super) fn file_size(&self) -> Option<u64> {
        match self.found.kind {
            FoundKind::File { size } => Some(size),
            _ => None,
        }
    }
}

/// The full path of a source, as bytes.
pub(super) fn full_path(path: &Path) -> Vec<u8> {
    name_bytes(absolute(path).as_os_str())
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Looks at every source. One that is not there is an error, not a warning: a disk that is not attached must not make an
/// empty snapshot.
pub(super) fn prepare(
    specs: &[SourceSpec],
    rules: &ExcludeRules,
    one_file_system: bool,
) -> Result<Vec<Prepared>, IngestError> {
    if specs.is_empty() {
        return Err(IngestError::Request(
            "there is nothing to back up: name a folder".into(),
        ));
    }
    let mut prepared = Vec::new();
    for spec in specs {
        let unreadable = |source| IngestError::Source {
            path: spec.path.clone(),
            source,
        };
        if spec.at.len() >= limits::TREE_DEPTH_MAX {
            return Err(IngestError::Request(
                "a label cannot be more than 255 folders deep".into(),
            ));
        }
        for name in &spec.at {
            check_name(name).map_err(|e| {
                IngestError::Request(format!(
                    "`{}` cannot be a label: {e}",
                    String::from_utf8_lossy(name)
                ))
            })?;
        }
        // A link named by the user stands for what it points to.
        let mut path = spec.path.clone();
        if path.symlink_metadata().map_err(unreadable)?.is_symlink() {
            path = path.canonicalize().map_err(unreadable)?;
        }
        let found = inspect(&path).map_err(unreadable)?;
        if found.kind == FoundKind::Folder {
            std::fs::read_dir(&path).map_err(unreadable)?;
        } else if spec.at.is_empty() {
            return Err(IngestError::Request(format!(
                "{} is no folder and needs a label",
                path.display()
            )));
        }
        let absolute = absolute(&spec.path);
        let excludes = Excludes::new(rules, &path, &[&spec.path, &absolute])?;
        let device = one_file_system.then_some(found.device);
        let full_path = name_bytes(absolute.as_os_str());
        prepared.push(Prepared {
            path,
            full_path,
            at: spec.at.clone(),
            found,
            excludes,
            device,
        });
    }
    Ok(prepared)
}

/// Metadata of the root: a single source's own, or a plain folder's.
pub(super) fn root_stat(prepared: &[Prepared]) -> StatRecord {
    match prepared {
        [only] if only.at.is_empty() => only.found.stat.clone(),
        _ => folder_of(prepared),
    }
}

/// Metadata of a folder that exists in the snapshot only: as new as the newest source in it, so that equal sources make
/// equal snapshots.
fn folder_of<'p>(sources: impl IntoIterator<Item = &'p Prepared>) -> StatRecord {
    let modified = sources.into_iter().map(|source| source.found.identity.modified);
    plain_folder(modified.max().unwrap_or_default())
}

fn plain_folder((mtime_seconds, mtime_nanoseconds): (i64, u32)) -> StatRecord {
    StatRecord {
        mtime_seconds,
        mtime_nanoseconds,
        mode: Some(0o755),
        ..StatRecord::default()
    }
}

/// Walks all sources.
pub(super) fn walk<'s>(
    run: &'s Run<'_>,
    scope: &Scope<'s>,
    prepared: &[Prepared],
) -> Result<(), IngestError> {
    let previous = run.previous.root().and_then(|root| run.previous.folder(root));
    let group: Vec<&Prepared> = prepared.iter().collect();
    walk_group(run, scope, &group, 0, None, previous)
}

/// Walks the sources that share their first `depth` labels.
fn walk_group<'s>(
    run: &'s Run<'_>,
    scope: &Scope<'s>,
    group: &[&Prepared],
    depth: usize,
    parent: Option<(Arc<FolderNode>, usize)>,
    previous: Option<Folder>,
) -> Result<(), IngestError> {
    if let [only] = group
        && only.at.len() == depth
        && only.found.kind == FoundKind::Folder
    {
        let spot = Spot {
            path: only.path.clone(),
            place: only.label(),
        };
        let here = Here {
            spot: Arc::new(spot),
            excludes: &only.excludes,
            device: only.device,
            depth,
            is_source: true,
        };
        return walk::walk(run, scope, &here, parent, previous);
    }
    let mut children: BTreeMap<&[u8], Vec<&Prepared>> = BTreeMap::new();
    for source in group {
        let Some(name) = source.at.get(depth) else {
            return Err(IngestError::Request(format!(
                "{} would appear inside another source; name it with --as",
                source.path.display()
            )));
        };
        children.entry(name).or_default().push(source);
    }
    let mut slots = Vec::new();
    for (name, sources) in &children {
        let stat = match sources.as_slice() {
            [only] if only.at.len() == depth + 1 => only.found.stat.clone(),
            several => folder_of(several.iter().copied()),
        };
        slots.push(Slot {
            name: name.to_vec(),
            category: (run.categorise)(name),
            stat,
            outcome: Outcome::Pending,
        });
    }
    let old: Vec<Option<FolderRef>> = children
        .keys()
        .map(|name| old_folder(previous.as_ref(), name))
        .collect();
    let node = FolderNode::new(slots, parent, previous);
    for ((slot, sources), old) in children.into_values().enumerate().zip(old) {
        match sources.as_slice() {
            [only] if only.at.len() == depth + 1 && only.found.kind != FoundKind::Folder => {
                walk::single(
                    run,
                    scope,
                    &node,
                    slot,
                    only.path.clone(),
                    only.label(),
                    &only.found,
                )?;
            }
            _ => {
                Report::count(&run.report.folders, 1);
                let previous = old.and_then(|reference| run.previous.folder(&reference));
                walk_group(
                    run,
                    scope,
                    &sources,
                    depth + 1,
                    Some((Arc::clone(&node), slot)),
                    previous,
                )?;
            }
        }
    }
    node.release(run)?;
    Ok(())
}

fn old_folder(previous: Option<&Folder>, name: &[u8]) -> Option<FolderRef> {
    let mut folders = previous?.with_folders();
    folders
        .find(|(entry, _)| entry.name.name == name)
        .and_then(|(_, reference)| reference.cloned())
}

/// Stores a stream as the only file of the root.
pub(super) fn store_stream(
    run: &Run<'_>,
    pool: &ThreadPool,
    name: &[u8],
    reader: &mut (dyn Read + Send),
) -> Result<StatRecord, IngestError> {
    check_name(name).map_err(|error| IngestError::Request(format!("--stdin-filename: {error}")))?;
    let now = run.repository.environment().clock.now().0;
    let stat = StatRecord {
        mtime_seconds: now,
        mode: Some(0o644),
        ..StatRecord::default()
    };
    let slot = Slot {
        name: name.to_vec(),
        category: (run.categorise)(name),
        stat,
        outcome: Outcome::Pending,
    };
    let previous = run.previous.root().and_then(|root| run.previous.folder(root));
    let node = FolderNode::new(vec![slot], None, previous);
    let record = pool
        .install(|| content::store_stream(run, reader))
        .map_err(|error| match error {
            ContentError::Store(error) => IngestError::Store(error),
            ContentError::Read(source) => IngestError::Source {
                path: PathBuf::from("-"),
                source,
            },
        })?;
    run.count_file(record.len());
    let id = run.repository.content_id(&record);
    node.complete(run, 0, Outcome::File { record, id })?;
    node.release(run)?;
    Ok(plain_folder((now, 0)))
}
