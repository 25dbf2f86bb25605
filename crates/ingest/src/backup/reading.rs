//! A content on its way from its source to the store: read a window at a time, cut, or confirmed to be what was cut before.

use std::io;
use std::ops::Range;

use lumivault_chunk_store::Error;
use lumivault_format::tree::Extent;
use lumivault_format::{ChunkId, limits};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use super::trails::{Step, Trail, Way};
use super::window::Window;
use crate::chunking::{Cut, Cutter, Hint};

/// Chunks are hashed on several threads where a window holds this many bytes of them.
const PARALLEL_BYTES: usize = 1024 * 1024;
/// A record must fit a tree chunk; at 1 MiB a chunk this is a file of about 400 GB.
const EXTENTS_MAX: usize = 400_000;

/// Why a content was not stored.
#[derive(Debug)]
pub(super) enum ContentError {
    /// The source cannot be read: this file's problem.
    Read(io::Error),
    /// The repository failed: everybody's problem.
    Store(Error),
}

impl From<io::Error> for ContentError {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

impl From<Error> for ContentError {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

/// Where the bytes come from, in order.
pub(super) trait Bytes {
    /// Reads up to the buffer's length from the current position; 0 only at the end.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
    /// Skips to the given position if everything up to there is known to be zeros; returns the new position.
    fn skip_zeros(&mut self, position: u64) -> u64;
}

/// Where the segments of a content go.
pub(super) trait Sink: Sync {
    /// The id that a chunk has.
    fn id(&self, chunk: &[u8]) -> ChunkId;
    /// Stores a chunk with this id unless it is known.
    fn store(&self, chunk: &[u8], id: ChunkId, hint: Hint) -> Result<(), Error>;
    /// So many bytes more are done.
    fn progress(&self, bytes: u64);
    /// Fails if the work was called off.
    fn check_cancelled(&self) -> Result<(), Error>;
}

/// A segment of the window.
struct Segment {
    range: Range<usize>,
    kind: Kind,
}

enum Kind {
    Hole,
    Chunk {
        hint: Hint,
        /// What is predicted; a cut that was looked for needs no prediction.
        expected: Option<Step>,
    },
}

/// A content on its way from its source to the sink.
pub(super) struct Reading<'a> {
    pub(super) sink: &'a dyn Sink,
    /// Stands where the window begins.
    pub(super) cutter: Cutter<'a>,
    pub(super) content_len: Option<u64>,
    pub(super) trail: Trail<'a>,
    pub(super) window: &'a mut Window,
    /// Bytes to read at a time.
    pub(super) window_bytes: usize,
    /// The source has no more than what the window holds.
    pub(super) at_end: bool,
    pub(super) extents: Vec<Extent>,
}

impl Reading<'_> {
    /// Reads, cuts and stores everything; then `extents` is complete.
    pub(super) fn run(&mut self, source: &mut dyn Bytes) -> Result<(), ContentError> {
        let known = self
            .content_len
            .and_then(|len| usize::try_from(len).ok())
            .unwrap_or(usize::MAX);
        let mut wanted = self.window_bytes.min(known);
        loop {
            self.sink.check_cancelled()?;
            self.at_end |= self.window.fill(source, wanted)?;
            let last = loop {
                if !self.follow()?
                    && let Some(last) = self.cut()?
                {
                    break last;
                }
            };
            if self.extents.len() > EXTENTS_MAX {
                let problem = "it has more than 400,000 chunks, which no folder can list";
                return Err(io::Error::other(problem).into());
            }
            let Cut::NeedMore { at_least } = last else {
                return Ok(());
            };
            if self.window.is_empty() && matches!(self.extents.last(), Some(Extent::Hole { .. })) {
                let position = self.cutter.position();
                let skipped = source.skip_zeros(position);
                push_hole(&mut self.extents, skipped - position);
                self.sink.progress(skipped - position);
                self.cutter.seek(skipped);
            }
            wanted = at_least.max(self.window_bytes.min(known));
        }
    }

    /// Stores what comes as predicted; tells whether anything did.
    fn follow(&mut self) -> Result<bool, Error> {
        let (mut cutter, mut end) = (self.cutter.clone(), 0);
        let mut segments = Vec::new();
        for step in self.trail.ahead() {
            let rest = self.window.bytes().get(end..).unwrap_or_default();
            let Some(hint) = cutter.next_known(rest, self.at_end, step.length()) else {
                break;
            };
            segments.push(Segment {
                range: end..end + step.length(),
                kind: Kind::Chunk {
                    hint,
                    expected: Some(step),
                },
            });
            end += step.length();
        }
        Ok(self.store(Way::Predicted, &segments)? > 0)
    }

    /// Looks for the next cuts and stores what lies before them; tells what comes then if the window has no more.
    fn cut(&mut self) -> Result<Option<Cut>, Error> {
        let (mut cutter, mut end) = (self.cutter.clone(), 0);
        let (mut segments, mut last) = (Vec::new(), None);
        while segments.len() < self.trail.batch(Way::Searched) {
            let rest = self.window.bytes().get(end..).unwrap_or_default();
            let (length, kind) = match cutter.next(rest, self.at_end) {
                Cut::Chunk { length, hint } => (length, Kind::Chunk { hint, expected: None }),
                Cut::Hole { length } => (length, Kind::Hole),
                cut @ (Cut::NeedMore { .. } | Cut::End) => {
                    last = Some(cut);
                    break;
                }
            };
            segments.push(Segment {
                range: end..end + length,
                kind,
            });
            end += length;
        }
        self.store(Way::Searched, &segments)?;
        Ok(last)
    }

    /// Stores and consumes segments that begin where the window does, up to the first that is not what was predicted. Tells
    /// how many.
    fn store(&mut self, way: Way, segments: &[Segment]) -> Result<usize, Error> {
        let (sink, window) = (self.sink, self.window.bytes());
        let length = segments.last().map_or(0, |segment| segment.range.end);
        let parallel = segments.len() > 1 && length >= PARALLEL_BYTES;
        let is_certain = way == Way::Searched;
        let take = |segment: &Segment| {
            let extent = segment.identify(sink, window);
            if is_certain {
                segment.store(&extent, sink, window)?;
            }
            Ok(extent)
        };
        let mut extents: Vec<Extent> = if parallel {
            segments.par_iter().map(take).collect::<Result<_, Error>>()?
        } else {
            segments.iter().map(take).collect::<Result<_, Error>>()?
        };
        let as_expected = extents.iter().zip(segments);
        let taken = as_expected
            .take_while(|(extent, segment)| segment.may_be(extent))
            .count();
        extents.truncate(taken);
        if !is_certain {
            // They are stored already, unless a pack was lost.
            for (extent, segment) in extents.iter().zip(segments) {
                segment.store(extent, sink, window)?;
            }
        }
        self.trail.passed(way, &extents, taken == segments.len());
        for extent in extents {
            match extent {
                Extent::Hole { len } => push_hole(&mut self.extents, len),
                other => self.extents.push(other),
            }
        }
        let consumed = segments.get(..taken).and_then(<[_]>::last);
        let consumed = consumed.map_or(0, |segment| segment.range.end);
        self.window.consume(consumed);
        self.cutter
            .seek(self.cutter.position().saturating_add(consumed as u64));
        Ok(taken)
    }
}

impl Segment {
    fn bytes<'w>(&self, window: &'w [u8]) -> &'w [u8] {
        window.get(self.range.clone()).unwrap_or_default()
    }

    fn identify(&self, sink: &dyn Sink, window: &[u8]) -> Extent {
        match self.kind {
            Kind::Hole => Extent::Hole {
                len: self.range.len() as u64,
            },
            Kind::Chunk { .. } => Extent::Chunk {
                id: sink.id(self.bytes(window)),
                len: u32::try_from(self.range.len()).unwrap_or(limits::CHUNK_BYTES_MAX),
            },
        }
    }

    fn may_be(&self, extent: &Extent) -> bool {
        match (&self.kind, extent) {
            (
                Kind::Chunk {
                    expected: Some(step), ..
                },
                Extent::Chunk { id, .. },
            ) => step.leads_to(id),
            _ => true,
        }
    }

    fn store(&self, extent: &Extent, sink: &dyn Sink, window: &[u8]) -> Result<(), Error> {
        if let (Kind::Chunk { hint, .. }, Extent::Chunk { id, .. }) = (&self.kind, extent) {
            sink.store(self.bytes(window), *id, *hint)
        } else {
            sink.progress(extent.len());
            Ok(())
        }
    }
}

/// Holes side by side are one.
fn push_hole(extents: &mut Vec<Extent>, more: u64) {
    match extents.last_mut() {
        _ if more == 0 => {}
        Some(Extent::Hole { len }) => *len += more,
        _ => extents.push(Extent::Hole { len: more }),
    }
}
