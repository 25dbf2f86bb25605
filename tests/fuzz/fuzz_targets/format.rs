#![no_main]

use libfuzzer_sys::fuzz_target;
use lumivault_fuzz::{FORMAT, run, write_seeds};

// The format's targets assert bounds on memory.
#[global_allocator]
static MEMORY: lumivault_testkit::fuzz::Counting = lumivault_testkit::fuzz::Counting;

fuzz_target!(init: write_seeds("format", FORMAT), |input: &[u8]| run(FORMAT, input));
