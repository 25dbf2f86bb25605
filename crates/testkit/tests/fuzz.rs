//! A short run of the fuzz targets of `lumivault-format`: mutated encodings, with a fixed seed. `tests/fuzz` runs the same
//! targets under a fuzzer.

use lumivault_testkit::fuzz::{Counting, format, peak_of, run};

#[global_allocator]
static MEMORY: Counting = Counting;

const SEED: u64 = 20_261_121;
const ROUNDS: u64 = 20_000;

#[test]
fn memory_is_counted() {
    let (kept, peak) = peak_of(|| drop(Vec::<u8>::with_capacity(100_000)));
    assert_eq!((kept, peak), ((), 100_000));
    let (vector, peak) = peak_of(|| {
        let mut vector = vec![0u8; 1000];
        vector.reserve_exact(9000);
        vector
    });
    assert!(vector.capacity() == 10_000 && peak == 11_000, "{peak}");
}

#[test]
fn no_decoder_breaks_its_promises() {
    std::thread::scope(|threads| {
        for part in format::TARGETS.chunks(format::TARGETS.len().div_ceil(2)) {
            threads.spawn(move || part.iter().for_each(|target| run(target, ROUNDS, SEED)));
        }
    });
}
