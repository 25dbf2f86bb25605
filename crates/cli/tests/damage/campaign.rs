//! All cases, or a part of them, over two repositories: one without and one with parity.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::base::Base;
use super::harm::{DAMAGES, Damage, Draws, KINDS, Kind, harm};
use super::judge::{COMMANDS, Case, Sound};
use super::place::Place;

#[derive(Clone, Copy, Debug)]
struct Plan {
    parity: bool,
    kind: Kind,
    damage: Damage,
    seed: u64,
}

#[derive(Default)]
struct Totals {
    cases: usize,
    combinations: usize,
    codes: BTreeMap<i32, usize>,
    failed: BTreeMap<String, usize>,
    wrong: Vec<String>,
}

fn setting(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// All cases in an order drawn from the seed.
fn plans(seed: u64, draws: usize) -> Vec<Plan> {
    let mut all = Vec::new();
    for parity in [false, true] {
        for kind in KINDS {
            if kind.is_parity() && !parity {
                continue;
            }
            for (damage, places) in DAMAGES {
                for _ in 0..places * draws {
                    let seed = seed.wrapping_mul(1_000_003).wrapping_add(all.len() as u64);
                    all.push(Plan {
                        parity,
                        kind,
                        damage,
                        seed,
                    });
                }
            }
        }
    }
    let mut order = Draws::new(seed);
    for at in (1..all.len()).rev() {
        all.swap(at, order.below(at + 1));
    }
    all
}

fn run(plan: &Plan, base: &Base, sound: &Sound, totals: &Mutex<Totals>) {
    let mut draws = Draws::new(plan.seed);
    // What this machine remembers must not make a difference to what comes back.
    let remembers = draws.below(2) == 0;
    let place = Place::of_base(base, remembers);
    let Some(harm) = harm(&place, plan.kind, plan.damage, &mut draws) else {
        return;
    };
    let mut case = Case {
        kind: plan.kind,
        damage: plan.damage,
        harm: &harm,
        remembers,
        base,
        sound,
        listing: place.listing(),
        came_back: BTreeMap::new(),
        wrong: Vec::new(),
    };
    let mut codes = Vec::new();
    let (writing, reading): (Vec<_>, Vec<_>) = COMMANDS.into_iter().partition(|(_, verb)| verb.writes());
    for (command, verb) in reading {
        codes.push((command, case.try_command(&place, command, verb)));
    }
    if place.listing() != case.listing {
        case.wrong
            .push(format!("{plan:?}: reading changed the repository"));
    }
    for (command, verb) in writing {
        codes.push((command, case.try_command(&place.again(), command, verb)));
    }
    let mut totals = totals.lock().unwrap();
    totals.cases += 1;
    totals.combinations += codes.len();
    for (command, code) in codes {
        let code = code.unwrap_or(-1);
        *totals.codes.entry(code).or_default() += 1;
        if !matches!(code, 0 | 3 | 20) {
            let what = format!("{code} {:?} {:?} `{command}`", plan.kind, plan.damage);
            *totals.failed.entry(what).or_default() += 1;
        }
    }
    let named = |wrong: String| format!("{plan:?}, remembers {remembers}: {wrong}");
    totals.wrong.extend(case.wrong.into_iter().map(named));
}

#[test]
fn damage_of_every_kind_under_every_command() {
    let seed = setting("LUMIVAULT_DAMAGE_SEED", 20_261_121);
    let draws = usize::try_from(setting("LUMIVAULT_DAMAGE_DRAWS", 1)).unwrap();
    let mut plans = plans(seed, draws);
    if let Ok(only) = std::env::var("LUMIVAULT_DAMAGE_ONLY") {
        plans.retain(|plan| format!("{plan:?}").contains(&only));
    } else if std::env::var_os("LUMIVAULT_DAMAGE_ALL").is_none() {
        plans.truncate(plans.len().div_ceil(3));
    }
    let (plain, parity) = std::thread::scope(|scope| {
        let prepare = |parity| {
            move || {
                let base = Base::new(parity);
                let sound = Sound::of(&base);
                (base, sound)
            }
        };
        let (plain, parity) = (scope.spawn(prepare(false)), scope.spawn(prepare(true)));
        (plain.join().unwrap(), parity.join().unwrap())
    });
    let totals = Mutex::new(Totals::default());
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(2, usize::from).min(8);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(plan) = plans.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (base, sound) = if plan.parity { &parity } else { &plain };
                    run(plan, base, sound, &totals);
                }
            });
        }
    });
    for (base, sound) in [&plain, &parity] {
        let untouched = Place::of_base(base, false).listing() == sound.listing;
        assert!(untouched, "a file of the base was written into through a link");
    }
    let totals = totals.into_inner().unwrap();
    eprintln!(
        "seed {seed}: {} cases, {} combinations; exit codes {:?}",
        totals.cases, totals.combinations, totals.codes
    );
    for (what, count) in &totals.failed {
        eprintln!("  {count} x {what}");
    }
    let shown = totals
        .wrong
        .iter()
        .take(30)
        .cloned()
        .collect::<Vec<_>>()
        .join("\n\n");
    assert!(
        totals.wrong.is_empty(),
        "seed {seed}: {} violations\n\n{shown}",
        totals.wrong.len()
    );
    assert!(totals.combinations > totals.cases * 30 && totals.codes.contains_key(&20));
}
