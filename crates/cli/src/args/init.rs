//! `lumivault init`

use std::path::PathBuf;

use clap::Args;

use crate::failure::Failure;
use crate::request::{Init, KDF_MEMORY_MIN, RecoveryCode, parity_percent, parse_kdf_memory};
use crate::surroundings::Surroundings;

/// Make a new, empty repository
///
/// A recovery code opens the repository when the password is forgotten. It is shown once; write it on paper and type
/// part of it back. Whoever has it can read everything.
#[derive(Args)]
#[command(after_help = "\
Examples:
  lumivault -r D:\\Archive init
  lumivault -r /mnt/archive --password-file ~/.lumivault init --recovery-file /media/usb/recovery.txt")]
pub(crate) struct InitArgs {
    /// Write the recovery code to this new file instead of showing it
    #[arg(long, value_name = "FILE", conflicts_with = "no_recovery_code")]
    recovery_file: Option<PathBuf>,

    /// Make no recovery code: with the password, everything is lost
    #[arg(long)]
    no_recovery_code: bool,

    /// Memory that deriving the key takes, for you and for whoever guesses [default: 64M]
    #[arg(long, value_name = "SIZE", value_parser = parse_kdf_memory)]
    kdf_memory: Option<u64>,

    /// Keep parity, in percent of what is stored (1% to 50%), from which rot is mended
    #[arg(long, value_name = "PERCENT", value_parser = parity_percent)]
    parity: Option<u8>,
}

impl InitArgs {
    pub(crate) fn validate(self, around: &Surroundings) -> Result<Init, Failure> {
        let recovery = match (self.recovery_file, self.no_recovery_code) {
            (Some(path), _) => RecoveryCode::Write(path),
            (None, true) => RecoveryCode::None,
            (None, false) if around.stdin_is_terminal && around.stderr_is_terminal => RecoveryCode::Show,
            (None, false) => {
                return Err(
                    Failure::usage("there is no terminal to show the recovery code on")
                        .hint("use --recovery-file FILE, or --no-recovery-code to do without"),
                );
            }
        };
        Ok(Init {
            recovery,
            kdf_memory: self.kdf_memory.unwrap_or(KDF_MEMORY_MIN),
            parity_percent: self.parity,
        })
    }
}
