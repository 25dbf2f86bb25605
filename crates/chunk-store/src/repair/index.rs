//! Repairing the index: every pack that is there is listed again, from its own directory where that opens. New index objects are
//! durable before the old ones go.

use std::collections::{BTreeMap, BTreeSet};

use lumivault_format::{Index, IndexedPack, ObjectId, ObjectKind, ObjectName};

use super::verify::describe;
use super::{list, open_session, set_aside, tick, twice};
use crate::backend::{BackendError, ObjectInfo};
use crate::index::{packs_there, read_index};
use crate::pack::{PackReader, verify_pack};
use crate::parity::{self, Scope};
use crate::prune::{split, store_in_order};
use crate::session::{Holder, Session};
use crate::{ChunkIndex, Error, Event, Repository};

/// A pack that the index lists and that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GonePack {
    /// Its name.
    pub name: ObjectName,
    /// How many chunks it held.
    pub chunks: u64,
}

/// What was found, and what was done about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexReport {
    /// Index objects that were read.
    pub objects: u64,
    /// Small objects, config and keys among them, that copies mended.
    pub mended: Vec<ObjectId>,
    /// Index objects that cannot be read, and why; they are set aside.
    pub unreadable: Vec<(ObjectId, String)>,
    /// Packs that are listed from now on.
    pub packs: u64,
    /// Packs that are listed anew: no readable index did, or not as they are.
    pub added: Vec<ObjectName>,
    /// Packs that are listed no more, because they are not there.
    pub gone: Vec<GonePack>,
    /// Chunks that were only in these.
    pub missing_chunks: u64,
    /// Packs in which something is wrong, and what: `repair packs` is for them.
    pub damaged: Vec<(ObjectName, String)>,
    /// Whether there was anything to do.
    pub changed: bool,
}

impl IndexReport {
    /// Whether something stays lost or damaged.
    pub fn is_damaged(&self) -> bool {
        self.missing_chunks > 0 || !self.damaged.is_empty()
    }
}

/// Makes the index list what is there.
pub fn index(repository: &Repository, holder: &Holder, dry_run: bool) -> Result<IndexReport, Error> {
    let session = open_session(repository, holder, dry_run)?;
    let monitor = &repository.environment().monitor;
    monitor.event(Event::Phase("reading the index"));
    let mut report = IndexReport {
        mended: mend(repository, dry_run)?,
        ..IndexReport::default()
    };
    // What a readable index object lists is durable, so a listing of packs after that shows it unless it is lost.
    let mut seen = Seen::read(repository, session.as_ref())?;
    report.objects = (seen.objects.len() - seen.unreadable.len()) as u64;
    report.unreadable = seen
        .unreadable
        .iter()
        .map(|(name, problem)| (index_id(*name), problem.clone()))
        .collect();
    let listed = repository.backend().list(ObjectKind::Pack)?;
    let packs = packs_there(repository.backend(), &listed, seen.listings.keys().copied())?;
    let packs = packs.into_iter().map(|(name, size)| ObjectInfo { name, size });
    let mut packs: Vec<ObjectInfo> = packs.collect();
    packs.sort_unstable();
    monitor.event(Event::Phase("reading the packs' directories"));
    monitor.event(Event::Total {
        items: packs.len() as u64,
        bytes: 0,
    });
    let mut listed = Vec::new();
    for info in &packs {
        tick(repository, session.as_ref())?;
        listed.extend(list_pack(repository, info, &mut seen, &mut report)?);
        monitor.event(Event::Done { items: 1, bytes: 0 });
    }
    note_gone(&seen, &listed, &mut report);
    report.packs = listed.len() as u64;
    let is_outdated = !seen.unreadable.is_empty()
        || !seen.left_over.is_empty()
        || !report.added.is_empty()
        || !report.gone.is_empty();
    report.changed = is_outdated || !report.mended.is_empty();
    if let Some(session) = session {
        if is_outdated {
            write(repository, &session, listed, &seen)?;
        }
        session.close()?;
    }
    Ok(report)
}

/// Small objects of which copies are whole need nothing else. Config and keys come with the index, as there is no other repair for
/// them.
fn mend(repository: &Repository, dry_run: bool) -> Result<Vec<ObjectId>, Error> {
    let none = ChunkIndex::empty()?;
    let mut mended = Vec::new();
    for kind in parity::COPIED {
        let report = parity::mend(repository, &none, &Scope::Kind(kind), dry_run)?;
        mended.extend(report.mended.into_iter().map(|one| one.object));
    }
    if !dry_run {
        repository.copies().forget();
    }
    Ok(mended)
}

/// The index objects that are there.
#[derive(Default)]
struct Seen {
    objects: Vec<ObjectName>,
    unreadable: Vec<(ObjectName, String)>,
    /// Objects that others replace: an interrupted run left them.
    left_over: BTreeSet<ObjectName>,
    /// What the others list; several where they differ.
    listings: BTreeMap<ObjectName, Vec<IndexedPack>>,
}

impl Seen {
    fn read(repository: &Repository, session: Option<&Session<'_>>) -> Result<Self, Error> {
        let mut seen = Self::default();
        let mut read: Vec<(ObjectName, Index)> = Vec::new();
        let mut replaced = BTreeSet::new();
        for name in repository.list_small(ObjectKind::Index)? {
            tick(repository, session)?;
            match twice(|| read_index(repository, &name)) {
                Ok(index) => {
                    replaced.extend(index.replaces.iter().copied());
                    read.push((name, index));
                }
                Err(Error::Backend(BackendError::NotFound { .. })) => continue,
                // What a later program wrote is not to be thrown away.
                Err(error) if error.spares_the_rest() && !error.is_unsupported() => {
                    seen.unreadable.push((name, error.with_causes()));
                }
                Err(error) => return Err(error),
            }
            seen.objects.push(name);
        }
        for (name, index) in read {
            if replaced.contains(&name) {
                seen.left_over.insert(name);
                continue;
            }
            for pack in index.packs {
                let known = seen.listings.entry(pack.name).or_default();
                if !known.contains(&pack) {
                    known.push(pack);
                }
            }
        }
        Ok(seen)
    }
}

/// How a pack that is there is to be listed; `None`: not at all.
fn list_pack(
    repository: &Repository,
    info: &ObjectInfo,
    seen: &mut Seen,
    report: &mut IndexReport,
) -> Result<Option<IndexedPack>, Error> {
    let known = seen.listings.remove(&info.name).unwrap_or_default();
    let is_new = known.len() != 1;
    let fitting = known
        .iter()
        .find(|pack| u64::from(pack.size) == info.size)
        .cloned();
    let own = match twice(|| own_listing(repository, info.name)) {
        Ok(own) => Some(own),
        Err(error) if error.spares_the_rest() => {
            report.damaged.push((info.name, error.with_causes()));
            None
        }
        Err(error) => return Err(error),
    };
    let listing = match (fitting, own) {
        (Some(known), Some(own)) if known == own => known,
        // Nothing but the bytes of the whole pack tells which of both is right, or whether a pack is what its name says.
        (known_size, Some(own)) => match problem_of(repository, &own)? {
            None => {
                report.added.push(info.name);
                return Ok(Some(own));
            }
            Some(problem) => {
                report.damaged.push((info.name, problem));
                // What was in it is still to be known, so that it can be looked for.
                match known_size.or_else(|| known.into_iter().next()) {
                    Some(known) => known,
                    None => return Ok(None),
                }
            }
        },
        (Some(known), None) => known,
        (None, None) => match known.into_iter().next() {
            Some(known) => known,
            None => return Ok(None),
        },
    };
    if is_new {
        report.added.push(info.name);
    }
    Ok(Some(listing))
}

/// A pack as it describes itself.
fn own_listing(repository: &Repository, name: ObjectName) -> Result<IndexedPack, Error> {
    let reader = PackReader::open_any(repository, name)?;
    let (size, entries) = reader.directory()?;
    Ok(IndexedPack {
        name,
        kind: reader.kind(),
        size,
        entries,
    })
}

/// Reads a pack whole; what is wrong with it.
fn problem_of(repository: &Repository, pack: &IndexedPack) -> Result<Option<String>, Error> {
    let mut problem = None;
    let result = twice(|| {
        problem = None;
        let reader = PackReader::open(repository, pack.name, pack.kind)?;
        verify_pack(
            &reader,
            pack.size,
            &pack.entries,
            repository.environment(),
            &mut |flaw| problem = Some(describe(&flaw)),
        )
    });
    match result {
        Ok(()) => Ok(problem),
        Err(error) if error.spares_the_rest() => Ok(Some(error.with_causes())),
        Err(error) => Err(error),
    }
}

/// What is listed and not there.
fn note_gone(seen: &Seen, listed: &[IndexedPack], report: &mut IndexReport) {
    let gone: Vec<&IndexedPack> = seen.listings.values().filter_map(|all| all.first()).collect();
    let mut missing: BTreeSet<_> = gone
        .iter()
        .flat_map(|pack| pack.entries.iter().map(|entry| entry.id))
        .collect();
    if !missing.is_empty() {
        for entry in listed.iter().flat_map(|pack| &pack.entries) {
            missing.remove(&entry.id);
        }
    }
    report.missing_chunks = missing.len() as u64;
    report.gone = gone
        .into_iter()
        .map(|pack| GonePack {
            name: pack.name,
            chunks: pack.entries.len() as u64,
        })
        .collect();
}

/// Writes the index anew. The last object says what all replace, so that at no moment anything is missing.
fn write(
    repository: &Repository,
    session: &Session<'_>,
    listed: Vec<IndexedPack>,
    seen: &Seen,
) -> Result<(), Error> {
    repository
        .environment()
        .monitor
        .event(Event::Phase("writing the index"));
    let mut objects = split(listed);
    if let Some(last) = objects.last_mut() {
        last.replaces.clone_from(&seen.objects);
    }
    tick(repository, Some(session))?;
    store_in_order(repository, &objects)?;
    // Whoever took this session for dead may have begun to work as if it were.
    session.check()?;
    for (name, _) in &seen.unreadable {
        set_aside(repository, &index_id(*name))?;
    }
    let unreadable: BTreeSet<&ObjectName> = seen.unreadable.iter().map(|(name, _)| name).collect();
    let there: BTreeSet<ObjectName> = list(repository, ObjectKind::Index)?.into_iter().collect();
    let readable = seen.objects.iter().filter(|name| !unreadable.contains(name));
    let readable = readable.filter(|name| there.contains(name));
    let readable: Vec<ObjectId> = readable.map(|name| index_id(*name)).collect();
    parity::remove_with_copies(repository, &readable)
}

fn index_id(name: ObjectName) -> ObjectId {
    ObjectId {
        kind: ObjectKind::Index,
        name,
    }
}
