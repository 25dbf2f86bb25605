//! The same work on many things, by several threads.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::RestoreError;

/// Calls `work` for every number below `count`, with a state for each thread, in ascending order as threads become
/// free. After the first error nothing new is begun, and it is returned.
pub(crate) fn for_each<S>(
    threads: usize,
    count: usize,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) -> Result<(), RestoreError> + Sync,
) -> Result<(), RestoreError> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let failure: Mutex<Option<RestoreError>> = Mutex::new(None);
    let fail = |error| {
        failed.store(true, Ordering::Relaxed);
        let mut first = failure.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(error);
    };
    let worker = || {
        let mut state = state();
        while !failed.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                break;
            }
            if let Err(error) = work(&mut state, number) {
                fail(error);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(count) {
            let builder = std::thread::Builder::new().name("restore".into());
            if let Err(error) = builder.spawn_scoped(scope, worker) {
                fail(RestoreError::Threads(error));
            }
        }
        worker();
    });
    let failure = failure.into_inner().unwrap_or_else(PoisonError::into_inner);
    failure.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_done_once_and_errors_stop() {
        let done: Vec<AtomicUsize> = (0..100).map(|_| AtomicUsize::new(0)).collect();
        for_each(
            4,
            done.len(),
            || (),
            |(), number| {
                done[number].fetch_add(1, Ordering::Relaxed);
                Ok(())
            },
        )
        .unwrap();
        assert!(done.iter().all(|count| count.load(Ordering::Relaxed) == 1));

        let begun = AtomicUsize::new(0);
        let result = for_each(
            2,
            1000,
            || (),
            |(), number| {
                begun.fetch_add(1, Ordering::Relaxed);
                if number == 3 {
                    return Err(RestoreError::PlanOutdated);
                }
                Ok(())
            },
        );
        assert!(matches!(result, Err(RestoreError::PlanOutdated)));
        for_each(8, 0, || (), |(), _| Err(RestoreError::PlanOutdated)).unwrap();
    }
}
