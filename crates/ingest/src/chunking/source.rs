//! Bounded looks into content at any offset, for the rules that need more than the first bytes.

use std::io;

/// Content of known length that can be read anywhere.
///
/// Only [`classify`](super::classify) uses it, with few and small reads. Callers that hold the whole content in
/// memory pass the slice itself.
#[allow(
    clippy::len_without_is_empty,
    reason = "the least contract; an empty content is a class of its own"
)]
pub trait ReadAt {
    /// Length of the content in bytes; must not change.
    fn len(&self) -> u64;

    /// Reads up to `buffer.len()` bytes at `offset`; 0 only at the end of the content.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

impl ReadAt for [u8] {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|start| self.get(start..))
            .unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }
}

impl<T: ReadAt + ?Sized> ReadAt for &T {
    fn len(&self) -> u64 {
        (**self).len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        (**self).read_at(offset, buffer)
    }
}

impl ReadAt for Vec<u8> {
    fn len(&self) -> u64 {
        self.as_slice().len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.as_slice().read_at(offset, buffer)
    }
}

/// A window over a source that moves by itself, so that a walk over many small headers costs few reads.
pub(super) struct Peek<'a> {
    source: &'a dyn ReadAt,
    buffer: Vec<u8>,
    start: u64,
    filled: usize,
}

impl<'a> Peek<'a> {
    /// A window of `capacity` bytes, the most that one [`get`](Self::get) can return.
    pub(super) fn new(source: &'a dyn ReadAt, capacity: usize) -> Self {
        Self {
            source,
            buffer: vec![0; capacity],
            start: 0,
            filled: 0,
        }
    }

    pub(super) fn source(&self) -> &'a dyn ReadAt {
        self.source
    }

    pub(super) fn len(&self) -> u64 {
        self.source.len()
    }

    /// Exactly `length` bytes at `offset`, or `None` where the content does not hold them.
    pub(super) fn get(&mut self, offset: u64, length: usize) -> io::Result<Option<&[u8]>> {
        if length > self.buffer.len() {
            return Ok(None);
        }
        if !self.holds(offset, length) {
            self.fill(offset)?;
        }
        if !self.holds(offset, length) {
            return Ok(None);
        }
        let from = usize::try_from(offset - self.start).unwrap_or(usize::MAX);
        Ok(self.buffer.get(from..from.saturating_add(length)))
    }

    /// Exactly `N` bytes at `offset`, or `None` where the content does not hold them.
    pub(super) fn array<const N: usize>(&mut self, offset: u64) -> io::Result<Option<[u8; N]>> {
        Ok(self.get(offset, N)?.and_then(|bytes| bytes.try_into().ok()))
    }

    /// What there is of the first `length` bytes.
    pub(super) fn head(&mut self, length: usize) -> io::Result<&[u8]> {
        if self.start != 0 || self.filled == 0 {
            self.fill(0)?;
        }
        Ok(&self.buffer[..length.min(self.filled)])
    }

    fn holds(&self, offset: u64, length: usize) -> bool {
        let end = self.start.saturating_add(self.filled as u64);
        offset >= self.start
            && offset
                .checked_add(length as u64)
                .is_some_and(|wanted| wanted <= end)
    }

    fn fill(&mut self, offset: u64) -> io::Result<()> {
        (self.start, self.filled) = (offset, 0);
        if offset >= self.source.len() {
            self.start = 0;
            return Ok(());
        }
        while self.filled < self.buffer.len() {
            let at = offset.saturating_add(self.filled as u64);
            match self.source.read_at(at, &mut self.buffer[self.filled..]) {
                Ok(0) => break,
                Ok(length) => self.filled = self.buffer.len().min(self.filled.saturating_add(length)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
