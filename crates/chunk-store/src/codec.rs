//! Codecs: from a chunk's plaintext to its stored bytes and back. See docs/format.md §6.

use std::cell::RefCell;

use lumivault_format::Codec;
use zstd::bulk::{Compressor, Decompressor};

/// Whether compressing a chunk is worth a try; whoever cut it knows its kind of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompressionHint {
    /// Text, databases, trees: compress.
    Compress,
    /// Unknown or finished media: compress only if a sample shrinks.
    Sample,
    /// Known not to shrink.
    Store,
}

/// How hard to compress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Nothing is compressed.
    Off,
    /// A zstd level, −7..=22.
    Level(i32),
}

impl Default for Compression {
    /// Level 4: on phone data half a percent smaller than 3 for a tenth more time; higher ones gain little and cost much.
    fn default() -> Self {
        Self::Level(4)
    }
}

/// Samples are this long: enough for zstd's entropy stage to settle, little enough to cost a few percent.
const SAMPLE_BYTES: usize = 16 * 1024;
/// Chunks below this are compressed outright; sampling them would cost as much.
const SAMPLED_FROM: usize = 64 * 1024;

thread_local! {
    static COMPRESSOR: RefCell<Option<(i32, Compressor<'static>)>> = const { RefCell::new(None) };
    static SAMPLER: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Encodes a chunk into `out` (cleared first), leaving room for a tag; returns the codec used.
pub(crate) fn encode(
    plain: &[u8],
    compression: Compression,
    hint: CompressionHint,
    out: &mut Vec<u8>,
) -> Codec {
    out.clear();
    if let Compression::Level(level) = compression
        && worth_compressing(plain, hint)
        && compress(plain, level, out)
    {
        return Codec::Zstd;
    }
    out.clear();
    out.reserve(plain.len() + lumivault_format::TAG_BYTES);
    out.extend_from_slice(plain);
    Codec::None
}

fn worth_compressing(plain: &[u8], hint: CompressionHint) -> bool {
    match hint {
        CompressionHint::Store => false,
        CompressionHint::Compress if plain.len() < SAMPLED_FROM => true,
        CompressionHint::Sample if plain.len() < SAMPLE_BYTES => true,
        // Even what should compress may hold a movie: a sample costs little against compressing it all in vain.
        CompressionHint::Compress | CompressionHint::Sample => sample_shrinks(plain),
    }
}

/// Tries three samples at a fast level.
fn sample_shrinks(plain: &[u8]) -> bool {
    let length = SAMPLE_BYTES.min(plain.len() / 3);
    let places = [0, (plain.len() - length) / 2, plain.len() - length];
    SAMPLER.with_borrow_mut(|slot| {
        if slot.is_none() {
            *slot = Compressor::new(1).ok();
        }
        let Some(sampler) = slot else { return true };
        let mut buffer = vec![0u8; zstd::zstd_safe::compress_bound(length)];
        let (mut before, mut after) = (0, 0);
        for place in places {
            let Some(sample) = plain.get(place..place + length) else {
                continue;
            };
            before += sample.len();
            after += sampler
                .compress_to_buffer(sample, buffer.as_mut_slice())
                .unwrap_or(sample.len());
        }
        // Under 1/32 saved is not worth the time of decompressing it ever after.
        after < before - before / 32
    })
}

fn compress(plain: &[u8], level: i32, out: &mut Vec<u8>) -> bool {
    COMPRESSOR.with_borrow_mut(|slot| {
        if slot.as_ref().is_none_or(|(l, _)| *l != level) {
            *slot = Compressor::new(level).ok().map(|compressor| (level, compressor));
        }
        let Some((_, compressor)) = slot else { return false };
        // Only as much room as makes it worthwhile: zstd fails early where the result would be larger.
        let room = plain.len() - plain.len() / 64;
        out.resize(room, 0);
        match compressor.compress_to_buffer(plain, out.as_mut_slice()) {
            Ok(length) if length < room => {
                out.truncate(length);
                out.reserve(lumivault_format::TAG_BYTES);
                true
            }
            _ => false,
        }
    })
}

/// Decodes stored bytes into `out`, which gets exactly the authenticated plain length; says what is wrong otherwise.
pub(crate) fn decode(
    codec: Codec,
    stored: &[u8],
    plain_len: u32,
    out: &mut Vec<u8>,
) -> Result<(), &'static str> {
    let plain_len = usize::try_from(plain_len).unwrap_or(usize::MAX);
    out.clear();
    match codec {
        Codec::None => out.extend_from_slice(stored),
        Codec::Zstd => {
            // The library would decode one frame after another, and pass over those that are to be skipped.
            if zstd::zstd_safe::find_frame_compressed_size(stored) != Ok(stored.len()) {
                return Err("it is not one zstd frame");
            }
            out.resize(plain_len, 0);
            let length = DECOMPRESSOR.with_borrow_mut(|slot| {
                if slot.is_none() {
                    *slot = Decompressor::new().ok();
                }
                slot.as_mut()
                    .and_then(|d| d.decompress_to_buffer(stored, out.as_mut_slice()).ok())
            });
            out.truncate(length.ok_or("it does not decompress")?);
        }
    }
    if out.len() == plain_len {
        Ok(())
    } else {
        Err("it decodes to another length than recorded")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_one_frame_and_nothing_behind_it() {
        let plain = b"some text ".repeat(1000);
        let mut stored = Vec::new();
        let codec = encode(
            &plain,
            Compression::default(),
            CompressionHint::Compress,
            &mut stored,
        );
        assert_eq!(codec, Codec::Zstd);
        let decoded = |stored: &[u8]| {
            let mut out = Vec::new();
            decode(codec, stored, u32::try_from(plain.len()).unwrap(), &mut out).map(|()| out)
        };
        assert_eq!(decoded(&stored).unwrap(), plain);
        // The same content in two frames, a frame to be skipped before and behind, an empty one behind, a byte behind.
        let (skipped, empty) = (b"\x50\x2a\x4d\x18\0\0\0\0", b"\x28\xb5\x2f\xfd\x20\0\x01\0\0");
        let halves: Vec<u8> = plain
            .chunks(plain.len() / 2)
            .flat_map(|half| zstd::bulk::compress(half, 3).unwrap())
            .collect();
        for other in [
            halves,
            [skipped, stored.as_slice()].concat(),
            [stored.as_slice(), skipped].concat(),
            [stored.as_slice(), empty].concat(),
            [stored.as_slice(), &[0]].concat(),
        ] {
            assert_eq!(decoded(&other), Err("it is not one zstd frame"));
        }
    }
}
