//! Repairing what was found damaged. Parity and copies mend first; what they cannot mend comes from another copy of the archive;
//! what is nowhere is named. Nothing damaged is deleted: it is set aside, once everything good in it lies elsewhere. Every
//! step may be interrupted; the next run goes on.

mod index;
mod needs;
mod other;
mod packs;
mod rewrite;
mod sessions;
mod snapshots;
mod verify;

use std::collections::HashSet;

use lumivault_format::{ObjectId, ObjectKind, ObjectName, SessionKind};

pub use index::{GonePack, IndexReport, index};
pub use other::OtherCopy;
pub use packs::{DamagedPack, PacksOptions, PacksReport, packs};
pub use sessions::{SessionInfo, SessionsReport, sessions};
pub use snapshots::{LostObject, ReplacedSnapshot, SnapshotsOptions, SnapshotsReport, snapshots};

use crate::backend::BackendError;
use crate::session::{Holder, Session};
use crate::{Error, Repository, parity};

/// The session of a repair; a dry run has none.
fn open_session<'r>(
    repository: &'r Repository,
    holder: &Holder,
    dry_run: bool,
) -> Result<Option<Session<'r>>, Error> {
    if dry_run {
        return Ok(None);
    }
    Session::open(repository, SessionKind::Maintenance, holder).map(Some)
}

/// Shows that the work goes on, and stops it where it was called off.
fn tick(repository: &Repository, session: Option<&Session<'_>>) -> Result<(), Error> {
    repository.environment().check_cancelled()?;
    session.map_or(Ok(()), Session::refresh)
}

/// Reads once more where the storage failed: what is read wrongly once must not be taken for damaged.
fn twice<T>(mut read: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    match read() {
        Err(Error::Backend(BackendError::Io { .. })) => read(),
        result => result,
    }
}

/// The objects of one kind that are there, in one order.
fn list(repository: &Repository, kind: ObjectKind) -> Result<Vec<ObjectName>, Error> {
    let listed = repository.backend().list(kind)?;
    let mut names: Vec<ObjectName> = listed.into_iter().map(|info| info.name).collect();
    names.sort_unstable();
    Ok(names)
}

/// Sets an object aside, after its copies: else they would stand for it. One that is gone already was set aside by a run that
/// was interrupted.
fn set_aside(repository: &Repository, id: &ObjectId) -> Result<(), Error> {
    parity::remove_copies(repository, &[*id])?;
    match repository.backend().set_aside(id) {
        Ok(()) | Err(BackendError::NotFound { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    repository.copies().forget();
    Ok(())
}

/// Sets packs aside that no index lists any more, and removes the parity that could not mend them.
fn set_packs_aside(
    repository: &Repository,
    session: &Session<'_>,
    packs: &HashSet<ObjectName>,
) -> Result<(), Error> {
    for name in list(repository, ObjectKind::Pack)? {
        if packs.contains(&name) {
            tick(repository, Some(session))?;
            set_aside(
                repository,
                &ObjectId {
                    kind: ObjectKind::Pack,
                    name,
                },
            )?;
        }
    }
    parity::remove_parity_of(repository, packs)
}
