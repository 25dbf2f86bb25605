//! A folder's record as a document, docs/format.md §8.

use lumivault_chunk_store::TreeReader;
use lumivault_format::SnapshotTime;
use lumivault_format::tree::{
    ContentRecord, EntryKind, Extent, Extra, ExtraKind, FolderHead, FolderRef, NameRecord, StatRecord,
    Stream, StreamTag,
};
use serde::Serialize;

use crate::commands::answer::hex;
use crate::commands::looking::category_name;
use crate::failure::Failure;

/// Where a folder's head is.
#[derive(Serialize)]
pub(super) struct Reference {
    #[serde(skip_serializing_if = "Option::is_none")]
    chunk: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<u32>,
    /// The bytes of an inline head.
    #[serde(skip_serializing_if = "Option::is_none")]
    inline: Option<String>,
}

impl Reference {
    pub(super) fn new(reference: &FolderRef) -> Self {
        match reference {
            FolderRef::Inline(bytes) => Self {
                chunk: None,
                length: None,
                inline: Some(hex(bytes)),
            },
            FolderRef::Chunk { id, plain_len } => Self {
                chunk: Some(id.to_string()),
                length: Some(*plain_len),
                inline: None,
            },
        }
    }
}

#[derive(Serialize)]
pub(super) struct Stat {
    /// Null outside of the calendar.
    modified: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    extras: Vec<ExtraDocument>,
}

#[derive(Serialize)]
struct ExtraDocument {
    #[serde(rename = "type")]
    kind: String,
    critical: bool,
    value: String,
}

impl Stat {
    pub(super) fn new(stat: &StatRecord) -> Self {
        let extra = |extra: &Extra| ExtraDocument {
            kind: match extra.kind {
                ExtraKind::Xattr => "extended-attribute".into(),
                ExtraKind::WindowsAttributes => "windows-attributes".into(),
                ExtraKind::BirthTime => "birth-time".into(),
                ExtraKind::HardLink => "hard-link-group".into(),
                ExtraKind::Device => "device-numbers".into(),
                ExtraKind::Unknown(number) => number.to_string(),
            },
            critical: extra.critical,
            value: hex(&extra.value),
        };
        Self {
            modified: SnapshotTime::instant(stat.mtime_seconds, stat.mtime_nanoseconds, 0)
                .ok()
                .map(|time| time.rfc3339()),
            mode: stat.mode.map(|mode| format!("{mode:04o}")),
            owner: stat.owner,
            group: stat.group,
            extras: stat.extras.iter().map(extra).collect(),
        }
    }
}

#[derive(Serialize)]
pub(super) struct FolderDocument {
    reference: Reference,
    streams: Vec<StreamDocument>,
    contents: Vec<ContentDocument>,
    entries: Vec<EntryDocument>,
}

#[derive(Serialize)]
struct StreamDocument {
    name: &'static str,
    records: u64,
    /// Bytes of an inline stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    inline_bytes: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pieces: Vec<PieceDocument>,
}

#[derive(Serialize)]
struct PieceDocument {
    chunk: String,
    length: u32,
    records: u64,
}

#[derive(Serialize)]
struct ContentDocument {
    id: String,
    classifier: u8,
    chunker: u8,
    extents: Vec<ExtentDocument>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum ExtentDocument {
    Chunk {
        chunk: String,
        length: u32,
    },
    Hole {
        length: u64,
    },
    Slice {
        bundle: String,
        bundle_length: u32,
        offset: u32,
        length: u32,
        content: String,
    },
}

#[derive(Serialize)]
struct EntryDocument {
    name: String,
    /// In hexadecimal, where it is no UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    name_bytes: Option<String>,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'static str>,
    /// Number of the file's content in `contents`, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<Reference>,
    #[serde(flatten)]
    stat: Stat,
}

pub(super) fn document(reader: &TreeReader<'_>, reference: &FolderRef) -> Result<FolderDocument, Failure> {
    let head = reader.head(reference)?;
    let folder = reader.folder(reference)?;
    let content = |content: &ContentRecord| ContentDocument {
        id: hex(reader.repository().content_id(content).as_bytes()),
        classifier: content.classifier,
        chunker: content.chunker,
        extents: content.extents.iter().map(extent).collect(),
    };
    Ok(FolderDocument {
        reference: Reference::new(reference),
        streams: streams(&head),
        contents: folder.contents.iter().map(content).collect(),
        entries: folder
            .with_folders()
            .map(|(one, folder)| entry(&one.name, &one.stat, folder))
            .collect(),
    })
}

fn streams(head: &FolderHead) -> Vec<StreamDocument> {
    let one = |tag: &StreamTag| {
        let stream = head.stream(*tag);
        let piece = |piece: &lumivault_format::tree::Piece| PieceDocument {
            chunk: piece.id.to_string(),
            length: piece.plain_len,
            records: piece.records,
        };
        let (inline_bytes, pieces) = match &stream.stream {
            Stream::Inline(bytes) => (Some(bytes.len()), Vec::new()),
            Stream::Pieces(pieces) => (None, pieces.iter().map(piece).collect()),
        };
        StreamDocument {
            name: match tag {
                StreamTag::Contents => "contents",
                StreamTag::Names => "names",
                StreamTag::Stats => "stats",
                StreamTag::Folders => "folders",
            },
            records: stream.records,
            inline_bytes,
            pieces,
        }
    };
    StreamTag::ALL.iter().map(one).collect()
}

fn extent(extent: &Extent) -> ExtentDocument {
    match extent {
        Extent::Chunk { id, len } => ExtentDocument::Chunk {
            chunk: id.to_string(),
            length: *len,
        },
        Extent::Hole { len } => ExtentDocument::Hole { length: *len },
        Extent::Slice {
            bundle,
            bundle_len,
            offset,
            len,
            id,
        } => ExtentDocument::Slice {
            bundle: bundle.to_string(),
            bundle_length: *bundle_len,
            offset: *offset,
            length: *len,
            content: id.to_string(),
        },
    }
}

fn entry(name: &NameRecord, stat: &StatRecord, folder: Option<&FolderRef>) -> EntryDocument {
    let (kind, content, target) = match &name.kind {
        EntryKind::File { content } => ("file", Some(*content), None),
        EntryKind::Folder => ("folder", None, None),
        EntryKind::Symlink { target } => ("symlink", None, Some(target)),
        EntryKind::Fifo => ("fifo", None, None),
        EntryKind::Socket => ("socket", None, None),
        EntryKind::CharDevice => ("character-device", None, None),
        EntryKind::BlockDevice => ("block-device", None, None),
    };
    EntryDocument {
        name: String::from_utf8_lossy(&name.name).into_owned(),
        name_bytes: std::str::from_utf8(&name.name).is_err().then(|| hex(&name.name)),
        kind,
        category: category_name(name.category),
        content,
        target: target.map(|target| String::from_utf8_lossy(target).into_owned()),
        folder: folder.map(Reference::new),
        stat: Stat::new(stat),
    }
}
