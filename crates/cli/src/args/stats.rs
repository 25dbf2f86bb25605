//! `lumivault stats`

use clap::Args;

use super::selection::FilterArgs;
use crate::request::{Selector, Stats};

/// Show how much is stored, and what it would be without sharing and compression
#[derive(Args)]
#[command(after_help = "\
Examples:
  lumivault stats
  lumivault stats --phone \"Lumia 930\" --json")]
pub(crate) struct StatsArgs {
    /// Only of these snapshots, by id or time
    #[arg(value_name = "SNAPSHOT", value_parser = Selector::parse)]
    snapshots: Vec<Selector>,

    #[command(flatten)]
    filter: FilterArgs,
}

impl StatsArgs {
    pub(crate) fn validate(self) -> Stats {
        Stats {
            only: self.snapshots,
            filter: self.filter.validate(),
        }
    }
}
