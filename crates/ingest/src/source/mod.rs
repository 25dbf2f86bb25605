//! Where snapshots come from: folders and files of this machine, read without following links.

mod exclude;
mod file;
mod metadata;

pub use exclude::{DEFAULT_EXCLUDES, ExcludeRules, Excludes, Marker};
pub(crate) use file::SourceFile;
pub(crate) use metadata::{FileIdentity, Found, FoundKind, glance, inspect, name_bytes};

use std::path::PathBuf;

/// One thing to back up and its place in the snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceSpec {
    /// The folder or file.
    pub path: PathBuf,
    /// Names of the folders it appears under, the last being its own; empty: its contents are the snapshot's root.
    pub at: Vec<Vec<u8>>,
}

impl SourceSpec {
    /// Places sources as the command line promises: the contents of a single folder become the root, several sources
    /// appear under their last components (or the labels given, in order).
    pub fn place(paths: &[PathBuf], labels: &[String]) -> Result<Vec<Self>, String> {
        if labels.len() > paths.len() {
            return Err(format!(
                "{} labels were given for {} sources",
                labels.len(),
                paths.len()
            ));
        }
        let alone = paths.len() == 1 && labels.is_empty();
        let mut specs: Vec<Self> = Vec::new();
        for (i, path) in paths.iter().enumerate() {
            let at = match labels.get(i) {
                Some(label) => vec![label.as_bytes().to_vec()],
                None if alone && path.is_dir() => Vec::new(),
                None => vec![last_component(path)?],
            };
            if let Some(twin) = specs.iter().find(|spec| spec.at == at) {
                return Err(format!(
                    "{} and {} would both appear as `{}`; name one of them with --as",
                    twin.path.display(),
                    path.display(),
                    at.last()
                        .map(|name| String::from_utf8_lossy(name))
                        .unwrap_or_default()
                ));
            }
            specs.push(Self {
                path: path.clone(),
                at,
            });
        }
        Ok(specs)
    }
}

fn last_component(path: &std::path::Path) -> Result<Vec<u8>, String> {
    let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    full.file_name()
        .map(name_bytes)
        .ok_or_else(|| format!("{} has no name of its own; give it one with --as", path.display()))
}
