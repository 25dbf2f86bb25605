//! Listings and what lies at a path.

use std::collections::BTreeMap;

use lumivault_format::tree::{EntryKind, Extra, ExtraKind, FolderRef};
use lumivault_format::{ChunkId, limits};
use lumivault_restore::browse::{BrowseError, Browser, ListedKind, Node, WalkOptions, Walked};
use lumivault_restore::filter::{Filter, FilterRules, Pattern};

use super::support::{Item, Vault, bytes_of, dated, entry, file, folder, lossy, path, write_files};

const RECURSIVE: WalkOptions<'_> = WalkOptions {
    recursive: true,
    filter: None,
};

fn names(browser: &Browser<'_, '_>, start: &Node, options: WalkOptions<'_>) -> Vec<String> {
    let mut out = Vec::new();
    browser
        .list(start, options, &mut |walked| {
            match walked {
                Walked::Entry(node) => out.push(lossy(&node.listed.path)),
                Walked::Unreadable { path, .. } => out.push(format!("!{}", lossy(&path))),
            }
            Ok(())
        })
        .unwrap();
    out
}

#[test]
fn a_backup_is_listed_as_it_was() {
    let vault = Vault::new("walk backup");
    let source = tempfile::tempdir().unwrap();
    let files: BTreeMap<&str, Vec<u8>> = BTreeMap::from([
        ("Pictures/Camera Roll/WP_1.jpg", vec![1; 20_000]),
        ("Pictures/Camera Roll/WP_2.jpg", vec![2; 300_000]),
        ("Pictures/empty", Vec::new()),
        ("contacts.vcf", b"BEGIN:VCARD".to_vec()),
    ]);
    write_files(source.path(), &files);
    let snapshot = vault.backup(source.path(), "2026-05");
    vault.browse(|browser, _| {
        let root = browser.root(&snapshot).unwrap();
        assert_eq!(
            names(browser, &root, WalkOptions::default()),
            ["Pictures", "contacts.vcf"]
        );
        let all = names(browser, &root, RECURSIVE);
        assert_eq!(
            all,
            [
                "Pictures",
                "Pictures/Camera Roll",
                "Pictures/Camera Roll/WP_1.jpg",
                "Pictures/Camera Roll/WP_2.jpg",
                "Pictures/empty",
                "contacts.vcf"
            ]
        );
        for (name, content) in &files {
            let node = browser.lookup(&snapshot, &path(name)).unwrap();
            assert_eq!(
                (node.listed.kind, node.listed.size),
                (ListedKind::File, content.len() as u64)
            );
            assert_eq!(lossy(&node.listed.path), *name);
            assert!(node.listed.content.is_some() && node.listed.mtime.0 > 0);
            assert_eq!(bytes_of(browser, &node), *content, "{name}");
            // A file stands for itself.
            assert_eq!(names(browser, &node, RECURSIVE), [*name]);
        }
        let inner = browser.lookup(&snapshot, &path("Pictures/Camera Roll")).unwrap();
        assert_eq!(names(browser, &inner, RECURSIVE).len(), 2);
    });
}

#[test]
fn only_the_folders_on_the_way_are_read() {
    let vault = Vault::new("walk lookup");
    vault.forge(|forge| {
        let many = |prefix: &str| {
            (0..40)
                .map(|i| file(format!("{prefix}{i:02}"), format!("{prefix}{i}")))
                .collect()
        };
        let root = forge.folder(vec![
            folder("a", many("x")),
            folder(
                "b",
                vec![folder("c", many("y")), folder("d", many("z")), file("e", "e")],
            ),
        ]);
        vec![("Lumia".into(), "2026-05".into(), root)]
    });
    vault.browse(|browser, all| {
        let found = browser.lookup(&all[0], &path("b/d/z07")).unwrap();
        // The heads and the packs' prefixes, the names of three folders up to the place, one piece of each other kind.
        let reads = vault.watch.take_reads();
        assert!(reads <= 16, "{reads}");
        assert_eq!(bytes_of(browser, &found), b"z7");
        let whole = names(browser, &browser.root(&all[0]).unwrap(), RECURSIVE);
        assert_eq!(whole.len(), 2 + 40 + 3 + 80);
        assert!(vault.watch.take_reads() > 60);

        for (missing, what) in [
            ("b/x", "b/x is not in the snapshot"),
            ("B", "(there is b)"),
            ("a/X07", "(there is x07)"),
        ] {
            let error = browser.lookup(&all[0], &path(missing)).unwrap_err();
            assert!(matches!(error, BrowseError::NotThere { .. }) && !error.is_usage());
            assert!(error.to_string().contains(what), "{error}");
        }
        let error = browser.lookup(&all[0], &path("b/e/f")).unwrap_err();
        assert!(matches!(error, BrowseError::NotAFolder { .. }), "{error}");
    });
}

#[test]
fn everything_known_is_listed() {
    let vault = Vault::new("walk kinds");
    vault.forge(|forge| {
        let (name, item, mut stat) = dated("file", Item::File(b"x".to_vec()), -5);
        stat.mtime_nanoseconds = 7;
        stat.mode = Some(0o640);
        stat.extras = vec![
            Extra {
                kind: ExtraKind::HardLink,
                critical: false,
                value: vec![9; 8],
            },
            Extra {
                kind: ExtraKind::BirthTime,
                critical: false,
                value: [&(-3i64).to_le_bytes()[..], &8u32.to_le_bytes()].concat(),
            },
            Extra {
                kind: ExtraKind::Unknown(77),
                critical: true,
                value: Vec::new(),
            },
        ];
        let link = EntryKind::Symlink {
            target: b"../\xff".to_vec(),
        };
        let root = forge.folder(vec![
            (name, item, stat),
            entry(b"link\xff", Item::Kind(link)),
            entry("pipe", Item::Kind(EntryKind::Fifo)),
        ]);
        vec![("Lumia".into(), "2026-05".into(), root)]
    });
    vault.browse(|browser, all| {
        let mut walk = browser.walk(&browser.root(&all[0]).unwrap(), RECURSIVE);
        let mut nodes = Vec::new();
        while let Some(Walked::Entry(node)) = walk.advance().unwrap() {
            nodes.push(node.listed);
        }
        let [one, link, pipe] = nodes.as_slice() else {
            panic!("{nodes:?}")
        };
        assert_eq!((one.mtime, one.mode, one.size), ((-5, 7), Some(0o640), 1));
        assert_eq!((one.hard_link(), one.birth_time()), (Some([9; 8]), Some((-3, 8))));
        assert_eq!(one.refused(), Some(77));
        assert_eq!(
            (link.name(), link.target.as_deref()),
            (&b"link\xff"[..], Some(&b"../\xff"[..]))
        );
        assert_eq!((pipe.kind, pipe.content), (ListedKind::Fifo, None));
    });
}

#[test]
fn filters_see_paths_from_the_start_on() {
    let vault = Vault::new("walk filter");
    vault.forge(|forge| {
        let root = forge.folder(vec![
            folder(
                "a",
                vec![
                    file("1.jpg", "1"),
                    file("2.tmp", "2"),
                    folder("b", vec![file("3.jpg", "3")]),
                ],
            ),
            file("4.jpg", "4"),
        ]);
        vec![("Lumia".into(), "2026-05".into(), root)]
    });
    let filter = Filter::new(&FilterRules {
        include: vec![Pattern::new("/b"), Pattern::new("/1.*")],
        exclude: vec![Pattern::new("*.tmp")],
        categories: Vec::new(),
    })
    .unwrap();
    let options = WalkOptions {
        recursive: true,
        filter: Some(&filter),
    };
    vault.browse(|browser, all| {
        let start = browser.lookup(&all[0], &path("a")).unwrap();
        assert_eq!(names(browser, &start, options), ["a/1.jpg", "a/b", "a/b/3.jpg"]);
        assert!(names(browser, &browser.root(&all[0]).unwrap(), options).is_empty());
    });
}

#[test]
fn what_cannot_be_read_is_named_and_the_walk_goes_on() {
    let vault = Vault::new("walk damage");
    let lost = FolderRef::Chunk {
        id: ChunkId::from_bytes([5; 32]),
        plain_len: 9,
    };
    vault.forge(|forge| {
        let many = (0..9).map(|i| file(format!("{i}"), format!("{i}"))).collect();
        let root = forge.folder(vec![
            folder("a", many),
            entry("b", Item::Stored(lost.clone())),
            folder("c", vec![file("x", "x")]),
        ]);
        vec![("Lumia".into(), "2026-05".into(), root)]
    });
    vault.browse(|browser, all| {
        let whole = names(browser, &browser.root(&all[0]).unwrap(), RECURSIVE);
        assert_eq!(whole[10..], ["b", "!b", "c", "c/x"], "{whole:?}");
        let mut causes = Vec::new();
        browser
            .list(&browser.root(&all[0]).unwrap(), RECURSIVE, &mut |walked| {
                if let Walked::Unreadable { error, .. } = walked {
                    causes.push(error.to_string());
                }
                Ok(())
            })
            .unwrap();
        assert!(
            causes.len() == 1 && causes[0].contains(&"05".repeat(32)),
            "{causes:?}"
        );
    });
}

#[test]
fn a_damaged_piece_costs_what_is_in_it_and_no_more() {
    use lumivault_format::tree::{Stream, StreamTag};
    for (tag, expected) in [
        // Names cannot be told from there on.
        (StreamTag::Names, "a a/0 a/1 a/2 !a b b/x"),
        // Entries can, but not what is known of them.
        (StreamTag::Stats, "a a/0 a/1 a/2 !a/3 !a/4 !a/5 a/6 a/7 a/8 b b/x"),
        (
            StreamTag::Contents,
            "a a/0 a/1 a/2 !a/3 !a/4 !a/5 a/6 a/7 a/8 b b/x",
        ),
    ] {
        let vault = Vault::new(&format!("walk damaged piece {tag:?}"));
        vault.forge(|forge| {
            let many = (0..9)
                .map(|i| dated(format!("{i}"), Item::File(vec![i + 1]), i.into()))
                .collect();
            let root = forge.folder(vec![folder("a", many), folder("b", vec![file("x", "x")])]);
            vec![("Lumia".into(), "2026-05".into(), root)]
        });
        let piece = vault.browse(|browser, all| {
            let start = browser.lookup(&all[0], &path("a")).unwrap();
            let head = browser.reader().head(start.folder().unwrap()).unwrap();
            match &head.stream(tag).stream {
                Stream::Pieces(pieces) => pieces[1].id,
                Stream::Inline(_) => panic!("made in pieces"),
            }
        });
        vault.damage(&piece);
        vault.browse(|browser, all| {
            let listed = names(browser, &browser.root(&all[0]).unwrap(), RECURSIVE);
            assert_eq!(listed.join(" "), expected, "{tag:?}");
            let error = browser.lookup(&all[0], &path("a/4")).unwrap_err();
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(
                error.is_damage() && cause.contains(&piece.to_string()),
                "{error}: {cause}"
            );
        });
    }
}

#[test]
fn depth_is_bounded() {
    let vault = Vault::new("walk depth");
    vault.forge(|forge| {
        let mut inner = forge.folder(vec![file("end", "end")]);
        for _ in 0..=limits::TREE_DEPTH_MAX {
            inner = forge.folder(vec![entry("d", Item::Stored(inner)), file("f", "f")]);
        }
        vec![("Lumia".into(), "2026-05".into(), inner)]
    });
    vault.browse(|browser, all| {
        let listed = names(browser, &browser.root(&all[0]).unwrap(), RECURSIVE);
        assert_eq!(listed.iter().filter(|name| name.starts_with('!')).count(), 1);
        assert_eq!(
            listed.iter().filter(|name| name.ends_with('f')).count(),
            limits::TREE_DEPTH_MAX + 1
        );
    });
}

#[test]
fn a_walk_can_be_called_off() {
    let vault = Vault::new("walk cancel");
    vault.forge(|forge| {
        let root = forge.folder((0..9).map(|i| file(format!("{i}"), "x")).collect());
        vec![("Lumia".into(), "2026-05".into(), root)]
    });
    vault.browse(|browser, all| {
        let mut seen = 0;
        let result = browser.list(&browser.root(&all[0]).unwrap(), RECURSIVE, &mut |_| {
            seen += 1;
            if seen == 4 {
                vault.world.notes.cancel();
            }
            Ok(())
        });
        assert!(result.unwrap_err().is_cancelled());
        assert_eq!(seen, 4);
    });
}
