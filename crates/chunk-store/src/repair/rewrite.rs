//! A snapshot's folders without what is lost. What is whole is referred to as it is; what a lost piece of a folder leaves
//! uncertain is dropped rather than guessed: a name never gets another file's content.

use std::collections::BTreeMap;

use lumivault_format::tree::{
    ContentRecord, ContentState, EntryKind, Extent, FolderHead, FolderRef, NameRecord, NameState, StatRecord,
    StatState, Stream, StreamTag,
};
use lumivault_format::wire::{Reader, put_bytes};
use lumivault_format::{CategoryCount, ChunkKind, Counts, DecodeError, TreeDigest, Warning, limits};

use super::tick;
use crate::session::Session;
use crate::tree::write::write_folder;
use crate::{ChunkWriter, Entry, Error, Folder, Repository, TreeReader};

/// The code of warnings about what was dropped.
pub(super) const LOST: &str = "lost";

/// Far more records than a writer puts into one piece.
const LOST_RECORDS_MAX: u64 = 1_000_000;

/// A tree without what is lost.
#[derive(Debug)]
pub(super) struct Rewritten {
    pub(super) root: FolderRef,
    /// Whether anything is lost at all.
    pub(super) changed: bool,
    pub(super) digest: TreeDigest,
    pub(super) counts: Counts,
    /// The first of what was dropped.
    pub(super) lost: Vec<Warning>,
    /// How much was.
    pub(super) lost_total: u64,
}

/// Rewrites a tree. Without a writer nothing is stored, and the root stays what it was.
pub(super) fn rewrite<'w>(
    repository: &'w Repository,
    session: Option<&'w Session<'w>>,
    reader: &'w TreeReader<'w>,
    writer: Option<&'w ChunkWriter>,
    root: &[u8],
) -> Result<Rewritten, Error> {
    let mut work = Rewrite {
        repository,
        session,
        reader,
        writer,
        path: Vec::new(),
        counts: Counts::default(),
        categories: BTreeMap::new(),
        lost: Vec::new(),
        lost_total: 0,
    };
    let written = match FolderRef::decode_whole(root) {
        Ok(reference) => work.folder(&reference, 0)?,
        Err(_) => None,
    };
    let written = match written {
        Some(written) => written,
        None => work.empty("the whole tree is lost")?,
    };
    let categories = work.categories.into_iter();
    work.counts.categories = categories
        .map(|(category, (files, bytes))| CategoryCount {
            category,
            files,
            bytes,
        })
        .collect();
    Ok(Rewritten {
        root: written.reference,
        changed: written.changed,
        digest: written.digest,
        counts: work.counts,
        lost: work.lost,
        lost_total: work.lost_total,
    })
}

struct Rewrite<'w> {
    repository: &'w Repository,
    session: Option<&'w Session<'w>>,
    reader: &'w TreeReader<'w>,
    writer: Option<&'w ChunkWriter>,
    path: Vec<u8>,
    counts: Counts,
    categories: BTreeMap<u8, (u64, u64)>,
    lost: Vec<Warning>,
    lost_total: u64,
}

struct Written {
    reference: FolderRef,
    digest: TreeDigest,
    changed: bool,
}

/// A folder as far as it can be read.
struct Partial {
    names: Vec<NameRecord>,
    /// How many entries have no name any more.
    unnamed: u64,
    contents: Vec<Option<ContentRecord>>,
    stats: Vec<Option<StatRecord>>,
    folders: Vec<Option<FolderRef>>,
}

impl Rewrite<'_> {
    /// `None`: nothing of it can be read.
    fn folder(&mut self, reference: &FolderRef, depth: usize) -> Result<Option<Written>, Error> {
        tick(self.repository, self.session)?;
        if depth > limits::TREE_DEPTH_MAX {
            return Ok(None);
        }
        let Some(head) = tolerate(self.reader.head(reference))? else {
            return Ok(None);
        };
        let partial = self.read(&head)?;
        let mut changed = partial.unnamed > 0;
        if partial.unnamed > 0 {
            let text = format!(
                "the names of {} entries are lost, and the entries with them",
                partial.unnamed
            );
            self.note(&text);
        }
        let readable: Vec<bool> = partial
            .contents
            .iter()
            .map(|content| content.as_ref().is_some_and(|content| self.is_readable(content)))
            .collect();
        changed |= readable.contains(&false);
        let mut kept = Folder::default();
        let mut numbers: Vec<Option<u64>> = vec![None; partial.contents.len()];
        let used: Vec<usize> = partial
            .names
            .iter()
            .filter_map(|name| content_number(&name.kind))
            .collect();
        number_contents(&partial.contents, &readable, &used, &mut numbers, &mut kept);
        let mut material = Vec::new();
        let mut folders = partial.folders.into_iter();
        let mut stats = partial.stats.into_iter();
        for mut name in partial.names {
            let length = self.path.len();
            self.enter(&name.name);
            let stat = stats.next().flatten();
            let child = match name.kind {
                EntryKind::Folder => Some(self.subfolder(folders.next().flatten(), depth)?),
                _ => None,
            };
            let is_kept = self.keep(&mut name, child.as_ref(), &numbers, &kept.contents, &mut material);
            if !is_kept {
                self.note("its content is lost");
            }
            changed |= !is_kept || stat.is_none() || child.as_ref().is_some_and(|child| child.changed);
            if stat.is_none() && is_kept {
                self.note("its times and permissions are lost");
            }
            self.path.truncate(length);
            if is_kept {
                kept.folders.extend(child.map(|child| child.reference));
                let stat = stat.unwrap_or_default();
                kept.entries.push(Entry { name, stat });
            }
        }
        let digest = self.repository.tree_digest(&material);
        let reference = match self.writer.filter(|_| changed) {
            Some(writer) => write_folder(self.repository, writer, &kept)?,
            None => reference.clone(),
        };
        Ok(Some(Written {
            reference,
            digest,
            changed,
        }))
    }

    /// Numbers an entry's content anew, counts it and adds it to what the folder's digest is made of; `false`: it is lost.
    fn keep(
        &mut self,
        name: &mut NameRecord,
        child: Option<&Written>,
        numbers: &[Option<u64>],
        contents: &[ContentRecord],
        material: &mut Vec<u8>,
    ) -> bool {
        let content = content_number(&name.kind).map(|old| numbers.get(old).copied().flatten());
        let record = match content {
            Some(None) => return false,
            Some(Some(number)) => {
                name.kind = EntryKind::File { content: number };
                match contents.get(usize::try_from(number).unwrap_or(usize::MAX)) {
                    Some(record) => Some(record),
                    None => return false,
                }
            }
            None => None,
        };
        put_bytes(material, &name.name);
        material.push(name.kind.number());
        match (&name.kind, record, child) {
            (_, Some(record), _) => {
                material.extend_from_slice(self.repository.content_id(record).as_bytes());
                self.counts.files += 1;
                self.counts.bytes += record.len();
                let category = self.categories.entry(name.category.number()).or_default();
                category.0 += 1;
                category.1 += record.len();
            }
            (_, _, Some(child)) => {
                material.extend_from_slice(child.digest.as_bytes());
                self.counts.folders += 1;
            }
            (EntryKind::Symlink { target }, ..) => {
                put_bytes(material, target);
                self.counts.others += 1;
            }
            _ => self.counts.others += 1,
        }
        true
    }

    /// A subfolder, or an empty one in the place of what cannot be read.
    fn subfolder(&mut self, reference: Option<FolderRef>, depth: usize) -> Result<Written, Error> {
        let read = match reference {
            Some(reference) => self.folder(&reference, depth + 1)?,
            None => None,
        };
        match read {
            Some(written) => Ok(written),
            None => self.empty("the folder cannot be read, and what was in it is lost"),
        }
    }

    fn empty(&mut self, problem: &str) -> Result<Written, Error> {
        self.note(problem);
        let reference = match self.writer {
            Some(writer) => write_folder(self.repository, writer, &Folder::default())?,
            None => FolderRef::Inline(Vec::new()),
        };
        Ok(Written {
            reference,
            digest: self.repository.tree_digest(&[]),
            changed: true,
        })
    }

    fn enter(&mut self, name: &[u8]) {
        if !self.path.is_empty() {
            self.path.push(b'/');
        }
        self.path.extend_from_slice(name);
    }

    fn note(&mut self, message: &str) {
        self.lost_total += 1;
        if (self.lost.len() as u64) < limits::WARNINGS_MAX {
            self.lost.push(Warning {
                path: self.path.clone(),
                code: LOST.into(),
                message: message.into(),
            });
        }
    }

    /// Whether all chunks of a content are there.
    fn is_readable(&self, content: &ContentRecord) -> bool {
        content.extents.iter().all(|extent| {
            let (id, length) = match extent {
                Extent::Chunk { id, len } => (id, *len),
                Extent::Slice {
                    bundle, bundle_len, ..
                } => (bundle, *bundle_len),
                Extent::Hole { .. } => return true,
            };
            let index = self.reader.index();
            index.places(id).iter().any(|place| {
                let pack = index.pack(place.pack);
                index.is_present(place.pack)
                    && place.place.entry.plain_len == length
                    && pack.is_some_and(|pack| pack.kind == ChunkKind::Data)
            })
        })
    }

    fn read(&self, head: &FolderHead) -> Result<Partial, Error> {
        let mut state = NameState::default();
        let names = self.records(head, StreamTag::Names, &mut |r, first| {
            if first {
                state.next_piece();
            }
            NameRecord::decode(r, &mut state)
        })?;
        // Later pieces build on earlier ones: behind a lost one, no content can be told from another.
        let names: Vec<NameRecord> = names.into_iter().map_while(|name| name).collect();
        let mut state = StatState::default();
        let stats = self.records(head, StreamTag::Stats, &mut |r, first| {
            if first {
                state = StatState::default();
            }
            StatRecord::decode(r, &mut state)
        })?;
        let mut state = ContentState::default();
        let contents = self.records(head, StreamTag::Contents, &mut |r, first| {
            if first {
                state = ContentState::default();
            }
            ContentRecord::decode(r, &mut state)
        })?;
        let folders = self.records(head, StreamTag::Folders, &mut |r, _| FolderRef::decode(r))?;
        Ok(Partial {
            unnamed: head.entries.saturating_sub(names.len() as u64),
            names,
            contents,
            stats,
            folders,
        })
    }

    /// The records of a stream, with `None` for each of a piece that is lost.
    fn records<T>(
        &self,
        head: &FolderHead,
        tag: StreamTag,
        decode: &mut dyn FnMut(&mut Reader<'_>, bool) -> Result<T, DecodeError>,
    ) -> Result<Vec<Option<T>>, Error> {
        let stream = head.stream(tag);
        let mut out = Vec::new();
        let mut piece = |bytes: &[u8], records: u64| -> Result<Vec<Option<T>>, DecodeError> {
            let mut r = Reader::new(bytes, "folder");
            let read: Result<Vec<_>, _> = (0..records).map(|i| decode(&mut r, i == 0).map(Some)).collect();
            let read = read?;
            r.finish()?;
            Ok(read)
        };
        match &stream.stream {
            Stream::Inline(bytes) => out = piece(bytes, stream.records).unwrap_or_default(),
            Stream::Pieces(pieces) => {
                for part in pieces {
                    let chunk = tolerate(self.reader.chunk(&part.id))?;
                    let records = chunk
                        .as_ref()
                        .and_then(|chunk| chunk.strip_prefix(&[tag.number()]));
                    match records.map(|records| piece(records, part.records)) {
                        Some(Ok(read)) => out.extend(read),
                        // What claims to be so much is not believed; nothing behind it has a known place then.
                        _ if part.records > LOST_RECORDS_MAX => break,
                        _ => out.extend((0..part.records).map(|_| None)),
                    }
                }
            }
        }
        Ok(out)
    }
}

fn content_number(kind: &EntryKind) -> Option<usize> {
    match kind {
        EntryKind::File { content } => Some(usize::try_from(*content).unwrap_or(usize::MAX)),
        _ => None,
    }
}

/// Contents that can be read and that some name has keep their order.
fn number_contents(
    contents: &[Option<ContentRecord>],
    readable: &[bool],
    used: &[usize],
    numbers: &mut [Option<u64>],
    kept: &mut Folder,
) {
    let used: std::collections::HashSet<usize> = used.iter().copied().collect();
    for (old, (content, number)) in contents.iter().zip(numbers).enumerate() {
        if let Some(content) = content
            && readable.get(old) == Some(&true)
            && used.contains(&old)
        {
            *number = Some(kept.contents.len() as u64);
            kept.contents.push(content.clone());
        }
    }
}

/// What is damaged or lost is `None`; what the storage fails to give is an error, as it may come back.
fn tolerate<T>(read: Result<T, Error>) -> Result<Option<T>, Error> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if error.is_damage() => Ok(None),
        Err(error) => Err(error),
    }
}
