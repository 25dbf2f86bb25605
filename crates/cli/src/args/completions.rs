//! `lumivault completions`

use clap::Args;

use super::values::choice;
use crate::request::{Completions, Shell};

/// Print a script that lets a shell complete commands and options
#[derive(Args)]
#[command(after_help = "\
Examples:
  lumivault completions bash > ~/.local/share/bash-completion/completions/lumivault
  lumivault completions fish > ~/.config/fish/completions/lumivault.fish
  lumivault completions powershell >> $PROFILE")]
pub(crate) struct CompletionsArgs {
    /// Which shell
    #[arg(value_name = "SHELL", value_parser = choice::<Shell>())]
    shell: Shell,
}

impl CompletionsArgs {
    pub(crate) fn validate(self) -> Completions {
        Completions { shell: self.shell }
    }
}
