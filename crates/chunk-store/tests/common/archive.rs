//! Small archives whose files are known by number, and what a backup does, step by step.

use std::num::NonZeroUsize;
use std::sync::Arc;

use lumivault_chunk_store::check::{CheckOptions, ReadData, Severity, check};
use lumivault_chunk_store::session::{Holder, Writing};
use lumivault_chunk_store::{ChunkIndex, ChunkWriter, Error, Repository, TreeReader};
use lumivault_format::SnapshotId;
use lumivault_format::tree::FolderRef;
use lumivault_testkit::SeededRandom;

use super::OPTIONS;
use super::tree::{Layout, Node, commit_stored, folder};

pub const HOST: &str = "desk";

pub fn holder() -> Holder {
    Holder {
        host: HOST.into(),
        process: std::process::id(),
    }
}

/// Files of one chunk each, by number: the same number is the same content.
pub fn contents(numbers: &[u64]) -> Vec<Vec<u8>> {
    let random = |n: &u64| SeededRandom::new(&format!("prune: content {n}")).bytes(60_000);
    numbers.iter().map(random).collect()
}

pub fn tree(writer: &ChunkWriter, numbers: &[u64]) -> FolderRef {
    let names: Vec<String> = numbers.iter().map(|n| format!("{n:06}.jpg")).collect();
    let files = contents(numbers)
        .into_iter()
        .map(|content| Node::File(vec![content]));
    folder(
        writer,
        Layout::Pieces,
        names.iter().map(String::as_str).zip(files).collect(),
    )
}

/// What a backup does, with whatever happens `between` storing and looking again.
pub fn backup_with(
    writing: &Writing<'_>,
    day: i64,
    numbers: &[u64],
    between: impl FnOnce(),
) -> Result<SnapshotId, Error> {
    let repository = writing.repository();
    let mut between = Some(between);
    loop {
        let writer = ChunkWriter::new(repository, Arc::clone(writing.index()), OPTIONS)?;
        let root = tree(&writer, numbers);
        writer.finish()?;
        if let Some(between) = between.take() {
            between();
        }
        if writing.look_again()?.is_some() {
            continue;
        }
        let stored = commit_stored(repository, day, &root)?;
        writing.confirm(&stored)?;
        return Ok(stored.id);
    }
}

pub fn backup(repository: &Repository, day: i64, numbers: &[u64]) -> Result<SnapshotId, Error> {
    let writing = Writing::begin(repository, &holder(), None)?;
    let id = backup_with(&writing, day, numbers, || ())?;
    writing.close()?;
    Ok(id)
}

/// Every byte of the repository is well, and the snapshot's files are what they were.
pub fn assert_holds(repository: &Repository, snapshots: &[(SnapshotId, &[u64])]) {
    let index = ChunkIndex::load(repository, None).unwrap();
    let options = CheckOptions {
        read: ReadData::AllData,
        threads: NonZeroUsize::MIN,
    };
    let report = check(repository, &index, &options).unwrap();
    let damage: Vec<_> = report
        .findings
        .iter()
        .filter(|f| f.severity == Severity::Damage)
        .collect();
    assert!(damage.is_empty(), "{damage:#?}");
    assert_read_back(repository, snapshots);
}

/// Every snapshot is there and holds what it was made of, whatever else is wrong.
pub fn assert_read_back(repository: &Repository, snapshots: &[(SnapshotId, &[u64])]) {
    let index = ChunkIndex::load(repository, None).unwrap();
    let found = repository.snapshots().unwrap().found;
    let reader = TreeReader::new(repository, &index);
    for (id, numbers) in snapshots {
        let stored = found
            .iter()
            .find(|stored| stored.id == *id)
            .expect("the snapshot is there");
        let root = FolderRef::decode_whole(&stored.snapshot.root).unwrap();
        let read = reader.folder(&root).unwrap();
        let contents = contents(numbers);
        assert_eq!(read.entries.len(), contents.len());
        for (record, content) in read.contents.iter().zip(&contents) {
            let chunk = record.extents[0].chunk().unwrap();
            assert!(
                reader.chunk(&chunk).unwrap() == *content,
                "a file came back changed"
            );
        }
    }
}

pub fn range(from: u64, to: u64) -> Vec<u64> {
    (from..to).collect()
}
