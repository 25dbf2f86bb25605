//! `lumivault diff`

use std::ffi::OsString;

use clap::Args;

use super::selection::{NarrowArgs, snapshot_path};
use crate::failure::Failure;
use crate::request::{Diff, Selector};

/// Show what changed between two snapshots
#[derive(Args)]
#[command(after_help = "\
Examples:
  lumivault diff 2026-04 2026-05
  lumivault diff 1y-ago latest --phone \"Lumia 930\"
  lumivault diff kmzwtpqs:/Phone latest:/Phone

Each line begins with + (new), - (gone), M (other content), T (other kind) or, with --metadata, U (other times or
permissions).")]
pub(crate) struct DiffArgs {
    /// The older snapshot, by id or time, and a folder in it
    #[arg(value_name = "FROM[:PATH]", required = true)]
    from: OsString,

    /// The newer snapshot, by id or time, and a folder in it
    #[arg(value_name = "TO[:PATH]", required = true)]
    to: OsString,

    #[command(flatten)]
    narrow: NarrowArgs,

    /// Also show changes of times and permissions alone
    #[arg(long)]
    metadata: bool,
}

impl DiffArgs {
    pub(crate) fn validate(self) -> Result<Diff, Failure> {
        let side = |name: &str, text| {
            let parsed = snapshot_path(name, Some(text))?;
            let (snapshot, path) = parsed
                .map(|parsed| (parsed.snapshot, parsed.path))
                .unwrap_or_default();
            let snapshot = snapshot.unwrap_or_else(Selector::latest);
            Ok::<_, Failure>((self.narrow.selection(snapshot), path))
        };
        let (from, from_path) = side("FROM", self.from)?;
        let (to, to_path) = side("TO", self.to)?;
        Ok(Diff {
            from,
            from_path,
            to,
            to_path,
            metadata: self.metadata,
        })
    }
}
