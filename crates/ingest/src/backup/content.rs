//! From an open file to a content record: classified, cut, hashed, stored.

use std::cell::RefCell;
use std::io::{self, Read};
use std::ops::Range;

use lumivault_chunk_store::{CompressionHint, Error};
use lumivault_format::tree::{ContentRecord, Extent};
use lumivault_format::{ChunkKind, limits};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use super::run::Run;
use super::window::Window;
use crate::chunking::{CHUNKER_SET, Cut, HOLE_BLOCK, Hint, Plan, ReadAt, Rule, classify};
use crate::source::SourceFile;

/// Bytes read at a time from files that are cut by their content.
pub(super) const WINDOW_BYTES: usize = 8 * 1024 * 1024;
/// Windows larger than this are given back after use.
const KEPT_WINDOW_BYTES: usize = WINDOW_BYTES + 1024 * 1024;
/// Chunks are hashed on several threads where a window holds this many bytes of them.
const PARALLEL_BYTES: usize = 1024 * 1024;
/// A record must fit a tree chunk; at 1 MiB a chunk this is a file of about 400 GB.
const EXTENTS_MAX: usize = 400_000;

thread_local! {
    static WINDOW: RefCell<Window> = RefCell::default();
}

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

struct FromFile<'f> {
    file: &'f SourceFile,
    position: u64,
    /// Whether zeros are a hole wherever they are. In a ZIP they end where a stretch does.
    skips: bool,
}

impl Bytes for FromFile<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.fill(self.position, buffer)?;
        self.position += length as u64;
        Ok(length)
    }

    fn skip_zeros(&mut self, position: u64) -> u64 {
        let Some(data) = self.skips.then(|| self.file.skip_hole(position)).flatten() else {
            return position;
        };
        let block = HOLE_BLOCK as u64;
        let target = (data.min(self.file.len()) / block * block).max(position);
        self.position = target;
        target
    }
}

struct FromStream<'s>(&'s mut dyn Read);

impl Bytes for FromStream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    fn skip_zeros(&mut self, position: u64) -> u64 {
        position
    }
}

/// Stores a file's content.
pub(super) fn store_file(run: &Run<'_>, file: &SourceFile) -> Result<ContentRecord, ContentError> {
    let plan = classify(file)?;
    let mut source = FromFile {
        file,
        position: 0,
        skips: matches!(plan.rule(), Rule::Text | Rule::Data | Rule::Big),
    };
    store(run, &plan, &mut source)
}

/// Stores a stream of unknown length.
pub(super) fn store_stream(run: &Run<'_>, stream: &mut dyn Read) -> Result<ContentRecord, ContentError> {
    store(run, &Plan::stream(), &mut FromStream(stream))
}

fn store(run: &Run<'_>, plan: &Plan, source: &mut dyn Bytes) -> Result<ContentRecord, ContentError> {
    let mut window = WINDOW.take();
    window.clear();
    let result = store_windows(run, plan, source, &mut window);
    if window.capacity() <= KEPT_WINDOW_BYTES {
        WINDOW.set(window);
    }
    let extents = result?;
    Ok(ContentRecord {
        classifier: plan.rule().number(),
        chunker: CHUNKER_SET,
        extents,
    })
}

/// A segment of the window.
enum Segment {
    Chunk { range: Range<usize>, hint: Hint },
    Hole { length: u64 },
}

fn store_windows(
    run: &Run<'_>,
    plan: &Plan,
    source: &mut dyn Bytes,
    window: &mut Window,
) -> Result<Vec<Extent>, ContentError> {
    let mut cutter = run.chunker.cutter(plan);
    let mut extents = Vec::new();
    let mut at_end = false;
    let known = plan
        .content_len()
        .and_then(|len| usize::try_from(len).ok())
        .unwrap_or(usize::MAX);
    let mut wanted = WINDOW_BYTES.min(known);
    loop {
        run.check_cancelled()?;
        at_end |= window.fill(source, wanted)?;
        let bytes = window.bytes();
        let mut segments = Vec::new();
        let mut position = 0;
        let need = loop {
            match cutter.next(bytes.get(position..).unwrap_or_default(), at_end) {
                Cut::Chunk { length, hint } => {
                    segments.push(Segment::Chunk {
                        range: position..position + length,
                        hint,
                    });
                    position += length;
                }
                Cut::Hole { length } => {
                    segments.push(Segment::Hole {
                        length: length as u64,
                    });
                    position += length;
                }
                Cut::NeedMore { at_least } => break Some(at_least),
                Cut::End => break None,
            }
        };
        store_segments(run, bytes, &segments, &mut extents)?;
        if extents.len() > EXTENTS_MAX {
            return Err(io::Error::other("it has more than 400,000 chunks, which no folder can list").into());
        }
        window.consume(position);
        let Some(need) = need else { return Ok(extents) };
        if window.is_empty() && matches!(segments.last(), Some(Segment::Hole { .. })) {
            let skipped = source.skip_zeros(cutter.position());
            let more = skipped - cutter.position();
            push_hole(&mut extents, more);
            run.progress_bytes(more);
            cutter.seek(skipped);
        }
        wanted = need.max(WINDOW_BYTES.min(known));
    }
}

fn store_segments(
    run: &Run<'_>,
    window: &[u8],
    segments: &[Segment],
    extents: &mut Vec<Extent>,
) -> Result<(), ContentError> {
    let one = |segment: &Segment| store_segment(run, window, segment);
    let chunk_bytes = |segment: &Segment| match segment {
        Segment::Chunk { range, .. } => range.len(),
        Segment::Hole { .. } => 0,
    };
    let parallel = segments.len() > 1 && segments.iter().map(chunk_bytes).sum::<usize>() >= PARALLEL_BYTES;
    let stored: Vec<Extent> = if parallel {
        segments.par_iter().map(one).collect::<Result<_, Error>>()?
    } else {
        segments.iter().map(one).collect::<Result<_, Error>>()?
    };
    for extent in stored {
        match extent {
            Extent::Hole { len } => push_hole(extents, len),
            other => extents.push(other),
        }
    }
    Ok(())
}

fn store_segment(run: &Run<'_>, window: &[u8], segment: &Segment) -> Result<Extent, Error> {
    match segment {
        Segment::Hole { length } => {
            run.progress_bytes(*length);
            Ok(Extent::Hole { len: *length })
        }
        Segment::Chunk { range, hint } => {
            let plain = window.get(range.clone()).unwrap_or_default();
            let hint = match hint {
                Hint::Compress => CompressionHint::Compress,
                Hint::Sample => CompressionHint::Sample,
                Hint::Store => CompressionHint::Store,
            };
            let id = run.chunks.store(ChunkKind::Data, plain, hint)?.id;
            run.progress_bytes(plain.len() as u64);
            Ok(Extent::Chunk {
                id,
                len: u32::try_from(plain.len()).unwrap_or(limits::CHUNK_BYTES_MAX),
            })
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
