//! Adding parity to a repository, and removing it.

use lumivault_format::{Config, ObjectId, ObjectKind, ObjectName, ObjectType, PackParity, limits};

use super::copies::{bytes_max, copies_of, copy_of};
use super::map::Found;
use super::pack::{create, pack_id};
use super::{COPIED, ParityMap, list, parity_id, remove_if_there, remove_with_copies};
use crate::backend::ObjectInfo;
use crate::repository::read_config;
use crate::seal::{load_object, store_object};
use crate::{Error, Event, Repository};

/// What was added; in a dry run, what would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddReport {
    /// Packs that got parity.
    pub packs: u64,
    /// Copies of small objects that were made.
    pub copies: u64,
    /// Bytes of both.
    pub bytes_written: u64,
    /// Packs and small objects that are damaged and got nothing.
    pub damaged: u64,
}

/// What was removed; in a dry run, what would be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemoveReport {
    /// Parity objects and copies.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Makes the parity of so many percent for every pack that has less, and the copies of every small object; from now on
/// writers do so too. The config says so first: what is written by others in the meantime gets its parity from them.
pub fn add(repository: &mut Repository, percent: u8, dry_run: bool) -> Result<AddReport, Error> {
    if !(1..=limits::PARITY_PERCENT_MAX).contains(&percent) {
        return Err(Error::no_such_parity(percent));
    }
    if !dry_run {
        set_percent(repository, percent)?;
    }
    let mut adding = Adding {
        repository,
        map: ParityMap::read(repository.backend(), Some(&repository.archive()))?,
        percent,
        dry_run,
        report: AddReport::default(),
    };
    let monitor = &repository.environment().monitor;
    monitor.event(Event::Phase("copying small objects"));
    COPIED.into_iter().try_for_each(|kind| adding.copies(kind))?;
    monitor.event(Event::Phase("making parity"));
    adding.packs()?;
    Ok(adding.report)
}

/// Removes all parity and all copies; writers make none from now on.
pub fn remove(repository: &mut Repository, dry_run: bool) -> Result<RemoveReport, Error> {
    if !dry_run {
        set_percent(repository, 0)?;
    }
    let mut report = RemoveReport::default();
    repository
        .environment()
        .monitor
        .event(Event::Phase("removing parity"));
    for info in list(repository, ObjectKind::Parity)? {
        repository.environment().check_cancelled()?;
        if dry_run || remove_if_there(repository.backend(), &parity_id(&info))? {
            report.objects += 1;
            report.bytes += info.size;
        }
    }
    Ok(report)
}

/// Writes a config of the next generation, and removes those before it.
fn set_percent(repository: &mut Repository, percent: u8) -> Result<(), Error> {
    if repository.config().parity_percent != percent {
        let generation = repository.config().generation.checked_add(1).ok_or_else(|| {
            Error::Unsupported("the config was written too often to be written again".into())
        })?;
        repository.store_config(Config {
            generation,
            parity_percent: percent,
            ..repository.config().clone()
        })?;
    }
    let in_force = (repository.config().generation, repository.config_name());
    let mut older = Vec::new();
    for info in list(repository, ObjectKind::Config)? {
        let id = ObjectId {
            kind: ObjectKind::Config,
            name: info.name,
        };
        let (keyring, archive) = (&repository.secrets().keyring, repository.archive());
        match read_config(repository.copies(), keyring, &archive, &id) {
            Ok(config) if (config.generation, info.name) < in_force => older.push(id),
            Ok(_) => {}
            Err(error) if error.spares_the_rest() => {}
            Err(error) => return Err(error),
        }
    }
    if older.is_empty() {
        return Ok(());
    }
    // Others must find one of them.
    repository.settle()?;
    remove_with_copies(repository, &older)
}

struct Adding<'a> {
    repository: &'a Repository,
    map: ParityMap,
    percent: u8,
    dry_run: bool,
    report: AddReport,
}

impl Adding<'_> {
    fn copies(&mut self, kind: ObjectKind) -> Result<(), Error> {
        for info in list(self.repository, kind)? {
            self.repository.environment().check_cancelled()?;
            let id = ObjectId {
                kind,
                name: info.name,
            };
            let known = self.map.of(&id);
            let missing: Vec<u32> = (1..=copies_of(kind))
                .filter(|number| !known.iter().any(|found| found.number == *number))
                .collect();
            if missing.is_empty() {
                continue;
            }
            let backend = self.repository.backend();
            let bytes = match load_object(backend, &id, bytes_max(kind)) {
                Ok(bytes) => bytes,
                Err(error) if error.spares_the_rest() => {
                    self.damaged(&error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            for number in missing {
                self.store(&copy_of(&id, number, &bytes)?)?;
                self.report.copies += 1;
            }
        }
        Ok(())
    }

    fn packs(&mut self) -> Result<(), Error> {
        let lacking: Vec<ObjectInfo> = list(self.repository, ObjectKind::Pack)?
            .into_iter()
            .filter(|info| self.lacks(info))
            .collect();
        let monitor = &self.repository.environment().monitor;
        let items = u64::try_from(lacking.len()).unwrap_or(u64::MAX);
        let bytes = lacking.iter().map(|info| info.size).sum();
        monitor.event(Event::Total { items, bytes });
        for info in lacking {
            self.repository.environment().check_cancelled()?;
            self.pack(&info)?;
            let monitor = &self.repository.environment().monitor;
            monitor.event(Event::Done {
                items: 1,
                bytes: info.size,
            });
        }
        Ok(())
    }

    fn wanted(&self, info: &ObjectInfo) -> Option<PackParity> {
        let bytes = u32::try_from(info.size).ok()?;
        PackParity::new(info.name, bytes, PackParity::shards_for(bytes, self.percent))
    }

    fn lacks(&self, info: &ObjectInfo) -> bool {
        let wanted = self.wanted(info).map_or(0, |shape| shape.parity_shards());
        let has = |found: &Found| found.shape.is_some_and(|shape| shape.parity_shards() >= wanted);
        !self.map.of(&pack_id(info.name)).iter().any(has)
    }

    fn pack(&mut self, info: &ObjectInfo) -> Result<(), Error> {
        let Some(shape) = self.wanted(info) else {
            self.damaged(&Error::Damaged {
                object: pack_id(info.name),
                problem: "it has a size that no pack has",
            });
            return Ok(());
        };
        if self.dry_run {
            self.report.packs += 1;
            self.report.bytes_written += shape.object_bytes();
            return Ok(());
        }
        match create(self.repository.backend(), &self.repository.archive(), shape) {
            Ok(bytes) => {
                let name = self.store(&bytes)?;
                self.report.packs += 1;
                // What there was mends less.
                let lesser = self.map.of(&pack_id(info.name)).iter();
                for found in lesser.filter(|found| found.info.name != name) {
                    remove_if_there(self.repository.backend(), &parity_id(&found.info))?;
                }
                Ok(())
            }
            Err(error) if error.spares_the_rest() => {
                self.damaged(&error);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn store(&mut self, bytes: &[u8]) -> Result<ObjectName, Error> {
        self.report.bytes_written += u64::try_from(bytes.len()).unwrap_or(0);
        if self.dry_run {
            return Ok(crate::seal::object_name(bytes));
        }
        store_object(self.repository.backend(), ObjectType::Parity, bytes)
    }

    fn damaged(&mut self, error: &Error) {
        self.report.damaged += 1;
        let text = format!("{}; it gets no parity", error.with_causes());
        self.repository.environment().monitor.event(Event::Warning(&text));
    }
}
