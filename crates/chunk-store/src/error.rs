//! What can go wrong with a repository. Corruption, absence, a wrong key, an unsupported version and I/O are
//! distinct; each message names its object.

use std::io;
use std::path::PathBuf;

use lumivault_format::{ChunkId, DecodeError, ObjectId, SnapshotId};

use crate::backend::BackendError;

/// Why an operation on a repository failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The storage failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// There is no repository at this place.
    #[error("there is no lumivault repository in {0}")]
    NoRepository(String),
    /// There is a repository already.
    #[error("there is a lumivault repository in {0} already; nothing was changed")]
    RepositoryExists(String),
    /// None of the key slots opens with what was given. So many there are, and so many could not be read.
    #[error("the password or key opens none of the {0} key slots of this repository{more}", more = not_read(*.1))]
    WrongPassword(usize, usize),
    /// A key slot demands more memory than allowed.
    #[error("a key slot needs {needed_mib} MiB of memory to open, more than the {allowed_mib} MiB allowed")]
    KdfMemory {
        /// What the slot asks for, MiB.
        needed_mib: u32,
        /// What was allowed, MiB.
        allowed_mib: u32,
    },
    /// A request about key slots cannot be met.
    #[error("{0}")]
    KeySlots(&'static str),
    /// A request about parity cannot be met.
    #[error("{0}")]
    Parity(String),
    /// An object's bytes are not what its name says, or do not authenticate.
    #[error("{object} is damaged: {problem}")]
    Damaged {
        /// The object.
        object: ObjectId,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An object does not decode.
    #[error("{object} cannot be read")]
    Decode {
        /// The object.
        object: ObjectId,
        /// What is wrong with it.
        #[source]
        source: DecodeError,
    },
    /// Bytes that came out of an authenticated object do not decode.
    #[error("{what} cannot be read")]
    Content {
        /// What was read.
        what: String,
        /// What is wrong with it.
        #[source]
        source: DecodeError,
    },
    /// A chunk is in no index.
    #[error("chunk {0} is in no index; `lumivault check` tells what it belongs to")]
    MissingChunk(ChunkId),
    /// A chunk decoded to other bytes than its id says.
    #[error("chunk {chunk} in {object} is damaged: {problem}")]
    DamagedChunk {
        /// The chunk.
        chunk: ChunkId,
        /// The pack that holds it.
        object: ObjectId,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// What was about to be stored did not decode back to itself.
    #[error(
        "a chunk did not read back as it was written ({0}); this points to faulty memory or a faulty disk. \
         Nothing was committed"
    )]
    ReadBack(&'static str),
    /// The run failed before, and that failure was reported already.
    #[error("the run ended with an earlier failure; nothing was committed")]
    RunFailed,
    /// A snapshot is not in the repository, or a prefix fits several.
    #[error("{0}")]
    Snapshot(String),
    /// Pinned snapshots were to be forgotten.
    #[error("{} pinned and cannot be forgotten; nothing was changed", listed(.0))]
    Pinned(Vec<SnapshotId>),
    /// A forgotten snapshot was to be pinned.
    #[error("snapshot {0} is forgotten and cannot be pinned; nothing was changed")]
    Forgotten(SnapshotId),
    /// Snapshots were to be brought back that are removed, or are about to be.
    #[error("{} removed for good and cannot be brought back", listed(.0))]
    Removed(Vec<SnapshotId>),
    /// The local cache failed.
    #[error("the cache {path} failed; another --cache-dir or --no-cache helps")]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The system gave no random bytes.
    #[error("the system's random source failed: {0}")]
    Random(String),
    /// The archive was made with parameters that this program does not implement.
    #[error("{0}")]
    Unsupported(String),
    /// Something that must be understood before anything may be deleted is not.
    #[error("nothing was deleted: {0}")]
    Blocked(String),
    /// Somebody else is at work, and only one can be.
    #[error("the repository is in use {0}; try again when that has ended")]
    InUse(String),
    /// Another machine took this run for dead, since it had not shown for long that it lives.
    #[error(
        "another machine took this run for dead and may have removed what it relied on, so it was not completed; what it \
         stored is kept: run the command again"
    )]
    Revoked,
    /// Packs vanished while a snapshot was made.
    #[error(
        "{0} packs that the new snapshot needs vanished while it was made, so it was not completed; run \
         `lumivault check`, and then the command again"
    )]
    PacksVanished(usize),
    /// What was named as another copy of the archive is none.
    #[error("{0} holds another archive; nothing in it can mend this one")]
    NotACopy(String),
    /// The work was called off.
    #[error("interrupted")]
    Cancelled,
}

impl Error {
    pub(crate) fn no_such_parity(percent: u8) -> Self {
        Self::Parity(format!("parity of {percent} % cannot be made; choose 1 to 50 %"))
    }

    /// The object that the error is about, if it is about one.
    pub fn object(&self) -> Option<ObjectId> {
        match self {
            Self::Damaged { object, .. }
            | Self::Decode { object, .. }
            | Self::DamagedChunk { object, .. } => Some(*object),
            Self::Backend(BackendError::NotFound { object, .. } | BackendError::Truncated { object, .. }) => {
                Some(*object)
            }
            _ => None,
        }
    }

    /// The message with all its causes, for where only text can be passed on.
    pub fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        text
    }

    /// Whether the error is about one object, so that others may still be read: damage, a later format, or a storage
    /// that fails in one place, as disks do.
    pub(crate) fn spares_the_rest(&self) -> bool {
        let in_one_place = matches!(
            self,
            Self::Backend(BackendError::Io { .. } | BackendError::Denied { .. })
        );
        in_one_place || self.is_damage() || self.is_unsupported()
    }

    /// Whether stored data needs a later version of this program.
    pub fn is_unsupported(&self) -> bool {
        let later = |source: &DecodeError| {
            matches!(
                source,
                DecodeError::UnsupportedVersion { .. } | DecodeError::UnsupportedFeature { .. }
            )
        };
        matches!(self, Self::Decode { source, .. } | Self::Content { source, .. } if later(source))
    }

    /// Whether the error means that stored data is damaged or missing, rather than that something could not be done.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Decode { .. } | Self::Content { .. } => !self.is_unsupported(),
            Self::Damaged { .. } | Self::MissingChunk(_) | Self::DamagedChunk { .. } => true,
            Self::Backend(error) => {
                matches!(
                    error,
                    BackendError::NotFound { .. } | BackendError::Truncated { .. }
                )
            }
            _ => false,
        }
    }
}

/// `snapshot kmzwtpqs is`, `snapshots kmzwtpqs, kxytrunv are`.
fn listed(ids: &[SnapshotId]) -> String {
    let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
    match names.as_slice() {
        [one] => format!("snapshot {one} is"),
        several => format!("snapshots {} are", several.join(", ")),
    }
}

fn not_read(slots: usize) -> String {
    match slots {
        0 => String::new(),
        1 => "; 1 more could not be read".into(),
        more => format!("; {more} more could not be read"),
    }
}
