//! Turns a plan and the bytes into segments, in memory bounded by one chunk.

use super::gear::Gear;
use super::params::{CdcSizes, HOLE_BLOCK};
use super::plan::{Hint, Method, Plan, Stretch};

/// Cuts contents for one archive. Holds the secret gear table.
#[derive(Debug)]
pub struct Chunker {
    gear: Box<Gear>,
}

/// What comes next in a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The next `length` bytes are a chunk: at least one, at most [`CHUNK_MAX`](super::CHUNK_MAX).
    Chunk {
        /// Bytes of the window.
        length: usize,
        /// What to try on it.
        hint: Hint,
    },
    /// The next `length` bytes are zeros and not stored. A run that is longer than the window comes in parts:
    /// holes that follow one another are one hole.
    Hole {
        /// Bytes of the window.
        length: usize,
    },
    /// The window does not decide; call again with at least this many bytes (or with `at_end`).
    NeedMore {
        /// More than the window held, and never more than 16 MiB.
        at_least: usize,
    },
    /// Nothing is left.
    End,
}

impl Chunker {
    /// Derives the gear table from the archive's chunker key, which must never change.
    pub fn new(key: &[u8; 32]) -> Self {
        Self { gear: Gear::new(key) }
    }

    /// Starts at the first byte.
    pub fn cutter<'a>(&'a self, plan: &'a Plan) -> Cutter<'a> {
        self.cutter_at(plan, 0)
    }

    /// Starts at `position`, which must be an earlier cut (or 0) for the cuts to be the same.
    pub fn cutter_at<'a>(&'a self, plan: &'a Plan, position: u64) -> Cutter<'a> {
        Cutter {
            gear: &self.gear,
            plan,
            position,
        }
    }

    #[cfg(test)]
    pub(super) fn gear(&self) -> &Gear {
        &self.gear
    }
}

/// Walks through one content. Its only state is the position: the cuts after a cut depend on the plan and on the
/// bytes from there on, never on how the walk came there.
#[derive(Clone, Debug)]
pub struct Cutter<'a> {
    gear: &'a Gear,
    plan: &'a Plan,
    position: u64,
}

impl Cutter<'_> {
    /// Bytes cut so far, which is where the next window must begin.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Goes to an earlier or later cut. Callers that know from the file system that zeros follow may also go on
    /// from a hole to a multiple of [`HOLE_BLOCK`](super::HOLE_BLOCK) within those zeros.
    pub fn seek(&mut self, position: u64) {
        self.position = position;
    }

    /// Length of the next chunk where it follows from the plan alone, so that content seen before can be hashed
    /// without being held in memory. `None` where the bytes decide, and at the end.
    pub fn next_length_known(&self) -> Option<usize> {
        let (stretch, end) = self.plan.stretch_at(self.position);
        let Method::Pieces(piece) = stretch.method else {
            return None;
        };
        let left = remaining(self.position, end);
        (end.is_some() && left > 0).then_some(piece.min(left))
    }

    /// The next segment, given the bytes from [`position`](Self::position) on. `at_end` says that the window ends
    /// where the content does. Content that ends before the length it was classified with is cut as if it had
    /// ended there; bytes beyond that length are never looked at.
    pub fn next(&mut self, window: &[u8], at_end: bool) -> Cut {
        let cut = self.look(window, at_end);
        if let Cut::Chunk { length, .. } | Cut::Hole { length } = cut {
            self.position = self.position.saturating_add(length as u64);
        }
        cut
    }

    /// Goes over the next segment if [`next`](Self::next) would give a chunk of `length` bytes, and tells its hint; costs
    /// next to nothing. The caller has to find out by their hash that these bytes were one chunk before, cut by the same
    /// method, or the answer is worth nothing. `None` also where the window does not decide.
    pub(crate) fn next_known(&mut self, window: &[u8], at_end: bool, length: usize) -> Option<Hint> {
        let (stretch, window, left, at_end) = self.visible(window, at_end);
        let Method::Cdc(sizes) = stretch.method else {
            return None;
        };
        let shown = at_end || window.len() >= look_ahead(sizes, left);
        if length == 0 || !shown || !self.gear.ends_at(sizes, window, length) {
            return None;
        }
        if self.hole_before(window, length).is_some() {
            return None;
        }
        self.position = self.position.saturating_add(length as u64);
        Some(stretch.hint)
    }

    /// The stretch, its part of the window, how many bytes it has left, and whether it ends with the window.
    fn visible<'w>(&self, window: &'w [u8], at_end: bool) -> (Stretch, &'w [u8], usize, bool) {
        let (stretch, end) = self.plan.stretch_at(self.position);
        let left = remaining(self.position, end);
        let window = &window[..window.len().min(left)];
        (stretch, window, left, at_end || window.len() == left)
    }

    fn look(&self, window: &[u8], at_end: bool) -> Cut {
        let (stretch, window, left, at_end) = self.visible(window, at_end);
        if window.is_empty() && at_end {
            return Cut::End;
        }
        match stretch.method {
            Method::Pieces(piece) if window.len() < piece && !at_end => Cut::NeedMore {
                at_least: piece.min(left),
            },
            Method::Pieces(piece) => Cut::Chunk {
                length: piece.min(window.len()),
                hint: stretch.hint,
            },
            Method::Cdc(sizes) => self.look_at_data(sizes, stretch.hint, window, left, at_end),
        }
    }

    fn look_at_data(&self, sizes: &CdcSizes, hint: Hint, window: &[u8], left: usize, at_end: bool) -> Cut {
        if self.to_block() == 0 {
            let zeros = window
                .chunks_exact(HOLE_BLOCK)
                .take_while(|block| is_zero(block))
                .count();
            if zeros > 0 {
                return Cut::Hole {
                    length: zeros * HOLE_BLOCK,
                };
            }
        }
        let wanted = look_ahead(sizes, left);
        if window.len() < wanted && !at_end {
            return Cut::NeedMore { at_least: wanted };
        }
        let length = self.gear.cut(sizes, window);
        Cut::Chunk {
            length: self.hole_before(window, length).unwrap_or(length),
            hint,
        }
    }

    /// Bytes from the position to the next place where a zero block can begin.
    fn to_block(&self) -> usize {
        usize::try_from(self.position.wrapping_neg() % HOLE_BLOCK as u64).unwrap_or(0)
    }

    /// Where the first zero block begins in the window, if that is before `length`.
    fn hole_before(&self, window: &[u8], length: usize) -> Option<usize> {
        let aligned = self.to_block();
        let blocks = window.get(aligned..).unwrap_or_default().chunks_exact(HOLE_BLOCK);
        (aligned..length)
            .step_by(HOLE_BLOCK)
            .zip(blocks)
            .find(|(_, block)| is_zero(block))
            .map(|(start, _)| start)
    }
}

/// Bytes that decide about a chunk: one of full length ends where a hole begins, so the block behind it must be visible too.
fn look_ahead(sizes: &CdcSizes, left: usize) -> usize {
    (sizes.max + HOLE_BLOCK).min(left)
}

/// Bytes up to `end`, or as many as there can be.
fn remaining(position: u64, end: Option<u64>) -> usize {
    end.map_or(usize::MAX, |end| {
        usize::try_from(end.saturating_sub(position)).unwrap_or(usize::MAX)
    })
}

/// Looks at a cache line first, because most blocks are decided there; the rest in parts that vectorise.
fn is_zero(block: &[u8]) -> bool {
    let (first, rest) = block.split_at(block.len().min(64));
    let clear = |part: &[u8]| part.iter().fold(0, |bits, byte| bits | byte) == 0;
    clear(first) && rest.chunks(1024).all(clear)
}
