//! Predicts cuts, so that a content stored before is confirmed by hashing alone, without looking for its cuts.
//!
//! Remembers of the contents of the snapshot before how they begin and which chunk follows which. A prediction is only a
//! guess: it counts where the range hashes to the id of a chunk that was cut by the same method, and
//! [`Cutter::next_known`](crate::chunking::Cutter::next_known) sees that cutting would end it in the same place.

use std::collections::HashMap;
use std::iter;

use lumivault_format::ChunkId;
use lumivault_format::tree::{ContentRecord, Extent};

use crate::chunking::{CHUNKER_SET, Rule};

/// Chunks remembered at most: 9 MB, as a hash table of 2^18 places is filled to seven eighths. That is 14 GB of what is cut
/// finely; what lies beyond is cut by looking for its cuts.
const STEPS_MAX: usize = (1 << 18) / 8 * 7;

/// Enough of an id, which is a keyed hash, to tell whether a prediction came true. What is stored has the whole id of its
/// own bytes.
type Prefix = u64;

fn prefix(id: &ChunkId) -> Prefix {
    let mut first = [0; size_of::<Prefix>()];
    first.copy_from_slice(&id.as_bytes()[..size_of::<Prefix>()]);
    Prefix::from_le_bytes(first)
}

/// How a content is cut from its first to its last byte. Cuts of one kind say nothing about the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Cutting {
    Fine,
    Coarse,
}

impl Cutting {
    /// `None` for the rules that need no search for cuts, or that have other cuts besides.
    pub(super) fn of(rule: Rule) -> Option<Self> {
        match rule {
            Rule::Text | Rule::Data | Rule::Stream => Some(Self::Fine),
            Rule::Big => Some(Self::Coarse),
            _ => None,
        }
    }
}

/// A chunk to expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    prefix: Prefix,
    len: u32,
}

impl Step {
    pub(super) fn length(self) -> usize {
        self.len as usize
    }

    pub(super) fn leads_to(self, id: &ChunkId) -> bool {
        self.prefix == prefix(id)
    }
}

/// What lets expect a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Sign {
    /// A content of this length begins.
    Length(u64),
    /// This chunk came before.
    After(Prefix),
}

/// What is known of all contents.
#[derive(Debug, Default)]
pub(super) struct Trails {
    steps: HashMap<(Cutting, Sign), Step>,
}

impl Trails {
    /// Remembers a content.
    pub(super) fn add(&mut self, record: &ContentRecord) {
        let rule = Rule::from_number(record.classifier).filter(|_| record.chunker == CHUNKER_SET);
        let Some(cutting) = rule.and_then(Cutting::of) else {
            return;
        };
        let mut sign = Some(Sign::Length(record.len()));
        for extent in &record.extents {
            let Extent::Chunk { id, len } = extent else {
                sign = None;
                continue;
            };
            let prefix = prefix(id);
            if let Some(sign) = sign
                && self.steps.len() < STEPS_MAX
            {
                let step = Step { prefix, len: *len };
                self.steps.entry((cutting, sign)).or_insert(step);
            }
            sign = Some(Sign::After(prefix));
        }
    }

    /// What is known that helps with a content cut like this.
    pub(super) fn begin(&self, cutting: Cutting, content_len: Option<u64>) -> Trail<'_> {
        let mut trail = Trail::default();
        if !self.steps.is_empty() {
            trail.known = Some((self, cutting));
            trail.next = content_len.and_then(|len| trail.step(Sign::Length(len)));
        }
        trail
    }
}

/// How cuts are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Predicted,
    Searched,
}

/// The way through one content.
pub(super) struct Trail<'t> {
    /// `None` where nothing is known that could help.
    known: Option<(&'t Trails, Cutting)>,
    next: Option<Step>,
    way: Way,
    /// Segments to take at once as long as it goes on in the same way. It doubles each time, so that what was hashed or
    /// searched for nothing when the way changes is never much more than what was not.
    batch: usize,
    /// Bytes that came as predicted.
    #[cfg(test)]
    predicted: u64,
}

impl Default for Trail<'_> {
    fn default() -> Self {
        Self {
            known: None,
            next: None,
            way: Way::Searched,
            batch: 1,
            #[cfg(test)]
            predicted: 0,
        }
    }
}

impl Trail<'_> {
    /// Segments to take at once in this way.
    pub(super) fn batch(&self, way: Way) -> usize {
        match self.known {
            None => usize::MAX,
            Some(_) if way == self.way => self.batch,
            Some(_) => 1,
        }
    }

    /// The chunks to expect, no more than to be taken at once.
    pub(super) fn ahead(&self) -> impl Iterator<Item = Step> {
        let after = |step: &Step| self.step(Sign::After(step.prefix));
        iter::successors(self.next, after).take(self.batch(Way::Predicted))
    }

    /// Some segments were taken; the trail goes on behind the last. Or it ends, unless all were as expected.
    pub(super) fn passed(&mut self, way: Way, taken: &[Extent], as_expected: bool) {
        #[cfg(test)]
        if way == Way::Predicted {
            self.predicted += taken.iter().map(Extent::len).sum::<u64>();
        }
        if let Some(last) = taken.last() {
            self.batch = self.batch(way).saturating_mul(2);
            self.way = way;
            self.next = match last {
                Extent::Chunk { id, .. } => self.step(Sign::After(prefix(id))),
                _ => None,
            };
        }
        if !as_expected {
            self.next = None;
        }
    }

    fn step(&self, sign: Sign) -> Option<Step> {
        let (trails, cutting) = self.known?;
        trails.steps.get(&(cutting, sign)).copied()
    }
}

#[cfg(test)]
mod tests;
