//! Mutations of valid encodings, the same for the same seed on every machine.

/// Inputs stay below this.
const INPUT_BYTES_MAX: usize = 256 * 1024;

/// Numbers at which limits lie: of fields, of the format, of integers.
const NUMBERS: [u64; 28] = [
    0,
    1,
    2,
    63,
    64,
    127,
    128,
    255,
    256,
    1024,
    1025,
    10_000,
    10_001,
    0x7fff,
    0xffff,
    262_144,
    262_145,
    1 << 24,
    (1 << 24) + 1,
    1 << 27,
    (1 << 27) + 1,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fffe,
    0xffff_ffff,
    1 << 32,
    1 << 63,
    u64::MAX,
];

/// Makes inputs out of seeds.
#[derive(Debug)]
pub struct Mutator {
    state: u64,
    seeds: Vec<Vec<u8>>,
}

impl Mutator {
    /// `seeds` are valid encodings; without any, inputs are bytes at random.
    pub fn new(seed: u64, mut seeds: Vec<Vec<u8>>) -> Self {
        if seeds.is_empty() {
            seeds.push(Vec::new());
        }
        Self { state: seed, seeds }
    }

    /// SplitMix64 (Steele, Lea and Flood 2014).
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `end`; 0 if that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.next() % end).unwrap_or(0)
    }

    /// So many bytes at random.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    /// The next input: a seed with one to six mutations, now and then bytes at random.
    pub fn next_input(&mut self) -> Vec<u8> {
        if self.below(20) == 0 {
            let length = self.below(400);
            return self.bytes(length);
        }
        let chosen = self.below(self.seeds.len());
        let mut input = self.seeds[chosen].clone();
        for _ in 0..=self.below(6) {
            self.mutate(&mut input);
        }
        input.truncate(INPUT_BYTES_MAX);
        input
    }

    fn mutate(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len());
        match self.below(12) {
            0 if !input.is_empty() => input[at] ^= 1 << self.below(8),
            1 if !input.is_empty() => input[at] = self.next().to_le_bytes()[0],
            2 => input.truncate(at),
            3 => {
                let (length, mut more) = (self.below(40), Vec::new());
                more.extend(self.bytes(length));
                Self::replace(input, at, 0, &more);
            }
            4 => {
                let gone = self.below(64);
                Self::replace(input, at, gone, &[]);
            }
            5 => self.splice(input, at),
            6 => self.repeat(input, at),
            7 => {
                let length = self.below(16);
                input.extend(self.bytes(length));
            }
            8 => {
                let varint = self.varint();
                let gone = 1 + self.below(3);
                Self::replace(input, at, gone, &varint);
            }
            _ => self.overwrite(input, at),
        }
    }

    fn replace(input: &mut Vec<u8>, at: usize, gone: usize, with: &[u8]) {
        let end = at.saturating_add(gone).min(input.len());
        input.splice(at..end, with.iter().copied());
    }

    /// A number at a limit, or near the number that stands there, in one of the widths and orders of formats.
    fn overwrite(&mut self, input: &mut [u8], at: usize) {
        let width = [1, 2, 4, 8][self.below(4)];
        let Some(field) = input.get_mut(at..at + width) else {
            return;
        };
        let mut wide = [0; 8];
        wide[..width].copy_from_slice(field);
        let near = u64::from_le_bytes(wide).wrapping_add_signed([-1, 1, -16, 16][self.below(4)]);
        let number = if self.below(3) == 0 { near } else { self.number() };
        if self.below(3) == 0 {
            field.copy_from_slice(&number.to_be_bytes()[8 - width..]);
        } else {
            field.copy_from_slice(&number.to_le_bytes()[..width]);
        }
    }

    fn number(&mut self) -> u64 {
        NUMBERS[self.below(NUMBERS.len())]
    }

    fn varint(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        let number = self.number();
        lumivault_format::wire::put_varint(&mut out, number);
        if self.below(8) == 0 {
            // Not the shortest form.
            if let Some(last) = out.last_mut() {
                *last |= 0x80;
            }
            out.push(0);
        }
        out
    }

    /// Part of another seed, in place of a part or between.
    fn splice(&mut self, input: &mut Vec<u8>, at: usize) {
        let other = self.below(self.seeds.len());
        let from = self.below(self.seeds[other].len());
        let length = self.below(self.seeds[other].len() - from.min(self.seeds[other].len()) + 1);
        let part: Vec<u8> = self.seeds[other]
            .iter()
            .skip(from)
            .take(length)
            .copied()
            .collect();
        let gone = if self.below(2) == 0 { part.len() } else { 0 };
        Self::replace(input, at, gone, &part);
    }

    /// The same few bytes many times: what takes little on a disk and may take much in memory.
    fn repeat(&mut self, input: &mut Vec<u8>, at: usize) {
        let length = 1 + self.below(48);
        let part: Vec<u8> = input.iter().skip(at).take(length).copied().collect();
        let most = if self.below(4) == 0 { 20_000 } else { 20 };
        let times = self.below(most).min(INPUT_BYTES_MAX / part.len().max(1));
        Self::replace(input, at, 0, &part.repeat(times));
    }
}
