//! Zeros cost nothing, and whether a file system keeps them as a hole makes no difference.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use lumivault_format::tree::{ContentRecord, Extent};
use support::{Stored, Vault, noise, prose, write};

/// Writes a file with holes wherever whole blocks are zero.
fn write_sparse(path: &Path, bytes: &[u8]) {
    let mut file = File::create(path).unwrap();
    for (i, block) in bytes.chunks(4096).enumerate() {
        if block.iter().any(|byte| *byte != 0) {
            file.seek(SeekFrom::Start(i as u64 * 4096)).unwrap();
            file.write_all(block).unwrap();
        }
    }
    file.set_len(bytes.len() as u64).unwrap();
}

fn record(entry: &Stored) -> &ContentRecord {
    entry.record.as_ref().unwrap()
}

/// Backs up both forms of a content; returns what was stored for it.
fn both(bytes: &[u8]) -> (ContentRecord, u64) {
    let (vault, source) = (Vault::new(), tempfile::tempdir().unwrap());
    write_sparse(&source.path().join("sparse"), bytes);
    let summary = vault.backup(source.path());
    write(source.path(), "full", bytes);
    let again = vault.backup(source.path());
    let made = vault.made(&again);
    let (sparse, full) = (&made[b"sparse".as_slice()], &made[b"full".as_slice()]);
    assert!(full.bytes == bytes && sparse.bytes == bytes);
    assert_eq!(record(sparse), record(full), "both forms are one content");
    vault.check();
    (record(sparse).clone(), summary.written.plain_bytes)
}

#[test]
fn holes_cost_nothing() {
    let bytes = [
        prose(1, 100_000),
        vec![0; 30_000_000],
        noise(2, 50_000),
        vec![0; 9_000_001],
        b"end".to_vec(),
        vec![0; 5_000_000],
    ]
    .concat();
    let (record, stored) = both(&bytes);
    assert!(stored < 100_000 + 50_000 + 4 * 65_536, "{stored}");
    let holes = record
        .extents
        .iter()
        .filter(|e| matches!(e, Extent::Hole { .. }))
        .count();
    assert_eq!(holes, 3, "{:?}", record.extents);
    assert_eq!(record.len(), bytes.len() as u64);
}

#[test]
fn nothing_but_zeros() {
    for length in [1, 8193, 65_536, 65_537, 20_000_000] {
        let (record, stored) = both(&vec![0; length]);
        assert_eq!(record.len(), length as u64);
        assert!(stored < 66_000 + 1000, "{length}: {stored}");
    }
}

#[test]
fn zeros_in_a_package_end_where_its_entries_do() {
    let (mut bytes, small) = {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let stored = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored)
            .last_modified_time(zip::DateTime::default());
        zip.start_file("zeros.bin", stored).unwrap();
        zip.write_all(&vec![0; 20_000_000]).unwrap();
        for i in 0..100 {
            zip.start_file(format!("small {i}"), stored).unwrap();
            zip.write_all(&[0; 3000]).unwrap();
        }
        zip.start_file("end.bin", stored).unwrap();
        zip.write_all(&noise(2, 70_000)).unwrap();
        (zip.finish().unwrap().into_inner(), 20_000_039..20_300_000)
    };
    both(&bytes);
    // Damaged so that zeros go on from one entry into others: to the file system they are one hole.
    bytes[small].fill(0);
    let (record, _) = both(&bytes);
    assert_eq!(record.classifier, 10, "it is still cut as a package");
}

#[cfg(target_os = "linux")]
#[test]
fn a_huge_hole_is_passed_over() {
    let (vault, source) = (Vault::new(), tempfile::tempdir().unwrap());
    let path = source.path().join("image");
    let mut file = File::create(&path).unwrap();
    file.write_all(&prose(3, 200_000)).unwrap();
    let length = 1u64 << 42;
    if file.set_len(length).is_err() {
        eprintln!("SKIPPED: this file system has no files of 4 TiB");
        return;
    }
    file.seek(SeekFrom::Start(length - 100)).unwrap();
    file.write_all(b"end").unwrap();
    drop(file);
    let summary = vault.backup(source.path());
    assert_eq!(summary.counts.bytes, length);
    assert!(summary.written.plain_bytes < 500_000, "{:?}", summary.written);
}
