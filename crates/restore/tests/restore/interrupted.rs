//! A restore that was called off goes on where it stopped.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lumivault_chunk_store::{Event, Monitor, Silent, StoredSnapshot};
use lumivault_restore::filter::Pattern;
use lumivault_restore::target::TargetError;
use lumivault_restore::{Outcome, OverwriteWhen, RestoreError};
use lumivault_testkit::SeededRandom;

use super::support::{Scene, assert_same, assert_same_inside, set_time, tree};

/// Calls the work off at the n-th time that anything happens.
#[derive(Debug)]
struct CancelAt {
    at: u64,
    seen: AtomicU64,
}

impl CancelAt {
    fn new(at: u64) -> Arc<Self> {
        Arc::new(Self {
            at,
            seen: AtomicU64::new(0),
        })
    }
}

impl Monitor for CancelAt {
    fn event(&self, _event: Event<'_>) {
        self.seen.fetch_add(1, Ordering::SeqCst);
    }

    fn is_cancelled(&self) -> bool {
        self.seen.fetch_add(1, Ordering::SeqCst) >= self.at
    }
}

fn plant(scene: &Scene, seed: &str) {
    let random = SeededRandom::new(seed);
    for number in 0..40_u64 {
        let length = usize::try_from(random.below(3000)).unwrap();
        scene.write(&format!("m/{}/{number}", number % 5), &random.bytes(length));
    }
    let large = scene.write("large", &random.bytes(4_000_000));
    scene.write("photo.jpg", &random.bytes(700_000));
    fs::hard_link(&large, scene.source().join("linked")).unwrap();
    std::os::unix::fs::symlink("large", scene.source().join("a link")).unwrap();
    let sparse = fs::File::create(scene.source().join("sparse")).unwrap();
    sparse.set_len(3 << 20).unwrap();
    drop(sparse);
    for (number, path) in tree(&scene.source()).keys().enumerate() {
        if !scene.source().join(path).is_symlink() {
            let seconds = 1_400_000_000 + i64::try_from(number).unwrap();
            set_time(&scene.source().join(path), seconds, 5);
        }
    }
}

/// The files under their own names, by inode.
fn finished(scene: &Scene) -> BTreeMap<PathBuf, u64> {
    if !scene.target().exists() {
        return BTreeMap::new();
    }
    tree(&scene.target())
        .into_iter()
        .filter(|(path, node)| node.kind == "file" && !path.to_string_lossy().contains(".lumivault-"))
        .map(|(path, _)| {
            let inode = scene.target().join(&path).metadata().unwrap().ino();
            (path, inode)
        })
        .collect()
}

/// Interrupts at one moment, checks what is there, and goes on.
fn interrupt_at(scene: &Scene, snapshot: &StoredSnapshot, at: u64) -> bool {
    let _ = fs::remove_dir_all(scene.target());
    let monitor = CancelAt::new(at);
    match scene.try_restore(snapshot, monitor, |request| request.verify = true) {
        Ok(_) => return false,
        Err(error) => assert!(error.is_cancelled(), "at {at}: {error}"),
    }
    let source = tree(&scene.source());
    let before = finished(scene);
    let target = if scene.target().exists() {
        tree(&scene.target())
    } else {
        BTreeMap::new()
    };
    for path in before.keys() {
        assert_eq!(
            source[path].content,
            target[path].content,
            "at {at}: {}",
            path.display()
        );
    }
    let leftovers = target
        .keys()
        .filter(|p| p.to_string_lossy().ends_with(".part"))
        .count();
    assert_eq!(leftovers, 0, "at {at}: a clean stop leaves no temporary files");

    let summary = scene.restore(snapshot, |_| ());
    assert_eq!(
        summary.outcome(),
        Outcome::Complete,
        "at {at}: {:?}",
        summary.problems
    );
    assert_same(&scene.source(), &scene.target());
    for (path, inode) in before {
        let now = scene.target().join(&path).metadata().unwrap().ino();
        assert_eq!(now, inode, "at {at}: {} was written twice", path.display());
    }
    true
}

#[test]
fn at_every_moment_it_goes_on_and_writes_nothing_twice() {
    let scene = Scene::new();
    plant(&scene, "at every moment");
    let snapshot = scene.backup();
    let counter = CancelAt::new(u64::MAX);
    scene
        .try_restore(&snapshot, counter.clone(), |request| request.verify = true)
        .unwrap();
    let moments = counter.seen.load(Ordering::SeqCst);
    assert!(moments > 200, "{moments} moments");
    let mut interrupted = 0;
    for at in (1..moments).step_by(usize::try_from(moments / 60).unwrap()) {
        interrupted += u64::from(interrupt_at(&scene, &snapshot, at));
    }
    assert!(interrupted > 40, "{interrupted}");
}

#[test]
fn interrupted_again_and_again_it_gets_there() {
    let scene = Scene::new();
    plant(&scene, "again and again");
    let snapshot = scene.backup();
    let mut rounds = 0;
    // Each attempt gets a little further than its plan alone.
    for patience in 40.. {
        rounds += 1;
        match scene.try_restore(&snapshot, CancelAt::new(patience * 2), |_| ()) {
            Ok(summary) => {
                assert_eq!(summary.outcome(), Outcome::Complete);
                break;
            }
            Err(error) => assert!(error.is_cancelled(), "{error}"),
        }
    }
    assert!(rounds > 3, "{rounds}");
    assert_same(&scene.source(), &scene.target());
}

#[test]
fn after_a_crash_nothing_is_trusted() {
    let scene = Scene::new();
    plant(&scene, "after a crash");
    let snapshot = scene.backup();
    let monitor = CancelAt::new(u64::MAX);
    scene.try_restore(&snapshot, monitor.clone(), |_| ()).unwrap();
    let moments = monitor.seen.load(Ordering::SeqCst);
    fs::remove_dir_all(scene.target()).unwrap();
    scene
        .try_restore(&snapshot, CancelAt::new(moments * 4 / 5), |_| ())
        .unwrap_err();

    // As a power cut may leave it: the marker of a restore under way, a temporary file, and a file with the right
    // size and time and other bytes.
    let marker = scene.target().join(".lumivault-restore");
    let token = fs::read_to_string(&marker).unwrap();
    assert!(token.ends_with(" stopped\n"), "{token}");
    fs::write(&marker, token.replace(" stopped", " running")).unwrap();
    let leftover = scene.target().join("m/.lumivault-0123456789abcdef-0.part");
    fs::write(&leftover, b"half").unwrap();
    let torn = finished(&scene)
        .into_keys()
        .find(|path| path.starts_with("m"))
        .unwrap();
    let path = scene.target().join(&torn);
    let time = path.metadata().unwrap().modified().unwrap();
    let length = fs::read(&path).unwrap().len();
    fs::write(&path, vec![0; length]).unwrap();
    fs::File::open(&path)
        .unwrap()
        .set_times(fs::FileTimes::new().set_modified(time))
        .unwrap();

    let summary = scene.restore(&snapshot, |_| ());
    assert!(summary.resumed && summary.replaced == 1, "{summary:?}");
    assert!(!leftover.exists());
    assert_same(&scene.source(), &scene.target());
}

#[test]
fn another_restore_does_not_go_on_from_it() {
    let scene = Scene::new();
    plant(&scene, "another restore");
    let snapshot = scene.backup();
    let monitor = CancelAt::new(60);
    scene.try_restore(&snapshot, monitor, |_| ()).unwrap_err();
    assert!(scene.target().join(".lumivault-restore").exists());
    let other = scene.try_restore(&snapshot, Arc::new(Silent), |request| {
        request.filter.exclude = vec![Pattern::new("large")];
    });
    assert!(matches!(
        other,
        Err(RestoreError::Target(TargetError::NotEmpty {
            interrupted: true,
            ..
        }))
    ));
    // In place it may, and tidies up.
    scene.restore(&snapshot, |request| {
        request.overwrite = Some(OverwriteWhen::IfChanged);
    });
    assert_same_inside(&scene.source(), &scene.target());
}
