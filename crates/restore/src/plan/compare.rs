//! What of a file is in the target already, range by range, by the ids of its chunks.

use lumivault_chunk_store::Repository;
use lumivault_format::ChunkKind;
use lumivault_format::tree::{ContentRecord, Extent};

use super::tape::Matched;
use crate::RestoreError;
use crate::execute::budget::Budget;
use crate::target::{ExistingFile, TargetError};

/// Zeros are looked for in pieces of this many bytes.
const ZEROS_BYTES: usize = 256 * 1024;

/// Compares ranges of files with what a snapshot has. Keeps its buffer.
pub(crate) struct Comparer<'c> {
    repository: &'c Repository,
    budget: &'c Budget,
    buffer: Vec<u8>,
}

impl<'c> Comparer<'c> {
    pub(crate) fn new(repository: &'c Repository, budget: &'c Budget) -> Self {
        Self {
            repository,
            budget,
            buffer: Vec::new(),
        }
    }

    /// Which extents of the content the file has at their places.
    pub(crate) fn matched(
        &mut self,
        file: &ExistingFile,
        content: &ContentRecord,
    ) -> Result<Matched, RestoreError> {
        let mut at = 0;
        let mut matched = Vec::with_capacity(content.extents.len());
        for extent in &content.extents {
            self.repository.environment().check_cancelled()?;
            matched.push(self.has(file, extent, at)?);
            at += extent.len();
        }
        Ok(matched.into())
    }

    /// The first range in which the file is not what the content says: offset and length.
    pub(crate) fn first_mismatch(
        &mut self,
        file: &ExistingFile,
        content: &ContentRecord,
    ) -> Result<Option<(u64, u64)>, RestoreError> {
        let mut at = 0;
        for extent in &content.extents {
            self.repository.environment().check_cancelled()?;
            if !self.has(file, extent, at)? {
                return Ok(Some((at, extent.len())));
            }
            at += extent.len();
        }
        Ok(None)
    }

    /// Whether the file has the extent at this offset.
    fn has(&mut self, file: &ExistingFile, extent: &Extent, at: u64) -> Result<bool, TargetError> {
        let (Extent::Chunk { id, len } | Extent::Slice { id, len, .. }) = extent else {
            return self.has_zeros(file, at, extent.len());
        };
        if at + u64::from(*len) > file.info().size {
            return Ok(false);
        }
        let _taken = self.budget.take(u64::from(*len));
        let length = usize::try_from(*len).unwrap_or(usize::MAX);
        let range = self.range(length);
        let has = file.read_at(at, range)? == length;
        let has = has && self.repository.chunk_id(ChunkKind::Data, &self.buffer[..length]) == *id;
        self.give_back();
        Ok(has)
    }

    fn has_zeros(&mut self, file: &ExistingFile, at: u64, length: u64) -> Result<bool, TargetError> {
        let end = at.saturating_add(length);
        if end > file.info().size {
            return Ok(false);
        }
        let mut at = at;
        while at < end {
            let wanted = usize::try_from(end - at).unwrap_or(usize::MAX).min(ZEROS_BYTES);
            let range = self.range(wanted);
            if file.read_at(at, range)? != wanted || range.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            at += u64::try_from(wanted).unwrap_or(u64::MAX);
        }
        Ok(true)
    }

    fn range(&mut self, length: usize) -> &mut [u8] {
        if self.buffer.len() < length {
            self.buffer.resize(length, 0);
        }
        &mut self.buffer[..length]
    }

    /// Large buffers are in the budget only while they are used.
    fn give_back(&mut self) {
        if self.buffer.len() > 1024 * 1024 {
            self.buffer = Vec::new();
        }
    }
}
