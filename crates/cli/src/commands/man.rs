//! `man`: prints the main manual page or writes all of them.

use super::Context;
use crate::args;
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::output::printable_path;
use crate::request::Man;

pub(crate) fn run(request: &Man, context: &Context) -> Result<ExitCode, Failure> {
    match &request.out {
        None => {
            let page = args::man_page()
                .map_err(|error| Failure::failed("cannot make the manual page").because(&error))?;
            context.output.data(&page)?;
        }
        Some(folder) => args::man_pages(folder).map_err(|error| {
            let problem = format!("cannot write the manual pages to {}", printable_path(folder));
            Failure::failed(problem).because(&error)
        })?,
    }
    Ok(ExitCode::Done)
}
