//! The golden repository of format version 1 is read for ever, file by file, by its password and by its recovery code.
#![allow(clippy::unwrap_used, reason = "tests")]

#[cfg(unix)]
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures/golden-v1")
        .join(name)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn run(work: &Path, password: &str, arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_lumivault"))
        .args(arguments)
        .env("LUMIVAULT_REPO", work.join("repository"))
        .env("LUMIVAULT_PASSWORD", password)
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
    output
}

/// Path to what is there, as `fixtures/make_golden.py` describes it.
#[cfg(unix)]
fn describe(root: &Path, folder: &Path, out: &mut BTreeMap<String, Value>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = path.symlink_metadata().unwrap();
        let name = stored_name(path.strip_prefix(root).unwrap());
        if metadata.is_symlink() {
            let target = fs::read_link(&path).unwrap().to_str().unwrap().replace('\\', "/");
            out.insert(name, serde_json::json!(["link", target]));
        } else if metadata.is_dir() {
            out.insert(name, serde_json::json!(["folder"]));
            describe(root, &path, out);
        } else {
            let hash = blake3::hash(&fs::read(&path).unwrap()).to_hex().to_string();
            let since = metadata
                .modified()
                .unwrap()
                .duration_since(std::time::UNIX_EPOCH)
                .unwrap();
            let nanoseconds = u64::try_from(since.as_nanos()).unwrap();
            out.insert(
                name,
                serde_json::json!(["file", hash, nanoseconds, mode(&metadata)]),
            );
        }
    }
}

#[cfg(unix)]
fn mode(metadata: &fs::Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o7777
}

#[cfg(unix)]
fn stored_name(path: &Path) -> String {
    use std::fmt::Write;
    use std::os::unix::ffi::OsStrExt;
    path.to_str().map_or_else(
        || {
            let mut hex = String::from("\0");
            for byte in path.as_os_str().as_bytes() {
                write!(hex, "{byte:02x}").unwrap();
            }
            hex
        },
        str::to_owned,
    )
}

#[test]
#[cfg(unix)]
fn version_one_is_read_for_ever() {
    let expected: Value = serde_json::from_slice(&fs::read(fixture("expected.json")).unwrap()).unwrap();
    let work = tempfile::tempdir().unwrap();
    copy(&fixture("repository"), &work.path().join("repository"));
    for secret in ["password", "recovery_code"] {
        let password = expected[secret].as_str().unwrap();
        for (id, entries) in expected["snapshots"].as_object().unwrap() {
            let target = work.path().join(secret).join(id);
            let arguments = ["restore", &id[..12], "--target", target.to_str().unwrap()];
            run(work.path(), password, &arguments);
            let mut found = BTreeMap::new();
            describe(&target, &target, &mut found);
            let wanted: BTreeMap<String, Value> = entries
                .as_object()
                .unwrap()
                .iter()
                .map(|(name, entry)| (name.clone(), entry.clone()))
                .collect();
            assert_eq!(found, wanted, "snapshot {id}");
        }
    }
    let password = expected["password"].as_str().unwrap();
    run(work.path(), password, &["check", "--read-data"]);
    let tags = run(work.path(), password, &["snapshots", "--json"]).stdout;
    let tags: Value = serde_json::from_slice(&tags).unwrap();
    assert_eq!(tags[1]["tags"], serde_json::json!(["golden"]));
}

/// Windows cannot hold every name of it; that it opens, checks and lists is proved there too.
#[test]
fn version_one_checks_clean_everywhere() {
    let expected: Value = serde_json::from_slice(&fs::read(fixture("expected.json")).unwrap()).unwrap();
    let work = tempfile::tempdir().unwrap();
    copy(&fixture("repository"), &work.path().join("repository"));
    run(
        work.path(),
        expected["recovery_code"].as_str().unwrap(),
        &["check", "--read-data"],
    );
}
