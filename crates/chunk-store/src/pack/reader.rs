//! Reading packs: by range, every chunk checked against its id.

use lumivault_format::{
    ArchiveId, ChunkId, ChunkKind, Codec, DIRECTORY_SLOT, HEADER_BYTES, Header, ObjectId, ObjectKind,
    ObjectName, PACK_PREFIX_BYTES, PACK_TRAILER_BYTES, PackEntry, PackTrailer, TAG_BYTES, TRAILER_SLOT,
    decode_directory, decode_pack_salt, limits, pack_box_ad, pack_entry_ad,
};

use crate::aead::PackCipher;
use crate::backend::Backend;
use crate::codec;
use crate::keys::keyed_hash;
use crate::repository::Secrets;
use crate::{Error, Repository};

/// Where a chunk lies in its pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryLocation {
    /// Offset of the sealed entry in the pack.
    pub offset: u32,
    /// The entry.
    pub entry: PackEntry,
}

/// A pack opened for reading: its prefix was read, its key derived.
pub struct PackReader<'r> {
    backend: &'r dyn Backend,
    secrets: &'r Secrets,
    object: ObjectId,
    kind: ChunkKind,
    header: [u8; HEADER_BYTES],
    salt: [u8; 32],
    cipher: PackCipher,
}

impl<'r> PackReader<'r> {
    /// Reads the prefix of a pack of the given kind.
    pub fn open(repository: &'r Repository, name: ObjectName, kind: ChunkKind) -> Result<Self, Error> {
        Self::open_with(
            repository.backend(),
            repository.secrets(),
            repository.archive(),
            name,
            Some(kind),
        )
    }

    /// Reads the prefix of a pack of whichever kind it says it is of.
    pub fn open_any(repository: &'r Repository, name: ObjectName) -> Result<Self, Error> {
        Self::open_with(
            repository.backend(),
            repository.secrets(),
            repository.archive(),
            name,
            None,
        )
    }

    pub(crate) fn open_with(
        backend: &'r dyn Backend,
        secrets: &'r Secrets,
        archive: ArchiveId,
        name: ObjectName,
        kind: Option<ChunkKind>,
    ) -> Result<Self, Error> {
        let object = ObjectId {
            kind: ObjectKind::Pack,
            name,
        };
        let decode = |source| Error::Decode { object, source };
        let mut prefix = [0u8; PACK_PREFIX_BYTES];
        backend.read_at(&object, 0, &mut prefix)?;
        let found = Header::decode(&prefix).map_err(decode)?;
        let kind = kind
            .or_else(|| ChunkKind::from_pack_type(found.object_type))
            .ok_or(Error::Damaged {
                object,
                problem: "it is no pack",
            })?;
        let decoded = Header::decode_as(&prefix, kind.pack_type(), &archive).map_err(decode)?;
        let salt = decode_pack_salt(&prefix).map_err(decode)?;
        let key = secrets
            .keyring
            .pack_key(kind.pack_type(), decoded.epoch, &salt)
            .ok_or(Error::Damaged {
                object,
                problem: "it is sealed under an epoch that this keyring does not have",
            })?;
        let header = decoded.encode();
        Ok(Self {
            backend,
            secrets,
            object,
            kind,
            header,
            salt,
            cipher: PackCipher::new(&key),
        })
    }

    /// The pack.
    pub fn object(&self) -> ObjectId {
        self.object
    }

    /// The kind of chunks in it.
    pub fn kind(&self) -> ChunkKind {
        self.kind
    }

    /// Fills `sealed` with the pack's bytes from `offset`: one sealed entry, or several that lie side by side.
    pub fn read_range(&self, offset: u32, sealed: &mut [u8]) -> Result<(), Error> {
        Ok(self.backend.read_at(&self.object, offset.into(), sealed)?)
    }

    /// Opens one sealed entry in place, decodes and checks it; the plaintext is in the returned slice, which lies in
    /// `sealed` or in `plain`.
    pub fn open_entry<'b>(
        &self,
        location: &EntryLocation,
        sealed: &'b mut [u8],
        plain: &'b mut Vec<u8>,
    ) -> Result<&'b [u8], Error> {
        let damaged = |problem| Error::DamagedChunk {
            chunk: location.entry.id,
            object: self.object,
            problem,
        };
        let ad = pack_entry_ad(&self.header, &self.salt, location.offset, &location.entry);
        let stored = self
            .cipher
            .open(location.offset, &ad, sealed)
            .map_err(|_| damaged("it does not authenticate"))?;
        verify_entry(self.secrets, self.kind, &location.entry, stored, plain).map_err(damaged)?;
        Ok(if location.entry.codec == Codec::None {
            stored
        } else {
            plain
        })
    }

    /// Reads one entry and checks it as if it were to be used; `stored` then holds its stored bytes.
    pub(crate) fn read_stored(
        &self,
        location: &EntryLocation,
        stored: &mut Vec<u8>,
        plain: &mut Vec<u8>,
    ) -> Result<(), Error> {
        stored.clear();
        stored.resize(
            usize::try_from(location.entry.sealed_len()).unwrap_or(usize::MAX),
            0,
        );
        self.read_range(location.offset, stored)?;
        self.open_entry(location, stored, plain)?;
        stored.truncate(usize::try_from(location.entry.stored_len).unwrap_or(usize::MAX));
        Ok(())
    }

    /// Reads, decodes and checks one chunk.
    pub fn read_chunk(&self, location: &EntryLocation) -> Result<Vec<u8>, Error> {
        let mut sealed = vec![0u8; usize::try_from(location.entry.sealed_len()).unwrap_or(usize::MAX)];
        self.read_range(location.offset, &mut sealed)?;
        let mut plain = Vec::new();
        if location.entry.codec == Codec::None {
            let length = self.open_entry(location, &mut sealed, &mut plain)?.len();
            sealed.truncate(length);
            return Ok(sealed);
        }
        self.open_entry(location, &mut sealed, &mut plain)?;
        Ok(plain)
    }

    /// The pack's own list of its chunks, and its size.
    pub fn directory(&self) -> Result<(u32, Vec<PackEntry>), Error> {
        let object = self.object;
        let damaged = |problem| Error::Damaged { object, problem };
        let decode = |source| Error::Decode { object, source };
        let size = u32::try_from(self.backend.size(&object)?)
            .ok()
            .filter(|size| *size <= limits::PACK_BYTES_MAX)
            .ok_or(damaged("it is larger than a pack may be"))?;
        let trailer_offset = size
            .checked_sub(u32::try_from(PACK_TRAILER_BYTES).unwrap_or(u32::MAX))
            .ok_or(damaged("it is shorter than a pack can be"))?;
        let trailer = self.read_box(TRAILER_SLOT, trailer_offset, PACK_TRAILER_BYTES)?;
        let trailer = PackTrailer::decode(&trailer, size).map_err(decode)?;
        let length = usize::try_from(trailer.directory_len())
            .unwrap_or(usize::MAX)
            .saturating_add(TAG_BYTES);
        let directory = self.read_box(DIRECTORY_SLOT, trailer.directory_offset, length)?;
        let entries =
            decode_directory(&directory, trailer.count, trailer.directory_offset).map_err(decode)?;
        Ok((size, entries))
    }

    fn read_box(&self, slot: u32, offset: u32, sealed_len: usize) -> Result<Vec<u8>, Error> {
        let damaged = |problem| Error::Damaged {
            object: self.object,
            problem,
        };
        let mut sealed = vec![0u8; sealed_len];
        self.backend.read_at(&self.object, offset.into(), &mut sealed)?;
        let length = sealed_len.saturating_sub(TAG_BYTES);
        let ad = pack_box_ad(
            &self.header,
            &self.salt,
            slot,
            u32::try_from(length).unwrap_or(u32::MAX),
        );
        self.cipher
            .open(slot, &ad, &mut sealed)
            .map_err(|_| damaged("its directory does not authenticate"))?;
        sealed.truncate(length);
        Ok(sealed)
    }
}

/// Decodes stored bytes (into `plain`, unless they are the plaintext) and checks the chunk id.
pub(crate) fn verify_entry(
    secrets: &Secrets,
    kind: ChunkKind,
    entry: &PackEntry,
    stored: &[u8],
    plain: &mut Vec<u8>,
) -> Result<(), &'static str> {
    let text = if entry.codec == Codec::None {
        stored
    } else {
        codec::decode(entry.codec, stored, entry.plain_len, plain)?;
        plain
    };
    let id = ChunkId::from_bytes(keyed_hash(secrets.chunk_key(kind), text));
    if id == entry.id {
        Ok(())
    } else {
        Err("its bytes do not hash to its id")
    }
}
