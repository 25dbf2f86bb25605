//! Folders with dates in their names become dated snapshots, once.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::PathBuf;
use std::sync::Arc;

use jiff::tz::TimeZone;
use lumivault_chunk_store::{ChunkIndex, Silent};
use lumivault_format::Precision;
use lumivault_ingest::import::{DateFrom, ImportOutcome, import_one, plan};
use support::{Vault, noise, write};

fn run(vault: &Vault, folders: &[PathBuf]) -> Vec<ImportOutcome> {
    let now = "2026-11-21T00:00:00Z".parse().unwrap();
    let plan = plan(folders, DateFrom::Name, &TimeZone::UTC, now).unwrap();
    assert_eq!(plan.undated, []);
    let repository = vault.open(Arc::new(Silent));
    let index = Arc::new(ChunkIndex::load(&repository, None).unwrap());
    plan.items
        .iter()
        .map(|item| import_one(&repository, &index, item, support::request(Vec::new())).unwrap())
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
