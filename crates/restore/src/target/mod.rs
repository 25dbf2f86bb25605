//! The only place that writes what is restored. Nothing is ever written outside of the target folder.
//!
//! How that is kept (SECURITY: safe restore):
//! - The root is held as an open folder. Everything else is reached from it through handles, one stored name at a
//!   time, and no step follows a symbolic link, whoever made it and whenever. A folder that is opened again must be
//!   the same one as before.
//! - Names come from [`Folder::map_names`] only, which yields single names that the file system can hold, all
//!   different.
//! - A thing is made under a temporary name, finished, and then renamed: what had the name before is replaced itself,
//!   never written through. Existing files are read, and their metadata is set if they have one name only.
//! - Permissions that could harm (set-user bits, owners, capabilities, devices) come only if [`SpecialPolicy`] asks.
//!
//! The order of a restore: [`Target::open`]; [`Target::write_marker`]; for each folder [`Folder::map_names`] with
//! *all* its names, then [`Folder::clean_leftovers`] if a restore was interrupted, then its folders and files; hard
//! links; special files and symbolic links; deletions; [`Folder::finish`] deepest first, the root last;
//! [`Target::remove_marker`].
//!
//! Everything here may be used from several threads.

mod abilities;
mod error;
mod file;
mod folder;
mod handles;
mod marker;
mod names;
mod nodes;
mod own;
mod path;
mod place;
mod remove;
mod stat;
mod sys;
#[cfg(test)]
mod tests;
mod wtf8;

pub use abilities::{Abilities, NameEncoding};
pub use error::{TargetError, There};
pub use file::{Existing, ExistingFile, ExistingKind, PartialFile};
pub use folder::{Folder, Renamed};
pub use names::{MappedName, RenameReason, map_names};
pub use nodes::SpecialKind;
pub use path::{StoredPath, escape};
pub use remove::Child;
pub use stat::Warning;

use abilities::Probed;
use handles::Handles;
use own::TempNames;
use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use sys::Dir;

/// Handles of folders kept open. With those of files far below the 256 that macOS allows by default.
const FOLDERS_OPEN_MAX: usize = 48;
/// Handles of files kept open.
const FILES_OPEN_MAX: usize = 96;

/// What a target may hold before the restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetPolicy {
    /// Nothing.
    EmptyOnly,
    /// Nothing, or what an interrupted restore with this token left.
    Resume(Vec<u8>),
    /// Anything: the user asked for it.
    InPlace,
}

/// Things that are restored only if asked for. By default none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpecialPolicy {
    /// Make pipes, sockets and devices.
    pub special_files: bool,
    /// Keep set-user, set-group and sticky bits.
    pub special_bits: bool,
    /// Set owners, groups, and `security.` and `trusted.` extended attributes.
    pub ownership: bool,
}

/// Whether a thing in the way is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// What is there stays.
    Never,
    /// What is there is replaced, unless it is a folder with something in it.
    Always,
}

/// How an attempt to make something ended without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is there now.
    Written,
    /// Something had the name and was not to be overwritten.
    Kept,
    /// The system does not let this user make such a thing. To be listed.
    NotPermitted,
    /// The policy does not ask for such things. To be listed.
    NotAsked,
    /// The target cannot hold such a thing.
    NotSupported,
    /// It has several names and was left alone.
    Shared,
}

/// How something ended, and what is not quite as recorded.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub outcome: Outcome,
    /// What is not as recorded.
    pub warnings: Vec<Warning>,
}

impl Finished {
    pub(self) fn bare(outcome: Outcome) -> Self {
        Self {
            outcome,
            warnings: Vec::new(),
        }
    }
}

/// What was left out because the policy does not ask for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Entries without their set-user, set-group or sticky bit.
    pub special_bits: u64,
    /// Privileged extended attributes.
    pub privileged_xattrs: u64,
}

/// What all folders and files of one target share.
#[derive(Debug)]
struct Shared {
    special: SpecialPolicy,
    abilities: Abilities,
    file_mode: u32,
    folder_mode: u32,
    temps: TempNames,
    folders: Handles<Dir>,
    files: Handles<File>,
    ids: AtomicU64,
    skipped_special_bits: AtomicU64,
    skipped_privileged_xattrs: AtomicU64,
}

impl Shared {
    fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }
}

/// The folder that is restored to.
#[derive(Debug)]
pub struct Target {
    root: Folder,
}

impl Target {
    /// Opens the folder, or makes it, with the default [`SpecialPolicy`]. Links in `path` itself are the user's own
    /// and followed. A folder made here is for its owner alone until the root is [finished](Folder::finish).
    pub fn open(path: &Path, policy: &TargetPolicy) -> Result<Self, TargetError> {
        Self::open_with(path, policy, SpecialPolicy::default())
    }

    /// As [`open`](Self::open).
    pub fn open_with(
        path: &Path,
        policy: &TargetPolicy,
        special: SpecialPolicy,
    ) -> Result<Self, TargetError> {
        let failed = |cause| TargetError::Root {
            path: path.to_owned(),
            cause,
        };
        let created = create_root(path).map_err(failed)?;
        let dir = Dir::open_root(path).map_err(failed)?;
        check_empty(path, &dir, policy, failed)?;
        let temps = TempNames::new().map_err(failed)?;
        let mode = dir.found().map_err(failed)?.mode;
        let probed = abilities::probe(&dir, &temps.next()).map_err(failed)?;
        Ok(Self::from_root(dir, probed, special, temps, (mode, created)))
    }

    /// Opens a folder only to look at it, for a plan that is not carried out: nothing is made or tried out in it, and
    /// it is taken to hold what is usual on this system. `None` if there is none yet.
    pub fn inspect(
        path: &Path,
        policy: &TargetPolicy,
        special: SpecialPolicy,
    ) -> Result<Option<Self>, TargetError> {
        let failed = |cause| TargetError::Root {
            path: path.to_owned(),
            cause,
        };
        let dir = match Dir::open_root(path) {
            Ok(dir) => dir,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(failed(cause)),
        };
        check_empty(path, &dir, policy, failed)?;
        let mode = dir.found().map_err(failed)?.mode;
        let usual = Probed {
            abilities: Abilities::usual(),
            file_mode: 0o600,
            folder_mode: 0o700,
        };
        let temps = TempNames::new().map_err(failed)?;
        Ok(Some(Self::from_root(dir, usual, special, temps, (mode, false))))
    }

    fn from_root(
        dir: Dir,
        probed: Probed,
        special: SpecialPolicy,
        temps: TempNames,
        (mode, created): (u32, bool),
    ) -> Self {
        let mode = if created { probed.folder_mode } else { mode };
        let shared = Arc::new(Shared {
            special,
            abilities: probed.abilities,
            file_mode: probed.file_mode,
            folder_mode: probed.folder_mode,
            temps,
            folders: Handles::new(FOLDERS_OPEN_MAX),
            files: Handles::new(FILES_OPEN_MAX),
            ids: AtomicU64::new(0),
            skipped_special_bits: AtomicU64::new(0),
            skipped_privileged_xattrs: AtomicU64::new(0),
        });
        Self {
            root: Folder::root(shared, dir, mode, created),
        }
    }

    /// The target folder itself.
    pub fn root(&self) -> &Folder {
        &self.root
    }

    /// What its file system can hold.
    pub fn abilities(&self) -> &Abilities {
        self.root.abilities()
    }

    /// What was left out so far because the policy does not ask for it.
    pub fn skipped(&self) -> Skipped {
        let shared = &self.root.node.shared;
        Skipped {
            special_bits: shared.skipped_special_bits.load(Ordering::Relaxed),
            privileged_xattrs: shared.skipped_privileged_xattrs.load(Ordering::Relaxed),
        }
    }
}

/// Makes the folder, for its owner alone, if there is none. Tells whether it did.
fn create_root(path: &Path) -> io::Result<bool> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent)?;
    }
    match sys::create_private_dir(path) {
        Ok(()) => Ok(true),
        Err(_) if path.is_dir() => Ok(false),
        Err(cause) => Err(cause),
    }
}

fn check_empty(
    path: &Path,
    dir: &Dir,
    policy: &TargetPolicy,
    failed: impl Fn(io::Error) -> TargetError,
) -> Result<(), TargetError> {
    if *policy == TargetPolicy::InPlace {
        return Ok(());
    }
    let mut empty = true;
    dir.entries(&mut |name, _| {
        // A probe that was cut short is no content.
        empty = own::is_temp(&sys::name_to_bytes(&name));
        if empty {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })
    .map_err(&failed)?;
    if empty {
        return Ok(());
    }
    let marker = marker::read(dir).map_err(failed)?;
    match (policy, &marker) {
        (TargetPolicy::Resume(token), Some(found)) if token == found => Ok(()),
        _ => Err(TargetError::NotEmpty {
            path: path.to_owned(),
            interrupted: marker.is_some(),
        }),
    }
}
