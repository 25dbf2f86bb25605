//! A short run of this crate's fuzz target: mutated dates, with a fixed seed. `tests/fuzz` runs the same under a fuzzer.

#[path = "fuzz/properties.rs"]
mod properties;

use lumivault_testkit::fuzz::{Counting, Target, bounded, run, times};

#[global_allocator]
static MEMORY: Counting = Counting;

#[test]
fn times_and_their_names() {
    let target = Target {
        name: "when",
        seeds: properties::when_seeds,
        check: |bytes| bounded(bytes, times(bytes, 16) + 64 * 1024, properties::when),
    };
    run(&target, 10_000, 20_261_121);
}
