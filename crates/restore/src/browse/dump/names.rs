//! Names for archives that any system should be able to unpack: text, nothing that Windows forbids, and no two names
//! of a folder that differ in case only. A changed name tells by its end which name it stands for.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::browse::tree::folded;
use crate::target::{Abilities, NameEncoding, map_names};

/// Maps the paths of a walk, in its order. Remembers 8 bytes for each name of the folders that are open.
pub(super) struct PathNames {
    abilities: Abilities,
    root: Children,
    /// The folders that lead to the path mapped last.
    open: Vec<Children>,
}

/// The names in a folder so far.
#[derive(Default)]
struct Children {
    taken: HashSet<u64>,
    /// The one mapped last: a folder comes first itself and then with all that is in it.
    last: Option<(Vec<u8>, String)>,
}

impl PathNames {
    pub(super) fn new() -> Self {
        Self {
            abilities: Abilities {
                encoding: NameEncoding::Utf8,
                ..Abilities::windows()
            },
            root: Children::default(),
            open: Vec::new(),
        }
    }

    /// The path for the archive, and whether a name in it had to be changed that was not met before.
    pub(super) fn map(&mut self, path: &[u8]) -> (String, bool) {
        let mut written = String::new();
        let mut changed = false;
        for (depth, name) in path.split(|byte| *byte == b'/').enumerate() {
            if depth > self.open.len() {
                self.open.push(Children::default());
            }
            let children = match depth.checked_sub(1) {
                None => &mut self.root,
                Some(at) => match self.open.get_mut(at) {
                    Some(children) => children,
                    None => continue,
                },
            };
            let (own, is_new) = children.map(name, &self.abilities);
            changed |= is_new && own.as_bytes() != name;
            if depth > 0 {
                written.push('/');
            }
            written.push_str(&own);
            if is_new {
                // Beneath another name than before there is another folder.
                self.open.truncate(depth);
            }
        }
        (written, changed)
    }
}

impl Children {
    fn map(&mut self, name: &[u8], abilities: &Abilities) -> (String, bool) {
        if let Some((last, written)) = &self.last
            && last == name
        {
            return (written.clone(), false);
        }
        let mapped = map_names(&[name], abilities);
        let bytes = mapped
            .first()
            .map(|one| one.written().to_vec())
            .unwrap_or_default();
        let mut written = String::from_utf8_lossy(&bytes).into_owned();
        let mut attempt = 0u32;
        while !self.taken.insert(print(&written)) {
            written = with_suffix(&String::from_utf8_lossy(&bytes), name, attempt);
            attempt = attempt.wrapping_add(1);
        }
        self.last = Some((name.to_vec(), written.clone()));
        (written, true)
    }
}

/// Tells names that no system takes for one. That two others are taken for one is improbable and harmless.
fn print(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    folded(name.as_bytes()).hash(&mut hasher);
    hasher.finish()
}

/// `photo.jpg` becomes `photo~bcdfgh.jpg`, by a hash of the stored name.
fn with_suffix(written: &str, stored: &[u8], attempt: u32) -> String {
    const LETTERS: &[u8; 20] = b"bcdfghjkmnpqrstvwxyz";
    let mut hasher = blake3::Hasher::new_derive_key("lumivault 2026 suffix of a renamed archive member");
    hasher.update(&attempt.to_le_bytes()).update(stored);
    let letter = |byte: &u8| char::from(LETTERS[usize::from(byte % 20)]);
    let suffix: String = hasher.finalize().as_bytes().iter().take(6).map(letter).collect();
    match written.rsplit_once('.') {
        Some((stem, end)) if !stem.is_empty() => format!("{stem}~{suffix}.{end}"),
        _ => format!("{written}~{suffix}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_keep_their_folders_and_differ_for_everybody() {
        let mut names = PathNames::new();
        let mut seen = HashSet::new();
        let mut map = |path: &[u8]| {
            let (written, changed) = names.map(path);
            assert!(seen.insert(written.to_lowercase()), "{written}");
            (written, changed)
        };
        assert_eq!(map(b"A.jpg"), ("A.jpg".to_owned(), false));
        let (clash, changed) = map(b"a.jpg");
        assert!(
            changed && clash.starts_with("a~") && clash.rsplit('.').next() == Some("jpg"),
            "{clash}"
        );
        let (folder, changed) = map(b"b:c");
        assert!(changed && !folder.contains(':'), "{folder}");
        assert_eq!(map(b"b:c/x"), (format!("{folder}/x"), false));
        assert_eq!(map(b"b:c/y/z"), (format!("{folder}/y/z"), false));
        assert_eq!(map(b"b:c/y/zz"), (format!("{folder}/y/zz"), false));
        // Another folder begins anew.
        assert_eq!(map(b"d/y/z"), ("d/y/z".to_owned(), false));
        for bad in [&b"e\xff"[..], b"e\\f", b"CON.txt", b"dots...", b"tail "] {
            let (written, changed) = map(bad);
            assert!(changed, "{written}");
            assert!(!written.contains(['\\', ':', '\u{fffd}']), "{written}");
        }
    }
}
