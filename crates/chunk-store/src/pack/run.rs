//! How a run fails: once, and for good. Whoever asks later is refused too, so that nobody commits what is not there.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::Error;

/// The first failure of a run.
#[derive(Default)]
pub(super) struct Failure {
    failed: AtomicBool,
    /// Kept until somebody was told.
    untold: Mutex<Option<Error>>,
}

impl Failure {
    /// Ends the run with a failure that the caller passes on himself.
    pub(super) fn told(&self, error: Error) -> Error {
        self.failed.store(true, Ordering::SeqCst);
        error
    }

    /// Ends the run with a failure that nobody was told of yet.
    pub(super) fn note(&self, error: Error) {
        let mut untold = self.untold.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.failed.swap(true, Ordering::SeqCst) {
            *untold = Some(error);
        }
    }

    /// Whether the run has failed.
    pub(super) fn is_set(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }

    /// Fails if the run has failed: the first time with the reason, unless somebody was told before.
    pub(super) fn check(&self) -> Result<(), Error> {
        if !self.is_set() {
            return Ok(());
        }
        let mut untold = self.untold.lock().unwrap_or_else(PoisonError::into_inner);
        Err(untold.take().unwrap_or(Error::RunFailed))
    }
}
