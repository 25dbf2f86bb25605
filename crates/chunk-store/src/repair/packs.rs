//! Repairing packs: what is good in a damaged one is written anew, what is lost comes from another copy, and only then the
//! damaged pack goes: out of the index first, and then aside.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::Arc;

use lumivault_format::{ChunkId, ChunkKind, ObjectKind, ObjectName};

use super::needs::missing;
use super::other::OtherCopy;
use super::verify::{Chunk, Damaged, Places, Quality, Task, again, all, verify};
use super::{open_session, set_packs_aside, tick, twice};
use crate::check::{Affected, CheckOptions, ReadData, check};
use crate::index::CacheDir;
use crate::pack::PackReader;
use crate::parity::{self, Scope};
use crate::prune::unlist;
use crate::session::{Holder, Session, load_marks};
use crate::{ChunkIndex, ChunkWriter, Error, Event, Repository};
use lumivault_format::SnapshotId;

/// How to repair packs.
#[derive(Clone, Copy, Debug)]
pub struct PacksOptions<'o> {
    /// Another copy of the archive.
    pub from: Option<&'o OtherCopy<'o>>,
    /// Threads that read packs; each holds at most twice 16 MiB.
    pub threads: NonZeroUsize,
    /// Change nothing; find out what would be done.
    pub dry_run: bool,
}

/// A pack in which something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedPack {
    /// Its name.
    pub name: ObjectName,
    /// What is wrong.
    pub problem: String,
    /// Whether it is not there at all.
    pub is_missing: bool,
    /// Chunks in it that read back.
    pub good: u64,
    /// Chunks in it that do not.
    pub bad: u64,
    /// Whether it was taken out of the index and set aside; otherwise it stays, as the storage may give another time what it
    /// does not give now.
    pub set_aside: bool,
}

/// What was found, and what was done about it; in a dry run, what would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PacksReport {
    /// Packs read.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packs that parity mended.
    pub mended: Vec<ObjectName>,
    /// The other damaged packs.
    pub damaged: Vec<DamagedPack>,
    /// Chunks that were written anew.
    pub copied: u64,
    /// Chunks that came from the other copy, or out of packs that are about to be removed.
    pub fetched: u64,
    /// Chunks that snapshots need and that are nowhere.
    pub lost: u64,
    /// Chunks that are nowhere, and that nobody needs.
    pub lost_unneeded: u64,
    /// Snapshots and annotations that cannot be read: what they need is not known. `repair snapshots` is for them, and comes first.
    pub unreadable_records: u64,
    /// Snapshots that cannot be restored whole.
    pub affected_snapshots: Vec<SnapshotId>,
    /// The first 1,000 files and folders that cannot be restored whole.
    pub affected: Vec<Affected>,
    /// How many there are.
    pub affected_total: u64,
}

impl PacksReport {
    /// Whether something stays lost or damaged.
    pub fn is_damaged(&self) -> bool {
        self.lost > 0
            || self.unreadable_records > 0
            || self.affected_total > 0
            || self.damaged.iter().any(|pack| !pack.set_aside)
    }
}

/// Reads every byte of every pack that is not about to be removed, and mends what can be mended.
pub fn packs(
    repository: &Repository,
    holder: &Holder,
    cache: Option<&CacheDir>,
    options: &PacksOptions<'_>,
) -> Result<PacksReport, Error> {
    let session = open_session(repository, holder, options.dry_run)?;
    let index = Arc::new(ChunkIndex::load(repository, cache.cloned())?);
    if !index.unreadable().is_empty() {
        return Err(Error::Blocked(format!(
            "{} index objects cannot be read; begin with `lumivault repair index`",
            index.unreadable().len()
        )));
    }
    let marks = load_marks(repository, &HashSet::new())?;
    index.note_marked(marks.iter().flat_map(|stored| stored.mark.packs.iter().copied()));
    let mut work = Work {
        repository,
        session: session.as_ref(),
        index,
        options,
        report: PacksReport::default(),
    };
    let damaged = work.find()?;
    work.rescue(&damaged)?;
    let mut report = work.report;
    if report.lost > 0 || report.damaged.iter().any(|pack| !pack.set_aside) {
        note_affected(repository, cache, options, &mut report)?;
    }
    session.map_or(Ok(()), Session::close)?;
    Ok(report)
}

struct Work<'w> {
    repository: &'w Repository,
    session: Option<&'w Session<'w>>,
    index: Arc<ChunkIndex>,
    options: &'w PacksOptions<'w>,
    report: PacksReport,
}

impl Work<'_> {
    fn phase(&self, text: &'static str) {
        self.repository.environment().monitor.event(Event::Phase(text));
    }

    /// The damaged packs that parity cannot mend.
    fn find(&mut self) -> Result<Vec<Damaged>, Error> {
        self.phase("reading packs");
        let present = self.list()?;
        let known = {
            let listed = self.repository.backend().list(ObjectKind::Pack)?;
            all(&self.index, &listed)
        };
        let verified = verify(&self.task(&present), &known, self.options.threads)?;
        (self.report.packs, self.report.bytes) = (verified.packs, verified.bytes);
        let damaged = verified.damaged;
        if damaged.is_empty() {
            return Ok(damaged);
        }
        let names: Vec<ObjectName> = damaged.iter().map(|pack| pack.name).collect();
        let mended = self.mend_from_parity(&names)?;
        if mended.is_empty() {
            return Ok(damaged);
        }
        let left = if self.options.dry_run {
            let rest = damaged.into_iter().filter(|pack| !mended.contains(&pack.name));
            rest.collect()
        } else {
            // What parity says it mended is believed no more than anything else.
            let present = self.list()?;
            let known = again(&damaged, &self.index);
            verify(&self.task(&present), &known, self.options.threads)?.damaged
        };
        let is_left = |name: &ObjectName| left.iter().any(|pack| pack.name == *name);
        self.report.mended = names.into_iter().filter(|name| !is_left(name)).collect();
        Ok(left)
    }

    /// Lists the packs after the index was read, so that none is missed that was just written.
    fn list(&self) -> Result<HashMap<ObjectName, u64>, Error> {
        let there = self.index.packs_there(self.repository.backend())?;
        self.index.note_there(&there);
        Ok(there)
    }

    fn task<'t>(&'t self, present: &'t HashMap<ObjectName, u64>) -> Task<'t> {
        Task {
            repository: self.repository,
            session: self.session,
            index: &self.index,
            present,
        }
    }

    fn mend_from_parity(&self, packs: &[ObjectName]) -> Result<BTreeSet<ObjectName>, Error> {
        let scope = Scope::Packs(packs.to_vec());
        let report = parity::mend(self.repository, &self.index, &scope, self.options.dry_run)?;
        Ok(report.mended.iter().map(|one| one.object.name).collect())
    }

    fn rescue(&mut self, damaged: &[Damaged]) -> Result<(), Error> {
        let unread = self.copy_good(damaged)?;
        let index = Arc::clone(&self.index);
        let places = Places::new(&index, damaged);
        self.phase("finding out what the snapshots need");
        let snapshots = self.repository.snapshots()?;
        self.report.unreadable_records = snapshots.unreadable.len() as u64;
        let snapshots = snapshots.found;
        let other = self.options.from;
        let needed = missing(self.repository, self.session, &places, other, &snapshots)?;
        let mut wanted = needed.clone();
        for pack in damaged {
            let bad = pack.chunks.iter().filter(|chunk| chunk.quality != Quality::Good);
            let lost = bad.filter(|chunk| !self.is_saved(&places, &chunk.place.entry.id));
            wanted.extend(lost.map(|chunk| (chunk.place.entry.id, chunk.kind)));
        }
        wanted.extend(unread);
        let nowhere = self.fetch(&wanted)?;
        self.report.lost = nowhere.iter().filter(|id| needed.contains_key(id)).count() as u64;
        self.report.lost_unneeded = nowhere.len() as u64 - self.report.lost;
        let goes: HashSet<ObjectName> = damaged
            .iter()
            .filter(|pack| pack.is_replaced(&nowhere))
            .map(|pack| pack.name)
            .collect();
        self.report.damaged = damaged
            .iter()
            .map(|pack| DamagedPack {
                name: pack.name,
                problem: pack.problem.clone(),
                is_missing: pack.is_missing,
                good: pack.good(),
                bad: pack.chunks.len() as u64 - pack.good(),
                set_aside: goes.contains(&pack.name),
            })
            .collect();
        if let Some(session) = self.session.filter(|_| !goes.is_empty()) {
            unlist(self.repository, Some(session), &self.index, &goes)?;
            // Whoever took this session for dead may have begun to work as if it were.
            session.check()?;
            set_packs_aside(self.repository, session, &goes)?;
        }
        Ok(())
    }

    /// Whether a chunk lies somewhere else too, or does in a dry run once good chunks are copied.
    fn is_saved(&self, places: &Places<'_>, id: &ChunkId) -> bool {
        places.is_safe(id) || self.options.dry_run && places.is_readable(id)
    }

    /// Writes anew every good chunk of damaged packs that lies in no sound one. Needed or not: somebody may be about to need
    /// it. Returns those that could not be read again.
    fn copy_good(&mut self, damaged: &[Damaged]) -> Result<BTreeMap<ChunkId, ChunkKind>, Error> {
        let mut unread = BTreeMap::new();
        if damaged.is_empty() {
            return Ok(unread);
        }
        self.phase("writing anew what is good in damaged packs");
        let places = Places::new(&self.index, damaged);
        let writer = self.writer()?;
        let (mut stored, mut plain) = (Vec::new(), Vec::new());
        let mut copied = HashSet::new();
        for pack in damaged {
            let good = pack.chunks.iter().filter(|chunk| chunk.quality == Quality::Good);
            for Chunk { kind, place, .. } in good {
                tick(self.repository, self.session)?;
                let id = place.entry.id;
                if copied.contains(&id) || places.is_safe(&id) {
                    continue;
                }
                if let Some(writer) = &writer {
                    let read = twice(|| {
                        PackReader::open(self.repository, pack.name, *kind)?.read_stored(
                            place,
                            &mut stored,
                            &mut plain,
                        )
                    });
                    match read {
                        Ok(()) => writer.copy(*kind, place.entry, &mut stored)?,
                        Err(error) if error.spares_the_rest() => {
                            unread.insert(id, *kind);
                            continue;
                        }
                        Err(error) => return Err(error),
                    }
                }
                copied.insert(id);
            }
        }
        if let Some(writer) = writer {
            writer.finish()?;
        }
        self.report.copied = copied.len() as u64;
        unread.retain(|id, _| !copied.contains(id));
        Ok(unread)
    }

    /// What chunks are copied with; nothing in a dry run.
    fn writer(&self) -> Result<Option<ChunkWriter>, Error> {
        if self.options.dry_run {
            return Ok(None);
        }
        ChunkWriter::for_copying(self.repository, Arc::clone(&self.index)).map(Some)
    }

    /// Fetches chunks out of packs that are about to be removed, and from the other copy; returns those that are nowhere.
    fn fetch(&mut self, wanted: &BTreeMap<ChunkId, ChunkKind>) -> Result<HashSet<ChunkId>, Error> {
        let mut nowhere = HashSet::new();
        if wanted.is_empty() {
            return Ok(nowhere);
        }
        self.phase("fetching what is lost");
        self.repository.environment().monitor.event(Event::Total {
            items: wanted.len() as u64,
            bytes: 0,
        });
        let writer = self.writer()?;
        let (mut stored, mut plain) = (Vec::new(), Vec::new());
        for id in wanted.keys() {
            tick(self.repository, self.session)?;
            let found = match self.read_marked(id, &mut stored, &mut plain)? {
                Some(found) => Some(found),
                None => match self.options.from {
                    Some(other) if self.options.dry_run && !other.lists(id) => None,
                    Some(other) => other.read(id, &mut stored, &mut plain)?,
                    None => None,
                },
            };
            match (found, &writer) {
                (Some((kind, entry)), Some(writer)) => writer.copy(kind, entry, &mut stored)?,
                (Some(_), None) => {}
                (None, _) => {
                    nowhere.insert(*id);
                }
            }
            let monitor = &self.repository.environment().monitor;
            monitor.event(Event::Done { items: 1, bytes: 0 });
        }
        if let Some(writer) = writer {
            writer.finish()?;
        }
        self.report.fetched = (wanted.len() - nowhere.len()) as u64;
        Ok(nowhere)
    }

    /// A chunk from a marked pack: nobody may use those, but everybody may copy out of them.
    fn read_marked(
        &self,
        id: &ChunkId,
        stored: &mut Vec<u8>,
        plain: &mut Vec<u8>,
    ) -> Result<Option<(ChunkKind, lumivault_format::PackEntry)>, Error> {
        for place in self.index.places(id) {
            let Some(pack) = self.index.pack(place.pack) else {
                continue;
            };
            if !self.index.is_marked(&pack.name) {
                continue;
            }
            let read = PackReader::open(self.repository, pack.name, pack.kind)
                .and_then(|reader| reader.read_stored(&place.place, stored, plain));
            match read {
                Ok(()) => return Ok(Some((pack.kind, place.place.entry))),
                Err(error) if error.spares_the_rest() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

/// Which files cannot be restored as things are now.
fn note_affected(
    repository: &Repository,
    cache: Option<&CacheDir>,
    options: &PacksOptions<'_>,
    report: &mut PacksReport,
) -> Result<(), Error> {
    // Where nothing was changed, only reading everything again tells which chunks are bad.
    let left = options.dry_run || report.damaged.iter().any(|pack| !pack.set_aside);
    let index = ChunkIndex::load(repository, cache.cloned())?;
    let checked = check(
        repository,
        &index,
        &CheckOptions {
            read: if left {
                ReadData::AllData
            } else {
                ReadData::Structure
            },
            threads: options.threads,
        },
    )?;
    report.affected_snapshots = checked.affected_snapshots;
    report.affected = checked.affected;
    report.affected_total = checked.affected_total;
    Ok(())
}
