//! The `lumivault` program: reads the command line, calls the libraries, prints what they answer.

mod args;
mod commands;
mod exit;
mod failure;
mod interrupt;
mod output;
mod password;
mod profile;
mod progress;
mod recovery;
mod request;
mod surroundings;
mod sys;
mod terminal;

use crate::args::Parsed;
use crate::commands::Context;
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::surroundings::Surroundings;

fn main() -> std::process::ExitCode {
    let code = run().unwrap_or_else(|failure| {
        // Nobody is left to tell when standard error is closed.
        let _ = failure.print(&mut std::io::stderr().lock());
        failure.code()
    });
    code.into()
}

fn run() -> Result<ExitCode, Failure> {
    sys::forbid_core_dumps();
    let around = Surroundings::of_process();
    let cli = match args::parse(std::env::args_os().collect(), &around)? {
        Parsed::Run(cli) => cli,
        Parsed::Show(text) => return Ok(show(&text, ExitCode::Done)),
        Parsed::ShowAsError(text) => return Ok(show(&text, ExitCode::Usage)),
    };
    let invocation = cli.validate(&around)?;
    interrupt::listen().map_err(|error| Failure::failed("cannot listen to Ctrl-C").because(&error))?;
    let context = Context::new(invocation.settings, &around);
    let code = commands::run(invocation.request, &context)?;
    context.output.finish()?;
    Ok(code)
}

/// Prints help in clap's own way. A reader that went away has seen enough.
fn show(text: &clap::Error, code: ExitCode) -> ExitCode {
    let _ = text.print();
    code
}
