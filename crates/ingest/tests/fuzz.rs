//! A short run of the fuzz targets of this crate: mutated contents, photos and names, with a fixed seed. `tests/fuzz` runs
//! the same targets under a fuzzer.

#[allow(clippy::cast_possible_truncation, reason = "fillings are made of low bytes")]
#[path = "fuzz/properties.rs"]
mod properties;

use lumivault_ingest::dates::{from_exif, from_name};
use lumivault_testkit::fuzz::{Counting, SLACK_BYTES, Target, bounded, run, times};

#[global_allocator]
static MEMORY: Counting = Counting;

const SEED: u64 = 20_261_121;

/// Windows of the classifier, and cuts remembered by the test.
const WINDOWS_BYTES: usize = 512 * 1024;

#[test]
fn contents() {
    let target = Target {
        name: "content",
        seeds: properties::content_seeds,
        check: |bytes| bounded(bytes, times(bytes, 4) + WINDOWS_BYTES, properties::content),
    };
    run(&target, 150_000, SEED);
}

#[test]
fn sparse_contents() {
    let target = Target {
        name: "sparse",
        seeds: properties::sparse_seeds,
        check: |bytes| bounded(bytes, times(bytes, 4) + WINDOWS_BYTES, properties::sparse),
    };
    run(&target, 4000, SEED);
}

#[test]
fn photos() {
    let target = Target {
        name: "exif",
        seeds: properties::exif_seeds,
        check: |bytes| {
            let _ = bounded(bytes, SLACK_BYTES, from_exif);
            properties::exif(bytes);
        },
    };
    run(&target, 200_000, SEED);
}

#[test]
fn dates_of_names() {
    let target = Target {
        name: "names",
        seeds: properties::name_seeds,
        check: |bytes| {
            let text = String::from_utf8_lossy(bytes);
            // A token of one letter is a hundred bytes.
            bounded(bytes, times(text.as_bytes(), 400), |_| drop(from_name(&text)));
            properties::names(bytes);
        },
    };
    run(&target, 50_000, SEED);
}
