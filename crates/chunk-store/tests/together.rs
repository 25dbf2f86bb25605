//! Several machines back up, forget and prune at the same time; some stop in the middle for longer than a session lives, and
//! clocks jump by days. Whatever was reported as stored and not forgotten since is there, every byte of it. The same on a
//! storage behind a network whose listings lag.
//!
//! `LUMIVAULT_TOGETHER_ROUNDS` and `LUMIVAULT_TOGETHER_SEED` make a longer campaign of it; docs/testing.md.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and a campaign tells what it met"
)]

mod common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::Fixture;
use common::archive::{assert_holds, backup_with};
use lumivault_chunk_store::backend::Backend;
use lumivault_chunk_store::forget::{forget, revive};
use lumivault_chunk_store::prune::{PruneOptions, prune};
use lumivault_chunk_store::session::{Holder, LEASE_SECONDS, Writing};
use lumivault_chunk_store::{Error, Repository};
use lumivault_format::{ObjectKind, SnapshotId};
use lumivault_testkit::SeededRandom;
use lumivault_testkit::lagging::Lagging;
use lumivault_testkit::remote::Remote;

const HOUR: i64 = 3600;
/// Longer than a session lives that does not show.
const STOP: Duration = Duration::from_secs(LEASE_SECONDS.unsigned_abs() + 3600);

/// What all machines of a round share.
struct Round {
    f: Fixture,
    storage: Arc<dyn Backend>,
    /// Whether answers get lost, and listings show what was there some time ago.
    is_remote: bool,
    /// What was reported as stored, and is not to be forgotten by anybody at work.
    kept: Mutex<BTreeMap<SnapshotId, Vec<u64>>>,
    /// Deeds done by all, so that one who is stopped knows how long.
    deeds: AtomicU64,
    done: Counts,
}

#[derive(Default)]
struct Counts {
    backups: AtomicU64,
    revoked: AtomicU64,
    swept: AtomicU64,
    in_use: AtomicU64,
    failed: AtomicU64,
    rescued: AtomicU64,
}

fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

impl Round {
    fn machine(&self, number: u64, random: &SeededRandom, deeds: u64) {
        let holder = Holder {
            host: format!("machine {number}"),
            process: std::process::id(),
        };
        for _ in 0..deeds {
            match random.below(10) {
                0..4 => self.backup(&holder, random, false),
                4 => self.backup(&holder, random, true),
                5 => self.forget(random),
                6 => self.jump(random),
                _ => self.prune(&holder, random),
            }
            add(&self.deeds, 1);
        }
    }

    fn backup(&self, holder: &Holder, random: &SeededRandom, stops: bool) {
        let mut numbers: Vec<u64> = (0..24).filter(|_| random.below(3) == 0).collect();
        numbers.push(24 + random.below(1000));
        let made = self.open().and_then(|repository| {
            let writing = Writing::begin(&repository, holder, None)?;
            let day = i64::try_from(random.below(300)).unwrap();
            let made = backup_with(&writing, day, &numbers, || {
                if stops {
                    self.stop(random);
                }
            });
            let id = made?;
            // From here on it counts, whether the session can be closed or not.
            add(&self.done.backups, 1);
            self.kept.lock().unwrap().insert(id, numbers);
            writing.close()
        });
        match made {
            Ok(()) => {}
            Err(Error::Revoked | Error::PacksVanished(_)) => add(&self.done.revoked, 1),
            Err(Error::InUse(_)) => add(&self.done.in_use, 1),
            Err(error) => self.fail("backup", &error),
        }
    }

    fn open(&self) -> Result<Repository, Error> {
        self.f.open_on(Arc::clone(&self.storage))
    }

    /// What a storage in the memory does not do to anybody.
    fn fail(&self, what: &str, error: &Error) {
        assert!(self.is_remote, "{what}: {error:?}");
        add(&self.done.failed, 1);
    }

    /// Sleeps while the others go on, sometimes for so long that it is taken for dead.
    fn stop(&self, random: &SeededRandom) {
        if random.below(2) == 0 {
            self.f.world.clock.pass(STOP);
        }
        let until = self.deeds.load(Ordering::Relaxed) + 1 + random.below(4);
        // The others may have nothing more to do.
        for _ in 0..50 {
            if self.deeds.load(Ordering::Relaxed) >= until {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn forget(&self, random: &SeededRandom) {
        let chosen = {
            let mut kept = self.kept.lock().unwrap();
            if kept.len() < 2 {
                return;
            }
            let at = usize::try_from(random.below(kept.len() as u64)).unwrap();
            let id = *kept.keys().nth(at).unwrap();
            let numbers = kept.remove(&id).unwrap();
            (id, numbers)
        };
        let forgotten = self.open().and_then(|repository| {
            forget(&repository, &[chosen.0], "any")?;
            Ok(repository)
        });
        let repository = match forgotten {
            Ok(repository) => repository,
            Err(error) => return self.fail("forget", &error),
        };
        if random.below(3) == 0 {
            // Whoever is told that it came back relies on it again.
            match revive(&repository, &[chosen.0], "any") {
                Ok(_) => drop(self.kept.lock().unwrap().insert(chosen.0, chosen.1)),
                Err(Error::Removed(_) | Error::Snapshot(_)) => {}
                Err(error) => self.fail("revive", &error),
            }
        }
    }

    /// Clocks run on, and sometimes back.
    fn jump(&self, random: &SeededRandom) {
        let hours = i64::try_from(random.below(97)).unwrap() - 48;
        self.f.world.clock.advance(hours * HOUR);
    }

    fn prune(&self, holder: &Holder, random: &SeededRandom) {
        let grace_hours = if self.is_remote { 0 } else { random.below(3) };
        let options = PruneOptions {
            grace_seconds: i64::try_from(grace_hours).unwrap() * HOUR,
            now: random.below(4) == 0,
            ..PruneOptions::default()
        };
        let pruned = self
            .open()
            .and_then(|repository| prune(&repository, holder, None, &options));
        match pruned {
            Ok(report) => {
                add(&self.done.swept, report.removed.packs);
                add(&self.done.rescued, u64::from(report.copied_bytes > 0));
            }
            Err(Error::InUse(_)) => {
                add(&self.done.in_use, 1);
                // Sessions stay behind whose removal failed or has not arrived yet.
                if self.is_remote && random.below(3) == 0 {
                    self.f.world.clock.pass(STOP);
                }
            }
            Err(Error::Revoked) => add(&self.done.revoked, 1),
            // A snapshot whose maker was taken for dead is incomplete until its maker takes it back.
            Err(Error::Blocked(_)) => {}
            Err(error) if error.is_damage() => {}
            Err(error) => self.fail("prune", &error),
        }
    }
}

/// By how much listings lag where they do.
const LAG: Duration = Duration::from_secs(30);

fn play(seed: &str, is_remote: bool) -> Counts {
    let mut f = Fixture::new(seed);
    let remote = is_remote.then(|| {
        let (memory, clock) = (f.memory.clone(), Arc::clone(&f.world.clock));
        clock.share();
        let lagging = Lagging::drawn(memory, clock, LAG, LAG / 25, &format!("{seed}, lagging"));
        Remote::new(lagging, &format!("{seed}, remote"))
    });
    if is_remote {
        f.listing_delay_seconds = u32::try_from(LAG.as_secs()).unwrap();
    }
    let round = Round {
        storage: match &remote {
            Some(remote) => Arc::new(remote.clone()),
            None => Arc::new(f.memory.clone()),
        },
        f,
        is_remote,
        kept: Mutex::default(),
        deeds: AtomicU64::new(0),
        done: Counts::default(),
    };
    let random = SeededRandom::new(&format!("{seed}, deeds"));
    let machines = 2 + random.below(3);
    std::thread::scope(|scope| {
        for number in 0..machines {
            let round = &round;
            let random = SeededRandom::new(&format!("{seed}, machine {number}"));
            // There much is in vain.
            let deeds = if is_remote { 20 } else { 6 };
            scope.spawn(move || round.machine(number, &random, deeds));
        }
    });
    // All have ended; whatever they left behind is cleared away, and all that counts is there.
    if let Some(remote) = &remote {
        remote.settle();
    }
    // Longer than clocks can have been ahead when a session was left open.
    round.f.world.clock.advance(100 * LEASE_SECONDS);
    let last = Holder {
        host: "last".into(),
        process: std::process::id(),
    };
    let options = PruneOptions {
        now: true,
        ..PruneOptions::default()
    };
    let report = prune(&round.f.open(), &last, None, &options);
    assert!(report.is_ok(), "{seed}: {report:?}");
    assert!(round.f.list(ObjectKind::Session).is_empty(), "{seed}");
    assert!(round.f.list(ObjectKind::Mark).is_empty(), "{seed}");
    let kept = round.kept.into_inner().unwrap();
    let kept: Vec<(SnapshotId, &[u64])> = kept
        .iter()
        .map(|(id, numbers)| (*id, numbers.as_slice()))
        .collect();
    assert_holds(&round.f.open(), &kept);
    round.done
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

fn campaign(what: &str, rounds: u64, is_remote: bool) {
    let seed = setting("LUMIVAULT_TOGETHER_SEED", 1);
    let all = Counts::default();
    for round in 0..rounds {
        let done = play(&format!("{what}: seed {seed}, round {round}"), is_remote);
        for (sum, one) in [
            (&all.backups, &done.backups),
            (&all.revoked, &done.revoked),
            (&all.swept, &done.swept),
            (&all.in_use, &done.in_use),
            (&all.failed, &done.failed),
            (&all.rescued, &done.rescued),
        ] {
            add(sum, one.load(Ordering::Relaxed));
        }
    }
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    eprintln!(
        "{what}: {rounds} rounds, seed {seed}: {} backups, {} packs removed, {} prunes that copied, {} runs revoked, {} found it \
         in use, {} failed",
        count(&all.backups),
        count(&all.swept),
        count(&all.rescued),
        count(&all.revoked),
        count(&all.in_use),
        count(&all.failed)
    );
    // A campaign in which nothing happens shows nothing.
    assert!(count(&all.backups) > rounds && count(&all.swept) > rounds / 2);
    assert!(rounds < 50 || count(&all.revoked) > 0 && count(&all.rescued) > 0);
}

#[test]
fn machines_at_work_together_lose_nothing() {
    campaign("together", setting("LUMIVAULT_TOGETHER_ROUNDS", 100), false);
}

#[test]
fn machines_at_work_together_behind_a_network_that_lags_lose_nothing() {
    campaign(
        "together, lagging",
        setting("LUMIVAULT_TOGETHER_ROUNDS", 60),
        true,
    );
}
