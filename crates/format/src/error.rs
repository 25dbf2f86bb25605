//! What a decoder can find wrong.

/// Why bytes could not be decoded. Every variant names the thing that was being decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end too early.
    #[error("the {0} ends too early")]
    Truncated(&'static str),
    /// The bytes break a rule of the format.
    #[error("the {0} is malformed: {1}")]
    Invalid(&'static str, &'static str),
    /// A number exceeds its limit.
    #[error("the {what} is malformed: {value} exceeds the limit of {max}")]
    TooLarge {
        /// What was decoded.
        what: &'static str,
        /// The number found.
        value: u64,
        /// Its limit, docs/format.md §14.
        max: u64,
    },
    /// It does not begin as every lumivault object does.
    #[error("the {0} is not a lumivault object (its first bytes are wrong)")]
    NotLumivault(&'static str),
    /// It was written in a later format.
    #[error("the {what} has format version {version}; this program reads version 1: use a newer lumivault")]
    UnsupportedVersion {
        /// What was decoded.
        what: &'static str,
        /// The version found.
        version: u16,
    },
    /// It needs something that this program does not know.
    #[error(
        "the {what} needs the feature `{feature}`, which this program does not know: use a newer lumivault"
    )]
    UnsupportedFeature {
        /// What was decoded.
        what: &'static str,
        /// The feature's name.
        feature: String,
    },
    /// It belongs to another archive.
    #[error("the {0} belongs to another archive")]
    ForeignArchive(&'static str),
    /// It is an object of another type than its place says.
    #[error("expected the {what}, found an object of type {found}")]
    WrongType {
        /// What was expected.
        what: &'static str,
        /// The type number found.
        found: u8,
    },
}
