//! What carrying out a plan costs, counted as it will be carried out: in waves, each reading a chunk once.

use std::collections::HashSet;

use lumivault_chunk_store::index::Location;

use super::tape::Action;

/// Files in work at once: each keeps a few hundred bytes until it is finished.
const WAVE_FILES_MAX: usize = 16_384;
/// Ranges of files in work at once, 40 bytes each.
const WAVE_RANGES_MAX: usize = 131_072;

/// How full a wave is. Both the plan and its execution count with it, so that the plan tells what will be read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fill {
    files: usize,
    ranges: usize,
}

impl Fill {
    pub(crate) fn add_file(&mut self) {
        self.files += 1;
    }

    pub(crate) fn add_range(&mut self) {
        self.ranges += 1;
    }

    /// Whether the wave is to be worked off before anything is added.
    pub(crate) fn is_full(self) -> bool {
        self.files >= WAVE_FILES_MAX || self.ranges >= WAVE_RANGES_MAX
    }
}

/// Entries by what becomes of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ActionCounts([u64; Action::ALL.len()]);

impl ActionCounts {
    /// How many entries of this action there are.
    pub fn of(&self, action: Action) -> u64 {
        position(action)
            .and_then(|at| self.0.get(at))
            .copied()
            .unwrap_or(0)
    }

    /// How many there are in all, without those that were not asked for.
    pub fn total(&self) -> u64 {
        self.0.iter().sum::<u64>() - self.of(Action::Leave)
    }

    pub(crate) fn add(&mut self, action: Action) {
        if let Some(count) = position(action).and_then(|at| self.0.get_mut(at)) {
            *count += 1;
        }
    }
}

fn position(action: Action) -> Option<usize> {
    Action::ALL.iter().position(|one| *one == action)
}

/// What a plan comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlanTotals {
    /// Files.
    pub files: ActionCounts,
    /// Folders, the target itself not counted.
    pub folders: ActionCounts,
    /// Symbolic links, devices, pipes and sockets.
    pub others: ActionCounts,
    /// Bytes of all files that are afterwards as the snapshot has them.
    pub file_bytes: u64,
    /// Bytes of the files that are written.
    pub write_bytes: u64,
    /// Bytes of them that are already in the files they replace.
    pub reuse_bytes: u64,
    /// Chunks to be read.
    pub chunks: u64,
    /// Bytes of those chunks as they are stored.
    pub stored_bytes: u64,
    /// Packs that hold them.
    pub packs: u64,
    /// Files that need a chunk which no index lists.
    pub missing_files: u64,
    /// Entries that the target cannot hold under their own names.
    pub renamed: u64,
    /// What only the target has and will be removed, a folder with all in it counted once.
    pub deletions: u64,
}

/// Counts chunks to be read.
#[derive(Debug, Default)]
pub(crate) struct Census {
    fill: Fill,
    seen: HashSet<(u32, u32)>,
    packs: HashSet<u32>,
}

impl Census {
    pub(crate) fn add_file(&mut self) {
        self.flush_if_full();
        self.fill.add_file();
    }

    /// A range that is copied within the target.
    pub(crate) fn add_copy(&mut self) {
        self.flush_if_full();
        self.fill.add_range();
    }

    pub(crate) fn add_chunk(&mut self, location: &Location, totals: &mut PlanTotals) {
        self.flush_if_full();
        self.fill.add_range();
        if self.seen.insert((location.pack, location.place.offset)) {
            totals.chunks += 1;
            totals.stored_bytes += u64::from(location.place.entry.sealed_len());
        }
        self.packs.insert(location.pack);
        totals.packs = u64::try_from(self.packs.len()).unwrap_or(u64::MAX);
    }

    fn flush_if_full(&mut self) {
        if self.fill.is_full() {
            self.fill = Fill::default();
            self.seen.clear();
        }
    }
}
