//! What a file is to its owner is recorded at backup, and parts come back by it.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;
use std::process::Command;

fn run(work: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_lumivault"))
        .args(arguments)
        .env("LUMIVAULT_REPO", work.join("repository"))
        .env("LUMIVAULT_PASSWORD", "password")
        .env("LUMIVAULT_CACHE_DIR", work.join("cache"))
        .env("XDG_STATE_HOME", work.join("state"))
        .env("XDG_CONFIG_HOME", work.join("config"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn only_one_category_comes_back() {
    let work = tempfile::tempdir().unwrap();
    let phone = work.path().join("phone");
    for (name, bytes) in [
        ("Pictures/WP_20150111.jpg", "photo"),
        ("Contacts/contacts.vcf", "BEGIN:VCARD"),
        ("smsBackup/1 .msg", "<ArrayOfMessage/>"),
        ("Music/song.mp3", "song"),
    ] {
        let path = phone.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    run(work.path(), &["init", "--no-recovery-code"]);
    run(work.path(), &["backup", phone.to_str().unwrap()]);
    let out = work.path().join("out");
    run(
        work.path(),
        &[
            "restore",
            "latest",
            "--only",
            "contacts",
            "--target",
            out.to_str().unwrap(),
        ],
    );
    assert_eq!(
        fs::read_to_string(out.join("Contacts/contacts.vcf")).unwrap(),
        "BEGIN:VCARD"
    );
    for other in ["Pictures/WP_20150111.jpg", "smsBackup/1 .msg", "Music/song.mp3"] {
        assert!(!out.join(other).exists(), "{other}");
    }
}
