//! Finished media other than photos: recognised by their first bytes, cut so that edited tags do not move the rest.

use super::params::{FLAC_BLOCKS_MAX, ISO_BOXES_MAX, MEDIA_PIECE, SPLIT_MIN};
use super::plan::{Hint, Layout, Method};
use super::source::Peek;
use std::io;

const PIECES: Method = Method::Pieces(MEDIA_PIECE);

/// Metadata up to `payload`, media from there on.
fn split(content: &Peek<'_>, head: Hint, payload: u64) -> Layout {
    Layout::new(content.len(), PIECES, head).then(payload, PIECES, Hint::Sample)
}

/// Rule 5: ISO base media and QuickTime, cut at both ends of the first `mdat` payload.
pub(super) fn iso(content: &mut Peek<'_>) -> io::Result<Option<Layout>> {
    if content.len() <= SPLIT_MIN {
        return Ok(None);
    }
    let Some(first) = content.array::<8>(0)? else {
        return Ok(None);
    };
    let sure = match &first[4..] {
        b"ftyp" => true,
        b"moov" | b"mdat" | b"wide" | b"free" | b"skip" | b"pnot" => false,
        _ => return Ok(None),
    };
    Ok(match media_data(content)? {
        Some((start, end)) => Some(split(content, Hint::Compress, start).then(end, PIECES, Hint::Sample)),
        None => sure.then(|| Layout::new(content.len(), PIECES, Hint::Sample)),
    })
}

/// First and last-plus-one byte of the first `mdat` payload that is not empty, cut off where the content ends.
fn media_data(content: &mut Peek<'_>) -> io::Result<Option<(u64, u64)>> {
    let mut at = 0_u64;
    for _ in 0..ISO_BOXES_MAX {
        let Some([a, b, c, d, kind @ ..]) = content.array::<8>(at)? else {
            return Ok(None);
        };
        let (header, size) = match u32::from_be_bytes([a, b, c, d]) {
            0 => (8, content.len() - at),
            1 => match content.array(at + 8)? {
                Some(size) => (16, u64::from_be_bytes(size)),
                None => return Ok(None),
            },
            size => (8, u64::from(size)),
        };
        let Some(next) = at.checked_add(size).filter(|_| size >= header) else {
            return Ok(None);
        };
        // Some cameras put an empty one first, as room for a longer length field.
        if &kind == b"mdat" && size > header {
            return Ok(Some((at + header, next.min(content.len()))));
        }
        at = next;
    }
    Ok(None)
}

/// Rule 6: MPEG audio, cut after an ID3v2 tag at the start and before an ID3v1 tag at the end.
pub(super) fn mpeg_audio(content: &mut Peek<'_>) -> io::Result<Option<Layout>> {
    let len = content.len();
    if len <= SPLIT_MIN {
        return Ok(None);
    }
    let Some([b'I', b'D', b'3', major, _, flags, size @ ..]) = content.array::<10>(0)? else {
        return Ok(if frames(content)? {
            Some(before_id3v1(content, split(content, Hint::Sample, 0))?)
        } else {
            None
        });
    };
    if major == 0xFF || size.iter().any(|byte| byte & 0x80 != 0) {
        return Ok(None);
    }
    let footer = if flags & 0x10 == 0 { 0 } else { 10 };
    let tag = 10 + footer + size.iter().fold(0, |sum, &byte| sum << 7 | u64::from(byte));
    if tag >= len - ID3V1 {
        return Ok(None);
    }
    let layout = split(content, Hint::Sample, tag);
    before_id3v1(content, layout).map(Some)
}

const ID3V1: u64 = 128;

fn before_id3v1(content: &mut Peek<'_>, layout: Layout) -> io::Result<Layout> {
    let start = content.len() - ID3V1;
    let tagged = content.array(start)? == Some(*b"TAG");
    Ok(if tagged {
        layout.then(start, PIECES, Hint::Compress)
    } else {
        layout
    })
}

/// Whether two MPEG layer III frames follow one another from the start: one sync word alone is too weak a sign.
fn frames(content: &mut Peek<'_>) -> io::Result<bool> {
    let Some(length) = content.array(0)?.and_then(frame_length) else {
        return Ok(false);
    };
    Ok(content.array(length)?.and_then(frame_length).is_some())
}

/// Length of the layer III frame with this header.
fn frame_length(header: [u8; 4]) -> Option<u64> {
    const VERSION_1: [u64; 14] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
    const VERSION_2: [u64; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    let [0xFF, kind, rates, _] = header else {
        return None;
    };
    if kind & 0xE6 != 0xE2 {
        return None;
    }
    let (bitrates, slots, divisor) = match kind >> 3 & 3 {
        3 => (VERSION_1, 144_000, 1),
        2 => (VERSION_2, 72_000, 2),
        0 => (VERSION_2, 72_000, 4),
        _ => return None,
    };
    let bitrate = bitrates.get(usize::from(rates >> 4).checked_sub(1)?)?;
    let frequency = [44_100, 48_000, 32_000].get(usize::from(rates >> 2 & 3))? / divisor;
    Some(slots * bitrate / frequency + u64::from(rates >> 1 & 1))
}

/// Rule 7: ASF (WMA, WMV), cut after the header object.
pub(super) fn asf(content: &mut Peek<'_>) -> io::Result<Option<Layout>> {
    const HEADER_OBJECT: [u8; 16] = *b"\x30\x26\xB2\x75\x8E\x66\xCF\x11\xA6\xD9\x00\xAA\x00\x62\xCE\x6C";
    if content.len() <= SPLIT_MIN || content.array(0)? != Some(HEADER_OBJECT) {
        return Ok(None);
    }
    let Some(size) = content.array(16)?.map(u64::from_le_bytes) else {
        return Ok(None);
    };
    Ok((30..content.len())
        .contains(&size)
        .then(|| split(content, Hint::Compress, size)))
}

/// Rule 8: FLAC, cut after the metadata blocks.
pub(super) fn flac(content: &mut Peek<'_>) -> io::Result<Option<Layout>> {
    if content.len() <= SPLIT_MIN || content.array(0)? != Some(*b"fLaC") {
        return Ok(None);
    }
    let mut at = 4;
    for _ in 0..FLAC_BLOCKS_MAX {
        let Some([kind, a, b, c]) = content.array(at)? else {
            return Ok(None);
        };
        at += 4 + u64::from(u32::from_be_bytes([0, a, b, c]));
        if at >= content.len() {
            return Ok(None);
        }
        if kind & 0x80 != 0 {
            return Ok(Some(split(content, Hint::Sample, at)));
        }
    }
    Ok(None)
}

/// First bytes of the media that rule 9 knows, with the offset they stand at.
const SIGNATURES: &[(usize, &[u8])] = &[
    (0, b"\xFF\xD8\xFF"),                     // JPEG that rule 4 left alone
    (0, b"\x89PNG\r\n\x1A\n"),                // PNG
    (0, b"GIF87a"),                           // GIF
    (0, b"GIF89a"),                           // GIF
    (0, b"II*\0"),                            // TIFF, DNG, little-endian
    (0, b"MM\0*"),                            // TIFF, DNG, big-endian
    (0, b"RIFF"),                             // AVI, WAV, WebP
    (0, b"OggS"),                             // Ogg
    (0, b"fLaC"),                             // FLAC that rule 8 left alone
    (0, b"ID3"),                              // MPEG audio that rule 6 left alone
    (0, b"#!AMR"),                            // AMR voice
    (0, b"FLV\x01"),                          // Flash video
    (0, b"\x1A\x45\xDF\xA3"),                 // Matroska, WebM
    (0, b"\0\0\x01\xBA"),                     // MPEG program stream
    (0, b"\0\0\x01\xB3"),                     // MPEG video
    (0, b"\x30\x26\xB2\x75\x8E\x66\xCF\x11"), // ASF that rule 7 left alone
    (4, b"ftyp"),                             // ISO base media that rule 5 left alone
    (0, b"EXPH"),                             // encrypted package
    (0, b"EXSH"),                             // encrypted package
    (0, b"EXBH"),                             // encrypted package
];

/// Rule 9: media known by signature, in pieces from the start.
pub(super) fn other(content: &mut Peek<'_>) -> io::Result<Option<Layout>> {
    let head = content.head(32)?;
    let known = SIGNATURES
        .iter()
        .any(|(at, bytes)| head.get(*at..).is_some_and(|head| head.starts_with(bytes)));
    Ok(known.then(|| Layout::new(content.len(), PIECES, Hint::Sample)))
}
