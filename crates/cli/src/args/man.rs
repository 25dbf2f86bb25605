//! `lumivault man`

use std::path::PathBuf;

use clap::Args;

use crate::request::Man;

/// Print the manual page, or write all of them
#[derive(Args)]
#[command(after_help = "\
Examples:
  lumivault man | man -l -
  lumivault man --out ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// Write the pages of all commands into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl ManArgs {
    pub(crate) fn validate(self) -> Man {
        Man { out: self.out }
    }
}
