//! Files and folders as they should come out, on every system.

use crate::*;
use lumivault_restore::target::{Abilities, NameEncoding, RenameReason, There, map_names};
use std::collections::HashSet;

#[test]
fn files_are_written_in_any_order_by_several_threads() {
    const PIECE: usize = 70_000;
    const PIECES: usize = 24;
    let scene = Scene::new();
    let target = scene.open();
    let content: Vec<u8> = (0..PIECE * PIECES)
        .map(|i| u8::try_from(i % 251).unwrap())
        .collect();
    let file = begin(target.root(), "big", content.len(), stat(0o644));
    std::thread::scope(|scope| {
        for first in 0..4 {
            let (file, content) = (&file, &content);
            scope.spawn(move || {
                for piece in (first..PIECES).step_by(4).rev() {
                    let at = piece * PIECE;
                    file.write_at(at as u64, &content[at..at + PIECE]).unwrap();
                }
            });
        }
    });
    let mut back = vec![0; content.len()];
    assert_eq!(file.read_at(0, &mut back).unwrap(), content.len());
    assert_eq!(back, content);
    assert!(!scene.inside.join("big").exists());
    assert_eq!(file.finish(Overwrite::Never).unwrap().outcome, Outcome::Written);
    assert_eq!(fs::read(scene.inside.join("big")).unwrap(), content);
    assert_eq!(list(&scene.inside), ["big"]);
}

#[test]
fn holes_read_as_zeros_and_take_no_room() {
    const SIZE: u64 = 200 << 20;
    let scene = Scene::new();
    let target = scene.open();
    let root = target.root();
    let sparse = name(root, b"sparse");
    let file = root.begin_file(&sparse, SIZE, stat(0o644)).unwrap();
    file.write_at(100 << 20, b"middle").unwrap();
    written(file.finish(Overwrite::Never));
    let empty = root
        .begin_file(&name(root, b"hole only"), 1 << 20, stat(0o644))
        .unwrap();
    written(empty.finish(Overwrite::Never));
    let metadata = scene.inside.join("sparse").metadata().unwrap();
    assert_eq!(metadata.len(), SIZE);
    assert_eq!(
        fs::read(scene.inside.join("hole only")).unwrap(),
        vec![0; 1 << 20]
    );
    #[cfg(target_os = "linux")]
    assert!(std::os::unix::fs::MetadataExt::blocks(&metadata) * 512 < 1 << 20);
    let existing = root.open_existing(&sparse).unwrap().unwrap();
    let mut around = [1; 16];
    assert_eq!(
        existing.read_at((100 << 20) - 5, &mut around).unwrap(),
        around.len()
    );
    assert_eq!(&around, b"\0\0\0\0\0middle\0\0\0\0\0");
    assert_eq!(existing.read_at(SIZE - 3, &mut around).unwrap(), 3);
    assert_eq!(existing.read_at(SIZE, &mut around).unwrap(), 0);
}

#[test]
fn nothing_is_written_beyond_the_announced_size() {
    let scene = Scene::new();
    let target = scene.open();
    let file = begin(target.root(), "f", 10, stat(0o644));
    for (offset, length) in [(10, 1), (0, 11), (9, 2), (u64::MAX, 1), (u64::MAX - 3, 8)] {
        let error = file.write_at(offset, &vec![1; length]).unwrap_err();
        assert!(
            matches!(error, TargetError::BeyondEnd { size: 10, .. }),
            "{error}"
        );
    }
    file.write_at(10, b"").unwrap();
    file.write_at(5, b"12345").unwrap();
    written(file.finish(Overwrite::Never));
    assert_eq!(fs::read(scene.inside.join("f")).unwrap(), b"\0\0\0\0\x0012345");
}

#[test]
fn what_is_not_finished_leaves_nothing() {
    let scene = Scene::new();
    let target = scene.open();
    let root = target.root();
    let dropped = begin(root, "a", 5, stat(0o644));
    let abandoned = begin(root, "b", 5, stat(0o644));
    dropped.write_at(0, b"12345").unwrap();
    assert_eq!(list(&scene.inside).len(), 2);
    drop(dropped);
    abandoned.abandon().unwrap();
    assert_eq!(list(&scene.inside), [""; 0]);
}

#[test]
fn existing_files_stay_or_are_replaced_whole() {
    let scene = Scene::new();
    fs::write(scene.inside.join("f"), "old and longer").unwrap();
    let target = scene.open();
    let root = target.root();
    let kept = write(root, "f", b"new", Overwrite::Never).unwrap();
    assert_eq!(kept.outcome, Outcome::Kept);
    assert_eq!(fs::read(scene.inside.join("f")).unwrap(), b"old and longer");
    let mut permissions = scene.inside.join("f").metadata().unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(scene.inside.join("f"), permissions).unwrap();
    written(write(root, "f", b"new", Overwrite::Always));
    assert_eq!(fs::read(scene.inside.join("f")).unwrap(), b"new");
    assert_eq!(list(&scene.inside), ["f"]);
}

#[test]
fn a_full_folder_does_not_make_way_for_a_file() {
    let scene = Scene::new();
    fs::create_dir_all(scene.inside.join("full/inner")).unwrap();
    fs::create_dir(scene.inside.join("empty")).unwrap();
    let target = scene.open();
    let root = target.root();
    let error = write(root, "full", b"x", Overwrite::Always).unwrap_err();
    assert!(matches!(
        error,
        TargetError::InTheWay {
            there: There::Folder,
            ..
        }
    ));
    written(write(root, "empty", b"x", Overwrite::Always));
    assert_eq!(list(&scene.inside), ["empty", "full"]);
    assert!(scene.inside.join("full/inner").is_dir());
    assert!(scene.inside.join("empty").is_file());
}

#[test]
fn a_file_makes_way_for_a_folder_only_if_it_may() {
    let scene = Scene::new();
    fs::write(scene.inside.join("x"), "file").unwrap();
    let target = scene.open();
    let root = target.root();
    let x = name(root, b"x");
    let error = root.create_folder(&x, Overwrite::Never).unwrap_err();
    assert!(matches!(
        error,
        TargetError::InTheWay {
            there: There::File,
            ..
        }
    ));
    assert_eq!(fs::read(scene.inside.join("x")).unwrap(), b"file");
    let made = root.create_folder(&x, Overwrite::Always).unwrap();
    assert!(made.is_new() && scene.inside.join("x").is_dir());
    let again = root.create_folder(&x, Overwrite::Never).unwrap();
    assert!(!again.is_new());
}

#[test]
fn folders_nest_as_deep_as_the_format_allows() {
    let scene = Scene::new();
    let target = scene.open();
    let mut folder = target.root().clone();
    for depth in 0..256 {
        let inner = name(&folder, b"d");
        folder = folder
            .create_folder(&inner, Overwrite::Never)
            .unwrap_or_else(|e| panic!("{depth}: {e}"));
    }
    written(write(&folder, "f", b"deep", Overwrite::Never));
    let error = folder
        .create_folder(&name(&folder, b"d"), Overwrite::Never)
        .unwrap_err();
    assert!(matches!(error, TargetError::TooDeep { .. }));
    assert_eq!(folder.stored_path().components().len(), 256);
}

/// Whatever the file system takes for one name: no entry is lost.
#[test]
fn names_that_may_collide_are_all_written() {
    let scene = Scene::new();
    let target = scene.open();
    let root = target.root();
    let stored = [
        "README",
        "readme",
        "Readme",
        "\u{e9}",
        "e\u{301}",
        "\u{c9}",
        "stra\u{df}e",
        "STRASSE",
        "CON",
        "con.txt",
        "a:b",
        "a?b",
        "end.",
        "end",
        "end ",
        ".lumivault-restore",
        "x\\y",
    ];
    let slices: Vec<&[u8]> = stored.iter().map(|name| name.as_bytes()).collect();
    let (mapped, renamed) = root.map_names(&slices);
    for name in &mapped {
        let file = root
            .begin_file(name, name.stored().len() as u64, stat(0o644))
            .unwrap();
        file.write_at(0, name.stored()).unwrap();
        written(file.finish(Overwrite::Always));
    }
    let contents: HashSet<Vec<u8>> = list(&scene.inside)
        .iter()
        .map(|name| fs::read(scene.inside.join(name)).unwrap())
        .collect();
    assert_eq!(
        contents,
        slices.iter().map(|name| name.to_vec()).collect::<HashSet<_>>()
    );
    // Each that is not under its own name is told.
    let found = list(&scene.inside);
    for name in stored {
        let told = renamed
            .iter()
            .any(|event| event.stored.components() == [name.as_bytes()]);
        assert_ne!(found.iter().any(|found| found == name), told, "{name}");
    }
    // And nothing of it is extraneous.
    assert!(root.extraneous(&mapped).unwrap().is_empty());
}

/// The same folder for a Windows target, as far as any system can show it.
#[test]
fn a_windows_target_gets_other_names_than_a_unix_target() {
    let names: [&[u8]; 4] = [b"AUX.h", b"IMG_1.JPG", b"img_1.jpg", b"ok"];
    let mapped = map_names(&names, &Abilities::windows());
    let reasons: Vec<_> = mapped.iter().map(|name| name.reason().cloned()).collect();
    assert_eq!(
        reasons,
        [
            Some(RenameReason::ReservedName),
            None,
            Some(RenameReason::Collision(b"IMG_1.JPG".to_vec())),
            None
        ]
    );
    assert!(mapped[2].written().starts_with(b"img_1~") && mapped[2].written().ends_with(b".jpg"));
    assert!(
        map_names(&names, &Abilities::unix())
            .iter()
            .all(|name| name.reason().is_none())
    );
    let encoding = Abilities {
        encoding: NameEncoding::Utf8,
        ..Abilities::unix()
    };
    assert_eq!(
        map_names(&[b"\xff"], &encoding)[0].reason(),
        Some(&RenameReason::Encoding)
    );
}

#[test]
fn existing_files_can_be_compared_and_mended() {
    let scene = Scene::new();
    fs::write(scene.inside.join("f"), "0123456789").unwrap();
    let target = scene.open();
    let root = target.root();
    let f = name(root, b"f");
    let existing = root.open_existing(&f).unwrap().unwrap();
    assert_eq!((existing.info().size, existing.info().links), (10, 1));
    let mut range = [0; 4];
    existing.read_at(3, &mut range).unwrap();
    assert_eq!(&range, b"3456");
    let fixed = existing.fix_metadata(&stat(0o600)).unwrap();
    assert_eq!(fixed.outcome, Outcome::Written);
    assert!(fixed.warnings.is_empty(), "{:?}", fixed.warnings);
    let after = root.existing(&f).unwrap().unwrap();
    assert_eq!(
        (after.mtime_seconds, after.mtime_nanoseconds),
        (1_600_000_000, 123_456_700)
    );
    assert!(root.open_existing(&name(root, b"absent")).unwrap().is_none());
    assert!(root.existing(&name(root, b"absent")).unwrap().is_none());
}
