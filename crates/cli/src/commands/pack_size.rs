//! What a pack's bytes are spent on besides its chunks, docs/format.md §7.

use lumivault_format::{DIRECTORY_ENTRY_BYTES, PACK_PREFIX_BYTES, PACK_TRAILER_BYTES, TAG_BYTES};

/// Bytes of packs around their entries: prefixes, directories, trailers.
pub(crate) fn around(packs: u64, entries: u64) -> u64 {
    // The trailer's length includes its tag; the directory's own comes on top.
    let pack = (PACK_PREFIX_BYTES + PACK_TRAILER_BYTES + TAG_BYTES) as u64;
    pack * packs + DIRECTORY_ENTRY_BYTES as u64 * entries
}

/// Bytes that are there only to hide how much is in it.
pub(crate) fn padding(size: u64, sealed: u64, packs: u64, entries: u64) -> u64 {
    size.saturating_sub(sealed).saturating_sub(around(packs, entries))
}

#[cfg(test)]
mod tests {
    use super::{around, padding};

    #[test]
    fn a_pack_is_entries_directory_and_padding() {
        // docs/format.md §7: 80 in front, 41 an entry and 16, 32 behind.
        assert_eq!(around(1, 0), 128);
        assert_eq!(around(2, 3), 2 * 128 + 3 * 41);
        assert_eq!(padding(65_536, 60_000, 1, 2), 65_536 - 60_000 - 128 - 82);
        assert_eq!(padding(10, 60_000, 1, 2), 0);
    }
}
