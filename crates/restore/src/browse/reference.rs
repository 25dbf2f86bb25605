//! `SNAPSHOT[:PATH]`: which snapshot is meant, and which place in it.
//!
//! SNAPSHOT is `latest` or any other WHEN (see [`crate::when`]), or at least four letters of an id, which are of k–z
//! only, so that no id looks like a date or a drive. Times contain colons, therefore the rule: *SNAPSHOT is the longest
//! beginning of the text that is a snapshot reference and ends at a colon or with the text.* So
//! `2026-05-14T18:00:00+02:00:Pictures` means `Pictures`, and `2026-05-14T18:00:30` a time with seconds; a file named
//! `30` is `2026-05-14T18:00:/30`. Without SNAPSHOT (no text, or one that begins with the colon) the latest is meant,
//! or what `--at` says.

use std::fmt;

use jiff::civil::Date;
use lumivault_chunk_store::StoredSnapshot;
use lumivault_format::limits;

use crate::target::{StoredPath, escape};
use crate::when::{Candidate, Request, SelectError, When, WhenError, select};

/// Letters of an id that must be typed.
const ID_LETTERS_MIN: usize = 4;
/// Letters of a whole id.
const ID_LETTERS: usize = 64;
/// No reference to a snapshot is longer: the longest are whole ids, and times with offset and nine decimals.
const REFERENCE_BYTES_MAX: usize = 80;
/// More snapshots than this are counted, not listed.
const MATCHES_LISTED_MAX: usize = 10;
/// What was given is quoted back up to this length.
const QUOTED_CHARS_MAX: usize = 60;
/// Letters of an id shown at least.
const LETTERS_SHOWN_MIN: usize = 8;

/// The snapshot part of a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotName {
    /// None was given.
    Unnamed,
    /// By its id's first letters, k–z.
    Id(String),
    /// By date.
    When(When),
}

/// A parsed `SNAPSHOT[:PATH]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Which snapshot.
    pub snapshot: SnapshotName,
    /// The place in it; the root if none was given.
    pub path: StoredPath,
}

/// Why a reference leads to no snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// No beginning of the text is a snapshot reference.
    #[error(
        "\"{0}\" names no snapshot; give latest, at least 4 letters of an id, or a date, and a path behind a colon: \
         latest:Pictures"
    )]
    Unknown(String),
    /// It looks like a path of this machine.
    #[error("\"{0}\" is a path, not a snapshot; put a snapshot and a colon in front, as in latest:Pictures")]
    LooksLikePath(String),
    /// Letters of an id, but too few.
    #[error(
        "\"{0}\" is too short for an id; give at least 4 letters of it, `lumivault snapshots` shows them"
    )]
    TooShort(String),
    /// A date that cannot be.
    #[error(transparent)]
    When(#[from] WhenError),
    /// The path cannot be one in a snapshot.
    #[error("\"{path}\" is no path in a snapshot: {problem}")]
    Path {
        /// As given, fit for printing.
        path: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A snapshot was given twice.
    #[error("the snapshot is given twice, as {0} and with --at; leave one of them out")]
    Twice(String),
    /// No id begins so.
    #[error("no snapshot's id begins with {0}; `lumivault snapshots` shows them")]
    NoSuchId(String),
    /// Several ids begin so.
    #[error("{prefix} fits {} snapshots; give more letters: {matches}", matches.total)]
    Ambiguous {
        /// What was given.
        prefix: String,
        /// The snapshots.
        matches: Matches,
    },
    /// The snapshot is of another phone than the one named.
    #[error("snapshot {id} is of {phone}, not of {given}")]
    OtherPhone {
        /// The snapshot.
        id: String,
        /// Its phone, fit for printing.
        phone: String,
        /// The one asked for, fit for printing.
        given: String,
    },
    /// The date picks none.
    #[error(transparent)]
    Select(#[from] SelectError),
}

impl ReferenceError {
    /// Whether the request itself is at fault, rather than what the archive holds.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::NoSuchId(_) => false,
            Self::Select(error) => error.is_usage(),
            _ => true,
        }
    }
}

/// Snapshots that an id's letters fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matches {
    /// Enough letters of each to tell it from the others, and what it is; at most 10.
    pub listed: Vec<(String, String)>,
    /// How many there are.
    pub total: usize,
}

impl fmt::Display for Matches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (id, what)) in self.listed.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { ", " })?;
            write!(f, "{id} ({what})")?;
        }
        match self.total.saturating_sub(self.listed.len()) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

impl Reference {
    /// Reads a reference as typed: bytes as names are stored, that is raw bytes on Unix and WTF-8 on Windows. Behind
    /// the colon, `/` parts the names, and on Windows `\` too.
    pub fn parse(text: &[u8]) -> Result<Self, ReferenceError> {
        Self::parse_for(text, cfg!(windows))
    }

    fn parse_for(text: &[u8], backslash_parts: bool) -> Result<Self, ReferenceError> {
        let (snapshot, path) = split(text)?;
        Ok(Self {
            snapshot,
            path: parse_path(path, backslash_parts)?,
        })
    }
}

/// Parts the longest beginning that names a snapshot from the path behind its colon.
fn split(text: &[u8]) -> Result<(SnapshotName, &[u8]), ReferenceError> {
    let ends = text.iter().take(REFERENCE_BYTES_MAX + 1).enumerate();
    let colons: Vec<usize> = ends
        .filter(|(_, byte)| **byte == b':')
        .map(|(at, _)| at)
        .collect();
    if colons.first() == Some(&0) || text.is_empty() {
        return Ok((SnapshotName::Unnamed, text.get(1..).unwrap_or_default()));
    }
    let whole = (text.len() <= REFERENCE_BYTES_MAX).then_some(text.len());
    let mut impossible = None;
    for end in whole.into_iter().chain(colons.iter().rev().copied()) {
        let (head, rest) = text.split_at(end);
        let Ok(head) = std::str::from_utf8(head) else {
            continue;
        };
        match parse_snapshot(head) {
            Ok(snapshot) => return Ok((snapshot, rest.get(1..).unwrap_or_default())),
            Err(error @ (WhenError::NoSuchTime(_) | WhenError::TooFar(_))) => {
                impossible.get_or_insert(error);
            }
            Err(WhenError::Unknown(_)) => {}
        }
    }
    if let Some(error) = impossible {
        return Err(error.into());
    }
    let first = text.split(|byte| *byte == b':').next().unwrap_or(text);
    let shown = escape_path(first);
    Err(match first {
        [drive] if drive.is_ascii_alphabetic() && colons.first() == Some(&1) => {
            ReferenceError::LooksLikePath(escape_path(text))
        }
        _ if first.iter().any(|byte| matches!(byte, b'/' | b'\\')) => {
            ReferenceError::LooksLikePath(escape_path(text))
        }
        [_, ..] if is_id_letters(first) && first.len() < ID_LETTERS_MIN => ReferenceError::TooShort(shown),
        _ => ReferenceError::Unknown(shown),
    })
}

fn parse_snapshot(text: &str) -> Result<SnapshotName, WhenError> {
    if is_id_letters(text.as_bytes()) && (ID_LETTERS_MIN..=ID_LETTERS).contains(&text.len()) {
        return Ok(SnapshotName::Id(text.to_ascii_lowercase()));
    }
    text.parse().map(SnapshotName::When)
}

fn is_id_letters(text: &[u8]) -> bool {
    text.iter()
        .all(|byte| matches!(byte.to_ascii_lowercase(), b'k'..=b'z'))
}

fn parse_path(path: &[u8], backslash_parts: bool) -> Result<StoredPath, ReferenceError> {
    let failed = |problem| ReferenceError::Path {
        path: escape_path(path),
        problem,
    };
    let mut components = Vec::new();
    for name in path.split(|byte| *byte == b'/' || backslash_parts && *byte == b'\\') {
        match name {
            b"" | b"." => {}
            b".." => return Err(failed("it goes up with `..`")),
            _ if name.len() > limits::NAME_BYTES_MAX => return Err(failed("a name has over 1024 bytes")),
            _ if name.contains(&0) => return Err(failed("it contains a zero byte")),
            _ => components.push(name.to_vec()),
        }
    }
    Ok(StoredPath::new(components))
}

/// A path fit for a message; a long one is cut.
fn escape_path(path: &[u8]) -> String {
    let names: Vec<String> = path
        .split(|byte| *byte == b'/')
        .take(QUOTED_CHARS_MAX)
        .map(|name| escape(name.get(..QUOTED_CHARS_MAX).unwrap_or(name)))
        .collect();
    let text = names.join("/");
    match text.char_indices().nth(QUOTED_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// What every command that looks into a snapshot is given.
#[derive(Clone, Copy, Debug)]
pub struct ResolveRequest<'a> {
    /// `SNAPSHOT[:PATH]` as typed, in bytes as names are stored.
    pub text: Option<&'a [u8]>,
    /// `--at`.
    pub at: Option<&'a When>,
    /// `--phone`.
    pub phone: Option<&'a str>,
    /// `--strict`.
    pub strict: bool,
    /// The caller's civil day.
    pub today: Date,
}

/// The snapshot and the place that are meant.
#[derive(Clone, Debug)]
pub struct Resolved<'s> {
    /// The snapshot.
    pub snapshot: &'s StoredSnapshot,
    /// If it was picked by date: which one was taken and what its neighbours are, in a sentence for a person.
    pub selection: Option<String>,
    /// The place in it.
    pub path: StoredPath,
}

/// Finds the snapshot that is meant. `latest` and `--at` together mean the latest at that date.
pub fn resolve<'s>(
    snapshots: &'s [StoredSnapshot],
    request: &ResolveRequest<'_>,
) -> Result<Resolved<'s>, ReferenceError> {
    let reference = Reference::parse(request.text.unwrap_or_default())?;
    resolve_parsed(snapshots, reference, request)
}

/// As [`resolve`], of a reference that was read before; the request's text is not looked at.
pub fn resolve_parsed<'s>(
    snapshots: &'s [StoredSnapshot],
    reference: Reference,
    request: &ResolveRequest<'_>,
) -> Result<Resolved<'s>, ReferenceError> {
    let Reference { snapshot, path } = reference;
    let when = match (snapshot, request.at) {
        (SnapshotName::Id(prefix), None) => {
            return Ok(Resolved {
                snapshot: by_id(snapshots, &prefix, request.phone)?,
                selection: None,
                path,
            });
        }
        (SnapshotName::Unnamed | SnapshotName::When(When::Latest), at) => *at.unwrap_or(&When::Latest),
        (SnapshotName::When(when), None) => when,
        (SnapshotName::When(when), Some(_)) => return Err(ReferenceError::Twice(when.to_string())),
        (SnapshotName::Id(prefix), Some(_)) => return Err(ReferenceError::Twice(prefix)),
    };
    let candidates: Vec<_> = snapshots
        .iter()
        .enumerate()
        .map(|(at, stored)| Candidate {
            id: (stored.rank, at),
            time: stored.snapshot.time,
            phone: stored.snapshot.phone.clone(),
        })
        .collect();
    let asked = Request {
        when: &when,
        phone: request.phone,
        strict: request.strict,
    };
    let selection = select(&candidates, &asked, request.today)?;
    let (_, at) = selection.taken.id;
    Ok(Resolved {
        snapshot: snapshots.get(at).ok_or(SelectError::NoSnapshots)?,
        selection: Some(selection.to_string()),
        path,
    })
}

/// The only snapshot whose id begins so.
fn by_id<'s>(
    snapshots: &'s [StoredSnapshot],
    prefix: &str,
    phone: Option<&str>,
) -> Result<&'s StoredSnapshot, ReferenceError> {
    let fitting: Vec<&StoredSnapshot> = snapshots.iter().filter(|one| one.id.has_prefix(prefix)).collect();
    let [only] = fitting.as_slice() else {
        return Err(match fitting.len() {
            0 => ReferenceError::NoSuchId(prefix.to_owned()),
            _ => ReferenceError::Ambiguous {
                prefix: prefix.to_owned(),
                matches: list(&fitting),
            },
        });
    };
    match phone {
        Some(given) if given.to_lowercase() != only.snapshot.phone.to_lowercase() => {
            Err(ReferenceError::OtherPhone {
                id: only.id.to_string(),
                phone: escape(only.snapshot.phone.as_bytes()),
                given: escape(given.as_bytes()),
            })
        }
        _ => Ok(only),
    }
}

fn list(fitting: &[&StoredSnapshot]) -> Matches {
    let mut ids: Vec<String> = fitting.iter().map(|one| one.id.to_letters()).collect();
    ids.sort_unstable();
    let shared = |pair: &[String]| match pair {
        [a, b] => a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count(),
        _ => 0,
    };
    // Of sorted ids, neighbours share the most.
    let letters = ids.windows(2).map(shared).max().unwrap_or(0).saturating_add(1);
    let letters = letters.clamp(LETTERS_SHOWN_MIN, ID_LETTERS);
    let describe = |one: &&StoredSnapshot| {
        let what = format!("{}, {}", one.snapshot.time, escape(one.snapshot.phone.as_bytes()));
        (format!("{:.letters$}", one.id), what)
    };
    Matches {
        listed: fitting.iter().take(MATCHES_LISTED_MAX).map(describe).collect(),
        total: fitting.len(),
    }
}
