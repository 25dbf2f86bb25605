//! What is said to whoever did not get what was wanted: what it is, and what to do next.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not recognised as tests")]

mod common;

use std::path::{Path, PathBuf};

use common::{Ran, World, files_below, noise};
use serde_json::{Value, json};

/// Two months of a phone in a repository made with these options.
fn world(options: &[&str]) -> World {
    let world = World::new();
    world.ok(&[&["init", "--no-recovery-code"], options].concat());
    for (seed, time) in [(1, "2026-04"), (2, "2026-05")] {
        add(&world, seed, time);
    }
    world
}

fn add(world: &World, seed: u64, time: &str) {
    world.write("phone/Pictures/Roll/photo.jpg", &noise(seed, 200_000));
    world.write("phone/note.txt", time.as_bytes());
    world.ok(&["backup", "--phone", "Lumia 930", "--time", time, "phone"]);
}

fn largest_pack(world: &World) -> PathBuf {
    let packs = files_below(&world.repository().join("packs"));
    packs.into_iter().max_by_key(|(_, bytes)| bytes.len()).unwrap().0
}

fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

/// The last line of standard output.
fn last(ran: &Ran) -> &str {
    ran.stdout.lines().last().unwrap_or_default()
}

#[test]
fn damage_without_parity_is_followed_by_the_way_to_a_copy_or_to_the_originals() {
    let world = world(&[]);
    flip(&largest_pack(&world));
    let ran = world.run(&["check", "--read-data"]);
    ran.expect(20, "");
    for needed in [
        "next: lumivault repair packs --from COPY",
        "then lumivault backup of the originals",
    ] {
        assert!(last(&ran).contains(needed), "{}", ran.stdout);
    }
    assert!(
        !ran.stdout.contains("parity") && !ran.stdout.contains("Restore the file"),
        "{}",
        ran.stdout
    );

    std::fs::remove_file(largest_pack(&world)).unwrap();
    let ran = world.run(&["check"]);
    ran.expect(20, "");
    assert!(
        ran.stdout.contains(" lost unless it comes back\n"),
        "{}",
        ran.stdout
    );
    assert!(
        last(&ran).starts_with("next: lumivault repair packs --from COPY"),
        "{}",
        ran.stdout
    );
    let ran = world.run(&["repair", "packs"]);
    ran.expect(20, "");
    assert!(ran.stdout.contains(" and is listed no more\n"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("aside"), "{}", ran.stdout);
    assert!(ran.stdout.contains(" nowhere\n"), "{}", ran.stdout);
    for needed in [
        "repair packs --from COPY",
        "lumivault backup of the originals",
        "--drop-lost",
    ] {
        assert!(last(&ran).contains(needed), "{}", ran.stdout);
    }
    let ran = world.run(&["check"]);
    ran.expect(20, "");
    assert!(
        last(&ran).starts_with("next: lumivault repair packs --from COPY"),
        "{}",
        ran.stdout
    );

    // As it says: whoever has the originals stores what is missing again.
    for (seed, time) in [(1, "2026-04"), (2, "2026-05")] {
        add(&world, seed, time);
    }
    world.ok(&["check", "--read-data"]);
}

#[test]
fn damage_that_parity_mends_is_not_said_to_need_a_copy() {
    let world = world(&["--parity", "5%"]);
    flip(&largest_pack(&world));
    let ran = world.run(&["check", "--read-data"]);
    ran.expect(20, "");
    assert!(
        ran.stdout.contains("1 of its shards of 16 KiB is bad."),
        "{}",
        ran.stdout
    );
    assert!(
        !ran.stdout.contains("another copy") && !ran.stdout.contains("Restore the file"),
        "{}",
        ran.stdout
    );
    assert_eq!(
        last(&ran),
        "next: lumivault repair packs, which mends from parity"
    );
    let ran = world.run(&["parity", "scrub"]);
    ran.expect(20, "");
    assert!(
        ran.stdout.contains("1 of its shards of 16 KiB is bad;"),
        "{}",
        ran.stdout
    );
    world.ok(&["repair", "packs"]);
    world.ok(&["check", "--read-data"]);
}

#[test]
fn damaged_indexes_and_snapshots_come_first() {
    let world = world(&[]);
    for folder in ["index", "snapshots"] {
        flip(&files_below(&world.repository().join(folder))[0].0);
    }
    let ran = world.run(&["check"]);
    ran.expect(20, "");
    let order = "next, in this order: lumivault repair index; then lumivault repair snapshots --from COPY";
    assert!(last(&ran).starts_with(order), "{}", ran.stdout);
}

#[test]
fn prune_tells_what_waits_and_that_it_need_not() {
    let world = world(&[]);
    world.ok(&["forget", "2026-04"]);
    let said = world.ok(&["prune"]);
    let line = said
        .lines()
        .find(|line| line.starts_with("1 forgotten snapshot waits"))
        .unwrap();
    assert!(
        line.contains(" until 20") && line.contains("lumivault prune --now does not wait"),
        "{line}"
    );
    let pruned = world.json(&["prune", "--dry-run"]);
    assert_eq!(pruned["snapshots_waiting"], 1);
    assert!(
        pruned["next_removal"].as_str().unwrap().ends_with("+00:00"),
        "{pruned}"
    );
    let pruned = world.json(&["prune", "--now"]);
    assert_eq!(
        (&pruned["snapshots_removed"], &pruned["snapshots_waiting"]),
        (&json!(1), &json!(0))
    );
    assert!(pruned.get("next_removal").is_none());
}

#[test]
fn what_is_forgotten_where_something_was_asked_for_is_said() {
    let world = world(&[]);
    let id = world.snapshots()[1]["short_id"].as_str().unwrap().to_owned();
    world.ok(&["forget", "2026-05"]);
    let back = format!("2026-05 was forgotten; lumivault forget --undo {id} brings it back");
    for words in [
        &["ls", "--at", "2026-05"][..],
        &["dump", "2026-06:/note.txt"],
        &["restore", "--at", "2026-05", "-n", "-t", "out"],
        &["diff", "2026-04", "latest"],
    ] {
        world.run(words).expect(0, &back);
    }
    world.run(&["ls", "--at", "2026-05", "--strict"]).expect(1, &back);
    let ran = world.run(&["ls", "--at", "2026-04"]);
    ran.expect(0, "took 2026-04");
    assert!(!ran.stderr.contains("was forgotten"), "{}", ran.stderr);
    world.ok(&["forget", "--undo", &id]);
    let ran = world.run(&["ls", "--at", "2026-05"]);
    assert!(!ran.stderr.contains("was forgotten"), "{}", ran.stderr);
}

#[test]
fn patterns_that_match_nothing_are_named() {
    let world = world(&[]);
    let words = [
        "restore",
        "-t",
        "out",
        "-i",
        "*.vcf",
        "-i",
        "*.txt",
        "--iinclude",
        "PHOTO.*",
        "--json",
    ];
    let ran = world.run(&words);
    ran.expect(3, "nothing in the snapshot matches *.vcf;");
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&answer["unmatched"], &answer["files_created"]),
        (&json!(["*.vcf"]), &json!(2))
    );
    world
        .run(&["restore", "-n", "-t", "other", "-i", "x"])
        .expect(3, "nothing in the snapshot matches x;");
    let ran = world.run(&["restore", "-t", "whole", "-i", "*.txt", "--iexclude", "NOTE.*"]);
    ran.expect(0, "");
    for words in [
        &["restore", "-t", "bad", "--include", "["][..],
        &["restore", "-t", "bad", "--iexclude", "["],
        &["backup", "--exclude", "[", "phone"],
        &["backup", "--iexclude", "[", "-n", "phone"],
        &["find", "["],
    ] {
        world.run(words).expect(2, "pattern `[` is not valid");
    }
    assert!(!world.path("bad").exists());
}

#[test]
fn a_dry_run_does_not_say_what_it_does_not_know() {
    let world = world(&[]);
    world.write("phone/new.txt", b"new");
    let said = world.ok(&["backup", "--phone", "Lumia 930", "-n", "phone"]);
    assert!(said.contains("of it new") && !said.contains("stored  "), "{said}");
    let answer = world.json(&["backup", "--phone", "Lumia 930", "-n", "phone"]);
    assert!(
        answer.get("bytes_stored").is_none() && answer["bytes_added"].as_u64() > Some(0),
        "{answer}"
    );
    let said = world.ok(&["restore", "latest:Pictures", "-n", "-t", "out"]);
    assert!(said.contains("create     /Roll/photo.jpg"), "{said}");
}

#[test]
fn a_phone_that_is_not_there_is_told_the_same_everywhere() {
    let world = world(&[]);
    for words in [
        &["restore", "-t", "out", "--phone", "Nokia"][..],
        &["forget", "latest", "--phone", "Nokia"],
        &["tag", "latest", "--add", "x", "--phone", "Nokia"],
    ] {
        world
            .run(words)
            .expect(2, "no snapshot of a phone Nokia; it holds: Lumia 930");
    }
    world
        .run(&["forget", "latest", "--host", "nowhere"])
        .expect(1, "no snapshot is chosen by these options");
}

#[test]
fn what_a_repository_lacks_is_named() {
    let world = world(&[]);
    let keys = world.repository().join("keys");
    std::fs::rename(&keys, world.path("keys")).unwrap();
    let ran = world.run(&["snapshots"]);
    ran.expect(20, "all its keys are gone");
    assert!(
        ran.stderr.contains("folder `keys` back from another copy"),
        "{}",
        ran.stderr
    );
    std::fs::rename(world.path("keys"), &keys).unwrap();
    let config = world.repository().join("config");
    std::fs::remove_dir_all(config).unwrap();
    world.run(&["snapshots"]).expect(20, "its config is gone");
    for folder in ["packs", "snapshots"] {
        std::fs::remove_dir_all(world.repository().join(folder)).unwrap();
    }
    // Its description tells that there was one.
    world.run(&["snapshots"]).expect(20, "its config is gone");
    world.write("repository/README.txt", b"Holiday photos");
    world
        .run(&["snapshots"])
        .expect(10, "there is no lumivault repository in");
}

#[test]
fn forgetting_and_pruning_answer_with_one_document() {
    let world = world(&[]);
    let answer = world.json(&["forget", "--keep-last", "1", "--prune", "-n"]);
    assert_eq!(
        (&answer["status"], &answer["prune"]["dry_run"]),
        (&json!("dry-run"), &json!(true))
    );
    let answer = world.json(&["forget", "--keep-last", "1", "--prune"]);
    assert_eq!(
        (&answer["kept"], &answer["prune"]["snapshots_waiting"]),
        (&json!(1), &json!(1))
    );
    assert!(world.json(&["forget", "--keep-last", "1"]).get("prune").is_none());
}

#[test]
fn hints_are_of_the_command_that_was_typed() {
    let world = world(&[]);
    let ran = world.run(&["repair", "packs", "--from", "nosuch"]);
    ran.expect(10, "name another one with --from");
    assert!(!ran.stderr.contains("--repo"), "{}", ran.stderr);
    for words in [
        &["ls", "Pictures"][..],
        &["snapshots", "nosuch"],
        &["forget", "all"],
    ] {
        let ran = world.run(words);
        ran.expect(2, "is not a date");
        assert!(
            ran.stderr.contains("an id can stand there too") && ran.stderr.contains("SNAPSHOT:PATH"),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn damage_met_again_is_told_once() {
    let world = world(&[]);
    std::fs::remove_file(largest_pack(&world)).unwrap();
    for month in ["2025-01", "2025-02", "2025-03"] {
        world.write(&format!("old/Lumia-Backup-{month}/{month}.txt"), month.as_bytes());
    }
    let ran = world.run(&["import", "--phone", "Lumia 930", "old"]);
    let warnings: Vec<&str> = ran
        .stderr
        .lines()
        .filter(|line| line.contains("warning: "))
        .collect();
    let mut once = warnings.clone();
    once.sort_unstable();
    once.dedup();
    assert!(
        !warnings.is_empty() && once.len() == warnings.len(),
        "{warnings:#?}"
    );
}

#[cfg(unix)]
#[test]
fn a_source_that_cannot_be_read_is_refused_like_one_that_is_not_there() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = world(&[]);
    world
        .run(&["backup", "nosuch"])
        .expect(2, "cannot read the source");
    let locked = world.path("locked");
    std::fs::create_dir(&locked).unwrap();
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o000)).unwrap();
    let is_root = std::fs::read_dir(&locked).is_ok();
    let ran = world.run(&["backup", "--phone", "Lumia 930", "locked"]);
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o700)).unwrap();
    if !is_root {
        ran.expect(2, "nothing was stored");
    }
}

#[test]
fn an_unnamed_phone_has_brackets_once() {
    let world = World::with_repository();
    world.write("phone/a.txt", b"a");
    world.ok(&["backup", "--time", "2025-12", "phone"]);
    world.run(&["ls"]).expect(0, "took 2025-12 (unnamed), the latest");
    let said = world.ok(&["check"]);
    assert!(said.contains("checked 1 snapshot, 1 folder, 1 file, "), "{said}");
    std::fs::remove_dir_all(world.repository().join("packs")).unwrap();
    let ran = world.run(&["check"]);
    ran.expect(20, "");
    assert!(
        ran.stdout.lines().any(|line| line.ends_with("  2025-12")),
        "{}",
        ran.stdout
    );
}
