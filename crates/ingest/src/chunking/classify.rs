//! Which rule a content falls under: they are asked in order, and the first that applies decides.

use super::params::{BIG_MIN, COARSE, FINE, HEAD, MEDIA_PIECE, TINY_MAX};
use super::plan::{Hint, Layout, Method, Plan, Rule};
use super::source::{Peek, ReadAt};
use super::{jpeg, media, zip};
use std::io;

/// The rules for content of known length, in order. The last applies to everything.
const ORDER: [Rule; 12] = [
    Rule::Empty,
    Rule::Tiny,
    Rule::Jpeg,
    Rule::Iso,
    Rule::MpegAudio,
    Rule::Asf,
    Rule::Flac,
    Rule::OtherMedia,
    Rule::ZipEntries,
    Rule::Text,
    Rule::Data,
    Rule::Big,
];

/// Decides how `source` is cut. Reads a few kilobytes, for a ZIP also its directory and its larger entries' headers.
/// Fails only where reading does.
pub fn classify(source: &dyn ReadAt) -> io::Result<Plan> {
    let mut content = Peek::new(source, HEAD);
    for rule in ORDER {
        if let Some(layout) = apply(rule, &mut content)? {
            return Ok(Plan::new(rule, layout));
        }
    }
    Ok(Plan::new(Rule::Big, coarse(source.len())))
}

/// The plan of one rule, or `None` where it does not apply: for content that resembles what an older rule cut.
pub fn classify_as(rule: Rule, source: &dyn ReadAt) -> io::Result<Option<Plan>> {
    if rule == Rule::Stream {
        return Ok(Some(Plan::stream()));
    }
    let layout = apply(rule, &mut Peek::new(source, HEAD))?;
    Ok(layout.map(|layout| Plan::new(rule, layout)))
}

fn apply(rule: Rule, content: &mut Peek<'_>) -> io::Result<Option<Layout>> {
    let len = content.len();
    Ok(match rule {
        Rule::Empty => (len == 0).then(|| piece(len)),
        Rule::Tiny => (1..=TINY_MAX).contains(&len).then(|| piece(len)),
        Rule::Stream => None,
        Rule::Jpeg => jpeg::layout(content)?,
        Rule::Iso => media::iso(content)?,
        Rule::MpegAudio => media::mpeg_audio(content)?,
        Rule::Asf => media::asf(content)?,
        Rule::Flac => media::flac(content)?,
        Rule::OtherMedia => media::other(content)?,
        Rule::ZipEntries => zip::layout(content)?,
        Rule::Text => {
            let head = content.head(HEAD)?;
            (is_database(head) || is_text(head)).then(|| fine(len))
        }
        Rule::Data => (len < BIG_MIN).then(|| fine(len)),
        Rule::Big => Some(coarse(len)),
    })
}

/// Fits into one piece.
fn piece(len: u64) -> Layout {
    Layout::new(len, Method::Pieces(MEDIA_PIECE), Hint::Compress)
}

fn fine(len: u64) -> Layout {
    Layout::new(len, Method::Cdc(&FINE), Hint::Compress)
}

fn coarse(len: u64) -> Layout {
    Layout::new(len, Method::Cdc(&COARSE), Hint::Compress)
}

/// SQLite, or the ESE of Windows and its phones.
fn is_database(head: &[u8]) -> bool {
    head.starts_with(b"SQLite format 3\0") || head.get(4..8) == Some(b"\xEF\xCD\xAB\x89")
}

/// UTF-16 with its mark, or no byte that text in any 8-bit encoding lacks.
fn is_text(head: &[u8]) -> bool {
    let plain = |&byte: &u8| matches!(byte, b'\t' | b'\n' | 0x0C | b'\r' | 0x20..=0x7E | 0x80..);
    head.starts_with(b"\xFF\xFE")
        || head.starts_with(b"\xFE\xFF")
        || (!head.is_empty() && head.iter().all(plain))
}
