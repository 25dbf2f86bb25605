//! What can go wrong in a target. Each error names the object and what to do.

use super::path::StoredPath;
use std::io;
use std::path::PathBuf;

/// Why something could not be restored. Apart from [`Full`](Self::Full), an error concerns one entry and the others
/// can go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// The target cannot be opened or made.
    #[error("cannot use {} as the target folder; choose another with --target", path.display())]
    Root {
        /// The target.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The target has something in it.
    #[error("the target folder {} is not empty{}; choose an empty one, or allow restoring in place",
        path.display(), if *interrupted { " (another restore was interrupted there)" } else { "" })]
    NotEmpty {
        /// The target.
        path: PathBuf,
        /// It holds the marker of a restore of something else.
        interrupted: bool,
    },
    /// No room, or the quota is used up. Nothing else will fit either.
    #[error(
        "no room left while {action} {path}; free some space and run the restore again, it goes on from there"
    )]
    Full {
        /// What was being done.
        action: &'static str,
        /// To what.
        path: StoredPath,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// Permissions or a read-only file system.
    #[error("not allowed: {action} {path}; check the permissions of the target folder")]
    Denied {
        /// What was being done.
        action: &'static str,
        /// To what.
        path: StoredPath,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// Any other failure of the system.
    #[error("failed {action} {path}; check the target's disk")]
    Io {
        /// What was being done.
        action: &'static str,
        /// To what.
        path: StoredPath,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// Something else has the name, and may not or cannot be replaced.
    #[error("{path} cannot be written: {there} is in its way; move that away, or allow overwriting")]
    InTheWay {
        /// What was to be written.
        path: StoredPath,
        /// What is there.
        there: There,
    },
    /// Another process replaced a folder or file while it was being restored.
    #[error(
        "{path} was replaced by another process during the restore; make sure that nothing else writes to the target"
    )]
    Changed {
        /// What was replaced.
        path: StoredPath,
    },
    /// What should be a regular file is none.
    #[error("{path} is no regular file in the target; move it away or restore to an empty folder")]
    NotRegular {
        /// What it should be.
        path: StoredPath,
    },
    /// An extra field that must be understood is not.
    #[error(
        "{path} needs a newer lumivault: it has an extra field of type {number} that must not be ignored"
    )]
    UnknownCritical {
        /// The entry.
        path: StoredPath,
        /// Type of the field.
        number: u64,
    },
    /// Bytes outside of a file's announced size.
    #[error("{path}: data beyond its {size} bytes; the snapshot is damaged or forged, run `lumivault check`")]
    BeyondEnd {
        /// The file.
        path: StoredPath,
        /// Its size in bytes.
        size: u64,
    },
    /// A name that leads elsewhere. [`map_names`](super::map_names) under the target's own abilities yields none.
    #[error("{path} has a name that this system takes for a path; run `lumivault check`")]
    NotAName {
        /// The entry.
        path: StoredPath,
    },
    /// Folders nested deeper than the format allows.
    #[error("{path} is nested too deeply; run `lumivault check`")]
    TooDeep {
        /// The folder.
        path: StoredPath,
    },
    /// A device without its numbers.
    #[error("{path} is a device whose numbers are not in the archive; it cannot be made")]
    NoDeviceNumbers {
        /// The device.
        path: StoredPath,
    },
    /// A token longer than a marker may be.
    #[error("a restore's token has {0} bytes; at most 4096 are kept")]
    LongToken(usize),
}

/// What is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum There {
    /// A folder with something in it.
    Folder,
    /// A symbolic link, which is never followed.
    Symlink,
    /// A file.
    File,
    /// A device, pipe or socket.
    Other,
}

impl std::fmt::Display for There {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Folder => "a folder that is not empty",
            Self::Symlink => "a symbolic link",
            Self::File => "a file",
            Self::Other => "a device, pipe or socket",
        })
    }
}

impl TargetError {
    /// Sorts an error of the system.
    pub(super) fn of(action: &'static str, path: StoredPath, cause: io::Error) -> Self {
        use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        match cause.kind() {
            StorageFull | QuotaExceeded => Self::Full { action, path, cause },
            PermissionDenied | ReadOnlyFilesystem => Self::Denied { action, path, cause },
            _ => Self::Io { action, path, cause },
        }
    }
}
