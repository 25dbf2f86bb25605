//! The secret gear table: whoever lacks the key cannot tell where FastCDC cuts known content.

use super::params::CdcSizes;
use fastcdc::v2020::{Normalization, cut_gear, select_masks};
use std::fmt;
use zeroize::Zeroize;

/// Separates this use of the chunker key from any other. Part of the format.
const DOMAIN: &[u8] = b"lumivault chunking gear table v1";
/// Two mask bits more before the average, two fewer after it. Part of the format.
const NORMALIZATION: Normalization = Normalization::Level2;
const ENTRIES: usize = 256;

/// 256 secret words and their left-shifted twin (FastCDC rolls two bytes at a time), wiped when dropped.
pub(super) struct Gear {
    plain: [u64; ENTRIES],
    shifted: [u64; ENTRIES],
}

impl Gear {
    /// Derives the table from the archive's chunker key.
    pub(super) fn new(key: &[u8; 32]) -> Box<Self> {
        let mut gear = Box::new(Self {
            plain: [0; ENTRIES],
            shifted: [0; ENTRIES],
        });
        let mut hasher = blake3::Hasher::new_keyed(key);
        hasher.update(DOMAIN);
        let mut output = hasher.finalize_xof();
        let mut word = [0; 8];
        for (plain, shifted) in gear.plain.iter_mut().zip(&mut gear.shifted) {
            output.fill(&mut word);
            *plain = u64::from_le_bytes(word);
            *shifted = *plain << 1;
        }
        word.zeroize();
        output.zeroize();
        hasher.zeroize();
        gear
    }

    /// Length of the first chunk of `source`, which must hold `sizes.max` bytes or all that is left.
    pub(super) fn cut(&self, sizes: &CdcSizes, source: &[u8]) -> usize {
        let (strict, loose) = select_masks(sizes.average, NORMALIZATION);
        let (_, length) = cut_gear(
            source,
            sizes.min,
            sizes.average,
            sizes.max,
            strict,
            loose,
            strict << 1,
            loose << 1,
            &self.plain,
            &self.shifted,
        );
        length
    }

    /// Whether [`cut`](Self::cut) would give `length`, for bytes that were one chunk by the same sizes before.
    ///
    /// Then no cut can lie within them: whether there is one before a byte depends on the bytes from the chunk's
    /// beginning to this one only. The very last byte is the exception, because an odd one at the end of a content is
    /// not looked at. So what is left to find out are the last two places, and the hash has forgotten all but the last
    /// 64 bytes there.
    pub(super) fn ends_at(&self, sizes: &CdcSizes, source: &[u8], length: usize) -> bool {
        let limit = source.len().min(sizes.max);
        if limit <= sizes.min || length >= limit {
            return length == limit;
        }
        if length < sizes.min {
            return false;
        }
        let (strict, loose) = select_masks(sizes.average, NORMALIZATION);
        let first = length.saturating_sub(u64::BITS as usize).max(sizes.min);
        let end = (limit - limit % 2).min(length + 1);
        let mut hash = 0_u64;
        for (i, byte) in source.iter().enumerate().take(end).skip(first) {
            hash = (hash << 1).wrapping_add(self.plain[usize::from(*byte)]);
            let mask = if i < sizes.average { strict } else { loose };
            if i + 1 >= length && hash & mask == 0 {
                return i == length;
            }
        }
        false
    }

    #[cfg(test)]
    pub(super) fn words(&self) -> &[u64; ENTRIES] {
        &self.plain
    }
}

impl Drop for Gear {
    fn drop(&mut self) {
        self.plain.zeroize();
        self.shifted.zeroize();
    }
}

impl fmt::Debug for Gear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gear(secret)")
    }
}
