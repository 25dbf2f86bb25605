//! Options of every command: the repository, its password, and how to answer.

use std::path::PathBuf;

use clap::{ArgAction, Args};

use crate::failure::Failure;
use crate::output::Format;
use crate::password::{PasswordSource, Secret, Unlock, no_terminal, split_words};
use crate::request::{
    Access, KDF_MEMORY_MAX, RepoLocation, Settings, parse_kdf_memory, parse_listing_delay, threads,
};
use crate::surroundings::Surroundings;

#[derive(Args)]
#[allow(clippy::struct_excessive_bools, reason = "one for each switch")]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// Folder of the repository [env: LUMIVAULT_REPO]
    #[arg(short, long, global = true, value_name = "PATH")]
    pub(crate) repo: Option<PathBuf>,

    /// Read the password from this file, which only you may be able to read [env: LUMIVAULT_PASSWORD_FILE]
    #[arg(long, global = true, value_name = "FILE",
          conflicts_with_all = ["password_command", "password_fd", "key_file"])]
    password_file: Option<PathBuf>,

    /// Run this program, without a shell, and take what it prints [env: LUMIVAULT_PASSWORD_COMMAND]
    #[arg(long, global = true, value_name = "COMMAND", conflicts_with_all = ["password_fd", "key_file"])]
    password_command: Option<String>,

    /// Read the password from this file descriptor; 0 is standard input
    #[arg(long, global = true, value_name = "N", conflicts_with = "key_file")]
    password_fd: Option<u32>,

    /// Open the repository with a raw 256-bit key in this file instead of a password
    #[arg(long, global = true, value_name = "FILE")]
    key_file: Option<PathBuf>,

    /// Keep the local cache here [env: LUMIVAULT_CACHE_DIR]
    #[arg(long, global = true, value_name = "DIR", conflicts_with = "no_cache")]
    cache_dir: Option<PathBuf>,

    /// Keep no local cache
    #[arg(long, global = true)]
    no_cache: bool,

    /// Take settings from this profile: NAME.toml in the configuration folder, or a path ending in .toml
    #[arg(short = 'P', long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<PathBuf>,

    /// Answer in JSON: one document, or one object a line
    #[arg(long, global = true)]
    json: bool,

    /// Show no progress
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,

    /// Tell more; twice: tell everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,

    /// Use at most so many threads [default: one for each processor]
    #[arg(long, global = true, value_name = "N", value_parser = threads)]
    threads: Option<usize>,

    /// Memory a repository may ask for to derive its key [default: 1G]
    #[arg(long, global = true, value_name = "SIZE", value_parser = parse_kdf_memory)]
    kdf_memory_max: Option<u64>,

    /// What changes in the repository's folders shows up to so much later (90s, 2m): `init` keeps it, pruning waits
    #[arg(long, global = true, value_name = "TIME", value_parser = parse_listing_delay)]
    listing_delay: Option<u32>,

    /// Write although the repository is older than what this machine saw of it last: you know why
    #[arg(long, global = true)]
    accept_rollback: bool,
}

impl GlobalArgs {
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            format: if self.json { Format::Json } else { Format::Human },
            quiet: self.quiet,
            verbosity: self.verbose.min(2),
            threads: self.threads,
        }
    }

    pub(crate) fn access(
        self,
        around: &Surroundings,
        reads_stdin: Option<&'static str>,
    ) -> Result<Access, Failure> {
        let kdf_memory_max = self.kdf_memory_max.unwrap_or(KDF_MEMORY_MAX);
        let listing_delay_seconds = self.listing_delay.unwrap_or(0);
        let repo = self.repo(around)?;
        let cache = self.cache(around);
        let accept_rollback = self.accept_rollback;
        let unlock = self.unlock(around)?;
        match (&unlock, reads_stdin) {
            (Unlock::Password(PasswordSource::Descriptor(0)), Some(option)) => {
                let problem = format!("standard input cannot also be read by {option}");
                return Err(Failure::option("--password-fd", problem));
            }
            (Unlock::Password(PasswordSource::Descriptor(0)), None) if around.stdin_is_terminal => {
                let problem = "standard input is a terminal, which would show the password";
                return Err(Failure::option("--password-fd", problem)
                    .hint("leave the option out, and you will be asked"));
            }
            (Unlock::Password(PasswordSource::Ask), _) if !around.stdin_is_terminal => {
                return Err(no_terminal());
            }
            _ => {}
        }
        let state = around.state_folder();
        Ok(Access {
            repo,
            unlock,
            cache,
            state,
            accept_rollback,
            kdf_memory_max,
            listing_delay_seconds,
        })
    }

    fn repo(&self, around: &Surroundings) -> Result<RepoLocation, Failure> {
        let (text, option) = match &self.repo {
            Some(path) => (path.clone().into_os_string(), "--repo"),
            None => match around.variable("LUMIVAULT_REPO") {
                Some(text) => (text, "LUMIVAULT_REPO"),
                None => {
                    return Err(Failure::usage("no repository is named")
                        .hint("use --repo PATH, or set LUMIVAULT_REPO"));
                }
            },
        };
        RepoLocation::parse(&text).map_err(|problem| Failure::option(option, problem))
    }

    fn cache(&self, around: &Surroundings) -> Option<PathBuf> {
        if self.no_cache {
            return None;
        }
        let named = || around.variable("LUMIVAULT_CACHE_DIR").map(PathBuf::from);
        self.cache_dir
            .clone()
            .or_else(named)
            .or_else(|| around.cache_folder())
    }

    fn unlock(self, around: &Surroundings) -> Result<Unlock, Failure> {
        if let Some(path) = self.key_file {
            return Ok(Unlock::KeyFile(path));
        }
        let given = password_source(
            ("--password-file", self.password_file),
            ("--password-command", self.password_command),
        )?;
        let source = match (given, self.password_fd) {
            (Some(source), _) => source,
            (None, Some(number)) => PasswordSource::Descriptor(number),
            (None, None) => from_environment(around)?.unwrap_or(PasswordSource::Ask),
        };
        Ok(Unlock::Password(source))
    }
}

/// A source out of a pair of options, of which clap lets only one be given.
pub(crate) fn password_source(
    (file_option, file): (&'static str, Option<PathBuf>),
    (command_option, command): (&'static str, Option<String>),
) -> Result<Option<PasswordSource>, Failure> {
    if let Some(path) = file {
        return Ok(Some(PasswordSource::File {
            path,
            option: file_option,
        }));
    }
    let Some(command) = command else { return Ok(None) };
    let words = split_words(&command).map_err(|problem| Failure::option(command_option, problem))?;
    Ok(Some(PasswordSource::Command {
        words,
        option: command_option,
    }))
}

fn from_environment(around: &Surroundings) -> Result<Option<PasswordSource>, Failure> {
    const FILE: &str = "LUMIVAULT_PASSWORD_FILE";
    const COMMAND: &str = "LUMIVAULT_PASSWORD_COMMAND";
    const PASSWORD: &str = "LUMIVAULT_PASSWORD";
    let text = |name: &str| match around.variable(name).map(std::ffi::OsString::into_string) {
        None => Ok(None),
        Some(Ok(text)) => Ok(Some(text)),
        Some(Err(_)) => Err(Failure::option(name, "is not plain text")),
    };
    let file = around.variable(FILE).map(PathBuf::from);
    let command = text(COMMAND)?;
    if file.is_some() && command.is_some() {
        return Err(Failure::usage(format!(
            "{FILE} and {COMMAND} are both set; only one can be meant"
        )));
    }
    if let Some(source) = password_source((FILE, file), (COMMAND, command))? {
        return Ok(Some(source));
    }
    let Some(password) = text(PASSWORD)? else {
        return Ok(None);
    };
    let secret = Secret::checked(password.into())
        .map_err(|problem| Failure::option(PASSWORD, format!("it {problem}")))?;
    Ok(Some(PasswordSource::Given(secret)))
}
