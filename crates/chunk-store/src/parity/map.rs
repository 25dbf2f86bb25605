//! What `parity/` holds: which object is the parity or a copy of which. It is what the objects say of themselves; whoever
//! uses one checks what comes out of it.

use std::collections::HashMap;

use lumivault_format::{
    ArchiveId, COPY_PREFIX_BYTES, ObjectId, ObjectKind, ObjectName, PARITY_HEAD_BYTES, PackParity, ParityHead,
};

use super::copies::{bytes_max, copies_of};
use super::pack::pack_id;
use super::rebuild::load_table;
use super::{parity_id, try_read};
use crate::Error;
use crate::backend::{Backend, BackendError, ObjectInfo};
use crate::seal::object_name;

/// A parity object and what it says it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) info: ObjectInfo,
    /// Of the parity of a pack.
    pub(crate) shape: Option<PackParity>,
    /// Of a copy, from 1.
    pub(crate) number: u32,
}

/// All parity objects of a repository.
#[derive(Debug, Default)]
pub(crate) struct ParityMap {
    /// By what they say they are of.
    by_object: HashMap<ObjectId, Vec<Found>>,
    /// Those that say nothing that could be true.
    odd: Vec<ObjectInfo>,
}

impl ParityMap {
    /// Lists `parity/` and reads the beginning of each object; of those whose beginning is damaged, the second table.
    pub(crate) fn read(backend: &dyn Backend, archive: Option<&ArchiveId>) -> Result<Self, Error> {
        let mut map = Self::default();
        let mut listed = backend.list(ObjectKind::Parity)?;
        listed.sort_unstable();
        for info in listed {
            let mut head = [0; PARITY_HEAD_BYTES];
            let read = try_read(backend, &parity_id(&info), 0, &mut head)?;
            let decoded = read.then(|| ParityHead::decode(&head, archive).ok()).flatten();
            match decoded {
                Some(ParityHead::Pack(shape)) => map.add_pack(info, shape),
                Some(ParityHead::Copy(copy)) => {
                    let of = ObjectId {
                        kind: copy.object_type.kind(),
                        name: copy.name,
                    };
                    let (shape, number) = (None, copy.number);
                    map.by_object
                        .entry(of)
                        .or_default()
                        .push(Found { info, shape, number });
                }
                None => match load_table(backend, &info)? {
                    Some(table) => map.add_pack(info, table.shape),
                    None => map.odd.push(info),
                },
            }
        }
        Ok(map)
    }

    fn add_pack(&mut self, info: ObjectInfo, shape: PackParity) {
        let (shape, number) = (Some(shape), 0);
        let of = pack_id(shape.map_or(info.name, |shape| shape.pack()));
        self.by_object
            .entry(of)
            .or_default()
            .push(Found { info, shape, number });
    }

    /// What says that it is the parity or a copy of an object.
    pub(crate) fn of(&self, id: &ObjectId) -> &[Found] {
        self.by_object.get(id).map(Vec::as_slice).unwrap_or_default()
    }

    /// Everything that something says to be of.
    pub(crate) fn objects(&self) -> impl Iterator<Item = (&ObjectId, &[Found])> {
        self.by_object.iter().map(|(id, found)| (id, found.as_slice()))
    }

    /// The parity of a pack: what says so, the largest first; and what names a pack that is not there, as its name may be
    /// what is damaged.
    pub(crate) fn parity_of(
        &self,
        backend: &dyn Backend,
        pack: ObjectName,
    ) -> Result<Vec<ObjectInfo>, Error> {
        let mut found: Vec<ObjectInfo> = self.of(&pack_id(pack)).iter().map(|one| one.info).collect();
        found.sort_unstable_by_key(|info| std::cmp::Reverse(info.size));
        for (info, _) in self.stray(backend, ObjectKind::Pack)? {
            if load_table(backend, &info)?.is_some_and(|table| table.shape.pack() == pack) {
                found.push(info);
            }
        }
        Ok(found)
    }

    /// The bytes of an object from one of its copies; they hash to its name.
    pub(crate) fn copy(&self, backend: &dyn Backend, id: &ObjectId) -> Result<Option<Vec<u8>>, Error> {
        if copies_of(id.kind) == 0 {
            return Ok(None);
        }
        for one in self.of(id) {
            if let Some(bytes) = copied(backend, &one.info, id)? {
                return Ok(Some(bytes));
            }
        }
        let stray = self.stray(backend, id.kind)?;
        let stray = stray.iter().map(|(info, _)| info);
        for info in stray.chain(&self.odd) {
            if let Some(bytes) = copied(backend, info, id)? {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    /// Parity objects of what is not there, of one kind.
    fn stray(&self, backend: &dyn Backend, kind: ObjectKind) -> Result<Vec<(ObjectInfo, ObjectId)>, Error> {
        let mut stray = Vec::new();
        for (id, found) in self.by_object.iter().filter(|(id, _)| id.kind == kind) {
            match backend.size(id) {
                Ok(_) => {}
                Err(BackendError::NotFound { .. }) => stray.extend(found.iter().map(|one| (one.info, *id))),
                Err(error) => return Err(error.into()),
            }
        }
        stray.sort_unstable();
        Ok(stray)
    }
}

/// What a copy copies, if it is this object.
fn copied(backend: &dyn Backend, info: &ObjectInfo, id: &ObjectId) -> Result<Option<Vec<u8>>, Error> {
    let prefix = COPY_PREFIX_BYTES as u64;
    let Some(length) = info.size.checked_sub(prefix).filter(|n| *n <= bytes_max(id.kind)) else {
        return Ok(None);
    };
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    let read = try_read(backend, &parity_id(info), prefix, &mut bytes)?;
    Ok((read && object_name(&bytes) == id.name).then_some(bytes))
}
