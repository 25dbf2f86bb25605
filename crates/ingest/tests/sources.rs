//! What is backed up and where it appears: folders, files, several of either, streams.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lumivault_chunk_store::Silent;
use lumivault_chunk_store::session::Writing;
use lumivault_format::tree::EntryKind;
use lumivault_ingest::IngestError;
use lumivault_ingest::backup::{BackupSummary, Input};
use lumivault_ingest::source::{ExcludeRules, SourceSpec};
use support::{Vault, noise, placed, prose, write};

fn phone_and_card() -> tempfile::TempDir {
    let disk = tempfile::tempdir().unwrap();
    write(disk.path(), "Phone/Pictures/a.jpg", &noise(1, 30_000));
    write(disk.path(), "Phone/b.txt", &prose(2, 500));
    write(disk.path(), "SD card/Pictures/a copy.jpg", &noise(1, 30_000));
    write(disk.path(), "contacts.vcf", b"BEGIN:VCARD\r\nEND:VCARD\r\n");
    disk
}

fn back_up(vault: &Vault, specs: Vec<SourceSpec>) -> Result<BackupSummary, IngestError> {
    support::run(&vault.open(Arc::new(Silent)), specs, |_| ())
}

#[test]
fn several_sources_appear_under_their_names_and_share_what_is_equal() {
    let (vault, disk) = (Vault::new(), phone_and_card());
    let paths = ["Phone", "SD card", "contacts.vcf"].map(|name| disk.path().join(name));
    let specs = SourceSpec::place(&paths, &[]).unwrap();
    let summary = back_up(&vault, specs).unwrap();
    assert_eq!(
        vault.paths(&summary),
        [
            "Phone",
            "Phone/Pictures",
            "Phone/Pictures/a.jpg",
            "Phone/b.txt",
            "SD card",
            "SD card/Pictures",
            "SD card/Pictures/a copy.jpg",
            "contacts.vcf"
        ]
    );
    assert_eq!((summary.counts.files, summary.counts.folders), (4, 4));
    assert!(
        summary.written.plain_bytes < 40_000,
        "a photo on both is stored once"
    );
    let sources = &vault.snapshot(&summary).snapshot.sources;
    assert_eq!(sources[2].label, b"contacts.vcf");
    assert_eq!(sources[0].path, paths[0].to_str().unwrap().as_bytes());
    vault.check();
}

#[test]
fn labels_may_lie_in_folders_that_exist_in_the_snapshot_only() {
    let (vault, disk) = (Vault::new(), phone_and_card());
    let specs = vec![
        placed(&disk.path().join("SD card"), "storage/card"),
        placed(&disk.path().join("Phone"), "storage/inner/phone"),
        placed(&disk.path().join("contacts.vcf"), "people.vcf"),
        placed(&disk.path().join("Phone/b.txt"), "storage/b.txt"),
    ];
    let summary = back_up(&vault, specs).unwrap();
    let made = vault.made(&summary);
    let paths: Vec<&str> = made.keys().map(|p| std::str::from_utf8(p).unwrap()).collect();
    assert_eq!(
        paths,
        [
            "people.vcf",
            "storage",
            "storage/b.txt",
            "storage/card",
            "storage/card/Pictures",
            "storage/card/Pictures/a copy.jpg",
            "storage/inner",
            "storage/inner/phone",
            "storage/inner/phone/Pictures",
            "storage/inner/phone/Pictures/a.jpg",
            "storage/inner/phone/b.txt"
        ]
    );
    assert_eq!(made[b"storage".as_slice()].kind, EntryKind::Folder);
    assert_eq!(summary.counts.folders, 6);
    vault.check();
}

#[test]
fn equal_sources_make_equal_snapshots_however_many_they_are() {
    let (vault, disk) = (Vault::new(), phone_and_card());
    let specs = || {
        vec![
            placed(&disk.path().join("SD card"), "storage/card"),
            placed(&disk.path().join("Phone"), "storage/phone"),
        ]
    };
    back_up(&vault, specs()).unwrap();
    let later = support::later(Arc::new(Silent), 7200);
    let again = support::run(&vault.open_in(later), specs(), |r| r.skip_if_unchanged = true).unwrap();
    assert!(again.skipped && again.snapshot.is_none());
    write(disk.path(), "Phone/new.txt", b"new");
    let changed = support::run(&vault.open(Arc::new(Silent)), specs(), |r| {
        r.skip_if_unchanged = true;
    })
    .unwrap();
    assert!(!changed.skipped && changed.snapshot.is_some());
}

#[test]
fn a_file_is_a_source_under_a_label() {
    let (vault, disk) = (Vault::new(), phone_and_card());
    let file = disk.path().join("contacts.vcf");
    let alone = SourceSpec::place(std::slice::from_ref(&file), &[]).unwrap();
    let summary = back_up(&vault, alone).unwrap();
    assert_eq!(vault.paths(&summary), ["contacts.vcf"]);
    assert_eq!(
        vault.made(&summary)[b"contacts.vcf".as_slice()].bytes,
        b"BEGIN:VCARD\r\nEND:VCARD\r\n"
    );
    let nameless = SourceSpec {
        path: file,
        at: Vec::new(),
    };
    let error = back_up(&vault, vec![nameless]).unwrap_err();
    assert!(matches!(error, IngestError::Request(_)), "{error}");
}

#[test]
fn what_cannot_be_placed_is_an_error_before_anything_is_stored() {
    let (vault, disk) = (Vault::new(), phone_and_card());
    let path = |name: &str| disk.path().join(name);
    let root = || SourceSpec {
        path: path("Phone"),
        at: Vec::new(),
    };
    let deep = vec!["a"; 256].join("/");
    let before = vault.size();
    let cases: [(&str, Vec<SourceSpec>); 8] = [
        ("none", vec![]),
        (
            "missing",
            vec![placed(&path("Phone"), "a"), placed(&path("none"), "b")],
        ),
        (
            "twice",
            vec![placed(&path("Phone"), "a"), placed(&path("SD card"), "a")],
        ),
        (
            "inside",
            vec![placed(&path("Phone"), "a"), placed(&path("SD card"), "a/b")],
        ),
        ("at the root", vec![root(), placed(&path("SD card"), "a")]),
        ("dots", vec![placed(&path("Phone"), "..")]),
        ("empty", vec![placed(&path("Phone"), "a//b")]),
        ("deep", vec![placed(&path("Phone"), &deep)]),
    ];
    for (what, specs) in cases {
        let error = back_up(&vault, specs).unwrap_err();
        assert!(
            matches!(error, IngestError::Request(_) | IngestError::Source { .. }),
            "{what}: {error}"
        );
        assert!(vault.snapshots().is_empty(), "{what}");
        assert_eq!(vault.size(), before, "{what}");
    }
}

#[test]
fn a_missing_source_is_named() {
    let vault = Vault::new();
    let missing = Path::new("/nowhere/at/all");
    let specs = SourceSpec::place(&[missing.to_owned()], &[]).unwrap();
    match back_up(&vault, specs).unwrap_err() {
        IngestError::Source { path, .. } => assert_eq!(path, missing),
        other => panic!("{other}"),
    }
}

#[test]
fn a_source_that_goes_away_makes_no_empty_snapshot() {
    // The second source vanishes while the first is walked, as a card that is pulled out does. Files that are not read
    // again are reported by the walk itself, so the moment is always the same.
    let (vault, disk) = (Vault::new(), phone_and_card());
    let card = disk.path().join("SD card");
    let specs = || vec![placed(&disk.path().join("Phone"), "a"), placed(&card, "b")];
    let run = |monitor| {
        let repository = vault.open_in(support::later(monitor, 3600));
        let cache = vault.cache(&repository);
        support::run(&repository, specs(), |request| request.cache = Some(cache))
    };
    run(Arc::new(Silent)).unwrap();
    let pulled = card.clone();
    let result = run(support::Hook::at_first_bytes(move || {
        std::fs::remove_dir_all(pulled).unwrap();
    }));
    match result {
        Err(IngestError::Source { path, .. }) => assert_eq!(path, card),
        other => panic!("{other:?}"),
    }
    assert_eq!(vault.snapshots().len(), 1);
}

#[test]
fn too_many_patterns_or_tags_are_refused_before_reading() {
    let (vault, disk) = (Vault::new(), phone_and_card());
    let many: Vec<String> = (0..10_001).map(|i| format!("pattern {i}")).collect();
    let before = vault.size();
    let patterns = many.clone();
    let result = vault.try_backup(disk.path(), Arc::new(Silent), |request| {
        request.excludes = ExcludeRules {
            patterns,
            ..ExcludeRules::default()
        };
    });
    assert!(matches!(result, Err(IngestError::Request(_))), "{result:?}");
    let most = many[..10_000].to_vec();
    let result = vault.try_backup(disk.path(), Arc::new(Silent), |request| request.tags = many);
    assert!(matches!(result, Err(IngestError::Request(_))), "{result:?}");
    assert_eq!(vault.size(), before);
    let summary = vault.backup_with(disk.path(), |request| request.tags = most);
    assert_eq!(vault.snapshot(&summary).tags.len(), 10_000);
}

fn stream(vault: &Vault, mut reader: impl Read + Send, skip: bool) -> Result<BackupSummary, IngestError> {
    let repository = vault.open(Arc::new(Silent));
    let writing = Writing::begin(&repository, &support::holder(), None)?;
    let mut request = support::request(Vec::new());
    request.skip_if_unchanged = skip;
    let input = Input::Stream {
        name: b"dump.sql".to_vec(),
        reader: &mut reader,
    };
    let request = lumivault_ingest::backup::BackupRequest { input, ..request };
    lumivault_ingest::backup::backup(&writing, &writing.snapshots().found, request)
}

/// Gives bytes in odd portions, is interrupted now and then, and may fail at the end.
struct Portions<'b> {
    left: &'b [u8],
    step: usize,
    fails: bool,
}

impl Read for Portions<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.step = self.step * 31 % 65_537;
        if self.step.is_multiple_of(7) {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        if self.left.is_empty() && self.fails {
            return Err(std::io::Error::other("the pipe broke"));
        }
        let length = self.left.len().min(buffer.len()).min(self.step);
        let (now, left) = self.left.split_at(length);
        buffer[..length].copy_from_slice(now);
        self.left = left;
        Ok(length)
    }
}

#[test]
fn a_stream_becomes_a_file_and_is_recognised() {
    let vault = Vault::new();
    let bytes = [prose(5, 9_000_000), vec![0; 300_000], noise(6, 2_000_000)].concat();
    let portions = |fails| Portions {
        left: &bytes,
        step: 17,
        fails,
    };
    let first = stream(&vault, portions(false), false).unwrap();
    let made = vault.made(&first);
    assert!(made[b"dump.sql".as_slice()].bytes == bytes);
    assert_eq!((first.counts.files, first.counts.bytes), (1, bytes.len() as u64));

    let again = stream(&vault, portions(false), false).unwrap();
    assert!(again.written.plain_bytes < 4096, "{:?}", again.written);
    assert_eq!(again.parent, first.snapshot);
    assert_eq!(
        (again.changes.unchanged, again.changes.new, again.changes.gone),
        (1, 0, 0)
    );
    let skipped = stream(&vault, portions(false), true).unwrap();
    assert!(skipped.skipped);
    let other = stream(&vault, bytes[1..].chain(&[1u8][..]), true).unwrap();
    assert!(!other.skipped, "as long, and something else");

    let broken = stream(&vault, portions(true), false);
    assert!(matches!(broken, Err(IngestError::Source { .. })), "{broken:?}");
    assert_eq!(vault.snapshots().len(), 3);
    assert_eq!(stream(&vault, std::io::empty(), false).unwrap().counts.bytes, 0);
    vault.check();
}

#[cfg(unix)]
#[test]
fn a_link_named_by_the_user_stands_for_what_it_points_to() {
    let (vault, disk) = (Vault::new(), phone_and_card());
    let link = disk.path().join("link");
    std::os::unix::fs::symlink("Phone", &link).unwrap();
    let summary = vault.backup(&link);
    assert_eq!(vault.paths(&summary), ["Pictures", "Pictures/a.jpg", "b.txt"]);
    // Patterns may use either name.
    let excluded = vault.backup_with(&link, |request| {
        let patterns = [link.join("b.txt"), disk.path().join("Phone/Pictures")];
        request.excludes.patterns = patterns.map(|p| p.to_str().unwrap().to_owned()).into();
    });
    assert_eq!(vault.paths(&excluded), [""; 0]);
    let dangling = disk.path().join("dangling");
    std::os::unix::fs::symlink("nowhere", &dangling).unwrap();
    let specs = SourceSpec::place(&[dangling], &[]).unwrap();
    assert!(matches!(back_up(&vault, specs), Err(IngestError::Source { .. })));
}

#[test]
fn sources_are_placed_as_the_command_line_promises() {
    let disk = phone_and_card();
    let path = |name: &str| disk.path().join(name);
    let at = |paths: &[PathBuf], labels: &[&str]| -> Result<Vec<String>, String> {
        let labels: Vec<String> = labels.iter().map(|l| (*l).to_owned()).collect();
        let join = |spec: &SourceSpec| String::from_utf8(spec.at.join(&b'/')).unwrap();
        SourceSpec::place(paths, &labels).map(|specs| specs.iter().map(join).collect())
    };
    assert_eq!(at(&[path("Phone")], &[]).unwrap(), [""]);
    assert_eq!(at(&[path("contacts.vcf")], &[]).unwrap(), ["contacts.vcf"]);
    assert_eq!(at(&[path("Phone")], &["x"]).unwrap(), ["x"]);
    assert_eq!(
        at(&[path("Phone"), path("SD card")], &["x"]).unwrap(),
        ["x", "SD card"]
    );
    assert_eq!(
        at(&[path("Phone/../SD card"), path("Phone")], &[]).unwrap(),
        ["SD card", "Phone"]
    );
    assert!(at(&[path("Phone"), path("./Phone")], &[]).is_err());
    assert!(at(&[path("Phone")], &["x", "y"]).is_err());
    assert!(at(&["/".into(), path("Phone")], &[]).is_err());
}
