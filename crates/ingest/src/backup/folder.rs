//! Folders in the making: filled by many threads, written when the last entry is known.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use lumivault_chunk_store::tree::write::{StreamWriter, store_head, write_name};
use lumivault_chunk_store::{Error, Folder};
use lumivault_format::tree::{
    Category, ContentRecord, ContentState, EntryKind, FolderHead, FolderRef, NameRecord, NameState,
    StatRecord, StatState, StreamTag,
};
use lumivault_format::wire::put_bytes;
use lumivault_format::{ContentId, TreeDigest};

use super::known::OldPlace;
use super::report::Report;
use super::run::Run;

/// What is known of an entry so far.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Not yet.
    Pending,
    /// A file's content.
    File { record: ContentRecord, id: ContentId },
    /// A subfolder that was written.
    Folder(WrittenFolder),
    /// A link or a special file.
    Other(EntryKind),
    /// It vanished or cannot be read, and is left out.
    Dropped,
}

/// An entry of a folder in the making.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) name: Vec<u8>,
    /// What a file is to its owner.
    pub(super) category: Category,
    pub(super) stat: StatRecord,
    pub(super) outcome: Outcome,
}

/// A folder that was stored, or is small enough to be kept in its parent.
#[derive(Clone, Debug)]
pub(super) struct WrittenFolder {
    pub(super) reference: FolderRef,
    pub(super) digest: TreeDigest,
}

/// A folder in the making. Its slots are sorted by name from the beginning.
#[derive(Debug)]
pub(super) struct FolderNode {
    slots: Mutex<Vec<Slot>>,
    /// Outcomes not known yet, and one for the walker as long as it lists.
    pending: AtomicUsize,
    parent: Option<(Arc<FolderNode>, usize)>,
    /// The same folder in the snapshot before.
    previous: Option<Folder>,
}

impl FolderNode {
    pub(super) fn new(
        slots: Vec<Slot>,
        parent: Option<(Arc<FolderNode>, usize)>,
        previous: Option<Folder>,
    ) -> Arc<Self> {
        let pending = slots
            .iter()
            .filter(|slot| matches!(slot.outcome, Outcome::Pending))
            .count()
            + 1;
        Arc::new(Self {
            slots: Mutex::new(slots),
            pending: AtomicUsize::new(pending),
            parent,
            previous,
        })
    }

    /// Records what became of an entry; whoever records the last one writes the folder, and its parents as they become
    /// complete.
    pub(super) fn complete(
        self: &Arc<Self>,
        run: &Run<'_>,
        slot: usize,
        outcome: Outcome,
    ) -> Result<(), Error> {
        if let Some(slot) = self.lock().get_mut(slot) {
            slot.outcome = outcome;
        }
        self.release(run)
    }

    /// Counts one thing less to wait for.
    pub(super) fn release(self: &Arc<Self>, run: &Run<'_>) -> Result<(), Error> {
        let mut node = Arc::clone(self);
        // A loop instead of recursion: folders may be deep.
        while node.pending.fetch_sub(1, Ordering::AcqRel) == 1 {
            let written = node.write(run)?;
            let Some((parent, slot)) = &node.parent else {
                run.set_root(written);
                return Ok(());
            };
            if let Some(slot) = parent.lock().get_mut(*slot) {
                slot.outcome = Outcome::Folder(written);
            }
            node = Arc::clone(parent);
        }
        Ok(())
    }

    /// The same folder in the snapshot before.
    pub(super) fn previous(&self) -> Option<&Folder> {
        self.previous.as_ref()
    }

    /// The content that the entry of this name had in the snapshot before.
    pub(super) fn known_content(&self, name: &[u8]) -> Option<&ContentRecord> {
        let previous = self.previous.as_ref()?;
        let found = previous
            .entries
            .binary_search_by(|entry| entry.name.name.as_slice().cmp(name));
        previous.content(previous.entries.get(found.ok()?)?)
    }

    /// Corrects the time of an entry that was changed after it was listed.
    pub(super) fn restat(&self, slot: usize, (seconds, nanoseconds): (i64, u32)) {
        if let Some(slot) = self.lock().get_mut(slot) {
            slot.stat.mtime_seconds = seconds;
            slot.stat.mtime_nanoseconds = nanoseconds;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores the four streams and the head.
    fn write(&self, run: &Run<'_>) -> Result<WrittenFolder, Error> {
        let mut slots = std::mem::take(&mut *self.lock());
        slots.retain(|slot| !matches!(slot.outcome, Outcome::Dropped | Outcome::Pending));
        self.compare(run, &slots);
        for slot in &slots {
            if let Outcome::File { record, .. } = &slot.outcome {
                run.report.count_category(slot.category, record.len());
            }
        }
        let digest = run.repository.tree_digest(&digest_material(&slots));
        let (contents, numbers) = self.order_contents(run, &slots);
        let stream = |tag| StreamWriter::new(run.repository, run.chunks, tag);
        let mut out = stream(StreamTag::Contents);
        let mut state = ContentState::default();
        let records = contents
            .iter()
            .filter_map(|slot| match &slots.get(*slot as usize)?.outcome {
                Outcome::File { record, .. } => Some(record),
                _ => None,
            });
        for record in records {
            if out.at_piece_start() {
                state = ContentState::default();
            }
            record.encode(&mut state, out.buffer());
            let mut absolute = Vec::new();
            record.encode(&mut ContentState::default(), &mut absolute);
            out.end_record(&absolute)?;
        }
        let contents = out.finish()?;
        let names = write_names(stream(StreamTag::Names), &slots, &numbers)?;
        let mut out = stream(StreamTag::Stats);
        let mut state = StatState::default();
        for slot in &slots {
            if out.at_piece_start() {
                state = StatState::default();
            }
            slot.stat.encode(&mut state, out.buffer());
            out.end_record(&slot.stat.encode_alone())?;
        }
        let stats = out.finish()?;
        let mut out = stream(StreamTag::Folders);
        for slot in &slots {
            if let Outcome::Folder(written) = &slot.outcome {
                let mut bytes = Vec::new();
                written.reference.encode(&mut bytes);
                out.buffer().extend_from_slice(&bytes);
                out.end_record(&bytes)?;
            }
        }
        let folders = out.finish()?;
        let entries = slots.len() as u64;
        let head = FolderHead {
            entries,
            streams: [contents, names, stats, folders],
        };
        Ok(WrittenFolder {
            reference: store_head(run.chunks, &head)?,
            digest,
        })
    }

    /// Counts the files that have changed since the snapshot before, and those that have not.
    fn compare(&self, run: &Run<'_>, slots: &[Slot]) {
        let Some(previous) = &self.previous else { return };
        let entries = &previous.entries;
        for slot in slots {
            let Outcome::File { id, .. } = &slot.outcome else {
                continue;
            };
            let found = entries.binary_search_by(|entry| entry.name.name.as_slice().cmp(&slot.name));
            let record = found.ok().and_then(|i| previous.content(entries.get(i)?));
            match record.map(|record| run.repository.content_id(record) == *id) {
                Some(true) => Report::count(&run.report.same, 1),
                Some(false) => Report::count(&run.report.changed, 1),
                None => {}
            }
        }
    }

    /// The distinct contents in the order of the snapshot before, new ones behind in the order of names, each by the
    /// first slot that has it; and the number of each slot's content.
    fn order_contents(&self, run: &Run<'_>, slots: &[Slot]) -> (Vec<u32>, Vec<u32>) {
        let mut here: Vec<(ContentId, u32)> = self
            .previous
            .iter()
            .flat_map(|folder| &folder.contents)
            .zip(0..)
            .map(|(record, position)| (run.repository.content_id(record), position))
            .collect();
        here.sort_unstable();
        let mut files: Vec<(&ContentId, u32)> = slots
            .iter()
            .zip(0..)
            .filter_map(|(slot, number)| match &slot.outcome {
                Outcome::File { id, .. } => Some((id, number)),
                _ => None,
            })
            .collect();
        files.sort_unstable();
        let mut ordered: Vec<(Order, &[(&ContentId, u32)])> = files
            .chunk_by(|a, b| a.0 == b.0)
            .filter_map(|same| {
                let (id, first) = *same.first()?;
                let position = here.partition_point(|(old, _)| old < id);
                let order = match here.get(position).filter(|(old, _)| old == id) {
                    Some((_, position)) => Order::Here(*position),
                    None => run.previous.place(id).map_or(Order::New(first), Order::Elsewhere),
                };
                Some((order, same))
            })
            .collect();
        // Different contents never have the same order: each place before held one.
        ordered.sort_unstable_by_key(|(order, _)| *order);
        let mut numbers = vec![0; slots.len()];
        let mut first = Vec::with_capacity(ordered.len());
        for ((_, same), number) in ordered.into_iter().zip(0..) {
            first.extend(same.first().map(|(_, slot)| *slot));
            for (_, slot) in same {
                if let Some(place) = numbers.get_mut(*slot as usize) {
                    *place = number;
                }
            }
        }
        (first, numbers)
    }
}

/// Where a content stands among those of its folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    /// As in this folder's own contents before.
    Here(u32),
    /// As in the folder it came from.
    Elsewhere(OldPlace),
    /// New, in the order of names.
    New(u32),
}

fn write_names(
    mut out: StreamWriter<'_>,
    slots: &[Slot],
    numbers: &[u32],
) -> Result<lumivault_format::tree::StreamRecords, Error> {
    let mut state = NameState::default();
    for (slot, number) in slots.iter().zip(numbers) {
        let kind = match &slot.outcome {
            Outcome::File { .. } => EntryKind::File {
                content: u64::from(*number),
            },
            Outcome::Folder(_) => EntryKind::Folder,
            Outcome::Other(kind) => kind.clone(),
            Outcome::Pending | Outcome::Dropped => continue,
        };
        let record = NameRecord {
            name: slot.name.clone(),
            category: if matches!(kind, EntryKind::File { .. }) {
                slot.category
            } else {
                Category::None
            },
            kind,
        };
        write_name(&mut out, &mut state, &record)?;
    }
    out.finish()
}

fn digest_material(slots: &[Slot]) -> Vec<u8> {
    let mut out = Vec::with_capacity(slots.len() * 64);
    for slot in slots {
        put_bytes(&mut out, &slot.name);
        match &slot.outcome {
            Outcome::File { id, .. } => {
                out.push(1);
                out.extend_from_slice(id.as_bytes());
            }
            Outcome::Folder(written) => {
                out.push(2);
                out.extend_from_slice(written.digest.as_bytes());
            }
            Outcome::Other(kind) => {
                out.push(kind.number());
                if let EntryKind::Symlink { target } = kind {
                    put_bytes(&mut out, target);
                }
            }
            Outcome::Pending | Outcome::Dropped => {}
        }
    }
    out
}
