//! What must hold for every content: coverage, bounds, and independence from windows and starting points.

use super::*;
use crate::chunking::params::{COARSE, CdcSizes, FINE};
use fastcdc::v2020::{Normalization, select_masks};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::collections::HashSet;

const KIB: usize = 1024;

/// A content made of parts that matter to some rule.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        (any::<u64>(), 0..200 * KIB).prop_map(|(seed, length)| random(seed, length)),
        (any::<u64>(), 0..100 * KIB).prop_map(|(seed, length)| text(seed, length)),
        (0..300 * KIB).prop_map(|length| vec![0; length]),
        (1..4_usize).prop_map(|blocks| vec![0; blocks * HOLE_BLOCK]),
        any::<u8>().prop_map(|byte| vec![byte; 20 * KIB]),
    ];
    let head = prop_oneof![
        4 => Just(Vec::new()),
        1 => (0..100 * KIB, 0..300 * KIB).prop_map(|(metadata, picture)| jpeg(metadata, picture).0),
        1 => Just(b"\0\0\0\x10ftypmp42\0\0\0\0\0\x04\0\0mdat".to_vec()),
        1 => Just(b"ID3\x03\0\0\0\0\x20\0".to_vec()),
        1 => Just(b"PK\x03\x04".to_vec()),
        1 => Just(b"SQLite format 3\0".to_vec()),
    ];
    (head, prop::collection::vec(part, 0..6)).prop_map(|(head, parts)| [head, parts.concat()].concat())
}

/// Every plan that this content can be given, whatever rule recorded it.
fn plans(content: &[u8]) -> Vec<Plan> {
    let mut plans: Vec<Plan> = Rule::ALL
        .iter()
        .filter_map(|&rule| classify_as(rule, &content).unwrap())
        .collect();
    plans.push(classify(&content).unwrap());
    plans
}

fn window_sizes(seed: u64) -> impl FnMut() -> usize {
    let mut words = random(seed, 8 * 512)
        .chunks(8)
        .map(|b| u64::from_le_bytes(b.try_into().unwrap()))
        .collect::<Vec<_>>();
    words.reverse();
    move || {
        let word = words.pop().unwrap_or(1);
        usize::try_from(word >> 40).unwrap()
            % [1, 3 * KIB, 70 * KIB, 400 * KIB][usize::try_from(word % 4).unwrap()]
    }
}

/// The same contents in every run.
fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 48,
        rng_seed: RngSeed::Fixed(0x4C55_4D49),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn windows_never_matter(content in content(), seed: u64) {
        for plan in plans(&content) {
            let whole = segments_from(&plan, &content, 0, || usize::MAX);
            let parts = segments_from(&plan, &content, 0, window_sizes(seed));
            prop_assert_eq!(whole, parts, "rule {:?}", plan.rule());
        }
    }

    #[test]
    fn any_cut_is_a_place_to_start(content in content(), pick: prop::sample::Index) {
        for plan in plans(&content).into_iter().filter(|_| !content.is_empty()) {
            let whole = segments_from(&plan, &content, 0, || usize::MAX);
            let skipped = pick.index(whole.len());
            let start = whole[..skipped].iter().map(|(segment, _)| segment.length()).sum();
            let rest = segments_from(&plan, &content, start, || usize::MAX);
            prop_assert_eq!(&whole[skipped..], rest, "rule {:?} from {}", plan.rule(), start);
        }
    }

    #[test]
    fn holes_are_exactly_the_zero_blocks(content in content()) {
        let plan = Plan::stream();
        let mut at = 0;
        let mut holes = HashSet::new();
        for segment in segments(&plan, &content) {
            if let Segment::Hole(length) = segment {
                prop_assert!(at % HOLE_BLOCK == 0 && length % HOLE_BLOCK == 0);
                holes.extend((at..at + length).step_by(HOLE_BLOCK));
            }
            at += segment.length();
        }
        for (i, block) in content.chunks_exact(HOLE_BLOCK).enumerate() {
            prop_assert_eq!(holes.contains(&(i * HOLE_BLOCK)), block.iter().all(|&byte| byte == 0), "block {}", i);
        }
    }

    #[test]
    fn fastcdc_is_what_the_document_says(seed: u64, length in 0..700 * KIB, repeat in 1..40_000_usize) {
        let table = chunker();
        // Random, and periodic data, which rarely or never meets a mask.
        for content in [random(seed, length), random(seed, repeat).into_iter().cycle().take(length).collect()] {
            for sizes in [&FINE, &COARSE] {
                let expected = documented_cut(table.gear().words(), sizes, &content);
                prop_assert_eq!(table.gear().cut(sizes, &content), expected);
            }
        }
    }

    #[test]
    fn the_end_of_a_known_chunk_is_told_without_a_search(seed: u64, length in 0..700 * KIB, repeat in 1..40_000_usize, end: prop::sample::Index) {
        let table = chunker();
        for content in [random(seed, length), random(seed, repeat).into_iter().cycle().take(length).collect()] {
            for sizes in [&FINE, &COARSE] {
                let whole = documented_cut(table.gear().words(), sizes, &content);
                // Chunks as the end of the content, a hole and FastCDC leave them, and what may come behind.
                let chunks = [whole, whole + 1, whole + 2, whole / 2, end.index(length + 1)];
                for chunk in chunks.into_iter().filter(|end| (1..=length).contains(end)) {
                    let known = documented_cut(table.gear().words(), sizes, &content[..chunk]) == chunk;
                    for more in [0, 1, 2, 3, length - chunk].into_iter().filter(|_| known) {
                        for behind in [&content[chunk..], &random(seed ^ 1, length)] {
                            let other = [&content[..chunk], &behind[..more.min(behind.len())]].concat();
                            let expected = documented_cut(table.gear().words(), sizes, &other) == chunk;
                            prop_assert_eq!(table.gear().ends_at(sizes, &other, chunk), expected, "{} of {}", chunk, other.len());
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn garbage_after_a_signature_is_only_content(head: prop::sample::Index, garbage in prop::collection::vec(any::<u8>(), 0..300), length in 0..60 * KIB) {
        let heads: [&[u8]; 8] = [
            b"\xFF\xD8", b"\0\0\0\x18ftyp", b"ID3", b"fLaC", b"PK\x03\x04", b"\xFF\xFB",
            b"\x30\x26\xB2\x75\x8E\x66\xCF\x11\xA6\xD9\x00\xAA\x00\x62\xCE\x6C", b"PK\x05\x06",
        ];
        let content = [heads[head.index(heads.len())], &garbage, &random(1, length), &garbage].concat();
        for plan in plans(&content) {
            segments(&plan, &content);
        }
    }
}

/// docs/chunking.md, word for word.
fn documented_cut(gear: &[u64; 256], sizes: &CdcSizes, content: &[u8]) -> usize {
    let (strict, loose) = select_masks(sizes.average, Normalization::Level2);
    let limit = content.len().min(sizes.max);
    if limit <= sizes.min {
        return limit;
    }
    let average = sizes.average.min(limit);
    let mut hash = 0_u64;
    for i in sizes.min..limit - limit % 2 {
        hash = (hash << 1).wrapping_add(gear[usize::from(content[i])]);
        let mask = if i < average - average % 2 { strict } else { loose };
        if hash & mask == 0 {
            return i;
        }
    }
    limit
}

#[test]
fn an_odd_last_byte_was_not_looked_at() {
    // Over equal bytes the hash stays at minus their word. Where that meets the loose mask only, each place from the average
    // on is a cut; but one byte beyond it, at the end of a content, the cut at the average is not looked for.
    let (strict, loose) = select_masks(FINE.average, Normalization::Level2);
    let meets = |word: &u64, mask| word.wrapping_neg() & mask == 0;
    let wanted = |word: &u64| meets(word, loose) && !meets(word, strict);
    let found = (0..=u8::MAX).find_map(|key| {
        let table = Chunker::new(&[key; 32]);
        let byte = table.gear().words().iter().position(wanted)?;
        Some((table, u8::try_from(byte).unwrap()))
    });
    let (table, byte) = found.unwrap();
    let content = vec![byte; FINE.average + 3];
    let odd = FINE.average + 1;
    assert_eq!(table.gear().cut(&FINE, &content[..odd]), odd);
    assert!(table.gear().ends_at(&FINE, &content[..odd], odd));
    assert_eq!(table.gear().cut(&FINE, &content), FINE.average);
    assert!(!table.gear().ends_at(&FINE, &content, odd));
}

#[test]
fn masks_are_those_of_the_document() {
    let fine = select_masks(FINE.average, Normalization::Level2);
    let coarse = select_masks(COARSE.average, Normalization::Level2);
    assert_eq!(fine, (0x0000_D907_0753_7000, 0x0000_D903_1353_0000));
    assert_eq!(coarse, (0x0000_D937_6753_7000, 0x0000_D907_0753_7000));
}

/// Bytes of new chunks when the second content follows the first.
fn new_bytes(first: &[u8], second: &[u8]) -> usize {
    let chunks = |content: &[u8]| {
        let plan = classify(&content).unwrap();
        let mut at = 0;
        let mut chunks = Vec::new();
        for segment in segments(&plan, content) {
            if let Segment::Chunk(length) = segment {
                chunks.push((blake3::hash(&content[at..at + length]), length));
            }
            at += segment.length();
        }
        chunks
    };
    let known: HashSet<_> = chunks(first).into_iter().map(|(id, _)| id).collect();
    chunks(second)
        .into_iter()
        .filter(|(id, _)| !known.contains(id))
        .map(|(_, length)| length)
        .sum()
}

#[test]
fn an_insertion_changes_few_chunks() {
    for seed in 0..12 {
        let first = text(seed, 3 << 20);
        let mut second = first.clone();
        let at = usize::try_from(seed).unwrap() * 250_000;
        second.splice(at..at, *b"one more message");
        let new = new_bytes(&first, &second);
        assert!(new <= 4 * FINE.max, "seed {seed}: {new} bytes of {}", first.len());
    }
}

#[test]
fn an_insertion_into_an_image_changes_few_chunks() {
    let mut first = random(77, 40 << 20);
    first[9_000_000..17_000_000].fill(0);
    let mut second = first.clone();
    second.splice(5_000_000..5_000_000, *b"sector");
    assert_eq!(classify(&second).unwrap().rule(), Rule::Big);
    let new = new_bytes(&first, &second);
    // Around the insertion, and on both sides of the hole, whose blocks do not move with the content.
    assert!(new <= 5 * COARSE.max, "{new} bytes of {}", first.len());
}

#[test]
fn average_chunk_is_near_what_was_asked() {
    let content = random(5, 24 << 20);
    let count = segments(&Plan::stream(), &content).len();
    assert!(
        (60_000..90_000).contains(&(content.len() / count)),
        "{count} chunks"
    );
}

#[test]
fn another_key_cuts_elsewhere() {
    let content = random(6, 2 << 20);
    let plan = Plan::stream();
    let first_cuts = |key: [u8; 32]| {
        let chunker = Chunker::new(&key);
        let mut cutter = chunker.cutter(&plan);
        std::iter::from_fn(|| {
            let at = usize::try_from(cutter.position()).unwrap();
            match cutter.next(&content[at..], true) {
                Cut::Chunk { length, .. } => Some(at + length),
                _ => None,
            }
        })
        .collect::<HashSet<_>>()
    };
    let common = first_cuts([1; 32]).intersection(&first_cuts([2; 32])).count();
    assert!(common <= 2, "only the end is common for sure: {common}");
}

#[test]
fn secrets_do_not_print() {
    let chunker = chunker();
    let plan = Plan::stream();
    for printed in [format!("{chunker:?}"), format!("{:?}", chunker.cutter(&plan))] {
        assert!(printed.contains("Gear(secret)"), "{printed}");
        for word in chunker.gear().words() {
            assert!(!printed.contains(&format!("{word}")) && !printed.contains(&format!("{word:x}")));
        }
    }
}
