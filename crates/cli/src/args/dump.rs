//! `lumivault dump`

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::selection::{SelectionArgs, snapshot_path};
use super::values::choice;
use crate::failure::Failure;
use crate::request::{ArchiveFormat, Dump};
use crate::surroundings::Surroundings;

/// Write a file, or a folder as an archive, to standard output
#[derive(Args)]
#[command(after_help = "\
Examples:
  lumivault dump latest:/Documents/notes.txt
  lumivault dump --at 2026-05 --archive zip --output roll.zip \":/Pictures/Camera Roll\"
  lumivault dump --archive tar latest | ssh nas tar -x -C /photos")]
pub(crate) struct DumpArgs {
    /// The snapshot, by id or time, and the file or folder in it [default: latest]
    #[arg(value_name = "SNAPSHOT[:PATH]")]
    snapshot: Option<OsString>,

    #[command(flatten)]
    selection: SelectionArgs,

    /// Pack a folder
    #[arg(short, long, value_name = "FORMAT", value_parser = choice::<ArchiveFormat>())]
    archive: Option<ArchiveFormat>,

    /// Write to this new file instead
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl DumpArgs {
    pub(crate) fn validate(self, around: &Surroundings) -> Result<Dump, Failure> {
        let (selection, path) = self
            .selection
            .validate(snapshot_path("SNAPSHOT", self.snapshot)?)?;
        if path.is_empty() && self.archive.is_none() {
            return Err(Failure::usage("a whole snapshot is not one file")
                .hint("name a file as SNAPSHOT:PATH, or use --archive tar or --archive zip"));
        }
        if self.archive.is_some() && self.output.is_none() && around.stdout_is_terminal {
            return Err(
                Failure::option("--archive", "an archive cannot be shown on a terminal")
                    .hint("use --output FILE, or a pipe"),
            );
        }
        Ok(Dump {
            selection,
            path,
            archive: self.archive,
            output: self.output,
        })
    }
}
