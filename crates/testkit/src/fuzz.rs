//! Hostile bytes for decoders: one set of promises, tried by tests with a fixed seed and by the fuzzers in `tests/fuzz`.
//!
//! A [`Target`] is something that reads bytes from a disk, with valid encodings to start from. Its `check` panics where a
//! promise is broken: nothing panics, what decodes comes back the same after encoding, and no decoder takes more memory
//! than a multiple of the bytes it was given.

#![allow(
    clippy::missing_panics_doc,
    reason = "all of it panics where a promise is broken"
)]

pub mod format;
mod memory;
mod mutate;

pub use memory::{Counting, peak_of};
pub use mutate::Mutator;

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Memory that a decoder may take whatever it is given: errors, small tables.
pub const SLACK_BYTES: usize = 8 * 1024;

/// Something that reads bytes from a disk.
pub struct Target {
    /// For messages, and the name of the fuzzer.
    pub name: &'static str,
    /// Valid encodings.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Panics where a promise is broken.
    pub check: fn(&[u8]),
}

/// Tries `rounds` mutations of a target's seeds, and the seeds themselves.
pub fn run(target: &Target, rounds: u64, seed: u64) {
    let seeds = (target.seeds)();
    let mut mutator = Mutator::new(seed, seeds.clone());
    for bytes in &seeds {
        attempt(target, bytes, seed, None);
    }
    for round in 0..rounds {
        let bytes = mutator.next_input();
        attempt(target, &bytes, seed, Some(round));
    }
}

fn attempt(target: &Target, bytes: &[u8], seed: u64, round: Option<u64>) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.check)(bytes))) {
        report(target.name, seed, round, bytes);
        resume_unwind(panic);
    }
}

#[expect(
    clippy::print_stderr,
    reason = "the input that broke a promise, for whoever mends it"
)]
fn report(name: &str, seed: u64, round: Option<u64>, bytes: &[u8]) {
    let shown: Vec<String> = bytes.iter().take(600).map(|byte| format!("{byte:02x}")).collect();
    let shown = shown.concat();
    let length = bytes.len();
    match round {
        Some(round) => eprintln!("{name}: seed {seed}, round {round}, {length} bytes: {shown}"),
        None => eprintln!("{name}: a valid encoding, {length} bytes: {shown}"),
    }
}

/// What a decoder may take that takes at most `factor` bytes for each byte given.
pub fn times(bytes: &[u8], factor: usize) -> usize {
    SLACK_BYTES + factor * bytes.len()
}

/// Decodes in at most `bound` bytes of memory. Holds where the program counts its memory by [`Counting`].
pub fn bounded<T>(bytes: &[u8], bound: usize, decode: impl FnOnce(&[u8]) -> T) -> T {
    let (value, peak) = peak_of(|| decode(bytes));
    let length = bytes.len();
    assert!(
        peak <= bound,
        "{peak} bytes of memory for {length} bytes, over {bound}"
    );
    value
}

/// Decodes within bounds; what decodes must come back the same after encoding.
pub fn round_trip<T: PartialEq + Debug, E: Debug>(
    bytes: &[u8],
    bound: usize,
    decode: impl Fn(&[u8]) -> Result<T, E>,
    encode: impl Fn(&T) -> Vec<u8>,
) {
    let Ok(value) = bounded(bytes, bound, &decode) else {
        return;
    };
    let encoded = encode(&value);
    match decode(&encoded) {
        Ok(again) => assert!(again == value, "{value:?} came back as {again:?}"),
        Err(error) => panic!("{value:?} was encoded to something undecodable: {error:?}"),
    }
}
