//! ZIP packages: cuts around the entries, so that two builds of an app share what they have in common.

mod directory;

use super::params::{FINE, ZIP_ENTRY_ALONE, ZIP_GROUP_MIN, ZIP_PIECE};
use super::plan::{Hint, Layout, Method};
use super::source::Peek;
use directory::{Directory, Entry};
use std::io;

const LOCAL_SIGNATURE: [u8; 4] = *b"PK\x03\x04";
/// Bytes of a local header before name and extra fields.
const LOCAL_HEADER: usize = 30;

/// Rule 10 (docs/chunking.md): the data of each entry that is worth it, without its header, because headers hold
/// times that change from build to build; small entries in groups.
pub(super) fn layout(content: &mut Peek<'_>) -> io::Result<Option<Layout>> {
    if content.array(0)? != Some(LOCAL_SIGNATURE) {
        return Ok(None);
    }
    let Some(directory) = Directory::read(content.source())? else {
        return Ok(None);
    };
    let mut layout = Layout::new(content.len(), Method::Cdc(&FINE), Hint::Compress);
    let mut last = 0;
    for (entry, end) in directory.with_ends() {
        if entry.size < ZIP_ENTRY_ALONE {
            group(&mut layout, &mut last, entry.header);
            continue;
        }
        let Some(data) = data_start(content, entry)? else {
            return Ok(None);
        };
        let Some(data_end) = data.checked_add(entry.size).filter(|&data_end| data_end <= end) else {
            return Ok(None);
        };
        let (method, hint) = if entry.stored {
            (Method::Cdc(&FINE), Hint::Sample)
        } else {
            (Method::Pieces(ZIP_PIECE), Hint::Store)
        };
        layout.push(data, method, hint);
        layout.push(data_end, Method::Cdc(&FINE), Hint::Compress);
        last = data_end;
    }
    group(&mut layout, &mut last, directory.start);
    Ok(Some(layout))
}

/// Ends a group of small entries before the header at `start`, if it has grown enough.
fn group(layout: &mut Layout, last: &mut u64, start: u64) {
    if start.saturating_sub(*last) >= ZIP_GROUP_MIN {
        layout.push(start, Method::Cdc(&FINE), Hint::Compress);
        *last = start;
    }
}

/// Where the entry's data begins. The local header has name and extra fields of its own, often unlike those in
/// the directory.
fn data_start(content: &mut Peek<'_>, entry: &Entry) -> io::Result<Option<u64>> {
    let Some(header) = content.array::<LOCAL_HEADER>(entry.header)? else {
        return Ok(None);
    };
    let [.., name_low, name_high, extra_low, extra_high] = header;
    let variable = u64::from(u16::from_le_bytes([name_low, name_high]))
        + u64::from(u16::from_le_bytes([extra_low, extra_high]));
    let data = entry.header.checked_add(LOCAL_HEADER as u64 + variable);
    Ok(data.filter(|_| header.starts_with(&LOCAL_SIGNATURE)))
}
