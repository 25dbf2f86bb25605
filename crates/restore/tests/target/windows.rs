//! What only Windows has.

use crate::*;
use lumivault_format::tree::{Extra, ExtraKind};
use std::os::windows::fs::{FileTimesExt, MetadataExt, OpenOptionsExt};

fn with_attributes(attributes: u32) -> StatRecord {
    StatRecord {
        extras: vec![Extra {
            kind: ExtraKind::WindowsAttributes,
            critical: true,
            value: attributes.to_le_bytes().to_vec(),
        }],
        ..stat(0o644)
    }
}

#[test]
fn attributes_are_set() {
    let scene = Scene::new();
    // Under Wine setting a time takes all attributes away.
    let mut hidden = fs::OpenOptions::new();
    hidden.write(true).create_new(true).attributes(2);
    let probe = hidden.open(scene.outside.join("probe")).unwrap();
    let now = fs::FileTimes::new().set_modified(std::time::SystemTime::now());
    probe.set_times(now).unwrap();
    let keeps_hidden = probe.metadata().unwrap().file_attributes() & 2 != 0;
    let target = scene.open();
    let root = target.root();
    for (stored, attributes) in [("plain", 0), ("read-only", 1), ("hidden", 2), ("all", 1 | 2 | 4)] {
        if attributes & 2 != 0 && !keeps_hidden {
            continue;
        }
        let file = begin(root, stored, 0, with_attributes(attributes));
        written(file.finish(Overwrite::Never));
        let found = scene.inside.join(stored).metadata().unwrap().file_attributes();
        assert_eq!(found & 7, attributes, "{stored}");
        // Read-only files are replaced too.
        written(write(root, stored, b"new", Overwrite::Always));
        assert_eq!(fs::read(scene.inside.join(stored)).unwrap(), b"new");
    }
}

#[test]
fn times_are_set_on_files_and_folders() {
    let scene = Scene::new();
    // Wine has no time of creation.
    let probe = fs::File::create(scene.outside.join("probe")).unwrap();
    let early = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_500_000_000);
    probe.set_times(fs::FileTimes::new().set_created(early)).unwrap();
    let keeps_birth = probe.metadata().unwrap().created().unwrap() == early;
    let target = scene.open();
    let folder = sub(target.root(), "d");
    let mut stat = stat(0o644);
    let mut birth = 1_500_000_000_i64.to_le_bytes().to_vec();
    birth.extend(0_u32.to_le_bytes());
    stat.extras.push(Extra {
        kind: ExtraKind::BirthTime,
        critical: false,
        value: birth,
    });
    written(begin(&folder, "f", 0, stat.clone()).finish(Overwrite::Never));
    assert!(folder.finish(Some(&stat)).unwrap().is_empty());
    for path in ["d", "d/f"] {
        let metadata = scene.inside.join(path).metadata().unwrap();
        let since =
            |time: std::time::SystemTime| time.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
        assert_eq!(
            since(metadata.modified().unwrap()),
            1_600_000_000_123_456_700,
            "{path}"
        );
        if keeps_birth {
            assert_eq!(
                since(metadata.created().unwrap()),
                1_500_000_000_000_000_000,
                "{path}"
            );
        }
    }
}

#[test]
fn links_are_made_or_listed_but_never_copied() {
    let scene = Scene::new();
    let target = scene.open();
    let root = target.root();
    written(write(root, "file", b"x", Overwrite::Never));
    let link = name(root, b"link");
    let finished = root
        .create_symlink(&link, b"file", &stat(0o777), Overwrite::Never)
        .unwrap();
    match finished.outcome {
        Outcome::Written => assert!(scene.inside.join("link").is_symlink()),
        Outcome::NotPermitted | Outcome::NotSupported => {
            assert!(scene.inside.join("link").symlink_metadata().is_err());
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn hard_links_are_made() {
    let scene = Scene::new();
    let target = scene.open();
    let root = target.root();
    written(write(root, "a", b"x", Overwrite::Never));
    written(root.hard_link(&name(root, b"b"), (root, &name(root, b"a")), Overwrite::Never));
    assert_eq!(fs::read(scene.inside.join("b")).unwrap(), b"x");
    assert_eq!(root.existing(&name(root, b"b")).unwrap().unwrap().links, 2);
}
