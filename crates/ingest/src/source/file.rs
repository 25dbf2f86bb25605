//! A file being read: by position, without following links, and watched for changes.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

use super::metadata::mtime;
use crate::chunking::ReadAt;

/// An open source file of known length.
#[derive(Debug)]
pub(crate) struct SourceFile {
    file: File,
    opened: Metadata,
}

impl SourceFile {
    /// Opens a regular file. What became a link, a pipe or a folder since it was listed is refused.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = open_for_reading(path)?;
        let opened = file.metadata()?;
        if !opened.is_file() {
            return Err(io::Error::other("it is no regular file any more"));
        }
        Ok(Self { file, opened })
    }

    /// Fills as much of the buffer as there is in the file.
    pub(crate) fn fill(&self, mut offset: u64, mut buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len();
        while !buffer.is_empty() {
            match self.read_at(offset, buffer) {
                Ok(0) => break,
                Ok(length) => {
                    offset += length as u64;
                    buffer = buffer.get_mut(length..).unwrap_or_default();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(wanted - buffer.len())
    }

    /// Modification time at opening, seconds and nanoseconds.
    pub(crate) fn modified(&self) -> (i64, u32) {
        mtime(&self.opened)
    }

    /// Whether size and modification time are known to be those at opening.
    pub(crate) fn is_unchanged(&self) -> bool {
        self.file
            .metadata()
            .is_ok_and(|now| now.len() == self.opened.len() && mtime(&now) == self.modified())
    }

    /// Where the next data at or after `offset` begins, if the file system knows of a hole there; `None` where it does
    /// not or where data follows at once.
    pub(crate) fn skip_hole(&self, offset: u64) -> Option<u64> {
        next_data(&self.file, offset, &self.opened).filter(|next| *next > offset)
    }
}

impl ReadAt for SourceFile {
    fn len(&self) -> u64 {
        self.opened.len()
    }

    #[cfg(unix)]
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&self.file, buffer, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(&self.file, buffer, offset)
    }
}

#[cfg(unix)]
fn open_for_reading(path: &Path) -> io::Result<File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    let open = |flags: OFlags| {
        let flags = i32::try_from(flags.bits()).unwrap_or(0);
        OpenOptions::new().read(true).custom_flags(flags).open(path)
    };
    // A pipe put in the file's place must not block for ever.
    let safe = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    // Reading for a backup is no use of the file; only its owner may say so.
    #[cfg(target_os = "linux")]
    match open(safe | OFlags::NOATIME) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
        result => return result,
    }
    open(safe)
}

#[cfg(windows)]
fn open_for_reading(path: &Path) -> io::Result<File> {
    use std::os::windows::fs::{MetadataExt, OpenOptionsExt};
    const OPEN_REPARSE_POINT: u32 = 0x0020_0000;
    const ATTRIBUTE_REPARSE_POINT: u32 = 0x0000_0400;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(OPEN_REPARSE_POINT)
        .open(path)?;
    let metadata = file.metadata()?;
    // Compressed, deduplicated and cloud files are reparse points that stand for their own content, and are read
    // without the flag. A link is refused by the caller.
    if metadata.is_file() && metadata.file_attributes() & ATTRIBUTE_REPARSE_POINT != 0 {
        return File::open(path);
    }
    Ok(file)
}

#[cfg(unix)]
fn next_data(file: &File, offset: u64, metadata: &Metadata) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    if metadata.blocks().saturating_mul(512) >= metadata.len() {
        return None;
    }
    match rustix::fs::seek(file, rustix::fs::SeekFrom::Data(offset)) {
        Ok(next) => Some(next),
        // No data up to the end.
        Err(rustix::io::Errno::NXIO) => Some(metadata.len()),
        Err(_) => None,
    }
}

#[cfg(windows)]
fn next_data(_file: &File, _offset: u64, _metadata: &Metadata) -> Option<u64> {
    // Reading zeros is fast enough; asking Windows for ranges would need unsafe calls.
    None
}
