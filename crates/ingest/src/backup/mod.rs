//! Backups: sources in, one committed snapshot out.
//!
//! The walker lists folders on the calling thread; workers read, cut, hash and store files; whoever completes the last
//! entry of a folder writes it. Memory is bounded by a budget of bytes in work, whatever the sizes of files.

mod budget;
mod bundle;
mod content;
mod folder;
mod known;
mod report;
mod sources;
mod streams;
mod unchanged;
mod walk;

use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use lumivault_chunk_store::{
    CacheDir, ChunkIndex, ChunkWriter, Compression, Error, Event, Repository, StoredSnapshot, WriteSummary,
    WriterOptions,
};
use lumivault_format::tree::{FolderRef, StatRecord};
use lumivault_format::{
    Counts, Scope, Snapshot, SnapshotId, SnapshotTime, Source, TreeDigest, Warning, limits,
};

use crate::IngestError;
use crate::chunking::{Chunker, parameters};
use crate::source::{ExcludeRules, SourceSpec};
use budget::Budget;
use bundle::Bundler;
use folder::WrittenFolder;
use known::Previous;
pub use report::{FileChanges, LeftOut};
use report::Report;
use unchanged::Unchanged;

/// What to back up.
pub enum Input<'i> {
    /// Folders and files.
    Sources(Vec<SourceSpec>),
    /// One stream, as a file of this name at the root.
    Stream {
        /// The file's name.
        name: Vec<u8>,
        /// Its bytes.
        reader: &'i mut (dyn Read + Send),
    },
}

/// A backup to be made.
pub struct BackupRequest<'i> {
    /// What to back up.
    pub input: Input<'i>,
    /// The phone it is of.
    pub phone: String,
    /// The machine that makes it.
    pub host: String,
    /// The program that makes it, with its version.
    pub tool: String,
    /// When the content was current.
    pub time: SnapshotTime,
    /// Tags.
    pub tags: Vec<String>,
    /// What to leave out.
    pub excludes: ExcludeRules,
    /// Do not cross into other file systems.
    pub one_file_system: bool,
    /// How hard to compress.
    pub compression: Compression,
    /// Worker threads, at least 1.
    pub threads: usize,
    /// Store nothing; find out what would be new.
    pub dry_run: bool,
    /// Make no snapshot if it would equal the one before, times included.
    pub skip_if_unchanged: bool,
    /// Make no snapshot if its content, times apart, is one of these.
    pub skip_digests: Vec<TreeDigest>,
    /// Skip reading files that this machine's cache knows to be unchanged.
    pub trust_metadata: bool,
    /// This machine's cache.
    pub cache: Option<CacheDir>,
}

/// What a backup did.
#[derive(Clone, Debug)]
pub struct BackupSummary {
    /// The snapshot; `None` after a dry run, or where it was skipped.
    pub snapshot: Option<SnapshotId>,
    /// Whether it was skipped for holding nothing new.
    pub skipped: bool,
    /// The snapshot it was compared with.
    pub parent: Option<SnapshotId>,
    /// What it holds and what it added.
    pub counts: Counts,
    /// Files taken over without reading.
    pub unchanged_files: u64,
    /// Files compared with the snapshot before.
    pub changes: FileChanges,
    /// What was written.
    pub written: WriteSummary,
    /// Digest of the content, times apart.
    pub digest: TreeDigest,
    /// Problems with single files (the first 1,000), by path.
    pub warnings: Vec<Warning>,
    /// How many there were.
    pub warnings_total: u64,
    /// What rules left out (the first 1,000).
    pub left_out: Vec<LeftOut>,
    /// How many there were.
    pub left_out_total: u64,
}

/// Bytes in work at once. With the packs' buffers this keeps a run within 96 MiB for a phone's files.
const BUDGET_BYTES: u64 = 32 * 1024 * 1024;

/// Everything that a run's threads share.
pub(super) struct Run<'r> {
    repository: &'r Repository,
    chunks: &'r ChunkWriter,
    chunker: Chunker,
    previous: Previous<'r>,
    unchanged: Unchanged<'r>,
    bundler: Bundler,
    budget: Budget,
    report: Report,
    incomplete: AtomicBool,
    root: Mutex<Option<WrittenFolder>>,
    failed: AtomicBool,
    failure: Mutex<Option<Error>>,
}

/// Makes a backup. Everything stored is durable and listed before the snapshot is committed; after a cancellation what was
/// stored so far is kept for the next run.
pub fn backup(
    repository: &Repository,
    index: &Arc<ChunkIndex>,
    snapshots: &[StoredSnapshot],
    request: BackupRequest<'_>,
) -> Result<BackupSummary, IngestError> {
    check_chunker(repository)?;
    let parent = parent_of(snapshots, &request);
    let options = WriterOptions {
        compression: request.compression,
        threads: request.threads,
        dry_run: request.dry_run,
    };
    let chunks = ChunkWriter::new(repository, Arc::clone(index), options)?;
    let root = parent.and_then(|parent| FolderRef::decode_whole(&parent.snapshot.root).ok());
    let run = Run {
        repository,
        chunks: &chunks,
        chunker: Chunker::new(&repository.chunker_key()),
        previous: Previous::new(repository, index, root),
        unchanged: Unchanged::load(
            repository,
            request.cache.as_ref(),
            &cache_name(&request),
            request.trust_metadata,
        ),
        bundler: Bundler::default(),
        budget: Budget::new(BUDGET_BYTES, request.threads * 4),
        report: Report::default(),
        incomplete: AtomicBool::new(false),
        root: Mutex::default(),
        failed: AtomicBool::new(false),
        failure: Mutex::default(),
    };
    repository
        .environment()
        .monitor
        .event(Event::Phase("reading the source"));
    let walked = run.execute(
        request.input,
        &request.excludes,
        request.one_file_system,
        request.threads,
    );
    let (sources, root_stat) = match walked {
        Ok(done) => done,
        Err(error) => {
            drop(run);
            if error.is_cancelled() && !request.dry_run {
                chunks.finish()?;
            }
            return Err(error);
        }
    };
    let written = run.take_root()?;
    let (warnings, warnings_total) = run.report.warnings();
    let (left_out, left_out_total) = run.report.left_out();
    let get = Report::get;
    let mut counts = Counts {
        files: get(&run.report.files),
        folders: get(&run.report.folders),
        others: get(&run.report.others),
        bytes: get(&run.report.bytes),
        ..Counts::default()
    };
    let unchanged_files = get(&run.report.unchanged);
    let changes = run.report.changes(parent.map_or(0, |p| p.snapshot.counts.files));
    let incomplete = run.incomplete.load(Ordering::Relaxed);
    let mut root = Vec::new();
    written.reference.encode(&mut root);
    let root_stat = root_stat.encode_alone();
    let unchanged = run.unchanged.into_next();
    let same = |p: &&StoredSnapshot| p.snapshot.root == root && p.snapshot.root_stat == root_stat;
    let skipped = request.skip_digests.contains(&written.digest)
        || request.skip_if_unchanged && parent.as_ref().is_some_and(same);
    let mut summary = BackupSummary {
        snapshot: None,
        skipped,
        parent: parent.map(|p| p.id),
        counts: counts.clone(),
        unchanged_files,
        changes,
        written: chunks.summary(),
        digest: written.digest,
        warnings,
        warnings_total,
        left_out,
        left_out_total,
    };
    if skipped && chunks.is_unpublished() || request.dry_run {
        summary.counts.new_bytes = summary.written.plain_bytes;
        return Ok(summary);
    }
    repository
        .environment()
        .monitor
        .event(Event::Phase("writing the index"));
    summary.written = chunks.finish()?;
    counts.new_bytes = summary.written.plain_bytes;
    counts.stored_bytes = summary.written.stored_bytes;
    summary.counts = counts.clone();
    if skipped {
        return Ok(summary);
    }
    let snapshot = Snapshot {
        time: request.time,
        phone: request.phone,
        host: request.host,
        tool: request.tool,
        sources,
        scope: Scope {
            excludes: request
                .excludes
                .patterns
                .iter()
                .chain(&request.excludes.patterns_any_case)
                .cloned()
                .collect(),
            categories: Vec::new(),
            incomplete,
        },
        tags: request.tags,
        predecessors: heads(snapshots),
        root,
        root_stat,
        counts,
        warnings: summary.warnings.clone(),
        warnings_total,
        config_generation: repository.config().generation,
        config: repository.config_name(),
        digest: summary.digest,
        written_unix_seconds: repository.environment().clock.now().0,
    };
    summary.snapshot = Some(repository.commit_snapshot(&snapshot)?);
    if let Err(error) = unchanged.save() {
        let text =
            format!("the cache could not be written ({error}); the next backup will read every file again");
        repository.environment().monitor.event(Event::Warning(&text));
    }
    Ok(summary)
}

/// What is cut by other rules would share nothing with what is stored already, docs/format.md §11.
fn check_chunker(repository: &Repository) -> Result<(), Error> {
    if repository.config().chunker == parameters() {
        return Ok(());
    }
    Err(Error::Unsupported(format!(
        "{} was made to cut contents by rules that this version does not know; it can be read, but not added to",
        repository.backend().location()
    )))
}

/// The snapshot to compare with: of the same phone (of any, if it has none yet); of the same sources if possible, as only
/// there files may be found unchanged; the one written last.
fn parent_of<'s>(snapshots: &'s [StoredSnapshot], request: &BackupRequest<'_>) -> Option<&'s StoredSnapshot> {
    let paths = source_paths(&request.input);
    let same_phone = snapshots.iter().any(|s| s.snapshot.phone == request.phone);
    snapshots
        .iter()
        .filter(|s| !same_phone || s.snapshot.phone == request.phone)
        .max_by_key(|s| {
            let same = s
                .snapshot
                .sources
                .iter()
                .map(|source| &source.path)
                .eq(paths.iter());
            (
                same,
                s.snapshot.written_unix_seconds,
                s.snapshot.time.unix_seconds,
                s.id,
            )
        })
}

fn source_paths(input: &Input<'_>) -> Vec<Vec<u8>> {
    match input {
        Input::Sources(specs) => specs.iter().map(|spec| sources::full_path(&spec.path)).collect(),
        Input::Stream { .. } => Vec::new(),
    }
}

/// What this machine's cache files the fingerprints under.
fn cache_name(request: &BackupRequest<'_>) -> Vec<u8> {
    let mut name = request.phone.clone().into_bytes();
    for path in source_paths(&request.input) {
        name.push(0);
        name.extend_from_slice(&path);
    }
    name
}

/// Snapshots that no other names as its predecessor: the ends of the chain.
fn heads(snapshots: &[StoredSnapshot]) -> Vec<SnapshotId> {
    let named: std::collections::HashSet<&SnapshotId> =
        snapshots.iter().flat_map(|s| &s.snapshot.predecessors).collect();
    let mut heads: Vec<&StoredSnapshot> = snapshots.iter().filter(|s| !named.contains(&s.id)).collect();
    heads.sort_by_key(|s| std::cmp::Reverse((s.snapshot.written_unix_seconds, s.id)));
    heads.truncate(usize::try_from(limits::PREDECESSORS_MAX).unwrap_or(64));
    heads.into_iter().map(|s| s.id).collect()
}

impl Run<'_> {
    /// Walks and reads everything; on success the root is complete.
    fn execute(
        &self,
        input: Input<'_>,
        rules: &ExcludeRules,
        one_file_system: bool,
        threads: usize,
    ) -> Result<(Vec<Source>, StatRecord), IngestError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|i| format!("ingest-{i}"))
            .build()
            .map_err(|error| IngestError::Request(format!("no threads can be started: {error}")))?;
        match input {
            Input::Sources(specs) => {
                let prepared = sources::prepare(&specs, rules, one_file_system)?;
                let stat = sources::root_stat(&prepared, self.repository.environment().clock.now().0);
                let walked = pool.in_place_scope(|scope| {
                    let walked = sources::walk(self, scope, &prepared);
                    if let Err(IngestError::Store(Error::Cancelled)) = &walked {
                        self.fail(Error::Cancelled);
                    }
                    walked
                });
                self.first_failure()?;
                walked?;
                pool.install(|| self.bundler.flush(self))?;
                self.first_failure()?;
                let describe = |p: &sources::Prepared| Source {
                    label: p.label(),
                    path: p.full_path.clone(),
                };
                Ok((prepared.iter().map(describe).collect(), stat))
            }
            Input::Stream { name, reader } => {
                let stat = sources::store_stream(self, &pool, &name, reader)?;
                self.first_failure()?;
                let path = b"-".to_vec();
                Ok((vec![Source { label: name, path }], stat))
            }
        }
    }

    fn first_failure(&self) -> Result<(), IngestError> {
        match self.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }

    fn take_root(&self) -> Result<WrittenFolder, IngestError> {
        let root = self.root.lock().unwrap_or_else(PoisonError::into_inner).take();
        root.ok_or_else(|| IngestError::Request("the root folder was never completed; this is a bug".into()))
    }

    fn set_root(&self, written: WrittenFolder) {
        *self.root.lock().unwrap_or_else(PoisonError::into_inner) = Some(written);
    }

    /// Ends the run with this error, unless another came first.
    fn fail(&self, error: Error) {
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(error);
        self.failed.store(true, Ordering::Release);
    }

    /// Fails if the user or another thread called the work off.
    fn check_cancelled(&self) -> Result<(), Error> {
        if self.failed.load(Ordering::Acquire) {
            return Err(Error::Cancelled);
        }
        self.repository.environment().check_cancelled()
    }

    fn count_file(&self, bytes: u64) {
        Report::count(&self.report.files, 1);
        Report::count(&self.report.bytes, bytes);
        self.repository
            .environment()
            .monitor
            .event(Event::Done { items: 1, bytes: 0 });
    }

    fn progress_bytes(&self, bytes: u64) {
        self.repository
            .environment()
            .monitor
            .event(Event::Done { items: 0, bytes });
    }

    fn warn(&self, place: &[u8], code: &str, message: String) {
        let text = format!("{}: {message}", String::from_utf8_lossy(place));
        self.repository.environment().monitor.event(Event::Warning(&text));
        self.report.warn(Warning {
            path: place.to_vec(),
            code: code.into(),
            message,
        });
    }

    /// Something that belongs into the snapshot is not in it.
    fn unreadable(&self, place: &[u8], code: &str, message: String) {
        self.incomplete.store(true, Ordering::Relaxed);
        self.warn(place, code, message);
    }

    fn read_failed(&self, place: &[u8], error: &std::io::Error) {
        let (code, message) = walk::explain(error);
        self.unreadable(place, code, message);
    }

    fn changed(&self, place: &[u8]) {
        self.warn(
            place,
            "changed",
            "it changed while it was read; what was read is kept".into(),
        );
    }
}
