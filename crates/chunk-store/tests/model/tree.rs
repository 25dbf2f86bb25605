//! A folder of files that are known by number, stored where storing may fail, and read back.

use lumivault_chunk_store::{
    ChunkIndex, ChunkWriter, CompressionHint, Error, Repository, StoredSnapshot, TreeReader,
};
use lumivault_format::ChunkKind;
use lumivault_format::tree::{
    Category, ContentRecord, ContentState, EntryKind, Extent, FolderHead, FolderRef, NameRecord, NameState,
    Piece, StatState, Stream, StreamRecords, StreamTag,
};

use crate::common::archive::contents;
use crate::common::tree::stat;

fn name(number: u64) -> Vec<u8> {
    format!("{number:06}.jpg").into_bytes()
}

fn inline(records: usize, encode: impl FnOnce(&mut Vec<u8>)) -> StreamRecords {
    let mut bytes = Vec::new();
    encode(&mut bytes);
    StreamRecords {
        records: records as u64,
        stream: Stream::Inline(bytes),
    }
}

/// Stores the folder: contents in a piece of their own, the rest in the head.
pub(super) fn store(writer: &ChunkWriter, numbers: &[u64]) -> Result<FolderRef, Error> {
    let tree_chunk = |bytes: &[u8]| writer.store(ChunkKind::Tree, bytes, CompressionHint::Compress);
    let mut records = vec![StreamTag::Contents.number()];
    let mut state = ContentState::default();
    for content in contents(numbers) {
        let stored = writer.store(ChunkKind::Data, &content, CompressionHint::Compress)?;
        let extent = Extent::Chunk {
            id: stored.id,
            len: u32::try_from(content.len()).unwrap(),
        };
        let record = ContentRecord {
            classifier: 0,
            chunker: 0,
            extents: vec![extent],
        };
        record.encode(&mut state, &mut records);
    }
    let piece = Piece {
        id: tree_chunk(&records)?.id,
        plain_len: u32::try_from(records.len()).unwrap(),
        records: numbers.len() as u64,
    };
    let names = inline(numbers.len(), |out| {
        let mut state = NameState::default();
        for (number, content) in numbers.iter().zip(0..) {
            let record = NameRecord {
                name: name(*number),
                category: Category::None,
                kind: EntryKind::File { content },
            };
            record.encode(&mut state, out);
        }
    });
    let stats = inline(numbers.len(), |out| {
        let mut state = StatState::default();
        numbers.iter().for_each(|_| stat().encode(&mut state, out));
    });
    let contents = StreamRecords {
        records: numbers.len() as u64,
        stream: Stream::Pieces(vec![piece]),
    };
    let head = FolderHead {
        entries: numbers.len() as u64,
        streams: [contents, names, stats, inline(0, |_| ())],
    };
    let head = head.encode();
    Ok(FolderRef::Chunk {
        id: tree_chunk(&head)?.id,
        plain_len: u32::try_from(head.len()).unwrap(),
    })
}

/// A snapshot's files are what they were.
pub(super) fn assert_holds(
    repository: &Repository,
    index: &ChunkIndex,
    stored: &StoredSnapshot,
    numbers: &[u64],
) {
    let reader = TreeReader::new(repository, index);
    let root = FolderRef::decode_whole(&stored.snapshot.root).unwrap();
    let folder = reader.folder(&root).unwrap();
    assert_eq!(folder.entries.len(), numbers.len());
    assert_eq!(folder.contents.len(), numbers.len());
    for (record, content) in folder.contents.iter().zip(contents(numbers)) {
        let chunk = record.extents[0].chunk().unwrap();
        assert!(
            reader.chunk(&chunk).unwrap() == content,
            "a file came back changed"
        );
    }
}
