//! `completions`: prints a shell's script.

use super::Context;
use crate::args;
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::request::Completions;

pub(crate) fn run(request: Completions, context: &Context) -> Result<ExitCode, Failure> {
    context.output.data(&args::completions(request.shell))?;
    Ok(ExitCode::Done)
}
