//! The fuzzers' targets, in groups. The first byte of an input chooses the target of its group, the rest is its input.

#[allow(clippy::cast_possible_truncation)]
#[path = "../../../crates/ingest/tests/fuzz/properties.rs"]
mod ingest;
#[path = "../../../crates/restore/tests/fuzz/properties.rs"]
mod restore;

use std::{fs, path::Path};

use lumivault_chunk_store::fuzzing;
use lumivault_testkit::fuzz::Target;
pub use lumivault_testkit::fuzz::format::TARGETS as FORMAT;

/// Chunks, the cached index, sealed objects, passwords.
pub const CHUNK_STORE: &[Target] = &[
    Target {
        name: "chunk",
        seeds: fuzzing::chunk_seeds,
        check: fuzzing::chunk,
    },
    Target {
        name: "index_table",
        seeds: fuzzing::index_table_seeds,
        check: fuzzing::index_table,
    },
    Target {
        name: "sealed",
        seeds: || vec![fuzzing::sealed_seed()],
        check: fuzzing::sealed,
    },
    Target {
        name: "password",
        seeds: || {
            vec![
                "stra\u{df}e e\u{301}\r\n".into(),
                "\u{fdfa}\u{1d160}\u{ac00}".into(),
            ]
        },
        check: fuzzing::password,
    },
];

/// Contents and photos.
pub const CONTENTS: &[Target] = &[
    Target {
        name: "content",
        seeds: ingest::content_seeds,
        check: ingest::content,
    },
    Target {
        name: "sparse",
        seeds: ingest::sparse_seeds,
        check: ingest::sparse,
    },
    Target {
        name: "exif",
        seeds: ingest::exif_seeds,
        check: ingest::exif,
    },
];

/// Dates in names and on the command line.
pub const DATES: &[Target] = &[
    Target {
        name: "names",
        seeds: ingest::name_seeds,
        check: ingest::names,
    },
    Target {
        name: "when",
        seeds: restore::when_seeds,
        check: restore::when,
    },
];

/// Runs the target that the first byte chooses.
pub fn run(targets: &[Target], input: &[u8]) {
    if let Some((choice, bytes)) = input.split_first() {
        let target = &targets[usize::from(*choice) % targets.len()];
        (target.check)(bytes);
    }
}

/// Writes the valid encodings that a group starts from, `corpus/GROUP/TARGET-NUMBER`.
pub fn write_seeds(group: &str, targets: &[Target]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(group);
    fs::create_dir_all(&folder).expect("the folder of a corpus");
    for (choice, target) in (0u8..).zip(targets) {
        for (number, seed) in (target.seeds)().iter().enumerate() {
            let input = [&[choice][..], seed].concat();
            fs::write(folder.join(format!("{}-{number}", target.name)), input).expect("a seed");
        }
    }
}
