//! Key slots, epoch objects and the keyring as bytes. See docs/format.md §5.

use crate::limits::{EPOCHS_MAX, KEY_OBJECT_BYTES_MAX};
use crate::wire::Reader;
use crate::{DecodeError, HEADER_BYTES, SlotId};

const WHAT: &str = "key slot";

/// How a slot's key comes from its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotKind {
    /// Argon2id of a passphrase.
    Passphrase(KdfParams),
    /// A raw 256-bit key: recovery code or key file.
    Raw,
}

/// Argon2id parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KdfParams {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl KdfParams {
    /// RFC 9106's second recommended option; also the least that is accepted.
    pub const DEFAULT: Self = Self {
        memory_kib: 65_536,
        passes: 3,
        lanes: 4,
    };
    /// The most memory accepted without the user's word, in KiB.
    pub const MEMORY_KIB_MAX: u32 = 1_048_576;

    /// Refuses parameters too weak to protect, or so strong that a hostile slot could exhaust the machine.
    pub fn check(&self, memory_kib_max: u32) -> Result<(), DecodeError> {
        let least = Self::DEFAULT;
        if self.memory_kib < least.memory_kib || self.passes < least.passes || self.lanes < least.lanes {
            return Err(DecodeError::Invalid(
                WHAT,
                "its key derivation is weaker than t=3, m=64 MiB, p=4",
            ));
        }
        if self.memory_kib > memory_kib_max {
            let (value, max) = (self.memory_kib.into(), memory_kib_max.into());
            return Err(DecodeError::TooLarge {
                what: "key slot's memory in KiB",
                value,
                max,
            });
        }
        if self.passes > 64 || self.lanes > 64 {
            return Err(DecodeError::Invalid(
                WHAT,
                "its key derivation has over 64 passes or lanes",
            ));
        }
        Ok(())
    }
}

/// A key slot, parsed but not opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySlot {
    /// How to derive its key.
    pub kind: SlotKind,
    /// 1 for a new slot, one more for each re-wrap.
    pub generation: u32,
    /// Kept over generations.
    pub id: SlotId,
    /// Salt of the derivation.
    pub salt: [u8; 32],
    /// X25519 public key for epoch objects.
    pub public_key: [u8; 32],
    /// Nonce of the keyring box.
    pub keyring_nonce: [u8; 24],
    /// Sealed keyring.
    pub keyring_box: Vec<u8>,
    /// Nonce of the information box.
    pub info_nonce: [u8; 24],
    /// Sealed label and creation time.
    pub info_box: Vec<u8>,
    /// Commits the slot to one key.
    pub commitment: [u8; 32],
}

impl KeySlot {
    /// Bytes that authenticate the information box.
    pub const INFO_AD_BYTES: usize = 132;
    /// Bytes that authenticate the keyring box.
    pub const KEYRING_AD_BYTES: usize = 156;

    /// Everything before the commitment.
    pub fn encode_uncommitted(&self, header: &[u8; HEADER_BYTES]) -> Vec<u8> {
        let mut out = header.to_vec();
        let (number, kdf) = match self.kind {
            SlotKind::Passphrase(kdf) => (1, kdf),
            SlotKind::Raw => (
                2,
                KdfParams {
                    memory_kib: 0,
                    passes: 0,
                    lanes: 0,
                },
            ),
        };
        out.extend_from_slice(&[number, 0, 0, 0]);
        out.extend_from_slice(&self.generation.to_le_bytes());
        out.extend_from_slice(self.id.as_bytes());
        for number in [kdf.memory_kib, kdf.passes, kdf.lanes] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.salt);
        out.extend_from_slice(&self.public_key);
        for (nonce, sealed) in [
            (&self.keyring_nonce, &self.keyring_box),
            (&self.info_nonce, &self.info_box),
        ] {
            out.extend_from_slice(nonce);
            out.extend_from_slice(&u32::try_from(sealed.len()).unwrap_or(u32::MAX).to_le_bytes());
            out.extend_from_slice(sealed);
        }
        out
    }

    /// Parses what follows the common header, in a whole object; returns how many bytes the commitment covers.
    pub fn decode(object: &[u8]) -> Result<(Self, usize), DecodeError> {
        let mut r = Reader::new(object, WHAT);
        r.take(HEADER_BYTES)?;
        let number = r.u8()?;
        if r.array::<3>()? != [0; 3] {
            return Err(DecodeError::Invalid(WHAT, "reserved bytes are not zero"));
        }
        let generation = r.u32()?;
        let id = SlotId::from_bytes(r.array()?);
        let kdf = KdfParams {
            memory_kib: r.u32()?,
            passes: r.u32()?,
            lanes: r.u32()?,
        };
        let kind = match number {
            1 => SlotKind::Passphrase(kdf),
            2 => SlotKind::Raw,
            _ => return Err(DecodeError::Invalid(WHAT, "it is of an unknown kind")),
        };
        let (salt, public_key) = (r.array()?, r.array()?);
        let (keyring_nonce, keyring_box) = decode_box(&mut r)?;
        let (info_nonce, info_box) = decode_box(&mut r)?;
        let covered = object.len().saturating_sub(r.remaining());
        let commitment = r.array()?;
        r.finish()?;
        let slot = Self {
            kind,
            generation,
            id,
            salt,
            public_key,
            keyring_nonce,
            keyring_box,
            info_nonce,
            info_box,
            commitment,
        };
        Ok((slot, covered))
    }
}

fn decode_box(r: &mut Reader<'_>) -> Result<([u8; 24], Vec<u8>), DecodeError> {
    let nonce = r.array()?;
    let (length, max) = (u64::from(r.u32()?), KEY_OBJECT_BYTES_MAX);
    if length > max {
        return Err(DecodeError::TooLarge {
            what: WHAT,
            value: length,
            max,
        });
    }
    let length = usize::try_from(length).map_err(|_| DecodeError::Truncated(WHAT))?;
    Ok((nonce, r.take(length)?.to_vec()))
}

/// An epoch object after its common header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochBox {
    /// The slot whose holder can open it.
    pub slot: SlotId,
    /// Ephemeral X25519 public key.
    pub ephemeral: [u8; 32],
    /// Nonce.
    pub nonce: [u8; 24],
    /// Sealed epoch key and MAC.
    pub sealed: [u8; 80],
}

impl EpochBox {
    /// Bytes that authenticate the box.
    pub const AD_BYTES: usize = 80;

    /// The associated data: everything before the nonce.
    pub fn associated_data(&self, header: &[u8; HEADER_BYTES]) -> Vec<u8> {
        [header.as_slice(), self.slot.as_bytes(), &self.ephemeral].concat()
    }

    /// The whole object.
    pub fn encode(&self, header: &[u8; HEADER_BYTES]) -> Vec<u8> {
        [self.associated_data(header).as_slice(), &self.nonce, &self.sealed].concat()
    }

    /// Parses a whole object.
    pub fn decode(object: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(object, "epoch object");
        r.take(HEADER_BYTES)?;
        let slot = SlotId::from_bytes(r.array()?);
        let parsed = Self {
            slot,
            ephemeral: r.array()?,
            nonce: r.array()?,
            sealed: r.array()?,
        };
        r.finish()?;
        Ok(parsed)
    }
}

/// The epochs of a keyring's plaintext: `(number, key)` in ascending order, and the master key before them.
pub type KeyringTable = ([u8; 32], Vec<(u32, [u8; 32])>);

/// Encodes a keyring; the caller wipes the bytes.
pub fn encode_keyring(master: &[u8; 32], epochs: &[(u32, [u8; 32])]) -> Vec<u8> {
    // Reserved at once: a reallocation would leave an unwiped copy of the keys behind.
    let mut out = Vec::with_capacity(epochs.len().saturating_mul(36).saturating_add(34 + 256));
    out.extend_from_slice(master);
    out.extend_from_slice(&u16::try_from(epochs.len()).unwrap_or(u16::MAX).to_le_bytes());
    for (number, key) in epochs {
        out.extend_from_slice(&number.to_le_bytes());
        out.extend_from_slice(key);
    }
    let padded = out.len().next_multiple_of(256);
    out.resize(padded, 0);
    out
}

/// Decodes a keyring.
pub fn decode_keyring(bytes: &[u8]) -> Result<KeyringTable, DecodeError> {
    let what = "keyring";
    let mut r = Reader::new(bytes, what);
    let master = r.array()?;
    let count = r.u16()?;
    if count == 0 || count > EPOCHS_MAX {
        return Err(DecodeError::TooLarge {
            what,
            value: count.into(),
            max: EPOCHS_MAX.into(),
        });
    }
    let mut epochs = Vec::with_capacity(count.into());
    let mut last = 0;
    for _ in 0..count {
        let number = r.u32()?;
        if number <= last {
            return Err(DecodeError::Invalid(what, "its epochs do not ascend from 1"));
        }
        last = number;
        epochs.push((number, r.array()?));
    }
    Ok((master, epochs))
}
