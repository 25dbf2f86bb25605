//! The names that a restore itself uses in a target: its marker and its temporary entries.
//!
//! Whatever has such a name is ours; a stored name that looks like one is written under another.

use std::ffi::OsString;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

/// Lies in the root while a restore runs.
pub(super) const MARKER: &str = ".lumivault-restore";
const PREFIX: &str = ".lumivault-";
const SUFFIX: &str = ".part";
/// Hexadecimal digits of a session.
const SESSION_DIGITS: usize = 16;

/// Gives out temporary names that no other session gives out.
#[derive(Debug)]
pub(super) struct TempNames {
    session: u64,
    next: AtomicU64,
}

impl TempNames {
    pub(super) fn new() -> io::Result<Self> {
        let session = getrandom::u64().map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self {
            session,
            next: AtomicU64::new(0),
        })
    }

    pub(super) fn next(&self) -> OsString {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{PREFIX}{:016x}-{number:x}{SUFFIX}", self.session).into()
    }

    /// Whether a name was given out by this run.
    pub(super) fn is_mine(&self, name: &[u8]) -> bool {
        name.starts_with(format!("{PREFIX}{:016x}-", self.session).as_bytes())
    }
}

/// Whether a name was given out by any session.
pub(super) fn is_temp(name: &[u8]) -> bool {
    let Some(middle) = name
        .strip_prefix(PREFIX.as_bytes())
        .and_then(|rest| rest.strip_suffix(SUFFIX.as_bytes()))
    else {
        return false;
    };
    let hexadecimal = |part: &[u8]| {
        !part.is_empty()
            && part
                .iter()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b))
    };
    middle
        .split_at_checked(SESSION_DIGITS)
        .is_some_and(|(session, rest)| {
            hexadecimal(session) && rest.strip_prefix(b"-").is_some_and(hexadecimal)
        })
}

/// Whether a stored name must not be written as it is, being one of ours now or in a later version.
pub(super) fn is_reserved(folded: &[u8]) -> bool {
    folded == MARKER.as_bytes()
        || (folded.starts_with(PREFIX.as_bytes()) && folded.ends_with(SUFFIX.as_bytes()))
}

/// Errors after which trying something else makes no sense.
pub(super) fn is_fatal(error: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(
        error.kind(),
        StorageFull | QuotaExceeded | ReadOnlyFilesystem | PermissionDenied
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_out_is_recognised_and_nothing_else() {
        let names = TempNames::new().unwrap();
        for _ in 0..20 {
            let name = names.next().into_string().unwrap();
            assert!(
                is_temp(name.as_bytes()) && names.is_mine(name.as_bytes()),
                "{name}"
            );
            assert!(is_reserved(name.as_bytes()), "{name}");
        }
        for other in [
            ".lumivault-restore",
            ".lumivault-.part",
            ".lumivault-notes.part",
            ".lumivault-0123456789abcdef-.part",
            ".lumivault-0123456789abcdef-g.part",
            ".lumivault-0123456789abcde-0.part",
            "lumivault-0123456789abcdef-0.part",
        ] {
            assert!(!is_temp(other.as_bytes()), "{other}");
        }
    }
}
