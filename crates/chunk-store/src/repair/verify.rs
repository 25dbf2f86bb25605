//! Reading packs whole, to tell what of them can be kept. Nothing is taken for damaged that the storage only failed to give.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use lumivault_format::{ChunkId, ChunkKind, ObjectName, PACK_PREFIX_BYTES, PackEntry};

use super::{tick, twice};
use crate::backend::ObjectInfo;
use crate::index::{Location, PackInfo};
use crate::pack::{EntryLocation, Flaw, PackReader, verify_pack};
use crate::session::Session;
use crate::{ChunkIndex, Error, Event, Repository};

/// What a chunk in a damaged pack came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quality {
    /// It reads back.
    Good,
    /// It is not what it should be, or not there.
    Bad,
    /// The storage does not give it, and may another time.
    Unread,
}

/// A pack with something wrong in it.
#[derive(Debug)]
pub(super) struct Damaged {
    pub(super) name: ObjectName,
    /// Its number in the index; `None` if that does not list it.
    pub(super) number: Option<u32>,
    /// What is wrong, for people.
    pub(super) problem: String,
    pub(super) is_missing: bool,
    /// Whether that may be the storage's fault, or this program's that is too old for it.
    pub(super) is_unsure: bool,
    /// Its chunks: those that the index says, and those that it says itself.
    pub(super) chunks: Vec<Chunk>,
}

/// A chunk that is in a damaged pack, or should be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    pub(super) kind: ChunkKind,
    pub(super) place: EntryLocation,
    pub(super) quality: Quality,
}

impl Damaged {
    /// How many of its chunks read back.
    pub(super) fn good(&self) -> u64 {
        let good = |chunk: &&Chunk| chunk.quality == Quality::Good;
        self.chunks.iter().filter(good).count() as u64
    }

    /// Whether nothing is to be hoped for from it any more, when these chunks are nowhere else.
    pub(super) fn is_replaced(&self, nowhere: &HashSet<ChunkId>) -> bool {
        let may_come_back =
            |chunk: &Chunk| chunk.quality == Quality::Unread && nowhere.contains(&chunk.place.entry.id);
        // Of a pack that cannot be opened and that nobody lists, nobody knows what is in it.
        let is_unknown = self.is_unsure && self.chunks.is_empty();
        !is_unknown && !self.chunks.iter().any(may_come_back)
    }

    fn note(&mut self, error: &Error) {
        self.problem = error.with_causes();
        self.is_unsure |= !error.is_damage();
    }
}

/// What is to be read.
pub(super) struct Task<'t> {
    pub(super) repository: &'t Repository,
    pub(super) session: Option<&'t Session<'t>>,
    pub(super) index: &'t ChunkIndex,
    pub(super) present: &'t HashMap<ObjectName, u64>,
}

/// A pack as it is known before it is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    name: ObjectName,
    listed: Option<(u32, PackInfo)>,
}

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Verified {
    pub(super) packs: u64,
    pub(super) bytes: u64,
    pub(super) damaged: Vec<Damaged>,
}

/// For people.
pub(super) fn describe(flaw: &Flaw<'_>) -> String {
    match flaw {
        Flaw::Chunk(_, problem) => format!("a chunk in it is damaged: {problem}"),
        Flaw::Name => "its bytes do not hash to its name".into(),
    }
}

/// All packs that are to be looked at: those listed and not marked, and those that nobody lists.
pub(super) fn all(index: &ChunkIndex, listed: &[ObjectInfo]) -> Vec<Known> {
    let of_index = (0..).zip(index.packs()).map(|(number, pack)| Known {
        name: pack.name,
        listed: Some((number, pack)),
    });
    let unlisted = listed.iter().filter(|info| !index.has_pack(&info.name));
    let unlisted = unlisted.map(|info| Known {
        name: info.name,
        listed: None,
    });
    of_index
        .chain(unlisted)
        .filter(|known| !index.is_marked(&known.name))
        .collect()
}

/// The same of packs that were found damaged before.
pub(super) fn again(damaged: &[Damaged], index: &ChunkIndex) -> Vec<Known> {
    let known = |pack: &Damaged| Known {
        name: pack.name,
        listed: pack.number.and_then(|number| Some((number, index.pack(number)?))),
    };
    damaged.iter().map(known).collect()
}

/// Reads every byte of the packs, several at a time.
pub(super) fn verify(task: &Task<'_>, packs: &[Known], threads: NonZeroUsize) -> Result<Verified, Error> {
    let monitor = &task.repository.environment().monitor;
    let size = |known: &Known| task.present.get(&known.name).copied().unwrap_or(0);
    monitor.event(Event::Total {
        items: packs.len() as u64,
        bytes: packs.iter().map(size).sum(),
    });
    let counts = entry_counts(task.index);
    let next = AtomicUsize::new(0);
    let stopped = AtomicBool::new(false);
    let found = Mutex::new((Verified::default(), None));
    let work = || {
        while !stopped.load(Ordering::Relaxed) {
            let Some(known) = packs.get(next.fetch_add(1, Ordering::Relaxed)) else {
                return;
            };
            let result = task.read(known, &counts);
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            found.0.packs += 1;
            found.0.bytes += size(known);
            match result {
                Ok(damaged) => found.0.damaged.extend(damaged),
                Err(error) => {
                    found.1.get_or_insert(error);
                    stopped.store(true, Ordering::Relaxed);
                }
            }
            drop(found);
            monitor.event(Event::Done {
                items: 1,
                bytes: size(known),
            });
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.get().min(packs.len()) {
            scope.spawn(work);
        }
    });
    let (mut verified, failure) = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    verified.damaged.sort_unstable_by_key(|pack| pack.name);
    failure.map_or(Ok(verified), Err)
}

/// How many chunks the index lists in each pack.
fn entry_counts(index: &ChunkIndex) -> Vec<usize> {
    let mut counts = vec![0; index.packs().len()];
    index.for_each(|_, place| {
        if let Some(count) = counts.get_mut(place.pack as usize) {
            *count += 1;
        }
    });
    counts
}

impl Task<'_> {
    /// `None`: it is sound.
    fn read(&self, known: &Known, counts: &[usize]) -> Result<Option<Damaged>, Error> {
        tick(self.repository, self.session)?;
        let mut damaged = Damaged {
            name: known.name,
            number: known.listed.map(|(number, _)| number),
            problem: "it is missing".into(),
            is_missing: false,
            is_unsure: false,
            chunks: Vec::new(),
        };
        let Some(size) = self.present.get(&known.name).copied() else {
            damaged.is_missing = true;
            self.add_listed(known, Quality::Bad, &mut damaged);
            return Ok(Some(damaged));
        };
        let reader = match twice(|| PackReader::open_any(self.repository, known.name)) {
            Ok(reader) => reader,
            Err(error) if error.spares_the_rest() => {
                damaged.note(&error);
                self.add_listed(known, quality_of(&error), &mut damaged);
                return Ok(Some(damaged));
            }
            Err(error) => return Err(error),
        };
        let own = match twice(|| reader.directory()) {
            Ok((_, own)) if self.fits(known, &reader, size, &own, counts) => {
                match self.problem(&reader, size, &own)? {
                    None => return Ok(None),
                    Some(problem) => damaged.problem = problem,
                }
                own
            }
            Ok((_, own)) => {
                damaged.problem = "it is not the pack that the index lists".into();
                own
            }
            Err(error) if error.spares_the_rest() => {
                damaged.note(&error);
                Vec::new()
            }
            Err(error) => return Err(error),
        };
        self.read_chunks(&reader, known, &own, &mut damaged)?;
        Ok(Some(damaged))
    }

    /// The chunks that the index says are in a pack.
    fn add_listed(&self, known: &Known, quality: Quality, damaged: &mut Damaged) {
        let Some((number, pack)) = known.listed else {
            return;
        };
        let places = located(&self.index.entries_of(number));
        damaged.chunks.extend(places.into_iter().map(|place| Chunk {
            kind: pack.kind,
            place,
            quality,
        }));
    }

    /// Whether a pack is the one that the index lists, as far as its size and its directory tell.
    fn fits(
        &self,
        known: &Known,
        reader: &PackReader<'_>,
        size: u64,
        own: &[PackEntry],
        counts: &[usize],
    ) -> bool {
        let Some((number, pack)) = known.listed else {
            return true;
        };
        let is_listed = |place: EntryLocation| self.index.has_place(&Location { pack: number, place });
        size == u64::from(pack.size)
            && reader.kind() == pack.kind
            && counts.get(number as usize) == Some(&own.len())
            && located(own).into_iter().all(is_listed)
    }

    /// What is wrong with a pack as a whole.
    fn problem(
        &self,
        reader: &PackReader<'_>,
        size: u64,
        entries: &[PackEntry],
    ) -> Result<Option<String>, Error> {
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        let mut problem = None;
        let result = twice(|| {
            problem = None;
            verify_pack(
                reader,
                size,
                entries,
                self.repository.environment(),
                &mut |flaw| {
                    problem.get_or_insert_with(|| describe(&flaw));
                },
            )
        });
        match result {
            Ok(()) => Ok(problem),
            Err(error) if error.spares_the_rest() => Ok(Some(error.with_causes())),
            Err(error) => Err(error),
        }
    }

    /// Tries each chunk of a damaged pack alone: as the index says, and as the pack itself says where that differs, as after
    /// two packs were exchanged.
    fn read_chunks(
        &self,
        reader: &PackReader<'_>,
        known: &Known,
        own: &[PackEntry],
        damaged: &mut Damaged,
    ) -> Result<(), Error> {
        let own_kind = reader.kind();
        self.add_listed(known, Quality::Bad, damaged);
        let told: HashSet<(u32, ChunkId)> = damaged.chunks.iter().map(|chunk| key(&chunk.place)).collect();
        let is_other = |place: &EntryLocation| !told.contains(&key(place));
        let others = located(own).into_iter().filter(is_other).map(|place| Chunk {
            kind: own_kind,
            place,
            quality: Quality::Bad,
        });
        damaged.chunks.extend(others);
        for chunk in damaged.chunks.iter_mut().filter(|chunk| chunk.kind == own_kind) {
            tick(self.repository, self.session)?;
            chunk.quality = match twice(|| reader.read_chunk(&chunk.place)) {
                Ok(_) => Quality::Good,
                Err(error) if error.spares_the_rest() => quality_of(&error),
                Err(error) => return Err(error),
            };
        }
        Ok(())
    }
}

fn key(place: &EntryLocation) -> (u32, ChunkId) {
    (place.offset, place.entry.id)
}

fn quality_of(error: &Error) -> Quality {
    if error.is_damage() {
        Quality::Bad
    } else {
        Quality::Unread
    }
}

/// Entries with their places.
fn located(entries: &[PackEntry]) -> Vec<EntryLocation> {
    let mut offset = u32::try_from(PACK_PREFIX_BYTES).unwrap_or(u32::MAX);
    let place = |entry: &PackEntry| {
        let place = EntryLocation {
            offset,
            entry: *entry,
        };
        offset = offset.saturating_add(entry.sealed_len());
        place
    };
    entries.iter().map(place).collect()
}

/// Which chunks can be read where, as far as is known now.
pub(super) struct Places<'p> {
    pub(super) index: &'p ChunkIndex,
    /// Damaged packs by their numbers, with what is good in them.
    damaged: HashMap<u32, HashSet<(u32, ChunkId)>>,
}

impl<'p> Places<'p> {
    pub(super) fn new(index: &'p ChunkIndex, damaged: &[Damaged]) -> Self {
        let good = |pack: &Damaged| {
            let good = pack.chunks.iter().filter(|chunk| chunk.quality == Quality::Good);
            Some((pack.number?, good.map(|chunk| key(&chunk.place)).collect()))
        };
        Self {
            index,
            damaged: damaged.iter().filter_map(good).collect(),
        }
    }

    /// Whether a chunk lies in a sound pack that stays.
    pub(super) fn is_safe(&self, id: &ChunkId) -> bool {
        let stays = |place: &Location| {
            let pack = self.index.pack(place.pack);
            !self.damaged.contains_key(&place.pack)
                && self.index.is_present(place.pack)
                && pack.is_some_and(|pack| !self.index.is_marked(&pack.name))
        };
        self.index.places(id).iter().any(stays)
    }

    /// Whether a chunk can be read at all.
    pub(super) fn is_readable(&self, id: &ChunkId) -> bool {
        let reads = |place: &Location| match self.damaged.get(&place.pack) {
            Some(good) => good.contains(&key(&place.place)),
            None => self.index.is_present(place.pack),
        };
        self.index.places(id).iter().any(reads)
    }
}
