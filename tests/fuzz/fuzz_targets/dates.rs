#![no_main]

use libfuzzer_sys::fuzz_target;
use lumivault_fuzz::{DATES, run, write_seeds};

fuzz_target!(init: write_seeds("dates", DATES), |input: &[u8]| run(DATES, input));
