//! What the engine's errors mean for the exit code, and the next command to try.

use std::io::ErrorKind;

use lumivault_chunk_store::Error;
use lumivault_chunk_store::backend::BackendError;
use lumivault_ingest::IngestError;
use lumivault_restore::when::{SelectError, WhenError};

use crate::exit::ExitCode;
use crate::failure::Failure;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::Cancelled => return Self::interrupted(),
            Error::NoRepository(_) | Error::Backend(BackendError::NoSuchPlace { .. }) => {
                ExitCode::NoRepository
            }
            Error::WrongPassword(..) => ExitCode::WrongPassword,
            Error::InUse(_) => ExitCode::InUse,
            Error::Blocked(_) | Error::PacksVanished(_) => ExitCode::Damage,
            error if error.is_damage() => ExitCode::Damage,
            _ => ExitCode::Failed,
        };
        let failure = because_of(Self::new(code, error.to_string()), &error);
        match hint(&error) {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<BackendError> for Failure {
    fn from(error: BackendError) -> Self {
        Error::from(error).into()
    }
}

impl From<IngestError> for Failure {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::Store(error) => error.into(),
            IngestError::Pattern { .. } => Self::usage(error.to_string()),
            // As where it is not there at all. What fails later on fails, and is not what was typed.
            IngestError::Source { ref source, .. } => {
                let cannot_be_used = matches!(
                    source.kind(),
                    ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::NotADirectory
                );
                let failure = if cannot_be_used { Self::usage } else { Self::failed };
                because_of(failure(error.to_string()), &error)
                    .hint("name a folder or file that can be read; nothing was stored")
            }
            _ => because_of(Self::failed(error.to_string()), &error),
        }
    }
}

impl From<SelectError> for Failure {
    fn from(error: SelectError) -> Self {
        if error.is_usage() {
            return Self::usage(error.to_string());
        }
        let failure = Self::failed(error.to_string());
        if matches!(error, SelectError::NoSnapshots) {
            return failure;
        }
        failure.hint("lumivault snapshots lists what there is")
    }
}

impl From<WhenError> for Failure {
    fn from(error: WhenError) -> Self {
        let failure = Self::usage(error.to_string());
        match error {
            WhenError::Unknown(_) => failure.hint(
                "an id can stand there too, as lumivault snapshots lists them; a place in a snapshot is written SNAPSHOT:PATH, \
                 such as latest:/Pictures",
            ),
            _ => failure,
        }
    }
}

/// The causes below an error whose own text is the message already.
pub(crate) fn because_of(failure: Failure, error: &dyn std::error::Error) -> Failure {
    match error.source() {
        Some(cause) => failure.because(cause),
        None => failure,
    }
}

fn hint(error: &Error) -> Option<&'static str> {
    match error {
        Error::NoRepository(_) => {
            Some("attach the disk, or name another folder with --repo; lumivault init makes a new repository")
        }
        Error::Backend(BackendError::NoSuchPlace { .. }) => {
            Some("attach the disk, or name another folder with --repo")
        }
        Error::WrongPassword(_, 1..) => Some(
            "the right slot may be among those that could not be read: try again, or another copy of the repository",
        ),
        Error::WrongPassword(..) => Some(
            "a recovery code can be given in place of the password; mind Caps Lock and the keyboard layout",
        ),
        Error::KdfMemory { .. } => Some("--kdf-memory-max SIZE allows more"),
        Error::Pinned(_) => Some("lumivault tag --unpin ID lets one be forgotten"),
        Error::Forgotten(_) => Some("lumivault forget --undo ID brings it back"),
        Error::RepositoryExists(_) => Some("lumivault snapshots lists what is in it"),
        Error::Unsupported(_) => Some("use a newer version of lumivault"),
        error if error.is_damage() => Some("lumivault check tells what is damaged and what is not"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use lumivault_chunk_store::Error;
    use lumivault_chunk_store::backend::BackendError;
    use lumivault_format::{ChunkId, ObjectId, ObjectKind, ObjectName};

    use crate::exit::ExitCode;
    use crate::failure::Failure;

    fn code(error: Error) -> ExitCode {
        Failure::from(error).code()
    }

    #[test]
    fn each_error_has_its_exit_code() {
        let object = ObjectId {
            kind: ObjectKind::Pack,
            name: ObjectName::from_bytes([1; 32]),
        };
        let location = || "here".to_owned();
        assert_eq!(code(Error::Cancelled), ExitCode::Interrupted);
        assert_eq!(code(Error::NoRepository(location())), ExitCode::NoRepository);
        assert_eq!(code(Error::WrongPassword(2, 0)), ExitCode::WrongPassword);
        assert_eq!(
            code(Error::MissingChunk(ChunkId::from_bytes([2; 32]))),
            ExitCode::Damage
        );
        assert_eq!(code(Error::RepositoryExists(location())), ExitCode::Failed);
        let problem = "it does not authenticate";
        assert_eq!(code(Error::Damaged { object, problem }), ExitCode::Damage);
        let source = || io::Error::from(io::ErrorKind::NotFound);
        let no_place = BackendError::NoSuchPlace {
            location: location(),
            source: source(),
        };
        assert_eq!(code(no_place.into()), ExitCode::NoRepository);
        let failed = BackendError::Io {
            action: "reading".into(),
            location: location(),
            source: source(),
        };
        assert_eq!(code(failed.into()), ExitCode::Failed);
    }
}
