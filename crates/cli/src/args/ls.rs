//! `lumivault ls`

use std::ffi::OsString;

use clap::Args;

use super::selection::{SelectionArgs, snapshot_path};
use super::values::choice;
use crate::failure::Failure;
use crate::request::{Category, Ls};

/// List the files of a snapshot
#[derive(Args)]
#[command(after_help = "\
Examples:
  lumivault ls
  lumivault ls -l \"latest:/Pictures/Camera Roll\"
  lumivault ls -R --at 2026-05 --only messages")]
pub(crate) struct LsArgs {
    /// The snapshot, by id or time, and the folder in it [default: latest]
    #[arg(value_name = "SNAPSHOT[:PATH]")]
    snapshot: Option<OsString>,

    #[command(flatten)]
    selection: SelectionArgs,

    /// Also list what is in folders below
    #[arg(short = 'R', long)]
    recursive: bool,

    /// Show permissions, sizes, times and categories
    #[arg(short, long)]
    long: bool,

    /// Only files of these categories, separated by commas
    #[arg(long, value_name = "CATEGORY", value_delimiter = ',', value_parser = choice::<Category>())]
    only: Vec<Category>,
}

impl LsArgs {
    pub(crate) fn validate(self) -> Result<Ls, Failure> {
        let (selection, path) = self
            .selection
            .validate(snapshot_path("SNAPSHOT", self.snapshot)?)?;
        Ok(Ls {
            selection,
            path,
            recursive: self.recursive,
            long: self.long,
            only: self.only,
        })
    }
}
