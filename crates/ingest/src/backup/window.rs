//! The part of a content that is in memory: filled at its end, consumed at its front.

use std::io;

use super::reading::Bytes;

/// A buffer that is cleared once when it grows, not each time it is filled.
#[derive(Debug, Default)]
pub(super) struct Window {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Window {
    pub(super) fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    /// Bytes of memory held.
    pub(super) fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Drops bytes at the front.
    pub(super) fn consume(&mut self, length: usize) {
        self.start = self.end.min(self.start.saturating_add(length));
        if self.is_empty() {
            self.clear();
        }
    }

    /// Reads until there are `wanted` bytes; tells whether the end was reached.
    pub(super) fn fill(&mut self, source: &mut dyn Bytes, wanted: usize) -> io::Result<bool> {
        if self.end - self.start >= wanted {
            return Ok(false);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.buffer.len() < wanted {
            self.buffer.reserve_exact(wanted - self.buffer.len());
            self.buffer.resize(wanted, 0);
        }
        while self.end < wanted {
            match source.read(&mut self.buffer[self.end..wanted])? {
                0 => return Ok(true),
                length => self.end += length,
            }
        }
        Ok(false)
    }
}
