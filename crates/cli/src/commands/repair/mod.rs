//! `repair`: what `check` found is mended, from the repository itself or from another copy of the archive.

mod show;

use std::num::NonZeroUsize;
use std::path::Path;

use lumivault_chunk_store::repair::{self, OtherCopy, PacksOptions, SnapshotsOptions};
use lumivault_chunk_store::{CacheDir, Error};

use super::Context;
use super::repo::{self, Opened};
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::password::{PasswordSource, Unlock};
use crate::request::{self, Access, Repair};

pub(crate) fn run(request: &Repair, access: &Access, context: &Context) -> Result<ExitCode, Failure> {
    let from = match request.from() {
        Some(from) => Some(other_access(from, access)?),
        None => None,
    };
    // Not as for other commands that write: that the repository looks older than it was is what a repair may be for.
    let mut opened = repo::open(access, context, "repair")?;
    let other = match &from {
        Some(from) => Some(repo::open(from, context, "repair").map_err(of_copy)?),
        None => None,
    };
    if let Some(other) = &other {
        other.progress.finish();
    }
    let copy = match &other {
        Some(other) => Some(OtherCopy::new(&opened.repository, &other.repository)?),
        None => None,
    };
    let is_damaged = carry_out(request, copy.as_ref(), &mut opened, context)?;
    Ok(if is_damaged {
        ExitCode::Damage
    } else {
        ExitCode::Done
    })
}

/// Does it, and tells; whether something stays lost or damaged.
fn carry_out(
    request: &Repair,
    from: Option<&OtherCopy<'_>>,
    opened: &mut Opened,
    context: &Context,
) -> Result<bool, Failure> {
    let holder = context.holder();
    match *request {
        Repair::Index { dry_run } => {
            let report = repair::index(&opened.repository, &holder, dry_run)?;
            finish(opened);
            show::index(&report, dry_run, opened.progress.elapsed(), context)?;
            Ok(report.is_damaged())
        }
        Repair::Packs { dry_run, .. } => {
            let options = PacksOptions {
                from,
                threads: NonZeroUsize::new(context.threads()).unwrap_or(NonZeroUsize::MIN),
                dry_run,
            };
            let report = cached(opened, |opened, cache| {
                repair::packs(&opened.repository, &holder, cache, &options)
            })?;
            finish(opened);
            let how = (dry_run, from.is_some());
            show::packs(&report, how, opened.progress.elapsed(), context)?;
            Ok(report.is_damaged())
        }
        Repair::Snapshots {
            drop_lost, dry_run, ..
        } => {
            let options = SnapshotsOptions {
                from,
                drop_lost,
                dry_run,
            };
            let report = cached(opened, |opened, cache| {
                repair::snapshots(&opened.repository, &holder, cache, &options)
            })?;
            finish(opened);
            show::snapshots(&report, &options, opened.progress.elapsed(), context)?;
            Ok(report.is_damaged())
        }
        Repair::Sessions { all, dry_run } => {
            let report = repair::sessions(&opened.repository, &holder, all, dry_run)?;
            finish(opened);
            show::sessions(&report, dry_run, context)?;
            Ok(report.is_damaged())
        }
    }
}

/// With the cache, or without one if that fails.
fn cached<T>(
    opened: &Opened,
    run: impl Fn(&Opened, Option<&CacheDir>) -> Result<T, Error>,
) -> Result<T, Failure> {
    match run(opened, opened.cache.as_ref()) {
        Err(Error::Cache { .. }) => Ok(run(opened, None)?),
        other => Ok(other?),
    }
}

fn finish(opened: &mut Opened) {
    opened.tell_capabilities();
    opened.progress.finish();
}

/// Why the other copy could not be opened: its options are others.
fn of_copy(failure: Failure) -> Failure {
    match failure.code() {
        ExitCode::NoRepository => {
            failure.hint("attach the disk with the copy, or name another one with --from")
        }
        ExitCode::WrongPassword => failure.hint(
            "the other copy may open with another password: --from-password-file, --from-password-command or \
             --from-key-file",
        ),
        _ => failure,
    }
}

/// The way to the other copy.
fn other_access(from: &request::OtherCopy, access: &Access) -> Result<Access, Failure> {
    if is_same(from.repo.path(), access.repo.path()) {
        return Err(Failure::option("--from", "this is the repository itself")
            .hint("name another copy of it: a disk it was copied to, or one that was backed up to in turn"));
    }
    let unlock = match &from.unlock {
        Some(unlock) => unlock.clone(),
        None if matches!(access.unlock, Unlock::Password(PasswordSource::Descriptor(_))) => {
            return Err(
                Failure::option("--from", "a descriptor gives its password only once").hint(
                    "--from-password-file, --from-password-command or --from-key-file opens the other copy",
                ),
            );
        }
        None => access.unlock.clone(),
    };
    Ok(Access {
        repo: from.repo.clone(),
        unlock,
        ..access.clone()
    })
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}
