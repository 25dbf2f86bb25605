//! `lumivault restore`

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::exclude::patterns;
use super::selection::{SelectionArgs, snapshot_path};
use super::values::choice;
use crate::failure::Failure;
use crate::request::{Category, Overwrite, Restore};

/// Bring back a snapshot, or part of one
///
/// The root, or the folder named by PATH, is written directly under the target. What the target cannot hold under its
/// own name is renamed and reported.
#[derive(Args)]
#[command(after_help = "\
Examples:
  lumivault restore --target C:\\Restored
  lumivault restore --at 2026-05 --phone \"Lumia 930\" --only contacts,messages --target /tmp/texts
  lumivault restore \"kmzwtpqs:/Pictures/Camera Roll\" -t ~/roll --overwrite if-changed --verify")]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct RestoreArgs {
    /// The snapshot, by id or time, and the file or folder in it [default: latest]
    #[arg(value_name = "SNAPSHOT[:PATH]")]
    snapshot: Option<OsString>,

    #[command(flatten)]
    selection: SelectionArgs,

    /// Folder to write to
    #[arg(short, long, value_name = "DIR")]
    target: Option<PathBuf>,

    /// Only what this pattern matches; may be given several times
    #[arg(short, long, value_name = "GLOB")]
    include: Vec<String>,

    /// The same, whatever the case of letters
    #[arg(long = "iinclude", value_name = "GLOB")]
    iinclude: Vec<String>,

    /// Without what this pattern matches; may be given several times
    #[arg(short, long, value_name = "GLOB")]
    exclude: Vec<String>,

    /// The same, whatever the case of letters
    #[arg(long = "iexclude", value_name = "GLOB")]
    iexclude: Vec<String>,

    /// Only files of these categories, separated by commas
    #[arg(long, value_name = "CATEGORY", value_delimiter = ',', value_parser = choice::<Category>())]
    only: Vec<Category>,

    /// What to do with files that are there already; needed where the target is not empty
    #[arg(long, value_name = "WHICH", value_parser = choice::<Overwrite>())]
    overwrite: Option<Overwrite>,

    /// Delete what is in the target and not in the snapshot
    #[arg(long)]
    delete: bool,

    /// Read everything back and compare
    #[arg(long)]
    verify: bool,

    /// Tell what would be written, but write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

impl RestoreArgs {
    pub(crate) fn validate(self) -> Result<Restore, Failure> {
        let (selection, path) = self
            .selection
            .validate(snapshot_path("SNAPSHOT", self.snapshot)?)?;
        let target = match self.target {
            Some(target) if !target.as_os_str().is_empty() => target,
            _ => return Err(Failure::option("--target", "a folder to write to is needed")),
        };
        if self.delete && !self.only.is_empty() {
            let problem = "would delete everything that is not of the categories of --only";
            return Err(Failure::option("--delete", problem));
        }
        if self.delete && is_root(&target) {
            return Err(
                Failure::option("--delete", "would delete from the root of a file system")
                    .hint("restore into a folder"),
            );
        }
        let mut include = patterns("--include", self.include, false)?;
        include.extend(patterns("--iinclude", self.iinclude, true)?);
        let mut exclude = patterns("--exclude", self.exclude, false)?;
        exclude.extend(patterns("--iexclude", self.iexclude, true)?);
        Ok(Restore {
            selection,
            path,
            target,
            include,
            exclude,
            only: self.only,
            overwrite: self.overwrite,
            delete: self.delete,
            verify: self.verify,
            dry_run: self.dry_run,
        })
    }
}

/// Whether a path leads to the top of a file system, also by `..` or a link.
fn is_root(path: &std::path::Path) -> bool {
    let real = path.canonicalize();
    real.as_deref().unwrap_or(path).parent().is_none()
}
