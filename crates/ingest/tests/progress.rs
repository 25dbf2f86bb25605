//! What somebody who watches is told.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::{Arc, Mutex};

use lumivault_chunk_store::Event;
use support::{Hook, Vault, noise, write};

/// Totals in their order, and the sum of what was done, of the phase in which sources are read.
fn watch(vault: &Vault, source: &std::path::Path, exclude: &str) -> (Vec<(u64, u64)>, (u64, u64)) {
    let seen = Arc::new(Mutex::new((false, Vec::new(), (0, 0))));
    let note = Arc::clone(&seen);
    let hook = Hook::new(move |event| {
        let mut seen = note.lock().unwrap();
        match event {
            Event::Phase(name) => seen.0 = *name == "reading the source",
            Event::Total { items, bytes } if seen.0 => seen.1.push((*items, *bytes)),
            Event::Done { items, bytes } if seen.0 => {
                seen.2.0 += items;
                seen.2.1 += bytes;
            }
            _ => {}
        }
    });
    vault
        .try_backup(source, hook, |request| {
            request.excludes.patterns = vec![exclude.to_owned()];
        })
        .unwrap();
    let seen = seen.lock().unwrap();
    (seen.1.clone(), seen.2)
}

#[test]
fn what_is_done_adds_up_to_what_there_was_holes_and_known_files_included() {
    let (vault, source) = (Vault::new(), tempfile::tempdir().unwrap());
    write(source.path(), "a.jpg", &noise(1, 100_000));
    write(source.path(), "copy.jpg", &noise(1, 100_000));
    write(source.path(), "tiny", b"tiny");
    write(source.path(), "empty", b"");
    let image = std::fs::File::create(source.path().join("image")).unwrap();
    image.set_len(50_000_000).unwrap();
    let expected = (5, 50_000_000 + 200_004);
    assert_eq!(watch(&vault, source.path(), "none").1, expected);
    assert_eq!(watch(&vault, source.path(), "none").1, expected);
}

#[test]
fn totals_grow_and_respect_what_is_left_out() {
    let (vault, source) = (Vault::new(), tempfile::tempdir().unwrap());
    for i in 0..6000 {
        write(source.path(), &format!("{}/{i}", i % 10), &[7; 100]);
        write(source.path(), &format!("out/{i}"), &[7; 100]);
    }
    // The counting races with the reading and may lose, but not every time.
    let mut most = 0;
    for _ in 0..10 {
        let (totals, done) = watch(&vault, source.path(), "/out");
        assert_eq!(done, (6000, 600_000));
        assert!(totals.is_sorted(), "{totals:?}");
        assert!(
            totals
                .iter()
                .all(|(items, bytes)| (1000..=6000).contains(items) && *bytes == items * 100)
        );
        assert!(totals.len() < 20, "{totals:?}");
        most = most.max(totals.last().map_or(0, |(items, _)| *items));
        if most == 6000 {
            return;
        }
    }
    panic!("the total was never found: {most}");
}

#[test]
fn little_work_has_no_total() {
    let (vault, source) = (Vault::new(), tempfile::tempdir().unwrap());
    for i in 0..500 {
        write(source.path(), &i.to_string(), &[1; 10]);
    }
    assert_eq!(watch(&vault, source.path(), "none"), (Vec::new(), (500, 5000)));
}
