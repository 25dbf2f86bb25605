//! A small deflate compressor (RFC 1951) and the two checksums its containers want. Packing libraries change their
//! choices from version to version; the made-up phone's files must not.

use super::put::len32;

/// As far back as a repetition may lie.
const WINDOW: usize = 32_768;
const SHORTEST: usize = 3;
const LONGEST: usize = 258;
/// Earlier places tried for each repetition.
const TRIES: usize = 12;
const HASH_BITS: u32 = 14;

/// The lowest length and its extra bits for the codes from 257 on, and the same for distances (RFC 1951, 3.2.5).
#[rustfmt::skip]
const LENGTHS: [(u16, u32); 29] = [
    (3, 0), (4, 0), (5, 0), (6, 0), (7, 0), (8, 0), (9, 0), (10, 0), (11, 1), (13, 1), (15, 1), (17, 1), (19, 2),
    (23, 2), (27, 2), (31, 2), (35, 3), (43, 3), (51, 3), (59, 3), (67, 4), (83, 4), (99, 4), (115, 4), (131, 5),
    (163, 5), (195, 5), (227, 5), (258, 0),
];
#[rustfmt::skip]
const DISTANCES: [(u16, u32); 30] = [
    (1, 0), (2, 0), (3, 0), (4, 0), (5, 1), (7, 1), (9, 2), (13, 2), (17, 3), (25, 3), (33, 4), (49, 4), (65, 5),
    (97, 5), (129, 6), (193, 6), (257, 7), (385, 7), (513, 8), (769, 8), (1025, 9), (1537, 9), (2049, 10),
    (3073, 10), (4097, 11), (6145, 11), (8193, 12), (12_289, 12), (16_385, 13), (24_577, 13),
];

/// `data` as one deflate block with the fixed codes.
pub(super) fn deflate(data: &[u8]) -> Vec<u8> {
    let mut bits = Bits {
        out: Vec::with_capacity(data.len() / 2),
        held: 0,
        count: 0,
    };
    bits.put(1, 1); // the last block
    bits.put(1, 2); // fixed codes
    let mut seen = Seen::new(data);
    let mut at = 0;
    while at < data.len() {
        let (length, distance) = seen.longest(at);
        if length < SHORTEST {
            bits.symbol(u16::from(data[at]));
            seen.remember(at);
            at += 1;
        } else {
            bits.repetition(length, distance);
            for place in at..at + length {
                seen.remember(place);
            }
            at += length;
        }
    }
    bits.symbol(256);
    bits.finish()
}

/// Where three bytes were met before: chains of places with the same hash, newest first.
struct Seen<'a> {
    data: &'a [u8],
    newest: Vec<u32>,
    before: Vec<u32>,
}

impl<'a> Seen<'a> {
    const NOWHERE: u32 = u32::MAX;

    fn new(data: &'a [u8]) -> Self {
        Self {
            data,
            newest: vec![Self::NOWHERE; 1 << HASH_BITS],
            before: vec![Self::NOWHERE; data.len()],
        }
    }

    fn hash(&self, at: usize) -> Option<usize> {
        let three = self.data.get(at..at + SHORTEST)?;
        let word = three.iter().fold(0u32, |word, &byte| word << 8 | u32::from(byte));
        Some((word.wrapping_mul(0x9e37_79b1) >> (32 - HASH_BITS)) as usize)
    }

    fn remember(&mut self, at: usize) {
        if let Some(hash) = self.hash(at) {
            self.before[at] = self.newest[hash];
            self.newest[hash] = len32(at);
        }
    }

    /// Length and distance of the longest repetition found for `at`; a length of 0 where there is none.
    fn longest(&self, at: usize) -> (usize, usize) {
        let mut best = (0, 0);
        let Some(hash) = self.hash(at) else { return best };
        let mut newest = self.newest[hash];
        for _ in 0..TRIES {
            let place = newest as usize;
            if newest == Self::NOWHERE || at - place > WINDOW {
                break;
            }
            let ahead = self.data[at..].iter().zip(&self.data[place..]).take(LONGEST);
            let length = ahead.take_while(|(new, old)| new == old).count();
            if length > best.0 {
                best = (length, at - place);
            }
            newest = self.before[place];
        }
        best
    }
}

struct Bits {
    out: Vec<u8>,
    held: u32,
    count: u32,
}

impl Bits {
    /// `length` bits of `value`, lowest first.
    fn put(&mut self, value: u32, length: u32) {
        self.held |= value << self.count;
        self.count += length;
        while self.count >= 8 {
            self.out.push(self.held.to_le_bytes()[0]);
            self.held >>= 8;
            self.count -= 8;
        }
    }

    /// A code, highest bit first.
    fn code(&mut self, value: u32, length: u32) {
        self.put(value.reverse_bits() >> (32 - length), length);
    }

    /// A literal or length symbol in the fixed code (RFC 1951, 3.2.6).
    fn symbol(&mut self, symbol: u16) {
        let value = u32::from(symbol);
        match symbol {
            0..=143 => self.code(value + 0x30, 8),
            144..=255 => self.code(value - 144 + 0x190, 9),
            256..=279 => self.code(value - 256, 7),
            _ => self.code(value - 280 + 0xc0, 8),
        }
    }

    fn repetition(&mut self, length: usize, distance: usize) {
        let (code, rest, extra) = locate(&LENGTHS, length);
        self.symbol(257 + code);
        self.put(rest, extra);
        let (code, rest, extra) = locate(&DISTANCES, distance);
        self.code(u32::from(code), 5);
        self.put(rest, extra);
    }

    fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            self.put(0, 8 - self.count);
        }
        self.out
    }
}

/// The code for `value`, what its extra bits say, and how many there are.
fn locate(table: &[(u16, u32)], value: usize) -> (u16, u32, u32) {
    let value = u16::try_from(value).unwrap_or(u16::MAX);
    let code = table
        .partition_point(|&(lowest, _)| lowest <= value)
        .saturating_sub(1);
    let (lowest, extra) = table[code];
    (u16::try_from(code).unwrap_or(0), u32::from(value - lowest), extra)
}

/// The zlib wrapping of `data` (RFC 1950).
pub(super) fn zlib(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x9c];
    out.extend_from_slice(&deflate(data));
    let (mut low, mut high) = (1u32, 0u32);
    for &byte in data {
        low = (low + u32::from(byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    out.extend_from_slice(&(high << 16 | low).to_be_bytes());
    out
}

/// CRC-32 as ZIP and PNG use it (RFC 1952, section 8).
pub(super) fn crc32(parts: &[&[u8]]) -> u32 {
    const TABLE: [u32; 256] = crc_table();
    let crc = parts.iter().copied().flatten().fold(u32::MAX, |crc, &byte| {
        TABLE[usize::from(crc.to_le_bytes()[0] ^ byte)] ^ crc >> 8
    });
    !crc
}

const fn crc_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut place = 0;
    let mut start = 0u32;
    while place < 256 {
        let mut crc = start;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                0xedb8_8320 ^ crc >> 1
            } else {
                crc >> 1
            };
            bit += 1;
        }
        table[place] = crc;
        place += 1;
        start += 1;
    }
    table
}
