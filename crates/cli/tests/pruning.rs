//! Pruning frees space and says what it did; a repository that is older than it was seen is noticed.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not recognised as tests")]

mod common;

use common::{World, copy, files_below};

/// A repository with a snapshot of each month, in each a file of its own.
fn months(count: u64) -> World {
    let world = World::with_repository();
    for month in 1..=count {
        add(&world, month);
    }
    world
}

fn add(world: &World, month: u64) {
    std::fs::remove_dir_all(world.path("phone")).ok();
    let bytes: Vec<u8> = (0..300_000u64)
        .map(|i| u8::try_from(((i * i * (month * 2 + 1)) >> 7) & 0xff).unwrap())
        .collect();
    world.write("phone/photo.bin", &bytes);
    world.write("phone/month.txt", format!("month {month}").as_bytes());
    world.ok(&[
        "backup",
        "--phone",
        "Lumia 950",
        "--time",
        &format!("2026-{month:02}"),
        "phone",
    ]);
}

fn stored(world: &World) -> u64 {
    files_below(&world.repository().join("packs"))
        .iter()
        .map(|(_, bytes)| bytes.len() as u64)
        .sum()
}

#[test]
fn what_is_forgotten_is_freed_at_once_only_if_asked_for() {
    let world = months(3);
    world.ok(&["forget", "2026-01"]);
    let full = stored(&world);

    let said = world.ok(&["prune"]);
    assert!(said.contains("0 B freed"), "{said}");
    assert_eq!(stored(&world), full, "it can still be brought back");

    let plan = world.json(&["prune", "--now", "--dry-run"]);
    assert_eq!(stored(&world), full);
    let done = world.json(&["prune", "--now"]);
    assert_eq!(plan["removed"], done["removed"]);
    assert_eq!(done["snapshots_removed"], 1);
    let freed = done["removed"]["bytes"].as_u64().unwrap();
    assert!(freed > 0 && stored(&world) < full, "{done}");
    world.ok(&["check", "--read-data"]);
    world.ok(&["restore", "--at", "2026-02", "--target", "back"]);
    assert!(world.path("back/photo.bin").is_file());
    world.run(&["forget", "--undo", "zzzzzzzz"]).expect(1, "");
}

#[test]
fn the_two_steps_wait_for_each_other() {
    let world = months(2);
    world.ok(&["forget", "2026-01"]);
    let full = stored(&world);
    let said = world.ok(&["prune", "--grace", "0h"]);
    assert!(said.contains("waiting; run lumivault prune again"), "{said}");
    assert_eq!(stored(&world), full, "marked, not removed");
    world.ok(&["check", "--read-data"]);
    let done = world.json(&["prune", "--grace", "0h"]);
    assert!(done["removed"]["bytes"].as_u64().unwrap() > 0, "{done}");
    assert!(stored(&world) < full);
    world.ok(&["check", "--read-data"]);
    world
        .run(&["prune", "--grace", "soon"])
        .expect(2, "number of days");
    world
        .run(&["prune", "--now", "--grace", "1h"])
        .expect(2, "--grace");
}

#[test]
fn forgetting_and_pruning_in_one_go() {
    let world = months(3);
    let said = world.ok(&["forget", "--keep-last", "1", "--prune"]);
    assert!(said.contains("freed"), "{said}");
    assert_eq!(world.snapshots().len(), 1);
    world.ok(&["check"]);
}

#[test]
fn a_repository_remembers_that_listings_lag() {
    let world = World::new();
    let said = world.ok(&["init", "--no-recovery-code", "--listing-delay", "1s"]);
    assert!(said.contains("lag by up to 1 s"), "{said}");
    assert_eq!(world.json(&["cat", "config"])["listing_delay_seconds"], 1);
    add(&world, 1);
    add(&world, 2);
    world.ok(&["forget", "2026-01"]);
    let done = world.json(&["prune", "--now"]);
    assert_eq!(done["snapshots_removed"], 1);
    world.ok(&["check"]);
}

#[test]
fn an_older_state_of_the_repository_is_noticed_and_not_written_to() {
    let world = months(1);
    let older = world.path("older");
    copy(&world.repository(), &older);
    add(&world, 2);
    std::fs::remove_dir_all(world.repository()).unwrap();
    copy(&older, &world.repository());

    let refused = world.run(&["backup", "--time", "2026-03", "phone"]);
    refused.expect(21, "is gone without having been forgotten");
    assert!(refused.stderr.contains("--accept-rollback"), "{}", refused.stderr);
    for words in [
        ["forget", "2026-01"].as_slice(),
        &["tag", "--add", "x", "2026-01"],
        &["prune"],
    ] {
        world.run(words).expect(21, "nothing was written");
    }
    // Reading goes on, with a warning; so does a dry run.
    let listed = world.run(&["snapshots"]);
    listed.expect(0, "is not what it was");
    let checked = world.run(&["check"]);
    checked.expect(21, "is not what it was");
    assert!(
        checked.stdout.contains("repair snapshots --from COPY"),
        "{}",
        checked.stdout
    );
    let checked = world.run(&["check", "--json"]);
    checked.expect(21, "is not what it was");
    assert!(
        checked.stdout.contains("\"rolled_back\": true"),
        "{}",
        checked.stdout
    );
    let restored = world.run(&["restore", "--at", "2026-01", "--target", "back"]);
    restored.expect(0, "is not what it was");
    assert!(world.path("back/photo.bin").is_file());

    let accepted = world.run(&[
        "--accept-rollback",
        "backup",
        "--phone",
        "Lumia 950",
        "--time",
        "2026-03",
        "phone",
    ]);
    accepted.expect(0, "as you said");
    let after = world.run(&["backup", "--phone", "Lumia 950", "--time", "2026-04", "phone"]);
    after.expect(0, "");
    assert!(!after.stderr.contains("what it was"), "{}", after.stderr);
}

#[test]
fn what_is_forgotten_and_removed_by_the_rules_is_no_rollback() {
    let world = months(2);
    world.ok(&["forget", "2026-02"]);
    world.ok(&["prune", "--now"]);
    assert_eq!(world.snapshots().len(), 1);
    add(&world, 3);
    let said = world.run(&["snapshots"]);
    said.expect(0, "");
    assert!(!said.stderr.contains("what it was"), "{}", said.stderr);
}
