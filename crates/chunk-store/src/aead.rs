//! The two authenticated ciphers, and nothing else that encrypts. See docs/format.md §4, §7.

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce, Tag, XChaCha20Poly1305, XNonce};
use lumivault_format::TAG_BYTES;

/// A box did not authenticate: wrong key, or other bytes than were sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotAuthentic;

/// XChaCha20-Poly1305 for single boxes with random nonces: appends the tag to the ciphertext.
pub(crate) fn seal_single(key: &[u8; 32], nonce: &[u8; 24], ad: &[u8], buffer: &mut Vec<u8>) {
    crate::nonce_ledger::record(key, nonce);
    let tag = XChaCha20Poly1305::new(&Key::from(*key))
        .encrypt_inout_detached(&XNonce::from(*nonce), ad, buffer.as_mut_slice().into())
        .unwrap_or_else(|_| unreachable!("a buffer in memory is far below the cipher's limit of 256 GiB"));
    buffer.extend_from_slice(&tag);
}

/// Opens what [`seal_single`] made; the buffer is left without its tag.
pub(crate) fn open_single(
    key: &[u8; 32],
    nonce: &[u8; 24],
    ad: &[u8],
    buffer: &mut Vec<u8>,
) -> Result<(), NotAuthentic> {
    let (text, tag) = buffer.split_last_chunk_mut::<TAG_BYTES>().ok_or(NotAuthentic)?;
    XChaCha20Poly1305::new(&Key::from(*key))
        .decrypt_inout_detached(&XNonce::from(*nonce), ad, text.into(), &Tag::from(*tag))
        .map_err(|_| NotAuthentic)?;
    buffer.truncate(buffer.len() - TAG_BYTES);
    Ok(())
}

/// ChaCha20-Poly1305 for the boxes of one pack, with the slot number as nonce.
pub(crate) struct PackCipher {
    cipher: ChaCha20Poly1305,
    #[cfg(feature = "nonce-ledger")]
    key: [u8; 32],
}

impl PackCipher {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self {
            cipher: ChaCha20Poly1305::new(&Key::from(*key)),
            #[cfg(feature = "nonce-ledger")]
            key: *key,
        }
    }

    /// Encrypts in place; returns the tag.
    pub(crate) fn seal(&self, slot: u32, ad: &[u8], buffer: &mut [u8]) -> [u8; TAG_BYTES] {
        let nonce = nonce(slot);
        #[cfg(feature = "nonce-ledger")]
        crate::nonce_ledger::record(&self.key, &nonce);
        self.cipher
            .encrypt_inout_detached(&Nonce::from(nonce), ad, buffer.into())
            .unwrap_or_else(|_| unreachable!("a buffer in memory is far below the cipher's limit of 256 GiB"))
            .into()
    }

    /// Decrypts `sealed` (text and tag) in place; returns the text.
    pub(crate) fn open<'b>(
        &self,
        slot: u32,
        ad: &[u8],
        sealed: &'b mut [u8],
    ) -> Result<&'b mut [u8], NotAuthentic> {
        let (text, tag) = sealed.split_last_chunk_mut::<TAG_BYTES>().ok_or(NotAuthentic)?;
        self.cipher
            .decrypt_inout_detached(
                &Nonce::from(nonce(slot)),
                ad,
                (&mut *text).into(),
                &Tag::from(*tag),
            )
            .map_err(|_| NotAuthentic)?;
        Ok(text)
    }
}

fn nonce(slot: u32) -> [u8; 12] {
    let mut nonce = [0u8; 12];
    nonce[..4].copy_from_slice(&slot.to_le_bytes());
    nonce
}
