//! How the program ends: one number for the whole run, by a fixed order of precedence.

/// What a run ends with. Declared in order of precedence: of several that apply, the first one is the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ExitCode {
    /// The command line, the profile or a file it names cannot be used; nothing was done.
    Usage,
    /// Stopped by the user.
    Interrupted,
    /// There is no repository there.
    NoRepository,
    /// The password or key opens no slot.
    WrongPassword,
    /// Somebody else holds the repository.
    InUse,
    /// It could not be done.
    Failed,
    /// Damage was found.
    Damage,
    /// The repository is older than what was seen here before, or must not be trusted for writing.
    Stale,
    /// Done, but some source files could not be read or something could not be created.
    Incomplete,
    /// Done.
    Done,
}

impl ExitCode {
    /// The number the operating system gets.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::Interrupted => 130,
            Self::NoRepository => 10,
            Self::WrongPassword => 12,
            Self::InUse => 11,
            Self::Failed => 1,
            Self::Damage => 20,
            Self::Stale => 21,
            Self::Incomplete => 3,
            Self::Done => 0,
        }
    }

    /// The one of the two that decides.
    #[must_use]
    pub(crate) fn and(self, other: Self) -> Self {
        self.min(other)
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}

#[cfg(test)]
mod tests {
    use super::ExitCode::{
        Damage, Done, Failed, InUse, Incomplete, Interrupted, NoRepository, Stale, Usage, WrongPassword,
    };

    #[test]
    fn numbers_stand_in_their_documented_order() {
        let order = [
            Usage,
            Interrupted,
            NoRepository,
            WrongPassword,
            InUse,
            Failed,
            Damage,
            Stale,
            Incomplete,
            Done,
        ];
        assert!(order.is_sorted());
        assert_eq!(
            order.map(super::ExitCode::number),
            [2, 130, 10, 12, 11, 1, 20, 21, 3, 0]
        );
    }

    #[test]
    fn the_first_that_applies_decides() {
        assert_eq!(Done.and(Incomplete), Incomplete);
        assert_eq!(Incomplete.and(Damage), Damage);
        assert_eq!(Interrupted.and(Failed), Interrupted);
        assert_eq!(Done.and(Done), Done);
    }
}
