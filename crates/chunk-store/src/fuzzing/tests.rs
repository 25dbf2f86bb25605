use lumivault_testkit::fuzz::{Counting, Target, bounded, run, times};

use super::*;

#[global_allocator]
static MEMORY: Counting = Counting;

const SEED: u64 = 20_261_121;

#[test]
fn chunks() {
    let target = Target {
        name: "chunk",
        seeds: chunk_seeds,
        check: |bytes| {
            let plain_len = bytes.first_chunk().map_or(0, |length| {
                usize::try_from(u32::from_le_bytes(*length) % limits::CHUNK_BYTES_MAX).unwrap() + 1
            });
            // The plaintext twice, as the check decodes again while it holds one.
            bounded(bytes, times(bytes, 4) + 2 * plain_len, chunk);
        },
    };
    run(&target, 40_000, SEED);
}

#[test]
fn tables() {
    let target = Target {
        name: "index_table",
        seeds: index_table_seeds,
        check: |bytes| bounded(bytes, times(bytes, 8), index_table),
    };
    run(&target, 100_000, SEED);
}

#[test]
fn sealed_objects() {
    let target = Target {
        name: "sealed",
        seeds: || vec![sealed_seed()],
        check: sealed,
    };
    run(&target, 50_000, SEED);
}

#[test]
fn passwords() {
    let target = Target {
        name: "password",
        seeds: || {
            [
                "stra\u{df}e e\u{301}\r\n",
                "\u{feff}\u{fdfa}\u{1d160}\u{ac00}",
                "\u{344}\u{390}\u{1f82}",
            ]
            .map(|text| text.as_bytes().to_vec())
            .to_vec()
        },
        check: password,
    };
    run(&target, 100_000, SEED);
}
