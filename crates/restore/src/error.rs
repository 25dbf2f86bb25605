//! What stops a restore, and what only costs single entries.

use std::sync::Arc;

use lumivault_chunk_store::Error;
use lumivault_chunk_store::backend::BackendError;
use lumivault_format::ChunkId;

use crate::filter::{LocateError, PatternError};
use crate::target::{RenameReason, StoredPath, TargetError, Warning, escape};

/// Why a restore ended before it was done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The repository failed, or the work was called off.
    #[error(transparent)]
    Store(#[from] Error),
    /// The target failed as a whole.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The part of the snapshot that was asked for cannot be found.
    #[error(transparent)]
    Locate(#[from] LocateError),
    /// A pattern cannot be read.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// The plan was made for something else than what the repository now shows.
    #[error("the repository shows other folders than when the restore was planned; run it again")]
    PlanOutdated,
    /// No threads can be started.
    #[error("no threads can be started")]
    Threads(#[source] std::io::Error),
}

impl RestoreError {
    /// Whether the user called the work off.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Store(Error::Cancelled))
    }

    /// Whether it means that stored data is damaged or missing.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Store(error) | Self::Locate(LocateError::Store(error)) => error.is_damage(),
            _ => false,
        }
    }
}

/// Whether reading anything else makes no sense after this error.
pub(crate) fn stops_reading(error: &Error) -> bool {
    matches!(
        error,
        Error::Cancelled | Error::Random(_) | Error::Backend(BackendError::NoSuchPlace { .. })
    )
}

/// Whether writing anything else makes no sense after this error.
pub(crate) fn stops_writing(error: &TargetError) -> bool {
    matches!(error, TargetError::Full { .. } | TargetError::Root { .. })
}

/// An entry that is not in the target as it should be, and why.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Where it is below the place that was restored.
    pub path: StoredPath,
    /// What happened.
    pub cause: Cause,
}

/// Why an entry was not restored.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Cause {
    /// A chunk of the file is damaged or missing. Nothing of the file was given its name.
    Chunk {
        /// The chunk.
        chunk: ChunkId,
        /// What is wrong with it.
        error: Arc<Error>,
    },
    /// The folder cannot be read from the archive. Nothing beneath it was restored.
    Folder(Arc<Error>),
    /// The snapshot and the repository disagree about a chunk.
    Disagreement {
        /// The chunk.
        chunk: ChunkId,
    },
    /// The target could not take it.
    Target(Arc<TargetError>),
    /// It was read back and is not what was written: first byte that is wrong.
    Mismatch {
        /// Offset of the range in the file.
        offset: u64,
        /// Length of the range.
        length: u64,
    },
    /// It was read back, and is not there, is no regular file, or of another size.
    NotAsRestored,
}

impl Cause {
    /// Whether stored or restored data is damaged, rather than that the target could not take it.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Target(error) => matches!(**error, TargetError::BeyondEnd { .. }),
            _ => true,
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = &self.path;
        match &self.cause {
            Cause::Chunk { chunk, error } => {
                write!(f, "{path} was not restored: its chunk {chunk} cannot be read: ")?;
                chain(f, &**error)
            }
            Cause::Folder(error) => {
                write!(f, "nothing in {path} was restored: ")?;
                chain(f, &**error)
            }
            Cause::Disagreement { chunk } => write!(
                f,
                "{path} was not restored: its chunk {chunk} is of another length than the snapshot says; \
                 run `lumivault check`"
            ),
            Cause::Target(error) => chain(f, &**error),
            Cause::Mismatch { offset, length } => write!(
                f,
                "{path} reads back differently than it was written, within the {length} bytes from byte {offset} \
                 on; check the target's disk"
            ),
            Cause::NotAsRestored => write!(
                f,
                "{path} is not there as it was restored; check the target's disk, or whether another program \
                 writes to it"
            ),
        }
    }
}

/// An error with its causes, in one line.
fn chain(f: &mut std::fmt::Formatter<'_>, error: &dyn std::error::Error) -> std::fmt::Result {
    write!(f, "{error}")?;
    let mut source = error.source();
    while let Some(cause) = source {
        write!(f, ": {cause}")?;
        source = cause.source();
    }
    Ok(())
}

/// Something about a restored entry that the user should know.
#[derive(Clone, Debug)]
pub struct Notice {
    /// Where the entry is below the place that was restored.
    pub path: StoredPath,
    /// What to know.
    pub about: About,
}

/// What to know about an entry.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum About {
    /// The target cannot hold its name.
    Renamed {
        /// Its name in the target.
        written_as: Vec<u8>,
        /// Why.
        reason: RenameReason,
    },
    /// It is there, but not with all its metadata.
    Metadata(Arc<Warning>),
    /// The system does not let this user make such a thing; it was left out.
    NotPermitted,
    /// Such things are made only on request; it was left out.
    NotAsked,
    /// The target cannot hold such a thing; it was left out.
    NotSupported,
    /// Files of one hard-link group became separate files.
    LinkCopied,
}

impl About {
    /// Whether the entry is missing in the target although the request asks for it.
    pub fn is_left_out(&self) -> bool {
        matches!(self, Self::NotPermitted | Self::NotSupported)
    }
}

impl std::fmt::Display for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = &self.path;
        match &self.about {
            About::Renamed { written_as, reason } => {
                write!(f, "{path} is written as {}: {reason}", escape(written_as))
            }
            About::Metadata(warning) => {
                write!(f, "{path}: ")?;
                chain(f, &**warning)
            }
            About::NotPermitted => write!(f, "{path} was left out: this user may not make such a thing here"),
            About::NotAsked => write!(
                f,
                "{path} was left out: devices, pipes and sockets come only on request"
            ),
            About::NotSupported => write!(f, "{path} was left out: the target cannot hold such a thing"),
            About::LinkCopied => write!(f, "{path} became a file of its own: the target has no hard links"),
        }
    }
}
