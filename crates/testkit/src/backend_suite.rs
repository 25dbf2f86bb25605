//! The promises of [`Backend`], checked the same way for every implementation.

use std::collections::BTreeMap;
use std::io;
use std::sync::Barrier;
use std::thread;

use lumivault_chunk_store::backend::{Backend, BackendError, ObjectInfo, Spool};
use lumivault_format::{ObjectId, ObjectKind, ObjectName};

/// Runs every check.
///
/// `make` opens the same place each time, as another process would; at first it is empty.
///
/// # Panics
///
/// When a promise is broken, with its name.
pub fn run(make: impl Fn() -> Box<dyn Backend>) {
    an_empty_place_lists_nothing(&*make());
    creates_once(&*make());
    reads_ranges(&*make());
    holds_empty_objects(&*make());
    holds_big_objects(&*make());
    publishes_spools(&*make());
    publishes_once(&*make());
    drops_spools(&*make());
    keeps_spools_apart(&*make());
    reads_spools_back(&*make());
    one_of_many_creators_wins(&*make());
    removes(&*make());
    sets_aside(&*make());
    heals(&*make());
    readers_see_what_is_healed_whole(&make);
    keeps_kinds_apart(&*make());
    instances_share_objects(&make);
}

/// An object id of one's own for a test: `tag` fills the name.
pub fn id(kind: ObjectKind, tag: u8) -> ObjectId {
    ObjectId {
        kind,
        name: ObjectName::from_bytes([tag; 32]),
    }
}

/// Bytes that differ everywhere and for every `seed`.
pub fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

/// The whole of an object.
///
/// # Panics
///
/// When it cannot be read.
pub fn read(backend: &dyn Backend, id: &ObjectId) -> Vec<u8> {
    try_read(backend, id).unwrap_or_else(|error| panic!("reading {id}: {error:?}"))
}

/// The whole of an object, or why not.
///
/// # Panics
///
/// When it is larger than the address space.
pub fn try_read(backend: &dyn Backend, id: &ObjectId) -> Result<Vec<u8>, BackendError> {
    let size = backend.size(id)?;
    let mut buffer = vec![0; usize::try_from(size).expect("test objects fit into memory")];
    backend.read_at(id, 0, &mut buffer)?;
    Ok(buffer)
}

fn listed(backend: &dyn Backend, kind: ObjectKind) -> BTreeMap<ObjectName, u64> {
    let list = backend.list(kind).expect("listing");
    let count = list.len();
    let listed: BTreeMap<_, _> = list
        .into_iter()
        .map(|ObjectInfo { name, size }| (name, size))
        .collect();
    assert_eq!(listed.len(), count, "no object is listed twice");
    listed
}

fn is_visible(backend: &dyn Backend, id: &ObjectId) -> bool {
    let listed = listed(backend, id.kind).contains_key(&id.name);
    let readable = match backend.size(id) {
        Ok(_) => true,
        Err(BackendError::NotFound { .. }) => false,
        Err(error) => panic!("size of {id}: {error:?}"),
    };
    assert_eq!(listed, readable, "{id} is listed exactly when it can be read");
    listed
}

fn spool_of(backend: &dyn Backend, parts: &[&[u8]]) -> Box<dyn Spool> {
    let mut spool = backend.spool().expect("opening a spool");
    for part in parts {
        spool.append(part).expect("appending");
    }
    spool
}

#[track_caller]
fn assert_not_found<T>(result: Result<T, BackendError>, id: &ObjectId) {
    match result {
        Err(BackendError::NotFound { object, .. }) => assert_eq!(object, *id),
        Err(error) => panic!("expected NotFound, got {error:?}"),
        Ok(_) => panic!("{id} should be absent"),
    }
}

#[track_caller]
fn assert_exists(result: Result<(), BackendError>, id: &ObjectId) {
    match result {
        Err(BackendError::AlreadyExists { object, .. }) => assert_eq!(object, *id),
        other => panic!("expected AlreadyExists, got {other:?}"),
    }
}

#[track_caller]
fn assert_truncated(result: Result<(), BackendError>, id: &ObjectId, expected: u64) {
    match result {
        Err(BackendError::Truncated { object, end, .. }) => assert_eq!((object, end), (*id, expected)),
        other => panic!("expected Truncated, got {other:?}"),
    }
}

fn an_empty_place_lists_nothing(backend: &dyn Backend) {
    assert!(!backend.location().is_empty(), "a place has a name");
    for kind in ObjectKind::ALL {
        assert_eq!(
            backend.list(kind).expect("a missing folder is an empty one"),
            [],
            "{kind}"
        );
        let id = id(kind, 0);
        assert_not_found(backend.size(&id), &id);
        assert_not_found(backend.read_at(&id, 0, &mut [0]), &id);
        assert_not_found(backend.read_at(&id, 0, &mut []), &id);
        assert_not_found(backend.remove(&id), &id);
    }
}

fn creates_once(backend: &dyn Backend) {
    let id = id(ObjectKind::Index, 1);
    let first = bytes(1, 1000);
    backend.create(&id, &first).expect("creating");
    assert!(is_visible(backend, &id));
    assert_eq!(listed(backend, id.kind).get(&id.name), Some(&1000));
    for later in [bytes(2, 1000), bytes(3, 2000), Vec::new(), first.clone()] {
        assert_exists(backend.create(&id, &later), &id);
        assert_eq!(read(backend, &id), first, "a refused creator changes nothing");
    }
}

fn reads_ranges(backend: &dyn Backend) {
    let id = id(ObjectKind::Pack, 2);
    let content = bytes(4, 10_000);
    backend.create(&id, &content).expect("creating");
    assert_eq!(backend.size(&id).expect("size"), 10_000);
    for (start, length) in [
        (0, 0),
        (0, 1),
        (0, 10_000),
        (1, 9_999),
        (4_096, 4_096),
        (9_999, 1),
        (10_000, 0),
    ] {
        let mut buffer = vec![0xee; length];
        backend
            .read_at(&id, start as u64, &mut buffer)
            .unwrap_or_else(|error| panic!("{start}+{length}: {error:?}"));
        assert_eq!(buffer, content[start..start + length], "{start}+{length}");
    }
    for (start, length, end) in [
        (0, 10_001, 10_001),
        (9_999, 2, 10_001),
        (10_000, 1, 10_001),
        (20_000, 1, 20_001),
        (i64::MAX as u64 - 4, 8, i64::MAX as u64 + 4),
        (u64::MAX - 4, 8, u64::MAX),
    ] {
        assert_truncated(backend.read_at(&id, start, &mut vec![0; length]), &id, end);
        // A range over the end must not spoil later reads.
        assert_eq!(read(backend, &id), content);
    }
}

fn holds_empty_objects(backend: &dyn Backend) {
    let created = id(ObjectKind::Annotation, 3);
    backend.create(&created, &[]).expect("creating an empty object");
    let published = id(ObjectKind::Annotation, 4);
    spool_of(backend, &[])
        .publish(&published)
        .expect("publishing an empty spool");
    for id in [created, published] {
        assert!(is_visible(backend, &id));
        assert_eq!(read(backend, &id), []);
        assert_truncated(backend.read_at(&id, 0, &mut [0]), &id, 1);
        assert_exists(backend.create(&id, &[1]), &id);
    }
}

fn holds_big_objects(backend: &dyn Backend) {
    let content = bytes(5, 5 << 20);
    let created = id(ObjectKind::Pack, 5);
    backend.create(&created, &content).expect("creating 5 MiB");
    let published = id(ObjectKind::Pack, 6);
    let parts: Vec<&[u8]> = content.chunks(1_000_003).collect();
    spool_of(backend, &parts)
        .publish(&published)
        .expect("publishing 5 MiB");
    for id in [created, published] {
        assert!(read(backend, &id) == content, "5 MiB come back unchanged");
    }
}

fn publishes_spools(backend: &dyn Backend) {
    let id = id(ObjectKind::Pack, 7);
    let spool = spool_of(backend, &[b"one", b"", b"two"]);
    assert_eq!(spool.len(), 6);
    assert!(!is_visible(backend, &id), "a spool is no object yet");
    spool.publish(&id).expect("publishing");
    assert!(is_visible(backend, &id));
    assert_eq!(read(backend, &id), b"onetwo");
}

fn publishes_once(backend: &dyn Backend) {
    let id = id(ObjectKind::Snapshot, 8);
    backend.create(&id, b"first").expect("creating");
    let before = listed(backend, id.kind);
    assert_exists(spool_of(backend, &[b"second"]).publish(&id), &id);
    assert_eq!(read(backend, &id), b"first");
    assert_eq!(listed(backend, id.kind), before);
}

fn drops_spools(backend: &dyn Backend) {
    let before: Vec<_> = ObjectKind::ALL
        .iter()
        .map(|&kind| listed(backend, kind))
        .collect();
    drop(spool_of(backend, &[b"never", b"seen"]));
    drop(spool_of(backend, &[]));
    let after: Vec<_> = ObjectKind::ALL
        .iter()
        .map(|&kind| listed(backend, kind))
        .collect();
    assert_eq!(before, after, "a dropped spool leaves nothing visible");
}

fn keeps_spools_apart(backend: &dyn Backend) {
    let (id_a, id_b) = (id(ObjectKind::Pack, 9), id(ObjectKind::Pack, 10));
    let (mut a, mut b) = (
        backend.spool().expect("spool a"),
        backend.spool().expect("spool b"),
    );
    for round in 0..10u8 {
        a.append(&[b'a', round]).expect("appending to a");
        b.append(&[b'b', round, round]).expect("appending to b");
    }
    b.publish(&id_b).expect("publishing b");
    a.append(b"end").expect("appending to a after b was published");
    a.publish(&id_a).expect("publishing a");
    let expected_a: Vec<u8> = (0..10).flat_map(|round| [b'a', round]).chain(*b"end").collect();
    let expected_b: Vec<u8> = (0..10).flat_map(|round| [b'b', round, round]).collect();
    assert_eq!(read(backend, &id_a), expected_a);
    assert_eq!(read(backend, &id_b), expected_b);
}

fn reads_spools_back(backend: &dyn Backend) {
    let content = bytes(11, 3_000);
    let mut spool = spool_of(backend, &[&content[..1_000], &content[1_000..2_000]]);
    let mut buffer = vec![0; 1_000];
    spool
        .read_at(500, &mut buffer)
        .expect("reading back across two appends");
    assert_eq!(buffer, content[500..1_500]);
    for (start, length) in [(1_999, 2), (2_000, 1), (5_000, 1), (u64::MAX, 2)] {
        match spool.read_at(start, &mut vec![0; length]) {
            Err(BackendError::Io { source, .. }) if source.kind() == io::ErrorKind::UnexpectedEof => {}
            other => panic!("reading back over the end: {other:?}"),
        }
    }
    spool
        .append(&content[2_000..])
        .expect("reading back does not move the end");
    let id = id(ObjectKind::Pack, 11);
    spool.publish(&id).expect("publishing");
    assert_eq!(read(backend, &id), content);
}

fn one_of_many_creators_wins(backend: &dyn Backend) {
    const CREATORS: u8 = 8;
    for round in 0..8u8 {
        // Half of them create, half publish; most rounds need a folder that does not exist yet.
        let id = id(
            if round.is_multiple_of(2) {
                ObjectKind::Pack
            } else {
                ObjectKind::Mark
            },
            0x80 | round,
        );
        let content = |creator: u8| bytes(u64::from(creator) + 100, 50_000 + usize::from(creator));
        let start = Barrier::new(CREATORS.into());
        let write = |creator: u8| {
            let content = content(creator);
            start.wait();
            if creator.is_multiple_of(2) {
                backend.create(&id, &content)
            } else {
                spool_of(backend, &[&content]).publish(&id)
            }
        };
        let results: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..CREATORS)
                .map(|creator| scope.spawn(move || (creator, write(creator))))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("no creator panics"))
                .collect()
        });
        let mut winners = Vec::new();
        for (creator, result) in results {
            match result {
                Ok(()) => winners.push(creator),
                Err(BackendError::AlreadyExists { .. }) => {}
                Err(error) => panic!("round {round}, creator {creator}: {error:?}"),
            }
        }
        let [winner] = winners[..] else {
            panic!("round {round}: {winners:?} all won")
        };
        assert!(
            read(backend, &id) == content(winner),
            "round {round}: the content is the winner's, whole"
        );
    }
}

fn removes(backend: &dyn Backend) {
    for kind in [ObjectKind::Pack, ObjectKind::Index] {
        let (gone, kept) = (id(kind, 12), id(kind, 13));
        backend.create(&gone, b"gone").expect("creating");
        backend.create(&kept, b"kept").expect("creating");
        assert_eq!(read(backend, &gone), b"gone");
        backend.remove(&gone).expect("removing");
        assert!(!is_visible(backend, &gone));
        assert_not_found(backend.read_at(&gone, 0, &mut [0]), &gone);
        assert_not_found(backend.remove(&gone), &gone);
        assert_eq!(read(backend, &kept), b"kept");
        backend
            .create(&gone, b"again")
            .expect("creating what was removed");
        assert_eq!(read(backend, &gone), b"again");
    }
}

fn sets_aside(backend: &dyn Backend) {
    for kind in [ObjectKind::Pack, ObjectKind::Index] {
        let (gone, kept) = (id(kind, 15), id(kind, 16));
        backend.create(&kept, b"kept").expect("creating");
        // The same name several times: what was set aside before is not replaced.
        for content in [b"one", b"two", b"six"] {
            backend.create(&gone, content).expect("creating");
            assert_eq!(read(backend, &gone), content);
            backend.set_aside(&gone).expect("setting aside");
            assert!(!is_visible(backend, &gone));
            assert_not_found(backend.read_at(&gone, 0, &mut [0]), &gone);
            assert_not_found(backend.set_aside(&gone), &gone);
        }
        assert_eq!(read(backend, &kept), b"kept");
    }
}

/// The id that bytes give an object.
fn id_of(kind: ObjectKind, bytes: &[u8]) -> ObjectId {
    ObjectId {
        kind,
        name: ObjectName::from_bytes(*blake3::hash(bytes).as_bytes()),
    }
}

fn heals(backend: &dyn Backend) {
    for kind in [ObjectKind::Pack, ObjectKind::Config] {
        let content = bytes(15, 70_000);
        let id = id_of(kind, &content);
        let refused = |wrong: &[u8]| match backend.heal(&id, wrong) {
            Err(BackendError::NotItsBytes { object, .. }) => assert_eq!(object, id),
            other => panic!("expected NotItsBytes, got {other:?}"),
        };
        refused(&content[1..]);
        assert!(!is_visible(backend, &id), "what is refused leaves nothing");
        backend.heal(&id, &content).expect("healing what is absent");
        assert!(is_visible(backend, &id));
        let longer = vec![0; 80_000];
        for damaged in [&content[..69_999], &longer, &[]] {
            backend.remove(&id).expect("removing");
            backend.create(&id, damaged).expect("creating a damaged object");
            assert_eq!(read(backend, &id), damaged);
            refused(damaged);
            assert_eq!(read(backend, &id), damaged, "what is refused changes nothing");
            backend.heal(&id, &content).expect("healing");
            assert!(read(backend, &id) == content, "it is healed at once");
            assert_eq!(listed(backend, kind).get(&id.name), Some(&70_000));
            backend.heal(&id, &content).expect("healing what is whole");
        }
        assert_exists(backend.create(&id, &content), &id);
        backend.remove(&id).expect("removing what was healed");
        assert_not_found(backend.size(&id), &id);
    }
    let empty = id_of(ObjectKind::Annotation, &[]);
    backend.create(&empty, b"not empty").expect("creating");
    backend.heal(&empty, &[]).expect("healing an empty object");
    assert_eq!(read(backend, &empty), []);
    backend.remove(&empty).expect("removing");
}

fn readers_see_what_is_healed_whole(make: &impl Fn() -> Box<dyn Backend>) {
    let (one, two) = (make(), make());
    let content = bytes(16, 300_000);
    let id = id_of(ObjectKind::Pack, &content);
    let damaged = vec![7; content.len()];
    one.create(&id, &damaged).expect("creating");
    assert!(read(&*two, &id) == damaged);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            for _ in 0..50 {
                let found = read(&*two, &id);
                assert!(found == content || found == damaged, "a reader saw a mixture");
            }
        });
        for _ in 0..5 {
            one.heal(&id, &content).expect("healing under a reader");
        }
        reader.join().expect("the reader does not panic");
    });
    assert!(
        read(&*make(), &id) == content,
        "another instance sees what was healed"
    );
    one.remove(&id).expect("removing");
}

fn keeps_kinds_apart(backend: &dyn Backend) {
    for (index, kind) in (0u8..).zip(ObjectKind::ALL) {
        // Another last byte than the others, so that fan-out kinds put two objects into one folder.
        let mut name = [0xab; 32];
        backend
            .create(
                &ObjectId {
                    kind,
                    name: ObjectName::from_bytes(name),
                },
                &[index],
            )
            .expect("creating");
        name[31] = 0xcd;
        backend
            .create(
                &ObjectId {
                    kind,
                    name: ObjectName::from_bytes(name),
                },
                &[index, index],
            )
            .expect("creating beside it");
    }
    for (index, kind) in (0u8..).zip(ObjectKind::ALL) {
        assert_eq!(read(backend, &id(kind, 0xab)), [index], "{kind}");
        let listed = listed(backend, kind);
        let beside = listed.iter().filter(|(name, _)| name.as_bytes()[0] == 0xab);
        assert_eq!(
            beside.map(|(_, size)| *size).collect::<Vec<_>>(),
            [1, 2],
            "{kind}"
        );
    }
}

fn instances_share_objects(make: &impl Fn() -> Box<dyn Backend>) {
    let (one, two) = (make(), make());
    let id = id(ObjectKind::Session, 14);
    one.create(&id, b"shared").expect("creating");
    assert_eq!(read(&*two, &id), b"shared", "another instance sees it at once");
    assert_exists(two.create(&id, b"other"), &id);
    two.remove(&id).expect("removing through the other instance");
    assert!(!is_visible(&*one, &id));
    one.create(&id, b"anew").expect("creating anew");
    drop((one, two));
    let three = make();
    assert_eq!(
        read(&*three, &id),
        b"anew",
        "it is still there when the place is opened again"
    );
    for kind in ObjectKind::ALL {
        assert!(
            !listed(&*three, kind).is_empty(),
            "{kind}: all of it is still there"
        );
    }
}
