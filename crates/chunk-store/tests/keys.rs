//! Ways into an archive: which open it, which do not, and that no interrupted change ever locks anybody out.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use common::{Fixture, chain, id, raw, raw_slot, read_all, store};
use lumivault_chunk_store::keys::{NewSlot, RecoveryCode, SlotSecret};
use lumivault_chunk_store::{Error, InitOptions, OpenOptions, Repository};
use lumivault_format::{
    ArchiveId, ChunkKind, Header, KdfParams, KeySlot, ObjectKind, ObjectType, SlotId, SlotKind,
};
use lumivault_testkit::{Event, Fault, FaultBackend, Operation};

fn password(text: &str) -> SlotSecret {
    SlotSecret::Password(text.to_owned().into())
}

/// A crafted slot object; its boxes hold nothing.
fn crafted(archive: ArchiveId, slot_id: [u8; 16], kind: SlotKind, generation: u32) -> Vec<u8> {
    let header = Header {
        object_type: ObjectType::KeySlot,
        epoch: 0,
        archive,
    };
    let slot = KeySlot {
        kind,
        generation,
        id: SlotId::from_bytes(slot_id),
        salt: [1; 32],
        public_key: [9; 32],
        keyring_nonce: [2; 24],
        keyring_box: vec![3; 272],
        info_nonce: [4; 24],
        info_box: vec![5; 80],
        commitment: [0; 32],
    };
    [slot.encode_uncommitted(&header.encode()), vec![6; 32]].concat()
}

#[test]
fn a_repository_opens_again_with_its_key_and_with_no_other() {
    let f = Fixture::new("keys: round trip");
    let first = f.open();
    let again = f.open();
    assert_eq!(first.archive(), again.archive());
    assert_eq!(first.replica(), again.replica());
    assert_eq!(first.config(), again.config());
    assert_eq!(first.config().generation, 1);
    assert_eq!(first.config().created_unix_seconds, 1_778_760_000);
    assert_eq!(*first.chunker_key(), *again.chunker_key());
    let slots = again.key_slots().unwrap();
    assert_eq!((slots.found.len(), slots.unreadable.len()), (1, 0));
    assert_eq!(slots.found[0].info.label, "first");
    assert!(slots.found[0].opened && slots.found[0].id == again.opened_slot());

    for wrong in [raw([7; 32]), password("guess"), password("")] {
        let error = f.open_with(&wrong).unwrap_err();
        assert!(matches!(error, Error::WrongPassword(1, 0)), "{error}");
    }
    let error = f.init(Arc::new(f.memory.clone())).unwrap_err();
    assert!(matches!(error, Error::RepositoryExists(_)), "{error}");
    assert_eq!(f.list(ObjectKind::Config).len(), 1);
}

#[test]
fn an_empty_place_is_no_repository() {
    let f = Fixture::empty("keys: empty place");
    let error = f.open_with(&raw(f.key)).unwrap_err();
    assert!(matches!(error, Error::NoRepository(_)), "{error}");
    let none = InitOptions::new(Vec::new(), vec![1]);
    let backend = || Arc::new(f.memory.clone());
    assert!(Repository::init(backend(), &none, f.env()).is_err());
    let too_many = InitOptions::new(
        (0..17).map(|i| raw_slot([i; 32], "one too many")).collect(),
        vec![1],
    );
    assert!(Repository::init(backend(), &too_many, f.env()).is_err());
    assert!(f.list(ObjectKind::KeySlot).is_empty());
    let sixteen = InitOptions::new((0..16).map(|i| raw_slot([i; 32], "sixteen")).collect(), vec![1]);
    Repository::init(backend(), &sixteen, f.env()).unwrap();
    for i in 0..16 {
        f.open_with(&raw([i; 32])).unwrap();
    }
}

#[test]
fn a_passphrase_opens_whatever_way_it_was_typed_and_a_recovery_code_stands_in_for_it() {
    let f = Fixture::empty("keys: argon2id");
    let code = RecoveryCode::from_key(f.key);
    let options = InitOptions::new(
        vec![
            NewSlot {
                secret: password("Caf\u{e9} 950 XL"),
                label: "passphrase".into(),
                kdf: KdfParams::DEFAULT,
            },
            raw_slot(f.key, "recovery code"),
        ],
        vec![1],
    );
    Repository::init(Arc::new(f.memory.clone()), &options, f.env()).unwrap();
    // Decomposed, with a byte-order mark and a line end, as an editor on Windows would save it.
    f.open_with(&password("\u{feff}Cafe\u{301} 950 XL\r\n")).unwrap();
    let error = f.open_with(&password("Cafe 950 XL")).unwrap_err();
    assert!(matches!(error, Error::WrongPassword(2, 0)), "{error}");
    for typed in [
        code.to_text().to_string(),
        code.to_text().to_lowercase().replace('-', " "),
    ] {
        let repository = f.open_with(&password(&typed)).unwrap();
        let slots = repository.key_slots().unwrap().found;
        let opened = slots.iter().find(|slot| slot.opened).unwrap();
        assert_eq!(
            (opened.kind, opened.info.label.as_str()),
            (SlotKind::Raw, "recovery code")
        );
    }
}

#[test]
fn slots_come_and_go_but_the_last_one_stays() {
    let f = Fixture::new("keys: add and remove");
    let repository = f.open();
    f.world.clock.advance(60);
    let second = repository.add_key_slot(&raw_slot([2; 32], "second")).unwrap();
    let slots = repository.key_slots().unwrap().found;
    let labels: Vec<_> = slots.iter().map(|slot| slot.info.label.as_str()).collect();
    assert_eq!(labels, ["first", "second"]);
    assert_eq!(slots[1].info.created_unix_seconds, 1_778_760_060);

    repository
        .rewrap_key_slot(second, &raw_slot([3; 32], "second, new"))
        .unwrap();
    assert_eq!(f.list(ObjectKind::KeySlot).len(), 2, "the old generation is gone");
    assert!(f.open_with(&raw([2; 32])).is_err());
    let with_new = f.open_with(&raw([3; 32])).unwrap();
    let slots = with_new.key_slots().unwrap().found;
    let slot = slots.iter().find(|slot| slot.id == second).unwrap();
    assert_eq!((slot.generation, slot.info.label.as_str()), (2, "second, new"));

    with_new.remove_key_slot(repository.opened_slot()).unwrap();
    assert!(f.open_with(&raw(f.key)).is_err());
    assert!(with_new.remove_key_slot(second).is_err(), "the last one");
    assert!(with_new.remove_key_slot(SlotId::from_bytes([0; 16])).is_err());
    f.open_with(&raw([3; 32])).unwrap();
}

#[test]
fn there_are_at_most_sixteen_slots() {
    let f = Fixture::new("keys: sixteen");
    let repository = f.open();
    for i in 1..16 {
        repository.add_key_slot(&raw_slot([i; 32], "more")).unwrap();
    }
    assert!(repository.add_key_slot(&raw_slot([99; 32], "too many")).is_err());
    assert_eq!(f.list(ObjectKind::KeySlot).len(), 16);
    f.plant(
        ObjectKind::KeySlot,
        &crafted(repository.archive(), [99; 16], SlotKind::Raw, 1),
    );
    let error = f.open_with(&raw(f.key)).unwrap_err();
    assert!(chain(&error).contains("more than 16 key slots"), "{error}");
}

#[test]
fn a_slot_that_cannot_be_read_now_keeps_its_place() {
    let f = Fixture::new("keys: unreadable counts");
    let repository = f.open();
    for i in 1..16 {
        repository.add_key_slot(&raw_slot([i; 32], "more")).unwrap();
    }
    let name = f.list(ObjectKind::KeySlot)[7];
    let object = id(ObjectKind::KeySlot, name);
    let bytes = f.bytes(&object);
    f.overwrite(&object, &bytes[..100]);
    assert!(
        repository
            .add_key_slot(&raw_slot([99; 32], "seventeenth"))
            .is_err()
    );
    f.overwrite(&object, &bytes);
    assert_eq!(repository.key_slots().unwrap().found.len(), 16);
}

#[test]
fn whoever_is_refused_hears_of_slots_that_could_not_be_read() {
    let f = Fixture::new("keys: one of them unreadable");
    f.plant(ObjectKind::KeySlot, &[7; 300]);
    let error = f.open_with(&raw([77; 32])).unwrap_err();
    assert!(matches!(error, Error::WrongPassword(1, 1)), "{error}");
    assert!(
        error.to_string().ends_with("; 1 more could not be read"),
        "{error}"
    );
}

#[test]
fn weak_and_greedy_slots_are_refused() {
    let f = Fixture::new("keys: hostile kdf");
    let archive = f.open().archive();
    let kdf = |memory_kib, passes, lanes| {
        SlotKind::Passphrase(KdfParams {
            memory_kib,
            passes,
            lanes,
        })
    };
    let least = KdfParams::DEFAULT;
    for (kind, expected) in [
        (kdf(8, 1, 1), "weaker"),
        (kdf(least.memory_kib - 1, 3, 4), "weaker"),
        (kdf(least.memory_kib, 2, 4), "weaker"),
        (kdf(least.memory_kib, 3, 3), "weaker"),
        (kdf(least.memory_kib, 65, 4), "over 64"),
        (kdf(least.memory_kib, 3, 65), "over 64"),
        (kdf(u32::MAX, 3, 4), "memory"),
        (kdf(1_048_577, 3, 4), "memory"),
    ] {
        // Alone in a copy of the place, so that nothing else is tried.
        let copy = f.copy();
        for name in copy.list(ObjectKind::KeySlot) {
            use lumivault_chunk_store::backend::Backend;
            copy.memory.remove(&id(ObjectKind::KeySlot, name)).unwrap();
        }
        copy.plant(ObjectKind::KeySlot, &crafted(archive, [8; 16], kind, 1));
        let error = copy.open_with(&password("anything")).unwrap_err();
        assert!(chain(&error).contains(expected), "{kind:?}: {}", chain(&error));
    }
    // Beside a genuine slot it is no obstacle.
    f.plant(
        ObjectKind::KeySlot,
        &crafted(archive, [8; 16], kdf(u32::MAX, 3, 4), 1),
    );
    let repository = f.open();
    let slots = repository.key_slots().unwrap();
    assert_eq!((slots.found.len(), slots.unreadable.len()), (1, 1));
    assert!(slots.unreadable[0].is_damage());
    // And none of our own is made like that.
    let weak = NewSlot {
        secret: password("p"),
        label: String::new(),
        kdf: KdfParams {
            memory_kib: 1024,
            passes: 3,
            lanes: 4,
        },
    };
    assert!(repository.add_key_slot(&weak).is_err());
}

#[test]
fn forged_slots_shadow_nothing_when_keys_are_changed() {
    let f = Fixture::new("keys: forged generations");
    let repository = f.open();
    let second = repository.add_key_slot(&raw_slot([2; 32], "second")).unwrap();
    let genuine = f.list(ObjectKind::KeySlot);
    // A later generation of each slot, made by whoever can write to the place.
    for slot in [repository.opened_slot(), second] {
        f.plant(
            ObjectKind::KeySlot,
            &crafted(repository.archive(), *slot.as_bytes(), SlotKind::Raw, u32::MAX),
        );
    }
    assert_eq!(repository.key_slots().unwrap().found.len(), 2);
    // Changing one slot must not remove the genuine object of the other as outdated.
    repository
        .rewrap_key_slot(second, &raw_slot([3; 32], "second"))
        .unwrap();
    let first_object = genuine
        .iter()
        .find(|name| f.list(ObjectKind::KeySlot).contains(name))
        .expect("the other slot's object is still there");
    let header = Header::decode(&f.bytes(&id(ObjectKind::KeySlot, *first_object))).unwrap();
    assert_eq!(header.archive, repository.archive());
    // A forged slot is no way in, so the last genuine one is not given up for it.
    repository.remove_key_slot(second).unwrap();
    assert!(repository.remove_key_slot(repository.opened_slot()).is_err());
}

#[test]
fn a_slot_of_another_archive_is_not_wrapped_for() {
    let f = Fixture::new("keys: foreign slot");
    let repository = f.open();
    let foreign = Fixture::new("keys: foreign slot, the other archive");
    let name = foreign.list(ObjectKind::KeySlot)[0];
    f.plant(
        ObjectKind::KeySlot,
        &foreign.bytes(&id(ObjectKind::KeySlot, name)),
    );
    let slots = repository.key_slots().unwrap();
    assert_eq!((slots.found.len(), slots.unreadable.len()), (1, 1));
    assert!(repository.rotate_epoch().is_err(), "no epoch key for a stranger");
    assert!(f.list(ObjectKind::Epoch).is_empty());
}

#[test]
fn after_a_rotation_every_slot_reads_everything() {
    let f = Fixture::new("keys: rotation");
    let repository = f.open();
    let second = repository.add_key_slot(&raw_slot([2; 32], "second")).unwrap();
    let (mut ids, _) = store(&repository, ChunkKind::Data, &[b"sealed in epoch 1".to_vec()]).unwrap();
    let number = repository.rotate_epoch().unwrap();
    assert!(number > 1);
    let reopened = f.open();
    let (more, _) = store(&reopened, ChunkKind::Data, &[b"sealed in the next".to_vec()]).unwrap();
    ids.extend(more);
    let epochs: Vec<u32> = f
        .list(ObjectKind::Pack)
        .iter()
        .map(|name| {
            Header::decode(&f.bytes(&id(ObjectKind::Pack, *name)))
                .unwrap()
                .epoch
        })
        .collect();
    assert!(epochs.contains(&1) && epochs.contains(&number), "{epochs:?}");

    reopened.rotate_epoch().unwrap();
    reopened
        .rewrap_key_slot(second, &raw_slot([3; 32], "second"))
        .unwrap();
    f.open().rotate_epoch().unwrap();
    let third = f.open();
    third.add_key_slot(&raw_slot([4; 32], "third")).unwrap();
    let (more, _) = store(&third, ChunkKind::Data, &[b"sealed in the last".to_vec()]).unwrap();
    ids.extend(more);
    for key in [f.key, [3; 32], [4; 32]] {
        let repository = f.open_with(&raw(key)).unwrap();
        let chunks = read_all(&repository, &ids).unwrap();
        assert_eq!(chunks[2], b"sealed in the last");
    }
    assert!(f.world.notes.take_warnings().is_empty());
}

#[test]
fn a_rotation_interrupted_anywhere_leaves_no_slot_behind() {
    let seed = "keys: interrupted rotation";
    let f = Fixture::new(seed);
    let repository = f.open();
    for i in 1..4 {
        repository.add_key_slot(&raw_slot([i; 32], "another")).unwrap();
    }
    for failing in 0.. {
        let copy = f.copy();
        let faulty = FaultBackend::new(copy.memory.clone());
        let control = faulty.control();
        let repository = copy.open_on(Arc::new(faulty)).unwrap();
        let creations = |n: usize| {
            let before = control.count();
            control.fail_from(before + n, Fault::Io);
            let result = repository.rotate_epoch();
            control.heal();
            result
        };
        let done = creations(failing).is_ok();
        // Whoever got the new key uses it. Nobody else may be unable to read what he writes.
        for writer in [copy.key, [1; 32], [2; 32], [3; 32]] {
            let writing = copy.open_with(&raw(writer)).unwrap();
            let text = format!("{failing}: {writer:?}").into_bytes();
            let (ids, _) = store(&writing, ChunkKind::Data, std::slice::from_ref(&text)).unwrap();
            for reader in [copy.key, [1; 32], [2; 32], [3; 32]] {
                let reading = copy.open_with(&raw(reader)).unwrap();
                assert_eq!(
                    read_all(&reading, &ids).unwrap(),
                    std::slice::from_ref(&text),
                    "{seed}, {failing}"
                );
            }
        }
        if done {
            assert!(failing > 8, "the rotation met only {failing} operations");
            break;
        }
    }
}

#[test]
fn two_machines_may_rotate_at_the_same_time() {
    let f = Fixture::new("keys: two rotations at once");
    let (one, other) = (f.open(), f.open());
    one.add_key_slot(&raw_slot([2; 32], "second")).unwrap();
    let (a, b) = (one.rotate_epoch().unwrap(), other.rotate_epoch().unwrap());
    assert_ne!(a, b);
    let (ids, _) = store(&f.open(), ChunkKind::Tree, &[b"text".to_vec()]).unwrap();
    assert_eq!(
        read_all(&f.open_with(&raw([2; 32])).unwrap(), &ids).unwrap(),
        [b"text"]
    );
    assert!(f.world.notes.take_warnings().is_empty());
}

#[test]
fn a_slot_made_by_a_machine_that_missed_a_rotation_gets_its_epoch() {
    let f = Fixture::new("keys: slot made meanwhile");
    let stale = f.open();
    f.open().rotate_epoch().unwrap();
    stale.add_key_slot(&raw_slot([2; 32], "second")).unwrap();
    let (ids, _) = store(&f.open(), ChunkKind::Data, &[b"text".to_vec()]).unwrap();
    assert_eq!(
        read_all(&f.open_with(&raw([2; 32])).unwrap(), &ids).unwrap(),
        [b"text"]
    );
}

#[test]
fn an_interrupted_rewrap_leaves_the_new_secret_in_force_and_is_tidied_by_the_next() {
    let f = Fixture::new("keys: interrupted rewrap");
    let faulty = FaultBackend::new(f.memory.clone());
    let control = faulty.control();
    let backend: Arc<dyn lumivault_chunk_store::backend::Backend> = Arc::new(faulty);
    let repository = f.open_on(Arc::clone(&backend)).unwrap();
    let slot = repository.opened_slot();
    let before = control.count();
    repository
        .rewrap_key_slot(slot, &raw_slot([2; 32], "rehearsal"))
        .unwrap();
    let is_removal = |event: &Event| {
        let of_slot = event.object.is_some_and(|id| id.kind == ObjectKind::KeySlot);
        event.operation == Operation::Remove && of_slot
    };
    let removal = control.log().iter().skip(before).position(is_removal).unwrap();
    // As it was opened the first time: what it remembers decides what it asks for.
    let repository = Repository::open(backend, &raw([2; 32]), OpenOptions::default(), f.env()).unwrap();
    control.fail_at(control.count() + removal, Fault::Io);
    assert!(
        repository
            .rewrap_key_slot(slot, &raw_slot([3; 32], "new"))
            .is_err()
    );
    assert_eq!(f.list(ObjectKind::KeySlot).len(), 2);
    assert!(
        f.open_with(&raw([2; 32])).is_err(),
        "the higher generation counts"
    );
    let repository = f.open_with(&raw([3; 32])).unwrap();
    repository
        .rewrap_key_slot(slot, &raw_slot([4; 32], "newest"))
        .unwrap();
    assert_eq!(f.list(ObjectKind::KeySlot).len(), 1);
    assert_eq!(
        f.open_with(&raw([4; 32])).unwrap().key_slots().unwrap().found[0].generation,
        4
    );
}

#[test]
fn a_storage_that_fails_is_not_called_a_wrong_password() {
    let f = Fixture::new("keys: failing storage");
    let faulty = FaultBackend::new(f.memory.clone());
    let control = faulty.control();
    let backend: Arc<dyn lumivault_chunk_store::backend::Backend> = Arc::new(faulty);
    f.open_on(Arc::clone(&backend)).unwrap();
    let operations = control.count();
    for failing in 0..operations {
        let failed = control.count() + failing;
        control.fail_at(failed, Fault::Io);
        let opened = f.open_on(Arc::clone(&backend));
        // Copies are only asked whether something is lost.
        if control.log()[failed].operation == Operation::List(ObjectKind::Parity) {
            opened.unwrap();
            let warnings = f.world.notes.take_warnings();
            assert!(warnings[0].contains("cannot be told from copies"), "{warnings:?}");
        } else {
            let error = opened.unwrap_err();
            assert!(matches!(error, Error::Backend(_)), "{failing}: {error}");
        }
        control.heal();
    }
}

#[test]
fn a_greedy_slot_is_refused_with_what_it_needs() {
    let f = Fixture::new("keys: memory allowed");
    let archive = f.open().archive();
    let greedy = SlotKind::Passphrase(KdfParams {
        memory_kib: 2_097_152,
        passes: 3,
        lanes: 4,
    });
    f.plant(ObjectKind::KeySlot, &crafted(archive, [8; 16], greedy, 1));
    let open = |kdf_memory_kib_max| {
        let options = OpenOptions {
            kdf_memory_kib_max,
            ..OpenOptions::default()
        };
        Repository::open(Arc::new(f.memory.clone()), &password("p"), options, f.env()).unwrap_err()
    };
    match open(KdfParams::MEMORY_KIB_MAX) {
        Error::KdfMemory {
            needed_mib,
            allowed_mib,
        } => assert_eq!((needed_mib, allowed_mib), (2048, 1024)),
        error => panic!("{error}"),
    }
}
