//! Scrubbing: every pack and small object is read and compared with its parity or copies, and these with what they must
//! be. What is damaged is reported; parity and copies that are damaged or missing are written anew from what is whole.

use std::collections::HashSet;

use lumivault_format::{COPY_PREFIX_BYTES, ObjectId, ObjectKind, ObjectName, PackParity, limits};

use super::copies::{bytes_max, copies_of, copy_of};
use super::pack::{create, pack_id};
use super::rebuild::load_table;
use super::report::List;
use super::{
    COPIED, Damaged, Outlook, ParityMap, list, outlook_of_pack, parity_id, remove_if_there, try_read,
};
use crate::backend::ObjectInfo;
use crate::seal::{load_object, object_name};
use crate::{ChunkIndex, Error, Event, Repository};

/// What a scrub found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScrubReport {
    /// Packs read.
    pub packs: u64,
    /// Small objects read.
    pub objects: u64,
    /// Parity objects and copies that are what they must be.
    pub sound: u64,
    /// Those that were missing or damaged and were written anew; in a dry run, would be.
    pub rewritten: u64,
    /// Those that nothing needs any more, or that were of no use, and were removed; in a dry run, would be.
    pub removed: u64,
    /// Bytes of packs read.
    pub bytes_read: u64,
    /// The first 1,000 packs and small objects that are damaged or lost. They stay as they are.
    pub damaged: Vec<Damaged>,
    /// How many there are.
    pub damaged_total: u64,
    /// How many of them nothing here can mend.
    pub unmendable_total: u64,
}

/// Reads everything; writes only parity and copies, and in a dry run nothing.
pub fn scrub(repository: &Repository, index: &ChunkIndex, dry_run: bool) -> Result<ScrubReport, Error> {
    if repository.config().parity_percent == 0 {
        let text = "this repository has no parity; `lumivault parity add` makes it";
        return Err(Error::Parity(text.into()));
    }
    let parity = list(repository, ObjectKind::Parity)?;
    let mut scrub = Scrub {
        repository,
        map: ParityMap::read(repository.backend(), Some(&repository.archive()))?,
        listed: parity.iter().map(|info| info.name).collect(),
        sound: HashSet::new(),
        whole: HashSet::new(),
        damaged: List::default(),
        report: ScrubReport::default(),
        dry_run,
    };
    let monitor = &repository.environment().monitor;
    monitor.event(Event::Phase("reading small objects and their copies"));
    COPIED
        .into_iter()
        .try_for_each(|kind| scrub.small_objects(kind))?;
    monitor.event(Event::Phase("reading packs and their parity"));
    scrub.packs(index)?;
    monitor.event(Event::Phase("looking for parity that is of no use"));
    scrub.leftovers(&parity, index)?;
    let mut report = scrub.report;
    report.damaged_total = scrub.damaged.total;
    report.damaged = scrub.damaged.first;
    Ok(report)
}

struct Scrub<'s> {
    repository: &'s Repository,
    map: ParityMap,
    /// Parity objects that were there at the beginning.
    listed: HashSet<ObjectName>,
    /// Parity objects that are what they must be, now.
    sound: HashSet<ObjectName>,
    /// Packs and small objects that are whole.
    whole: HashSet<ObjectId>,
    damaged: List,
    report: ScrubReport,
    dry_run: bool,
}

impl Scrub<'_> {
    fn small_objects(&mut self, kind: ObjectKind) -> Result<(), Error> {
        let backend = self.repository.backend();
        let mut present = HashSet::new();
        for info in list(self.repository, kind)? {
            self.repository.environment().check_cancelled()?;
            let id = ObjectId {
                kind,
                name: info.name,
            };
            present.insert(id);
            self.report.objects += 1;
            match load_object(backend, &id, bytes_max(kind)) {
                Ok(bytes) => {
                    self.whole.insert(id);
                    for number in 1..=copies_of(kind) {
                        self.ensure(&copy_of(&id, number, &bytes)?)?;
                    }
                }
                Err(error) if error.spares_the_rest() => {
                    let copy = self.map.copy(backend, &id)?;
                    self.damage(id, copy.map_or(Outlook::Nothing, |_| Outlook::Copy));
                }
                Err(error) => return Err(error),
            }
        }
        let of_kind = self.map.objects().map(|(id, _)| *id).filter(|id| id.kind == kind);
        let mut lost: Vec<ObjectId> = of_kind.filter(|id| !present.contains(id)).collect();
        lost.sort_unstable();
        for id in lost {
            if self.map.copy(backend, &id)?.is_some() {
                self.damage(id, Outlook::Copy);
            }
        }
        Ok(())
    }

    fn packs(&mut self, index: &ChunkIndex) -> Result<(), Error> {
        let present = list(self.repository, ObjectKind::Pack)?;
        let monitor = &self.repository.environment().monitor;
        let items = u64::try_from(present.len()).unwrap_or(u64::MAX);
        let bytes = present.iter().map(|info| info.size).sum();
        monitor.event(Event::Total { items, bytes });
        let names: HashSet<ObjectName> = present.iter().map(|info| info.name).collect();
        for info in &present {
            self.repository.environment().check_cancelled()?;
            self.pack(info)?;
            self.report.packs += 1;
            self.report.bytes_read += info.size;
            let monitor = &self.repository.environment().monitor;
            monitor.event(Event::Done {
                items: 1,
                bytes: info.size,
            });
        }
        let listed = index.packs().into_iter().map(|pack| pack.name);
        for name in listed.filter(|name| !names.contains(name)) {
            self.damaged_pack(name)?;
        }
        Ok(())
    }

    fn pack(&mut self, info: &ObjectInfo) -> Result<(), Error> {
        let backend = self.repository.backend();
        let Some(shape) = self.shape(info)? else {
            return self.damaged_pack(info.name);
        };
        match create(backend, &self.repository.archive(), shape) {
            Ok(bytes) => {
                self.whole.insert(pack_id(info.name));
                self.ensure(&bytes)
            }
            Err(error) if error.spares_the_rest() => self.damaged_pack(info.name),
            Err(error) => Err(error),
        }
    }

    /// What the parity of a pack of this size must be like: as large as the largest that is there and can be believed.
    /// `None`: no pack has this size.
    fn shape(&self, info: &ObjectInfo) -> Result<Option<PackParity>, Error> {
        let Ok(bytes) = u32::try_from(info.size) else {
            return Ok(None);
        };
        let mut shards = None;
        for parity in self.map.parity_of(self.repository.backend(), info.name)? {
            let table = load_table(self.repository.backend(), &parity)?;
            let table =
                table.filter(|table| table.shape.pack() == info.name && table.shape.pack_bytes() == bytes);
            shards = shards.max(table.map(|table| table.shape.parity_shards()));
        }
        let shards = shards.and_then(|n| u32::try_from(n).ok());
        let percent = self.repository.config().parity_percent;
        let shards = shards.unwrap_or_else(|| PackParity::shards_for(bytes, percent));
        Ok(PackParity::new(info.name, bytes, shards))
    }

    fn damaged_pack(&mut self, name: ObjectName) -> Result<(), Error> {
        let backend = self.repository.backend();
        let outlook = outlook_of_pack(backend, &self.map, name)?;
        self.damage(pack_id(name), outlook);
        Ok(())
    }

    fn damage(&mut self, object: ObjectId, outlook: Outlook) {
        self.damaged.add(object, outlook);
        self.report.unmendable_total += u64::from(!outlook.is_mendable());
    }

    /// Makes sure that a parity object of exactly these bytes is there.
    fn ensure(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let name = object_name(bytes);
        let id = ObjectId {
            kind: ObjectKind::Parity,
            name,
        };
        let backend = self.repository.backend();
        let is_there = self.listed.contains(&name)
            && match load_object(backend, &id, limits::PARITY_BYTES_MAX) {
                Ok(_) => true,
                Err(error) if error.spares_the_rest() => false,
                Err(error) => return Err(error),
            };
        if is_there {
            self.report.sound += 1;
        } else {
            self.report.rewritten += 1;
            if !self.dry_run {
                backend.heal(&id, bytes)?;
            }
        }
        self.sound.insert(name);
        Ok(())
    }

    /// Removes parity of what is whole and has better parity by now, of packs that are gone for good, and what is damaged
    /// so far that it is of no use.
    fn leftovers(&mut self, parity: &[ObjectInfo], index: &ChunkIndex) -> Result<(), Error> {
        // Listed after the parity: a pack that this does not show was gone when its parity was found.
        let present = self.repository.backend().list(ObjectKind::Pack)?;
        let present: HashSet<ObjectName> = present.into_iter().map(|info| info.name).collect();
        for info in parity.iter().filter(|info| !self.sound.contains(&info.name)) {
            self.repository.environment().check_cancelled()?;
            let gone = |pack: &ObjectName| {
                index.unreadable().is_empty() && !index.has_pack(pack) && !present.contains(pack)
            };
            let useless = match self.target(info)? {
                Target::Pack(name) => self.whole.contains(&pack_id(name)) || gone(&name),
                Target::Copy(name) => self.whole.iter().any(|id| id.name == name),
                // Where something is damaged, nothing is thrown away that somebody might still make something of.
                Target::Unknown => self.damaged.total == 0,
            };
            if useless {
                self.report.removed += 1;
                if !self.dry_run {
                    remove_if_there(self.repository.backend(), &parity_id(info))?;
                }
            }
        }
        Ok(())
    }

    /// What a parity object is of, by what can be checked in it.
    fn target(&self, info: &ObjectInfo) -> Result<Target, Error> {
        let backend = self.repository.backend();
        if let Some(table) = load_table(backend, info)? {
            return Ok(Target::Pack(table.shape.pack()));
        }
        if info.size > limits::PARITY_BYTES_MAX {
            return Ok(Target::Unknown);
        }
        let mut bytes = vec![0; usize::try_from(info.size).unwrap_or(0)];
        if !try_read(backend, &parity_id(info), 0, &mut bytes)? {
            return Ok(Target::Unknown);
        }
        let Some(copied) = bytes.get(COPY_PREFIX_BYTES..) else {
            return Ok(Target::Unknown);
        };
        let name = object_name(copied);
        let is_known = self.whole.iter().any(|id| id.name == name) || object_name(&bytes) == info.name;
        Ok(if is_known {
            Target::Copy(name)
        } else {
            Target::Unknown
        })
    }
}

enum Target {
    Pack(ObjectName),
    Copy(ObjectName),
    Unknown,
}
