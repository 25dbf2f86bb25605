//! What a backup leaves out.

use std::ffi::OsString;
use std::path::PathBuf;

/// Patterns and rules that leave things out, in the order they were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Excludes {
    pub(crate) patterns: Vec<Pattern>,
    /// Leave out the content of folders with a valid CACHEDIR.TAG.
    pub(crate) caches: bool,
    /// Leave out the content of folders that hold such a file.
    pub(crate) if_present: Vec<Marker>,
    /// Leave out what Windows scatters about (`Thumbs.db`, `System Volume Information`, …).
    pub(crate) defaults: bool,
}

/// One pattern. The library reads it, so that it means the same wherever it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    pub(crate) text: String,
    pub(crate) ignore_case: bool,
    /// The option or the file with its line, for messages.
    pub(crate) origin: String,
}

/// A file whose presence leaves its folder out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marker {
    /// A single name.
    pub(crate) name: String,
    /// What the file must begin with.
    pub(crate) header: Option<Vec<u8>>,
}

impl Marker {
    /// Reads `NAME` or `NAME:HEADER`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (name, header) = match text.split_once(':') {
            Some((name, header)) => (name, Some(header.as_bytes().to_vec())),
            None => (text, None),
        };
        let name = super::text::component(name)?;
        Ok(Self { name, header })
    }
}

/// The patterns of an exclude file: one a line; empty lines and lines that begin with `#` mean nothing.
pub(crate) fn patterns_of(file: &str, content: &str) -> Vec<Pattern> {
    let lines = content
        .strip_prefix('\u{feff}')
        .unwrap_or(content)
        .lines()
        .enumerate();
    let lines = lines.map(|(number, line)| (number + 1, line.trim()));
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| Pattern {
            text: line.to_owned(),
            ignore_case: false,
            origin: format!("{file}, line {number}"),
        })
        .collect()
}

/// The paths of a `--files-from` list: one a line, taken as they are; empty lines and lines that begin with `#` mean
/// nothing. A list with zero bytes in it is separated by those instead, and every entry is a path.
pub(crate) fn paths_of(content: &[u8]) -> Result<Vec<PathBuf>, String> {
    if content.contains(&0) {
        let entries = content.split(|byte| *byte == 0).filter(|entry| !entry.is_empty());
        return entries.map(path).collect();
    }
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    let lines = content.split(|byte| *byte == b'\n');
    let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines
        .filter(|line| !line.is_empty() && !line.starts_with(b"#"))
        .map(path)
        .collect()
}

#[cfg(unix)]
#[allow(clippy::unnecessary_wraps, reason = "on Windows not all bytes are a path")]
fn path(bytes: &[u8]) -> Result<PathBuf, String> {
    use std::os::unix::ffi::OsStringExt as _;
    Ok(OsString::from_vec(bytes.to_vec()).into())
}

#[cfg(not(unix))]
fn path(bytes: &[u8]) -> Result<PathBuf, String> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(OsString::from(text).into()),
        Err(_) => Err("the list is not UTF-8 text".into()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Marker, paths_of, patterns_of};

    #[test]
    fn markers_have_one_name_and_perhaps_a_header() {
        let marker = Marker::parse(".nobackup").unwrap();
        assert_eq!((marker.name.as_str(), marker.header), (".nobackup", None));
        let marker = Marker::parse("TAG:Signature: 8a").unwrap();
        assert_eq!(
            (marker.name.as_str(), marker.header),
            ("TAG", Some(b"Signature: 8a".to_vec()))
        );
        for text in ["", ":x", "a/b", ".."] {
            assert!(Marker::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn exclude_files_have_comments_and_remember_their_lines() {
        let patterns = patterns_of("ex.txt", "\u{feff}# mine\r\n\r\n  *.tmp \n!keep.tmp\n");
        let found: Vec<_> = patterns
            .iter()
            .map(|p| (p.text.as_str(), p.origin.as_str()))
            .collect();
        assert_eq!(
            found,
            [("*.tmp", "ex.txt, line 3"), ("!keep.tmp", "ex.txt, line 4")]
        );
    }

    #[test]
    fn lists_are_lines_or_zero_separated() {
        let paths = |list: &[&str]| list.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(
            paths_of(b"\xef\xbb\xbfa b\r\n\n#c\n./#d\n e").unwrap(),
            paths(&["a b", "./#d", " e"])
        );
        assert_eq!(paths_of(b"#a\0b\nc\0").unwrap(), paths(&["#a", "b\nc"]));
        assert_eq!(paths_of(b"").unwrap(), paths(&[]));
    }
}
