//! Chunks in, chunks out: shared, packed with hidden boundaries, adopted after an interruption, never lost.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use common::steered::Steered;
use common::{Fixture, OPTIONS, begin, id, read_all, store};
use lumivault_chunk_store::backend::{Backend, BackendError, Memory};
use lumivault_chunk_store::{
    ChunkIndex, ChunkWriter, Compression, CompressionHint, Error, PackReader, TreeReader, WriteSummary,
    WriterOptions,
};
use lumivault_format::{ChunkId, ChunkKind, DIRECTORY_ENTRY_BYTES, ObjectKind, ObjectName, padme};
use lumivault_testkit::{Event, Fault, FaultBackend, Operation, SeededRandom};

const MIB: usize = 1024 * 1024;
const CLASS: u64 = 512 * 1024;

/// Text that compresses to about a third.
fn text(random: &SeededRandom, length: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(length + 32);
    while out.len() < length {
        let line = format!("<message id=\"{:08x}\" read=\"yes\"/>\n", random.below(1 << 32));
        out.extend_from_slice(line.as_bytes());
    }
    out.truncate(length);
    out
}

#[test]
fn chunks_of_every_size_and_kind_come_back_from_several_threads() {
    let f = Fixture::new("chunks: sizes");
    let random = SeededRandom::new("chunks: sizes, content");
    let sizes = [
        1,
        2,
        15,
        16,
        17,
        63,
        64,
        1000,
        16_383,
        65_536,
        65_537,
        300_001,
        MIB,
        5 * MIB,
        16 * MIB - 1,
        16 * MIB,
    ];
    let mut jobs = Vec::new();
    for (i, size) in sizes.into_iter().enumerate() {
        let kind = if i % 2 == 0 {
            ChunkKind::Data
        } else {
            ChunkKind::Tree
        };
        jobs.push((kind, random.bytes(size), CompressionHint::Store));
        jobs.push((kind, text(&random, size), CompressionHint::Compress));
        jobs.push((kind, random.bytes(size), CompressionHint::Sample));
    }
    jobs.push((ChunkKind::Data, vec![0; 16 * MIB], CompressionHint::Compress));
    let repository = f.open();
    let (_, writer) = begin(&repository).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (jobs, writer) = (&jobs, &writer);
            scope.spawn(move || {
                // Every chunk is offered by two threads at once.
                for (kind, plain, hint) in jobs.iter().skip(thread / 2).step_by(2) {
                    writer.store(*kind, plain, *hint).unwrap();
                }
            });
        }
    });
    let distinct: HashSet<_> = jobs.iter().map(|(kind, plain, _)| (*kind, plain)).collect();
    let summary = writer.finish().unwrap();
    assert_eq!(summary.chunks, distinct.len() as u64);
    assert!(summary.stored_bytes < summary.plain_bytes);

    let repository = f.open();
    let index = ChunkIndex::load(&repository, None).unwrap();
    assert_eq!(index.len(), distinct.len() as u64);
    let reader = TreeReader::new(&repository, &index);
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (jobs, reader, repository) = (&jobs, &reader, &repository);
            scope.spawn(move || {
                for (kind, plain, _) in jobs.iter().skip(thread).step_by(2) {
                    let id = repository.chunk_id(*kind, plain);
                    assert!(reader.chunk(&id).unwrap() == *plain, "{} bytes", plain.len());
                    assert_eq!(index_kind(reader, &id), *kind);
                }
            });
        }
    });
    for pack in index.packs() {
        assert!(u64::from(pack.size) <= 33 * MIB as u64);
    }
}

fn index_kind(reader: &TreeReader<'_>, id: &ChunkId) -> ChunkKind {
    let place = reader.index().find(id).unwrap();
    reader.index().pack(place.pack).unwrap().kind
}

#[test]
fn chunks_outside_the_limits_are_refused() {
    let f = Fixture::new("chunks: limits");
    let repository = f.open();
    let (_, writer) = begin(&repository).unwrap();
    for plain in [Vec::new(), vec![0; 16 * MIB + 1]] {
        assert!(
            writer
                .store(ChunkKind::Data, &plain, CompressionHint::Store)
                .is_err()
        );
    }
    writer
        .store(ChunkKind::Data, b"x", CompressionHint::Store)
        .unwrap();
    writer.finish().unwrap();
}

#[test]
fn what_is_known_is_not_stored_again() {
    let f = Fixture::new("chunks: sharing");
    let repository = f.open();
    let chunk = b"the same words".to_vec();
    let (index, writer) = begin(&repository).unwrap();
    assert!(!writer.contains(&repository.chunk_id(ChunkKind::Data, &chunk)));
    let first = writer
        .store(ChunkKind::Data, &chunk, CompressionHint::Compress)
        .unwrap();
    let second = writer
        .store(ChunkKind::Data, &chunk, CompressionHint::Compress)
        .unwrap();
    assert!(first.new && !second.new && first.id == second.id);
    assert!(writer.contains(&first.id) && !index.contains(&first.id));
    let as_tree = writer
        .store(ChunkKind::Tree, &chunk, CompressionHint::Compress)
        .unwrap();
    assert!(as_tree.new && as_tree.id != first.id, "kinds are apart");
    let summary = writer.finish().unwrap();
    assert_eq!((summary.chunks, summary.data_chunks, summary.packs), (2, 1, 2));
    assert!(index.contains(&first.id));

    let (_, summary) = store(&f.open(), ChunkKind::Data, std::slice::from_ref(&chunk)).unwrap();
    assert_eq!((summary.chunks, summary.packs, summary.file_bytes), (0, 0, 0));
    assert_eq!(f.list(ObjectKind::Pack).len(), 2);
}

#[test]
fn a_dry_run_tells_what_is_new_and_leaves_no_trace() {
    let f = Fixture::new("chunks: dry run");
    let repository = f.open();
    store(&repository, ChunkKind::Data, &[b"known".to_vec()]).unwrap();
    let before = f.list(ObjectKind::Pack);
    let index = Arc::new(ChunkIndex::load(&repository, None).unwrap());
    let options = WriterOptions {
        dry_run: true,
        ..OPTIONS
    };
    let writer = ChunkWriter::new(&repository, index, options).unwrap();
    let is_new = |plain: &[u8]| {
        writer
            .store(ChunkKind::Data, plain, CompressionHint::Compress)
            .unwrap()
            .new
    };
    assert!(!is_new(b"known") && is_new(b"new") && !is_new(b"new"));
    assert_eq!(writer.finish().unwrap().plain_bytes, 3);
    assert_eq!(f.list(ObjectKind::Pack), before);
}

#[test]
fn full_packs_end_on_classes_and_the_last_is_padded() {
    let f = Fixture::new("chunks: pack sizes");
    let random = SeededRandom::new("chunks: pack sizes, content");
    let repository = f.open();
    let (_, writer) = begin(&repository).unwrap();
    // 180 MiB in chunks of uneven sizes.
    let mut stored = 0;
    while stored < 180 * MIB {
        let length = 1 + usize::try_from(random.below(700_000)).unwrap();
        stored += length;
        writer
            .store(ChunkKind::Data, &random.bytes(length), CompressionHint::Store)
            .unwrap();
    }
    writer.finish().unwrap();
    let sizes: Vec<u64> = f
        .memory
        .list(ObjectKind::Pack)
        .unwrap()
        .iter()
        .map(|p| p.size)
        .collect();
    let (full, last): (Vec<u64>, Vec<u64>) = sizes.iter().partition(|size| **size >= 16 * MIB as u64);
    assert!(last.len() <= 1, "{last:?}");
    assert!(full.len() >= 4, "{full:?}");
    for size in &full {
        assert!(size % CLASS == 0 && *size <= 33 * MIB as u64, "{size}");
    }
    for size in last {
        assert!(size >= 64 * 1024 && padme(size) == size, "{size}");
    }
    let total: u64 = sizes.iter().sum();
    assert!(
        total < stored as u64 * 104 / 100,
        "{total} for {stored}: packs waste too much"
    );
}

#[test]
fn a_small_run_makes_one_padded_pack_that_says_nothing_of_its_chunks() {
    let f = Fixture::new("chunks: small run");
    let random = SeededRandom::new("chunks: small run, content");
    for total in [1usize, 1000, 60_000, 70_000, 1_000_000] {
        let repository = f.open();
        let before: BTreeSet<_> = f.list(ObjectKind::Pack).into_iter().collect();
        let chunks: Vec<_> = (0..total.min(20))
            .map(|_| random.bytes(total.div_ceil(20)))
            .collect();
        store(&repository, ChunkKind::Data, &chunks).unwrap();
        let new: Vec<_> = f.memory.list(ObjectKind::Pack).unwrap();
        let new: Vec<_> = new.iter().filter(|pack| !before.contains(&pack.name)).collect();
        assert_eq!(new.len(), 1, "what was spread over four packs is merged");
        let plain = total.div_ceil(20) * total.min(20);
        assert!(
            new[0].size >= 64 * 1024 && padme(new[0].size) == new[0].size,
            "{}",
            new[0].size
        );
        assert!(new[0].size >= plain as u64);
    }
}

#[test]
fn many_tiny_chunks_stay_within_the_entries_of_a_pack() {
    let f = Fixture::new("chunks: tiny");
    let repository = f.open();
    let (_, writer) = begin(&repository).unwrap();
    // More entries than one pack may have, in few more bytes than the smallest full pack.
    let count = 300_000u32;
    let mut ids = Vec::new();
    for number in 0..count {
        let stored = writer
            .store(ChunkKind::Data, &number.to_le_bytes(), CompressionHint::Store)
            .unwrap();
        ids.push(stored.id);
    }
    writer.finish().unwrap();
    let packs = f.memory.list(ObjectKind::Pack).unwrap();
    let full = packs.iter().filter(|pack| pack.size == 16 * MIB as u64);
    assert_eq!((packs.len(), full.count()), (2, 1), "{packs:?}");
    let repository = f.open();
    let index = ChunkIndex::load(&repository, None).unwrap();
    assert!(index.unreadable().is_empty());
    assert_eq!(index.len(), u64::from(count));
    let reader = TreeReader::new(&repository, &index);
    for number in (0..count).step_by(9973) {
        let chunk = reader.chunk(&ids[number as usize]).unwrap();
        assert_eq!(chunk, number.to_le_bytes());
    }
}

#[test]
fn two_repositories_of_the_same_chunks_share_no_object_and_no_block() {
    let random = SeededRandom::new("chunks: two repositories, content");
    let chunks: Vec<_> = (0..50).map(|_| text(&random, 40_000)).collect();
    let [a, b] = ["chunks: repository A", "chunks: repository B"].map(|seed| {
        let f = Fixture::new(seed);
        store(&f.open(), ChunkKind::Data, &chunks).unwrap();
        f
    });
    let blocks = |f: &Fixture| {
        let mut blocks = HashSet::new();
        for kind in ObjectKind::ALL {
            for name in f.list(kind) {
                let bytes = f.bytes(&id(kind, name));
                blocks.insert(name.as_bytes().to_vec());
                // The first 12 bytes of a header are the same everywhere: magic, version, type.
                blocks.extend(bytes[12..].windows(16).step_by(16).map(<[u8]>::to_vec));
            }
        }
        blocks
    };
    let (a, b) = (blocks(&a), blocks(&b));
    let shared: Vec<_> = a.intersection(&b).collect();
    assert!(
        shared.iter().all(|block| block.iter().all(|byte| *byte < 8)),
        "{shared:?}"
    );
}

#[test]
fn nothing_that_was_stored_can_be_found_in_the_place() {
    let f = Fixture::new("chunks: planted strings");
    let planted: [&[u8]; 3] = [
        b"Lumia 950 XL of Anna",
        b"WP_20151224_001.jpg",
        b"Merry Christmas from Oslo",
    ];
    let chunks: Vec<_> = planted.iter().map(|text| text.to_vec()).collect();
    store(&f.open(), ChunkKind::Data, &chunks).unwrap();
    store(&f.open(), ChunkKind::Tree, &chunks).unwrap();
    f.open()
        .add_key_slot(&common::raw_slot([5; 32], "Lumia 950 XL of Anna"))
        .unwrap();
    for kind in ObjectKind::ALL {
        for name in f.list(kind) {
            let bytes = f.bytes(&id(kind, name));
            for text in planted {
                assert!(
                    !bytes.windows(text.len()).any(|window| window == text),
                    "{kind} {name}"
                );
            }
        }
    }
}

#[test]
fn an_interrupted_run_is_adopted_by_the_next() {
    let f = Fixture::new("chunks: adoption");
    let random = SeededRandom::new("chunks: adoption, content");
    let repository = f.open();
    let chunks: Vec<_> = (0..160).map(|_| random.bytes(MIB)).collect();
    let (_, writer) = begin(&repository).unwrap();
    assert!(writer.is_unpublished());
    for chunk in &chunks {
        writer
            .store(ChunkKind::Data, chunk, CompressionHint::Store)
            .unwrap();
    }
    drop(writer);
    let left = f.list(ObjectKind::Pack);
    assert!(!left.is_empty(), "some packs were full");
    assert!(f.list(ObjectKind::Index).is_empty());

    let repository = f.open();
    let (_, writer) = begin(&repository).unwrap();
    let new: usize = chunks
        .iter()
        .map(|chunk| {
            usize::from(
                writer
                    .store(ChunkKind::Data, chunk, CompressionHint::Store)
                    .unwrap()
                    .new,
            )
        })
        .sum();
    writer.finish().unwrap();
    assert!(
        new <= chunks.len() - 15 * left.len(),
        "{new} of {} were stored again",
        chunks.len()
    );
    let ids: Vec<_> = chunks
        .iter()
        .map(|chunk| repository.chunk_id(ChunkKind::Data, chunk))
        .collect();
    assert!(read_all(&f.open(), &ids).unwrap() == chunks);
    let index = ChunkIndex::load(&f.open(), None).unwrap();
    assert!(left.iter().all(|name| index.has_pack(name)));
    assert_eq!(index.len(), 160);
    assert!(f.world.notes.take_warnings().is_empty());
}

#[test]
fn adopting_very_much_makes_several_index_objects() {
    let f = Fixture::new("chunks: much to adopt");
    let repository = f.open();
    for part in 0..3u32 {
        let (_, writer) = begin(&repository).unwrap();
        for number in 0..60_000u32 {
            let plain = (u64::from(part) << 32 | u64::from(number)).to_le_bytes();
            writer
                .store(ChunkKind::Data, &plain, CompressionHint::Store)
                .unwrap();
        }
        writer.finish().unwrap();
    }
    // Somebody removes the whole index.
    for name in f.list(ObjectKind::Index) {
        f.memory.remove(&id(ObjectKind::Index, name)).unwrap();
    }
    store(&f.open(), ChunkKind::Data, &[b"one more".to_vec()]).unwrap();
    assert_eq!(f.list(ObjectKind::Index).len(), 2);
    let index = ChunkIndex::load(&f.open(), None).unwrap();
    assert_eq!(index.len(), 180_001);
}

/// Leaves one pack with these chunks and no index.
fn leave_unlisted(f: &Fixture, chunks: &[Vec<u8>]) -> ObjectName {
    let before: BTreeSet<_> = f.list(ObjectKind::Index).into_iter().collect();
    let packs: BTreeSet<_> = f.list(ObjectKind::Pack).into_iter().collect();
    store(&f.open(), ChunkKind::Data, chunks).unwrap();
    for name in f.list(ObjectKind::Index) {
        if !before.contains(&name) {
            f.memory.remove(&id(ObjectKind::Index, name)).unwrap();
        }
    }
    f.list(ObjectKind::Pack)
        .into_iter()
        .find(|name| !packs.contains(name))
        .unwrap()
}

#[test]
fn an_unlisted_pack_that_is_damaged_is_set_aside() {
    let f = Fixture::new("chunks: damaged leftover");
    let random = SeededRandom::new("chunks: damaged leftover, content");
    let chunks: Vec<_> = (0..10).map(|_| random.bytes(5000)).collect();
    let ids: Vec<_> = chunks
        .iter()
        .map(|c| f.open().chunk_id(ChunkKind::Data, c))
        .collect();
    let name = leave_unlisted(&f, &chunks);
    let pack = id(ObjectKind::Pack, name);
    let whole = f.bytes(&pack);
    // Header, salt, an entry, padding, directory, trailer; cut short; empty.
    let end = whole.len();
    let mut damaged: Vec<Vec<u8>> = [10, 40, 70, 4000, end - 2000, end - 200, end - 5]
        .into_iter()
        .map(|place| {
            let mut bytes = whole.clone();
            bytes[place] ^= 1;
            bytes
        })
        .collect();
    damaged.extend([whole[..end - 1].to_vec(), whole[..40].to_vec(), Vec::new()]);
    for bytes in damaged {
        let copy = f.copy();
        copy.overwrite(&pack, &bytes);
        let (_, summary) = store(&copy.open(), ChunkKind::Data, &chunks).unwrap();
        let warnings = copy.world.notes.take_warnings();
        assert!(warnings.iter().any(|w| w.contains("left aside")), "{warnings:?}");
        assert_eq!(summary.chunks, 10, "nothing in it was relied on");
        assert!(read_all(&copy.open(), &ids).unwrap() == chunks);
        copy.world.notes.take_warnings();
    }
    // Unharmed, it is adopted.
    let (_, summary) = store(&f.open(), ChunkKind::Data, &chunks).unwrap();
    assert_eq!(summary.chunks, 0);
}

#[test]
fn a_pack_forged_from_a_genuine_one_is_not_adopted() {
    let f = Fixture::new("chunks: forged leftover");
    let random = SeededRandom::new("chunks: forged leftover, content");
    let chunks: Vec<_> = (0..10).map(|_| random.bytes(5000)).collect();
    let ids: Vec<_> = chunks
        .iter()
        .map(|c| f.open().chunk_id(ChunkKind::Data, c))
        .collect();
    let name = leave_unlisted(&f, &chunks);
    let mut bytes = f.bytes(&id(ObjectKind::Pack, name));
    f.memory.remove(&id(ObjectKind::Pack, name)).unwrap();
    // Its directory is genuine, its name is the hash of its bytes, and one chunk is spoilt.
    bytes[3000] ^= 1;
    f.plant(ObjectKind::Pack, &bytes);
    let (_, summary) = store(&f.open(), ChunkKind::Data, &chunks).unwrap();
    assert_eq!(summary.chunks, 10);
    assert!(read_all(&f.open(), &ids).unwrap() == chunks);
    assert!(f.world.notes.take_warnings()[0].contains("left aside"));
}

#[test]
fn a_storage_that_goes_away_under_a_leftover_ends_the_run() {
    let f = Fixture::new("chunks: gone under a leftover");
    let name = leave_unlisted(&f, &[b"left by an interrupted run".to_vec()]);
    let gone = Steered::losing(f.memory.clone(), move |object| object.name == name);
    let repository = f.open_on(gone).unwrap();
    let begun = begin(&repository).map(|_| ());
    assert!(
        matches!(begun, Err(Error::Backend(BackendError::NoSuchPlace { .. }))),
        "{begun:?}"
    );
    assert!(f.world.notes.take_warnings().is_empty());
}

#[test]
fn what_lay_in_a_lost_pack_is_stored_again_and_read_from_there() {
    let f = Fixture::new("chunks: lost pack");
    let random = SeededRandom::new("chunks: lost pack, content");
    let chunks: Vec<_> = (0..10).map(|_| random.bytes(5000)).collect();
    let (ids, _) = store(&f.open(), ChunkKind::Data, &chunks).unwrap();
    let pack = id(ObjectKind::Pack, f.list(ObjectKind::Pack)[0]);
    let bytes = f.bytes(&pack);
    for left in [None, Some(&bytes[..bytes.len() - 1])] {
        let copy = f.copy();
        copy.memory.remove(&pack).unwrap();
        if let Some(left) = left {
            copy.memory.create(&pack, left).unwrap();
        }
        let (_, summary) = store(&copy.open(), ChunkKind::Data, &chunks).unwrap();
        assert_eq!(
            summary.chunks, 10,
            "chunks of a pack that is not there must not be shared"
        );
        assert!(copy.world.notes.take_warnings()[0].contains("missing or cut short"));
        assert!(read_all(&copy.open(), &ids).unwrap() == chunks);
        // The next run finds them where they are now.
        let (_, summary) = store(&copy.open(), ChunkKind::Data, &chunks).unwrap();
        assert_eq!(summary.chunks, 0);
        copy.world.notes.take_warnings();
    }
}

/// A storage that gives back one bit wrong when spools are read, as faulty memory or a faulty disk does.
#[derive(Debug)]
struct Flipping {
    inner: Memory,
    place: u64,
}

#[derive(Debug)]
struct FlippingSpool(Box<dyn lumivault_chunk_store::backend::Spool>, u64);

type Answer<T> = Result<T, BackendError>;

impl Backend for Flipping {
    fn location(&self) -> String {
        self.inner.location()
    }
    fn list(&self, kind: ObjectKind) -> Answer<Vec<lumivault_chunk_store::backend::ObjectInfo>> {
        self.inner.list(kind)
    }
    fn size(&self, id: &lumivault_format::ObjectId) -> Answer<u64> {
        self.inner.size(id)
    }
    fn read_at(&self, id: &lumivault_format::ObjectId, offset: u64, buffer: &mut [u8]) -> Answer<()> {
        self.inner.read_at(id, offset, buffer)
    }
    fn create(&self, id: &lumivault_format::ObjectId, bytes: &[u8]) -> Answer<()> {
        self.inner.create(id, bytes)
    }
    fn heal(&self, id: &lumivault_format::ObjectId, bytes: &[u8]) -> Answer<()> {
        self.inner.heal(id, bytes)
    }
    fn spool(&self) -> Answer<Box<dyn lumivault_chunk_store::backend::Spool>> {
        Ok(Box::new(FlippingSpool(self.inner.spool()?, self.place)))
    }
    fn remove(&self, id: &lumivault_format::ObjectId) -> Answer<()> {
        self.inner.remove(id)
    }
    fn set_aside(&self, id: &lumivault_format::ObjectId) -> Answer<()> {
        self.inner.set_aside(id)
    }
}

impl lumivault_chunk_store::backend::Spool for FlippingSpool {
    fn append(&mut self, bytes: &[u8]) -> Answer<()> {
        self.0.append(bytes)
    }
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Answer<()> {
        self.0.read_at(offset, buffer)?;
        let place = self
            .1
            .checked_sub(offset)
            .and_then(|place| usize::try_from(place).ok());
        if let Some(byte) = place.and_then(|place| buffer.get_mut(place)) {
            *byte ^= 4;
        }
        Ok(())
    }
    fn len(&self) -> u64 {
        self.0.len()
    }
    fn publish(self: Box<Self>, id: &lumivault_format::ObjectId) -> Answer<()> {
        self.0.publish(id)
    }
}

#[test]
fn a_pack_that_does_not_read_back_is_not_published() {
    let f = Fixture::new("chunks: read-back");
    let chunk = SeededRandom::new("chunks: read-back, content").bytes(1000);
    // Header, salt, zeros, entry, tag; directory and trailer of a pack of 64 KiB.
    let directory = 65_536 - 32 - 16 - DIRECTORY_ENTRY_BYTES as u64;
    for place in [
        0,
        13,
        40,
        70,
        80,
        1079,
        1090,
        directory,
        directory + 45,
        65_536 - 1,
    ] {
        let flipping = Flipping {
            inner: f.memory.clone(),
            place,
        };
        let repository = f.open_on(Arc::new(flipping)).unwrap();
        let error = store(&repository, ChunkKind::Data, std::slice::from_ref(&chunk)).unwrap_err();
        assert!(matches!(error, Error::ReadBack(_)), "{place}: {error}");
        assert!(f.list(ObjectKind::Pack).is_empty(), "{place}");
        assert!(f.list(ObjectKind::Index).is_empty(), "{place}");
    }
}

#[test]
fn a_chunk_under_a_wrong_id_is_not_published() {
    let f = Fixture::new("chunks: wrong id");
    let repository = f.open();
    let (_, writer) = begin(&repository).unwrap();
    let wrong = ChunkId::from_bytes([7; 32]);
    writer
        .store_as(ChunkKind::Data, wrong, b"text", CompressionHint::Store)
        .unwrap();
    assert!(matches!(writer.finish(), Err(Error::ReadBack(_))));
    assert!(f.list(ObjectKind::Pack).is_empty());
}

#[test]
fn after_its_first_failure_a_run_never_succeeds() {
    let f = Fixture::new("chunks: sticky failure");
    let random = SeededRandom::new("chunks: sticky failure, content");
    let faulty = FaultBackend::new(f.memory.clone());
    let control = faulty.control();
    let repository = f.open_on(Arc::new(faulty)).unwrap();
    let (_, writer) = begin(&repository).unwrap();
    control.fail_from(control.count() + 20, Fault::Full);
    // The caller takes every error for that of one file, and goes on.
    let mut failed = 0;
    for _ in 0..100 {
        let stored = writer.store(ChunkKind::Data, &random.bytes(MIB), CompressionHint::Store);
        failed += usize::from(stored.is_err());
        if failed == 1 {
            control.heal();
        }
    }
    assert!(failed > 1, "later calls fail too");
    assert!(writer.finish().is_err(), "and so does the end");
    assert!(f.list(ObjectKind::Index).is_empty());
}

/// What a run met on a storage that fails at one operation, or from there on.
fn faulty_run(
    f: &Fixture,
    fault: Fault,
    for_ever: bool,
    failing: usize,
    chunks: &[Vec<u8>],
) -> (bool, Option<Event>) {
    let faulty = FaultBackend::new(f.memory.clone());
    let control = faulty.control();
    let repository = f.open_on(Arc::new(faulty)).unwrap();
    let at = control.count() + failing;
    if for_ever {
        control.fail_from(at, fault);
    } else {
        control.fail_at(at, fault);
    }
    let result = store(&repository, ChunkKind::Data, chunks);
    (result.is_ok(), control.log().get(at).copied())
}

#[test]
fn a_storage_that_fails_anywhere_in_a_run_loses_nothing_that_was_acknowledged() {
    let random = SeededRandom::new("chunks: faults, content");
    let old: Vec<_> = (0..3).map(|_| random.bytes(300)).collect();
    let new: Vec<_> = (0..12).map(|_| random.bytes(2000)).collect();
    let f = Fixture::new("chunks: faults");
    store(&f.open(), ChunkKind::Data, &old).unwrap();
    leave_unlisted(&f, &[b"left by an interrupted run".to_vec()]);
    let repository = f.open();
    let id_of = |chunk: &Vec<u8>| repository.chunk_id(ChunkKind::Data, chunk);
    let (old_ids, new_ids): (Vec<_>, Vec<_>) =
        (old.iter().map(id_of).collect(), new.iter().map(id_of).collect());
    let faults = [
        Fault::Io,
        Fault::Full,
        Fault::ShortWrite,
        Fault::Sync,
        Fault::LostAnswer,
    ];
    for (fault, for_ever) in faults
        .into_iter()
        .flat_map(|fault| [(fault, false), (fault, true)])
    {
        for failing in 0.. {
            let copy = f.copy();
            let (ok, met) = faulty_run(&copy, fault, for_ever, failing, &new);
            let Some(event) = met else { break };
            let case = format!("{fault:?}, for ever: {for_ever}, operation {failing}: {event:?}");
            if ok {
                // An index object or a leftover pack that cannot be read only costs sharing. Nothing else may be ignored.
                assert!(
                    matches!(event.operation, Operation::Read | Operation::Size),
                    "{case}"
                );
                assert!(!for_ever, "{case}");
                assert!(read_all(&copy.open(), &new_ids).unwrap() == new, "{case}");
            }
            assert!(read_all(&copy.open(), &old_ids).unwrap() == old, "{case}");
            let published = copy.list(ObjectKind::Pack).len() > 2;
            let (_, summary) =
                store(&copy.open(), ChunkKind::Data, &new).unwrap_or_else(|e| panic!("{case}: {e}"));
            assert_eq!(
                summary.chunks == 0,
                published,
                "{case}: what was stored is shared"
            );
            assert!(read_all(&copy.open(), &new_ids).unwrap() == new, "{case}");
            assert!(read_all(&copy.open(), &old_ids).unwrap() == old, "{case}");
            copy.world.notes.take_warnings();
        }
    }
}

#[test]
fn runs_of_two_machines_at_once_lose_nothing() {
    let f = Fixture::new("chunks: two machines");
    let random = SeededRandom::new("chunks: two machines, content");
    let chunks: Vec<_> = (0..20).map(|_| random.bytes(2000)).collect();
    let (one, two) = (f.open(), f.open());
    let ((_, a), (_, b)) = (begin(&one).unwrap(), begin(&two).unwrap());
    let mut ids = Vec::new();
    for chunk in &chunks {
        ids.push(
            a.store(ChunkKind::Data, chunk, CompressionHint::Store)
                .unwrap()
                .id,
        );
        assert!(
            b.store(ChunkKind::Data, chunk, CompressionHint::Store)
                .unwrap()
                .new
        );
    }
    a.finish().unwrap();
    b.finish().unwrap();
    let repository = f.open();
    let index = ChunkIndex::load(&repository, None).unwrap();
    assert_eq!(index.places(&ids[0]).len(), 2);
    // Whichever of the two packs is lost, the other one serves.
    for name in f.list(ObjectKind::Pack) {
        let copy = f.copy();
        copy.memory.remove(&id(ObjectKind::Pack, name)).unwrap();
        assert!(read_all(&copy.open(), &ids).unwrap() == chunks);
    }
}

#[test]
fn packs_can_be_read_from_their_own_directories() {
    let f = Fixture::new("chunks: directories");
    let repository = f.open();
    let chunks = [b"first".to_vec(), b"second".to_vec(), vec![b'x'; 5000]];
    let (ids, summary) = store(&repository, ChunkKind::Tree, &chunks).unwrap();
    assert_eq!((summary.chunks, summary.data_chunks), (3, 0));
    let name = f.list(ObjectKind::Pack)[0];
    let reader = PackReader::open_any(&repository, name).unwrap();
    assert_eq!(reader.kind(), ChunkKind::Tree);
    let (size, entries) = reader.directory().unwrap();
    assert_eq!(
        u64::from(size),
        f.memory.size(&id(ObjectKind::Pack, name)).unwrap()
    );
    let listed: BTreeSet<_> = entries.iter().map(|entry| entry.id).collect();
    assert_eq!(listed, ids.into_iter().collect());
    assert!(
        PackReader::open(&repository, name, ChunkKind::Data).is_err(),
        "the kind is part of the key"
    );
}

#[test]
fn compression_can_be_switched_off_and_changed() {
    let f = Fixture::new("chunks: compression");
    let repository = f.open();
    let plain = text(&SeededRandom::new("chunks: compression, content"), 200_000);
    let mut sizes = Vec::new();
    for (i, compression) in [Compression::Off, Compression::Level(-5), Compression::Level(19)]
        .into_iter()
        .enumerate()
    {
        let index = Arc::new(ChunkIndex::load(&repository, None).unwrap());
        let options = WriterOptions {
            compression,
            ..OPTIONS
        };
        let writer = ChunkWriter::new(&repository, index, options).unwrap();
        let mut chunk = plain.clone();
        chunk.push(u8::try_from(i).unwrap());
        let stored = writer
            .store(ChunkKind::Data, &chunk, CompressionHint::Compress)
            .unwrap();
        sizes.push(writer.finish().unwrap().stored_bytes);
        assert!(read_all(&repository, &[stored.id]).unwrap() == [chunk]);
    }
    assert!(
        sizes[0] == 200_001 && sizes[2] < sizes[1] && sizes[1] < sizes[0],
        "{sizes:?}"
    );
}

#[test]
fn what_two_runs_added_is_added() {
    let one = WriteSummary {
        chunks: 2,
        data_chunks: 1,
        plain_bytes: 30,
        stored_bytes: 400,
        packs: 5,
        file_bytes: 6000,
    };
    let other = WriteSummary {
        chunks: 3,
        data_chunks: 2,
        plain_bytes: 50,
        stored_bytes: 700,
        packs: 11,
        file_bytes: 13_000,
    };
    let both = WriteSummary {
        chunks: 5,
        data_chunks: 3,
        plain_bytes: 80,
        stored_bytes: 1100,
        packs: 16,
        file_bytes: 19_000,
    };
    assert_eq!(one.plus(&other), both);
}
