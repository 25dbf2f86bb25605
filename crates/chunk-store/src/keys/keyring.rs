//! The keyring: the one secret of an archive, and every key derived from it. Never printable, wiped when dropped.

use std::fmt;

use lumivault_format::{ArchiveId, DecodeError, ObjectType, decode_keyring, encode_keyring};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{Environment, Error};

/// Master key and epoch keys of an archive.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Keyring {
    master: [u8; 32],
    epochs: Vec<(u32, [u8; 32])>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("epochs", &self.epochs.len())
            .finish_non_exhaustive()
    }
}

impl Keyring {
    /// A new keyring with its first epoch.
    pub(crate) fn generate(env: &Environment) -> Result<Self, Error> {
        Ok(Self {
            master: env.random_array()?,
            epochs: vec![(1, env.random_array()?)],
        })
    }

    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(encode_keyring(&self.master, &self.epochs))
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (master, epochs) = decode_keyring(bytes)?;
        Ok(Self { master, epochs })
    }

    /// The epoch that seals new objects.
    pub(crate) fn newest_epoch(&self) -> u32 {
        self.epochs.last().map_or(0, |(number, _)| *number)
    }

    pub(crate) fn epoch(&self, number: u32) -> Option<&[u8; 32]> {
        self.epochs.iter().find(|(n, _)| *n == number).map(|(_, key)| key)
    }

    /// Numbers and keys of all epochs, ascending.
    pub(crate) fn epochs(&self) -> &[(u32, [u8; 32])] {
        &self.epochs
    }

    /// Adds an epoch; one that is known already stays as it is. `false` if it is known with another key.
    pub(crate) fn add_epoch(&mut self, number: u32, key: &[u8; 32]) -> bool {
        match self.epochs.binary_search_by_key(&number, |(n, _)| *n) {
            Ok(place) => self.epochs[place].1 == *key,
            Err(place) => {
                // Not by growing the vector: that would leave an unwiped copy behind.
                let mut longer = Vec::with_capacity(self.epochs.len() + 1);
                longer.extend_from_slice(&self.epochs);
                longer.insert(place, (number, *key));
                self.epochs.zeroize();
                self.epochs = longer;
                true
            }
        }
    }

    /// A key derived from the master key alone.
    pub(crate) fn derive(&self, context: &str) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(blake3::derive_key(context, &self.master))
    }

    /// The key that seals whole objects of one type in one epoch.
    pub(crate) fn object_key(&self, object_type: ObjectType, epoch: u32) -> Option<Zeroizing<[u8; 32]>> {
        self.epoch_key("lumivault v1 object key", epoch, &[object_type.number()])
    }

    /// The key of one pack.
    pub(crate) fn pack_key(
        &self,
        object_type: ObjectType,
        epoch: u32,
        salt: &[u8; 32],
    ) -> Option<Zeroizing<[u8; 32]>> {
        let context = match object_type {
            ObjectType::TreePack => "lumivault v1 tree pack key",
            _ => "lumivault v1 data pack key",
        };
        self.epoch_key(context, epoch, salt)
    }

    fn epoch_key(&self, context: &str, epoch: u32, more: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
        let epoch_key = self.epoch(epoch)?;
        let mut hasher = blake3::Hasher::new_derive_key(context);
        hasher.update(&self.master).update(epoch_key).update(more);
        let key = Zeroizing::new(*hasher.finalize().as_bytes());
        hasher.zeroize();
        Some(key)
    }

    /// Authenticates an epoch key: anybody can seal to a slot's public key, only a holder of the master key can do this.
    pub(crate) fn epoch_mac(
        &self,
        archive: &ArchiveId,
        slot: &[u8; 16],
        number: u32,
        key: &[u8; 32],
    ) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.derive("lumivault v1 epoch mac"));
        hasher
            .update(archive.as_bytes())
            .update(slot)
            .update(&number.to_le_bytes())
            .update(key);
        let mac = *hasher.finalize().as_bytes();
        hasher.zeroize();
        mac
    }
}

/// The keys derived from the master key that are needed all the time.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct DerivedKeys {
    pub(crate) data_id: [u8; 32],
    pub(crate) tree_id: [u8; 32],
    pub(crate) content_id: [u8; 32],
    pub(crate) tree_digest: [u8; 32],
    pub(crate) snapshot_id: [u8; 32],
    pub(crate) snapshot_mac: [u8; 32],
    pub(crate) chunker: [u8; 32],
    pub(crate) tree_streams: [u8; 32],
    pub(crate) local_cache: [u8; 32],
}

impl fmt::Debug for DerivedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DerivedKeys")
    }
}

impl DerivedKeys {
    pub(crate) fn new(keyring: &Keyring) -> Self {
        Self {
            data_id: *keyring.derive("lumivault v1 data chunk id"),
            tree_id: *keyring.derive("lumivault v1 tree chunk id"),
            content_id: *keyring.derive("lumivault v1 content id"),
            tree_digest: *keyring.derive("lumivault v1 tree digest"),
            snapshot_id: *keyring.derive("lumivault v1 snapshot id"),
            snapshot_mac: *keyring.derive("lumivault v1 snapshot mac"),
            chunker: *keyring.derive("lumivault v1 chunker"),
            tree_streams: *keyring.derive("lumivault v1 tree streams"),
            local_cache: *keyring.derive("lumivault v1 local cache"),
        }
    }
}

/// Keyed BLAKE3-256.
pub(crate) fn keyed_hash(key: &[u8; 32], bytes: &[u8]) -> [u8; 32] {
    *blake3::keyed_hash(key, bytes).as_bytes()
}
