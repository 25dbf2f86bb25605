//! Bringing snapshots back.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not recognised as tests")]

mod common;
mod months;

use std::fs;

#[cfg(unix)]
use common::{Ran, World};
use months::{JUNE, MAY, PHONE, damage, pack_path, paths, place_of, tree, two_months};
use serde_json::{Value, json};

#[test]
fn a_month_comes_back_by_its_date() {
    let world = two_months();
    let ran = world.run(&["restore", "--at", "2026-05", "--target", "out", "--verify"]);
    ran.expect(0, "took 2026-05 (Lumia 950), as asked");
    assert!(ran.stdout.contains("restored 4 files"), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("4 files read back and compared"),
        "{}",
        ran.stdout
    );
    assert_eq!(tree(&world.path("out")), tree(&world.path(MAY)));

    // A day between the two: the one before it, with its distance and its neighbour.
    let ran = world.run(&["restore", "--at", "2026-06-15", "-t", "between", "--json"]);
    ran.expect(0, "15 days before 2026-06-15");
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
    let snapshots = world.snapshots();
    assert_eq!(answer["status"], "restored");
    assert_eq!(answer["snapshot"], snapshots[0]["id"]);
    let selected = json!({
        "requested": "2026-06-15",
        "distance_seconds": 15 * 86_400,
        "before": null,
        "after": snapshots[1]["id"],
    });
    assert_eq!(answer["selected"], selected);
    assert_eq!(
        (&answer["files_created"], &answer["folders"]),
        (&json!(4), &json!(2))
    );
    assert_eq!(answer["bytes_written"], 110_000 + 5 + 9);
    assert_eq!(tree(&world.path("between")), tree(&world.path(MAY)));

    // By the beginning of its id nothing is chosen, so nothing is said.
    let id = snapshots[1]["short_id"].as_str().unwrap();
    let ran = world.run(&["restore", id, "-t", "june"]);
    ran.expect(0, "");
    assert_eq!(ran.stderr, world.said_of_the_password());
    assert_eq!(tree(&world.path("june")), tree(&world.path(JUNE)));
}

#[test]
fn a_part_comes_back_directly_under_the_target() {
    let world = two_months();
    world.ok(&["restore", "latest:/Pictures", "-t", "pictures"]);
    assert_eq!(paths(&world.path("pictures")), ["Album/a.bin", "b.bin", "c.bin"]);
    world.ok(&["restore", "--at", "2026-05", ":Documents/list.txt", "-t", "file"]);
    assert_eq!(fs::read(world.path("file/list.txt")).unwrap(), b"bread");
    world.ok(&[
        "restore",
        "-t",
        "some",
        "--include",
        "*.bin",
        "--include",
        "/Documents",
        "--exclude",
        "Album",
    ]);
    assert_eq!(
        paths(&world.path("some")),
        ["Documents/list.txt", "Pictures/b.bin", "Pictures/c.bin"]
    );
}

#[test]
fn what_is_not_there_is_told_and_nothing_is_made() {
    let world = two_months();
    let cases: [(&[&str], i32, &str); 6] = [
        (&["--at", "2026-04"], 1, "the earliest one is 2026-05"),
        (
            &["--at", "2026-08", "--strict"],
            1,
            "the one before it is 2026-06",
        ),
        (&["latest:/Picture"], 1, "Picture is not in the snapshot"),
        (&["latest:/Documents/list.txt/x"], 1, "is no folder"),
        (&["kkkkkkkk"], 1, "no snapshot's id begins with `kkkkkkkk`"),
        (&["--at", "2026-13"], 2, "2026-13"),
    ];
    for (words, code, said) in cases {
        world
            .run(&[&["restore", "-t", "out"], words].concat())
            .expect(code, said);
        assert!(!world.path("out").exists(), "{words:?} made the target");
    }
    world
        .run(&["restore", "-t", "out", "--include", "[z-a]"])
        .expect(2, "the pattern `[z-a]` is not valid");
}

#[test]
fn of_several_phones_one_is_named() {
    let world = two_months();
    world.ok(&["backup", "--phone", "Lumia 1020", "--time", "2026-06", MAY]);
    let ran = world.run(&["restore", "--at", "2026-06", "-t", "out"]);
    ran.expect(2, "Lumia 1020, Lumia 950");
    assert!(!world.path("out").exists());
    world.ok(&["restore", "--at", "2026-06", "--phone", PHONE, "-t", "out"]);
    assert_eq!(tree(&world.path("out")), tree(&world.path(JUNE)));
}

#[test]
fn a_target_with_something_in_it_is_left_alone_until_told() {
    let world = two_months();
    world.write("out/Documents/list.txt", b"my own");
    world.write("out/mine.txt", b"mine");
    let before = tree(&world.path("out"));
    let ran = world.run(&["restore", "-t", "out"]);
    ran.expect(2, "is not empty");
    assert!(
        ran.stderr.contains("hint: --overwrite if-changed"),
        "{}",
        ran.stderr
    );
    assert_eq!(tree(&world.path("out")), before);

    let kept = world.json(&["restore", "-t", "out", "--overwrite", "never"]);
    assert_eq!(
        (&kept["files_skipped"], &kept["files_created"]),
        (&json!(1), &json!(3))
    );
    assert_eq!(fs::read(world.path("out/Documents/list.txt")).unwrap(), b"my own");

    let words = ["restore", "-t", "out", "--overwrite", "if-changed", "--delete"];
    let before = tree(&world.path("out"));
    let plan = world.ok(&[&words[..], &["--dry-run"]].concat());
    assert!(plan.contains("replace    /Documents/list.txt"), "{plan}");
    assert!(plan.contains("delete     /mine.txt"), "{plan}");
    assert!(!plan.contains("b.bin"), "what stays is shown: {plan}");
    let planned = world.json(&[&words[..], &["-n"]].concat());
    assert_eq!(tree(&world.path("out")), before, "a dry run wrote");
    let done = world.json(&words);
    for field in [
        "files_created",
        "files_replaced",
        "files_unchanged",
        "deleted",
        "bytes_written",
    ] {
        assert_eq!(planned[field], done[field], "{field}");
    }
    assert_eq!(
        (&planned["status"], &done["deleted"]),
        (&json!("dry-run"), &json!(1))
    );
    assert_eq!(tree(&world.path("out")), tree(&world.path(JUNE)));
}

#[test]
fn a_plan_for_a_new_folder_makes_none() {
    let world = two_months();
    let plan = world.ok(&["restore", ":/Pictures", "-t", "new/folder", "-n"]);
    assert!(plan.contains("create     /Album/a.bin (48.8 KiB)"), "{plan}");
    assert!(plan.contains("would write 3 files"), "{plan}");
    assert!(!world.path("new").exists());
}

#[test]
fn damage_costs_only_the_files_it_is_in() {
    let world = two_months();
    damage(&world, "latest", "/Pictures/b.bin");
    let ran = world.run(&["restore", "--at", "2026-06", "-t", "out", "--json"]);
    ran.expect(20, "b.bin was not restored");
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
    let damaged = answer["damaged"].as_array().unwrap();
    assert_eq!(damaged.len(), 1, "{answer}");
    assert_eq!(damaged[0]["path"], "/Pictures/b.bin");
    assert_eq!(answer["problems_total"], 1);
    let mut expected = tree(&world.path(JUNE));
    expected.retain(|(path, _)| !path.ends_with("b.bin"));
    assert_eq!(tree(&world.path("out")), expected);

    // What it is not in comes back as if nothing were; a part is told of with its whole path.
    world.ok(&["restore", "latest:/Documents", "-t", "documents"]);
    let ran = world.run(&["restore", "latest:/Pictures", "-t", "pictures", "--json"]);
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (ran.code, &answer["damaged"][0]["path"]),
        (Some(20), &json!("/Pictures/b.bin"))
    );
}

#[test]
fn a_lost_pack_is_known_before_anything_is_written() {
    let world = two_months();
    let (pack, _) = place_of(&world, "latest", "/Pictures/c.bin");
    fs::remove_file(pack_path(&world, &pack)).unwrap();
    let ran = world.run(&["restore", "latest:/Pictures/c.bin", "-t", "out"]);
    ran.expect(20, "c.bin was not restored");
    assert!(
        ran.stderr.contains("lumivault check tells more"),
        "{}",
        ran.stderr
    );
    assert!(paths(&world.path("out")).is_empty());
}

#[test]
fn what_cannot_be_created_is_named_and_the_rest_restored() {
    let world = two_months();
    world.write("out/Documents/list.txt/in the way", b"x");
    let ran = world.run(&[
        "restore",
        "-t",
        "out",
        "--overwrite",
        "always",
        "--delete",
        "--json",
    ]);
    ran.expect(3, "a folder that is not empty is in its way");
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(answer["not_created"][0]["path"], "/Documents/list.txt");
    assert_eq!(answer["damaged"], json!([]));
    assert_eq!(answer["deletions_withheld"], true);
    assert!(world.path("out/Documents/list.txt/in the way").exists());
    assert_eq!(
        fs::read(world.path("out/Pictures/b.bin")).unwrap(),
        months::noise(2, 60_000)
    );
}

#[test]
fn a_target_that_cannot_be_made_is_a_failure() {
    let world = two_months();
    world.write("file", b"");
    world
        .run(&["restore", "-t", "file/out"])
        .expect(1, "as the target folder");
}

#[cfg(unix)]
#[test]
fn a_target_that_may_not_be_written_is_a_failure() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = two_months();
    let target = world.path("locked");
    fs::create_dir(&target).unwrap();
    fs::set_permissions(&target, fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(target.join("probe"), b"").is_ok() {
        eprintln!("skipped: this user may write everywhere");
        return;
    }
    world.run(&["restore", "-t", "locked"]).expect(1, "because: ");
}

/// A small file system of its own, for as long as this lives.
#[cfg(target_os = "linux")]
struct Small(std::path::PathBuf);

#[cfg(target_os = "linux")]
impl Small {
    fn mount(at: std::path::PathBuf) -> Option<Self> {
        fs::create_dir(&at).unwrap();
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(&at);
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        mounted.then_some(Self(at))
    }
}

#[cfg(target_os = "linux")]
impl Drop for Small {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).status();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_the_restore_which_goes_on_later() {
    let world = two_months();
    let Some(small) = Small::mount(world.path("small")) else {
        eprintln!("skipped: no file system can be mounted here");
        return;
    };
    let words = ["restore", "--at", "2026-05", "-t", "small/out"];
    world
        .run(&words)
        .expect(1, "free some space and run the restore again");
    let grow = std::process::Command::new("mount")
        .args(["-o", "remount,size=4m"])
        .arg(&small.0)
        .status();
    assert!(grow.unwrap().success());
    let answer = world.json(&words);
    assert_eq!(answer["resumed"], true);
    assert_eq!(tree(&world.path("small/out")), tree(&world.path(MAY)));
}

/// The signal is sent while the program waits for the password, so it is there before the work begins.
#[cfg(unix)]
#[test]
fn an_interrupted_restore_says_how_to_go_on() {
    let world = two_months();
    let interrupting = "sh -c 'kill -INT $PPID; sleep 1; cat password'";
    let mut command = world.bare(&["restore", "-t", "out", "--password-command", interrupting]);
    let ran = Ran::of(
        command
            .env("LUMIVAULT_REPO", world.repository())
            .output()
            .unwrap(),
    );
    ran.expect(130, "run the same command again");
    world.ok(&["restore", "-t", "out"]);
    assert_eq!(tree(&world.path("out")), tree(&world.path(JUNE)));
}

#[cfg(unix)]
#[test]
fn names_from_a_snapshot_cannot_drive_the_terminal() {
    let world = World::with_repository();
    world.write("phone/evil\u{1b}[2J\u{202e}.txt", b"x");
    world.ok(&["backup", "phone"]);
    let plan = world.ok(&["restore", "-t", "out", "-n"]);
    assert!(plan.contains("/evil\\x1b[2J\\u{202e}.txt"), "{plan}");
    assert!(!plan.contains(['\u{1b}', '\u{202e}']), "{plan:?}");
}
