//! Gives out what snapshots hold: one file's bytes, or a folder as an archive. In order, in bounded memory, every
//! chunk checked before a byte of it leaves.

mod ahead;
mod names;
mod tar;
mod zip;

use std::io::{self, Write};
use std::ops::Range;

use lumivault_chunk_store::{Error, Event};
use lumivault_format::tree::{ContentRecord, Extent};

use super::error::BrowseError;
use super::listed::{Listed, ListedKind};
use super::tree::{Browser, Node};
use super::walk::{WalkOptions, Walked};
use crate::filter::Filter;
use ahead::{Ahead, Entries, Piece, with_ahead};

/// Files up to this size are read wholly before an archive says that they are in it. So a damaged photo is left out
/// and reported; a larger file, found damaged halfway, ends the archive.
const HELD_BYTES_MAX: u64 = 17 * 1024 * 1024;

/// Something about an archive that its receiver must know.
#[derive(Debug)]
pub enum ArchiveNote<'a> {
    /// An entry is not in the archive.
    Skipped {
        /// Its path in the snapshot.
        path: &'a [u8],
        /// Why.
        reason: SkipReason,
    },
    /// An entry, and with it all beneath it, has another name in the archive.
    Renamed {
        /// Its path in the snapshot.
        path: &'a [u8],
        /// Its path in the archive.
        written: &'a str,
    },
}

/// Why something is not in an archive.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SkipReason {
    /// It cannot be read.
    #[error("it cannot be read")]
    Unreadable(#[source] Error),
    /// It has a field that this program does not know and that may not be left out.
    #[error("it was stored by a newer lumivault and has a field, number {0}, that this one does not know")]
    UnknownField(u64),
    /// This kind of archive has no such things.
    #[error("such an archive cannot hold a {}", .0.name())]
    Kind(ListedKind),
    /// Its path is too long for this kind of archive.
    #[error("its path is too long for such an archive")]
    TooLong,
}

/// What an archive holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArchiveSummary {
    /// Files, hard links included.
    pub files: u64,
    /// Folders.
    pub folders: u64,
    /// Symbolic links and special files.
    pub others: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// Entries left out.
    pub skipped: u64,
    /// Of those, entries that cannot be read because stored data is damaged or missing.
    pub damaged: u64,
    /// Entries under another name.
    pub renamed: u64,
}

/// Takes notes about an archive.
pub type NoteTaker<'n> = dyn FnMut(ArchiveNote<'_>) -> io::Result<()> + 'n;

impl Browser<'_, '_> {
    /// Writes a file's bytes, or those in a range of it, as far as it reaches. Returns how many.
    pub fn write_file(
        &self,
        node: &Node,
        range: Option<Range<u64>>,
        out: &mut dyn Write,
    ) -> Result<u64, BrowseError> {
        let path = &node.listed.path;
        if node.content.is_none() {
            return Err(BrowseError::NotAFile { path: path.clone() });
        }
        if let Some(number) = node.listed.refused() {
            let text = format!("it has a field, number {number}, that this version does not know");
            return Err(BrowseError::at(path, Error::Unsupported(text)));
        }
        let wanted = range.unwrap_or(0..u64::MAX);
        let entries = Entries::One(Some(Box::new((node.clone(), wanted))));
        with_ahead(self.reader, entries, |ahead| {
            ahead.entry()?;
            let mut written = 0u64;
            while let Some(piece) = ahead.piece().map_err(|error| at(path, error))? {
                self.write_piece(&piece, out)?;
                written = written.saturating_add(piece.len());
            }
            Ok(written)
        })
    }

    /// Writes what is in a folder (or one file) as a tar archive in the pax format; names in it begin at the folder.
    pub fn write_tar(
        &self,
        start: &Node,
        filter: Option<&Filter>,
        out: &mut dyn Write,
        note: &mut NoteTaker<'_>,
    ) -> Result<ArchiveSummary, BrowseError> {
        let mut writer = tar::TarWriter::new(out);
        let summary = self.archive(start, filter, &mut writer, note)?;
        writer.finish().map_err(BrowseError::Output)?;
        Ok(summary)
    }

    /// Writes what is in a folder (or one file) as a ZIP archive whose names every system can hold. ZIP has times
    /// without a zone: `utc_offset_seconds`, best the snapshot's, says which zone's they are.
    pub fn write_zip(
        &self,
        start: &Node,
        filter: Option<&Filter>,
        utc_offset_seconds: i32,
        out: &mut dyn Write,
        note: &mut NoteTaker<'_>,
    ) -> Result<ArchiveSummary, BrowseError> {
        let open = std::cell::Cell::new(true);
        let mut writer = zip::Writer::new(out, &open, utc_offset_seconds);
        match self.archive(start, filter, &mut writer, note) {
            Ok(summary) => writer.finish().map_err(BrowseError::Output).map(|()| summary),
            Err(error) => {
                // What was written must not look whole.
                open.set(false);
                Err(error)
            }
        }
    }

    fn write_piece(&self, piece: &Piece, out: &mut dyn Write) -> Result<(), BrowseError> {
        static ZEROS: [u8; 65_536] = [0; 65_536];
        match piece {
            Piece::Bytes(bytes, range) => {
                let bytes = bytes.get(range.clone()).unwrap_or_default();
                out.write_all(bytes).map_err(BrowseError::Output)?;
            }
            Piece::Zeros(len) => {
                let mut left = *len;
                while left > 0 {
                    self.check_cancelled()?;
                    let now = usize::try_from(left).unwrap_or(usize::MAX).min(ZEROS.len());
                    let zeros = ZEROS.get(..now).unwrap_or(&ZEROS);
                    out.write_all(zeros).map_err(BrowseError::Output)?;
                    left = left.saturating_sub(u64::try_from(now).unwrap_or(u64::MAX));
                }
            }
        }
        let bytes = piece.len();
        self.tell(Event::Done { items: 0, bytes });
        Ok(())
    }

    fn tell(&self, event: Event<'_>) {
        self.reader.repository().environment().monitor.event(event);
    }

    fn archive(
        &self,
        start: &Node,
        filter: Option<&Filter>,
        format: &mut dyn Format,
        note: &mut NoteTaker<'_>,
    ) -> Result<ArchiveSummary, BrowseError> {
        let options = WalkOptions {
            recursive: true,
            filter,
        };
        let mut walk = self.walk(start, options);
        let inside = match &start.folder {
            Some(_) => start.listed.path.len(),
            None => start.listed.path.len().saturating_sub(start.listed.name().len()),
        };
        with_ahead(self.reader, Entries::Walk(&mut walk), |ahead| {
            let mut summary = ArchiveSummary::default();
            while let Some(walked) = ahead.entry()? {
                let (path, done) = match walked {
                    Walked::Unreadable { path, error } => {
                        (path, Added::Skipped(SkipReason::Unreadable(error)))
                    }
                    Walked::Entry(node) => {
                        let name = node.listed.path.get(inside..).unwrap_or_default();
                        let name = name.strip_prefix(b"/").unwrap_or(name);
                        let done = self.add(ahead, format, &node, name)?;
                        summary.count(&node.listed, &done);
                        (node.listed.path, done)
                    }
                };
                let noted = match done {
                    Added::Written => Ok(()),
                    Added::Renamed(written) => note(ArchiveNote::Renamed {
                        path: &path,
                        written: &written,
                    }),
                    Added::Skipped(reason) => {
                        summary.skipped += 1;
                        let damaged = matches!(&reason, SkipReason::Unreadable(error) if error.is_damage());
                        summary.damaged += u64::from(damaged);
                        note(ArchiveNote::Skipped { path: &path, reason })
                    }
                };
                noted.map_err(BrowseError::Output)?;
                self.tell(Event::Done { items: 1, bytes: 0 });
            }
            Ok(summary)
        })
    }

    /// Adds one entry.
    fn add(
        &self,
        ahead: &mut Ahead<'_, '_, '_, '_, '_>,
        format: &mut dyn Format,
        node: &Node,
        name: &[u8],
    ) -> Result<Added, BrowseError> {
        let listed = &node.listed;
        if let Some(number) = listed.refused() {
            return Ok(Added::Skipped(SkipReason::UnknownField(number)));
        }
        let Some(content) = node.content() else {
            return format.plain(listed, name).map_err(BrowseError::Output);
        };
        if format.hard_link(listed, name).map_err(BrowseError::Output)? {
            return Ok(Added::Written);
        }
        if let Some(error) = self.missing(content) {
            return Ok(Added::Skipped(SkipReason::Unreadable(error)));
        }
        let whole = listed.size <= HELD_BYTES_MAX;
        let held = match if whole { hold(ahead) } else { Ok(Vec::new()) } {
            Ok(held) => held,
            Err(BrowseError::Store(error)) if !matches!(error, Error::Cancelled) => {
                return Ok(Added::Skipped(SkipReason::Unreadable(error)));
            }
            Err(error) => return Err(error),
        };
        let begun = format
            .begin_file(listed, content, name)
            .map_err(BrowseError::Output)?;
        if let Added::Skipped(_) = begun {
            return Ok(begun);
        }
        for piece in held {
            self.write_piece(&piece, format.body())?;
        }
        while !whole && let Some(piece) = ahead.piece().map_err(|error| at(&listed.path, error))? {
            self.write_piece(&piece, format.body())?;
        }
        format.end_file().map_err(BrowseError::Output)?;
        Ok(begun)
    }

    /// The first chunk that no index knows.
    fn missing(&self, content: &ContentRecord) -> Option<Error> {
        let index = self.reader.index();
        let mut chunks = content.extents.iter().filter_map(Extent::chunk);
        chunks
            .find(|id| index.find(id).is_none())
            .map(Error::MissingChunk)
    }
}

/// All pieces of the entry at hand.
fn hold(ahead: &mut Ahead<'_, '_, '_, '_, '_>) -> Result<Vec<Piece>, BrowseError> {
    let mut held = Vec::new();
    while let Some(piece) = ahead.piece()? {
        held.push(piece);
    }
    Ok(held)
}

/// What became of an entry.
#[derive(Debug)]
enum Added {
    Written,
    /// Under this name.
    Renamed(String),
    Skipped(SkipReason),
}

/// A kind of archive. Entries come with their names from where the archive begins, folders before what is in them.
trait Format {
    /// Adds something without content.
    fn plain(&mut self, listed: &Listed, name: &[u8]) -> io::Result<Added>;

    /// Adds a file as another name of one that is in the archive; `false` if it is not.
    fn hard_link(&mut self, listed: &Listed, name: &[u8]) -> io::Result<bool>;

    /// Begins a file; [`body`](Self::body) then takes exactly its bytes.
    fn begin_file(&mut self, listed: &Listed, content: &ContentRecord, name: &[u8]) -> io::Result<Added>;

    fn body(&mut self) -> &mut dyn Write;

    fn end_file(&mut self) -> io::Result<()>;
}

impl ArchiveSummary {
    fn count(&mut self, listed: &Listed, added: &Added) {
        match added {
            Added::Skipped(_) => return,
            Added::Renamed(_) => self.renamed += 1,
            Added::Written => {}
        }
        match listed.kind {
            ListedKind::File => self.files += 1,
            ListedKind::Folder => self.folders += 1,
            _ => self.others += 1,
        }
        self.bytes = self.bytes.saturating_add(listed.size);
    }
}

/// A failure of the repository becomes one at this path.
fn at(path: &[u8], error: BrowseError) -> BrowseError {
    match error {
        BrowseError::Store(source) => BrowseError::at(path, source),
        other => other,
    }
}
