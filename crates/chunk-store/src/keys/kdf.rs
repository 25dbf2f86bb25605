//! From a secret to the key of its slot. See docs/format.md §5.

use argon2::{Algorithm, Argon2, Params, Version};
use lumivault_format::{ArchiveId, KdfParams};
use unicode_normalization::UnicodeNormalization;
use zeroize::{Zeroize, Zeroizing};

use crate::Error;

/// Key-encryption key and commitment key of a slot.
pub(crate) struct SlotKeys {
    pub(crate) kek: Zeroizing<[u8; 32]>,
    pub(crate) commitment: Zeroizing<[u8; 32]>,
}

impl SlotKeys {
    /// Argon2id of a password; takes `params.memory_kib` of memory while it runs.
    pub(crate) fn from_password(password: &str, salt: &[u8; 32], params: KdfParams) -> Result<Self, Error> {
        let password = normalised(password);
        let refused = |error| match error {
            argon2::Error::OutOfMemory => {
                Error::KeySlots("there is not enough memory to derive the key of a slot")
            }
            _ => Error::KeySlots("the key derivation refused its parameters"),
        };
        let argon = Params::new(params.memory_kib, params.passes, params.lanes, Some(64)).map_err(refused)?;
        let mut out = Zeroizing::new([0u8; 64]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, argon)
            .hash_password_into(password.as_bytes(), salt, out.as_mut_slice())
            .map_err(refused)?;
        Ok(Self::split(&out))
    }

    /// A raw key needs no stretching.
    pub(crate) fn from_raw(key: &[u8; 32], salt: &[u8; 32], archive: &ArchiveId) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("lumivault v1 raw key slot");
        hasher.update(key).update(salt).update(archive.as_bytes());
        let mut out = Zeroizing::new([0u8; 64]);
        hasher.finalize_xof().fill(out.as_mut_slice());
        hasher.zeroize();
        Self::split(&out)
    }

    fn split(out: &[u8; 64]) -> Self {
        let (mut kek, mut commitment) = (Zeroizing::new([0u8; 32]), Zeroizing::new([0u8; 32]));
        kek.copy_from_slice(&out[..32]);
        commitment.copy_from_slice(&out[32..]);
        Self { kek, commitment }
    }
}

/// NFC, without a byte-order mark in front and without one line end behind.
pub(crate) fn normalised(password: &str) -> Zeroizing<String> {
    let text = password.strip_prefix('\u{feff}').unwrap_or(password);
    let text = text
        .strip_suffix('\n')
        .map_or(text, |t| t.strip_suffix('\r').unwrap_or(t));
    // Reserved generously: a reallocation would leave an unwiped copy behind. NFC expands UTF-8 at most threefold.
    let mut out = Zeroizing::new(String::with_capacity(text.len() * 3));
    out.extend(text.nfc());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_normalised() {
        for text in [
            "stra\u{df}e \u{e9}",
            "\u{feff}stra\u{df}e e\u{301}\n",
            "stra\u{df}e e\u{301}\r\n",
        ] {
            assert_eq!(normalised(text).as_str(), "stra\u{df}e \u{e9}");
        }
        assert_eq!(normalised("two\n\n").as_str(), "two\n", "only one line end goes");
        assert_eq!(normalised(" spaces stay ").as_str(), " spaces stay ");
    }
}
