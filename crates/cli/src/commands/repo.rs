//! The way to a repository: every command on one begins here.

use std::path::PathBuf;
use std::sync::Arc;

use lumivault_chunk_store::backend::{Backend as _, Capability, LocalDisk};
use lumivault_chunk_store::keys::{RecoveryCode, SlotSecret};
use lumivault_chunk_store::session::Writing;
use lumivault_chunk_store::{
    CacheDir, Chain, ChunkIndex, Environment, Error, OpenOptions, Repository, StoredSnapshot,
};
use lumivault_format::ObjectKind;
use zeroize::Zeroizing;

use super::absent;
use super::remembered::Remembered;
use super::trust::Trust;
use super::{Context, credential};
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::output::complain;
use crate::password::{Credential, PasswordSource, Unlock};
use crate::progress::Progress;
use crate::request::Access;

/// How often a password may be mistyped at a terminal.
const TRIES: usize = 3;

/// An open repository, and what goes with it.
pub(crate) struct Opened {
    pub(crate) repository: Repository,
    pub(crate) disk: Arc<LocalDisk>,
    /// The repository's monitor. To be finished when the work is done, before the answer is given.
    pub(crate) progress: Arc<Progress>,
    /// Where this machine keeps the index; None: nowhere.
    pub(crate) cache: Option<CacheDir>,
    remembered: Remembered,
    /// Where this machine keeps what it saw of repositories.
    state: Option<PathBuf>,
}

/// All snapshots that can be read, the oldest first.
pub(crate) struct Listed {
    pub(crate) snapshots: Vec<StoredSnapshot>,
    /// Records that could not be read; each has been said in a warning.
    pub(crate) unreadable: usize,
    /// Whether some that this machine saw are gone without having been forgotten.
    pub(crate) is_rolled_back: bool,
}

impl Listed {
    /// What a command that is about all snapshots ends with.
    pub(crate) fn code(&self) -> ExitCode {
        if self.unreadable == 0 {
            ExitCode::Done
        } else {
            ExitCode::Damage
        }
    }
}

/// Opens the repository for the command `verb`.
pub(crate) fn open(access: &Access, context: &Context, verb: &'static str) -> Result<Opened, Failure> {
    let disk = Arc::new(LocalDisk::open(access.repo.path())?);
    // Before anybody is asked for the password of something that is not there.
    if disk.list(ObjectKind::Parity)?.is_empty() {
        if disk.list(ObjectKind::Config)?.is_empty() {
            return Err(absent::no_config(access.repo.path(), &disk)?);
        }
        if disk.list(ObjectKind::KeySlot)?.is_empty() {
            return Err(absent::no_keys(&disk.location()));
        }
    }
    let mut remembered = Remembered::load(access);
    let options = OpenOptions {
        kdf_memory_kib_max: kib(access.kdf_memory_max),
        first_slot: remembered.slot(),
        listing_delay_seconds: access.listing_delay_seconds,
    };
    let asks = matches!(access.unlock, Unlock::Password(PasswordSource::Ask));
    let mut tries = if asks { TRIES } else { 1 };
    let (repository, progress) = loop {
        let secret = secret(credential(access)?);
        tries -= 1;
        let progress = context.progress(verb);
        let env = Environment::system(Arc::clone(&progress) as Arc<_>);
        match Repository::open(Arc::clone(&disk) as Arc<_>, &secret, options, env) {
            Ok(repository) => break (repository, progress),
            Err(Error::WrongPassword(1.., _)) if tries > 0 => {
                progress.finish();
                complain("this password does not open the repository");
            }
            Err(error) => {
                progress.finish();
                return Err(match error {
                    Error::NoRepository(_) => absent::no_config(access.repo.path(), &disk)?,
                    Error::WrongPassword(0, 0) => absent::no_keys(&disk.location()),
                    error => error.into(),
                });
            }
        }
    };
    remembered.set_slot(repository.opened_slot());
    let cache = cache(access, &repository, &progress);
    Ok(Opened {
        repository,
        disk,
        progress,
        cache,
        remembered,
        state: access.state.clone(),
    })
}

/// Opens the repository for a command that changes it, unless it is older than this machine saw it. A dry run changes nothing.
pub(crate) fn open_to_write(
    access: &Access,
    context: &Context,
    verb: &'static str,
    dry_run: bool,
) -> Result<Opened, Failure> {
    let opened = open(access, context, verb)?;
    if dry_run {
        return Ok(opened);
    }
    let mut trust = opened.trust();
    let (chain, problem) = opened.compare(&trust)?;
    if let Some(problem) = problem {
        if !access.accept_rollback {
            opened.progress.finish();
            return Err(Failure::new(
                ExitCode::Stale,
                format!("{} is not what it was: {problem}; nothing was written", opened.disk.location()),
            )
            .hint(
                "if somebody put an older copy there, that is the reason, and --accept-rollback goes on with what is there; \
                 reading and restoring work as ever",
            ));
        }
        opened
            .progress
            .warn(&format!("{problem}; going on with what is there, as you said"));
        trust = trust.forget();
    }
    // Losing this file costs a warning some day, no data.
    let _ = trust.keep(&opened.repository, &chain);
    Ok(opened)
}

/// What the library opens a slot with.
pub(crate) fn secret(credential: Credential) -> SlotSecret {
    match credential {
        Credential::Passphrase(secret) => SlotSecret::Password(Zeroizing::new(secret.expose().to_owned())),
        Credential::Key(key) => SlotSecret::Raw(RecoveryCode::from_key(*key.expose())),
    }
}

/// Bytes as the library counts memory.
pub(crate) fn kib(bytes: u64) -> u32 {
    u32::try_from(bytes / 1024).unwrap_or(u32::MAX)
}

fn cache(access: &Access, repository: &Repository, progress: &Progress) -> Option<CacheDir> {
    let opened = CacheDir::open(access.cache.as_deref()?, repository);
    let warn = |error: &Error| progress.warn(&without_cache(error));
    opened.inspect_err(warn).ok()
}

fn without_cache(error: &Error) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    format!(
        "{error}{}; going on without a cache, which takes longer",
        cause.unwrap_or_default()
    )
}

impl Opened {
    /// The index, from the cache where there is one.
    pub(crate) fn index(&mut self) -> Result<Arc<ChunkIndex>, Failure> {
        match ChunkIndex::load(&self.repository, self.cache.clone()) {
            Err(error @ Error::Cache { .. }) => {
                self.progress.warn(&without_cache(&error));
                self.cache = None;
                Ok(Arc::new(ChunkIndex::load(&self.repository, None)?))
            }
            other => Ok(Arc::new(other?)),
        }
    }

    /// What a command needs that stores something: a session that others see, then snapshots and the index. With `dry`, only
    /// what is to be looked at.
    pub(crate) fn writing(&self, context: &Context, dry: bool) -> Result<Writing<'_>, Failure> {
        let begin = |cache: Option<CacheDir>| {
            if dry {
                Writing::dry(&self.repository, cache)
            } else {
                Writing::begin(&self.repository, &context.holder(), cache)
            }
        };
        let writing = match begin(self.cache.clone()) {
            Err(error @ Error::Cache { .. }) => {
                self.progress.warn(&without_cache(&error));
                begin(None)?
            }
            other => other?,
        };
        self.tell_unreadable(&writing.snapshots().unreadable);
        Ok(writing)
    }

    fn tell_unreadable(&self, errors: &[Error]) {
        for error in errors {
            self.progress.warn(&error.with_causes());
        }
    }

    /// All snapshots. What cannot be read is said, and does not hide the others.
    pub(crate) fn snapshots(&self) -> Result<Listed, Failure> {
        let loaded = self.repository.snapshots()?;
        self.tell_unreadable(&loaded.unreadable);
        let is_rolled_back = self.tell_rollback()?;
        Ok(Listed {
            snapshots: loaded.found,
            unreadable: loaded.unreadable.len(),
            is_rolled_back,
        })
    }

    fn trust(&self) -> Trust {
        Trust::load(self.state.as_deref(), &self.repository)
    }

    /// The chain of snapshots, and what is wrong with it, compared with what this machine saw. Where listings lag, only what is
    /// still wrong when they must show everything.
    fn compare(&self, trust: &Trust) -> Result<(Chain, Option<String>), Failure> {
        let chain = self.repository.chain()?;
        let problem = trust.problem(&self.repository, &chain);
        if problem.is_none() || !self.repository.listings_lag() {
            return Ok((chain, problem));
        }
        self.repository.settle()?;
        let chain = self.repository.chain()?;
        let problem = trust.problem(&self.repository, &chain);
        Ok((chain, problem))
    }

    /// Remembers what a command leaves behind, unless others have put something older there meanwhile.
    fn remember_chain(&self) {
        let mut trust = self.trust();
        if let Ok((chain, None)) = self.compare(&trust) {
            let _ = trust.keep(&self.repository, &chain);
        }
    }

    /// Whether the repository is older than this machine saw it, which is said. Reading goes on.
    fn tell_rollback(&self) -> Result<bool, Failure> {
        let trust = self.trust();
        if !trust.knows_something() {
            return Ok(false);
        }
        if let (_, Some(problem)) = self.compare(&trust)? {
            self.progress.warn(&format!(
                "the repository is not what it was: {problem}. What is there can be read; `lumivault check` tells whether it is \
                 whole"
            ));
            return Ok(true);
        }
        Ok(false)
    }

    /// Says, once for each place, what the repository's file system was found unable to do, and remembers where the chain of
    /// snapshots ends now. For commands that write, when they are done.
    pub(crate) fn tell_capabilities(&mut self) {
        self.remember_chain();
        // Where there is no room for it, there is none to keep.
        let _ = self.disk.keep_reserve();
        let found = self.disk.capabilities();
        let mut limits = Vec::new();
        // On Windows no folder can be synced; there is nothing anybody could do about it.
        if found.folder_sync == Capability::Absent && !cfg!(windows) {
            limits.push("cannot make names durable, so a power cut may take back the last run");
        }
        if found.exclusive_rename == Capability::Absent {
            limits
                .push("cannot keep two machines from writing the same name, so let only one write at a time");
        }
        if found.file_locks == Capability::Absent {
            limits.push("has no file locks, so what interrupted runs leave in `tmp` stays for a week");
        }
        if limits.is_empty() || !self.remembered.is_first_warning() {
            return;
        }
        let place = self.disk.location();
        for limit in limits {
            self.progress.warn(&format!("the file system of {place} {limit}"));
        }
    }
}
