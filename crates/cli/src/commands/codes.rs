//! Recovery codes and key files: handed to their owner before anything depends on them.

use std::path::PathBuf;
use std::sync::Arc;

use lumivault_chunk_store::keys::RecoveryCode as Code;
use lumivault_chunk_store::{Environment, Silent};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::output::printable_path;
use crate::password::write_secret_file;
use crate::recovery::{confirm_recovery_code, pick_at_random};
use crate::request::RecoveryCode;
use crate::terminal::{Terminal, Tty};

/// A code that its owner has.
pub(crate) struct HandedOver {
    pub(crate) code: Code,
    /// The file it was written to.
    pub(crate) file: Option<PathBuf>,
}

impl HandedOver {
    /// Removes the file again, as what is in it opens nothing.
    pub(crate) fn take_back(&self) {
        if let Some(file) = &self.file {
            // An orphaned file of random letters harms nobody.
            let _ = std::fs::remove_file(file);
        }
    }
}

/// Makes a recovery code and hands it over as was asked for; None where none is wanted.
pub(crate) fn recovery(how: &RecoveryCode) -> Result<Option<HandedOver>, Failure> {
    match how {
        RecoveryCode::None => Ok(None),
        RecoveryCode::Show => {
            let code = generate()?;
            show(&code.to_text(), &mut Tty, &mut pick_at_random)?;
            Ok(Some(HandedOver { code, file: None }))
        }
        RecoveryCode::Write(path) => {
            let code = generate()?;
            // Nothing but the code, so that the file also serves as --password-file.
            let mut text = Zeroizing::new(String::with_capacity(128));
            text.push_str(&code.to_text());
            text.push('\n');
            write_secret_file("--recovery-file", path, text.as_bytes())?;
            Ok(Some(HandedOver {
                code,
                file: Some(path.clone()),
            }))
        }
    }
}

/// Makes a raw key and writes it to a new file.
pub(crate) fn key_file(path: PathBuf) -> Result<HandedOver, Failure> {
    let code = generate()?;
    write_secret_file("--key-file-out", &path, code.key())?;
    Ok(HandedOver {
        code,
        file: Some(path),
    })
}

fn generate() -> Result<Code, Failure> {
    Ok(Code::generate(&Environment::system(Arc::new(Silent)))?)
}

/// Shows the code and has part of it typed back.
fn show(
    code: &str,
    terminal: &mut dyn Terminal,
    pick: &mut dyn FnMut(usize) -> Result<usize, Failure>,
) -> Result<(), Failure> {
    terminal.say(
        "This is the recovery code. It opens the repository when the password is forgotten, and is shown",
    );
    terminal.say("only now. Write it on paper; whoever has it can read everything.");
    terminal.say("");
    terminal.say(&format!("    {code}"));
    terminal.say("");
    confirm_recovery_code(code, terminal, pick)
}

/// Where a code went, for people.
pub(crate) fn whereabouts(handed: &HandedOver) -> String {
    match &handed.file {
        Some(file) => format!("in {}; keep it apart from the repository", printable_path(file)),
        None => "on your paper".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::{recovery, show};
    use crate::request::RecoveryCode;
    use crate::terminal::fake::Fake;

    #[test]
    fn a_shown_code_is_typed_back() {
        let code = "A0B1-C2D3-E4F5";
        let mut terminal = Fake::answering(&["A0B1", "C2D3"]);
        show(code, &mut terminal, &mut |_| Ok(0)).unwrap();
        assert!(terminal.said.iter().any(|line| line.trim() == code));
        assert!(show(code, &mut Fake::default(), &mut |_| Ok(0)).is_err());
    }

    #[test]
    fn a_written_code_can_be_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("code");
        let handed = recovery(&RecoveryCode::Write(path.clone())).unwrap().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.trim_end(), handed.code.to_text().as_str());
        assert!(
            recovery(&RecoveryCode::Write(path.clone())).is_err(),
            "overwritten"
        );
        handed.take_back();
        assert!(!path.exists());
        assert!(recovery(&RecoveryCode::None).unwrap().is_none());
    }
}
