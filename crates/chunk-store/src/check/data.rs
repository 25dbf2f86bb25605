//! Reading packs from their first byte to their last, several at a time.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use lumivault_format::{ObjectId, ObjectKind, PackEntry};

use super::report::{CheckReport, Finding, Severity};
use super::{Health, ReadData, Subset, announce, count, done};
use crate::index::PackInfo;
use crate::pack::{EntryLocation, Flaw, PackReader, verify_pack};
use crate::{ChunkIndex, Error, Repository};

/// Damaged chunks of one pack that are named; more are only counted.
const NAMED_CHUNKS_MAX: usize = 10;

/// The packs to read, by their numbers in the index.
pub(super) fn select(
    repository: &Repository,
    index: &ChunkIndex,
    health: &Health,
    read: ReadData,
) -> Result<Vec<(u32, PackInfo)>, Error> {
    let mut packs: Vec<(u32, PackInfo)> = (0..).zip(index.packs()).collect();
    packs.retain(|(number, _)| !health.lost_packs.contains(number));
    let total: u64 = packs.iter().map(|(_, pack)| u64::from(pack.size)).sum();
    let bytes = match read {
        ReadData::Structure => 0,
        ReadData::AllData => u64::MAX,
        ReadData::Subset(Subset::Part { part, of }) => {
            if part == 0 || part > of {
                return Err(Error::Unsupported(format!("there is no part {part} of {of}")));
            }
            packs.retain(|(_, pack)| bucket(pack) % u64::from(of) == u64::from(part - 1));
            u64::MAX
        }
        ReadData::Subset(Subset::Bytes(bytes)) => bytes,
        ReadData::Subset(Subset::Percent(percent)) => percent_of(total, percent)?,
    };
    if bytes < total {
        let key: [u8; 32] = repository.environment().random_array()?;
        packs.sort_by_cached_key(|(_, pack)| *blake3::keyed_hash(&key, pack.name.as_bytes()).as_bytes());
        let mut taken = 0u64;
        packs.retain(|(_, pack)| {
            let wanted = taken < bytes;
            taken = taken.saturating_add(pack.size.into());
            wanted
        });
    }
    Ok(packs)
}

/// Names are hashes, so they fall evenly into any number of parts.
fn bucket(pack: &PackInfo) -> u64 {
    pack.name
        .as_bytes()
        .first_chunk()
        .map_or(0, |first| u64::from_le_bytes(*first))
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of the bytes need not be exact, and the share was checked"
)]
fn percent_of(total: u64, percent: f64) -> Result<u64, Error> {
    if !(0.0..=100.0).contains(&percent) {
        return Err(Error::Unsupported(format!(
            "{percent} % is not between 0 and 100 %"
        )));
    }
    Ok((total as f64 * percent / 100.0).ceil() as u64)
}

/// What the threads share.
struct Work<'c> {
    repository: &'c Repository,
    index: &'c ChunkIndex,
    packs: &'c [(u32, PackInfo)],
    next: AtomicUsize,
    stopped: AtomicBool,
    found: Mutex<Found<'c>>,
}

struct Found<'c> {
    health: &'c mut Health,
    report: &'c mut CheckReport,
    failure: Option<Error>,
}

pub(super) fn check(
    repository: &Repository,
    index: &ChunkIndex,
    packs: &[(u32, PackInfo)],
    threads: NonZeroUsize,
    health: &mut Health,
    report: &mut CheckReport,
) -> Result<(), Error> {
    let bytes = packs.iter().map(|(_, pack)| u64::from(pack.size)).sum();
    announce(repository, count(packs.len()), bytes);
    let work = Work {
        repository,
        index,
        packs,
        next: AtomicUsize::new(0),
        stopped: AtomicBool::new(false),
        found: Mutex::new(Found {
            health,
            report,
            failure: None,
        }),
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.get().min(packs.len()) {
            scope.spawn(|| work.run());
        }
    });
    let found = work.found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.failure.map_or(Ok(()), Err)
}

impl<'c> Work<'c> {
    fn found(&self) -> std::sync::MutexGuard<'_, Found<'c>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        while !self.stopped.load(Ordering::Relaxed) {
            let Some((number, pack)) = self.packs.get(self.next.fetch_add(1, Ordering::Relaxed)) else {
                return;
            };
            let result = self.check_pack(*number, pack);
            let mut found = self.found();
            match result {
                Ok(()) => {
                    found.report.counts.packs_read += 1;
                    found.report.counts.bytes_read += u64::from(pack.size);
                }
                // The storage fails for this pack only: reported, and the others are read.
                Err(error) if error.spares_the_rest() => {
                    found.health.lost_packs.insert(*number);
                    found.health.suspects.insert(*number);
                    let advice = "What is in it cannot be read here";
                    let object = ObjectId {
                        kind: ObjectKind::Pack,
                        name: pack.name,
                    };
                    found.report.add(Finding::of_error(&error, advice).object(object));
                }
                Err(error) => {
                    found.failure.get_or_insert(error);
                    self.stopped.store(true, Ordering::Relaxed);
                }
            }
            drop(found);
            done(self.repository, 1, pack.size.into());
        }
    }

    fn check_pack(&self, number: u32, pack: &PackInfo) -> Result<(), Error> {
        let env = self.repository.environment();
        let reader = PackReader::open(self.repository, pack.name, pack.kind)?;
        let odd = self.found().health.odd_directories.contains(&number);
        // Readers go by the index, so where both differ, what it says is checked.
        let entries = if odd {
            self.index.entries_of(number)
        } else {
            reader.directory()?.1
        };
        let (mut bad, mut name_differs) = (Vec::new(), false);
        let result = verify_pack(&reader, pack.size, &entries, env, &mut |flaw| match flaw {
            Flaw::Chunk(place, problem) => bad.push((*place, problem)),
            Flaw::Name => name_differs = true,
        });
        match result {
            Ok(()) => {}
            Err(error) if error.spares_the_rest() => {
                self.found().report.add(Finding {
                    object: Some(reader.object()),
                    ..Finding::of_error(&error, "The disk may be failing: copy the repository soon")
                });
                bad = read_one_by_one(&reader, &entries)?;
            }
            Err(error) => return Err(error),
        }
        self.report(&reader, number, &bad, name_differs);
        Ok(())
    }

    fn report(
        &self,
        reader: &PackReader<'_>,
        number: u32,
        bad: &[(EntryLocation, &'static str)],
        name_differs: bool,
    ) {
        let mut found = self.found();
        for (place, problem) in bad.iter().take(NAMED_CHUNKS_MAX) {
            let message = format!("a chunk in it is damaged: {problem}");
            let finding = Finding::new(Severity::Damage, message);
            found
                .report
                .add(finding.object(reader.object()).chunk(place.entry.id));
        }
        if bad.len() > NAMED_CHUNKS_MAX {
            let message = match bad.len() - NAMED_CHUNKS_MAX {
                1 => "1 more chunk in it is damaged".into(),
                more => format!("{more} more chunks in it are damaged"),
            };
            found
                .report
                .add(Finding::new(Severity::Damage, message).object(reader.object()));
        }
        if name_differs && bad.is_empty() {
            let message =
                "its bytes do not hash to its name, though every chunk in it is whole: it has begun to rot";
            found
                .report
                .add(Finding::new(Severity::Damage, message).object(reader.object()));
        }
        if name_differs || !bad.is_empty() {
            found.health.suspects.insert(number);
        }
        let entries = bad.iter().map(|(place, _)| (number, place.offset));
        found.health.bad_entries.extend(entries);
    }
}

/// Where a pack cannot be read in one go, each chunk is tried alone: a bad sector costs only what lies on it.
fn read_one_by_one(
    reader: &PackReader<'_>,
    entries: &[PackEntry],
) -> Result<Vec<(EntryLocation, &'static str)>, Error> {
    let mut bad = Vec::new();
    let mut offset = u32::try_from(lumivault_format::PACK_PREFIX_BYTES).unwrap_or(u32::MAX);
    for entry in entries {
        let place = EntryLocation {
            offset,
            entry: *entry,
        };
        match reader.read_chunk(&place) {
            Ok(_) => {}
            Err(Error::DamagedChunk { problem, .. }) => bad.push((place, problem)),
            Err(error) if error.spares_the_rest() => bad.push((place, "it cannot be read from the storage")),
            Err(error) => return Err(error),
        }
        offset = offset.saturating_add(entry.sealed_len());
    }
    Ok(bad)
}
