//! Backups, imports, the list of snapshots and their tags.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not recognised as tests")]

mod common;

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use common::{Ran, World, files_below};
use serde_json::{Value, json};

/// A small phone's folder.
fn phone(world: &World, name: &str) {
    world.write(&format!("{name}/Pictures/Camera Roll/WP_1.jpg"), &vec![7; 40_000]);
    world.write(&format!("{name}/Documents/list.txt"), b"bread, butter");
    world.write(&format!("{name}/Documents/old.txt"), b"no longer needed");
    world.write(&format!("{name}/desktop.ini"), b"junk");
}

fn counts(answer: &Value, names: &[&str]) -> Vec<u64> {
    names.iter().map(|name| answer[*name].as_u64().unwrap()).collect()
}

const CHANGES: [&str; 4] = ["files_new", "files_changed", "files_unchanged", "files_gone"];

#[test]
fn a_backup_says_what_it_did() {
    let world = World::with_repository();
    phone(&world, "phone");
    let words = [
        "backup",
        "--phone",
        "Lumia 950",
        "-H",
        "desk",
        "--time",
        "2026-05",
        "--tag",
        "a,b",
        "phone",
    ];
    let first = world.json(&words);
    assert_eq!(first["status"], "created");
    assert_eq!(
        (&first["time"], &first["precision"], &first["civil"]),
        (&json!("2026-05-31T23:59:59Z"), &json!("month"), &json!("2026-05"))
    );
    assert_eq!(counts(&first, &CHANGES), [3, 0, 0, 0]);
    assert_eq!(first["parent"], Value::Null);
    assert_eq!(
        first["left_out"],
        json!([{"path": "/desktop.ini", "rule": "desktop.ini"}])
    );

    world.write("phone/Documents/list.txt", b"bread, butter, jam");
    world.write("phone/Documents/new.txt", b"new");
    std::fs::remove_file(world.path("phone/Documents/old.txt")).unwrap();
    let second = world.json(&["backup", "--phone", "Lumia 950", "phone"]);
    assert_eq!(counts(&second, &CHANGES), [1, 1, 1, 1]);
    assert_eq!(second["parent"], first["snapshot"]);
    assert_eq!(second["precision"], "instant");
    assert!(second["bytes_added"].as_u64() < first["bytes_added"].as_u64());

    let said = world.ok(&["backup", "--phone", "Lumia 950", "phone"]);
    assert!(
        said.contains("of Lumia 950") && said.contains("3 files (3 unchanged)"),
        "{said}"
    );
    assert!(
        said.contains("1 by desktop.ini (1)") && said.contains(" restore "),
        "{said}"
    );

    let snapshots = world.snapshots();
    assert_eq!(snapshots.len(), 3);
    assert_eq!(snapshots[0]["id"], first["snapshot"]);
    assert_eq!(snapshots[0]["tags"], json!(["a", "b"]));
    assert_eq!(snapshots[0]["host"], "desk");
    assert_eq!(counts(&snapshots[0], &["files", "folders"]), [3, 3]);
    let source = snapshots[0]["sources"][0].clone();
    assert_eq!(
        source,
        json!({"path": world.path("phone").to_str().unwrap(), "label": null})
    );
}

#[test]
fn nothing_new_makes_no_snapshot_if_so_wished() {
    let world = World::with_repository();
    phone(&world, "phone");
    world.ok(&["backup", "phone"]);
    let before = files_below(&world.repository());
    assert_eq!(
        world.json(&["backup", "--skip-if-unchanged", "phone"])["status"],
        "unchanged"
    );
    let dry = world.json(&["backup", "--dry-run", "phone"]);
    assert_eq!(
        (&dry["status"], &dry["snapshot"]),
        (&json!("dry-run"), &Value::Null)
    );
    world.write("phone/new.bin", &vec![3; 100_000]);
    let dry = world.json(&["backup", "--dry-run", "phone"]);
    assert_eq!(counts(&dry, &CHANGES), [1, 0, 3, 0]);
    assert!(dry["bytes_added"].as_u64().unwrap() > 10_000);
    assert_eq!(files_below(&world.repository()), before);
}

#[test]
fn sources_have_their_places() {
    let world = World::with_repository();
    phone(&world, "one/phone");
    phone(&world, "two/card");
    let both = world.json(&["backup", "one/phone", "two/card"]);
    assert_eq!(counts(&both, &["files", "folders"]), [6, 8]);
    let lone_file = world.json(&["backup", "one/phone/Documents/list.txt"]);
    assert_eq!(counts(&lone_file, &["files", "folders"]), [1, 0]);
    world.write(
        "list",
        b"# both\none/phone/Documents/list.txt\ntwo/card/Documents\n",
    );
    let listed = world.json(&["backup", "--files-from", "list"]);
    assert_eq!(counts(&listed, &["files", "folders"]), [3, 6]);
    let labels = |index: usize| {
        let snapshots = world.snapshots();
        let sources = snapshots[index]["sources"].as_array().unwrap().clone();
        sources
            .iter()
            .map(|source| source["label"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(labels(0), ["phone", "card"]);
    assert_eq!(labels(2), ["one/phone/Documents/list.txt", "two/card/Documents"]);
}

#[test]
fn standard_input_is_one_file() {
    let world = World::with_repository();
    let mut child = world
        .command(&["backup", "--stdin", "--stdin-filename", "store.sql", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(&vec![b'x'; 300_000])
        .unwrap();
    let ran = Ran::of(child.wait_with_output().unwrap());
    ran.expect(0, "");
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(counts(&answer, &["files", "bytes_total"]), [1, 300_000]);
}

#[test]
fn what_is_left_out_is_left_out() {
    let world = World::with_repository();
    phone(&world, "phone");
    world.write("phone/Music/.nobackup", b"Signature: yes");
    world.write("phone/Music/a.mp3", b"la");
    let files = |words: &[&str]| {
        let words = [&["backup", "phone", "-n"], words].concat();
        world.json(&words)["files"].as_u64().unwrap()
    };
    assert_eq!(files(&[]), 5);
    assert_eq!(files(&["--no-default-excludes"]), 6);
    assert_eq!(files(&["-e", "*.TXT"]), 5);
    assert_eq!(files(&["--iexclude", "*.TXT"]), 3);
    assert_eq!(files(&["--exclude-if-present", ".nobackup"]), 3);
    assert_eq!(files(&["--exclude-if-present", ".nobackup:Signature"]), 3);
    assert_eq!(files(&["--exclude-if-present", ".nobackup:other"]), 5);
    world.run(&["backup", "phone", "-e", "[z-a]"]).expect(2, "[z-a]");
}

#[test]
fn a_source_that_is_not_there_stores_nothing() {
    let world = World::with_repository();
    phone(&world, "phone");
    world
        .run(&["backup", "phone", "no such folder"])
        .expect(2, "cannot read the source no such folder");
    world
        .run(&["import", "nowhere"])
        .expect(2, "cannot read the source nowhere");
    assert_eq!(world.snapshots().len(), 0);
}

#[test]
fn what_cannot_be_kept_is_three_and_the_rest_is_kept() {
    let world = World::with_repository();
    // Deeper than any snapshot: the same for every user, whatever permissions mean to them.
    let deep = "d/".repeat(258);
    world.write("phone/a.txt", b"kept");
    world.write(&format!("phone/{deep}b.txt"), b"too deep");
    let ran = world.run(&["backup", "phone", "--json"]);
    ran.expect(3, "nested more than 256 deep");
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (answer["warnings_total"].as_u64(), answer["files"].as_u64()),
        (Some(1), Some(1))
    );
    assert!(
        answer["warnings"][0]["path"]
            .as_str()
            .unwrap()
            .starts_with("/d/d/")
    );
    let snapshots = world.snapshots();
    assert_eq!(snapshots[0]["incomplete"], true);
    assert!(world.ok(&["snapshots"]).contains("incomplete, 1 warning"));
}

#[cfg(unix)]
#[test]
fn a_pipe_in_the_source_does_not_hold_it_up() {
    let world = World::with_repository();
    world.write("phone/a.txt", b"a");
    let pipe = world.path("phone/pipe");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let answer = world.json(&["backup", "phone"]);
    assert_eq!(counts(&answer, &["files", "links"]), [1, 1]);
}

#[cfg(unix)]
#[test]
fn an_interrupted_backup_is_130_and_the_next_goes_on() {
    use std::io::BufRead as _;

    let world = World::with_repository();
    let mut child = world
        .command(&["backup", "--stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stderr = std::io::BufReader::new(child.stderr.take().unwrap());
    // More than a pipe holds: once it is written, the program is at work.
    let window = vec![1; 10 << 20];
    stdin.write_all(&window).unwrap();
    let pid = child.id().to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    let mut line = String::new();
    while !line.starts_with("stopping: ") {
        line.clear();
        assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "it never stopped");
    }
    // It may be gone by now.
    let _ = stdin.write_all(&window).and_then(|()| stdin.write_all(&window));
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(world.snapshots().len(), 0);
    world.write("phone/a.txt", b"a");
    world.ok(&["backup", "phone"]);
}

/// Twelve months, each with all before it.
fn year(world: &World) -> Vec<String> {
    let months: Vec<String> = (1..=12)
        .map(|month| format!("copies/Lumia-Backup-2025-{month:02}"))
        .collect();
    for (number, folder) in months.iter().enumerate() {
        for photo in 0..=number {
            let seed = u8::try_from(photo).unwrap();
            let content: Vec<u8> = (0..20_000_u32)
                .map(|i| {
                    i.wrapping_mul(2_654_435_761).to_le_bytes()[2]
                        .wrapping_add(seed)
                        .rotate_left(i % 7)
                })
                .collect();
            world.write(&format!("{folder}/Pictures/{photo}.jpg"), &content);
        }
    }
    months
}

#[test]
fn twelve_months_are_imported_in_order_and_only_once() {
    let world = World::with_repository();
    let months = year(&world);
    let plan = world.ok(&["import", "-n", "copies"]);
    let dates: Vec<&str> = plan
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|word| word.starts_with("2025-"))
        .collect();
    let expected: Vec<String> = (1..=12).map(|month| format!("2025-{month:02}")).collect();
    assert_eq!(dates, expected);
    assert_eq!(world.snapshots().len(), 0);

    let mut words = vec!["import", "--phone", "Lumia 930", "--json"];
    words.extend(months.iter().rev().map(String::as_str));
    let ran = world.run(&words);
    ran.expect(0, "");
    let lines = ran.json_lines();
    let civil: Vec<_> = lines
        .iter()
        .map(|line| line["civil"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(civil, expected);
    for (number, line) in lines.iter().enumerate() {
        let number = number as u64;
        assert_eq!(
            (&line["type"], &line["status"]),
            (&json!("import"), &json!("created"))
        );
        assert_eq!(counts(line, &CHANGES), [1, 0, number, 0], "{line}");
    }
    let before = files_below(&world.repository());
    let again = world.run(&words);
    again.expect(0, "");
    assert!(
        again
            .json_lines()
            .iter()
            .all(|line| line["status"] == "unchanged")
    );
    assert_eq!(files_below(&world.repository()), before);
    let civil: Vec<_> = world
        .snapshots()
        .iter()
        .map(|one| one["civil"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(civil, expected);
}

#[test]
fn a_month_with_other_content_becomes_a_second_snapshot() {
    let world = World::with_repository();
    phone(&world, "Lumia-Backup-2026-05");
    world.ok(&["import", "Lumia-Backup-2026-05"]);
    let first = world.snapshots()[0]["id"].clone();
    world.write("Lumia-Backup-2026-05/late.txt", b"one more");
    let said = world.ok(&["import", "Lumia-Backup-2026-05"]);
    assert!(said.contains("second snapshot of 2026-05"), "{said}");
    assert!(said.contains(&first.as_str().unwrap()[..8]), "{said}");
    world.write("Lumia-Backup-2026-05/later.txt", b"two more");
    let ran = world.run(&["import", "Lumia-Backup-2026-05", "--json"]);
    let line = &ran.json_lines()[0];
    assert!(line["conflict_with"].is_string(), "{line}");
    assert_eq!(world.snapshots().len(), 3);
}

#[test]
fn folders_without_a_date_are_listed_and_left() {
    let world = World::with_repository();
    phone(&world, "Lumia-2026-04");
    phone(&world, "misc");
    let ran = world.run(&["import", "misc", "Lumia-2026-04"]);
    ran.expect(3, "misc is left");
    assert!(
        ran.stdout
            .contains("1 imported, 0 already in the repository, 1 left"),
        "{}",
        ran.stdout
    );
    let ran = world.run(&["import", "--json", "misc", "Lumia-2026-04"]);
    let lines = ran.json_lines();
    assert_eq!(
        (ran.code, &lines[1]["status"], &lines[1]["folder"]),
        (Some(3), &json!("failed"), &json!("misc"))
    );
    world
        .run(&["import", "misc"])
        .expect(2, "none of the folders has a date");
    world
        .run(&["import", "-n", "misc", "Lumia-2026-04"])
        .expect(3, "misc is left");
    assert_eq!(world.snapshots().len(), 1);
}

#[test]
fn snapshots_can_be_chosen() {
    let world = World::with_repository();
    phone(&world, "phone");
    for (name, time) in [
        ("Lumia 930", "2025-01"),
        ("Lumia 930", "2025-02"),
        ("Lumia 950", "2025-03"),
    ] {
        world.ok(&["backup", "--phone", name, "--time", time, "phone"]);
    }
    let chosen = |words: &[&str]| {
        let list = world.json(&[&["snapshots"], words].concat());
        let list = list.as_array().unwrap().clone();
        list.iter()
            .map(|one| one["civil"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(chosen(&[]), ["2025-01", "2025-02", "2025-03"]);
    assert_eq!(chosen(&["--phone", "Lumia 930"]), ["2025-01", "2025-02"]);
    assert_eq!(chosen(&["--latest", "1"]), ["2025-02", "2025-03"]);
    assert_eq!(chosen(&["--phone", "Lumia 930", "2025-01-31"]), ["2025-01"]);
    assert_eq!(chosen(&["--tag", "none"]), [""; 0]);
    let id = world.snapshots()[1]["id"].as_str().unwrap().to_owned();
    assert_eq!(chosen(&[&id[..10]]), ["2025-02"]);
    world
        .run(&["snapshots", "latest"])
        .expect(2, "Lumia 930, Lumia 950");
    world
        .run(&["snapshots", "kkkkkkkkkkkk"])
        .expect(1, "no snapshot's id begins with");
    world.run(&["snapshots", "2025-13"]).expect(2, "does not exist");
    let table = world.ok(&["snapshots"]);
    assert!(
        table.contains("Lumia 950") && table.ends_with("3 snapshots\n"),
        "{table}"
    );
}

#[test]
fn a_damaged_snapshot_is_told_and_the_others_are_listed() {
    let world = World::with_repository();
    phone(&world, "phone");
    world.ok(&["backup", "--time", "2025-01", "phone"]);
    world.ok(&["backup", "--time", "2025-02", "phone"]);
    let (path, mut content) = files_below(&world.repository().join("snapshots")).remove(0);
    let middle = content.len() / 2;
    content[middle] ^= 1;
    overwrite(&path, &content);
    let ran = world.run(&["snapshots", "--json"]);
    ran.expect(20, "is damaged");
    let listed: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    world.run(&["snapshots"]).expect(20, "lumivault check");
}

fn overwrite(path: &Path, content: &[u8]) {
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, content).unwrap();
}

#[test]
fn tags_change_and_snapshots_do_not() {
    let world = World::with_repository();
    phone(&world, "phone");
    world.ok(&[
        "backup", "--phone", "A", "--time", "2025-01", "--tag", "first", "phone",
    ]);
    world.ok(&["backup", "--phone", "A", "--time", "2025-02", "phone"]);
    let ids: Vec<String> = world
        .snapshots()
        .iter()
        .map(|one| one["id"].as_str().unwrap().to_owned())
        .collect();
    let tags = || {
        world
            .snapshots()
            .iter()
            .map(|one| one["tags"].clone())
            .collect::<Vec<_>>()
    };

    let dry = world.json(&["tag", "--add", "x", "latest", "-n"]);
    assert_eq!(
        (&dry["dry_run"], &dry["changed"][0]["tags"]),
        (&json!(true), &json!(["x"]))
    );
    assert_eq!(tags(), [json!(["first"]), json!([])]);

    let changed = world.json(&["tag", "--add", "x,y", "2025-01", &ids[1][..8]]);
    assert_eq!(changed["changed"].as_array().unwrap().len(), 2);
    assert_eq!(tags(), [json!(["first", "x", "y"]), json!(["x", "y"])]);
    let same = world.json(&["tag", "--add", "x", "--phone", "A"]);
    assert_eq!((&same["changed"], &same["unchanged"]), (&json!([]), &json!(2)));
    world.ok(&["tag", "--remove", "x", "--tag", "first"]);
    assert_eq!(tags(), [json!(["first", "y"]), json!(["x", "y"])]);
    world.ok(&["tag", "--set", "z", "latest"]);
    world.ok(&["tag", "--set", "", "2025-01"]);
    assert_eq!(tags(), [json!([]), json!(["z"])]);
    // The same tag can come back, later facts count.
    world.ok(&["tag", "--add", "first", "2025-01"]);
    assert_eq!(tags(), [json!(["first"]), json!(["z"])]);
    assert_eq!(
        world
            .snapshots()
            .iter()
            .map(|one| one["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>(),
        ids
    );
    world
        .run(&["tag", "--add", "x", "--phone", "B"])
        .expect(1, "no snapshot is chosen");
}

#[test]
fn of_two_snapshots_of_a_month_the_one_written_last_is_taken() {
    // Ids are as good as random: one run would prove little.
    for round in 0..4 {
        let world = World::with_repository();
        world.write("2025-06/a.txt", b"first");
        world.ok(&["import", "2025-06"]);
        world.write("2025-06/b.txt", format!("second, {round}").as_bytes());
        let said = world.ok(&["import", "2025-06"]);
        assert!(said.contains("second snapshot of 2025-06"), "{said}");
        for when in ["2025-06", "latest", "2025"] {
            let ran = world.run(&["dump", "--at", when, ":b.txt"]);
            ran.expect(0, "of those of that time it was written last");
            assert_eq!(ran.stdout, format!("second, {round}"), "{when}");
        }
    }
}

#[test]
fn a_phone_without_a_name_can_be_meant() {
    let world = World::with_repository();
    world.write("2025-06/a.txt", b"of no phone");
    world.ok(&["import", "2025-06"]);
    world.write("now/a.txt", b"of the phone");
    world.ok(&["backup", "--phone", "Lumia 950", "now"]);
    world
        .run(&["dump", "--at", "2025-06", ":a.txt"])
        .expect(2, "(unnamed), Lumia 950");
    let unnamed = |words: &[&str]| world.ok(&[words, &["--phone", "(unnamed)"]].concat());
    assert_eq!(unnamed(&["dump", "--at", "2025-06", ":a.txt"]), "of no phone");
    assert_eq!(unnamed(&["snapshots"]).matches("2025-06").count(), 1);
    assert!(!unnamed(&["snapshots"]).contains("Lumia 950"));
    // But nobody is called so.
    world
        .run(&["backup", "--phone", "(unnamed)", "now"])
        .expect(2, "leave --phone out");
}

#[test]
fn what_has_no_date_beside_what_has_is_told() {
    let world = World::with_repository();
    for file in [
        "2025-01/a",
        "Lumia/b",
        "Sicherung-alt/c",
        "loose.jpg",
        ".hidden/d",
    ] {
        world.write(&format!("copies/{file}"), file.as_bytes());
    }
    for words in [["import", "-n", "copies"].as_slice(), &["import", "copies"]] {
        let ran = world.run(words);
        ran.expect(3, "Lumia is left: its name holds no date");
        assert!(ran.stderr.contains("Sicherung-alt is left"), "{}", ran.stderr);
        assert!(
            ran.stderr.contains("1 file in it is in no folder with a date"),
            "{}",
            ran.stderr
        );
        assert!(!ran.stderr.contains("hidden"), "{}", ran.stderr);
    }
    assert_eq!(world.snapshots().len(), 1);
}

#[test]
fn importing_again_stores_what_was_lost() {
    let world = World::with_repository();
    for month in ["2025-01", "2025-02"] {
        let noise: Vec<u8> = (0..90_000_u32)
            .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
            .collect();
        world.write(
            &format!("copies/{month}/photo.bin"),
            &[noise.as_slice(), month.as_bytes()].concat(),
        );
    }
    world.ok(&["import", "copies"]);
    let packs = files_below(&world.repository().join("packs"));
    let (largest, _) = packs.iter().max_by_key(|(_, bytes)| bytes.len()).unwrap();
    std::fs::remove_file(largest).unwrap();
    world.run(&["check"]).expect(20, "");
    world.run(&["repair", "packs"]).expect(20, "");
    let said = world.ok(&["import", "copies"]);
    assert!(said.contains("had been lost and"), "{said}");
    world.ok(&["check", "--read-data"]);
    assert_eq!(world.snapshots().len(), 2);
    let again = world.ok(&["import", "copies"]);
    assert!(!again.contains("had been lost"), "{again}");
}

#[test]
fn imports_at_the_same_time_neither_fail_nor_give_one_id_twice() {
    let world = World::with_repository();
    year(&world);
    let start = || {
        let mut command = world.command(&["import", "copies"]);
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    for child in [start(), start()] {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }
    let ids: Vec<String> = world
        .snapshots()
        .iter()
        .map(|one| one["id"].as_str().unwrap().to_owned())
        .collect();
    let distinct: std::collections::BTreeSet<&String> = ids.iter().collect();
    assert!(ids.len() >= 12 && distinct.len() == ids.len(), "{ids:?}");
    world.ok(&["check", "--read-data"]);
}
