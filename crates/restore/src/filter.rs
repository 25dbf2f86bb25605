//! Which entries of a snapshot are meant: a place in it, patterns, categories.
//!
//! Patterns are in the syntax of gitignore, as at backup. They are matched against paths below the place that was
//! asked for: a leading slash anchors there, `!` takes back, and the last pattern that matches decides.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use lumivault_chunk_store::{Entry, Error, Folder, TreeReader};
use lumivault_format::tree::{Category, ContentRecord, EntryKind, FolderRef, NameRecord, StatRecord};
use lumivault_format::{DecodeError, Snapshot, limits};

use crate::target::StoredPath;

/// One pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// In the syntax of gitignore.
    pub text: String,
    /// Whether `A` also matches `a`.
    pub ignore_case: bool,
}

impl Pattern {
    /// A pattern that heeds case.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ignore_case: false,
        }
    }
}

/// What is wanted of a snapshot. The default is all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterRules {
    /// Only what one of these matches, with everything beneath it. Empty: everything.
    pub include: Vec<Pattern>,
    /// Without what one of these matches, and without everything beneath it.
    pub exclude: Vec<Pattern>,
    /// Only entries of these categories. Empty: of any.
    pub categories: Vec<Category>,
}

impl FilterRules {
    /// Whether they leave nothing out.
    pub fn is_empty(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty() && self.categories.is_empty()
    }
}

/// A pattern that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the pattern `{pattern}` is not valid: {problem}")]
pub struct PatternError {
    /// The pattern.
    pub pattern: String,
    /// What is wrong with it.
    pub problem: String,
}

/// The rules made ready.
#[derive(Debug)]
pub struct Filter {
    include: Option<Patterns>,
    wanted: Vec<Wanted>,
    exclude: Option<Patterns>,
    categories: Vec<Category>,
}

/// What becomes of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// It is wanted.
    pub selected: bool,
    /// For a folder: something beneath it may be wanted, so it must be looked into.
    pub descend: bool,
    /// For a folder: what to pass as `within` for its entries.
    pub within: Within,
}

/// Whether a folder above the entry was included by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Within(bool);

const LEFT_OUT: Verdict = Verdict {
    selected: false,
    descend: false,
    within: Within(false),
};

impl Filter {
    /// Reads the patterns.
    pub fn new(rules: &FilterRules) -> Result<Self, PatternError> {
        Ok(Self {
            include: Patterns::new(&rules.include)?,
            wanted: Wanted::each(&rules.include)?,
            exclude: Patterns::new(&rules.exclude)?,
            categories: rules.categories.clone(),
        })
    }

    /// Judges an entry. `path` is its path below the place that was asked for, joined by slashes, its own name last.
    /// A folder that is not selected is wanted all the same if something beneath it is.
    pub fn judge(&self, path: &[u8], entry: &NameRecord, within: Within) -> Verdict {
        let is_folder = entry.kind == EntryKind::Folder;
        let path = to_path(path);
        let path = Path::new(&*path);
        self.wanted.iter().for_each(|wanted| wanted.note(path, is_folder));
        self.judge_path(path, entry, within)
    }

    /// Patterns of `include` that matched nothing that was judged so far.
    pub fn unmatched(&self) -> impl Iterator<Item = &str> {
        let unmatched = |wanted: &&Wanted| !wanted.matched.load(Ordering::Relaxed);
        self.wanted
            .iter()
            .filter(unmatched)
            .map(|wanted| wanted.text.as_str())
    }

    fn judge_path(&self, path: &Path, entry: &NameRecord, within: Within) -> Verdict {
        let is_folder = entry.kind == EntryKind::Folder;
        if self.exclude.as_ref().and_then(|p| p.matches(path, is_folder)) == Some(true) {
            return LEFT_OUT;
        }
        let included = match &self.include {
            None => true,
            Some(patterns) => patterns.matches(path, is_folder).unwrap_or(within.0),
        };
        if is_folder {
            Verdict {
                selected: included && self.categories.is_empty(),
                descend: true,
                within: Within(included),
            }
        } else {
            let of_category = self.categories.is_empty() || self.categories.contains(&entry.category);
            Verdict {
                selected: included && of_category,
                ..LEFT_OUT
            }
        }
    }

    /// Whether something that is only in a target, and of which no category is known, is meant by the patterns.
    pub fn judge_foreign(&self, path: &[u8], is_folder: bool, within: Within) -> Verdict {
        if !self.categories.is_empty() {
            return LEFT_OUT;
        }
        let kind = if is_folder {
            EntryKind::Folder
        } else {
            EntryKind::File { content: 0 }
        };
        let entry = NameRecord {
            name: Vec::new(),
            category: Category::None,
            kind,
        };
        self.judge_path(Path::new(&*to_path(path)), &entry, within)
    }
}

/// A pattern of `include` by itself, and whether it matched anything in the snapshot.
#[derive(Debug)]
struct Wanted {
    text: String,
    pattern: Gitignore,
    matched: AtomicBool,
}

impl Wanted {
    /// Those that ask for something; what takes back need not match.
    fn each(patterns: &[Pattern]) -> Result<Vec<Self>, PatternError> {
        let asking = patterns.iter().filter(|pattern| !pattern.text.starts_with('!'));
        asking
            .map(|pattern| {
                Ok(Self {
                    text: pattern.text.clone(),
                    pattern: compile(std::slice::from_ref(pattern), pattern.ignore_case)?,
                    matched: AtomicBool::new(false),
                })
            })
            .collect()
    }

    fn note(&self, path: &Path, is_folder: bool) {
        if !self.matched.load(Ordering::Relaxed) && self.pattern.matched(path, is_folder).is_ignore() {
            self.matched.store(true, Ordering::Relaxed);
        }
    }
}

/// Patterns that heed case, and those that do not, in the order given among each.
#[derive(Debug)]
struct Patterns {
    exact: Gitignore,
    any_case: Gitignore,
}

impl Patterns {
    fn new(patterns: &[Pattern]) -> Result<Option<Self>, PatternError> {
        if patterns.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self {
            exact: compile(patterns, false)?,
            any_case: compile(patterns, true)?,
        }))
    }

    /// Whether the path is matched (`true`) or taken back (`false`), if any pattern says.
    fn matches(&self, path: &Path, is_folder: bool) -> Option<bool> {
        [&self.exact, &self.any_case].into_iter().find_map(|patterns| {
            match patterns.matched(path, is_folder) {
                Match::Ignore(_) => Some(true),
                Match::Whitelist(_) => Some(false),
                Match::None => None,
            }
        })
    }
}

fn compile(patterns: &[Pattern], ignore_case: bool) -> Result<Gitignore, PatternError> {
    let failed = |pattern: &str, problem: &ignore::Error| PatternError {
        pattern: pattern.to_owned(),
        problem: problem.to_string(),
    };
    // Rooted at nothing: what is matched is always relative.
    let mut builder = GitignoreBuilder::new("");
    // What git would take for a bracket is more likely a mistake.
    builder
        .allow_unclosed_class(false)
        .case_insensitive(ignore_case)
        .map_err(|error| failed("", &error))?;
    for pattern in patterns.iter().filter(|p| p.ignore_case == ignore_case) {
        builder
            .add_line(None, &pattern.text)
            .map_err(|error| failed(&pattern.text, &error))?;
    }
    builder.build().map_err(|error| failed("", &error))
}

#[cfg(unix)]
fn to_path(path: &[u8]) -> std::borrow::Cow<'_, std::ffi::OsStr> {
    use std::os::unix::ffi::OsStrExt;
    std::borrow::Cow::Borrowed(std::ffi::OsStr::from_bytes(path))
}

/// Elsewhere patterns are text, and so is what they are matched against.
#[cfg(not(unix))]
fn to_path(path: &[u8]) -> std::borrow::Cow<'_, std::ffi::OsStr> {
    match String::from_utf8_lossy(path) {
        std::borrow::Cow::Borrowed(text) => std::borrow::Cow::Borrowed(std::ffi::OsStr::new(text)),
        std::borrow::Cow::Owned(text) => std::borrow::Cow::Owned(text.into()),
    }
}

/// Appends a component to a path joined by slashes, as [`Filter::judge`] takes it.
pub fn push_component(path: &mut Vec<u8>, name: &[u8]) {
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
}

/// What a path in a snapshot leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Located {
    /// A folder, or the root.
    Folder {
        /// Where it is stored.
        reference: FolderRef,
        /// Its metadata.
        stat: StatRecord,
    },
    /// Anything else.
    Entry {
        /// The folder that it is in.
        parent: FolderRef,
        /// The entry.
        entry: Box<Entry>,
        /// Of a file: its content.
        content: Option<ContentRecord>,
    },
}

/// Why a path in a snapshot leads nowhere.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocateError {
    /// Nothing has this name.
    #[error("{path} is not in the snapshot; `lumivault ls` shows what is")]
    NotThere {
        /// The path up to the missing name.
        path: StoredPath,
    },
    /// Something that is no folder is used as one.
    #[error("{path} is no folder, so nothing can be in it")]
    NotAFolder {
        /// The path up to it.
        path: StoredPath,
    },
    /// A folder on the way cannot be read.
    #[error(transparent)]
    Store(#[from] Error),
}

/// Finds what lies at a path, given by its components, in a snapshot.
pub fn locate(
    reader: &TreeReader<'_>,
    snapshot: &Snapshot,
    path: &StoredPath,
) -> Result<Located, LocateError> {
    let undecodable = |source: DecodeError| Error::Content {
        what: "the root of the snapshot".into(),
        source,
    };
    let mut reference = FolderRef::decode_whole(&snapshot.root).map_err(undecodable)?;
    let mut stat = StatRecord::decode_alone(&snapshot.root_stat).map_err(undecodable)?;
    let components = path.components();
    let up_to = |depth: usize| StoredPath::new(components.iter().take(depth).cloned().collect());
    for (name, depth) in components.iter().zip(1..) {
        if depth > limits::TREE_DEPTH_MAX + 1 {
            return Err(LocateError::NotThere { path: up_to(depth) });
        }
        let mut folder = reader.folder(&reference)?;
        let position = folder
            .entries
            .binary_search_by(|entry| entry.name.name.as_slice().cmp(name))
            .map_err(|_| LocateError::NotThere { path: up_to(depth) })?;
        if let Some(inner) = folder_at(&folder, position) {
            reference = inner;
            stat = folder.entries.swap_remove(position).stat;
            continue;
        }
        if depth < components.len() {
            return Err(LocateError::NotAFolder { path: up_to(depth) });
        }
        let content = folder
            .entries
            .get(position)
            .and_then(|e| folder.content(e))
            .cloned();
        return Ok(Located::Entry {
            parent: reference,
            entry: Box::new(folder.entries.swap_remove(position)),
            content,
        });
    }
    Ok(Located::Folder { reference, stat })
}

/// The reference of the subfolder that an entry stands for.
fn folder_at(folder: &Folder, position: usize) -> Option<FolderRef> {
    let (_, reference) = folder.with_folders().nth(position)?;
    reference.cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(include: &[&str], exclude: &[&str], categories: &[Category]) -> Filter {
        let patterns = |list: &[&str]| list.iter().map(|text| Pattern::new(*text)).collect();
        Filter::new(&FilterRules {
            include: patterns(include),
            exclude: patterns(exclude),
            categories: categories.to_vec(),
        })
        .unwrap()
    }

    fn entry(kind: EntryKind, category: Category) -> NameRecord {
        NameRecord {
            name: Vec::new(),
            category,
            kind,
        }
    }

    /// Walks down a path; the last component is a file.
    fn selected(filter: &Filter, path: &str, category: Category) -> bool {
        let mut within = Within::default();
        let mut walked = Vec::new();
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        for folder in folders.split('/').filter(|f| !f.is_empty()) {
            push_component(&mut walked, folder.as_bytes());
            let verdict = filter.judge(&walked, &entry(EntryKind::Folder, Category::None), within);
            if !verdict.descend {
                return false;
            }
            within = verdict.within;
        }
        push_component(&mut walked, name.as_bytes());
        let file = entry(EntryKind::File { content: 0 }, category);
        filter.judge(&walked, &file, within).selected
    }

    #[test]
    fn without_rules_everything_is_wanted() {
        let all = filter(&[], &[], &[]);
        assert!(selected(&all, "a/b/.hidden", Category::Other));
        let folder = entry(EntryKind::Folder, Category::None);
        assert!(all.judge(b"a", &folder, Within::default()).selected);
    }

    #[test]
    fn includes_reach_what_is_beneath() {
        let some = filter(&["/Pictures/Camera Roll", "*.vcf"], &["*.tmp"], &[]);
        for wanted in ["Pictures/Camera Roll/2026/x.jpg", "x.vcf", "Documents/deep/y.vcf"] {
            assert!(selected(&some, wanted, Category::None), "{wanted}");
        }
        for left in [
            "Pictures/x.jpg",
            "Pictures/Camera Roll/x.tmp",
            "a/Pictures/Camera Roll/x",
        ] {
            assert!(!selected(&some, left, Category::None), "{left}");
        }
        // Not wanted itself, but perhaps what is in it.
        let folder = entry(EntryKind::Folder, Category::None);
        let verdict = some.judge(b"Documents", &folder, Within::default());
        assert!(!verdict.selected && verdict.descend);
    }

    #[test]
    fn later_patterns_take_back() {
        let some = filter(&["/Music", "!*.wma"], &["Thumbs.db", "!/keep/Thumbs.db"], &[]);
        assert!(selected(&some, "Music/a/b.mp3", Category::None));
        assert!(!selected(&some, "Music/a/b.wma", Category::None));
        assert!(!selected(&some, "Music/Thumbs.db", Category::None));
        let all = filter(&[], &["Thumbs.db", "!/keep/Thumbs.db"], &[]);
        assert!(selected(&all, "keep/Thumbs.db", Category::None));
        assert!(!selected(&all, "other/Thumbs.db", Category::None));
    }

    #[test]
    fn categories_count_for_files_and_create_no_empty_folders() {
        let some = filter(&[], &[], &[Category::Contacts, Category::Messages]);
        assert!(selected(&some, "a/b.vcf", Category::Contacts));
        assert!(!selected(&some, "a/b.jpg", Category::Media));
        let folder = entry(EntryKind::Folder, Category::None);
        let verdict = some.judge(b"a", &folder, Within::default());
        assert!(!verdict.selected && verdict.descend);
    }

    #[test]
    fn case_is_ignored_only_where_asked() {
        let rules = FilterRules {
            exclude: vec![
                Pattern {
                    text: "*.JPG".into(),
                    ignore_case: true,
                },
                Pattern::new("*.PNG"),
            ],
            ..FilterRules::default()
        };
        let some = Filter::new(&rules).unwrap();
        assert!(!selected(&some, "a.jpg", Category::None) && !selected(&some, "a.PNG", Category::None));
        assert!(selected(&some, "a.png", Category::None));
    }

    #[test]
    fn bad_patterns_are_named() {
        for bad in ["[z-a]", "["] {
            let rules = FilterRules {
                include: vec![Pattern::new(bad)],
                ..FilterRules::default()
            };
            let error = Filter::new(&rules).unwrap_err().to_string();
            assert!(error.contains(&format!("`{bad}`")), "{error}");
        }
    }

    #[test]
    fn includes_that_match_nothing_are_known() {
        let some = filter(&["*.vcf", "/Pictures", "!*.tmp", "*.jpg"], &[], &[]);
        selected(&some, "Pictures/a.jpg", Category::None);
        assert_eq!(some.unmatched().collect::<Vec<_>>(), ["*.vcf"]);
        some.judge_foreign(b"x.vcf", false, Within::default());
        assert_eq!(
            some.unmatched().count(),
            1,
            "what is only in a target counts for nothing"
        );
    }
}
