//! Folders with dates in their names become dated snapshots, once.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::PathBuf;
use std::sync::Arc;

use jiff::tz::TimeZone;
use lumivault_chunk_store::Silent;
use lumivault_chunk_store::session::Writing;
use lumivault_format::Precision;
use lumivault_ingest::import::{DateFrom, ImportOutcome, import_one, plan};
use support::{Vault, noise, write};

fn run(vault: &Vault, folders: &[PathBuf]) -> Vec<ImportOutcome> {
    let now = "2026-11-21T00:00:00Z".parse().unwrap();
    let plan = plan(folders, DateFrom::Name, &TimeZone::UTC, now).unwrap();
    let left: Vec<_> = plan
        .undated
        .iter()
        .filter_map(|one| one.path.file_name())
        .collect();
    assert!(left.iter().all(|name| *name == "not dated"), "{left:?}");
    let repository = vault.open(Arc::new(Silent));
    let writing = Writing::begin(&repository, &support::holder(), None).unwrap();
    plan.items
        .iter()
        .map(|item| import_one(&writing, item, support::request(Vec::new())).unwrap())
        .collect()
}

#[test]
fn folders_become_snapshots_oldest_first_and_only_once() {
    let vault = Vault::new();
    let copies = tempfile::tempdir().unwrap();
    for (name, seed) in [
        ("Lumia-Backup-2026-05", 1),
        ("Mai 2025", 2),
        ("20250614", 3),
        ("not dated", 4),
    ] {
        write(
            copies.path(),
            &format!("{name}/Pictures/a.jpg"),
            &noise(seed, 50_000),
        );
        write(
            copies.path(),
            &format!("{name}/Pictures/same.jpg"),
            &noise(9, 50_000),
        );
    }
    let first = run(&vault, &[copies.path().to_owned()]);
    assert!(
        first
            .iter()
            .all(|o| o.summary.snapshot.is_some() && o.same_period.is_empty())
    );
    let snapshots = vault.snapshots();
    let times: Vec<String> = snapshots.iter().map(|s| s.snapshot.time.to_string()).collect();
    assert_eq!(times, ["2025-05", "2025-06-14", "2026-05"]);
    assert_eq!(snapshots[0].snapshot.time.precision, Precision::Month);
    assert_eq!(snapshots[0].snapshot.time.rfc3339(), "2025-05-31T23:59:59Z");

    let size = vault.size();
    let again = run(&vault, &[copies.path().to_owned()]);
    assert!(
        again
            .iter()
            .all(|o| o.summary.skipped && o.summary.snapshot.is_none())
    );
    assert_eq!(
        (vault.snapshots().len(), vault.size()),
        (3, size),
        "running it again adds nothing"
    );

    // The same month once more, copied anew with one file more: a second snapshot of that month, and said so.
    let second = tempfile::tempdir().unwrap();
    let folder = second.path().join("2026-05");
    write(&folder, "Pictures/a.jpg", &noise(1, 50_000));
    write(&folder, "Pictures/new.jpg", &noise(11, 50_000));
    let more = run(&vault, &[folder]);
    assert_eq!(more[0].same_period.len(), 1);
    assert_eq!(vault.snapshots().len(), 4);
}

#[test]
fn a_name_with_two_meanings_is_refused_with_both() {
    let copies = tempfile::tempdir().unwrap();
    let folder = copies.path().join("Backup 03-04-2026");
    std::fs::create_dir_all(&folder).unwrap();
    let now = "2026-11-21T00:00:00Z".parse().unwrap();
    let plan = plan(&[folder], DateFrom::Name, &TimeZone::UTC, now).unwrap();
    assert!(plan.items.is_empty());
    assert!(plan.undated[0].problem.contains("2026-04-03") && plan.undated[0].problem.contains("2026-03-04"));
}

/// A photo of 40,000 bytes with the time it was taken, in a TIFF structure of one entry.
fn photo(seed: u64, taken: &str) -> Vec<u8> {
    let mut tiff = b"II*\0\x08\0\0\0\x01\0".to_vec();
    tiff.extend([0x32, 0x01, 2, 0, 20, 0, 0, 0, 26, 0, 0, 0]);
    tiff.extend([0; 4]);
    tiff.extend(taken.bytes().chain([0]));
    let segment = [b"Exif\0\0".as_slice(), &tiff].concat();
    let length = u16::try_from(segment.len() + 2).unwrap().to_be_bytes();
    [
        b"\xff\xd8\xff\xe1".as_slice(),
        &length,
        &segment,
        b"\xff\xda\0\x02",
        &noise(seed, 40_000),
        b"\xff\xd9",
    ]
    .concat()
}

fn planned(folders: &[PathBuf], date_from: DateFrom) -> lumivault_ingest::import::ImportPlan {
    let now = "2026-11-21T00:00:00Z".parse().unwrap();
    plan(folders, date_from, &TimeZone::UTC, now).unwrap()
}

fn import(vault: &Vault, plan: &lumivault_ingest::import::ImportPlan) -> Vec<ImportOutcome> {
    let repository = vault.open(Arc::new(Silent));
    let writing = Writing::begin(&repository, &support::holder(), None).unwrap();
    plan.items
        .iter()
        .map(|item| import_one(&writing, item, support::request(Vec::new())).unwrap())
        .collect()
}

fn times(vault: &Vault) -> Vec<String> {
    vault
        .snapshots()
        .iter()
        .map(|s| s.snapshot.time.to_string())
        .collect()
}

#[test]
fn folders_are_dated_by_their_newest_photo() {
    let (vault, copies) = (Vault::new(), tempfile::tempdir().unwrap());
    write(copies.path(), "later/b/old.jpg", &photo(1, "2014:09:19 10:11:12"));
    write(copies.path(), "later/b/new.jpg", &photo(2, "2015:01:11 16:25:30"));
    // A clock that was never set, and one that runs ahead, decide nothing.
    write(copies.path(), "later/unset.jpg", &photo(3, "1980:01:01 00:00:00"));
    write(copies.path(), "later/ahead.jpg", &photo(4, "2031:01:01 00:00:00"));
    write(copies.path(), "later/WP_20150110_001.mp4", &noise(5, 20_000));
    // Without metadata the camera's name tells.
    write(
        copies.path(),
        "earlier/WP_20140714_15_25_11.mp4",
        &noise(6, 20_000),
    );
    write(copies.path(), "none/text.txt", b"no date");
    let folders = ["later", "earlier", "none"].map(|name| copies.path().join(name));
    let plan = planned(&folders, DateFrom::Exif);
    assert_eq!(plan.undated.len(), 1);
    assert_eq!(plan.undated[0].path, folders[2]);
    assert_eq!(
        plan.items.iter().map(|i| &i.path).collect::<Vec<_>>(),
        [&folders[1], &folders[0]]
    );
    import(&vault, &plan);
    assert_eq!(times(&vault), ["2014-07-14", "2015-01-11"]);
    assert_eq!(vault.snapshots()[0].snapshot.time.precision, Precision::Day);
    assert!(
        import(&vault, &plan)
            .iter()
            .all(|outcome| outcome.summary.skipped)
    );
    vault.check();
}

#[test]
fn folders_are_dated_by_their_newest_file() {
    let (vault, copies) = (Vault::new(), tempfile::tempdir().unwrap());
    let set = |name: &str, seconds: u64| {
        write(copies.path(), name, name.as_bytes());
        let file = std::fs::File::options()
            .write(true)
            .open(copies.path().join(name))
            .unwrap();
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        file.set_modified(time).unwrap();
    };
    set("a/deep/er/old", 1_400_000_000);
    set("a/new", 1_494_720_000);
    set("a/ahead", 4_000_000_000);
    set("a/unset", 0);
    let folder = copies.path().join("a");
    let plan = planned(std::slice::from_ref(&folder), DateFrom::Mtime);
    assert_eq!(plan.undated, []);
    import(&vault, &plan);
    assert_eq!(times(&vault), ["2017-05-14"]);

    let empty = copies.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    assert_eq!(planned(&[empty], DateFrom::Mtime).undated.len(), 1);
}

#[test]
fn what_is_no_folder_is_an_error_and_what_is_named_twice_is_imported_once() {
    let (vault, copies) = (Vault::new(), tempfile::tempdir().unwrap());
    write(copies.path(), "2026-05/a.jpg", &noise(1, 20_000));
    write(copies.path(), "file 2026-06", b"x");
    let now = "2026-11-21T00:00:00Z".parse().unwrap();
    for missing in ["file 2026-06", "nowhere"] {
        let folders = [copies.path().join(missing)];
        assert!(
            plan(&folders, DateFrom::Name, &TimeZone::UTC, now).is_err(),
            "{missing}"
        );
    }
    let twice = [
        copies.path().join("2026-05"),
        copies.path().to_owned(),
        copies.path().join("./2026-05"),
    ];
    let plan = planned(&twice, DateFrom::Name);
    let outcomes = import(&vault, &plan);
    let made = outcomes.iter().filter(|o| o.summary.snapshot.is_some()).count();
    assert_eq!((made, vault.snapshots().len()), (1, 1));
}

#[test]
fn another_phone_s_month_is_another_snapshot_also_of_the_same_files() {
    let (vault, copies) = (Vault::new(), tempfile::tempdir().unwrap());
    write(copies.path(), "2026-05/a.jpg", &noise(1, 20_000));
    let plan = planned(&[copies.path().join("2026-05")], DateFrom::Name);
    let repository = vault.open(Arc::new(Silent));
    let writing = Writing::begin(&repository, &support::holder(), None).unwrap();
    for phone in ["Lumia 950", "Lumia 640", "Lumia 950"] {
        let mut request = support::request(Vec::new());
        request.phone = phone.into();
        import_one(&writing, &plan.items[0], request).unwrap();
    }
    let phones: Vec<String> = vault.snapshots().into_iter().map(|s| s.snapshot.phone).collect();
    assert_eq!(phones.len(), 2);
    assert!(phones.contains(&"Lumia 950".to_owned()) && phones.contains(&"Lumia 640".to_owned()));
}
