//! A program that prints the password: run directly, never through a shell.

use std::process::{Command, Stdio};

use super::file::read_bounded;
use super::secret::{PASSWORD_BYTES_MAX, Secret};
use super::source_bytes_max;
use crate::failure::Failure;

/// Runs the words of a password command and takes what it prints. Its questions and complaints go to the terminal.
pub(crate) fn read_command(option: &str, words: &[String]) -> Result<Secret, Failure> {
    let Some((program, arguments)) = words.split_first() else {
        return Err(Failure::option(option, "names no program"));
    };
    let mut child = Command::new(program)
        .args(arguments)
        .env_remove("LUMIVAULT_PASSWORD")
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| Failure::option(option, format!("cannot run {program}")).because(&error))?;
    let read = child
        .stdout
        .take()
        .map(|mut stdout| read_bounded(&mut stdout, source_bytes_max()));
    let failed =
        |error: &std::io::Error| Failure::failed(format!("{option}: {program} failed")).because(error);
    if matches!(read, Some(Ok(None))) {
        // It would block on a pipe nobody empties.
        let _ = child.kill();
    }
    let status = child.wait().map_err(|error| failed(&error))?;
    let bytes = match read {
        Some(Ok(Some(bytes))) => bytes,
        Some(Err(error)) => return Err(failed(&error)),
        Some(Ok(None)) | None => {
            let message = format!("{option}: {program} printed more than {PASSWORD_BYTES_MAX} bytes");
            return Err(Failure::failed(message));
        }
    };
    if !status.success() {
        return Err(Failure::failed(format!("{option}: {program} failed ({status})"))
            .hint("run the command by itself; it must print the password and nothing else"));
    }
    Secret::from_bytes(&bytes)
        .map_err(|problem| Failure::failed(format!("{option}: what {program} printed {problem}")))
}

#[cfg(all(test, unix))]
mod tests {
    use super::read_command;
    use crate::exit::ExitCode;

    fn run(words: &[&str]) -> Result<String, crate::failure::Failure> {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        read_command("--password-command", &words).map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn takes_what_the_program_prints() {
        assert_eq!(run(&["printf", "two words\\n"]).unwrap(), "two words");
        assert_eq!(run(&["echo", "$HOME;", "|"]).unwrap(), "$HOME; |");
    }

    #[test]
    fn a_program_that_fails_or_is_missing_is_named() {
        let failure = run(&["sh", "-c", "echo secret; exit 3"]).unwrap_err();
        assert_eq!(failure.code(), ExitCode::Failed);
        assert!(failure.message().contains("sh failed"), "{}", failure.message());
        assert!(!failure.message().contains("secret"));
        assert_eq!(run(&["/nowhere/at/all"]).unwrap_err().code(), ExitCode::Usage);
        assert_eq!(run(&["true"]).unwrap_err().code(), ExitCode::Failed);
    }

    #[test]
    fn endless_output_is_cut_off() {
        let failure = run(&["yes"]).unwrap_err();
        assert!(failure.message().contains("more than"), "{}", failure.message());
    }
}
