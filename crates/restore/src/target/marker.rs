//! The marker of a restore that is under way: a small file in the root with the caller's token.

use super::own::MARKER;
use super::sys::{self, Dir, Kind};
use super::{Target, TargetError, place};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};

/// Bytes of a token.
const TOKEN_BYTES_MAX: usize = 4096;

impl Target {
    /// Says that a restore, described by `token`, is under way. Replaces an older marker.
    pub fn write_marker(&self, token: &[u8]) -> Result<(), TargetError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TargetError::LongToken(token.len()));
        }
        let root = self.root();
        let failed = |cause| root.failed("writing the marker in", cause);
        let dir = root.dir()?;
        let temp = root.node.shared.temps.next();
        let file = dir.create_file(&temp, 0o600, None).map_err(failed)?;
        let written = sys::write_all_at(&file, token, 0).and_then(|()| file.sync_all());
        drop(file);
        written
            .and_then(|()| dir.replace(&temp, OsStr::new(MARKER)))
            .map_err(|cause| {
                drop(place::remove_if_there(&dir, &temp));
                failed(cause)
            })
    }

    /// The token of a restore that was interrupted here, if there was one.
    pub fn read_marker(&self) -> Result<Option<Vec<u8>>, TargetError> {
        let root = self.root();
        read(&*root.dir()?).map_err(|cause| root.failed("reading the marker in", cause))
    }

    /// Makes durable what was written so far, as far as the system can.
    pub fn make_durable(&self) -> Result<(), TargetError> {
        let root = self.root();
        match root.dir()?.flush_all() {
            Err(cause) if cause.kind() != io::ErrorKind::Unsupported => {
                Err(root.failed("making durable", cause))
            }
            _ => Ok(()),
        }
    }

    /// Ends a restore: makes durable what was written and removes the marker.
    pub fn remove_marker(&self) -> Result<(), TargetError> {
        self.make_durable()?;
        let root = self.root();
        place::remove_if_there(&*root.dir()?, OsStr::new(MARKER))
            .map_err(|cause| root.failed("removing the marker in", cause))
    }
}

/// A marker that is no regular file, or too long, is none of ours.
pub(super) fn read(dir: &Dir) -> io::Result<Option<Vec<u8>>> {
    let marker = OsStr::new(MARKER);
    let is_file = |found: sys::Found| found.kind == Kind::File;
    if !dir.find(marker)?.is_some_and(is_file) {
        return Ok(None);
    }
    let file: File = dir.open_file(marker, false)?;
    if !is_file(sys::found(&file)?) {
        return Ok(None);
    }
    let mut token = Vec::new();
    let limit = u64::try_from(TOKEN_BYTES_MAX)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    file.take(limit).read_to_end(&mut token)?;
    Ok((token.len() <= TOKEN_BYTES_MAX).then_some(token))
}
