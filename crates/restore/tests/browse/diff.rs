//! Comparisons.

use std::collections::{BTreeMap, BTreeSet};

use lumivault_format::tree::{EntryKind, FolderRef};
use lumivault_restore::browse::{
    Browser, Change, DiffEvent, DiffOptions, DiffSummary, Node, Side, WalkOptions, Walked,
};
use lumivault_testkit::SeededRandom;

use super::support::{Item, Vault, dated, entry, file, folder, lossy, path, write_files};

const PLAIN: DiffOptions = DiffOptions {
    metadata: false,
    moves: true,
};
const WITH_METADATA: DiffOptions = DiffOptions {
    metadata: true,
    moves: true,
};

/// `+ path`, `- path`, `M path`, `U path`, `T path`, `R from to`, `! path side`.
fn diff(browser: &Browser<'_, '_>, a: &Node, b: &Node, options: DiffOptions) -> (Vec<String>, DiffSummary) {
    let mut out = Vec::new();
    let summary = browser
        .diff(a, b, options, &mut |event| {
            out.push(match event {
                DiffEvent::Unreadable { path, side, .. } => {
                    let side = if side == Side::Before { "before" } else { "after" };
                    format!("! {} {side}", lossy(path))
                }
                DiffEvent::Difference(one) => {
                    let path =
                        |listed: Option<&lumivault_restore::browse::Listed>| lossy(&listed.unwrap().path);
                    match one.change {
                        Change::Added => format!("+ {}", path(one.after)),
                        Change::Removed => format!("- {}", path(one.before)),
                        Change::Modified => format!("M {}", path(one.after)),
                        Change::Metadata => format!("U {}", path(one.after)),
                        Change::Kind => format!("T {}", path(one.before)),
                        Change::Moved => format!("R {} {}", path(one.before), path(one.after)),
                    }
                }
            });
            Ok(())
        })
        .unwrap();
    (out, summary)
}

fn roots(browser: &Browser<'_, '_>, all: &[lumivault_chunk_store::StoredSnapshot]) -> (Node, Node) {
    (browser.root(&all[0]).unwrap(), browser.root(&all[1]).unwrap())
}

#[test]
fn two_backups_differ_in_what_was_done_between_them() {
    let vault = Vault::new("diff backups");
    let source = tempfile::tempdir().unwrap();
    let files: BTreeMap<&str, Vec<u8>> = BTreeMap::from([
        ("Pictures/WP_1.jpg", vec![1; 20_000]),
        ("Pictures/WP_2.jpg", vec![2; 30_000]),
        ("Pictures/WP_3.jpg", vec![3; 40_000]),
        ("Music/song.mp3", vec![4; 50_000]),
        ("notes.txt", b"old".to_vec()),
        ("empty 1", Vec::new()),
    ]);
    write_files(source.path(), &files);
    vault.backup(source.path(), "2026-01");
    let at = |name: &str| source.path().join(name);
    std::fs::create_dir(at("Saved")).unwrap();
    std::fs::rename(at("Pictures/WP_2.jpg"), at("Saved/holiday.jpg")).unwrap();
    std::fs::remove_file(at("Pictures/WP_3.jpg")).unwrap();
    std::fs::write(at("notes.txt"), "new!").unwrap();
    std::fs::write(at("Pictures/WP_4.jpg"), vec![5; 60_000]).unwrap();
    std::fs::rename(at("empty 1"), at("empty 2")).unwrap();
    vault.backup(source.path(), "2026-02");
    vault.browse(|browser, all| {
        let (a, b) = roots(browser, all);
        let (lines, summary) = diff(browser, &a, &b, PLAIN);
        assert_eq!(
            lines,
            [
                "- Pictures/WP_3.jpg",
                "+ Pictures/WP_4.jpg",
                "+ Saved",
                "R Pictures/WP_2.jpg Saved/holiday.jpg",
                "- empty 1",
                "+ empty 2",
                "M notes.txt"
            ]
        );
        assert_eq!(
            (summary.added.files, summary.added.folders, summary.added.bytes),
            (2, 1, 60_000)
        );
        assert_eq!((summary.removed.files, summary.removed.bytes), (2, 40_000));
        assert_eq!((summary.moved.files, summary.moved.bytes), (1, 30_000));
        assert_eq!((summary.modified.files, summary.modified.bytes), (1, 4));
        assert!(!summary.is_same() && !summary.moves_limited);
        let (lines, _) = diff(
            browser,
            &b,
            &a,
            DiffOptions {
                moves: false,
                ..PLAIN
            },
        );
        assert!(
            lines.contains(&"+ Pictures/WP_2.jpg".to_owned())
                && lines.contains(&"- Saved/holiday.jpg".to_owned())
        );

        let inner = |at: usize| browser.lookup(&all[at], &path("Pictures")).unwrap();
        let (lines, _) = diff(browser, &inner(0), &inner(1), PLAIN);
        assert_eq!(
            lines,
            [
                "- Pictures/WP_2.jpg",
                "- Pictures/WP_3.jpg",
                "+ Pictures/WP_4.jpg"
            ]
            .map(|line| line.replace("Pictures/", ""))
        );
        let note = |at: usize| browser.lookup(&all[at], &path("notes.txt")).unwrap();
        assert_eq!(diff(browser, &note(0), &note(1), PLAIN).0, ["M notes.txt"]);
        assert!(diff(browser, &note(0), &note(0), WITH_METADATA).1.is_same());
    });
}

#[test]
fn equal_folders_are_not_read() {
    let vault = Vault::new("diff shared");
    vault.forge(|forge| {
        let shared = forge.folder((0..300).map(|i| file(format!("{i:03}"), "x")).collect());
        let root = |month: &str| {
            forge.folder(vec![
                entry("shared", Item::Stored(shared.clone())),
                file("month", month),
                file("z", "z"),
            ])
        };
        vec![
            ("Lumia".into(), "2026-01".into(), root("1")),
            ("Lumia".into(), "2026-02".into(), root("2")),
        ]
    });
    vault.browse(|browser, all| {
        let (a, b) = roots(browser, all);
        vault.watch.take_reads();
        let (lines, _) = diff(browser, &a, &b, WITH_METADATA);
        assert_eq!(lines, ["M month"]);
        let reads = vault.watch.take_reads();
        assert!(reads <= 20, "{reads}");
        let (lines, summary) = diff(browser, &a, &a, WITH_METADATA);
        assert!(lines.is_empty() && summary.is_same());
        assert_eq!(vault.watch.take_reads(), 0);
    });
}

#[test]
fn metadata_counts_only_where_it_is_asked_for() {
    let vault = Vault::new("diff metadata");
    vault.forge(|forge| {
        let root = |at: i64| {
            let inner = vec![dated("x", Item::File(vec![1]), at), file("y", "y")];
            forge.folder(vec![
                dated("d", Item::Folder(inner), at),
                dated("f", Item::File(vec![2]), 5),
            ])
        };
        vec![
            ("Lumia".into(), "2026-01".into(), root(1)),
            ("Lumia".into(), "2026-02".into(), root(2)),
        ]
    });
    vault.browse(|browser, all| {
        let (a, b) = roots(browser, all);
        assert!(diff(browser, &a, &b, PLAIN).1.is_same());
        let (lines, summary) = diff(browser, &a, &b, WITH_METADATA);
        assert_eq!(lines, ["U d", "U d/x"]);
        assert_eq!((summary.metadata.files, summary.metadata.folders), (1, 1));
    });
}

#[test]
fn other_kinds_and_targets_differ() {
    let vault = Vault::new("diff kinds");
    let link = |target: &str| {
        Item::Kind(EntryKind::Symlink {
            target: target.as_bytes().to_vec(),
        })
    };
    vault.forge(|forge| {
        let a = forge.folder(vec![
            file("a", "a"),
            folder("b", vec![file("in", "in")]),
            entry("l", link("x")),
            entry("p", Item::Kind(EntryKind::Fifo)),
        ]);
        let b = forge.folder(vec![
            folder("a", vec![file("new", "new")]),
            file("b", "b"),
            entry("l", link("y")),
            entry("q", Item::Kind(EntryKind::Fifo)),
        ]);
        vec![
            ("Lumia".into(), "2026-01".into(), a),
            ("Lumia".into(), "2026-02".into(), b),
        ]
    });
    vault.browse(|browser, all| {
        let (a, b) = roots(browser, all);
        let (lines, summary) = diff(browser, &a, &b, PLAIN);
        assert_eq!(lines, ["T a", "+ a/new", "T b", "- b/in", "M l", "- p", "+ q"]);
        assert_eq!((summary.kind.files, summary.kind.folders), (1, 1));
        assert_eq!(
            (
                summary.added.others,
                summary.removed.others,
                summary.modified.others
            ),
            (1, 1, 1)
        );
    });
}

#[test]
fn of_copies_as_many_moved_as_left() {
    let vault = Vault::new("diff copies");
    vault.forge(|forge| {
        let a = forge.folder(vec![
            file("a", "same"),
            file("b", "same"),
            file("stay", "same"),
            file("u", "u"),
        ]);
        let b = forge.folder(vec![
            file("stay", "same"),
            file("x", "same"),
            file("y", "other"),
            file("z", "z"),
        ]);
        vec![
            ("Lumia".into(), "2026-01".into(), a),
            ("Lumia".into(), "2026-02".into(), b),
        ]
    });
    vault.browse(|browser, all| {
        let (a, b) = roots(browser, all);
        // Two left, one came up; the second is reported when no more can come.
        assert_eq!(
            diff(browser, &a, &b, PLAIN).0,
            ["- u", "R a x", "+ y", "+ z", "- b"]
        );
        let mut back = diff(browser, &b, &a, PLAIN).0;
        back.sort();
        assert_eq!(back, ["+ b", "+ u", "- y", "- z", "R x a"]);
    });
}

#[test]
fn differences_add_up() {
    const SEED: &str = "diff adds up";
    let random = SeededRandom::new(SEED);
    let vault = Vault::new(SEED);
    let below = |end: u64| random.below(end);
    vault.forge(|forge| {
        (0..12)
            .map(|month| {
                let leaf = || -> Vec<_> {
                    (0..below(8))
                        .map(|_| {
                            (
                                format!("f{}", below(12)),
                                file("", b"xxxx".get(..usize::try_from(below(5)).unwrap()).unwrap()).1,
                            )
                        })
                        .collect()
                };
                let mut entries: BTreeMap<String, Item> = leaf().into_iter().collect();
                for name in ["d0", "d1", "f3"] {
                    if below(3) > 0 {
                        let mut inner: BTreeMap<String, Item> = leaf().into_iter().collect();
                        let deep = leaf().into_iter().collect::<BTreeMap<_, _>>();
                        inner.insert(
                            "deep".into(),
                            Item::Folder(deep.into_iter().map(|(n, i)| entry(n, i)).collect()),
                        );
                        entries.insert(
                            name.into(),
                            Item::Folder(inner.into_iter().map(|(n, i)| entry(n, i)).collect()),
                        );
                    }
                }
                let entries = entries
                    .into_iter()
                    .map(|(name, item)| entry(name, item))
                    .collect();
                (
                    "Lumia".to_owned(),
                    format!("2026-{:02}", month + 1),
                    forge.folder(entries),
                )
            })
            .collect()
    });
    vault.browse(|browser, all| {
        for (one, other) in all.iter().zip(&all[1..]) {
            let (a, b) = (browser.root(one).unwrap(), browser.root(other).unwrap());
            let mut replayed = contents(browser, &a);
            browser
                .diff(&a, &b, PLAIN, &mut |event| {
                    let DiffEvent::Difference(one) = event else {
                        panic!("{event:?}")
                    };
                    if let Some(before) = one.before {
                        assert!(replayed.remove(&line(before)), "{SEED}: {one:?}");
                    }
                    if let Some(after) = one.after {
                        assert!(replayed.insert(line(after)), "{SEED}: {one:?}");
                    }
                    Ok(())
                })
                .unwrap();
            assert_eq!(replayed, contents(browser, &b), "{SEED}");
        }
    });
}

fn line(listed: &lumivault_restore::browse::Listed) -> String {
    format!("{} {:?} {:?}", lossy(&listed.path), listed.kind, listed.content)
}

fn contents(browser: &Browser<'_, '_>, root: &Node) -> BTreeSet<String> {
    let options = WalkOptions {
        recursive: true,
        filter: None,
    };
    let mut out = BTreeSet::new();
    let mut walk = browser.walk(root, options);
    while let Some(Walked::Entry(node)) = walk.advance().unwrap() {
        out.insert(line(&node.listed));
    }
    out
}

#[test]
fn what_cannot_be_read_is_left_out_and_named() {
    let vault = Vault::new("diff damage");
    vault.forge(|forge| {
        let root = |month: &str, inner: FolderRef| {
            forge.folder(vec![
                entry("d", Item::Stored(inner)),
                file("m", month),
                file("z", "z"),
            ])
        };
        let (old, new) = (
            forge.folder(vec![file("a", "1"), file("b", "1")]),
            forge.folder(vec![file("a", "2"), file("b", "2")]),
        );
        vec![
            ("Lumia".into(), "2026-01".into(), root("1", old)),
            ("Lumia".into(), "2026-02".into(), root("2", new)),
        ]
    });
    let new = vault.browse(
        |browser, all| match browser.lookup(&all[1], &path("d")).unwrap().folder() {
            Some(FolderRef::Chunk { id, .. }) => *id,
            other => panic!("{other:?}"),
        },
    );
    vault.damage(&new);
    vault.browse(|browser, all| {
        let (a, b) = roots(browser, all);
        let (lines, summary) = diff(browser, &a, &b, PLAIN);
        assert_eq!(lines, ["! d after", "M m"]);
        assert_eq!(summary.unreadable, 1);
        vault.world.notes.cancel();
        assert!(
            browser
                .diff(&a, &b, PLAIN, &mut |_| Ok(()))
                .unwrap_err()
                .is_cancelled()
        );
    });
}
