//! The central directory of a ZIP, believed only where it is consistent: entries in bounds and without overlap.

use super::LOCAL_HEADER;
use crate::chunking::params::{KIB, ZIP_DIRECTORY_MAX, ZIP_ENTRIES_MAX};
use crate::chunking::source::{Peek, ReadAt};
use std::io;

/// End of central directory record, without its comment.
const END: usize = 22;
const COMMENT_MAX: u64 = 0xFFFF;
const LOCATOR64: usize = 20;
const END64: usize = 56;
const ENTRY: usize = 46;
/// Enough for the end record with the longest comment, and for the longest extra field.
const WINDOW: usize = 128 * KIB;

/// The entries in the order of their offsets, and where the directory begins.
pub(super) struct Directory {
    pub(super) start: u64,
    entries: Vec<Entry>,
}

/// What the directory says about one entry.
pub(super) struct Entry {
    /// Offset of the local header.
    pub(super) header: u64,
    /// Bytes of data as they stand in the file.
    pub(super) size: u64,
    /// Whether these are the original bytes (method 0, not encrypted).
    pub(super) stored: bool,
}

impl Directory {
    /// Reads the directory; `None` for everything odd: several disks, too many entries, overlaps, a wrong count.
    pub(super) fn read(source: &dyn ReadAt) -> io::Result<Option<Self>> {
        let mut reader = Peek::new(source, WINDOW);
        let Some(place) = Place::find(&mut reader)? else {
            return Ok(None);
        };
        let Some(mut entries) = place.entries(&mut reader)? else {
            return Ok(None);
        };
        entries.sort_unstable_by_key(|entry| entry.header);
        let directory = Self {
            start: place.start,
            entries,
        };
        let apart = |(entry, end): (&Entry, u64)| {
            let data = entry.header.checked_add(LOCAL_HEADER as u64);
            data.and_then(|data| data.checked_add(entry.size))
                .is_some_and(|least| least <= end)
        };
        let consistent = directory.with_ends().all(apart);
        Ok(consistent.then_some(directory))
    }

    /// Each entry with the offset of what follows it.
    pub(super) fn with_ends(&self) -> impl Iterator<Item = (&Entry, u64)> {
        let ends = self
            .entries
            .iter()
            .skip(1)
            .map(|next| next.header)
            .chain([self.start]);
        self.entries.iter().zip(ends)
    }
}

/// Where the directory lies and how many entries it promises.
struct Place {
    start: u64,
    end: u64,
    count: u64,
}

impl Place {
    fn find(reader: &mut Peek<'_>) -> io::Result<Option<Self>> {
        let Some(at) = end_record(reader)? else {
            return Ok(None);
        };
        let Some(record) = reader.array::<END>(at)? else {
            return Ok(None);
        };
        let (count, size, start) = (le16(&record, 10), le32(&record, 12), le32(&record, 16));
        let wide = count == 0xFFFF || size == 0xFFFF_FFFF || start == 0xFFFF_FFFF;
        if !wide {
            let one_disk = le16(&record, 4) == 0 && le16(&record, 6) == 0 && le16(&record, 8) == count;
            return Ok(if one_disk {
                Self::checked(start, size, count, at)
            } else {
                None
            });
        }
        Self::find64(reader, at)
    }

    fn find64(reader: &mut Peek<'_>, end_record: u64) -> io::Result<Option<Self>> {
        let Some(at) = end_record.checked_sub(LOCATOR64 as u64) else {
            return Ok(None);
        };
        let Some(locator) = reader.array::<LOCATOR64>(at)? else {
            return Ok(None);
        };
        let at = le64(&locator, 8);
        let Some(record) = reader.array::<END64>(at)? else {
            return Ok(None);
        };
        let (count, size, start) = (le64(&record, 32), le64(&record, 40), le64(&record, 48));
        let one_disk = le32(&record, 16) == 0 && le32(&record, 20) == 0 && le64(&record, 24) == count;
        if !locator.starts_with(b"PK\x06\x07") || !record.starts_with(b"PK\x06\x06") || !one_disk {
            return Ok(None);
        }
        Ok(Self::checked(start, size, count, at))
    }

    fn checked(start: u64, size: u64, count: u64, limit: u64) -> Option<Self> {
        let end = start.checked_add(size).filter(|&end| end <= limit)?;
        (size <= ZIP_DIRECTORY_MAX && count <= ZIP_ENTRIES_MAX).then_some(Self { start, end, count })
    }

    fn entries(&self, reader: &mut Peek<'_>) -> io::Result<Option<Vec<Entry>>> {
        // The count is a claim; each entry proves itself with 46 bytes, so the memory follows what is there.
        let mut entries = Vec::new();
        let mut at = self.start;
        for _ in 0..self.count {
            let Some(fixed) = reader.array::<ENTRY>(at)? else {
                return Ok(None);
            };
            if !fixed.starts_with(b"PK\x01\x02") {
                return Ok(None);
            }
            let (name, extra, comment) = (le16(&fixed, 28), le16(&fixed, 30), le16(&fixed, 32));
            let extra_at = at + ENTRY as u64 + name;
            at = extra_at + extra + comment;
            if at > self.end {
                return Ok(None);
            }
            let extra = reader.get(extra_at, usize::try_from(extra).unwrap_or(usize::MAX))?;
            let Some(entry) = extra.and_then(|extra| entry(&fixed, extra)) else {
                return Ok(None);
            };
            entries.push(entry);
        }
        Ok((at == self.end).then_some(entries))
    }
}

/// The end record: the last one whose comment reaches exactly to the end of the file.
fn end_record(reader: &mut Peek<'_>) -> io::Result<Option<u64>> {
    let len = reader.len();
    let lowest = len.saturating_sub(END as u64 + COMMENT_MAX);
    let Some(tail) = reader.get(lowest, usize::try_from(len - lowest).unwrap_or(usize::MAX))? else {
        return Ok(None);
    };
    let fits = |&at: &usize| {
        let record = &tail[at..];
        record.starts_with(b"PK\x05\x06") && END as u64 + le16(record, 20) == record.len() as u64
    };
    let found = (0..=tail.len().saturating_sub(END))
        .rev()
        .filter(|at| tail.len() - at >= END)
        .find(fits);
    Ok(found.map(|at| lowest + at as u64))
}

fn entry(fixed: &[u8; ENTRY], extra: &[u8]) -> Option<Entry> {
    let encrypted = le16(fixed, 8) & 1 != 0;
    let stored = le16(fixed, 10) == 0 && !encrypted;
    let (mut size, mut header) = (le32(fixed, 20), le32(fixed, 42));
    if size == 0xFFFF_FFFF || header == 0xFFFF_FFFF {
        // Zip64 lists, in this order, those of original size, size and offset that did not fit.
        let mut wide = zip64(extra)?.chunks_exact(8).map(|bytes| le64(bytes, 0));
        if le32(fixed, 24) == 0xFFFF_FFFF {
            wide.next()?;
        }
        for field in [&mut size, &mut header] {
            if *field == 0xFFFF_FFFF {
                *field = wide.next()?;
            }
        }
    }
    Some(Entry { header, size, stored })
}

/// The body of the Zip64 extra field.
fn zip64(mut extra: &[u8]) -> Option<&[u8]> {
    while extra.len() >= 4 {
        let (kind, length) = (le16(extra, 0), usize::try_from(le16(extra, 2)).ok()?);
        let body = extra.get(4..4 + length)?;
        if kind == 1 {
            return Some(body);
        }
        extra = &extra[4 + length..];
    }
    None
}

/// Little-endian integers of 2, 4 and 8 bytes; callers hold enough bytes.
fn le16(bytes: &[u8], at: usize) -> u64 {
    little_endian(&bytes[at..at + 2])
}

fn le32(bytes: &[u8], at: usize) -> u64 {
    little_endian(&bytes[at..at + 4])
}

fn le64(bytes: &[u8], at: usize) -> u64 {
    little_endian(&bytes[at..at + 8])
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}
