//! Goes through the crash states of a history, each once.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;

use lumivault_chunk_store::storage_log::{Deed, Record};

use super::{Choice, Disk, Tree};

/// How far to go.
#[derive(Clone, Copy, Debug)]
pub struct Exploration {
    /// What draws begin with.
    pub seed: u64,
    /// Draws at each point of the log.
    pub draws: u64,
    /// Whether a path matters to readers. States that differ only elsewhere are alike.
    pub matters: fn(&Path) -> bool,
    /// How many that are alike are visited at most.
    pub alike_max: usize,
}

/// What one power cut left.
#[derive(Debug)]
pub struct CrashState<'d> {
    /// Records of the log before the cut.
    pub cut: usize,
    /// Notes among them.
    pub notes: usize,
    /// What was lost.
    pub choice: Choice,
    /// What is left.
    pub tree: Tree,
    /// The disk before the cut.
    pub disk: &'d Disk,
    /// Whether no state before had the same to say to readers.
    pub unlike: bool,
}

/// Visits every distinct crash state at every prefix of `log`, which began on `base`, until told to stop. Two states are
/// distinct if they differ in a byte, or in what was noted before.
pub fn explore(
    base: &Disk,
    log: &[Record],
    how: Exploration,
    each: &mut dyn FnMut(CrashState<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    explore_at(base, log, how, &|_| true, each)
}

/// The same at those prefixes only that are of the right length.
pub fn explore_at(
    base: &Disk,
    log: &[Record],
    how: Exploration,
    wanted: &dyn Fn(usize) -> bool,
    each: &mut dyn FnMut(CrashState<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut disk = base.clone();
    let mut notes = 0;
    let mut seen: HashMap<(usize, [u8; 32]), Vec<[u8; 32]>> = HashMap::new();
    for cut in 0..=log.len() {
        if let Some(record) = cut.checked_sub(1).and_then(|last| log.get(last)) {
            notes += usize::from(matches!(record.deed, Deed::Note(_)));
            disk.apply(record);
        }
        if !wanted(cut) {
            continue;
        }
        for choice in choices(&disk, &how, cut) {
            let tree = disk.crash(choice);
            let alike = seen.entry((notes, tree.digest(how.matters))).or_default();
            let digest = tree.digest(|_| true);
            if alike.len() >= how.alike_max || alike.contains(&digest) {
                continue;
            }
            alike.push(digest);
            each(CrashState {
                cut,
                notes,
                choice,
                unlike: alike.len() == 1,
                tree,
                disk: &disk,
            })?;
        }
    }
    ControlFlow::Continue(())
}

/// All or nothing, every single thing that matters to readers, and draws from everything.
fn choices(disk: &Disk, how: &Exploration, cut: usize) -> impl Iterator<Item = Choice> + use<> {
    let single = disk.undecided(how.matters);
    let draws = if disk.undecided(|_| true).is_empty() {
        0
    } else {
        how.draws
    };
    let seed = how.seed ^ ((cut as u64) << 20);
    [Choice::AllKept, Choice::AllLost]
        .into_iter()
        .chain(
            single
                .into_iter()
                .flat_map(|item| [Choice::OnlyLost(item), Choice::OnlyKept(item)]),
        )
        .chain((0..draws).map(move |draw| Choice::Drawn(seed ^ (draw << 44))))
}

/// The last steps before a cut, for messages.
pub fn last_steps(log: &[Record], cut: usize, count: usize) -> Vec<String> {
    let steps = log.iter().enumerate().take(cut);
    steps
        .skip(cut.saturating_sub(count))
        .map(|(number, record)| {
            let refused = if record.done { "" } else { " (refused)" };
            match &record.deed {
                Deed::Write { file, offset, bytes } => {
                    format!(
                        "{number}: write {} bytes at {offset} of file {}{refused}",
                        bytes.len(),
                        file.0
                    )
                }
                deed => format!("{number}: {deed:?}{refused}"),
            }
        })
        .collect()
}
