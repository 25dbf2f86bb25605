//! Cutting with predictions gives what cutting gives: for contents edited in every way that could mislead them.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};

use lumivault_chunk_store::Error;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;
use crate::backup::reading::{Bytes, Reading, Sink};
use crate::backup::window::Window;
use crate::chunking::{Chunker, Cut, HOLE_BLOCK, Hint, Plan, classify_as};

const KEY: [u8; 32] = [9; 32];

fn id_of(chunk: &[u8]) -> ChunkId {
    ChunkId::from_bytes(*blake3::keyed_hash(&KEY, chunk).as_bytes())
}

/// Stores nothing, but sees that chunks have their own ids and that progress adds up.
#[derive(Default)]
struct Checking {
    done: AtomicU64,
}

impl Sink for Checking {
    fn id(&self, chunk: &[u8]) -> ChunkId {
        id_of(chunk)
    }

    fn store(&self, chunk: &[u8], id: ChunkId, _hint: Hint) -> Result<(), Error> {
        assert_eq!(id, id_of(chunk));
        self.progress(chunk.len() as u64);
        Ok(())
    }

    fn progress(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
    }

    fn check_cancelled(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// Gives bytes in uneven portions.
struct Slice<'b>(&'b [u8]);

impl Bytes for Slice<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.0.len().min(buffer.len()).min(70_001);
        let (now, left) = self.0.split_at(length);
        buffer[..length].copy_from_slice(now);
        self.0 = left;
        Ok(length)
    }

    fn skip_zeros(&mut self, position: u64) -> u64 {
        position
    }
}

fn plan(rule: Rule, content: &[u8]) -> Plan {
    classify_as(rule, &content).unwrap().unwrap()
}

/// What plain cutting gives.
fn cut(plan: &Plan, content: &[u8]) -> Vec<Extent> {
    let chunker = Chunker::new(&KEY);
    let mut cutter = chunker.cutter(plan);
    let (mut extents, mut at) = (Vec::new(), 0);
    loop {
        let extent = match cutter.next(&content[at..], true) {
            Cut::Chunk { length, .. } => Extent::Chunk {
                id: id_of(&content[at..at + length]),
                len: u32::try_from(length).unwrap(),
            },
            Cut::Hole { length } => Extent::Hole { len: length as u64 },
            Cut::NeedMore { .. } | Cut::End => return extents,
        };
        at += usize::try_from(extent.len()).unwrap();
        extents.push(extent);
    }
}

/// What cutting with predictions gives, and how many bytes came as predicted.
fn cut_along(trails: &Trails, plan: &Plan, content: &[u8], window_bytes: usize) -> (Vec<Extent>, u64) {
    let (chunker, sink) = (Chunker::new(&KEY), Checking::default());
    let mut reading = Reading {
        sink: &sink,
        cutter: chunker.cutter(plan),
        content_len: plan.content_len(),
        trail: trails.begin(Cutting::of(plan.rule()).unwrap(), plan.content_len()),
        window: &mut Window::default(),
        window_bytes,
        at_end: false,
        extents: Vec::new(),
    };
    reading.run(&mut Slice(content)).unwrap();
    assert_eq!(sink.done.load(Ordering::Relaxed), content.len() as u64);
    (reading.extents, reading.trail.predicted)
}

fn remember(trails: &mut Trails, rule: Rule, content: &[u8]) {
    trails.add(&ContentRecord {
        classifier: rule.number(),
        chunker: CHUNKER_SET,
        extents: cut(&plan(rule, content), content),
    });
}

fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut out = vec![0; length];
    blake3::Hasher::new()
        .update(&seed.to_le_bytes())
        .finalize_xof()
        .fill(&mut out);
    out
}

/// Checks one content against what is remembered; returns how many of its bytes were predicted.
fn check(trails: &Trails, rule: Rule, content: &[u8]) -> u64 {
    let plan = plan(rule, content);
    let expected = cut(&plan, content);
    let mut predicted = 0;
    for window_bytes in [1, 400_000, 8 << 20] {
        let (extents, bytes) = cut_along(trails, &plan, content, window_bytes);
        assert_eq!(extents, expected, "{rule:?}, windows of {window_bytes}");
        predicted = predicted.max(bytes);
    }
    predicted
}

/// Cuts of a content, as offsets.
fn cuts(rule: Rule, content: &[u8]) -> Vec<usize> {
    let mut at = 0;
    let extents = cut(&plan(rule, content), content);
    extents
        .iter()
        .map(|extent| {
            at += usize::try_from(extent.len()).unwrap();
            at
        })
        .collect()
}

#[test]
fn a_known_content_is_predicted_whole() {
    for (rule, length) in [
        (Rule::Data, 3_000_000),
        (Rule::Big, 20_000_000),
        (Rule::Data, 40_000),
        (Rule::Data, 9000),
    ] {
        let content = noise(1, length);
        let length = length as u64;
        let mut trails = Trails::default();
        remember(&mut trails, rule, &content);
        assert_eq!(check(&trails, rule, &content), length, "{rule:?}");
        // It helps neither with what is cut in another way, nor with nothing.
        let other = if rule == Rule::Data { Rule::Big } else { Rule::Data };
        assert_eq!(check(&trails, other, &content), 0);
        assert_eq!(check(&Trails::default(), rule, &content), 0);
    }
}

#[test]
fn what_surrounds_an_edit_is_predicted() {
    let content = noise(2, 6_000_000);
    let mut trails = Trails::default();
    remember(&mut trails, Rule::Data, &content);
    let mut edited = content.clone();
    edited[3_000_000] ^= 1;
    assert!(check(&trails, Rule::Data, &edited) > 5_000_000);
    let inserted = [&content[..2_000_000], b"inserted", &content[2_000_000..]].concat();
    assert!(check(&trails, Rule::Data, &inserted) > 5_000_000);
    let grown = [content.clone(), noise(3, 100_000)].concat();
    assert!(check(&trails, Rule::Data, &grown) > 5_500_000);
    assert!(check(&trails, Rule::Data, &content[..4_000_001]) > 3_500_000);
    // Of new content nothing is, however much is known.
    assert_eq!(check(&trails, Rule::Data, &noise(4, 6_000_000)), 0);
}

#[test]
fn the_byte_behind_a_cut_counts() {
    // A cut depends on the first byte of the next chunk. Changed there, the chunk before has its old bytes, and yet another
    // end; and the next one too where the content ends with a byte more or less.
    let content = noise(5, 1_500_000);
    let mut trails = Trails::default();
    remember(&mut trails, Rule::Data, &content);
    for at in cuts(Rule::Data, &content) {
        for offset in [0, 1, 2] {
            if let Some(at) = (at + offset).checked_sub(1).filter(|at| *at < content.len()) {
                let mut edited = content.clone();
                edited[at] ^= 0x55;
                check(&trails, Rule::Data, &edited);
                check(&trails, Rule::Data, &content[..at]);
                check(&trails, Rule::Data, &content[..=at]);
            }
        }
    }
}

#[test]
fn an_end_that_fits_is_not_enough() {
    // All chunks end as they did, but there are new cuts within them.
    let content = noise(11, 6_000_000);
    let mut trails = Trails::default();
    remember(&mut trails, Rule::Data, &content);
    let (mut other, mut start) = (noise(12, content.len()), 0);
    for end in cuts(Rule::Data, &content) {
        let kept = end.saturating_sub(100).max(start)..(end + 100).min(content.len());
        other[kept.clone()].copy_from_slice(&content[kept]);
        start = end;
    }
    assert_eq!(check(&trails, Rule::Data, &other), 0);
    // Only some of them.
    for third in 0..3 {
        let mut mixed = content.clone();
        let part = third * 2_000_000..(third + 1) * 2_000_000;
        mixed[part.clone()].copy_from_slice(&other[part]);
        assert!(check(&trails, Rule::Data, &mixed) > 3_000_000);
    }
}

#[test]
fn holes_are_where_zeros_are_aligned_now() {
    // Zeros that made no hole where they were make one when they are shifted, and the other way round.
    let block = HOLE_BLOCK;
    let mut content = noise(6, 20 * block);
    content[5 * block + 100..6 * block + 200].fill(0);
    content[9 * block..11 * block].fill(0);
    content[14 * block - 20_000..14 * block + 46_000].fill(0);
    let mut trails = Trails::default();
    remember(&mut trails, Rule::Data, &content);
    for shift in [
        1,
        50,
        100,
        4096,
        block / 2,
        block - 100,
        block - 50,
        block - 1,
        block,
    ] {
        let shifted = [noise(7, shift), content.clone()].concat();
        check(&trails, Rule::Data, &shifted);
        check(&trails, Rule::Data, &content[shift..]);
        let mut zeroed = content.clone();
        zeroed[6 * block..6 * block + shift].fill(0);
        zeroed[14 * block + 46_000..15 * block].fill(0);
        check(&trails, Rule::Data, &zeroed);
    }
}

#[test]
fn repetitions_lead_nowhere_for_ever() {
    let period = noise(8, 50_000);
    let content = period.repeat(40);
    let mut trails = Trails::default();
    remember(&mut trails, Rule::Data, &content);
    remember(&mut trails, Rule::Data, &vec![7; 3_000_000]);
    check(&trails, Rule::Data, &period.repeat(60));
    check(
        &trails,
        Rule::Data,
        &[content, vec![7; 2_000_000], period].concat(),
    );
    assert!(check(&trails, Rule::Data, &vec![7; 4_000_000]) > 3_000_000);
    // All contents that are equal up to here may go on in another way.
    let once = noise(9, 200_000);
    for tail in 0..5 {
        remember(
            &mut trails,
            Rule::Data,
            &[once.as_slice(), &noise(100 + tail, 300_000)].concat(),
        );
    }
    let mixed: Vec<u8> = (0..30)
        .flat_map(|i| [once.as_slice(), &noise(100 + i % 6, 300_000)].concat())
        .collect();
    check(&trails, Rule::Data, &mixed);
}

#[test]
fn steps_that_no_cutting_gives_lead_nowhere() {
    // A snapshot is believed to be what this archive wrote, but not with an endless loop or too much memory.
    let content = noise(10, 300_000);
    for len in [0, 1, 2, 20_000, 300_000, 300_001, u32::MAX] {
        let mut trails = Trails::default();
        let id = id_of(&content[..content.len().min(len as usize)]);
        trails.add(&ContentRecord {
            classifier: Rule::Data.number(),
            chunker: CHUNKER_SET,
            extents: vec![Extent::Chunk { id, len }; 3],
        });
        let mut trail = trails.begin(Cutting::Fine, Some(3 * u64::from(len)));
        assert_eq!(trail.ahead().count(), 1);
        trail.way = Way::Predicted;
        assert_eq!(trail.next.map(Step::length), Some(len as usize));
        let plan = plan(Rule::Data, &content);
        let (chunker, sink) = (Chunker::new(&KEY), Checking::default());
        trail.batch = usize::MAX;
        let mut reading = Reading {
            sink: &sink,
            cutter: chunker.cutter(&plan),
            content_len: plan.content_len(),
            trail,
            window: &mut Window::default(),
            window_bytes: 400_000,
            at_end: false,
            extents: Vec::new(),
        };
        reading.run(&mut Slice(&content)).unwrap();
        assert_eq!(reading.extents, cut(&plan, &content), "steps of {len}");
    }
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut trails = Trails::default();
    for i in 0..STEPS_MAX as u64 {
        let chunk = |n: u64| Extent::Chunk {
            id: id_of(&[i.to_le_bytes(), n.to_le_bytes()].concat()),
            len: 20_000,
        };
        let hole = Extent::Hole {
            len: 65_536 * (i + 1),
        };
        trails.add(&ContentRecord {
            classifier: Rule::Data.number(),
            chunker: CHUNKER_SET,
            extents: vec![chunk(0), chunk(1), hole, chunk(2)],
        });
    }
    assert_eq!(trails.steps.len(), STEPS_MAX);
    assert!(trails.steps.capacity() <= 1 << 18);
    assert!(size_of::<((Cutting, Sign), Step)>() <= 40);
}

/// How a content becomes another.
#[derive(Clone, Debug)]
enum Edit {
    Flip(usize),
    FlipAtCut(usize, usize),
    Insert(usize, usize),
    Delete(usize, usize),
    Zeros(usize, usize),
    ZeroBlocks(usize, usize),
    Copy(usize, usize, usize),
    CutOff(usize),
    Append(usize),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let place = || any::<usize>();
    let length = || prop_oneof![1..20usize, 1000..200_000usize];
    let edit = prop_oneof![
        place().prop_map(Edit::Flip),
        (place(), 0..3usize).prop_map(|(a, b)| Edit::FlipAtCut(a, b)),
        (place(), length()).prop_map(|(a, b)| Edit::Insert(a, b)),
        (place(), length()).prop_map(|(a, b)| Edit::Delete(a, b)),
        (place(), length()).prop_map(|(a, b)| Edit::Zeros(a, b)),
        (place(), 1..4usize).prop_map(|(a, b)| Edit::ZeroBlocks(a, b)),
        (place(), place(), length()).prop_map(|(a, b, c)| Edit::Copy(a, b, c)),
        place().prop_map(Edit::CutOff),
        length().prop_map(Edit::Append),
    ];
    prop::collection::vec(edit, 0..5)
}

fn apply(rule: Rule, content: &mut Vec<u8>, edit: &Edit, seed: u64) {
    let size = content.len().max(1);
    match *edit {
        Edit::Flip(at) => content[at % size] ^= 1,
        Edit::FlipAtCut(number, offset) => {
            let cuts = cuts(rule, content);
            let at = (cuts[number % cuts.len()] + offset).saturating_sub(1);
            content[at % size] ^= 1;
        }
        Edit::Insert(at, length) => {
            let at = at % size;
            content.splice(at..at, noise(seed, length));
        }
        Edit::Delete(at, length) => {
            let at = at % size;
            let end = (at + length).min(content.len() - 10_000.min(content.len()));
            content.drain(at.min(end)..end);
        }
        Edit::Zeros(at, length) => {
            let at = at % size;
            let end = (at + length).min(size);
            content[at..end].fill(0);
        }
        Edit::ZeroBlocks(at, count) => {
            let at = at % size / HOLE_BLOCK * HOLE_BLOCK;
            let end = (at + count * HOLE_BLOCK).min(size);
            content[at..end].fill(0);
        }
        Edit::Copy(from, to, length) => {
            let from = from % size;
            let part = content[from..(from + length).min(size)].to_vec();
            let to = to % size;
            content.splice(to..to, part);
        }
        Edit::CutOff(at) => content.truncate((at % size).max(10_000)),
        Edit::Append(length) => content.extend(noise(seed, length)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, rng_seed: RngSeed::Fixed(20_261_121), ..ProptestConfig::default() })]

    #[test]
    fn edited_contents_are_cut_as_if_nothing_were_known(
        seed in any::<u64>(),
        length in 20_000..1_500_000usize,
        before in edits(),
        after in edits(),
        big in prop::bool::weighted(0.2),
    ) {
        let rule = if big { Rule::Big } else { Rule::Data };
        let mut content = noise(seed, if big { length * 6 } else { length });
        let mut trails = Trails::default();
        let mut known = HashSet::new();
        for (edit, n) in before.iter().zip(0..) {
            apply(rule, &mut content, edit, seed ^ n);
            if known.insert(content.len()) {
                remember(&mut trails, rule, &content);
            }
        }
        remember(&mut trails, rule, &content);
        check(&trails, rule, &content);
        for (edit, n) in after.iter().zip(100..) {
            apply(rule, &mut content, edit, seed ^ n);
            check(&trails, rule, &content);
        }
    }
}
