//! Parity on the command line: made, checked, and of use where files rot or vanish.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::PathBuf;

use common::{World, files_below};

/// A repository with a snapshot of something that does not compress.
fn world(options: &[&str]) -> World {
    let world = World::new();
    world.ok(&[&["init", "--no-recovery-code"], options].concat());
    let noise: Vec<u8> = (0..200_000u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0])
        .collect();
    world.write("phone/a.jpg", &noise);
    world.write("phone/b.txt", b"b");
    world.ok(&["backup", "--phone", "Lumia 930", "phone"]);
    world
}

fn files(world: &World, folder: &str) -> Vec<PathBuf> {
    let found = files_below(&world.repository().join(folder));
    found.into_iter().map(|(path, _)| path).collect()
}

/// Flips bits of a file, one in each of so many shards.
fn rot(path: &PathBuf, shards: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    for shard in 0..shards {
        bytes[shard * 16_384 + 100] ^= 4;
    }
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_repository_with_parity_tells_what_it_can_mend() {
    let world = world(&["--parity", "5%"]);
    // Nobody ever saw it without: a kill during `init` would have left it so for ever.
    assert_eq!(world.json(&["cat", "config"])["generation"], 1);
    let scrubbed = world.json(&["parity", "scrub"]);
    assert_eq!(scrubbed["status"], "clean");
    assert_eq!(
        (&scrubbed["rewritten"], &scrubbed["removed"]),
        (&0.into(), &0.into())
    );
    assert_eq!(scrubbed["sound"], files(&world, "parity").len());
    let stats = world.json(&["stats"]);
    let bytes: u64 = files(&world, "parity")
        .iter()
        .map(|path| path.metadata().unwrap().len())
        .sum();
    assert_eq!(stats["bytes_parity"], bytes);
    assert!(world.ok(&["stats"]).contains("\n  parity      "));

    let packs = files(&world, "packs");
    let pack = packs
        .iter()
        .max_by_key(|path| path.metadata().unwrap().len())
        .unwrap();
    let whole = std::fs::read(pack).unwrap();
    rot(pack, 2);
    let ran = world.run(&["check", "--read-data"]);
    ran.expect(20, "");
    let said = "2 of its shards of 16 KiB are bad. `lumivault repair packs` mends it from parity";
    assert!(ran.stdout.contains(said), "{}", ran.stdout);
    let ran = world.run(&["parity", "scrub", "--json"]);
    ran.expect(20, "");
    let scrubbed: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let damaged = &scrubbed["damaged"][0];
    assert_eq!(
        (&damaged["mendable"], &damaged["bad_shards"]),
        (&true.into(), &2.into())
    );
    assert_eq!(damaged["object"]["kind"], "pack");
    std::fs::write(pack, &whole).unwrap();
    rot(pack, 4);
    let ran = world.run(&["parity", "scrub"]);
    ran.expect(20, "");
    let said = "4 of its shards of 16 KiB are bad, and its parity mends at most 2";
    assert!(ran.stdout.contains(said), "{}", ran.stdout);
    std::fs::write(pack, &whole).unwrap();

    // Parity that rots is made anew.
    let parity = files(&world, "parity");
    rot(&parity[0], 1);
    std::fs::remove_file(&parity[1]).unwrap();
    assert_eq!(world.json(&["parity", "scrub", "-n"])["rewritten"], 2);
    assert_eq!(world.json(&["parity", "scrub"])["rewritten"], 2);
    assert_eq!(world.json(&["parity", "scrub"])["rewritten"], 0);
}

#[test]
fn lost_configs_and_keys_are_found_in_copies() {
    let world = world(&["--parity", "1"]);
    for folder in ["config", "keys", "snapshots", "index"] {
        std::fs::remove_dir_all(world.repository().join(folder)).unwrap();
    }
    let ran = world.run(&["snapshots", "--json"]);
    ran.expect(
        0,
        "a copy of it was read instead. `lumivault repair index` mends it",
    );
    assert!(ran.stdout.contains("Lumia 930"));
    world.ok(&[
        "restore",
        "--target",
        world.path("back").to_str().unwrap(),
        "latest",
    ]);
    assert_eq!(
        std::fs::read(world.path("back/a.jpg")).unwrap(),
        std::fs::read(world.path("phone/a.jpg")).unwrap()
    );
    world
        .run(&["init", "--no-recovery-code"])
        .expect(1, "there is a lumivault repository in");
}

#[test]
fn parity_is_added_later_and_removed() {
    let world = world(&[]);
    assert_eq!(files(&world, "parity").len(), 0);
    let ran = world.run(&["parity", "scrub"]);
    ran.expect(
        1,
        "this repository has no parity; `lumivault parity add` makes it",
    );
    assert!(!ran.stderr.contains("hint"), "{}", ran.stderr);
    let dry = world.json(&["parity", "add", "10%", "-n"]);
    assert_eq!((&dry["dry_run"], &dry["packs"]), (&true.into(), &1.into()));
    assert_eq!(files(&world, "parity").len(), 0);
    let said = world.ok(&["parity", "add", "10%"]);
    assert!(said.starts_with("parity of 10 % made for 1 pack, and "), "{said}");
    let added = files(&world, "parity").len();
    world.write("phone/c.txt", b"new");
    world.ok(&["backup", "--phone", "Lumia 930", "phone"]);
    assert!(files(&world, "parity").len() > added, "a backup makes it too");
    assert_eq!(world.json(&["parity", "scrub"])["rewritten"], 0);
    assert!(
        world
            .ok(&["check", "--read-data"])
            .contains("no damage was found")
    );
    world.ok(&["parity", "remove", "-n"]);
    assert!(files(&world, "parity").len() > added);
    let removed = world.json(&["parity", "remove"]);
    assert_eq!(removed["dry_run"], false);
    assert_eq!(files(&world, "parity").len(), 0);
    world.ok(&["snapshots"]);
}
