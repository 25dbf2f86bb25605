//! Reading the index from its objects, whatever others replace meanwhile.

use std::collections::BTreeSet;
use std::sync::{Mutex, RwLock};

use lumivault_format::{Index, ObjectId, ObjectKind, ObjectName, ObjectType};

use super::build::Builder;
use super::{CacheDir, ChunkIndex, State};
use crate::backend::BackendError;
use crate::{Error, Event, Repository};

/// How often the index is read anew because parts of it were replaced meanwhile; what vanishes even then counts as unreadable.
const READ_ANEW_MAX: usize = 4;

impl ChunkIndex {
    /// Loads the index: the cached table if it fits, and whatever index objects it does not cover yet. Index objects
    /// that cannot be read are reported and set aside; they never block reading the rest.
    pub fn load(repository: &Repository, cache: Option<CacheDir>) -> Result<Self, Error> {
        let monitor = &repository.environment().monitor;
        monitor.event(Event::Phase("reading the index"));
        let (mut builder, mut unreadable) = Self::read_listed(repository, cache.as_ref())?;
        for _ in 0..READ_ANEW_MAX {
            if !Self::has_vanished(repository, &unreadable)? {
                break;
            }
            (builder, unreadable) = Self::read_listed(repository, cache.as_ref())?;
        }
        for (_, error) in &unreadable {
            let text = format!(
                "{}; its packs are left out until it is repaired",
                error.with_causes()
            );
            monitor.event(Event::Warning(&text));
        }
        let state = State::new(builder.finish()?);
        Ok(Self {
            state: RwLock::new(state),
            adding: Mutex::new(()),
            cache,
            unreadable: unreadable.into_iter().map(|(name, _)| name).collect(),
        })
    }

    /// Reads what a listing shows, with what of it cannot be read.
    fn read_listed<'c>(
        repository: &Repository,
        cache: Option<&'c CacheDir>,
    ) -> Result<(Builder<'c>, Vec<(ObjectName, Error)>), Error> {
        let present = repository.list_small(ObjectKind::Index)?;
        let present: BTreeSet<ObjectName> = present.into_iter().collect();
        let cached = cache.and_then(|cache| cache.load(&present));
        let mut builder = Builder::new(cached, cache);
        let mut unreadable = Self::read_missing(repository, &present, &mut builder)?;
        if builder.is_outdated() {
            builder = builder.without_replaced();
            unreadable = Self::read_missing(repository, &present, &mut builder)?;
        }
        // One that was replaced may go at any moment.
        unreadable.retain(|(name, error)| !(is_not_found(error) && builder.is_replaced(name)));
        Ok((builder, unreadable))
    }

    /// Whether some that were listed had been removed when they were to be read. Those that replaced them may not have been listed
    /// then, so that only reading all anew tells what there is.
    fn has_vanished(repository: &Repository, unreadable: &[(ObjectName, Error)]) -> Result<bool, Error> {
        let not_found = unreadable.iter().filter(|(_, error)| is_not_found(error));
        let not_found: Vec<ObjectName> = not_found.map(|(name, _)| *name).collect();
        let still_listed = repository.still_listed(ObjectKind::Index, &not_found)?;
        Ok(still_listed.len() < not_found.len())
    }

    /// Reads the index objects that the builder does not know yet; returns those that cannot be read.
    fn read_missing(
        repository: &Repository,
        present: &BTreeSet<ObjectName>,
        builder: &mut Builder<'_>,
    ) -> Result<Vec<(ObjectName, Error)>, Error> {
        let mut unreadable = Vec::new();
        for name in present {
            if builder.covers(name) {
                continue;
            }
            match read_index(repository, name) {
                Ok(index) => builder.add(*name, &index)?,
                Err(error) if error.spares_the_rest() => unreadable.push((*name, error)),
                Err(error) => return Err(error),
            }
        }
        Ok(unreadable)
    }

    /// Whether it consists of all index objects that are there now.
    pub(crate) fn is_current(&self, repository: &Repository) -> Result<bool, Error> {
        let table = self.table();
        let listed = repository.backend().list(ObjectKind::Index)?;
        let mut names = listed.iter().map(|info| &info.name);
        let is_known = |name: &ObjectName| {
            table.covered().contains(name)
                || table.replaced().contains(name)
                || self.unreadable.contains(name)
        };
        Ok(names.all(is_known))
    }
}

fn is_not_found(error: &Error) -> bool {
    matches!(error, Error::Backend(BackendError::NotFound { .. }))
}

/// Reads one index object.
pub(crate) fn read_index(repository: &Repository, name: &ObjectName) -> Result<Index, Error> {
    let id = ObjectId {
        kind: ObjectKind::Index,
        name: *name,
    };
    let body = repository.load_sealed(ObjectType::Index, &id)?;
    Index::decode(&body).map_err(|source| Error::Decode { object: id, source })
}
