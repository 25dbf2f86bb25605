//! Whatever rots within what parity can mend is found and mended; what cannot be mended is told in numbers.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::steered::Steered;
use common::tree::{Layout, Node, commit, file, folder};
use common::{Fixture, begin, id, raw, raw_slot, read_all, store};
use lumivault_chunk_store::backend::{Backend, Memory};
use lumivault_chunk_store::check::{CheckOptions, CheckReport, ReadData, Severity, check};
use lumivault_chunk_store::forget::forget;
use lumivault_chunk_store::parity::{self, Damaged, MendReport, Outlook, Scope, ScrubReport};
use lumivault_chunk_store::prune::{MaxUnused, PruneOptions, prune};
use lumivault_chunk_store::session::Holder;
use lumivault_chunk_store::{ChunkIndex, Error, Repository};
use lumivault_format::{
    ChunkId, ChunkKind, CopyHead, Header, ObjectId, ObjectKind, ObjectName, ObjectType, PARITY_SHARD_BYTES,
    PackParity, ParityTable, parity_header,
};
use lumivault_testkit::{Fault, FaultBackend, SeededRandom};

const SHARD: usize = PARITY_SHARD_BYTES;
/// Kinds that have parity or copies, and those themselves.
const PROTECTED: [ObjectKind; 7] = [
    ObjectKind::Config,
    ObjectKind::KeySlot,
    ObjectKind::Epoch,
    ObjectKind::Pack,
    ObjectKind::Index,
    ObjectKind::Snapshot,
    ObjectKind::Parity,
];

fn hash(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}

fn index(repository: &Repository) -> ChunkIndex {
    ChunkIndex::load(repository, None).unwrap()
}

fn mend(f: &Fixture) -> MendReport {
    let repository = f.open();
    parity::mend(&repository, &index(&repository), &Scope::All, false).unwrap()
}

fn scrub(f: &Fixture, dry_run: bool) -> ScrubReport {
    let repository = f.open();
    parity::scrub(&repository, &index(&repository), dry_run).unwrap()
}

fn check_all(f: &Fixture) -> CheckReport {
    let repository = f.open();
    let options = CheckOptions {
        read: ReadData::AllData,
        threads: 1.try_into().unwrap(),
    };
    check(&repository, &index(&repository), &options).unwrap()
}

fn add(f: &Fixture, percent: u8) {
    parity::add(&mut f.open(), percent, false).unwrap();
}

/// Everything in the storage.
fn contents(f: &Fixture) -> BTreeMap<ObjectId, Vec<u8>> {
    let all = PROTECTED.into_iter().flat_map(|kind| {
        let names = f.list(kind).into_iter();
        names.map(move |name| ObjectId { kind, name })
    });
    all.map(|id| (id, f.bytes(&id))).collect()
}

fn only(f: &Fixture, kind: ObjectKind) -> ObjectId {
    let names = f.list(kind);
    assert_eq!(names.len(), 1, "{kind}");
    id(kind, names[0])
}

/// The parity object of a pack.
fn parity_of(f: &Fixture, pack: &ObjectId) -> ObjectId {
    let is_of = |id: &ObjectId| f.bytes(id).get(40..72) == Some(pack.name.as_bytes());
    let all = f.list(ObjectKind::Parity).into_iter();
    all.map(|name| id(ObjectKind::Parity, name)).find(is_of).unwrap()
}

fn flip(f: &Fixture, id: &ObjectId, bit: usize) {
    let mut bytes = f.bytes(id);
    bytes[bit / 8] ^= 1 << (bit % 8);
    f.overwrite(id, &bytes);
}

/// An archive with a data pack, a tree pack, two epochs, two slots, two snapshots and parity.
fn archive(seed: &str, percent: u8) -> Fixture {
    let f = Fixture::new(seed);
    add(&f, percent);
    f.open().add_key_slot(&raw_slot([2; 32], "second")).unwrap();
    f.open().rotate_epoch().unwrap();
    for day in 0..2 {
        let repository = f.open();
        let content = SeededRandom::new(&format!("{seed}, content {day}")).bytes(20_000);
        let (_, writer) = begin(&repository).unwrap();
        let entries = vec![("a.jpg", Node::File(vec![content])), ("b.txt", file("b"))];
        let root = folder(&writer, Layout::Chunk, entries);
        writer.finish().unwrap();
        commit(&repository, day, &root).unwrap();
    }
    f
}

#[test]
fn what_writers_store_has_its_parity_and_copies_at_once() {
    let f = archive("parity: writers", 5);
    assert_eq!(f.list(ObjectKind::Config).len(), 1, "older configs are gone");
    let repository = f.open();
    assert_eq!(
        (repository.config().parity_percent, repository.config().generation),
        (5, 2)
    );
    let report = scrub(&f, false);
    let packs = f.list(ObjectKind::Pack).len() as u64;
    assert_eq!(
        (report.packs, report.rewritten, report.removed),
        (packs, 0, 0),
        "{report:?}"
    );
    assert_eq!((report.damaged_total, report.damaged.len()), (0, 0));
    let copies = 2 * (1 + 2 + f.list(ObjectKind::Epoch).len() + 2) + f.list(ObjectKind::Index).len();
    assert_eq!(report.sound, packs + copies as u64);
    assert_eq!(
        f.list(ObjectKind::Parity).len() as u64,
        report.sound,
        "and nothing else"
    );
    assert_eq!(check_all(&f).worst, None);
}

#[test]
fn parity_is_added_to_an_old_archive_made_larger_and_removed() {
    let f = Fixture::new("parity: add");
    let chunks = vec![SeededRandom::new("parity: add, content").bytes(3_000_000)];
    let (ids, _) = store(&f.open(), ChunkKind::Data, &chunks).unwrap();
    let before = contents(&f);
    let dry = parity::add(&mut f.open(), 5, true).unwrap();
    assert_eq!(contents(&f), before, "a dry run writes nothing");
    let added = parity::add(&mut f.open(), 5, false).unwrap();
    assert_eq!((added.packs, added.damaged), (1, 0));
    assert_eq!(dry.packs, added.packs);
    let pack = only(&f, ObjectKind::Pack);
    let small = f.bytes(&parity_of(&f, &pack)).len();
    let nothing = parity::add(&mut f.open(), 5, false).unwrap();
    assert_eq!((nothing.packs, nothing.copies, nothing.bytes_written), (0, 0, 0));
    let more = parity::add(&mut f.open(), 20, false).unwrap();
    assert_eq!(more.packs, 1);
    let large = f.bytes(&parity_of(&f, &pack)).len();
    assert!(large > 3 * small, "{small} {large}");
    assert_eq!(scrub(&f, false).removed, 0, "the smaller parity is gone");
    assert_eq!(
        parity::add(&mut f.open(), 3, false).unwrap().packs,
        0,
        "more than asked for stays"
    );
    for percent in [0, 51, 255] {
        assert!(parity::add(&mut f.open(), percent, false).is_err());
    }
    let dry = parity::remove(&mut f.open(), true).unwrap();
    assert_eq!(dry.objects, f.list(ObjectKind::Parity).len() as u64);
    let removed = parity::remove(&mut f.open(), false).unwrap();
    // The copies of the config before it went with that.
    assert_eq!(removed.objects, dry.objects - 2);
    assert_eq!(f.list(ObjectKind::Parity), []);
    assert_eq!(f.list(ObjectKind::Config).len(), 1);
    assert_eq!(f.open().config().parity_percent, 0);
    assert_eq!(read_all(&f.open(), &ids).unwrap(), chunks);
    assert!(parity::scrub(&f.open(), &index(&f.open()), false).is_err());
}

#[test]
fn every_bit_of_either_table_may_flip() {
    let f = Fixture::new("parity: tables");
    add(&f, 1);
    store(&f.open(), ChunkKind::Data, &[vec![1; 100]]).unwrap();
    let pack = only(&f, ObjectKind::Pack);
    let parity = parity_of(&f, &pack);
    let (good, good_parity) = (f.bytes(&pack), f.bytes(&parity));
    let table = 96 + 16 * (good.len().div_ceil(SHARD) + 2);
    let mut damaged = good.clone();
    damaged[20_000] ^= 1;
    damaged[50_000] ^= 1;
    let repository = f.open();
    let index = index(&repository);
    let scope = Scope::Packs(vec![pack.name]);
    let places = (32..32 + table).chain(good_parity.len() - table..good_parity.len());
    for bit in places.flat_map(|byte| (0..8).map(move |bit| 8 * byte + bit)) {
        flip(&f, &parity, bit);
        f.overwrite(&pack, &damaged);
        let report = parity::mend(&repository, &index, &scope, false).unwrap();
        assert_eq!((report.mended_total, report.damaged_total), (1, 0), "bit {bit}");
        assert_eq!(f.bytes(&pack), good, "bit {bit}");
        f.overwrite(&parity, &good_parity);
    }
    // Also the header, where only the second table tells what the object is of.
    for byte in 0..32 {
        flip(&f, &parity, byte * 8);
        f.overwrite(&pack, &damaged);
        let report = parity::mend(&repository, &index, &scope, false).unwrap();
        assert_eq!(report.mended_total, 1, "byte {byte}");
        f.overwrite(&parity, &good_parity);
    }
}

/// One pack of 32 MiB with 5 % parity, and its place.
fn large(seed: &str) -> (Fixture, ObjectId) {
    let f = Fixture::new(seed);
    add(&f, 5);
    let random = SeededRandom::new(&format!("{seed}, content"));
    let mut chunks: Vec<Vec<u8>> = (0..31).map(|_| random.bytes(1 << 20)).collect();
    chunks.push(random.bytes(700_000));
    store(&f.open(), ChunkKind::Data, &chunks).unwrap();
    let pack = only(&f, ObjectKind::Pack);
    assert_eq!(f.bytes(&pack).len(), 32 << 20);
    (f, pack)
}

#[test]
fn a_burst_of_a_twentieth_is_mended_and_a_larger_one_refused_in_numbers() {
    let (f, pack) = large("parity: burst");
    let good = f.bytes(&pack);
    let random = SeededRandom::new("parity: burst, places");
    for round in 0..4 {
        let length = 1_677_721;
        let from = usize::try_from(random.below((good.len() - length) as u64)).unwrap();
        let mut damaged = good.clone();
        damaged[from..from + length].copy_from_slice(&random.bytes(length));
        f.overwrite(&pack, &damaged);
        let repository = f.open();
        let options = CheckOptions {
            read: ReadData::AllData,
            threads: 2.try_into().unwrap(),
        };
        if round == 0 {
            let report = check(&repository, &index(&repository), &options).unwrap();
            let advised = |text: &str| {
                report
                    .findings
                    .iter()
                    .any(|finding| finding.message.contains(text))
            };
            assert!(
                advised("`lumivault repair packs` mends it from parity"),
                "{report:#?}"
            );
        }
        let report = mend(&f);
        let mended = &report.mended[0];
        assert_eq!((report.mended_total, mended.object), (1, pack), "from {from}");
        let shards = (from + length - 1) / SHARD - from / SHARD + 1;
        assert_eq!(mended.outlook, Outlook::Parity { bad_shards: shards });
        assert!(f.bytes(&pack) == good, "from {from}");
    }
    // 104 parity shards: one bad shard more cannot be mended, and what there is stays.
    let mut damaged = good.clone();
    for shard in 0..105 {
        damaged[shard * 10 * SHARD] ^= 0x80;
    }
    f.overwrite(&pack, &damaged);
    let beyond = Damaged {
        object: pack,
        outlook: Outlook::Beyond {
            bad_shards: 105,
            mendable_shards: 104,
        },
    };
    assert_eq!(scrub(&f, false).damaged, [beyond]);
    let report = mend(&f);
    assert_eq!((report.damaged, report.mended_total), (vec![beyond], 0));
    assert!(f.bytes(&pack) == damaged);
    let text = format!("{:?}", check_all(&f).findings);
    assert!(
        text.contains("105 of its shards of 16 KiB are bad, and its parity mends at most 104"),
        "{text}"
    );
    // One less can.
    damaged[0] ^= 0x80;
    f.overwrite(&pack, &damaged);
    assert_eq!(mend(&f).mended_total, 1);
    assert!(f.bytes(&pack) == good);
}

#[test]
fn damaged_parity_is_still_of_use() {
    let (f, pack) = large("parity: damaged parity");
    let parity = parity_of(&f, &pack);
    let (good, good_parity) = (f.bytes(&pack), f.bytes(&parity));
    let random = SeededRandom::new("parity: damaged parity, places");
    let place = |bytes: &[u8]| usize::try_from(random.below(bytes.len() as u64)).unwrap();
    for round in 0..4 {
        let (mut damaged, mut damaged_parity) = (good.clone(), good_parity.clone());
        for _ in 0..50 {
            damaged[place(&good)] ^= 1;
        }
        // Anywhere but in the second table, and the first is surely hit; or cut off behind the first.
        let table = 96 + 16 * (2048 + 104);
        if round < 3 {
            damaged_parity[40 + round] ^= 1;
            for _ in 0..40 {
                let at = place(&good_parity[..good_parity.len() - table]);
                damaged_parity[at] ^= 1;
            }
        } else {
            damaged_parity.truncate(good_parity.len() - table - 40 * SHARD - 7);
        }
        f.overwrite(&pack, &damaged);
        f.overwrite(&parity, &damaged_parity);
        let report = mend(&f);
        assert_eq!(
            (report.mended_total, report.damaged_total),
            (1, 0),
            "round {round}: {report:?}"
        );
        assert!(f.bytes(&pack) == good, "round {round}");
        let report = scrub(&f, false);
        assert_eq!(
            (report.rewritten, report.damaged_total),
            (1, 0),
            "round {round}: {report:?}"
        );
        assert!(
            f.bytes(&parity) == good_parity,
            "round {round}: it is what it was"
        );
    }
}

#[test]
fn the_largest_pack_has_parity_too() {
    let f = Fixture::new("parity: largest");
    add(&f, 1);
    let good = SeededRandom::new("parity: largest, content").bytes(128 << 20);
    let pack = id(ObjectKind::Pack, f.plant(ObjectKind::Pack, &good));
    parity::add(&mut f.open(), 1, false).unwrap();
    let mut damaged = good.clone();
    damaged[100 << 20..][..80 * SHARD].fill(0);
    f.overwrite(&pack, &damaged);
    assert_eq!(mend(&f).mended_total, 1);
    assert!(f.bytes(&pack) == good);
}

/// How many flips a campaign makes; `LUMIVAULT_FLIPS=10000` makes the long one.
fn flips() -> u64 {
    let asked = std::env::var("LUMIVAULT_FLIPS").ok();
    asked.map_or(300, |text| text.parse().unwrap())
}

#[test]
fn every_single_flip_anywhere_is_found_and_mended() {
    let seed = "parity: flips";
    let f = archive(seed, 5);
    let good = contents(&f);
    let random = SeededRandom::new(&format!("{seed}, places"));
    let ids: Vec<ObjectId> = good.keys().copied().collect();
    let mut kinds = BTreeMap::new();
    for round in 0..flips() {
        // Every kind as often as any other: there are few small objects, and packs are large.
        let kind = PROTECTED[usize::try_from(random.below(PROTECTED.len() as u64)).unwrap()];
        let of_kind: Vec<&ObjectId> = ids.iter().filter(|id| id.kind == kind).collect();
        let flipped = *of_kind[usize::try_from(random.below(of_kind.len() as u64)).unwrap()];
        let bit = usize::try_from(random.below(8 * good[&flipped].len() as u64)).unwrap();
        let context = format!("{seed}, round {round}: bit {bit} of {flipped}");
        flip(&f, &flipped, bit);
        let found = scrub(&f, true);
        if kind == ObjectKind::Parity {
            assert_eq!(
                (found.rewritten, found.damaged_total),
                (1, 0),
                "{context}: {found:?}"
            );
        } else {
            let of = |one: &Damaged| one.object == flipped && one.outlook.is_mendable();
            assert!(
                found.damaged_total == 1 && of(&found.damaged[0]),
                "{context}: {found:?}"
            );
            if round % 10 == 0 {
                assert_eq!(check_all(&f).worst, Some(Severity::Damage), "{context}");
            }
        }
        let mended = mend(&f);
        assert_eq!(mended.damaged_total, 0, "{context}: {mended:?}");
        scrub(&f, false);
        assert!(contents(&f) == good, "{context}: not all is as it was");
        *kinds.entry(kind).or_insert(0) += 1;
    }
    assert_eq!(kinds.len(), PROTECTED.len(), "{kinds:?}");
    f.world.notes.take_warnings();
}

#[test]
fn lost_files_are_found_again_through_their_copies() {
    let f = archive("parity: lost", 5);
    let good = contents(&f);
    let snapshots: Vec<_> = f.open().snapshots().unwrap().found.iter().map(|s| s.id).collect();
    f.world.notes.take_warnings();
    let chunks = |f: &Fixture| -> Vec<ChunkId> {
        let mut ids = Vec::new();
        index(&f.open()).for_each(|id, _| ids.push(id));
        ids
    };
    let ids = chunks(&f);
    let unprotected = [ObjectKind::Pack, ObjectKind::Parity];
    for kind in PROTECTED.into_iter().filter(|kind| !unprotected.contains(kind)) {
        for cut in [false, true] {
            let names = f.list(kind);
            for name in &names {
                let id = id(kind, *name);
                if cut {
                    f.overwrite(&id, &good[&id][..70]);
                } else {
                    f.memory.remove(&id).unwrap();
                }
            }
            let repository = f.open();
            let found = repository.snapshots().unwrap();
            assert_eq!(found.unreadable.len(), 0, "{kind}");
            let found: Vec<_> = found.found.iter().map(|s| s.id).collect();
            assert_eq!(found, snapshots, "{kind}");
            assert_eq!(chunks(&f), ids, "{kind}");
            read_all(&repository, &ids).unwrap();
            let warnings = f.world.notes.take_warnings();
            let named = names.iter().all(|name| {
                let path = id(kind, *name).path();
                let told = |text: &&String| {
                    text.contains(&path) && text.contains("`lumivault repair index` mends it")
                };
                warnings.iter().filter(told).count() >= 1
            });
            assert!(named, "{kind}: {warnings:?}");
            let report = check_all(&f);
            assert_eq!(report.worst, Some(Severity::Damage), "{kind}");
            let report = mend(&f);
            assert_eq!(
                (report.mended_total, report.damaged_total),
                (names.len() as u64, 0),
                "{kind}"
            );
            assert!(contents(&f) == good, "{kind}");
            f.world.notes.take_warnings();
            f.open().snapshots().unwrap();
            assert_eq!(f.world.notes.take_warnings(), [] as [String; 0], "{kind}");
        }
    }
}

#[test]
fn an_archive_without_any_small_object_left_opens_from_copies() {
    let f = archive("parity: all lost", 5);
    let good = contents(&f);
    for id in good
        .keys()
        .filter(|id| !matches!(id.kind, ObjectKind::Pack | ObjectKind::Parity))
    {
        f.memory.remove(id).unwrap();
    }
    assert!(matches!(
        f.init(Arc::new(f.memory.clone())),
        Err(Error::RepositoryExists(_))
    ));
    assert_eq!(f.open().snapshots().unwrap().found.len(), 2);
    mend(&f);
    assert!(contents(&f) == good);
}

/// Whether anything in the storage holds these bytes.
fn holds(f: &Fixture, needle: &[u8]) -> bool {
    contents(f)
        .values()
        .any(|bytes| bytes.windows(needle.len()).any(|part| part == needle))
}

#[test]
fn copies_vanish_with_their_key_slot() {
    let f = archive("parity: key slots", 5);
    let slot = f.open().add_key_slot(&raw_slot([3; 32], "third")).unwrap();
    assert!(holds(&f, slot.as_bytes()));
    // Two copies rot before the slot is removed: one where it says what it is of, the other in the slot itself.
    let copies = f
        .list(ObjectKind::Parity)
        .into_iter()
        .map(|name| id(ObjectKind::Parity, name));
    let is_copy = |id: &ObjectId| f.bytes(id).get(72 + 40..72 + 56) == Some(slot.as_bytes());
    let copies: Vec<ObjectId> = copies.filter(is_copy).collect();
    assert_eq!(copies.len(), 2);
    flip(&f, &copies[0], 45 * 8);
    flip(&f, &copies[1], (72 + 170) * 8);
    flip(&f, &copies[1], 50 * 8);
    f.open().remove_key_slot(slot).unwrap();
    // Its epochs are wrapped to a key that nobody has any more; they name it.
    for object in f.list(ObjectKind::Parity) {
        let bytes = f.bytes(&id(ObjectKind::Parity, object));
        let copied = Header::decode(&bytes[72..]).map(|header| header.object_type);
        assert!(copied != Ok(ObjectType::KeySlot) || bytes[112..128] != *slot.as_bytes());
    }
    assert!(matches!(
        f.open_with(&raw([3; 32])),
        Err(Error::WrongPassword(..))
    ));
    f.open_with(&raw([2; 32])).unwrap();
    f.world.notes.take_warnings();
    let report = scrub(&f, false);
    assert_eq!(
        (report.rewritten, report.damaged_total),
        (0, 0),
        "the other slots' copies stay: {report:?}"
    );

    // Wrapped anew, the old generation is gone with its copies.
    let repository = f.open();
    let first = repository.opened_slot();
    let old: Vec<Vec<u8>> = f
        .list(ObjectKind::KeySlot)
        .iter()
        .map(|name| f.bytes(&id(ObjectKind::KeySlot, *name)))
        .collect();
    let old = old
        .iter()
        .find(|bytes| bytes[40..56] == *first.as_bytes())
        .unwrap();
    repository
        .rewrap_key_slot(first, &raw_slot([9; 32], "new"))
        .unwrap();
    assert!(
        !holds(&f, &old[160..200]),
        "the old keyring box is still somewhere"
    );
    assert!(matches!(f.open_with(&raw(f.key)), Err(Error::WrongPassword(..))));
    let repository = f.open_with(&raw([9; 32])).unwrap();
    let report = parity::scrub(&repository, &index(&repository), false).unwrap();
    assert_eq!((report.rewritten, report.damaged_total), (0, 0), "{report:?}");
}

/// What cannot be read may be a copy of the slot, which would go on opening the archive.
#[test]
fn no_slot_counts_as_removed_while_a_copy_may_be_left() {
    let f = archive("parity: unsure removal", 5);
    let slot = f.open().add_key_slot(&raw_slot([3; 32], "third")).unwrap();
    let mut refused = 0;
    for at in 0.. {
        let copy = f.copy();
        let backend = FaultBackend::new(copy.memory.clone());
        let control = backend.control();
        let repository = copy.open_on(Arc::new(backend)).unwrap();
        let before = control.count();
        control.fail_at(before + at, Fault::Io);
        let removed = repository.remove_key_slot(slot);
        if control.count() - before <= at {
            removed.unwrap();
            assert!(refused > 20, "{refused} of {at}");
            return;
        }
        refused += usize::from(removed.is_err());
        let opened = copy.open_with(&raw([3; 32]));
        assert!(
            removed.is_err() || matches!(opened, Err(Error::WrongPassword(..))),
            "operation {at}: {removed:?}"
        );
        copy.open().remove_key_slot(slot).or_else(is_gone).unwrap();
        let opened = copy.open_with(&raw([3; 32]));
        assert!(matches!(opened, Err(Error::WrongPassword(..))), "operation {at}");
    }
}

fn is_gone(error: Error) -> Result<(), Error> {
    match error {
        Error::KeySlots(text) if text.contains("no such") => Ok(()),
        error => Err(error),
    }
}

#[test]
fn what_is_removed_does_not_come_back_from_copies() {
    let f = archive("parity: removed", 5);
    let repository = f.open();
    let gone = id(ObjectKind::Snapshot, f.list(ObjectKind::Snapshot)[0]);
    parity::remove_with_copies(&repository, &[gone]).unwrap();
    assert_eq!(repository.snapshots().unwrap().found.len(), 1);
    assert_eq!(f.open().snapshots().unwrap().found.len(), 1);
    assert_eq!(mend(&f).mended_total, 0);
    // Interrupted between copies and object, the object is there, and its copies are made anew.
    let left = id(ObjectKind::Snapshot, f.list(ObjectKind::Snapshot)[0]);
    parity::remove_copies(&repository, &[left]).unwrap();
    assert_eq!(f.open().snapshots().unwrap().found.len(), 1);
    assert_eq!(scrub(&f, false).rewritten, 2);
}

#[test]
fn parity_of_packs_that_are_gone_goes_too() {
    let f = archive("parity: gone packs", 5);
    let stray = f.plant(
        ObjectKind::Pack,
        &SeededRandom::new("parity: gone packs, stray").bytes(70_000),
    );
    add(&f, 5);
    let stray = id(ObjectKind::Pack, stray);
    let parity = parity_of(&f, &stray);
    assert_eq!(scrub(&f, false).removed, 0);
    f.memory.remove(&stray).unwrap();
    assert_eq!(scrub(&f, true).removed, 1);
    assert_eq!(scrub(&f, false).removed, 1);
    assert!(f.memory.size(&parity).is_err());
    // That of a pack that is only lost stays, and the loss is told.
    let lost = id(ObjectKind::Pack, f.list(ObjectKind::Pack)[0]);
    let bytes = f.bytes(&lost);
    f.memory.remove(&lost).unwrap();
    let report = scrub(&f, false);
    assert_eq!((report.removed, report.unmendable_total), (0, 1), "{report:?}");
    assert!(matches!(report.damaged[0].outlook, Outlook::Beyond { .. }));
    f.memory.create(&lost, &bytes).unwrap();
    assert_eq!(scrub(&f, false).rewritten, 0);
}

#[test]
fn pruning_takes_parity_and_copies_along() {
    let f = archive("parity: pruned", 5);
    let repository = f.open();
    let old = repository.snapshots().unwrap().found[0].id;
    forget(&repository, &[old], "desk").unwrap();
    let holder = Holder {
        host: "desk".into(),
        process: 1,
    };
    let options = PruneOptions {
        now: true,
        max_unused: MaxUnused::Bytes(0),
        ..PruneOptions::default()
    };
    let report = prune(&repository, &holder, None, &options).unwrap();
    assert!(
        report.snapshots_removed == 1 && report.removed.packs > 0,
        "{report:?}"
    );
    let all = contents(&f);
    let report = scrub(&f, false);
    assert_eq!((report.rewritten, report.removed), (0, 0), "{report:?}");
    assert_eq!(report.damaged_total, 0);
    assert!(contents(&f) == all);
    assert_eq!(f.list(ObjectKind::Parity).len() as u64, report.sound);
    assert_eq!(f.open().snapshots().unwrap().found.len(), 1);
    assert_eq!(check_all(&f).worst, None);
}

/// A parity object of any content, valid in itself.
fn forged(f: &Fixture, table: &ParityTable, shards: &[u8]) -> Vec<u8> {
    let table = table.encode(hash);
    [
        parity_header(&f.open().archive()).as_slice(),
        &table,
        shards,
        &table,
    ]
    .concat()
}

#[test]
fn made_up_parity_mends_nothing_and_harms_nothing() {
    let f = archive("parity: forged", 5);
    let pack = id(ObjectKind::Pack, f.list(ObjectKind::Pack)[0]);
    let (good, parity) = (f.bytes(&pack), parity_of(&f, &pack));
    let random = SeededRandom::new("parity: forged, content");
    let half = |shard: &[u8]| <[u8; 16]>::try_from(&hash(shard)[..16]).unwrap();
    let shape = PackParity::new(pack.name, u32::try_from(good.len()).unwrap(), 3).unwrap();
    let shards = random.bytes(3 * SHARD);
    let mut padded = good.clone();
    padded.resize(shape.data_shards() * SHARD, 0);
    let hashes: Vec<_> = padded
        .chunks(SHARD)
        .chain(shards.chunks(SHARD))
        .map(half)
        .collect();
    // The table is right, the parity is noise; the shards are those of another pack; all of them are "good".
    let mut damaged = good.clone();
    damaged[5] ^= 1;
    let mut others = hashes.clone();
    others[0] = half(&[&damaged[..SHARD]].concat());
    let largest = PackParity::new(pack.name, 128 << 20, 8192).unwrap();
    let forgeries = [
        forged(&f, &ParityTable { shape, hashes }, &shards),
        forged(
            &f,
            &ParityTable {
                shape,
                hashes: others,
            },
            &shards,
        ),
        forged(
            &f,
            &ParityTable {
                shape: largest,
                hashes: vec![[0; 16]; 2 * 8192],
            },
            &[],
        ),
        forged(
            &f,
            &ParityTable {
                shape,
                hashes: vec![],
            },
            &[],
        ),
        CopyHead::encode(&f.open().archive(), 1, &pack.name),
        [
            CopyHead::encode(&f.open().archive(), u32::MAX, &pack.name),
            good.clone(),
        ]
        .concat(),
        parity_header(&f.open().archive()).to_vec(),
        Vec::new(),
        vec![0xff; 300],
    ];
    let genuine = f.bytes(&parity);
    f.memory.remove(&parity).unwrap();
    f.overwrite(&pack, &damaged);
    for (number, forgery) in forgeries.iter().enumerate() {
        let planted = id(ObjectKind::Parity, f.plant(ObjectKind::Parity, forgery));
        let report = mend(&f);
        assert_eq!(
            (report.mended_total, report.damaged_total),
            (0, 1),
            "{number}: {report:?}"
        );
        assert_eq!(f.bytes(&pack), damaged, "{number}");
        assert_eq!(scrub(&f, true).damaged_total, 1, "{number}");
        f.open().snapshots().unwrap();
        // Beside them the genuine one still mends.
        f.memory.create(&parity, &genuine).unwrap();
        assert_eq!(mend(&f).mended_total, 1, "{number}");
        assert_eq!(f.bytes(&pack), good, "{number}");
        f.overwrite(&pack, &damaged);
        f.memory.remove(&parity).unwrap();
        f.memory.remove(&planted).unwrap();
    }
    f.world.notes.take_warnings();
}

#[test]
fn noise_in_parity_is_never_more_than_noise() {
    let seed = "parity: noise";
    let f = archive(seed, 5);
    let good = contents(&f);
    let random = SeededRandom::new(&format!("{seed}, places"));
    let parities = f.list(ObjectKind::Parity);
    let pack = id(ObjectKind::Pack, f.list(ObjectKind::Pack)[0]);
    let mut damaged = good[&pack].clone();
    damaged[3] ^= 1;
    for round in 0..200 {
        for name in &parities {
            let object = id(ObjectKind::Parity, *name);
            let mut bytes = good[&object].clone();
            let below = |end: usize| usize::try_from(random.below(end as u64)).unwrap();
            match random.below(4) {
                0 => bytes.truncate(below(bytes.len())),
                1 => bytes.extend(random.bytes(below(500))),
                2 => {
                    let at = below(bytes.len().min(250));
                    bytes[at] = random.array::<1>()[0];
                }
                _ => {
                    let from = below(bytes.len());
                    let noise = random.bytes(below(bytes.len() - from).min(64));
                    bytes[from..from + noise.len()].copy_from_slice(&noise);
                }
            }
            f.overwrite(&object, &bytes);
        }
        f.overwrite(&pack, &damaged);
        mend(&f);
        for id in good
            .keys()
            .filter(|id| id.kind != ObjectKind::Parity && **id != pack)
        {
            assert!(f.bytes(id) == good[id], "{seed}, round {round}: {id}");
        }
        let found = f.bytes(&pack);
        assert!(found == damaged || found == good[&pack], "{seed}, round {round}");
        f.overwrite(&pack, &good[&pack]);
        let report = scrub(&f, false);
        assert_eq!(report.damaged_total, 0, "{seed}, round {round}");
        assert!(
            contents(&f) == good,
            "{seed}, round {round}: scrubbing makes all parity anew"
        );
    }
    f.world.notes.take_warnings();
}

/// Runs `work`, which tells whether all is well, on a damaged archive with every operation failing once, then again
/// without; all must be mended.
fn interrupted(seed: &str, damage: impl Fn(&Fixture), work: impl Fn(&Repository) -> Result<bool, Error>) {
    let f = archive(seed, 5);
    let good = contents(&f);
    for at in 0.. {
        let copy = f.copy();
        damage(&copy);
        let before = contents(&copy);
        let backend = FaultBackend::new(copy.memory.clone());
        let control = backend.control();
        let repository = copy.open_on(Arc::new(backend)).unwrap();
        let fault = [Fault::Io, Fault::Full, Fault::Sync, Fault::LostAnswer][at % 4];
        control.fail_at(control.count() + at, fault);
        let begun = control.count();
        let result = work(&repository);
        let reached = control.count() - begun > at;
        let found = contents(&copy);
        for (id, bytes) in &good {
            let now = found.get(id);
            let as_before = now == before.get(id);
            assert!(
                now == Some(bytes) || as_before,
                "{seed}, operation {at}: {id} is neither"
            );
        }
        assert!(
            !matches!(result, Ok(true)) || found == good,
            "{seed}, operation {at}: it told that all is well"
        );
        copy.open().snapshots().unwrap();
        assert!(work(&copy.open()).unwrap(), "{seed}, operation {at}");
        assert!(contents(&copy) == good, "{seed}, operation {at}");
        copy.world.notes.take_warnings();
        if !reached {
            return;
        }
    }
}

#[test]
fn mending_and_scrubbing_can_stop_anywhere() {
    interrupted(
        "parity: interrupted",
        |f| {
            for kind in PROTECTED {
                flip(f, &id(kind, f.list(kind)[0]), 600);
            }
            let lost = id(ObjectKind::Snapshot, f.list(ObjectKind::Snapshot)[1]);
            f.memory.remove(&lost).unwrap();
        },
        |repository| {
            let index = ChunkIndex::load(repository, None)?;
            let mended = parity::mend(repository, &index, &Scope::All, false)?;
            let scrubbed = parity::scrub(repository, &index, false)?;
            Ok(mended.damaged_total == 0 && scrubbed.damaged_total == 0)
        },
    );
}

#[test]
fn adding_and_removing_can_stop_anywhere() {
    let f = Fixture::new("parity: interrupted adding");
    store(&f.open(), ChunkKind::Data, &[vec![5; 70_000]]).unwrap();
    for at in 0.. {
        let copy = f.copy();
        let backend = FaultBackend::new(copy.memory.clone());
        let control = backend.control();
        let mut repository = copy.open_on(Arc::new(backend)).unwrap();
        control.fail_at(control.count() + at, Fault::LostAnswer);
        let before = control.count();
        let added = parity::add(&mut repository, 5, false);
        let removed = parity::remove(&mut repository, false);
        let reached = control.count() - before > at;
        assert!(reached || (added.is_ok() && removed.is_ok()));
        parity::add(&mut copy.open(), 5, false).unwrap();
        let report = scrub(&copy, false);
        assert_eq!(
            (report.rewritten, report.damaged_total),
            (0, 0),
            "operation {at}: {report:?}"
        );
        assert_eq!(copy.list(ObjectKind::Config).len(), 1, "operation {at}");
        if !reached {
            return;
        }
    }
}

#[test]
fn objects_are_listed_without_reading_copies_while_nothing_is_lost() {
    let f = archive("parity: cheap", 5);
    let backend = FaultBackend::new(Memory::clone(&f.memory));
    let control = backend.control();
    let repository = f.open_on(Arc::new(backend)).unwrap();
    repository.snapshots().unwrap();
    ChunkIndex::load(&repository, None).unwrap();
    let touched =
        |event: &lumivault_testkit::Event| event.object.is_some_and(|id| id.kind == ObjectKind::Parity);
    assert!(!control.log().iter().any(touched), "{:?}", control.log());
}

#[test]
fn a_config_that_cannot_be_read_is_left_alone_but_a_storage_that_fails_ends_it() {
    let f = Fixture::new("parity: configs");
    let damaged = id(ObjectKind::Config, ObjectName::from_bytes([7; 32]));
    f.memory.create(&damaged, b"damaged").unwrap();
    parity::add(&mut f.open(), 10, false).unwrap();
    assert_eq!(f.list(ObjectKind::Config).len(), 2, "the one before went");
    let fails = Arc::new(AtomicBool::new(false));
    let is_lost = Arc::clone(&fails);
    let backend = Steered::losing(f.memory.clone(), move |id| {
        id.kind == ObjectKind::Config && is_lost.load(Ordering::SeqCst)
    });
    let mut repository = f.open_on(backend).unwrap();
    fails.store(true, Ordering::SeqCst);
    let removed = parity::remove(&mut repository, false);
    assert!(matches!(removed, Err(Error::Backend(_))), "{removed:?}");
    f.world.notes.take_warnings();
}
