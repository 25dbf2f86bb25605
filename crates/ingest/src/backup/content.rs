//! From an open file to a content record: classified, cut, hashed, stored.

use std::cell::RefCell;
use std::io::{self, Read};

use lumivault_chunk_store::{CompressionHint, Error};
use lumivault_format::tree::ContentRecord;
use lumivault_format::{ChunkId, ChunkKind};

use super::reading::{Bytes, ContentError, Reading, Sink};
use super::run::Run;
use super::window::Window;
use crate::chunking::{CHUNKER_SET, HOLE_BLOCK, Hint, Plan, ReadAt, Rule, classify};
use crate::source::SourceFile;

/// Bytes read at a time from files that are cut by their content.
pub(super) const WINDOW_BYTES: usize = 8 * 1024 * 1024;
/// Windows larger than this are given back after use.
const KEPT_WINDOW_BYTES: usize = WINDOW_BYTES + 1024 * 1024;

thread_local! {
    static WINDOW: RefCell<Window> = RefCell::default();
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
    let mut reading = Reading {
        sink: run,
        cutter: run.chunker.cutter(plan),
        content_len: plan.content_len(),
        trail: run.previous.trail(plan.rule(), plan.content_len()),
        window: &mut window,
        window_bytes: WINDOW_BYTES,
        at_end: false,
        extents: Vec::new(),
    };
    let result = reading.run(source);
    let extents = reading.extents;
    if window.capacity() <= KEPT_WINDOW_BYTES {
        WINDOW.set(window);
    }
    result?;
    Ok(ContentRecord {
        classifier: plan.rule().number(),
        chunker: CHUNKER_SET,
        extents,
    })
}

impl Sink for Run<'_> {
    fn id(&self, chunk: &[u8]) -> ChunkId {
        self.repository.chunk_id(ChunkKind::Data, chunk)
    }

    fn store(&self, chunk: &[u8], id: ChunkId, hint: Hint) -> Result<(), Error> {
        let hint = match hint {
            Hint::Compress => CompressionHint::Compress,
            Hint::Sample => CompressionHint::Sample,
            Hint::Store => CompressionHint::Store,
        };
        self.chunks.store_as(ChunkKind::Data, id, chunk, hint)?;
        self.progress_bytes(chunk.len() as u64);
        Ok(())
    }

    fn progress(&self, bytes: u64) {
        self.progress_bytes(bytes);
    }

    fn check_cancelled(&self) -> Result<(), Error> {
        Run::check_cancelled(self)
    }
}
