//! Files on their way into the target, and files that are there already.
//!
//! A file is written under a temporary name and gets its own when it is whole. Only handles of a bounded number are
//! open, so thousands of files can be on their way at once.

use super::names::MappedName;
use super::stat::{self, NoMode, Parts, Warning};
use super::sys::{self, Found, Identity, Kind, Object};
use super::{Finished, Folder, Outcome, Overwrite, StoredPath, TargetError, place};
use lumivault_format::tree::StatRecord;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::sync::Arc;

/// How many temporary names are tried that somebody else has taken.
const ATTEMPTS: usize = 16;

/// Ranges from this length on are on their way to the disk at once, so that the end of the restore need not wait for all
/// of them. Shorter ones are better gathered by the system.
const WRITEBACK_BYTES_MIN: u64 = 128 * 1024;

/// A file that is being written. Dropping it removes what was written.
#[derive(Debug)]
pub struct PartialFile {
    folder: Folder,
    name: MappedName,
    temp: OsString,
    id: u64,
    identity: Identity,
    size: u64,
    stat: StatRecord,
    /// Whether the temporary name is ours to remove.
    pending: bool,
}

impl Folder {
    /// Begins a file of `size` bytes, that will have the metadata `stat`. Ranges that are never written read as
    /// zeros, and take no room where the file system has holes.
    pub fn begin_file(
        &self,
        name: &MappedName,
        size: u64,
        stat: StatRecord,
    ) -> Result<PartialFile, TargetError> {
        stat::check_critical(&stat, || self.stored_path_of(name.stored()))?;
        self.component(name)?;
        let shared = &self.node.shared;
        let dir = self.dir()?;
        let failed = |cause| self.failed_at("creating", name, cause);
        let attributes = stat::windows_attributes(&stat);
        let mut attempt = 0;
        let (temp, file) = loop {
            let temp = shared.temps.next();
            match dir.create_file(&temp, 0o600, attributes) {
                Ok(file) => break (temp, file),
                Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists && attempt < ATTEMPTS => {
                    attempt += 1;
                }
                Err(cause) => return Err(failed(cause)),
            }
        };
        let id = shared.next_id();
        let identity = match sys::found(&file) {
            Ok(found) => found.identity,
            Err(cause) => {
                drop(file);
                drop(place::remove_if_there(&dir, &temp));
                return Err(failed(cause));
            }
        };
        shared.files.put(id, Arc::new(file));
        Ok(PartialFile {
            folder: self.clone(),
            name: name.clone(),
            temp,
            id,
            identity,
            size,
            stat,
            pending: true,
        })
    }

    /// What the target has under a name; links are not followed.
    pub fn existing(&self, name: &MappedName) -> Result<Option<Existing>, TargetError> {
        let found = self
            .dir()?
            .find(&self.component(name)?)
            .map_err(|cause| self.failed_at("looking at", name, cause))?;
        Ok(found.map(Existing::from))
    }

    /// Opens a regular file that the target has, to read it; `None` if nothing has the name.
    pub fn open_existing(&self, name: &MappedName) -> Result<Option<ExistingFile>, TargetError> {
        let written = self.component(name)?;
        let dir = self.dir()?;
        let failed = |cause| self.failed_at("opening", name, cause);
        let path = || self.stored_path_of(name.stored());
        match dir.find(&written).map_err(failed)? {
            None => return Ok(None),
            Some(found) if found.kind != Kind::File => return Err(TargetError::NotRegular { path: path() }),
            Some(_) => {}
        }
        let file = dir.open_file(&written, false).map_err(failed)?;
        // The name may have changed hands since the look at it.
        let found = sys::found(&file).map_err(failed)?;
        if found.kind != Kind::File {
            return Err(TargetError::NotRegular { path: path() });
        }
        Ok(Some(ExistingFile {
            folder: self.clone(),
            name: name.clone(),
            file,
            found,
        }))
    }
}

impl PartialFile {
    /// Where it is in the archive.
    pub fn stored_path(&self) -> StoredPath {
        self.folder.stored_path_of(self.name.stored())
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Writes at an offset. Any number of threads may do so at once.
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), TargetError> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if offset.checked_add(length).is_none_or(|end| end > self.size) {
            return Err(TargetError::BeyondEnd {
                path: self.stored_path(),
                size: self.size,
            });
        }
        let file = self.file()?;
        sys::write_all_at(&file, bytes, offset).map_err(|cause| self.failed("writing", cause))?;
        if length >= WRITEBACK_BYTES_MIN {
            sys::begin_writeback(&file, offset, length);
        }
        Ok(())
    }

    /// Reads back what was written, to verify it. Fewer bytes than asked for only at the end of what was written.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, TargetError> {
        let file = self.file()?;
        read_full(&file, buffer, offset).map_err(|cause| self.failed("reading back", cause))
    }

    /// Gives it its metadata and its name.
    pub fn finish(mut self, overwrite: Overwrite) -> Result<Finished, TargetError> {
        let shared = Arc::clone(&self.folder.node.shared);
        let file = self.file()?;
        let found = sys::found(&file).map_err(|cause| self.failed("finishing", cause))?;
        if found.size != self.size {
            // Only a hole at the end is missing: nothing was written beyond it.
            file.set_len(self.size)
                .map_err(|cause| self.failed("finishing", cause))?;
        }
        let warnings = stat::apply(
            &shared,
            Object::File(&file),
            &self.stat,
            Parts::All,
            NoMode::Set(shared.file_mode),
        );
        // Windows neither renames nor removes what is open.
        shared.files.take(self.id);
        drop(file);
        self.pending = false;
        let dir = self.folder.dir()?;
        let outcome = place::place(&self.folder, &dir, &self.temp, &self.name, overwrite)?;
        Ok(Finished { outcome, warnings })
    }

    /// Removes what was written. Dropping does the same, but tells of no failure.
    pub fn abandon(mut self) -> Result<(), TargetError> {
        self.remove()
    }

    fn remove(&mut self) -> Result<(), TargetError> {
        self.pending = false;
        self.folder.node.shared.files.take(self.id);
        let dir = self.folder.dir()?;
        place::remove_if_there(&dir, &self.temp).map_err(|cause| self.failed("removing", cause))
    }

    fn failed(&self, action: &'static str, cause: io::Error) -> TargetError {
        self.folder.failed_at(action, &self.name, cause)
    }

    /// Its handle, opened anew if it was closed. Whatever took the temporary name meanwhile, a link or another name
    /// of a file elsewhere, is not written to.
    fn file(&self) -> Result<Arc<File>, TargetError> {
        let shared = &self.folder.node.shared;
        if let Some(file) = shared.files.get(self.id) {
            return Ok(file);
        }
        let changed = || TargetError::Changed {
            path: self.stored_path(),
        };
        let dir = self.folder.dir()?;
        match dir
            .find(&self.temp)
            .map_err(|cause| self.failed("opening", cause))?
        {
            Some(found) if found.identity == self.identity && found.kind == Kind::File => {}
            _ => return Err(changed()),
        }
        let file = dir
            .open_file(&self.temp, true)
            .map_err(|cause| self.failed("opening", cause))?;
        let found = sys::found(&file).map_err(|cause| self.failed("opening", cause))?;
        if found.identity != self.identity || found.kind != Kind::File {
            return Err(changed());
        }
        let file = Arc::new(file);
        shared.files.put(self.id, Arc::clone(&file));
        Ok(file)
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if self.pending {
            // Nobody to tell; `clean_leftovers` finds what stays.
            drop(self.remove());
        }
    }
}

fn read_full(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let at = offset.saturating_add(u64::try_from(filled).unwrap_or(u64::MAX));
        match sys::read_at(file, rest, at) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Windows calls reading at the end an error.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// What a name stands for in the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExistingKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link or a junction.
    Symlink,
    /// A device, pipe or socket.
    Other,
}

impl From<Kind> for ExistingKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::File => Self::File,
            Kind::Folder => Self::Folder,
            Kind::Symlink => Self::Symlink,
            Kind::Other => Self::Other,
        }
    }
}

/// What the target has under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Existing {
    /// What it is.
    pub kind: ExistingKind,
    /// Its size in bytes.
    pub size: u64,
    /// Modification time, seconds since 1970.
    pub mtime_seconds: i64,
    /// And nanoseconds, below 10^9.
    pub mtime_nanoseconds: u32,
    /// How many names it has.
    pub links: u64,
    /// Unix permission bits (07777); 0 on Windows.
    pub mode: u32,
}

impl From<Found> for Existing {
    fn from(found: Found) -> Self {
        Self {
            kind: found.kind.into(),
            size: found.size,
            mtime_seconds: found.mtime_seconds,
            mtime_nanoseconds: found.mtime_nanoseconds,
            links: found.links,
            mode: found.mode,
        }
    }
}

/// A regular file that the target has, open for reading. It is never written to: what differs is written anew.
#[derive(Debug)]
pub struct ExistingFile {
    folder: Folder,
    name: MappedName,
    file: File,
    found: Found,
}

impl ExistingFile {
    /// What it was when it was opened.
    pub fn info(&self) -> Existing {
        self.found.into()
    }

    /// Reads at an offset; fewer bytes than asked for only at its end.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, TargetError> {
        read_full(&self.file, buffer, offset)
            .map_err(|cause| self.folder.failed_at("reading", &self.name, cause))
    }

    /// Gives it the recorded metadata and leaves its content. A file with several names is left alone
    /// ([`Outcome::Shared`]): one of them may be outside of the target. Write such a file anew.
    pub fn fix_metadata(self, stat: &StatRecord) -> Result<Finished, TargetError> {
        stat::check_critical(stat, || self.folder.stored_path_of(self.name.stored()))?;
        let links = sys::found(&self.file)
            .map_err(|cause| self.folder.failed_at("looking at", &self.name, cause))?
            .links;
        if links > 1 {
            return Ok(Finished {
                outcome: Outcome::Shared,
                warnings: Vec::<Warning>::new(),
            });
        }
        let warnings = stat::apply(
            &self.folder.node.shared,
            Object::File(&self.file),
            stat,
            Parts::All,
            NoMode::Keep,
        );
        Ok(Finished {
            outcome: Outcome::Written,
            warnings,
        })
    }
}
