//! Where a repository's objects lie. A backend keeps immutable objects under names that hash their bytes: it
//! creates, lists, reads and removes whole objects, and knows nothing of their content.
//!
//! The trait is the least contract, without default methods: retries, caches and fault injection are decorators.
//! Every implementation passes the one suite in `lumivault_testkit::backend_suite`.

use std::fmt::Debug;
use std::io;

use lumivault_format::{ObjectId, ObjectKind, ObjectName};

/// An object in a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectInfo {
    /// Its name.
    pub name: ObjectName,
    /// Its size in bytes.
    pub size: u64,
}

/// Where objects are stored. All methods may be called from several threads at once.
pub trait Backend: Debug + Send + Sync {
    /// Names the place for messages, e.g. a path.
    fn location(&self) -> String;

    /// Lists every object of one kind, in no particular order. Files whose names are no object names (foreign
    /// files, leftovers) are not listed. A missing folder is an empty one.
    fn list(&self, kind: ObjectKind) -> Result<Vec<ObjectInfo>, BackendError>;

    /// The size of one object in bytes.
    fn size(&self, id: &ObjectId) -> Result<u64, BackendError>;

    /// Fills `buffer` from the object, starting at `offset`. An object that ends before the buffer is full is
    /// [`BackendError::Truncated`].
    fn read_at(&self, id: &ObjectId, offset: u64, buffer: &mut [u8]) -> Result<(), BackendError>;

    /// Creates an object, whole and durable once this returns `Ok`; never replaces one
    /// ([`BackendError::AlreadyExists`]). After any error no reader sees a partial object under this name.
    fn create(&self, id: &ObjectId, bytes: &[u8]) -> Result<(), BackendError>;

    /// Opens a new, empty spool: bytes on their way to becoming an object, invisible until published.
    fn spool(&self) -> Result<Box<dyn Spool>, BackendError>;

    /// Removes an object; [`BackendError::NotFound`] if there is none.
    fn remove(&self, id: &ObjectId) -> Result<(), BackendError>;
}

/// Bytes on their way to becoming an object. Dropping a spool discards it.
pub trait Spool: Debug + Send {
    /// Appends bytes at the end.
    fn append(&mut self, bytes: &[u8]) -> Result<(), BackendError>;

    /// Fills `buffer` from what was appended, as the storage gives it back.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), BackendError>;

    /// Bytes appended so far.
    fn len(&self) -> u64;

    /// Makes the bytes an object: same promises as [`Backend::create`].
    fn publish(self: Box<Self>, id: &ObjectId) -> Result<(), BackendError>;
}

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
