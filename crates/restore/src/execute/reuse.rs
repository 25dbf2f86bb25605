//! Ranges that a file takes from the one that it replaces.

use std::sync::Arc;

use lumivault_format::ChunkKind;
use lumivault_format::tree::Extent;

use super::engine::{Engine, Pieces, Worker, extent_of, to_usize};
use super::file::FileWork;
use super::wave::Wave;
use crate::RestoreError;
use crate::error::{Cause, stops_reading};
use crate::target::ExistingFile;

impl Engine<'_, '_> {
    /// Copies the ranges of one file, each only if it still is what it was when the restore was planned.
    pub(super) fn copy(
        &self,
        worker: &mut Worker,
        wave: &Wave,
        pieces: Pieces<'_>,
    ) -> Result<(), RestoreError> {
        let Some((file, _)) = pieces.first().and_then(|piece| extent_of(wave, piece)) else {
            return Ok(());
        };
        // Whatever is wrong with it, the archive has the same.
        let old = file.folder.open_existing(&file.name).ok().flatten();
        let mut missing = Vec::new();
        for piece in pieces {
            self.check_cancelled()?;
            let Some((file, extent)) = extent_of(wave, piece) else {
                continue;
            };
            let _taken = self.budget.take(extent.len());
            match old
                .as_ref()
                .and_then(|old| self.reuse(worker, old, extent, piece.at))
            {
                Some(bytes) => {
                    file.write(piece.at, bytes, &self.report)?;
                    self.report.done(0, extent.len());
                }
                None => missing.push((extent, piece.at)),
            }
        }
        // Windows replaces no file that is open, and the last range to end gives this one its name.
        drop(old);
        for _ in missing.len()..pieces.len() {
            self.end_range(file)?;
        }
        for (extent, at) in missing {
            self.check_cancelled()?;
            self.fetch_one(file, extent, at)?;
        }
        Ok(())
    }

    /// The bytes of a range as the old file has them, if they are still what they should be.
    fn reuse<'w>(
        &self,
        worker: &'w mut Worker,
        old: &ExistingFile,
        extent: &Extent,
        at: u64,
    ) -> Option<&'w [u8]> {
        let (Extent::Chunk { id, len } | Extent::Slice { id, len, .. }) = extent else {
            return None;
        };
        let length = to_usize(*len);
        if worker.sealed.len() < length {
            worker.sealed.resize(length, 0);
        }
        let range = worker.sealed.get_mut(..length)?;
        let filled = old.read_at(at, range).ok()?;
        let is_it = filled == length && self.reader.repository().chunk_id(ChunkKind::Data, range) == *id;
        is_it.then_some(range)
    }

    /// Fetches a single range after all.
    fn fetch_one(&self, file: &FileWork, extent: &Extent, at: u64) -> Result<(), RestoreError> {
        let Some(chunk) = extent.chunk() else {
            return self.end_range(file);
        };
        match self.reader.chunk(&chunk) {
            Ok(bytes) => self.deliver_one(file, extent, at, (&bytes, chunk)),
            Err(error) if stops_reading(&error) => Err(error.into()),
            Err(error) => {
                let error = Arc::new(error);
                self.fail(file, Cause::Chunk { chunk, error });
                self.end_range(file)
            }
        }
    }
}
