//! Mending: damaged and lost objects are written back under their own names, with bytes that hash to them. What is there
//! is only replaced by the whole object, in one step, once that is durable.

use std::collections::HashSet;

use lumivault_format::{ObjectId, ObjectKind, ObjectName, limits};

use super::copies::bytes_max;
use super::pack::{WINDOW_BYTES, pack_id, room_for};
use super::report::List;
use super::{COPIED, Damaged, Outlook, ParityMap, Rebuilt, list, rebuild};
use crate::backend::Backend;
use crate::seal::{ObjectHasher, load_object};
use crate::{ChunkIndex, Error, Event, Repository};

/// What is to be mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything that has parity or copies. Reads every pack.
    All,
    /// All objects of one kind.
    Kind(ObjectKind),
    /// These packs.
    Packs(Vec<ObjectName>),
}

impl Scope {
    fn holds(&self, kind: ObjectKind) -> bool {
        match self {
            Self::All => true,
            Self::Kind(of) => *of == kind,
            Self::Packs(_) => false,
        }
    }
}

/// What became of what was damaged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MendReport {
    /// Packs and small objects looked at.
    pub objects: u64,
    /// The first 1,000 that were mended, and from what; in a dry run, that would be.
    pub mended: Vec<Damaged>,
    /// How many.
    pub mended_total: u64,
    /// The first 1,000 that could not be mended, and why not.
    pub damaged: Vec<Damaged>,
    /// How many.
    pub damaged_total: u64,
    /// Bytes written.
    pub bytes_written: u64,
}

/// Looks at what the scope names, and mends what is damaged or lost; in a dry run only tells.
pub fn mend(
    repository: &Repository,
    index: &ChunkIndex,
    scope: &Scope,
    dry_run: bool,
) -> Result<MendReport, Error> {
    let mut mending = Mending {
        repository,
        map: ParityMap::read(repository.backend(), Some(&repository.archive()))?,
        mended: List::default(),
        damaged: List::default(),
        report: MendReport::default(),
        dry_run,
    };
    let monitor = &repository.environment().monitor;
    for kind in COPIED.into_iter().filter(|kind| scope.holds(*kind)) {
        monitor.event(Event::Phase("mending small objects"));
        mending.small_objects(kind)?;
    }
    let packs = match scope {
        Scope::Packs(names) => names.clone(),
        _ if scope.holds(ObjectKind::Pack) => all_packs(repository, index)?,
        _ => Vec::new(),
    };
    if !packs.is_empty() {
        monitor.event(Event::Phase("mending packs"));
        mending.packs(&packs)?;
    }
    let mut report = mending.report;
    (report.mended, report.mended_total) = (mending.mended.first, mending.mended.total);
    (report.damaged, report.damaged_total) = (mending.damaged.first, mending.damaged.total);
    Ok(report)
}

/// Packs that are there, and those that the index lists.
fn all_packs(repository: &Repository, index: &ChunkIndex) -> Result<Vec<ObjectName>, Error> {
    let present = list(repository, ObjectKind::Pack)?
        .into_iter()
        .map(|info| info.name);
    let mut names: Vec<ObjectName> = present
        .chain(index.packs().iter().map(|pack| pack.name))
        .collect();
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

struct Mending<'m> {
    repository: &'m Repository,
    map: ParityMap,
    mended: List,
    damaged: List,
    report: MendReport,
    dry_run: bool,
}

impl Mending<'_> {
    fn small_objects(&mut self, kind: ObjectKind) -> Result<(), Error> {
        let backend = self.repository.backend();
        let present = list(self.repository, kind)?.into_iter().map(|info| info.name);
        let present: HashSet<ObjectName> = present.collect();
        let copied = self.map.objects().filter(|(id, _)| id.kind == kind);
        let mut names: Vec<ObjectName> = present
            .iter()
            .copied()
            .chain(copied.map(|(id, _)| id.name))
            .collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            self.repository.environment().check_cancelled()?;
            let id = ObjectId { kind, name };
            self.report.objects += 1;
            match load_object(backend, &id, bytes_max(kind)) {
                Ok(_) => continue,
                Err(error) if error.spares_the_rest() => {}
                Err(error) => return Err(error),
            }
            // Read now: while an object is being removed, its copies are gone before it is.
            match self.map.copy(backend, &id)? {
                Some(bytes) => self.write_back(&id, &bytes, Outlook::Copy)?,
                None if present.contains(&name) => self.damaged.add(id, Outlook::Nothing),
                // A copy whose own name for the object is damaged: there was none of this name.
                None => self.report.objects -= 1,
            }
        }
        Ok(())
    }

    fn packs(&mut self, names: &[ObjectName]) -> Result<(), Error> {
        let backend = self.repository.backend();
        let monitor = &self.repository.environment().monitor;
        let items = u64::try_from(names.len()).unwrap_or(u64::MAX);
        monitor.event(Event::Total { items, bytes: 0 });
        for name in names {
            self.repository.environment().check_cancelled()?;
            self.report.objects += 1;
            if !is_whole(backend, *name)? {
                let parity = self.map.parity_of(backend, *name)?;
                match rebuild(backend, &parity, *name)? {
                    Rebuilt::Whole(bytes, bad_shards) => {
                        let _room = room_for(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
                        self.write_back(&pack_id(*name), &bytes, Outlook::Parity { bad_shards })?;
                    }
                    Rebuilt::Not(outlook) => self.damaged.add(pack_id(*name), outlook),
                }
            }
            let monitor = &self.repository.environment().monitor;
            monitor.event(Event::Done { items: 1, bytes: 0 });
        }
        Ok(())
    }

    fn write_back(&mut self, id: &ObjectId, bytes: &[u8], from: Outlook) -> Result<(), Error> {
        if !self.dry_run {
            self.repository.backend().heal(id, bytes)?;
            self.report.bytes_written += u64::try_from(bytes.len()).unwrap_or(0);
        }
        self.mended.add(*id, from);
        Ok(())
    }
}

/// Whether a pack is there and its bytes hash to its name.
pub(super) fn is_whole(backend: &dyn Backend, name: ObjectName) -> Result<bool, Error> {
    let id = pack_id(name);
    let read = || -> Result<bool, Error> {
        let size = backend.size(&id)?;
        if size > limits::PACK_BYTES_MAX.into() {
            return Ok(false);
        }
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let (mut hasher, mut offset) = (ObjectHasher::new(), 0);
        let mut window = vec![0; WINDOW_BYTES.min(size)];
        while offset < size {
            let part = &mut window[..WINDOW_BYTES.min(size - offset)];
            backend.read_at(&id, u64::try_from(offset).unwrap_or(u64::MAX), part)?;
            hasher.update(part);
            offset += part.len();
        }
        Ok(hasher.name() == name)
    };
    match read() {
        Err(error) if error.spares_the_rest() => Ok(false),
        result => result,
    }
}
