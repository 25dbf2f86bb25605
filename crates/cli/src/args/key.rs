//! `lumivault key`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::global::password_source;
use crate::failure::Failure;
use crate::password::PasswordSource;
use crate::request::{KDF_MEMORY_MIN, Key, NewSlot, RecoveryCode, name, parse_kdf_memory};
use crate::surroundings::Surroundings;

/// Manage what opens the repository: passwords, recovery codes, key files
#[derive(Args)]
#[command(after_help = "\
Examples:
  lumivault key list
  lumivault key add --label \"Ada's laptop\"
  lumivault key add --key-file-out /media/usb/archive.key
  lumivault key passwd")]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    action: KeyAction,
}

#[derive(Subcommand)]
enum KeyAction {
    /// List what opens the repository
    List,
    /// Add a password, a recovery code or a key file
    Add(Box<AddArgs>),
    /// Change the password the repository was opened with
    ///
    /// A copy of the repository that was made before still opens with the old password.
    #[command(visible_alias = "password")]
    Passwd(PasswdArgs),
    /// Remove a password, recovery code or key file
    #[command(visible_alias = "rm")]
    Remove(RemoveArgs),
    /// Encrypt everything from now on with a new key
    ///
    /// What is stored already stays as it is.
    Rotate,
}

#[derive(Args)]
struct AddArgs {
    /// Make a recovery code, show it once, and have part of it typed back
    #[arg(long, conflicts_with_all = ["recovery_file", "key_file_out", "new_password_file", "new_password_command"])]
    recovery_code: bool,

    /// Make a recovery code and write it to this new file
    #[arg(long, value_name = "FILE",
          conflicts_with_all = ["key_file_out", "new_password_file", "new_password_command"])]
    recovery_file: Option<PathBuf>,

    /// Make a raw 256-bit key and write it to this new file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["new_password_file", "new_password_command"])]
    key_file_out: Option<PathBuf>,

    /// A name for it, shown by key list
    #[arg(long, value_name = "TEXT", value_parser = name)]
    label: Option<String>,

    #[command(flatten)]
    password: NewPasswordArgs,
}

#[derive(Args)]
struct PasswdArgs {
    #[command(flatten)]
    password: NewPasswordArgs,
}

#[derive(Args)]
struct RemoveArgs {
    /// Its id, or as much of it as is unambiguous
    #[arg(value_name = "ID", required = true)]
    id: String,
}

#[derive(Args)]
struct NewPasswordArgs {
    /// Read the new password from this file
    #[arg(long, value_name = "FILE", conflicts_with = "new_password_command")]
    new_password_file: Option<PathBuf>,

    /// Run this program, without a shell, and take what it prints as the new password
    #[arg(long, value_name = "COMMAND")]
    new_password_command: Option<String>,

    /// Memory that deriving the key takes [default: 64M]
    #[arg(long, value_name = "SIZE", value_parser = parse_kdf_memory)]
    kdf_memory: Option<u64>,
}

impl KeyArgs {
    pub(crate) fn validate(self, around: &Surroundings) -> Result<Key, Failure> {
        Ok(match self.action {
            KeyAction::List => Key::List,
            KeyAction::Rotate => Key::Rotate,
            KeyAction::Add(args) => args.validate(around)?,
            KeyAction::Passwd(args) => {
                let (password, kdf_memory) = args.password.validate(around)?;
                Key::Passwd { password, kdf_memory }
            }
            KeyAction::Remove(RemoveArgs { id }) if id.trim().is_empty() => {
                return Err(
                    Failure::option("ID", "an empty id names no key").hint("lumivault key list shows ids")
                );
            }
            KeyAction::Remove(RemoveArgs { id }) => Key::Remove { id },
        })
    }
}

impl AddArgs {
    fn validate(self, around: &Surroundings) -> Result<Key, Failure> {
        let raw = self.recovery_code || self.recovery_file.is_some() || self.key_file_out.is_some();
        if raw && self.password.kdf_memory.is_some() {
            return Err(Failure::option(
                "--kdf-memory",
                "only the key of a password is derived",
            ));
        }
        let slot = match (self.key_file_out, self.recovery_file, self.recovery_code) {
            (Some(path), ..) => NewSlot::KeyFile(path),
            (None, Some(path), _) => NewSlot::Recovery(RecoveryCode::Write(path)),
            (None, None, true) if !(around.stdin_is_terminal && around.stderr_is_terminal) => {
                return Err(
                    Failure::option("--recovery-code", "there is no terminal to show it on")
                        .hint("use --recovery-file FILE"),
                );
            }
            (None, None, true) => NewSlot::Recovery(RecoveryCode::Show),
            (None, None, false) => {
                let (password, kdf_memory) = self.password.validate(around)?;
                NewSlot::Password { password, kdf_memory }
            }
        };
        Ok(Key::Add {
            slot,
            label: self.label,
        })
    }
}

impl NewPasswordArgs {
    fn validate(self, around: &Surroundings) -> Result<(PasswordSource, u64), Failure> {
        let source = password_source(
            ("--new-password-file", self.new_password_file),
            ("--new-password-command", self.new_password_command),
        )?;
        let kdf_memory = self.kdf_memory.unwrap_or(KDF_MEMORY_MIN);
        match source {
            Some(source) => Ok((source, kdf_memory)),
            None if around.stdin_is_terminal => Ok((PasswordSource::Ask, kdf_memory)),
            None => Err(
                Failure::usage("a new password is needed, and there is no terminal to ask for it")
                    .hint("use --new-password-file or --new-password-command"),
            ),
        }
    }
}
