//! Parity of packs and copies of small objects: for repair, and for reading where an object is lost or damaged.
//! Nothing here is trusted: whatever comes out hashes to the name of what it stands for. See docs/format.md §18.

mod add;
mod copies;
mod map;
mod mend;
mod pack;
mod rebuild;
mod report;
mod rescue;
mod scrub;

use lumivault_format::{ObjectId, ObjectKind};

pub use add::{AddReport, RemoveReport, add, remove};
pub use copies::{remove_copies, remove_with_copies};
pub use mend::{MendReport, Scope, mend};
pub use report::{Damaged, Outlook};
pub use scrub::{ScrubReport, scrub};

pub(crate) use copies::{Storing, remove_parity_of};
pub(crate) use map::ParityMap;
pub(crate) use pack::store_parity;
pub(crate) use rebuild::{Rebuilt, outlook_of_pack, rebuild};
pub(crate) use rescue::Copies;

use crate::backend::{Backend, BackendError, ObjectInfo};
use crate::{Error, Repository};

/// Kinds of small objects that are copied, those first without which nothing else can be read.
pub(crate) const COPIED: [ObjectKind; 5] = [
    ObjectKind::Config,
    ObjectKind::KeySlot,
    ObjectKind::Epoch,
    ObjectKind::Index,
    ObjectKind::Snapshot,
];

/// Fills the buffer; `false` where the storage gives nothing there: the object is absent or shorter, or the disk fails at
/// this place.
pub(crate) fn try_read(
    backend: &dyn Backend,
    id: &ObjectId,
    offset: u64,
    buffer: &mut [u8],
) -> Result<bool, Error> {
    match backend.read_at(id, offset, buffer).map_err(Error::from) {
        Ok(()) => Ok(true),
        Err(error) if error.spares_the_rest() => Ok(false),
        Err(error) => Err(error),
    }
}

fn parity_id(info: &ObjectInfo) -> ObjectId {
    ObjectId {
        kind: ObjectKind::Parity,
        name: info.name,
    }
}

/// Removes an object; that it is gone already is success.
fn remove_if_there(backend: &dyn Backend, id: &ObjectId) -> Result<bool, Error> {
    match backend.remove(id) {
        Ok(()) => Ok(true),
        Err(BackendError::NotFound { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// All objects of one kind, in one order.
fn list(repository: &Repository, kind: ObjectKind) -> Result<Vec<ObjectInfo>, Error> {
    let mut listed = repository.backend().list(kind)?;
    listed.sort_unstable();
    Ok(listed)
}
