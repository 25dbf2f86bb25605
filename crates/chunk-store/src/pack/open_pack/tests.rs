use lumivault_format::{ChunkId, Codec};

use super::*;
use crate::Repository;
use crate::testing::repository;

/// An open pack with entries of so many stored bytes. What they hold does not matter here.
fn open(repository: &Repository, stored: &[u32]) -> OpenPack {
    let context = PackContext {
        backend: repository.backend(),
        secrets: repository.secrets(),
        archive: repository.archive(),
        env: repository.environment(),
    };
    let mut pack = OpenPack::begin(ChunkKind::Data, context).unwrap();
    for &stored_len in stored {
        let entry = PackEntry {
            id: ChunkId::from_bytes([7; 32]),
            codec: Codec::None,
            stored_len,
            plain_len: stored_len,
        };
        let expected = pack.size_with(Some(stored_len));
        pack.add(entry, &mut vec![0; to_usize(stored_len)]).unwrap();
        assert_eq!(pack.size_with(None), expected, "foretold with the next entry");
    }
    pack
}

/// What a pack takes beside its entries' stored bytes: prefix, tags, directory, trailer.
fn frame(entries: usize) -> u32 {
    to_u32(PACK_PREFIX_BYTES + entries * (TAG_BYTES + DIRECTORY_ENTRY_BYTES) + TAG_BYTES + PACK_TRAILER_BYTES)
}

#[test]
fn a_pack_knows_its_size_and_what_closing_it_full_would_waste() {
    let (repository, _) = repository("open pack: gaps");
    // Bytes beyond the smallest full pack, and to the next class boundary from there.
    for (beyond, gap) in [
        (-1, None),
        (0, Some(0)),
        (1, Some(CLASS_BYTES - 1)),
        (524_288 - 65_536, Some(65_536)),
        (524_288, Some(0)),
    ] {
        let wanted = FULL_BYTES_MIN.checked_add_signed(beyond).unwrap();
        let stored = wanted - frame(3);
        let mut pack = open(&repository, &[1000, 70_000, stored - 71_000]);
        assert_eq!(pack.size_with(None), wanted);
        assert_eq!(pack.full_gap(), gap, "{beyond}");
        pack.seal_end(false, repository.environment()).unwrap();
        let expected = gap.map_or(FULL_BYTES_MIN, |gap| wanted + gap);
        assert_eq!(pack.spool_len(), expected, "{beyond}");
    }
}

#[test]
fn a_pack_takes_what_a_full_one_holds_and_an_empty_one_anything() {
    let (repository, _) = repository("open pack: room");
    let room = FULL_BYTES_MAX - frame(2) - 1000;
    let pack = open(&repository, &[1000]);
    assert!(pack.fits(room) && !pack.fits(room + 1));
    assert!(open(&repository, &[]).fits(room + 1_000_000));
}

#[test]
fn a_box_that_opens_but_holds_something_else_is_refused() {
    let (repository, _) = repository("open pack: boxes");
    let mut pack = open(&repository, &[1000]);
    let offset = pack.spool_len();
    pack.seal_box(DIRECTORY_SLOT, b"what was sealed".to_vec())
        .unwrap();
    for (expected, fits) in [(b"what was sealed", true), (b"what was meant!", false)] {
        let (mut sealed, mut at) = (Vec::new(), offset);
        let length = expected.len() + TAG_BYTES;
        pack.read_next(&mut at, length, &mut sealed, &mut ObjectHasher::new())
            .unwrap();
        let checked = pack.check_box(DIRECTORY_SLOT, &mut sealed, expected);
        assert_eq!(checked.is_ok(), fits, "{checked:?}");
    }
}

#[test]
fn only_the_last_pack_of_a_run_may_be_smaller_than_a_full_one() {
    let (repository, _) = repository("open pack: ends");
    for (stored, last) in [(1, 65_536), (200_000, 200_704), (3_000_000, 3_014_656)] {
        for (is_last, size) in [(true, last), (false, FULL_BYTES_MIN)] {
            let mut pack = open(&repository, &[stored]);
            pack.seal_end(is_last, repository.environment()).unwrap();
            assert_eq!(pack.spool_len(), size, "{stored}, last: {is_last}");
        }
    }
}
