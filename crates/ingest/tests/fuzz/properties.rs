//! What must hold for contents, photos and names of any kind; also included by the fuzzers in the folder `tests/fuzz` of
//! the workspace. Each function panics where a promise is broken.

use std::io;
use std::sync::OnceLock;

use jiff::tz::TimeZone;
use lumivault_ingest::chunking::{
    CHUNK_MAX, Chunker, Cut, HOLE_BLOCK, Plan, ReadAt, Rule, classify, classify_as,
};
use lumivault_ingest::dates::{Newest, end_of, from_camera_name, from_exif, from_name, instant_of};

fn chunker() -> &'static Chunker {
    static CHUNKER: OnceLock<Chunker> = OnceLock::new();
    CHUNKER.get_or_init(|| Chunker::new(&[7; 32]))
}

/// A content behind two bytes: the rule to cut it by, and how much of it is shown at once. The cuts cover it exactly, stay
/// within limits, and do not depend on what is shown.
pub(crate) fn content(bytes: &[u8]) {
    let [rule, shown, content @ ..] = bytes else {
        return;
    };
    let plan = match Rule::from_number(*rule).map(|rule| classify_as(rule, &content)) {
        Some(plan) => plan.unwrap_or(None),
        None => classify(&content).ok(),
    };
    let Some(plan) = plan else { return };
    let whole = cuts(&plan, content, usize::MAX);
    assert_eq!(whole.iter().map(|cut| cut.1).sum::<usize>(), content.len());
    let in_parts = cuts(&plan, content, usize::from(*shown) * 997 + 1);
    assert!(
        whole == in_parts,
        "{:?} was cut as {whole:?}, and in parts as {in_parts:?}",
        plan.rule()
    );
}

/// Whether a segment is a hole, and its bytes; holes side by side are one.
fn cuts(plan: &Plan, content: &[u8], shown: usize) -> Vec<(bool, usize)> {
    let mut cutter = chunker().cutter(plan);
    let (mut at, mut window, mut found) = (0, shown, Vec::<(bool, usize)>::new());
    loop {
        let left = &content[at..];
        let visible = &left[..left.len().min(window)];
        let at_end = visible.len() == left.len();
        if let Some(known) = cutter.next_length_known() {
            assert!((1..=CHUNK_MAX).contains(&known) && known <= left.len());
        }
        match cutter.next(visible, at_end) {
            Cut::Chunk { length, .. } => {
                assert!((1..=CHUNK_MAX).contains(&length) && length <= visible.len());
                found.push((false, length));
                at += length;
            }
            Cut::Hole { length } => {
                assert!(length > 0 && length <= visible.len() && length % HOLE_BLOCK == 0);
                assert!(at % HOLE_BLOCK == 0 && visible[..length].iter().all(|byte| *byte == 0));
                match found.last_mut() {
                    Some((true, before)) => *before += length,
                    _ => found.push((true, length)),
                }
                at += length;
            }
            Cut::NeedMore { at_least } => {
                assert!(!at_end && at_least > visible.len() && at_least <= CHUNK_MAX);
                window = at_least;
                continue;
            }
            Cut::End => break,
        }
        assert_eq!(cutter.position(), at as u64);
        window = shown;
    }
    assert_eq!(at, content.len());
    found
}

/// A content of any length, of which only both ends hold something: sizes that are claimed can be met.
struct Sparse<'a> {
    len: u64,
    head: &'a [u8],
    tail: &'a [u8],
}

impl ReadAt for Sparse<'_> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        let tail_start = self.len.saturating_sub(self.tail.len() as u64);
        for (at, byte) in (offset..).zip(&mut buffer[..length]) {
            let within = |start: u64, part: &[u8]| {
                let place = usize::try_from(at.checked_sub(start)?).ok()?;
                part.get(place).copied()
            };
            *byte = within(tail_start, self.tail)
                .or_else(|| within(0, self.head))
                .unwrap_or(0);
        }
        Ok(length)
    }
}

/// Bytes that tell a length, then where the content's beginning ends and its end begins.
pub(crate) fn sparse(bytes: &[u8]) {
    let Some((len, rest)) = bytes.split_first_chunk() else {
        return;
    };
    let Some((split, rest)) = rest.split_first_chunk() else {
        return;
    };
    // Files have no more bytes: their offsets are signed.
    let len = u64::from_le_bytes(*len) >> 1;
    let (head, tail) = rest.split_at(rest.len().min(usize::from(u16::from_le_bytes(*split))));
    let source = Sparse { len, head, tail };
    for rule in Rule::ALL {
        let _ = classify_as(*rule, &source).map(|plan| ends(plan.as_ref(), len));
    }
    ends(classify(&source).ok().as_ref(), len);
}

/// Wherever a cutter stands, what it takes without looking ends within the content.
fn ends(plan: Option<&Plan>, len: u64) {
    let Some(plan) = plan else { return };
    let places = [0, 1, 30, len / 2, len.saturating_sub(1), len];
    for at in places {
        let cutter = chunker().cutter_at(plan, at);
        if let Some(length) = cutter.next_length_known() {
            assert!(length > 0 && length <= CHUNK_MAX && at + length as u64 <= len);
        }
    }
}

/// The first bytes of a photo.
pub(crate) fn exif(bytes: &[u8]) {
    if let Some(time) = from_exif(bytes) {
        assert!((1990..=2099).contains(&time.year()));
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let instant = instant_of(time, &zone).expect("a photo's time is in the calendar");
        assert_eq!(instant.validate(), Ok(()));
        Newest::photos(time).offer(time);
    }
}

/// Names of folders and of photos.
pub(crate) fn names(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match from_name(&text) {
        Ok(Some(dated)) => {
            assert!((1990..=2099).contains(&dated.period.first_day().year()));
            let end = end_of(dated.period, &TimeZone::UTC).expect("a period ends in the calendar");
            assert_eq!((end.validate(), end.period()), (Ok(()), dated.period));
        }
        Ok(None) => {}
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Some(found) = from_camera_name(&text) {
        assert!((1990..=2099).contains(&found.earliest().year()));
    }
}

/// Contents of every kind, small but beyond the length from which rules look into them.
pub(crate) fn content_seeds() -> Vec<Vec<u8>> {
    let with_rule = |rule: u8, content: &[u8]| [&[rule, 40], content].concat();
    let mut seeds: Vec<Vec<u8>> = heads()
        .iter()
        .map(|head| with_rule(0, &[head, &filling(20_000)[..]].concat()))
        .collect();
    seeds.push(with_rule(0, &zip()));
    seeds.push(with_rule(
        3,
        &[filling(3000), vec![0; 140_000], filling(70_000)].concat(),
    ));
    seeds.push(with_rule(13, &[vec![0; 65_536], filling(100_000)].concat()));
    seeds.push(with_rule(11, &b"some text\n".repeat(4000)));
    seeds.push(with_rule(0, b"tiny"));
    seeds
}

/// The same as beginnings and ends of contents of other lengths.
pub(crate) fn sparse_seeds() -> Vec<Vec<u8>> {
    let seed = |len: u64, head: &[u8], tail: &[u8]| {
        let split = u16::try_from(head.len()).unwrap_or(u16::MAX);
        [&(len << 1).to_le_bytes()[..], &split.to_le_bytes(), head, tail].concat()
    };
    let mut seeds: Vec<Vec<u8>> = heads().iter().map(|head| seed(1 << 40, head, b"TAG")).collect();
    let zip = zip();
    let (entries, directory) = zip.split_at(zip.len() / 2);
    seeds.push(seed(zip.len() as u64, entries, directory));
    seeds.push(seed(1 << 33, &entries[..40], &zip64_end(1 << 33)));
    seeds
}

/// Photos with a date, in both byte orders.
pub(crate) fn exif_seeds() -> Vec<Vec<u8>> {
    let little = tiff(false);
    let jpeg = |tiff: &[u8]| {
        let body = [b"Exif\0\0".as_slice(), tiff].concat();
        let length = u16::try_from(body.len() + 2).unwrap_or(0).to_be_bytes();
        [
            b"\xFF\xD8\xFF\xE0\0\x04ab\xFF\xE1".as_slice(),
            &length,
            &body,
            b"\xFF\xDA\0\x02",
        ]
        .concat()
    };
    vec![jpeg(&little), jpeg(&tiff(true)), little]
}

/// Names with dates.
pub(crate) fn name_seeds() -> Vec<Vec<u8>> {
    [
        "Lumia-Backup-2026-05",
        "Backup 14 de mayo de 2026",
        "May 14th, 2026 (Lumia 950 XL)",
        "2026. 05. 14. telefon",
        "20260514_phone 1920x1080",
        "+49 171 2026051 2015-06",
        "резервная копия 14 мая 2026",
        "WP_20150111_16_25_30_Pro.jpg",
        "IMG-20150111-WA0001.jpg",
        "5.6.2014 é\u{301} März",
    ]
    .map(|name| name.as_bytes().to_vec())
    .to_vec()
}

fn filling(length: usize) -> Vec<u8> {
    (0..length as u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

fn heads() -> Vec<Vec<u8>> {
    let asf = [
        b"\x30\x26\xB2\x75\x8E\x66\xCF\x11\xA6\xD9\x00\xAA\x00\x62\xCE\x6C".as_slice(),
        &500u64.to_le_bytes(),
    ]
    .concat();
    vec![
        b"\xFF\xD8\xFF\xE0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xFF\xDA\0\x0C\x03\x01\0\x02\x11\x03\x11\0\x3F\0".to_vec(),
        b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom\0\0\0\x08wide\0\0\0\x01mdat\0\0\0\0\0\x01\0\0".to_vec(),
        b"\0\0\0\x10ftypmp42\0\0\0\0\0\0\x04\0moov".to_vec(),
        b"ID3\x03\0\x10\0\0\x20\0".to_vec(),
        b"\xFF\xFB\x90\0".to_vec(),
        asf,
        b"fLaC\0\0\0\x22".iter().copied().chain([1; 34]).chain(*b"\x84\0\0\x10").collect(),
        b"\x89PNG\r\n\x1A\n".to_vec(),
        b"SQLite format 3\0".to_vec(),
    ]
}

/// Three stored entries of 5,000 bytes, with their directory.
fn zip() -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for name in [b"a", b"b", b"c"] {
        let header = u32::try_from(out.len()).unwrap_or(0);
        let common = [
            &b"\x14\0\0\0\0\0\0\0\0\0\0\0\0\0"[..],
            &5000u32.to_le_bytes(),
            &5000u32.to_le_bytes(),
            b"\x01\0\0\0",
        ]
        .concat();
        out.extend_from_slice(&[b"PK\x03\x04", &common[..], name].concat());
        out.extend(filling(5000));
        directory.extend_from_slice(
            &[
                b"PK\x01\x02\x14\0",
                &common[..],
                &[0; 10],
                &header.to_le_bytes(),
                name,
            ]
            .concat(),
        );
    }
    let start = u32::try_from(out.len()).unwrap_or(0).to_le_bytes();
    let size = u32::try_from(directory.len()).unwrap_or(0).to_le_bytes();
    out.extend(directory);
    out.extend([b"PK\x05\x06\0\0\0\0\x03\0\x03\0", &size[..], &start, b"\0\0"].concat());
    out
}

/// A directory of one entry of 5 GB and the records behind it, for the end of a content.
fn zip64_end(len: u64) -> Vec<u8> {
    let entry = [
        b"PK\x01\x02\x2D\0\x2D\0\0\0\0\0\0\0\0\0\0\0\0\0".as_slice(),
        &[0xff; 8],
        b"\x01\0\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0a\x01\0\x10\0",
        &5_000_000_000u64.to_le_bytes(),
        &5_000_000_000u64.to_le_bytes(),
    ]
    .concat();
    let start = len - (entry.len() + 56 + 20 + 22) as u64;
    let size = (entry.len() as u64).to_le_bytes();
    let end = [
        b"PK\x06\x06\x2c\0\0\0\0\0\0\0\x2D\0\x2D\0\0\0\0\0\0\0\0\0".as_slice(),
        &1u64.to_le_bytes(),
        &1u64.to_le_bytes(),
        &size,
        &start.to_le_bytes(),
    ]
    .concat();
    let locator = [
        b"PK\x06\x07\0\0\0\0".as_slice(),
        &(start + entry.len() as u64).to_le_bytes(),
        b"\x01\0\0\0",
    ]
    .concat();
    [
        &entry[..],
        &end,
        &locator,
        b"PK\x05\x06\0\0\0\0",
        &[0xff; 12],
        b"\0\0",
    ]
    .concat()
}

fn tiff(big_endian: bool) -> Vec<u8> {
    let two = |n: u16| {
        if big_endian {
            n.to_be_bytes()
        } else {
            n.to_le_bytes()
        }
    };
    let four = |n: u32| {
        if big_endian {
            n.to_be_bytes()
        } else {
            n.to_le_bytes()
        }
    };
    let mut out = if big_endian {
        b"MM".to_vec()
    } else {
        b"II".to_vec()
    };
    out.extend(
        [
            &two(42)[..],
            &four(8),
            &two(1),
            &two(0x8769),
            &two(4),
            &four(1),
            &four(26),
            &four(0),
        ]
        .concat(),
    );
    out.extend([&two(1)[..], &two(0x9003), &two(2), &four(20), &four(44), &four(0)].concat());
    out.extend_from_slice(b"2014:09:19 16:25:30\0");
    out
}
