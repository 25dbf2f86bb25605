//! Why something could not be looked at; paths are made fit for a terminal.

use std::io;

use lumivault_chunk_store::Error;

use super::query::QueryError;
use super::reference::ReferenceError;
use crate::target::escape;

/// Why browsing failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrowseError {
    /// No snapshot was found for what was asked.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// A pattern or bound of a search makes no sense.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// Nothing has this path.
    #[error("{} is not in the snapshot{}; `lumivault ls` shows what is", shown(path), near(similar.as_deref()))]
    NotThere {
        /// The path up to the missing name.
        path: Vec<u8>,
        /// A name of the same folder that differs only in case or in how its accents are stored.
        similar: Option<Vec<u8>>,
    },
    /// Something that is no folder is used as one.
    #[error("{} is no folder, so nothing can be in it", shown(path))]
    NotAFolder {
        /// The path up to it.
        path: Vec<u8>,
    },
    /// The bytes of something were asked for that has none.
    #[error(
        "{} is no file; a folder can be dumped with --archive tar or --archive zip",
        shown(path)
    )]
    NotAFile {
        /// Its path.
        path: Vec<u8>,
    },
    /// Something with this path cannot be read.
    #[error("{} cannot be read", shown(path))]
    Unreadable {
        /// Its path.
        path: Vec<u8>,
        /// Why; a damaged or missing chunk is named.
        #[source]
        source: Error,
    },
    /// Whoever takes the output takes no more.
    #[error("the output could not be written")]
    Output(#[source] io::Error),
    /// The repository failed.
    #[error(transparent)]
    Store(#[from] Error),
}

impl BrowseError {
    /// Whether the request itself is at fault.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Reference(error) => error.is_usage(),
            Self::Query(_) | Self::NotAFile { .. } => true,
            _ => false,
        }
    }

    /// Whether stored data is damaged or missing.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Unreadable { source, .. } | Self::Store(source) => source.is_damage(),
            _ => false,
        }
    }

    /// Whether the work was called off.
    pub fn is_cancelled(&self) -> bool {
        matches!(
            self,
            Self::Store(Error::Cancelled)
                | Self::Unreadable {
                    source: Error::Cancelled,
                    ..
                }
        )
    }

    /// A failure at a path; a cancellation stays one.
    pub(super) fn at(path: &[u8], source: Error) -> Self {
        match source {
            Error::Cancelled => Self::Store(source),
            _ => Self::Unreadable {
                path: path.to_vec(),
                source,
            },
        }
    }
}

/// A stored path, joined by slashes, for messages.
pub(super) fn shown(path: &[u8]) -> String {
    if path.is_empty() {
        return "the root of the snapshot".to_owned();
    }
    let names: Vec<String> = path.split(|byte| *byte == b'/').map(escape).collect();
    names.join("/")
}

fn near(similar: Option<&[u8]>) -> String {
    similar
        .map(|name| format!(" (there is {})", escape(name)))
        .unwrap_or_default()
}
