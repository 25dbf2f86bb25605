//! `lumivault parity`

use clap::{Args, Subcommand};

use crate::request::{Parity, parity_percent};

/// Make and check what mends a repository that rots: parity of packs, copies of small records
///
/// With 5 %, a twentieth of every pack may rot, in one piece or in many, and is mended. Configuration, keys and snapshots
/// are kept three times, indexes twice. What a backup stores later gets its parity at once.
#[derive(Args)]
#[command(after_help = "\
Examples:
  lumivault parity add
  lumivault parity add 10%
  lumivault parity scrub")]
pub(crate) struct ParityArgs {
    #[command(subcommand)]
    action: ParityAction,
}

#[derive(Subcommand)]
enum ParityAction {
    /// Make parity for all that is stored, and for what is stored from now on
    Add(AddArgs),
    /// Remove all parity
    #[command(visible_alias = "rm")]
    Remove(DryRunArgs),
    /// Read everything, tell what is damaged and whether it can be mended; make damaged or missing parity anew
    Scrub(DryRunArgs),
}

#[derive(Args)]
struct AddArgs {
    /// Parity in percent of what is stored, 1% to 50%
    #[arg(value_name = "PERCENT", default_value = "5%", value_parser = parity_percent)]
    percent: u8,

    #[command(flatten)]
    dry_run: DryRunArgs,
}

#[derive(Args)]
struct DryRunArgs {
    /// Tell what would be written or removed, but change nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

impl ParityArgs {
    pub(crate) fn validate(self) -> Parity {
        match self.action {
            ParityAction::Add(args) => Parity::Add {
                percent: args.percent,
                dry_run: args.dry_run.dry_run,
            },
            ParityAction::Remove(DryRunArgs { dry_run }) => Parity::Remove { dry_run },
            ParityAction::Scrub(DryRunArgs { dry_run }) => Parity::Scrub { dry_run },
        }
    }
}
