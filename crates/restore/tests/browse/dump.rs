//! What is given out: files, tar, ZIP. Archives are read back by other people's readers.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use lumivault_format::ChunkId;
use lumivault_format::tree::{Category, EntryKind, Extent, Extra, ExtraKind, StatRecord};
use lumivault_restore::browse::{ArchiveNote, ArchiveSummary, BrowseError, Browser, Node};
use lumivault_restore::filter::{Filter, FilterRules, Pattern};
use lumivault_testkit::SeededRandom;

use super::support::{Item, Vault, bytes_of, entry, file, folder, lossy, path, write_files};

fn tar(browser: &Browser<'_, '_>, start: &Node) -> (Vec<u8>, ArchiveSummary, Vec<String>) {
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    let summary = browser
        .write_tar(start, None, &mut out, &mut |note| take(&mut notes, &note))
        .unwrap();
    assert_eq!(out.len() % 10_240, 0);
    (out, summary, notes)
}

fn zip(browser: &Browser<'_, '_>, start: &Node) -> (Vec<u8>, ArchiveSummary, Vec<String>) {
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    let summary = browser
        .write_zip(start, None, 7200, &mut out, &mut |note| take(&mut notes, &note))
        .unwrap();
    (out, summary, notes)
}

#[expect(clippy::unnecessary_wraps, reason = "as takers of notes are")]
fn take(notes: &mut Vec<String>, note: &ArchiveNote<'_>) -> std::io::Result<()> {
    notes.push(match note {
        ArchiveNote::Skipped { path, reason } => format!("{}: {reason}", lossy(path)),
        ArchiveNote::Renamed { path, written } => format!("{} as {written}", lossy(path)),
    });
    Ok(())
}

/// Path to content, as the tar crate reads it; folders end in a slash.
fn untar(bytes: &[u8]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut out = BTreeMap::new();
    for entry in tar::Archive::new(bytes).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path_bytes().into_owned();
        assert!(!name.starts_with(b"/"));
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        assert!(out.insert(name, content).is_none());
    }
    out
}

/// Path to content, as the zip crate reads it, with its checksums.
fn unzip(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut out = BTreeMap::new();
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at).unwrap();
        assert!(entry.enclosed_name().is_some());
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        assert!(out.insert(entry.name().unwrap().into_owned(), content).is_none());
    }
    out
}

#[test]
fn a_backup_comes_out_as_it_went_in() {
    let random = SeededRandom::new("dump backup");
    let vault = Vault::new("dump backup vault");
    let source = tempfile::tempdir().unwrap();
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for i in 0..300u64 {
        let length = usize::try_from(random.below(3000)).unwrap();
        files.insert(format!("Messages/{i}.txt"), random.bytes(length));
    }
    files.insert("Video/long.mp4".into(), random.bytes(30_000_000));
    files.insert(
        "Video/flash.bin".into(),
        [random.bytes(100_000), vec![0; 5_000_000], random.bytes(7)].concat(),
    );
    files.insert("Döner & Größe.txt".into(), b"text ".repeat(10_000));
    write_files(
        source.path(),
        &files
            .iter()
            .map(|(name, content)| (name.as_str(), content.clone()))
            .collect(),
    );
    let snapshot = vault.backup(source.path(), "2026-05");
    vault.browse(|browser, _| {
        for (name, content) in &files {
            let node = browser.lookup(&snapshot, &path(name)).unwrap();
            assert!(bytes_of(browser, &node) == *content, "{name}");
        }
        let root = browser.root(&snapshot).unwrap();
        let total: u64 = files.values().map(|content| content.len() as u64).sum();
        let (bytes, summary, notes) = tar(browser, &root);
        assert_eq!((summary.files, summary.folders, summary.bytes), (303, 2, total));
        assert!(notes.is_empty() && summary.skipped == 0);
        let read = untar(&bytes);
        assert_eq!(read.len(), 305);
        for (name, content) in &files {
            assert!(read[name.as_bytes()] == *content, "{name}");
        }
        assert!(read.contains_key(&b"Video/"[..]));

        let (bytes, summary, notes) = zip(browser, &root);
        assert_eq!(
            (summary.files, summary.folders, summary.bytes, notes.len()),
            (303, 2, total, 0)
        );
        let read = unzip(&bytes);
        assert_eq!(read.len(), 305);
        for (name, content) in &files {
            assert!(read[name] == *content, "{name}");
        }
        // Video is as it was, text is not.
        let mut archive = zip::ZipArchive::new(Cursor::new(&bytes)).unwrap();
        let text = archive.by_name("Döner & Größe.txt").unwrap().compressed_size();
        assert!(text < 1000, "{text}");

        let inner = browser.lookup(&snapshot, &path("Video")).unwrap();
        assert_eq!(untar(&tar(browser, &inner).0).len(), 2);
        assert!(untar(&tar(browser, &inner).0).contains_key(&b"long.mp4"[..]));
        let alone = browser.lookup(&snapshot, &path("Video/long.mp4")).unwrap();
        assert_eq!(
            untar(&tar(browser, &alone).0).keys().collect::<Vec<_>>(),
            [&b"long.mp4"[..]]
        );
        assert_eq!(
            unzip(&zip(browser, &alone).0).keys().collect::<Vec<_>>(),
            ["long.mp4"]
        );

        let filter = Filter::new(&FilterRules {
            include: vec![Pattern::new("*.mp4"), Pattern::new("/Messages/7*")],
            ..FilterRules::default()
        })
        .unwrap();
        let mut out = Vec::new();
        let summary = browser
            .write_tar(&root, Some(&filter), &mut out, &mut |_| Ok(()))
            .unwrap();
        assert_eq!((summary.files, untar(&out).len()), (12, 12));
    });
}

/// A file of many extents of every kind, and a hole at its end.
fn mixed(vault: &Vault) -> Vec<u8> {
    let random = SeededRandom::new("dump mixed");
    let mut whole = Vec::new();
    vault.forge(|forge| {
        let mut extents = Vec::new();
        for i in 0..40usize {
            let chunk = random.bytes(1000 + 37 * i);
            extents.push(forge.chunk(&chunk));
            whole.extend(chunk);
            let hole = 100 * i + 1;
            extents.push(Extent::Hole { len: hole as u64 });
            whole.resize(whole.len() + hole, 0);
        }
        extents.push(Extent::Hole { len: 70_000 });
        whole.resize(whole.len() + 70_000, 0);
        let tiny = forge.bundle(&[b"first", b"second", b"third"]);
        let root = forge.folder(vec![
            entry("mixed", Item::Extents(extents)),
            entry("tiny", Item::Extents(vec![tiny[1]])),
            file("empty", ""),
        ]);
        vec![("Lumia".into(), "2026-05".into(), root)]
    });
    whole
}

#[test]
fn any_range_is_that_part_of_the_whole() {
    let vault = Vault::new("dump ranges");
    let whole = mixed(&vault);
    let end = whole.len() as u64;
    let random = SeededRandom::new("dump ranges");
    vault.browse(|browser, all| {
        let node = browser.lookup(&all[0], &path("mixed")).unwrap();
        assert!(bytes_of(browser, &node) == whole);
        let mut ranges = vec![
            0..0,
            0..1,
            end - 1..end,
            end..end + 9,
            999..1001,
            0..end * 2,
            end - 70_001..end - 1,
        ];
        ranges.extend((0..60).map(|_| {
            let start = random.below(end);
            start..start + random.below(5000)
        }));
        for range in ranges {
            let mut out = Vec::new();
            let written = browser.write_file(&node, Some(range.clone()), &mut out).unwrap();
            let part = |at: u64| usize::try_from(at.min(end)).unwrap();
            assert!(out == whole[part(range.start)..part(range.end)], "{range:?}");
            assert_eq!(written, out.len() as u64);
        }
        vault.watch.take_reads();
        browser
            .write_file(&node, Some(end - 70_000..end), &mut Vec::new())
            .unwrap();
        assert_eq!(vault.watch.take_reads(), 0, "a hole needs no chunk");
        let tiny = browser.lookup(&all[0], &path("tiny")).unwrap();
        assert_eq!(bytes_of(browser, &tiny), b"second");
        let mut out = Vec::new();
        browser.write_file(&tiny, Some(2..4), &mut out).unwrap();
        assert_eq!(out, b"co");
        assert!(bytes_of(browser, &browser.lookup(&all[0], &path("empty")).unwrap()).is_empty());
        let error = browser
            .write_file(&browser.root(&all[0]).unwrap(), None, &mut out)
            .unwrap_err();
        assert!(error.is_usage() && matches!(error, BrowseError::NotAFile { .. }));
    });
}

#[test]
fn the_next_chunks_are_fetched_while_one_is_written() {
    let vault = Vault::new("dump ahead");
    mixed(&vault);
    vault.browse(|browser, all| {
        let node = browser.lookup(&all[0], &path("mixed")).unwrap();
        assert_eq!(vault.watch.most_at_once(), 1);
        vault.watch.hold_reads(vault.data_packs());
        browser.write_file(&node, None, &mut Vec::new()).unwrap();
        assert!(vault.watch.most_at_once() >= 2);
    });
    // From one small file to the next, too.
    let vault = Vault::new("dump ahead files");
    vault.forge(|forge| {
        let root = forge.folder(
            (0..20u8)
                .map(|i| file(format!("{i:02}"), vec![i + 1; 500]))
                .collect(),
        );
        vec![("Lumia".into(), "2026-05".into(), root)]
    });
    vault.browse(|browser, all| {
        let root = browser.root(&all[0]).unwrap();
        vault.watch.hold_reads(vault.data_packs());
        assert_eq!(untar(&tar(browser, &root).0).len(), 20);
        assert!(vault.watch.most_at_once() >= 2);
    });
}

#[test]
fn a_bundle_is_fetched_once_for_the_files_in_it() {
    let vault = Vault::new("dump bundle");
    let contents: Vec<Vec<u8>> = (0..60u8).map(|i| vec![i; 1 + usize::from(i)]).collect();
    vault.forge(|forge| {
        let slices = forge.bundle(&contents.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let named = |(i, slice): (usize, Extent)| entry(format!("{i:02}"), Item::Extents(vec![slice]));
        let root = forge.folder(slices.into_iter().enumerate().map(named).collect());
        vec![("Lumia".into(), "2026-05".into(), root)]
    });
    let bundle = vault.browse(|browser, all| {
        let node = browser.lookup(&all[0], &path("00")).unwrap();
        node.content().unwrap().extents[0].chunk().unwrap()
    });
    vault.browse(|browser, all| {
        let root = browser.root(&all[0]).unwrap();
        let listing = {
            let mut walk = browser.walk(&root, lumivault_restore::browse::WalkOptions::default());
            while walk.advance().unwrap().is_some() {}
            vault.watch.take_reads()
        };
        assert!(listing > 0);
        let read = untar(&tar(browser, &root).0);
        for (i, content) in contents.iter().enumerate() {
            assert_eq!(read[format!("{i:02}").as_bytes()], *content);
        }
        // The pack's prefix and the bundle; folders come again from what was evicted, if anything was.
        let reads = vault.watch.take_reads();
        assert!(reads <= listing + 3, "{reads} after {listing}");
    });
    vault.damage(&bundle);
    vault.browse(|browser, all| {
        let (bytes, summary, notes) = tar(browser, &browser.root(&all[0]).unwrap());
        assert_eq!((summary.damaged, notes.len(), untar(&bytes).len()), (60, 60, 0));
    });
}

fn hard_link() -> StatRecord {
    StatRecord {
        extras: vec![Extra {
            kind: ExtraKind::HardLink,
            critical: false,
            value: vec![1, 2, 3, 4, 5, 6, 7, 8],
        }],
        ..StatRecord::default()
    }
}

#[test]
fn tar_keeps_what_tar_can_say() {
    let vault = Vault::new("dump tar");
    let deep = [&b"d".repeat(90)[..], b"e", &"ü".repeat(300).into_bytes()];
    vault.forge(|forge| {
        let mut stat = hard_link();
        stat.mtime_seconds = 1_700_000_000;
        stat.mtime_nanoseconds = 123_456_789;
        stat.mode = Some(0o4751);
        stat.owner = Some(3_000_000);
        stat.group = Some(7);
        stat.extras.push(Extra::xattr(b"user.comment", b"a = b \xff"));
        let symlink = |target: &[u8]| {
            Item::Kind(EntryKind::Symlink {
                target: target.to_vec(),
            })
        };
        let device = StatRecord {
            extras: vec![Extra::device(8, 300)],
            ..StatRecord::default()
        };
        let old = StatRecord {
            mtime_seconds: -10,
            ..StatRecord::default()
        };
        let critical = StatRecord {
            extras: vec![Extra {
                kind: ExtraKind::Unknown(99),
                critical: true,
                value: Vec::new(),
            }],
            ..StatRecord::default()
        };
        let root = forge.folder(vec![
            (b"a first".to_vec(), Item::File(b"linked".to_vec()), stat),
            (b"another".to_vec(), Item::File(b"linked".to_vec()), hard_link()),
            (
                b"another content".to_vec(),
                Item::File(b"unlike".to_vec()),
                hard_link(),
            ),
            (b"bytes \xff\xfe".to_vec(), Item::File(b"b".to_vec()), old),
            (b"critical".to_vec(), Item::File(b"c".to_vec()), critical),
            (b"device".to_vec(), Item::Kind(EntryKind::BlockDevice), device),
            entry(
                deep[0],
                Item::Folder(vec![folder(deep[1], vec![file(deep[2], "deep")])]),
            ),
            entry("link", symlink(b"../elsewhere")),
            entry("link long", symlink(&b"x".repeat(3000))),
            entry("pipe", Item::Kind(EntryKind::Fifo)),
            entry("socket", Item::Kind(EntryKind::Socket)),
        ]);
        vec![("Lumia".into(), "2026-05".into(), root)]
    });
    vault.browse(|browser, all| {
        let (bytes, summary, notes) = tar(browser, &browser.root(&all[0]).unwrap());
        assert_eq!(
            (summary.files, summary.folders, summary.others, summary.skipped),
            (5, 2, 4, 2)
        );
        assert_eq!(notes.len(), 2);
        assert!(
            notes[0].starts_with("critical: ") && notes[0].contains("99"),
            "{notes:?}"
        );
        assert_eq!(notes[1], "socket: such an archive cannot hold a socket");

        let mut seen = BTreeMap::new();
        for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let pax: BTreeMap<String, Vec<u8>> = entry
                .pax_extensions()
                .unwrap()
                .into_iter()
                .flatten()
                .map(|one| one.unwrap())
                .map(|one| (one.key().unwrap().to_owned(), one.value_bytes().to_vec()))
                .collect();
            let header = entry.header().clone();
            let link = entry.link_name_bytes().map(std::borrow::Cow::into_owned);
            seen.insert(entry.path_bytes().into_owned(), (header, link, pax));
        }
        let get = |name: &[u8]| seen.get(name).unwrap_or_else(|| panic!("{}", lossy(name)));
        let (header, _, pax) = get(b"a first");
        assert_eq!(header.mode().unwrap(), 0o751, "without the set-user bit");
        assert_eq!(
            (header.mtime().unwrap(), header.gid().unwrap()),
            (1_700_000_000, 7)
        );
        assert_eq!(pax["mtime"], b"1700000000.123456789");
        assert_eq!(pax["uid"], b"3000000");
        assert_eq!(pax["SCHILY.xattr.user.comment"], b"a = b \xff");
        let (header, link, _) = get(b"another");
        assert_eq!(
            (header.entry_type(), link.as_deref()),
            (tar::EntryType::Link, Some(&b"a first"[..]))
        );
        assert_eq!(get(b"another content").0.entry_type(), tar::EntryType::Regular);
        assert_eq!(untar(&bytes)[&b"another content"[..]], b"unlike");
        let (_, _, pax) = get(b"bytes \xff\xfe");
        assert_eq!(
            (pax["hdrcharset"].as_slice(), pax["mtime"].as_slice()),
            (&b"BINARY"[..], &b"-10"[..])
        );
        let (header, ..) = get(b"device");
        assert_eq!(header.entry_type(), tar::EntryType::Block);
        assert_eq!(
            (header.device_major().unwrap(), header.device_minor().unwrap()),
            (Some(8), Some(300))
        );
        assert_eq!(untar(&bytes)[&deep.join(&b'/')], b"deep");
        let folder = [deep[0], b"/"].concat();
        assert_eq!(get(&folder).0.entry_type(), tar::EntryType::Directory);
        assert_eq!(get(b"link").1.as_deref(), Some(&b"../elsewhere"[..]));
        assert_eq!(get(b"link long").1.as_deref(), Some(&*b"x".repeat(3000)));
        assert_eq!(get(b"pipe").0.entry_type(), tar::EntryType::Fifo);
    });
}

/// A writer that keeps the headers and forgets the zeros of a huge file.
#[derive(Default)]
struct Sparse {
    bytes: u64,
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl std::io::Write for Sparse {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.bytes += bytes.len() as u64;
        if self.head.len() < 4096 {
            self.head.extend_from_slice(bytes);
        } else {
            self.tail.extend_from_slice(bytes);
            let surplus = self.tail.len().saturating_sub(100_000);
            self.tail.drain(..surplus);
        }
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn sizes_over_eight_gigabytes_are_said_twice() {
    const SIZE: u64 = (8 << 30) + 1;
    let vault = Vault::new("dump huge");
    vault.forge(|forge| {
        let root = forge.folder(vec![
            entry("card.mp4", Item::Extents(vec![Extent::Hole { len: SIZE }])),
            file("z", "z"),
        ]);
        vec![("Lumia".into(), "2026-05".into(), root)]
    });
    vault.browse(|browser, all| {
        let mut out = Sparse::default();
        let root = browser.root(&all[0]).unwrap();
        browser.write_tar(&root, None, &mut out, &mut |_| Ok(())).unwrap();
        assert!(out.bytes > SIZE && out.bytes % 10_240 == 0);
        let mut entries = tar::Archive::new(out.head.as_slice());
        let first = entries.entries().unwrap().next().unwrap().unwrap();
        assert_eq!((first.size(), first.header().entry_size().unwrap()), (SIZE, SIZE));

        let mut out = Sparse::default();
        browser
            .write_zip(&root, None, 0, &mut out, &mut |_| Ok(()))
            .unwrap();
        // The end record of Zip64 is there only where it is needed, and the directory says the size.
        assert!(out.tail.windows(8).any(|eight| eight == SIZE.to_le_bytes()));
    });
}

#[test]
fn zip_names_fit_every_system_and_renames_are_told() {
    let vault = Vault::new("dump zip names");
    vault.forge(|forge| {
        let target = b"b.txt".to_vec();
        let root = forge.folder(vec![
            file("A.txt", "upper"),
            file("a.txt", "lower"),
            file("b\\c", "backslash"),
            folder("con", vec![file("in", "in")]),
            file(b"x\xff", "bytes"),
            file("plain äöü.txt", "plain"),
            entry("link", Item::Kind(EntryKind::Symlink { target })),
            entry("pipe", Item::Kind(EntryKind::Fifo)),
        ]);
        vec![("Lumia".into(), "2026-05".into(), root)]
    });
    vault.browse(|browser, all| {
        let (bytes, summary, notes) = zip(browser, &browser.root(&all[0]).unwrap());
        assert_eq!((summary.files, summary.folders, summary.others), (6, 1, 1));
        assert_eq!((summary.renamed, summary.skipped, notes.len()), (4, 1, 5));
        let read = unzip(&bytes);
        let mut folded: Vec<String> = read.keys().map(|name| name.to_lowercase()).collect();
        folded.sort();
        folded.dedup();
        assert_eq!(folded.len(), read.len());
        for name in read.keys() {
            assert!(!name.contains(['\\', ':', '\u{fffd}']), "{name}");
            assert!(
                !name.split('/').any(|part| part.eq_ignore_ascii_case("con")),
                "{name}"
            );
        }
        let contents: Vec<&[u8]> = read
            .iter()
            .filter(|(name, _)| !name.ends_with('/'))
            .map(|(_, c)| c.as_slice())
            .collect();
        for content in [
            &b"upper"[..],
            b"lower",
            b"backslash",
            b"in",
            b"bytes",
            b"plain",
            b"b.txt",
        ] {
            assert!(contents.contains(&content), "{}", lossy(content));
        }
        assert_eq!(read["A.txt"], b"upper");
        assert_eq!(read["plain äöü.txt"], b"plain");
        let mut archive = zip::ZipArchive::new(Cursor::new(&bytes)).unwrap();
        assert!(archive.by_name("link").unwrap().is_symlink());
    });
}

#[test]
fn zip_keeps_times_and_permissions() {
    let vault = Vault::new("dump zip times");
    vault.forge(|forge| {
        let stat = StatRecord {
            // 2026-05-14T16:30:09Z
            mtime_seconds: 1_778_776_209,
            mode: Some(0o4600),
            ..StatRecord::default()
        };
        let old = StatRecord {
            mtime_seconds: i64::MIN,
            ..StatRecord::default()
        };
        let root = forge.folder(vec![
            (b"f".to_vec(), Item::File(b"f".to_vec()), stat),
            (b"old".to_vec(), Item::File(b"o".to_vec()), old),
        ]);
        vec![("Lumia".into(), "2026-05".into(), root)]
    });
    vault.browse(|browser, all| {
        let node = browser.lookup(&all[0], &path("f")).unwrap();
        assert_eq!(node.listed.category, Category::None);
        let (bytes, ..) = zip(browser, &browser.root(&all[0]).unwrap());
        let mut archive = zip::ZipArchive::new(Cursor::new(&bytes)).unwrap();
        let entry = archive.by_name("f").unwrap();
        let time = entry.last_modified().unwrap();
        // Two hours east; ZIP counts in steps of two seconds.
        assert_eq!((time.hour(), time.minute(), time.second() / 2), (18, 30, 4));
        assert_eq!(entry.unix_mode().unwrap() & 0o7777, 0o600);
        let stamp = entry.extra_data_fields().find_map(|field| match field {
            zip::extra_fields::ExtraField::ExtendedTimestamp(stamp) => stamp.mod_time(),
            _ => None,
        });
        assert_eq!(stamp, Some(1_778_776_209));
        drop(entry);
        assert_eq!(
            archive.by_name("old").unwrap().last_modified().unwrap().year(),
            1980
        );
    });
}

/// A file of small chunks and one that is too large to be held; the last chunk of each is damaged, or missing.
fn broken(seed: &str, missing: bool) -> (Vault, ChunkId) {
    let vault = Vault::new(seed);
    let random = SeededRandom::new(seed);
    let mut last = None;
    vault.forge(|forge| {
        let lost = if missing {
            Extent::Chunk {
                id: ChunkId::from_bytes([3; 32]),
                len: 50,
            }
        } else {
            forge.chunk(&random.bytes(50))
        };
        last = lost.chunk();
        let large = vec![
            forge.chunk(&random.bytes(1000)),
            Extent::Hole { len: 20 << 20 },
            lost,
        ];
        let root = forge.folder(vec![
            entry("a bad", Item::Extents(vec![forge.chunk(b"good"), lost])),
            file("b good", "good"),
            entry("c large", Item::Extents(large)),
            file("d good", "good too"),
        ]);
        vec![("Lumia".into(), "2026-05".into(), root)]
    });
    (vault, last.unwrap())
}

#[test]
fn a_damaged_file_is_left_out_and_a_large_one_ends_the_archive() {
    let (vault, chunk) = broken("dump damage", false);
    vault.damage(&chunk);
    vault.browse(|browser, all| {
        let root = browser.root(&all[0]).unwrap();
        let mut notes = Vec::new();
        let (mut tarred, mut zipped) = (Vec::new(), Vec::new());
        for zip in [false, true] {
            notes.clear();
            let mut note = |note: ArchiveNote<'_>| take(&mut notes, &note);
            let result = if zip {
                browser.write_zip(&root, None, 0, &mut zipped, &mut note)
            } else {
                browser.write_tar(&root, None, &mut tarred, &mut note)
            };
            let error = result.unwrap_err();
            assert!(
                error.is_damage() && error.to_string() == "c large cannot be read",
                "{error}"
            );
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(cause.contains(&chunk.to_string()), "{cause}");
            assert_eq!(notes, ["a bad: it cannot be read"]);
        }
        // What was broken off does not look whole.
        assert!(zip::ZipArchive::new(Cursor::new(&zipped)).is_err());
        let entries: Vec<_> = tar::Archive::new(tarred.as_slice())
            .entries()
            .unwrap()
            .map(|entry| entry.and_then(|mut entry| std::io::copy(&mut entry, &mut std::io::sink())))
            .collect();
        assert!(entries.iter().any(Result::is_err) || entries.len() < 4);

        let filter = Filter::new(&FilterRules {
            exclude: vec![Pattern::new("c large")],
            ..FilterRules::default()
        })
        .unwrap();
        let mut out = Vec::new();
        let summary = browser
            .write_tar(&root, Some(&filter), &mut out, &mut |_| Ok(()))
            .unwrap();
        assert_eq!((summary.files, summary.skipped, summary.damaged), (2, 1, 1));
        assert_eq!(untar(&out)[&b"d good"[..]], b"good too");

        let mut out = Vec::new();
        let node = browser.lookup(&all[0], &path("a bad")).unwrap();
        let error = browser.write_file(&node, None, &mut out).unwrap_err();
        assert_eq!(
            (error.to_string().as_str(), out.as_slice()),
            ("a bad cannot be read", &b"good"[..])
        );
    });
}

#[test]
fn a_missing_chunk_is_known_before_the_file_is_begun() {
    let (vault, chunk) = broken("dump missing", true);
    vault.browse(|browser, all| {
        let root = browser.root(&all[0]).unwrap();
        let (bytes, summary, notes) = tar(browser, &root);
        assert_eq!((summary.files, summary.damaged), (2, 2));
        assert_eq!(notes, ["a bad: it cannot be read", "c large: it cannot be read"]);
        assert_eq!(untar(&bytes).len(), 2);
        assert_eq!(unzip(&zip(browser, &root).0).len(), 2);
        let node = browser.lookup(&all[0], &path("c large")).unwrap();
        let error = browser.write_file(&node, None, &mut std::io::sink()).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains(&chunk.to_string()), "{cause}");
    });
}

#[test]
fn folders_that_lie_about_their_contents_are_caught() {
    let vault = Vault::new("dump lies");
    vault.forge(|forge| {
        let Extent::Chunk { id, .. } = forge.chunk(b"twelve bytes") else {
            panic!("a chunk")
        };
        let slice = |offset, len| Extent::Slice {
            bundle: id,
            bundle_len: 12,
            offset,
            len,
            id,
        };
        let root = forge.folder(vec![
            entry("length", Item::Extents(vec![Extent::Chunk { id, len: 11 }])),
            entry("slice", Item::Extents(vec![slice(3, 5)])),
            entry("whole", Item::Extents(vec![slice(0, 12)])),
        ]);
        vec![("Lumia".into(), "2026-05".into(), root)]
    });
    vault.browse(|browser, all| {
        for name in ["length", "slice"] {
            let node = browser.lookup(&all[0], &path(name)).unwrap();
            let mut out = Vec::new();
            let error = browser.write_file(&node, None, &mut out).unwrap_err();
            assert!(error.is_damage() && out.is_empty(), "{error}");
        }
        let node = browser.lookup(&all[0], &path("whole")).unwrap();
        assert_eq!(bytes_of(browser, &node), b"twelve bytes");
    });
}

/// Fails after some bytes, or calls the work off.
struct Short<'v>(usize, Option<&'v Vault>);

impl std::io::Write for Short<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        match self.1 {
            _ if taken > 0 => Ok(taken),
            Some(vault) => {
                vault.world.notes.cancel();
                Ok(bytes.len())
            }
            None => Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe)),
        }
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_dump_ends_with_its_receiver_and_when_it_is_called_off() {
    let vault = Vault::new("dump cancel");
    mixed(&vault);
    vault.browse(|browser, all| {
        let root = browser.root(&all[0]).unwrap();
        let node = browser.lookup(&all[0], &path("mixed")).unwrap();
        let note = &mut |_: ArchiveNote<'_>| Ok(());
        for result in [
            browser.write_file(&node, None, &mut Short(3000, None)).map(drop),
            browser
                .write_tar(&root, None, &mut Short(3000, None), note)
                .map(drop),
            browser
                .write_zip(&root, None, 0, &mut Short(20, None), note)
                .map(drop),
        ] {
            let error = result.unwrap_err();
            assert!(matches!(error, BrowseError::Output(_)), "{error}");
        }
        let error = browser
            .write_file(&node, None, &mut Short(3000, Some(&vault)))
            .unwrap_err();
        assert!(error.is_cancelled(), "{error}");
        assert!(
            browser
                .write_tar(&root, None, &mut Vec::new(), note)
                .unwrap_err()
                .is_cancelled()
        );
    });
}
