//! Small folders built by hand, as the crate that writes real ones lies above this one.

use lumivault_chunk_store::{ChunkWriter, CompressionHint, Error, Repository, StoredSnapshot};
use lumivault_format::tree::{
    Category, ContentRecord, ContentState, EntryKind, Extent, FolderHead, FolderRef, NameRecord, NameState,
    Piece, StatRecord, StatState, Stream, StreamRecords, StreamTag,
};
use lumivault_format::{ChunkKind, Counts, Precision, Scope, Snapshot, SnapshotId, SnapshotTime, TreeDigest};

/// What a name stands for.
pub enum Node {
    /// A file of these chunks.
    File(Vec<Vec<u8>>),
    /// A file that is part of a chunk: the chunk, and which part.
    Slice(Vec<u8>, std::ops::Range<u32>),
    /// A folder.
    Folder(FolderRef),
    /// A link.
    Link(&'static str),
}

/// How a folder is stored.
#[derive(Clone, Copy)]
pub enum Layout {
    /// All in one head, inline.
    Inline,
    /// The head in a chunk, streams in it.
    Chunk,
    /// The head in a chunk, streams in pieces of two records.
    Pieces,
}

pub fn file(text: &str) -> Node {
    Node::File(vec![text.as_bytes().to_vec()])
}

/// Stores a folder; names must ascend.
pub fn folder(writer: &ChunkWriter, layout: Layout, entries: Vec<(&str, Node)>) -> FolderRef {
    let mut contents = Vec::new();
    let mut folders = Vec::new();
    let mut names = Vec::new();
    for (name, node) in entries {
        let kind = match node {
            Node::File(chunks) => {
                contents.push(chunks.iter().map(|chunk| chunk_extent(writer, chunk)).collect());
                EntryKind::File {
                    content: contents.len() as u64 - 1,
                }
            }
            Node::Slice(bundle, part) => {
                contents.push(vec![slice_extent(writer, &bundle, part)]);
                EntryKind::File {
                    content: contents.len() as u64 - 1,
                }
            }
            Node::Folder(reference) => {
                folders.push(reference);
                EntryKind::Folder
            }
            Node::Link(target) => EntryKind::Symlink {
                target: target.as_bytes().to_vec(),
            },
        };
        names.push(NameRecord {
            name: name.as_bytes().to_vec(),
            category: Category::None,
            kind,
        });
    }
    let contents: Vec<ContentRecord> = contents
        .into_iter()
        .map(|extents| ContentRecord {
            classifier: 0,
            chunker: 0,
            extents,
        })
        .collect();
    let head = FolderHead {
        entries: names.len() as u64,
        streams: [
            stream(
                writer,
                layout,
                StreamTag::Contents,
                &contents,
                |record, state: &mut ContentState, first, out| {
                    if first {
                        *state = ContentState::default();
                    }
                    record.encode(state, out);
                },
            ),
            stream(
                writer,
                layout,
                StreamTag::Names,
                &names,
                |record, state: &mut NameState, first, out| {
                    if first {
                        state.next_piece();
                    }
                    record.encode(state, out);
                },
            ),
            stream(
                writer,
                layout,
                StreamTag::Stats,
                &vec![stat(); names.len()],
                |record, state: &mut StatState, first, out| {
                    if first {
                        *state = StatState::default();
                    }
                    record.encode(state, out);
                },
            ),
            stream(
                writer,
                layout,
                StreamTag::Folders,
                &folders,
                |record, (): &mut (), _, out| record.encode(out),
            ),
        ],
    };
    place(writer, layout, &head)
}

/// Stores a head as it is, right or wrong.
pub fn place(writer: &ChunkWriter, layout: Layout, head: &FolderHead) -> FolderRef {
    let bytes = head.encode();
    if matches!(layout, Layout::Inline) {
        return FolderRef::Inline(bytes);
    }
    tree_chunk(writer, &bytes)
}

/// Stores a tree chunk and refers to it as a folder head.
pub fn tree_chunk(writer: &ChunkWriter, bytes: &[u8]) -> FolderRef {
    let stored = writer
        .store(ChunkKind::Tree, bytes, CompressionHint::Compress)
        .unwrap();
    FolderRef::Chunk {
        id: stored.id,
        plain_len: u32::try_from(bytes.len()).unwrap(),
    }
}

pub fn stat() -> StatRecord {
    StatRecord {
        mtime_seconds: 1_700_000_000,
        mode: Some(0o644),
        ..StatRecord::default()
    }
}

pub fn chunk_extent(writer: &ChunkWriter, chunk: &[u8]) -> Extent {
    let stored = writer
        .store(ChunkKind::Data, chunk, CompressionHint::Compress)
        .unwrap();
    Extent::Chunk {
        id: stored.id,
        len: u32::try_from(chunk.len()).unwrap(),
    }
}

fn slice_extent(writer: &ChunkWriter, bundle: &[u8], part: std::ops::Range<u32>) -> Extent {
    let stored = writer
        .store(ChunkKind::Data, bundle, CompressionHint::Compress)
        .unwrap();
    Extent::Slice {
        bundle: stored.id,
        bundle_len: u32::try_from(bundle.len()).unwrap(),
        offset: part.start,
        len: part.end - part.start,
        id: stored.id,
    }
}

fn stream<T, S: Default>(
    writer: &ChunkWriter,
    layout: Layout,
    tag: StreamTag,
    records: &[T],
    encode: impl Fn(&T, &mut S, bool, &mut Vec<u8>),
) -> StreamRecords {
    let mut state = S::default();
    let mut encode_all = |records: &[T], mut out: Vec<u8>| {
        for (i, record) in records.iter().enumerate() {
            encode(record, &mut state, i == 0, &mut out);
        }
        out
    };
    let stream = if matches!(layout, Layout::Pieces) && !records.is_empty() {
        let piece = |records: &[T]| {
            let bytes = encode_all(records, vec![tag.number()]);
            let stored = writer
                .store(ChunkKind::Tree, &bytes, CompressionHint::Compress)
                .unwrap();
            Piece {
                id: stored.id,
                plain_len: u32::try_from(bytes.len()).unwrap(),
                records: records.len() as u64,
            }
        };
        Stream::Pieces(records.chunks(2).map(piece).collect())
    } else {
        Stream::Inline(encode_all(records, Vec::new()))
    };
    StreamRecords {
        records: records.len() as u64,
        stream,
    }
}

/// A snapshot of a folder.
pub fn snapshot(repository: &Repository, day: i64, root: &FolderRef) -> Snapshot {
    let mut encoded = Vec::new();
    root.encode(&mut encoded);
    Snapshot {
        time: SnapshotTime {
            unix_seconds: 1_778_760_000 + day * 86_400,
            nanoseconds: 0,
            utc_offset_seconds: 7200,
            precision: Precision::Instant,
        },
        phone: "Lumia 950 XL".into(),
        host: "desk".into(),
        tool: "test".into(),
        sources: Vec::new(),
        scope: Scope::default(),
        tags: vec!["monthly".into()],
        predecessors: Vec::new(),
        root: encoded,
        root_stat: stat().encode_alone(),
        counts: Counts::default(),
        warnings: Vec::new(),
        warnings_total: 0,
        config_generation: repository.config().generation,
        config: repository.config_name(),
        digest: TreeDigest::from_bytes([0; 32]),
        written_unix_seconds: 1_778_760_000,
    }
}

/// Commits a snapshot of a folder.
pub fn commit(repository: &Repository, day: i64, root: &FolderRef) -> Result<SnapshotId, Error> {
    commit_stored(repository, day, root).map(|stored| stored.id)
}

/// The same, for whoever has to confirm it.
pub fn commit_stored(repository: &Repository, day: i64, root: &FolderRef) -> Result<StoredSnapshot, Error> {
    repository.commit_snapshot(&snapshot(repository, day, root))
}
