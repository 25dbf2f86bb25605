use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;

use super::{Cli, Parsed, parse};
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::output::Format;
use crate::password::{PasswordSource, Secret, Unlock};
use crate::request::*;
use crate::surroundings::Surroundings;

fn invoke(around: &Surroundings, words: &[&str]) -> Result<Invocation, Failure> {
    let argv = std::iter::once("lumivault")
        .chain(words.iter().copied())
        .map(OsString::from)
        .collect();
    match parse(argv, around)? {
        Parsed::Run(cli) => cli.validate(around),
        Parsed::Show(error) | Parsed::ShowAsError(error) => panic!("help instead of a run: {error}"),
    }
}

fn with_password() -> Surroundings {
    Surroundings::with_variables(&[("LUMIVAULT_REPO", "/repo"), ("LUMIVAULT_PASSWORD", "pw")])
}

/// The verb of a command line that must be good, with a repository and a password around it.
fn verb(words: &[&str]) -> Verb {
    verb_at(&with_password(), words)
}

fn verb_at(around: &Surroundings, words: &[&str]) -> Verb {
    match invoke(around, words) {
        Ok(Invocation {
            request: Request::Archive(_, verb),
            ..
        }) => *verb,
        Ok(other) => panic!("{words:?}: {other:?}"),
        Err(failure) => panic!("{words:?}: {failure:?}"),
    }
}

fn access(around: &Surroundings, words: &[&str]) -> Access {
    match invoke(around, words) {
        Ok(Invocation {
            request: Request::Archive(access, _),
            ..
        }) => *access,
        other => panic!("{words:?}: {other:?}"),
    }
}

/// The message of a command line that must be refused as wrong usage.
fn refused_at(around: &Surroundings, words: &[&str]) -> String {
    match invoke(around, words) {
        Ok(invocation) => panic!("{words:?} was accepted: {invocation:?}"),
        Err(failure) => {
            assert_eq!(failure.code(), ExitCode::Usage, "{words:?}");
            assert!(
                !failure.message().is_empty() && !failure.message().contains('\n'),
                "{words:?}"
            );
            format!("{} | {}", failure.message(), failure.hint_text())
        }
    }
}

fn refused(words: &[&str], expected: &str) {
    let message = refused_at(&with_password(), words);
    assert!(message.contains(expected), "{words:?}: {message}");
}

#[test]
fn the_description_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn exactly_the_commands_there_are() {
    let command = Cli::command();
    let names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
    assert_eq!(
        names,
        [
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
            "parity",
            "prune",
            "repair",
            "key",
            "tag",
            "stats",
            "completions",
            "man",
            "demo"
        ]
    );
}

#[test]
fn every_command_and_option_explains_itself() {
    fn walk(command: &clap::Command, path: &str) {
        let path = format!("{path} {}", command.get_name());
        assert!(command.get_about().is_some(), "{path} says nothing about itself");
        for arg in command.get_arguments() {
            assert!(
                arg.get_help().is_some(),
                "{path} {} says nothing about itself",
                arg.get_id()
            );
        }
        command.get_subcommands().for_each(|sub| walk(sub, &path));
    }
    let command = Cli::command();
    walk(&command, "");
    for sub in command.get_subcommands() {
        let after = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(
            after.contains("Examples:\n  "),
            "{} has no examples",
            sub.get_name()
        );
    }
}

#[test]
fn the_document_tells_of_every_command_and_option() {
    fn walk(command: &clap::Command, section: &str) {
        for arg in command.get_arguments() {
            let Some(long) = arg.get_long().filter(|long| !matches!(*long, "help" | "version")) else {
                continue;
            };
            let found = section.match_indices(&format!("--{long}")).any(|(at, text)| {
                let next = section[at + text.len()..].chars().next();
                !next.is_some_and(|next| next.is_alphanumeric() || next == '-')
            });
            assert!(
                found,
                "docs/cli.md does not tell of `{} --{long}`",
                command.get_name()
            );
        }
        command.get_subcommands().for_each(|sub| walk(sub, section));
    }
    let document = include_str!("../../../../docs/cli.md");
    let (before, commands) = document.split_once("\n## Commands\n").unwrap();
    let (commands, _) = commands.split_once("\n## Profiles\n").unwrap();
    let root = Cli::command();
    let globals = root.clone().mut_subcommands(|sub| sub.hide(true));
    let globals = globals.get_arguments().cloned();
    walk(
        &clap::Command::new("lumivault").args(globals.map(|arg| arg.global(false))),
        before,
    );
    for sub in root.get_subcommands() {
        let mut sections = commands.split("\n### ").skip(1);
        let named = |section: &&str| {
            section
                .lines()
                .next()
                .unwrap_or_default()
                .contains(sub.get_name())
        };
        let section = sections
            .find(named)
            .unwrap_or_else(|| panic!("docs/cli.md has no {}", sub.get_name()));
        // Two sections refer to others for the options they share.
        let shared = if matches!(sub.get_name(), "import" | "stats") {
            commands
        } else {
            section
        };
        walk(sub, shared);
    }
}

#[test]
fn the_examples_of_the_help_are_good_commands() {
    let mut around = with_password().at_a_terminal();
    around.stdout_is_terminal = false;
    for sub in Cli::command().get_subcommands() {
        let after = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
        let examples = after.lines().skip_while(|line| *line != "Examples:").skip(1);
        for line in examples.take_while(|line| !line.is_empty()) {
            let program = line
                .split(" | ")
                .find(|part| part.trim_start().starts_with("lumivault "))
                .unwrap();
            let program = program
                .split(['>'])
                .next()
                .unwrap()
                .split("   ")
                .next()
                .unwrap()
                .trim();
            let words = crate::password::split_words(program).unwrap();
            let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
            // Only the file systems of the examples are missing here.
            if let Err(failure) = invoke(&around, &words) {
                panic!("{line}: {failure:?}");
            }
        }
    }
}

#[test]
fn settings_come_from_global_options_on_either_side_of_the_command() {
    for words in [
        &["--json", "-vv", "--threads", "3", "check"][..],
        &["check", "--json", "-v", "-v", "--threads=3"],
    ] {
        let settings = invoke(&with_password(), words).unwrap().settings;
        assert_eq!(
            settings,
            Settings {
                format: Format::Json,
                quiet: false,
                verbosity: 2,
                threads: Some(3)
            }
        );
    }
    refused(&["-q", "-v", "check"], "cannot be used with");
    refused(&["--threads", "0", "check"], "--threads");
}

#[test]
fn the_repository_is_named_by_option_then_variable() {
    let around = with_password();
    assert_eq!(
        access(&around, &["-r", "/other", "check"]).repo.path(),
        Path::new("/other")
    );
    assert_eq!(access(&around, &["check"]).repo.path(), Path::new("/repo"));
    assert_eq!(
        access(&around, &["check", "-r", r"C:\x"]).repo.path(),
        Path::new(r"C:\x")
    );
    let none = Surroundings::with_variables(&[("LUMIVAULT_PASSWORD", "pw")]);
    assert!(refused_at(&none, &["check"]).contains("LUMIVAULT_REPO"));
    refused(
        &["-r", "s3:bucket/x", "check"],
        "--repo: remote repositories (`s3:…`) come with a later version",
    );
}

#[test]
fn the_password_comes_from_option_then_variable_then_terminal() {
    let unlock = |variables: &[(&str, &str)], words: &[&str]| {
        let around = Surroundings::with_variables(variables).at_a_terminal();
        let words: Vec<&str> = ["-r", "/r", "check"].iter().chain(words).copied().collect();
        access(&around, &words).unlock
    };
    let file = |path: &str, option| {
        Unlock::Password(PasswordSource::File {
            path: path.into(),
            option,
        })
    };
    let all = [
        ("LUMIVAULT_PASSWORD", "pw"),
        ("LUMIVAULT_PASSWORD_COMMAND", "pass 'a b'"),
    ];
    assert_eq!(
        unlock(&all, &["--password-file", "f"]),
        file("f", "--password-file")
    );
    assert_eq!(unlock(&all, &["--key-file", "k"]), Unlock::KeyFile("k".into()));
    assert_eq!(
        unlock(&all, &["--password-fd", "3"]),
        Unlock::Password(PasswordSource::Descriptor(3))
    );
    let words = vec!["pass".into(), "a b".into()];
    let command = PasswordSource::Command {
        words,
        option: "LUMIVAULT_PASSWORD_COMMAND",
    };
    assert_eq!(unlock(&all, &[]), Unlock::Password(command));
    let given = PasswordSource::Given(Secret::new("pw".into()));
    assert_eq!(unlock(&all[..1], &[]), Unlock::Password(given));
    let variable = [("LUMIVAULT_PASSWORD_FILE", "v"), ("LUMIVAULT_PASSWORD", "pw")];
    assert_eq!(unlock(&variable, &[]), file("v", "LUMIVAULT_PASSWORD_FILE"));
    assert_eq!(unlock(&[], &[]), Unlock::Password(PasswordSource::Ask));
}

#[test]
fn without_a_terminal_nobody_is_asked() {
    let around = Surroundings::with_variables(&[("LUMIVAULT_REPO", "/repo")]);
    let message = refused_at(&around, &["check"]);
    for option in [
        "--password-file",
        "--password-command",
        "--password-fd",
        "LUMIVAULT_PASSWORD_FILE",
    ] {
        assert!(message.contains(option), "{message}");
    }
}

#[test]
fn password_options_contradict_each_other() {
    let options = [
        "--password-file=f",
        "--password-command=c",
        "--password-fd=3",
        "--key-file=k",
    ];
    for (i, one) in options.iter().enumerate() {
        for other in &options[i + 1..] {
            refused(&[one, other, "check"], "cannot be used with");
        }
    }
    let both = [
        ("LUMIVAULT_PASSWORD_FILE", "f"),
        ("LUMIVAULT_PASSWORD_COMMAND", "c"),
        ("LUMIVAULT_REPO", "/r"),
    ];
    assert!(refused_at(&Surroundings::with_variables(&both), &["check"]).contains("both set"));
    refused(
        &["--password-command", "a 'b", "check"],
        "--password-command: has a single quote",
    );
    refused(&["--password-fd", "0", "backup", "--stdin"], "--stdin");
    refused(
        &["--password-fd", "0", "backup", "--files-from", "-"],
        "--files-from",
    );
    let at_terminal = with_password().at_a_terminal();
    assert!(refused_at(&at_terminal, &["--password-fd", "0", "check"]).contains("is a terminal"));
}

#[test]
fn there_is_no_option_that_takes_a_password() {
    refused(
        &["--password", "hunter2", "check"],
        "unexpected argument '--password'",
    );
}

#[test]
fn the_cache_is_named_by_option_then_variable() {
    let variables = [
        ("LUMIVAULT_REPO", "/r"),
        ("LUMIVAULT_PASSWORD", "p"),
        ("LUMIVAULT_CACHE_DIR", "/v"),
    ];
    let around = Surroundings::with_variables(&variables);
    assert_eq!(
        access(&around, &["check", "--cache-dir", "/o"]).cache,
        Some("/o".into())
    );
    assert_eq!(access(&around, &["check"]).cache, Some("/v".into()));
    assert_eq!(access(&around, &["check", "--no-cache"]).cache, None);
    refused(
        &["check", "--no-cache", "--cache-dir", "/o"],
        "cannot be used with",
    );
}

#[test]
fn listings_that_lag_are_known_by_an_option_or_a_profile() {
    let around = with_password();
    let delay = |words: &[&str]| access(&around, words).listing_delay_seconds;
    assert_eq!(delay(&["prune"]), 0);
    assert_eq!(delay(&["prune", "--listing-delay", "2m"]), 120);
    assert_eq!(
        delay(&["--listing-delay", "90s", "init", "--no-recovery-code"]),
        90
    );
    refused(&["prune", "--listing-delay", "2h"], "more than an hour");
    refused(&["prune", "--listing-delay", "2"], "seconds (90s)");
}

#[test]
fn init_makes_a_recovery_code_one_way_or_the_other() {
    let init = |around: &Surroundings, words: &[&str]| match verb_at(around, words) {
        Verb::Init(init) => init,
        other => panic!("{other:?}"),
    };
    let around = with_password();
    assert_eq!(
        init(&around, &["init", "--recovery-file", "f"]).recovery,
        RecoveryCode::Write("f".into())
    );
    assert_eq!(
        init(&around, &["init", "--no-recovery-code"]).recovery,
        RecoveryCode::None
    );
    let terminal = with_password().at_a_terminal();
    let shown = init(&terminal, &["init", "--kdf-memory", "128M"]);
    assert_eq!(
        shown,
        Init {
            recovery: RecoveryCode::Show,
            kdf_memory: 128 << 20,
            parity_percent: None,
        }
    );
    let parity = init(&around, &["init", "--no-recovery-code", "--parity", "5%"]);
    assert_eq!(parity.parity_percent, Some(5));
    refused(&["init", "--no-recovery-code", "--parity", "51"], "1% to 50%");
    refused(&["init"], "--recovery-file FILE, or --no-recovery-code");
    refused(
        &["init", "--recovery-file", "f", "--no-recovery-code"],
        "cannot be used with",
    );
    refused(
        &["init", "--no-recovery-code", "--kdf-memory", "32M"],
        "--kdf-memory",
    );
    refused(
        &["init", "--no-recovery-code", "--kdf-memory", "2G"],
        "--kdf-memory-max",
    );
    let more = init(
        &around,
        &[
            "init",
            "--no-recovery-code",
            "--kdf-memory",
            "2G",
            "--kdf-memory-max",
            "2G",
        ],
    );
    assert_eq!(more.kdf_memory, 2 << 30);
    refused(&["--key-file", "k", "init", "--no-recovery-code"], "--key-file");
}

#[test]
fn backup_with_everything() {
    let folder = tempfile::tempdir().unwrap();
    let excludes = folder.path().join("ex");
    std::fs::write(&excludes, "# none\n*.tmp\n").unwrap();
    let list = folder.path().join("list");
    std::fs::write(&list, "/more/Card\n").unwrap();
    let words = [
        "backup",
        "/a/Phone",
        "--files-from",
        list.to_str().unwrap(),
        "--phone",
        "Lumia 930",
        "-H",
        "nas",
        "--time",
        "2026-05",
        "--tag",
        "a,b",
        "--tag",
        "c",
        "-e",
        "*.bak",
        "--iexclude",
        "*.LOG",
        "--exclude-file",
        excludes.to_str().unwrap(),
        "--exclude-caches",
        "--exclude-if-present",
        ".no:x",
        "-x",
        "--compression",
        "19",
        "--no-default-excludes",
        "--skip-if-unchanged",
        "--force",
        "-n",
    ];
    let Verb::Backup(backup) = verb(&words) else {
        panic!("no backup")
    };
    let Sources::Folders(sources) = &backup.sources else {
        panic!("no folders")
    };
    let source = |path: &str, label: &str| Source {
        path: path.into(),
        at: label.split('/').map(|name| name.as_bytes().to_vec()).collect(),
    };
    assert_eq!(
        *sources,
        [source("/a/Phone", "Phone"), source("/more/Card", "more/Card")]
    );
    assert_eq!(backup.phone.as_deref(), Some("Lumia 930"));
    assert_eq!(backup.host, "nas");
    assert_eq!(backup.time.unwrap().rfc3339(), "2026-05-31T23:59:59Z");
    assert_eq!(backup.tags, ["a", "b", "c"]);
    let patterns: Vec<_> = backup
        .excludes
        .patterns
        .iter()
        .map(|p| (p.text.as_str(), p.ignore_case))
        .collect();
    assert_eq!(patterns, [("*.bak", false), ("*.LOG", true), ("*.tmp", false)]);
    assert_eq!(backup.excludes.if_present[0].header.as_deref(), Some(&b"x"[..]));
    assert!(backup.excludes.caches && !backup.excludes.defaults);
    assert!(backup.one_file_system && backup.skip_if_unchanged && backup.dry_run && !backup.trust_mtime);
    assert_eq!(backup.compression, Compression::Level(19));
}

#[test]
fn backup_with_nothing_said() {
    let Verb::Backup(backup) = verb(&["backup", "-H", "h", "/a"]) else {
        panic!("no backup")
    };
    let expected = Backup {
        sources: Sources::Folders(vec![Source {
            path: "/a".into(),
            at: vec![],
        }]),
        phone: None,
        host: "h".into(),
        time: None,
        tags: vec![],
        excludes: Excludes {
            patterns: vec![],
            caches: false,
            if_present: vec![],
            defaults: true,
        },
        one_file_system: false,
        compression: Compression::Default,
        skip_if_unchanged: false,
        trust_mtime: true,
        dry_run: false,
    };
    assert_eq!(backup, expected);
}

#[test]
fn backup_of_standard_input() {
    let Verb::Backup(backup) = verb(&["backup", "--stdin"]) else {
        panic!("no backup")
    };
    assert_eq!(
        backup.sources,
        Sources::Stdin {
            file_name: "stdin".into()
        }
    );
    let Verb::Backup(backup) = verb(&["backup", "--stdin", "--stdin-filename", "a.sql"]) else {
        panic!("no backup")
    };
    assert_eq!(
        backup.sources,
        Sources::Stdin {
            file_name: "a.sql".into()
        }
    );
    refused(&["backup", "--stdin", "/a"], "cannot be used with");
    refused(&["backup", "--stdin", "--as", "x"], "cannot be used with");
    refused(&["backup", "--stdin-filename", "x", "/a"], "--stdin-filename");
    refused(
        &["backup", "--stdin", "--stdin-filename", "a/b"],
        "--stdin-filename",
    );
}

#[test]
fn backup_refuses_what_it_cannot_mean() {
    refused(&["backup"], "no SRC is named");
    refused(&["backup", "/a/x", "/b/x"], "--as");
    refused(&["backup", "/a", "--time", "yesterday"], "--time");
    refused(&["backup", "/a", "--compression", "23"], "--compression");
    refused(&["backup", "/a", "-e", " "], "--exclude: an empty pattern");
    refused(
        &["backup", "/a", "--exclude-file", "/nowhere/at/all"],
        "--exclude-file: cannot read /nowhere/at/all",
    );
    refused(
        &["backup", "--files-from", "/nowhere/at/all"],
        "--files-from: cannot read /nowhere/at/all",
    );
    refused(&["backup", "/a", "--phone", ""], "--phone");
    refused(&["backup", "/a", "--tag", "a,,b"], "--tag");
}

#[test]
fn import_reads_dates_from_names_unless_told_otherwise() {
    let Verb::Import(import) = verb(&["import", "/a", "/b"]) else {
        panic!("no import")
    };
    assert_eq!(import.folders, [PathBuf::from("/a"), "/b".into()]);
    assert_eq!(
        (import.date_from, import.dry_run, import.excludes.defaults),
        (DateFrom::Name, false, true)
    );
    let Verb::Import(import) = verb(&["import", "-n", "--date-from", "exif", "/a"]) else {
        panic!("no import")
    };
    assert_eq!((import.date_from, import.dry_run), (DateFrom::Exif, true));
    refused(&["import"], "no DIR is named");
    refused(
        &["import", "--date-from", "moon", "/a"],
        "possible values: name, exif, mtime",
    );
}

fn id(text: &str) -> Selector {
    Selector::Id(text.into())
}

fn when(text: &str) -> Selector {
    Selector::When(text.into())
}

#[test]
fn snapshots_are_named_or_filtered() {
    let words = [
        "snapshots",
        "kmzw",
        "2026",
        "--phone",
        "p",
        "--phone",
        "q",
        "-H",
        "h",
        "--tag",
        "a,b",
        "--latest",
        "2",
    ];
    let Verb::Snapshots(snapshots) = verb(&words) else {
        panic!("no snapshots")
    };
    assert_eq!(snapshots.only, [id("kmzw"), when("2026")]);
    let filter = Filter {
        phones: vec!["p".into(), "q".into()],
        hosts: vec!["h".into()],
        tags: vec!["a".into(), "b".into()],
    };
    assert_eq!((snapshots.filter, snapshots.latest), (filter, Some(2)));
    refused(&["snapshots", "--latest", "0"], "--latest");
    refused(&["snapshots", "a/b"], "neither a snapshot id nor a date");
}

#[test]
fn one_snapshot_is_chosen_by_name_or_time_but_not_both() {
    let ls = |words: &[&str]| match verb(words) {
        Verb::Ls(ls) => ls,
        other => panic!("{other:?}"),
    };
    let bare = ls(&["ls"]);
    assert_eq!(
        bare.selection,
        Selection {
            snapshot: when("latest"),
            phone: None,
            strict: false
        }
    );
    let full = ls(&[
        "ls",
        ":/A/b",
        "--at",
        "2026-05",
        "--phone",
        "p",
        "--strict",
        "-lR",
        "--only",
        "media,other",
    ]);
    assert_eq!(
        full.selection,
        Selection {
            snapshot: when("2026-05"),
            phone: Some("p".into()),
            strict: true
        }
    );
    assert_eq!(full.path, [b"A".to_vec(), b"b".to_vec()]);
    assert_eq!(full.only, [Category::Media, Category::Other]);
    assert!(full.long && full.recursive);
    assert_eq!(ls(&["ls", "--at", "kmzw"]).selection.snapshot, id("kmzw"));
    refused(
        &["ls", "latest:/A", "--at", "2026"],
        "--at: a snapshot is named already",
    );
    refused(&["ls", "/Pictures"], "SNAPSHOT:PATH");
    refused(&["ls", "--only", "music"], "possible values: media");
}

#[test]
fn find_looks_everywhere_unless_told_otherwise() {
    let find = |words: &[&str]| match verb(words) {
        Verb::Find(find) => find,
        other => panic!("{other:?}"),
    };
    let all = find(&["find", "-i", "*.jpg", "*.nar"]);
    assert_eq!(all.within, FindWithin::Filtered(Filter::default()));
    assert!(all.patterns.len() == 2 && all.patterns.iter().all(|pattern| pattern.ignore_case));
    let selection = |snapshot, strict| Selection {
        snapshot,
        phone: Some("p".into()),
        strict,
    };
    let one = find(&["find", "x", "--at", "2026", "--phone", "p", "--strict"]);
    assert_eq!(
        one.within,
        FindWithin::Selected(vec![selection(when("2026"), true)])
    );
    let two = find(&["find", "x", "-s", "kmzw", "-s", "latest", "--phone", "p"]);
    assert_eq!(
        two.within,
        FindWithin::Selected(vec![
            selection(id("kmzw"), false),
            selection(when("latest"), false)
        ])
    );
    refused(&["find"], "required arguments were not provided: <PATTERN>...");
    refused(&["find", "x", "--at", "2026", "--tag", "t"], "--tag");
    refused(&["find", "x", "--strict"], "--strict");
    refused(&["find", ""], "PATTERN");
}

#[test]
fn diff_takes_two() {
    let Verb::Diff(diff) = verb(&["diff", "2026-04:/A", "latest", "--phone", "p", "--metadata"]) else {
        panic!("no diff")
    };
    assert_eq!(
        (diff.from.snapshot, diff.to.snapshot),
        (when("2026-04"), when("latest"))
    );
    assert_eq!((diff.from_path, diff.to_path), (vec![b"A".to_vec()], vec![]));
    assert_eq!((diff.to.phone.as_deref(), diff.metadata), (Some("p"), true));
    refused(&["diff", "latest"], "<TO[:PATH]>");
}

#[test]
fn dump_writes_one_file_or_an_archive() {
    let Verb::Dump(dump) = verb(&["dump", "latest:/a.txt"]) else {
        panic!("no dump")
    };
    assert_eq!(
        (dump.path, dump.archive, dump.output),
        (vec![b"a.txt".to_vec()], None, None)
    );
    let Verb::Dump(dump) = verb(&["dump", "-a", "zip", "-o", "f"]) else {
        panic!("no dump")
    };
    assert_eq!(
        (dump.archive, dump.output),
        (Some(ArchiveFormat::Zip), Some("f".into()))
    );
    refused(&["dump", "latest"], "--archive tar");
    let terminal = with_password().at_a_terminal();
    assert!(refused_at(&terminal, &["dump", "--archive", "tar"]).contains("terminal"));
}

#[test]
fn cat_needs_an_id_for_all_but_the_config() {
    let cat = |words: &[&str]| match verb(words) {
        Verb::Cat(cat) => cat,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        cat(&["cat", "config"]),
        Cat {
            kind: ObjectKind::Config,
            id: None
        }
    );
    assert_eq!(
        cat(&["cat", "blob", "ab"]),
        Cat {
            kind: ObjectKind::Chunk,
            id: Some("ab".into())
        }
    );
    refused(&["cat", "config", "x"], "only one config");
    for kind in ["snapshot", "index", "pack", "chunk", "tree", "key"] {
        refused(&["cat", kind], "ID");
    }
    refused(&["cat", "lock", "x"], "possible values");
}

#[test]
fn restore_with_everything() {
    let words = [
        "restore",
        "kmzw:/A",
        "--phone",
        "p",
        "--strict",
        "-t",
        "/t",
        "-i",
        "*.jpg",
        "-e",
        "*.tmp",
        "--only",
        "media",
        "--overwrite",
        "if-newer",
        "--verify",
        "-n",
    ];
    let Verb::Restore(restore) = verb(&words) else {
        panic!("no restore")
    };
    assert_eq!(
        restore.selection,
        Selection {
            snapshot: id("kmzw"),
            phone: Some("p".into()),
            strict: true
        }
    );
    assert_eq!(
        (restore.path, restore.target),
        (vec![b"A".to_vec()], PathBuf::from("/t"))
    );
    assert_eq!(
        (restore.include[0].text.as_str(), restore.exclude[0].text.as_str()),
        ("*.jpg", "*.tmp")
    );
    assert_eq!(
        (restore.only, restore.overwrite),
        (vec![Category::Media], Some(Overwrite::IfNewer))
    );
    assert!(restore.verify && restore.dry_run && !restore.delete);
}

#[test]
fn restore_asks_for_a_target_and_a_word_before_deleting_widely() {
    refused(&["restore"], "--target");
    refused(&["restore", "-t", ""], "--target");
    refused(
        &["restore", "-t", "/", "--delete"],
        "--delete: would delete from the root",
    );
    refused(
        &["restore", "-t", "/tmp/..", "--delete"],
        "--delete: would delete from the root",
    );
    refused(
        &["restore", "-t", "/t", "--delete", "--only", "media"],
        "--delete",
    );
    let Verb::Restore(restore) = verb(&["restore", "-t", "/t", "--delete"]) else {
        panic!("no restore")
    };
    assert!(restore.delete && restore.overwrite.is_none());
}

#[test]
fn check_reads_as_much_as_told() {
    let check = |words: &[&str]| match verb(words) {
        Verb::Check(check) => check.read_data,
        other => panic!("{other:?}"),
    };
    assert_eq!(check(&["check"]), ReadData::None);
    assert_eq!(check(&["check", "--read-data"]), ReadData::All);
    let group = ReadData::Some(Subset::Group { number: 2, of: 5 });
    assert_eq!(check(&["check", "--read-data-subset", "2/5"]), group);
    refused(
        &["check", "--read-data", "--read-data-subset", "1%"],
        "cannot be used with",
    );
    refused(&["check", "--read-data-subset", "6/5"], "--read-data-subset");
}

#[test]
fn keys() {
    let key = |around: &Surroundings, words: &[&str]| match verb_at(around, words) {
        Verb::Key(key) => key,
        other => panic!("{other:?}"),
    };
    let around = with_password();
    let terminal = with_password().at_a_terminal();
    assert_eq!(key(&around, &["key", "list"]), Key::List);
    assert_eq!(key(&around, &["key", "rotate"]), Key::Rotate);
    assert_eq!(
        key(&around, &["key", "rm", "ab"]),
        Key::Remove { id: "ab".into() }
    );
    let ask = NewSlot::Password {
        password: PasswordSource::Ask,
        kdf_memory: 64 << 20,
    };
    assert_eq!(
        key(&terminal, &["key", "add"]),
        Key::Add {
            slot: ask,
            label: None
        }
    );
    let file = PasswordSource::File {
        path: "f".into(),
        option: "--new-password-file",
    };
    let changed = Key::Passwd {
        password: file,
        kdf_memory: 128 << 20,
    };
    let words = [
        "key",
        "passwd",
        "--new-password-file",
        "f",
        "--kdf-memory",
        "128M",
    ];
    assert_eq!(key(&around, &words), changed);
    let slot = NewSlot::KeyFile("k".into());
    let added = Key::Add {
        slot,
        label: Some("usb".into()),
    };
    assert_eq!(
        key(&around, &["key", "add", "--key-file-out", "k", "--label", "usb"]),
        added
    );
    let slot = NewSlot::Recovery(RecoveryCode::Show);
    assert_eq!(
        key(&terminal, &["key", "add", "--recovery-code"]),
        Key::Add { slot, label: None }
    );
    let slot = NewSlot::Recovery(RecoveryCode::Write("r".into()));
    assert_eq!(
        key(&around, &["key", "add", "--recovery-file", "r"]),
        Key::Add { slot, label: None }
    );

    refused(&["key", "add"], "--new-password-file");
    refused(&["key", "passwd"], "--new-password-file");
    refused(&["key", "add", "--recovery-code"], "--recovery-file FILE");
    refused(
        &["key", "add", "--recovery-code", "--key-file-out", "k"],
        "cannot be used with",
    );
    refused(
        &["key", "add", "--key-file-out", "k", "--kdf-memory", "64M"],
        "--kdf-memory",
    );
    refused(&["key", "remove", ""], "ID");
    refused(
        &["key", "passwd", "--key-file", "k", "--new-password-file", "f"],
        "--key-file",
    );
}

#[test]
fn tags() {
    let tag = |words: &[&str]| match verb(words) {
        Verb::Tag(tag) => tag,
        other => panic!("{other:?}"),
    };
    let edit = tag(&["tag", "--add", "a,b", "--remove", "c", "latest", "-n"]);
    let change = TagChange::Edit {
        add: vec!["a".into(), "b".into()],
        remove: vec!["c".into()],
    };
    assert_eq!(
        edit,
        Tag {
            snapshots: vec![when("latest")],
            filter: Filter::default(),
            change,
            pin: None,
            dry_run: true
        }
    );
    let nothing = TagChange::Edit {
        add: vec![],
        remove: vec![],
    };
    for (flag, pin) in [("--pin", true), ("--unpin", false)] {
        let change = tag(&["tag", flag, "latest"]);
        assert_eq!((change.pin, &change.change), (Some(pin), &nothing));
    }
    assert_eq!(
        tag(&["tag", "--set", "a", "--phone", "p"]).change,
        TagChange::Set(vec!["a".into()])
    );
    assert_eq!(
        tag(&["tag", "--set", "", "latest"]).change,
        TagChange::Set(vec![])
    );
    refused(&["tag", "latest"], "--add, --remove, --set, --pin or --unpin");
    refused(&["tag", "--add", "a"], "no snapshot is named");
    refused(
        &["tag", "--set", "a", "--add", "b", "latest"],
        "cannot be used with",
    );
    refused(
        &["tag", "--add", "a", "--remove", "a", "latest"],
        "also to be removed",
    );
    refused(&["tag", "--set", "a,,b", "latest"], "--set");
}

#[test]
fn forgetting() {
    use lumivault_chunk_store::forget::policy::{GroupBy, Keep, KeepRules, Span};

    let forget = |words: &[&str]| match verb(words) {
        Verb::Forget(forget) => forget,
        other => panic!("{other:?}"),
    };
    let named = forget(&["forget", "kmzw", "2026-05", "--phone", "p", "-n"]);
    let expected = Forgetting::Named(vec![Selector::Id("kmzw".into()), when("2026-05")]);
    assert_eq!((named.what, named.dry_run), (expected, true));
    assert_eq!(named.filter.phones, ["p"]);
    let undo = forget(&["forget", "--undo", "KMZW"]);
    assert_eq!(undo.what, Forgetting::Undo(vec!["kmzw".into()]));

    let rules = forget(&[
        "forget",
        "-l",
        "1",
        "-d",
        "2",
        "-w",
        "3",
        "-m",
        "4",
        "-y",
        "all",
        "--keep-hourly",
        "-1",
        "--keep-within",
        "1y",
        "--keep-within-hourly",
        "1h",
        "--keep-within-daily",
        "2d",
        "--keep-within-weekly",
        "3d",
        "--keep-within-monthly",
        "4m",
        "--keep-within-yearly",
        "5y",
        "--keep-tag",
        "a,b",
        "--keep-tag",
        "",
        "--group-by",
        "host,tags",
    ]);
    let span = |years, months, days, hours| {
        Some(Span {
            years,
            months,
            days,
            hours,
        })
    };
    let keep = KeepRules {
        last: Keep::Recent(1),
        each: [
            Keep::All,
            Keep::Recent(2),
            Keep::Recent(3),
            Keep::Recent(4),
            Keep::All,
        ],
        within: span(1, 0, 0, 0),
        each_within: [
            span(0, 0, 0, 1),
            span(0, 0, 2, 0),
            span(0, 0, 3, 0),
            span(0, 4, 0, 0),
            span(5, 0, 0, 0),
        ],
        tags: vec![vec!["a".into(), "b".into()], vec![]],
    };
    let by = GroupBy {
        host: true,
        tags: true,
        ..GroupBy::NOTHING
    };
    assert_eq!(rules.what, Forgetting::Rules { keep, by });
    let Forgetting::Rules { by, .. } = forget(&["forget", "--keep-last=1"]).what else {
        panic!("no rules")
    };
    assert_eq!(by, GroupBy::default());
    refused(&["forget", "--prune", "--undo", "kmzwtpqs"], "--prune");
    refused(&["forget", "latest", "--group-by", "host"], "cannot be used with");
}

#[test]
fn stats_and_the_commands_without_a_repository() {
    let Verb::Stats(stats) = verb(&["stats", "latest", "--tag", "a"]) else {
        panic!("no stats")
    };
    assert_eq!(
        (stats.only, stats.filter.tags),
        (vec![when("latest")], vec!["a".to_owned()])
    );
    let nothing = Surroundings::with_variables(&[]);
    let request = |words: &[&str]| invoke(&nothing, words).unwrap().request;
    assert!(matches!(
        request(&["completions", "zsh"]),
        Request::Completions(Completions { shell: Shell::Zsh })
    ));
    assert!(matches!(request(&["man"]), Request::Man(Man { out: None })));
    assert!(matches!(
        request(&["demo", "--keep", "d"]),
        Request::Demo(Demo { keep: Some(_) })
    ));
}

#[test]
fn mistyped_options_get_a_tip_and_the_right_help() {
    refused(&["backup", "--exclud", "x", "/a"], "'--exclude'");
    refused(&["backup", "--exclud", "x", "/a"], "lumivault backup --help");
    refused(&["bakcup"], "'backup'");
    refused(&["unlock"], "unrecognized subcommand 'unlock'");
}

mod profiles {
    use super::*;

    struct Dir(tempfile::TempDir);

    impl Dir {
        fn with(profile: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("p.toml"), profile).unwrap();
            Self(folder)
        }

        fn path(&self) -> String {
            self.0.path().join("p.toml").to_str().unwrap().to_owned()
        }

        fn invoke(&self, around: &Surroundings, words: &[&str]) -> Result<Invocation, Failure> {
            let path = self.path();
            let words: Vec<&str> = ["-P", &path].into_iter().chain(words.iter().copied()).collect();
            invoke(around, &words)
        }

        fn access_and_verb(&self, variables: &[(&str, &str)], words: &[&str]) -> (Access, Verb) {
            match self.invoke(&Surroundings::with_variables(variables), words) {
                Ok(Invocation {
                    request: Request::Archive(access, verb),
                    ..
                }) => (*access, *verb),
                other => panic!("{words:?}: {other:?}"),
            }
        }

        fn backup(&self, words: &[&str]) -> Backup {
            match self.access_and_verb(&[], words).1 {
                Verb::Backup(backup) => backup,
                other => panic!("{other:?}"),
            }
        }

        fn refused(&self, words: &[&str]) -> String {
            let around = Surroundings::with_variables(&[]);
            match self.invoke(&around, words) {
                Ok(invocation) => panic!("{words:?} was accepted: {invocation:?}"),
                Err(failure) => {
                    assert_eq!(failure.code(), ExitCode::Usage);
                    format!("{} | {}", failure.message(), failure.hint_text())
                }
            }
        }
    }

    const FULL: &str = "
        [repository]
        repo = '/profile/repo'
        password-file = '/profile/password'
        cache-dir = '/profile/cache'
        [global]
        verbose = 2
        threads = 4
        [backup]
        sources = ['/src/a', '/src/b']
        phone = 'Lumia 930'
        host = 'h'
        tag = ['x', 'y']
        exclude = ['*.tmp', '-odd']
        one-file-system = true
        exclude-caches = false
        [restore]
        target = '/profile/target'
        ";

    #[test]
    fn fill_in_what_is_not_typed() {
        let profile = Dir::with(FULL);
        let (access, verb) = profile.access_and_verb(&[], &["backup"]);
        assert_eq!(access.repo.path(), Path::new("/profile/repo"));
        assert_eq!(access.cache, Some("/profile/cache".into()));
        let Unlock::Password(PasswordSource::File { path, .. }) = access.unlock else {
            panic!("no file")
        };
        assert_eq!(path, Path::new("/profile/password"));
        let Verb::Backup(backup) = verb else {
            panic!("no backup")
        };
        let Sources::Folders(sources) = &backup.sources else {
            panic!("no folders")
        };
        assert_eq!(sources.len(), 2);
        assert_eq!(backup.tags, ["x", "y"]);
        let patterns: Vec<_> = backup.excludes.patterns.iter().map(|p| p.text.as_str()).collect();
        assert_eq!(patterns, ["*.tmp", "-odd"]);
        assert!(backup.one_file_system && !backup.excludes.caches);
        let settings = profile
            .invoke(&Surroundings::with_variables(&[]), &["backup"])
            .unwrap()
            .settings;
        assert_eq!((settings.verbosity, settings.threads), (2, Some(4)));
        let (_, verb) = profile.access_and_verb(&[], &["restore"]);
        let Verb::Restore(restore) = verb else {
            panic!("no restore")
        };
        assert_eq!(restore.target, Path::new("/profile/target"));
    }

    #[test]
    fn lose_against_what_is_typed() {
        let profile = Dir::with(FULL);
        let backup = profile.backup(&["backup", "--tag", "z", "--", "-weird"]);
        assert_eq!(backup.tags, ["z"]);
        let lone = Sources::Folders(vec![Source {
            path: "-weird".into(),
            at: vec![],
        }]);
        assert_eq!(backup.sources, lone);
        assert_eq!(backup.phone.as_deref(), Some("Lumia 930"));
        let (access, _) =
            profile.access_and_verb(&[], &["-r", "backup", "backup", "--key-file", "k", "--no-cache"]);
        assert_eq!(access.repo.path(), Path::new("backup"));
        assert_eq!((access.unlock, access.cache), (Unlock::KeyFile("k".into()), None));
        let stdin = profile.backup(&["backup", "--stdin"]);
        assert!(matches!(stdin.sources, Sources::Stdin { .. }));
        let around = Surroundings::with_variables(&[]);
        let quiet = profile.invoke(&around, &["backup", "-q"]).unwrap().settings;
        assert_eq!((quiet.quiet, quiet.verbosity), (true, 0));
    }

    #[test]
    fn lose_against_the_environment() {
        let variables = [
            ("LUMIVAULT_REPO", "/variable/repo"),
            ("LUMIVAULT_PASSWORD", "pw"),
            ("LUMIVAULT_CACHE_DIR", "/variable/cache"),
        ];
        let (access, _) = Dir::with(FULL).access_and_verb(&variables, &["backup"]);
        assert_eq!(access.repo.path(), Path::new("/variable/repo"));
        assert_eq!(
            access.unlock,
            Unlock::Password(PasswordSource::Given(Secret::new("pw".into())))
        );
        assert_eq!(access.cache, Some("/variable/cache".into()));
    }

    #[test]
    fn serve_commands_that_have_commands_of_their_own() {
        let (access, verb) = Dir::with(FULL).access_and_verb(&[], &["key", "list"]);
        assert_eq!(access.repo.path(), Path::new("/profile/repo"));
        assert!(matches!(verb, Verb::Key(Key::List)));
    }

    #[test]
    fn are_checked_as_a_whole() {
        let cases = [
            ("[backup]\nexclud = 'x'\n", "no key `exclud` in [backup]"),
            ("[restore]\ntargte = 'x'\n", "no key `targte` in [restore]"),
            ("[bakcup]\n", "no section [bakcup]"),
            ("[key]\n", "no section [key]"),
            (
                "[repository]\npassword = 'x'\n",
                "a profile never holds a password",
            ),
            ("[repository]\npassword-fd = 0\n", "no key `password-fd`"),
            ("[global]\nprofile = 'x'\n", "no key `profile`"),
            ("[backup]\nrepo = 'x'\n", "no key `repo` in [backup]"),
            ("[backup]\nhelp = true\n", "no key `help`"),
            (
                "[backup]\ndry-run = 'yes'\n",
                "`dry-run` in [backup] is true or false",
            ),
            ("[backup]\nphone = true\n", "`phone` in [backup] needs a value"),
            ("[backup]\nphone = ['a', 'b']\n", "--phone"),
            ("[global]\nverbose = 7\n", "`verbose` in [global] is 0, 1 or 2"),
            ("[backup]\ncompression = 99\n", "--compression"),
            ("[backup]\nsources = ['-x']\n", "`./-x`"),
        ];
        for (text, expected) in cases {
            let profile = Dir::with(text);
            let message = profile.refused(&["-r", "/r", "--password-file", "f", "backup", "/a"]);
            assert!(message.contains(expected), "{text:?}: {message}");
            assert!(message.contains(&profile.path()), "{text:?}: {message}");
        }
    }

    #[test]
    fn that_are_not_there_are_named() {
        let around = Surroundings::with_variables(&[]);
        let message = refused_at(&around, &["-P", "/nowhere/p.toml", "check"]);
        assert!(
            message.contains("--profile: cannot read /nowhere/p.toml"),
            "{message}"
        );
    }
}

#[test]
fn parity_is_added_removed_and_scrubbed() {
    let parity = |words: &[&str]| match verb(words) {
        Verb::Parity(parity) => parity,
        other => panic!("{other:?}"),
    };
    let add = |percent, dry_run| Parity::Add { percent, dry_run };
    assert_eq!(parity(&["parity", "add"]), add(5, false));
    assert_eq!(parity(&["parity", "add", "10%", "-n"]), add(10, true));
    assert_eq!(parity(&["parity", "add", "50"]), add(50, false));
    assert_eq!(
        parity(&["parity", "remove", "--dry-run"]),
        Parity::Remove { dry_run: true }
    );
    assert_eq!(parity(&["parity", "scrub"]), Parity::Scrub { dry_run: false });
    refused(&["parity", "add", "0"], "1% to 50%");
}
