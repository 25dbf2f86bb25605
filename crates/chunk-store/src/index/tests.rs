use std::collections::BTreeSet;

use lumivault_format::{Codec, IndexedPack, ObjectId, ObjectKind, ObjectType};

use super::*;
use crate::backend::{Backend as _, Memory, ObjectInfo};
use crate::testing::{reopen, repository};
use crate::{ChunkWriter, Compression, CompressionHint, Repository, WriterOptions};

/// Stores a chunk in a run of its own; returns the pack that its index object lists, and the object's name.
fn stored(repository: &Repository, memory: &Memory, text: &[u8]) -> (IndexedPack, ObjectName) {
    let before = names(memory, ObjectKind::Index);
    let index = Arc::new(ChunkIndex::load(repository, None).unwrap());
    let options = WriterOptions {
        compression: Compression::Off,
        threads: 1,
        dry_run: false,
    };
    let writer = ChunkWriter::new(repository, index, options).unwrap();
    writer
        .store(ChunkKind::Data, text, CompressionHint::Store)
        .unwrap();
    writer.finish().unwrap();
    let name = *names(memory, ObjectKind::Index)
        .difference(&before)
        .next()
        .unwrap();
    (read_index(repository, &name).unwrap().packs.remove(0), name)
}

fn names(memory: &Memory, kind: ObjectKind) -> BTreeSet<ObjectName> {
    memory
        .list(kind)
        .unwrap()
        .into_iter()
        .map(|info| info.name)
        .collect()
}

fn write(repository: &Repository, packs: Vec<IndexedPack>, replaces: Vec<ObjectName>) -> ObjectName {
    let index = Index { packs, replaces };
    repository
        .store_sealed(ObjectType::Index, &index.encode())
        .unwrap()
}

#[test]
fn replaced_index_objects_count_no_more_with_a_cache_or_without() {
    let (repository, memory) = repository("index: replaced");
    let root = tempfile::tempdir().unwrap();
    let cache = || Some(CacheDir::open(root.path(), &repository).unwrap());
    let (old, old_object) = stored(&repository, &memory, b"only in the old one");
    let (kept, kept_object) = stored(&repository, &memory, b"kept");
    let lists = |cache| {
        let index = ChunkIndex::load(&repository, cache).unwrap();
        (
            index.contains(&old.entries[0].id),
            index.contains(&kept.entries[0].id),
        )
    };
    assert_eq!(lists(cache()), (true, true));
    // As pruning does: what is still used is listed anew, and the old objects lie there until they are removed.
    let replacing = write(&repository, vec![kept.clone()], vec![old_object, kept_object]);
    for _ in 0..3 {
        assert_eq!(lists(None), (false, true));
        assert_eq!(
            lists(cache()),
            (false, true),
            "not even when the cache covers what replaced it"
        );
    }
    // The replacing object is replaced in turn; what it replaced stays out.
    write(&repository, vec![kept.clone()], vec![replacing]);
    for _ in 0..2 {
        assert_eq!(lists(None), (false, true));
        assert_eq!(lists(cache()), (false, true));
    }
    let index = ChunkIndex::load(&repository, cache()).unwrap();
    assert!(index.is_replaced(&old_object) && !index.has_pack(&old.name));
}

#[test]
fn a_cached_table_of_objects_that_are_gone_is_not_used() {
    let (repository, memory) = repository("index: rolled back");
    let root = tempfile::tempdir().unwrap();
    let cache = || Some(CacheDir::open(root.path(), &repository).unwrap());
    let (first, _) = stored(&repository, &memory, b"first");
    let (second, second_object) = stored(&repository, &memory, b"second");
    assert_eq!(ChunkIndex::load(&repository, cache()).unwrap().len(), 2);
    // The place was put back to an earlier state: a chunk that is not there must not be shared.
    let id = |kind, name| ObjectId { kind, name };
    memory.remove(&id(ObjectKind::Index, second_object)).unwrap();
    memory.remove(&id(ObjectKind::Pack, second.name)).unwrap();
    let index = ChunkIndex::load(&repository, cache()).unwrap();
    assert!(index.contains(&first.entries[0].id) && !index.contains(&second.entries[0].id));
}

/// As another process does that has just put its own in its place, or somebody who cleans up. Windows keeps folders whose
/// files are mapped.
#[cfg(unix)]
#[test]
fn a_cache_that_goes_away_stops_nobody() {
    let (repository, _memory) = repository("index: a cache that goes away");
    let folder = tempfile::tempdir().unwrap();
    let cache = CacheDir::open(folder.path(), &repository).unwrap();
    let index = ChunkIndex::load(&repository, Some(cache)).unwrap();
    std::fs::remove_dir_all(folder.path()).unwrap();
    let listed = Index {
        replaces: Vec::new(),
        packs: Vec::new(),
    };
    index.add(ObjectName::from_bytes([7; 32]), &listed).unwrap();
    assert!(index.table().covered().contains(&ObjectName::from_bytes([7; 32])));
}

#[test]
fn the_cache_is_used_and_whatever_is_wrong_with_it_costs_only_time() {
    let (repository, memory) = repository("index: cache files");
    let root = tempfile::tempdir().unwrap();
    let cache = || CacheDir::open(root.path(), &repository).unwrap();
    let (pack, object) = stored(&repository, &memory, b"text");
    let id = pack.entries[0].id;
    let load = || ChunkIndex::load(&repository, Some(cache())).unwrap();
    assert!(load().contains(&id));
    let files = || -> Vec<_> {
        let entries = std::fs::read_dir(cache().folder()).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    assert_eq!(files().len(), 1);
    let good = std::fs::read(&files()[0]).unwrap();
    let present = BTreeSet::from([object]);
    assert!(cache().load(&present).is_some(), "a good file is used");
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    for bad in [
        &good[..good.len() - 1],
        &good[..10],
        b"",
        &flipped,
        b"LVINDEX1 of another program",
    ] {
        std::fs::write(&files()[0], bad).unwrap();
        assert!(cache().load(&present).is_none());
        assert!(load().contains(&id));
        assert_eq!(files().len(), 1);
        assert_eq!(std::fs::read(&files()[0]).unwrap(), good, "and written anew");
    }
    // A run that adds something leaves one table, which the next load takes as it is.
    let index = Arc::new(load());
    let options = WriterOptions {
        compression: Compression::Off,
        threads: 1,
        dry_run: false,
    };
    let writer = ChunkWriter::new(&repository, Arc::clone(&index), options).unwrap();
    let more = writer
        .store(ChunkKind::Data, b"more", CompressionHint::Store)
        .unwrap()
        .id;
    writer.finish().unwrap();
    assert!(index.contains(&more));
    assert_eq!(files().len(), 1);
    assert!(
        cache()
            .load(&names(&memory, ObjectKind::Index))
            .unwrap()
            .covered()
            .len()
            == 2
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o077;
        assert_eq!(
            (mode(cache().folder()), mode(&files()[0])),
            (0, 0),
            "nobody else reads it"
        );
    }
}

#[test]
fn an_unreadable_index_object_is_set_aside_and_the_others_serve() {
    let (repository, memory) = repository("index: unreadable");
    let (first, _) = stored(&repository, &memory, b"first");
    let (second, second_object) = stored(&repository, &memory, b"second");
    let id = ObjectId {
        kind: ObjectKind::Index,
        name: second_object,
    };
    memory.remove(&id).unwrap();
    memory.create(&id, b"damaged").unwrap();
    let repository = reopen(&memory, "index: unreadable, reopened");
    let index = Arc::new(ChunkIndex::load(&repository, None).unwrap());
    assert_eq!(index.unreadable(), [second_object]);
    assert!(index.contains(&first.entries[0].id) && !index.contains(&second.entries[0].id));
    let reader = crate::TreeReader::new(&repository, &index);
    assert_eq!(reader.chunk(&first.entries[0].id).unwrap(), b"first");
    assert!(matches!(
        reader.chunk(&second.entries[0].id),
        Err(Error::MissingChunk(_))
    ));
    // The next run reads the pack that nothing lists now, and lists it again.
    stored(&repository, &memory, b"third");
    let index = ChunkIndex::load(&repository, None).unwrap();
    assert!(index.contains(&second.entries[0].id));
}

#[test]
fn absent_packs_are_told_from_present_ones() {
    let (repository, memory) = repository("index: absent packs");
    let (first, _) = stored(&repository, &memory, b"first");
    let (second, _) = stored(&repository, &memory, b"second");
    let index = ChunkIndex::load(&repository, None).unwrap();
    let listed = |packs: &[(&IndexedPack, u64)]| -> Vec<ObjectInfo> {
        let info = |(pack, size): &(&IndexedPack, u64)| ObjectInfo {
            name: pack.name,
            size: *size,
        };
        packs.iter().map(info).collect()
    };
    let absent = |packs: &[(&IndexedPack, u64)]| -> Vec<ObjectName> {
        let known = index.packs().into_iter().map(|pack| pack.name);
        let absent = index.note_there(&packs_there(&memory, &listed(packs), known).unwrap());
        absent.iter().map(|pack| pack.name).collect()
    };
    assert!(absent(&[(&first, 65_536), (&second, 65_536)]).is_empty());
    assert!(
        absent(&[(&first, 65_536)]).is_empty(),
        "it is there, whether a listing shows it yet or not"
    );
    assert_eq!(absent(&[(&first, 65_536), (&second, 65_535)]), [second.name]);
    let name = second.name;
    let kind = ObjectKind::Pack;
    memory.remove(&ObjectId { kind, name }).unwrap();
    assert_eq!(absent(&[(&first, 65_536)]), [second.name]);
    let id = second.entries[0].id;
    assert!(index.contains(&first.entries[0].id) && !index.contains(&id) && index.is_listed(&id));
    assert!(index.find(&id).is_some(), "a reader may still try");
    // Stored again, it is found there.
    let again = IndexedPack {
        name: ObjectName::from_bytes([1; 32]),
        entries: vec![PackEntry {
            codec: Codec::None,
            ..second.entries[0]
        }],
        ..second.clone()
    };
    let added = Index {
        packs: vec![again],
        replaces: Vec::new(),
    };
    index.add(ObjectName::from_bytes([2; 32]), &added).unwrap();
    assert!(index.contains(&id));
    assert_eq!(
        index.pack(index.find(&id).unwrap().pack).unwrap().name,
        ObjectName::from_bytes([1; 32])
    );
    assert_eq!(index.places(&id).len(), 2);
}
