//! The root folder: where objects lie below it, and whether it is still the folder that was opened.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use lumivault_format::{ObjectId, ObjectKind};

use crate::backend::BackendError;
use crate::sys;

/// An opened root folder.
#[derive(Debug)]
pub(super) struct Place {
    /// Absolute; on Windows in the `\\?\` form, which allows long paths and takes every name literally.
    pub(super) root: PathBuf,
    /// The path as the user gave it, for messages.
    pub(super) location: String,
    volume: Option<u64>,
}

impl Place {
    pub(super) fn open(path: &Path) -> Result<Self, BackendError> {
        let location = path.display().to_string();
        let failed = |source| BackendError::from_io("opening the folder", &location, source);
        let root = canonical(path).map_err(failed)?;
        if !fs::metadata(&root).map_err(failed)?.is_dir() {
            return Err(failed(io::ErrorKind::NotADirectory.into()));
        }
        let volume = sys::volume(&root).map_err(failed)?;
        Ok(Self {
            root,
            location,
            volume,
        })
    }

    /// The folder of a kind.
    pub(super) fn folder(&self, kind: ObjectKind) -> PathBuf {
        self.root.join(kind.folder())
    }

    /// The path of an object, joined by components: the `\\?\` form knows no `/`.
    pub(super) fn object(&self, id: &ObjectId) -> PathBuf {
        let mut path = self.root.clone();
        path.extend(id.path().split('/'));
        path
    }

    /// Fails if the root is gone, or if another file system is mounted there now: after a disk was pulled out,
    /// its mount point may remain as an empty folder.
    pub(super) fn check_attached(&self) -> Result<(), BackendError> {
        let gone = |source| BackendError::NoSuchPlace {
            location: self.location.clone(),
            source,
        };
        match sys::volume(&self.root).and_then(|volume| fs::metadata(&self.root).map(|_| volume)) {
            Ok(volume) if volume == self.volume => Ok(()),
            Ok(_) => Err(gone(io::Error::other("another file system is mounted there now"))),
            Err(source) => Err(gone(source)),
        }
    }

    /// The error for an object that is not there.
    pub(super) fn absent(&self, id: &ObjectId) -> BackendError {
        match self.check_attached() {
            Ok(()) => BackendError::NotFound {
                object: *id,
                location: self.location.clone(),
            },
            Err(gone) => gone,
        }
    }

    /// The error for a system call that failed.
    pub(super) fn failed(&self, action: impl Into<String>, source: io::Error) -> BackendError {
        let missing = matches!(
            source.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
        );
        if missing && self.check_attached().is_ok() {
            // Something below the root is missing or in the way; the place itself is there.
            return BackendError::Io {
                action: action.into(),
                location: self.location.clone(),
                source,
            };
        }
        BackendError::from_io(action, &self.location, source)
    }
}

/// Some Windows drivers (RAM disks, substituted drives) cannot name a folder canonically.
fn canonical(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(_) if cfg!(windows) && path.is_dir() => std::path::absolute(path),
        result => result,
    }
}
