//! What a target must withstand and what it must get right, through its public face.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use lumivault_format::tree::StatRecord;
use lumivault_restore::target::{
    Finished, Folder, MappedName, Outcome, Overwrite, PartialFile, Target, TargetError, TargetPolicy,
};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

mod target {
    #[cfg(unix)]
    mod attacks;
    mod files;
    #[cfg(unix)]
    mod metadata;
    #[cfg(unix)]
    mod race;
    mod resume;
    #[cfg(windows)]
    mod windows;
}

/// A target, and a folder beside it that nothing may touch.
struct Scene {
    _scratch: TempDir,
    inside: PathBuf,
    outside: PathBuf,
}

const CANARY: &[u8] = b"untouched";

impl Scene {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let [inside, outside] = ["inside", "outside"].map(|name| scratch.path().join(name));
        fs::create_dir(&inside).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("canary"), CANARY).unwrap();
        Self {
            _scratch: scratch,
            inside,
            outside,
        }
    }

    fn open(&self) -> Target {
        Target::open(&self.inside, &TargetPolicy::InPlace).unwrap()
    }

    #[cfg(unix)]
    fn open_with(&self, special: lumivault_restore::target::SpecialPolicy) -> Target {
        Target::open_with(&self.inside, &TargetPolicy::InPlace, special).unwrap()
    }

    /// Nothing was written outside.
    #[track_caller]
    fn check_outside(&self) {
        assert_eq!(list(&self.outside), ["canary"]);
        assert_eq!(fs::read(self.outside.join("canary")).unwrap(), CANARY);
    }
}

fn list(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn name(folder: &Folder, stored: &[u8]) -> MappedName {
    folder.map_names(&[stored]).0.remove(0)
}

fn sub(folder: &Folder, stored: &str) -> Folder {
    folder
        .create_folder(&name(folder, stored.as_bytes()), Overwrite::Never)
        .unwrap()
}

fn stat(mode: u32) -> StatRecord {
    StatRecord {
        mtime_seconds: 1_600_000_000,
        mtime_nanoseconds: 123_456_700,
        mode: Some(mode),
        ..StatRecord::default()
    }
}

fn begin(folder: &Folder, stored: &str, size: usize, stat: StatRecord) -> PartialFile {
    let name = name(folder, stored.as_bytes());
    folder.begin_file(&name, size as u64, stat).unwrap()
}

fn write(folder: &Folder, stored: &str, bytes: &[u8], overwrite: Overwrite) -> Result<Finished, TargetError> {
    let name = name(folder, stored.as_bytes());
    let file = folder.begin_file(&name, bytes.len() as u64, stat(0o644))?;
    file.write_at(0, bytes)?;
    file.finish(overwrite)
}

#[track_caller]
fn written(result: Result<Finished, TargetError>) {
    let finished = result.unwrap();
    assert_eq!(finished.outcome, Outcome::Written);
    assert!(finished.warnings.is_empty(), "{:?}", finished.warnings);
}
