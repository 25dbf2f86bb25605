//! Every failure of a storage place names the object or the deed, the place, and what to do next.

use std::io;

use lumivault_format::ObjectId;

use crate::sys;

/// What can go wrong in a backend. The message names the object; the operating system's error is the source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// The object does not exist.
    #[error("{object} does not exist in {location}")]
    NotFound {
        /// The missing object.
        object: ObjectId,
        /// The backend's location.
        location: String,
    },
    /// An object of this name exists already; nothing was changed.
    #[error("{object} exists already in {location}")]
    AlreadyExists {
        /// The object.
        object: ObjectId,
        /// The backend's location.
        location: String,
    },
    /// The object is shorter than the range asked for.
    #[error("{object} in {location} ends before byte {end}; it is damaged or incomplete")]
    Truncated {
        /// The object.
        object: ObjectId,
        /// The backend's location.
        location: String,
        /// First byte after the range asked for.
        end: u64,
    },
    /// Bytes that do not hash to the object's name were to be put there.
    #[error("what was to be written as {object} in {location} is not that object; nothing was changed")]
    NotItsBytes {
        /// The object.
        object: ObjectId,
        /// The backend's location.
        location: String,
    },
    /// No space left.
    #[error("no space left while {action} in {location}; free some space and run the command again")]
    Full {
        /// What was being done, e.g. "writing packs/…".
        action: String,
        /// The backend's location.
        location: String,
        /// The system's error.
        source: io::Error,
    },
    /// Reading or writing is not permitted, or the file system is read-only.
    #[error(
        "not permitted: {action} in {location}; check the permissions, or whether the disk is write-protected"
    )]
    Denied {
        /// What was being done.
        action: String,
        /// The backend's location.
        location: String,
        /// The system's error.
        source: io::Error,
    },
    /// The place does not exist (or the disk is not attached).
    #[error("{location} does not exist or is not attached")]
    NoSuchPlace {
        /// The backend's location.
        location: String,
        /// The system's error.
        source: io::Error,
    },
    /// The folder for a new repository holds something else.
    #[error("{location} is not empty (it holds {found:?}); choose a new or an empty folder")]
    NotEmpty {
        /// The backend's location.
        location: String,
        /// One of the names found there.
        found: String,
    },
    /// An earlier write could not be made durable, so this instance writes nothing any more: the system may
    /// have dropped that write and report success for the next one.
    #[error(
        "{action} in {location} was refused, because an earlier write did not reach the disk; \
         check the disk and run the command again"
    )]
    WritesStopped {
        /// What was to be done.
        action: String,
        /// The backend's location.
        location: String,
    },
    /// Any other failure of the storage.
    #[error("{action} in {location} failed")]
    Io {
        /// What was being done.
        action: String,
        /// The backend's location.
        location: String,
        /// The system's error.
        source: io::Error,
    },
}

impl BackendError {
    /// Sorts a system error by what the user can do about it. Absence of an object cannot be told here from
    /// absence of the whole place; callers that know better handle [`io::ErrorKind::NotFound`] first.
    pub(crate) fn from_io(action: impl Into<String>, location: &str, source: io::Error) -> Self {
        use io::ErrorKind as Kind;
        let (action, location) = (action.into(), location.to_owned());
        match source.kind() {
            Kind::StorageFull | Kind::QuotaExceeded => Self::Full {
                action,
                location,
                source,
            },
            Kind::PermissionDenied | Kind::ReadOnlyFilesystem => Self::Denied {
                action,
                location,
                source,
            },
            Kind::NotFound | Kind::NotADirectory => Self::NoSuchPlace { location, source },
            _ if sys::is_detached(&source) => Self::NoSuchPlace { location, source },
            _ => Self::Io {
                action,
                location,
                source,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_errors_are_sorted_by_what_to_do() {
        let sorted =
            |kind: io::ErrorKind| BackendError::from_io("writing x", "/there", io::Error::from(kind));
        assert!(matches!(
            sorted(io::ErrorKind::StorageFull),
            BackendError::Full { .. }
        ));
        assert!(matches!(
            sorted(io::ErrorKind::QuotaExceeded),
            BackendError::Full { .. }
        ));
        assert!(matches!(
            sorted(io::ErrorKind::PermissionDenied),
            BackendError::Denied { .. }
        ));
        assert!(matches!(
            sorted(io::ErrorKind::ReadOnlyFilesystem),
            BackendError::Denied { .. }
        ));
        assert!(matches!(
            sorted(io::ErrorKind::NotFound),
            BackendError::NoSuchPlace { .. }
        ));
        assert!(matches!(sorted(io::ErrorKind::Other), BackendError::Io { .. }));
    }

    #[cfg(unix)]
    #[test]
    fn system_error_numbers_arrive_at_their_kind() {
        use rustix::io::Errno;
        let sorted = |errno: Errno| BackendError::from_io("writing x", "/there", errno.into());
        for errno in [Errno::NOSPC, Errno::DQUOT] {
            assert!(matches!(sorted(errno), BackendError::Full { .. }), "{errno}");
        }
        for errno in [Errno::ACCESS, Errno::PERM, Errno::ROFS] {
            assert!(matches!(sorted(errno), BackendError::Denied { .. }), "{errno}");
        }
        for errno in [
            Errno::NOENT,
            Errno::NODEV,
            Errno::NXIO,
            Errno::NOTCONN,
            Errno::STALE,
        ] {
            assert!(
                matches!(sorted(errno), BackendError::NoSuchPlace { .. }),
                "{errno}"
            );
        }
        assert!(matches!(sorted(Errno::IO), BackendError::Io { .. }));
    }
}
