//! Bounds what is in work at once, in bytes and in jobs, so that memory does not grow with the size of a source.

use std::sync::{Condvar, Mutex, PoisonError};

#[derive(Debug, Default)]
struct InWork {
    bytes: u64,
    jobs: usize,
}

/// Taken from by the walker, given back by the workers.
#[derive(Debug)]
pub(super) struct Budget {
    in_work: Mutex<InWork>,
    returned: Condvar,
    bytes_max: u64,
    jobs_max: usize,
}

/// A job's share. It is given back whatever becomes of the job, as the walker may be waiting for it.
#[derive(Debug)]
pub(super) struct Share<'b> {
    budget: &'b Budget,
    bytes: u64,
}

impl Budget {
    pub(super) fn new(bytes_max: u64, jobs_max: usize) -> Self {
        Self {
            in_work: Mutex::default(),
            returned: Condvar::new(),
            bytes_max,
            jobs_max,
        }
    }

    /// Waits until the job fits. One that alone exceeds the budget waits until it is alone.
    pub(super) fn take(&self, bytes: u64) -> Share<'_> {
        let mut in_work = self.in_work.lock().unwrap_or_else(PoisonError::into_inner);
        while in_work.jobs > 0
            && (in_work.bytes.saturating_add(bytes) > self.bytes_max || in_work.jobs >= self.jobs_max)
        {
            in_work = self
                .returned
                .wait(in_work)
                .unwrap_or_else(PoisonError::into_inner);
        }
        in_work.bytes = in_work.bytes.saturating_add(bytes);
        in_work.jobs += 1;
        Share { budget: self, bytes }
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let budget = self.budget;
        let mut in_work = budget.in_work.lock().unwrap_or_else(PoisonError::into_inner);
        in_work.bytes = in_work.bytes.saturating_sub(self.bytes);
        in_work.jobs -= 1;
        budget.returned.notify_all();
    }
}
