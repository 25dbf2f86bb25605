//! JPEG: the metadata that tools edit, cut from the picture that they leave alone.

use super::params::{CHUNK_MAX, JPEG_HEADER_MAX, JPEG_STEPS_MAX, MEDIA_PIECE, SPLIT_MIN};
use super::plan::{Hint, Layout, Method};
use super::source::Peek;
use std::io;

const START_OF_SCAN: u8 = 0xDA;

/// Rule 4 (docs/chunking.md): header through the first start-of-scan segment, then the picture.
pub(super) fn layout(content: &mut Peek<'_>) -> io::Result<Option<Layout>> {
    if content.len() <= SPLIT_MIN {
        return Ok(None);
    }
    let Some(picture) = picture_start(content)? else {
        return Ok(None);
    };
    let header = Layout::new(content.len(), Method::Pieces(CHUNK_MAX), Hint::Compress);
    let tail = picture + CHUNK_MAX as u64;
    Ok(Some(
        header
            .then(picture, Method::Pieces(CHUNK_MAX), Hint::Sample)
            .then(tail, Method::Pieces(MEDIA_PIECE), Hint::Sample),
    ))
}

/// Where the entropy-coded bytes begin. `None` for anything but a plain sequence of marker segments: a truncated
/// or odd file is still content, only not worth a cut.
fn picture_start(content: &mut Peek<'_>) -> io::Result<Option<u64>> {
    if content.array(0)? != Some([0xFF, 0xD8, 0xFF]) {
        return Ok(None);
    }
    let mut at = 2;
    for _ in 0..JPEG_STEPS_MAX {
        let Some([0xFF, marker, high, low]) = content.array(at)? else {
            return Ok(None);
        };
        match marker {
            0xFF => {
                at += 1;
                continue;
            }
            // No segment, or none that may stand before a scan: stuffing, TEM, RSTn, SOI, EOI.
            0x00 | 0x01 | 0xD0..=0xD9 => return Ok(None),
            _ => {}
        }
        let length = u16::from_be_bytes([high, low]);
        at += 2 + u64::from(length);
        if length < 2 || at > JPEG_HEADER_MAX || at >= content.len() {
            return Ok(None);
        }
        if marker == START_OF_SCAN {
            return Ok(Some(at));
        }
    }
    Ok(None)
}
