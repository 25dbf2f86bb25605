//! Backups end to end, as far as the ingest crate goes: what goes in is what the tree says.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lumivault_chunk_store::{Event, Monitor};
use support::{Vault, noise, prose, write};

fn phone(folder: &std::path::Path) {
    write(folder, "Documents/diary.txt", &prose(1, 300_000));
    write(folder, "Documents/empty.txt", b"");
    write(folder, "Documents/one.txt", b"1");
    write(folder, "Videos/big.bin", &noise(2, 20_000_000));
    write(
        folder,
        "Videos/zeros.img",
        &[vec![0; 40_000_000], noise(3, 100_000), vec![0; 3_000_000]].concat(),
    );
    for i in 0..300 {
        let length = 40 + usize::try_from(i).unwrap() * 7;
        write(folder, &format!("Notes/note {i:03}.txt"), &prose(100 + i, length));
    }
    std::fs::create_dir_all(folder.join("Empty/inside")).unwrap();
}

#[test]
fn what_goes_in_is_what_the_tree_says() {
    let vault = Vault::new();
    let source = tempfile::tempdir().unwrap();
    phone(source.path());
    let summary = vault.backup(source.path());
    assert_eq!(
        (
            summary.counts.files,
            summary.counts.folders,
            summary.warnings_total
        ),
        (305, 5, 0)
    );
    let snapshots = vault.snapshots();
    let tree = vault.read(&snapshots[0]);
    let files = support::files_below(source.path());
    assert_eq!(tree.len(), 305 + 5);
    for path in files {
        let name = path
            .strip_prefix(source.path())
            .unwrap()
            .to_str()
            .unwrap()
            .replace('\\', "/");
        let (bytes, stat) = &tree[&name];
        assert!(*bytes == std::fs::read(&path).unwrap(), "{name}");
        let modified = path.metadata().unwrap().modified().unwrap();
        let since = modified.duration_since(std::time::UNIX_EPOCH).unwrap();
        assert_eq!(
            (u64::try_from(stat.mtime_seconds).unwrap(), stat.mtime_nanoseconds),
            (since.as_secs(), since.subsec_nanos()),
            "{name}"
        );
    }
}

#[test]
fn an_unchanged_folder_adds_a_snapshot_only_and_a_renamed_copy_little_more() {
    let vault = Vault::new();
    let source = tempfile::tempdir().unwrap();
    let logical = 66_000_000;
    phone(source.path());
    vault.backup(source.path());
    let first = vault.size();
    let again = vault.backup(source.path());
    assert_eq!((again.written.chunks, again.written.packs), (0, 0));
    assert!(vault.size() - first < 8192, "{} bytes", vault.size() - first);

    // The copy of a phone: other names, other times, another place.
    let copy = tempfile::tempdir().unwrap();
    for (i, path) in support::files_below(source.path()).iter().enumerate() {
        let folder = path.parent().unwrap().strip_prefix(source.path()).unwrap();
        let name = format!("copy/{}/{:x}", folder.display(), i * 7919 % 1009);
        write(copy.path(), &name, &std::fs::read(path).unwrap());
    }
    let before = vault.size();
    let summary = vault.backup(copy.path());
    let added = vault.size() - before;
    let allowed = logical / 1000 + 32 * 305;
    assert!(
        added <= allowed.max(80_000),
        "{added} bytes, {allowed} allowed: {:?}",
        summary.written
    );
    assert!(summary.written.stored_bytes < 32 * 305, "{:?}", summary.written);
}

#[test]
fn a_camera_roll_that_gains_some_photos_adds_little() {
    let vault = Vault::new();
    let source = tempfile::tempdir().unwrap();
    // Not tiny, so that every file has a chunk of its own, but small enough for a test.
    for i in 0..4000u64 {
        let name = format!(
            "Camera Roll/WP_2015{:02}{:02}_{i:05}_Pro.jpg",
            i / 400 + 1,
            i % 28 + 1
        );
        write(source.path(), &name, &noise(i, 8200));
    }
    vault.backup(source.path());
    for i in 4000..4040u64 {
        write(
            source.path(),
            &format!("Camera Roll/WP_20160101_{i:05}_Pro.jpg"),
            &noise(i, 8200),
        );
    }
    let summary = vault.backup(source.path());
    let tree_bytes = summary.written.stored_bytes - 40 * 8200;
    assert_eq!(summary.counts.files, 4040);
    assert!(
        tree_bytes < 64 * 1024,
        "{tree_bytes} bytes of trees for 40 photos more"
    );
}

/// Calls the work off after so many events.
#[derive(Debug)]
struct StopAfter(AtomicU64);

impl Monitor for StopAfter {
    fn event(&self, _event: Event<'_>) {
        let _ = self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
    }

    fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst) == 0
    }
}

#[test]
fn an_interrupted_backup_is_shared_by_the_next() {
    let source = tempfile::tempdir().unwrap();
    phone(source.path());
    let whole = Vault::new().backup(source.path()).written.plain_bytes;
    let mut most = 0;
    for events in [1, 3, 10, 50, 200, 400, 600] {
        let vault = Vault::new();
        let stopped = vault.try_backup(source.path(), Arc::new(StopAfter(AtomicU64::new(events))), |_| ());
        let Err(error) = stopped else { continue };
        assert!(error.is_cancelled(), "{error}");
        assert!(vault.snapshots().is_empty());
        let before = support::files_below(&vault.repository_path().join("packs"));
        let stored: u64 = before.iter().map(|p| p.metadata().unwrap().len()).sum();
        most = most.max(stored);
        let summary = vault.backup(source.path());
        // What the first run published is not stored again; bundles of tiny files may be cut elsewhere.
        let again = summary.written.plain_bytes;
        assert!(
            again + stored.saturating_sub(800_000) <= whole + 400_000,
            "after {events}: {again} of {whole}, {stored} stored"
        );
        let snapshot = &vault.snapshots()[0];
        assert_eq!(vault.read(snapshot).len(), 310);
    }
    assert!(
        most > 0,
        "what was stored before it was called off was not kept: {most}"
    );
}
