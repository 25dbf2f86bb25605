//! What the commands share that look into snapshots or bring them back: errors as exit codes, streams that end when
//! nobody reads any more, and patterns and categories as the library takes them.

use std::io::{self, Write};

use lumivault_format::tree;
use lumivault_restore::RestoreError;
use lumivault_restore::browse::{BrowseError, QueryError, ReferenceError};
use lumivault_restore::filter::{FilterRules, LocateError, Pattern, PatternError};
use lumivault_restore::target::TargetError;

use super::errors::because_of;
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::output::Output;
use crate::request::{self, Category, Choice as _};

const CHECK: &str = "lumivault check tells what is damaged and what is not";

impl From<BrowseError> for Failure {
    fn from(error: BrowseError) -> Self {
        match error {
            BrowseError::Store(error) => error.into(),
            error if error.is_cancelled() => Self::interrupted(),
            error if error.is_damage() => {
                because_of(Self::new(ExitCode::Damage, error.to_string()), &error).hint(CHECK)
            }
            error if error.is_usage() => Self::usage(error.to_string()),
            error => because_of(Self::failed(error.to_string()), &error),
        }
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<ReferenceError> for Failure {
    fn from(error: ReferenceError) -> Self {
        BrowseError::from(error).into()
    }
}

impl From<PatternError> for Failure {
    fn from(error: PatternError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<LocateError> for Failure {
    fn from(error: LocateError) -> Self {
        match error {
            LocateError::Store(error) => error.into(),
            error => Self::failed(error.to_string()),
        }
    }
}

impl From<TargetError> for Failure {
    fn from(error: TargetError) -> Self {
        match &error {
            TargetError::NotEmpty { interrupted, .. } => Self::usage(error.to_string()).hint(if *interrupted {
                "run the interrupted restore again, it goes on from there; or say with --overwrite what becomes of \
                 what is there"
            } else {
                "--overwrite if-changed writes into it what differs; always, if-newer and never are the other ways"
            }),
            _ => because_of(Self::failed(error.to_string()), &error),
        }
    }
}

impl From<RestoreError> for Failure {
    fn from(error: RestoreError) -> Self {
        match error {
            RestoreError::Store(error) => error.into(),
            RestoreError::Target(error) => error.into(),
            RestoreError::Locate(error) => error.into(),
            RestoreError::Pattern(error) => error.into(),
            error => because_of(Self::failed(error.to_string()), &error),
        }
    }
}

/// Ends a stream from within: the library's callbacks fail only as writing does.
#[derive(Default)]
pub(crate) struct Stop {
    failure: Option<Failure>,
}

impl Stop {
    /// Hands the outcome of an output on. Where nobody reads any more, the work may end.
    pub(crate) fn pass(&mut self, output: &Output, written: Result<(), Failure>) -> io::Result<()> {
        match written {
            Err(failure) => {
                self.failure = Some(failure);
                Err(io::Error::other("standard output failed"))
            }
            Ok(()) if output.is_closed() => Err(io::ErrorKind::BrokenPipe.into()),
            Ok(()) => Ok(()),
        }
    }

    /// The outcome of the whole; None where the reader went away before its end.
    pub(crate) fn end<T>(self, result: Result<T, BrowseError>) -> Result<Option<T>, Failure> {
        match (self.failure, result) {
            (Some(failure), _) => Err(failure),
            (None, Err(BrowseError::Output(error))) if error.kind() == io::ErrorKind::BrokenPipe => Ok(None),
            (None, result) => Ok(Some(result?)),
        }
    }
}

/// Content on its way to standard output; fails when nobody reads any more, so that nothing is read for nobody.
pub(crate) struct Pipe<'o> {
    output: &'o Output,
    content: Box<dyn Write + 'o>,
}

impl<'o> Pipe<'o> {
    pub(crate) fn new(output: &'o Output) -> Self {
        Self {
            output,
            content: output.content(),
        }
    }
}

impl Write for Pipe<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.content.write(bytes)?;
        if self.output.is_closed() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.content.flush()
    }
}

/// What is wanted of a snapshot.
pub(crate) fn rules(
    include: &[request::Pattern],
    exclude: &[request::Pattern],
    only: &[Category],
) -> FilterRules {
    let patterns = |patterns: &[request::Pattern]| {
        let one = |pattern: &request::Pattern| Pattern {
            text: pattern.text.clone(),
            ignore_case: pattern.ignore_case,
        };
        patterns.iter().map(one).collect()
    };
    FilterRules {
        include: patterns(include),
        exclude: patterns(exclude),
        categories: categories(only),
    }
}

/// Categories as the library knows them.
pub(crate) fn categories(only: &[Category]) -> Vec<tree::Category> {
    let one = |category: &Category| match category {
        Category::Media => tree::Category::Media,
        Category::Contacts => tree::Category::Contacts,
        Category::Messages => tree::Category::Messages,
        Category::Documents => tree::Category::Documents,
        Category::AppData => tree::Category::AppData,
        Category::Packages => tree::Category::Packages,
        Category::Other => tree::Category::Other,
    };
    only.iter().map(one).collect()
}

/// The word for a category that was recorded.
pub(crate) fn category_name(category: tree::Category) -> Option<&'static str> {
    let known = Category::ALL
        .iter()
        .find(|(_, one, _)| one.number() == category.number());
    known.map(|(name, ..)| *name)
}

/// Names joined by slashes.
pub(crate) fn joined(names: &[Vec<u8>]) -> Vec<u8> {
    names.join(&b'/')
}

#[cfg(test)]
mod tests {
    use std::io;

    use lumivault_chunk_store::Error;
    use lumivault_format::ChunkId;
    use lumivault_restore::RestoreError;
    use lumivault_restore::browse::BrowseError;
    use lumivault_restore::target::TargetError;

    use super::{Stop, categories, category_name};
    use crate::exit::ExitCode;
    use crate::failure::Failure;
    use crate::output::{Format, Output};
    use crate::request::{Category, Choice as _};

    #[test]
    fn each_error_has_its_exit_code() {
        let browse = |error: BrowseError| Failure::from(error).code();
        let path = || b"a/b".to_vec();
        let missing = || Error::MissingChunk(ChunkId::from_bytes([2; 32]));
        assert_eq!(browse(Error::Cancelled.into()), ExitCode::Interrupted);
        assert_eq!(browse(missing().into()), ExitCode::Damage);
        let unreadable = |source| BrowseError::Unreadable { path: path(), source };
        assert_eq!(browse(unreadable(missing())), ExitCode::Damage);
        assert_eq!(browse(unreadable(Error::Cancelled)), ExitCode::Interrupted);
        assert_eq!(browse(BrowseError::NotAFile { path: path() }), ExitCode::Usage);
        let not_there = BrowseError::NotThere {
            path: path(),
            similar: None,
        };
        assert_eq!(browse(not_there), ExitCode::Failed);

        let restore = |error: RestoreError| Failure::from(error).code();
        assert_eq!(restore(Error::Cancelled.into()), ExitCode::Interrupted);
        assert_eq!(restore(missing().into()), ExitCode::Damage);
        let not_empty = TargetError::NotEmpty {
            path: "here".into(),
            interrupted: false,
        };
        let failure = Failure::from(RestoreError::from(not_empty));
        assert_eq!(failure.code(), ExitCode::Usage);
        assert!(failure.hint_text().contains("--overwrite"));
        let cause = io::Error::from(io::ErrorKind::PermissionDenied);
        let root = TargetError::Root {
            path: "here".into(),
            cause,
        };
        assert_eq!(restore(root.into()), ExitCode::Failed);
    }

    #[test]
    fn categories_have_one_number_here_and_in_the_library() {
        for (name, category, _) in Category::ALL {
            let library = categories(&[*category]);
            assert_eq!(library[0].number(), category.number(), "{name}");
            assert_eq!(category_name(library[0]), Some(*name));
        }
        assert_eq!(category_name(lumivault_format::tree::Category::None), None);
    }

    #[test]
    fn streams_end_with_their_reader() {
        struct Gone;
        impl io::Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let output = Output::new(Format::Human, false, Box::new(Gone));
        let mut stop = Stop::default();
        let error = stop.pass(&output, output.line("x")).unwrap_err();
        assert!(stop.end::<()>(Err(BrowseError::Output(error))).unwrap().is_none());

        let output = Output::new(Format::Human, false, Box::new(io::sink()));
        let mut stop = Stop::default();
        stop.pass(&output, output.line("x")).unwrap();
        let error = stop.pass(&output, Err(Failure::failed("disk full"))).unwrap_err();
        let failure = stop.end::<()>(Err(BrowseError::Output(error))).unwrap_err();
        assert_eq!(failure.message(), "disk full");
    }
}
