//! Forgetting: snapshots are hidden, pinned and brought back by facts that are added; nothing is deleted here. What is
//! forgotten for long enough, prune removes. See docs/format.md §17.

mod facts;
pub mod policy;

use lumivault_format::{AnnotationKind, SnapshotId};

pub use facts::{FactTime, Facts, State, next_fact_time};

use crate::{Error, Repository, StoredSnapshot};

/// What became of each snapshot that was named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What was asked for was done to these.
    pub changed: Vec<SnapshotId>,
    /// These were as asked for already.
    pub unchanged: Vec<SnapshotId>,
}

/// Hides snapshots from listings and from choice by date, until they are revived or prune has removed them. If one of
/// them is pinned, none is hidden.
pub fn forget(repository: &Repository, ids: &[SnapshotId], host: &str) -> Result<Outcome, Error> {
    let snapshots = named(repository, ids)?;
    let mut facts = Facts::read(repository, host)?.complete()?;
    let pinned: Vec<SnapshotId> = ids.iter().copied().filter(|id| facts.state(id).pinned).collect();
    if !pinned.is_empty() {
        return Err(Error::Pinned(pinned));
    }
    let is_done = |state: &State| state.forgotten.is_some();
    change(
        repository,
        &snapshots,
        &mut facts,
        AnnotationKind::Tombstone,
        is_done,
    )
}

/// Brings back forgotten snapshots. Fails if one of them was removed, or is about to be: then it cannot be relied on.
pub fn revive(repository: &Repository, ids: &[SnapshotId], host: &str) -> Result<Outcome, Error> {
    // One that was forgotten a moment ago must not pass for one that was not.
    repository.settle()?;
    let mut facts = Facts::read(repository, host)?.complete()?;
    none_removed(&facts, ids)?;
    let snapshots = named(repository, ids)?;
    let is_done = |state: &State| state.forgotten.is_none();
    let outcome = change(
        repository,
        &snapshots,
        &mut facts,
        AnnotationKind::Revival,
        is_done,
    )?;
    // Whoever removes one writes that first and then looks for revivals: one of the two sees the other.
    none_removed(&Facts::read(repository, host)?.complete()?, ids)?;
    Ok(outcome)
}

/// Keeps snapshots from being forgotten.
pub fn pin(repository: &Repository, ids: &[SnapshotId], host: &str) -> Result<Outcome, Error> {
    let snapshots = named(repository, ids)?;
    let mut facts = Facts::read(repository, host)?.complete()?;
    if let Some(id) = ids.iter().find(|id| facts.state(id).forgotten.is_some()) {
        return Err(Error::Forgotten(*id));
    }
    change(repository, &snapshots, &mut facts, AnnotationKind::Pin, |state| {
        state.pinned
    })
}

/// Lets snapshots be forgotten again.
pub fn unpin(repository: &Repository, ids: &[SnapshotId], host: &str) -> Result<Outcome, Error> {
    let snapshots = named(repository, ids)?;
    let mut facts = Facts::read(repository, host)?.complete()?;
    change(
        repository,
        &snapshots,
        &mut facts,
        AnnotationKind::Unpin,
        |state| !state.pinned,
    )
}

/// The snapshots of these ids, each once.
fn named(repository: &Repository, ids: &[SnapshotId]) -> Result<Vec<StoredSnapshot>, Error> {
    let mut found = repository.snapshots()?.found;
    found.retain(|stored| ids.contains(&stored.id));
    match ids
        .iter()
        .find(|id| !found.iter().any(|stored| stored.id == **id))
    {
        Some(absent) => Err(Error::Snapshot(format!(
            "snapshot {absent} is not in the repository, or cannot be read"
        ))),
        None => Ok(found),
    }
}

fn none_removed(facts: &Facts<'_>, ids: &[SnapshotId]) -> Result<(), Error> {
    let removed: Vec<SnapshotId> = ids
        .iter()
        .copied()
        .filter(|id| facts.state(id).removal_begun)
        .collect();
    if removed.is_empty() {
        Ok(())
    } else {
        Err(Error::Removed(removed))
    }
}

/// Writes a fact about each snapshot that is not in that state already.
fn change(
    repository: &Repository,
    snapshots: &[StoredSnapshot],
    facts: &mut Facts<'_>,
    kind: AnnotationKind,
    is_done: impl Fn(&State) -> bool,
) -> Result<Outcome, Error> {
    let mut outcome = Outcome::default();
    for stored in snapshots {
        if is_done(&facts.state(&stored.id)) {
            outcome.unchanged.push(stored.id);
            continue;
        }
        repository.environment().check_cancelled()?;
        facts.add(stored, kind, "")?;
        outcome.changed.push(stored.id);
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests;
