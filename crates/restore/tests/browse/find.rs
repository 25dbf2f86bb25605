//! Searches over many snapshots at once.

use std::collections::{BTreeMap, BTreeSet};

use lumivault_chunk_store::StoredSnapshot;
use lumivault_format::tree::{EntryKind, FolderRef};
use lumivault_restore::browse::{
    Browser, FindEvent, FindSummary, ListedKind, Query, QueryRules, WalkOptions, Walked,
};
use lumivault_testkit::SeededRandom;

use super::support::{Item, Vault, dated, entry, file, folder, lossy, write_files};

fn query(patterns: &[&str]) -> QueryRules {
    QueryRules {
        patterns: patterns.iter().map(|text| (*text).to_owned()).collect(),
        ..QueryRules::default()
    }
}

/// `path first..last count` for each find, `!path count` for what cannot be read.
fn find(browser: &Browser<'_, '_>, all: &[StoredSnapshot], rules: QueryRules) -> (Vec<String>, FindSummary) {
    let mut out = Vec::new();
    let all: Vec<&StoredSnapshot> = all.iter().rev().collect();
    let summary = browser
        .find(&all, &Query::new(rules).unwrap(), &mut |event| {
            out.push(match event {
                FindEvent::Found(found) => format!(
                    "{} {}..{} {}",
                    lossy(&found.listed.path),
                    found.first().unwrap().snapshot.time,
                    found.last().unwrap().snapshot.time,
                    found.snapshots.len()
                ),
                FindEvent::Unreadable { path, snapshots, .. } => {
                    format!("!{} {}", lossy(path), snapshots.len())
                }
            });
            Ok(())
        })
        .unwrap();
    (out, summary)
}

#[test]
fn one_content_is_found_once_with_its_first_and_last_month() {
    let vault = Vault::new("find months");
    let source = tempfile::tempdir().unwrap();
    let mut files: BTreeMap<&str, Vec<u8>> = BTreeMap::from([
        ("Pictures/WP_1.jpg", vec![1; 20_000]),
        ("Pictures/WP_2.jpg", vec![2; 20_000]),
        ("notes.txt", b"old".to_vec()),
    ]);
    write_files(source.path(), &files);
    vault.backup(source.path(), "2026-01");
    files.insert("notes.txt", b"new".to_vec());
    write_files(source.path(), &files);
    vault.backup(source.path(), "2026-02");
    std::fs::remove_file(source.path().join("Pictures/WP_2.jpg")).unwrap();
    vault.backup(source.path(), "2026-03");
    vault.browse(|browser, all| {
        let (found, summary) = find(browser, all, query(&["*.jpg"]));
        assert_eq!(
            found,
            [
                "Pictures/WP_1.jpg 2026-01..2026-03 3",
                "Pictures/WP_2.jpg 2026-01..2026-02 2"
            ]
        );
        assert_eq!((summary.found, summary.unreadable), (2, 0));
        let (found, _) = find(browser, all, query(&["/notes.txt"]));
        assert_eq!(
            found,
            ["notes.txt 2026-02..2026-03 2", "notes.txt 2026-01..2026-01 1"]
        );
        assert!(find(browser, all, query(&["WP_3*"])).0.is_empty());
        assert!(find(browser, &[], query(&[])).0.is_empty());
    });
}

#[test]
fn phones_are_told_apart_but_read_once() {
    let vault = Vault::new("find phones");
    vault.forge(|forge| {
        let one = forge.folder(vec![file("a", "a"), file("b", "b")]);
        let root = |month: &str| ("Lumia 950".to_owned(), month.to_owned(), one.clone());
        vec![
            root("2026-01"),
            ("Lumia 640".into(), "2026-02".into(), one.clone()),
            root("2026-03"),
        ]
    });
    vault.browse(|browser, all| {
        let (found, summary) = find(browser, all, query(&["a"]));
        assert_eq!(found, ["a 2026-01..2026-03 2", "a 2026-02..2026-02 1"]);
        assert_eq!((summary.heads, summary.lists), (1, 1));
    });
}

#[test]
fn sizes_times_and_kinds_decide() {
    let vault = Vault::new("find filters");
    let link = EntryKind::Symlink {
        target: b"x".to_vec(),
    };
    vault.forge(|forge| {
        let root = |times: [i64; 3]| {
            forge.folder(vec![
                dated("small", Item::File(vec![1; 10]), times[0]),
                dated("large", Item::File(vec![2; 5000]), times[1]),
                dated("link", Item::Kind(link.clone()), times[2]),
                folder("sub", vec![file("in", "in")]),
            ])
        };
        vec![
            ("Lumia".into(), "2026-01".into(), root([100, 200, 300])),
            ("Lumia".into(), "2026-02".into(), root([1000, 2000, 3000])),
        ]
    });
    vault.browse(|browser, all| {
        let ask = |rules: QueryRules| find(browser, all, rules).0.join(", ");
        let rules = QueryRules::default;
        let sized = |min, max| QueryRules {
            size_min: min,
            size_max: max,
            ..rules()
        };
        let all_of_it = "2026-01..2026-02 2";
        assert_eq!(ask(sized(Some(11), None)), format!("large {all_of_it}"));
        assert_eq!(ask(sized(Some(5), Some(10))), format!("small {all_of_it}"));
        let timed = |newer, older| QueryRules {
            newer,
            older,
            kinds: vec![ListedKind::File],
            patterns: vec!["*a*".into()],
            ..rules()
        };
        assert_eq!(
            ask(timed(Some((200, 0)), Some((1000, 0)))),
            "large 2026-01..2026-01 1"
        );
        assert_eq!(
            ask(timed(Some((200, 0)), None)),
            "large 2026-01..2026-02 2, small 2026-02..2026-02 1"
        );
        assert_eq!(ask(timed(None, Some((200, 0)))), "small 2026-01..2026-01 1");
        let kinds = |kinds: &[ListedKind]| QueryRules {
            kinds: kinds.to_vec(),
            ..rules()
        };
        assert_eq!(ask(kinds(&[ListedKind::Symlink])), format!("link {all_of_it}"));
        assert_eq!(ask(kinds(&[ListedKind::Folder])), format!("sub {all_of_it}"));
        // What is shown is as it is in the newest.
        let newest = browser.find(
            &all.iter().collect::<Vec<_>>(),
            &Query::new(query(&["small"])).unwrap(),
            &mut |event| {
                if let FindEvent::Found(found) = event {
                    assert_eq!(found.listed.mtime, (1000, 0));
                }
                Ok(())
            },
        );
        assert_eq!(newest.unwrap().found, 1);
    });
}

/// 200 months of a phone: a roll that grows, a folder that never changes, settings that change every month. If
/// `fresh`, every month is a fresh copy: all times differ.
fn two_hundred_months(fresh: bool, months: i64) -> Vault {
    let vault = Vault::new(&format!("find {months} months, fresh: {fresh}"));
    vault.forge(|forge| {
        let mut roots = Vec::new();
        for month in 0..months {
            let at = if fresh { month + 1 } else { 1 };
            let photo = |i: i64| dated(format!("WP_{i:05}.jpg"), Item::File(i.to_le_bytes().to_vec()), at);
            let song = |i: i64| {
                dated(
                    format!("song {i:03}.mp3"),
                    Item::File(vec![7, i.to_le_bytes()[0]]),
                    at,
                )
            };
            let roll = Item::Folder((0..100 + month).map(photo).collect());
            let settings = vec![file("state", format!("month {month}"))];
            roots.push((
                "Lumia".to_owned(),
                format!("{}-{:02}", 2009 + month / 12, month % 12 + 1),
                forge.folder(vec![
                    folder("Camera", vec![entry("Roll", roll), file("x", "x")]),
                    folder("Music", (0..90).map(song).collect()),
                    folder("Settings", settings),
                ]),
            ));
        }
        roots
    });
    vault
}

#[test]
fn many_months_cost_little_more_than_one() {
    let reads = |fresh: bool, months: i64| {
        let vault = two_hundred_months(fresh, months);
        vault.browse(|browser, all| {
            assert_eq!(all.len(), usize::try_from(months).unwrap());
            vault.watch.take_reads();
            let (found, summary) = find(browser, all, query(&["WP_00050.jpg", "song 00*"]));
            assert_eq!(found.len(), 11, "{found:?}");
            assert!(
                found.iter().all(|line| line.ends_with(&format!(" {months}"))),
                "{found:?}"
            );
            (vault.watch.take_reads(), summary)
        })
    };
    let (one, _) = reads(false, 1);
    let (many, summary) = reads(false, 200);
    // Each month has a root, `Camera`, `Roll` and `Settings` of its own (the last is inline), and `Music` is one.
    assert_eq!(summary.heads, 1 + 4 * 200);
    // Of what can be shared, the names of the growing roll are read once: a month adds its own heads and the pieces
    // that changed, not a piece for each three of its photos.
    let a_month = (many - one) / 199;
    assert!(
        a_month <= 12,
        "{one} reads for one month, {many} for 200: {a_month} for each further one"
    );

    // A fresh copy differs in every time. Then only heads and references are read anew.
    let (many, summary) = reads(true, 200);
    assert_eq!(summary.heads, 5 * 200);
    assert!(summary.lists <= 1 + 1 + 200 + 1 + 200, "{summary:?}");
    let a_month = (many - one) / 199;
    assert!(
        a_month <= 12,
        "{one} reads for one month, {many} for 200 fresh copies: {a_month} for each further one"
    );
}

#[test]
fn equal_folders_at_one_path_are_read_once_however_many_snapshots_hold_them() {
    let vault = Vault::new("find shared");
    vault.forge(|forge| {
        let shared = forge.folder((0..30).map(|i| file(format!("{i:02}"), "x")).collect());
        (0..100)
            .map(|i| {
                let root = forge.folder(vec![
                    entry("shared", Item::Stored(shared.clone())),
                    entry("again", Item::Stored(shared.clone())),
                    file("month", format!("{i}")),
                ]);
                (
                    "Lumia".to_owned(),
                    format!("{}-{:02}", 2015 + i / 12, i % 12 + 1),
                    root,
                )
            })
            .collect()
    });
    vault.browse(|browser, all| {
        let (found, summary) = find(browser, all, query(&["07"]));
        let whole = "2015-01..2023-04 100";
        assert_eq!(found, [format!("again/07 {whole}"), format!("shared/07 {whole}")]);
        // Under two paths it is walked twice, but the second time comes from the cache.
        assert_eq!(summary.heads, 100 + 2);
        assert_eq!(summary.lists, 100 + 2);
    });
}

#[test]
fn a_search_finds_what_walks_of_all_snapshots_find() {
    const SEED: &str = "find against walks";
    let random = SeededRandom::new(SEED);
    let vault = Vault::new(SEED);
    let below = |end: u64| random.below(end);
    vault.forge(|forge| {
        (0..25)
            .map(|month| {
                let leaf = |depth: u64| {
                    (0..below(7))
                        .map(|_| {
                            dated(
                                format!("f{}", below(9)),
                                Item::File(vec![1; usize::try_from(below(3)).unwrap()]),
                                (below(2) + depth).cast_signed(),
                            )
                        })
                        .collect::<Vec<_>>()
                };
                let mut entries = leaf(0);
                for name in ["d0", "d1", "f3"] {
                    if below(3) > 0 {
                        let mut inner = leaf(1);
                        inner.push(folder("deep", dedup(leaf(2))));
                        entries.push(folder(name, dedup(inner)));
                    }
                }
                let phone = if below(4) == 0 { "B" } else { "A" };
                (
                    phone.to_owned(),
                    format!("{}-{:02}", 2020 + month / 12, month % 12 + 1),
                    forge.folder(dedup(entries)),
                )
            })
            .collect()
    });
    let rules = [
        query(&[]),
        query(&["f[135]"]),
        query(&["d?/**"]),
        query(&["/deep", "deep/*"]),
        QueryRules {
            newer: Some((1, 0)),
            older: Some((3, 0)),
            size_min: Some(1),
            ..query(&["f*"])
        },
    ];
    vault.browse(|browser, all| {
        for rules in rules {
            let expected = by_walks(browser, all, &rules);
            let mut found = BTreeMap::new();
            let all: Vec<&StoredSnapshot> = all.iter().collect();
            browser
                .find(&all, &Query::new(rules.clone()).unwrap(), &mut |event| {
                    let FindEvent::Found(one) = event else {
                        panic!("{event:?}")
                    };
                    let key = key(&one.snapshots[0].snapshot.phone, &one.listed);
                    let ids: BTreeSet<_> = one.snapshots.iter().map(|one| one.id).collect();
                    assert!(
                        found.insert(key, ids).is_none(),
                        "{SEED}: reported twice: {one:?}"
                    );
                    Ok(())
                })
                .unwrap();
            assert!(!found.is_empty() && found == expected, "{SEED}: {rules:?}");
        }
    });
}

type Key = (String, Vec<u8>, ListedKind, Option<lumivault_format::ContentId>);

fn key(phone: &str, listed: &lumivault_restore::browse::Listed) -> Key {
    (phone.to_owned(), listed.path.clone(), listed.kind, listed.content)
}

/// The same by walking each snapshot alone and judging every entry by itself.
fn by_walks(
    browser: &Browser<'_, '_>,
    all: &[StoredSnapshot],
    rules: &QueryRules,
) -> BTreeMap<Key, BTreeSet<lumivault_format::SnapshotId>> {
    let globs: Vec<_> = rules
        .patterns
        .iter()
        .map(|text| {
            let anchored = match text.strip_prefix('/') {
                Some(rest) => rest.to_owned(),
                None => format!("**/{text}"),
            };
            globset::GlobBuilder::new(&anchored)
                .literal_separator(true)
                .build()
                .unwrap()
                .compile_matcher()
        })
        .collect();
    let mut out: BTreeMap<Key, BTreeSet<_>> = BTreeMap::new();
    for one in all {
        let options = WalkOptions {
            recursive: true,
            filter: None,
        };
        let mut walk = browser.walk(&browser.root(one).unwrap(), options);
        while let Some(walked) = walk.advance().unwrap() {
            let Walked::Entry(node) = walked else {
                panic!("{walked:?}")
            };
            let listed = node.listed;
            let path = lossy(&listed.path);
            let wanted = (globs.is_empty() || globs.iter().any(|glob| glob.is_match(&path)))
                && rules.newer.is_none_or(|newer| listed.mtime >= newer)
                && rules.older.is_none_or(|older| listed.mtime < older)
                && rules
                    .size_min
                    .is_none_or(|min| listed.kind == ListedKind::File && listed.size >= min);
            if wanted {
                out.entry(key(&one.snapshot.phone, &listed))
                    .or_default()
                    .insert(one.id);
            }
        }
    }
    out
}

fn dedup(
    mut entries: Vec<(Vec<u8>, Item, lumivault_format::tree::StatRecord)>,
) -> Vec<(Vec<u8>, Item, lumivault_format::tree::StatRecord)> {
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    entries.dedup_by(|a, b| a.0 == b.0);
    entries
}

#[test]
fn damage_costs_the_snapshots_that_it_is_in() {
    let vault = Vault::new("find damage");
    vault.forge(|forge| {
        let months = ["2026-01", "2026-02", "2026-03"];
        let old = forge.folder(vec![file("a", "a"), file("b", "b")]);
        let new = forge.folder(vec![file("a", "a"), file("c", "c")]);
        let root = |inner: &FolderRef, month: &str| {
            let entries = vec![
                entry("d", Item::Stored(inner.clone())),
                file("m", month),
                file("z", "z"),
            ];
            ("Lumia".to_owned(), month.to_owned(), forge.folder(entries))
        };
        vec![
            root(&old, months[0]),
            root(&old, months[1]),
            root(&new, months[2]),
        ]
    });
    let old = vault.browse(|browser, all| {
        let found = browser.lookup(&all[0], &super::support::path("d")).unwrap();
        match found.folder() {
            Some(FolderRef::Chunk { id, .. }) => *id,
            other => panic!("{other:?}"),
        }
    });
    vault.damage(&old);
    vault.browse(|browser, all| {
        let (found, summary) = find(browser, all, query(&["a", "z"]));
        assert_eq!(found, ["!d 2", "d/a 2026-03..2026-03 1", "z 2026-01..2026-03 3"]);
        assert_eq!(summary.unreadable, 1);
    });
}

#[test]
fn a_search_can_be_called_off() {
    let vault = two_hundred_months(false, 2);
    vault.browse(|browser, all| {
        let all: Vec<&StoredSnapshot> = all.iter().collect();
        let mut seen = 0;
        let result = browser.find(&all, &Query::new(query(&[])).unwrap(), &mut |_| {
            seen += 1;
            if seen == 5 {
                vault.world.notes.cancel();
            }
            Ok(())
        });
        assert!(result.unwrap_err().is_cancelled() && seen == 5);
    });
}
