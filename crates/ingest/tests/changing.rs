//! Sources that change while they are read: a warning for what it concerns, and a snapshot of everything else.
//!
//! What happens "meanwhile" happens in a monitor, at an event that always comes at the same moment.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lumivault_chunk_store::{Event, Monitor, Silent};
use lumivault_ingest::backup::BackupSummary;
use support::{Hook, Stored, Vault, noise, write};

/// Larger than what is read at once, so that the first bytes are reported before the last are read.
const LARGE: usize = 30_000_000;

/// Backs up; everything must have gone well but for the warnings, by path.
fn run(
    vault: &Vault,
    source: &Path,
    monitor: Arc<dyn Monitor>,
) -> (BackupSummary, BTreeMap<String, String>, BTreeMap<Vec<u8>, Stored>) {
    let summary = vault.try_backup(source, monitor, |_| ()).unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let warnings: BTreeMap<_, _> = summary
        .warnings
        .iter()
        .map(|w| (text(&w.path), w.code.clone()))
        .collect();
    assert_eq!(warnings.len() as u64, summary.warnings_total);
    vault.check();
    let made = vault.made(&summary);
    (summary, warnings, made)
}

fn one(path: &str, code: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(path.to_owned(), code.to_owned())])
}

fn large() -> (tempfile::TempDir, PathBuf) {
    let source = tempfile::tempdir().unwrap();
    write(source.path(), "large.bin", &noise(1, LARGE));
    let path = source.path().join("large.bin");
    (source, path)
}

#[test]
fn a_file_that_grows_is_kept_as_far_as_it_was() {
    let (vault, (source, path)) = (Vault::new(), large());
    let hook = Hook::at_first_bytes(move || {
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(b"more").unwrap();
    });
    let (summary, warnings, made) = run(&vault, source.path(), hook);
    assert_eq!(warnings, one("large.bin", "changed"));
    assert!(made[b"large.bin".as_slice()].bytes == noise(1, LARGE));
    let snapshot = vault.snapshot(&summary).snapshot;
    assert!(
        !snapshot.scope.incomplete,
        "it is there, as it was at some moment"
    );
    assert_eq!((snapshot.warnings.len(), snapshot.warnings_total), (1, 1));
}

#[test]
fn a_file_that_shrinks_is_kept_as_far_as_it_is() {
    for length in [0, 1000, 10_000_000] {
        let (vault, (source, path)) = (Vault::new(), large());
        let hook = Hook::at_first_bytes(move || {
            OpenOptions::new()
                .write(true)
                .open(path)
                .unwrap()
                .set_len(length)
                .unwrap();
        });
        let (summary, warnings, made) = run(&vault, source.path(), hook);
        assert_eq!(warnings, one("large.bin", "changed"));
        let stored = &made[b"large.bin".as_slice()].bytes;
        assert!(
            stored.len() < LARGE && noise(1, LARGE).starts_with(stored),
            "{}",
            stored.len()
        );
        assert!(stored.len() as u64 >= length);
        assert_eq!(summary.counts.bytes, stored.len() as u64);
    }
}

#[test]
fn a_file_that_is_written_over_is_kept_and_said_so() {
    let (vault, (source, path)) = (Vault::new(), large());
    let hook = Hook::at_first_bytes(move || {
        fs::write(path, noise(2, LARGE)).unwrap();
    });
    let (_, warnings, made) = run(&vault, source.path(), hook);
    assert_eq!(warnings, one("large.bin", "changed"));
    assert_eq!(made[b"large.bin".as_slice()].bytes.len(), LARGE);
    // It is not taken for known afterwards.
    let (_, warnings, made) = run(&vault, source.path(), Arc::new(Silent));
    assert!(warnings.is_empty() && made[b"large.bin".as_slice()].bytes == noise(2, LARGE));
}

/// A source whose files `b`, `c`, … are listed, but not yet opened, when `a` reports its first bytes: one thread works,
/// and it takes batches in the order in which they were handed out.
fn listed(change: impl FnOnce(&Path) + Send + 'static) -> (tempfile::TempDir, Arc<Hook>) {
    let source = tempfile::tempdir().unwrap();
    for name in ["a", "b", "c", "d"] {
        write(source.path(), name, &noise(name.len() as u64, 5000));
    }
    write(source.path(), "e/f", b"in a folder");
    let path = source.path().to_owned();
    (source, Hook::at_first_bytes(move || change(&path)))
}

#[test]
fn files_that_vanish_after_they_were_listed_are_left_out() {
    let (source, hook) = listed(|source| {
        fs::remove_file(source.join("b")).unwrap();
        fs::remove_file(source.join("d")).unwrap();
    });
    let vault = Vault::new();
    let (summary, warnings, made) = run(&vault, source.path(), hook);
    assert_eq!(
        warnings,
        BTreeMap::from([("b".into(), "vanished".into()), ("d".into(), "vanished".into())])
    );
    assert_eq!(
        made.keys().map(Vec::as_slice).collect::<Vec<_>>(),
        [b"a".as_slice(), b"c", b"e", b"e/f"]
    );
    assert_eq!(summary.counts.files, 3);
    assert!(vault.snapshot(&summary).snapshot.scope.incomplete);
    let (summary, warnings, _) = run(&vault, source.path(), Arc::new(Silent));
    assert!(warnings.is_empty() && !vault.snapshot(&summary).snapshot.scope.incomplete);
}

#[cfg(unix)]
#[test]
fn files_that_become_something_else_are_neither_followed_nor_waited_for() {
    let (source, hook) = listed(|source| {
        for name in ["b", "c", "d"] {
            fs::remove_file(source.join(name)).unwrap();
        }
        fs::create_dir(source.join("b")).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", source.join("c")).unwrap();
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(
            rustix::fs::CWD,
            source.join("d"),
            rustix::fs::FileType::Fifo,
            mode,
            0,
        )
        .unwrap();
    });
    let vault = Vault::new();
    let (_, warnings, made) = run(&vault, source.path(), hook);
    let unreadable = |name: &str| (name.to_owned(), "unreadable".to_owned());
    assert_eq!(warnings, ["b", "c", "d"].map(unreadable).into());
    assert_eq!(made.len(), 3);
}

#[test]
fn the_time_recorded_is_that_of_the_content_recorded() {
    // Windows keeps times in units of 100 ns.
    const NANOSECONDS: u32 = if cfg!(windows) { 500 } else { 5 };
    let (source, hook) = listed(|source| {
        let path = source.join("b");
        fs::write(&path, b"changed after it was listed").unwrap();
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::new(1_234_567_890, NANOSECONDS))
            .unwrap();
        fs::write(source.join("c"), b"").unwrap();
    });
    let vault = Vault::new();
    let (_, warnings, made) = run(&vault, source.path(), hook);
    assert!(warnings.is_empty(), "what was read is whole: {warnings:?}");
    let b = &made[b"b".as_slice()];
    assert_eq!(b.bytes, b"changed after it was listed");
    assert_eq!(
        (b.stat.mtime_seconds, b.stat.mtime_nanoseconds),
        (1_234_567_890, NANOSECONDS)
    );
    assert_eq!(made[b"c".as_slice()].bytes, b"");
}

/// Windows refuses to remove a folder that somebody lists, as the count for the totals may do at that very moment: a
/// sharing violation, which passes.
fn remove_folder(path: &Path) {
    const SHARING_VIOLATION: i32 = 32;
    const TRIES_MAX: usize = 1000;
    for _ in 0..TRIES_MAX {
        match fs::remove_dir_all(path) {
            Err(error) if cfg!(windows) && error.raw_os_error() == Some(SHARING_VIOLATION) => {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            result => return result.unwrap(),
        }
    }
    panic!("{} is in use all the time", path.display());
}

#[test]
fn folders_that_vanish_after_they_were_listed_are_empty_and_said_so() {
    // What the walk itself reports about the first folder comes before it enters the second.
    let (vault, source) = (Vault::new(), tempfile::tempdir().unwrap());
    write(source.path(), "a/file", b"a");
    write(source.path(), "b/file", b"b");
    vault.backup_cached(source.path(), |_| ());
    let doomed = source.path().join("b");
    let repository = vault.open_in(support::later(
        Hook::at_first_bytes(move || remove_folder(&doomed)),
        3600,
    ));
    let cache = vault.cache(&repository);
    let summary = support::run(&repository, support::root(source.path()), |r| {
        r.cache = Some(cache);
    })
    .unwrap();
    assert_eq!(summary.warnings.len(), 1);
    assert_eq!(
        (
            summary.warnings[0].path.as_slice(),
            summary.warnings[0].code.as_str()
        ),
        (b"b".as_slice(), "vanished")
    );
    assert_eq!(vault.paths(&summary), ["a", "a/file", "b"]);
    assert!(vault.snapshot(&summary).snapshot.scope.incomplete);
    vault.check();
}

#[cfg(target_os = "linux")]
#[test]
fn what_the_system_refuses_to_read_is_left_out() {
    // Files of /proc are unreadable in many ways, also for root, and have no length beforehand.
    let vault = Vault::new();
    let summary = vault.backup_with(Path::new("/proc/self"), |request| {
        request.excludes.patterns = [
            "/*",
            "!/mem",
            "!/attr",
            "/attr/*/",
            "!/status",
            "!/environ",
            "!/cwd",
        ]
        .map(str::to_owned)
        .into();
        request.threads = 1;
    });
    let made = vault.made(&summary);
    assert!(made.contains_key(b"cwd".as_slice()) && made.contains_key(b"status".as_slice()));
    vault.check();
}

#[test]
fn warnings_are_bounded_and_their_number_is_not() {
    let source = tempfile::tempdir().unwrap();
    for i in 0..1200 {
        write(source.path(), &format!("x{i:04}"), &noise(i, 100));
    }
    write(source.path(), "a", b"first");
    let path = source.path().to_owned();
    let told = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let count = Arc::clone(&told);
    let gone = std::sync::Once::new();
    let hook = Hook::new(move |event| match event {
        Event::Done { bytes: 1.., .. } => gone.call_once(|| {
            for i in 200..1200 {
                fs::remove_file(path.join(format!("x{i:04}"))).unwrap();
            }
            for i in 0..200 {
                let _ = fs::remove_file(path.join(format!("x{i:04}")));
            }
        }),
        Event::Warning(_) => drop(count.fetch_add(1, std::sync::atomic::Ordering::SeqCst)),
        _ => {}
    });
    let vault = Vault::new();
    let summary = vault
        .try_backup(source.path(), hook, |request| request.threads = 1)
        .unwrap();
    assert_eq!(
        summary.warnings_total,
        told.load(std::sync::atomic::Ordering::SeqCst)
    );
    assert_eq!(summary.warnings_total, 1200);
    let snapshot = vault.snapshot(&summary).snapshot;
    assert_eq!(
        (
            summary.warnings.len(),
            snapshot.warnings.len(),
            snapshot.warnings_total
        ),
        (1000, 1000, 1200)
    );
    assert!(snapshot.warnings.is_sorted_by(|a, b| a.path < b.path));
    assert_eq!(vault.paths(&summary), ["a"]);
}
