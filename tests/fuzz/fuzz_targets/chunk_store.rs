#![no_main]

use libfuzzer_sys::fuzz_target;
use lumivault_fuzz::{CHUNK_STORE, run, write_seeds};

fuzz_target!(init: write_seeds("chunk_store", CHUNK_STORE), |input: &[u8]| run(CHUNK_STORE, input));
