//! What this machine saw last of each repository, to notice when a storage shows an older state than that. Kept outside of the
//! repository, by its replica id. A machine that never saw the repository cannot notice anything.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use lumivault_chunk_store::{Chain, Repository};
use lumivault_format::SnapshotId;
use serde::{Deserialize, Serialize};

use super::answer::hex;
use crate::sys;

const FOLDER: &str = "trust";
/// Far more than any chain has heads.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    /// Tells the archive's keys from others'.
    key: String,
    /// Where the chain of snapshots ended, in hexadecimal.
    heads: Vec<String>,
}

/// What this machine remembers of a repository.
#[derive(Debug)]
pub(crate) struct Trust {
    path: Option<PathBuf>,
    seen: Option<Seen>,
}

impl Trust {
    pub(crate) fn load(state: Option<&Path>, repository: &Repository) -> Self {
        let path = state.map(|state| {
            let name = format!("{}.json", hex(repository.replica().as_bytes()));
            state.join(FOLDER).join(name)
        });
        let seen = path.as_deref().and_then(|path| read(path).ok());
        Self { path, seen }
    }

    /// Whether this machine saw the repository before.
    pub(crate) fn knows_something(&self) -> bool {
        self.seen.is_some()
    }

    /// The same place, as if it were seen for the first time.
    pub(crate) fn forget(self) -> Self {
        Self { seen: None, ..self }
    }

    /// What is wrong with the repository, compared with what was seen.
    pub(crate) fn problem(&self, repository: &Repository, chain: &Chain) -> Option<String> {
        let seen = self.seen.as_ref()?;
        if seen.key != hex(&repository.key_fingerprint()) {
            return Some("it has other keys than it had when this machine saw it last".into());
        }
        let heads: Vec<SnapshotId> = seen.heads.iter().filter_map(|text| parse(text)).collect();
        let lost = chain.unaccounted(&heads);
        let first = lost.first()?;
        Some(match lost.len() {
            1 => format!(
                "snapshot {first}, which this machine saw in it, is gone without having been forgotten"
            ),
            more => format!(
                "snapshot {first} and {} more, which this machine saw in it, are gone without having been forgotten",
                more - 1
            ),
        })
    }

    /// Remembers what is there now. Of an incomplete chain nothing is remembered: what cannot be read today may be seen again.
    pub(crate) fn keep(&mut self, repository: &Repository, chain: &Chain) -> io::Result<()> {
        let Some(path) = self.path.as_deref().filter(|_| chain.is_complete()) else {
            return Ok(());
        };
        let seen = Seen {
            key: hex(&repository.key_fingerprint()),
            heads: chain.heads().iter().map(|id| hex(id.as_bytes())).collect(),
        };
        if self.seen.as_ref() != Some(&seen) {
            write(path, &seen)?;
            self.seen = Some(seen);
        }
        Ok(())
    }
}

fn parse(text: &str) -> Option<SnapshotId> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(SnapshotId::from_bytes(bytes))
}

fn read(path: &Path) -> io::Result<Seen> {
    if fs::metadata(path)?.len() > FILE_BYTES_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

fn write(path: &Path, seen: &Seen) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    sys::create_private_folders(folder)?;
    let new = path.with_extension(format!("{}", std::process::id()));
    let written = sys::create_private(&new)
        .and_then(|mut file| file.write_all(&serde_json::to_vec_pretty(seen)?))
        .and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}
