//! Repairing on the command line: damage is mended from another copy, or named, and given up only with a word.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not recognised as tests")]

mod common;

use std::path::{Path, PathBuf};

use common::{World, copy, files_below, noise};
use serde_json::json;

/// Two months, and a plain copy of the repository in `copy`.
fn world() -> World {
    let world = World::with_repository();
    for (month, time) in ["2026-04", "2026-05"].into_iter().enumerate() {
        for photo in 0..3 {
            let seed = month as u64 * 10 + photo;
            world.write(
                &format!("phone/Pictures/{time}-{photo}.jpg"),
                &noise(seed, 150_000),
            );
        }
        world.write("phone/Documents/diary.txt", format!("until {time}").as_bytes());
        world.ok(&["backup", "--phone", "Lumia 930", "--time", time, "phone"]);
    }
    copy(&world.repository(), &world.path("copy"));
    world
}

fn files(world: &World, folder: &str) -> Vec<PathBuf> {
    let found = files_below(&world.repository().join(folder)).into_iter();
    found.map(|(path, _)| path).collect()
}

fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

/// The data pack with photos of the first month.
fn largest_pack(world: &World) -> PathBuf {
    let size = |path: &PathBuf| std::fs::metadata(path).unwrap().len();
    files(world, "packs").into_iter().max_by_key(size).unwrap()
}

fn restored(world: &World, snapshot: &str, target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let target = world.path(target);
    world.ok(&["restore", "--at", snapshot, "--target", target.to_str().unwrap()]);
    let found = files_below(&target).into_iter();
    found
        .map(|(path, content)| (path.strip_prefix(&target).unwrap().to_owned(), content))
        .collect()
}

#[test]
fn what_rots_comes_back_from_another_copy() {
    let world = world();
    let before = restored(&world, "2026-05", "before");
    flip(&files(&world, "index")[0]);
    let plan = world.json(&["repair", "index", "--dry-run"]);
    assert_eq!(
        (&plan["dry_run"], &plan["status"]),
        (&json!(true), &json!("mended"))
    );
    world.run(&["check"]).expect(20, "");
    let said = world.ok(&["repair", "index"]);
    assert!(said.contains("the index written anew"), "{said}");
    world.ok(&["check", "--read-data"]);

    flip(&largest_pack(&world));
    flip(&files(&world, "snapshots")[0]);
    std::fs::remove_file(&files(&world, "snapshots")[1]).unwrap();
    world.run(&["check", "--read-data"]).expect(20, "");
    let copy = world.path("copy");
    let copy = copy.to_str().unwrap();
    let said = world.ok(&["repair", "snapshots", "--from", copy]);
    assert!(said.contains("mended") && said.contains("brought back"), "{said}");
    let packs = world.json(&["repair", "packs", "--from", copy]);
    assert_eq!(packs["status"], json!("mended"), "{packs}");
    assert_eq!(
        (&packs["chunks_lost"], &packs["damaged"][0]["set_aside"]),
        (&json!(0), &json!(true))
    );
    assert!(packs["chunks_fetched"].as_u64().unwrap() > 0, "{packs}");

    world.ok(&["check", "--read-data"]);
    assert!(restored(&world, "2026-05", "after") == before);
    let aside = files(&world, "quarantine");
    assert_eq!(aside.len(), 2, "{aside:?}");
    for what in ["index", "packs", "snapshots"] {
        assert_eq!(world.json(&["repair", what])["status"], json!("clean"));
    }
    world.ok(&["prune"]);
}

#[test]
fn what_is_nowhere_is_named_and_given_up_only_with_a_word() {
    let world = world();
    flip(&largest_pack(&world));
    let ran = world.run(&["repair", "packs"]);
    ran.expect(20, "");
    assert!(ran.stdout.contains("/Pictures/2026-0"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("diary.txt"), "{}", ran.stdout);
    world.run(&["prune"]).expect(20, "");

    let ran = world.run(&["repair", "snapshots"]);
    ran.expect(20, "");
    assert!(ran.stdout.contains("--drop-lost"), "{}", ran.stdout);
    assert_eq!(world.snapshots().len(), 2);
    let ran = world.run(&["repair", "snapshots", "--drop-lost", "--json"]);
    ran.expect(20, "");
    let said: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let replaced = said["replaced"].as_array().unwrap().len();
    assert!(replaced >= 1, "{said}");

    world.ok(&["check", "--read-data"]);
    let snapshots = world.snapshots();
    assert_eq!(snapshots.len(), 2);
    let incomplete = snapshots.iter().filter(|one| one["incomplete"] == json!(true));
    assert_eq!(incomplete.count(), replaced);
    let left = restored(&world, "2026-05", "left");
    assert!(
        left.iter()
            .any(|(path, content)| { path.ends_with("diary.txt") && content.as_slice() == b"until 2026-05" })
    );
    world.ok(&["prune"]);
}

#[test]
fn who_is_at_work_is_told() {
    let world = world();
    assert_eq!(world.ok(&["repair", "sessions"]), "nobody is at work\n");
    world.write("repository/sessions/00", b"foreign");
    let name = "ab".repeat(32);
    world.write(&format!("repository/sessions/{name}"), b"no session");
    let ran = world.run(&["repair", "sessions"]);
    ran.expect(20, "");
    assert!(ran.stdout.contains("unreadable"), "{}", ran.stdout);
    let said = world.json(&["repair", "sessions", "--all"]);
    assert_eq!(
        (&said["status"], &said["sessions"][0]["removed"]),
        (&json!("mended"), &json!(true))
    );
    assert_eq!(world.ok(&["repair", "sessions"]), "nobody is at work\n");
}

#[test]
fn the_other_copy_is_another_and_of_the_same_archive() {
    let world = world();
    let itself = world.repository();
    let ran = world.run(&["repair", "packs", "--from", itself.to_str().unwrap()]);
    ran.expect(2, "this is the repository itself");
    let other = World::with_repository();
    let other = other.repository();
    let ran = world.run(&["repair", "packs", "--from", other.to_str().unwrap()]);
    ran.expect(1, "another archive");
    world
        .run(&["repair", "packs", "--from-key-file", "x"])
        .expect(2, "--from");
}

#[test]
fn a_snapshot_that_is_gone_is_damage_until_it_is_back_or_given_up() {
    let world = World::with_repository();
    world.write("copies/2025-01/a.txt", b"January");
    world.ok(&["import", "copies"]);
    let january = files(&world, "snapshots").remove(0);
    for month in ["2025-02", "2025-03"] {
        world.write(&format!("copies/{month}/a.txt"), month.as_bytes());
    }
    world.ok(&["import", "copies"]);
    let before = world.path("before");
    copy(&world.repository(), &before);
    std::fs::remove_file(january).unwrap();
    world.run(&["check"]).expect(20, "");
    let ran = world.run(&["repair", "snapshots"]);
    ran.expect(20, "");
    assert!(ran.stdout.contains("is gone"), "{}", ran.stdout);
    assert!(ran.stdout.contains("--from COPY"), "{}", ran.stdout);

    let other = world.path("other");
    copy(&world.repository(), &other);
    world.ok(&["repair", "snapshots", "--from", before.to_str().unwrap()]);
    world.ok(&["check"]);
    assert_eq!(world.snapshots().len(), 3);

    // Elsewhere there is no copy.
    std::fs::remove_dir_all(world.repository()).unwrap();
    copy(&other, &world.repository());
    let ran = world.run(&["repair", "snapshots", "--drop-lost", "-n"]);
    assert!(ran.stdout.contains("it would be given up"), "{}", ran.stdout);
    world.run(&["check"]).expect(20, "");
    let said = world.ok(&["repair", "snapshots", "--drop-lost"]);
    assert!(said.contains("it is given up"), "{said}");
    world.ok(&["check"]);
    assert_eq!(world.snapshots().len(), 2);
}
