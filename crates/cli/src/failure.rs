//! An error as the user meets it: what failed, why, and the next command to try.

use std::error::Error;
use std::io::{self, Write};

use crate::exit::ExitCode;
use crate::output::printable;

/// Causes printed at most; a longer chain says nothing more.
const CAUSES_MAX: usize = 16;

/// Why a run ends without having done what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    code: ExitCode,
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(code: ExitCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            causes: Vec::new(),
            hint: None,
        }
    }

    /// The command line, or something it names, cannot be used.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Usage, message)
    }

    /// The same, naming the option.
    pub(crate) fn option(option: &str, problem: impl std::fmt::Display) -> Self {
        Self::usage(format!("{option}: {problem}"))
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Failed, message)
    }

    pub(crate) fn interrupted() -> Self {
        Self::new(ExitCode::Interrupted, "interrupted")
    }

    /// Adds an error and everything it was caused by.
    #[must_use]
    pub(crate) fn because(mut self, error: &dyn Error) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            // Wrappers that repeat their source would say everything twice.
            if self.causes.last() != Some(&text) && self.causes.len() < CAUSES_MAX {
                self.causes.push(text);
            }
            next = error.source();
        }
        self
    }

    /// The next command to try.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn code(&self) -> ExitCode {
        self.code
    }

    #[cfg(test)]
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    #[cfg(test)]
    pub(crate) fn hint_text(&self) -> &str {
        self.hint.as_deref().unwrap_or_default()
    }

    /// One line of error, the causes indented below it, then the hint.
    pub(crate) fn print(&self, to: &mut dyn Write) -> io::Result<()> {
        writeln!(to, "lumivault: error: {}", printable(&self.message))?;
        for cause in &self.causes {
            writeln!(to, "  because: {}", printable(cause))?;
        }
        if let Some(hint) = &self.hint {
            writeln!(to, "hint: {}", printable(hint))?;
        }
        to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::Failure;
    use crate::exit::ExitCode;

    #[derive(Debug)]
    struct Outer(std::io::Error);

    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("cannot read pack ab12")
        }
    }

    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    fn printed(failure: &Failure) -> String {
        let mut out = Vec::new();
        failure.print(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn prints_message_causes_and_hint() {
        let failure = Failure::failed("backup stopped")
            .because(&Outer(std::io::Error::other("device gone")))
            .hint("lumivault check");
        assert_eq!(failure.code(), ExitCode::Failed);
        assert_eq!(
            printed(&failure),
            "lumivault: error: backup stopped\n  because: cannot read pack ab12\n  because: device gone\nhint: lumivault check\n"
        );
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        let text = printed(&Failure::failed("no file \x1b]0;x\x07\nlumivault: error: forged"));
        assert_eq!(
            text,
            "lumivault: error: no file \\x1b]0;x\\x07\\nlumivault: error: forged\n"
        );
    }

    #[test]
    fn a_repeated_cause_is_said_once() {
        let inner = std::io::Error::other("same");
        let text = printed(&Failure::failed("x").because(&inner).because(&inner));
        assert_eq!(text.matches("same").count(), 1);
    }
}
