//! What an entry is besides its bytes: links, times, permissions, attributes, names, special files.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use lumivault_format::tree::{EntryKind, ExtraKind};
use support::{Stored, Vault, noise, write};

fn made(vault: &Vault, source: &Path) -> BTreeMap<Vec<u8>, Stored> {
    let summary = vault.backup(source);
    assert_eq!(summary.warnings_total, 0, "{:?}", summary.warnings);
    vault.check();
    vault.made(&summary)
}

fn target(entry: &Stored) -> &[u8] {
    match &entry.kind {
        EntryKind::Symlink { target } => target,
        other => panic!("{other:?}"),
    }
}

#[test]
fn links_are_kept_as_links() {
    let (vault, source) = (Vault::new(), tempfile::tempdir().unwrap());
    let at = |name: &str| source.path().join(name);
    write(source.path(), "folder/file", b"x");
    let long = "l".repeat(4000);
    for (name, to) in [
        ("dangling", "nowhere/at all"),
        ("to file", "folder/file"),
        ("to folder", "folder"),
        ("loop", "loop"),
        ("folder/up", ".."),
        ("outside", "/etc/passwd"),
        ("long", &long),
    ] {
        symlink(to, at(name)).unwrap();
    }
    symlink(OsStr::from_bytes(b"\xff\n\xfe"), at("odd")).unwrap();
    let made = made(&vault, source.path());
    assert_eq!(target(&made[b"dangling".as_slice()]), b"nowhere/at all");
    assert_eq!(target(&made[b"to file".as_slice()]), b"folder/file");
    assert_eq!(target(&made[b"to folder".as_slice()]), b"folder");
    assert_eq!(target(&made[b"loop".as_slice()]), b"loop");
    assert_eq!(target(&made[b"folder/up".as_slice()]), b"..");
    assert_eq!(target(&made[b"outside".as_slice()]), b"/etc/passwd");
    assert_eq!(target(&made[b"long".as_slice()]), long.as_bytes());
    assert_eq!(target(&made[b"odd".as_slice()]), b"\xff\n\xfe");
    assert_eq!(made.len(), 10, "nothing behind a link is there twice");
}

#[test]
fn names_of_one_file_share_a_group() {
    let (vault, source) = (Vault::new(), tempfile::tempdir().unwrap());
    let at = |name: &str| source.path().join(name);
    write(source.path(), "a/first", &noise(1, 20_000));
    write(source.path(), "other", &noise(2, 100));
    fs::hard_link(at("a/first"), at("second")).unwrap();
    fs::hard_link(at("other"), at("other too")).unwrap();
    write(source.path(), "alone", b"alone");
    let made = made(&vault, source.path());
    let group = |name: &str| {
        let extras = &made[name.as_bytes()].stat.extras;
        let of_link = |extra: &&lumivault_format::tree::Extra| extra.kind == ExtraKind::HardLink;
        extras.iter().find(of_link).map(|extra| extra.value.clone())
    };
    assert_eq!(group("a/first").unwrap().len(), 8);
    assert_eq!(group("a/first"), group("second"));
    assert_eq!(group("other"), group("other too"));
    assert_ne!(group("other"), group("second"));
    assert_eq!(group("alone"), None);
    let inode = at("second").metadata().unwrap().ino().to_le_bytes();
    assert_ne!(group("second").unwrap(), inode, "it says nothing about the disk");
    assert!(made[b"second".as_slice()].bytes == noise(1, 20_000));
}

#[test]
fn times_are_kept_to_the_nanosecond_also_before_1970() {
    let (vault, source) = (Vault::new(), tempfile::tempdir().unwrap());
    // (name, seconds since 1970, nanoseconds)
    let times = [
        ("now", 1_780_000_000, 123_456_789),
        ("epoch", 0, 0),
        ("after", 0, 1),
        ("just before", -1, 999_999_999),
        ("moon", -14_182_940, 500_000_000),
        ("whole second before", -5, 0),
        ("far", 7_000_000_000, 7),
    ];
    for (name, seconds, nanoseconds) in times {
        write(source.path(), name, name.as_bytes());
        let whole = Duration::from_secs(i64::unsigned_abs(seconds));
        let base = if seconds < 0 {
            UNIX_EPOCH - whole
        } else {
            UNIX_EPOCH + whole
        };
        let time = base + Duration::from_nanos(nanoseconds);
        let file = File::options()
            .write(true)
            .open(source.path().join(name))
            .unwrap();
        file.set_times(FileTimes::new().set_modified(time)).unwrap();
    }
    fs::create_dir(source.path().join("folder")).unwrap();
    let folder = source.path().join("folder").metadata().unwrap();
    let made = made(&vault, source.path());
    for (name, seconds, nanoseconds) in times {
        let stat = &made[name.as_bytes()].stat;
        // What the file system kept, which is asked rather than assumed.
        let kept = source.path().join(name).metadata().unwrap();
        assert_eq!(
            (stat.mtime_seconds, i64::from(stat.mtime_nanoseconds)),
            (kept.mtime(), kept.mtime_nsec()),
            "{name}"
        );
        assert_eq!(
            (stat.mtime_seconds, u64::from(stat.mtime_nanoseconds)),
            (seconds, nanoseconds),
            "{name}"
        );
    }
    assert_eq!(made[b"folder".as_slice()].stat.mtime_seconds, folder.mtime());
}

#[test]
fn permissions_and_owners() {
    let (vault, source) = (Vault::new(), tempfile::tempdir().unwrap());
    let modes = [0o644, 0o600, 0o755, 0o4755, 0o2755, 0o1777, 0o444];
    for mode in modes {
        let name = format!("{mode:o}");
        write(source.path(), &name, name.as_bytes());
        fs::set_permissions(source.path().join(&name), Permissions::from_mode(mode)).unwrap();
    }
    fs::create_dir(source.path().join("folder")).unwrap();
    fs::set_permissions(source.path().join("folder"), Permissions::from_mode(0o3770)).unwrap();
    let made = made(&vault, source.path());
    for mode in modes {
        let stat = &made[format!("{mode:o}").as_bytes()].stat;
        let found = source.path().join(format!("{mode:o}")).metadata().unwrap();
        assert_eq!(stat.mode, Some(mode));
        assert_eq!((stat.owner, stat.group), (Some(found.uid()), Some(found.gid())));
    }
    assert_eq!(made[b"folder".as_slice()].stat.mode, Some(0o3770));
}

#[test]
fn names_of_every_kind() {
    let (vault, source) = (Vault::new(), tempfile::tempdir().unwrap());
    let longest = "x".repeat(255);
    let names: Vec<Vec<u8>> = vec![
        b"\xff\xfe\x80".to_vec(),
        "кириллица ü 😀".as_bytes().to_vec(),
        "u\u{308}".as_bytes().to_vec(),
        "\u{fc}".as_bytes().to_vec(),
        b"two\nlines\tand a tab".to_vec(),
        b" lead and trail ".to_vec(),
        b"...".to_vec(),
        b"-rf *".to_vec(),
        b"back\\slash:colon".to_vec(),
        b"\x01\x1b[31m".to_vec(),
        "Сб, июл 29 2017, 18-49-28 .msg".as_bytes().to_vec(),
        longest.into_bytes(),
    ];
    for name in &names {
        let path = source.path().join(OsStr::from_bytes(name));
        fs::create_dir(&path).unwrap();
        fs::write(path.join(OsStr::from_bytes(name)), name).unwrap();
    }
    let made = made(&vault, source.path());
    assert_eq!(made.len(), names.len() * 2);
    for name in &names {
        let inside = [name.as_slice(), b"/", name].concat();
        assert_eq!(made[&inside].bytes, *name);
    }
}

#[test]
fn pipes_and_sockets_do_not_hold_the_backup_up() {
    let (vault, source) = (Vault::new(), tempfile::tempdir().unwrap());
    let at = |name: &str| source.path().join(name);
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let _listening = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    // Also not where its name alone would have it opened.
    fs::create_dir(at("folder")).unwrap();
    let tag = at("folder/CACHEDIR.TAG");
    rustix::fs::mknodat(rustix::fs::CWD, tag, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let summary = vault.backup_with(source.path(), |request| request.excludes.caches = true);
    let made = vault.made(&summary);
    assert_eq!(made[b"pipe".as_slice()].kind, EntryKind::Fifo);
    assert_eq!(made[b"socket".as_slice()].kind, EntryKind::Socket);
    assert_eq!(made[b"folder/CACHEDIR.TAG".as_slice()].kind, EntryKind::Fifo);
    assert_eq!((summary.counts.files, summary.counts.others), (0, 3));
    vault.check();
}

#[cfg(target_os = "linux")]
#[test]
fn extended_attributes_are_kept_whatever_their_length() {
    use rustix::fs::XattrFlags;
    let (vault, source) = (Vault::new(), tempfile::tempdir().unwrap());
    write(source.path(), "file", b"x");
    write(source.path(), "plain", b"x");
    fs::create_dir(source.path().join("folder")).unwrap();
    let file = source.path().join("file");
    let set =
        |path: &Path, name: &str, value: &[u8]| rustix::fs::lsetxattr(path, name, value, XattrFlags::empty());
    if set(&file, "user.a", b"first").is_err() {
        eprintln!("SKIPPED: there are no extended attributes here");
        return;
    }
    set(&source.path().join("folder"), "user.on a folder", b"\x00\xff").unwrap();
    set(&file, "user.empty", b"").unwrap();
    set(&file, "user.long value", &noise(1, 1500)).unwrap();
    // Together their names are longer than the first look allows for.
    for i in 0..20 {
        set(&file, &format!("user.{}{i:02}", "n".repeat(20)), b"v").unwrap();
    }
    let made = made(&vault, source.path());
    let of = |name: &str| -> Vec<(String, Vec<u8>)> {
        let extras = &made[name.as_bytes()].stat.extras;
        let pairs = extras.iter().filter_map(lumivault_format::tree::Extra::as_xattr);
        pairs
            .filter(|(name, _)| name.starts_with(b"user."))
            .map(|(name, value)| (String::from_utf8(name.to_vec()).unwrap(), value.to_vec()))
            .collect()
    };
    let attributes = of("file");
    assert_eq!(attributes.len(), 23);
    assert!(attributes.is_sorted(), "in the order of their names");
    let value = |name: &str| &attributes.iter().find(|(n, _)| n == name).unwrap().1;
    assert_eq!(
        (value("user.a").as_slice(), value("user.empty").as_slice()),
        (b"first".as_slice(), b"".as_slice())
    );
    assert_eq!(*value("user.long value"), noise(1, 1500));
    assert_eq!(
        of("folder"),
        [("user.on a folder".to_owned(), b"\x00\xff".to_vec())]
    );
    assert_eq!(of("plain"), []);
}
