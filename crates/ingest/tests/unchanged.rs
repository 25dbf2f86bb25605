//! Files that need not be read again, and every way in which that could go wrong.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use lumivault_chunk_store::Silent;
use lumivault_ingest::backup::BackupSummary;
use support::{Vault, noise, prose, write};

fn folder() -> tempfile::TempDir {
    let source = tempfile::tempdir().unwrap();
    for i in 0..50 {
        write(source.path(), &format!("notes/{i}.txt"), &prose(i, 300));
    }
    write(source.path(), "photo.jpg", &noise(100, 50_000));
    write(source.path(), "big.bin", &noise(101, 3_000_000));
    write(source.path(), "empty", b"");
    source
}

const FILES: u64 = 53;

fn set_mtime(path: &Path, time: SystemTime) {
    let file = File::options().write(true).open(path).unwrap();
    file.set_times(FileTimes::new().set_modified(time)).unwrap();
}

/// Files of fingerprints in the cache.
fn sets(vault: &Vault) -> Vec<PathBuf> {
    let is_set = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with("files-");
    support::files_below(&vault.folder.path().join("cache"))
        .into_iter()
        .filter(is_set)
        .collect()
}

#[test]
fn unchanged_files_are_not_read_again() {
    let (vault, source) = (Vault::new(), folder());
    assert_eq!(vault.backup_cached(source.path(), |_| ()).unchanged_files, 0);
    let again = vault.backup_cached(source.path(), |_| ());
    assert_eq!((again.unchanged_files, again.counts.files), (FILES, FILES));
    assert_eq!(again.changes.unchanged, FILES);
    let all = vault.backup_cached(source.path(), |request| request.trust_metadata = false);
    assert_eq!((all.unchanged_files, all.changes.unchanged), (0, FILES));
    // Reading everything once does not make it forgotten.
    assert_eq!(vault.backup_cached(source.path(), |_| ()).unchanged_files, FILES);
    assert_eq!(
        vault.backup(source.path()).unchanged_files,
        0,
        "there is nothing to trust without a cache"
    );
    let snapshots = vault.snapshots();
    assert!(
        snapshots
            .iter()
            .all(|s| s.snapshot.root == snapshots[0].snapshot.root)
    );
    vault.check();
}

#[cfg(unix)]
#[test]
fn a_file_with_its_old_size_and_time_but_other_bytes_is_read() {
    let (vault, source) = (Vault::new(), folder());
    vault.backup_cached(source.path(), |_| ());
    let path = source.path().join("photo.jpg");
    let before = path.metadata().unwrap().modified().unwrap();
    fs::write(&path, noise(999, 50_000)).unwrap();
    set_mtime(&path, before);
    // Only the change time tells, which nobody can set.
    let summary = vault.backup_cached(source.path(), |_| ());
    assert_eq!((summary.unchanged_files, summary.changes.changed), (FILES - 1, 1));
    assert!(vault.made(&summary)[b"photo.jpg".as_slice()].bytes == noise(999, 50_000));
}

#[cfg(unix)]
#[test]
fn another_file_in_its_place_is_read() {
    let (vault, source) = (Vault::new(), folder());
    vault.backup_cached(source.path(), |_| ());
    let path = source.path().join("notes/7.txt");
    let (bytes, time) = (
        fs::read(&path).unwrap(),
        path.metadata().unwrap().modified().unwrap(),
    );
    fs::rename(&path, source.path().join("kept")).unwrap();
    fs::write(&path, &bytes).unwrap();
    set_mtime(&path, time);
    let summary = vault.backup_cached(source.path(), |_| ());
    // The one that was renamed has another place; the folder's others are as they were.
    assert_eq!(summary.unchanged_files, FILES - 1);
    assert_eq!(
        (
            summary.changes.changed,
            summary.changes.unchanged,
            summary.changes.new
        ),
        (0, FILES, 1)
    );
}

#[test]
fn fresh_files_are_never_trusted() {
    let (vault, source) = (Vault::new(), folder());
    // The clock shows the moment at which the files were written: they may be written again within it.
    let run = |seconds| -> BackupSummary {
        let repository = vault.open_in(support::later(Arc::new(Silent), seconds));
        let cache = vault.cache(&repository);
        support::run(&repository, support::root(source.path()), |r| {
            r.cache = Some(cache);
        })
        .unwrap()
    };
    run(0);
    assert_eq!(run(0).unchanged_files, 0);
    run(3600);
    assert_eq!(run(3600).unchanged_files, FILES);
    // Times in the future never settle.
    let tomorrow = SystemTime::now() + std::time::Duration::from_secs(86_400);
    set_mtime(&source.path().join("photo.jpg"), tomorrow);
    run(3600);
    assert_eq!(run(3600).unchanged_files, FILES - 1);
}

#[test]
fn a_cache_that_is_damaged_or_foreign_costs_time_only() {
    let (vault, source) = (Vault::new(), folder());
    vault.backup_cached(source.path(), |_| ());
    let set = sets(&vault).remove(0);
    let good = fs::read(&set).unwrap();
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    let mut renamed = good.clone();
    renamed[7] = b'9';
    let cut = good[..good.len() - 16].to_vec();
    let long = [good.clone(), vec![0; 100]].concat();
    for bytes in [
        flipped,
        renamed,
        cut,
        long,
        Vec::new(),
        b"LVFILES1".to_vec(),
        noise(5, 5000),
    ] {
        fs::write(&set, bytes).unwrap();
        assert_eq!(vault.backup_cached(source.path(), |_| ()).unchanged_files, 0);
        assert_eq!(
            vault.backup_cached(source.path(), |_| ()).unchanged_files,
            FILES,
            "it is written anew"
        );
    }
    fs::remove_file(&set).unwrap();
    fs::create_dir(&set).unwrap();
    assert_eq!(vault.backup_cached(source.path(), |_| ()).unchanged_files, 0);
    fs::remove_dir(&set).unwrap();

    // Another archive's set under this one's name, made of the same folder: its keys are others.
    let other = Vault::new();
    other.backup_cached(source.path(), |_| ());
    fs::copy(sets(&other).remove(0), &set).unwrap();
    let summary = vault.backup_cached(source.path(), |_| ());
    assert_eq!(summary.unchanged_files, 0);
    assert!(vault.made(&summary)[b"big.bin".as_slice()].bytes == noise(101, 3_000_000));
    vault.check();
}

#[test]
fn an_old_cache_never_brings_old_contents_back() {
    let (vault, source) = (Vault::new(), folder());
    vault.backup_cached(source.path(), |_| ());
    let set = sets(&vault).remove(0);
    let old = fs::read(&set).unwrap();
    write(source.path(), "notes/3.txt", b"other");
    vault.backup_cached(source.path(), |_| ());
    fs::write(&set, &old).unwrap();
    let summary = vault.backup_cached(source.path(), |_| ());
    assert_eq!(vault.made(&summary)[b"notes/3.txt".as_slice()].bytes, b"other");
    // And with the archive's last snapshot gone, as after a roll-back.
    let snapshots = support::files_below(&vault.repository_path().join("snapshots"));
    for path in snapshots {
        fs::remove_file(path).unwrap();
    }
    let summary = vault.backup_cached(source.path(), |_| ());
    assert_eq!((summary.unchanged_files, summary.parent), (0, None));
    vault.check();
}

#[test]
fn a_lost_pack_is_stored_again_whatever_the_cache_says() {
    let (vault, source) = (Vault::new(), folder());
    vault.backup_cached(source.path(), |_| ());
    write(source.path(), "later.bin", &noise(500, 400_000));
    vault.backup_cached(source.path(), |_| ());
    let packs = support::files_below(&vault.repository_path().join("packs"));
    assert!(packs.len() > 1);
    // A pack may hold nothing but folders as they were before, which nobody needs again.
    let mut stored_again = 0;
    for lost in packs {
        let bytes = fs::read(&lost).unwrap();
        fs::remove_file(&lost).unwrap();
        let summary = vault.backup_cached(source.path(), |_| ());
        stored_again += u32::from(summary.unchanged_files < FILES + 1 || summary.written.chunks > 0);
        let made = vault.made(&summary);
        for path in support::files_below(source.path()) {
            let name = path
                .strip_prefix(source.path())
                .unwrap()
                .to_str()
                .unwrap()
                .replace('\\', "/");
            assert!(made[name.as_bytes()].bytes == fs::read(&path).unwrap(), "{name}");
        }
        fs::write(&lost, bytes).unwrap();
    }
    assert!(stored_again >= 2, "{stored_again}");
}

#[test]
fn a_skipped_backup_still_remembers_what_it_read() {
    let (vault, source) = (Vault::new(), folder());
    vault.backup(source.path());
    let skip = |request: &mut lumivault_ingest::backup::BackupRequest<'_>| request.skip_if_unchanged = true;
    let first = vault.backup_cached(source.path(), skip);
    assert!(first.skipped && first.unchanged_files == 0);
    let second = vault.backup_cached(source.path(), skip);
    assert!(second.skipped);
    assert_eq!(second.unchanged_files, FILES);
}

#[test]
fn a_file_that_changed_while_it_was_read_is_not_remembered() {
    let (vault, source) = (Vault::new(), tempfile::tempdir().unwrap());
    write(source.path(), "large.bin", &noise(1, 30_000_000));
    let path = source.path().join("large.bin");
    let hook = support::Hook::at_first_bytes(move || {
        OpenOptions::new()
            .append(true)
            .open(path)
            .unwrap()
            .write_all(b"more")
            .unwrap();
    });
    let repository = vault.open_in(support::later(hook, 3600));
    let cache = vault.cache(&repository);
    support::run(&repository, support::root(source.path()), |r| {
        r.cache = Some(cache);
    })
    .unwrap();
    let again = vault.backup_cached(source.path(), |_| ());
    assert_eq!((again.unchanged_files, again.changes.changed), (0, 1));
    assert_eq!(again.counts.bytes, 30_000_004);
}

#[test]
fn one_folder_is_known_however_it_is_called() {
    let (vault, source) = (Vault::new(), folder());
    vault.backup_cached(source.path(), |_| ());
    let other_spelling = source.path().join(".");
    let again = vault.backup_cached(&other_spelling, |_| ());
    assert_eq!(again.unchanged_files, FILES);
    // Under another label it is read, as what it is compared with lies elsewhere.
    let repository = vault.open_in(support::later(Arc::new(Silent), 3600));
    let cache = vault.cache(&repository);
    let placed = vec![support::placed(source.path(), "phone")];
    let moved = support::run(&repository, placed, |r| r.cache = Some(cache)).unwrap();
    assert_eq!(moved.unchanged_files, 0);
}

#[test]
fn the_cache_does_not_grow_with_every_folder_ever_imported() {
    let vault = Vault::new();
    let folders: Vec<_> = (0..20).map(|_| tempfile::tempdir().unwrap()).collect();
    for source in &folders {
        write(source.path(), "a", b"a");
        vault.backup_cached(source.path(), |_| ());
    }
    let sets = sets(&vault);
    assert_eq!(sets.len(), 16);
    assert_eq!(vault.backup_cached(folders[19].path(), |_| ()).unchanged_files, 1);
}
