//! What a search looks for: patterns, kinds, sizes, times; asked in the order of what they cost.

use globset::{Candidate, GlobBuilder, GlobSet, GlobSetBuilder};
use lumivault_format::tree::{Category, NameRecord, StatRecord};

use super::listed::ListedKind;
use super::tree::folded;

/// What to look for. The default finds everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueryRules {
    /// Globs, one of which must match; none: anything. One without a slash is matched against the name, one with a
    /// slash against the end of the path, or against all of it if the slash is in front. `*` and `?` do not match a
    /// slash, `**` does.
    pub patterns: Vec<String>,
    /// Whatever the case of letters.
    pub ignore_case: bool,
    /// Only these kinds; none: any.
    pub kinds: Vec<ListedKind>,
    /// Only these categories; none: any.
    pub categories: Vec<Category>,
    /// Only files of at least so many bytes.
    pub size_min: Option<u64>,
    /// Only files of at most so many bytes.
    pub size_max: Option<u64>,
    /// Only what was modified at this time or later: seconds since 1970 and nanoseconds.
    pub newer: Option<(i64, u32)>,
    /// Only what was modified before this time.
    pub older: Option<(i64, u32)>,
}

/// A pattern that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the pattern `{pattern}` is not valid: {problem}")]
pub struct QueryError {
    /// The pattern.
    pub pattern: String,
    /// What is wrong with it.
    pub problem: String,
}

/// A search made ready.
#[derive(Debug)]
pub struct Query {
    rules: QueryRules,
    names: GlobSet,
    paths: GlobSet,
}

impl Query {
    /// Reads the patterns.
    pub fn new(rules: QueryRules) -> Result<Self, QueryError> {
        let (mut names, mut paths) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        for pattern in &rules.patterns {
            let failed = |problem: String| QueryError {
                pattern: pattern.clone(),
                problem,
            };
            let (text, of_path) = normal_form(pattern, rules.ignore_case);
            if text.is_empty() {
                return Err(failed("it is empty".to_owned()));
            }
            let glob = GlobBuilder::new(&text)
                .literal_separator(true)
                .backslash_escape(true)
                .build()
                .map_err(|error| failed(error.kind().to_string()))?;
            let set = if of_path { &mut paths } else { &mut names };
            set.add(glob);
        }
        let build = |builder: GlobSetBuilder| {
            builder.build().map_err(|error| QueryError {
                pattern: rules.patterns.join(" "),
                problem: error.kind().to_string(),
            })
        };
        Ok(Self {
            names: build(names)?,
            paths: build(paths)?,
            rules,
        })
    }

    /// Whether times decide.
    pub(super) fn needs_times(&self) -> bool {
        self.rules.newer.is_some() || self.rules.older.is_some()
    }

    /// What can be told from the name; `path` ends in it.
    pub(super) fn wants_name(&self, name: &[u8], path: &[u8]) -> bool {
        if self.rules.patterns.is_empty() {
            return true;
        }
        let matches = |set: &GlobSet, text: &[u8]| {
            if self.rules.ignore_case {
                set.is_match_candidate(&Candidate::from_bytes(&folded(text)))
            } else {
                set.is_match_candidate(&Candidate::from_bytes(text))
            }
        };
        !self.names.is_empty() && matches(&self.names, name)
            || !self.paths.is_empty() && matches(&self.paths, path)
    }

    pub(super) fn wants_kind(&self, record: &NameRecord) -> bool {
        let kind = ListedKind::from(&record.kind);
        let sized = self.rules.size_min.is_some() || self.rules.size_max.is_some();
        (self.rules.kinds.is_empty() || self.rules.kinds.contains(&kind))
            && (self.rules.categories.is_empty() || self.rules.categories.contains(&record.category))
            && (!sized || kind == ListedKind::File)
    }

    pub(super) fn wants_size(&self, size: u64) -> bool {
        self.rules.size_min.is_none_or(|min| size >= min) && self.rules.size_max.is_none_or(|max| size <= max)
    }

    pub(super) fn wants_time(&self, stat: &StatRecord) -> bool {
        let mtime = (stat.mtime_seconds, stat.mtime_nanoseconds);
        self.rules.newer.is_none_or(|newer| mtime >= newer)
            && self.rules.older.is_none_or(|older| mtime < older)
    }
}

/// A pattern as it is compiled, and whether it is matched against whole paths.
fn normal_form(pattern: &str, ignore_case: bool) -> (String, bool) {
    let mut text = if cfg!(windows) {
        pattern.replace('\\', "/")
    } else {
        pattern.to_owned()
    };
    if ignore_case {
        text = String::from_utf8_lossy(&folded(text.as_bytes())).into_owned();
    }
    let text = text.strip_suffix('/').unwrap_or(&text);
    match text.strip_prefix('/') {
        Some(whole) => (whole.to_owned(), true),
        None if text.contains('/') => (format!("**/{text}"), true),
        None => (text.to_owned(), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(patterns: &[&str], ignore_case: bool) -> Query {
        Query::new(QueryRules {
            patterns: patterns.iter().map(|text| (*text).to_owned()).collect(),
            ignore_case,
            ..QueryRules::default()
        })
        .unwrap()
    }

    fn found(query: &Query, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap();
        query.wants_name(name.as_bytes(), path.as_bytes())
    }

    #[test]
    fn a_slash_makes_it_a_path() {
        for (pattern, matched, not) in [
            (
                "*.jpg",
                &["a.jpg", "x/a.jpg", "x/y/.jpg"][..],
                &["a.JPG", "a.jpg/b"][..],
            ),
            ("WP_?.jpg", &["d/WP_1.jpg"], &["WP_12.jpg"]),
            ("{a,b}[0-9]", &["a1", "x/b2"], &["c1", "ab1"]),
            (
                "Roll/*.jpg",
                &["Roll/a.jpg", "x/Roll/a.jpg"],
                &["Roll/x/a.jpg", "Camera Roll/a.jpg"],
            ),
            ("/Roll/*.jpg", &["Roll/a.jpg"], &["x/Roll/a.jpg"]),
            ("/top", &["top"], &["x/top"]),
            ("/a/**", &["a/b", "a/b/c"], &["a", "b/a/c"]),
            ("a/**/z", &["a/z", "x/a/b/c/z"], &["a/b"]),
            ("folder/", &["folder", "x/folder"], &["folder/a"]),
            ("\\*", &["*"], &["a"]),
        ] {
            if cfg!(windows) && pattern.contains('\\') {
                continue;
            }
            let query = query(&[pattern], false);
            for path in matched {
                assert!(found(&query, path), "{pattern} and {path}");
            }
            for path in not {
                assert!(!found(&query, path), "{pattern} and {path}");
            }
        }
        let two = query(&["*.jpg", "*.vcf"], false);
        assert!(found(&two, "a.vcf") && found(&two, "a.jpg") && !found(&two, "a.mp4"));
        assert!(found(&query(&[], false), "anything"));
    }

    #[test]
    fn case_and_composition_are_ignored_together() {
        let any = query(&["*ÜBER*.JPG"], true);
        for path in ["über.jpg", "U\u{308}ber 2.Jpg", "x/ÜBERALL.JPG"] {
            assert!(found(&any, path), "{path}");
        }
        assert!(!found(&any, "uber.jpg"));
        assert!(!found(&query(&["*Über*"], false), "über"));
        assert!(query(&["*"], true).wants_name(b"\xff", b"\xff"));
    }

    #[test]
    fn bad_patterns_are_named() {
        for pattern in ["a[", "{a", "/", ""] {
            let rules = QueryRules {
                patterns: vec![pattern.to_owned()],
                ..QueryRules::default()
            };
            let error = Query::new(rules).unwrap_err();
            assert_eq!(error.pattern, pattern);
        }
    }
}
