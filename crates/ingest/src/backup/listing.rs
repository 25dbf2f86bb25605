//! Lists a folder of the source: what belongs into the snapshot, in the order in which it is stored.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use lumivault_format::tree::check_name;

use super::files::explain;
use super::report::LeftOut;
use super::run::Run;
use crate::IngestError;
use crate::source::{Excludes, Found, FoundKind, inspect, name_bytes};

/// A folder or file: where it is on the disk, and where in the snapshot.
pub(super) struct Spot {
    pub(super) path: PathBuf,
    pub(super) place: Vec<u8>,
}

impl Spot {
    /// What has this name in it.
    pub(super) fn below(&self, name: &OsStr) -> Self {
        Self {
            path: self.path.join(name),
            place: join(&self.place, &name_bytes(name)),
        }
    }
}

/// A folder about to be listed.
pub(super) struct Here<'a> {
    pub(super) spot: Arc<Spot>,
    pub(super) excludes: &'a Excludes,
    /// Stay on this device, if told to.
    pub(super) device: Option<u64>,
    pub(super) depth: usize,
    /// Named by the user: without it there is nothing to make a snapshot of.
    pub(super) is_source: bool,
}

/// An entry that belongs into the snapshot.
pub(super) struct Listed {
    pub(super) name: OsString,
    pub(super) found: Found,
}

/// The entries of a folder that belong into the snapshot, ascending by name.
pub(super) fn list(run: &Run<'_>, here: &Here<'_>) -> Result<Vec<Listed>, IngestError> {
    run.check_cancelled()?;
    let entries = match fs::read_dir(&here.spot.path) {
        Ok(entries) => entries,
        Err(source) if here.is_source => {
            let path = here.spot.path.clone();
            return Err(IngestError::Source { path, source });
        }
        Err(error) => {
            let problem = format!("the folder cannot be listed: {error}");
            run.unreadable(&here.spot.place, explain(&error).0, problem);
            return Ok(Vec::new());
        }
    };
    let mut listing = Vec::new();
    for entry in entries {
        run.check_cancelled()?;
        match entry {
            Ok(entry) => listing.extend(look(run, here, entry.file_name())),
            Err(error) => {
                let problem = format!("the folder was listed only in part: {error}");
                run.unreadable(&here.spot.place, "unreadable", problem);
            }
        }
    }
    listing.sort_unstable_by(|a, b| a.name.as_encoded_bytes().cmp(b.name.as_encoded_bytes()));
    Ok(listing)
}

/// Looks at one entry; `None` if it is left out, gone or cannot be kept.
fn look(run: &Run<'_>, here: &Here<'_>, name: OsString) -> Option<Listed> {
    let path = here.spot.path.join(&name);
    let place = || join(&here.spot.place, &name_bytes(&name));
    let found = match inspect(&path) {
        Ok(found) => found,
        Err(error) => {
            run.read_failed(&place(), &error);
            return None;
        }
    };
    let is_folder = found.kind == FoundKind::Folder;
    let rule = here.excludes.reason(&path, is_folder).or_else(|| {
        let elsewhere = is_folder && here.device.is_some_and(|device| device != found.device);
        elsewhere.then(|| "another file system".to_owned())
    });
    if let Some(rule) = rule {
        run.report.leave_out(LeftOut { path: place(), rule });
        return None;
    }
    if let Err(problem) = check_name(&name_bytes(&name)) {
        run.unreadable(&place(), "unreadable", problem.to_string());
        return None;
    }
    if let Some(doubt) = &found.doubt {
        run.warn(&place(), "incomplete-metadata", doubt.clone());
    }
    Some(Listed { name, found })
}

/// A place below another, with a slash between.
pub(super) fn join(place: &[u8], name: &[u8]) -> Vec<u8> {
    if place.is_empty() {
        name.to_vec()
    } else {
        [place, b"/", name].concat()
    }
}
