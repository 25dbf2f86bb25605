//! Files in work at once, and the ranges that they need, in the order of the packs.
//!
//! A restore goes in waves: as many files as fit the memory allowed for them are gathered, then all packs that hold
//! anything of them are read, each once and forwards. A phone's month is one wave.

use std::ops::Range;
use std::sync::Arc;

use lumivault_chunk_store::ChunkIndex;
use lumivault_chunk_store::index::Location;
use lumivault_format::tree::Extent;

use super::engine::Engine;
use super::file::FileWork;
use crate::RestoreError;
use crate::error::Cause;
use crate::plan::Fill;

/// Stands for the file that is there already, where others have the number of a pack. Comes last.
pub(super) const IN_TARGET: u32 = u32::MAX;
/// Bytes read through between two entries of a pack rather than reading twice.
const GAP_BYTES_MAX: u64 = 64 * 1024;
/// Bytes read at once, unless a single entry is longer.
const READ_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// A range of a file that one chunk gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Piece {
    pub(super) pack: u32,
    /// Offset of the sealed entry in the pack.
    pub(super) offset: u32,
    /// Number of the file in the wave.
    pub(super) file: u32,
    /// Number of the extent in the file.
    pub(super) extent: u32,
    /// Bytes of the sealed entry.
    pub(super) sealed: u32,
    /// Bytes of the chunk, decoded.
    pub(super) plain: u32,
    /// Where in the file.
    pub(super) at: u64,
}

/// The files and ranges gathered so far.
#[derive(Debug, Default)]
pub(super) struct Wave {
    pub(super) files: Vec<Arc<FileWork>>,
    pub(super) pieces: Vec<Piece>,
    fill: Fill,
}

impl Wave {
    /// Adds a file; works off what was gathered whenever that is as much as fits.
    pub(super) fn add(
        &mut self,
        engine: &Engine<'_, '_>,
        file: FileWork,
        matched: Option<&[bool]>,
    ) -> Result<(), RestoreError> {
        let file = Arc::new(file);
        let index = engine.reader.index();
        for extent in &file.content.extents {
            if let Err(cause) = place_of(index, extent) {
                engine.fail(&file, cause);
                return Ok(());
            }
        }
        self.run_if_full(engine, None)?;
        self.fill.add_file();
        let mut number = self.push(&file);
        let mut at = 0;
        for ((extent, position), i) in file.content.extents.iter().zip(0_u32..).zip(0_usize..) {
            if let Ok(Some(place)) = place_of(index, extent) {
                if self.run_if_full(engine, Some(&file))? {
                    number = 0;
                }
                let is_there = matched.and_then(|m| m.get(i)).copied().unwrap_or(false);
                file.expect_range();
                self.fill.add_range();
                self.pieces.push(Piece {
                    pack: if is_there { IN_TARGET } else { place.pack },
                    offset: if is_there { 0 } else { place.place.offset },
                    file: number,
                    extent: position,
                    sealed: place.place.entry.sealed_len(),
                    plain: place.place.entry.plain_len,
                    at,
                });
            }
            at += extent.len();
        }
        engine.end_range(&file)?;
        Ok(())
    }

    /// Works off what was gathered.
    pub(super) fn run(&mut self, engine: &Engine<'_, '_>) -> Result<(), RestoreError> {
        self.pieces.sort_unstable();
        let result = engine.run(self);
        self.files.clear();
        self.pieces.clear();
        self.fill = Fill::default();
        result
    }

    /// The file that is being added goes on in the next wave, as its first.
    fn run_if_full(
        &mut self,
        engine: &Engine<'_, '_>,
        adding: Option<&Arc<FileWork>>,
    ) -> Result<bool, RestoreError> {
        if !self.fill.is_full() {
            return Ok(false);
        }
        self.run(engine)?;
        if let Some(file) = adding {
            self.push(file);
        }
        Ok(true)
    }

    fn push(&mut self, file: &Arc<FileWork>) -> u32 {
        self.files.push(Arc::clone(file));
        u32::try_from(self.files.len() - 1).unwrap_or(u32::MAX)
    }

    /// Ranges of pieces that are read at once. Those of one entry stay together.
    pub(super) fn runs(&self) -> Vec<Range<usize>> {
        let mut runs: Vec<Range<usize>> = Vec::new();
        let mut begin = 0;
        for (number, piece) in self.pieces.iter().enumerate() {
            let (Some(run), Some(before)) = (runs.last_mut(), self.pieces.get(number.wrapping_sub(1))) else {
                runs.push(number..number + 1);
                begin = piece.offset;
                continue;
            };
            let same = (before.pack, before.offset) == (piece.pack, piece.offset);
            let end = u64::from(before.offset) + u64::from(before.sealed);
            let near = before.pack == piece.pack
                && u64::from(piece.offset) <= end + GAP_BYTES_MAX
                && u64::from(piece.offset) + u64::from(piece.sealed) <= u64::from(begin) + READ_BYTES_MAX;
            let joins = if piece.pack == IN_TARGET {
                before.pack == IN_TARGET && before.file == piece.file
            } else {
                same || near
            };
            if joins {
                run.end = number + 1;
            } else {
                runs.push(number..number + 1);
                begin = piece.offset;
            }
        }
        runs
    }
}

/// Where the chunk of an extent is; `None` for a hole. Fails if there is none, or if it cannot be the one meant.
pub(crate) fn place_of(index: &ChunkIndex, extent: &Extent) -> Result<Option<Location>, Cause> {
    let (chunk, length) = match extent {
        Extent::Hole { .. } => return Ok(None),
        Extent::Chunk { id, len } => (*id, *len),
        Extent::Slice {
            bundle, bundle_len, ..
        } => (*bundle, *bundle_len),
    };
    let location = index.find(&chunk).ok_or_else(|| Cause::Chunk {
        chunk,
        error: Arc::new(lumivault_chunk_store::Error::MissingChunk(chunk)),
    })?;
    if location.place.entry.plain_len == length {
        Ok(Some(location))
    } else {
        Err(Cause::Disagreement { chunk })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(pack: u32, offset: u32, sealed: u32, file: u32) -> Piece {
        Piece {
            pack,
            offset,
            file,
            extent: 0,
            sealed,
            plain: sealed,
            at: 0,
        }
    }

    #[test]
    fn what_lies_close_together_is_read_at_once() {
        let wave = Wave {
            pieces: vec![
                piece(0, 80, 100, 0),
                piece(0, 80, 100, 1),
                piece(0, 180, 1000, 2),
                // A small gap.
                piece(0, 30_000, 1000, 3),
                // A large one.
                piece(0, 200_000, 1_000_000, 4),
                // Too much for one read.
                piece(0, 1_200_000, 1_500_000, 5),
                // A chunk longer than a read, for two files.
                piece(0, 3_000_000, 16_000_000, 6),
                piece(0, 3_000_000, 16_000_000, 7),
                // Another pack.
                piece(1, 80, 100, 8),
                piece(IN_TARGET, 0, 100, 9),
                piece(IN_TARGET, 0, 100, 9),
                piece(IN_TARGET, 0, 100, 10),
            ],
            ..Wave::default()
        };
        let runs = wave.runs();
        assert_eq!(runs, [0..4, 4..5, 5..6, 6..8, 8..9, 9..11, 11..12]);
        assert_eq!(Wave::default().runs(), Vec::<Range<usize>>::new());
        assert!(size_of::<Piece>() <= 40);
    }
}
