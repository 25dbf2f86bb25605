//! What happened, collected from all threads: everything counted, the first of each kind kept.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lumivault_chunk_store::{Event, Monitor};

use crate::error::{About, Cause, Notice, Problem};
use crate::target::{MappedName, StoredPath, Warning};

/// Problems and notices that are kept, of each. All are counted, and all are told to the monitor.
const KEPT_MAX: usize = 10_000;

/// A list that grows only so far.
#[derive(Debug)]
struct Kept<T> {
    first: Vec<T>,
    total: u64,
}

impl<T> Kept<T> {
    const fn new() -> Self {
        Self {
            first: Vec::new(),
            total: 0,
        }
    }

    fn add(&mut self, one: T) {
        self.total += 1;
        if self.first.len() < KEPT_MAX {
            self.first.push(one);
        }
    }
}

/// What went wrong, and what to know.
#[derive(Debug)]
pub(crate) struct Report {
    monitor: Arc<dyn Monitor>,
    problems: Mutex<Kept<Problem>>,
    notices: Mutex<Kept<Notice>>,
    damaged: AtomicU64,
    left_out: AtomicU64,
}

impl Report {
    pub(crate) fn new(monitor: &Arc<dyn Monitor>) -> Self {
        Self {
            monitor: Arc::clone(monitor),
            problems: Mutex::new(Kept::new()),
            notices: Mutex::new(Kept::new()),
            damaged: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
        }
    }

    /// Takes over what was found when the restore was planned.
    pub(crate) fn take_over(&self, problems: &[Problem], total: u64) {
        let mut all = lock(&self.problems);
        for problem in problems {
            self.count_damage(&problem.cause);
            all.add(problem.clone());
        }
        all.total = all.total.max(total);
    }

    pub(crate) fn problem(&self, path: StoredPath, cause: Cause) {
        self.count_damage(&cause);
        let problem = Problem { path, cause };
        self.monitor.event(Event::Warning(&problem.to_string()));
        lock(&self.problems).add(problem);
    }

    fn count_damage(&self, cause: &Cause) {
        if cause.is_damage() {
            self.damaged.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn notice(&self, path: StoredPath, about: About) {
        if about.is_left_out() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
        let notice = Notice { path, about };
        self.monitor.event(Event::Detail(&notice.to_string()));
        lock(&self.notices).add(notice);
    }

    /// Tells of an entry whose name the target cannot hold.
    pub(crate) fn renamed(&self, path: impl FnOnce() -> StoredPath, name: &MappedName) {
        if let Some(reason) = name.reason() {
            let about = About::Renamed {
                written_as: name.written().to_vec(),
                reason: reason.clone(),
            };
            self.notice(path(), about);
        }
    }

    pub(crate) fn warnings(&self, path: impl Fn() -> StoredPath, warnings: Vec<Warning>) {
        for warning in warnings {
            self.notice(path(), About::Metadata(Arc::new(warning)));
        }
    }

    pub(crate) fn done(&self, items: u64, bytes: u64) {
        if items > 0 || bytes > 0 {
            self.monitor.event(Event::Done { items, bytes });
        }
    }

    /// Problems so far.
    pub(crate) fn problems_total(&self) -> u64 {
        lock(&self.problems).total
    }

    /// Problems so far that mean damage.
    pub(crate) fn damaged_total(&self) -> u64 {
        self.damaged.load(Ordering::Relaxed)
    }

    /// Entries left out because of what this user or the target can do.
    pub(crate) fn left_out_total(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }

    pub(crate) fn into_problems(self) -> (Vec<Problem>, u64) {
        let all = self.problems.into_inner().unwrap_or_else(PoisonError::into_inner);
        (all.first, all.total)
    }

    /// Problems and notices, each with how many there were.
    pub(crate) fn into_lists(self) -> ((Vec<Problem>, u64), (Vec<Notice>, u64)) {
        let notices = self.notices.into_inner().unwrap_or_else(PoisonError::into_inner);
        let problems = self.problems.into_inner().unwrap_or_else(PoisonError::into_inner);
        ((problems.first, problems.total), (notices.first, notices.total))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
