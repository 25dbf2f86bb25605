//! Counts what there is to read, beside the reading, so that progress has an end. Only a guess for whoever watches:
//! nothing that is stored depends on it.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use lumivault_chunk_store::Event;
use lumivault_format::limits;

use super::run::Run;
use super::sources::Prepared;
use crate::source::{Excludes, glance};

/// Less than this is read before anybody would ask.
const TRIVIAL_ITEMS: u64 = 1000;
const TRIVIAL_BYTES: u64 = 64 * 1024 * 1024;

/// Does the work, and counts in a thread of its own until that is done.
pub(super) fn beside<T>(run: &Run<'_>, sources: &[Prepared], work: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let scan = Scan::new(run, &done);
        // Without a thread there is no total.
        let _ = std::thread::Builder::new()
            .name("scan".into())
            .spawn_scoped(scope, move || scan.count(sources));
        let _stop = SetOnDrop(&done);
        work()
    })
}

/// Set also when the work ends in a panic.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

struct Scan<'a, 'r> {
    run: &'a Run<'r>,
    done: &'a AtomicBool,
    items: u64,
    bytes: u64,
    told: (u64, u64),
}

impl<'a, 'r> Scan<'a, 'r> {
    fn new(run: &'a Run<'r>, done: &'a AtomicBool) -> Self {
        Self {
            run,
            done,
            items: 0,
            bytes: 0,
            told: (0, 0),
        }
    }

    fn count(mut self, sources: &[Prepared]) {
        for source in sources {
            if let Some(size) = source.file_size() {
                self.add(size);
                continue;
            }
            self.count_folder(source.path(), source.excludes(), source.device(), 0);
        }
        if self.told != (0, 0) && self.told != (self.items, self.bytes) && !self.is_stopped() {
            self.tell();
        }
    }

    fn is_stopped(&self) -> bool {
        self.done.load(Ordering::Acquire) || self.run.check_cancelled().is_err()
    }

    /// What cannot be read is the walk's to report.
    fn count_folder(&mut self, folder: &Path, excludes: &Excludes, device: Option<u64>, depth: usize) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries.filter_map(Result::ok) {
            if self.is_stopped() {
                return;
            }
            let path = entry.path();
            let Ok(found) = glance(&path) else { continue };
            if excludes.reason(&path, found.is_folder).is_some() {
                continue;
            }
            if let Some(size) = found.size {
                self.add(size);
            } else if found.is_folder
                && depth < limits::TREE_DEPTH_MAX - 1
                && device.is_none_or(|device| device == found.device)
            {
                self.count_folder(&path, excludes, device, depth + 1);
            }
        }
    }

    /// Tells a new total each time it has grown by a quarter.
    fn add(&mut self, size: u64) {
        self.items += 1;
        self.bytes = self.bytes.saturating_add(size);
        let (items, bytes) = self.told;
        let grown = |now: u64, told: u64, trivial: u64| now >= trivial.max(told.saturating_add(told / 4));
        if grown(self.items, items, TRIVIAL_ITEMS) || grown(self.bytes, bytes, TRIVIAL_BYTES) {
            self.tell();
        }
    }

    fn tell(&mut self) {
        self.told = (self.items, self.bytes);
        self.run.event(Event::Total {
            items: self.items,
            bytes: self.bytes,
        });
    }
}
