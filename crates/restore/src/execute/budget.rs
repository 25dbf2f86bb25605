//! Bytes in work at once, whatever the sizes and counts of files.

use std::sync::{Condvar, Mutex, PoisonError};

/// Never less than one chunk with its stored form, so that every chunk can be worked on.
pub(crate) const BUDGET_BYTES: u64 = 40 * 1024 * 1024;

/// So many bytes may be in work; who wants more waits.
#[derive(Debug)]
pub(crate) struct Budget {
    max: u64,
    used: Mutex<u64>,
    freed: Condvar,
}

/// Bytes taken from a budget until this is dropped.
pub(crate) struct Taken<'b> {
    budget: &'b Budget,
    bytes: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            max: BUDGET_BYTES,
            used: Mutex::new(0),
            freed: Condvar::new(),
        }
    }
}

impl Budget {
    /// Takes bytes when they are free. What exceeds the whole budget is taken alone. Who holds some must not ask for
    /// more.
    pub(crate) fn take(&self, bytes: u64) -> Taken<'_> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        while *used > 0 && used.saturating_add(bytes) > self.max {
            used = self.freed.wait(used).unwrap_or_else(PoisonError::into_inner);
        }
        *used = used.saturating_add(bytes);
        Taken { budget: self, bytes }
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let mut used = self.budget.used.lock().unwrap_or_else(PoisonError::into_inner);
        *used = used.saturating_sub(self.bytes);
        drop(used);
        self.budget.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn never_more_than_allowed_unless_alone() {
        let budget = Budget {
            max: 10,
            ..Budget::default()
        };
        let (now, peak) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (budget, now, peak) = (&budget, &now, &peak);
                scope.spawn(move || {
                    for round in 0..200 {
                        let bytes = (thread * 7 + round) % 13 + 1;
                        let taken = budget.take(bytes);
                        let used = now.fetch_add(bytes, Ordering::SeqCst) + bytes;
                        if used > 10 {
                            assert_eq!(used, bytes, "over the budget, and not alone");
                        }
                        peak.fetch_max(used, Ordering::SeqCst);
                        now.fetch_sub(bytes, Ordering::SeqCst);
                        drop(taken);
                    }
                });
            }
        });
        assert_eq!(*budget.used.lock().unwrap(), 0);
        assert!(peak.load(Ordering::SeqCst) >= 10);
    }
}
