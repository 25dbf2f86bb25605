//! `lumivault prune`

use clap::Args;
use lumivault_chunk_store::prune::{MaxUnused, PruneOptions};

use crate::output::parse_size;
use crate::request::{Prune, parse_grace, parse_max_unused};

/// Free the space of what no snapshot needs
///
/// Works in two steps, so that backups may run at the same time and nothing is lost wherever it is stopped: this run marks what is
/// no longer needed, and a run at least 7 days later removes it. Run it after each backup, or once a month; --now does both at
/// once and takes that nobody else is at work. What was forgotten can be brought back until prune has removed it, 7 days after it
/// was forgotten at the earliest.
#[derive(Args)]
#[command(after_help = "\
Examples:
  lumivault prune --dry-run
  lumivault prune
  lumivault prune --now --max-unused 0")]
pub(crate) struct PruneArgs {
    #[command(flatten)]
    limits: LimitArgs,

    /// Mark and remove at once, also what was forgotten just now; fails if anybody else is at work
    #[arg(long)]
    now: bool,

    /// Tell what would be freed, but change nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// How far it goes.
#[derive(Args)]
pub(crate) struct LimitArgs {
    /// What may stay though nobody needs it: a percentage of all that is needed, a size, or `unlimited`. A pack of which less than
    /// a fifth is unneeded is never written anew
    #[arg(long, value_name = "LIMIT", value_parser = parse_max_unused, default_value = "5%")]
    max_unused: MaxUnused,

    /// Write at most so much anew
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_repack: Option<u64>,

    /// How long what is forgotten and what is marked waits, such as 7d or 12h
    #[arg(long, value_name = "TIME", value_parser = parse_grace, default_value = "7d", conflicts_with = "now")]
    grace: i64,
}

impl PruneArgs {
    pub(crate) fn validate(self) -> Prune {
        let options = PruneOptions {
            max_unused: self.limits.max_unused,
            max_repack: self.limits.max_repack,
            grace_seconds: self.limits.grace,
            now: self.now,
            dry_run: self.dry_run,
        };
        Prune { options }
    }
}
