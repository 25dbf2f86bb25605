//! The program itself, from the outside: usage errors, help, completions, manual pages, closed pipes.

#![allow(clippy::unwrap_used, reason = "helpers of tests are not recognised as tests")]

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const COMMANDS: [&str; 18] = [
    "init",
    "backup",
    "import",
    "snapshots",
    "ls",
    "find",
    "diff",
    "dump",
    "cat",
    "restore",
    "check",
    "forget",
    "key",
    "tag",
    "stats",
    "completions",
    "man",
    "demo",
];

/// The program with nobody at a terminal and nothing in its environment.
fn lumivault(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lumivault"));
    command.args(words).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LUMIVAULT_") {
            command.env_remove(name);
        }
    }
    command
}

fn run(words: &[&str]) -> Output {
    lumivault(words).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Wrong usage: exit code 2, nothing on standard output, one line of error that says this.
fn refused(words: &[&str], expected: &str) {
    let output = run(words);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{words:?}: {stderr}");
    assert_eq!(text(&output.stdout), "", "{words:?}");
    assert!(stderr.starts_with("lumivault: error: "), "{words:?}: {stderr}");
    assert_eq!(stderr.matches("error: ").count(), 1, "{words:?}: {stderr}");
    assert!(stderr.contains(expected), "{words:?}: {stderr}");
}

#[test]
fn usage_errors() {
    refused(&["frobnicate"], "unrecognized subcommand 'frobnicate'");
    refused(&["backup", "--frobnicate"], "hint: ");
    refused(&["check"], "no repository is named");
    refused(&["-r", "s3:bucket", "check"], "come with a later version");
    refused(&["-r", "x", "check"], "there is no terminal to ask for it");
    refused(
        &["-r", "x", "--password-file", "p", "init"],
        "--recovery-file FILE, or --no-recovery-code",
    );
    refused(&["-P", "no/such/profile.toml", "check"], "--profile");
    refused(&["completions", "tcsh"], "possible values: bash");
}

#[test]
fn commands_of_later_versions_are_unknown() {
    for command in ["copy", "mount", "serve"] {
        refused(&[command], "unrecognized subcommand");
    }
}

#[test]
fn habits_from_other_programs_are_answered() {
    for (command, said) in [
        ("unlock", "lumivault repair sessions"),
        ("copy", "copied as a folder"),
        ("mount", "lumivault restore"),
        ("rebuild-index", "lumivault repair index"),
        ("recover", "lumivault repair snapshots"),
        ("remove", "lumivault forget"),
        ("delete", "lumivault forget"),
        ("create", "lumivault backup"),
        ("extract", "lumivault restore"),
        ("info", "lumivault stats"),
    ] {
        refused(
            &["-r", "x", command],
            &format!("unrecognized subcommand '{command}'"),
        );
        refused(&["-r", "x", command], said);
    }
    refused(&["check", "--repair"], "which lumivault repair mends it");
    for option in ["-p", "--password"] {
        refused(&["ls", option, "secret"], "hint: --password-file FILE");
    }
    refused(&["ls", "latest", "/Pictures"], "latest:/Pictures");
    refused(
        &["restore", "2026-05", "/Pictures", "-t", "x"],
        "2026-05:/Pictures",
    );
    refused(
        &["-r", "x", "--password-file", "p", "backup", "-"],
        "hint: --stdin",
    );
}

#[test]
fn a_refused_value_leads_to_the_help_of_its_command() {
    refused(&["prune", "--grace", "soon"], "hint: lumivault prune --help");
    refused(
        &["-r", "x", "key", "add", "--kdf-memory", "much"],
        "hint: lumivault key add --help",
    );
    refused(
        &["snapshots", "--latest", "0"],
        "hint: lumivault snapshots --help",
    );
}

#[test]
fn what_was_typed_cannot_drive_the_terminal() {
    let output = run(&["-r", "s3:\u{1b}[2J\u{7}x", "check"]);
    assert_eq!(output.status.code(), Some(2));
    let stderr = text(&output.stderr);
    assert!(!stderr.contains(['\u{1b}', '\u{7}']), "{stderr:?}");
    assert!(stderr.contains("\\x1b[2J\\x07x"), "{stderr:?}");
}

#[test]
fn nothing_typed_shows_the_help_on_standard_error() {
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    assert!(text(&output.stderr).contains("Usage: lumivault"));
}

#[test]
fn help_is_data() {
    for words in [&["--help"][..], &["-h"], &["help"]] {
        let output = run(words);
        assert!(output.status.success() && output.stderr.is_empty(), "{words:?}");
        let help = text(&output.stdout);
        for command in COMMANDS {
            assert!(
                help.contains(&format!("  {command} ")),
                "{words:?} does not list {command}"
            );
        }
        assert!(help.contains("Exit codes:"), "{words:?}");
    }
    for command in COMMANDS {
        let output = run(&[command, "--help"]);
        assert!(output.status.success(), "{command}");
        assert!(text(&output.stdout).contains("Examples:\n"), "{command}");
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    let output = run(&["--version"]);
    assert_eq!(
        text(&output.stdout),
        format!("lumivault {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn completions_know_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = run(&["completions", shell]);
        assert!(output.status.success() && output.stderr.is_empty(), "{shell}");
        let script = text(&output.stdout);
        for command in COMMANDS {
            assert!(script.contains(command), "{shell} does not complete {command}");
        }
        assert!(
            script.contains("read-data-subset"),
            "{shell} does not complete options"
        );
    }
}

#[test]
fn the_manual_page_goes_to_standard_output() {
    let output = run(&["man"]);
    assert!(output.status.success() && output.stderr.is_empty());
    let page = text(&output.stdout);
    assert!(page.contains(".TH lumivault 1"), "{page}");
    assert!(page.contains("restore"));
}

#[test]
fn manual_pages_fill_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("share/man1");
    let output = run(&["man", "--out", out.to_str().unwrap()]);
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty());
    assert!(out.join("lumivault.1").is_file());
    for command in COMMANDS {
        assert!(out.join(format!("lumivault-{command}.1")).is_file(), "{command}");
    }
    assert!(out.join("lumivault-key-add.1").is_file());
}

#[test]
fn a_folder_that_cannot_be_written_is_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let output = run(&["man", "--out", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("lumivault: error: cannot write the manual pages"));
}

#[test]
fn a_reader_that_leaves_ends_the_output_quietly() {
    let mut child = lumivault(&["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = lumivault(&["completions", "bash"])
        .stdout(full)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).starts_with("lumivault: error: cannot write to standard output\n  because: ")
    );
}

#[test]
fn a_profile_of_the_configuration_folder_is_found_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let profiles = folder.path().join("lumivault");
    std::fs::create_dir(&profiles).unwrap();
    std::fs::write(profiles.join("lumia.toml"), "[repository]\npasword-file = 'x'\n").unwrap();
    let output = lumivault(&["-P", "lumia", "check"])
        .env("XDG_CONFIG_HOME", folder.path())
        .env("APPDATA", folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let stderr = text(&output.stderr);
    assert!(
        stderr.contains("no key `pasword-file` in [repository]"),
        "{stderr}"
    );
    assert!(
        stderr.contains(&format!(
            "{}",
            Path::new("lumivault").join("lumia.toml").display()
        )),
        "{stderr}"
    );
}
