//! A pack being written: sealed from its first byte, spooled, verified before it is published.

use lumivault_format::{
    ArchiveId, ChunkKind, DIRECTORY_ENTRY_BYTES, DIRECTORY_SLOT, HEADER_BYTES, Header, IndexedPack, ObjectId,
    ObjectKind, ObjectName, PACK_PREFIX_BYTES, PACK_TRAILER_BYTES, PackEntry, PackTrailer, TAG_BYTES,
    TRAILER_SLOT, encode_directory, encode_pack_prefix, limits, pack_box_ad, pack_entry_ad, padme,
};

use super::{CLASS_BYTES, FULL_BYTES_MAX, FULL_BYTES_MIN, LAST_BYTES_MIN, verify_entry};
use crate::aead::PackCipher;
use crate::backend::{Backend, BackendError, Spool};
use crate::repository::Secrets;
use crate::seal::ObjectHasher;
use crate::{Environment, Error};

/// What every pack of a run needs.
#[derive(Clone, Copy)]
pub(super) struct PackContext<'a> {
    pub(super) backend: &'a dyn Backend,
    pub(super) secrets: &'a Secrets,
    pub(super) archive: ArchiveId,
    pub(super) env: &'a Environment,
}

pub(super) struct OpenPack {
    kind: ChunkKind,
    spool: Box<dyn Spool>,
    cipher: PackCipher,
    header: [u8; HEADER_BYTES],
    salt: [u8; 32],
    entries: Vec<PackEntry>,
    /// Bytes of prefix and entries so far.
    length: u32,
}

impl OpenPack {
    pub(super) fn begin(kind: ChunkKind, context: PackContext<'_>) -> Result<Self, Error> {
        let keyring = &context.secrets.keyring;
        let epoch = keyring.newest_epoch();
        let salt: [u8; 32] = context.env.random_array()?;
        let key = keyring
            .pack_key(kind.pack_type(), epoch, &salt)
            .ok_or(Error::KeySlots("the keyring has no epoch"))?;
        let header = Header {
            object_type: kind.pack_type(),
            epoch,
            archive: context.archive,
        }
        .encode();
        let mut spool = context.backend.spool()?;
        spool.append(&encode_pack_prefix(&header, &salt))?;
        let length = to_u32(PACK_PREFIX_BYTES);
        Ok(Self {
            kind,
            spool,
            cipher: PackCipher::new(&key),
            header,
            salt,
            entries: Vec::new(),
            length,
        })
    }

    pub(super) fn kind(&self) -> ChunkKind {
        self.kind
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The pack's size if it were closed now, without padding, with `more` stored bytes in one more entry.
    pub(super) fn size_with(&self, more: Option<u32>) -> u32 {
        let entry = more.map_or(0, |stored| {
            stored.saturating_add(to_u32(TAG_BYTES + DIRECTORY_ENTRY_BYTES))
        });
        let directory = to_u32(self.entries.len() * DIRECTORY_ENTRY_BYTES + TAG_BYTES + PACK_TRAILER_BYTES);
        self.length.saturating_add(directory).saturating_add(entry)
    }

    /// Whether one more entry keeps the pack within a full pack's size and number of entries; an empty pack takes
    /// anything.
    pub(super) fn fits(&self, stored: u32) -> bool {
        let room = to_u32(self.entries.len()) < limits::PACK_ENTRIES_MAX;
        self.is_empty() || (room && self.size_with(Some(stored)) <= FULL_BYTES_MAX)
    }

    /// Bytes of padding that closing it as a full pack would cost; `None` while it is too small for one.
    pub(super) fn full_gap(&self) -> Option<u32> {
        let size = self.size_with(None);
        (size >= FULL_BYTES_MIN).then(|| size.next_multiple_of(CLASS_BYTES) - size)
    }

    /// Seals the stored bytes in place and appends them.
    pub(super) fn add(&mut self, entry: PackEntry, stored: &mut Vec<u8>) -> Result<(), Error> {
        let ad = pack_entry_ad(&self.header, &self.salt, self.length, &entry);
        let tag = self.cipher.seal(self.length, &ad, stored);
        stored.extend_from_slice(&tag);
        self.spool.append(stored)?;
        self.length = self.length.saturating_add(entry.sealed_len());
        self.entries.push(entry);
        Ok(())
    }

    /// Its entries and where they begin.
    pub(super) fn places(&self) -> impl Iterator<Item = (u32, PackEntry)> {
        let mut next = to_u32(PACK_PREFIX_BYTES);
        self.entries.iter().map(move |entry| {
            let offset = next;
            next = next.saturating_add(entry.sealed_len());
            (offset, *entry)
        })
    }

    /// Reads the stored bytes of an entry, unsealed again.
    pub(super) fn read_entry(
        &self,
        offset: u32,
        entry: &PackEntry,
        buffer: &mut Vec<u8>,
    ) -> Result<(), Error> {
        buffer.clear();
        buffer.resize(to_usize(entry.sealed_len()), 0);
        self.spool.read_at(offset.into(), buffer)?;
        let ad = pack_entry_ad(&self.header, &self.salt, offset, entry);
        self.cipher
            .open(offset, &ad, buffer)
            .map_err(|_| Error::ReadBack("it does not authenticate"))?;
        buffer.truncate(to_usize(entry.stored_len));
        Ok(())
    }

    /// Pads to a class boundary, or to Padmé for the `last` pack of a run; seals directory and trailer.
    pub(super) fn seal_end(&mut self, last: bool, env: &Environment) -> Result<(), Error> {
        let size = self.size_with(None);
        let target = if last && size < FULL_BYTES_MIN {
            u32::try_from(padme(size.into()).max(LAST_BYTES_MIN)).unwrap_or(u32::MAX)
        } else {
            size.next_multiple_of(CLASS_BYTES).max(FULL_BYTES_MIN)
        };
        self.pad(target - size, env)?;
        let directory_offset = self.spool_len();
        self.seal_box(DIRECTORY_SLOT, encode_directory(&self.entries))?;
        self.seal_box(TRAILER_SLOT, self.trailer(directory_offset).encode().to_vec())
    }

    fn trailer(&self, directory_offset: u32) -> PackTrailer {
        PackTrailer {
            directory_offset,
            count: to_u32(self.entries.len()),
        }
    }

    fn spool_len(&self) -> u32 {
        u32::try_from(self.spool.len()).unwrap_or(u32::MAX)
    }

    /// Padding looks like any other ciphertext: the output of BLAKE3 under a random key.
    fn pad(&mut self, mut length: u32, env: &Environment) -> Result<(), Error> {
        let mut stream = blake3::Hasher::new_keyed(&env.random_array()?).finalize_xof();
        let mut block = vec![0u8; 64 * 1024];
        while length > 0 {
            let part = to_usize(length).min(block.len());
            stream.fill(&mut block[..part]);
            self.spool.append(&block[..part])?;
            length -= to_u32(part);
        }
        Ok(())
    }

    fn seal_box(&mut self, slot: u32, mut text: Vec<u8>) -> Result<(), Error> {
        let ad = pack_box_ad(&self.header, &self.salt, slot, to_u32(text.len()));
        let tag = self.cipher.seal(slot, &ad, &mut text);
        text.extend_from_slice(&tag);
        Ok(self.spool.append(&text)?)
    }

    /// Reads the finished pack back as the storage gives it, checks every chunk, names it by what was read, and
    /// publishes it.
    pub(super) fn publish(self, context: PackContext<'_>) -> Result<IndexedPack, Error> {
        let name = self.read_back(context)?;
        let size = self.spool_len();
        match self.spool.publish(&ObjectId {
            kind: ObjectKind::Pack,
            name,
        }) {
            // The same name is the same bytes, salt and all: only a repeated publication can meet it.
            Ok(()) | Err(BackendError::AlreadyExists { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(IndexedPack {
            name,
            kind: self.kind,
            size,
            entries: self.entries,
        })
    }

    /// Checks everything but the padding, and hashes it all: the name is that of the bytes that were read and checked.
    fn read_back(&self, context: PackContext<'_>) -> Result<ObjectName, Error> {
        let mut hasher = ObjectHasher::new();
        let (mut sealed, mut plain) = (Vec::new(), Vec::new());
        let mut offset = 0;
        self.read_next(&mut offset, PACK_PREFIX_BYTES, &mut sealed, &mut hasher)?;
        if sealed != encode_pack_prefix(&self.header, &self.salt) {
            return Err(Error::ReadBack("the beginning of its pack changed"));
        }
        for entry in &self.entries {
            let slot = offset;
            self.read_next(
                &mut offset,
                to_usize(entry.sealed_len()),
                &mut sealed,
                &mut hasher,
            )?;
            let ad = pack_entry_ad(&self.header, &self.salt, slot, entry);
            let stored = self
                .cipher
                .open(slot, &ad, &mut sealed)
                .map_err(|_| Error::ReadBack("it does not authenticate"))?;
            verify_entry(context.secrets, self.kind, entry, stored, &mut plain).map_err(Error::ReadBack)?;
        }
        drop(plain);
        let directory = self.entries.len() * DIRECTORY_ENTRY_BYTES + TAG_BYTES;
        let directory_offset = self.spool_len() - to_u32(directory + PACK_TRAILER_BYTES);
        while offset < directory_offset {
            let part = (directory_offset - offset).min(256 * 1024);
            self.read_next(&mut offset, to_usize(part), &mut sealed, &mut hasher)?;
        }
        self.read_next(&mut offset, directory, &mut sealed, &mut hasher)?;
        self.check_box(DIRECTORY_SLOT, &mut sealed, &encode_directory(&self.entries))?;
        self.read_next(&mut offset, PACK_TRAILER_BYTES, &mut sealed, &mut hasher)?;
        self.check_box(
            TRAILER_SLOT,
            &mut sealed,
            &self.trailer(directory_offset).encode(),
        )?;
        Ok(hasher.name())
    }

    fn read_next(
        &self,
        offset: &mut u32,
        bytes: usize,
        buffer: &mut Vec<u8>,
        hasher: &mut ObjectHasher,
    ) -> Result<(), Error> {
        buffer.clear();
        // Exactly: a vector that grows by doubling could take twice a chunk.
        buffer.reserve_exact(bytes);
        buffer.resize(bytes, 0);
        self.spool.read_at((*offset).into(), buffer)?;
        hasher.update(buffer);
        *offset = offset.saturating_add(to_u32(bytes));
        Ok(())
    }

    fn check_box(&self, slot: u32, sealed: &mut [u8], expected: &[u8]) -> Result<(), Error> {
        let ad = pack_box_ad(&self.header, &self.salt, slot, to_u32(expected.len()));
        let changed = Error::ReadBack("the directory of its pack changed");
        match self.cipher.open(slot, &ad, sealed) {
            Ok(text) if text == expected => Ok(()),
            _ => Err(changed),
        }
    }
}

fn to_u32(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn to_usize(length: u32) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
