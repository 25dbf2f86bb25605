//! Reads packs and writes files, by several threads.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use lumivault_chunk_store::index::Location;
use lumivault_chunk_store::{Error, TreeReader};
use lumivault_format::ChunkId;
use lumivault_format::tree::Extent;

use super::budget::Budget;
use super::file::{Ended, FileWork, part_of};
use super::parallel;
use super::report::Report;
use super::summary::{Fetched, Tally};
use super::wave::{IN_TARGET, Piece, Wave};
use crate::RestoreError;
use crate::error::{Cause, stops_reading};
use crate::plan::stored_path;

/// Bytes of buffers that all threads together keep between two reads.
const KEPT_BYTES_MAX: usize = 32 * 1024 * 1024;

/// What all threads share.
pub(crate) struct Engine<'e, 'r> {
    pub(crate) reader: &'e TreeReader<'r>,
    pub(crate) report: Report,
    pub(crate) tally: Tally,
    pub(crate) budget: Budget,
    pub(crate) threads: usize,
    /// Files, by the numbers of their actions, that are not in the target as the snapshot has them.
    absent: Mutex<HashSet<usize>>,
    /// Folders that were readable when the restore was planned, and are not now.
    unreadable: Mutex<HashSet<Vec<u8>>>,
    packs: Mutex<HashSet<u32>>,
    chunks: AtomicU64,
    stored_bytes: AtomicU64,
    plain_bytes: AtomicU64,
    reads: AtomicU64,
    read_bytes: AtomicU64,
}

/// What each thread keeps.
pub(super) struct Worker {
    pub(super) sealed: Vec<u8>,
    plain: Vec<u8>,
    kept_bytes_max: usize,
}

/// The pieces of one chunk, or of one file.
pub(super) type Pieces<'w> = &'w [Piece];

impl<'e, 'r> Engine<'e, 'r> {
    pub(super) fn new(reader: &'e TreeReader<'r>, threads: usize) -> Self {
        Self {
            reader,
            report: Report::new(&reader.repository().environment().monitor),
            tally: Tally::default(),
            budget: Budget::default(),
            threads: threads.max(1),
            absent: Mutex::default(),
            unreadable: Mutex::default(),
            packs: Mutex::default(),
            chunks: AtomicU64::new(0),
            stored_bytes: AtomicU64::new(0),
            plain_bytes: AtomicU64::new(0),
            reads: AtomicU64::new(0),
            read_bytes: AtomicU64::new(0),
        }
    }

    /// What was read so far.
    pub(super) fn fetched(&self) -> Fetched {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let packs = self.packs.lock().unwrap_or_else(PoisonError::into_inner).len();
        Fetched {
            packs: u64::try_from(packs).unwrap_or(u64::MAX),
            chunks: get(&self.chunks),
            stored_bytes: get(&self.stored_bytes),
            plain_bytes: get(&self.plain_bytes),
            reads: get(&self.reads),
            read_bytes: get(&self.read_bytes),
        }
    }

    pub(super) fn check_cancelled(&self) -> Result<(), RestoreError> {
        Ok(self.reader.repository().environment().check_cancelled()?)
    }

    /// Gives a file up.
    pub(super) fn fail(&self, file: &FileWork, cause: Cause) {
        file.fail(cause, &self.report);
        self.set_absent(file.position);
    }

    /// Takes note that a file is not in the target as the snapshot has it.
    pub(super) fn set_absent(&self, position: usize) {
        let mut absent = self.absent.lock().unwrap_or_else(PoisonError::into_inner);
        absent.insert(position);
    }

    /// Reports a folder that cannot be read, whichever pass comes upon it first.
    pub(crate) fn unreadable(&self, path: &[u8], error: Error) {
        let mut unreadable = self.unreadable.lock().unwrap_or_else(PoisonError::into_inner);
        if unreadable.insert(path.to_vec()) {
            drop(unreadable);
            let cause = Cause::Folder(error.into());
            self.report.problem(stored_path(path), cause);
        }
    }

    pub(crate) fn is_absent(&self, position: usize) -> bool {
        let absent = self.absent.lock().unwrap_or_else(PoisonError::into_inner);
        absent.contains(&position)
    }

    /// Counts a range of a file as dealt with.
    pub(super) fn end_range(&self, file: &FileWork) -> Result<(), RestoreError> {
        match file.end_range(&self.report)? {
            Some(Ended::Restored) => {
                self.tally.restored(file.action, file.size());
                self.report.done(1, 0);
            }
            Some(Ended::Kept) => {
                self.set_absent(file.position);
                self.tally.kept();
            }
            None => {}
        }
        Ok(())
    }

    /// Works off a wave, whose pieces are in order.
    pub(super) fn run(&self, wave: &Wave) -> Result<(), RestoreError> {
        let numbers = wave.pieces.iter().map(|piece| piece.pack);
        let mut packs = self.packs.lock().unwrap_or_else(PoisonError::into_inner);
        packs.extend(numbers.filter(|pack| *pack != IN_TARGET));
        drop(packs);
        let runs = wave.runs();
        let worker = || Worker {
            sealed: Vec::new(),
            plain: Vec::new(),
            kept_bytes_max: KEPT_BYTES_MAX / self.threads / 2,
        };
        parallel::for_each(self.threads, runs.len(), worker, |worker, number| {
            self.check_cancelled()?;
            let Some(pieces) = runs.get(number).and_then(|run| wave.pieces.get(run.clone())) else {
                return Ok(());
            };
            let done = match pieces.first() {
                Some(piece) if piece.pack == IN_TARGET => self.copy(worker, wave, pieces),
                _ => self.read(worker, wave, pieces),
            };
            worker.give_back();
            done
        })?;
        let failed = wave.files.iter().filter(|file| file.is_failed());
        failed.for_each(|file| self.set_absent(file.position));
        Ok(())
    }

    /// Reads a stretch of a pack and writes what is in it to all its places.
    fn read(&self, worker: &mut Worker, wave: &Wave, pieces: Pieces<'_>) -> Result<(), RestoreError> {
        let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else {
            return Ok(());
        };
        let length = to_usize(last.offset - first.offset + last.sealed);
        let plain_max = pieces.iter().map(|piece| piece.plain).max().unwrap_or(0);
        let taken = self.budget.take(to_u64(length) + u64::from(plain_max));
        let Worker { sealed, plain, .. } = worker;
        if sealed.len() < length {
            sealed.resize(length, 0);
        }
        let sealed = &mut sealed[..length];
        let pack = self.reader.pack(first.pack);
        let read = pack.and_then(|pack| pack.read_range(first.offset, sealed).map(|()| pack));
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.read_bytes.fetch_add(to_u64(length), Ordering::Relaxed);
        let pack = match read {
            Ok(pack) => pack,
            Err(error) => {
                drop(taken);
                return self.not_read(worker, wave, pieces, error);
            }
        };
        for chunk in by_chunk(pieces) {
            let Some((piece, location)) = self.locate(wave, chunk)? else {
                continue;
            };
            let begin = to_usize(piece.offset - first.offset);
            let entry = &mut sealed[begin..begin + to_usize(piece.sealed)];
            match pack.open_entry(&location.place, entry, plain) {
                Ok(bytes) => self.deliver(wave, chunk, bytes, &location)?,
                Err(error) => self.elsewhere(wave, chunk, &location, error)?,
            }
        }
        Ok(())
    }

    /// A stretch that cannot be read may still give some of its chunks.
    fn not_read(
        &self,
        worker: &mut Worker,
        wave: &Wave,
        pieces: Pieces<'_>,
        error: Error,
    ) -> Result<(), RestoreError> {
        if stops_reading(&error) {
            return Err(error.into());
        }
        if by_chunk(pieces).count() > 1 {
            return by_chunk(pieces).try_for_each(|chunk| self.read(worker, wave, chunk));
        }
        match self.locate(wave, pieces)? {
            Some((_, location)) => self.elsewhere(wave, pieces, &location, error),
            None => Ok(()),
        }
    }

    /// Where a chunk is. It was found before; should it be gone all the same, the files that need it are given up.
    fn locate<'w>(
        &self,
        wave: &Wave,
        chunk: Pieces<'w>,
    ) -> Result<Option<(&'w Piece, Location)>, RestoreError> {
        let piece = chunk.first().ok_or(RestoreError::PlanOutdated)?;
        let id = extent_of(wave, piece).and_then(|(_, extent)| extent.chunk());
        let id = id.ok_or(RestoreError::PlanOutdated)?;
        let location = self.reader.index().find(&id);
        match location.filter(|l| (l.pack, l.place.offset) == (piece.pack, piece.offset)) {
            Some(location) => Ok(Some((piece, location))),
            None => self
                .give_up(wave, chunk, id, Error::MissingChunk(id))
                .map(|()| None),
        }
    }

    /// Looks for a chunk in the other packs that hold it; where none gives it, the files that need it are given up.
    fn elsewhere(
        &self,
        wave: &Wave,
        chunk: Pieces<'_>,
        tried: &Location,
        error: Error,
    ) -> Result<(), RestoreError> {
        if stops_reading(&error) {
            return Err(error.into());
        }
        let id = tried.place.entry.id;
        let others = self.reader.index().places(&id);
        for other in others.iter().filter(|other| *other != tried) {
            let pack = self.reader.pack(other.pack);
            if let Ok(bytes) = pack.and_then(|pack| pack.read_chunk(&other.place)) {
                return self.deliver(wave, chunk, &bytes, other);
            }
        }
        self.give_up(wave, chunk, id, error)
    }

    /// Gives up all files that need a chunk.
    fn give_up(&self, wave: &Wave, chunk: Pieces<'_>, id: ChunkId, error: Error) -> Result<(), RestoreError> {
        let error = Arc::new(error);
        for (file, _) in chunk.iter().filter_map(|piece| extent_of(wave, piece)) {
            let error = Arc::clone(&error);
            self.fail(file, Cause::Chunk { chunk: id, error });
            self.end_range(file)?;
        }
        Ok(())
    }

    /// Writes a decoded chunk to all its places.
    fn deliver(
        &self,
        wave: &Wave,
        chunk: Pieces<'_>,
        bytes: &[u8],
        location: &Location,
    ) -> Result<(), RestoreError> {
        let entry = &location.place.entry;
        self.chunks.fetch_add(1, Ordering::Relaxed);
        self.stored_bytes
            .fetch_add(entry.sealed_len().into(), Ordering::Relaxed);
        self.plain_bytes
            .fetch_add(entry.plain_len.into(), Ordering::Relaxed);
        for piece in chunk {
            self.check_cancelled()?;
            let Some((file, extent)) = extent_of(wave, piece) else {
                continue;
            };
            self.deliver_one(file, extent, piece.at, (bytes, entry.id))?;
        }
        Ok(())
    }

    pub(super) fn deliver_one(
        &self,
        file: &FileWork,
        extent: &Extent,
        at: u64,
        (bytes, chunk): (&[u8], ChunkId),
    ) -> Result<(), RestoreError> {
        match part_of(extent, bytes).filter(|part| to_u64(part.len()) == extent.len()) {
            Some(part) => {
                file.write(at, part, &self.report)?;
                self.report.done(0, extent.len());
            }
            None => self.fail(file, Cause::Disagreement { chunk }),
        }
        self.end_range(file)
    }
}

impl Worker {
    /// Large buffers are kept only as far as memory allows.
    fn give_back(&mut self) {
        for buffer in [&mut self.sealed, &mut self.plain] {
            if buffer.capacity() > self.kept_bytes_max {
                *buffer = Vec::new();
            }
        }
    }
}

/// The file and extent of a piece.
pub(super) fn extent_of<'w>(wave: &'w Wave, piece: &Piece) -> Option<(&'w FileWork, &'w Extent)> {
    let file = wave.files.get(to_usize(piece.file))?;
    Some((file, file.content.extents.get(to_usize(piece.extent))?))
}

/// Pieces of the same chunk together.
fn by_chunk(pieces: Pieces<'_>) -> impl Iterator<Item = Pieces<'_>> {
    let same = |a: &Piece, b: &Piece| (a.pack, a.offset) == (b.pack, b.offset);
    pieces.chunk_by(same)
}

pub(super) fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn to_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
