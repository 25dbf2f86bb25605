//! Reads files, a batch of small ones or one large one at a time, within the budget of bytes in work.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use lumivault_chunk_store::Error;
use lumivault_format::tree::ContentRecord;
use lumivault_format::{ChunkId, ChunkKind, ContentId};
use rayon::Scope;

use super::bundle::{Tiny, slice_outcome};
use super::content::{self, WINDOW_BYTES};
use super::folder::{FolderNode, Outcome};
use super::listing::Spot;
use super::reading::ContentError;
use super::run::Run;
use super::unchanged::Candidate;
use crate::chunking::{CHUNK_MAX, CHUNKER_SET, ReadAt, Rule, TINY_MAX};
use crate::source::{FileIdentity, SourceFile};

/// Files up to this size travel in batches.
const SMALL_BYTES: u64 = 256 * 1024;
/// A batch holds at most this many files or bytes.
const BATCH_FILES: usize = 64;
const BATCH_BYTES: u64 = 1024 * 1024;

/// A file to be read.
pub(super) struct FileJob {
    pub(super) node: Arc<FolderNode>,
    pub(super) slot: usize,
    /// The folder it is in, or itself if it has no name there.
    pub(super) spot: Arc<Spot>,
    pub(super) name: OsString,
    pub(super) size: u64,
    pub(super) identity: FileIdentity,
}

impl FileJob {
    fn path(&self) -> PathBuf {
        if self.name.is_empty() {
            return self.spot.path.clone();
        }
        self.spot.path.join(&self.name)
    }

    /// Place in the snapshot.
    pub(super) fn place(&self) -> Vec<u8> {
        if self.name.is_empty() {
            return self.spot.place.clone();
        }
        self.spot.below(&self.name).place
    }
}

/// Collects small files into one job.
pub(super) struct Batch<'r, 's, 'x> {
    run: &'s Run<'r>,
    scope: &'x Scope<'s>,
    jobs: Vec<FileJob>,
    bytes: u64,
}

impl<'r, 's, 'x> Batch<'r, 's, 'x> {
    pub(super) fn new(run: &'s Run<'r>, scope: &'x Scope<'s>) -> Self {
        Self {
            run,
            scope,
            jobs: Vec::new(),
            bytes: 0,
        }
    }

    pub(super) fn add(&mut self, job: FileJob) {
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

    pub(super) fn send(&mut self) {
        let jobs = std::mem::take(&mut self.jobs);
        let bytes = std::mem::take(&mut self.bytes);
        if !jobs.is_empty() {
            spawn(self.run, self.scope, jobs, bytes);
        }
    }
}

fn spawn<'s>(run: &'s Run<'_>, scope: &Scope<'s>, files: Vec<FileJob>, memory: u64) {
    let job = run.begin_job(memory);
    scope.spawn(move |_| {
        let _in_work = job;
        if let Err(error) = work(run, files) {
            run.fail(error);
        }
    });
}

/// Reads a batch of files; tiny ones go to the bundle together, in order.
fn work(run: &Run<'_>, jobs: Vec<FileJob>) -> Result<(), Error> {
    let mut tiny = Vec::new();
    for job in jobs {
        run.check_cancelled()?;
        match read(run, &job) {
            Ok(Content::Tiny(bytes, id)) => {
                tiny.push(Tiny {
                    node: job.node,
                    slot: job.slot,
                    bytes,
                    id,
                });
            }
            Ok(Content::Done(outcome)) => job.node.complete(run, job.slot, outcome)?,
            Err(ContentError::Store(error)) => return Err(error),
            Err(ContentError::Read(error)) => {
                run.read_failed(&job.place(), &error);
                job.node.complete(run, job.slot, Outcome::Dropped)?;
            }
        }
    }
    run.bundler.add(run, tiny)
}

/// What reading a file led to.
enum Content {
    Done(Outcome),
    /// New and tiny: to be bundled.
    Tiny(Vec<u8>, ChunkId),
}

fn read(run: &Run<'_>, job: &FileJob) -> Result<Content, ContentError> {
    let file = SourceFile::open(&job.path())?;
    let size = file.len();
    let as_listed = size == job.size && file.modified() == job.identity.modified;
    if !as_listed {
        // The times recorded shall be those of the content recorded.
        job.node.restat(job.slot, file.modified());
    }
    let (content, id, bytes) = if (1..=TINY_MAX).contains(&size) {
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
        let length = file.fill(0, &mut bytes)?;
        bytes.truncate(length);
        read_tiny(run, bytes)
    } else {
        let record = content::store_file(run, &file)?;
        let id = run.repository.content_id(&record);
        let bytes = record.len();
        (Content::Done(Outcome::File { record, id }), id, bytes)
    };
    run.count_file(bytes);
    if bytes != size || !file.is_unchanged() {
        run.changed(&job.place());
    } else if as_listed {
        let candidate = Candidate {
            place: &job.place(),
            size,
            identity: job.identity,
        };
        run.unchanged.remember(&candidate, &id);
    }
    Ok(content)
}

fn read_tiny(run: &Run<'_>, bytes: Vec<u8>) -> (Content, ContentId, u64) {
    let length = bytes.len() as u64;
    run.progress_bytes(length);
    if bytes.is_empty() {
        let record = ContentRecord {
            classifier: Rule::Empty.number(),
            chunker: CHUNKER_SET,
            extents: Vec::new(),
        };
        let id = ContentId::EMPTY;
        return (Content::Done(Outcome::File { record, id }), id, 0);
    }
    let id = run.repository.chunk_id(ChunkKind::Data, &bytes);
    let content = ContentId::from_bytes(*id.as_bytes());
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    match run.previous.slice(id, len) {
        Some(extent) => (Content::Done(slice_outcome(extent)), content, length),
        None => (Content::Tiny(bytes, id), content, length),
    }
}

/// Explains why a source file could not be read: a word for programs, a sentence for people.
pub(super) fn explain(error: &io::Error) -> (&'static str, String) {
    match error.kind() {
        io::ErrorKind::NotFound => ("vanished", "it vanished before it could be read".into()),
        _ => ("unreadable", format!("it cannot be read: {error}")),
    }
}
