//! The second step: marked packs are removed, index entry first, once nobody can need them.

use std::collections::{BTreeSet, HashSet};

use lumivault_format::{Index, IndexedPack, ObjectId, ObjectKind, ObjectName, ObjectType};

use super::copying::{Copied, Moves};
use super::plan::pack_id;
use super::{PruneOptions, PruneReport, View};
use crate::backend::BackendError;
use crate::index::{CacheDir, read_index};
use crate::session::{Session, StoredMark, load_marks, others};
use crate::{ChunkIndex, Error, Event, Repository, parity};

/// Chunks in one index object that is written here.
const INDEX_ENTRIES: usize = 100_000;

pub(super) fn sweep(
    repository: &Repository,
    session: &Session<'_>,
    cache: Option<&CacheDir>,
    options: &PruneOptions,
    report: &mut PruneReport,
) -> Result<(), Error> {
    let due = due_marks(repository, options, report)?;
    let due = without_those_at_work(repository, session, due, report)?;
    if due.is_empty() {
        return Ok(());
    }
    let view = View::load(repository, Some(session), session.holder(), cache)?;
    let stay = rescue(&view, report)?;
    let marked = due.iter().flat_map(|stored| &stored.mark.packs);
    let goes: HashSet<ObjectName> = marked.filter(|name| !stay.contains(*name)).copied().collect();
    unlist(repository, Some(session), &view.index, &goes)?;
    // Whoever took this session for dead may have begun to work as if it were.
    session.check()?;
    repository
        .environment()
        .monitor
        .event(Event::Phase("removing packs"));
    let listed = repository.backend().list(ObjectKind::Pack)?;
    let listed = listed.iter().filter(|info| goes.contains(&info.name));
    let sizes: Vec<(ObjectName, u64)> = listed.map(|info| (info.name, info.size)).collect();
    for (name, size) in sizes {
        view.tick()?;
        remove(repository, &pack_id(name))?;
        report.removed.add(size);
    }
    parity::remove_parity_of(repository, &goes)?;
    for stored in due {
        if all_gone(repository, &stored.mark.packs, &goes)? {
            remove(repository, &mark_id(stored.object))?;
        }
    }
    Ok(())
}

/// Whether all packs of a mark were removed. Some storages take their time to do it: as long as a pack is there, somebody might rely on
/// it, but for its mark.
fn all_gone(
    repository: &Repository,
    packs: &[ObjectName],
    goes: &HashSet<ObjectName>,
) -> Result<bool, Error> {
    for name in packs {
        if !goes.contains(name) {
            return Ok(false);
        }
        match repository.backend().size(&pack_id(*name)) {
            Err(BackendError::NotFound { .. }) => {}
            Ok(_) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

/// What a sweep would do, for a dry run.
pub(super) fn foresee(
    view: &View<'_>,
    options: &PruneOptions,
    report: &mut PruneReport,
) -> Result<(), Error> {
    let due = due_marks(view.repository, options, report)?;
    let marked: HashSet<&ObjectName> = due.iter().flat_map(|stored| &stored.mark.packs).collect();
    for info in view.repository.backend().list(ObjectKind::Pack)? {
        if marked.contains(&info.name) {
            report.removed.add(info.size);
        }
    }
    if options.now {
        report.removed.packs += report.dead.packs + report.repacked.packs;
        report.removed.bytes += report.dead.bytes + report.repacked.bytes;
    }
    Ok(())
}

/// The marks that are old enough; the others are counted as waiting.
fn due_marks(
    repository: &Repository,
    options: &PruneOptions,
    report: &mut PruneReport,
) -> Result<Vec<StoredMark>, Error> {
    let now = repository.environment().clock.now().0;
    let grace = if options.now {
        i64::MIN
    } else {
        options.grace_seconds
    };
    let marks = load_marks(repository, &HashSet::new())?;
    let (due, waiting): (Vec<_>, Vec<_>) = marks
        .into_iter()
        .partition(|stored| now.saturating_sub(stored.mark.unix_seconds) >= grace);
    for stored in waiting {
        let at = stored.mark.unix_seconds.saturating_add(options.grace_seconds);
        report.next_sweep = Some(report.next_sweep.map_or(at, |known| known.min(at)));
        count_waiting(repository, &stored, report);
    }
    Ok(due)
}

fn count_waiting(repository: &Repository, stored: &StoredMark, report: &mut PruneReport) {
    for name in &stored.mark.packs {
        // One that is gone waits no more, and what cannot be asked for now is no fault of the sweep.
        if let Ok(size) = repository.backend().size(&pack_id(*name)) {
            report.waiting.add(size);
        }
    }
}

/// Leaves out the marks that somebody who may be at work does not know. Dead ones are revoked: whatever they commit from now on,
/// they will not rely on.
fn without_those_at_work(
    repository: &Repository,
    session: &Session<'_>,
    due: Vec<StoredMark>,
    report: &mut PruneReport,
) -> Result<Vec<StoredMark>, Error> {
    if due.is_empty() {
        return Ok(due);
    }
    // Whoever began to work before the marks showed to all has a session that shows by then, whatever clocks say of their age.
    repository.settle_twice()?;
    let mut swept = due;
    for other in others(repository, Some(session.id()), session.holder())? {
        if swept.iter().all(|stored| other.knows_mark(&stored.object)) {
            continue;
        }
        if other.dead {
            other.revoke(repository, session.holder())?;
            continue;
        }
        let (knows, unknown): (Vec<_>, Vec<_>) = swept
            .into_iter()
            .partition(|stored| other.knows_mark(&stored.object));
        swept = knows;
        for stored in &unknown {
            count_waiting(repository, stored, report);
        }
        report.held_up.push(format!(
            "the repository is in use {} since before some packs were marked",
            other.description()
        ));
    }
    // Until its revocation shows to it, one that was revoked, here or by others, may commit; then it gives up, and what it committed
    // before is looked for.
    repository.settle()?;
    Ok(swept)
}

/// Copies out what turned out to be needed of marked packs; returns the packs that have to stay.
fn rescue(view: &View<'_>, report: &mut PruneReport) -> Result<HashSet<ObjectName>, Error> {
    let live = view.live()?;
    let is_marked = |pack: u32| {
        view.index
            .pack(pack)
            .is_some_and(|info| view.index.is_marked(&info.name))
    };
    let moves = Moves::find(view, &live, &is_marked);
    if moves.is_empty() {
        return Ok(HashSet::new());
    }
    let needed_from = moves.packs();
    match moves.carry_out(view)? {
        Copied::All(bytes) => {
            report.copied_bytes += bytes;
            Ok(HashSet::new())
        }
        Copied::NoRoom => {
            report.no_room = true;
            let names = needed_from.iter().filter_map(|number| view.index.pack(*number));
            Ok(names.map(|pack| pack.name).collect())
        }
    }
}

/// Takes packs out of the index. The new index objects are durable before the old ones go; the last of them says what they
/// replace, so that at no moment anything else is missing.
pub(crate) fn unlist(
    repository: &Repository,
    session: Option<&Session<'_>>,
    listed_by: &ChunkIndex,
    goes: &HashSet<ObjectName>,
) -> Result<(), Error> {
    let (mut replaced, mut kept) = (Vec::new(), Vec::new());
    let mut inherited = BTreeSet::new();
    let listed = repository.list_small(ObjectKind::Index)?;
    let present: HashSet<ObjectName> = listed.iter().copied().collect();
    for name in listed {
        repository.environment().check_cancelled()?;
        session.map_or(Ok(()), Session::refresh)?;
        let index = match read_index(repository, &name) {
            Ok(index) => index,
            Err(Error::Backend(BackendError::NotFound { .. })) => continue,
            Err(error) => return Err(error),
        };
        if listed_by.is_replaced(&name) {
            // An interrupted run left it; it counts no more.
            replaced.push(name);
        } else if index.packs.iter().any(|pack| goes.contains(&pack.name)) {
            replaced.push(name);
            inherited.extend(index.replaces.into_iter().filter(|name| present.contains(name)));
            kept.extend(index.packs.into_iter().filter(|pack| !goes.contains(&pack.name)));
        }
    }
    if replaced.is_empty() {
        return Ok(());
    }
    kept.sort_unstable_by_key(|pack| pack.name);
    kept.dedup_by_key(|pack| pack.name);
    let mut objects = split(kept);
    if let Some(last) = objects.last_mut() {
        inherited.extend(replaced.iter().copied());
        last.replaces = inherited.into_iter().collect();
    }
    store_in_order(repository, &objects)?;
    let replaced = replaced.into_iter().map(|name| ObjectId {
        kind: ObjectKind::Index,
        name,
    });
    parity::remove_with_copies(repository, &replaced.collect::<Vec<_>>())
}

/// Stores index objects the last of which says what all replace: whoever sees that one sees the others, and what was listed before
/// them, and sees it before what is replaced goes.
pub(crate) fn store_in_order(repository: &Repository, objects: &[Index]) -> Result<(), Error> {
    let store = |index: &Index| repository.store_sealed(ObjectType::Index, &index.encode());
    if let Some((last, others)) = objects.split_last() {
        for index in others {
            store(index)?;
        }
        repository.settle()?;
        store(last)?;
    }
    repository.settle()
}

/// Index objects of bounded size, at least one: it also says what is replaced.
pub(crate) fn split(packs: Vec<IndexedPack>) -> Vec<Index> {
    let mut objects = vec![Index::default()];
    let mut entries = 0;
    for pack in packs {
        if entries > 0 && entries + pack.entries.len() > INDEX_ENTRIES {
            objects.push(Index::default());
            entries = 0;
        }
        entries += pack.entries.len();
        if let Some(last) = objects.last_mut() {
            last.packs.push(pack);
        }
    }
    objects
}

fn mark_id(name: ObjectName) -> ObjectId {
    ObjectId {
        kind: ObjectKind::Mark,
        name,
    }
}

/// Removes an object; one that is gone already was removed by a run that was interrupted.
fn remove(repository: &Repository, id: &ObjectId) -> Result<(), Error> {
    match repository.backend().remove(id) {
        Ok(()) | Err(BackendError::NotFound { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use lumivault_format::{ChunkId, ChunkKind, Codec, PackEntry};

    use super::*;

    #[test]
    fn index_objects_are_filled_to_their_bound_and_hold_every_pack_once() {
        let entry = PackEntry {
            id: ChunkId::from_bytes([7; 32]),
            codec: Codec::None,
            stored_len: 1,
            plain_len: 1,
        };
        let pack = |entries: usize| IndexedPack {
            name: ObjectName::from_bytes([1; 32]),
            kind: ChunkKind::Data,
            size: 80,
            entries: vec![entry; entries],
        };
        let most = INDEX_ENTRIES;
        let cases: [(&[usize], &[&[usize]]); 6] = [
            (&[], &[&[]]),
            // What is too much for one alone goes into one alone, not behind one that is empty.
            (&[most + 1, 1], &[&[most + 1], &[1]]),
            (&[most - 2, 1, 1, 1], &[&[most - 2, 1, 1], &[1]]),
            (&[1, most, 2, 3], &[&[1], &[most], &[2, 3]]),
            (&[most / 2, most / 2 + 1], &[&[most / 2], &[most / 2 + 1]]),
            (&[3, 3, 3], &[&[3, 3, 3]]),
        ];
        for (packs, expected) in cases {
            let objects = split(packs.iter().copied().map(pack).collect());
            let lengths = |index: &Index| index.packs.iter().map(|pack| pack.entries.len()).collect();
            let found: Vec<Vec<usize>> = objects.iter().map(lengths).collect();
            assert_eq!(found, expected, "{packs:?}");
        }
    }
}
