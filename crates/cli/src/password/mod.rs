//! Where the password comes from: an option, else the environment, else the profile, else somebody at the terminal.
//! Never from the command line itself, and nobody is asked without a terminal.

mod command;
pub(crate) mod file;
mod secret;
mod split;

use std::path::PathBuf;

use zeroize::Zeroizing;

pub(crate) use file::{quoted, read_secret_file, write_secret_file};
pub(crate) use secret::{PASSWORD_BYTES_MAX, Secret};
pub(crate) use split::split_words;

use crate::failure::Failure;
use crate::sys;
use crate::terminal::{Terminal, unanswered};

/// Bytes of a raw key.
pub(crate) const KEY_BYTES: usize = 32;
/// How often somebody may mistype before the run ends.
const TRIES: usize = 3;

/// Where a passphrase comes from. The option (or variable) it was named by goes into messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PasswordSource {
    /// A file that only its owner can read.
    File { path: PathBuf, option: &'static str },
    /// A program that prints it, already split into words.
    Command {
        words: Vec<String>,
        option: &'static str,
    },
    /// A file descriptor this process was started with.
    Descriptor(u32),
    /// `LUMIVAULT_PASSWORD`.
    Given(Secret),
    /// Somebody at the terminal.
    Ask,
}

/// What opens the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unlock {
    /// A passphrase.
    Password(PasswordSource),
    /// A file of 32 bytes.
    KeyFile(PathBuf),
}

/// What the library is given.
#[derive(Debug)]
pub(crate) enum Credential {
    /// For a slot of the passphrase kind; it may also be a recovery code somebody typed instead.
    Passphrase(Secret),
    /// For a slot of the raw kind.
    Key(RawKey),
}

/// A raw 256-bit key: wiped when dropped, never shown.
pub(crate) struct RawKey(Zeroizing<[u8; KEY_BYTES]>);

impl RawKey {
    pub(crate) fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl std::fmt::Debug for RawKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RawKey(not shown)")
    }
}

/// A mark of three bytes, a line end of two, and room for UTF-16.
fn source_bytes_max() -> usize {
    PASSWORD_BYTES_MAX * 2 + 8
}

/// Gets what opens an existing repository.
pub(crate) fn obtain(
    unlock: &Unlock,
    terminal: &mut dyn Terminal,
    warn: &mut dyn FnMut(&str),
) -> Result<Credential, Failure> {
    match unlock {
        Unlock::Password(source) => obtain_password(source, terminal, warn).map(Credential::Passphrase),
        Unlock::KeyFile(path) => {
            let bytes = read_secret_file("--key-file", path, KEY_BYTES, warn)?;
            let mut key = Zeroizing::new([0; KEY_BYTES]);
            if bytes.len() != KEY_BYTES {
                let problem = format!("a key file has {KEY_BYTES} bytes, this one {}", bytes.len());
                return Err(Failure::option("--key-file", problem)
                    .hint("lumivault key add --key-file-out FILE makes one"));
            }
            key.copy_from_slice(&bytes);
            Ok(Credential::Key(RawKey(key)))
        }
    }
}

/// Gets the passphrase of an existing repository.
pub(crate) fn obtain_password(
    source: &PasswordSource,
    terminal: &mut dyn Terminal,
    warn: &mut dyn FnMut(&str),
) -> Result<Secret, Failure> {
    match source {
        PasswordSource::Ask => ask(terminal, "password: "),
        other => read(other, warn),
    }
}

/// Gets a passphrase that is to be set; somebody at the terminal types it twice.
pub(crate) fn obtain_new_password(
    source: &PasswordSource,
    terminal: &mut dyn Terminal,
    warn: &mut dyn FnMut(&str),
) -> Result<Secret, Failure> {
    if *source != PasswordSource::Ask {
        return read(source, warn);
    }
    for _ in 0..TRIES {
        let first = ask(terminal, "new password: ")?;
        let second = terminal
            .secret("once more: ")
            .map_err(|error| unanswered(&error))?;
        if first.expose() == second.as_str() {
            return Ok(first);
        }
        terminal.say("the two are not the same");
    }
    Err(Failure::usage("no password was set: the two never were the same"))
}

fn ask(terminal: &mut dyn Terminal, prompt: &str) -> Result<Secret, Failure> {
    for _ in 0..TRIES {
        let typed = terminal.secret(prompt).map_err(|error| unanswered(&error))?;
        match Secret::checked(typed) {
            Ok(secret) => return Ok(secret),
            Err(problem) => terminal.say(&format!("this password {problem}")),
        }
    }
    Err(Failure::usage("no password was given"))
}

fn read(source: &PasswordSource, warn: &mut dyn FnMut(&str)) -> Result<Secret, Failure> {
    match source {
        PasswordSource::File { path, option } => {
            let bytes = read_secret_file(option, path, source_bytes_max(), warn)?;
            Secret::from_bytes(&bytes)
                .map_err(|problem| Failure::option(option, format!("the password in the file {problem}")))
        }
        PasswordSource::Command { words, option } => command::read_command(option, words),
        PasswordSource::Descriptor(number) => read_descriptor(*number),
        PasswordSource::Given(secret) => Ok(secret.clone()),
        PasswordSource::Ask => Err(no_terminal()),
    }
}

fn read_descriptor(number: u32) -> Result<Secret, Failure> {
    const OPTION: &str = "--password-fd";
    let cannot = |error: std::io::Error| {
        Failure::option(OPTION, format!("cannot read descriptor {number}")).because(&error)
    };
    let bytes = if number == 0 {
        file::read_bounded(&mut std::io::stdin().lock(), source_bytes_max())
    } else {
        sys::open_descriptor(number).and_then(|mut file| file::read_bounded(&mut file, source_bytes_max()))
    };
    let bytes = bytes.map_err(cannot)?.ok_or_else(|| {
        Failure::option(
            OPTION,
            format!("descriptor {number} gives more than {PASSWORD_BYTES_MAX} bytes"),
        )
    })?;
    Secret::from_bytes(&bytes)
        .map_err(|problem| Failure::option(OPTION, format!("the password on descriptor {number} {problem}")))
}

/// Nobody can be asked, so the password must be named.
pub(crate) fn no_terminal() -> Failure {
    Failure::usage("a password is needed, and there is no terminal to ask for it").hint(
        "use --password-file, --password-command, --password-fd or --key-file, or set LUMIVAULT_PASSWORD_FILE, \
         LUMIVAULT_PASSWORD_COMMAND or LUMIVAULT_PASSWORD",
    )
}

#[cfg(test)]
mod tests;
