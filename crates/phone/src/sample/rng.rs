//! Numbers that look random and never change: the same seed gives the same phone on every machine and in every
//! version, which no crate for random numbers promises.

/// xoshiro256** by David Blackman and Sebastiano Vigna (<https://prng.di.unimi.it/xoshiro256starstar.c>, public
/// domain), its state filled by SplitMix64 as its authors advise.
pub(super) struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// A stream of its own for the thing called `label` and numbered `number`, so that a phone with one photo more
    /// leaves all its other files as they were.
    pub(super) fn new(seed: u64, label: &str, number: u64) -> Self {
        // FNV-1a, only to tell labels apart.
        let named = label.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mut mixer = seed ^ named.rotate_left(17) ^ number.wrapping_mul(0xd134_2543_de82_ef95);
        Self {
            state: std::array::from_fn(|_| split_mix(&mut mixer)),
        }
    }

    pub(super) fn next(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.state;
        let result = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let kept = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= kept;
        *d = d.rotate_left(45);
        result
    }

    /// A number in `0..bound`; 0 where `bound` is 0.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        // The bias of a plain multiplication is under 2^-32 × bound: nothing a made-up phone would show.
        let scaled = ((self.next() >> 32) * u64::from(bound)) >> 32;
        u32::try_from(scaled).unwrap_or(0)
    }

    /// A number in `low..=high`.
    pub(super) fn between(&mut self, low: i32, high: i32) -> i32 {
        let span = high.abs_diff(low).saturating_add(1);
        low.saturating_add_unsigned(self.below(span))
    }

    /// One of `choices`, which must not be empty.
    pub(super) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let bound = u32::try_from(choices.len()).unwrap_or(u32::MAX);
        &choices[self.below(bound) as usize]
    }

    /// `length` bytes that no packer can shorten.
    pub(super) fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}

/// SplitMix64 (<https://prng.di.unimi.it/splitmix64.c>, public domain).
pub(super) fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests {
    use super::{Rng, split_mix};

    #[test]
    fn split_mix_gives_the_numbers_of_its_reference() {
        let mut state = 1_234_567;
        let first: Vec<u64> = (0..3).map(|_| split_mix(&mut state)).collect();
        assert_eq!(
            first,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn xoshiro_gives_the_numbers_of_its_reference() {
        let mut rng = Rng { state: [1, 2, 3, 4] };
        let first: Vec<u64> = (0..4).map(|_| rng.next()).collect();
        assert_eq!(first, [11_520, 0, 1_509_978_240, 1_215_971_899_390_074_240]);
    }

    #[test]
    fn ranges_hold_and_are_used_to_their_ends() {
        let mut rng = Rng::new(1, "ranges", 0);
        let drawn: Vec<i32> = (0..200).map(|_| rng.between(-2, 2)).collect();
        assert!(drawn.iter().all(|number| (-2..=2).contains(number)));
        assert!(drawn.contains(&-2) && drawn.contains(&2));
        assert_eq!(rng.below(0), 0);
    }

    #[test]
    fn labels_and_numbers_part_the_streams() {
        let firsts = [
            Rng::new(1, "photo", 0).next(),
            Rng::new(1, "photo", 1).next(),
            Rng::new(1, "song", 0).next(),
            Rng::new(2, "photo", 0).next(),
        ];
        for (place, first) in firsts.iter().enumerate() {
            assert!(!firsts[..place].contains(first));
        }
    }
}
