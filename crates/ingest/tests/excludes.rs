//! What is left out, and that nothing else is.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use lumivault_ingest::backup::BackupSummary;
use lumivault_ingest::source::{ExcludeRules, Marker};
use support::{Vault, write};

fn own(list: &[&str]) -> Vec<String> {
    list.iter().map(|s| (*s).to_owned()).collect()
}

fn with(vault: &Vault, source: &Path, rules: ExcludeRules) -> (BackupSummary, Vec<String>) {
    let summary = vault.backup_with(source, |request| request.excludes = rules);
    let paths = vault.paths(&summary);
    (summary, paths)
}

/// What was left out, by path, with the rule.
fn left_out(summary: &BackupSummary) -> BTreeMap<String, String> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    summary
        .left_out
        .iter()
        .map(|left| (text(&left.path), left.rule.clone()))
        .collect()
}

#[test]
fn nothing_hidden_or_git_ignored_is_skipped() {
    let (vault, source) = (Vault::new(), tempfile::tempdir().unwrap());
    let names = [
        ".git/HEAD",
        ".git/info/exclude",
        ".gitignore",
        ".hidden/.deeper/file",
        ".ignore",
        ".rgignore",
        "build/out.o",
        "node_modules/x/index.js",
        "secret.txt",
        "target/debug/app",
    ];
    for name in names {
        write(source.path(), name, b"*\n*.txt\n/build\n.hidden\n");
    }
    let (summary, paths) = with(&vault, source.path(), ExcludeRules::default());
    for name in names {
        assert!(paths.iter().any(|path| path == name), "{name} is missing");
    }
    assert_eq!((summary.counts.files, summary.left_out_total), (10, 0));
}

#[test]
fn junk_is_left_out_and_said_so_and_the_phone_s_own_files_are_kept() {
    let (vault, source) = (Vault::new(), tempfile::tempdir().unwrap());
    let junk = [
        "$RECYCLE.BIN/S-1/a.jpg",
        "Pictures/THUMBS.DB",
        "Pictures/desktop.ini",
        "System Volume Information/x",
        "WPSystem/apps/a",
        "WUDownloadCache/b",
        "WindowsApps/c/d",
    ];
    let kept = [
        "Pictures/a.jpg.thumb",
        "Pictures/a.mp4.thm",
        "Pictures/a.mp4.tnl",
        "Pictures/a.nar",
        "smsBackup/x.hsh",
    ];
    for name in junk.iter().chain(&kept) {
        write(source.path(), name, name.as_bytes());
    }
    let (summary, paths) = with(&vault, source.path(), ExcludeRules::default());
    assert_eq!(summary.counts.files, 5);
    assert!(kept.iter().all(|name| paths.iter().any(|path| path == name)));
    let out = left_out(&summary);
    assert_eq!(
        out.keys().collect::<Vec<_>>(),
        [
            "$RECYCLE.BIN",
            "Pictures/THUMBS.DB",
            "Pictures/desktop.ini",
            "System Volume Information",
            "WPSystem",
            "WUDownloadCache",
            "WindowsApps"
        ]
    );
    assert_eq!(summary.left_out_total, 7);
    assert!(!vault.snapshot(&summary).snapshot.scope.incomplete);
    let all = ExcludeRules {
        no_defaults: true,
        ..ExcludeRules::default()
    };
    assert_eq!(with(&vault, source.path(), all).0.counts.files, 12);
    let back = ExcludeRules {
        patterns: own(&["!WPSystem"]),
        ..ExcludeRules::default()
    };
    assert_eq!(with(&vault, source.path(), back).0.counts.files, 6);
}

#[test]
fn patterns_of_every_kind() {
    let (vault, source) = (Vault::new(), tempfile::tempdir().unwrap());
    for name in [
        "Music/a.mp3",
        "Music/deep/Music/b.mp3",
        "Pictures/Music/c.mp3",
        "Videos/1.mp4",
        "Videos/2.avi",
        "Videos/more/3.mp4",
        "a.tmp",
        "keep.tmp",
        "old.BAK",
        "only/file",
        "x/only",
        "[odd] name.txt",
    ] {
        write(source.path(), name, b"1");
    }
    let absolute = source.path().join("Videos/*.mp4");
    let rules = ExcludeRules {
        patterns: own(&[
            "/Music",
            "*.tmp",
            "!keep.tmp",
            "only/",
            "\\[odd\\]*",
            absolute.to_str().unwrap(),
        ]),
        patterns_any_case: own(&["*.bak"]),
        ..ExcludeRules::default()
    };
    let (summary, paths) = with(&vault, source.path(), rules);
    let files: Vec<&str> = paths
        .iter()
        .map(String::as_str)
        .filter(|p| p.contains('.') || p.ends_with("only"))
        .collect();
    assert_eq!(
        files,
        [
            "Pictures/Music/c.mp3",
            "Videos/2.avi",
            "Videos/more/3.mp4",
            "keep.tmp",
            "x/only"
        ]
    );
    let out = left_out(&summary);
    assert_eq!(out["Music"], "/Music");
    assert_eq!(out["old.BAK"], "*.bak");
    assert_eq!(out["Videos/1.mp4"], "/Videos/*.mp4");
    let scope = vault.snapshot(&summary).snapshot.scope;
    assert_eq!(scope.excludes.len(), 7, "the snapshot says what was left out");
    assert!(!scope.incomplete);
}

#[test]
fn caches_and_marked_folders() {
    let (vault, source) = (Vault::new(), tempfile::tempdir().unwrap());
    let tag = b"Signature: 8a477f597d28d172789f06886806bc55\n# more";
    write(source.path(), "cache/CACHEDIR.TAG", tag);
    write(source.path(), "cache/x", b"x");
    write(
        source.path(),
        "no cache/CACHEDIR.TAG",
        b"Signature: something else",
    );
    write(source.path(), "no cache/x", b"x");
    write(source.path(), "short/CACHEDIR.TAG", b"Sig");
    std::fs::create_dir_all(source.path().join("folder/CACHEDIR.TAG")).unwrap();
    write(source.path(), "marked/.nobackup", b"");
    write(source.path(), "marked/x", b"x");
    write(source.path(), "headed/.mark", b"yes, leave it out");
    write(source.path(), "headless/.mark", b"no");
    // A mark in the source itself would leave nothing; the user named it, so it stays.
    write(source.path(), ".nobackup", b"");
    let rules = ExcludeRules {
        caches: true,
        if_present: vec![
            Marker {
                name: ".nobackup".into(),
                header: Vec::new(),
            },
            Marker {
                name: ".mark".into(),
                header: b"yes".to_vec(),
            },
        ],
        ..ExcludeRules::default()
    };
    let (summary, paths) = with(&vault, source.path(), rules);
    assert_eq!(
        paths,
        [
            ".nobackup",
            "folder",
            "folder/CACHEDIR.TAG",
            "headless",
            "headless/.mark",
            "no cache",
            "no cache/CACHEDIR.TAG",
            "no cache/x",
            "short",
            "short/CACHEDIR.TAG"
        ]
    );
    let out = left_out(&summary);
    assert_eq!(
        (
            out["cache"].as_str(),
            out["marked"].as_str(),
            out["headed"].as_str()
        ),
        ("CACHEDIR.TAG", ".nobackup", ".mark")
    );
    assert_eq!(
        with(&vault, source.path(), ExcludeRules::default())
            .0
            .left_out_total,
        0
    );
}

#[test]
fn the_list_of_what_was_left_out_is_bounded_and_the_count_is_not() {
    let (vault, source) = (Vault::new(), tempfile::tempdir().unwrap());
    for i in 0..1500 {
        write(source.path(), &format!("{i}.tmp"), b"");
    }
    let rules = ExcludeRules {
        patterns: own(&["*.tmp"]),
        ..ExcludeRules::default()
    };
    let (summary, paths) = with(&vault, source.path(), rules);
    assert_eq!(
        (paths.len(), summary.left_out.len(), summary.left_out_total),
        (0, 1000, 1500)
    );
}

/// A folder of another file system, where this machine has one that can be written to.
#[cfg(target_os = "linux")]
#[test]
fn another_file_system_is_left_out_on_request() {
    use std::os::unix::fs::MetadataExt;
    let vault = Vault::new();
    let source = tempfile::tempdir().unwrap();
    let device = |path: &Path| path.metadata().map(|m| m.dev()).ok();
    // What is mounted below a folder can only be had where something is mounted already.
    let Some(parent) = [("/dev", "/dev/shm")]
        .iter()
        .find(|(above, below)| device(Path::new(below)).is_some_and(|d| Some(d) != device(Path::new(above))))
        .map(|(above, _)| Path::new(above))
    else {
        eprintln!("SKIPPED: there is no second file system here");
        return;
    };
    write(source.path(), "a", b"a");
    let only_shm = ExcludeRules {
        patterns: own(&["/*", "!/shm", "/shm/*"]),
        ..ExcludeRules::default()
    };
    let run = |one_file_system| {
        vault.backup_with(parent, |request| {
            request.excludes = only_shm.clone();
            request.one_file_system = one_file_system;
        })
    };
    let crossing = run(false);
    assert_eq!(vault.paths(&crossing), ["shm"]);
    let staying = run(true);
    assert_eq!(vault.paths(&staying), [""; 0]);
    assert_eq!(left_out(&staying)["shm"], "another file system");
    // A source on each: both are whole, as each is compared with its own.
    let other = tempfile::tempdir_in("/dev/shm").unwrap();
    write(other.path(), "b", b"b");
    let specs = vec![
        support::placed(source.path(), "1"),
        support::placed(other.path(), "2"),
    ];
    let repository = vault.open(std::sync::Arc::new(lumivault_chunk_store::Silent));
    let both = support::run(&repository, specs, |r| r.one_file_system = true).unwrap();
    assert_eq!(vault.paths(&both), ["1", "1/a", "2", "2/b"]);
}
