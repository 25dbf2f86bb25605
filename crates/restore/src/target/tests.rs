use super::*;
use lumivault_format::tree::StatRecord;
use std::io::ErrorKind;

fn name(folder: &Folder, stored: &str) -> MappedName {
    folder.map_names(&[stored.as_bytes()]).0.remove(0)
}

#[test]
fn thousands_of_files_on_their_way_hold_few_handles() {
    // Wine opens slowly.
    let count = if sys::IS_WINDOWS { 400 } else { 2_000_usize };
    let scratch = tempfile::tempdir().unwrap();
    let target = Target::open(scratch.path(), &TargetPolicy::EmptyOnly).unwrap();
    let root = target.root();
    let shared = &root.node.shared;
    let folders: Vec<Folder> = (0..100)
        .map(|i| {
            root.create_folder(&name(root, &format!("f{i}")), Overwrite::Never)
                .unwrap()
        })
        .collect();
    let files: Vec<PartialFile> = (0..count)
        .map(|i| {
            let folder = &folders[i % 100];
            let file = name(folder, &format!("{i}"));
            folder.begin_file(&file, 16, StatRecord::default()).unwrap()
        })
        .collect();
    assert!(shared.files.len() <= FILES_OPEN_MAX && shared.folders.len() <= FOLDERS_OPEN_MAX);
    std::thread::scope(|scope| {
        for part in 0..4_usize {
            let files = &files;
            scope.spawn(move || {
                for (i, file) in files.iter().enumerate() {
                    let bytes = [u8::try_from((i + part) % 251).unwrap(); 4];
                    file.write_at(part as u64 * 4, &bytes).unwrap();
                }
            });
        }
    });
    assert!(shared.files.len() <= FILES_OPEN_MAX && shared.folders.len() <= FOLDERS_OPEN_MAX);
    for file in files {
        assert_eq!(file.finish(Overwrite::Never).unwrap().outcome, Outcome::Written);
    }
    assert_eq!(shared.files.len(), 0);
    for i in 0..count {
        let path = scratch.path().join(format!("f{}/{i}", i % 100));
        let expected: Vec<u8> = (0..16)
            .map(|at| u8::try_from((i + at / 4) % 251).unwrap())
            .collect();
        assert_eq!(std::fs::read(path).unwrap(), expected, "{i}");
    }
}

#[test]
fn errors_of_the_system_are_told_apart() {
    let of = |kind: ErrorKind| TargetError::of("writing", StoredPath::new(vec![b"a".to_vec()]), kind.into());
    for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
        assert!(matches!(of(kind), TargetError::Full { .. }), "{kind}");
    }
    for kind in [ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem] {
        assert!(matches!(of(kind), TargetError::Denied { .. }), "{kind}");
    }
    assert!(matches!(of(ErrorKind::NotFound), TargetError::Io { .. }));
    let text = of(ErrorKind::StorageFull).to_string();
    assert!(
        text.contains("writing a") && text.contains("free some space"),
        "{text}"
    );
}

/// Names mapped for another system must not become paths here.
#[test]
fn a_name_that_is_a_path_here_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let target = Target::open(scratch.path(), &TargetPolicy::EmptyOnly).unwrap();
    let foreign = map_names(&[b"..\\evil", b"c:evil"], &Abilities::unix());
    for name in &foreign {
        let result = target.root().component(name);
        assert_eq!(result.is_ok(), !sys::IS_WINDOWS, "{}", escape(name.written()));
    }
}

#[cfg(unix)]
#[test]
fn a_probe_leaves_nothing_and_finds_a_unix_file_system() {
    let scratch = tempfile::tempdir().unwrap();
    let target = Target::open(scratch.path(), &TargetPolicy::EmptyOnly).unwrap();
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
    let abilities = target.abilities();
    assert!(abilities.symlinks && abilities.hard_links && abilities.modes);
    if cfg!(target_os = "linux") {
        assert_eq!(abilities.encoding, NameEncoding::Bytes);
        assert!(abilities.case_sensitive && !abilities.normalising && !abilities.windows_names);
    }
}

/// Where exclusive renaming is missing, a link and a removal do the same.
#[cfg(unix)]
#[test]
fn a_thing_is_not_named_over_another() {
    use std::ffi::OsStr;
    let scratch = tempfile::tempdir().unwrap();
    let dir = Dir::open_root(scratch.path()).unwrap();
    std::fs::write(scratch.path().join("old"), "old").unwrap();
    std::fs::write(scratch.path().join("new"), "new").unwrap();
    let error = dir.rename_new(OsStr::new("new"), OsStr::new("old")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read(scratch.path().join("old")).unwrap(), b"old");
    dir.rename_new(OsStr::new("new"), OsStr::new("third")).unwrap();
    assert_eq!(std::fs::read(scratch.path().join("third")).unwrap(), b"new");
}
