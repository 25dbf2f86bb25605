//! ZIP archives: finished media as they are, the rest deflated; names in UTF-8 that every system can hold; Zip64 where
//! it is needed. Written as a stream, so sizes stand behind the data and in the directory at the end.

use std::cell::Cell;
use std::io::{self, Write};

use ::zip::result::ZipError;
use ::zip::write::{FullFileOptions, StreamWriter, ZipWriter};
use ::zip::{CompressionMethod, DateTime, System};
use jiff::Timestamp;
use jiff::tz::Offset;
use lumivault_format::tree::{Category, ContentRecord};

use super::names::PathNames;
use super::{Added, Format, SkipReason};
use crate::browse::listed::{Listed, ListedKind};

/// The format's limit is 64 KiB for a name and all that is said with it.
const NAME_BYTES_MAX: usize = 60_000;
/// From here on deflate could push the size over what 32 bits hold.
const LARGE_BYTES_MIN: u64 = 0xFF00_0000;
/// Names that end so are of files that are compressed already, though not of a kind the chunker tells.
const FINISHED: [&str; 14] = [
    "jpg", "jpeg", "png", "gif", "webp", "mp4", "mp3", "m4a", "aac", "zip", "appx", "xap", "docx", "7z",
];

/// Writes a ZIP archive.
pub(super) struct Writer<'o> {
    zip: ZipWriter<StreamWriter<Gate<'o>>>,
    names: PathNames,
    utc_offset_seconds: i32,
}

/// Passes bytes on until it is closed: a writer that is dropped would end the archive as if it were whole.
struct Gate<'o> {
    out: &'o mut dyn Write,
    open: &'o Cell<bool>,
}

impl Write for Gate<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.open.get() {
            self.out.write(bytes)
        } else {
            Ok(bytes.len())
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.open.get() { self.out.flush() } else { Ok(()) }
    }
}

impl<'o> Writer<'o> {
    pub(super) fn new(out: &'o mut dyn Write, open: &'o Cell<bool>, utc_offset_seconds: i32) -> Self {
        Self {
            zip: ZipWriter::new_stream(Gate { out, open }),
            names: PathNames::new(),
            utc_offset_seconds,
        }
    }

    /// Ends the archive.
    pub(super) fn finish(self) -> io::Result<()> {
        self.zip.finish().map_err(output)?.into_inner().flush()
    }

    fn options(&self, listed: &Listed) -> io::Result<FullFileOptions<'static, 'static>> {
        let default = if listed.kind == ListedKind::Folder {
            0o755
        } else {
            0o644
        };
        // Permissions are read only where the entry is said to be of Unix; the default is the system this runs on.
        let mut options = FullFileOptions::default()
            .system(System::Unix)
            .unix_permissions(listed.mode.unwrap_or(default) & 0o777)
            .last_modified_time(civil(listed.mtime.0, self.utc_offset_seconds))
            .large_file(listed.size >= LARGE_BYTES_MIN);
        if let Ok(seconds) = i32::try_from(listed.mtime.0) {
            // Extended timestamp: only the modification time follows, in UTC.
            let field = [&[1], seconds.to_le_bytes().as_slice()].concat();
            options.add_extra_field(0x5455, field, false).map_err(output)?;
        }
        Ok(options)
    }

    /// The name in the archive, and how to report it.
    fn name(&mut self, name: &[u8]) -> Result<(String, Added), Added> {
        let (written, changed) = self.names.map(name);
        if written.len() > NAME_BYTES_MAX {
            return Err(Added::Skipped(SkipReason::TooLong));
        }
        let added = if changed {
            Added::Renamed(written.clone())
        } else {
            Added::Written
        };
        Ok((written, added))
    }
}

impl Format for Writer<'_> {
    fn plain(&mut self, listed: &Listed, name: &[u8]) -> io::Result<Added> {
        let target = listed.target.as_deref().map(std::str::from_utf8);
        let is_folder = listed.kind == ListedKind::Folder;
        if !is_folder && !matches!(target, Some(Ok(_))) {
            return Ok(Added::Skipped(SkipReason::Kind(listed.kind)));
        }
        let (written, added) = match self.name(name) {
            Ok(named) => named,
            Err(skipped) => return Ok(skipped),
        };
        let options = self.options(listed)?;
        match target {
            Some(Ok(target)) => self.zip.add_symlink(written, target, options).map_err(output)?,
            _ => self.zip.add_directory(written, options).map_err(output)?,
        }
        Ok(added)
    }

    /// ZIP has no such thing: each name gets its own copy.
    fn hard_link(&mut self, _: &Listed, _: &[u8]) -> io::Result<bool> {
        Ok(false)
    }

    fn begin_file(&mut self, listed: &Listed, content: &ContentRecord, name: &[u8]) -> io::Result<Added> {
        let (written, added) = match self.name(name) {
            Ok(named) => named,
            Err(skipped) => return Ok(skipped),
        };
        let method = if is_finished(listed, content) {
            CompressionMethod::Stored
        } else {
            CompressionMethod::Deflated
        };
        let options = self.options(listed)?.compression_method(method);
        self.zip.start_file(written, options).map_err(output)?;
        Ok(added)
    }

    fn body(&mut self) -> &mut dyn Write {
        &mut self.zip
    }

    fn end_file(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether deflate would find nothing: media and ZIPs, by the chunker's rules (docs/chunking.md §4), the category or
/// the name.
fn is_finished(listed: &Listed, content: &ContentRecord) -> bool {
    if matches!(content.classifier, 4..=8 | 10) || listed.category == Category::Packages {
        return true;
    }
    let name = String::from_utf8_lossy(listed.name()).to_ascii_lowercase();
    name.rsplit_once('.')
        .is_some_and(|(_, end)| FINISHED.contains(&end))
}

/// What a clock in that zone showed; the nearest time that ZIP can say.
fn civil(seconds: i64, utc_offset_seconds: i32) -> DateTime {
    let offset = Offset::from_seconds(utc_offset_seconds).unwrap_or(Offset::UTC);
    let Ok(instant) = Timestamp::from_second(seconds) else {
        return DateTime::default();
    };
    let civil = offset.to_datetime(instant);
    let field = |value: i8| u8::try_from(value).unwrap_or(0);
    match u16::try_from(civil.year()).unwrap_or(0) {
        year @ 1980..=2107 => DateTime::from_date_and_time(
            year,
            field(civil.month()),
            field(civil.day()),
            field(civil.hour()),
            field(civil.minute()),
            field(civil.second()),
        )
        .unwrap_or_default(),
        2108.. => DateTime::from_date_and_time(2107, 12, 31, 23, 59, 58).unwrap_or_default(),
        _ => DateTime::default(),
    }
}

fn output(error: ZipError) -> io::Error {
    match error {
        ZipError::Io(error) => error,
        other => io::Error::other(other),
    }
}
