//! Open handles of folders and files, never more than a bound, the least recently used closed first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What keeps handles open between uses. Who holds an [`Arc`] keeps its handle open beyond that.
#[derive(Debug)]
pub(super) struct Handles<T> {
    max: usize,
    open: Mutex<Open<T>>,
}

#[derive(Debug)]
struct Open<T> {
    clock: u64,
    by_id: HashMap<u64, (u64, Arc<T>)>,
}

impl<T> Handles<T> {
    /// Keeps at most `max`, at least one.
    pub(super) fn new(max: usize) -> Self {
        Self {
            max: max.max(1),
            open: Mutex::new(Open {
                clock: 0,
                by_id: HashMap::new(),
            }),
        }
    }

    /// A panic elsewhere leaves the map whole: it is only changed in single steps.
    fn lock(&self) -> MutexGuard<'_, Open<T>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, id: u64) -> Option<Arc<T>> {
        let mut open = self.lock();
        open.clock += 1;
        let now = open.clock;
        let (used, handle) = open.by_id.get_mut(&id)?;
        *used = now;
        Some(Arc::clone(handle))
    }

    pub(super) fn put(&self, id: u64, handle: Arc<T>) {
        let mut open = self.lock();
        open.clock += 1;
        let now = open.clock;
        let before = open.by_id.insert(id, (now, handle));
        let oldest = if open.by_id.len() > self.max {
            let oldest = open.by_id.iter().min_by_key(|(_, (used, _))| *used);
            oldest.map(|(id, _)| *id)
        } else {
            None
        };
        let evicted = oldest.and_then(|id| open.by_id.remove(&id));
        // Closing may take long; the others need not wait.
        drop(open);
        drop((before, evicted));
    }

    pub(super) fn take(&self, id: u64) -> Option<Arc<T>> {
        let mut open = self.lock();
        open.by_id.remove(&id).map(|(_, handle)| handle)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().by_id.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_is_closed() {
        let handles = Handles::new(2);
        handles.put(1, Arc::new("a"));
        handles.put(2, Arc::new("b"));
        assert!(handles.get(1).is_some());
        handles.put(3, Arc::new("c"));
        assert!(handles.get(2).is_none());
        assert_eq!(handles.len(), 2);
        assert_eq!(handles.take(1).as_deref(), Some(&"a"));
        assert_eq!(handles.take(1), None);
    }
}
