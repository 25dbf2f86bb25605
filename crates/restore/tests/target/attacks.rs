//! Archives made by an enemy, and targets prepared by one.

use crate::*;
use lumivault_format::tree::{Extra, ExtraKind};
use lumivault_restore::target::{
    Child, ExistingKind, RenameReason, SpecialKind, SpecialPolicy, There, Warning,
};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};

/// CVE-2026-62268 (borg): extraction through a symlinked parent that was there before.
#[test]
fn a_link_in_place_of_a_folder_is_not_followed() {
    let scene = Scene::new();
    symlink(&scene.outside, scene.inside.join("photos")).unwrap();
    let target = scene.open();
    let root = target.root();
    let photos = name(root, b"photos");
    match root.create_folder(&photos, Overwrite::Never).unwrap_err() {
        TargetError::InTheWay { path, there } => {
            assert_eq!((path.to_string().as_str(), there), ("photos", There::Symlink));
        }
        other => panic!("{other}"),
    }
    assert_eq!(
        root.existing(&photos).unwrap().unwrap().kind,
        ExistingKind::Symlink
    );
    let folder = root.create_folder(&photos, Overwrite::Always).unwrap();
    written(write(&folder, "canary", b"evil", Overwrite::Always));
    assert!(scene.inside.join("photos").symlink_metadata().unwrap().is_dir());
    scene.check_outside();
}

/// CVE-2016-6321, RUSTSEC-2021-0080 and RUSTSEC-2026-0067 (tar, tar-rs): a link of the archive, then a file beneath it.
#[test]
fn a_link_of_the_archive_is_not_followed() {
    let scene = Scene::new();
    let target = scene.open();
    let root = target.root();
    for (link, to) in [
        ("absolute", scene.outside.to_str().unwrap()),
        ("relative", "../outside"),
    ] {
        let link = name(root, link.as_bytes());
        written(root.create_symlink(&link, to.as_bytes(), &stat(0o777), Overwrite::Never));
        let error = root.create_folder(&link, Overwrite::Never).unwrap_err();
        assert!(matches!(
            error,
            TargetError::InTheWay {
                there: There::Symlink,
                ..
            }
        ));
        assert!(matches!(
            root.open_existing(&link),
            Err(TargetError::NotRegular { .. })
        ));
    }
    assert_eq!(
        fs::read_link(scene.inside.join("relative")).unwrap().to_str(),
        Some("../outside")
    );
    scene.check_outside();
}

/// RUSTSEC-2021-0080 too: permissions must not go through a link either.
#[test]
fn metadata_does_not_go_through_a_link() {
    let scene = Scene::new();
    let target = scene.open();
    let root = target.root();
    let before = scene.outside.join("canary").metadata().unwrap();
    let link = name(root, b"link");
    written(root.create_symlink(&link, b"../outside/canary", &stat(0o666), Overwrite::Never));
    let after = scene.outside.join("canary").metadata().unwrap();
    assert_eq!(
        (before.mode(), before.mtime(), before.ctime_nsec()),
        (after.mode(), after.mtime(), after.ctime_nsec())
    );
    let made = scene.inside.join("link").symlink_metadata().unwrap();
    assert_eq!((made.mtime(), made.mtime_nsec()), (1_600_000_000, 123_456_700));
}

#[test]
fn a_link_in_place_of_a_file_is_replaced_itself() {
    let scene = Scene::new();
    for link in ["kept", "replaced"] {
        symlink(scene.outside.join("canary"), scene.inside.join(link)).unwrap();
    }
    symlink(scene.outside.join("new"), scene.inside.join("dangling")).unwrap();
    let target = scene.open();
    let root = target.root();
    let kept = write(root, "kept", b"evil", Overwrite::Never).unwrap();
    assert_eq!(kept.outcome, Outcome::Kept);
    assert!(scene.inside.join("kept").is_symlink());
    for replaced in ["replaced", "dangling"] {
        written(write(root, replaced, b"good", Overwrite::Always));
        let metadata = scene.inside.join(replaced).symlink_metadata().unwrap();
        assert!(metadata.is_file(), "{replaced}");
    }
    assert_eq!(list(&scene.inside), ["dangling", "kept", "replaced"]);
    scene.check_outside();
}

#[test]
fn hard_links_lead_to_regular_files_of_the_target_only() {
    let scene = Scene::new();
    symlink(scene.outside.join("canary"), scene.inside.join("link")).unwrap();
    fs::create_dir(scene.inside.join("folder")).unwrap();
    let target = scene.open();
    let root = target.root();
    let hard = name(root, b"hard");
    for source in ["link", "folder", "absent", "../outside/canary"] {
        let source = name(root, source.as_bytes());
        let error = root
            .hard_link(&hard, (root, &source), Overwrite::Always)
            .unwrap_err();
        assert!(matches!(error, TargetError::NotRegular { .. }), "{error}");
    }
    written(write(root, "a", b"content", Overwrite::Never));
    let below = sub(root, "below");
    for attempt in [Overwrite::Never, Overwrite::Always, Overwrite::Always] {
        written(below.hard_link(&name(&below, b"b"), (root, &name(root, b"a")), attempt));
    }
    assert_eq!(scene.inside.join("below/b").metadata().unwrap().nlink(), 2);
    assert_eq!(list(&scene.inside), ["a", "below", "folder", "link"]);
    assert_eq!(list(&scene.inside.join("below")), ["b"]);
    scene.check_outside();
}

/// A file of the target that is at the same time a file elsewhere.
#[test]
fn a_second_name_of_a_file_outside_is_neither_written_nor_changed() {
    let scene = Scene::new();
    let canary = scene.outside.join("canary");
    fs::hard_link(&canary, scene.inside.join("file")).unwrap();
    let before = canary.metadata().unwrap();
    let target = scene.open();
    let root = target.root();
    let existing = root.open_existing(&name(root, b"file")).unwrap().unwrap();
    assert_eq!(existing.info().links, 2);
    let fixed = existing.fix_metadata(&stat(0o777)).unwrap();
    assert_eq!(fixed.outcome, Outcome::Shared);
    let after = canary.metadata().unwrap();
    assert_eq!((before.mode(), before.mtime()), (after.mode(), after.mtime()));
    written(write(root, "file", b"evil", Overwrite::Always));
    scene.check_outside();
}

/// `..`, absolute, empty and NUL names: the format refuses them, and so would this.
#[test]
fn hostile_names_stay_inside() {
    let scene = Scene::new();
    let target = scene.open();
    let root = target.root();
    let hostile: [&[u8]; 8] = [
        b"",
        b".",
        b"..",
        b"/",
        b"../outside/evil",
        b"/tmp/lumivault-evil",
        b"a\0b",
        b"outside/../..",
    ];
    let (mapped, renamed) = root.map_names(&hostile);
    assert_eq!(renamed.len(), hostile.len());
    assert!(renamed.iter().all(|event| event.reason == RenameReason::NotAName));
    for (i, name) in mapped.iter().enumerate() {
        match i % 3 {
            0 => drop(root.create_folder(name, Overwrite::Never).unwrap()),
            1 => written(
                root.begin_file(name, 0, stat(0o644))
                    .unwrap()
                    .finish(Overwrite::Never),
            ),
            _ => written(root.create_symlink(name, b"..", &stat(0o777), Overwrite::Never)),
        }
    }
    assert_eq!(list(&scene.inside).len(), hostile.len());
    assert_eq!(list(scene.inside.parent().unwrap()), ["inside", "outside"]);
    scene.check_outside();
}

/// CVE-2005-2541 (tar): set-user bits of an archive.
#[test]
fn special_bits_come_only_if_asked_for_and_are_told_once() {
    let scene = Scene::new();
    let target = scene.open();
    let root = target.root();
    let mut told = 0;
    for (i, mode) in [0o4755, 0o2755, 0o6711, 0o755].into_iter().enumerate() {
        let file = begin(root, &format!("{i}"), 0, stat(mode));
        for warning in file.finish(Overwrite::Never).unwrap().warnings {
            assert!(matches!(warning, Warning::SpecialBits));
            told += 1;
        }
        let metadata = scene.inside.join(format!("{i}")).metadata().unwrap();
        assert_eq!(metadata.mode() & 0o7777, mode & 0o777);
    }
    let folder = sub(root, "sticky");
    assert!(folder.finish(Some(&stat(0o3777))).unwrap().is_empty());
    let metadata = scene.inside.join("sticky").metadata().unwrap();
    assert_eq!(metadata.mode() & 0o7777, 0o777);
    assert_eq!((told, target.skipped().special_bits), (1, 4));

    let special = SpecialPolicy {
        special_bits: true,
        ..SpecialPolicy::default()
    };
    let target = scene.open_with(special);
    let asked = begin(target.root(), "asked", 0, stat(0o4755));
    written(asked.finish(Overwrite::Never));
    let metadata = scene.inside.join("asked").metadata().unwrap();
    assert_eq!(metadata.mode() & 0o7777, 0o4755);
}

#[test]
fn devices_pipes_and_sockets_come_only_if_asked_for() {
    let scene = Scene::new();
    let target = scene.open();
    let root = target.root();
    let mut device = stat(0o666);
    device.extras.push(Extra::device(1, 3));
    let kinds = [
        SpecialKind::Fifo,
        SpecialKind::Socket,
        SpecialKind::CharDevice,
        SpecialKind::BlockDevice,
    ];
    for kind in kinds {
        let made = root
            .create_special(&name(root, b"node"), kind, &device, Overwrite::Always)
            .unwrap();
        assert_eq!(made.outcome, Outcome::NotAsked);
    }
    assert_eq!(list(&scene.inside), [""; 0]);

    let target = scene.open_with(SpecialPolicy {
        special_files: true,
        ..SpecialPolicy::default()
    });
    let root = target.root();
    for kind in kinds {
        let node = name(root, format!("{kind:?}").as_bytes());
        let made = root
            .create_special(&node, kind, &device, Overwrite::Never)
            .unwrap();
        let path = scene.inside.join(format!("{kind:?}"));
        if made.outcome == Outcome::NotPermitted {
            // Devices are for the administrator.
            assert!(matches!(kind, SpecialKind::CharDevice | SpecialKind::BlockDevice));
            assert!(!path.exists());
            continue;
        }
        assert_eq!(made.outcome, Outcome::Written);
        let metadata = path.symlink_metadata().unwrap();
        let kind_is = metadata.file_type();
        assert!(match kind {
            SpecialKind::Fifo => kind_is.is_fifo(),
            SpecialKind::Socket => kind_is.is_socket(),
            SpecialKind::CharDevice => kind_is.is_char_device(),
            SpecialKind::BlockDevice => kind_is.is_block_device(),
        });
        assert_eq!(metadata.mode() & 0o7777, 0o666);
        assert_eq!(metadata.mtime(), 1_600_000_000);
        let again = root
            .create_special(&node, SpecialKind::Fifo, &device, Overwrite::Never)
            .unwrap();
        assert_eq!(again.outcome, Outcome::Kept);
        // Neither opened nor waited for.
        assert!(matches!(
            root.open_existing(&node),
            Err(TargetError::NotRegular { .. })
        ));
    }
    let numberless = root.create_special(
        &name(root, b"x"),
        SpecialKind::CharDevice,
        &stat(0),
        Overwrite::Never,
    );
    assert!(matches!(numberless, Err(TargetError::NoDeviceNumbers { .. })));
}

#[test]
fn a_pipe_that_poses_as_the_marker_is_none() {
    let scene = Scene::new();
    let fifo = rustix::fs::Mode::from_raw_mode(0o600);
    let marker = scene.inside.join(".lumivault-restore");
    rustix::fs::mknodat(rustix::fs::CWD, &marker, rustix::fs::FileType::Fifo, fifo, 0).unwrap();
    let target = scene.open();
    assert_eq!(target.read_marker().unwrap(), None);
    target.write_marker(b"mine").unwrap();
    assert_eq!(target.read_marker().unwrap().as_deref(), Some(&b"mine"[..]));
    target.remove_marker().unwrap();
    symlink(scene.outside.join("canary"), &marker).unwrap();
    assert_eq!(target.read_marker().unwrap(), None);
    target.write_marker(b"mine").unwrap();
    target.remove_marker().unwrap();
    scene.check_outside();
}

/// Thousands of files are on their way with few handles: one that is opened again must be the one it was.
#[test]
fn a_temporary_file_that_was_exchanged_is_not_written() {
    let scene = Scene::new();
    let target = scene.open();
    let root = target.root();
    for exchange in ["symlink", "hard link", "other file", "gone"] {
        let victim = begin(root, "victim", 4, stat(0o644));
        let [temp] = list(&scene.inside).try_into().unwrap();
        let temp = scene.inside.join(temp);
        let others: Vec<PartialFile> = (0..200)
            .map(|i| begin(root, &format!("other {i}"), 1, stat(0o644)))
            .collect();
        let canary = scene.outside.join("canary");
        let stranger = scene.outside.join("stranger");
        fs::write(&stranger, "1234").unwrap();
        fs::remove_file(&temp).unwrap();
        match exchange {
            "symlink" => symlink(canary, &temp).unwrap(),
            "hard link" => fs::hard_link(canary, &temp).unwrap(),
            "other file" => fs::rename(&stranger, &temp).unwrap(),
            _ => {}
        }
        let _ = fs::remove_file(&stranger);
        let error = victim.write_at(0, b"evil").unwrap_err();
        assert!(
            matches!(error, TargetError::Changed { .. }),
            "{exchange}: {error}"
        );
        assert!(victim.finish(Overwrite::Always).is_err(), "{exchange}");
        drop(others);
        assert_eq!(list(&scene.inside), [""; 0], "{exchange}");
    }
    scene.check_outside();
}

#[test]
fn a_folder_that_was_exchanged_is_not_written_to() {
    let scene = Scene::new();
    let target = scene.open();
    let root = target.root();
    for exchange in ["symlink", "other folder", "gone"] {
        let victim = sub(root, "victim");
        let others: Vec<Folder> = (0..100).map(|i| sub(root, &format!("{i}"))).collect();
        fs::rename(scene.inside.join("victim"), scene.inside.join("moved")).unwrap();
        match exchange {
            "symlink" => symlink(&scene.outside, scene.inside.join("victim")).unwrap(),
            "other folder" => fs::create_dir(scene.inside.join("victim")).unwrap(),
            _ => {}
        }
        let error = write(&victim, "evil", b"evil", Overwrite::Always).unwrap_err();
        assert!(
            matches!(error, TargetError::Changed { .. }),
            "{exchange}: {error}"
        );
        assert!(victim.finish(Some(&stat(0o777))).is_err());
        drop(others);
        for child in root.children().unwrap() {
            root.remove(&child).unwrap();
        }
        assert_eq!(list(&scene.inside), [""; 0], "{exchange}");
    }
    scene.check_outside();
}

#[test]
fn deleting_does_not_follow_links_and_knows_no_depth() {
    let scene = Scene::new();
    let target = scene.open();
    let root = target.root();
    let extra = scene.inside.join("extra");
    fs::create_dir(&extra).unwrap();
    symlink(&scene.outside, extra.join("link")).unwrap();
    fs::write(extra.join("file"), "x").unwrap();
    fs::create_dir(extra.join("locked")).unwrap();
    fs::write(extra.join("locked/file"), "x").unwrap();
    fs::set_permissions(extra.join("locked"), fs::Permissions::from_mode(0o500)).unwrap();
    let mut deep = extra.clone();
    for _ in 0..400 {
        deep.push("d");
    }
    fs::create_dir_all(&deep).unwrap();
    symlink(&scene.outside, deep.join("link")).unwrap();
    symlink(&scene.outside, scene.inside.join("gone")).unwrap();
    fs::write(scene.inside.join("Kept"), "x").unwrap();
    target.write_marker(b"t").unwrap();

    let keep = [name(root, b"Kept")];
    let extraneous = root.extraneous(&keep).unwrap();
    let shown: Vec<String> = extraneous.iter().map(Child::display_name).collect();
    assert_eq!(shown, ["extra", "gone"]);
    for child in &extraneous {
        root.remove(child).unwrap();
        // Twice is as good as once.
        if child.kind() != ExistingKind::Folder {
            root.remove(child).unwrap();
        }
    }
    assert_eq!(list(&scene.inside), [".lumivault-restore", "Kept"]);
    scene.check_outside();
}

#[test]
fn what_must_be_understood_and_is_not_is_refused() {
    let scene = Scene::new();
    let target = scene.open();
    let root = target.root();
    let with = |kind, critical, value: &[u8]| StatRecord {
        extras: vec![Extra {
            kind,
            critical,
            value: value.to_vec(),
        }],
        ..stat(0o644)
    };
    let file = name(root, b"f");
    for (stat, number) in [
        (with(ExtraKind::Unknown(77), true, b""), 77),
        (with(ExtraKind::Unknown(3), true, b"x"), 3),
        (with(ExtraKind::WindowsAttributes, true, b"x"), 2),
        (with(ExtraKind::Xattr, true, b""), 1),
    ] {
        let results = [
            root.begin_file(&file, 0, stat.clone()).map(|_| ()),
            root.create_symlink(&file, b"x", &stat, Overwrite::Never)
                .map(|_| ()),
            root.create_special(&file, SpecialKind::Fifo, &stat, Overwrite::Never)
                .map(|_| ()),
        ];
        for result in results {
            match result.unwrap_err() {
                TargetError::UnknownCritical { number: found, .. } => assert_eq!(found, number),
                other => panic!("{other}"),
            }
        }
    }
    assert_eq!(list(&scene.inside), [""; 0]);
    let ignorable = with(ExtraKind::Unknown(77), false, b"");
    written(
        root.begin_file(&file, 0, ignorable)
            .unwrap()
            .finish(Overwrite::Never),
    );
}

#[test]
fn hostile_names_do_not_reach_the_terminal() {
    let scene = Scene::new();
    let target = scene.open();
    let root = target.root();
    let evil = name(root, b"\x1b[2J\r\nall good");
    let file = root.begin_file(&evil, 1, stat(0o644)).unwrap();
    let text = file.write_at(1, b"x").unwrap_err().to_string();
    assert!(!text.contains(char::is_control), "{text:?}");
    assert!(text.contains("\\u{1b}[2J\\r\\nall good"), "{text}");
}
