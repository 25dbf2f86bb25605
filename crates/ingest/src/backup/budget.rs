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
    pub(super) fn take(&self, bytes: u64) {
        let mut in_work = self.in_work.lock().unwrap_or_else(PoisonError::into_inner);
        while in_work.jobs > 0 && (in_work.bytes + bytes > self.bytes_max || in_work.jobs >= self.jobs_max) {
            in_work = self
                .returned
                .wait(in_work)
                .unwrap_or_else(PoisonError::into_inner);
        }
        in_work.bytes += bytes;
        in_work.jobs += 1;
    }

    pub(super) fn give_back(&self, bytes: u64) {
        let mut in_work = self.in_work.lock().unwrap_or_else(PoisonError::into_inner);
        in_work.bytes -= bytes;
        in_work.jobs -= 1;
        self.returned.notify_one();
    }
}
