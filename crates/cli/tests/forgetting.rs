//! Forgetting: what is hidden, what rules keep, what is refused, and the way back.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not recognised as tests")]

mod common;

use common::{World, files_below};
use serde_json::{Value, json};

/// A repository with a snapshot of each of these times, the first the oldest.
fn world_of(phone: &str, times: &[&str]) -> World {
    let world = World::with_repository();
    for time in times {
        add(&world, phone, time);
    }
    world
}

fn add(world: &World, phone: &str, time: &str) {
    world.write("phone/Documents/diary.txt", format!("{phone}, {time}").as_bytes());
    world.ok(&["backup", "--phone", phone, "--time", time, "phone"]);
}

const MONTHS: [&str; 4] = ["2026-02", "2026-03", "2026-04", "2026-05"];

fn months() -> World {
    world_of("Lumia 950", &MONTHS)
}

fn ids(world: &World) -> Vec<String> {
    field(&world.snapshots(), "id")
}

fn field(all: &[Value], name: &str) -> Vec<String> {
    all.iter()
        .map(|one| one[name].as_str().unwrap().to_owned())
        .collect()
}

fn civil(world: &World) -> Vec<String> {
    field(&world.snapshots(), "civil")
}

#[test]
fn what_is_forgotten_is_gone_from_lists_and_dates_until_it_is_undone() {
    let world = months();
    let id = ids(&world).pop().unwrap();
    let said = world.ok(&["forget", &id[..10]]);
    assert!(
        said.starts_with(&format!("forgot {}  2026-05  Lumia 950\n", &id[..8])),
        "{said}"
    );
    for needed in ["lumivault forget --undo", "7 days", "lumivault prune"] {
        assert!(said.contains(needed), "{said}");
    }

    assert_eq!(civil(&world), &MONTHS[..3]);
    let listed = world.run(&["snapshots"]);
    listed.expect(0, "without 1 forgotten one; lumivault snapshots --forgotten");
    assert!(listed.stdout.ends_with("3 snapshots\n"), "{}", listed.stdout);
    // Dates and `latest` take the one before.
    for when in ["2026-05", "latest"] {
        let ran = world.run(&["dump", &format!("{when}:/Documents/diary.txt")]);
        ran.expect(0, "took 2026-04");
        assert_eq!(ran.stdout, "Lumia 950, 2026-04");
    }
    world
        .run(&["ls", "--at", "2026-05", "--strict"])
        .expect(1, "2026-05 holds no snapshot");
    let found = world.run(&["find", "diary.txt"]);
    found.expect(0, "3 matches in 3 snapshots");
    assert_eq!(world.json(&["stats"])["snapshots"], json!(3));

    // Its id still names it, with a warning that tells the way back.
    let target = world.path("target");
    let ran = world.run(&["restore", &id[..8], "--target", target.to_str().unwrap()]);
    ran.expect(0, &format!("lumivault forget --undo {}", &id[..8]));
    assert!(ran.stderr.contains("warning: snapshot"), "{}", ran.stderr);
    let content = std::fs::read_to_string(target.join("Documents/diary.txt")).unwrap();
    assert_eq!(content, "Lumia 950, 2026-05");
    world
        .run(&["diff", "2026-04", &id])
        .expect(0, "was forgotten on 20");
    world.run(&["snapshots", &id]).expect(0, "was forgotten on 20");

    let gone = world.json(&["snapshots", "--forgotten"]);
    assert_eq!(gone.as_array().unwrap().len(), 1);
    assert_eq!((&gone[0]["id"], &gone[0]["pinned"]), (&json!(id), &json!(false)));
    assert!(gone[0]["forgotten"].as_str().unwrap().starts_with("20"));
    let shown = world.ok(&["snapshots", "--forgotten"]);
    assert!(
        shown.contains("forgotten 20") && shown.ends_with("1 snapshot\n"),
        "{shown}"
    );
    assert_eq!(
        world.ok(&["snapshots", "--forgotten", "--phone", "other"]),
        "0 snapshots\n"
    );

    // Nothing was deleted, and a check looks at all of it.
    assert_eq!(world.json(&["check", "--read-data"])["snapshots"], json!(4));

    let again = world.ok(&["forget", &id]);
    assert!(again.starts_with("is forgotten already: "), "{again}");
    assert!(!again.contains("prune"), "{again}");
    let back = world.json(&["forget", "--undo", &id]);
    let expected = json!({"status": "revived", "dry_run": false, "changed": [id], "unchanged": []});
    assert_eq!(back, expected);
    assert_eq!(civil(&world), MONTHS);
    assert!(
        world
            .ok(&["forget", "--undo", &id])
            .starts_with("is not forgotten: ")
    );
    assert!(world.snapshots()[3].get("forgotten").is_none());
}

#[test]
fn a_date_forgets_what_it_holds_and_nothing_else() {
    let world = months();
    let ran = world.run(&["forget", "2026-04", "--json"]);
    ran.expect(0, "took 2026-04");
    let answer: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(answer["status"], "forgotten");
    assert_eq!(answer["changed"].as_array().unwrap().len(), 1);
    assert_eq!(civil(&world), ["2026-02", "2026-03", "2026-05"]);
    // Run again, it does not go on with the month before.
    world
        .run(&["forget", "2026-04"])
        .expect(1, "2026-04 holds no snapshot");
    assert_eq!(civil(&world).len(), 3);
    // One that cannot be found leaves all others alone.
    world
        .run(&["forget", "2026-05", "2026-04"])
        .expect(1, "2026-04 holds no snapshot");
    assert_eq!(civil(&world).len(), 3);
}

#[test]
fn all_may_be_forgotten_by_name_and_are_not_gone() {
    let world = months();
    let all = ids(&world);
    let words: Vec<&str> = ["forget"]
        .into_iter()
        .chain(all.iter().map(String::as_str))
        .collect();
    world.ok(&words);
    assert_eq!(civil(&world).len(), 0);
    world.run(&["ls"]).expect(1, "lumivault snapshots --forgotten");
    // A backup is as the first of its phone.
    world.write("phone/Documents/diary.txt", b"Lumia 950, 2026-05");
    let made = world.json(&["backup", "--phone", "Lumia 950", "--skip-if-unchanged", "phone"]);
    assert_eq!(
        (&made["status"], &made["parent"]),
        (&json!("created"), &Value::Null)
    );
}

#[test]
fn rules_keep_what_they_say_and_a_dry_run_changes_nothing() {
    let world = world_of(
        "Lumia 950",
        &["2024-11", "2025-12", "2026-03", "2026-04", "2026-05"],
    );
    add(&world, "Lumia 650", "2025-07");
    let before = files_below(&world.repository());
    let rules = ["forget", "--keep-last", "2", "--keep-yearly", "2", "-n"];
    let said = world.ok(&rules);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "phone Lumia 650:");
    assert!(
        lines[2].contains("2025-07") && lines[2].contains("  keep  last, yearly"),
        "{said}"
    );
    assert_eq!(lines[4], "phone Lumia 950:");
    let then: Vec<&str> = lines[6..11]
        .iter()
        .map(|line| line.rsplit("Lumia 950").next().unwrap().trim())
        .collect();
    assert_eq!(
        then,
        [
            "forget",
            "keep    yearly",
            "forget",
            "keep    last",
            "keep    last, yearly"
        ]
    );
    assert_eq!(lines.last(), Some(&"2 snapshots would be forgotten, 4 kept"));
    assert_eq!(
        files_below(&world.repository()),
        before,
        "a dry run changes nothing"
    );

    let answer = world.json(&rules);
    assert_eq!(
        (&answer["status"], &answer["dry_run"]),
        (&json!("dry-run"), &json!(true))
    );
    assert_eq!((&answer["kept"], &answer["unchanged"]), (&json!(4), &json!([])));
    assert_eq!(answer["groups"][1]["phone"], "Lumia 950");
    let decisions = answer["groups"][1]["snapshots"].as_array().unwrap();
    assert_eq!(decisions[4]["reasons"], json!(["last", "yearly"]));
    assert_eq!(
        (&decisions[0]["keep"], &decisions[0]["civil"]),
        (&json!(false), &json!("2024-11"))
    );
    assert_eq!(
        answer["changed"],
        json!([decisions[0]["snapshot"], decisions[2]["snapshot"]])
    );

    let done = world.json(&rules[..5]);
    assert_eq!(
        (&done["status"], &done["changed"]),
        (&json!("forgotten"), &answer["changed"])
    );
    assert_eq!(civil(&world), ["2025-07", "2025-12", "2026-04", "2026-05"]);
    // Again there is nothing left to forget.
    let said = world.ok(&rules[..5]);
    assert!(said.ends_with("0 snapshots forgotten, 4 kept\n"), "{said}");

    // Only one phone, and everything in one group.
    let said = world.ok(&[
        "forget",
        "--keep-monthly",
        "1",
        "--group-by",
        "",
        "--phone",
        "Lumia 950",
    ]);
    assert!(said.starts_with("all snapshots:\n"), "{said}");
    assert_eq!(civil(&world), ["2025-07", "2026-05"]);
    world
        .run(&["forget", "-l", "1", "--phone", "Lumia 1"])
        .expect(1, "no snapshot is chosen");
}

#[test]
fn rules_take_lengths_tags_and_all() {
    let world = months();
    world.ok(&["tag", "--add", "trip", "2026-02"]);
    let kept = |words: &[&str]| {
        let answer = world.json(&[&["forget", "-n"], words].concat());
        let groups = answer["groups"].as_array().unwrap().clone();
        let all: Vec<Value> = groups
            .iter()
            .flat_map(|group| group["snapshots"].as_array().unwrap().clone())
            .collect();
        let kept: Vec<Value> = all.into_iter().filter(|one| one["keep"] == true).collect();
        field(&kept, "civil")
    };
    assert_eq!(kept(&["--keep-within", "2m"]), ["2026-04", "2026-05"]);
    assert_eq!(
        kept(&["--keep-within-monthly", "3m", "--keep-tag", "trip"]),
        MONTHS
    );
    assert_eq!(kept(&["--keep-tag", "trip"]), ["2026-02"]);
    assert_eq!(kept(&["--keep-tag", ""]), ["2026-03", "2026-04", "2026-05"]);
    for all in ["all", "unlimited", "-1"] {
        assert_eq!(kept(&["--keep-monthly", all]), MONTHS);
    }
    world
        .run(&["forget", "--keep-tag", "missing"])
        .expect(2, "would keep nothing of phone Lumia 950");
    world
        .run(&["forget", "--keep-tag", "trip", "--group-by", "tags"])
        .expect(2, "would keep nothing of tags none");
    assert_eq!(civil(&world), MONTHS);
}

#[test]
fn pinned_snapshots_are_refused_by_name_and_kept_by_rules() {
    let world = months();
    let all = ids(&world);
    let said = world.ok(&["tag", "--pin", "2026-02"]);
    assert!(said.contains("tags: none, pinned"), "{said}");
    assert!(said.ends_with("1 snapshot changed, 0 as before\n"), "{said}");
    assert!(world.ok(&["snapshots", &all[0]]).contains("pinned"));
    assert_eq!(world.snapshots()[0]["pinned"], json!(true));

    for dry in [&[][..], &["--dry-run"][..]] {
        let words = [&["forget", "2026-03", &all[0]], dry].concat();
        let ran = world.run(&words);
        ran.expect(
            1,
            &format!("snapshot {} is pinned and cannot be forgotten", &all[0][..8]),
        );
        assert!(ran.stderr.contains("lumivault tag --unpin"), "{}", ran.stderr);
    }
    assert_eq!(civil(&world), MONTHS, "not even the other one was forgotten");
    let answer = world.json(&["forget", "--keep-last", "1"]);
    assert_eq!(answer["groups"][0]["snapshots"][0]["reasons"], json!(["pinned"]));
    assert_eq!(civil(&world), ["2026-02", "2026-05"]);

    world
        .run(&["tag", "--pin", &all[1]])
        .expect(1, "is forgotten and cannot be pinned");
    assert_eq!(
        world.json(&["tag", "--pin", "-n", "2026-05"])["changed"][0]["pinned"],
        json!(true)
    );
    assert_eq!(world.snapshots()[1]["pinned"], json!(false));
    let answer = world.json(&["tag", "--unpin", "--add", "old", &all[0]]);
    let expected = json!([{"snapshot": all[0], "tags": ["old"], "pinned": false}]);
    assert_eq!(answer["changed"], expected);
    world.ok(&["forget", &all[0]]);
    assert_eq!(civil(&world), ["2026-05"]);
}

#[test]
fn what_was_forgotten_is_not_imported_again_in_silence() {
    let world = World::with_repository();
    for month in ["2026-04", "2026-05"] {
        world.write(&format!("copies/{month}/diary.txt"), month.as_bytes());
    }
    let import = ["import", "--phone", "Lumia 950", "copies"];
    world.ok(&import);
    let id = ids(&world).remove(0);
    world.ok(&["forget", &id]);
    let said = world.ok(&import);
    assert!(
        said.contains(&format!("was forgotten; lumivault forget --undo {}", &id[..8])),
        "{said}"
    );
    assert!(
        said.ends_with("0 imported, 1 already in the repository, 1 forgotten before, 0 left\n"),
        "{said}"
    );
    assert!(
        world
            .ok(&[&import[..], &["-n"]].concat())
            .contains("was forgotten and is of this date")
    );
    let ran = world.run(&[&import[..], &["--json"]].concat());
    let lines = ran.json_lines();
    assert_eq!(
        (&lines[0]["status"], &lines[0]["forgotten"]),
        (&json!("forgotten"), &json!(id))
    );
    assert_eq!(lines[1]["status"], "unchanged");
    assert!(lines[1].get("forgotten").is_none());
    assert_eq!(civil(&world), ["2026-05"]);
}

#[test]
fn what_cannot_be_done_is_refused_before_anything_is_opened() {
    let world = World::new();
    for (words, said) in [
        (&["forget"][..], "name snapshots, or use rules"),
        (
            &["forget", "--phone", "Lumia 950"],
            "name snapshots, or use rules",
        ),
        (&["forget", "--keep-last", "0"], "name snapshots, or use rules"),
        (&["forget", "--keep-within", "0d"], "name snapshots, or use rules"),
        (&["forget", "kmzw", "--keep-last", "3"], "cannot be used with"),
        (&["forget", "--keep-last", "few"], "a number is needed, or `all`"),
        (&["forget", "--keep-last", "-2"], "a number is needed, or `all`"),
        (&["forget", "--keep-within", "1w"], "a length of time is written"),
        (
            &["forget", "-l", "1", "--group-by", "month"],
            "none of phone, host, tags and paths",
        ),
        (&["forget", "--undo"], "no snapshot is named"),
        (&["forget", "--undo", "2026-05"], "is no id"),
        (&["forget", "--undo", "kmzw", "--phone", "x"], "ids need no"),
        (
            &["forget", "--undo", "kmzw", "--keep-last", "3"],
            "cannot be used with",
        ),
        (&["snapshots", "--forgotten", "latest"], "cannot be used with"),
        (&["tag", "--pin", "--unpin", "latest"], "cannot be used with"),
    ] {
        world.run(words).expect(2, said);
    }
    let world = World::with_repository();
    world
        .run(&["forget", "kmzw"])
        .expect(1, "no snapshot's id begins with `kmzw`");
    world
        .run(&["forget", "--undo", "kmzw"])
        .expect(1, "lumivault snapshots --forgotten");
    assert!(
        world
            .ok(&["forget", "--keep-last", "1"])
            .ends_with("0 snapshots forgotten, 0 kept\n")
    );
}

#[test]
fn a_profile_keeps_the_rules_and_names_set_them_aside() {
    let world = months();
    let profile = world.write(
        "monthly.toml",
        b"[forget]\nkeep-monthly = 2\nkeep-tag = ['trip']\n",
    );
    let profile = profile.to_str().unwrap();
    let id = ids(&world).remove(3);
    world.ok(&["-P", profile, "forget", &id]);
    assert_eq!(civil(&world), &MONTHS[..3]);
    world.ok(&["-P", profile, "forget"]);
    assert_eq!(civil(&world), &MONTHS[1..3]);
    world.ok(&["-P", profile, "forget", "--undo", &id]);
    assert_eq!(civil(&world), &MONTHS[1..]);
}
