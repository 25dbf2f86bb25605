//! What the commands do. Each has a file of its own with one function, `run`, which takes its validated request, for
//! commands on a repository also the way to it, and the [`Context`].

mod absent;
mod advice;
mod answer;
mod backup;
mod cat;
mod check;
mod codes;
mod completions;
mod demo;
mod diff;
mod dump;
mod errors;
mod find;
mod forget;
mod import;
mod init;
mod key;
mod looking;
mod ls;
mod man;
mod node;
mod pack_size;
mod parity;
mod prune;
mod remembered;
mod repair;
mod repo;
mod restore;
mod select;
mod snapshots;
mod stats;
mod summary;
mod tag;
mod trust;

use std::sync::Arc;

use jiff::Zoned;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use lumivault_chunk_store::session::Holder;

use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::output::{Output, complain, printable};
use crate::password::{self, Credential, PasswordSource, Secret};
use crate::progress::{Progress, Style};
use crate::request::{Access, Request, Settings, Verb};
use crate::surroundings::Surroundings;
use crate::terminal::Tty;

/// Name and version of this program, as snapshots record them.
pub(crate) const TOOL: &str = concat!("lumivault ", env!("CARGO_PKG_VERSION"));

/// What a command has to work with besides its request.
pub(crate) struct Context {
    pub(crate) settings: Settings,
    pub(crate) output: Output,
    pub(crate) time_zone: TimeZone,
    /// The name of this machine.
    pub(crate) host: String,
    stderr_is_terminal: bool,
}

impl Context {
    pub(crate) fn new(settings: Settings, around: &Surroundings) -> Self {
        Self {
            settings,
            output: Output::stdout(settings.format),
            time_zone: around.time_zone.clone(),
            host: around.host_name().unwrap_or_else(|| "unknown".into()),
            stderr_is_terminal: around.stderr_is_terminal,
        }
    }

    /// Who is at work, for others to read.
    pub(crate) fn holder(&self) -> Holder {
        Holder {
            host: self.host.clone(),
            process: std::process::id(),
        }
    }

    /// Begins to show progress.
    pub(crate) fn progress(&self, verb: &'static str) -> Arc<Progress> {
        let style = Style::suiting(self.settings.quiet, self.stderr_is_terminal);
        Arc::new(Progress::start(verb, style, self.settings.verbosity > 0))
    }

    /// Threads to work with.
    pub(crate) fn threads(&self) -> usize {
        let processors = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.settings.threads.unwrap_or_else(processors)
    }

    /// The moment, in the time zone of this machine.
    pub(crate) fn now(&self) -> Zoned {
        jiff::Timestamp::now().to_zoned(self.time_zone.clone())
    }

    /// The civil day that `yesterday` and the like count from.
    pub(crate) fn today(&self) -> Date {
        self.now().date()
    }

    /// A remark for people on standard error; not shown when asked to be quiet.
    pub(crate) fn remark(&self, text: &str) {
        if !self.settings.quiet {
            complain(&printable(text));
        }
    }

    /// A warning on standard error.
    #[expect(
        clippy::unused_self,
        reason = "beside `remark`, so that nobody looks for it elsewhere"
    )]
    pub(crate) fn warn(&self, text: &str) {
        warn(text);
    }
}

/// What opens the repository; asks at the terminal where nothing else was named.
pub(crate) fn credential(access: &Access) -> Result<Credential, Failure> {
    password::obtain(&access.unlock, &mut Tty, &mut warn)
}

/// The password of a new repository or key slot; typed twice where somebody is asked.
pub(crate) fn new_password(source: &PasswordSource) -> Result<Secret, Failure> {
    password::obtain_new_password(source, &mut Tty, &mut warn)
}

fn warn(text: &str) {
    complain(&format!("lumivault: warning: {}", printable(text)));
}

/// Does what is requested.
pub(crate) fn run(request: Request, context: &Context) -> Result<ExitCode, Failure> {
    match request {
        Request::Completions(request) => completions::run(request, context),
        Request::Man(request) => man::run(&request, context),
        Request::Demo(request) => demo::run(&request, context),
        Request::Archive(access, verb) => on_archive(&access, *verb, context),
    }
}

fn on_archive(access: &Access, verb: Verb, context: &Context) -> Result<ExitCode, Failure> {
    match verb {
        Verb::Init(request) => init::run(&request, access, context),
        Verb::Backup(request) => backup::run(request, access, context),
        Verb::Import(request) => import::run(&request, access, context),
        Verb::Snapshots(request) => snapshots::run(&request, access, context),
        Verb::Ls(request) => ls::run(&request, access, context),
        Verb::Find(request) => find::run(&request, access, context),
        Verb::Diff(request) => diff::run(&request, access, context),
        Verb::Dump(request) => dump::run(&request, access, context),
        Verb::Cat(request) => cat::run(&request, access, context),
        Verb::Restore(request) => restore::run(&request, access, context),
        Verb::Check(request) => check::run(request, access, context),
        Verb::Stats(request) => stats::run(&request, access, context),
        Verb::Forget(request) => forget::run(&request, access, context),
        Verb::Prune(request) => prune::run(&request, access, context),
        Verb::Repair(request) => repair::run(&request, access, context),
        Verb::Parity(request) => parity::run(request, access, context),
        Verb::Key(request) => key::run(&request, access, context),
        Verb::Tag(request) => tag::run(&request, access, context),
    }
}
