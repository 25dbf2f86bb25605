//! What reads back wrongly is named.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;

use lumivault_chunk_store::{Event, Monitor};
use lumivault_restore::Outcome;
use lumivault_restore::error::Cause;

use super::support::{Scene, plant_phone};

/// Does something when the verification begins.
#[derive(Debug)]
struct Saboteur {
    target: PathBuf,
    done: Mutex<bool>,
}

impl Monitor for Saboteur {
    fn event(&self, event: Event<'_>) {
        let mut done = self.done.lock().unwrap();
        if matches!(event, Event::Phase("verifying")) && !*done {
            *done = true;
            let scribbled = self.target.join("Music/long.bin");
            let mut bytes = fs::read(&scribbled).unwrap();
            bytes[4_321_000] ^= 0x40;
            fs::write(&scribbled, bytes).unwrap();
            fs::remove_file(self.target.join("Documents/3.txt")).unwrap();
            let cut = self.target.join("Documents/4.txt");
            fs::File::options()
                .write(true)
                .open(cut)
                .unwrap()
                .set_len(10)
                .unwrap();
            for file in fs::read_dir(self.target.join("Messages/03")).unwrap() {
                fs::remove_file(file.unwrap().path()).unwrap();
            }
        }
    }

    fn is_cancelled(&self) -> bool {
        false
    }
}

#[test]
fn every_mismatch_is_named() {
    let scene = Scene::new();
    plant_phone(&scene, "every mismatch");
    let snapshot = scene.backup();
    let saboteur = Arc::new(Saboteur {
        target: scene.target(),
        done: Mutex::new(false),
    });
    let summary = scene
        .try_restore(&snapshot, saboteur, |request| request.verify = true)
        .unwrap();
    assert_eq!(summary.outcome(), Outcome::Damaged);
    let files_gone = (0..120).filter(|number| number % 7 == 3).count() as u64;
    assert_eq!(summary.problems_total, 3 + files_gone, "{:?}", summary.problems);
    assert_eq!(summary.verified + summary.problems_total, summary.created);
    let cause_of = |path: &str| {
        let mut problems = summary.problems.iter();
        &problems.find(|p| p.path.to_string() == path).unwrap().cause
    };
    match cause_of("Music/long.bin") {
        Cause::Mismatch { offset, length } => {
            assert!(
                (*offset..offset + length).contains(&4_321_000),
                "{offset} {length}"
            );
        }
        other => panic!("{other:?}"),
    }
    for path in ["Documents/3.txt", "Documents/4.txt", "Messages/03/3.msg"] {
        assert!(matches!(cause_of(path), Cause::NotAsRestored), "{path}");
    }
}

#[test]
fn nothing_is_deleted_after_a_mismatch() {
    let scene = Scene::new();
    plant_phone(&scene, "deleted after a mismatch");
    let snapshot = scene.backup();
    fs::create_dir(scene.target()).unwrap();
    fs::write(scene.target().join("extra"), b"extra").unwrap();
    let saboteur = Arc::new(Saboteur {
        target: scene.target(),
        done: Mutex::new(false),
    });
    let summary = scene
        .try_restore(&snapshot, saboteur, |request| {
            request.verify = true;
            request.delete = true;
            request.overwrite = Some(lumivault_restore::OverwriteWhen::Always);
        })
        .unwrap();
    assert!(summary.deletions_withheld && summary.deleted == 0);
    assert!(scene.target().join("extra").exists());
}
