//! Parts of answers that several commands share, as docs/cli.md describes them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64ct::{Base64, Encoding as _};
use jiff::Timestamp;
use jiff::tz::Offset;
use lumivault_chunk_store::StoredSnapshot;
use lumivault_format::{CategoryCount, Counts, ObjectId, Precision, SnapshotId, SnapshotTime, Warning};
use lumivault_restore::when::{self, Named};
use serde::Serialize;

use crate::output::printable::printable_bytes;
use crate::request::{Category, Choice as _};

/// A snapshot's time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Time {
    #[serde(rename = "time")]
    rfc3339: String,
    precision: &'static str,
    civil: String,
}

impl Time {
    pub(crate) fn new(time: &SnapshotTime) -> Self {
        let precision = match time.precision {
            Precision::Instant => "instant",
            Precision::Day => "day",
            Precision::Month => "month",
            Precision::Year => "year",
        };
        Self {
            rfc3339: time.rfc3339(),
            precision,
            civil: time.period().to_string(),
        }
    }
}

/// A place in a snapshot, from its root with `/` first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ArchivePath {
    path: String,
    /// The stored bytes in base64, where they are no UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<String>,
}

impl ArchivePath {
    /// `path` without the slash in front.
    pub(crate) fn new(path: &[u8]) -> Self {
        let whole = [b"/", path].concat();
        match String::from_utf8(whole) {
            Ok(path) => Self {
                path,
                path_bytes: None,
            },
            Err(error) => Self {
                path: String::from_utf8_lossy(error.as_bytes()).into_owned(),
                path_bytes: Some(Base64::encode_string(error.as_bytes())),
            },
        }
    }
}

/// An object of the repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ObjectAnswer {
    /// `pack`, `key-slot`.
    kind: String,
    id: String,
}

impl ObjectAnswer {
    pub(crate) fn new(object: &ObjectId) -> Self {
        Self {
            kind: object.kind.to_string().replace(' ', "-"),
            id: object.name.to_hex(),
        }
    }
}

/// Something that went wrong with one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct WarningAnswer {
    #[serde(flatten)]
    path: ArchivePath,
    text: String,
}

impl WarningAnswer {
    pub(crate) fn all(warnings: &[Warning]) -> Vec<Self> {
        let one = |warning: &Warning| Self {
            path: ArchivePath::new(&warning.path),
            text: warning.message.clone(),
        };
        warnings.iter().map(one).collect()
    }
}

/// Files of one category.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CategoryAnswer {
    files: u64,
    bytes: u64,
}

/// By the names of categories; one that has no name here is left out.
pub(crate) fn categories(counts: &[CategoryCount]) -> BTreeMap<&'static str, CategoryAnswer> {
    let named = |count: &CategoryCount| {
        let (name, ..) = Category::ALL
            .iter()
            .find(|(_, category, _)| category.number() == count.category)?;
        let (files, bytes) = (count.files, count.bytes);
        Some((*name, CategoryAnswer { files, bytes }))
    };
    counts.iter().filter_map(named).collect()
}

/// One of the folders that a snapshot was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct SourceAnswer {
    path: String,
    label: Option<String>,
}

/// A whole snapshot.
#[derive(Debug, Serialize)]
pub(crate) struct SnapshotAnswer<'s> {
    id: String,
    short_id: String,
    #[serde(flatten)]
    time: Time,
    written: String,
    phone: &'s str,
    host: &'s str,
    tags: &'s [String],
    pinned: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    forgotten: Option<String>,
    sources: Vec<SourceAnswer>,
    tool: &'s str,
    excludes: &'s [String],
    categories_left_out: Vec<&'static str>,
    incomplete: bool,
    predecessors: Vec<String>,
    files: u64,
    folders: u64,
    links: u64,
    bytes: u64,
    added_bytes: u64,
    stored_bytes: u64,
    categories: BTreeMap<&'static str, CategoryAnswer>,
    warnings: Vec<WarningAnswer>,
    warnings_total: u64,
}

impl<'s> SnapshotAnswer<'s> {
    pub(crate) fn new(stored: &'s StoredSnapshot) -> Self {
        let snapshot = &stored.snapshot;
        let Counts {
            files,
            folders,
            others,
            bytes,
            new_bytes,
            stored_bytes,
            ..
        } = snapshot.counts;
        let left_out = snapshot.scope.categories.iter().filter_map(|number| {
            let found = Category::ALL.iter().find(|(_, one, _)| one.number() == *number);
            found.map(|(name, ..)| *name)
        });
        let sources = snapshot.sources.iter().map(|source| SourceAnswer {
            path: String::from_utf8_lossy(&source.path).into_owned(),
            label: (!source.label.is_empty()).then(|| String::from_utf8_lossy(&source.label).into_owned()),
        });
        Self {
            id: stored.id.to_letters(),
            short_id: stored.id.to_string(),
            time: Time::new(&snapshot.time),
            written: utc(snapshot.written_unix_seconds),
            phone: &snapshot.phone,
            host: &snapshot.host,
            tags: &stored.tags,
            pinned: stored.pinned,
            forgotten: stored.forgotten.map(|since| utc(since.unix_seconds)),
            sources: sources.collect(),
            tool: &snapshot.tool,
            excludes: &snapshot.scope.excludes,
            categories_left_out: left_out.collect(),
            incomplete: snapshot.scope.incomplete,
            predecessors: snapshot.predecessors.iter().map(|id| id.to_letters()).collect(),
            files,
            folders,
            links: others,
            bytes,
            added_bytes: new_bytes,
            stored_bytes,
            categories: categories(&snapshot.counts.categories),
            warnings: WarningAnswer::all(&snapshot.warnings),
            warnings_total: snapshot.warnings_total,
        }
    }
}

/// Which snapshot a time took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Selected {
    requested: String,
    distance_seconds: i64,
    before: Option<String>,
    after: Option<String>,
}

impl Selected {
    /// `named` is what `requested` means today.
    pub(crate) fn new(
        requested: &str,
        found: &when::Selection<'_, (u64, SnapshotId)>,
        named: &Named,
    ) -> Self {
        let id = |one: Option<&when::Candidate<(u64, SnapshotId)>>| one.map(|one| one.id.1.to_letters());
        Self {
            requested: requested.to_owned(),
            distance_seconds: distance(&found.taken.time, named),
            before: id(found.earlier),
            after: id(found.later),
        }
    }
}

/// Seconds from a snapshot to the end of what was named, by the clock that was meant.
fn distance(time: &SnapshotTime, named: &Named) -> i64 {
    let shown = time.unix_seconds.saturating_add(time.utc_offset_seconds.into());
    match named {
        Named::Latest => 0,
        Named::Period(period) => {
            let end = SnapshotTime::end_of(*period, 0).map_or(shown, |end| end.unix_seconds);
            end.saturating_sub(shown)
        }
        Named::Local(moment) => {
            let end = Offset::UTC
                .to_timestamp(moment.last)
                .map_or(shown, Timestamp::as_second);
            end.saturating_sub(shown)
        }
        Named::Instant(moment) => moment.last.as_second().saturating_sub(time.unix_seconds),
    }
}

/// Seconds since 1970 as RFC 3339, in UTC.
pub(crate) fn utc(unix_seconds: i64) -> String {
    SnapshotTime::instant(unix_seconds, 0, 0).map_or_else(|_| unix_seconds.to_string(), |time| time.rfc3339())
}

/// Lowercase hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A path in a snapshot for people.
pub(crate) fn shown_path(path: &[u8]) -> String {
    format!("/{}", printable_bytes(path))
}

#[cfg(test)]
mod tests {
    use lumivault_format::{CivilPeriod, SnapshotTime};
    use lumivault_restore::when::{Named, When};

    use super::{ArchivePath, distance, hex};

    #[test]
    fn bytes_in_hexadecimal() {
        assert_eq!(hex(&[0, 0xab, 9]), "00ab09");
    }

    #[test]
    fn paths_that_are_no_text_keep_their_bytes() {
        let json = |path: &[u8]| serde_json::to_string(&ArchivePath::new(path)).unwrap();
        assert_eq!(json("Bilder/é".as_bytes()), r#"{"path":"/Bilder/é"}"#);
        assert_eq!(json(b""), r#"{"path":"/"}"#);
        assert_eq!(
            json(b"a\xff"),
            "{\"path\":\"/a\u{fffd}\",\"path_bytes\":\"L2H/\"}"
        );
    }

    #[test]
    fn distances_are_by_the_clock_that_was_meant() {
        let may = CivilPeriod::month(2026, 5).unwrap();
        let time = SnapshotTime::end_of(may, 7200).unwrap();
        let to = |text: &str| {
            let when: When = text.parse().unwrap();
            distance(&time, &when.named(jiff::civil::date(2026, 7, 1)))
        };
        assert_eq!(distance(&time, &Named::Latest), 0);
        assert_eq!(to("2026-05"), 0);
        assert_eq!(to("2026-06-02"), 2 * 86_400);
        assert_eq!(to("2026-06-01T00:00:00"), 1);
        assert_eq!(to("2026-06-01T00:00:00Z"), 7201);
    }
}
