//! A storage that fails during everything that writes: each step of the system that changes the disk, and each operation
//! of the backend, once or from then on. Nothing that was acknowledged is lost, nothing that failed is reported as done,
//! and the next attempt succeeds.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use lumivault_chunk_store::storage_log::{Deed, Fault as Failure, StorageLog};
use lumivault_testkit::{Fault, FaultControl, SeededRandom};

use super::expect::Expected;
use super::site::{Site, Try, failed};
use super::sources::Sources;
use super::verify::verify;
use super::work::{RECOVERY, Task, tasks};

/// How many failures an ordinary run of the tests draws from all.
const DRAWN: usize = 1_200;
/// More than the day after which a session counts as dead; seconds.
const DAY: i64 = 26 * 3600;

/// A way in which the system fails.
struct Way {
    name: &'static str,
    /// The steps that fail so.
    of: fn(&Deed) -> bool,
    failure: fn() -> Failure,
    /// Once; from then on.
    times: &'static [bool],
}

const SYSTEM: &[Way] = &[
    Way {
        name: "input/output error",
        of: |_| true,
        failure: || Failure::Fails(io::Error::from_raw_os_error(5)),
        times: &[false, true],
    },
    Way {
        name: "no space left",
        of: takes_space,
        failure: || Failure::Fails(io::ErrorKind::StorageFull.into()),
        times: &[false, true],
    },
    Way {
        name: "interrupted by a signal",
        of: |_| true,
        failure: || Failure::Fails(io::ErrorKind::Interrupted.into()),
        times: &[false],
    },
    Way {
        name: "short write",
        of: |deed| matches!(deed, Deed::Write { .. }),
        failure: || Failure::Short,
        times: &[false, true],
    },
    Way {
        name: "nothing can be synced",
        of: |deed| matches!(deed, Deed::SyncFile(_) | Deed::SyncDir(_)),
        failure: || Failure::Fails(io::Error::from_raw_os_error(5)),
        times: &[true],
    },
    Way {
        name: "nothing can be renamed",
        of: |deed| matches!(deed, Deed::Rename { .. } | Deed::Link { .. }),
        failure: || Failure::Fails(io::Error::from_raw_os_error(5)),
        times: &[true],
    },
];

const BACKEND: [Fault; 5] = [
    Fault::Io,
    Fault::Full,
    Fault::ShortWrite,
    Fault::Sync,
    Fault::LostAnswer,
];

fn takes_space(deed: &Deed) -> bool {
    matches!(
        deed,
        Deed::MakeDir(_) | Deed::Create { .. } | Deed::Write { .. } | Deed::Rename { .. } | Deed::Link { .. }
    )
}

#[derive(Clone, Copy)]
enum What {
    System(&'static Way),
    Backend(Fault),
}

/// One failure that is to be tried.
#[derive(Clone, Copy)]
struct Case<'a> {
    task: &'a Task,
    what: What,
    /// Which of the steps or operations that can fail so.
    at: usize,
    for_ever: bool,
}

impl Case<'_> {
    fn name(&self) -> String {
        let what = match self.what {
            What::System(way) => way.name.to_owned(),
            What::Backend(fault) => format!("{fault:?}"),
        };
        let times = if self.for_ever { "from" } else { "at" };
        format!("{}: {what} {times} {}", self.task.name, self.at)
    }

    /// Lets it fail; returns how one knows whether it did.
    fn arrange(&self, site: &Site, log: &StorageLog) -> Arc<AtomicBool> {
        let reached = Arc::new(AtomicBool::new(false));
        match self.what {
            What::System(way) => {
                let (case, hit, mut next) = ((self.at, self.for_ever), Arc::clone(&reached), 0);
                log.fail_by(move |deed| {
                    if !(way.of)(deed) {
                        return None;
                    }
                    let number = next;
                    next += 1;
                    let (at, for_ever) = case;
                    (number == at || for_ever && number > at).then(|| {
                        hit.store(true, Ordering::Relaxed);
                        (way.failure)()
                    })
                });
            }
            What::Backend(fault) => {
                let control = FaultControl::default();
                if self.for_ever {
                    control.fail_from(self.at, fault);
                } else {
                    control.fail_at(self.at, fault);
                }
                // It is counted beforehand how many there are, and the work is the same.
                reached.store(true, Ordering::Relaxed);
                site.obey(Some(control));
            }
        }
        reached
    }
}

/// How an attempt ended under which something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ended {
    /// In an error.
    Failed,
    /// Well: it could do without what failed, or did it again.
    Well,
    /// The step was over before, as far as it is known: of operations of the backend it is not.
    NotReached,
}

fn try_case(case: &Case<'_>, sources: &Sources) -> Try<Ended> {
    let task = case.task;
    let site = Site::after_cut(&case.name(), &task.disk, &task.cache, task.time);
    let log = StorageLog::begin(&site.disk()).map_err(failed("the log"))?;
    let reached = case.arrange(&site, &log);
    let mut now = task.before.clone();
    let result = task.run(&site, sources, &log, &mut now);
    log.heal();
    site.obey(None);

    // As another process, after the time in which the one that failed might live.
    site.advance(DAY);
    let left = if result.is_ok() {
        Expected::of(&[task.before.clone(), now.clone()], 1)
    } else {
        let mut left = Expected::of(&[task.before.clone(), task.after.clone()], 0);
        left.others = now.in_the_making;
        left
    };
    if left.damaged {
        site.repair(RECOVERY)?;
    }
    verify(&site, sources, &left, "at once")?;
    let ended = match &result {
        _ if !reached.load(Ordering::Relaxed) => Ended::NotReached,
        Ok(()) => Ended::Well,
        Err(_) => Ended::Failed,
    };
    let Err(error) = result else {
        return Ok(ended);
    };
    let mut again = task.before.clone();
    match task.run(&site, sources, &log, &mut again) {
        Ok(()) => {}
        // It asks for a clean folder, or finds the repository that it has made after all; nothing was acknowledged here.
        Err(_) if !task.before.repository => return Ok(ended),
        Err(second) => return Err(format!("the next attempt: {second}; the first: {error}")),
    }
    let mut done = Expected::of(&[task.before.clone(), again], 1);
    done.others = now.in_the_making;
    verify(&site, sources, &done, "after the next attempt")
        .map_err(|problem| format!("after the next attempt: {problem}; the first: {error}"))?;
    Ok(ended)
}

/// How many steps of the system that can fail so, and operations of the backend, a step of the work has.
fn counts(task: &Task, sources: &Sources) -> Try<(Vec<usize>, usize)> {
    let site = Site::after_cut(
        &format!("counting {}", task.name),
        &task.disk,
        &task.cache,
        task.time,
    );
    let log = StorageLog::begin(&site.disk()).map_err(failed("the log"))?;
    let control = FaultControl::default();
    site.obey(Some(control.clone()));
    task.run(&site, sources, &log, &mut task.before.clone())?;
    let records = log.records();
    let of_way = |way: &Way| {
        let fails = |deed: &Deed| !matches!(deed, Deed::Note(_) | Deed::Damage { .. }) && (way.of)(deed);
        records.iter().filter(|record| fails(&record.deed)).count()
    };
    Ok((SYSTEM.iter().map(of_way).collect(), control.count()))
}

fn cases<'a>(task: &'a Task, sources: &Sources) -> Try<Vec<Case<'a>>> {
    let (steps, operations) = counts(task, sources)?;
    let mut cases = Vec::new();
    for (way, count) in SYSTEM.iter().zip(steps) {
        for at in 0..count {
            cases.extend(way.times.iter().map(|for_ever| Case {
                task,
                what: What::System(way),
                at,
                for_ever: *for_ever,
            }));
        }
    }
    for fault in BACKEND {
        for at in 0..operations {
            cases.extend([false, true].map(|for_ever| Case {
                task,
                what: What::Backend(fault),
                at,
                for_ever,
            }));
        }
    }
    Ok(cases)
}

#[test]
fn no_failure_of_the_storage_costs_what_was_acknowledged() {
    let seed = 20_261_121;
    let sources = Sources::new();
    let tasks = tasks("failing", &sources).unwrap();
    let mut all: Vec<Case<'_>> = tasks
        .iter()
        .flat_map(|task| cases(task, &sources).unwrap())
        .collect();
    let total = all.len();
    match std::env::var("LUMIVAULT_FAULTS").as_deref() {
        Ok("all") => {}
        Ok(name) => all.retain(|case| case.name().starts_with(name)),
        Err(_) => {
            let random = SeededRandom::new(&format!("failures {seed}"));
            // Each at most once: a case seeds all randomness of its attempt, nonces included.
            let mut drawn = BTreeSet::new();
            while drawn.len() < DRAWN {
                drawn.insert(usize::try_from(random.below(total as u64)).unwrap());
            }
            all = drawn.into_iter().map(|at| all[at]).collect();
        }
    }
    let (next, violations) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let ends: Mutex<BTreeMap<Ended, usize>> = Mutex::default();
    let work = || {
        while let Some(case) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            let tried = catch_unwind(AssertUnwindSafe(|| try_case(case, &sources)));
            match tried.unwrap_or_else(|_| Err("a panic".into())) {
                Ok(ended) => *ends.lock().unwrap().entry(ended).or_default() += 1,
                Err(problem) => violations
                    .lock()
                    .unwrap()
                    .push(format!("{}: {problem}", case.name())),
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(work);
        }
    });
    let ends = ends.into_inner().unwrap();
    let violations = violations.into_inner().unwrap();
    assert!(
        violations.is_empty(),
        "seed {seed}: {} violations:\n{}",
        violations.len(),
        violations.iter().take(20).cloned().collect::<Vec<_>>().join("\n")
    );
    if all.len() >= DRAWN {
        assert!(ends.get(&Ended::Failed) > ends.get(&Ended::Well), "{ends:?}");
    }
    eprintln!("{} of {total} failures tried: {ends:?}", all.len());
}
