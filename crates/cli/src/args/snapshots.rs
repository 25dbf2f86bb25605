//! `lumivault snapshots`

use clap::Args;

use super::selection::FilterArgs;
use crate::request::{Selector, Snapshots};

/// List snapshots
#[derive(Args)]
#[command(
    visible_alias = "list",
    after_help = "\
Examples:
  lumivault snapshots
  lumivault snapshots --phone \"Lumia 930\" --latest 3
  lumivault snapshots --json | jq -r '.[].id'"
)]
pub(crate) struct SnapshotsArgs {
    /// Only these, by id or time
    #[arg(value_name = "SNAPSHOT", value_parser = Selector::parse)]
    snapshots: Vec<Selector>,

    #[command(flatten)]
    filter: FilterArgs,

    /// Only the newest N of each phone
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    latest: Option<u32>,

    /// Those that were forgotten, and when
    #[arg(long, conflicts_with = "snapshots")]
    forgotten: bool,
}

impl SnapshotsArgs {
    pub(crate) fn validate(self) -> Snapshots {
        Snapshots {
            only: self.snapshots,
            filter: self.filter.validate(),
            latest: self.latest,
            forgotten: self.forgotten,
        }
    }
}
