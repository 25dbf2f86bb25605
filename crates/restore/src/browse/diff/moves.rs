//! Files that left one path and came up under another: told from those that were removed or added.
//!
//! A first pass over both trees notes which contents vanished somewhere and which appeared, 16 bytes each. Only
//! files of contents that did both can have moved; only of those the second pass keeps paths, until the other end
//! turns up. What does not fit into the bounds is reported as removed and added, and said so.

use std::collections::{HashMap, VecDeque};

use lumivault_format::ContentId;

use super::Listed;

/// Contents noted on each side: 32 MiB in all.
const NOTED_MAX: usize = 1_000_000;
/// Bytes of entries that wait for their other end.
const WAITING_BYTES_MAX: usize = 24 * 1024 * 1024;

/// Enough of a keyed hash to tell contents apart.
type Print = [u8; 16];

fn print(id: &ContentId) -> Option<Print> {
    // Empty files are alike without having anything to do with one another.
    let first = id.as_bytes().first_chunk::<16>();
    first.copied().filter(|_| *id != ContentId::EMPTY)
}

/// What the first pass gathers.
#[derive(Debug, Default)]
pub(super) struct Census {
    vanished: Vec<Print>,
    appeared: Vec<Print>,
    limited: bool,
}

impl Census {
    pub(super) fn note(&mut self, id: &ContentId, appeared: bool) {
        let side = if appeared {
            &mut self.appeared
        } else {
            &mut self.vanished
        };
        if side.len() >= NOTED_MAX {
            self.limited = true;
        } else {
            side.extend(print(id));
        }
    }

    /// What both sides have in common.
    pub(super) fn finish(mut self) -> Moves {
        self.vanished.sort_unstable();
        self.vanished.dedup();
        self.appeared.sort_unstable();
        self.appeared.dedup();
        let appeared = self.appeared;
        self.vanished
            .retain(|print| appeared.binary_search(print).is_ok());
        self.vanished.shrink_to_fit();
        Moves {
            moved: self.vanished,
            waiting: HashMap::new(),
            waiting_bytes: 0,
            limited: self.limited,
        }
    }
}

/// Pairs the ends of moves.
#[derive(Debug, Default)]
pub(super) struct Moves {
    moved: Vec<Print>,
    waiting: HashMap<Print, Waiting>,
    waiting_bytes: usize,
    limited: bool,
}

/// Entries of one content; all of the same side.
#[derive(Debug, Default)]
struct Waiting {
    appeared: bool,
    entries: VecDeque<Listed>,
}

/// What is to be done with an entry that vanished or appeared.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It was removed or added.
    Plain(Listed),
    /// Its other end is to come.
    Waits,
    /// This is its other end.
    Pair { this: Listed, other: Listed },
}

impl Moves {
    /// Whether anything moved at all.
    pub(super) fn is_empty(&self) -> bool {
        self.moved.is_empty()
    }

    pub(super) fn take(&mut self, entry: Listed, appeared: bool) -> Verdict {
        let Some(print) = entry.content.as_ref().and_then(print) else {
            return Verdict::Plain(entry);
        };
        if self.moved.binary_search(&print).is_err() {
            return Verdict::Plain(entry);
        }
        let waiting = self.waiting.entry(print).or_default();
        if waiting.appeared != appeared
            && let Some(other) = waiting.entries.pop_front()
        {
            self.waiting_bytes = self.waiting_bytes.saturating_sub(other.weight());
            return Verdict::Pair { this: entry, other };
        }
        let weight = entry.weight();
        if self.waiting_bytes.saturating_add(weight) > WAITING_BYTES_MAX {
            self.limited = true;
            return Verdict::Plain(entry);
        }
        waiting.appeared = appeared;
        waiting.entries.push_back(entry);
        self.waiting_bytes = self.waiting_bytes.saturating_add(weight);
        Verdict::Waits
    }

    /// Entries whose other end never came, in the order of their paths, each with whether it appeared; and whether
    /// bounds were hit.
    pub(super) fn finish(self) -> (Vec<(Listed, bool)>, bool) {
        let mut rest: Vec<(Listed, bool)> = self
            .waiting
            .into_values()
            .flat_map(|waiting| {
                waiting
                    .entries
                    .into_iter()
                    .map(move |entry| (entry, waiting.appeared))
            })
            .collect();
        rest.sort_by(|a, b| a.0.path.cmp(&b.0.path));
        (rest, self.limited)
    }
}
