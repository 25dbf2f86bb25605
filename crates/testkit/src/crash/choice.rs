//! What a power cut takes and what it leaves.

use std::collections::{BTreeMap, BTreeSet};

use super::disk::{File, Inode};
use crate::SeededRandom;

/// Which of the undecided things are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// All of them.
    AllLost,
    /// None of them, as when only the process dies.
    AllKept,
    /// Only this one, counted as in [`super::Disk::undecided`].
    OnlyLost(usize),
    /// All but this one.
    OnlyKept(usize),
    /// As drawn from this seed; files may also be left in part.
    Drawn(u64),
}

/// What is left of the bytes of a file that were not synced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Data {
    /// Nothing.
    Lost,
    /// All.
    Whole,
    /// Some blocks of it.
    Mixed {
        /// Bytes of a block.
        block: usize,
        /// Blocks that were written; the others are as before, or zeros.
        written: BTreeSet<usize>,
        /// Whether the others are zeros even where there was something before.
        zeroed: bool,
        /// The file ends here.
        length: usize,
    },
}

impl Data {
    /// The bytes of a file that is left in part.
    pub(super) fn mix(&self, before: &[u8], after: &[u8]) -> Vec<u8> {
        let Self::Mixed {
            block,
            written,
            zeroed,
            length,
        } = self
        else {
            return after.to_vec();
        };
        let left = |(at, new): (usize, &u8)| {
            if written.contains(&(at / block)) {
                *new
            } else if *zeroed {
                0
            } else {
                before.get(at).copied().unwrap_or(0)
            }
        };
        after.iter().enumerate().take(*length).map(left).collect()
    }

    fn draw(random: &SeededRandom, length: usize) -> Self {
        let below = |end: usize| usize::try_from(random.below(end as u64)).expect("it was a usize");
        match random.below(5) {
            0 => Self::Lost,
            1 => Self::Whole,
            way => {
                let block = if random.below(2) == 0 { 512 } else { 4096 };
                let blocks = length.div_ceil(block);
                // Cut off anywhere or at a block; else torn.
                let cut = match random.below(4) {
                    _ if way > 2 => length,
                    0 => below(length + 1),
                    _ => (below(blocks + 1) * block).min(length),
                };
                let keep = 1 + random.below(3);
                let written = (0..blocks).filter(|_| way == 2 || random.below(4) < keep);
                Self::Mixed {
                    block,
                    written: written.collect(),
                    zeroed: way == 3,
                    length: cut,
                }
            }
        }
    }
}

/// A choice carried out.
#[derive(Debug, Default)]
pub(super) struct Decisions {
    /// Folder and number of each change of a name that is kept.
    kept: BTreeSet<(Inode, usize)>,
    /// Every file with bytes that were not synced.
    pub(super) data: BTreeMap<Inode, Data>,
}

impl Decisions {
    /// Goes through folders with their numbers of changes, then files.
    pub(super) fn draw<'f>(
        choice: Choice,
        changes: impl Iterator<Item = (Inode, usize)>,
        dirty: impl Iterator<Item = (Inode, &'f File)>,
    ) -> Self {
        let random = match choice {
            Choice::Drawn(seed) => Some(SeededRandom::new(&format!("power cut {seed}"))),
            _ => None,
        };
        // Of eight; how much survives differs from one draw to the next.
        let keep = random.as_ref().map_or(0, |random| random.below(9));
        let mut item = 0..;
        let mut keeps = || {
            let item = item.next().unwrap_or(usize::MAX);
            match (choice, &random) {
                (Choice::AllLost, _) => false,
                (Choice::OnlyLost(lost), _) => item != lost,
                (Choice::OnlyKept(kept), _) => item == kept,
                (Choice::Drawn(_), Some(random)) => random.below(8) < keep,
                (Choice::AllKept | Choice::Drawn(_), _) => true,
            }
        };
        let mut decisions = Self::default();
        for (folder, count) in changes {
            let kept = (0..count).filter(|_| keeps()).map(|number| (folder, number));
            decisions.kept.extend(kept);
        }
        for (file, state) in dirty {
            let data = match &random {
                Some(random) => Data::draw(random, state.current.bytes().len()),
                None if keeps() => Data::Whole,
                None => Data::Lost,
            };
            decisions.data.insert(file, data);
        }
        decisions
    }

    pub(super) fn keeps(&self, folder: Inode, number: usize) -> bool {
        self.kept.contains(&(folder, number))
    }
}
