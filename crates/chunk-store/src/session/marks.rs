//! Marks: packs that are to be removed, and that nobody uses any more.

use std::collections::HashSet;

use lumivault_format::{Mark, ObjectId, ObjectKind, ObjectName, ObjectType};

use super::Holder;
use crate::backend::BackendError;
use crate::{Error, Repository};

/// A mark as it was found.
#[derive(Clone, Debug)]
pub(crate) struct StoredMark {
    pub(crate) object: ObjectName,
    pub(crate) mark: Mark,
}

/// All marks but the `known` ones. One that vanishes meanwhile was swept: its packs are gone, or will be missed in a later
/// listing. One that cannot be read ends it: it could name any pack.
pub(crate) fn load_marks(
    repository: &Repository,
    known: &HashSet<ObjectName>,
) -> Result<Vec<StoredMark>, Error> {
    let mut marks = Vec::new();
    for info in repository.backend().list(ObjectKind::Mark)? {
        if known.contains(&info.name) {
            continue;
        }
        let id = ObjectId {
            kind: ObjectKind::Mark,
            name: info.name,
        };
        let body = match repository.load_sealed(ObjectType::Mark, &id) {
            Err(Error::Backend(BackendError::NotFound { .. })) => continue,
            other => other?,
        };
        let mark = Mark::decode(&body).map_err(|source| Error::Decode { object: id, source })?;
        marks.push(StoredMark {
            object: info.name,
            mark,
        });
    }
    Ok(marks)
}

/// Makes a mark durable. From then on nobody may use the packs.
pub(crate) fn write_mark(
    repository: &Repository,
    holder: &Holder,
    packs: Vec<ObjectName>,
) -> Result<StoredMark, Error> {
    let (unix_seconds, nanoseconds) = repository.environment().clock.now();
    let mark = Mark {
        unix_seconds,
        nanoseconds,
        host: holder.host.clone(),
        packs,
    };
    let object = repository.store_sealed(ObjectType::Mark, &mark.encode())?;
    Ok(StoredMark { object, mark })
}
