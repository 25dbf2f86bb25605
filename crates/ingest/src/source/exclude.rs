//! What is left out: system junk by default, and what the user names.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::IngestError;

/// Left out unless told otherwise, in any case of letters: what Windows and Windows Phone strew over cards and what
/// nobody can use without the phone it came from.
pub const DEFAULT_EXCLUDES: [&str; 7] = [
    "desktop.ini",
    "Thumbs.db",
    "System Volume Information",
    "$RECYCLE.BIN",
    "WPSystem",
    "WindowsApps",
    "WUDownloadCache",
];

/// What the user asked to leave out.
#[derive(Clone, Debug, Default)]
pub struct ExcludeRules {
    /// Patterns in the syntax of gitignore; a leading slash anchors at the source, `!` takes back.
    pub patterns: Vec<String>,
    /// The same, in any case of letters.
    pub patterns_any_case: Vec<String>,
    /// Leave out folders with a valid CACHEDIR.TAG.
    pub caches: bool,
    /// Leave out folders that hold one of these files.
    pub if_present: Vec<Marker>,
    /// Keep even [`DEFAULT_EXCLUDES`].
    pub no_defaults: bool,
}

/// A file whose presence leaves its folder out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// Its name.
    pub name: String,
    /// What it must begin with; empty: anything.
    pub header: Vec<u8>,
}

impl Marker {
    fn is_in(&self, folder: &Path) -> bool {
        let path = folder.join(&self.name);
        if self.header.is_empty() {
            return path.symlink_metadata().is_ok();
        }
        begins_with(&path, &self.header)
    }
}

/// The rules made ready for one source.
#[derive(Debug)]
pub struct Excludes {
    root: PathBuf,
    exact: Gitignore,
    any_case: Gitignore,
    defaults: bool,
    caches: bool,
    if_present: Vec<Marker>,
}

const CACHE_TAG: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";

impl Excludes {
    /// Compiles the rules for the source at `root`, which patterns may also call by one of its other names.
    pub fn new(rules: &ExcludeRules, root: &Path, names: &[&Path]) -> Result<Self, IngestError> {
        let names: Vec<&Path> = names.iter().copied().chain([root]).collect();
        Ok(Self {
            root: root.to_owned(),
            exact: compile(&rules.patterns, &names, false)?,
            any_case: compile(&rules.patterns_any_case, &names, true)?,
            defaults: !rules.no_defaults,
            caches: rules.caches,
            if_present: rules.if_present.clone(),
        })
    }

    /// Why an entry is left out, for its name or for what it holds, if it is.
    pub fn reason(&self, path: &Path, is_folder: bool) -> Option<String> {
        self.excluded(path, is_folder)
            .or_else(|| is_folder.then(|| self.excluded_by_content(path)).flatten())
    }

    /// Why an entry is left out for its name, if it is.
    fn excluded(&self, path: &Path, is_folder: bool) -> Option<String> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let below = path.strip_prefix(&self.root).unwrap_or(path);
        for rules in [&self.exact, &self.any_case] {
            match rules.matched(below, is_folder) {
                Match::Ignore(glob) => return Some(glob.original().to_owned()),
                Match::Whitelist(_) => return None,
                Match::None => {}
            }
        }
        if self.defaults
            && DEFAULT_EXCLUDES
                .iter()
                .any(|junk| name.eq_ignore_ascii_case(junk))
        {
            return Some(name.into_owned());
        }
        None
    }

    /// Why a folder is left out for what it holds, if it is.
    fn excluded_by_content(&self, folder: &Path) -> Option<String> {
        if self.caches && is_cache(folder) {
            return Some("CACHEDIR.TAG".to_owned());
        }
        let marker = self.if_present.iter().find(|marker| marker.is_in(folder))?;
        Some(marker.name.clone())
    }
}

fn compile(patterns: &[String], names: &[&Path], any_case: bool) -> Result<Gitignore, IngestError> {
    let failed = |pattern: &str, problem: ignore::Error| IngestError::Pattern {
        pattern: pattern.to_owned(),
        problem: problem.to_string(),
    };
    // Rooted at nothing: what is matched is always relative to the source.
    let mut builder = GitignoreBuilder::new("");
    // What git would take for a bracket is more likely a mistake.
    builder
        .allow_unclosed_class(false)
        .case_insensitive(any_case)
        .map_err(|error| failed("", error))?;
    for pattern in patterns {
        let anchored = anchor(pattern, names);
        builder
            .add_line(None, &anchored)
            .map_err(|error| failed(pattern, error))?;
    }
    builder.build().map_err(|error| failed("", error))
}

/// A pattern that begins with the source's own path means what lies below it, as users of restic write it.
fn anchor(pattern: &str, names: &[&Path]) -> String {
    let (not, rest) = pattern
        .strip_prefix('!')
        .map_or(("", pattern), |rest| ("!", rest));
    let below = names
        .iter()
        .filter_map(|name| Path::new(rest).strip_prefix(name).ok())
        .find(|below| !below.as_os_str().is_empty());
    let folder = if rest.ends_with('/') { "/" } else { "" };
    below.map_or_else(
        || pattern.to_owned(),
        |below| format!("{not}/{}{folder}", below.to_string_lossy().replace('\\', "/")),
    )
}

fn is_cache(folder: &Path) -> bool {
    begins_with(&folder.join("CACHEDIR.TAG"), CACHE_TAG)
}

/// Whether a regular file begins with these bytes. Anything else is not opened: a pipe would hold the backup up.
fn begins_with(path: &Path, header: &[u8]) -> bool {
    let is_file = path.metadata().is_ok_and(|metadata| metadata.is_file());
    let mut start = vec![0; header.len()];
    is_file
        && File::open(path)
            .and_then(|mut file| file.read_exact(&mut start))
            .is_ok_and(|()| start == header)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(patterns: &[&str], any_case: &[&str]) -> Excludes {
        let own = |list: &[&str]| list.iter().map(|p| (*p).to_owned()).collect();
        let rules = ExcludeRules {
            patterns: own(patterns),
            patterns_any_case: own(any_case),
            ..ExcludeRules::default()
        };
        Excludes::new(&rules, Path::new("/src"), &[]).unwrap()
    }

    #[test]
    fn junk_goes_in_any_case_and_hidden_files_stay() {
        let excludes = rules(&[], &[]);
        for junk in ["desktop.ini", "a/THUMBS.DB", "$Recycle.Bin", "x/WPSystem"] {
            assert!(
                excludes.excluded(&Path::new("/src").join(junk), true).is_some(),
                "{junk}"
            );
        }
        for kept in [
            ".hidden",
            ".git",
            "a.nar",
            "b.mp4.thm",
            "c.tnl",
            "d.jpg.thumb",
            "e.hsh",
            ".gitignore",
            "target",
        ] {
            assert_eq!(
                excludes.excluded(&Path::new("/src").join(kept), false),
                None,
                "{kept}"
            );
        }
    }

    #[test]
    fn patterns_anchor_match_anywhere_and_take_back() {
        let excludes = rules(&["*.tmp", "/Music", "/src/Videos/*.mp4", "!keep.tmp"], &["*.BAK"]);
        let hit = |path: &str, folder| excludes.excluded(Path::new(path), folder).is_some();
        assert!(hit("/src/a/b/x.tmp", false) && hit("/src/Music", true) && hit("/src/Videos/1.mp4", false));
        assert!(hit("/src/old.bak", false) && hit("/src/old.BAK", false));
        assert!(
            !hit("/src/keep.tmp", false) && !hit("/src/a/Music", true) && !hit("/src/a/Videos/1.mp4", false)
        );
    }

    #[test]
    fn a_source_may_be_called_by_any_of_its_names() {
        let own = |list: &[&str]| list.iter().map(|p| (*p).to_owned()).collect();
        let rules = ExcludeRules {
            patterns: own(&["/home/me/link/a.txt", "card/b.txt", "card/only-folder/"]),
            ..ExcludeRules::default()
        };
        let names = [Path::new("/home/me/link"), Path::new("card")];
        let excludes = Excludes::new(&rules, Path::new("/media/card"), &names).unwrap();
        let hit = |path: &str, folder| excludes.excluded(Path::new(path), folder).is_some();
        assert!(hit("/media/card/a.txt", false) && hit("/media/card/b.txt", false));
        assert!(!hit("/media/card/x/a.txt", false) && !hit("/media/card/x/b.txt", false));
        assert!(hit("/media/card/only-folder", true) && !hit("/media/card/only-folder", false));
    }

    #[test]
    fn bad_patterns_are_named() {
        let rules = ExcludeRules {
            patterns: vec!["a[z-b]".into()],
            ..ExcludeRules::default()
        };
        let error = Excludes::new(&rules, Path::new("/src"), &[])
            .unwrap_err()
            .to_string();
        assert!(error.contains("a[z-b]"), "{error}");
    }

    #[test]
    fn markers_may_ask_for_a_header() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tag"), "Signature: 8a").unwrap();
        let found = |name: &str, header: &[u8]| {
            let marker = Marker {
                name: name.into(),
                header: header.to_vec(),
            };
            marker.is_in(folder.path())
        };
        assert!(found("tag", b"") && found("tag", b"Signature"));
        assert!(
            !found("tag", b"signature") && !found("none", b"") && !found("tag", b"Signature: 8a and more")
        );
    }
}
