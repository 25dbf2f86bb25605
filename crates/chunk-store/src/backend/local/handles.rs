//! Files kept open for reading, so that many ranges of one pack cost one open.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use lumivault_format::ObjectId;

/// Far below the 256 open files some systems allow a process.
const KEPT_OPEN_MAX: usize = 32;

/// At most [`KEPT_OPEN_MAX`] open files, the one used last in front.
#[derive(Debug, Default)]
pub(super) struct Handles(Mutex<VecDeque<(ObjectId, Arc<File>)>>);

impl Handles {
    /// The open file of an object, if there is one.
    pub(super) fn get(&self, id: &ObjectId) -> Option<Arc<File>> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = open.iter().position(|(held, _)| held == id)?;
        let entry = open.remove(index)?;
        let file = Arc::clone(&entry.1);
        open.push_front(entry);
        Some(file)
    }

    /// Keeps a file open; closes the one that was not used for longest.
    pub(super) fn keep(&self, id: ObjectId, file: Arc<File>) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|(held, _)| *held != id);
        open.push_front((id, file));
        open.truncate(KEPT_OPEN_MAX);
    }

    /// Closes the file of an object once nobody reads from it.
    pub(super) fn forget(&self, id: &ObjectId) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|(held, _)| held != id);
    }
}

#[cfg(test)]
mod tests {
    use lumivault_format::{ObjectKind, ObjectName};

    use super::*;

    #[test]
    fn the_file_unused_for_longest_is_closed_first() {
        let file = Arc::new(tempfile::tempfile().unwrap());
        let id = |n: u8| ObjectId {
            kind: ObjectKind::Pack,
            name: ObjectName::from_bytes([n; 32]),
        };
        let handles = Handles::default();
        for n in 0..32 {
            handles.keep(id(n), Arc::clone(&file));
        }
        assert!(handles.get(&id(0)).is_some());
        handles.keep(id(32), Arc::clone(&file));
        assert!(
            handles.get(&id(1)).is_none(),
            "1 was the oldest after 0 had been used"
        );
        assert!(handles.get(&id(0)).is_some());
        handles.forget(&id(0));
        assert!(handles.get(&id(0)).is_none());
        // The test's own and the 31 kept ones: nothing else stays open.
        assert_eq!(Arc::strong_count(&file), 32);
    }
}
