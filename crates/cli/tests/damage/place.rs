//! Copies of a repository to do something to. Files are hard links to those of the base, so nothing is ever written into one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::base::Base;
use crate::common::{Ran, copy};

/// A copy of a repository, with a cache and a memory of its own.
pub(super) struct Place<'b> {
    pub(super) base: &'b Base,
    folder: tempfile::TempDir,
}

/// The files of a repository and what is in them, by hash.
pub(super) type Listing = BTreeMap<String, blake3::Hash>;

impl<'b> Place<'b> {
    /// The base as it is; `remembers` what this machine saw of it, or not.
    pub(super) fn of_base(base: &'b Base, remembers: bool) -> Self {
        let state = base.path("state");
        let cache = base.path("cache");
        let memory = remembers.then_some((state.as_path(), cache.as_path()));
        Self::new(base, &base.path("repository"), memory)
    }

    /// The same again.
    pub(super) fn again(&self) -> Self {
        let (state, cache) = (self.path("state"), self.path("cache"));
        Self::new(self.base, &self.repository(), Some((&state, &cache)))
    }

    fn new(base: &'b Base, repository: &Path, memory: Option<(&Path, &Path)>) -> Self {
        let folder = tempfile::tempdir_in(base.path(".")).unwrap();
        let place = Self { base, folder };
        link(repository, &place.repository());
        if let Some((state, cache)) = memory {
            copy(state, &place.path("state"));
            copy(cache, &place.path("cache"));
        }
        place
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn repository(&self) -> PathBuf {
        self.path("repository")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.base.world.bare(words);
        command
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("XDG_STATE_HOME", self.path("state"))
            .env("LUMIVAULT_REPO", self.repository())
            .arg("--threads=1")
            .arg("--key-file")
            .arg(self.base.world.path("key"));
        command
    }

    /// Runs the program; standard output may be anything.
    pub(super) fn run(&self, words: &[&str]) -> (Ran, Vec<u8>) {
        let output = self.command(words).output().unwrap();
        let ran = Ran {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        (ran, output.stdout)
    }

    /// All files of the repository but unfinished ones.
    pub(super) fn listing(&self) -> Listing {
        let root = self.repository();
        let mut listing = Listing::new();
        walk(&root, &mut |path| {
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
            if !name.starts_with("tmp/") {
                listing.insert(name.to_owned(), blake3::hash(&fs::read(path).unwrap()));
            }
        });
        listing
    }
}

pub(super) fn walk(folder: &Path, each: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, each);
        } else {
            each(&path);
        }
    }
}

fn link(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            link(&entry.path(), &target);
        } else {
            fs::hard_link(entry.path(), target).unwrap();
        }
    }
}

/// Puts bytes at a path, in a file of its own.
pub(super) fn replace(path: &Path, bytes: &[u8]) {
    if path.exists() {
        fs::remove_file(path).unwrap();
    }
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}
