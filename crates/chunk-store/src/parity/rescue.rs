//! Reading small objects where they are lost or damaged: from their copies, with a warning.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lumivault_format::{COPY_PREFIX_BYTES, ObjectId, ObjectKind, ObjectName, PackParity};

use super::copies::copies_of;
use super::{COPIED, ParityMap};
use crate::backend::{Backend, BackendError};
use crate::seal::load_object;
use crate::{Environment, Error, Event};

/// Reads small objects, and their copies where it must. What `parity/` holds is looked up once.
pub(crate) struct Copies {
    backend: Arc<dyn Backend>,
    env: Environment,
    map: Mutex<Option<Arc<ParityMap>>>,
    lost: Mutex<Option<Vec<ObjectId>>>,
    warned: Mutex<HashSet<ObjectId>>,
}

impl fmt::Debug for Copies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Copies").finish_non_exhaustive()
    }
}

impl Copies {
    pub(crate) fn new(backend: Arc<dyn Backend>, env: Environment) -> Self {
        Self {
            backend,
            env,
            map: Mutex::default(),
            lost: Mutex::default(),
            warned: Mutex::default(),
        }
    }

    pub(crate) fn backend(&self) -> &dyn Backend {
        self.backend.as_ref()
    }

    /// Reads an object of at most `max` bytes that hashes to its name.
    pub(crate) fn load(&self, id: &ObjectId, max: u64) -> Result<Vec<u8>, Error> {
        match load_object(self.backend(), id, max) {
            Err(error) if copies_of(id.kind) > 0 && error.spares_the_rest() => match self.copy(id) {
                Some(bytes) => {
                    self.warn(id, &error);
                    Ok(bytes)
                }
                None => Err(error),
            },
            result => result,
        }
    }

    /// A copy's bytes. Whatever fails here, the failure to report is that of the object itself.
    fn copy(&self, id: &ObjectId) -> Option<Vec<u8>> {
        let map = self.map().ok()?;
        map.copy(self.backend(), id).ok().flatten()
    }

    fn map(&self) -> Result<Arc<ParityMap>, Error> {
        let mut known = lock(&self.map);
        if let Some(map) = known.as_ref() {
            return Ok(Arc::clone(map));
        }
        let map = Arc::new(ParityMap::read(self.backend(), None)?);
        *known = Some(Arc::clone(&map));
        Ok(map)
    }

    fn warn(&self, id: &ObjectId, error: &Error) {
        if lock(&self.warned).insert(*id) {
            let text = format!(
                "{}; a copy of it was read instead. `lumivault repair index` mends it",
                error.with_causes()
            );
            self.env.monitor.event(Event::Warning(&text));
        }
    }

    /// Objects of one kind that are not there, but of which there is a good copy.
    pub(crate) fn lost(&self, kind: ObjectKind) -> Result<Vec<ObjectName>, Error> {
        let mut known = lock(&self.lost);
        let lost = match known.take() {
            Some(lost) => lost,
            None => match self.find_lost() {
                Ok(lost) => lost,
                // That copies cannot be read is no reason not to read what is there.
                Err(error) if error.spares_the_rest() => {
                    let cause = error.with_causes();
                    let text = format!("whether anything is lost cannot be told from copies: {cause}");
                    self.env.monitor.event(Event::Warning(&text));
                    Vec::new()
                }
                Err(error) => return Err(error),
            },
        };
        let of_kind = lost.iter().filter(|id| id.kind == kind);
        let names = of_kind.map(|id| id.name).collect();
        *known = Some(lost);
        Ok(names)
    }

    /// The objects of one kind, those included of which only copies are there; in one order.
    pub(crate) fn list(&self, kind: ObjectKind) -> Result<Vec<ObjectName>, Error> {
        let listed = self.backend().list(kind)?.into_iter().map(|info| info.name);
        let mut names: Vec<ObjectName> = listed.collect();
        if copies_of(kind) > 0 {
            names.extend(self.lost(kind)?);
        }
        names.sort_unstable();
        // One that was found lost may have been mended since.
        names.dedup();
        Ok(names)
    }

    /// Looks anew for what is lost and for copies: something was removed.
    pub(crate) fn forget(&self) {
        *lock(&self.lost) = None;
        *lock(&self.map) = None;
    }

    /// Whether all is there is told by sizes alone, without opening anything: each object that is there accounts for its
    /// copies. Only where copies are left over is it looked what they are of.
    fn find_lost(&self) -> Result<Vec<ObjectId>, Error> {
        let mut parity = self.backend().list(ObjectKind::Parity)?;
        parity.retain(|info| PackParity::second_tables(info.size).is_empty());
        if parity.is_empty() {
            return Ok(Vec::new());
        }
        let mut sizes: HashMap<u64, u64> = HashMap::new();
        for info in &parity {
            *sizes.entry(info.size).or_default() += 1;
        }
        for kind in COPIED {
            for info in self.backend().list(kind)? {
                let size = info.size.saturating_add(COPY_PREFIX_BYTES as u64);
                if let Some(left) = sizes.get_mut(&size) {
                    *left = left.saturating_sub(copies_of(kind).into());
                }
            }
        }
        if sizes.values().all(|left| *left == 0) {
            return Ok(Vec::new());
        }
        let map = self.map()?;
        self.search_lost(&map)
    }

    fn search_lost(&self, map: &ParityMap) -> Result<Vec<ObjectId>, Error> {
        let mut lost = Vec::new();
        for (id, _) in map.objects().filter(|(id, _)| copies_of(id.kind) > 0) {
            let is_absent = match self.backend().size(id) {
                Ok(_) => false,
                Err(BackendError::NotFound { .. }) => true,
                Err(error) => return Err(error.into()),
            };
            // The copy is read now: of an object that is being removed, copies are gone before it is.
            if is_absent && map.copy(self.backend(), id)?.is_some() {
                lost.push(*id);
            }
        }
        lost.sort_unstable();
        Ok(lost)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
