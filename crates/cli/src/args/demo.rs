//! `lumivault demo`

use std::path::PathBuf;

use clap::Args;

use crate::request::Demo;

/// Show everything on a made-up phone: import three months, restore one by its date, compare, check
#[derive(Args)]
#[command(after_help = "\
Examples:
  lumivault demo
  lumivault demo --keep /tmp/demo")]
pub(crate) struct DemoArgs {
    /// Keep the phone, the repository and what was restored in this folder
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

impl DemoArgs {
    pub(crate) fn validate(self) -> Demo {
        Demo { keep: self.keep }
    }
}
