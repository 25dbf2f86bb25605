//! One power cut: what is left is looked at, work goes on there, and the power is cut again while it does.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use lumivault_chunk_store::storage_log::{Deed, Record, StorageLog};
use lumivault_testkit::SeededRandom;
use lumivault_testkit::crash::{Choice, CrashState, Disk, Exploration, Tree, explore_at, last_steps};

use super::expect::{Expected, Key};
use super::site::{Site, Try, failed};
use super::sources::Sources;
use super::verify::{Found, verify};
use super::work::{OLD, RECOVERY};

/// More than the day after which a session counts as dead; seconds.
const DAY: i64 = 26 * 3600;

/// A crash state that is to be visited.
#[derive(Debug)]
pub(super) struct Stop {
    /// Where it comes from, for messages; part of the seed of what happens there.
    pub(super) name: String,
    /// Power cuts so far.
    pub(super) cuts: i64,
    pub(super) tree: Tree,
    /// Whether readers can tell it from the states before it.
    pub(super) unlike: bool,
    cut: usize,
    /// What was undecided, and what became of it.
    fates: Vec<String>,
    /// Where only the process died: the disk, which the power may still leave.
    killed: Option<Disk>,
    pub(super) expected: Expected,
}

impl Stop {
    pub(super) fn new(origin: &str, cuts: i64, state: CrashState<'_>, expected: Expected) -> Self {
        let killed = (state.choice == Choice::AllKept).then(|| state.disk.clone());
        let fates = state.disk.explain(state.choice);
        let (cut, choice, tree, unlike) = (state.cut, state.choice, state.tree, state.unlike);
        Self {
            name: format!("{origin}, cut after step {cut}, {choice:?}"),
            cuts,
            tree,
            unlike,
            cut,
            fates,
            killed,
            expected,
        }
    }

    /// What led here, for messages.
    pub(super) fn story(&self, log: &[Record]) -> String {
        let steps = last_steps(log, self.cut, 12);
        let fates = self
            .fates
            .iter()
            .filter(|fate| !fate.contains("tmp/") && !fate.contains("(unnamed)"));
        format!(
            "  {}
  --
  {}",
            steps.join(
                "
  "
            ),
            fates.cloned().collect::<Vec<_>>().join(
                "
  "
            )
        )
    }
}

/// What was done after a cut.
pub(super) struct Recovery {
    base: Disk,
    log: Vec<Record>,
    /// What to expect of a cut after so many notes in the log.
    expected: Vec<Expected>,
    cache: Tree,
    origin: String,
    cuts: i64,
    ended: i64,
}

/// Looks at a state, backs up there, and looks again. The cache is of the time of the cut or later.
pub(super) fn visit(stop: &Stop, sources: &Sources, stage: usize, cache: &Tree, time: i64) -> Try<Recovery> {
    let site = Site::after_cut(&stop.name, &stop.tree, cache, time + DAY);
    let log = StorageLog::begin(&site.disk()).map_err(failed("the log"))?;
    let mut expected = Vec::new();
    let mut base = stop.expected.clone();
    if base.damaged {
        site.repair(RECOVERY)?;
        log.note("acknowledged: repair");
        expected.push(base.clone());
        base.damaged = false;
    }
    let found = verify(&site, sources, &base, "at once")?;
    let (key, base) = match found {
        Found::Whole(key) => (key, base),
        Found::Nothing => {
            let slots = [RECOVERY, OLD];
            if site.init(&slots).is_err() {
                // It asks for a clean folder; nothing was acknowledged here.
                return Ok(Recovery::nothing(stop));
            }
            log.note("acknowledged: init");
            let mut base = Expected::nothing(&slots);
            expected.push(base.clone());
            base.repository = true;
            (RECOVERY, base)
        }
    };
    let base = back_up(&site, sources, stage, key, &base, &mut expected)?;
    log.note("acknowledged: backup");
    if is_turn(&stop.name) {
        site.prune(key, false)?;
        log.note("acknowledged: prune");
        expected.push(base.clone());
    }
    verify(&site, sources, &base, "after going on").map_err(|error| format!("after going on: {error}"))?;
    Ok(Recovery {
        base: stop.killed.clone().unwrap_or_else(|| Disk::holding(&stop.tree)),
        log: log.records(),
        expected,
        cache: Tree::read(&site.cache()).map_err(failed("the cache"))?,
        origin: stop.name.clone(),
        cuts: stop.cuts,
        ended: site.now(),
    })
}

/// Pruning comes after one of four cuts.
fn is_turn(name: &str) -> bool {
    SeededRandom::new(&format!("turn of {name}")).below(4) == 0
}

/// What to expect while the backup is under way, and returned, once it is acknowledged.
fn back_up(
    site: &Site,
    sources: &Sources,
    stage: usize,
    key: Key,
    base: &Expected,
    expected: &mut Vec<Expected>,
) -> Try<Expected> {
    let id = site
        .backup(key, sources.path(stage))
        .map_err(|error| format!("going on: {error}"))?;
    expected.push(base.with(id, stage, false));
    expected.push(base.with(id, stage, true));
    Ok(base.with(id, stage, true))
}

impl Recovery {
    fn nothing(stop: &Stop) -> Self {
        Self {
            base: Disk::default(),
            log: Vec::new(),
            expected: vec![stop.expected.clone()],
            cache: Tree::default(),
            origin: stop.name.clone(),
            cuts: stop.cuts,
            ended: 0,
        }
    }

    /// So many of the power cuts while work went on, drawn by lot: first from those just after something was acknowledged
    /// that take all they may, or one thing, and then from the others.
    pub(super) fn stops(&self, how: Exploration, count: usize) -> Vec<Stop> {
        let (mut first, mut others) = (Vec::new(), Vec::new());
        let random = SeededRandom::new(&format!("stops of {}", self.origin));
        let ends = self.log.len() as u64 + 1;
        let drawn: BTreeSet<u64> = (0..count).map(|_| random.below(ends)).collect();
        let follows_note = |cut: usize| matches!(self.last_deed(cut), Some(Deed::Note(_)));
        let wanted = |cut: usize| follows_note(cut) || drawn.contains(&(cut as u64));
        let _ = explore_at(&self.base, &self.log, how, &wanted, &mut |state| {
            let expected = self.expected[state.notes].clone();
            let takes = matches!(state.choice, Choice::AllLost | Choice::OnlyLost(_));
            let is_first = state.unlike && takes && follows_note(state.cut);
            let list = if is_first { &mut first } else { &mut others };
            list.push(Stop::new(&self.origin, self.cuts + 1, state, expected));
            ControlFlow::Continue(())
        });
        let mut stops = Vec::new();
        for mut list in [first, others] {
            while stops.len() < count && !list.is_empty() {
                let lucky = usize::try_from(random.below(list.len() as u64)).unwrap();
                stops.push(list.swap_remove(lucky));
            }
        }
        stops
    }

    fn last_deed(&self, cut: usize) -> Option<&Deed> {
        Some(&self.log.get(cut.checked_sub(1)?)?.deed)
    }

    /// When it ended, in seconds since 1970.
    pub(super) fn ended(&self) -> i64 {
        self.ended
    }

    pub(super) fn cache(&self) -> &Tree {
        &self.cache
    }

    pub(super) fn log(&self) -> &[Record] {
        &self.log
    }
}
