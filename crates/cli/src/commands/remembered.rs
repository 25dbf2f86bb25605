//! What this machine remembers of repositories in its state folder: conveniences only. Nothing is lost with it, and
//! nothing in it is trusted.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use lumivault_format::SlotId;
use serde::{Deserialize, Serialize};

use crate::request::Access;
use crate::sys;

const FILE: &str = "repositories.json";
/// Far more than anybody has repositories.
const REPOSITORIES_MAX: usize = 256;
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What is known of one repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    /// The key slot that opened it last, in hexadecimal.
    #[serde(default)]
    slot: Option<String>,
    /// Whether the limits of its file system have been told.
    #[serde(default)]
    warned: bool,
}

/// What is remembered of the repository at one place.
#[derive(Debug)]
pub(crate) struct Remembered {
    folder: Option<PathBuf>,
    place: String,
    entry: Entry,
}

impl Remembered {
    pub(crate) fn load(access: &Access) -> Self {
        let path = access.repo.path();
        let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let place = place.to_string_lossy().into_owned();
        let mut all = access.state.as_deref().map(read).unwrap_or_default();
        Self {
            folder: access.state.clone(),
            entry: all.remove(&place).unwrap_or_default(),
            place,
        }
    }

    /// The slot that opened it last.
    pub(crate) fn slot(&self) -> Option<SlotId> {
        let hex = self.entry.slot.as_deref().filter(|hex| hex.is_ascii())?;
        let mut bytes = [0; 16];
        for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()?;
        }
        (hex.len() == 32).then(|| SlotId::from_bytes(bytes))
    }

    pub(crate) fn set_slot(&mut self, slot: SlotId) {
        let slot = Some(super::answer::hex(slot.as_bytes()));
        if self.entry.slot != slot {
            self.entry.slot = slot;
            self.save();
        }
    }

    /// Whether the limits of the file system are to be told now: once for each place.
    pub(crate) fn is_first_warning(&mut self) -> bool {
        let first = !self.entry.warned;
        if first {
            self.entry.warned = true;
            self.save();
        }
        first
    }

    /// Of two programs that write at once one is forgotten, which costs a second at the next opening.
    fn save(&self) {
        let Some(folder) = &self.folder else { return };
        let mut all = read(folder);
        while all.len() >= REPOSITORIES_MAX && !all.contains_key(&self.place) {
            all.pop_first();
        }
        all.insert(self.place.clone(), self.entry.clone());
        // Where it cannot be kept, everything works without.
        let _ = write(folder, &all);
    }
}

fn read(folder: &Path) -> BTreeMap<String, Entry> {
    let mut text = String::new();
    let read = fs::File::open(folder.join(FILE))
        .and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text));
    let read = read.ok().and_then(|_| serde_json::from_str(&text).ok());
    read.unwrap_or_default()
}

fn write(folder: &Path, all: &BTreeMap<String, Entry>) -> io::Result<()> {
    let text = serde_json::to_string_pretty(all)?;
    sys::create_private_folders(folder)?;
    let new = folder.join(format!("{FILE}.{}", std::process::id()));
    let written = sys::create_private(&new)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| fs::rename(&new, folder.join(FILE)));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}

#[cfg(test)]
mod tests {
    use lumivault_format::SlotId;

    use super::{FILE, REPOSITORIES_MAX, Remembered};
    use crate::password::{PasswordSource, Unlock};
    use crate::request::{Access, RepoLocation};

    fn access(repo: &str, state: &std::path::Path) -> Access {
        Access {
            repo: RepoLocation::parse(repo.as_ref()).unwrap(),
            unlock: Unlock::Password(PasswordSource::Ask),
            cache: None,
            state: Some(state.to_owned()),
            accept_rollback: false,
            kdf_memory_max: 1 << 30,
            listing_delay_seconds: 0,
        }
    }

    #[test]
    fn slots_and_warnings_are_remembered_by_place() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("a/b");
        let slot = SlotId::from_bytes(std::array::from_fn(|i| u8::try_from(i * 16).unwrap()));
        let mut first = Remembered::load(&access("/one", &state));
        assert_eq!(first.slot(), None);
        first.set_slot(slot);
        assert!(first.is_first_warning() && !first.is_first_warning());
        let mut again = Remembered::load(&access("/one", &state));
        assert_eq!(again.slot(), Some(slot));
        assert!(!again.is_first_warning());
        assert_eq!(Remembered::load(&access("/two", &state)).slot(), None);
    }

    #[test]
    fn nonsense_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        for text in [
            "",
            "{",
            "[]",
            r#"{"/one":{"slot":"zz"}}"#,
            r#"{"/one":{"slot":"ab"}}"#,
        ] {
            std::fs::write(folder.path().join(FILE), text).unwrap();
            assert_eq!(
                Remembered::load(&access("/one", folder.path())).slot(),
                None,
                "{text}"
            );
        }
    }

    #[test]
    fn it_stays_small() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..REPOSITORIES_MAX + 3 {
            let mut one = Remembered::load(&access(&format!("/repository {number}"), folder.path()));
            one.set_slot(SlotId::from_bytes([1; 16]));
        }
        assert_eq!(super::read(folder.path()).len(), REPOSITORIES_MAX);
    }
}
