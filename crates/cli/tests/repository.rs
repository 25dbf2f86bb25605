//! Making a repository, opening it, and what is said when that is not possible.

mod common;

use common::{Ran, World, files_below};

#[test]
fn init_makes_a_repository_that_describes_itself() {
    let world = World::new();
    let code = world.path("code");
    let made = world.json(&["init", "--recovery-file", code.to_str().unwrap()]);
    assert_eq!(made["archive"].as_str().unwrap().len(), 32);
    assert_eq!(made["repository"], world.repository().to_str().unwrap());
    assert_eq!(made["recovery_file"], code.to_str().unwrap());

    let readme = std::fs::read_to_string(world.repository().join("README.txt")).unwrap();
    assert!(readme.starts_with("This folder is a lumivault archive\n"));
    assert!(readme.contains("## 7. Packs"), "the format is not in it");
    let text = std::fs::read_to_string(&code).unwrap();
    assert_eq!((text.len(), text.split('-').count()), (70, 14));
    assert!(!made.to_string().contains(&text[..9]), "the code was shown");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(code.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    // The code opens in place of the password.
    world.run_with("code", &["snapshots"]).expect(0, "");
}

#[test]
fn init_tells_what_to_do_next_and_what_stays() {
    let world = World::new();
    let said = world.ok(&["init", "--no-recovery-code"]);
    for needed in [
        "made a new repository",
        "import",
        "backup",
        "stay until you forget them",
        "with the password, everything is lost",
    ] {
        assert!(said.contains(needed), "{said}");
    }
}

#[test]
fn a_second_init_changes_nothing() {
    let world = World::with_repository();
    let before = files_below(&world.repository());
    let ran = world.run(&["init", "--recovery-file", world.path("other").to_str().unwrap()]);
    ran.expect(1, "there is a lumivault repository in");
    assert_eq!(ran.stdout, "");
    assert_eq!(files_below(&world.repository()), before);
    assert!(!world.path("other").exists());
}

#[test]
fn init_leaves_foreign_folders_alone() {
    let world = World::new();
    world.write("repository/letters.txt", b"mine");
    world
        .run(&["init", "--no-recovery-code"])
        .expect(1, "is not empty (it holds \"letters.txt\")");
    assert_eq!(files_below(&world.repository()).len(), 1);
}

#[test]
fn a_failed_init_leaves_nothing() {
    let world = World::new();
    world.write("code", b"keep me");
    let code = world.path("code");
    world
        .run(&["init", "--recovery-file", code.to_str().unwrap()])
        .expect(2, "exists already");
    assert_eq!(std::fs::read(&code).unwrap(), b"keep me");
    assert!(!world.repository().exists());
}

#[test]
fn nothing_there_is_ten() {
    let world = World::new();
    world.run(&["snapshots"]).expect(10, "hint: attach the disk");
    std::fs::create_dir(world.repository()).unwrap();
    let ran = world.run(&["snapshots"]);
    ran.expect(10, "there is no lumivault repository in");
    assert!(ran.stderr.contains("lumivault init"), "{}", ran.stderr);
    assert_eq!(files_below(&world.repository()), []);
}

#[test]
fn a_wrong_password_is_twelve() {
    let world = World::with_repository();
    world.password_file("wrong", "incorrect horse");
    for words in [
        &["snapshots"][..],
        &["backup", "."],
        &["key", "list"],
        &["tag", "--add", "x", "latest"],
    ] {
        world.run_with("wrong", words).expect(12, "hint: a recovery code");
    }
}

#[test]
fn nobody_is_asked_without_a_terminal() {
    let world = World::with_repository();
    let ran = Ran::of(world.bare(&["snapshots", "-r", "repository"]).output().unwrap());
    ran.expect(2, "there is no terminal to ask for it");
    assert!(ran.stderr.contains("--password-file"), "{}", ran.stderr);
    world.run(&["key", "add"]).expect(2, "--new-password-file");
}

#[test]
fn a_cache_that_cannot_be_made_is_only_slower() {
    let world = World::with_repository();
    world.write("blocked", b"a file, not a folder");
    world.write("source/a.txt", b"hello");
    let ran = world.run(&[
        "--cache-dir",
        world.path("blocked").to_str().unwrap(),
        "backup",
        "source",
    ]);
    ran.expect(0, "going on without a cache");
    assert_eq!(world.snapshots().len(), 1);
    world.ok(&["--no-cache", "snapshots"]);
}

#[test]
fn the_slot_that_worked_is_remembered_and_nonsense_forgiven() {
    let world = World::with_repository();
    world.ok(&["snapshots"]);
    let state = files_below(&world.path("state"));
    let state = if cfg!(windows) {
        files_below(&world.path("local"))
    } else {
        state
    };
    let (path, text) = state
        .iter()
        .find(|(path, _)| path.ends_with("repositories.json"))
        .unwrap();
    assert!(String::from_utf8_lossy(text).contains("\"slot\": \""));
    std::fs::write(path, "{\"nonsense").unwrap();
    world.ok(&["snapshots"]);
}

#[test]
fn keys_come_and_go() {
    let world = World::with_repository();
    let listed = world.json(&["key", "list"]);
    let kinds: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["kind"].clone())
        .collect();
    assert!(
        kinds.contains(&"password".into()) && kinds.contains(&"recovery-code".into()),
        "{kinds:?}"
    );
    let current: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .filter(|key| key["current"] == true)
        .collect();
    assert_eq!((current.len(), &current[0]["kind"]), (1, &"password".into()));
    assert_eq!(current[0]["kdf"]["memory_bytes"], 64 << 20);

    world.password_file("second", "battery staple");
    let second = world.path("second");
    let added = world.json(&[
        "key",
        "add",
        "--label",
        "Ada",
        "--new-password-file",
        second.to_str().unwrap(),
    ]);
    assert_eq!(added["status"], "added");
    world.run_with("second", &["snapshots"]).expect(0, "");

    let key = world.path("key");
    world.ok(&["key", "add", "--key-file-out", key.to_str().unwrap()]);
    assert_eq!(std::fs::read(&key).unwrap().len(), 32);
    let words = ["-r", "repository", "--key-file", "key", "key", "list", "--json"];
    let ran = Ran::of(world.bare(&words).output().unwrap());
    ran.expect(0, "");
    assert!(ran.stdout.contains("key-file"), "{}", ran.stdout);

    let id = added["id"].as_str().unwrap();
    assert_eq!(world.json(&["key", "remove", &id[..12]])["id"], id);
    world
        .run_with("second", &["snapshots"])
        .expect(12, "opens none of the");
    world
        .run(&["key", "remove", id])
        .expect(1, "no key's id begins with");
    world
        .run(&["key", "remove", "not hexadecimal"])
        .expect(1, "lumivault key list");
}

#[test]
fn a_changed_password_is_the_only_one() {
    let world = World::with_repository();
    world.password_file("new", "battery staple");
    let new = world.path("new");
    let words = ["key", "passwd", "--new-password-file", new.to_str().unwrap()];
    world
        .run_with("code", &words)
        .expect(2, "opened with a recovery code");
    world.run(&words).expect(0, "still open with the old password");
    world.run(&["snapshots"]).expect(12, "opens none of the");
    let ran = world.run_with("new", &["key", "list", "--json"]);
    ran.expect(0, "");
    let listed: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let changed = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|key| key["kind"] == "password")
        .unwrap();
    assert_eq!(changed["generation"], 2);
}

#[test]
fn after_a_rotation_all_ways_in_read_everything() {
    let world = World::with_repository();
    world.write("source/a.txt", b"before");
    world.ok(&["backup", "source"]);
    assert_eq!(world.json(&["key", "rotate"])["status"], "rotated");
    world.write("source/a.txt", b"afterwards");
    world.ok(&["backup", "source"]);
    for password in ["password", "code"] {
        let ran = world.run_with(password, &["snapshots", "--json"]);
        ran.expect(0, "");
        let listed: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(listed.as_array().unwrap().len(), 2, "{password}");
    }
}
