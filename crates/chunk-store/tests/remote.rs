//! A storage behind a network that loses answers, delivers requests twice and late, takes its time to remove, and never refuses to
//! replace: whatever was reported as stored and was not forgotten is there in the end, every byte of it.
//!
//! The same where listings lag behind, and whoever opens the repository knows by how much.
//! `LUMIVAULT_REMOTE_ROUNDS` and `LUMIVAULT_REMOTE_SEED` make a longer campaign of it; docs/testing.md.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and a campaign tells what it met"
)]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use common::Fixture;
use common::archive::{assert_holds, assert_read_back, backup_with, holder};
use lumivault_chunk_store::backend::Memory;
use lumivault_chunk_store::forget::forget;
use lumivault_chunk_store::prune::{GRACE_SECONDS, PruneOptions, prune};
use lumivault_chunk_store::session::{LEASE_SECONDS, Writing};
use lumivault_chunk_store::{Error, Repository, repair};
use lumivault_format::SnapshotId;
use lumivault_testkit::SeededRandom;
use lumivault_testkit::lagging::{Lag, Lagging};
use lumivault_testkit::remote::{Odd, Remote};

const DEEDS: u64 = 25;

#[derive(Default)]
struct Counts {
    backups: u64,
    failed: u64,
    pruned: u64,
    swept: u64,
}

struct Round {
    f: Fixture,
    remote: Remote<Lagging<Memory>>,
    random: SeededRandom,
    /// What was reported as stored, and nobody was told to forget.
    kept: BTreeMap<SnapshotId, Vec<u64>>,
    done: Counts,
}

impl Round {
    fn open(&self) -> Result<Repository, Error> {
        self.f.open_on(Arc::new(self.remote.clone()))
    }

    fn backup(&mut self) -> Result<(), Error> {
        let mut numbers: Vec<u64> = (0..24).filter(|_| self.random.below(3) == 0).collect();
        numbers.push(24 + self.random.below(1000));
        let day = i64::try_from(self.random.below(300)).unwrap();
        let repository = self.open()?;
        let writing = Writing::begin(&repository, &holder(), None)?;
        let id = backup_with(&writing, day, &numbers, || {})?;
        // From here on it counts, whether the session can be closed or not.
        self.kept.insert(id, numbers);
        self.done.backups += 1;
        writing.close()
    }

    fn forget(&mut self) -> Result<(), Error> {
        if self.kept.len() < 2 {
            return Ok(());
        }
        let at = usize::try_from(self.random.below(self.kept.len() as u64)).unwrap();
        let id = *self.kept.keys().nth(at).unwrap();
        // Whatever becomes of it, nobody relies on it any more.
        self.kept.remove(&id);
        forget(&self.open()?, &[id], "any").map(drop)
    }

    fn prune(&mut self) -> Result<(), Error> {
        let now = self.random.below(3) == 0;
        if !now {
            self.f.world.clock.advance(GRACE_SECONDS + 3600);
        }
        let options = PruneOptions {
            now,
            ..PruneOptions::default()
        };
        let report = prune(&self.open()?, &holder(), None, &options)?;
        self.done.pruned += 1;
        self.done.swept += report.removed.packs;
        Ok(())
    }

    fn deed(&mut self) {
        let result = match self.random.below(8) {
            0..4 => self.backup(),
            4 => self.forget(),
            _ => self.prune(),
        };
        if let Err(error) = result {
            self.done.failed += 1;
            // Sessions whose removal has not arrived yet, or that came back, are dead after a day.
            if matches!(error, Error::InUse(_)) {
                self.f.world.clock.advance(LEASE_SECONDS + 3600);
            }
        }
    }
}

fn play(seed: &str, lag_seconds: u32) -> (Counts, Odd, Lag) {
    let mut f = Fixture::new(seed);
    f.listing_delay_seconds = lag_seconds;
    let (memory, clock) = (f.memory.clone(), Arc::clone(&f.world.clock));
    let lag = Duration::from_secs(lag_seconds.into());
    let lagging = Lagging::drawn(memory, clock, lag, lag / 25, &format!("{seed}, lagging"));
    let remote = Remote::new(lagging.clone(), &format!("{seed}, remote"));
    let mut round = Round {
        remote,
        f,
        random: SeededRandom::new(&format!("{seed}, deeds")),
        kept: BTreeMap::new(),
        done: Counts::default(),
    };
    for _ in 0..DEEDS {
        round.deed();
    }
    let odd = round.remote.settle();
    let kept: Vec<(SnapshotId, &[u64])> = round
        .kept
        .iter()
        .map(|(id, numbers)| (*id, numbers.as_slice()))
        .collect();
    assert_read_back(&round.f.open(), &kept);
    // An index object that came back may list packs that are gone, with chunks that nobody needs.
    round.f.world.clock.advance(LEASE_SECONDS + 3600);
    repair::index(&round.f.open(), &holder(), false).unwrap();
    assert_holds(&round.f.open(), &kept);
    (round.done, odd, lagging.met())
}

fn setting(name: &str, default: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn campaign(what: &str, lag_seconds: u32) -> (u64, Lag) {
    let rounds = setting("LUMIVAULT_REMOTE_ROUNDS", 60);
    let seed = setting("LUMIVAULT_REMOTE_SEED", 1);
    let (mut all, mut odd, mut lag) = (Counts::default(), Odd::default(), Lag::default());
    for round in 0..rounds {
        let name = format!("{what}: seed {seed}, round {round}");
        let played = std::panic::catch_unwind(|| play(&name, lag_seconds));
        let Ok((done, met, shown)) = played else {
            panic!("{name}: see above");
        };
        all.backups += done.backups;
        all.failed += done.failed;
        all.pruned += done.pruned;
        all.swept += done.swept;
        odd.lost_answers += met.lost_answers;
        odd.repeated += met.repeated;
        odd.returned += met.returned;
        odd.delayed += met.delayed;
        lag.unshown += shown.unshown;
        lag.shown += shown.shown;
    }
    eprintln!(
        "{what}: {rounds} rounds, seed {seed}: {} backups, {} prunes, {} packs removed, {} deeds failed; {odd:?}, {lag:?}",
        all.backups, all.pruned, all.swept, all.failed
    );
    // A campaign in which nothing happens shows nothing.
    assert!(all.backups > rounds && all.swept > rounds && all.failed > rounds / 2);
    assert!(odd.lost_answers > rounds && odd.delayed > rounds && odd.returned > rounds / 4);
    (rounds, lag)
}

#[test]
fn a_network_between_costs_nothing_that_was_acknowledged() {
    campaign("remote", 0);
}

#[test]
fn listings_that_lag_cost_nothing_that_was_acknowledged() {
    let (rounds, lag) = campaign("lagging", 30);
    assert!(lag.unshown > rounds && lag.shown > rounds);
}
