#![no_main]

use libfuzzer_sys::fuzz_target;
use lumivault_fuzz::{CONTENTS, run, write_seeds};

fuzz_target!(init: write_seeds("contents", CONTENTS), |input: &[u8]| run(CONTENTS, input));
