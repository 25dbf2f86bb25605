//! Restores that were interrupted and go on.

use crate::*;

#[test]
fn a_target_with_something_in_it_is_refused() {
    let scene = Scene::new();
    fs::write(scene.inside.join("mine"), "precious").unwrap();
    for policy in [TargetPolicy::EmptyOnly, TargetPolicy::Resume(b"t".to_vec())] {
        let error = Target::open(&scene.inside, &policy).unwrap_err();
        assert!(
            matches!(
                error,
                TargetError::NotEmpty {
                    interrupted: false,
                    ..
                }
            ),
            "{error}"
        );
    }
    assert_eq!(list(&scene.inside), ["mine"]);
    Target::open(&scene.inside, &TargetPolicy::InPlace).unwrap();
}

#[test]
fn a_target_that_is_no_folder_is_refused() {
    let scene = Scene::new();
    let canary = scene.outside.join("canary");
    for path in [canary.clone(), canary.join("below")] {
        let error = Target::open(&path, &TargetPolicy::InPlace).unwrap_err();
        assert!(matches!(error, TargetError::Root { .. }), "{error}");
    }
    scene.check_outside();
}

#[test]
fn an_interrupted_restore_of_the_same_thing_goes_on() {
    let scene = Scene::new();
    let token = b"snapshot 1 of /photos";
    let target = Target::open(&scene.inside, &TargetPolicy::EmptyOnly).unwrap();
    assert_eq!(target.read_marker().unwrap(), None);
    target.write_marker(b"something older").unwrap();
    target.write_marker(token).unwrap();
    assert_eq!(target.read_marker().unwrap().as_deref(), Some(&token[..]));
    let folder = sub(target.root(), "d");
    written(write(&folder, "whole", b"whole", Overwrite::Never));
    let mut halves = Vec::new();
    for stored in ["half", "quarter"] {
        let half = begin(&folder, stored, 10, stat(0o644));
        half.write_at(0, b"12345").unwrap();
        halves.push(half);
    }
    let left: Vec<String> = list(&scene.inside.join("d"));
    drop(halves);
    // As when the process had been killed.
    for name in left.iter().filter(|name| *name != "whole") {
        fs::write(scene.inside.join("d").join(name), "12345").unwrap();
    }
    fs::write(scene.inside.join("d/.lumivault-mine.part"), "a user's own").unwrap();

    for other in [TargetPolicy::EmptyOnly, TargetPolicy::Resume(b"another".to_vec())] {
        let error = Target::open(&scene.inside, &other).unwrap_err();
        assert!(matches!(
            error,
            TargetError::NotEmpty {
                interrupted: true,
                ..
            }
        ));
    }
    let again = Target::open(&scene.inside, &TargetPolicy::Resume(token.to_vec())).unwrap();
    let folder = sub(again.root(), "d");
    let running = begin(&folder, "half", 5, stat(0o644));
    assert_eq!(folder.clean_leftovers().unwrap(), 2);
    assert_eq!(folder.clean_leftovers().unwrap(), 0);
    running.write_at(0, b"again").unwrap();
    written(running.finish(Overwrite::Never));
    assert_eq!(
        list(&scene.inside.join("d")),
        [".lumivault-mine.part", "half", "whole"]
    );
    again.remove_marker().unwrap();
    again.remove_marker().unwrap();
    assert_eq!(again.read_marker().unwrap(), None);
    assert_eq!(list(&scene.inside), ["d"]);
}

#[test]
fn a_stored_file_that_is_named_like_the_marker_does_not_replace_it() {
    let scene = Scene::new();
    let target = scene.open();
    let root = target.root();
    target.write_marker(b"token").unwrap();
    for overwrite in [Overwrite::Never, Overwrite::Always] {
        written(write(
            root,
            ".lumivault-restore",
            format!("{overwrite:?}").as_bytes(),
            Overwrite::Always,
        ));
    }
    assert_eq!(target.read_marker().unwrap().as_deref(), Some(&b"token"[..]));
    assert_eq!(list(&scene.inside).len(), 2);
    let (_, renamed) = root.map_names(&[b".lumivault-restore"]);
    assert_eq!(renamed[0].stored.to_string(), ".lumivault-restore");
    let told = renamed[0].reason.to_string();
    assert!(told.contains("lumivault uses this name"), "{told}");
}

#[test]
fn a_token_is_bounded() {
    let scene = Scene::new();
    let target = scene.open();
    target.write_marker(&[7; 4096]).unwrap();
    assert_eq!(target.read_marker().unwrap(), Some(vec![7; 4096]));
    assert!(matches!(
        target.write_marker(&[7; 4097]),
        Err(TargetError::LongToken(4097))
    ));
    // A marker that cannot be ours is not read into memory.
    fs::write(scene.inside.join(".lumivault-restore"), vec![7; 4097]).unwrap();
    assert_eq!(target.read_marker().unwrap(), None);
}

/// A run that died while it tried what the target can hold has written nothing yet.
#[test]
fn leftovers_alone_do_not_make_a_target_full() {
    let scene = Scene::new();
    let leftover = scene.inside.join(".lumivault-0123456789abcdef-0.part");
    fs::create_dir(&leftover).unwrap();
    fs::write(leftover.join("plain"), "").unwrap();
    let target = Target::open(&scene.inside, &TargetPolicy::EmptyOnly).unwrap();
    assert_eq!(target.root().clean_leftovers().unwrap(), 1);
    assert_eq!(list(&scene.inside), [""; 0]);
}
