//! The command line as it is typed. clap stays in here; what leaves is a validated [`Invocation`].

mod backup;
mod cat;
mod check;
mod completions;
mod demo;
mod diff;
mod dump;
mod exclude;
mod find;
mod forget;
mod generate;
mod global;
mod habits;
mod import;
mod init;
mod key;
mod ls;
mod man;
mod parity;
mod parse;
mod profile;
mod prune;
mod repair;
mod restore;
mod selection;
mod snapshots;
mod stats;
mod tag;
mod values;

use clap::{Parser, Subcommand};

use crate::failure::Failure;
use crate::request::{Access, Invocation, Request, Verb};
use crate::surroundings::Surroundings;

pub(crate) use generate::{completions, man_page, man_pages};
pub(crate) use parse::{Parsed, parse};

const AFTER_HELP: &str = "\
Examples:
  lumivault -r D:\\Archive init
  lumivault -r D:\\Archive backup --phone \"Lumia 930\" D:\\Lumia-2026-05
  lumivault -r D:\\Archive snapshots
  lumivault -r D:\\Archive restore --at 2026-05 --target C:\\Restored

Environment:
  LUMIVAULT_REPO, LUMIVAULT_PASSWORD, LUMIVAULT_PASSWORD_FILE, LUMIVAULT_PASSWORD_COMMAND, LUMIVAULT_CACHE_DIR
  An option counts more than a variable, a variable more than a profile.

Exit codes:
  0 done                      10 no repository there     20 damage found
  1 failed                    11 repository in use       21 stale or unsafe
  2 wrong usage               12 wrong password         130 interrupted
  3 done, but some files could not be read or created";

/// Deduplicating, encrypted monthly archives of Lumia phones
#[derive(Parser)]
#[command(
    name = "lumivault",
    version,
    after_help = AFTER_HELP,
    max_term_width = 110,
    infer_subcommands = false,
    propagate_version = false,
    disable_help_subcommand = false
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    verb: VerbArgs,
    #[command(flatten)]
    global: global::GlobalArgs,
}

#[derive(Subcommand)]
enum VerbArgs {
    #[command(flatten)]
    Archive(ArchiveArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
    Demo(demo::DemoArgs),
}

/// Commands on a repository.
#[derive(Subcommand)]
enum ArchiveArgs {
    Init(init::InitArgs),
    Backup(Box<backup::BackupArgs>),
    Import(import::ImportArgs),
    Snapshots(snapshots::SnapshotsArgs),
    Ls(ls::LsArgs),
    Find(find::FindArgs),
    Diff(diff::DiffArgs),
    Dump(dump::DumpArgs),
    Cat(cat::CatArgs),
    Restore(Box<restore::RestoreArgs>),
    Check(check::CheckArgs),
    Forget(Box<forget::ForgetArgs>),
    Parity(parity::ParityArgs),
    Prune(prune::PruneArgs),
    Repair(Box<repair::RepairArgs>),
    Key(key::KeyArgs),
    Tag(tag::TagArgs),
    Stats(stats::StatsArgs),
}

impl Cli {
    /// Checks everything that can be checked before anything is opened.
    pub(crate) fn validate(self, around: &Surroundings) -> Result<Invocation, Failure> {
        let settings = self.global.settings();
        let request = match self.verb {
            VerbArgs::Completions(args) => Request::Completions(args.validate()),
            VerbArgs::Man(args) => Request::Man(args.validate()),
            VerbArgs::Demo(args) => Request::Demo(args.validate()),
            VerbArgs::Archive(args) => {
                // First, so that nothing is read from a standard input that was meant for the password.
                let access = self.global.access(around, args.reads_stdin())?;
                let verb = args.validate(around)?;
                check_together(&access, &verb)?;
                Request::Archive(Box::new(access), Box::new(verb))
            }
        };
        Ok(Invocation { settings, request })
    }
}

impl ArchiveArgs {
    /// The option by which the command itself reads standard input.
    fn reads_stdin(&self) -> Option<&'static str> {
        match self {
            Self::Backup(args) => args.reads_stdin(),
            _ => None,
        }
    }

    fn validate(self, around: &Surroundings) -> Result<Verb, Failure> {
        Ok(match self {
            Self::Init(args) => Verb::Init(args.validate(around)?),
            Self::Backup(args) => Verb::Backup(args.validate(around)?),
            Self::Import(args) => Verb::Import(args.validate(around)?),
            Self::Snapshots(args) => Verb::Snapshots(args.validate()),
            Self::Ls(args) => Verb::Ls(args.validate()?),
            Self::Find(args) => Verb::Find(args.validate()?),
            Self::Diff(args) => Verb::Diff(args.validate()?),
            Self::Dump(args) => Verb::Dump(args.validate(around)?),
            Self::Cat(args) => Verb::Cat(args.validate()?),
            Self::Restore(args) => Verb::Restore(args.validate()?),
            Self::Check(args) => Verb::Check(args.validate()),
            Self::Forget(args) => Verb::Forget(args.validate()?),
            Self::Parity(args) => Verb::Parity(args.validate()),
            Self::Prune(args) => Verb::Prune(args.validate()),
            Self::Repair(args) => Verb::Repair(args.validate()?),
            Self::Key(args) => Verb::Key(args.validate(around)?),
            Self::Tag(args) => Verb::Tag(args.validate()?),
            Self::Stats(args) => Verb::Stats(args.validate()),
        })
    }
}

/// What a command and the way to its repository must not be together.
fn check_together(access: &Access, verb: &Verb) -> Result<(), Failure> {
    use crate::password::Unlock;
    use crate::request::{Key, NewSlot};

    let kdf_memory = match verb {
        Verb::Init(_) if matches!(access.unlock, Unlock::KeyFile(_)) => {
            return Err(
                Failure::option("--key-file", "a new repository begins with a password")
                    .hint("lumivault key add --key-file-out FILE adds a key file later"),
            );
        }
        Verb::Key(Key::Passwd { .. }) if matches!(access.unlock, Unlock::KeyFile(_)) => {
            return Err(
                Failure::option("--key-file", "the slot of a key file has no password to change")
                    .hint("lumivault key add adds a password"),
            );
        }
        Verb::Init(init) => init.kdf_memory,
        Verb::Key(
            Key::Passwd { kdf_memory, .. }
            | Key::Add {
                slot: NewSlot::Password { kdf_memory, .. },
                ..
            },
        ) => *kdf_memory,
        _ => return Ok(()),
    };
    if kdf_memory > access.kdf_memory_max {
        let most = crate::output::size(access.kdf_memory_max);
        return Err(
            Failure::option("--kdf-memory", format!("more than {most} are not allowed"))
                .hint("--kdf-memory-max SIZE allows more, and is then needed for every command"),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
