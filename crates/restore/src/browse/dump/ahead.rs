//! Chunks in the order in which they will be written, fetched ahead of the writing by other threads.
//!
//! So a slow storage is asked for the next chunks while the present one is written, within one large file and from one
//! small file to the next. What is fetched and not yet written is bounded in bytes. Chunks that bundle tiny files are
//! kept for the next few of them.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};
use lumivault_chunk_store::{Error, TreeReader};
use lumivault_format::tree::Extent;
use lumivault_format::{ChunkId, ChunkKind, DecodeError};

use crate::browse::BrowseError;
use crate::browse::streams::{Content, Held};
use crate::browse::tree::Node;
use crate::browse::walk::{Walk, Walked};

/// Bytes of chunks fetched and not yet written. One chunk more may be under way.
const WINDOW_BYTES: u64 = 24 * 1024 * 1024;
/// Chunks fetched and not yet written: a slow storage is kept busy, and no more is wasted when the work ends early.
const FETCHES_MAX: usize = 32;
/// Pieces of one entry ordered ahead; holes cost nothing else.
const STEPS_MAX: usize = 64;
/// Threads that fetch, decrypt and check.
const FETCHERS: usize = 3;
/// Entries looked at ahead of the one that is written.
const ENTRIES_MAX: usize = 256;
/// Bundles kept for the tiny files that come next.
const BUNDLES_KEPT: usize = 4;

type Fetched = Result<Vec<u8>, Error>;

struct Fetch {
    id: ChunkId,
    reply: Sender<Fetched>,
}

/// Where the things to write come from.
pub(super) enum Entries<'w, 'b, 't, 'r> {
    /// One file, or a part of it.
    One(Option<Box<(Node, Range<u64>)>>),
    /// All that a walk comes upon.
    Walk(&'w mut Walk<'b, 't, 'r>),
}

/// Bytes to write.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    /// Zeros that took no space.
    Zeros(u64),
    /// Part of a chunk.
    Bytes(Arc<Vec<u8>>, Range<usize>),
}

impl Piece {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Zeros(len) => *len,
            Self::Bytes(_, range) => u64::try_from(range.len()).unwrap_or(u64::MAX),
        }
    }
}

/// How a piece comes about.
enum Step {
    Zeros(u64),
    Chunk {
        id: ChunkId,
        /// `None`: it is a bundle that an earlier step fetched.
        fetched: Option<Receiver<Fetched>>,
        chunk_len: u32,
        range: Range<usize>,
        /// The file's own bytes in the bundle, and the id that a chunk of them would have.
        slice: Option<(Range<usize>, ChunkId)>,
    },
}

/// An entry, and as much of it as was ordered.
struct Ordered {
    /// Taken by whoever writes it.
    walked: Option<Walked>,
    content: Option<Held<Content>>,
    /// The next extent to order, and where it begins in the file.
    next: usize,
    offset: u64,
    wanted: Range<u64>,
    steps: VecDeque<Step>,
}

impl Ordered {
    fn new(walked: Walked, wanted: Range<u64>) -> Self {
        let content = match &walked {
            Walked::Entry(node) => node.content.clone(),
            Walked::Unreadable { .. } => None,
        };
        Self {
            walked: Some(walked),
            content,
            next: 0,
            offset: 0,
            wanted,
            steps: VecDeque::new(),
        }
    }

    fn next_extent(&self) -> Option<Extent> {
        let left = self.offset < self.wanted.end;
        self.content
            .as_ref()
            .filter(|_| left)?
            .record
            .extents
            .get(self.next)
            .copied()
    }
}

/// The queue of entries; its front is the one being written.
pub(super) struct Ahead<'a, 'w, 'b, 't, 'r> {
    reader: &'a TreeReader<'r>,
    entries: Entries<'w, 'b, 't, 'r>,
    ended: bool,
    orders: Sender<Fetch>,
    stop: &'a AtomicBool,
    queue: VecDeque<Ordered>,
    /// The entry of the queue whose extents are being ordered.
    ordering: usize,
    /// Bytes and number of the chunks fetched or under way.
    bytes: u64,
    fetches: usize,
    /// Bundles as they will be kept at the end of the queue, and as they are at its front.
    planned: VecDeque<ChunkId>,
    kept: VecDeque<(ChunkId, Arc<Vec<u8>>)>,
}

/// Runs `work` with threads that fetch what it will ask for.
pub(super) fn with_ahead<'r, R>(
    reader: &TreeReader<'r>,
    entries: Entries<'_, '_, '_, 'r>,
    work: impl FnOnce(&mut Ahead<'_, '_, '_, '_, 'r>) -> Result<R, BrowseError>,
) -> Result<R, BrowseError> {
    let stop = AtomicBool::new(false);
    let (orders, jobs) = bounded::<Fetch>(FETCHES_MAX);
    std::thread::scope(|scope| {
        for _ in 0..FETCHERS {
            let (jobs, stop) = (jobs.clone(), &stop);
            scope.spawn(move || {
                for job in jobs {
                    // Whoever gave up waiting wants no answer.
                    if !stop.load(Ordering::Relaxed) {
                        let _ = job.reply.send(reader.chunk(&job.id));
                    }
                }
            });
        }
        drop(jobs);
        // Dropped before the scope waits for the threads, which end when no more orders can come.
        let mut ahead = Ahead {
            reader,
            entries,
            ended: false,
            orders,
            stop: &stop,
            queue: VecDeque::new(),
            ordering: 0,
            bytes: 0,
            fetches: 0,
            planned: VecDeque::new(),
            kept: VecDeque::new(),
        };
        work(&mut ahead)
    })
}

impl Drop for Ahead<'_, '_, '_, '_, '_> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Ahead<'_, '_, '_, '_, '_> {
    /// Goes on to the next entry, whatever is left of the one before.
    pub(super) fn entry(&mut self) -> Result<Option<Walked>, BrowseError> {
        if self.queue.front().is_some_and(|front| front.walked.is_none()) {
            let left = self
                .queue
                .pop_front()
                .map(|front| front.steps)
                .unwrap_or_default();
            left.iter().for_each(|step| self.release(step));
            self.ordering = self.ordering.saturating_sub(1);
        }
        self.fill()?;
        Ok(self.queue.front_mut().and_then(|front| front.walked.take()))
    }

    /// The next piece of the entry at hand; an error stands for one piece, too.
    pub(super) fn piece(&mut self) -> Result<Option<Piece>, BrowseError> {
        self.reader.repository().environment().check_cancelled()?;
        self.fill()?;
        let Some(step) = self.queue.front_mut().and_then(|front| front.steps.pop_front()) else {
            return Ok(None);
        };
        self.release(&step);
        Ok(Some(self.make(step)?))
    }

    /// Orders as much as fits.
    fn fill(&mut self) -> Result<(), BrowseError> {
        loop {
            let Some(entry) = self.queue.get(self.ordering) else {
                if self.ended || self.queue.len() >= ENTRIES_MAX {
                    return Ok(());
                }
                self.pull()?;
                continue;
            };
            let Some(extent) = entry.next_extent() else {
                self.ordering += 1;
                continue;
            };
            let first = entry.steps.is_empty() && self.ordering == 0;
            let full = self.bytes.saturating_add(fetched_len(&extent)) > WINDOW_BYTES
                || self.fetches >= FETCHES_MAX
                || entry.steps.len() >= STEPS_MAX;
            if full && !first {
                return Ok(());
            }
            self.order(&extent);
        }
    }

    fn pull(&mut self) -> Result<(), BrowseError> {
        let next = match &mut self.entries {
            Entries::One(one) => one.take().map(|one| {
                let (node, wanted) = *one;
                Ordered::new(Walked::Entry(Box::new(node)), wanted)
            }),
            Entries::Walk(walk) => walk.advance()?.map(|walked| Ordered::new(walked, 0..u64::MAX)),
        };
        self.ended = next.is_none();
        self.queue.extend(next);
        Ok(())
    }

    /// Orders an extent of the entry at `ordering`, unless nothing of it is wanted.
    fn order(&mut self, extent: &Extent) {
        let Some(entry) = self.queue.get_mut(self.ordering) else {
            return;
        };
        let start = entry.offset;
        entry.offset = start.saturating_add(extent.len());
        entry.next += 1;
        let from = entry.wanted.start.clamp(start, entry.offset) - start;
        let to = entry.wanted.end.clamp(start, entry.offset) - start;
        if from >= to {
            return;
        }
        let place =
            |base: u32, at: u64| usize::try_from(u64::from(base).saturating_add(at)).unwrap_or(usize::MAX);
        let mut fetch = |id: ChunkId| {
            let (reply, fetched) = bounded(1);
            // A failed order is noticed when the answer does not come.
            let _ = self.orders.send(Fetch { id, reply });
            self.fetches += 1;
            self.bytes = self.bytes.saturating_add(fetched_len(extent));
            Some(fetched)
        };
        let step = match *extent {
            Extent::Hole { .. } => Step::Zeros(to - from),
            Extent::Chunk { id, len } => Step::Chunk {
                id,
                fetched: fetch(id),
                chunk_len: len,
                range: place(0, from)..place(0, to),
                slice: None,
            },
            Extent::Slice {
                bundle,
                bundle_len,
                offset,
                len,
                id,
            } => {
                let fetched = if self.planned.contains(&bundle) {
                    None
                } else {
                    self.planned.push_back(bundle);
                    if self.planned.len() > BUNDLES_KEPT {
                        self.planned.pop_front();
                    }
                    fetch(bundle)
                };
                Step::Chunk {
                    id: bundle,
                    fetched,
                    chunk_len: bundle_len,
                    range: place(offset, from)..place(offset, to),
                    slice: Some((place(offset, 0)..place(offset, len.into()), id)),
                }
            }
        };
        entry.steps.push_back(step);
    }

    fn release(&mut self, step: &Step) {
        if let Step::Chunk {
            fetched: Some(_),
            chunk_len,
            ..
        } = step
        {
            self.fetches = self.fetches.saturating_sub(1);
            self.bytes = self.bytes.saturating_sub(u64::from(*chunk_len));
        }
    }

    fn make(&mut self, step: Step) -> Result<Piece, Error> {
        let (id, fetched, chunk_len, range, slice) = match step {
            Step::Zeros(len) => return Ok(Piece::Zeros(len)),
            Step::Chunk {
                id,
                fetched,
                chunk_len,
                range,
                slice,
            } => (id, fetched, chunk_len, range, slice),
        };
        let kept = self.kept.iter().find(|(kept, _)| *kept == id);
        let bytes = match (fetched, kept) {
            (None, Some((_, bytes))) => Arc::clone(bytes),
            // Left out with an entry that was skipped: fetch it here.
            (None, None) => Arc::new(self.reader.chunk(&id)?),
            (Some(fetched), _) => {
                let chunk = fetched.recv().unwrap_or_else(|_| self.reader.chunk(&id))?;
                let bytes = Arc::new(chunk);
                if slice.is_some() {
                    self.kept.push_back((id, Arc::clone(&bytes)));
                    if self.kept.len() > BUNDLES_KEPT {
                        self.kept.pop_front();
                    }
                }
                bytes
            }
        };
        if u32::try_from(bytes.len()) != Ok(chunk_len) || range.end > bytes.len() {
            return Err(misfit("a chunk has another length than the folder says"));
        }
        if let Some((own, expected)) = slice {
            let own = bytes.get(own).unwrap_or_default();
            if self.reader.repository().chunk_id(ChunkKind::Data, own) != expected {
                return Err(misfit("a tiny file is not where the folder says"));
            }
        }
        Ok(Piece::Bytes(bytes, range))
    }
}

/// Bytes that an extent takes in memory while it waits.
fn fetched_len(extent: &Extent) -> u64 {
    match extent {
        Extent::Chunk { len, .. } => u64::from(*len),
        Extent::Slice { bundle_len, .. } => u64::from(*bundle_len),
        Extent::Hole { .. } => 0,
    }
}

fn misfit(problem: &'static str) -> Error {
    Error::Content {
        what: "the content".into(),
        source: DecodeError::Invalid("content", problem),
    }
}
