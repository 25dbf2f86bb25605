//! A file on its way: begun with its first range, named with its last, dropped with the first that fails.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lumivault_format::tree::{ContentRecord, Extent, StatRecord};

use crate::error::{Cause, stops_writing};
use crate::execute::report::Report;
use crate::plan::Action;
use crate::target::{Folder, MappedName, Outcome, Overwrite, PartialFile, StoredPath, TargetError};

/// What a file needs to be restored.
#[derive(Debug)]
pub(crate) struct FileWork {
    pub(crate) folder: Folder,
    pub(crate) name: MappedName,
    pub(crate) content: Arc<ContentRecord>,
    pub(crate) action: Action,
    /// Number of its action on the tape.
    pub(crate) position: usize,
    overwrite: Overwrite,
    size: u64,
    /// Ranges still to be written, and one for who adds them.
    left: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// Nothing is written yet.
    Waiting(Option<StatRecord>),
    /// Under a temporary name.
    Begun(Arc<PartialFile>),
    /// Under its name.
    Done,
    /// It is not restored.
    Failed,
}

/// How a file ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It is under its name.
    Restored,
    /// Something else got its name meanwhile, and stays.
    Kept,
}

impl FileWork {
    pub(crate) fn new(
        (folder, name): (&Folder, &MappedName),
        stat: StatRecord,
        content: Arc<ContentRecord>,
        (action, position): (Action, usize),
        overwrite: Overwrite,
    ) -> Self {
        Self {
            folder: folder.clone(),
            name: name.clone(),
            size: content.len(),
            content,
            action,
            position,
            overwrite,
            left: AtomicU64::new(1),
            state: Mutex::new(State::Waiting(Some(stat))),
        }
    }

    pub(crate) fn path(&self) -> StoredPath {
        self.folder.stored_path_of(self.name.stored())
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Expects one range more.
    pub(crate) fn expect_range(&self) {
        self.left.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn is_failed(&self) -> bool {
        matches!(*self.lock(), State::Failed)
    }

    /// Writes a range. An error that stops everything is returned, any other is reported and ends this file.
    pub(crate) fn write(&self, at: u64, bytes: &[u8], report: &Report) -> Result<(), TargetError> {
        let written = self.begun().and_then(|partial| match partial {
            Some(partial) => partial.write_at(at, bytes),
            None => Ok(()),
        });
        self.or_fail(written, report).map(drop)
    }

    /// Counts a range as dealt with; who deals with the last one gives the file its name.
    pub(crate) fn end_range(&self, report: &Report) -> Result<Option<Ended>, TargetError> {
        if self.left.fetch_sub(1, Ordering::AcqRel) > 1 {
            return Ok(None);
        }
        let finished = self.begun().and_then(|partial| {
            let Some(partial) = partial else { return Ok(None) };
            drop(partial);
            let State::Begun(partial) = std::mem::replace(&mut *self.lock(), State::Done) else {
                return Ok(None);
            };
            // All others have ended their ranges, and dropped theirs before.
            Arc::into_inner(partial)
                .map(|p| p.finish(self.overwrite))
                .transpose()
        });
        let Some(finished) = self.or_fail(finished, report)?.flatten() else {
            return Ok(None);
        };
        report.warnings(|| self.path(), finished.warnings);
        Ok(Some(match finished.outcome {
            Outcome::Written => Ended::Restored,
            _ => Ended::Kept,
        }))
    }

    /// Gives the file up. What was written of it is removed. Only the first cause is reported.
    pub(crate) fn fail(&self, cause: Cause, report: &Report) {
        let before = std::mem::replace(&mut *self.lock(), State::Failed);
        if !matches!(before, State::Failed) {
            drop(before);
            report.problem(self.path(), cause);
        }
    }

    /// The file under its temporary name, which it gets now if it has none yet; `None` if it was given up.
    fn begun(&self) -> Result<Option<Arc<PartialFile>>, TargetError> {
        let mut state = self.lock();
        match &mut *state {
            State::Begun(partial) => Ok(Some(Arc::clone(partial))),
            State::Waiting(stat) => {
                let stat = stat.take().unwrap_or_default();
                let partial = Arc::new(self.folder.begin_file(&self.name, self.size, stat)?);
                *state = State::Begun(Arc::clone(&partial));
                Ok(Some(partial))
            }
            State::Done | State::Failed => Ok(None),
        }
    }

    fn or_fail<T>(&self, result: Result<T, TargetError>, report: &Report) -> Result<Option<T>, TargetError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if stops_writing(&error) => Err(error),
            Err(error) => {
                self.fail(Cause::Target(error.into()), report);
                Ok(None)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bytes of an extent within its decoded chunk; `None` if the two do not fit.
pub(crate) fn part_of<'c>(extent: &Extent, chunk: &'c [u8]) -> Option<&'c [u8]> {
    match extent {
        Extent::Chunk { .. } => Some(chunk),
        Extent::Slice { offset, len, .. } => {
            let offset = usize::try_from(*offset).ok()?;
            let end = offset.checked_add(usize::try_from(*len).ok()?)?;
            chunk.get(offset..end)
        }
        Extent::Hole { .. } => None,
    }
}
