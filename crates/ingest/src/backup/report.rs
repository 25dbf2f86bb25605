//! What a backup did, for its summary and its snapshot.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use lumivault_format::tree::Category;
use lumivault_format::{CategoryCount, Counts, Warning, limits};

/// Names left out that are listed one by one.
const LEFT_OUT_LISTED: usize = 1000;

/// Something that a rule left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Where it is, below the snapshot's root.
    pub path: Vec<u8>,
    /// The rule.
    pub rule: String,
}

/// Files compared by path and content with the snapshot before; without one, all are new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileChanges {
    /// At paths that held no file.
    pub new: u64,
    /// With other content than before.
    pub changed: u64,
    /// With the content of before.
    pub unchanged: u64,
    /// That are no more.
    pub gone: u64,
}

/// Counted from many threads.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) files: AtomicU64,
    pub(super) folders: AtomicU64,
    pub(super) others: AtomicU64,
    pub(super) bytes: AtomicU64,
    /// Files taken over without reading.
    pub(super) unchanged: AtomicU64,
    /// Files with other content than before.
    pub(super) changed: AtomicU64,
    /// Files with the content of before, read or not.
    pub(super) same: AtomicU64,
    /// Files and bytes by the number of their category.
    categories: [(AtomicU64, AtomicU64); 8],
    warnings: Mutex<(Vec<Warning>, u64)>,
    left_out: Mutex<(Vec<LeftOut>, u64)>,
}

impl Report {
    pub(super) fn count(counter: &AtomicU64, more: u64) {
        counter.fetch_add(more, Ordering::Relaxed);
    }

    pub(super) fn get(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }

    pub(super) fn count_category(&self, category: Category, bytes: u64) {
        if let Some((files, sum)) = self.categories.get(usize::from(category.number())) {
            Self::count(files, 1);
            Self::count(sum, bytes);
        }
    }

    /// Files by category, those without one left out.
    fn category_counts(&self) -> Vec<CategoryCount> {
        self.categories
            .iter()
            .zip(0u8..)
            .skip(1)
            .map(|((files, bytes), category)| CategoryCount {
                category,
                files: Self::get(files),
                bytes: Self::get(bytes),
            })
            .filter(|count| count.files > 0)
            .collect()
    }

    /// What the snapshot holds.
    pub(super) fn counts(&self) -> Counts {
        Counts {
            files: Self::get(&self.files),
            folders: Self::get(&self.folders),
            others: Self::get(&self.others),
            bytes: Self::get(&self.bytes),
            categories: self.category_counts(),
            ..Counts::default()
        }
    }

    /// What became of the `before` files of the snapshot before.
    pub(super) fn changes(&self, before: u64) -> FileChanges {
        let [files, changed, unchanged] = [&self.files, &self.changed, &self.same].map(Self::get);
        FileChanges {
            new: files.saturating_sub(changed).saturating_sub(unchanged),
            changed,
            unchanged,
            gone: before.saturating_sub(changed).saturating_sub(unchanged),
        }
    }

    pub(super) fn warn(&self, warning: Warning) {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        warnings.1 += 1;
        if (warnings.0.len() as u64) < limits::WARNINGS_MAX {
            warnings.0.push(warning);
        }
    }

    pub(super) fn leave_out(&self, left_out: LeftOut) {
        let mut list = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        list.1 += 1;
        if list.0.len() < LEFT_OUT_LISTED {
            list.0.push(left_out);
        }
    }

    /// The warnings in the order of their paths, and how many there were.
    pub(super) fn warnings(&self) -> (Vec<Warning>, u64) {
        let warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        let mut list = warnings.0.clone();
        list.sort_by(|a, b| a.path.cmp(&b.path));
        (list, warnings.1)
    }

    pub(super) fn left_out(&self) -> (Vec<LeftOut>, u64) {
        self.left_out
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
