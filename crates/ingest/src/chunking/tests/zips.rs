//! Rule 10: what is cut in a ZIP, what makes it plain data instead, and what two builds share.

use super::*;
use ::zip::write::SimpleFileOptions;
use ::zip::{CompressionMethod, DateTime, ZipWriter};
use std::collections::HashSet;
use std::io::{Cursor, Write};

type Entry = (String, Vec<u8>, CompressionMethod);

fn build(entries: &[Entry], minute: u8, large: bool) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let time = DateTime::from_date_and_time(2014, 9, 19, 12, minute, 0).unwrap();
    for (name, content, method) in entries {
        let options = SimpleFileOptions::default()
            .compression_method(*method)
            .last_modified_time(time);
        writer
            .start_file(name.as_str(), options.large_file(large))
            .unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn stored(name: &str, seed: u64, length: usize) -> Entry {
    (name.to_owned(), random(seed, length), CompressionMethod::Stored)
}

fn deflated(name: &str, seed: u64, length: usize) -> Entry {
    (name.to_owned(), random(seed, length), CompressionMethod::Deflated)
}

/// An app of one library, ten assets of a typical spread of sizes, and manifests.
fn app() -> Vec<Entry> {
    let sizes = [
        700, 3_000, 4_096, 1_500_000, 9_000, 900, 30_000, 5_000, 2_000, 60_000,
    ];
    let assets = sizes
        .iter()
        .zip(0..)
        .map(|(&size, i)| deflated(&format!("Assets/{i}.png"), i, size));
    assets
        .chain([
            stored("Media/intro.mp3", 50, 300_000),
            deflated("AppManifest.xaml", 51, 800),
        ])
        .collect()
}

fn distinct(contents: &[&[u8]]) -> usize {
    let mut seen = HashSet::new();
    let mut bytes = 0;
    for content in contents {
        let (rule, segments) = cut(content);
        assert_eq!(rule, Rule::ZipEntries);
        let mut at = 0;
        for segment in segments {
            let chunk = &content[at..at + segment.length()];
            if seen.insert(blake3::hash(chunk)) {
                bytes += chunk.len();
            }
            at += chunk.len();
        }
    }
    bytes
}

#[test]
fn entry_data_is_cut_out_and_small_entries_are_grouped() {
    let zip = build(
        &[stored("a", 1, 10_000), stored("b", 2, 100), stored("c", 3, 4_096)],
        0,
        false,
    );
    // Local headers have 30 bytes and a name of one; the directory has 47 an entry, its end record 22.
    let tail = zip.len() - (31 + 10_000 + 31 + 100 + 31 + 4_096);
    assert_eq!(
        cut(&zip),
        (
            Rule::ZipEntries,
            chunks(&[31, 10_000, 31 + 100 + 31, 4_096, tail])
        )
    );

    let many: Vec<Entry> = (0..100).map(|i| stored(&format!("{i:02}"), i, 1_000)).collect();
    let lengths = cut(&build(&many, 0, false)).1;
    assert!(
        lengths.len() <= 13,
        "103 KB of small entries in groups of more than 8 KiB: {lengths:?}"
    );
    assert!(
        lengths[0] == Segment::Chunk(8 * 1_032),
        "a group ends at the first entry after 8 KiB: {lengths:?}"
    );
}

#[test]
fn hints_follow_the_compression_method() {
    let zip = build(&[deflated("a", 1, 2_000_000), stored("b", 2, 10_000)], 0, false);
    let plan = classify(&zip).unwrap();
    let hints: Vec<_> = segments_from(&plan, &zip, 0, || usize::MAX)
        .into_iter()
        .filter_map(|(_, hint)| hint)
        .collect();
    assert_eq!(
        hints,
        [
            Hint::Compress,
            Hint::Store,
            Hint::Store,
            Hint::Compress,
            Hint::Sample,
            Hint::Compress
        ]
    );
}

#[test]
fn next_build_shares_what_did_not_change() {
    let first = build(&app(), 0, false);
    let later = build(&app(), 7, false);
    assert_ne!(first, later, "all times differ");
    let added = distinct(&[&first, &later]) - distinct(&[&first]);
    // Directory, headers and the small entries between them.
    assert!(added < 16_000, "{added} of {}", first.len());

    let mut changed = app();
    changed[4] = deflated("Assets/4.png", 99, 11_000);
    changed.insert(2, deflated("Assets/1b.png", 98, 6_000));
    let changed = build(&changed, 0, false);
    let added = distinct(&[&first, &changed]) - distinct(&[&first]);
    assert!(added < 17_000 + 16_000, "{added} of {}", first.len());
}

#[test]
fn wide_fields_and_comments_are_understood() {
    let wide = build(&app(), 0, true);
    assert_eq!(cut(&wide).0, Rule::ZipEntries);
    let mut commented = build(&app(), 0, false);
    let plain = cut(&commented).1;
    let end = commented.len();
    commented[end - 2..].copy_from_slice(&60_000_u16.to_le_bytes());
    // A comment may look like an end record.
    commented.extend(b"PK\x05\x06".repeat(15_000));
    let (rule, with_comment) = cut(&commented);
    assert_eq!(rule, Rule::ZipEntries);
    assert_eq!(plain[..plain.len() - 1], with_comment[..plain.len() - 1]);
}

/// A ZIP64 by hand, as tools write it for offsets that do not fit: one entry, an end record full of 0xFF.
fn zip64(data: &[u8]) -> Vec<u8> {
    let mut zip = b"PK\x03\x04".to_vec();
    zip.extend([&[0; 22][..], &1_u16.to_le_bytes(), &[0; 2], b"a", data].concat());
    let start = zip.len() as u64;
    let size = data.len() as u64;
    let fixed = [
        &b"PK\x01\x02"[..],
        &[0; 16],
        &[0xFF; 8],
        &[1, 0, 28, 0],
        &[0; 10],
        &[0xFF; 4],
        b"a",
    ]
    .concat();
    let extra = [
        &[1, 0, 24, 0][..],
        &size.to_le_bytes(),
        &size.to_le_bytes(),
        &0_u64.to_le_bytes(),
    ]
    .concat();
    zip.extend([&fixed[..], &extra].concat());
    let length = zip.len() as u64 - start;
    let end64 = zip.len() as u64;
    zip.extend(
        [
            &b"PK\x06\x06"[..],
            &44_u64.to_le_bytes(),
            &[45, 0, 45, 0],
            &[0; 8],
        ]
        .concat(),
    );
    zip.extend([1, 1, length, start].map(u64::to_le_bytes).concat());
    zip.extend([&b"PK\x06\x07"[..], &[0; 4], &end64.to_le_bytes(), &[1, 0, 0, 0]].concat());
    zip.extend([&b"PK\x05\x06"[..], &[0; 4], &[0xFF; 12], &[0; 2]].concat());
    zip
}

#[test]
fn zip64_is_read() {
    let zip = zip64(&random(60, 50_000));
    let (rule, segments) = cut(&zip);
    assert_eq!(rule, Rule::ZipEntries);
    assert_eq!(segments[0], Segment::Chunk(31));
    assert_eq!(segments.last(), Some(&Segment::Chunk(zip.len() - 31 - 50_000)));
}

#[test]
fn odd_zips_are_data() {
    let zip = build(&app(), 0, false);
    let end = zip.len() - 22;
    let directory = usize::try_from(u32::from_le_bytes(zip[end + 16..end + 20].try_into().unwrap())).unwrap();
    let second = directory + 46 + "Assets/0.png".len();
    let changed = |at: usize, bytes: &[u8]| {
        let mut zip = zip.clone();
        zip[at..at + bytes.len()].copy_from_slice(bytes);
        zip
    };
    let large = zip
        .windows(4)
        .enumerate()
        .filter(|(_, four)| four == b"PK\x03\x04")
        .nth(3)
        .unwrap()
        .0;
    let cases: [(&str, Vec<u8>); 13] = [
        ("truncated", zip[..zip.len() - 1].to_vec()),
        ("without directory", zip[..directory].to_vec()),
        ("bytes after the end", [&zip[..], b"\0"].concat()),
        ("second disk", changed(end + 4, &[1])),
        ("one entry too many", changed(end + 8, &[13, 0, 13, 0])),
        ("one entry too few", changed(end + 8, &[11, 0, 11, 0])),
        (
            "directory beyond the end",
            changed(end + 16, &u32::to_le_bytes(0x7FFF_FFFF)),
        ),
        (
            "directory too long",
            changed(end + 12, &u32::to_le_bytes(0x00FF_FFFF)),
        ),
        ("no entry where one must be", changed(second, b"XX")),
        ("name beyond the directory", changed(second + 28, &[0xFF, 0xFF])),
        (
            "entry over the next one",
            changed(second + 20, &u32::to_le_bytes(5_000_000)),
        ),
        ("two entries at one place", changed(second + 42, &[0; 4])),
        ("no header where a large entry begins", changed(large, b"XX")),
    ];
    for (what, zip) in cases {
        assert_eq!(classify(&zip).unwrap().rule(), Rule::Data, "{what}");
    }
}

#[test]
fn odd_wide_fields_are_data() {
    let zip = zip64(&random(61, 50_000));
    let directory = 31 + 50_000;
    for (what, at, value) in [
        ("directory far away", zip.len() - 22 - 20 - 8, u64::MAX),
        ("entries without number", zip.len() - 22 - 20 - 24, u64::MAX),
        ("size without end", directory + 47 + 4 + 8, u64::MAX),
        ("offset without end", directory + 47 + 4 + 16, u64::MAX - 10),
        ("locator that points away", zip.len() - 22 - 12, u64::MAX),
    ] {
        let mut odd = zip.clone();
        odd[at..at + 8].copy_from_slice(&value.to_le_bytes());
        assert_eq!(classify(&odd).unwrap().rule(), Rule::Data, "{what}");
    }
    let mut short = zip.clone();
    short[directory + 47 + 2] = 16;
    assert_eq!(
        classify(&short).unwrap().rule(),
        Rule::Data,
        "an extra field that lacks the offset"
    );
}
