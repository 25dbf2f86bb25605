//! The time in a photo's EXIF data, from its first bytes. Every offset and count comes from a stranger: nothing is
//! followed twice, nothing is allocated, and what lies outside the bytes at hand is absent.
//!
//! Sources: EXIF 2.32 (CIPA DC-008) §4.5 and §4.6.5, TIFF 6.0 §2.

use super::YEARS;
use jiff::civil::{Date, DateTime, Time};

/// So many bytes from the front of a photo hold its EXIF data, but for some written by editors: one segment of 64 KiB
/// and what may come before it.
pub const EXIF_HEAD_BYTES: usize = 128 * 1024;

/// Real directories hold some dozens of entries.
const ENTRIES_MAX: usize = 1_024;
/// Real photos have some dozens of segments before the picture.
const SEGMENTS_MAX: usize = 1_024;

const DATE_TIME: u16 = 0x0132;
const EXIF_DIRECTORY: u16 = 0x8769;
const DATE_TIME_ORIGINAL: u16 = 0x9003;
const DATE_TIME_DIGITIZED: u16 = 0x9004;

const ASCII: u16 = 2;
const LONG: u16 = 4;

/// When a photo was taken, by the clock of its camera: `DateTimeOriginal`, else `DateTimeDigitized`, else
/// `DateTime`. `head` is the beginning of a JPEG or of a TIFF-like raw picture (DNG); cut or damaged data gives what
/// can still be read. A time before 1990 or after 2099 is that of a clock never set, and counts as absent.
pub fn from_exif(head: &[u8]) -> Option<DateTime> {
    if head.starts_with(b"II*\0") || head.starts_with(b"MM\0*") {
        return Tiff::new(head)?.time();
    }
    exif_segments(head).find_map(|segment| Tiff::new(segment)?.time())
}

/// The TIFF structures in a JPEG's APP1 segments, up to the start of the picture.
fn exif_segments(jpeg: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = jpeg.strip_prefix(&[0xff, 0xd8]).unwrap_or_default();
    let segments = std::iter::from_fn(move || {
        let (marker, after) = next_marker(rest)?;
        let (length, _) = after.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length)).max(2);
        // A head that ends within a segment still holds its beginning.
        let (segment, following) = after.split_at(length.min(after.len()));
        rest = following;
        Some((marker, segment.get(2..).unwrap_or_default()))
    });
    segments
        .take(SEGMENTS_MAX)
        .filter(|(marker, _)| *marker == 0xe1)
        .filter_map(|(_, segment)| segment.strip_prefix(b"Exif\0")?.get(1..))
}

/// The next marker that begins a segment, without the fill bytes before it; none once the picture starts.
fn next_marker(rest: &[u8]) -> Option<(u8, &[u8])> {
    let after = rest.strip_prefix(&[0xff])?;
    let fill = after.iter().take_while(|byte| **byte == 0xff).count();
    let (marker, after) = after.get(fill..)?.split_first()?;
    // Start of scan, end of image, and the markers without a segment, none of which belongs before a picture.
    let ends = matches!(marker, 0x00 | 0x01 | 0xd0..=0xda);
    (!ends).then_some((*marker, after))
}

/// A TIFF structure; offsets count from its first byte.
struct Tiff<'a> {
    bytes: &'a [u8],
    big_endian: bool,
}

/// One entry of a directory, its value not yet looked up.
struct Entry {
    tag: u16,
    kind: u16,
    count: u32,
    /// Where the four bytes of the value, or of its offset, are.
    value_at: usize,
}

impl<'a> Tiff<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let big_endian = match bytes.get(..2)? {
            b"II" => false,
            b"MM" => true,
            _ => return None,
        };
        let tiff = Self { bytes, big_endian };
        (tiff.u16_at(2)? == 42).then_some(tiff)
    }

    fn time(&self) -> Option<DateTime> {
        let main = self.u32_at(4)?;
        let exif = self
            .entries(main)
            .find(|entry| entry.tag == EXIF_DIRECTORY && entry.kind == LONG);
        if let Some(exif) = exif.and_then(|entry| self.u32_at(entry.value_at)) {
            let time = self
                .time_in(exif, DATE_TIME_ORIGINAL)
                .or_else(|| self.time_in(exif, DATE_TIME_DIGITIZED));
            if time.is_some() {
                return time;
            }
        }
        self.time_in(main, DATE_TIME)
    }

    fn time_in(&self, directory: u32, tag: u16) -> Option<DateTime> {
        self.entries(directory)
            .filter(|entry| entry.tag == tag)
            .find_map(|entry| parse_time(self.text(&entry)?))
    }

    fn entries(&self, directory: u32) -> impl Iterator<Item = Entry> {
        let start = usize::try_from(directory).ok();
        let count = start.and_then(|start| self.u16_at(start)).map_or(0, usize::from);
        (0..count.min(ENTRIES_MAX)).map_while(move |index| {
            let at = start?.checked_add(2)?.checked_add(index.checked_mul(12)?)?;
            Some(Entry {
                tag: self.u16_at(at)?,
                kind: self.u16_at(at.checked_add(2)?)?,
                count: self.u32_at(at.checked_add(4)?)?,
                value_at: at.checked_add(8)?,
            })
        })
    }

    /// The value of an ASCII entry that is too long to stand in the entry itself.
    fn text(&self, entry: &Entry) -> Option<&'a [u8]> {
        let length = usize::try_from(entry.count)
            .ok()
            .filter(|length| *length > 4 && entry.kind == ASCII)?;
        let start = usize::try_from(self.u32_at(entry.value_at)?).ok()?;
        self.bytes.get(start..start.checked_add(length)?)
    }

    fn u16_at(&self, at: usize) -> Option<u16> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.big_endian {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    }

    fn u32_at(&self, at: usize) -> Option<u32> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }
}

/// `2014:09:19 16:25:30`; some cameras write other signs between the numbers, never other places.
fn parse_time(text: &[u8]) -> Option<DateTime> {
    let field = |at: usize, length: usize| {
        text.get(at..at + length)?.iter().try_fold(0_i16, |value, byte| {
            byte.is_ascii_digit().then(|| value * 10 + i16::from(byte - b'0'))
        })
    };
    let short = |at: usize| i8::try_from(field(at, 2)?).ok();
    let apart = [4, 7, 10, 13, 16]
        .iter()
        .all(|at| text.get(*at).is_some_and(|byte| !byte.is_ascii_alphanumeric()));
    if !apart {
        return None;
    }
    let year = field(0, 4).filter(|year| YEARS.contains(year))?;
    let date = Date::new(year, short(5)?, short(8)?).ok()?;
    let time = Time::new(short(11)?, short(14)?, short(17)?, 0).ok()?;
    Some(date.to_datetime(time))
}
