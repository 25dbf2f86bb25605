//! The simulated disk forgets what it may forget, and nothing else.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use lumivault_chunk_store::storage_log::{Deed, FileNumber, Record};

use super::*;

fn done(deeds: impl IntoIterator<Item = Deed>) -> Vec<Record> {
    let done = |deed| Record { deed, done: true };
    deeds.into_iter().map(done).collect()
}

fn create(path: &str, file: u64) -> Deed {
    Deed::Create {
        path: path.into(),
        file: FileNumber(file),
    }
}

fn write(file: u64, bytes: &[u8]) -> Deed {
    Deed::Write {
        file: FileNumber(file),
        offset: 0,
        bytes: bytes.into(),
    }
}

fn sync(file: u64) -> Deed {
    Deed::SyncFile(FileNumber(file))
}

fn sync_dir(path: &str) -> Deed {
    Deed::SyncDir(path.into())
}

fn rename(from: &str, to: &str) -> Deed {
    Deed::Rename {
        from: from.into(),
        to: to.into(),
    }
}

/// Paths of a state and the lengths of its files; folders end in a slash.
fn told(tree: &Tree) -> String {
    let one = |(path, node): (&PathBuf, &Node)| match node {
        Node::Folder => format!("{}/", path.display()),
        Node::File(blob) => format!("{}:{}", path.display(), blob.bytes().len()),
    };
    tree.0.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// With a note at its end: what was seen before it is then visited once more.
fn ended(log: &[Record]) -> Vec<Record> {
    [log, &done([Deed::Note("the end".into())])].concat()
}

/// Everything that a power cut after the whole log may leave.
fn left(log: &[Record]) -> BTreeSet<String> {
    let how = Exploration {
        seed: 1,
        draws: 200,
        matters: |_| true,
        alike_max: 1,
    };
    let mut left = BTreeSet::new();
    let _ = explore(&Disk::default(), &ended(log), how, &mut |state| {
        if state.notes == 1 {
            left.insert(told(&state.tree));
        }
        ControlFlow::Continue(())
    });
    left
}

fn set<const N: usize>(states: [&str; N]) -> BTreeSet<String> {
    states.map(str::to_owned).into()
}

#[test]
fn what_is_synced_in_the_right_order_is_certain() {
    let log = done([
        Deed::MakeDir("a".into()),
        sync_dir(""),
        create("t", 0),
        write(0, &[1; 700]),
        sync(0),
        rename("t", "a/x"),
        sync_dir("a"),
    ]);
    // Only the old name may come back.
    assert_eq!(left(&log), set(["a/ a/x:700", "a/ a/x:700 t:700"]));
}

#[test]
fn names_of_a_folder_that_is_not_synced_are_uncertain_one_by_one() {
    let log = done([create("x", 0), create("y", 1)]);
    assert_eq!(left(&log), set(["", "x:0", "y:0", "x:0 y:0"]));
}

#[test]
fn syncing_a_file_keeps_its_bytes_and_not_its_name() {
    let log = done([create("x", 0), write(0, &[1; 9]), sync(0)]);
    assert_eq!(left(&log), set(["", "x:9"]));
}

#[test]
fn a_folder_that_is_lost_takes_what_was_synced_in_it() {
    let log = done([
        Deed::MakeDir("a".into()),
        create("a/x", 0),
        write(0, &[1; 9]),
        sync(0),
        sync_dir("a"),
    ]);
    assert_eq!(left(&log), set(["", "a/ a/x:9"]));
}

#[test]
fn a_removal_that_is_not_synced_may_be_undone() {
    let log = done([
        create("x", 0),
        sync_dir(""),
        Deed::RemoveFile("x".into()),
        create("y", 1),
        sync_dir(""),
        Deed::RemoveFile("y".into()),
    ]);
    assert_eq!(left(&log), set(["", "y:0"]));
}

#[test]
fn bytes_that_are_not_synced_are_lost_cut_torn_or_zeros() {
    let old = vec![1; 9000];
    let log = done([
        create("x", 0),
        write(0, &old),
        sync(0),
        sync_dir(""),
        write(0, &[2; 9000]),
    ]);
    let how = Exploration {
        seed: 7,
        draws: 500,
        matters: |_| true,
        alike_max: 1,
    };
    let mut found = BTreeSet::new();
    let _ = explore(&Disk::default(), &ended(&log), how, &mut |state| {
        if state.notes == 1 {
            let Some(Node::File(blob)) = state.tree.0.get(Path::new("x")) else {
                panic!("its name is durable: {state:?}");
            };
            let bytes = blob.bytes();
            assert!(bytes.len() <= 9000 && bytes.iter().all(|byte| *byte <= 2));
            let tears = |block: usize| {
                bytes.len() == 9000
                    && bytes
                        .chunks(block)
                        .all(|part| part.iter().all(|byte| *byte == part[0]))
            };
            found.insert(match bytes {
                _ if bytes.len() < 9000 && bytes.len() % 512 == 0 => "cut at a block",
                _ if bytes.len() < 9000 => "cut anywhere",
                _ if bytes == old => "lost",
                _ if bytes == [2; 9000] => "whole",
                _ if tears(4096) && bytes.contains(&0) => "zeroed pages",
                _ if tears(4096) => "torn pages",
                _ if tears(512) && bytes.contains(&0) => "zeroed sectors",
                _ if tears(512) => "torn sectors",
                _ => "something else",
            });
        }
        ControlFlow::Continue(())
    });
    let expected = [
        "cut at a block",
        "cut anywhere",
        "lost",
        "whole",
        "zeroed pages",
        "torn pages",
        "zeroed sectors",
        "torn sectors",
    ];
    assert_eq!(found, BTreeSet::from(expected));
}

#[test]
fn what_the_system_refused_changes_nothing() {
    let refused = Record {
        deed: Deed::RemoveFile("x".into()),
        done: false,
    };
    let log = [done([create("x", 0), sync_dir("")]), vec![refused]].concat();
    assert_eq!(left(&log), set(["x:0"]));
}

#[test]
fn a_disk_begins_with_what_it_holds_and_the_choice_is_explained() {
    let mut disk = Disk::holding(&Disk::default().crash(Choice::AllKept));
    for record in done([create("x", 0), write(0, &[1; 9])]) {
        disk.apply(&record);
    }
    let again = Disk::holding(&disk.crash(Choice::AllKept));
    assert_eq!(told(&again.crash(Choice::AllLost)), "x:9");
    assert!(again.undecided(|_| true).is_empty());
    assert_eq!(
        disk.explain(Choice::OnlyKept(0)),
        ["kept: name x in /", "bytes of x: Lost"]
    );
}

#[test]
fn states_that_differ_where_nobody_looks_are_alike() {
    let log = done([create("x", 0), create("y", 1), create("z", 2)]);
    let visited = |alike_max| {
        let how = Exploration {
            seed: 3,
            draws: 100,
            matters: |path| path == Path::new("x"),
            alike_max,
        };
        let (mut all, mut unlike) = (0, 0);
        let _ = explore(&Disk::default(), &log, how, &mut |state| {
            all += 1;
            unlike += usize::from(state.unlike);
            ControlFlow::Continue(())
        });
        (all, unlike)
    };
    assert_eq!(visited(1), (2, 2));
    assert_eq!(visited(3), (6, 2));
    assert_eq!(visited(100), (8, 2));
}

#[test]
#[should_panic(expected = "the log does not say how x came to be")]
fn a_log_with_a_gap_is_noticed() {
    Disk::default().apply(&done([rename("x", "y")])[0]);
}
