//! What only the target has is removed on request, and only then.

use std::fs;

use lumivault_restore::filter::Pattern;
use lumivault_restore::target::StoredPath;
use lumivault_restore::{Action, OverwriteWhen};

use super::support::{Scene, assert_same, assert_same_inside, plant_phone};

fn litter(scene: &Scene) {
    let target = scene.target();
    for name in [
        "extra.txt",
        "Pictures/extra.jpg",
        "Pictures/new folder/deep/extra.jpg",
        "Pictures/new folder/keep.tmp",
        "Documents/extra.txt",
    ] {
        let path = target.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"extra").unwrap();
    }
}

#[test]
fn everything_else_goes() {
    let scene = Scene::new();
    plant_phone(&scene, "everything else goes");
    let snapshot = scene.backup();
    scene.restore(&snapshot, |_| ());
    litter(&scene);
    let change = |request: &mut lumivault_restore::RestoreRequest<'_>| {
        request.overwrite = Some(OverwriteWhen::IfChanged);
        request.delete = true;
    };
    let planned = scene.plan(&snapshot, change, |plan, reader| {
        let target = lumivault_restore::target::Target::open(
            &scene.target(),
            &lumivault_restore::target::TargetPolicy::InPlace,
        )
        .unwrap();
        let mut planned = Vec::new();
        plan.show(reader, Some(&target), &mut |entry| {
            if entry.action == Action::Delete {
                planned.push(entry.path.to_string());
            }
            Ok(())
        })
        .unwrap();
        assert_eq!(plan.totals().deletions, 4);
        planned
    });
    assert_eq!(
        planned,
        [
            "extra.txt",
            "Documents/extra.txt",
            "Pictures/extra.jpg",
            "Pictures/new folder"
        ]
    );
    let summary = scene.restore(&snapshot, change);
    assert_eq!(summary.deleted, 4);
    assert_same_inside(&scene.source(), &scene.target());
}

#[test]
fn filters_hold_for_removal_too() {
    let scene = Scene::new();
    plant_phone(&scene, "filters hold");
    let snapshot = scene.backup();
    scene.restore(&snapshot, |_| ());
    litter(&scene);
    let summary = scene.restore(&snapshot, |request| {
        request.overwrite = Some(OverwriteWhen::IfChanged);
        request.delete = true;
        request.filter.exclude = vec![Pattern::new("*.tmp"), Pattern::new("/Documents")];
    });
    assert_eq!(summary.deleted, 4, "two files, and a folder with what is in it");
    let target = scene.target();
    assert!(target.join("Documents/extra.txt").exists(), "out of scope");
    assert!(
        target.join("Documents/0.txt").exists(),
        "excluded is not extraneous"
    );
    assert!(
        target.join("Pictures/new folder/keep.tmp").exists(),
        "excluded, so kept with its folder"
    );
    assert!(!target.join("Pictures/new folder/deep").exists());
    assert!(!target.join("Pictures/extra.jpg").exists() && !target.join("extra.txt").exists());
}

#[test]
fn nothing_is_removed_above_or_beside_the_part_restored() {
    let scene = Scene::new();
    plant_phone(&scene, "nothing above");
    let snapshot = scene.backup();
    let target = scene.target();
    fs::create_dir_all(&target).unwrap();
    fs::write(target.join("mine"), b"mine").unwrap();
    let summary = scene.restore(&snapshot, |request| {
        request.overwrite = Some(OverwriteWhen::IfChanged);
        request.delete = true;
        let path = [&b"Pictures"[..], b"Camera Roll", b"WP_1.jpg"];
        request.path = StoredPath::new(path.iter().map(|name| name.to_vec()).collect());
    });
    assert_eq!(
        (summary.created, summary.deleted),
        (1, 0),
        "a single file's surroundings are not meant"
    );
    assert!(target.join("mine").exists());
    assert!(scene.source().join("empty.txt").exists());
}

#[test]
fn nothing_is_removed_when_something_could_not_be_restored() {
    let scene = Scene::new();
    plant_phone(&scene, "could not be restored");
    let snapshot = scene.backup();
    fs::create_dir_all(scene.target()).unwrap();
    litter(&scene);
    for pack in scene.packs() {
        let length = pack.metadata().unwrap().len();
        // Data packs are the large ones.
        if length > 1_000_000 {
            fs::remove_file(pack).unwrap();
        }
    }
    let summary = scene.restore(&snapshot, |request| {
        request.overwrite = Some(OverwriteWhen::IfChanged);
        request.delete = true;
    });
    assert!(summary.damaged_total > 0);
    assert_eq!(summary.deleted, 0);
    assert!(summary.deletions_withheld);
    assert!(scene.target().join("extra.txt").exists());
    assert!(scene.target().join("Pictures/new folder/keep.tmp").exists());
}

#[test]
fn without_being_asked_nothing_is_removed() {
    let scene = Scene::new();
    plant_phone(&scene, "without being asked");
    let snapshot = scene.backup();
    fs::create_dir_all(scene.target()).unwrap();
    litter(&scene);
    scene.restore(&snapshot, |request| {
        request.overwrite = Some(OverwriteWhen::Always);
    });
    assert!(scene.target().join("Pictures/new folder/deep/extra.jpg").exists());
    let fresh = scene.path("fresh");
    fs::rename(scene.target(), fresh).unwrap();
    scene.restore(&snapshot, |_| ());
    assert_same(&scene.source(), &scene.target());
}
