//! What the commands do. Each has a file of its own with one function, `run`, which takes its validated request, for
//! commands on a repository also the way to it, and the [`Context`].

mod completions;
mod man;

use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::output::{Output, complain, printable};
use crate::password::{self, Credential, PasswordSource, Secret};
use crate::progress::{Progress, Style};
use crate::request::{Access, Request, Settings};
use crate::surroundings::Surroundings;
use crate::terminal::Tty;

/// What a command has to work with besides its request.
pub(crate) struct Context {
    pub(crate) settings: Settings,
    pub(crate) output: Output,
    stderr_is_terminal: bool,
}

impl Context {
    pub(crate) fn new(settings: Settings, around: &Surroundings) -> Self {
        Self {
            settings,
            output: Output::stdout(settings.format),
            stderr_is_terminal: around.stderr_is_terminal,
        }
    }

    /// Begins to show progress.
    pub(crate) fn progress(&self, verb: &'static str) -> Progress {
        Progress::start(verb, Style::suiting(self.settings.quiet, self.stderr_is_terminal))
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
        other => Err(Failure::failed(format!(
            "this build has no `{}` command",
            other.name()
        ))),
    }
}
