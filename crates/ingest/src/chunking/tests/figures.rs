//! The figures of docs/chunking.md, section 6. Not run by default, because they measure and print:
//! `cargo test --release -p lumivault-ingest chunking::tests::figures -- --ignored --nocapture --test-threads 1`

use super::*;
use std::collections::HashSet;
use std::io::{Cursor, Write};
use std::time::Instant;

const MIB: usize = 1 << 20;
/// About what a chunk costs in index, pack directory and content list.
const CHUNK_COST: usize = 200;

/// Bytes of distinct chunks and their number.
fn stored(contents: &[Vec<u8>], plan: impl Fn(&[u8]) -> Plan) -> (usize, usize) {
    let mut seen = HashSet::new();
    let mut bytes = 0;
    for content in contents {
        let mut at = 0;
        for segment in segments(&plan(content), content) {
            let end = at + segment.length();
            if matches!(segment, Segment::Chunk(_)) && seen.insert(blake3::hash(&content[at..end])) {
                bytes += segment.length();
            }
            at = end;
        }
    }
    (bytes, seen.len())
}

fn by_rules(content: &[u8]) -> Plan {
    classify(&content).unwrap()
}

fn as_data(content: &[u8]) -> Plan {
    classify_as(Rule::Data, &content).unwrap().unwrap()
}

fn report(what: &str, contents: &[Vec<u8>], plan: impl Fn(&[u8]) -> Plan) -> usize {
    let (bytes, chunks) = stored(contents, plan);
    let cost = bytes + CHUNK_COST * chunks;
    println!(
        "{what}: {:.2} MB in {chunks} chunks, cost {:.2} MB",
        mega(bytes),
        mega(cost)
    );
    cost
}

#[allow(clippy::cast_precision_loss, reason = "printed with three digits")]
fn mega(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

/// A small deterministic source of choices.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 += 1;
        let word = u64::from_le_bytes(random(self.0, 8).try_into().unwrap());
        usize::try_from(word % limit as u64).unwrap()
    }

    /// From 256 bytes to 128 KiB, every power of two as likely as the next.
    fn size(&mut self) -> usize {
        let least = 256 << self.below(9);
        least + self.below(least)
    }
}

/// Six builds each of 22 apps: the library and the manifest change every time, of the other entries some percent.
fn packages(times_change: bool) -> Vec<Vec<u8>> {
    let mut dice = Dice(1);
    let mut packages = Vec::new();
    for _ in 0..22 {
        let percent = [2, 5, 15, 30][dice.below(4)];
        let mut entries: Vec<(u64, usize)> = (0..12 + dice.below(40))
            .map(|i| (i as u64, dice.size()))
            .collect();
        for build in 0..6 {
            for (i, entry) in entries.iter_mut().enumerate() {
                if i == 0 {
                    *entry = (dice.0, 100_000 + dice.below(9_000));
                } else if i == 1 || (build > 0 && dice.below(100) < percent) {
                    *entry = (dice.0, entry.1 + dice.below(200));
                }
            }
            packages.push(package(&entries, if times_change { build } else { 0 }));
        }
    }
    packages
}

fn package(entries: &[(u64, usize)], hour: u8) -> Vec<u8> {
    let mut writer = ::zip::ZipWriter::new(Cursor::new(Vec::new()));
    let time = ::zip::DateTime::from_date_and_time(2014, 9, 19, hour, 0, 0).unwrap();
    for (i, &(seed, length)) in entries.iter().enumerate() {
        let options = ::zip::write::SimpleFileOptions::default().last_modified_time(time);
        writer.start_file(format!("Assets/{i:03}.bin"), options).unwrap();
        writer.write_all(&random(seed << 8 | i as u64, length)).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
#[ignore = "measures and prints"]
fn packages_share_entries() {
    for times_change in [false, true] {
        let packages = packages(times_change);
        let total: usize = packages.iter().map(Vec::len).sum();
        println!(
            "{} packages, {:.2} MB, times change: {times_change}",
            packages.len(),
            mega(total)
        );
        let fine = report("  fine over everything", &packages, as_data);
        let entries = report("  by entries", &packages, by_rules);
        assert!(entries < fine);
    }
}

#[test]
#[ignore = "measures and prints"]
fn photos_share_pictures() {
    let photos: Vec<Vec<u8>> = (0..50)
        .map(|i| jpeg(30_000 + i * 100, 1_500_000 + i * 20_000).0)
        .collect();
    let mut both = photos.clone();
    for photo in &photos {
        both.push([&photo[..2], b"\xFF\xFE\x00\x08edited", &photo[2..]].concat());
    }
    let more = |what: &str, plan: fn(&[u8]) -> Plan| {
        report(what, &both, plan) - report("  without the edited copies", &photos, plan)
    };
    let fine = more("photos and edited copies, fine over everything", as_data);
    let rules = more("photos and edited copies, by rules", by_rules);
    assert!(rules < fine);
}

#[test]
#[ignore = "measures and prints"]
fn speed() {
    let data = random(1, 512 * MIB);
    let big = classify_as(Rule::Big, &data).unwrap().unwrap();
    // Not `vec![0; …]`, whose pages would be one and the same.
    let zeros = vec![std::hint::black_box(1_u8); 512 * MIB]
        .iter()
        .map(|byte| byte - 1)
        .collect::<Vec<u8>>();
    for _ in 0..3 {
        timed("fine", data.len(), || segments(&Plan::stream(), &data).len());
        timed("coarse", data.len(), || segments(&big, &data).len());
        timed("coarse, zeros", data.len(), || segments(&big, &zeros).len());
        timed("BLAKE3 of 1 MiB", data.len(), || {
            data.chunks(MIB)
                .filter(|c| blake3::hash(c).as_bytes()[0] == 0)
                .count()
        });
    }
    let photos: Vec<Vec<u8>> = (0..50)
        .map(|i| jpeg(30_000 + i * 100, 1_500_000 + i * 20_000).0)
        .collect();
    let total: usize = photos.iter().map(Vec::len).sum();
    timed("50 photos, classified", total, || {
        photos.iter().filter(|p| by_rules(p).rule() == Rule::Jpeg).count()
    });
    timed("50 photos, classified, cut and hashed", total, || {
        stored(&photos, by_rules).1
    });
}

fn timed(what: &str, bytes: usize, work: impl FnOnce() -> usize) {
    let start = Instant::now();
    let count = work();
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{what}: {:.2} GB/s, {:.1} µs, {count}",
        mega(bytes) / 1e3 / seconds,
        seconds * 1e6
    );
}
