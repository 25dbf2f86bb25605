//! Tar archives in the pax format (POSIX.1-2001): what the old header cannot say is said in an extended header before
//! it. Names that are not plain ASCII go there too, where they are defined to be UTF-8, or said to be bytes.
//!
//! No name is absolute or goes up: names come from trees, whose names are single components. Set-user, set-group and
//! sticky bits are left out, as some unpackers set them for anyone.

use std::collections::HashMap;
use std::io::{self, Write};

use lumivault_format::tree::{ContentRecord, Extra};

use super::{Added, Format, SkipReason};
use crate::browse::listed::{Listed, ListedKind};

const BLOCK: usize = 512;
/// Archives end at a multiple of this, as they did on tapes.
const RECORD: u64 = 10_240;
const NAME_MAX: usize = 100;
const MODE_BITS: u32 = 0o777;
/// Groups of hard links remembered; files of further ones are written again.
const GROUPS_MAX: usize = 100_000;

/// Writes a tar archive.
pub(super) struct TarWriter<'o> {
    out: Counted<'o>,
    /// Where the first file of each hard-link group went, and its content.
    groups: HashMap<[u8; 8], (Vec<u8>, Option<lumivault_format::ContentId>)>,
}

/// Passes bytes on and counts them.
struct Counted<'o> {
    out: &'o mut dyn Write,
    bytes: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.bytes = self
            .bytes
            .saturating_add(u64::try_from(written).unwrap_or(u64::MAX));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Counted<'_> {
    /// Zeros up to a multiple of `unit`.
    fn pad(&mut self, unit: u64) -> io::Result<()> {
        const ZEROS: [u8; BLOCK] = [0; BLOCK];
        let mut left = self.bytes.wrapping_neg() % unit.max(1);
        // 2^64 is a multiple of a block, but not of a record.
        if !unit.is_power_of_two() {
            left = (unit - self.bytes % unit) % unit;
        }
        while left > 0 {
            let now = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
            self.write_all(ZEROS.get(..now).unwrap_or(&ZEROS))?;
            left = left.saturating_sub(u64::try_from(now).unwrap_or(u64::MAX));
        }
        Ok(())
    }
}

impl<'o> TarWriter<'o> {
    pub(super) fn new(out: &'o mut dyn Write) -> Self {
        Self {
            out: Counted { out, bytes: 0 },
            groups: HashMap::new(),
        }
    }

    /// Ends the archive.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.out.write_all(&[0; 2 * BLOCK])?;
        self.out.pad(RECORD)?;
        self.out.flush()
    }

    /// Writes an entry's headers.
    fn header(&mut self, listed: &Listed, name: &[u8], kind: u8, size: u64, link: &[u8]) -> io::Result<()> {
        let mut path = name.to_vec();
        if listed.kind == ListedKind::Folder {
            path.push(b'/');
        }
        let extended = extended(listed, &path, size, link);
        if !extended.is_empty() {
            let length = u64::try_from(extended.len()).unwrap_or(u64::MAX);
            let own_name = [b"PaxHeaders/", listed.name()].concat();
            let own = Header::new(&own_name, b'x', length);
            self.out.write_all(&own.finish())?;
            self.out.write_all(&extended)?;
            self.out.pad(BLOCK as u64)?;
        }
        let mut header = Header::new(&path, kind, size);
        let default = if listed.kind == ListedKind::Folder {
            0o755
        } else {
            0o644
        };
        header.number(100, 8, u64::from(listed.mode.unwrap_or(default) & MODE_BITS));
        header.number(108, 8, u64::from(listed.owner.unwrap_or(0)));
        header.number(116, 8, u64::from(listed.group.unwrap_or(0)));
        header.number(136, 12, u64::try_from(listed.mtime.0).unwrap_or(0));
        header.text(157, link);
        if let Some((major, minor)) = listed.device() {
            header.number(329, 8, major);
            header.number(337, 8, minor);
        }
        self.out.write_all(&header.finish())
    }
}

impl Format for TarWriter<'_> {
    fn plain(&mut self, listed: &Listed, name: &[u8]) -> io::Result<Added> {
        let kind = match listed.kind {
            ListedKind::Folder => b'5',
            ListedKind::Symlink => b'2',
            ListedKind::Fifo => b'6',
            ListedKind::CharDevice => b'3',
            ListedKind::BlockDevice => b'4',
            ListedKind::File | ListedKind::Socket => {
                return Ok(Added::Skipped(SkipReason::Kind(listed.kind)));
            }
        };
        let target = listed.target.as_deref().unwrap_or_default();
        self.header(listed, name, kind, 0, target)?;
        Ok(Added::Written)
    }

    fn hard_link(&mut self, listed: &Listed, name: &[u8]) -> io::Result<bool> {
        let first = listed.hard_link().and_then(|group| self.groups.get(&group));
        match first {
            Some((first, content)) if *content == listed.content => {
                let first = first.clone();
                self.header(listed, name, b'1', 0, &first).map(|()| true)
            }
            _ => Ok(false),
        }
    }

    fn begin_file(&mut self, listed: &Listed, _: &ContentRecord, name: &[u8]) -> io::Result<Added> {
        self.header(listed, name, b'0', listed.size, b"")?;
        if let Some(group) = listed.hard_link().filter(|_| self.groups.len() < GROUPS_MAX) {
            self.groups
                .entry(group)
                .or_insert_with(|| (name.to_vec(), listed.content));
        }
        Ok(Added::Written)
    }

    fn body(&mut self) -> &mut dyn Write {
        &mut self.out
    }

    fn end_file(&mut self) -> io::Result<()> {
        self.out.pad(BLOCK as u64)
    }
}

/// The 512 bytes before an entry.
struct Header([u8; BLOCK]);

impl Header {
    fn new(name: &[u8], kind: u8, size: u64) -> Self {
        let mut header = Self([0; BLOCK]);
        header.text(0, name);
        header.number(100, 8, 0o644);
        header.number(108, 8, 0);
        header.number(116, 8, 0);
        header.number(124, 12, size);
        header.number(136, 12, 0);
        header.put(156, &[kind]);
        header.put(257, b"ustar\x0000");
        header.number(329, 8, 0);
        header.number(337, 8, 0);
        header
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        if let Some(field) = self.0.get_mut(at..at + bytes.len()) {
            field.copy_from_slice(bytes);
        }
    }

    /// A name of up to 100 bytes; what does not fit or is no ASCII is in the extended header, and replaced here.
    fn text(&mut self, at: usize, text: &[u8]) {
        let plain: Vec<u8> = text
            .iter()
            .take(NAME_MAX)
            .map(|byte| if byte.is_ascii() { *byte } else { b'_' })
            .collect();
        self.put(at, &plain);
    }

    /// Octal digits, or where they do not suffice, the big-endian bytes with a mark that everybody understands.
    fn number(&mut self, at: usize, width: usize, value: u64) {
        let digits = format!("{value:0width$o}", width = width - 1);
        if digits.len() < width {
            self.put(at, digits.as_bytes());
            self.put(at + width - 1, &[0]);
            return;
        }
        let bytes = value.to_be_bytes();
        let mut field = vec![0; width.saturating_sub(bytes.len())];
        field.extend_from_slice(&bytes);
        if let Some(first) = field.first_mut() {
            *first |= 0x80;
        }
        self.put(at, &field);
    }

    fn finish(mut self) -> [u8; BLOCK] {
        self.put(148, b"        ");
        let sum: u32 = self.0.iter().map(|byte| u32::from(*byte)).sum();
        self.put(148, format!("{sum:06o}\0 ").as_bytes());
        self.0
    }
}

/// What only an extended header can say.
fn extended(listed: &Listed, path: &[u8], size: u64, link: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let fits = |text: &[u8]| text.len() <= NAME_MAX && text.is_ascii();
    let is_text = |text: &[u8]| std::str::from_utf8(text).is_ok();
    if !is_text(path) || !is_text(link) {
        record(&mut out, b"hdrcharset", b"BINARY");
    }
    if !fits(path) {
        record(&mut out, b"path", path);
    }
    if !fits(link) {
        record(&mut out, b"linkpath", link);
    }
    if size >= 1 << 33 {
        record(&mut out, b"size", size.to_string().as_bytes());
    }
    let (seconds, nanoseconds) = listed.mtime;
    if nanoseconds != 0 || !(0..1 << 33).contains(&seconds) {
        record(&mut out, b"mtime", decimal(seconds, nanoseconds).as_bytes());
    }
    for (key, id) in [(b"uid", listed.owner), (b"gid", listed.group)] {
        if let Some(id) = id.filter(|id| *id >= 1 << 21) {
            record(&mut out, key, id.to_string().as_bytes());
        }
    }
    if let Some((seconds, nanoseconds)) = listed.birth_time() {
        let text = decimal(seconds, nanoseconds);
        record(&mut out, b"LIBARCHIVE.creationtime", text.as_bytes());
    }
    for (name, value) in listed.extras.iter().filter_map(Extra::as_xattr) {
        // A name with `=` could be taken for another record.
        if !name.is_empty() && !name.iter().any(|byte| matches!(byte, b'=' | 0 | b'\n')) {
            record(&mut out, &[b"SCHILY.xattr.", name].concat(), value);
        }
    }
    out
}

/// `length key=value`, the length counting itself.
fn record(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut digits = 1;
    while (rest + digits).to_string().len() > digits {
        digits += 1;
    }
    out.extend_from_slice(format!("{} ", rest + digits).as_bytes());
    out.extend_from_slice(key);
    out.push(b'=');
    out.extend_from_slice(value);
    out.push(b'\n');
}

/// Seconds as a decimal number. Nanoseconds count forward, also before 1970.
fn decimal(seconds: i64, nanoseconds: u32) -> String {
    if nanoseconds == 0 {
        return seconds.to_string();
    }
    let text = if seconds < 0 {
        let rest = 1_000_000_000u32.saturating_sub(nanoseconds);
        format!("-{}.{rest:09}", seconds.saturating_add(1).unsigned_abs())
    } else {
        format!("{seconds}.{nanoseconds:09}")
    };
    text.trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_count_themselves() {
        for length in [1, 90, 91, 92, 93, 94, 988, 989, 990, 9_984, 9_985, 9_986] {
            let mut out = Vec::new();
            record(&mut out, b"path", &vec![b'x'; length]);
            let digits = out.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let said: usize = std::str::from_utf8(&out[..digits]).unwrap().parse().unwrap();
            assert_eq!(said, out.len(), "{length}");
        }
    }

    #[test]
    fn times_before_1970_are_the_same_instant() {
        for (seconds, nanoseconds, text) in [
            (5, 0, "5"),
            (5, 120_000_000, "5.12"),
            (-1, 500_000_000, "-0.5"),
            (-2, 1, "-1.999999999"),
            (-2, 0, "-2"),
        ] {
            assert_eq!(decimal(seconds, nanoseconds), text);
        }
    }

    #[test]
    fn numbers_too_large_for_octal_are_marked() {
        let mut header = Header([0; BLOCK]);
        header.number(124, 12, 0o77_777_777_777);
        assert_eq!(&header.0[124..136], b"77777777777\0");
        header.number(124, 12, 1 << 33);
        assert_eq!(header.0[124], 0x80);
        assert_eq!(&header.0[128..136], &(1u64 << 33).to_be_bytes());
        header.number(329, 8, u64::from(u32::MAX));
        assert_eq!(&header.0[329..337], &[0x80, 0, 0, 0, 255, 255, 255, 255]);
    }
}
