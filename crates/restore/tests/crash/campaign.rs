//! Many power cuts, and the proof that the test can fail.

use std::collections::{BTreeSet, HashSet};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use lumivault_chunk_store::nonce_ledger_totals;
use lumivault_chunk_store::storage_log::Deed;
use lumivault_testkit::crash::{Disk, Exploration, explore};

use super::expect::Expected;
use super::sources::Sources;
use super::states::{Stop, visit};
use super::work::{History, record};

/// Distinct states in an ordinary run of the tests.
const STATES: usize = 5_000;
/// Violations told in full; more prove nothing new.
const TOLD_MAX: usize = 5;

/// What readers never look at: temporary files.
fn matters(path: &Path) -> bool {
    !path.components().any(|name| name.as_os_str() == "tmp")
}

fn exploration(seed: u64) -> Exploration {
    Exploration {
        seed,
        draws: 6,
        matters,
        alike_max: 2,
    }
}

/// Counts of one campaign, shared by its threads.
#[derive(Debug, Default)]
struct Tally {
    /// Hashes of the states visited, and of what was expected there.
    visited: Mutex<HashSet<[u8; 32]>>,
    /// Hashes of the states alone.
    distinct: Mutex<HashSet<[u8; 32]>>,
    /// States to visit after a first cut.
    first: AtomicUsize,
    /// Visits after a second cut.
    second: AtomicUsize,
    /// Visits of states that nobody who reads the repository can tell from one visited before.
    alike: AtomicUsize,
    violations: Mutex<Vec<String>>,
}

impl Tally {
    fn states(&self) -> usize {
        self.distinct.lock().unwrap().len()
    }

    /// `false`: a state of the same bytes was visited before, and the same was expected of it.
    fn is_new(&self, stop: &Stop) -> bool {
        let digest = stop.tree.digest(|_| true);
        self.distinct.lock().unwrap().insert(digest);
        let mut hasher = blake3::Hasher::new();
        hasher.update(&digest);
        hasher.update(format!("{:?}", stop.expected).as_bytes());
        let new = self.visited.lock().unwrap().insert(*hasher.finalize().as_bytes());
        if new {
            self.second
                .fetch_add(usize::from(stop.cuts > 1), Ordering::Relaxed);
            self.alike.fetch_add(usize::from(!stop.unlike), Ordering::Relaxed);
        }
        new
    }

    fn told(&self) -> String {
        let visits = self.visited.lock().unwrap().len();
        let second = self.second.load(Ordering::Relaxed);
        format!(
            "{} distinct states; {} visits: {} (of {}) after one cut, {} after a second; in {} only temporary files differed \
             from a state before",
            self.states(),
            visits,
            visits - second,
            self.first.load(Ordering::Relaxed),
            second,
            self.alike.load(Ordering::Relaxed),
        )
    }

    fn note(&self, violation: String) {
        self.violations.lock().unwrap().push(violation);
    }

    fn is_over(&self, states: usize) -> bool {
        self.states() >= states || self.violations.lock().unwrap().len() >= TOLD_MAX
    }
}

/// Cuts the power in one recorded history and in what follows, until so many states were visited in all.
fn cut_everywhere(history: &History, name: &str, seed: u64, sources: &Sources, states: usize, tally: &Tally) {
    let mut stops = Vec::new();
    let _ = explore(&Disk::default(), &history.log, exploration(seed), &mut |state| {
        let expected = Expected::of(&history.acknowledged, state.notes);
        stops.push(Stop::new(name, 1, state, expected));
        ControlFlow::Continue(())
    });
    // So that every first cut has its turn before there are enough.
    let rest = states.saturating_sub(tally.states() + stops.len());
    let second = (rest / stops.len()).min(40);
    tally.first.fetch_add(stops.len(), Ordering::Relaxed);
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(stop) = stops.get(next.fetch_add(1, Ordering::Relaxed)) {
            if tally.is_over(states) {
                return;
            }
            one_cut(stop, history, seed, second, sources, tally);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(work);
        }
    });
}

fn one_cut(stop: &Stop, history: &History, seed: u64, second: usize, sources: &Sources, tally: &Tally) {
    if !tally.is_new(stop) {
        return;
    }
    let recovery = match attempt(|| visit(stop, sources, 3, &history.cache, history.ended)) {
        Ok(recovery) => recovery,
        Err(problem) => return tally.note(format!("{}: {problem}\n{}", stop.name, stop.story(&history.log))),
    };
    for again in recovery.stops(exploration(seed), second) {
        if !tally.is_new(&again) {
            continue;
        }
        if let Err(problem) = attempt(|| visit(&again, sources, 4, recovery.cache(), recovery.ended())) {
            let story = again.story(recovery.log());
            tally.note(format!("{}: {problem}\n{story}", again.name));
        }
    }
}

/// A panic is a violation like any other.
fn attempt<T>(visit: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(visit)).unwrap_or_else(|_| Err("a panic".into()))
}

fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn no_power_cut_costs_what_was_acknowledged() {
    let states = number_from("LUMIVAULT_CRASH_STATES").map_or(STATES, |n| usize::try_from(n).unwrap());
    let seed = number_from("LUMIVAULT_CRASH_SEED").unwrap_or(20_261_121);
    let sources = Sources::new();
    let tally = Tally::default();
    for round in 0.. {
        let name = format!("seed {seed}, round {round}");
        let history = record(&name, &sources).unwrap();
        cut_everywhere(
            &history,
            &name,
            seed.wrapping_add(round),
            &sources,
            states,
            &tally,
        );
        if tally.is_over(states) {
            break;
        }
    }
    let violations = tally.violations.lock().unwrap();
    assert!(violations.is_empty(), "{}", violations.join("\n\n"));
    assert!(tally.states() >= states);
    let (_, repeats) = nonce_ledger_totals();
    assert_eq!(repeats, 0, "a nonce was used twice");
    eprintln!("{}", tally.told());
}

/// Else power cuts would meet less than the names of the steps say.
#[test]
fn the_work_makes_and_removes_every_kind_of_object() {
    let history = record("kinds", &Sources::new()).unwrap();
    let kinds = |of: fn(&Deed) -> Option<&Path>| -> BTreeSet<String> {
        let folders = history.log.iter().filter_map(|record| of(&record.deed));
        let kind = |path: &Path| {
            path.strip_prefix("backups/archive")
                .ok()?
                .iter()
                .next()?
                .to_str()
                .map(str::to_owned)
        };
        folders.filter_map(kind).filter(|kind| kind != "tmp").collect()
    };
    let made = kinds(|deed| match deed {
        Deed::Rename { to, .. } => Some(to),
        _ => None,
    });
    let removed = kinds(|deed| match deed {
        Deed::RemoveFile(path) => Some(path),
        _ => None,
    });
    let set = |names: &str| names.split(' ').map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(
        made,
        set("README.txt config epochs index keys marks notes packs parity sessions snapshots")
    );
    assert_eq!(
        removed,
        set("config index keys marks packs parity sessions snapshots")
    );
}

/// Leaves steps out of the log of everything after `init`, as if the program had not taken them, and tells what power
/// cuts then cost.
fn cost_without(name: &str, left_out: impl Fn(&Deed) -> bool) -> Vec<String> {
    let sources = Sources::new();
    let mut history = record(name, &sources).unwrap();
    let mut notes = 0;
    history.log.retain(|record| {
        notes += usize::from(matches!(record.deed, Deed::Note(_)));
        notes == 0 || !left_out(&record.deed)
    });
    let tally = Tally::default();
    cut_everywhere(&history, name, 1, &sources, 600, &tally);
    tally.violations.into_inner().unwrap()
}

/// Whether some power cut has this in its message.
#[track_caller]
fn assert_cost(costs: &[String], message: &str) {
    assert!(costs.iter().any(|cost| cost.contains(message)), "{costs:?}");
}

#[test]
fn a_program_that_does_not_sync_files_is_found_out() {
    let costs = cost_without("no sync of files", |deed| matches!(deed, Deed::SyncFile(_)));
    assert_cost(&costs, "check: ");
}

#[test]
fn a_program_that_does_not_sync_the_folders_of_packs_is_found_out() {
    let is_packs = |path: &Path| path.components().any(|name| name.as_os_str() == "packs");
    let costs = cost_without(
        "no sync of packs",
        |deed| matches!(deed, Deed::SyncDir(path) if is_packs(path)),
    );
    assert_cost(&costs, "check: ");
}

#[test]
fn a_program_that_does_not_sync_the_folder_of_snapshots_is_found_out() {
    let costs = cost_without(
        "no sync of snapshots",
        |deed| matches!(deed, Deed::SyncDir(path) if path.ends_with("snapshots")),
    );
    assert_cost(&costs, "the acknowledged snapshot");
}
