//! Over what is there: only what differs is fetched, and what is to stay stays.

use std::fs;
use std::io::{Seek, SeekFrom, Write};

use lumivault_restore::{Action, Outcome, OverwriteWhen};
use lumivault_testkit::SeededRandom;

use super::support::{Scene, assert_same_inside, plant_phone, set_time, tree};

/// Changes bytes of a file in the target and leaves its size and time.
fn scribble(scene: &Scene, name: &str, offset: u64, bytes: &[u8]) {
    let path = scene.target().join(name);
    let time = path.metadata().unwrap().modified().unwrap();
    let mut file = fs::File::options().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(offset)).unwrap();
    file.write_all(bytes).unwrap();
    file.set_times(fs::FileTimes::new().set_modified(time)).unwrap();
}

#[test]
fn only_ranges_that_differ_are_fetched() {
    let scene = Scene::new();
    plant_phone(&scene, "only ranges that differ");
    let random = SeededRandom::new("a large file");
    scene.write("large.bin", &random.bytes(12_000_000));
    let snapshot = scene.backup();
    scene.restore(&snapshot, |_| ());
    scribble(&scene, "large.bin", 6_000_000, b"changed");

    let always = |request: &mut lumivault_restore::RestoreRequest<'_>| {
        request.overwrite = Some(OverwriteWhen::Always);
        request.verify = true;
    };
    let mut updates = Vec::new();
    let totals = scene.plan(&snapshot, always, |plan, reader| {
        let request = lumivault_restore::RestoreRequest::new(&snapshot);
        let target = lumivault_restore::target::Target::inspect(
            &scene.target(),
            &lumivault_restore::target::TargetPolicy::InPlace,
            request.special,
        );
        plan.show(reader, target.unwrap().as_ref(), &mut |planned| {
            if planned.action == Action::Update {
                updates.push((planned.path.to_string(), planned.ranges.clone()));
            }
            Ok(())
        })
        .unwrap();
        *plan.totals()
    });
    let [(path, ranges)] = updates.as_slice() else {
        panic!("{updates:?}");
    };
    assert_eq!(path, "large.bin");
    let [range] = ranges.as_slice() else {
        panic!("{ranges:?}");
    };
    assert!(
        range.contains(&6_000_000) && range.end - range.start < 6_000_000,
        "{range:?}"
    );
    assert_eq!(totals.files.of(Action::Update), 1);
    assert_eq!(totals.reuse_bytes, 12_000_000 - (range.end - range.start));

    let summary = scene.restore(&snapshot, always);
    assert_eq!((summary.updated, summary.fetched.chunks), (1, totals.chunks));
    assert_eq!(
        summary.fetched.plain_bytes,
        range.end - range.start,
        "only that range"
    );
    assert_eq!((summary.created, summary.replaced), (0, 0));
    assert_eq!(summary.outcome(), Outcome::Complete);
    assert_same_inside(&scene.source(), &scene.target());
}

#[test]
fn a_file_that_grew_or_shrank_keeps_what_it_has() {
    let scene = Scene::new();
    let random = SeededRandom::new("grew or shrank");
    let bytes = random.bytes(9_000_000);
    scene.write("grown", &bytes);
    scene.write("shrunk", &bytes[..8_000_000]);
    let snapshot = scene.backup();
    fs::create_dir(scene.target()).unwrap();
    fs::write(scene.target().join("grown"), [&bytes[..], b"and more"].concat()).unwrap();
    fs::write(scene.target().join("shrunk"), &bytes[..7_000_000]).unwrap();
    let summary = scene.restore(&snapshot, |request| {
        request.overwrite = Some(OverwriteWhen::IfChanged);
    });
    assert_eq!(summary.updated, 2);
    assert!(summary.fetched.plain_bytes < 4_000_000, "{:?}", summary.fetched);
    assert_eq!(fs::read(scene.target().join("grown")).unwrap(), bytes);
    assert_eq!(
        fs::read(scene.target().join("shrunk")).unwrap(),
        &bytes[..8_000_000]
    );
}

#[test]
fn nothing_to_do_does_nothing() {
    let scene = Scene::new();
    plant_phone(&scene, "nothing to do");
    let snapshot = scene.backup();
    scene.restore(&snapshot, |_| ());
    for when in [OverwriteWhen::Always, OverwriteWhen::IfChanged] {
        let summary = scene.restore(&snapshot, |request| request.overwrite = Some(when));
        assert_eq!(summary.unchanged, 131, "{when:?}: {summary:?}");
        assert_eq!((summary.bytes, summary.fetched.reads), (0, 0), "{when:?}");
    }
    assert_same_inside(&scene.source(), &scene.target());
}

#[test]
fn what_is_there_is_overwritten_as_asked() {
    let scene = Scene::new();
    let names = ["same", "scribbled", "touched", "older", "newer"];
    for name in names {
        let path = scene.write(name, format!("as it was in the snapshot: {name}").as_bytes());
        set_time(&path, 1_500_000_000, 0);
    }
    let snapshot = scene.backup();
    let cases: [(OverwriteWhen, &[&str]); 4] = [
        // Those that are not as the snapshot has them afterwards.
        (OverwriteWhen::Always, &[]),
        (OverwriteWhen::IfChanged, &["scribbled"]),
        (OverwriteWhen::IfNewer, &["scribbled", "newer"]),
        (OverwriteWhen::Never, &["scribbled", "touched", "older", "newer"]),
    ];
    for (when, stay) in cases {
        let _ = fs::remove_dir_all(scene.target());
        scene.restore(&snapshot, |_| ());
        scribble(&scene, "scribbled", 3, b"XYZ");
        set_time(&scene.target().join("touched"), 1_400_000_000, 0);
        fs::write(scene.target().join("older"), b"older and other").unwrap();
        set_time(&scene.target().join("older"), 1_400_000_000, 0);
        fs::write(scene.target().join("newer"), b"newer and other").unwrap();
        set_time(&scene.target().join("newer"), 1_600_000_000, 0);
        fs::remove_file(scene.target().join("same")).unwrap();

        let summary = scene.restore(&snapshot, |request| request.overwrite = Some(when));
        assert_eq!(summary.created, 1, "{when:?}: what is missing is created");
        let (source, target) = (tree(&scene.source()), tree(&scene.target()));
        for name in names {
            let path = std::path::Path::new(name);
            let same = source[path] == target[path];
            assert_eq!(same, !stay.contains(&name), "{when:?}: {name}");
        }
    }
}

#[test]
fn content_that_is_there_only_gets_its_metadata() {
    let scene = Scene::new();
    plant_phone(&scene, "only metadata");
    let snapshot = scene.backup();
    scene.restore(&snapshot, |_| ());
    let photo = "Pictures/Camera Roll/WP_1.jpg";
    set_time(&scene.target().join(photo), 1_000_000_000, 7);
    let summary = scene.restore(&snapshot, |request| {
        request.overwrite = Some(OverwriteWhen::IfChanged);
    });
    assert_eq!((summary.metadata, summary.fetched.reads), (1, 0));
    assert_same_inside(&scene.source(), &scene.target());
}

#[test]
fn a_folder_with_something_in_it_makes_no_way_for_a_file() {
    let scene = Scene::new();
    scene.write("name", b"a file");
    scene.write("other", b"goes on");
    scene.write("folder/inside", b"beneath");
    let snapshot = scene.backup();
    let target = scene.target();
    fs::create_dir_all(target.join("name")).unwrap();
    fs::write(target.join("name/precious"), b"precious").unwrap();
    fs::write(target.join("folder"), b"in the way of a folder").unwrap();
    let summary = scene.restore(&snapshot, |request| {
        request.overwrite = Some(OverwriteWhen::Never);
    });
    assert_eq!(summary.kept, 1, "{summary:?}");
    assert_eq!(
        (summary.problems_total, summary.created),
        (1, 1),
        "{:?}",
        summary.problems
    );
    assert_eq!(
        fs::read(target.join("folder")).unwrap(),
        b"in the way of a folder"
    );

    let summary = scene.restore(&snapshot, |request| {
        request.overwrite = Some(OverwriteWhen::Always);
    });
    assert_eq!(summary.outcome(), Outcome::Incomplete);
    let [problem] = summary.problems.as_slice() else {
        panic!("{:?}", summary.problems);
    };
    assert!(
        problem.to_string().starts_with("name cannot be written"),
        "{problem}"
    );
    assert_eq!(fs::read(target.join("name/precious")).unwrap(), b"precious");
    assert_eq!(fs::read(target.join("folder/inside")).unwrap(), b"beneath");
}

#[cfg(unix)]
#[test]
fn links_in_the_target_are_replaced_and_never_followed() {
    let scene = Scene::new();
    scene.write("file", b"from the snapshot");
    scene.write("folder/inside", b"from the snapshot");
    let snapshot = scene.backup();
    let outside = scene.path("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("inside"), b"outside").unwrap();
    fs::create_dir(scene.target()).unwrap();
    std::os::unix::fs::symlink(outside.join("inside"), scene.target().join("file")).unwrap();
    std::os::unix::fs::symlink(&outside, scene.target().join("folder")).unwrap();
    let summary = scene.restore(&snapshot, |request| {
        request.overwrite = Some(OverwriteWhen::Always);
    });
    assert_eq!(summary.outcome(), Outcome::Complete, "{:?}", summary.problems);
    assert_eq!(fs::read(outside.join("inside")).unwrap(), b"outside");
    assert_eq!(
        fs::read(scene.target().join("folder/inside")).unwrap(),
        b"from the snapshot"
    );
    assert!(!scene.target().join("file").is_symlink());
}

#[cfg(unix)]
#[test]
fn a_file_with_another_name_elsewhere_is_written_anew() {
    let scene = Scene::new();
    let path = scene.write("file", b"from the snapshot");
    set_time(&path, 1_500_000_000, 0);
    let snapshot = scene.backup();
    fs::create_dir(scene.target()).unwrap();
    let elsewhere = scene.path("elsewhere");
    fs::write(&elsewhere, b"from the snapshot").unwrap();
    set_time(&elsewhere, 1_400_000_000, 0);
    fs::hard_link(&elsewhere, scene.target().join("file")).unwrap();
    let summary = scene.restore(&snapshot, |request| {
        request.overwrite = Some(OverwriteWhen::Always);
    });
    assert_eq!(
        (summary.updated, summary.fetched.reads),
        (1, 0),
        "taken from the file that was there"
    );
    let time = |path: &std::path::Path| {
        let modified = path.metadata().unwrap().modified().unwrap();
        modified.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
    };
    assert_eq!(time(&elsewhere), 1_400_000_000, "its metadata was not touched");
    assert_eq!(time(&scene.target().join("file")), 1_500_000_000);
}

#[test]
fn what_changes_after_the_plan_is_noticed() {
    let scene = Scene::new();
    let random = SeededRandom::new("after the plan");
    let bytes = random.bytes(9_000_000);
    scene.write("updated", &bytes);
    scene.write("metadata", b"only its time is wrong");
    scene.write("folder/created", b"created");
    let snapshot = scene.backup();
    scene.restore(&snapshot, |_| ());
    scribble(&scene, "updated", 8_900_000, b"changed before the plan");
    set_time(&scene.target().join("metadata"), 1_000_000_000, 0);
    fs::remove_dir_all(scene.target().join("folder")).unwrap();
    let summary = scene.restore_after(
        &snapshot,
        |request| {
            request.overwrite = Some(OverwriteWhen::Always);
            request.verify = true;
        },
        || {
            scribble(&scene, "updated", 5, b"changed after the plan");
            fs::remove_file(scene.target().join("metadata")).unwrap();
            fs::create_dir(scene.target().join("folder")).unwrap();
            fs::write(scene.target().join("folder/created"), b"in the way by now").unwrap();
        },
    );
    assert_eq!(summary.outcome(), Outcome::Complete, "{:?}", summary.problems);
    assert_eq!((summary.updated, summary.verified), (1, 3));
    assert_same_inside(&scene.source(), &scene.target());
}

#[test]
fn what_appears_after_the_plan_is_not_overwritten_unasked() {
    let scene = Scene::new();
    scene.write("one", b"one");
    scene.write("two", b"two");
    let snapshot = scene.backup();
    for when in [OverwriteWhen::Never, OverwriteWhen::IfNewer] {
        let _ = fs::remove_dir_all(scene.target());
        let summary = scene.restore_after(
            &snapshot,
            |request| {
                request.overwrite = Some(when);
                request.verify = true;
            },
            || fs::write(scene.target().join("one"), b"new").unwrap(),
        );
        assert_eq!(
            (summary.created, summary.kept, summary.verified),
            (1, 1, 1),
            "{when:?}"
        );
        assert_eq!(fs::read(scene.target().join("one")).unwrap(), b"new");
    }
}
