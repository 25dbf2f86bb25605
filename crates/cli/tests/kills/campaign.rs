//! Many kills, in several repositories at a time.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::site::{Site, Usual};
use super::sources::Draw;
use super::work::Work;

/// Kills in an ordinary run of the tests.
const KILLS: usize = 200;
/// Kills after which a new repository is begun: what runs leave behind for ever slows the old one down.
const KILLS_OF_ONE: usize = 100;
/// Kills after which everything is looked at.
const DEEP: usize = 20;
/// Violations told in full; more prove nothing new.
const TOLD_MAX: usize = 5;

/// Counts of one campaign, shared by its threads.
#[derive(Default)]
struct Tally {
    kills: AtomicUsize,
    repositories: AtomicU64,
    at_work: AtomicUsize,
    unsaid: AtomicUsize,
    survived: AtomicUsize,
    by_command: Mutex<BTreeMap<&'static str, usize>>,
    violations: Mutex<Vec<String>>,
}

impl Tally {
    fn is_over(&self, kills: usize) -> bool {
        self.kills.load(Ordering::Relaxed) >= kills || self.violations.lock().unwrap().len() >= TOLD_MAX
    }

    fn add(&self, work: &Work<'_>) {
        let site = &work.site;
        self.at_work.fetch_add(site.at_work, Ordering::Relaxed);
        self.survived.fetch_add(site.survived, Ordering::Relaxed);
        self.unsaid.fetch_add(work.expected.unsaid, Ordering::Relaxed);
        let mut by_command = self.by_command.lock().unwrap();
        for (what, kills) in &site.kills {
            *by_command.entry(what).or_default() += kills;
        }
    }

    fn told(&self) -> String {
        let count = |of: &AtomicUsize| of.load(Ordering::Relaxed);
        format!(
            "{} kills in {} repositories; {} left a session open, {} a snapshot of which nothing was said; {} runs ended \
             before they were to be killed\n{:?}",
            count(&self.kills),
            self.repositories.load(Ordering::Relaxed),
            count(&self.at_work),
            count(&self.unsaid),
            count(&self.survived),
            self.by_command.lock().unwrap(),
        )
    }
}

/// One repository after the other, until there were enough kills.
fn worker(seed: u64, kills: usize, usual: &Usual, tally: &Tally) {
    while !tally.is_over(kills) {
        let number = tally.repositories.fetch_add(1, Ordering::Relaxed);
        let mut site = Site::new(usual.clone());
        let name = format!(
            "seed {seed}, repository {number}, {}",
            site.world.path("").display()
        );
        let draw = Draw::new(seed.wrapping_mul(1_000_003).wrapping_add(number));
        let wrong = match Work::begin(&mut site, draw) {
            Ok(mut work) => {
                let done = catch_unwind(AssertUnwindSafe(|| one_repository(&mut work, kills, tally)));
                tally.add(&work);
                done.unwrap_or_else(|_| Err("a panic".into())).err()
            }
            Err(wrong) => Some(wrong),
        };
        if let Some(wrong) = wrong {
            tally.violations.lock().unwrap().push(format!("{name}: {wrong}"));
            // The repository stays where it is, for whoever looks into it.
            std::mem::forget(site);
        }
    }
}

fn one_repository(work: &mut Work<'_>, kills: usize, tally: &Tally) -> Result<(), String> {
    let mut counted = 0;
    let mut next = DEEP;
    while work.kills() < KILLS_OF_ONE && !tally.is_over(kills) {
        let told = |wrong, work: &Work<'_>| format!("after {} kills: {wrong}", work.kills());
        work.step().map_err(|wrong| told(wrong, work))?;
        tally.kills.fetch_add(work.kills() - counted, Ordering::Relaxed);
        counted = work.kills();
        if counted >= next {
            work.look_at_everything().map_err(|wrong| told(wrong, work))?;
            next += DEEP;
        }
    }
    work.look_at_everything()
}

fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn no_kill_costs_what_was_acknowledged() {
    let kills = number_from("LUMIVAULT_KILLS").map_or(KILLS, |n| usize::try_from(n).unwrap());
    let seed = number_from("LUMIVAULT_KILLS_SEED").unwrap_or(20_261_121);
    let (usual, tally) = (Usual::default(), Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| worker(seed, kills, &usual, &tally));
        }
    });
    let violations = tally.violations.lock().unwrap();
    assert!(
        violations.is_empty(),
        "{}\n{}",
        violations.join("\n\n"),
        tally.told()
    );
    assert!(tally.kills.load(Ordering::Relaxed) >= kills);
    assert!(
        tally.at_work.load(Ordering::Relaxed) > 0,
        "no run was killed at work"
    );
    eprintln!("{}", tally.told());
}
