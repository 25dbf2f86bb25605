//! Sealed objects: config, index, snapshot, annotation. See docs/format.md §4.

use lumivault_format::{
    ArchiveId, HEADER_BYTES, Header, ObjectId, ObjectName, ObjectType, SEALED_PREFIX_BYTES, limits, pad_body,
    unpad_body,
};

use crate::aead::{open_single, seal_single};
use crate::backend::{Backend, BackendError};
use crate::keys::Keyring;
use crate::{Environment, Error};

/// The name of an object: the hash of its bytes.
pub(crate) fn object_name(bytes: &[u8]) -> ObjectName {
    ObjectName::from_bytes(*blake3::hash(bytes).as_bytes())
}

/// Finds the name of an object that is read piece by piece.
pub(crate) struct ObjectHasher(blake3::Hasher);

impl ObjectHasher {
    pub(crate) fn new() -> Self {
        Self(blake3::Hasher::new())
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn name(&self) -> ObjectName {
        ObjectName::from_bytes(*self.0.finalize().as_bytes())
    }
}

/// Stores bytes under the name they hash to. An object of that name is these very bytes, so finding it is success.
pub(crate) fn store_object(
    backend: &dyn Backend,
    object_type: ObjectType,
    bytes: &[u8],
) -> Result<ObjectName, Error> {
    let name = object_name(bytes);
    match backend.create(
        &ObjectId {
            kind: object_type.kind(),
            name,
        },
        bytes,
    ) {
        Ok(()) | Err(BackendError::AlreadyExists { .. }) => Ok(name),
        Err(error) => Err(error.into()),
    }
}

/// Reads a whole object of at most `max` bytes and checks that it hashes to its name.
pub(crate) fn load_object(backend: &dyn Backend, id: &ObjectId, max: u64) -> Result<Vec<u8>, Error> {
    let size = backend.size(id)?;
    if size > max {
        return Err(Error::Damaged {
            object: *id,
            problem: "it is larger than such an object may be",
        });
    }
    let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
    backend.read_at(id, 0, &mut bytes)?;
    if object_name(&bytes) != id.name {
        return Err(Error::Damaged {
            object: *id,
            problem: "its bytes do not hash to its name",
        });
    }
    Ok(bytes)
}

/// Seals a body into a whole object.
pub(crate) fn seal_object(
    keyring: &Keyring,
    archive: &ArchiveId,
    object_type: ObjectType,
    body: &[u8],
    env: &Environment,
) -> Result<Vec<u8>, Error> {
    let epoch = keyring.newest_epoch();
    let header = Header {
        object_type,
        epoch,
        archive: *archive,
    }
    .encode();
    let key = keyring
        .object_key(object_type, epoch)
        .ok_or(Error::KeySlots("the keyring has no epoch"))?;
    let nonce: [u8; 24] = env.random_array()?;
    let mut sealed = pad_body(body);
    let ad = associated_data(&header, sealed.len());
    seal_single(&key, &nonce, &ad, &mut sealed);
    let object = [header.as_slice(), &nonce, &sealed].concat();
    let size = u64::try_from(object.len()).unwrap_or(u64::MAX);
    if size > limits::SEALED_BYTES_MAX {
        return Err(Error::Unsupported(format!(
            "a sealed object of {size} bytes exceeds the format's limit"
        )));
    }
    Ok(object)
}

/// Opens a whole object that was read from under `id`; returns its body.
pub(crate) fn open_object(
    keyring: &Keyring,
    archive: &ArchiveId,
    object_type: ObjectType,
    id: &ObjectId,
    object: &[u8],
) -> Result<Vec<u8>, Error> {
    let decode = |source| Error::Decode { object: *id, source };
    let damaged = |problem| Error::Damaged { object: *id, problem };
    let header = Header::decode_as(object, object_type, archive).map_err(decode)?;
    let (prefix, sealed) = object
        .split_at_checked(SEALED_PREFIX_BYTES)
        .ok_or(damaged("it ends within its header"))?;
    let nonce: [u8; 24] = prefix[HEADER_BYTES..]
        .try_into()
        .map_err(|_| damaged("it ends within its nonce"))?;
    let key = keyring.object_key(object_type, header.epoch).ok_or(damaged(
        "it is sealed under an epoch that this keyring does not have",
    ))?;
    let mut text = sealed.to_vec();
    let length = text.len().saturating_sub(lumivault_format::TAG_BYTES);
    open_single(
        &key,
        &nonce,
        &associated_data(&prefix[..HEADER_BYTES], length),
        &mut text,
    )
    .map_err(|_| damaged("it does not authenticate"))?;
    Ok(unpad_body(&text, "object").map_err(decode)?.to_vec())
}

/// Header, slot 0, plaintext length.
fn associated_data(header: &[u8], length: usize) -> [u8; HEADER_BYTES + 12] {
    let mut ad = [0u8; HEADER_BYTES + 12];
    ad[..HEADER_BYTES].copy_from_slice(header);
    ad[HEADER_BYTES + 4..].copy_from_slice(&u64::try_from(length).unwrap_or(u64::MAX).to_le_bytes());
    ad
}

#[cfg(test)]
mod tests {
    use lumivault_format::ObjectKind;

    use super::*;
    use crate::backend::Memory;
    use crate::testing::repository;

    #[test]
    fn an_object_is_read_up_to_its_bound_and_no_further() {
        let memory = Memory::new();
        let bytes = [7; 100];
        let id = ObjectId {
            kind: ObjectKind::Snapshot,
            name: object_name(&bytes),
        };
        memory.create(&id, &bytes).unwrap();
        for (max, fits) in [(99, false), (100, true), (101, true)] {
            let loaded = load_object(&memory, &id, max);
            match loaded {
                Ok(loaded) => assert!(fits && loaded == bytes, "{max}"),
                Err(Error::Damaged { problem, .. }) => assert!(!fits && problem.contains("larger"), "{max}"),
                Err(error) => panic!("{max}: {error:?}"),
            }
        }
    }

    #[test]
    fn what_nobody_could_read_is_not_stored() {
        let (repository, memory) = repository("seal: too large");
        let body = vec![0; usize::try_from(limits::SEALED_BYTES_MAX).unwrap()];
        let stored = repository.store_sealed(ObjectType::Snapshot, &body);
        assert!(matches!(stored, Err(Error::Unsupported(_))), "{stored:?}");
        assert!(memory.list(ObjectKind::Snapshot).unwrap().is_empty());
    }
}
