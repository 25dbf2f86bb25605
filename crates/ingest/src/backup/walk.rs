//! Walks the sources and hands their files to the workers, a batch of small ones or one large one at a time.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lumivault_chunk_store::Folder;
use lumivault_format::tree::{EntryKind, Extra, ExtraKind, StatRecord, check_name};
use lumivault_format::{ChunkKind, limits};
use rayon::Scope;

use super::Run;
use super::bundle::{Tiny, slice_outcome};
use super::content::{self, ContentError, WINDOW_BYTES};
use super::folder::{FolderNode, Outcome, Slot};
use super::report::{LeftOut, Report};
use super::unchanged::Candidate;
use crate::IngestError;
use crate::chunking::{CHUNK_MAX, CHUNKER_SET, TINY_MAX};
use crate::source::{Excludes, FileIdentity, Found, FoundKind, SourceFile, inspect, name_bytes};

/// Files up to this size travel in batches.
const SMALL_BYTES: u64 = 256 * 1024;
/// A batch holds at most this many files or bytes.
const BATCH_FILES: usize = 64;
const BATCH_BYTES: u64 = 1024 * 1024;

/// A file to be read.
pub(super) struct FileJob {
    node: Arc<FolderNode>,
    slot: usize,
    path: PathBuf,
    /// Place in the snapshot, for messages.
    place: Vec<u8>,
    size: u64,
    stat: StatRecord,
    identity: FileIdentity,
}

/// A folder of the source with its place in the snapshot.
pub(super) struct Here<'a> {
    pub(super) path: &'a Path,
    pub(super) place: Vec<u8>,
    pub(super) excludes: &'a Excludes,
    /// Stay on this device, if told to.
    pub(super) device: Option<u64>,
    pub(super) depth: usize,
}

/// A subfolder still to be walked.
struct Deeper {
    slot: usize,
    path: PathBuf,
    place: Vec<u8>,
}

/// Walks one folder and everything below it.
pub(super) fn walk<'s>(
    run: &'s Run<'_>,
    scope: &Scope<'s>,
    here: &Here<'_>,
    parent: Option<(Arc<FolderNode>, usize)>,
    previous: Option<Folder>,
) -> Result<(), IngestError> {
    run.check_cancelled()?;
    let listing = list(run, here);
    let mut slots = Vec::with_capacity(listing.len());
    let (mut files, mut deeper) = (Vec::new(), Vec::new());
    for (name, path, found) in listing {
        let slot = slots.len();
        let place = join(&here.place, &name);
        if let Some(doubt) = &found.doubt {
            run.warn(&place, "incomplete-metadata", doubt.clone());
        }
        let outcome = match found.kind {
            FoundKind::File { size } => {
                files.push((slot, path, place, size, found.identity));
                Outcome::Pending
            }
            FoundKind::Folder => {
                deeper.push(Deeper { slot, path, place });
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
        slots.push(Slot { name, stat, outcome });
    }
    let jobs: Vec<(usize, PathBuf, Vec<u8>, u64, StatRecord, FileIdentity)> = files
        .into_iter()
        .map(|(slot, path, place, size, identity)| {
            (slot, path, place, size, slots[slot].stat.clone(), identity)
        })
        .collect();
    let old_folders = old_folders(previous.as_ref(), &deeper, &slots);
    let known = previous
        .as_ref()
        .filter(|_| !run.unchanged.is_empty())
        .map(|folder| known_contents(folder, &slots));
    let node = FolderNode::new(slots, parent, previous);
    let mut batch = Batch::new(run, scope);
    for (slot, path, place, size, stat, identity) in jobs {
        let job = FileJob {
            node: Arc::clone(&node),
            slot,
            path,
            place,
            size,
            stat,
            identity,
        };
        let old = known
            .as_ref()
            .and_then(|known| known.get(slot).cloned().flatten());
        if !take_over(run, &job, old)? {
            batch.add(job);
        }
    }
    batch.send();
    for (child, old) in deeper.into_iter().zip(old_folders) {
        let previous = old.and_then(|reference| run.previous.folder(&reference));
        if here.depth >= limits::TREE_DEPTH_MAX - 1 {
            run.unreadable(
                &child.place,
                "unreadable",
                "folders are nested more than 256 deep".into(),
            );
            node.complete(run, child.slot, Outcome::Dropped)?;
            continue;
        }
        Report::count(&run.report.folders, 1);
        let below = Here {
            path: &child.path,
            place: child.place,
            excludes: here.excludes,
            device: here.device,
            depth: here.depth + 1,
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

/// References of the subfolders in the snapshot before, in the order of `deeper`.
fn old_folders(
    previous: Option<&Folder>,
    deeper: &[Deeper],
    slots: &[Slot],
) -> Vec<Option<lumivault_format::tree::FolderRef>> {
    let Some(previous) = previous else {
        return vec![None; deeper.len()];
    };
    let mut old: Vec<_> = previous
        .with_folders()
        .filter_map(|(entry, reference)| reference.map(|r| (entry.name.name.as_slice(), r)))
        .collect();
    old.sort_unstable_by_key(|(name, _)| *name);
    deeper
        .iter()
        .map(|child| {
            let name = slots[child.slot].name.as_slice();
            old.binary_search_by_key(&name, |(n, _)| *n)
                .ok()
                .map(|i| old[i].1.clone())
        })
        .collect()
}

/// The content that each entry had in the snapshot before, by slot.
fn known_contents(previous: &Folder, slots: &[Slot]) -> Vec<Option<lumivault_format::tree::ContentRecord>> {
    slots
        .iter()
        .map(|slot| {
            let entries = &previous.entries;
            let i = entries
                .binary_search_by(|e| e.name.name.as_slice().cmp(&slot.name))
                .ok()?;
            previous.content(&entries[i]).cloned()
        })
        .collect()
}

/// Takes over the stored content of a file that this machine's cache says did not change.
fn take_over(
    run: &Run<'_>,
    job: &FileJob,
    old: Option<lumivault_format::tree::ContentRecord>,
) -> Result<bool, IngestError> {
    let Some(record) = old.filter(|record| record.len() == job.size) else {
        return Ok(false);
    };
    let id = run.repository.content_id(&record);
    let path = name_bytes(job.path.as_os_str());
    let candidate = Candidate {
        path: &path,
        size: job.size,
        stat: &job.stat,
        identity: job.identity,
    };
    // A chunk that is gone from the index must be stored anew, so the file has to be read.
    let stored = record
        .extents
        .iter()
        .filter_map(|e| e.chunk())
        .all(|chunk| run.chunks.contains(&chunk));
    if !stored || !run.unchanged.is_unchanged(&candidate, &id) {
        return Ok(false);
    }
    run.unchanged.remember(&candidate, &id);
    run.count_file(job.size);
    Report::count(&run.report.unchanged, 1);
    run.progress_bytes(job.size);
    job.node.complete(run, job.slot, Outcome::File { record, id })?;
    Ok(true)
}

/// The entries of a folder that belong into the snapshot, ascending by name.
fn list(run: &Run<'_>, here: &Here<'_>) -> Vec<(Vec<u8>, PathBuf, Found)> {
    let entries = match fs::read_dir(here.path) {
        Ok(entries) => entries,
        Err(error) => {
            run.unreadable(
                &here.place,
                "unreadable",
                format!("the folder cannot be listed: {error}"),
            );
            return Vec::new();
        }
    };
    let mut listing = Vec::new();
    for entry in entries {
        match entry {
            Ok(entry) => listing.extend(look(run, here, entry.path())),
            Err(error) => {
                run.unreadable(
                    &here.place,
                    "unreadable",
                    format!("the folder was listed only in part: {error}"),
                );
            }
        }
    }
    listing.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    listing
}

/// Looks at one entry; `None` if it is left out, gone or cannot be kept.
fn look(run: &Run<'_>, here: &Here<'_>, path: PathBuf) -> Option<(Vec<u8>, PathBuf, Found)> {
    let name = name_bytes(path.file_name()?);
    let place = join(&here.place, &name);
    let found = match inspect(&path) {
        Ok(found) => found,
        Err(error) => {
            run.read_failed(&place, &error);
            return None;
        }
    };
    let is_folder = found.kind == FoundKind::Folder;
    let rule = here.excludes.excluded(&path, is_folder).or_else(|| {
        is_folder
            .then(|| here.excludes.excluded_by_content(&path))
            .flatten()
    });
    if let Some(rule) = rule {
        run.report.leave_out(LeftOut { path: place, rule });
        return None;
    }
    if is_folder && here.device.is_some_and(|device| device != found.device) {
        run.report.leave_out(LeftOut {
            path: place,
            rule: "another file system".into(),
        });
        return None;
    }
    if let Err(problem) = check_name(&name) {
        run.unreadable(&place, "unreadable", problem.to_string());
        return None;
    }
    Some((name, path, found))
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

/// Collects small files into one job.
struct Batch<'r, 's, 'x> {
    run: &'s Run<'r>,
    scope: &'x Scope<'s>,
    jobs: Vec<FileJob>,
    bytes: u64,
}

impl<'r, 's, 'x> Batch<'r, 's, 'x> {
    fn new(run: &'s Run<'r>, scope: &'x Scope<'s>) -> Self {
        Self {
            run,
            scope,
            jobs: Vec::new(),
            bytes: 0,
        }
    }

    fn add(&mut self, job: FileJob) {
        if job.size > SMALL_BYTES {
            let memory = job.size.min((CHUNK_MAX + WINDOW_BYTES) as u64);
            spawn(self.run, self.scope, vec![job], memory);
            return;
        }
        self.bytes += job.size;
        self.jobs.push(job);
        if self.jobs.len() >= BATCH_FILES || self.bytes >= BATCH_BYTES {
            self.send();
        }
    }

    fn send(&mut self) {
        let jobs = std::mem::take(&mut self.jobs);
        let bytes = std::mem::take(&mut self.bytes);
        if !jobs.is_empty() {
            spawn(self.run, self.scope, jobs, bytes);
        }
    }
}

fn spawn<'s>(run: &'s Run<'_>, scope: &Scope<'s>, jobs: Vec<FileJob>, memory: u64) {
    run.budget.take(memory);
    scope.spawn(move |_| {
        if let Err(error) = work(run, jobs) {
            run.fail(error);
        }
        run.budget.give_back(memory);
    });
}

/// Reads a batch of files; tiny ones go to the bundle together, in order.
fn work(run: &Run<'_>, jobs: Vec<FileJob>) -> Result<(), lumivault_chunk_store::Error> {
    let mut tiny = Vec::new();
    for job in jobs {
        run.check_cancelled()?;
        match read(run, &job) {
            Ok(Read::Tiny(bytes, id)) => {
                tiny.push(Tiny {
                    node: Arc::clone(&job.node),
                    slot: job.slot,
                    bytes,
                    id,
                });
            }
            Ok(Read::Done(outcome)) => job.node.complete(run, job.slot, outcome)?,
            Err(ContentError::Store(error)) => return Err(error),
            Err(ContentError::Read(error)) => {
                run.read_failed(&job.place, &error);
                job.node.complete(run, job.slot, Outcome::Dropped)?;
            }
        }
    }
    run.bundler.add(run, tiny)
}

/// What reading a file led to.
enum Read {
    Done(Outcome),
    /// New and tiny: to be bundled.
    Tiny(Vec<u8>, lumivault_format::ChunkId),
}

fn read(run: &Run<'_>, job: &FileJob) -> Result<Read, ContentError> {
    let file = SourceFile::open(&job.path)?;
    let size = crate::chunking::ReadAt::len(&file);
    let (result, content, bytes) = if (1..=TINY_MAX).contains(&size) {
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
        let length = file.fill(0, &mut bytes)?;
        bytes.truncate(length);
        read_tiny(run, bytes)
    } else {
        let record = content::store_file(run, &file)?;
        let id = run.repository.content_id(&record);
        let bytes = record.len();
        (Read::Done(Outcome::File { record, id }), id, bytes)
    };
    run.count_file(bytes);
    if file.is_unchanged()? && bytes == size {
        let path = name_bytes(job.path.as_os_str());
        let candidate = Candidate {
            path: &path,
            size,
            stat: &job.stat,
            identity: job.identity,
        };
        // Only what was listed with the same size is the file whose times the snapshot records.
        if size == job.size {
            run.unchanged.remember(&candidate, &content);
        }
    } else {
        run.changed(&job.place);
    }
    Ok(result)
}

fn read_tiny(run: &Run<'_>, bytes: Vec<u8>) -> (Read, lumivault_format::ContentId, u64) {
    let length = bytes.len() as u64;
    run.progress_bytes(length);
    if bytes.is_empty() {
        let record = lumivault_format::tree::ContentRecord {
            classifier: 1,
            chunker: CHUNKER_SET,
            extents: Vec::new(),
        };
        let id = lumivault_format::ContentId::EMPTY;
        return (Read::Done(Outcome::File { record, id }), id, 0);
    }
    let id = run.repository.chunk_id(ChunkKind::Data, &bytes);
    let content = lumivault_format::ContentId::from_bytes(*id.as_bytes());
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    match run.previous.slice(id, len) {
        Some(extent) => (Read::Done(slice_outcome(extent)), content, length),
        None => (Read::Tiny(bytes, id), content, length),
    }
}

/// A place below another, with a slash between.
pub(super) fn join(place: &[u8], name: &[u8]) -> Vec<u8> {
    if place.is_empty() {
        name.to_vec()
    } else {
        [place, b"/", name].concat()
    }
}

/// Explains why a source file could not be read.
pub(super) fn explain(error: &io::Error) -> (&'static str, String) {
    match error.kind() {
        io::ErrorKind::NotFound => ("vanished", "it vanished before it could be read".into()),
        _ => ("unreadable", format!("it cannot be read: {error}")),
    }
}

/// Hands over a source that is no folder.
pub(super) fn single<'s>(
    run: &'s Run<'_>,
    scope: &Scope<'s>,
    node: &Arc<FolderNode>,
    slot: usize,
    path: &Path,
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
        path: path.to_owned(),
        place,
        size,
        stat: found.stat.clone(),
        identity: found.identity,
    };
    let mut batch = Batch::new(run, scope);
    batch.add(job);
    batch.send();
    Ok(())
}
