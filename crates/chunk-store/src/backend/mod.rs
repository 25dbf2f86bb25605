//! Where a repository's objects lie. A backend keeps immutable objects under names that hash their bytes: it
//! creates, lists, reads and removes whole objects, and knows nothing of their content.
//!
//! The trait is the least contract, without default methods: retries, caches and fault injection are decorators.
//! Every implementation passes the one suite in `lumivault_testkit::backend_suite`.

mod error;
mod local;
mod memory;

use std::fmt::Debug;

use lumivault_format::{ObjectId, ObjectKind, ObjectName};

pub use error::BackendError;
pub use local::{Capabilities, Capability, LocalDisk};
pub use memory::Memory;

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
    /// files, leftovers) are not listed. A missing folder is an empty one, but a missing place is
    /// [`BackendError::NoSuchPlace`]: a disk that was pulled out must never look like an archive without packs.
    /// A listing is complete or an error.
    fn list(&self, kind: ObjectKind) -> Result<Vec<ObjectInfo>, BackendError>;

    /// The size of one object in bytes.
    fn size(&self, id: &ObjectId) -> Result<u64, BackendError>;

    /// Fills `buffer` from the object, starting at `offset`. An object that ends before the buffer is full is
    /// [`BackendError::Truncated`]; the buffer's content is then unspecified.
    fn read_at(&self, id: &ObjectId, offset: u64, buffer: &mut [u8]) -> Result<(), BackendError>;

    /// Creates an object, whole and durable once this returns `Ok`; never replaces one
    /// ([`BackendError::AlreadyExists`], and the one that exists is durable then). After any other error the
    /// object is either absent or whole; no reader ever sees a part of it under this name.
    fn create(&self, id: &ObjectId, bytes: &[u8]) -> Result<(), BackendError>;

    /// Puts an object's own bytes under its name, whether something stands there or not; refuses any that do not hash
    /// to it ([`BackendError::NotItsBytes`]). Same promises as [`Backend::create`]: a reader sees what stood there, or
    /// the whole new object, and after an error one of both is there.
    fn heal(&self, id: &ObjectId, bytes: &[u8]) -> Result<(), BackendError>;

    /// Opens a new, empty spool: bytes on their way to becoming an object, invisible until published.
    fn spool(&self) -> Result<Box<dyn Spool>, BackendError>;

    /// Removes an object; [`BackendError::NotFound`] if there is none. Once this returns `Ok` the removal is
    /// durable wherever creating is.
    fn remove(&self, id: &ObjectId) -> Result<(), BackendError>;

    /// Moves an object to where no reader looks, without deleting it: what is damaged may still be of use to somebody.
    /// [`BackendError::NotFound`] if there is none. Once this returns `Ok` the object is absent as after
    /// [`Self::remove`], and its bytes are kept; after an error it may be in either place, but not in none.
    fn set_aside(&self, id: &ObjectId) -> Result<(), BackendError>;
}

/// Fails unless bytes are those that gave an object its name.
fn check_name(id: &ObjectId, bytes: &[u8], location: &str) -> Result<(), BackendError> {
    if crate::seal::object_name(bytes) == id.name {
        return Ok(());
    }
    Err(BackendError::NotItsBytes {
        object: *id,
        location: location.to_owned(),
    })
}

/// Bytes on their way to becoming an object. Dropping a spool discards it.
///
/// After a failed append nobody knows what reached the storage, so the spool can only be dropped: every later
/// append and publish fails too.
#[expect(clippy::len_without_is_empty, reason = "nobody asks whether a spool is empty")]
pub trait Spool: Debug + Send {
    /// Appends bytes at the end.
    fn append(&mut self, bytes: &[u8]) -> Result<(), BackendError>;

    /// Fills `buffer` from what was appended, as the storage gives it back. A range over the end is
    /// [`BackendError::Io`] with [`std::io::ErrorKind::UnexpectedEof`].
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), BackendError>;

    /// Bytes appended so far.
    fn len(&self) -> u64;

    /// Makes the bytes an object: same promises as [`Backend::create`]. The bytes are gone if it fails.
    fn publish(self: Box<Self>, id: &ObjectId) -> Result<(), BackendError>;
}
