//! Every number of the chunking rules, in one place. They are part of the format: a change of any of them is a
//! new rule with a new number (see `docs/chunking.md`), never an edit.

/// One binary kilobyte.
pub(super) const KIB: usize = 1024;
/// One binary megabyte.
pub(super) const MIB: usize = 1024 * KIB;

/// Longest chunk of any rule, in bytes.
pub const CHUNK_MAX: usize = 16 * MIB;
/// Contents up to this many bytes are [`Class::Tiny`](super::Class::Tiny).
pub const TINY_MAX: u64 = 8 * KIB as u64;
/// Media up to this many bytes stay in one piece, without a cut between metadata and payload.
pub const SPLIT_MIN: u64 = 16 * KIB as u64;
/// Contents of no known kind are cut finely below this many bytes, coarsely from here on.
pub const BIG_MIN: u64 = 32 * MIB as u64;
/// Bytes from the start that the rules look at to recognise a kind of content.
pub const HEAD: usize = 4 * KIB;
/// A JPEG's picture must begin within this many bytes from the start.
pub(super) const JPEG_HEADER_MAX: u64 = MIB as u64;
/// Segments and fill bytes of a JPEG header that are stepped over before giving up.
pub(super) const JPEG_STEPS_MAX: usize = 1024;
/// Top-level boxes of an MP4 that are stepped over before giving up.
pub(super) const ISO_BOXES_MAX: usize = 32;
/// Metadata blocks of a FLAC file that are stepped over before giving up.
pub(super) const FLAC_BLOCKS_MAX: usize = 128;
/// Piece of media payload.
pub(super) const MEDIA_PIECE: usize = 4 * MIB;
/// Zeros become holes in whole blocks of this many bytes, aligned in the content.
pub const HOLE_BLOCK: usize = 64 * KIB;

/// An entry of a ZIP with this many bytes of data or more gets a cut at both ends of its data.
pub(super) const ZIP_ENTRY_ALONE: u64 = 4 * KIB as u64;
/// A group of smaller entries, with whatever stands between, ends at the first entry after this many bytes.
pub(super) const ZIP_GROUP_MIN: u64 = 8 * KIB as u64;
/// Piece of compressed entry data: it differs to its end once it differs, so a search for cuts would find nothing.
pub(super) const ZIP_PIECE: usize = MIB;
/// Entries of a ZIP beyond which it is treated as unknown content.
pub(super) const ZIP_ENTRIES_MAX: u64 = 65_536;
/// Bytes of a ZIP's central directory beyond which it is treated as unknown content.
pub(super) const ZIP_DIRECTORY_MAX: u64 = 16 * MIB as u64;

/// Sizes that steer one use of FastCDC, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CdcSizes {
    pub(super) min: usize,
    pub(super) average: usize,
    pub(super) max: usize,
}

/// Text, databases, documents, streams: small changes cost little.
pub(super) const FINE: CdcSizes = CdcSizes {
    min: 16 * KIB,
    average: 64 * KIB,
    max: 256 * KIB,
}
.checked();
/// Images of whole phones and other big binaries: few chunks.
pub(super) const COARSE: CdcSizes = CdcSizes {
    min: 256 * KIB,
    average: MIB,
    max: 4 * MIB,
}
.checked();

impl CdcSizes {
    /// Refuses at compile time what the `fastcdc` crate would accept silently in a release build: odd sizes shift
    /// boundaries by a byte, and an average that is no power of two selects the masks of another one.
    const fn checked(self) -> Self {
        assert!(self.average.is_power_of_two());
        assert!(self.min.is_multiple_of(2) && self.max.is_multiple_of(2));
        assert!(64 <= self.min && self.min < self.average && self.average < self.max);
        assert!(256 <= self.average && self.average <= 4 * MIB);
        assert!(self.max <= CHUNK_MAX);
        self
    }
}

/// The number of this set of rules in a repository's config and in every content record.
pub const CHUNKER_SET: u8 = 1;
/// FastCDC's normalisation level; the cutter takes the masks that belong to it.
pub(super) const NORMALISATION_LEVEL: u32 = 2;

/// The chunker parameters of a config, docs/format.md §11: what this program cuts by.
pub fn parameters() -> Vec<u8> {
    let mut out = vec![CHUNKER_SET];
    for sizes in [FINE, COARSE] {
        for size in [sizes.min, sizes.average, sizes.max] {
            // All are at most `CHUNK_MAX`.
            out.extend_from_slice(&u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes());
        }
    }
    out.extend_from_slice(&NORMALISATION_LEVEL.to_le_bytes());
    out
}

// A hole begins and ends chunks, so it must never be shorter than what a chunk costs.
const _: () = assert!(HOLE_BLOCK.is_power_of_two() && HOLE_BLOCK >= 4 * KIB);
const _: () = assert!(MEDIA_PIECE <= CHUNK_MAX && JPEG_HEADER_MAX <= CHUNK_MAX as u64);
const _: () = assert!(TINY_MAX < SPLIT_MIN && SPLIT_MIN < BIG_MIN);

#[cfg(test)]
mod tests {
    #[test]
    fn the_parameters_are_those_of_the_format() {
        let mut expected = vec![1];
        for number in [16_384_u32, 65_536, 262_144, 262_144, 1_048_576, 4_194_304, 2] {
            expected.extend_from_slice(&number.to_le_bytes());
        }
        assert_eq!(super::parameters(), expected);
    }
}
