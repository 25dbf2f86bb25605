//! Promises of the decoders that nobody outside of this crate can reach, for tests and for the fuzzers in `tests/fuzz`.
//! In no other build. Each panics where a promise is broken.

#![allow(
    clippy::missing_panics_doc,
    reason = "all of it panics where a promise is broken"
)]

use std::sync::{Arc, OnceLock};

use lumivault_format::{ArchiveId, Codec, ObjectId, ObjectKind, ObjectType, limits};

pub use crate::index::fuzzing::{index_table, index_table_seeds};
use crate::keys::{Keyring, normalised};
use crate::seal::{object_name, open_object, seal_object};
use crate::{Environment, Error, Random, Silent, SystemClock, codec};

/// Stored bytes of a chunk behind four bytes that say its plain length, decoded by both codecs.
pub fn chunk(bytes: &[u8]) {
    let Some((plain_len, stored)) = bytes.split_first_chunk() else {
        return;
    };
    // Directories and index admit no other lengths.
    let plain_len = 1 + u32::from_le_bytes(*plain_len) % limits::CHUNK_BYTES_MAX;
    let wanted = usize::try_from(plain_len).unwrap_or(usize::MAX);
    for codec in [Codec::None, Codec::Zstd] {
        let mut plain = Vec::new();
        if codec::decode(codec, stored, plain_len, &mut plain).is_err() {
            continue;
        }
        assert_eq!(plain.len(), wanted);
        assert!(codec == Codec::Zstd || plain == stored);
        let mut longer = stored.to_vec();
        longer.push(0);
        let decoded = codec::decode(codec, &longer, plain_len, &mut Vec::new());
        assert!(decoded.is_err(), "a byte behind a {codec:?} chunk is passed over");
        // An empty frame, and one that a decoder is to skip.
        for frame in [
            b"\x28\xb5\x2f\xfd\x20\0\x01\0\0".as_slice(),
            b"\x50\x2a\x4d\x18\0\0\0\0",
        ] {
            let longer = [stored, frame].concat();
            let decoded = codec::decode(codec, &longer, plain_len, &mut Vec::new());
            assert!(
                decoded.is_err(),
                "a frame behind a {codec:?} chunk is passed over"
            );
        }
    }
}

/// A stored chunk for [`chunk`]: of text, or of what does not compress.
pub fn chunk_seeds() -> Vec<Vec<u8>> {
    let text = b"the quick brown fox jumps over the lazy dog; ".repeat(60);
    let noise: Vec<u8> = (0..40u64)
        .flat_map(|n| *blake3::hash(&n.to_le_bytes()).as_bytes())
        .collect();
    let seed = |plain: &[u8]| {
        let mut stored = Vec::new();
        codec::encode(
            plain,
            codec::Compression::default(),
            codec::CompressionHint::Compress,
            &mut stored,
        );
        let length = u32::try_from(plain.len() - 1).unwrap_or(0).to_le_bytes();
        [length.as_slice(), &stored].concat()
    };
    vec![seed(&text), seed(&noise), seed(&[0; 100_000])]
}

/// A whole sealed object: only the very bytes that were sealed open, to what was sealed.
pub fn sealed(bytes: &[u8]) {
    let (keyring, body) = (keyring(), b"the body of an index".as_slice());
    let id = ObjectId {
        kind: ObjectKind::Index,
        name: object_name(bytes),
    };
    let opened = open_object(&keyring, &ARCHIVE, ObjectType::Index, &id, bytes);
    assert_eq!(opened.ok().as_deref(), (bytes == sealed_seed()).then_some(body));
}

/// The object that [`sealed`] opens; sealed once, for a nonce serves once.
pub fn sealed_seed() -> Vec<u8> {
    static OBJECT: OnceLock<Vec<u8>> = OnceLock::new();
    let body = b"the body of an index";
    let seal = || seal_object(&keyring(), &ARCHIVE, ObjectType::Index, body, &environment());
    OBJECT.get_or_init(|| seal().unwrap_or_default()).clone()
}

/// The text of a password: bounded and in its normal form, whatever it is.
pub fn password(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let normal = normalised(&text);
    assert!(normal.len() <= 3 * text.len() && normal.capacity() <= 3 * text.len().max(8));
    assert!(unicode_normalization::is_nfc(&normal), "{text:?}");
}

const ARCHIVE: ArchiveId = ArchiveId::from_bytes([0xA7; 16]);

fn keyring() -> Keyring {
    Keyring::decode(&lumivault_format::encode_keyring(&[1; 32], &[(1, [2; 32])]))
        .unwrap_or_else(|_| unreachable!("it was just encoded"))
}

/// The same object in every run.
#[derive(Debug)]
struct Nines;

impl Random for Nines {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Error> {
        buffer.fill(9);
        Ok(())
    }
}

fn environment() -> Environment {
    Environment {
        random: Arc::new(Nines),
        clock: Arc::new(SystemClock),
        monitor: Arc::new(Silent),
    }
}

#[cfg(test)]
mod tests;
