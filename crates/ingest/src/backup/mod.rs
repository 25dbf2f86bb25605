//! Backups: sources in, one committed snapshot out.
//!
//! The walker lists folders on the calling thread; workers read, cut, hash and store files; whoever completes the last
//! entry of a folder writes it. Memory is bounded by a budget of bytes in work, whatever the sizes of files.

mod budget;
mod bundle;
mod content;
mod files;
mod folder;
mod known;
mod listing;
mod parent;
mod reading;
mod report;
mod run;
mod scan;
mod sources;
mod trails;
mod unchanged;
mod walk;
mod window;

use std::io::Read;
use std::sync::Arc;

use lumivault_chunk_store::session::Writing;
use lumivault_chunk_store::{
    CacheDir, ChunkWriter, Compression, Error, Event, Repository, StoredSnapshot, WriteSummary, WriterOptions,
};
use lumivault_format::tree::{Category, FolderRef, StatRecord};
use lumivault_format::{
    Counts, Scope, Snapshot, SnapshotId, SnapshotTime, Source, TreeDigest, Warning, limits,
};

use crate::IngestError;
use crate::chunking::parameters;
use crate::source::{ExcludeRules, SourceSpec};
use parent::{heads, parent_of};
use report::Report;
pub use report::{FileChanges, LeftOut};
use run::Run;
use unchanged::NextSet;

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
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent switches, each named where it is set"
)]
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
    /// Tells what the file at a place is to its owner.
    pub categorise: fn(&[u8]) -> Category,
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

/// How often the work is done again because packs that it relied on were marked or removed meanwhile.
const ATTEMPTS_MAX: usize = 4;

/// Makes a backup. Everything stored is durable and listed before the snapshot is committed; after a cancellation what was
/// stored so far is kept for the next run. `snapshots` are read at least as late as those of `writing`.
pub fn backup(
    writing: &Writing<'_>,
    snapshots: &[StoredSnapshot],
    mut request: BackupRequest<'_>,
) -> Result<BackupSummary, IngestError> {
    let repository = writing.repository();
    check_chunker(repository)?;
    check_lists(&request)?;
    request.dry_run |= writing.is_dry();
    let parent = parent_of(snapshots, &request);
    let mut earlier = WriteSummary::default();
    for _ in 0..ATTEMPTS_MAX {
        let stored = store(writing, parent, &mut request, earlier)?;
        if request.dry_run {
            return Ok(stored.summary);
        }
        if stored.summary.skipped {
            save_cache(repository, stored.unchanged);
            return Ok(stored.summary);
        }
        if writing.look_again()?.is_none() {
            return commit(writing, snapshots, request, stored);
        }
        let text = "packs that this backup relied on are being removed; what was in them is stored anew";
        repository.environment().monitor.event(Event::Detail(text));
        earlier = stored.summary.written;
        if matches!(request.input, Input::Stream { .. }) {
            break;
        }
    }
    Err(IngestError::Request(
        "packs that this backup relied on were removed while it was made; run it again".into(),
    ))
}

/// Everything of a snapshot but the snapshot.
struct Stored {
    summary: BackupSummary,
    sources: Vec<Source>,
    root: Vec<u8>,
    root_stat: Vec<u8>,
    incomplete: bool,
    unchanged: NextSet,
}

/// Walks the sources and stores what is new. What an `earlier` attempt stored counts too.
fn store(
    writing: &Writing<'_>,
    parent: Option<&StoredSnapshot>,
    request: &mut BackupRequest<'_>,
    earlier: WriteSummary,
) -> Result<Stored, IngestError> {
    let (repository, index) = (writing.repository(), writing.index());
    let options = WriterOptions {
        compression: request.compression,
        threads: request.threads,
        dry_run: request.dry_run,
    };
    let chunks = ChunkWriter::new(repository, Arc::clone(index), options)?;
    let root = parent.and_then(|parent| FolderRef::decode_whole(&parent.snapshot.root).ok());
    let run = Run::new(writing, &chunks, root, request);
    run.event(Event::Phase("reading the source"));
    let walked = run.execute(
        &mut request.input,
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
    let counts = run.report.counts();
    let unchanged_files = Report::get(&run.report.unchanged);
    let changes = run.report.changes(parent.map_or(0, |p| p.snapshot.counts.files));
    let incomplete = run.is_incomplete();
    let mut root = Vec::new();
    written.reference.encode(&mut root);
    let root_stat = root_stat.encode_alone();
    let unchanged = run.unchanged.into_next();
    // A stream has no time of its own that could be equal.
    let is_stream = matches!(request.input, Input::Stream { .. });
    let same = |p: &&StoredSnapshot| {
        p.snapshot.root == root && p.snapshot.root_stat == root_stat
            || is_stream && p.snapshot.digest == written.digest
    };
    let skipped = request.skip_digests.contains(&written.digest)
        || request.skip_if_unchanged && parent.as_ref().is_some_and(same);
    // Of content that is there already, chunks can only be new if they had been lost. The trees of a copy with other times
    // serve nobody.
    let heals = chunks.summary().data_chunks > 0;
    let added = if request.dry_run || skipped && chunks.is_unpublished() && !heals {
        chunks.summary()
    } else {
        run_event(repository, "writing the index");
        chunks.finish()?
    };
    let mut summary = BackupSummary {
        snapshot: None,
        skipped,
        parent: parent.map(|p| p.id),
        counts,
        unchanged_files,
        changes,
        written: earlier.plus(&added),
        digest: written.digest,
        warnings,
        warnings_total,
        left_out,
        left_out_total,
    };
    summary.counts.new_bytes = summary.written.plain_bytes;
    if !request.dry_run {
        summary.counts.stored_bytes = summary.written.stored_bytes;
    }
    Ok(Stored {
        summary,
        sources,
        root,
        root_stat,
        incomplete,
        unchanged,
    })
}

/// Writes the snapshot, and makes sure that it may be relied on.
fn commit(
    writing: &Writing<'_>,
    snapshots: &[StoredSnapshot],
    request: BackupRequest<'_>,
    stored: Stored,
) -> Result<BackupSummary, IngestError> {
    let repository = writing.repository();
    let mut summary = stored.summary;
    let snapshot = Snapshot {
        time: request.time,
        phone: request.phone,
        host: request.host,
        tool: request.tool,
        sources: stored.sources,
        scope: Scope {
            excludes: listed_excludes(&request.excludes).cloned().collect(),
            categories: Vec::new(),
            incomplete: stored.incomplete,
        },
        tags: request.tags,
        predecessors: heads(snapshots),
        root: stored.root,
        root_stat: stored.root_stat,
        counts: summary.counts.clone(),
        warnings: summary.warnings.clone(),
        warnings_total: summary.warnings_total,
        config_generation: repository.config().generation,
        config: repository.config_name(),
        digest: summary.digest,
        written_unix_seconds: repository.environment().clock.now().0,
    };
    let committed = repository.commit_snapshot(&snapshot)?;
    writing.confirm(&committed)?;
    summary.snapshot = Some(committed.id);
    save_cache(repository, stored.unchanged);
    Ok(summary)
}

fn run_event(repository: &Repository, phase: &str) {
    repository.environment().monitor.event(Event::Phase(phase));
}

/// Losing the cache costs time only, so it is no error.
fn save_cache(repository: &Repository, unchanged: NextSet) {
    if let Err(error) = unchanged.save() {
        let text =
            format!("the cache could not be written ({error}); the next backup will read every file again");
        repository.environment().monitor.event(Event::Warning(&text));
    }
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

fn listed_excludes(rules: &ExcludeRules) -> impl Iterator<Item = &String> {
    rules.patterns.iter().chain(&rules.patterns_any_case)
}

/// What no snapshot can hold is refused before hours of reading, not after.
fn check_lists(request: &BackupRequest<'_>) -> Result<(), IngestError> {
    let sources = match &request.input {
        Input::Sources(specs) => specs.len(),
        Input::Stream { .. } => 1,
    };
    let lists = [
        ("sources", sources),
        ("exclude patterns", listed_excludes(&request.excludes).count()),
        ("tags", request.tags.len()),
    ];
    match lists.iter().find(|(_, length)| *length as u64 > limits::LIST_MAX) {
        Some((what, length)) => Err(IngestError::Request(format!(
            "{length} {what} are more than the {} that a snapshot can list",
            limits::LIST_MAX
        ))),
        None => Ok(()),
    }
}

impl Run<'_> {
    /// Walks and reads everything; on success the root is complete.
    fn execute(
        &self,
        input: &mut Input<'_>,
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
                let prepared = sources::prepare(specs, rules, one_file_system)?;
                let stat = sources::root_stat(&prepared);
                let walked = scan::beside(self, &prepared, || {
                    pool.in_place_scope(|scope| self.walk_sources(scope, &prepared))
                });
                self.first_failure()?;
                walked?;
                self.bundler.flush(self)?;
                Ok((prepared.iter().map(sources::Prepared::describe).collect(), stat))
            }
            Input::Stream { name, reader } => {
                let stat = sources::store_stream(self, &pool, name, *reader)?;
                let path = parent::STREAM_PATH.to_vec();
                let label = name.clone();
                Ok((vec![Source { label, path }], stat))
            }
        }
    }

    /// Whatever ends the walk ends the work on what was found so far.
    fn walk_sources<'s>(
        &'s self,
        scope: &rayon::Scope<'s>,
        prepared: &[sources::Prepared],
    ) -> Result<(), IngestError> {
        sources::walk(self, scope, prepared).or_else(|error| match error {
            IngestError::Store(error) => {
                self.fail(error);
                Ok(())
            }
            error => {
                self.abandon();
                Err(error)
            }
        })
    }
}
