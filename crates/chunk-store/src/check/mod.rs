//! Checking a repository: every object that is named is there, is what it says, and every snapshot can be restored
//! from what is there. Nothing is changed; whatever is wrong is reported, and nothing that is wrong ends the check.

mod data;
mod mending;
mod objects;
mod packs;
mod report;
mod streams;
mod trees;

use std::collections::{BTreeSet, HashSet};
use std::num::NonZeroUsize;

use lumivault_format::{ChunkId, ObjectKind, ObjectName};

pub use report::{Affected, CheckCounts, CheckReport, Finding, Remedy, Severity};

use crate::index::Location;
use crate::{ChunkIndex, Error, Event, Repository};

/// How much of the packs is read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ReadData {
    /// Nothing but their directories: presence, sizes, and whether all fits together.
    Structure,
    /// Every byte.
    AllData,
    /// Every byte of some packs.
    Subset(Subset),
}

/// Which packs are read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Subset {
    /// So much of all bytes, 0 to 100 percent, chosen at random: other packs the next time.
    Percent(f64),
    /// So many bytes, rounded up to whole packs, chosen at random.
    Bytes(u64),
    /// The packs of one part of several, the same each time: all parts together are all packs.
    Part {
        /// Which part, from 1.
        part: u32,
        /// Of how many, from 1.
        of: u32,
    },
}

/// How to check.
#[derive(Clone, Copy, Debug)]
pub struct CheckOptions {
    /// How much of the packs is read.
    pub read: ReadData,
    /// Threads that read packs; each holds at most twice 16 MiB.
    pub threads: NonZeroUsize,
}

/// What is known of the packs before the trees are walked.
#[derive(Default)]
struct Health {
    /// Numbers of packs from which nothing can be read.
    lost_packs: HashSet<u32>,
    /// Pack and offset of single damaged entries.
    bad_entries: HashSet<(u32, u32)>,
    /// Packs whose own directory is no help.
    odd_directories: HashSet<u32>,
    /// All packs that something is wrong with.
    suspects: BTreeSet<u32>,
}

impl Health {
    fn is_good(&self, place: &Location) -> bool {
        !self.lost_packs.contains(&place.pack)
            && !self.bad_entries.contains(&(place.pack, place.place.offset))
    }

    /// A place where the chunk can be read, as far as is known.
    fn good_place(&self, index: &ChunkIndex, id: &ChunkId) -> Option<Location> {
        let first = index.find(id)?;
        if self.is_good(&first) {
            return Some(first);
        }
        index.places(id).into_iter().find(|place| self.is_good(place))
    }
}

/// Checks a repository against itself. Fails only where the check itself cannot go on: the storage is gone, or the work
/// was called off.
pub fn check(
    repository: &Repository,
    index: &ChunkIndex,
    options: &CheckOptions,
) -> Result<CheckReport, Error> {
    let mut report = CheckReport::default();
    // Snapshots before the index, or what others commit meanwhile would look incomplete.
    let snapshots: HashSet<ObjectName> = objects::list(repository, ObjectKind::Snapshot)?
        .into_iter()
        .map(|id| id.name)
        .collect();
    repository.settle()?;
    let newer = if index.is_current(repository)? {
        None
    } else {
        Some(ChunkIndex::load(repository, None)?)
    };
    let index = newer.as_ref().unwrap_or(index);
    phase(repository, "checking keys and small objects");
    objects::check(repository, &mut report)?;
    mending::small_objects(repository, &mut report)?;
    phase(repository, "checking packs against the index");
    let mut health = packs::check(repository, index, &mut report)?;
    let selected = data::select(repository, index, &health, options.read)?;
    if !selected.is_empty() {
        phase(repository, "reading packs");
        data::check(
            repository,
            index,
            &selected,
            options.threads,
            &mut health,
            &mut report,
        )?;
    }
    mending::packs(repository, index, &health, &mut report)?;
    phase(repository, "checking snapshots");
    trees::check(repository, index, &snapshots, &health, &mut report)?;
    Ok(report)
}

fn phase(repository: &Repository, name: &str) {
    repository.environment().monitor.event(Event::Phase(name));
}

fn announce(repository: &Repository, items: u64, bytes: u64) {
    let monitor = &repository.environment().monitor;
    monitor.event(Event::Total { items, bytes });
}

fn done(repository: &Repository, items: u64, bytes: u64) {
    let monitor = &repository.environment().monitor;
    monitor.event(Event::Done { items, bytes });
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
