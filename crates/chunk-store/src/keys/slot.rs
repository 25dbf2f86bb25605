//! One key slot: a way into an archive. See docs/format.md §5.

use std::fmt;

use lumivault_format::{
    ArchiveId, DecodeError, Header, KdfParams, KeySlot, ObjectId, ObjectKind, ObjectName, ObjectType, SlotId,
    SlotInfo, SlotKind, limits,
};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::kdf::SlotKeys;
use super::{Keyring, RecoveryCode};
use crate::aead::{open_single, seal_single};
use crate::parity::{Copies, Storing};
use crate::{Environment, Error};

/// What opens a slot.
pub enum SlotSecret {
    /// A passphrase; a recovery code typed in its place is recognised.
    Password(Zeroizing<String>),
    /// A raw 256-bit key.
    Raw(RecoveryCode),
}

impl fmt::Debug for SlotSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Password(_) => "SlotSecret::Password",
            Self::Raw(_) => "SlotSecret::Raw",
        })
    }
}

/// A slot to be made.
#[derive(Debug)]
pub struct NewSlot {
    /// What will open it.
    pub secret: SlotSecret,
    /// Its name in lists, sealed in the repository.
    pub label: String,
    /// Cost of the key derivation; unused for raw keys.
    pub kdf: KdfParams,
}

/// A slot as it can be listed by whoever opened another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotSummary {
    /// The slot.
    pub id: SlotId,
    /// Passphrase with its parameters, or raw key.
    pub kind: SlotKind,
    /// How often it was wrapped.
    pub generation: u32,
    /// Its label and when it was made.
    pub info: SlotInfo,
    /// Whether this is the slot that opened the repository.
    pub opened: bool,
}

/// A slot that was opened, and its private key.
pub struct OpenSlot {
    pub(crate) id: SlotId,
    pub(crate) private: StaticSecret,
}

impl fmt::Debug for OpenSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenSlot")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// One slot object as found in the repository.
pub(crate) struct LoadedSlot {
    pub(crate) name: ObjectName,
    pub(crate) slot: KeySlot,
    pub(crate) archive: ArchiveId,
    bytes: Vec<u8>,
    covered: usize,
}

impl LoadedSlot {
    /// Reads one slot object; nothing in it is authentic yet.
    pub(super) fn load(objects: &Copies, id: &ObjectId) -> Result<Self, Error> {
        let decode = |source| Error::Decode { object: *id, source };
        let bytes = objects.load(id, limits::KEY_OBJECT_BYTES_MAX)?;
        let header = Header::decode(&bytes).map_err(decode)?;
        if header.object_type != ObjectType::KeySlot {
            return Err(Error::Damaged {
                object: *id,
                problem: "it is no key slot",
            });
        }
        let (slot, covered) = KeySlot::decode(&bytes).map_err(decode)?;
        Ok(Self {
            name: id.name,
            slot,
            archive: header.archive,
            bytes,
            covered,
        })
    }

    fn object(&self) -> ObjectId {
        ObjectId {
            kind: ObjectKind::KeySlot,
            name: self.name,
        }
    }

    pub(super) fn check_archive(&self, archive: &ArchiveId) -> Result<(), Error> {
        if self.archive == *archive {
            return Ok(());
        }
        Err(Error::Decode {
            object: self.object(),
            source: DecodeError::ForeignArchive("key slot"),
        })
    }

    /// The slot's keys from the secret; `None` if it is of the other kind.
    pub(super) fn derive(
        &self,
        secret: &SlotSecret,
        kdf_memory_kib_max: u32,
    ) -> Result<Option<SlotKeys>, Error> {
        match (self.slot.kind, secret) {
            (SlotKind::Passphrase(params), SlotSecret::Password(password)) => {
                if params.memory_kib > kdf_memory_kib_max {
                    return Err(Error::KdfMemory {
                        needed_mib: params.memory_kib / 1024,
                        allowed_mib: kdf_memory_kib_max / 1024,
                    });
                }
                params.check(kdf_memory_kib_max).map_err(|source| Error::Decode {
                    object: self.object(),
                    source,
                })?;
                SlotKeys::from_password(password, &self.slot.salt, params).map(Some)
            }
            (SlotKind::Raw, SlotSecret::Raw(key)) => Ok(Some(SlotKeys::from_raw(
                key.key(),
                &self.slot.salt,
                &self.archive,
            ))),
            (SlotKind::Raw, SlotSecret::Password(text)) => Ok(RecoveryCode::parse(text)
                .ok()
                .map(|code| SlotKeys::from_raw(code.key(), &self.slot.salt, &self.archive))),
            (SlotKind::Passphrase(_), SlotSecret::Raw(_)) => Ok(None),
        }
    }

    /// Opens the slot; `None` if the commitment says that it is another key's.
    pub(super) fn open(&self, keys: &SlotKeys) -> Result<Option<(OpenSlot, Keyring)>, Error> {
        let damaged = |problem| Error::Damaged {
            object: self.object(),
            problem,
        };
        let covered = self.bytes.get(..self.covered).unwrap_or_default();
        // The comparison of hashes is in constant time.
        if blake3::keyed_hash(&keys.commitment, covered) != blake3::Hash::from_bytes(self.slot.commitment) {
            return Ok(None);
        }
        let ad = self.bytes.get(..KeySlot::KEYRING_AD_BYTES).unwrap_or_default();
        let mut text = Zeroizing::new(self.slot.keyring_box.clone());
        open_single(&keys.kek, &self.slot.keyring_nonce, ad, &mut text)
            .map_err(|_| damaged("its keyring does not authenticate"))?;
        let keyring = Keyring::decode(&text).map_err(|source| Error::Decode {
            object: self.object(),
            source,
        })?;
        Ok(Some((
            OpenSlot {
                id: self.slot.id,
                private: private_key(&keys.kek),
            },
            keyring,
        )))
    }

    /// Label and age, for whoever has the keyring.
    pub(crate) fn info(&self, keyring: &Keyring) -> Result<SlotInfo, Error> {
        let ad = self.bytes.get(..KeySlot::INFO_AD_BYTES).unwrap_or_default();
        let mut text = self.slot.info_box.clone();
        open_single(
            &keyring.derive("lumivault v1 slot info"),
            &self.slot.info_nonce,
            ad,
            &mut text,
        )
        .map_err(|_| Error::Damaged {
            object: self.object(),
            problem: "it was not made by a holder of this archive's keys",
        })?;
        SlotInfo::decode_padded(&text).map_err(|source| Error::Decode {
            object: self.object(),
            source,
        })
    }
}

fn private_key(kek: &[u8; 32]) -> StaticSecret {
    StaticSecret::from(blake3::derive_key("lumivault v1 slot private key", kek))
}

/// Wraps the keyring into a new slot object and stores it.
pub(crate) fn create_slot(
    storing: Storing<'_>,
    archive: &ArchiveId,
    keyring: &Keyring,
    new: &NewSlot,
    env: &Environment,
) -> Result<SlotId, Error> {
    let id = SlotId::from_bytes(env.random_array()?);
    let info = SlotInfo {
        label: new.label.clone(),
        created_unix_seconds: env.clock.now().0,
    };
    write_slot(storing, archive, keyring, new, (id, 1, info), env)?;
    Ok(id)
}

/// Wraps the keyring anew for an existing, authentic slot, under another secret; the caller removes the old generation.
pub(crate) fn rewrap_slot(
    storing: Storing<'_>,
    keyring: &Keyring,
    old: &LoadedSlot,
    new: &NewSlot,
    env: &Environment,
) -> Result<(), Error> {
    let info = SlotInfo {
        label: new.label.clone(),
        created_unix_seconds: env.clock.now().0,
    };
    let generation = old.slot.generation.checked_add(1).ok_or(Error::KeySlots(
        "this key slot was wrapped 2^32 times; add a new one and remove it",
    ))?;
    write_slot(
        storing,
        &old.archive,
        keyring,
        new,
        (old.slot.id, generation, info),
        env,
    )
}

fn write_slot(
    storing: Storing<'_>,
    archive: &ArchiveId,
    keyring: &Keyring,
    new: &NewSlot,
    (id, generation, info): (SlotId, u32, SlotInfo),
    env: &Environment,
) -> Result<(), Error> {
    let salt: [u8; 32] = env.random_array()?;
    let (kind, keys) = match &new.secret {
        SlotSecret::Password(password) => {
            let refused = |_| {
                Error::KeySlots(
                    "the key derivation must use at least t=3, m=64 MiB, p=4 and at most 64 passes and lanes",
                )
            };
            new.kdf.check(u32::MAX).map_err(refused)?;
            (
                SlotKind::Passphrase(new.kdf),
                SlotKeys::from_password(password, &salt, new.kdf)?,
            )
        }
        SlotSecret::Raw(code) => (SlotKind::Raw, SlotKeys::from_raw(code.key(), &salt, archive)),
    };
    let mut slot = KeySlot {
        kind,
        generation,
        id,
        salt,
        public_key: PublicKey::from(&private_key(&keys.kek)).to_bytes(),
        keyring_nonce: env.random_array()?,
        keyring_box: Vec::new(),
        info_nonce: env.random_array()?,
        info_box: Vec::new(),
        commitment: [0; 32],
    };
    let header = Header {
        object_type: ObjectType::KeySlot,
        epoch: 0,
        archive: *archive,
    }
    .encode();
    let prefix = slot.encode_uncommitted(&header);
    let ad = |length: usize| prefix.get(..length).unwrap_or_default();
    let mut keyring_box = keyring.encode().to_vec();
    seal_single(
        &keys.kek,
        &slot.keyring_nonce,
        ad(KeySlot::KEYRING_AD_BYTES),
        &mut keyring_box,
    );
    let mut info_box = info.encode_padded();
    let info_key = keyring.derive("lumivault v1 slot info");
    seal_single(
        &info_key,
        &slot.info_nonce,
        ad(KeySlot::INFO_AD_BYTES),
        &mut info_box,
    );
    slot.keyring_box = keyring_box;
    slot.info_box = info_box;
    let mut object = slot.encode_uncommitted(&header);
    let commitment = blake3::keyed_hash(&keys.commitment, &object);
    object.extend_from_slice(commitment.as_bytes());
    storing.store(ObjectType::KeySlot, &object)?;
    Ok(())
}
