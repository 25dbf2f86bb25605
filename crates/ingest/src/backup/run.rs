//! What the threads of a backup share: the stores, the budget, the report, and the one failure that ends it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use lumivault_chunk_store::session::Writing;
use lumivault_chunk_store::{ChunkWriter, Error, Event, Repository};
use lumivault_format::Warning;
use lumivault_format::tree::{Category, FolderRef};

use super::budget::{Budget, Share};
use super::bundle::Bundler;
use super::folder::WrittenFolder;
use super::known::Previous;
use super::report::Report;
use super::unchanged::Unchanged;
use super::{BackupRequest, files, parent};
use crate::IngestError;
use crate::chunking::Chunker;

/// Bytes in work at once. With the packs' buffers this keeps a run within 96 MiB for a phone's files.
const BUDGET_BYTES: u64 = 32 * 1024 * 1024;

/// Everything that a run's threads share.
pub(super) struct Run<'r> {
    pub(super) repository: &'r Repository,
    writing: &'r Writing<'r>,
    pub(super) chunks: &'r ChunkWriter,
    pub(super) chunker: Chunker,
    pub(super) previous: Previous<'r>,
    pub(super) unchanged: Unchanged<'r>,
    pub(super) bundler: Bundler,
    pub(super) report: Report,
    pub(super) categorise: fn(&[u8]) -> Category,
    budget: Budget,
    /// Something that belongs into the snapshot is not in it.
    incomplete: AtomicBool,
    root: Mutex<Option<WrittenFolder>>,
    failed: AtomicBool,
    failure: Failure,
}

/// Why a run ends.
#[derive(Default)]
struct Failure(Mutex<Option<Error>>);

impl Failure {
    /// Takes note of the first error. Whoever is told only that the run has ended must not hide why, whoever comes first.
    fn note(&self, error: Error) {
        let is_echo = |error: &Error| matches!(error, Error::RunFailed | Error::Cancelled);
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if first
            .as_ref()
            .is_none_or(|first| is_echo(first) && !is_echo(&error))
        {
            *first = Some(error);
        }
    }

    fn take(&self) -> Option<Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A job in work. If it ends in a panic, the run does too: nobody waits for what will not come.
pub(super) struct Job<'r> {
    failed: &'r AtomicBool,
    _share: Share<'r>,
}

impl Drop for Job<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.failed.store(true, Ordering::Release);
        }
    }
}

impl<'r> Run<'r> {
    pub(super) fn new(
        writing: &'r Writing<'r>,
        chunks: &'r ChunkWriter,
        previous: Option<FolderRef>,
        request: &BackupRequest<'_>,
    ) -> Self {
        let repository = writing.repository();
        Self {
            repository,
            writing,
            chunks,
            chunker: Chunker::new(&repository.chunker_key()),
            previous: Previous::new(repository, writing.index(), previous),
            unchanged: Unchanged::load(
                repository,
                request.cache.as_ref(),
                &parent::cache_name(request),
                request.trust_metadata,
            ),
            bundler: Bundler::default(),
            report: Report::default(),
            categorise: request.categorise,
            budget: Budget::new(BUDGET_BYTES, request.threads.max(1) * 4),
            incomplete: AtomicBool::new(false),
            root: Mutex::default(),
            failed: AtomicBool::new(false),
            failure: Failure::default(),
        }
    }

    /// Waits until there is room for a job of so many bytes.
    pub(super) fn begin_job(&self, bytes: u64) -> Job<'_> {
        Job {
            failed: &self.failed,
            _share: self.budget.take(bytes),
        }
    }

    pub(super) fn take_root(&self) -> Result<WrittenFolder, IngestError> {
        let root = self.root.lock().unwrap_or_else(PoisonError::into_inner).take();
        root.ok_or_else(|| IngestError::Request("the root folder was never completed; this is a bug".into()))
    }

    pub(super) fn set_root(&self, written: WrittenFolder) {
        *self.root.lock().unwrap_or_else(PoisonError::into_inner) = Some(written);
    }

    pub(super) fn is_incomplete(&self) -> bool {
        self.incomplete.load(Ordering::Relaxed)
    }

    /// Ends the run with this error.
    pub(super) fn fail(&self, error: Error) {
        self.failure.note(error);
        self.abandon();
    }

    /// Lets every thread stop as soon as it can.
    pub(super) fn abandon(&self) {
        self.failed.store(true, Ordering::Release);
    }

    /// Why the run failed, if it did.
    pub(super) fn first_failure(&self) -> Result<(), IngestError> {
        self.failure.take().map_or(Ok(()), |error| Err(error.into()))
    }

    /// Fails if the user or another thread called the work off, or another machine took this run for dead.
    pub(super) fn check_cancelled(&self) -> Result<(), Error> {
        if self.failed.load(Ordering::Acquire) {
            return Err(Error::Cancelled);
        }
        self.repository.environment().check_cancelled()?;
        self.writing.refresh()
    }

    pub(super) fn event(&self, event: Event<'_>) {
        self.repository.environment().monitor.event(event);
    }

    pub(super) fn count_file(&self, bytes: u64) {
        Report::count(&self.report.files, 1);
        Report::count(&self.report.bytes, bytes);
        self.event(Event::Done { items: 1, bytes: 0 });
    }

    pub(super) fn progress_bytes(&self, bytes: u64) {
        self.event(Event::Done { items: 0, bytes });
    }

    pub(super) fn warn(&self, place: &[u8], code: &str, message: String) {
        let text = format!("{}: {message}", String::from_utf8_lossy(place));
        self.event(Event::Warning(&text));
        self.report.warn(Warning {
            path: place.to_vec(),
            code: code.into(),
            message,
        });
    }

    /// Something that belongs into the snapshot is not in it.
    pub(super) fn unreadable(&self, place: &[u8], code: &str, message: String) {
        self.incomplete.store(true, Ordering::Relaxed);
        self.warn(place, code, message);
    }

    pub(super) fn read_failed(&self, place: &[u8], error: &std::io::Error) {
        let (code, message) = files::explain(error);
        self.unreadable(place, code, message);
    }

    pub(super) fn changed(&self, place: &[u8]) {
        self.warn(
            place,
            "changed",
            "it changed while it was read; what was read is kept".into(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_does_not_hide_the_failure_whichever_comes_first() {
        let reason = || Error::ReadBack("the reason");
        let told = |errors: Vec<Error>| {
            let failure = Failure::default();
            errors.into_iter().for_each(|error| failure.note(error));
            failure.take()
        };
        for errors in [
            vec![Error::RunFailed, Error::Cancelled, reason(), Error::RunFailed],
            vec![reason(), Error::RunFailed, Error::ReadBack("a later one")],
            vec![Error::Cancelled, reason()],
        ] {
            assert!(matches!(told(errors), Some(Error::ReadBack("the reason"))));
        }
        assert!(matches!(told(vec![Error::Cancelled]), Some(Error::Cancelled)));
        assert!(told(Vec::new()).is_none());
    }
}
