//! Files that need not be read again: a set of keyed fingerprints in this machine's cache.
//!
//! A fingerprint binds place, size, times, inode and the id of the content that was stored for the file. A file may be
//! skipped only where the snapshot before lists a content whose fingerprint with the file's present state is in the set.
//! So the cache holds nothing readable, and losing it, or having it from another time, costs reading and never data.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use lumivault_chunk_store::{CacheDir, Repository};
use lumivault_format::ContentId;
use lumivault_format::wire::put_bytes;

use crate::source::FileIdentity;

type Fingerprint = [u8; 16];

const MAGIC: &[u8; 8] = b"LVFILES1";
const PREFIX: &str = "files-";
/// Sets of so many combinations of sources are kept.
const SETS_MAX: usize = 16;
/// A file changed this recently (in seconds) may change again within the resolution of its clock.
const SETTLED_SECONDS: i64 = 2;
/// More fingerprints than this are not kept: 64 MB.
const COUNT_MAX: usize = 4 << 20;

/// The fingerprints of the run before, and those for the next.
pub(super) struct Unchanged<'r> {
    repository: &'r Repository,
    file: Option<PathBuf>,
    trusted: Vec<Fingerprint>,
    next: Mutex<Vec<Fingerprint>>,
    started: i64,
}

impl<'r> Unchanged<'r> {
    /// Opens the set for these sources; without a cache, or when told not to trust, nothing is ever skipped.
    pub(super) fn load(
        repository: &'r Repository,
        cache: Option<&CacheDir>,
        sources: &[u8],
        trust: bool,
    ) -> Self {
        let file = cache.map(|cache| {
            let name = repository.cache_fingerprint(sources);
            let number = u128::from_be_bytes(name);
            cache.folder().join(format!("{PREFIX}{number:032x}"))
        });
        let trusted = match &file {
            Some(file) if trust => read(file)
                .ok()
                .and_then(|bytes| decode(&bytes))
                .unwrap_or_default(),
            _ => Vec::new(),
        };
        let started = repository.environment().clock.now().0;
        Self {
            repository,
            file,
            trusted,
            next: Mutex::default(),
            started,
        }
    }

    /// Whether any file could be skipped at all.
    pub(super) fn is_empty(&self) -> bool {
        self.trusted.is_empty()
    }

    /// Whether the file is as it was when this content was stored for it.
    pub(super) fn is_unchanged(&self, file: &Candidate<'_>, content: &ContentId) -> bool {
        self.trusted
            .binary_search(&self.fingerprint(file, content))
            .is_ok()
    }

    /// Remembers a file for the next run, if it has been left alone for long enough.
    pub(super) fn remember(&self, file: &Candidate<'_>, content: &ContentId) {
        let newest = file.identity.modified.0.max(file.identity.changed.0);
        if self.file.is_none() || newest >= self.started - SETTLED_SECONDS {
            return;
        }
        let fingerprint = self.fingerprint(file, content);
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if next.len() < COUNT_MAX {
            next.push(fingerprint);
        }
    }

    /// The set for the next run, to be saved once the snapshot is committed.
    pub(super) fn into_next(self) -> NextSet {
        NextSet {
            file: self.file,
            fingerprints: self.next.into_inner().unwrap_or_else(PoisonError::into_inner),
        }
    }

    fn fingerprint(&self, file: &Candidate<'_>, content: &ContentId) -> Fingerprint {
        let mut material = Vec::with_capacity(file.place.len() + 96);
        put_bytes(&mut material, file.place);
        material.extend_from_slice(&file.size.to_le_bytes());
        for number in [
            file.identity.modified.0,
            file.identity.modified.1.into(),
            file.identity.changed.0,
            file.identity.changed.1,
        ] {
            material.extend_from_slice(&number.to_le_bytes());
        }
        material.extend_from_slice(&file.identity.device.to_le_bytes());
        material.extend_from_slice(&file.identity.inode.to_le_bytes());
        material.extend_from_slice(content.as_bytes());
        self.repository.cache_fingerprint(&material)
    }
}

/// Fingerprints of everything in a snapshot.
pub(super) struct NextSet {
    file: Option<PathBuf>,
    fingerprints: Vec<Fingerprint>,
}

impl NextSet {
    /// Replaces the stored set.
    pub(super) fn save(self) -> std::io::Result<()> {
        let Some(path) = self.file else { return Ok(()) };
        let mut next = self.fingerprints;
        next.sort_unstable();
        next.dedup();
        let mut bytes = Vec::with_capacity(MAGIC.len() + next.len() * 16 + 32);
        bytes.extend_from_slice(MAGIC);
        next.iter()
            .for_each(|fingerprint| bytes.extend_from_slice(fingerprint));
        let hash = blake3::hash(&bytes);
        bytes.extend_from_slice(hash.as_bytes());
        let folder = path.parent().unwrap_or(&path);
        let mut file = tempfile::Builder::new().prefix("tmp-").tempfile_in(folder)?;
        file.write_all(&bytes)?;
        file.persist(&path).map_err(|error| error.error)?;
        remove_oldest(folder);
        Ok(())
    }
}

/// A file as it stands on the disk.
#[derive(Clone, Copy)]
pub(super) struct Candidate<'a> {
    /// Its place in the snapshot, which the sources tie to one on this machine.
    pub(super) place: &'a [u8],
    pub(super) size: u64,
    pub(super) identity: FileIdentity,
}

/// A file that is longer than any this program writes is not read.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let length_max = (MAGIC.len() + COUNT_MAX * size_of::<Fingerprint>() + 32) as u64;
    let mut bytes = Vec::new();
    File::open(path)?.take(length_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Sets that were not used for longest go, so that importing many folders once does not fill the cache for ever.
fn remove_oldest(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut sets: Vec<_> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    sets.sort();
    let surplus = sets.len().saturating_sub(SETS_MAX);
    for (_, path) in sets.drain(..surplus) {
        // Left for the next time.
        let _ = fs::remove_file(path);
    }
}

fn decode(bytes: &[u8]) -> Option<Vec<Fingerprint>> {
    let (body, hash) = bytes.split_last_chunk::<32>()?;
    if blake3::hash(body) != blake3::Hash::from_bytes(*hash) {
        return None;
    }
    let (list, rest) = body.strip_prefix(MAGIC)?.as_chunks::<16>();
    (rest.is_empty() && list.len() <= COUNT_MAX).then(|| list.to_vec())
}
