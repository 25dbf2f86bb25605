//! Looking into snapshots and at the repository: ls, find, diff, dump, cat, check, stats.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not recognised as tests")]

mod common;
mod months;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use common::{Ran, World};
use months::{MAY, PHONE, damage, noise, pack_path, place_of, tree, two_months};
use serde_json::{Value, json};

fn field<'v>(lines: &'v [Value], name: &str) -> Vec<&'v str> {
    lines.iter().filter_map(|line| line[name].as_str()).collect()
}

fn of_type<'v>(lines: &'v [Value], kind: &str) -> Vec<&'v Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}

fn json_lines(world: &World, words: &[&str]) -> Vec<Value> {
    let ran = world.run(&[words, &["--json"]].concat());
    ran.expect(0, "");
    ran.json_lines()
}

#[test]
fn ls_lists_folders_and_all_below() {
    let world = two_months();
    assert_eq!(world.ok(&["ls"]), "/Documents/\n/Pictures/\n");
    let ran = world.run(&["ls", "-R", "--at", "2026-05"]);
    ran.expect(0, "took 2026-05");
    let all = "/Documents/\n/Documents/list.txt\n/Documents/note.txt\n/Pictures/\n/Pictures/a.bin\n/Pictures/b.bin\n";
    assert_eq!(ran.stdout, all);
    let long = world.ok(&["ls", "-l", ":/Pictures"]);
    assert!(
        long.contains("  58.6 KiB  20") && long.ends_with("/Pictures/c.bin\n"),
        "{long}"
    );
    assert_eq!(
        world.ok(&["ls", "latest:/Documents/list.txt"]),
        "/Documents/list.txt\n"
    );
    world
        .run(&["ls", "latest:/documents"])
        .expect(1, "there is Documents");

    let lines = json_lines(&world, &["ls", "latest:/Pictures"]);
    assert_eq!(lines[0]["type"], "snapshot");
    assert_eq!(
        (&lines[0]["phone"], &lines[0]["files"]),
        (&json!(PHONE), &json!(4))
    );
    assert_eq!(lines[0]["selected"]["requested"], "latest");
    assert_eq!(
        field(&lines[1..], "path"),
        ["/Pictures/Album", "/Pictures/b.bin", "/Pictures/c.bin"]
    );
    assert_eq!(field(&lines[1..], "kind"), ["folder", "file", "file"]);
    assert_eq!(
        (&lines[2]["size"], &lines[2]["name"]),
        (&json!(60_000), &json!("b.bin"))
    );
    assert_eq!(lines[2]["content"].as_str().unwrap().len(), 64);
    assert!(lines[1].get("size").is_none() && lines[1].get("content").is_none());
}

#[test]
fn a_reader_that_leaves_ends_a_listing_quietly() {
    let world = World::with_repository();
    for number in 0..3000 {
        world.write(
            &format!("many/a file with a rather long name, number {number:05}"),
            b"",
        );
    }
    world.ok(&["backup", "many"]);
    let mut child = world
        .command(&["ls", "-q"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(first, "/a file with a rather long name, number 00000\n");
    assert_eq!(
        (child.wait().unwrap().code(), stderr),
        (Some(0), world.said_of_the_password())
    );
}

#[test]
fn find_looks_through_all_months() {
    let world = two_months();
    let ran = world.run(&["find", "*.bin"]);
    ran.expect(0, "4 matches in 2 snapshots");
    let expected = "/Pictures/Album/a.bin  (2026-06)\n/Pictures/a.bin  (2026-05)\n\
                    /Pictures/b.bin  (2026-05 to 2026-06, 2 snapshots)\n/Pictures/c.bin  (2026-06)\n";
    assert_eq!(ran.stdout, expected);
    let long = world.ok(&["find", "-l", "b.bin"]);
    assert!(long.contains("  2026-05     Lumia 950\n"), "{long}");

    // The list changed in between: two contents at one path.
    let lines = json_lines(&world, &["find", "-i", "LIST.*"]);
    let matches = of_type(&lines, "match");
    let ids: Vec<Value> = world.snapshots().iter().map(|one| one["id"].clone()).collect();
    let mut sizes: Vec<(u64, &Value)> = matches
        .iter()
        .map(|found| (found["size"].as_u64().unwrap(), &found["snapshots"]))
        .collect();
    sizes.sort_by_key(|(size, _)| *size);
    assert_eq!(sizes, [(5, &json!([ids[0]])), (13, &json!([ids[1]]))]);
    let summary = json!({"type": "summary", "matches": 2, "unreadable": 0, "snapshots_searched": 2});
    assert_eq!(lines.last(), Some(&summary));

    let ran = world.run(&["find", "--at", "2026-05", "c.bin"]);
    ran.expect(0, "0 matches in 1 snapshot");
    assert_eq!(ran.stdout, "");
    world.run(&["find", "[z-a]"]).expect(2, "[z-a]");
}

#[test]
fn diff_tells_what_came_went_changed_and_moved() {
    let world = two_months();
    let ran = world.run(&["diff", "2026-05", "latest"]);
    ran.expect(0, "1 file new (68.4 KiB), 1 gone (9 B), 1 changed, 1 moved");
    let expected = "M /Documents/list.txt\n- /Documents/note.txt\n+ /Pictures/Album/\n\
                    R /Pictures/a.bin -> /Pictures/Album/a.bin\n+ /Pictures/c.bin\n";
    assert_eq!(ran.stdout, expected);
    assert_eq!(world.ok(&["diff", "latest", "latest", "--metadata"]), "");
    let files = [
        "diff",
        "2026-05:/Documents/list.txt",
        "latest:/Documents/list.txt",
    ];
    assert_eq!(world.ok(&files), "M /Documents/list.txt\n");

    let lines = json_lines(&world, &["diff", "2026-05", "2026-06"]);
    let snapshots = world.snapshots();
    assert_eq!(
        (&lines[0]["type"], &lines[0]["from"]),
        (&json!("compare"), &snapshots[0]["id"])
    );
    assert_eq!(lines[0]["to_selected"]["before"], snapshots[0]["id"]);
    let changes = of_type(&lines, "change");
    let moved = changes.iter().find(|change| change["change"] == "moved").unwrap();
    assert_eq!(
        (&moved["path"], &moved["from"]["path"]),
        (&json!("/Pictures/Album/a.bin"), &json!("/Pictures/a.bin"))
    );
    let gone = changes
        .iter()
        .find(|change| change["change"] == "removed")
        .unwrap();
    assert_eq!(
        (&gone["before"]["size"], &gone["after"]),
        (&json!(9), &Value::Null)
    );
    let summary = lines.last().unwrap();
    let counts = [
        "files_added",
        "files_removed",
        "files_changed",
        "files_moved",
        "folders_added",
    ];
    assert_eq!(
        counts.map(|name| summary[name].as_u64().unwrap()),
        [1, 1, 1, 1, 1]
    );
    // The place where a comparison begins is its root.
    assert_eq!(
        world.ok(&["diff", "2026-05:/Documents", "latest:/Documents"]),
        "M /list.txt\n- /note.txt\n"
    );
}

#[test]
fn dump_gives_out_every_byte() {
    let world = two_months();
    let output = world
        .command(&["dump", "latest:/Pictures/c.bin"])
        .output()
        .unwrap();
    assert_eq!((output.status.code(), output.stdout), (Some(0), noise(3, 70_000)));

    world.ok(&["dump", "--at", "2026-05", ":/Pictures/a.bin", "--output", "a.bin"]);
    assert_eq!(fs::read(world.path("a.bin")).unwrap(), noise(1, 50_000));
    let again = world.run(&["dump", "latest:/Pictures/c.bin", "-o", "a.bin"]);
    again.expect(2, "a.bin exists already");
    assert_eq!(fs::read(world.path("a.bin")).unwrap(), noise(1, 50_000));

    world
        .run(&["dump", "latest:/Pictures", "-o", "x"])
        .expect(2, "is no file");
    assert!(!world.path("x").exists());

    damage(&world, "latest", "/Pictures/c.bin");
    world
        .run(&["dump", "latest:/Pictures/c.bin", "-o", "x"])
        .expect(20, "because: chunk ");
    assert!(!world.path("x").exists(), "half a file was left");
}

/// Names and contents of the files in a tar archive; what only describes the next entry is passed over.
fn files_of_tar(tar: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut rest = tar;
    while let Some(header) = rest.first_chunk::<512>().filter(|header| header[0] != 0) {
        let text = |range: std::ops::Range<usize>| {
            let field = std::str::from_utf8(&header[range]).unwrap();
            field.trim_end_matches(['\0', ' ']).to_owned()
        };
        let size = usize::from_str_radix(&text(124..136), 8).unwrap();
        let sum: u32 = header
            .iter()
            .enumerate()
            .map(|(at, byte)| match at {
                148..156 => u32::from(b' '),
                _ => u32::from(*byte),
            })
            .sum();
        assert_eq!(
            u32::from_str_radix(text(148..156).trim_end_matches('\0'), 8).unwrap(),
            sum
        );
        if header[156] == b'0' {
            files.push((text(0..100), rest[512..512 + size].to_vec()));
        }
        rest = &rest[512 + size.div_ceil(512) * 512..];
    }
    assert!(
        rest.len() >= 1024 && rest.iter().all(|byte| *byte == 0),
        "the archive has no end"
    );
    files
}

#[test]
fn folders_are_dumped_as_archives() {
    let world = two_months();
    let output = world
        .command(&["dump", "--archive", "tar", "2026-05"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    let expected: Vec<(String, Vec<u8>)> = tree(&world.path(MAY))
        .into_iter()
        .map(|(path, content)| (path.to_str().unwrap().replace('\\', "/"), content))
        .collect();
    assert_eq!(files_of_tar(&output.stdout), expected);

    world.ok(&[
        "dump",
        "--archive",
        "zip",
        "latest:/Pictures",
        "-o",
        "pictures.zip",
    ]);
    let zip = fs::read(world.path("pictures.zip")).unwrap();
    assert!(zip.starts_with(b"PK\x03\x04"));
    // End of the central directory: its entries are an album with a photo, and two photos.
    let end = zip.windows(4).rposition(|bytes| bytes == b"PK\x05\x06").unwrap();
    assert_eq!(zip[end + 10], 4);
    for name in ["Album/a.bin", "b.bin", "c.bin"] {
        assert!(
            zip.windows(name.len()).any(|bytes| bytes == name.as_bytes()),
            "{name}"
        );
    }

    damage(&world, "latest", "/Pictures/b.bin");
    let ran = world.run(&["dump", "--archive", "zip", "latest:/Pictures", "-o", "rest.zip"]);
    ran.expect(20, "/Pictures/b.bin is not in the archive");
    let zip = fs::read(world.path("rest.zip")).unwrap();
    let end = zip.windows(4).rposition(|bytes| bytes == b"PK\x05\x06").unwrap();
    assert_eq!(zip[end + 10], 3, "the others are in it");
}

#[test]
fn cat_shows_objects_without_secrets() {
    let world = two_months();
    let config = world.json(&["cat", "config"]);
    assert_eq!(
        (config["generation"].as_u64(), config["chunker"]["set"].as_u64()),
        (Some(1), Some(1))
    );
    let snapshot = world.json(&["cat", "snapshot", "2026-05"]);
    assert_eq!(
        (&snapshot["files"], &snapshot["config"]),
        (&json!(4), &config["object"])
    );

    let keys = world.json(&["key", "list"]);
    let id = keys[0]["id"].as_str().unwrap();
    let key = world.json(&["cat", "key", &id[..6]]);
    assert_eq!(
        (&key["id"], key["salt"].as_str().unwrap().len()),
        (&keys[0]["id"], 64)
    );
    let names: Vec<&String> = key.as_object().unwrap().keys().collect();
    assert!(
        !names
            .iter()
            .any(|name| name.contains("box") || name.contains("private")),
        "{names:?}"
    );

    let (pack, offset) = place_of(&world, "latest", "/Pictures/c.bin");
    let directory = world.json(&["cat", "pack", &pack[..12]]);
    assert_eq!(directory["object"], pack.as_str());
    let entries = directory["entries"].as_array().unwrap();
    let entry = entries.iter().find(|entry| entry["offset"] == offset).unwrap();
    // How much of the file it holds depends on the repository's key.
    let length = usize::try_from(entry["plain_length"].as_u64().unwrap()).unwrap();
    for kind in ["chunk", "blob"] {
        let chunk = world
            .command(&["cat", kind, entry["id"].as_str().unwrap()])
            .output()
            .unwrap();
        assert_eq!(chunk.stdout, noise(3, 70_000)[..length]);
    }

    let folder = world.json(&["cat", "tree", "latest:/Pictures"]);
    assert_eq!(
        field(folder["entries"].as_array().unwrap(), "name"),
        ["Album", "b.bin", "c.bin"]
    );
    assert_eq!(folder["contents"][0]["extents"][0]["type"], "chunk");

    world
        .run(&["cat", "pack", "ffff"])
        .expect(1, "no pack has an id that begins with `ffff`");
    world.run(&["cat", "chunk", "latest"]).expect(2, "hexadecimal");
    world
        .run(&["cat", "tree", "latest:/Pictures/b.bin"])
        .expect(2, "is no folder");
    world.run(&["cat", "index", ""]).expect(2, "which object");
}

#[test]
fn a_sound_repository_is_said_to_be() {
    let world = two_months();
    let ran = world.run(&["check"]);
    ran.expect(0, "--read-data does that");
    assert!(ran.stdout.ends_with("no damage was found\n"), "{}", ran.stdout);
    let all = world.json(&["check", "--read-data"]);
    assert_eq!((&all["status"], &all["snapshots"]), (&json!("clean"), &json!(2)));
    assert_eq!(all["packs_read"], all["packs"]);
    let packs: u64 = tree(&world.repository().join("packs"))
        .iter()
        .map(|(_, bytes)| bytes.len() as u64)
        .sum();
    assert_eq!(all["bytes_read"], packs);
    assert_eq!((&all["problems"], &all["affected"]), (&json!([]), &json!([])));
    // All parts together are everything.
    let parts = ["1/3", "2/3", "3/3"].map(|part| world.json(&["check", "--read-data-subset", part]));
    let read: u64 = parts
        .iter()
        .map(|part| part["packs_read"].as_u64().unwrap())
        .sum();
    assert_eq!(all["packs_read"], read);
}

#[test]
fn damage_is_found_with_the_files_it_costs() {
    let world = two_months();
    damage(&world, "latest", "/Pictures/b.bin");
    world.ok(&["check"]);
    let ran = world.run(&["check", "--read-data", "--json"]);
    ran.expect(20, "");
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(answer["status"], "damaged");
    let problems = answer["problems"].as_array().unwrap();
    assert!(
        problems
            .iter()
            .any(|one| one["severity"] == "damage" && one["object"]["kind"] == "pack"),
        "{answer}"
    );
    let affected = answer["affected"].as_array().unwrap();
    assert!(
        !affected.is_empty()
            && affected.iter().all(|one| {
                let path = one["path"].as_str().unwrap();
                path == "/Pictures/b.bin" || path == "/Pictures"
            }),
        "{answer}"
    );
    assert_eq!(answer["affected_snapshots"].as_array().unwrap().len(), 2);
    let ran = world.run(&["check", "--read-data-subset", "100%"]);
    ran.expect(20, "");
    assert!(
        ran.stdout.contains("/Pictures/b.bin") && ran.stdout.contains("\nthe repository is damaged\nnext: ")
    );
}

#[test]
fn a_lost_pack_and_an_unreadable_index_are_found_without_reading_data() {
    let world = two_months();
    let (pack, _) = place_of(&world, "2026-05", "/Pictures/a.bin");
    fs::remove_file(pack_path(&world, &pack)).unwrap();
    let ran = world.run(&["check"]);
    ran.expect(20, "");
    assert!(
        ran.stdout.contains(&pack) && ran.stdout.contains("it is missing"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("2 snapshots cannot be restored whole"),
        "{}",
        ran.stdout
    );

    for (path, _) in tree(&world.repository().join("index")) {
        let path = world.repository().join("index").join(path);
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::remove_file(&path).unwrap();
        fs::write(&path, bytes).unwrap();
    }
    world.run(&["check", "--no-cache"]).expect(20, "index/");
}

#[test]
fn folders_that_cannot_be_read_are_damage() {
    let world = World::with_repository();
    // Enough names for the folder's head to be a chunk of its own wherever the key makes its pieces end.
    for number in 0..2_000_u64 {
        world.write(
            &format!("phone/Music/a song, number {number:05}.mp3"),
            &number.to_le_bytes(),
        );
    }
    world.ok(&["backup", "phone"]);
    fs::remove_dir_all(world.repository().join("packs")).unwrap();
    let ran = world.run(&["ls", "-R", "--json"]);
    ran.expect(20, "/Music cannot be read");
    let lines = ran.json_lines();
    assert_eq!(of_type(&lines, "unreadable")[0]["path"], "/Music");
    world.run(&["find", "*"]).expect(20, "cannot be read");
    world.run(&["stats"]).expect(20, "is not counted");
    world
        .run(&["dump", ":/Music/a song, number 00001.mp3"])
        .expect(20, "lumivault check tells");
    world
        .run(&["restore", "-t", "out"])
        .expect(20, "nothing in Music was restored");
}

#[test]
fn stats_count_what_is_shared_once() {
    let world = two_months();
    let stats = world.json(&["stats"]);
    let (may, june) = (110_000 + 5 + 9, 50_000 + 60_000 + 70_000 + 13);
    assert_eq!(
        (&stats["snapshots"], &stats["phones"], &stats["files"]),
        (&json!(2), &json!(1), &json!(8))
    );
    assert_eq!(stats["bytes_logical"], may + june);
    assert_eq!(
        (&stats["contents"], &stats["bytes_unique"]),
        (&json!(6), &json!(180_000 + 5 + 9 + 13))
    );
    // Tiny contents share chunks, but no byte is in two.
    assert_eq!(stats["bytes_chunks"], stats["bytes_unique"]);
    assert_eq!(stats["bytes_unreferenced"], 0);
    let sum = |list: &Value, field: &str| -> u64 {
        list.as_array()
            .unwrap()
            .iter()
            .map(|one| one[field].as_u64().unwrap())
            .sum()
    };
    let stored = stats["bytes_compressed"].as_u64().unwrap() + stats["bytes_trees"].as_u64().unwrap();
    for list in ["by_snapshot", "by_month"] {
        assert_eq!(stats[list].as_array().unwrap().len(), 2, "{list}");
        assert_eq!(sum(&stats[list], "bytes_stored"), stored, "{list}");
        assert_eq!(sum(&stats[list], "bytes_logical"), may + june, "{list}");
    }
    assert_eq!(stats["by_month"][1]["month"], "2026-06");
    let everything: u64 = tree(&world.repository())
        .iter()
        .filter(|(path, _)| {
            let no_object = ["README.txt", "reserve", "tmp"];
            !no_object.iter().any(|name| path.starts_with(name))
        })
        .map(|(_, bytes)| bytes.len() as u64)
        .sum();
    assert_eq!(stats["bytes_stored"], everything);
    assert_eq!(stats["bytes_overhead"].as_u64().unwrap() + stored, everything);
    // What is listed by `cat` is padded as much.
    let padding: u64 = tree(&world.repository().join("packs"))
        .iter()
        .map(|(path, _)| {
            let pack = world.json(&["cat", "pack", path.file_name().unwrap().to_str().unwrap()]);
            pack["padding"].as_u64().unwrap()
        })
        .sum();
    assert_eq!(stats["bytes_padding"], padding);

    let one = world.json(&["stats", "2026-05"]);
    assert_eq!(
        (&one["snapshots"], &one["bytes_logical"]),
        (&json!(1), &json!(may))
    );
    assert!(one.get("bytes_stored").is_none());
    let said = world.ok(&["stats"]);
    assert!(
        said.starts_with("2 snapshots of 1 phone\n") && said.contains("2026-06"),
        "{said}"
    );
}

#[test]
fn an_empty_repository_is_no_error_to_look_at() {
    let world = World::with_repository();
    world.run(&["ls"]).expect(1, "the archive holds no snapshot yet");
    world.run(&["find", "*"]).expect(0, "0 matches in 0 snapshots");
    world.ok(&["check", "--read-data"]);
    assert_eq!(world.json(&["stats"])["sharing_ratio"], Value::Null);
    let wrong = world.password_file("wrong", "not it");
    let ran: Ran = world.run_with(wrong.to_str().unwrap(), &["ls"]);
    ran.expect(12, "");
}
