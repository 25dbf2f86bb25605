//! Times, permissions, owners and extended attributes on Unix.

use crate::*;
use lumivault_format::tree::{Extra, ExtraKind};
use lumivault_restore::target::{SpecialPolicy, Warning};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

fn mode_of(path: &Path) -> u32 {
    path.symlink_metadata().unwrap().mode() & 0o7777
}

#[test]
fn files_and_folders_get_their_times_and_permissions_last() {
    let scene = Scene::new();
    let target = scene.open();
    let root = target.root();
    let folder = sub(root, "d");
    assert_eq!(mode_of(&scene.inside.join("d")), 0o700);
    let file = begin(&folder, "f", 3, stat(0o400));
    let [temp] = list(&scene.inside.join("d")).try_into().unwrap();
    assert_eq!(mode_of(&scene.inside.join("d").join(temp)), 0o600);
    file.write_at(0, b"abc").unwrap();
    written(file.finish(Overwrite::Never));
    assert!(folder.finish(Some(&stat(0o555))).unwrap().is_empty());
    for (path, mode) in [("d/f", 0o400), ("d", 0o555)] {
        let metadata = scene.inside.join(path).metadata().unwrap();
        assert_eq!(metadata.mode() & 0o7777, mode);
        assert_eq!(
            (metadata.mtime(), metadata.mtime_nsec()),
            (1_600_000_000, 123_456_700)
        );
    }
    // A second restore in place can write to a folder that the first one locked.
    let folder = sub(root, "d");
    written(write(&folder, "g", b"x", Overwrite::Never));
    assert!(folder.finish(Some(&stat(0o555))).unwrap().is_empty());
    assert_eq!(mode_of(&scene.inside.join("d")), 0o555);
}

#[test]
fn times_before_1970_and_after_2038_are_kept() {
    let scene = Scene::new();
    let target = scene.open();
    for (name, seconds) in [("old", -1_000_000), ("late", 5_000_000_000)] {
        let stat = StatRecord {
            mtime_seconds: seconds,
            mtime_nanoseconds: 5,
            ..stat(0o644)
        };
        written(begin(target.root(), name, 0, stat).finish(Overwrite::Never));
        let metadata = scene.inside.join(name).metadata().unwrap();
        assert_eq!((metadata.mtime(), metadata.mtime_nsec()), (seconds, 5));
    }
}

#[test]
fn without_recorded_permissions_the_systems_own_are_given() {
    let scene = Scene::new();
    fs::write(scene.outside.join("plain"), "").unwrap();
    fs::create_dir(scene.outside.join("folder")).unwrap();
    let (file_mode, folder_mode) = (
        mode_of(&scene.outside.join("plain")),
        mode_of(&scene.outside.join("folder")),
    );
    let target = scene.open();
    let root = target.root();
    let unknown = StatRecord {
        mode: None,
        ..stat(0)
    };
    written(begin(root, "f", 0, unknown.clone()).finish(Overwrite::Never));
    assert_eq!(mode_of(&scene.inside.join("f")), file_mode);
    assert!(sub(root, "a").finish(None).unwrap().is_empty());
    assert!(sub(root, "b").finish(Some(&unknown)).unwrap().is_empty());
    assert_eq!(mode_of(&scene.inside.join("a")), folder_mode);
    assert_eq!(mode_of(&scene.inside.join("b")), folder_mode);
    // What was there keeps what it had.
    fs::create_dir(scene.inside.join("c")).unwrap();
    fs::set_permissions(scene.inside.join("c"), fs::Permissions::from_mode(0o510)).unwrap();
    assert!(sub(root, "c").finish(None).unwrap().is_empty());
    assert_eq!(mode_of(&scene.inside.join("c")), 0o510);
    let f = root.open_existing(&name(root, b"f")).unwrap().unwrap();
    fs::set_permissions(scene.inside.join("f"), fs::Permissions::from_mode(0o604)).unwrap();
    f.fix_metadata(&unknown).unwrap();
    assert_eq!(mode_of(&scene.inside.join("f")), 0o604);
}

#[test]
fn a_new_root_is_private_until_it_is_finished() {
    let scene = Scene::new();
    let path = scene.inside.join("new/root");
    let target = Target::open(&path, &TargetPolicy::EmptyOnly).unwrap();
    assert_eq!(mode_of(&path), 0o700);
    target.root().finish(Some(&stat(0o750))).unwrap();
    assert_eq!(mode_of(&path), 0o750);
    assert_eq!(path.metadata().unwrap().mtime(), 1_600_000_000);
}

fn xattr(path: &Path, name: &str) -> Option<Vec<u8>> {
    let mut value = vec![0; 100];
    let length = rustix::fs::lgetxattr(path, name, value.as_mut_slice()).ok()?;
    value.truncate(length);
    Some(value)
}

#[test]
fn extended_attributes_are_set_and_privileged_ones_only_if_asked_for() {
    let scene = Scene::new();
    let target = scene.open();
    if !target.abilities().xattrs {
        return;
    }
    let with = |mode: u32| StatRecord {
        extras: vec![
            Extra::xattr(b"user.note", b"hello"),
            Extra::xattr(b"trusted.lumivault", b"secret"),
        ],
        ..stat(mode)
    };
    let mut told = 0;
    for (i, mode) in [0o644, 0o400, 0].into_iter().enumerate() {
        let finished = begin(target.root(), &format!("{i}"), 0, with(mode))
            .finish(Overwrite::Never)
            .unwrap();
        told += finished.warnings.len();
        assert!(
            finished
                .warnings
                .iter()
                .all(|w| matches!(w, Warning::PrivilegedXattrs))
        );
        let path = scene.inside.join(format!("{i}"));
        assert_eq!(mode_of(&path), mode);
        // Reading attributes takes the permission to read.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(xattr(&path, "user.note").as_deref(), Some(&b"hello"[..]));
        assert_eq!(xattr(&path, "trusted.lumivault"), None);
    }
    assert_eq!((told, target.skipped().privileged_xattrs), (1, 3));

    // What cannot be set is told and harms nothing.
    let odd = StatRecord {
        extras: vec![
            Extra::xattr(b"nonsense", b"x"),
            Extra::xattr(b"user.a\0b", b"x"),
            Extra {
                kind: ExtraKind::Xattr,
                critical: false,
                value: vec![0xFF],
            },
        ],
        ..stat(0o644)
    };
    let finished = begin(target.root(), "odd", 0, odd)
        .finish(Overwrite::Never)
        .unwrap();
    assert_eq!(finished.outcome, Outcome::Written);
    let told: Vec<String> = finished.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(matches!(finished.warnings[2], Warning::Malformed(1)));
}

#[test]
fn owners_are_set_only_if_asked_for() {
    let scene = Scene::new();
    let owned = StatRecord {
        owner: Some(12_345),
        group: Some(12_346),
        ..stat(0o640)
    };
    let me = scene.inside.metadata().unwrap();
    written(begin(scene.open().root(), "plain", 0, owned.clone()).finish(Overwrite::Never));
    let plain = scene.inside.join("plain").metadata().unwrap();
    assert_eq!((plain.uid(), plain.gid()), (me.uid(), me.gid()));

    let target = scene.open_with(SpecialPolicy {
        ownership: true,
        ..SpecialPolicy::default()
    });
    let root = target.root();
    let finished = begin(root, "owned", 0, owned.clone())
        .finish(Overwrite::Never)
        .unwrap();
    let link = root
        .create_symlink(
            &name(root, b"link"),
            b"../outside/canary",
            &owned,
            Overwrite::Never,
        )
        .unwrap();
    let canary = scene.outside.join("canary").metadata().unwrap();
    assert_eq!((canary.uid(), canary.gid()), (me.uid(), me.gid()));
    for (finished, path) in [(finished, "owned"), (link, "link")] {
        let metadata = scene.inside.join(path).symlink_metadata().unwrap();
        if rustix::process::geteuid().is_root() {
            assert!(finished.warnings.is_empty(), "{:?}", finished.warnings);
            assert_eq!((metadata.uid(), metadata.gid()), (12_345, 12_346));
        } else {
            assert!(matches!(finished.warnings[..], [Warning::Owner(_)]));
            assert_eq!(metadata.uid(), me.uid());
        }
    }
}
