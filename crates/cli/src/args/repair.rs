//! `lumivault repair`

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::global::password_source;
use crate::failure::Failure;
use crate::password::Unlock;
use crate::request::{OtherCopy, Repair, RepoLocation};

/// Mend what lumivault check found damaged
///
/// What parity and copies in the repository can mend is mended from them. What they cannot comes from another copy of the same
/// archive, if there is one. Nothing damaged is deleted: it is moved to the folder `quarantine` of the repository, once
/// everything good in it lies elsewhere.
///
/// After a disk began to fail, in this order: repair index, repair snapshots --from, repair packs --from. Only when nothing more
/// can be found, repair snapshots --drop-lost.
#[derive(Args)]
#[command(after_help = "\
Examples:
  lumivault repair index
  lumivault repair snapshots --from E:\\Copy
  lumivault repair packs --from E:\\Copy
  lumivault repair snapshots --drop-lost --dry-run")]
pub(crate) struct RepairArgs {
    #[command(subcommand)]
    what: RepairWhat,
}

#[derive(Subcommand)]
enum RepairWhat {
    /// List every pack that is there, as it describes itself, and none that is gone
    Index(DryRunArgs),
    /// Read every byte, write anew what is good in damaged packs, and fetch what is lost
    Packs(PacksArgs),
    /// Fetch snapshots that cannot be read or are gone; tell which files snapshots lack, or give those up
    Snapshots(SnapshotsArgs),
    /// Tell who is at work, and remove what runs left that are dead
    Sessions(SessionsArgs),
}

#[derive(Args)]
struct PacksArgs {
    #[command(flatten)]
    from: FromArgs,

    #[command(flatten)]
    dry_run: DryRunArgs,
}

#[derive(Args)]
struct SnapshotsArgs {
    #[command(flatten)]
    from: FromArgs,

    /// Replace snapshots that lack something by ones without what is lost, and remove the damaged ones for good
    #[arg(long)]
    drop_lost: bool,

    #[command(flatten)]
    dry_run: DryRunArgs,
}

#[derive(Args)]
struct SessionsArgs {
    /// Remove all: you know that nobody is at work
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    dry_run: DryRunArgs,
}

#[derive(Args)]
struct DryRunArgs {
    /// Tell what would be done, but change nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// Another copy. What opens the repository opens it too, unless something else is named.
#[derive(Args)]
struct FromArgs {
    /// Fetch what is lost from this other copy of the archive
    #[arg(long, value_name = "PATH")]
    from: Option<OsString>,

    /// Read the password of the other copy from this file
    #[arg(long, value_name = "FILE", requires = "from", conflicts_with_all = ["from_password_command", "from_key_file"])]
    from_password_file: Option<PathBuf>,

    /// Run this program, without a shell, and take what it prints as the password of the other copy
    #[arg(
        long,
        value_name = "COMMAND",
        requires = "from",
        conflicts_with = "from_key_file"
    )]
    from_password_command: Option<String>,

    /// Open the other copy with a raw 256-bit key in this file
    #[arg(long, value_name = "FILE", requires = "from")]
    from_key_file: Option<PathBuf>,
}

impl FromArgs {
    fn validate(self) -> Result<Option<OtherCopy>, Failure> {
        let Some(from) = self.from else { return Ok(None) };
        let repo = RepoLocation::parse(&from).map_err(|problem| Failure::option("--from", problem))?;
        let password = password_source(
            ("--from-password-file", self.from_password_file),
            ("--from-password-command", self.from_password_command),
        )?;
        let unlock = self
            .from_key_file
            .map(Unlock::KeyFile)
            .or(password.map(Unlock::Password));
        Ok(Some(OtherCopy { repo, unlock }))
    }
}

impl RepairArgs {
    pub(crate) fn validate(self) -> Result<Repair, Failure> {
        Ok(match self.what {
            RepairWhat::Index(DryRunArgs { dry_run }) => Repair::Index { dry_run },
            RepairWhat::Packs(args) => Repair::Packs {
                from: args.from.validate()?,
                dry_run: args.dry_run.dry_run,
            },
            RepairWhat::Snapshots(args) => Repair::Snapshots {
                from: args.from.validate()?,
                drop_lost: args.drop_lost,
                dry_run: args.dry_run.dry_run,
            },
            RepairWhat::Sessions(args) => Repair::Sessions {
                all: args.all,
                dry_run: args.dry_run.dry_run,
            },
        })
    }
}
