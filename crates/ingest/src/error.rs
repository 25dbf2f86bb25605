//! What can stop a backup. What only concerns single files is a warning instead.

use std::io;
use std::path::PathBuf;

/// Why no snapshot was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// The repository failed.
    #[error(transparent)]
    Store(#[from] lumivault_chunk_store::Error),
    /// A source cannot be read at all.
    #[error("the source {path} cannot be read", path = path.display())]
    Source {
        /// The source.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A pattern is no valid glob.
    #[error("the exclude pattern `{pattern}` is not valid: {problem}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The request makes no sense.
    #[error("{0}")]
    Request(String),
}

impl IngestError {
    /// Whether the user called the work off.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Store(lumivault_chunk_store::Error::Cancelled))
    }
}
