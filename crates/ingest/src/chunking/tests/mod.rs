//! Tests of the chunking rules, and what they share.

mod figures;
mod golden;
mod properties;
mod rules;
mod zips;

use super::*;

/// One segment of a content; holes that follow one another are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Segment {
    Chunk(usize),
    Hole(usize),
}

impl Segment {
    fn length(self) -> usize {
        match self {
            Self::Chunk(length) | Self::Hole(length) => length,
        }
    }
}

/// Pseudo-random bytes: SplitMix64, each word little-endian. The golden vectors depend on it.
fn random(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bytes.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// As [`random`], printable.
fn text(seed: u64, length: usize) -> Vec<u8> {
    random(seed, length)
        .into_iter()
        .map(|byte| 32 + byte % 95)
        .collect()
}

fn chunker() -> Chunker {
    Chunker::new(&std::array::from_fn(|i| u8::try_from(i).unwrap()))
}

/// Cuts from `start` to the end, showing windows whose sizes come from `sizes` (never fewer than asked for).
fn segments_from(
    plan: &Plan,
    content: &[u8],
    start: usize,
    mut sizes: impl FnMut() -> usize,
) -> Vec<(Segment, Option<Hint>)> {
    let chunker = chunker();
    let mut cutter = chunker.cutter_at(plan, start as u64);
    let mut segments: Vec<(Segment, Option<Hint>)> = Vec::new();
    let mut at = start;
    let mut size = sizes();
    loop {
        let window = &content[at..content.len().min(at.saturating_add(size))];
        let known = cutter.next_length_known();
        let next = match cutter.next(window, at + window.len() == content.len()) {
            Cut::Chunk { length, hint } => {
                // Content that is shorter than it was said to be keeps no promise.
                let whole = plan.content_len().is_none_or(|len| len == content.len() as u64);
                let kept = !whole || known.is_none_or(|known| known == length);
                assert!(kept, "predicted {known:?}, cut {length} at {at}");
                (Segment::Chunk(length), Some(hint))
            }
            Cut::Hole { length } => (Segment::Hole(length), None),
            Cut::NeedMore { at_least } => {
                assert!(
                    at_least > window.len() && at_least <= CHUNK_MAX,
                    "asked for {at_least}"
                );
                size = at_least;
                continue;
            }
            Cut::End => break,
        };
        let length = next.0.length();
        assert!(
            length > 0 && length <= window.len(),
            "{next:?} of {}",
            window.len()
        );
        at += length;
        assert_eq!(cutter.position(), at as u64);
        size = sizes();
        match (segments.last_mut(), next.0) {
            (Some((Segment::Hole(before), _)), Segment::Hole(length)) => *before += length,
            _ => segments.push(next),
        }
    }
    assert_eq!(at, content.len(), "segments must cover the content");
    segments
}

fn segments(plan: &Plan, content: &[u8]) -> Vec<Segment> {
    segments_from(plan, content, 0, || usize::MAX)
        .into_iter()
        .map(|(segment, _)| segment)
        .collect()
}

/// Rule and segments of a content.
fn cut(content: &[u8]) -> (Rule, Vec<Segment>) {
    let plan = classify(&content).unwrap();
    (plan.rule(), segments(&plan, content))
}

/// Chunks only, for contents that have no holes.
fn chunks(lengths: &[usize]) -> Vec<Segment> {
    lengths.iter().copied().map(Segment::Chunk).collect()
}

/// A JPEG with metadata of `metadata` bytes and `picture` bytes after the first start-of-scan segment, and where
/// those begin.
fn jpeg(metadata: usize, picture: usize) -> (Vec<u8>, usize) {
    let mut bytes = b"\xFF\xD8".to_vec();
    for part in vec![b'x'; metadata].chunks(65_533) {
        bytes.extend_from_slice(b"\xFF\xE1");
        bytes.extend_from_slice(&u16::try_from(part.len() + 2).unwrap().to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes.extend_from_slice(b"\xFF\xDB\x00\x43");
    bytes.extend_from_slice(&[16; 65]);
    bytes.extend_from_slice(b"\xFF\xC0\x00\x0B\x08\x10\x00\x10\x00\x01\x01\x11\x00");
    bytes.extend_from_slice(b"\xFF\xDA\x00\x08\x01\x01\x00\x00\x3F\x00");
    let start = bytes.len();
    bytes.extend_from_slice(&random(picture as u64, picture));
    (bytes, start)
}
