//! Facts under clocks that jump, and what forgetting refuses.

use std::sync::{Arc, Mutex};

use lumivault_format::{Annotation, AnnotationKind, ObjectKind, Snapshot, SnapshotId, SnapshotTime};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;
use crate::backend::{Backend as _, Memory};
use crate::testing::{environment, reopen_in, repository, snapshot};
use crate::{Clock, Environment};

const NOON: i64 = 1_778_760_000;
const HOUR: i64 = 3_600;

#[derive(Clone, Debug)]
struct Jumping(Arc<Mutex<(i64, u32)>>);

impl Jumping {
    fn new() -> Self {
        Self(Arc::new(Mutex::new((NOON, 0))))
    }

    fn set(&self, seconds: i64, nanoseconds: u32) {
        *self.0.lock().unwrap() = (seconds, nanoseconds);
    }
}

impl Clock for Jumping {
    fn now(&self) -> (i64, u32) {
        *self.0.lock().unwrap()
    }
}

/// An archive that machines with clocks of their own work on.
struct World {
    memory: Memory,
    repository: Repository,
    clock: Jumping,
}

impl World {
    fn new(seed: &str) -> Self {
        let (_, memory) = repository(seed);
        let clock = Jumping::new();
        let env = Environment {
            clock: Arc::new(clock.clone()),
            ..environment(&format!("{seed}, opened"))
        };
        let repository = reopen_in(&memory, env);
        Self {
            memory,
            repository,
            clock,
        }
    }

    /// A snapshot of nothing.
    fn snapshot(&self, number: u8, predecessors: &[SnapshotId]) -> SnapshotId {
        let record = Snapshot {
            time: SnapshotTime::instant(NOON + i64::from(number) * 86_400, 0, 7_200).unwrap(),
            predecessors: predecessors.to_vec(),
            ..snapshot(number, self.repository.config_name())
        };
        self.repository.commit_snapshot(&record).unwrap().id
    }

    fn stored(&self, id: SnapshotId) -> StoredSnapshot {
        let mut found = self.repository.snapshots().unwrap().found;
        found.retain(|stored| stored.id == id);
        found.pop().unwrap()
    }

    fn annotate(&self, kind: AnnotationKind, snapshot: SnapshotId, unix_seconds: i64, nanoseconds: u32) {
        let fact = Annotation {
            kind,
            snapshot,
            text: String::new(),
            unix_seconds,
            nanoseconds,
            host: "other".into(),
            predecessors: Vec::new(),
        };
        self.repository.annotate(&fact).unwrap();
    }

    fn facts(&self) -> usize {
        self.memory.list(ObjectKind::Annotation).unwrap().len()
    }
}

fn changed(outcome: Result<Outcome, Error>) -> Vec<SnapshotId> {
    outcome.unwrap().changed
}

#[test]
fn the_next_fact_is_later_than_all_others() {
    let at = |unix_seconds, nanoseconds| FactTime {
        unix_seconds,
        nanoseconds,
    };
    let cases = [
        ((NOON, 5), None, Some(at(NOON, 5))),
        ((NOON, 5), Some(at(NOON, 4)), Some(at(NOON, 5))),
        ((NOON, 5), Some(at(NOON, 5)), Some(at(NOON, 6))),
        (
            (NOON, 5),
            Some(at(NOON + 48 * HOUR, 7)),
            Some(at(NOON + 48 * HOUR, 8)),
        ),
        ((NOON, 5), Some(at(NOON - 48 * HOUR, 7)), Some(at(NOON, 5))),
        ((NOON, 5), Some(at(NOON, 999_999_999)), Some(at(NOON + 1, 0))),
        // What no clock says, but a record may.
        ((NOON, 5), Some(at(NOON, u32::MAX)), Some(at(NOON + 1, 0))),
        ((NOON, u32::MAX), None, Some(at(NOON, 999_999_999))),
        (
            (NOON, 5),
            Some(at(i64::MAX, 999_999_998)),
            Some(at(i64::MAX, 999_999_999)),
        ),
        ((NOON, 5), Some(at(i64::MAX, 999_999_999)), None),
    ];
    for (clock, latest, expected) in cases {
        assert_eq!(next_fact_time(clock, latest), expected, "{clock:?} {latest:?}");
    }
}

#[test]
fn a_forgotten_snapshot_is_hidden_until_it_is_revived() {
    let world = World::new("hidden");
    let first = world.snapshot(1, &[]);
    let second = world.snapshot(2, &[first]);
    assert_eq!(changed(forget(&world.repository, &[second], "desk")), [second]);
    let loaded = world.repository.snapshots().unwrap();
    assert_eq!(loaded.found.len(), 2, "prune and check need all");
    assert_eq!(loaded.live().map(|one| one.id).collect::<Vec<_>>(), [first]);
    let since = FactTime {
        unix_seconds: NOON,
        nanoseconds: 0,
    };
    assert_eq!(world.stored(second).forgotten, Some(since));

    // The tombstone keeps the chain, also when the snapshot's object is gone.
    let facts = world.repository.annotations().unwrap().found;
    assert_eq!(facts.len(), 1);
    assert_eq!(
        (facts[0].kind, facts[0].snapshot, facts[0].predecessors.as_slice()),
        (AnnotationKind::Tombstone, second, [first].as_slice())
    );

    // Once more changes nothing, nor does bringing back what is not gone.
    let again = forget(&world.repository, &[second, second], "desk").unwrap();
    assert_eq!((again.changed, again.unchanged), (vec![], vec![second]));
    assert_eq!(
        revive(&world.repository, &[first], "desk").unwrap().unchanged,
        [first]
    );
    assert_eq!(world.facts(), 1);

    assert_eq!(changed(revive(&world.repository, &[second], "desk")), [second]);
    assert!(world.stored(second).is_live());
}

#[test]
fn one_pinned_snapshot_keeps_all_that_are_named() {
    let world = World::new("pinned");
    let ids = [1, 2, 3].map(|number| world.snapshot(number, &[]));
    assert_eq!(changed(pin(&world.repository, &ids[1..2], "desk")), [ids[1]]);
    assert!(world.stored(ids[1]).pinned);
    let refused = forget(&world.repository, &ids, "desk").unwrap_err();
    assert!(
        matches!(&refused, Error::Pinned(named) if *named == [ids[1]]),
        "{refused}"
    );
    assert!(refused.to_string().contains(&ids[1].to_string()), "{refused}");
    assert!(
        ids.iter().all(|id| world.stored(*id).is_live()),
        "none was forgotten"
    );

    assert_eq!(
        pin(&world.repository, &ids[1..2], "desk").unwrap().unchanged,
        [ids[1]]
    );
    assert_eq!(changed(unpin(&world.repository, &ids, "desk")), [ids[1]]);
    assert_eq!(forget(&world.repository, &ids, "desk").unwrap().changed.len(), 3);
    let refused = pin(&world.repository, &ids[..1], "desk").unwrap_err();
    assert!(
        matches!(refused, Error::Forgotten(id) if id == ids[0]),
        "{refused}"
    );
}

#[test]
fn once_a_removal_was_begun_no_revival_is_reported_as_done() {
    let world = World::new("removal");
    let id = world.snapshot(1, &[]);
    forget(&world.repository, &[id], "desk").unwrap();
    // By a machine whose clock is behind: that makes no difference.
    world.annotate(AnnotationKind::Removal, id, NOON - 48 * HOUR, 0);
    let facts = world.facts();
    let refused = revive(&world.repository, &[id], "desk").unwrap_err();
    assert!(
        matches!(&refused, Error::Removed(ids) if *ids == [id]),
        "{refused}"
    );
    assert_eq!(world.facts(), facts, "nothing was written");
    let stored = world.stored(id);
    assert!(stored.removal && !stored.is_live());
    // Somebody revived it in the same moment. Whoever removes it looks for that before he does.
    world.annotate(AnnotationKind::Revival, id, NOON + HOUR, 0);
    let stored = world.stored(id);
    assert!(!stored.removal && stored.is_live());
    assert!(matches!(
        revive(&world.repository, &[id], "desk"),
        Err(Error::Removed(_))
    ));
}

#[test]
fn whoever_revives_sees_a_removal_that_came_at_the_same_time() {
    // The removal is written between the listing that a revival begins with and the one that it ends with.
    #[derive(Debug)]
    struct Meanwhile(Mutex<Option<(Repository, SnapshotId)>>);
    impl Clock for Meanwhile {
        fn now(&self) -> (i64, u32) {
            if let Some((other, id)) = self.0.lock().unwrap().take() {
                let fact = Annotation {
                    kind: AnnotationKind::Removal,
                    snapshot: id,
                    text: String::new(),
                    unix_seconds: NOON,
                    nanoseconds: 1,
                    host: "other".into(),
                    predecessors: Vec::new(),
                };
                other.annotate(&fact).unwrap();
            }
            (NOON, 0)
        }
    }
    let world = World::new("race");
    let id = world.snapshot(1, &[]);
    forget(&world.repository, &[id], "desk").unwrap();
    let other = reopen_in(&world.memory, environment("race, the other machine"));
    let env = Environment {
        clock: Arc::new(Meanwhile(Mutex::new(Some((other, id))))),
        ..environment("race, reviving")
    };
    let refused = revive(&reopen_in(&world.memory, env), &[id], "desk").unwrap_err();
    assert!(
        matches!(&refused, Error::Removed(ids) if *ids == [id]),
        "{refused}"
    );
    // Whoever removes it sees the revival as well, and leaves it.
    assert!(world.stored(id).is_live());
}

#[test]
fn nothing_is_forgotten_while_a_fact_cannot_be_read() {
    let world = World::new("unreadable");
    let ids = [1, 2].map(|number| world.snapshot(number, &[]));
    pin(&world.repository, &ids[..1], "desk").unwrap();
    let (name, mut bytes) = {
        let info = world.memory.list(ObjectKind::Annotation).unwrap()[0];
        let id = lumivault_format::ObjectId {
            kind: ObjectKind::Annotation,
            name: info.name,
        };
        (id, crate::seal::load_object(&world.memory, &id, 1 << 20).unwrap())
    };
    world.memory.remove(&name).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    crate::seal::store_object(&world.memory, lumivault_format::ObjectType::Annotation, &bytes).unwrap();
    assert_eq!(world.repository.snapshots().unwrap().unreadable.len(), 1);
    for outcome in [
        forget(&world.repository, &ids[1..], "desk"),
        revive(&world.repository, &ids[1..], "desk"),
        unpin(&world.repository, &ids[1..], "desk"),
    ] {
        assert!(outcome.unwrap_err().is_damage());
    }
    assert_eq!(world.facts(), 1);
}

#[test]
fn what_is_not_there_cannot_be_forgotten() {
    let world = World::new("absent");
    let id = world.snapshot(1, &[]);
    let absent = SnapshotId::from_bytes([9; 32]);
    let refused = forget(&world.repository, &[id, absent], "desk").unwrap_err();
    assert!(refused.to_string().contains(&absent.to_string()), "{refused}");
    assert_eq!(world.facts(), 0);
}

#[test]
fn at_the_end_of_all_time_nothing_is_said_any_more() {
    let world = World::new("end of time");
    let id = world.snapshot(1, &[]);
    world.annotate(AnnotationKind::Note, id, i64::MAX, 999_999_999);
    let refused = forget(&world.repository, &[id], "desk").unwrap_err();
    assert!(refused.to_string().contains(&id.to_string()), "{refused}");
    assert!(world.stored(id).is_live());
}

/// What a person does to a snapshot.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Forget,
    Revive,
    Pin,
    Unpin,
    Note,
}

fn deeds() -> impl Strategy<Value = Vec<(Deed, usize, i64, u32)>> {
    let deed = prop_oneof![
        3 => Just(Deed::Forget),
        3 => Just(Deed::Revive),
        1 => Just(Deed::Pin),
        1 => Just(Deed::Unpin),
        1 => Just(Deed::Note),
    ];
    // Clocks of different machines, up to two days off, with only a few nanoseconds so that some times are equal.
    let step = (deed, 0usize..2, -48 * HOUR..=48 * HOUR, 0u32..3);
    prop::collection::vec(step, 1..14)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        rng_seed: RngSeed::Fixed(0x666f_7267_6574),
        ..ProptestConfig::default()
    })]

    /// Whatever clocks say, what was done last counts.
    #[test]
    fn the_last_deed_counts_whatever_clocks_say(deeds in deeds()) {
        let world = World::new("jumping clocks");
        let ids = [1, 2].map(|number| world.snapshot(number, &[]));
        let (mut forgotten, mut pinned) = ([false; 2], [false; 2]);
        for (deed, which, off, nanoseconds) in deeds {
            world.clock.set(NOON + off, nanoseconds);
            let id = [ids[which]];
            match deed {
                Deed::Forget if pinned[which] => {
                    prop_assert!(matches!(forget(&world.repository, &id, "desk"), Err(Error::Pinned(_))));
                }
                Deed::Forget => {
                    let done = forget(&world.repository, &id, "desk").unwrap();
                    prop_assert_eq!(done.changed.is_empty(), forgotten[which]);
                    forgotten[which] = true;
                }
                Deed::Revive => {
                    let done = revive(&world.repository, &id, "desk").unwrap();
                    prop_assert_eq!(done.changed.is_empty(), !forgotten[which]);
                    forgotten[which] = false;
                }
                Deed::Pin if forgotten[which] => {
                    prop_assert!(matches!(pin(&world.repository, &id, "desk"), Err(Error::Forgotten(_))));
                }
                Deed::Pin => {
                    pin(&world.repository, &id, "desk").unwrap();
                    pinned[which] = true;
                }
                Deed::Unpin => {
                    unpin(&world.repository, &id, "desk").unwrap();
                    pinned[which] = false;
                }
                Deed::Note => {
                    let mut facts = Facts::read(&world.repository, "desk").unwrap();
                    facts.add(&world.stored(id[0]), AnnotationKind::Note, "seen").unwrap();
                }
            }
            for index in 0..2 {
                let stored = world.stored(ids[index]);
                prop_assert_eq!((stored.is_live(), stored.pinned), (!forgotten[index], pinned[index]));
            }
        }
    }
}
