//! Every system call of every write, made to fail.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use lumivault_format::{ObjectId, ObjectKind, ObjectName};

use super::{Capability, LocalDisk, README, tmp};
use crate::backend::{Backend, BackendError};
use crate::sys::faults::{Step, under};

const README_TEXT: &str = "An archive.";

fn id(kind: ObjectKind, tag: u8) -> ObjectId {
    ObjectId {
        kind,
        name: ObjectName::from_bytes([tag; 32]),
    }
}

fn content(id: &ObjectId) -> Vec<u8> {
    (0..1000u32)
        .map(|n| n.to_le_bytes()[0] ^ id.name.as_bytes()[0])
        .collect()
}

fn read(disk: &LocalDisk, id: &ObjectId) -> Option<Vec<u8>> {
    let size = match disk.size(id) {
        Err(BackendError::NotFound { .. }) => return None,
        size => size.unwrap(),
    };
    let mut buffer = vec![0; usize::try_from(size).unwrap()];
    disk.read_at(id, 0, &mut buffer).unwrap();
    Some(buffer)
}

/// Everything below `tmp`, with the folders.
fn leftovers(root: &Path) -> Vec<PathBuf> {
    let list = |folder: &Path| -> Vec<PathBuf> {
        fs::read_dir(folder)
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().path())
            .collect()
    };
    let folders = list(&root.join(tmp::FOLDER));
    folders
        .iter()
        .flat_map(|folder| list(folder))
        .chain(folders.clone())
        .collect()
}

type Written = Result<(), BackendError>;

fn publish(disk: &LocalDisk, id: &ObjectId) -> Written {
    let content = content(id);
    let mut spool = disk.spool()?;
    spool.append(&content[..300])?;
    spool.append(&content[300..])?;
    spool.publish(id)
}

/// One write of each sort, none of which stops the next; removes `old`.
fn write_everything(root: &Path, created: &ObjectId, published: &ObjectId, old: &ObjectId) -> [Written; 4] {
    let disk = LocalDisk::open(root).unwrap();
    [
        disk.create(created, &content(created)),
        publish(&disk, published),
        disk.write_readme(README_TEXT),
        disk.remove(old),
    ]
}

fn done(result: &Written) -> bool {
    match result {
        Ok(()) | Err(BackendError::AlreadyExists { .. } | BackendError::NotFound { .. }) => true,
        Err(_) => false,
    }
}

/// Lets step `at` fail (`for_ever`: and all later ones). Returns whether there was such a step.
fn fail_step(at: usize, for_ever: bool, kind: io::ErrorKind) -> bool {
    let context = format!("step {at}, for ever: {for_ever}, {kind}");
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let ids = [
        id(ObjectKind::Index, 1),
        id(ObjectKind::Pack, 2),
        id(ObjectKind::Session, 3),
    ];
    let [created, published, old] = &ids;
    LocalDisk::open(root).unwrap().create(old, &content(old)).unwrap();

    let plan = move |index, _| (index == at || for_ever && index > at).then(|| io::Error::from(kind));
    let (results, steps) = under(plan, || write_everything(root, created, published, old));

    let Some(failed) = steps.get(at) else {
        assert!(results.iter().all(Result::is_ok), "{context}: {results:?}");
        return false;
    };
    let harmless = |step: &Step| matches!(step, Step::RemoveFile | Step::Lock);
    let no_harm = if for_ever {
        steps[at..].iter().all(harmless)
    } else {
        harmless(failed)
    };
    let all_done = results.iter().all(Result::is_ok);
    assert!(
        all_done <= no_harm,
        "{context}: {failed:?} failed and nobody was told"
    );

    let fresh = LocalDisk::open(root).unwrap();
    for (id, result) in [(created, &results[0]), (published, &results[1])] {
        let found = read(&fresh, id);
        assert!(
            found.is_none() || found.as_ref() == Some(&content(id)),
            "{context}: {id} is partial"
        );
        assert!(
            result.is_err() || found.is_some(),
            "{context}: {id} was acknowledged and is absent"
        );
        let listed = fresh
            .list(id.kind)
            .unwrap()
            .iter()
            .any(|info| info.name == id.name);
        assert_eq!(listed, found.is_some(), "{context}: {id}");
    }
    let text = fs::read_to_string(root.join(README)).ok();
    assert!(
        text.as_deref().is_none_or(|text| text == README_TEXT),
        "{context}: {text:?}"
    );
    assert!(
        results[2].is_err() || text.is_some(),
        "{context}: the README was acknowledged and is absent"
    );
    assert!(
        results[3].is_err() || read(&fresh, old).is_none(),
        "{context}: the removal was acknowledged"
    );
    drop(fresh);

    let retried = write_everything(root, created, published, old);
    assert!(retried.iter().all(done), "{context}: {retried:?}");
    let fresh = LocalDisk::open(root).unwrap();
    assert_eq!(read(&fresh, created), Some(content(created)), "{context}");
    assert_eq!(read(&fresh, published), Some(content(published)), "{context}");
    assert_eq!(read(&fresh, old), None, "{context}");
    assert_eq!(
        fs::read_to_string(root.join(README)).unwrap(),
        README_TEXT,
        "{context}"
    );
    assert_eq!(leftovers(root), [] as [PathBuf; 0], "{context}");
    true
}

#[test]
fn no_failing_step_leaves_a_part_or_a_lie() {
    for kind in [io::ErrorKind::Other, io::ErrorKind::StorageFull] {
        for for_ever in [false, true] {
            let steps = (0..1_000).take_while(|&at| fail_step(at, for_ever, kind)).count();
            assert!(steps > 20, "only {steps} steps");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_write_is_acknowledged_after_its_bytes_its_name_and_its_folders_are_durable() {
    use Step::{AnswerRename, CreateFile, MakeDir, Rename, SyncDir, SyncFile, Write};
    let folder = tempfile::tempdir().unwrap();
    let nothing_fails = |_, _| None;
    let (first, second, third) = (
        id(ObjectKind::Pack, 1),
        id(ObjectKind::Pack, 1),
        id(ObjectKind::Pack, 2),
    );
    let settle = [SyncFile, Rename, AnswerRename, SyncDir];
    let sibling = |mut id: ObjectId| {
        let mut name = *id.name.as_bytes();
        name[31] = 0xff;
        id.name = ObjectName::from_bytes(name);
        id
    };

    let disk = LocalDisk::open(folder.path()).unwrap();
    let (result, steps) = under(nothing_fails, || disk.create(&first, b"x"));
    result.unwrap();
    let own_tmp = [MakeDir, MakeDir, CreateFile, Step::Lock];
    // packs/ into the root, whatever is in packs/, then packs/01 into packs/.
    let folders = [MakeDir, SyncDir, SyncDir, MakeDir, SyncDir];
    assert_eq!(
        steps,
        [&own_tmp[..], &[CreateFile, Write], &folders, &settle].concat()
    );

    let (result, steps) = under(nothing_fails, || disk.create(&sibling(second), b"x"));
    result.unwrap();
    assert_eq!(
        steps,
        [&[CreateFile, Write][..], &settle].concat(),
        "its folders are known to be durable"
    );

    let (result, steps) = under(nothing_fails, || disk.create(&third, b"x"));
    result.unwrap();
    assert_eq!(
        steps,
        [&[CreateFile, Write, MakeDir, SyncDir][..], &settle].concat()
    );

    // The folders exist, but another process may have made them a moment ago.
    let other = LocalDisk::open(folder.path()).unwrap();
    other.spool().unwrap();
    let (result, steps) = under(nothing_fails, || other.create(&sibling(third), b"x"));
    result.unwrap();
    assert_eq!(
        steps,
        [&[CreateFile, Write, MakeDir, SyncDir, SyncDir][..], &settle].concat()
    );

    let (result, steps) = under(nothing_fails, || other.create(&third, b"x"));
    assert!(matches!(result, Err(BackendError::AlreadyExists { .. })));
    assert_eq!(
        steps,
        [CreateFile, Write, SyncFile, Rename, SyncDir, Step::RemoveFile],
        "what exists is made durable before anybody relies on it"
    );

    let (result, steps) = under(nothing_fails, || other.remove(&third));
    result.unwrap();
    assert_eq!(steps, [Step::RemoveFile, SyncDir], "a removal is durable too");
}

#[test]
fn every_folder_above_a_new_archive_is_synced_into_its_parent() {
    use Step::{MakeDir, SyncDir};
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("above/archive");
    let (disk, steps) = under(|_, _| None, || LocalDisk::create(&root));
    disk.unwrap();
    assert_eq!(steps, [SyncDir, MakeDir, SyncDir, MakeDir, SyncDir]);
    // An attempt that was stopped may have left it, and not synced it.
    let (disk, steps) = under(|_, _| None, || LocalDisk::create(&root));
    disk.unwrap();
    assert_eq!(steps, [SyncDir]);
}

/// What was done below a folder meanwhile, but for temporary files, as words and names.
#[cfg(feature = "storage-log")]
fn recorded(root: &Path, body: impl FnOnce()) -> Vec<String> {
    use crate::storage_log::{Deed, StorageLog};
    let log = StorageLog::begin(root).unwrap();
    body();
    let short = |path: &PathBuf| {
        let name = path.display().to_string();
        name.chars().take(10).collect::<String>()
    };
    let told = |deed: &Deed| match deed {
        Deed::SyncFile(_) => Some("sync bytes".to_owned()),
        Deed::SyncDir(path) => Some(format!("sync {}/", short(path))),
        Deed::Rename { to, .. } | Deed::Link { to, .. } => Some(format!("name {}", short(to))),
        Deed::RemoveFile(path) if !path.starts_with(tmp::FOLDER) => Some(format!("remove {}", short(path))),
        _ => None,
    };
    log.records()
        .iter()
        .filter_map(|record| told(&record.deed))
        .collect()
}

#[cfg(all(unix, feature = "storage-log"))]
#[test]
fn what_was_listed_is_made_durable_before_anything_that_may_rely_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let other = LocalDisk::open(root).unwrap();
    let packs = [1, 2, 3].map(|tag| id(ObjectKind::Pack, tag));
    other.create(&packs[0], b"x").unwrap();
    other.create(&packs[1], b"x").unwrap();

    // Whoever made them may not have come to syncing their folders.
    let disk = LocalDisk::open(root).unwrap();
    let create = |tag| disk.create(&id(ObjectKind::Index, tag), b"x").unwrap();
    disk.list(ObjectKind::Pack).unwrap();
    let listed = ["sync /", "sync packs/", "sync packs/01/", "sync packs/02/"];
    let named = ["name index/0404", "sync index/"];
    let steps = recorded(root, || create(4));
    let (before, after) = steps.split_at(steps.len() - named.len());
    assert_eq!(after, named);
    assert!(
        listed.iter().all(|step| before.contains(&(*step).to_owned())),
        "{steps:?}"
    );

    // Once; then only what is new.
    disk.list(ObjectKind::Pack).unwrap();
    assert!(!recorded(root, || create(5)).contains(&"sync packs/01/".to_owned()));
    other.create(&packs[2], b"x").unwrap();
    disk.list(ObjectKind::Pack).unwrap();
    let steps = recorded(root, || disk.remove(&packs[0]).unwrap());
    assert_eq!(
        steps,
        [
            "sync /",
            "sync packs/",
            "sync packs/03/",
            "remove packs/01/0",
            "sync packs/01/"
        ]
    );

    // That something is not there may be forgotten just as well.
    let empty = LocalDisk::open(root).unwrap();
    empty.list(ObjectKind::Pack).unwrap();
    let steps = recorded(root, || empty.create(&id(ObjectKind::Index, 6), b"x").unwrap());
    assert!(
        steps.contains(&"sync packs/01/".to_owned()),
        "nothing is left there: {steps:?}"
    );
    let steps = recorded(root, || empty.remove(&packs[0]).unwrap_err().to_string().clear());
    assert_eq!(
        steps,
        ["remove packs/01/0", "sync packs/01/"],
        "refused, and certain"
    );

    // Who only reads syncs nothing.
    let reader = LocalDisk::open(root).unwrap();
    let steps = recorded(root, || drop(reader.list(ObjectKind::Pack).unwrap()));
    assert_eq!(steps, [""; 0]);
}

#[test]
fn after_a_failed_sync_nothing_more_is_written() {
    for failing in [Step::SyncFile, Step::SyncDir] {
        let folder = tempfile::tempdir().unwrap();
        let disk = LocalDisk::open(folder.path()).unwrap();
        let (before, failed, later) = (
            id(ObjectKind::Index, 1),
            id(ObjectKind::Index, 2),
            id(ObjectKind::Index, 3),
        );
        disk.create(&before, &content(&before)).unwrap();
        let mut open_spool = disk.spool().unwrap();

        let mut failures = 1;
        let once = move |_, step| {
            (step == failing && std::mem::take(&mut failures) == 1).then(|| io::Error::other("sync failed"))
        };
        let (result, _) = under(once, || disk.create(&failed, &content(&failed)));
        assert!(
            matches!(result, Err(BackendError::Io { .. })),
            "{failing:?}: {result:?}"
        );

        let refusals = [
            disk.create(&later, b"x"),
            disk.spool().map(drop),
            open_spool.append(b"x"),
            open_spool.publish(&later),
            disk.remove(&before),
            disk.write_readme(README_TEXT),
        ];
        for refusal in refusals {
            assert!(
                matches!(refusal, Err(BackendError::WritesStopped { .. })),
                "{failing:?}: {refusal:?}"
            );
        }
        assert_eq!(read(&disk, &before), Some(content(&before)), "reading goes on");
        assert_eq!(read(&disk, &later), None);

        let fresh = LocalDisk::open(folder.path()).unwrap();
        fresh.create(&later, &content(&later)).unwrap();
        assert!(done(&fresh.create(&failed, &content(&failed))));
    }
}

#[test]
fn a_failed_append_spoils_the_spool_only() {
    let folder = tempfile::tempdir().unwrap();
    let disk = LocalDisk::open(folder.path()).unwrap();
    let mut spool = disk.spool().unwrap();
    spool.append(b"good").unwrap();
    let full = |_, step| (step == Step::Write).then(|| io::Error::from(io::ErrorKind::StorageFull));
    let (result, _) = under(full, || spool.append(b"half of this is written"));
    assert!(matches!(result, Err(BackendError::Full { .. })), "{result:?}");
    assert!(spool.append(b"more").is_err());
    let pack = id(ObjectKind::Pack, 1);
    assert!(spool.publish(&pack).is_err());
    assert_eq!(read(&disk, &pack), None);
    disk.create(&pack, &content(&pack)).unwrap();
}

#[test]
fn a_file_system_without_locks_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let disk = LocalDisk::open(folder.path()).unwrap();
    assert_eq!(disk.capabilities().file_locks, Capability::Untried);
    let no_locks = |_, step| (step == Step::Lock).then(|| io::Error::from(io::ErrorKind::Unsupported));
    let (result, _) = under(no_locks, || disk.create(&id(ObjectKind::Index, 1), b"x"));
    result.unwrap();
    assert_eq!(disk.capabilities().file_locks, Capability::Absent);
}

#[cfg(unix)]
mod abandoned {
    //! Temporary folders whose owners are gone, or not.

    use std::fs::File;
    use std::time::Duration;

    use super::*;

    fn age(path: &Path, days: u64) {
        let then = fs::metadata(path).unwrap().modified().unwrap() - Duration::from_secs(days * 24 * 60 * 60);
        File::open(path).unwrap().set_modified(then).unwrap();
    }

    /// A temporary folder as a killed process leaves it.
    fn abandoned(root: &Path, name: char, files: &[&str], days: u64) -> PathBuf {
        let folder = root.join(tmp::FOLDER).join(String::from(name).repeat(32));
        fs::create_dir_all(&folder).unwrap();
        for file in files {
            fs::write(folder.join(file), b"leftover").unwrap();
            age(&folder.join(file), days);
        }
        age(&folder, days);
        folder
    }

    #[test]
    fn without_locks_only_old_leftovers_go() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let old = abandoned(root, 'a', &["lock", "0"], 8);
        let young = abandoned(root, 'b', &["lock", "0"], 6);
        let in_use = abandoned(root, 'c', &["lock"], 8);
        fs::write(in_use.join("0"), b"written just now").unwrap();
        age(&in_use, 8);
        let bare_old = abandoned(root, 'd', &[], 8);
        let bare_young = abandoned(root, 'e', &["0"], 6);
        let no_locks = |_, step| (step == Step::Lock).then(|| io::Error::from(io::ErrorKind::Unsupported));
        let disk = LocalDisk::open(root).unwrap();
        under(no_locks, || disk.spool().map(drop)).0.unwrap();
        let remain = [&old, &young, &in_use, &bare_old, &bare_young].map(|folder| folder.exists());
        assert_eq!(remain, [false, true, true, false, true]);
    }

    #[test]
    fn leftovers_of_the_dead_go_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let living = LocalDisk::open(root).unwrap();
        let mut spool = living.spool().unwrap();
        spool.append(b"alive").unwrap();
        let dead = abandoned(root, 'a', &["lock", "0", "1"], 0);
        let being_made = abandoned(root, 'b', &[], 0);
        let foreign_folder = root.join(tmp::FOLDER).join("holiday");
        fs::create_dir(&foreign_folder).unwrap();
        fs::write(foreign_folder.join("lock"), b"").unwrap();
        let target = tempfile::tempdir().unwrap();
        fs::write(target.path().join("lock"), b"").unwrap();
        let link = root.join(tmp::FOLDER).join("c".repeat(32));
        std::os::unix::fs::symlink(target.path(), &link).unwrap();

        let disk = LocalDisk::open(root).unwrap();
        assert!(dead.exists(), "opening writes nothing");
        disk.spool().unwrap();
        assert!(!dead.exists());
        assert!(being_made.exists(), "its owner may be about to lock it");
        assert!(foreign_folder.join("lock").exists());
        assert!(
            target.path().join("lock").exists() && link.exists(),
            "links are not followed"
        );
        let pack = id(ObjectKind::Pack, 1);
        spool.publish(&pack).unwrap();
        assert_eq!(read(&disk, &pack).unwrap(), b"alive");
    }

    /// Calls `clean` on the first folder that is about to be locked; returns where the spools then are.
    fn locked_after(clean: impl Fn(&Path) -> Option<File> + 'static) -> (PathBuf, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let disk = LocalDisk::open(folder.path()).unwrap();
        let tmp = folder.path().join(tmp::FOLDER);
        let (sender, cleaned) = std::sync::mpsc::channel();
        let mut first = true;
        let plan = move |_, step| {
            if step == Step::Lock && std::mem::take(&mut first) {
                let victim = fs::read_dir(&tmp).unwrap().next().unwrap().unwrap().path();
                let held = clean(&victim);
                sender.send((victim, held)).unwrap();
            }
            None
        };
        let (spool, _) = under(plan, || disk.spool());
        let mut spool = spool.unwrap();
        spool.append(b"x").unwrap();
        let (victim, _held) = cleaned.recv().unwrap();
        let spools = leftovers(folder.path())
            .into_iter()
            .filter(|path| path.ends_with("0"));
        let [spooled] = <[PathBuf; 1]>::try_from(spools.collect::<Vec<_>>()).unwrap();
        spool.publish(&id(ObjectKind::Pack, 1)).unwrap();
        (victim, spooled.parent().unwrap().to_owned())
    }

    #[test]
    fn a_folder_taken_for_dead_before_it_was_locked_is_given_up() {
        let (removed, used) = locked_after(|folder| {
            fs::remove_dir_all(folder).unwrap();
            None
        });
        assert_ne!(removed, used);
        let (being_removed, used) = locked_after(|folder| {
            let lock = File::open(folder.join("lock")).unwrap();
            lock.try_lock().unwrap();
            Some(lock)
        });
        assert_ne!(being_removed, used);
    }
}

#[test]
fn healing_that_fails_anywhere_leaves_what_was_there_or_the_whole() {
    let good = vec![0x5a; 1000];
    let pack = ObjectId {
        kind: ObjectKind::Pack,
        name: crate::seal::object_name(&good),
    };
    for at in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let disk = LocalDisk::open(folder.path()).unwrap();
        disk.create(&pack, b"damaged").unwrap();
        assert_eq!(read(&disk, &pack).unwrap(), b"damaged");
        let plan = move |index, _| (index == at).then(|| io::Error::other("injected"));
        let (result, steps) = under(plan, || disk.heal(&pack, &good));
        let found = read(&disk, &pack).unwrap();
        assert!(found == good || found == b"damaged", "step {at} of {steps:?}");
        assert!(
            result.is_err() || found == good,
            "step {at} of {steps:?}: acknowledged"
        );
        drop(disk);
        let fresh = LocalDisk::open(folder.path()).unwrap();
        assert_eq!(read(&fresh, &pack).unwrap(), found, "step {at}");
        if steps.len() <= at {
            result.unwrap();
            let mut last = vec![Step::Write, Step::SyncFile, Step::Rename, Step::SyncDir];
            // In place of the folder, which cannot be synced there.
            if cfg!(windows) {
                last.push(Step::SyncFile);
            }
            assert!(steps.ends_with(&last), "{steps:?}");
            return;
        }
    }
}

#[cfg(unix)]
mod next_best {
    //! File systems that lack something.

    use std::os::unix::fs::MetadataExt;
    use std::sync::Barrier;
    use std::thread;

    use rustix::io::Errno;

    use super::*;

    type Lacks = &'static [(Step, Errno)];

    const NO_RENAME_FLAG: Lacks = &[(Step::Rename, Errno::INVAL)];
    const NO_LINKS_EITHER: Lacks = &[(Step::Rename, Errno::NOSYS), (Step::Link, Errno::PERM)];
    const NO_DIR_SYNC: Lacks = &[(Step::SyncDir, Errno::INVAL)];

    fn without<T>(lacks: Lacks, body: impl FnOnce() -> T) -> (T, Vec<Step>) {
        let plan = |_, step| {
            lacks
                .iter()
                .find(|(lacking, _)| *lacking == step)
                .map(|(_, e)| (*e).into())
        };
        under(plan, body)
    }

    #[test]
    fn nothing_is_replaced_on_any_of_them() {
        for (lacks, exclusive_rename, folder_sync) in [
            (NO_RENAME_FLAG, Capability::Present, Capability::Present),
            (NO_LINKS_EITHER, Capability::Absent, Capability::Present),
            (NO_DIR_SYNC, Capability::Present, Capability::Absent),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let disk = LocalDisk::open(folder.path()).unwrap();
            let pack = id(ObjectKind::Pack, 1);
            without(lacks, || publish(&disk, &pack)).0.unwrap();
            let (again, _) = without(lacks, || disk.create(&pack, b"other"));
            assert!(
                matches!(again, Err(BackendError::AlreadyExists { .. })),
                "{lacks:?}: {again:?}"
            );
            assert_eq!(read(&disk, &pack), Some(content(&pack)), "{lacks:?}");
            assert_eq!(
                fs::metadata(disk.place.object(&pack)).unwrap().nlink(),
                1,
                "{lacks:?}"
            );
            let found = disk.capabilities();
            assert_eq!(
                (found.exclusive_rename, found.folder_sync),
                (exclusive_rename, folder_sync),
                "{lacks:?}"
            );
            drop(disk);
            assert_eq!(leftovers(folder.path()), [] as [PathBuf; 0], "{lacks:?}");
        }
    }

    #[test]
    fn a_file_is_synced_under_its_name_where_its_folder_cannot_be() {
        let folder = tempfile::tempdir().unwrap();
        let disk = LocalDisk::open(folder.path()).unwrap();
        let (result, steps) = without(NO_DIR_SYNC, || disk.create(&id(ObjectKind::Pack, 1), b"x"));
        result.unwrap();
        assert!(
            steps.ends_with(&[Step::AnswerRename, Step::SyncDir, Step::SyncFile]),
            "{steps:?}: the file is synced once more after the rename"
        );
    }

    #[test]
    fn one_of_many_creators_wins() {
        const CREATORS: u8 = 4;
        for lacks in [NO_RENAME_FLAG, NO_LINKS_EITHER] {
            let folder = tempfile::tempdir().unwrap();
            for round in 0..20 {
                let index = id(ObjectKind::Index, round);
                let start = Barrier::new(CREATORS.into());
                let create = |creator: u8| {
                    let disk = LocalDisk::open(folder.path()).unwrap();
                    start.wait();
                    without(lacks, || disk.create(&index, &[creator; 100])).0.is_ok()
                };
                let winners: Vec<u8> = thread::scope(|scope| {
                    let threads: Vec<_> = (0..CREATORS)
                        .map(|creator| scope.spawn(move || create(creator).then_some(creator)))
                        .collect();
                    threads
                        .into_iter()
                        .filter_map(|thread| thread.join().unwrap())
                        .collect()
                });
                let [winner] = winners[..] else {
                    panic!("{lacks:?}, round {round}: {winners:?}")
                };
                let disk = LocalDisk::open(folder.path()).unwrap();
                assert_eq!(
                    read(&disk, &index).unwrap(),
                    [winner; 100],
                    "{lacks:?}, round {round}"
                );
            }
        }
    }

    /// The log tells what was done, not what was wanted.
    #[cfg(feature = "storage-log")]
    #[test]
    fn the_log_tells_which_way_a_name_was_given() {
        use crate::storage_log::{Deed, StorageLog};
        for (lacks, links) in [(&[][..], 0), (NO_RENAME_FLAG, 1), (NO_LINKS_EITHER, 0)] {
            let folder = tempfile::tempdir().unwrap();
            let disk = LocalDisk::open(folder.path()).unwrap();
            let log = StorageLog::begin(folder.path()).unwrap();
            let index = id(ObjectKind::Index, 1);
            without(lacks, || disk.create(&index, b"x")).0.unwrap();
            let records = log.records();
            let count =
                |which: fn(&Deed) -> bool| records.iter().filter(|record| which(&record.deed)).count();
            assert_eq!(count(|deed| matches!(deed, Deed::Link { .. })), links);
            assert_eq!(count(|deed| matches!(deed, Deed::RemoveFile(_))), links);
            assert_eq!(count(|deed| matches!(deed, Deed::Rename { .. })), 1 - links);
        }
    }

    /// A network server carries the link out, its answer is lost, the client asks again and hears "exists".
    #[test]
    fn a_link_whose_answer_was_lost_is_a_success() {
        let folder = tempfile::tempdir().unwrap();
        let disk = LocalDisk::open(folder.path()).unwrap();
        let pack = id(ObjectKind::Pack, 1);
        let mut spool = disk.spool().unwrap();
        spool.append(&content(&pack)).unwrap();
        let (root, target) = (folder.path().to_owned(), disk.place.object(&pack));
        let plan = move |_, step| match step {
            Step::Rename => Some(Errno::INVAL.into()),
            Step::Link => {
                let spooled = leftovers(&root)
                    .into_iter()
                    .find(|path| path.ends_with("0"))
                    .unwrap();
                fs::hard_link(spooled, &target).unwrap();
                None
            }
            _ => None,
        };
        under(plan, || spool.publish(&pack)).0.unwrap();
        assert_eq!(read(&disk, &pack), Some(content(&pack)));
    }
}

#[test]
fn a_reserve_is_kept_and_given_back_once() {
    let folder = tempfile::tempdir().unwrap();
    let disk = LocalDisk::create(&folder.path().join("repository")).unwrap();
    assert!(!disk.release_reserve());
    disk.keep_reserve().unwrap();
    disk.keep_reserve().unwrap();
    let reserve = folder.path().join("repository/reserve");
    assert_eq!(fs::metadata(&reserve).unwrap().len(), 64 * 1024);
    for kind in ObjectKind::ALL {
        assert_eq!(disk.list(kind).unwrap(), [], "{kind}: it is no object");
    }
    assert!(disk.release_reserve() && !disk.release_reserve());
    disk.keep_reserve().unwrap();
    assert!(reserve.exists());
}
