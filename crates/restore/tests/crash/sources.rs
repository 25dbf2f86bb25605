//! What is backed up: a few small files that grow from one backup to the next.

use std::fs;
use std::path::{Path, PathBuf};

use lumivault_testkit::SeededRandom;
use lumivault_testkit::crash::Tree;
use tempfile::TempDir;

use super::site::scratch;

/// How many stages there are.
const STAGES: usize = 5;
/// Stands for a source that shares nothing with the stages.
pub(super) const ELSE: usize = STAGES;

/// The same for every state of a campaign.
#[derive(Debug)]
pub(super) struct Sources {
    _folder: TempDir,
    stages: Vec<(PathBuf, Tree)>,
}

impl Sources {
    pub(super) fn new() -> Self {
        let folder = scratch();
        let stage = |number: usize| {
            let path = folder.path().join(number.to_string());
            if number == ELSE {
                plant_else(&path);
            } else {
                plant(&path, number);
            }
            let tree = Tree::read(&path).unwrap();
            (path, tree)
        };
        let stages = (0..=ELSE).map(stage).collect();
        Self {
            _folder: folder,
            stages,
        }
    }

    pub(super) fn path(&self, stage: usize) -> &Path {
        &self.stages[stage].0
    }

    pub(super) fn tree(&self, stage: usize) -> &Tree {
        &self.stages[stage].1
    }
}

/// Each stage has everything of those before it but for one file, a text that changes, and new files. The file that
/// passes is large enough not to share a chunk with others, which would be kept for them.
fn plant(folder: &Path, stage: usize) {
    fs::create_dir_all(folder.join("Camera")).unwrap();
    for number in 0..=stage {
        let random = SeededRandom::new(&format!("crash: source {number}"));
        fs::write(folder.join(format!("{number}.msg")), random.bytes(90)).unwrap();
        fs::write(folder.join(format!("Camera/{number}.jpg")), random.bytes(6000)).unwrap();
    }
    let passing = SeededRandom::new(&format!("crash: only in {stage}"));
    fs::write(folder.join("passing.bin"), passing.bytes(50_000)).unwrap();
    fs::write(folder.join("notes.txt"), format!("stage {stage}\n").repeat(400)).unwrap();
}

fn plant_else(folder: &Path) {
    fs::create_dir_all(folder.join("Elsewhere")).unwrap();
    let random = SeededRandom::new("crash: something else");
    fs::write(folder.join("Elsewhere/else.bin"), random.bytes(20_000)).unwrap();
}
