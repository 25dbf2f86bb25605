//! Which snapshots, and which place in one.

use std::ffi::OsStr;

use lumivault_format::limits::{NAME_BYTES_MAX, TREE_DEPTH_MAX};

/// One snapshot, as the user named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selector {
    /// The beginning of an id, in the letters k to z.
    Id(String),
    /// A date or a word such as `latest`. Which snapshot that is, the library finds; so it also reads the text.
    When(String),
}

/// A snapshot and a place in it, `SNAPSHOT[:PATH]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SnapshotPath {
    /// None for `:PATH` or nothing: the one `--at` names, else the latest.
    pub(crate) snapshot: Option<Selector>,
    /// Stored names from the root down; empty is the root.
    pub(crate) path: Vec<Vec<u8>>,
}

/// One snapshot with what helps to choose it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selection {
    pub(crate) snapshot: Selector,
    /// Of this phone; without it there must be only one.
    pub(crate) phone: Option<String>,
    /// Fail where the named period holds no snapshot, instead of taking an earlier one.
    pub(crate) strict: bool,
}

/// Which snapshots out of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Of any of these phones; empty: of any.
    pub(crate) phones: Vec<String>,
    /// From any of these machines; empty: from any.
    pub(crate) hosts: Vec<String>,
    /// With any of these tags; empty: whatever its tags.
    pub(crate) tags: Vec<String>,
}

impl Filter {
    pub(crate) fn is_empty(&self) -> bool {
        self.phones.is_empty() && self.hosts.is_empty() && self.tags.is_empty()
    }
}

impl Selector {
    pub(crate) fn latest() -> Self {
        Self::When("latest".into())
    }

    /// Reads an id or a time. Ids are printed in letters no date and no word of time consists of.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("a snapshot is named by its id, a date or `latest`".into());
        }
        let lower = text.to_ascii_lowercase();
        if lower.bytes().all(|byte| (b'k'..=b'z').contains(&byte)) {
            return Ok(Self::Id(lower));
        }
        if !lower
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-:+. ".contains(&byte))
        {
            return Err(format!(
                "`{text}` is neither a snapshot id nor a date; a place in a snapshot is written SNAPSHOT:PATH"
            ));
        }
        Ok(Self::When(text.to_owned()))
    }
}

impl SnapshotPath {
    /// Reads `SNAPSHOT`, `SNAPSHOT:PATH` or `:PATH`. The colons of a time of day belong to the time.
    pub(crate) fn parse(text: &OsStr) -> Result<Self, String> {
        let bytes = text.as_encoded_bytes();
        let colon = time_of_day_end(bytes);
        let colon = bytes
            .iter()
            .skip(colon)
            .position(|byte| *byte == b':')
            .map(|found| found + colon);
        let (snapshot, path) = match colon {
            Some(colon) => (&bytes[..colon], &bytes[colon + 1..]),
            None => (bytes, &[][..]),
        };
        let snapshot = std::str::from_utf8(snapshot).map_err(|_| "a snapshot is named in plain text")?;
        let snapshot = match (snapshot, colon) {
            ("", Some(_)) => None,
            _ => Some(Selector::parse(snapshot)?),
        };
        Ok(Self {
            snapshot,
            path: archive_path(path)?,
        })
    }
}

/// Where the time of day of an RFC 3339 time at the beginning ends, or 0 where there is none.
fn time_of_day_end(text: &[u8]) -> usize {
    let digits = |from: usize, length: usize| {
        let part = text.get(from..from + length);
        part.is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    let is = |at: usize, byte: u8| text.get(at) == Some(&byte);
    let date = digits(0, 4) && is(4, b'-') && digits(5, 2) && is(7, b'-') && digits(8, 2);
    let between = text.get(10).is_some_and(|byte| b"Tt ".contains(byte));
    if !(date && between && digits(11, 2) && is(13, b':') && digits(14, 2)) {
        return 0;
    }
    let mut end = 16;
    if is(end, b':') && digits(end + 1, 2) {
        end += 3;
        if is(end, b'.') && digits(end + 1, 1) {
            end += 1;
            end += text
                .iter()
                .skip(end)
                .take_while(|byte| byte.is_ascii_digit())
                .count();
        }
    }
    let offset = text.get(end).is_some_and(|byte| b"+-".contains(byte));
    if offset && digits(end + 1, 2) && is(end + 3, b':') && digits(end + 4, 2) {
        end += 6;
    }
    end
}

/// The names of a path in a snapshot; on Windows typed with either slash.
fn archive_path(path: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let is_slash = |byte: &u8| *byte == b'/' || (cfg!(windows) && *byte == b'\\');
    let names = path
        .split(is_slash)
        .filter(|name| !name.is_empty() && *name != b".");
    let names: Vec<Vec<u8>> = names.map(<[u8]>::to_vec).collect();
    if names.iter().any(|name| name == b"..") {
        return Err("a path in a snapshot holds no `..`".into());
    }
    if path.contains(&0) {
        return Err("a path in a snapshot holds no zero byte".into());
    }
    if names.len() > TREE_DEPTH_MAX || names.iter().any(|name| name.len() > NAME_BYTES_MAX) {
        return Err("no snapshot holds a path that long".into());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::{Selector, SnapshotPath};

    fn parse(text: &str) -> Result<(Option<Selector>, String), String> {
        let parsed = SnapshotPath::parse(text.as_ref())?;
        Ok((
            parsed.snapshot,
            String::from_utf8(parsed.path.join(&b'/')).unwrap(),
        ))
    }

    fn id(text: &str) -> Selector {
        Selector::Id(text.into())
    }

    fn when(text: &str) -> Selector {
        Selector::When(text.into())
    }

    #[test]
    fn ids_and_dates_are_told_apart() {
        assert_eq!(parse("kmzwtpqs"), Ok((Some(id("kmzwtpqs")), String::new())));
        assert_eq!(parse("KMZW"), Ok((Some(id("kmzw")), String::new())));
        for text in [
            "latest",
            "2026",
            "2026-05",
            "yesterday",
            "last-month",
            "3m-ago",
            "1y-2m-ago",
            "2026-05-14",
        ] {
            assert_eq!(parse(text), Ok((Some(when(text)), String::new())));
        }
    }

    #[test]
    fn the_colons_of_a_time_are_its_own() {
        for time in [
            "2026-05-14T10:00:00Z",
            "2026-05-14T10:00:00.25+02:00",
            "2026-05-14 10:00",
            "2026-05-14t10:00-05:00",
        ] {
            assert_eq!(parse(time), Ok((Some(when(time)), String::new())));
            assert_eq!(
                parse(&format!("{time}:/a:b/c")),
                Ok((Some(when(time)), "a:b/c".into()))
            );
        }
        assert_eq!(
            parse("2026-05-14:10:00"),
            Ok((Some(when("2026-05-14")), "10:00".into()))
        );
    }

    #[test]
    fn paths_lose_what_means_nothing() {
        assert_eq!(parse("latest:"), Ok((Some(when("latest")), String::new())));
        assert_eq!(
            parse(":/Pictures//./Camera Roll/"),
            Ok((None, "Pictures/Camera Roll".into()))
        );
        assert!(parse("latest:a/../b").is_err());
        assert!(parse(&format!("latest:{}", "a/".repeat(257))).is_err());
    }

    #[test]
    fn what_names_nothing_is_refused() {
        for text in ["", " ", "/Pictures", "Camera_Roll", "a,b", "latest\u{1b}"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn every_beginning_of_a_time_is_read_without_panic() {
        let time = "2026-05-14T10:00:00.25+02:00:/a";
        for end in 0..time.len() {
            let _ = parse(&time[..end]);
        }
    }

    #[cfg(unix)]
    #[test]
    fn stored_names_need_not_be_text() {
        use std::os::unix::ffi::OsStrExt as _;
        let parsed = SnapshotPath::parse(std::ffi::OsStr::from_bytes(b"latest:a/\xff")).unwrap();
        assert_eq!(parsed.path, [b"a".to_vec(), b"\xff".to_vec()]);
    }
}
