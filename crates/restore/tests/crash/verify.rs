//! What must be true of a repository, whatever a power cut left of it.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use lumivault_chunk_store::check::{CheckOptions, ReadData, check};
use lumivault_chunk_store::forget::Facts;
use lumivault_chunk_store::{ChunkIndex, Error, Repository, StoredSnapshot, TreeReader};
use lumivault_restore::{RestoreRequest, execute, open_target, plan};
use lumivault_testkit::crash::Tree;

use super::expect::{Expected, Key};
use super::site::{Site, Try, failed};
use super::sources::Sources;

/// Whether a repository is there at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// With this secret it opens, and it is as it must be.
    Whole(Key),
    /// There is none, and none was acknowledged.
    Nothing,
}

/// Looks at everything: key slots, snapshots, tags, every byte of every object, every file of every snapshot.
pub(super) fn verify(site: &Site, sources: &Sources, expected: &Expected, label: &str) -> Try<Found> {
    let works = |keys: &BTreeSet<Key>| keys.iter().copied().find(|key| opens(site, *key));
    let opened: Vec<Key> = expected.slots.iter().filter_map(works).collect();
    let key = match opened.first() {
        Some(key) if opened.len() == expected.slots.len() => *key,
        None if !expected.repository => return Ok(Found::Nothing),
        _ => return Err(format!("only {} key slots open", opened.len())),
    };
    for key in &expected.refused {
        match site.try_open(*key) {
            Err(Error::WrongPassword(..)) => {}
            other => return Err(format!("a secret that was changed: {other:?}")),
        }
    }
    let repository = site.open(key)?;
    let index = ChunkIndex::load(&repository, None).map_err(failed("reading the index"))?;
    checked(&repository, &index)?;
    let found = listed(&repository, expected)?;
    for (number, snapshot) in found.iter().enumerate() {
        let known = expected.may.get(&snapshot.id).copied();
        let stage = known.or(expected.others).ok_or("a snapshot of nothing known")?;
        let target = site.path(&format!("restored {label} {number}"));
        let restored = restore(&repository, &index, snapshot, &target)
            .map_err(|error| format!("restoring {}: {error}", snapshot.id))?;
        if restored != *sources.tree(stage) {
            return Err(format!("{} does not hold stage {stage}", snapshot.id));
        }
    }
    Ok(Found::Whole(key))
}

fn opens(site: &Site, key: Key) -> bool {
    matches!(site.try_open(key), Ok(Some(_)))
}

fn checked(repository: &Repository, index: &ChunkIndex) -> Try<()> {
    let options = CheckOptions {
        read: ReadData::AllData,
        threads: NonZeroUsize::MIN,
    };
    let report = check(repository, index, &options).map_err(failed("check"))?;
    if report.is_damaged() || !index.unreadable().is_empty() {
        let messages: Vec<_> = report.findings.iter().map(|finding| &finding.message).collect();
        return Err(format!("check: {messages:?}"));
    }
    Ok(())
}

/// The snapshots that are there, if they are those that must be, and no others than may be.
fn listed(repository: &Repository, expected: &Expected) -> Try<Vec<StoredSnapshot>> {
    let loaded = repository.snapshots().map_err(failed("listing snapshots"))?;
    if let Some(error) = loaded.unreadable.first() {
        return Err(format!("unreadable: {}", error.with_causes()));
    }
    for (id, held) in &expected.must {
        let Some(found) = loaded.live().find(|found| found.id == *id) else {
            return Err(format!("the acknowledged snapshot {id} is lost"));
        };
        if !held.tags.iter().all(|tag| found.tags.contains(tag)) {
            return Err(format!("an acknowledged tag of {id} is lost: {:?}", found.tags));
        }
    }
    let facts = Facts::read(repository, "test").map_err(failed("reading facts"))?;
    let mut pinned = expected.must.iter().filter(|(_, held)| held.pinned);
    if let Some((id, _)) = pinned.find(|(id, _)| !facts.state(id).pinned) {
        return Err(format!("the acknowledged pin of {id} is lost"));
    }
    let live: Vec<_> = loaded.live().cloned().collect();
    let is_strange =
        |found: &&StoredSnapshot| expected.others.is_none() && !expected.may.contains_key(&found.id);
    match live.iter().find(is_strange) {
        Some(stranger) => Err(format!("the snapshot {} should not be there", stranger.id)),
        None => Ok(live),
    }
}

fn restore(
    repository: &Repository,
    index: &ChunkIndex,
    snapshot: &StoredSnapshot,
    target: &std::path::Path,
) -> Try<Tree> {
    let reader = TreeReader::new(repository, index);
    let mut request = RestoreRequest::new(snapshot);
    request.threads = 1;
    let opened = open_target(target, &request).map_err(failed("the target"))?;
    let plan = plan(&reader, request, Some(&opened)).map_err(failed("planning"))?;
    execute(&plan, &reader, &opened).map_err(failed("restoring"))?;
    Tree::read(target).map_err(failed("reading what was restored"))
}
