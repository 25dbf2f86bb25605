//! What was backed up comes back as it was.

use std::fs;

use lumivault_format::tree::Category;
use lumivault_restore::filter::Pattern;
use lumivault_restore::target::{StoredPath, TargetError};
use lumivault_restore::{Outcome, RestoreError};
use lumivault_testkit::SeededRandom;

use super::support::{Scene, assert_same, plant_phone, set_time, tree};

fn place(path: &str) -> StoredPath {
    StoredPath::new(path.split('/').map(|name| name.as_bytes().to_vec()).collect())
}

#[test]
fn a_phone_comes_back_bit_for_bit() {
    let scene = Scene::new();
    plant_phone(&scene, "a phone comes back");
    let random = SeededRandom::new("20 MiB");
    scene.write("Videos/twenty.mp4", &random.bytes(20 << 20));
    set_time(&scene.source(), 1_500_000_000, 987_654_300);
    let snapshot = scene.backup();
    let summary = scene.restore(&snapshot, |request| request.verify = true);
    assert_same(&scene.source(), &scene.target());
    assert_eq!(summary.outcome(), Outcome::Complete);
    assert_eq!(summary.created, summary.verified);
    assert_eq!(summary.created, 120 + 6 + 6);
    assert!(!summary.resumed);
    assert!(!scene.target().join(".lumivault-restore").exists());
}

#[test]
fn each_chunk_is_read_once_and_in_large_pieces() {
    let scene = Scene::new();
    plant_phone(&scene, "each chunk once");
    let snapshot = scene.backup();
    let totals = scene.plan(&snapshot, |_| (), |plan, _| *plan.totals());
    let summary = scene.restore(&snapshot, |_| ());
    assert_eq!(summary.fetched.chunks, totals.chunks, "as planned");
    assert_eq!(summary.fetched.stored_bytes, totals.stored_bytes);
    assert_eq!(summary.fetched.packs, totals.packs);
    assert_eq!(summary.bytes, totals.write_bytes);
    // The photo's copy costs nothing.
    assert!(summary.fetched.plain_bytes + 3_000_000 <= summary.bytes);
    assert!(
        summary.fetched.reads < summary.fetched.chunks,
        "{:?}",
        summary.fetched
    );
}

#[test]
fn deep_trees_and_many_folders() {
    let scene = Scene::new();
    let deep: Vec<String> = (0..200).map(|depth| format!("d{depth}")).collect();
    scene.write(&format!("{}/bottom.txt", deep.join("/")), b"down here");
    for number in 0..300 {
        scene.write(&format!("many/{number}/file"), number.to_string().as_bytes());
    }
    let snapshot = scene.backup();
    let summary = scene.restore(&snapshot, |request| request.verify = true);
    assert_same(&scene.source(), &scene.target());
    assert_eq!((summary.created, summary.verified), (301, 301));
}

#[cfg(unix)]
#[test]
fn what_unix_has_comes_back() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    let scene = Scene::new();
    let source = scene.source();
    let random = SeededRandom::new("what unix has");
    // Names that are no text, and names that are a trap elsewhere.
    for name in [
        &b"\xff\xfe\x80.jpg"[..],
        b"a\\b",
        b"CON",
        b"dot.",
        b"space ",
        b"new\nline",
        b"-rf",
        b"*",
    ] {
        fs::write(source.join(OsStr::from_bytes(name)), random.bytes(100)).unwrap();
    }
    for (name, mode) in [
        ("private", 0o600),
        ("read only", 0o444),
        ("program", 0o755),
        ("nothing", 0),
    ] {
        let path = scene.write(&format!("modes/{name}"), name.as_bytes());
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    symlink("modes/program", source.join("relative")).unwrap();
    symlink("/nowhere/at/all", source.join("dangling")).unwrap();
    symlink("../..", source.join("modes/up")).unwrap();
    let first = scene.write("links/one", &random.bytes(50_000));
    fs::create_dir_all(source.join("a/b")).unwrap();
    fs::hard_link(&first, source.join("a/b/two")).unwrap();
    fs::hard_link(&first, source.join("links/three")).unwrap();
    // Holes: in the middle, at the end, and nothing else.
    let sparse = fs::File::create(source.join("sparse")).unwrap();
    sparse.set_len(48 << 20).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, &random.bytes(300_000), 20 << 20).unwrap();
    fs::File::create(source.join("only a hole"))
        .unwrap()
        .set_len(10 << 20)
        .unwrap();
    let marked = scene.write("marked", b"with attributes");
    let has_xattrs = ["user.comment", "user.empty"]
        .iter()
        .zip([&b"from the phone"[..], b""])
        .all(|(name, value)| {
            rustix::fs::setxattr(&marked, *name, value, rustix::fs::XattrFlags::empty()).is_ok()
        });
    let old = scene.write("old", b"before 1970");
    set_time(&old, -1_000_000, 500_000_000);
    rustix::fs::mknodat(
        rustix::fs::CWD,
        source.join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let locked = source.join("locked");
    fs::create_dir(&locked).unwrap();
    fs::write(locked.join("inside"), b"of a folder that cannot be written").unwrap();
    set_time(&locked, 1_300_000_000, 1);
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).unwrap();

    let snapshot = scene.backup();
    let summary = scene.restore(&snapshot, |request| request.verify = true);
    assert_eq!(summary.outcome(), Outcome::Complete, "{:?}", summary.problems);
    assert_eq!((summary.hard_links, summary.others), (2, 3));
    let target = scene.target();
    assert!(!target.join("pipe").exists(), "only on request");
    assert!(
        summary
            .notices
            .iter()
            .any(|notice| notice.to_string().starts_with("pipe"))
    );
    fs::remove_file(source.join("pipe")).unwrap();
    let (mut expected, mut found) = (tree(&source), tree(&target));
    // Removing the pipe changed the source's own time.
    expected.remove(std::path::Path::new(""));
    found.remove(std::path::Path::new(""));
    assert_eq!(expected, found);
    let inode = |name: &str| target.join(name).metadata().unwrap().ino();
    assert_eq!(inode("links/one"), inode("a/b/two"));
    let blocks = |name: &str| target.join(name).metadata().unwrap().blocks();
    assert!(
        blocks("sparse") <= 2048 && blocks("only a hole") <= 8,
        "holes stay holes"
    );
    if has_xattrs {
        assert_eq!(found[std::path::Path::new("marked")].xattrs.len(), 2);
    }
}

#[cfg(unix)]
#[test]
fn special_files_come_on_request() {
    use std::os::unix::fs::FileTypeExt;

    let scene = Scene::new();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        scene.source().join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o640),
        0,
    )
    .unwrap();
    let snapshot = scene.backup();
    let summary = scene.restore(&snapshot, |request| request.special.special_files = true);
    assert_eq!(summary.others, 1);
    let made = scene.target().join("pipe").symlink_metadata().unwrap();
    assert!(made.file_type().is_fifo());
}

#[test]
fn part_of_a_snapshot_comes_directly_under_the_target() {
    let scene = Scene::new();
    plant_phone(&scene, "part of a snapshot");
    let snapshot = scene.backup();
    scene.restore(&snapshot, |request| request.path = place("Pictures/Camera Roll"));
    assert_same(&scene.source().join("Pictures/Camera Roll"), &scene.target());

    fs::remove_dir_all(scene.target()).unwrap();
    let summary = scene.restore(&snapshot, |request| {
        request.path = place("Pictures/Camera Roll/WP_2.jpg");
        request.verify = true;
    });
    assert_eq!((summary.created, summary.verified), (1, 1));
    let found = tree(&scene.target());
    assert_eq!(found.len(), 2, "the file and the target itself");
    let source = tree(&scene.source().join("Pictures/Camera Roll"));
    let name = std::path::Path::new("WP_2.jpg");
    assert_eq!(found[name], source[name]);

    let missing = scene.try_restore(
        &snapshot,
        std::sync::Arc::new(lumivault_chunk_store::Silent),
        |r| {
            r.path = place("Pictures/Camera Roll/WP_2.jpg/x");
            r.overwrite = Some(lumivault_restore::OverwriteWhen::Never);
        },
    );
    let message = missing.unwrap_err().to_string();
    assert!(
        message.starts_with("Pictures/Camera Roll/WP_2.jpg is no folder"),
        "{message}"
    );
}

#[test]
fn filters_bring_what_they_select_and_no_empty_folders() {
    let scene = Scene::new();
    plant_phone(&scene, "filters");
    let snapshot = scene.backup();
    let summary = scene.restore(&snapshot, |request| {
        request.filter.include = vec![Pattern::new("*.jpg"), Pattern::new("/Documents")];
        request.filter.exclude = vec![Pattern::new("/Documents/3.txt"), Pattern::new("Saved Pictures")];
    });
    let found: Vec<String> = tree(&scene.target())
        .keys()
        .map(|path| path.to_str().unwrap().replace('\\', "/"))
        .collect();
    assert_eq!(
        found,
        [
            "",
            "Documents",
            "Documents/0.txt",
            "Documents/1.txt",
            "Documents/2.txt",
            "Documents/4.txt",
            "Documents/5.txt",
            "Pictures",
            "Pictures/Camera Roll",
            "Pictures/Camera Roll/WP_1.jpg",
            "Pictures/Camera Roll/WP_2.jpg",
        ]
    );
    assert_eq!((summary.created, summary.folders), (7, 3));
    let expected = tree(&scene.source());
    for (path, node) in tree(&scene.target()) {
        assert_eq!(expected[&path], node, "{}", path.display());
    }
}

#[test]
fn categories_bring_exactly_their_files() {
    let scene = Scene::new();
    plant_phone(&scene, "categories");
    let snapshot = scene.backup();
    let summary = scene.restore(&snapshot, |request| {
        request.filter.categories = vec![Category::Messages, Category::Media];
    });
    assert_eq!(summary.created, 120 + 3);
    let expected: Vec<_> = tree(&scene.source())
        .into_keys()
        .filter(|path| path.extension().is_some_and(|e| e == "msg" || e == "jpg"))
        .collect();
    let target = tree(&scene.target());
    let files: Vec<_> = target
        .iter()
        .filter(|(_, node)| node.kind == "file")
        .map(|(path, _)| path.clone())
        .collect();
    assert_eq!(files, expected);
    let name = |name: &str| target.contains_key(std::path::Path::new(name));
    assert!(!name("Documents") && !name("Ringtones"), "no empty folders");
    fs::remove_dir_all(scene.target()).unwrap();
    let nothing = scene.restore(&snapshot, |request| {
        request.filter.categories = vec![Category::Contacts];
    });
    assert_eq!((nothing.created, nothing.folders), (0, 0));
    assert_eq!(tree(&scene.target()).len(), 1);
}

#[test]
fn several_phones_do_not_mix() {
    let scene = Scene::new();
    let other = scene.path("other");
    fs::create_dir(&other).unwrap();
    scene.write("same.txt", b"of the first phone");
    scene.write("first.txt", b"only there");
    fs::write(other.join("same.txt"), b"of the second phone").unwrap();
    let first = scene.backup_of("Lumia 950", &scene.source());
    let second = scene.backup_of("Lumia 640", &other);
    scene.restore(&second, |_| ());
    assert_same(&other, &scene.target());
    fs::remove_dir_all(scene.target()).unwrap();
    scene.restore(&first, |_| ());
    assert_same(&scene.source(), &scene.target());
}

#[test]
fn a_folder_with_something_in_it_is_refused_and_left_alone() {
    let scene = Scene::new();
    scene.write("file", b"new");
    let snapshot = scene.backup();
    fs::create_dir(scene.target()).unwrap();
    fs::write(scene.target().join("file"), b"precious").unwrap();
    let refused = scene.try_restore(
        &snapshot,
        std::sync::Arc::new(lumivault_chunk_store::Silent),
        |_| (),
    );
    assert!(matches!(
        refused,
        Err(RestoreError::Target(TargetError::NotEmpty {
            interrupted: false,
            ..
        }))
    ));
    assert_eq!(fs::read(scene.target().join("file")).unwrap(), b"precious");
}

#[test]
fn more_files_than_one_wave_holds() {
    let scene = Scene::new();
    for number in 0..17_000 {
        scene.write(
            &format!("{:03}/{number}", number % 200),
            format!("{number}").as_bytes(),
        );
    }
    let snapshot = scene.backup();
    let memory = scene.plan(&snapshot, |_| (), |plan, _| plan.memory_bytes());
    assert!(memory < 17_000 * 2 + 200 * 32 + 1024, "{memory} bytes");
    let planned = scene.plan(&snapshot, |_| (), |plan, _| *plan.totals());
    let summary = scene.restore(&snapshot, |_| ());
    assert_eq!(summary.created, 17_000);
    assert_eq!(summary.fetched.chunks, planned.chunks);
    assert!(planned.chunks < 40, "tiny files share bundles: {planned:?}");
    assert_same(&scene.source(), &scene.target());
}
