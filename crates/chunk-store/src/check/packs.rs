//! Index and packs: each pack that the index lists is there, has its size, and a directory that says the same.

use std::collections::{HashMap, HashSet};

use lumivault_format::{IndexedPack, ObjectId, ObjectKind, ObjectName, PACK_PREFIX_BYTES};

use super::objects::{list, set_aside};
use super::report::{CheckReport, Finding, Severity};
use super::{Health, announce, count, done};
use crate::index::{Location, read_index};
use crate::pack::{EntryLocation, PackReader};
use crate::{ChunkIndex, Error, Repository};

struct Packs<'c> {
    repository: &'c Repository,
    index: &'c ChunkIndex,
    /// Sizes of the packs that are there.
    present: HashMap<ObjectName, u64>,
    seen: HashSet<ObjectName>,
    health: Health,
}

pub(super) fn check(
    repository: &Repository,
    index: &ChunkIndex,
    report: &mut CheckReport,
) -> Result<Health, Error> {
    let present = index.packs_there(repository.backend())?;
    let mut packs = Packs {
        repository,
        index,
        present,
        seen: HashSet::new(),
        health: Health::default(),
    };
    report.counts.chunks = index.len();
    announce(repository, count(index.packs().len()), 0);
    for id in list(repository, ObjectKind::Index)? {
        report.counts.objects += 1;
        let advice = "Its packs count as unlisted; the next backup reads them and lists them again";
        let Some(read) = set_aside(read_index(repository, &id.name), id, report, advice)? else {
            continue;
        };
        if index.is_replaced(&id.name) {
            continue;
        }
        for pack in &read.packs {
            packs.check(pack, report)?;
        }
    }
    packs.report_unlisted(report);
    packs.report_repeated(report);
    Ok(packs.health)
}

impl Packs<'_> {
    fn check(&mut self, pack: &IndexedPack, report: &mut CheckReport) -> Result<(), Error> {
        self.repository.environment().check_cancelled()?;
        if !self.seen.insert(pack.name) {
            return Ok(());
        }
        report.counts.packs += 1;
        done(self.repository, 1, 0);
        let object = ObjectId {
            kind: ObjectKind::Pack,
            name: pack.name,
        };
        let Some(number) = self.index.pack_number(&pack.name) else {
            let message =
                "it is listed in the repository's index, but not in the one in use; empty the cache";
            report.add(Finding::new(Severity::Warning, message).object(object));
            return Ok(());
        };
        self.check_table(pack, number, report);
        match self.present.get(&pack.name) {
            Some(size) if *size == u64::from(pack.size) => self.check_directory(pack, number, report),
            Some(size) => {
                let what = format!("it has {size} bytes instead of {}", pack.size);
                self.lose(pack, number, &what, report);
                Ok(())
            }
            None => {
                self.lose(pack, number, "it is missing", report);
                Ok(())
            }
        }
    }

    /// A pack from which nothing can be read. Chunks that were stored again since are not lost.
    fn lose(&mut self, pack: &IndexedPack, number: u32, what: &str, report: &mut CheckReport) {
        self.health.lost_packs.insert(number);
        self.health.suspects.insert(number);
        let lies_elsewhere = |place: &Location| {
            let other = self.index.pack(place.pack).filter(|_| place.pack != number);
            other.is_some_and(|other| self.present.get(&other.name) == Some(&other.size.into()))
        };
        let is_lost = |id| !self.index.places(id).iter().any(lies_elsewhere);
        let lost = pack.entries.iter().filter(|entry| is_lost(&entry.id)).count();
        let finding = if lost == 0 {
            let message = format!("{what}, but everything in it lies in other packs too: nothing is lost");
            Finding::new(Severity::Warning, message)
        } else {
            let chunks = if lost == 1 { "chunk is" } else { "chunks are" };
            let message = format!("{what}; {lost} {chunks} lost unless it comes back");
            Finding::new(Severity::Damage, message)
        };
        report.add(finding.object(ObjectId {
            kind: ObjectKind::Pack,
            name: pack.name,
        }));
    }

    fn check_directory(
        &mut self,
        pack: &IndexedPack,
        number: u32,
        report: &mut CheckReport,
    ) -> Result<(), Error> {
        let reader = match PackReader::open(self.repository, pack.name, pack.kind) {
            Ok(reader) => reader,
            Err(error) if error.spares_the_rest() => {
                let cause = error.with_causes();
                self.lose(pack, number, &cause, report);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let advice = "Its chunks can still be found through the index";
        let Some((_, entries)) = set_aside(reader.directory(), reader.object(), report, advice)? else {
            self.health.odd_directories.insert(number);
            self.health.suspects.insert(number);
            return Ok(());
        };
        if entries != pack.entries {
            self.health.odd_directories.insert(number);
            self.health.suspects.insert(number);
            let message =
                "its directory is not what the index says. Read all data to learn which of both is right";
            report.add(Finding::new(Severity::Damage, message).object(reader.object()));
        }
        Ok(())
    }

    /// The table in use comes from a cache, perhaps: it must say what the index objects say.
    fn check_table(&self, pack: &IndexedPack, number: u32, report: &mut CheckReport) {
        let mut offset = u32::try_from(PACK_PREFIX_BYTES).unwrap_or(u32::MAX);
        let mut differing = 0;
        for entry in &pack.entries {
            let place = EntryLocation {
                offset,
                entry: *entry,
            };
            let wanted = Location { pack: number, place };
            differing += usize::from(!self.index.has_place(&wanted));
            offset = offset.saturating_add(entry.sealed_len());
        }
        if differing > 0 {
            let message = format!(
                "the index in use differs from the repository's in {differing} chunks; empty the cache"
            );
            report.add(Finding::new(Severity::Warning, message).object(ObjectId {
                kind: ObjectKind::Pack,
                name: pack.name,
            }));
        }
    }

    fn report_unlisted(&self, report: &mut CheckReport) {
        let mut unlisted: Vec<_> = self
            .present
            .keys()
            .filter(|name| !self.seen.contains(*name))
            .collect();
        unlisted.sort_unstable();
        for name in unlisted {
            let message = "no index lists it: an interrupted run left it. The next backup reads it and uses what it \
                           holds";
            report.add(Finding::new(Severity::Note, message).object(ObjectId {
                kind: ObjectKind::Pack,
                name: *name,
            }));
        }
    }

    fn report_repeated(&self, report: &mut CheckReport) {
        let (mut last, mut repeated, mut bytes) = (None, 0u64, 0u64);
        self.index.for_each(|id, place| {
            if last.replace(id) == Some(id) {
                repeated += 1;
                bytes += u64::from(place.place.entry.stored_len);
            }
        });
        if repeated > 0 {
            let (chunks, them) = if repeated == 1 {
                (
                    "chunk",
                    "lies in several packs: two machines stored it at once, or it was",
                )
            } else {
                (
                    "chunks",
                    "lie in several packs: two machines stored them at once, or they were",
                )
            };
            let message = format!(
                "{repeated} {chunks} ({bytes} bytes) {them} stored again while a pack was missing. That costs only space"
            );
            report.add(Finding::new(Severity::Note, message));
        }
    }
}
