//! The demonstration, as somebody meets it who tries the program for the first time.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not recognised as tests")]

mod common;

use common::{Ran, World, files_below};
use serde_json::Value;

fn demo(world: &World, words: &[&str]) -> Ran {
    let words = [&["demo"], words].concat();
    let temporary = world.path("temporary");
    std::fs::create_dir_all(&temporary).unwrap();
    let run = world
        .bare(&words)
        .env("TMPDIR", &temporary)
        .env("TMP", &temporary)
        .output();
    Ran::of(run.unwrap())
}

#[test]
fn it_shows_everything_and_leaves_nothing() {
    let world = World::new();
    let before = files_below(&world.path(""));
    let ran = demo(&world, &[]);
    ran.expect(0, "took 2026-06");
    for needed in [
        "imported 2026-05",
        "imported 2026-07",
        "every byte and every time the same",
        "no damage",
        "removed ",
    ] {
        assert!(ran.stdout.contains(needed), "`{needed}` is not in {}", ran.stdout);
    }
    assert_eq!(files_below(&world.path("")), before);
    assert_eq!(std::fs::read_dir(world.path("temporary")).unwrap().count(), 0);
}

#[test]
fn what_is_kept_can_be_used() {
    let world = World::new();
    let ran = demo(&world, &["--keep", "kept", "--json"]);
    ran.expect(0, "");
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(answer["restore"]["identical"], true);
    assert_eq!(answer["check"]["status"], "clean");
    let numbers = |name: &str| -> Vec<u64> {
        let backups = answer["backups"].as_array().unwrap().iter();
        backups.map(|backup| backup[name].as_u64().unwrap()).collect()
    };
    let (total, stored) = (numbers("bytes_total"), numbers("bytes_stored"));
    assert_eq!((total.len(), numbers("files_unchanged")[0]), (3, 0));
    assert!(
        stored[1] * 2 < total[1] && stored[2] * 2 < total[2],
        "{stored:?} of {total:?}"
    );

    let repository = answer["repository"].as_str().unwrap();
    let words = [
        "-r",
        repository,
        "--password-file",
        "kept/recovery-code.txt",
        "snapshots",
        "--json",
    ];
    let ran = Ran::of(world.bare(&words).output().unwrap());
    ran.expect(0, "");
    let listed: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 3);
    demo(&world, &["--keep", "kept"]).expect(2, "is not empty");
}
