//! Walks the sources depth first and hands their files to the workers.

use std::ffi::OsString;
use std::iter::Peekable;
use std::path::PathBuf;
use std::sync::Arc;

use lumivault_chunk_store::Error;
use lumivault_chunk_store::Folder;
use lumivault_format::limits;
use lumivault_format::tree::{Category, EntryKind, Extra, ExtraKind, FolderRef};
use rayon::Scope;

use super::files::{Batch, FileJob};
use super::folder::{FolderNode, Outcome, Slot};
use super::listing::{Here, Listed, Spot, join, list};
use super::report::Report;
use super::run::Run;
use super::unchanged::Candidate;
use crate::IngestError;
use crate::source::{FileIdentity, Found, FoundKind, name_bytes};

/// A file of a folder, waiting for a worker.
struct Waiting {
    slot: usize,
    name: OsString,
    size: u64,
    identity: FileIdentity,
}

/// A subfolder still to be walked.
struct Deeper {
    slot: usize,
    name: OsString,
}

/// Walks one folder and everything below it.
pub(super) fn walk<'s>(
    run: &'s Run<'_>,
    scope: &Scope<'s>,
    here: &Here<'_>,
    parent: Option<(Arc<FolderNode>, usize)>,
    previous: Option<Folder>,
) -> Result<(), IngestError> {
    let (node, deeper) = enter(run, scope, here, parent, previous)?;
    let mut old = OldFolders::of(&node);
    for child in deeper {
        let spot = here.spot.below(&child.name);
        if here.depth >= limits::TREE_DEPTH_MAX - 1 {
            let problem = "folders are nested more than 256 deep".into();
            run.unreadable(&spot.place, "unreadable", problem);
            node.complete(run, child.slot, Outcome::Dropped)?;
            continue;
        }
        Report::count(&run.report.folders, 1);
        let previous = old
            .find(&name_bytes(&child.name))
            .and_then(|reference| run.previous.folder(reference));
        let below = Here {
            spot: Arc::new(spot),
            excludes: here.excludes,
            device: here.device,
            depth: here.depth + 1,
            is_source: false,
        };
        walk(
            run,
            scope,
            &below,
            Some((Arc::clone(&node), child.slot)),
            previous,
        )?;
    }
    node.release(run)?;
    Ok(())
}

/// Lists one folder and hands over its files. Apart from [`walk`], as that is called once for each level of folders.
#[inline(never)]
fn enter<'s>(
    run: &'s Run<'_>,
    scope: &Scope<'s>,
    here: &Here<'_>,
    parent: Option<(Arc<FolderNode>, usize)>,
    previous: Option<Folder>,
) -> Result<(Arc<FolderNode>, Vec<Deeper>), IngestError> {
    let listing = list(run, here)?;
    let mut slots = Vec::with_capacity(listing.len());
    let (mut files, mut deeper) = (Vec::new(), Vec::new());
    for Listed { name, found } in listing {
        let slot = slots.len();
        let is_file = matches!(found.kind, FoundKind::File { .. });
        let outcome = match found.kind {
            FoundKind::File { size } => {
                files.push(Waiting {
                    slot,
                    name: name.clone(),
                    size,
                    identity: found.identity,
                });
                Outcome::Pending
            }
            FoundKind::Folder => {
                let name = name.clone();
                deeper.push(Deeper { slot, name });
                Outcome::Pending
            }
            other => {
                Report::count(&run.report.others, 1);
                Outcome::Other(special(other))
            }
        };
        let mut stat = found.stat;
        if let Some((device, inode)) = found.hard_link {
            stat.extras.push(hard_link_group(run, device, inode));
        }
        let name = name.into_encoded_bytes();
        let category = if is_file {
            (run.categorise)(&join(&here.spot.place, &name))
        } else {
            Category::None
        };
        slots.push(Slot {
            name,
            category,
            stat,
            outcome,
        });
    }
    let node = FolderNode::new(slots, parent, previous);
    let mut batch = Batch::new(run, scope);
    for file in files {
        run.check_cancelled()?;
        let job = FileJob {
            node: Arc::clone(&node),
            slot: file.slot,
            spot: Arc::clone(&here.spot),
            name: file.name,
            size: file.size,
            identity: file.identity,
        };
        if !take_over(run, &job)? {
            batch.add(job);
        }
    }
    batch.send();
    Ok((node, deeper))
}

/// The subfolders that a folder had in the snapshot before, asked for in ascending order of their names.
struct OldFolders<'n> {
    ahead: Peekable<Named<'n>>,
}

type Named<'n> = Box<dyn Iterator<Item = (&'n [u8], &'n FolderRef)> + 'n>;

impl<'n> OldFolders<'n> {
    fn of(node: &'n FolderNode) -> Self {
        let folders = node.previous().into_iter().flat_map(Folder::with_folders);
        let named = folders
            .filter_map(|(entry, reference)| reference.map(|reference| (&*entry.name.name, reference)));
        let named: Named<'n> = Box::new(named);
        Self {
            ahead: named.peekable(),
        }
    }

    fn find(&mut self, name: &[u8]) -> Option<&'n FolderRef> {
        while self.ahead.next_if(|(old, _)| *old < name).is_some() {}
        self.ahead
            .next_if(|(old, _)| *old == name)
            .map(|(_, reference)| reference)
    }
}

/// Takes over the stored content of a file that this machine's cache says did not change.
fn take_over(run: &Run<'_>, job: &FileJob) -> Result<bool, Error> {
    if run.unchanged.is_empty() {
        return Ok(false);
    }
    let old = job.node.known_content(job.name.as_encoded_bytes());
    let Some(record) = old.filter(|record| record.len() == job.size) else {
        return Ok(false);
    };
    let id = run.repository.content_id(record);
    let place = job.place();
    let candidate = Candidate {
        place: &place,
        size: job.size,
        identity: job.identity,
    };
    // A chunk that is gone from the index must be stored anew, so the file has to be read.
    let stored = record
        .extents
        .iter()
        .filter_map(lumivault_format::tree::Extent::chunk)
        .all(|chunk| run.chunks.contains(&chunk));
    if !stored || !run.unchanged.is_unchanged(&candidate, &id) {
        return Ok(false);
    }
    run.unchanged.remember(&candidate, &id);
    run.count_file(job.size);
    Report::count(&run.report.unchanged, 1);
    run.progress_bytes(job.size);
    let record = record.clone();
    job.node.complete(run, job.slot, Outcome::File { record, id })?;
    Ok(true)
}

fn special(kind: FoundKind) -> EntryKind {
    match kind {
        FoundKind::Symlink { target } => EntryKind::Symlink { target },
        FoundKind::Fifo => EntryKind::Fifo,
        FoundKind::Socket => EntryKind::Socket,
        FoundKind::CharDevice => EntryKind::CharDevice,
        FoundKind::BlockDevice => EntryKind::BlockDevice,
        FoundKind::File { .. } | FoundKind::Folder => unreachable!("files and folders are told apart before"),
    }
}

/// Names of one file share a group that says nothing about the disk it was on.
fn hard_link_group(run: &Run<'_>, device: u64, inode: u64) -> Extra {
    let material = [device.to_le_bytes(), inode.to_le_bytes()].concat();
    let value = run.repository.cache_fingerprint(&material)[..8].to_vec();
    Extra {
        kind: ExtraKind::HardLink,
        critical: false,
        value,
    }
}

/// Hands over a source that is no folder.
pub(super) fn single<'s>(
    run: &'s Run<'_>,
    scope: &Scope<'s>,
    node: &Arc<FolderNode>,
    slot: usize,
    path: PathBuf,
    place: Vec<u8>,
    found: &Found,
) -> Result<(), IngestError> {
    let FoundKind::File { size } = found.kind else {
        Report::count(&run.report.others, 1);
        node.complete(run, slot, Outcome::Other(special(found.kind.clone())))?;
        return Ok(());
    };
    let job = FileJob {
        node: Arc::clone(node),
        slot,
        spot: Arc::new(Spot { path, place }),
        name: OsString::new(),
        size,
        identity: found.identity,
    };
    if !take_over(run, &job)? {
        let mut batch = Batch::new(run, scope);
        batch.add(job);
        batch.send();
    }
    Ok(())
}
