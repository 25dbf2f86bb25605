//! What a history is made of.

use lumivault_testkit::Fault;
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

/// Contents there are.
const NUMBERS: u64 = 14;

/// Where the storage fails while a step is taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failure {
    /// Operations that go well before.
    pub(super) after: usize,
    pub(super) fault: Fault,
    pub(super) for_ever: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Prune {
    pub(super) grace_hours: i64,
    pub(super) now: bool,
    /// Whether everything unneeded goes, however little that is.
    pub(super) thorough: bool,
}

/// What happens between a backup's storing and its second look.
#[derive(Clone, Copy, Debug)]
pub(super) enum Between {
    Nothing,
    /// The process dies.
    Death,
    /// So many hours pass, and somebody prunes.
    Pruned(i64, Prune),
}

#[derive(Clone, Debug)]
pub(super) enum Deed {
    Backup(Vec<u64>, Between),
    /// These take a snapshot by its place among all there ever were.
    Forget(prop::sample::Index),
    Revive(prop::sample::Index),
    Pin(prop::sample::Index),
    Unpin(prop::sample::Index),
    Prune(Prune),
    /// The clock goes on by so many hours, or back.
    Clock(i64),
    /// All is opened again and compared with the model.
    Look,
}

#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) deed: Deed,
    pub(super) failure: Option<Failure>,
}

#[derive(Clone, Debug)]
pub(super) struct History {
    /// Whether the index is kept in a cache.
    pub(super) cached: bool,
    pub(super) steps: Vec<Step>,
}

fn failure() -> impl Strategy<Value = Failure> {
    let faults = prop::sample::select(vec![
        Fault::Io,
        Fault::Full,
        Fault::ShortWrite,
        Fault::Sync,
        Fault::LostAnswer,
    ]);
    (0..70_usize, faults, any::<bool>()).prop_map(|(after, fault, for_ever)| Failure {
        after,
        fault,
        for_ever,
    })
}

fn prune() -> impl Strategy<Value = Prune> {
    let grace = prop::sample::select(vec![0, 1, 24, 168]);
    (grace, prop::bool::weighted(0.25), any::<bool>()).prop_map(|(grace_hours, now, thorough)| Prune {
        grace_hours,
        now,
        thorough,
    })
}

/// Mostly forward, sometimes past every grace period.
fn hours() -> impl Strategy<Value = i64> {
    prop_oneof![
        3 => 0..30_i64,
        2 => 160..200_i64,
        1 => -60..0_i64,
    ]
}

fn deed() -> impl Strategy<Value = Deed> {
    let numbers = || btree_set(0..NUMBERS, 1..7).prop_map(|set| set.into_iter().collect::<Vec<_>>());
    let between = prop_oneof![
        8 => Just(Between::Nothing),
        1 => Just(Between::Death),
        2 => (hours(), prune()).prop_map(|(hours, prune)| Between::Pruned(hours, prune)),
    ];
    let which = any::<prop::sample::Index>;
    prop_oneof![
        6 => (numbers(), between).prop_map(|(numbers, between)| Deed::Backup(numbers, between)),
        4 => which().prop_map(Deed::Forget),
        2 => which().prop_map(Deed::Revive),
        1 => which().prop_map(Deed::Pin),
        1 => which().prop_map(Deed::Unpin),
        5 => prune().prop_map(Deed::Prune),
        3 => hours().prop_map(Deed::Clock),
        1 => Just(Deed::Look),
    ]
}

pub(super) fn history() -> impl Strategy<Value = History> {
    let step = (deed(), prop::option::weighted(0.2, failure()));
    let step = step.prop_map(|(deed, failure)| Step { deed, failure });
    (any::<bool>(), vec(step, 1..28)).prop_map(|(cached, steps)| History { cached, steps })
}
