//! Every backend keeps the same promises; a local disk keeps some more.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::fs;
use std::path::{Path, PathBuf};

use lumivault_chunk_store::backend::{Backend, BackendError, Capability, LocalDisk, Memory};
use lumivault_format::{ObjectId, ObjectKind};
use lumivault_testkit::backend_suite::{self, bytes, id, read, try_read};
use lumivault_testkit::{Fault, FaultBackend, FaultControl};
use tempfile::TempDir;

fn open(folder: &Path) -> LocalDisk {
    LocalDisk::open(folder).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn local_disk_passes_the_suite() {
    let folder = tempfile::tempdir().unwrap();
    backend_suite::run(|| Box::new(open(folder.path())));
    assert_eq!(
        names(&folder.path().join("tmp")),
        [] as [&str; 0],
        "no temporary file is left"
    );
}

#[test]
fn memory_passes_the_suite() {
    let memory = Memory::new();
    backend_suite::run(|| Box::new(memory.clone()));
}

#[test]
fn fault_backend_without_faults_passes_the_suite() {
    let memory = Memory::new();
    backend_suite::run(|| Box::new(FaultBackend::new(memory.clone())));
    let folder = tempfile::tempdir().unwrap();
    backend_suite::run(|| Box::new(FaultBackend::new(open(folder.path()))));
}

/// A small history: whatever fails, the next step is tried all the same.
fn write_history(backend: &dyn Backend) -> Vec<(ObjectId, Vec<u8>, Result<(), BackendError>)> {
    let publish = |id: &ObjectId, content: &[u8]| {
        let mut spool = backend.spool()?;
        for part in content.chunks(1500) {
            spool.append(part)?;
        }
        spool.publish(id)
    };
    let pack = (id(ObjectKind::Pack, 1), bytes(1, 4000));
    let index = (id(ObjectKind::Index, 2), bytes(2, 700));
    let snapshot = (id(ObjectKind::Snapshot, 3), bytes(3, 100));
    let results = [
        publish(&pack.0, &pack.1),
        backend.create(&index.0, &index.1),
        backend.create(&snapshot.0, &snapshot.1),
    ];
    [pack, index, snapshot]
        .into_iter()
        .zip(results)
        .map(|((id, bytes), result)| (id, bytes, result))
        .collect()
}

/// Fails operation `at` of the history. Returns whether there was such an operation.
fn fail_operation<B: Backend>(make: &impl Fn() -> B, at: usize, for_ever: bool, fault: Fault) -> bool {
    let context = format!("operation {at}, for ever: {for_ever}, {fault:?}");
    let backend = FaultBackend::new(make());
    let control = backend.control();
    if for_ever {
        control.fail_from(at, fault);
    } else {
        control.fail_at(at, fault);
    }
    let written = write_history(&backend);
    if control.count() <= at {
        assert!(written.iter().all(|(_, _, result)| result.is_ok()), "{context}");
        return false;
    }
    assert!(
        written.iter().any(|(_, _, result)| result.is_err()),
        "{context}: nobody was told"
    );
    drop(backend);
    let fresh = make();
    for (id, content, result) in &written {
        match try_read(&fresh, id) {
            Ok(found) => assert!(found == *content, "{context}: {id} is partial"),
            Err(BackendError::NotFound { .. }) => {
                assert!(result.is_err(), "{context}: {id} was acknowledged");
            }
            Err(error) => panic!("{context}: {error:?}"),
        }
    }
    for (id, content, result) in write_history(&fresh) {
        let retried = matches!(result, Ok(()) | Err(BackendError::AlreadyExists { .. }));
        assert!(retried, "{context}: {result:?}");
        assert!(read(&fresh, &id) == content, "{context}: {id} after the retry");
    }
    true
}

fn fail_every_operation<B: Backend>(fresh_place: impl Fn() -> (Option<TempDir>, Box<dyn Fn() -> B>)) {
    for fault in [
        Fault::Io,
        Fault::Full,
        Fault::ShortWrite,
        Fault::Sync,
        Fault::LostAnswer,
    ] {
        for for_ever in [false, true] {
            let operations = (0..1_000)
                .take_while(|&at| {
                    let (_folder, make) = fresh_place();
                    fail_operation(&make, at, for_ever, fault)
                })
                .count();
            // For ever from the start, not even the spool's appends are reached.
            assert!(operations >= 7, "{fault:?}: only {operations} operations");
        }
    }
}

#[test]
fn every_failing_operation_can_be_retried_in_memory() {
    fail_every_operation(|| {
        let memory = Memory::new();
        (None, Box::new(move || memory.clone()))
    });
}

#[test]
fn every_failing_operation_can_be_retried_on_a_local_disk() {
    fail_every_operation(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        (Some(folder), Box::new(move || open(&path)))
    });
}

#[test]
fn a_second_instance_continues_the_count() {
    let control = FaultControl::default();
    let memory = Memory::new();
    for instance in 1..=2 {
        let backend = FaultBackend::with_control(memory.clone(), control.clone());
        backend.list(ObjectKind::Pack).unwrap();
        assert_eq!(control.count(), instance);
    }
}

#[test]
fn create_makes_the_folder_and_those_above_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("a/b/archive");
    let disk = LocalDisk::create(&root).unwrap();
    assert_eq!(names(&root), [] as [&str; 0], "nothing else is written");
    disk.create(&id(ObjectKind::Config, 1), b"config").unwrap();
    drop(disk);
    assert_eq!(read(&open(&root), &id(ObjectKind::Config, 1)), b"config");
    assert_eq!(names(&root), ["config", "tmp"]);
}

#[test]
fn create_takes_an_empty_folder_and_traces_of_systems_and_of_an_interrupted_attempt() {
    let folder = tempfile::tempdir().unwrap();
    for leftover in [
        "lost+found",
        "tmp/0123456789abcdef0123456789abcdef",
        "config",
        "packs/ab",
    ] {
        LocalDisk::create(folder.path()).unwrap();
        fs::create_dir_all(folder.path().join(leftover)).unwrap();
    }
    LocalDisk::create(folder.path()).unwrap();
}

#[test]
fn create_refuses_a_folder_in_use() {
    for foreign in [
        "photo.jpg",
        "config/photo.jpg",
        "packs/ab/photo.jpg",
        "tmp/photos/a.jpg",
        "README.txt",
        "x/",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(foreign);
        fs::create_dir_all(if foreign.ends_with('/') {
            &path
        } else {
            path.parent().unwrap()
        })
        .unwrap();
        if !foreign.ends_with('/') {
            fs::write(&path, b"mine").unwrap();
        }
        match LocalDisk::create(folder.path()) {
            Err(BackendError::NotEmpty { found, .. }) => {
                assert_eq!(
                    Some(found.as_str()),
                    foreign.split('/').next(),
                    "the message names what it found"
                );
            }
            other => panic!("{foreign}: {other:?}"),
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let disk = LocalDisk::create(folder.path()).unwrap();
    disk.create(&id(ObjectKind::Config, 1), b"config").unwrap();
    drop(disk);
    assert!(matches!(
        LocalDisk::create(folder.path()),
        Err(BackendError::NotEmpty { .. })
    ));
}

#[test]
fn the_readme_is_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let disk = LocalDisk::create(folder.path()).unwrap();
    disk.write_readme("first").unwrap();
    disk.write_readme("second").unwrap();
    assert_eq!(
        fs::read_to_string(folder.path().join("README.txt")).unwrap(),
        "first"
    );
}

#[test]
fn what_is_set_aside_keeps_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let disk = open(folder.path());
    let (pack, index) = (id(ObjectKind::Pack, 1), id(ObjectKind::Index, 1));
    for (id, content) in [(&pack, "one"), (&index, "two"), (&pack, "three"), (&pack, "four")] {
        disk.create(id, content.as_bytes()).unwrap();
        disk.set_aside(id).unwrap();
    }
    let name = pack.name.to_hex();
    let expected = [
        (format!("index-{name}"), "two"),
        (format!("packs-{name}"), "one"),
        (format!("packs-{name}.1"), "three"),
        (format!("packs-{name}.2"), "four"),
    ];
    let quarantine = folder.path().join("quarantine");
    assert_eq!(
        names(&quarantine),
        expected.each_ref().map(|(name, _)| name.clone())
    );
    for (name, content) in expected {
        assert_eq!(fs::read_to_string(quarantine.join(name)).unwrap(), content);
    }
}

#[test]
fn opening_what_is_no_folder_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    for path in [folder.path().join("missing"), file.join("below"), file] {
        let opened = LocalDisk::open(&path);
        assert!(
            matches!(opened, Err(BackendError::NoSuchPlace { .. })),
            "{opened:?}"
        );
    }
}

/// Else a pulled-out disk would look like an archive that lost all its packs.
#[test]
fn a_place_that_went_away_is_not_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("archive");
    let disk = LocalDisk::create(&root).unwrap();
    fs::rename(&root, folder.path().join("elsewhere")).unwrap();
    let pack = id(ObjectKind::Pack, 1);
    let errors = [
        disk.list(ObjectKind::Pack).map(|_| ()),
        disk.list(ObjectKind::Index).map(|_| ()),
        disk.size(&pack).map(|_| ()),
        disk.read_at(&pack, 0, &mut [0]),
        disk.create(&pack, b"x"),
        disk.remove(&pack),
    ];
    for error in errors {
        assert!(
            matches!(error, Err(BackendError::NoSuchPlace { .. })),
            "{error:?}"
        );
    }
    assert!(!root.exists(), "nothing is written where the place was");
}

#[test]
fn a_write_finds_out_what_the_file_system_can_do() {
    let folder = tempfile::tempdir().unwrap();
    let disk = open(folder.path());
    assert_eq!(disk.capabilities().folder_sync, Capability::Untried);
    disk.create(&id(ObjectKind::Pack, 1), b"x").unwrap();
    let found = disk.capabilities();
    for capability in [found.folder_sync, found.exclusive_rename, found.file_locks] {
        assert_ne!(capability, Capability::Untried, "{found:?}");
    }
}

#[test]
fn foreign_names_are_not_listed() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let disk = open(root);
    let (pack, index) = (id(ObjectKind::Pack, 0xab), id(ObjectKind::Index, 0xcd));
    disk.create(&pack, b"pack").unwrap();
    disk.create(&index, b"index").unwrap();
    let hex = |digits: &str| digits.repeat(32);
    let foreign: [PathBuf; 10] = [
        "index/.DS_Store".into(),
        "index/photo.jpg".into(),
        format!("index/{}.part", hex("ab")).into(),
        format!("index/{}", &hex("ab")[1..]).into(),
        format!("index/{}", hex("EF")).into(),
        format!("packs/{}", hex("ab")).into(),
        format!("packs/cd/{}", hex("ab")).into(),
        format!("packs/ab/ab/{}", hex("ab")).into(),
        format!("packs/AB2/{}", hex("ab")).into(),
        format!("parity/ef/{}/x", hex("ef")).into(),
    ];
    for path in foreign.iter().map(|path| root.join(path)) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"foreign").unwrap();
    }
    // A file in the place of a fan-out folder.
    fs::write(root.join("packs/00"), b"foreign").unwrap();
    let listed = |kind| {
        disk.list(kind)
            .unwrap()
            .into_iter()
            .map(|info| (info.name, info.size))
            .collect::<Vec<_>>()
    };
    assert_eq!(listed(ObjectKind::Pack), [(pack.name, 4)]);
    assert_eq!(listed(ObjectKind::Index), [(index.name, 5)]);
    assert_eq!(listed(ObjectKind::Parity), [], "a folder is no object");
}

/// More objects than files are kept open, removed and made anew in between.
#[test]
fn many_objects_are_read_alternately() {
    let folder = tempfile::tempdir().unwrap();
    let disk = open(folder.path());
    let content = |tag: u8| bytes(tag.into(), 1000);
    for tag in 0..80 {
        disk.create(&id(ObjectKind::Index, tag), &content(tag)).unwrap();
    }
    for round in 0..3usize {
        for tag in 0..80 {
            let (mut buffer, start) = ([0; 100], 100 * round);
            disk.read_at(&id(ObjectKind::Index, tag), start as u64, &mut buffer)
                .unwrap();
            assert_eq!(buffer[..], content(tag)[start..start + 100]);
        }
    }
    let last = id(ObjectKind::Index, 79);
    disk.remove(&last).unwrap();
    disk.create(&last, b"anew").unwrap();
    assert_eq!(
        read(&disk, &last),
        b"anew",
        "the open file of the removed object is not read"
    );
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Output};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn only_the_owner_can_look_in() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("archive");
        let disk = LocalDisk::create(&root).unwrap();
        let pack = id(ObjectKind::Pack, 0xab);
        disk.create(&pack, b"pack").unwrap();
        disk.write_readme("text").unwrap();
        for below in ["", "packs", "packs/ab", "tmp"] {
            assert_eq!(mode(&root.join(below)), 0o700, "{below}");
        }
        for below in [pack.path().as_str(), "README.txt"] {
            assert_eq!(mode(&root.join(below)), 0o600, "{below}");
        }
    }

    /// A hostile place may put anything under an object's name.
    #[test]
    fn links_pipes_and_folders_are_no_objects() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let folder = tempfile::tempdir().unwrap();
        let disk = open(folder.path());
        let [link, pipe, directory] = [1, 2, 3].map(|tag| id(ObjectKind::Index, tag));
        fs::create_dir(folder.path().join("index")).unwrap();
        fs::write(folder.path().join("secret"), b"secret").unwrap();
        symlink("../secret", folder.path().join(link.path())).unwrap();
        mknodat(
            CWD,
            folder.path().join(pipe.path()),
            FileType::Fifo,
            Mode::RUSR | Mode::WUSR,
            0,
        )
        .unwrap();
        fs::create_dir(folder.path().join(directory.path())).unwrap();
        assert_eq!(disk.list(ObjectKind::Index).unwrap(), []);
        for id in [link, pipe, directory] {
            assert!(disk.size(&id).is_err(), "{id}");
            assert!(
                disk.read_at(&id, 0, &mut [0]).is_err(),
                "{id}: neither read nor waited for"
            );
            assert!(
                matches!(disk.create(&id, b"x"), Err(BackendError::AlreadyExists { .. })),
                "{id}"
            );
        }
        assert_eq!(fs::read(folder.path().join("secret")).unwrap(), b"secret");
    }

    /// Runs one test of this program in another process, which finds `place` in the environment.
    fn run_in_child(command: &mut Command, place: &Path) -> Output {
        let output = command.env(PLACE, place).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && text.contains("1 passed"),
            "{command:?}: {text}{errors}"
        );
        output
    }

    /// Set in child processes: where to work.
    const PLACE: &str = "LUMIVAULT_TEST_PLACE";

    #[test]
    fn a_read_only_folder_can_be_read() {
        if let Some(place) = std::env::var_os(PLACE) {
            return check_read_only(Path::new(&place));
        }
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("archive");
        LocalDisk::create(&root)
            .unwrap()
            .create(&id(ObjectKind::Pack, 0xab), b"pack")
            .unwrap();
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        set(folder.path(), 0o755);
        set(&root.join(id(ObjectKind::Pack, 0xab).path()), 0o444);
        let folders = ["packs/ab", "packs", "tmp", ""].map(|below| root.join(below));
        for folder in &folders {
            set(folder, 0o555);
        }
        let is_superuser = fs::write(root.join("probe"), b"").is_ok();
        if is_superuser {
            // Permissions do not bind the superuser, so somebody else has to try.
            fs::remove_file(root.join("probe")).unwrap();
            let mut command = Command::new(std::env::current_exe().unwrap());
            command
                .uid(65534)
                .gid(65534)
                .args(["--exact", "unix::a_read_only_folder_can_be_read"]);
            run_in_child(&mut command, &root);
        } else {
            check_read_only(&root);
        }
        for folder in folders {
            set(&folder, 0o755);
        }
    }

    fn check_read_only(root: &Path) {
        let disk = open(root);
        let pack = id(ObjectKind::Pack, 0xab);
        assert_eq!(read(&disk, &pack), b"pack");
        assert_eq!(disk.list(ObjectKind::Pack).unwrap().len(), 1);
        assert_eq!(disk.list(ObjectKind::Index).unwrap(), []);
        let refusals = [
            disk.create(&id(ObjectKind::Index, 1), b"x"),
            disk.spool().map(|_| ()),
            disk.remove(&pack),
            disk.write_readme("text"),
        ];
        for refusal in refusals {
            assert!(matches!(refusal, Err(BackendError::Denied { .. })), "{refusal:?}");
        }
        assert_eq!(read(&disk, &pack), b"pack");
    }

    /// Runs a test of this program where it may mount file systems, one of 1 MiB on `place` to begin with.
    fn run_with_small_disk(test: &str) {
        let place = tempfile::tempdir().unwrap();
        let script = "mount -t tmpfs -o size=1m none \"$0\" && exec \"$@\"";
        let mut command = Command::new("unshare");
        command
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
            .arg(place.path())
            .arg(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", test]);
        run_in_child(&mut command, place.path());
    }

    #[test]
    #[ignore = "mounts a file system of 1 MiB: needs root, or a system that lets users make namespaces"]
    fn a_full_disk_is_full_and_goes_on_when_there_is_room() {
        match std::env::var_os(PLACE) {
            Some(place) => check_full(Path::new(&place)),
            None => run_with_small_disk("unix::a_full_disk_is_full_and_goes_on_when_there_is_room"),
        }
    }

    #[test]
    #[ignore = "mounts file systems: needs root, or a system that lets users make namespaces"]
    fn another_disk_in_the_same_place_is_not_the_archive() {
        match std::env::var_os(PLACE) {
            Some(place) => check_other_disk(Path::new(&place)),
            None => run_with_small_disk("unix::another_disk_in_the_same_place_is_not_the_archive"),
        }
    }

    /// As when a disk was pulled out and its mount point remains, an empty folder.
    fn check_other_disk(root: &Path) {
        let pack = id(ObjectKind::Pack, 1);
        open(root).create(&pack, b"pack").unwrap();
        let disk = open(root);
        assert_eq!(disk.list(ObjectKind::Pack).unwrap().len(), 1);
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "none"])
            .arg(root)
            .status()
            .unwrap();
        assert!(mounted.success());
        let errors = [
            disk.list(ObjectKind::Pack).map(|_| ()),
            disk.list(ObjectKind::Index).map(|_| ()),
            disk.size(&pack).map(|_| ()),
            disk.create(&id(ObjectKind::Pack, 2), b"x"),
            disk.remove(&pack),
        ];
        for error in errors {
            assert!(
                matches!(error, Err(BackendError::NoSuchPlace { .. })),
                "{error:?}"
            );
        }
        assert_eq!(
            names(root),
            [] as [&str; 0],
            "nothing is written to the other disk"
        );
    }

    fn check_full(root: &Path) {
        let disk = open(root);
        let big = |tag| (id(ObjectKind::Pack, tag), bytes(tag.into(), 600_000));
        let ((first, first_bytes), (second, second_bytes)) = (big(1), big(2));
        disk.create(&first, &first_bytes).unwrap();
        let result = disk.create(&second, &second_bytes);
        assert!(matches!(result, Err(BackendError::Full { .. })), "{result:?}");
        let result = disk.size(&second);
        assert!(matches!(result, Err(BackendError::NotFound { .. })), "{result:?}");
        assert!(read(&disk, &first) == first_bytes);
        disk.remove(&first).unwrap();
        disk.create(&second, &second_bytes).unwrap();
        assert!(
            read(&disk, &second) == second_bytes,
            "the failed attempt freed its space"
        );
    }
}
