//! A small baseline JPEG encoder (ITU-T T.81, 8 bits, 4:2:0, the Huffman tables of its Annex K): every byte of a
//! scan is a real coefficient, and the same picture is the same bytes on every processor.

use super::picture::Picture;
use super::put::{Put, len16};

/// Natural order of the coefficients met along the zigzag (T.81 figure A.6).
const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7,
    14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39,
    46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// Tables K.1 and K.2, row by row.
const LUMA_STEPS: [u16; 64] = [
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17,
    22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78,
    87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
];
const CHROMA_STEPS: [u16; 64] = [
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
];

/// A Huffman table as stored: how many codes of 1…16 bits, and their symbols.
struct Codes {
    counts: [u8; 16],
    symbols: &'static [u8],
}

/// Tables K.3 to K.6.
const LUMA_DC: Codes = Codes {
    counts: [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0],
    symbols: &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
};
const CHROMA_DC: Codes = Codes {
    counts: [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0],
    symbols: &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
};
const LUMA_AC: Codes = Codes {
    counts: [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125],
    symbols: &[
        0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07, 0x22,
        0x71, 0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0, 0x24, 0x33,
        0x62, 0x72, 0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x34,
        0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55,
        0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76,
        0x77, 0x78, 0x79, 0x7a, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96,
        0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5,
        0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4,
        0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf1,
        0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
    ],
};
const CHROMA_AC: Codes = Codes {
    counts: [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119],
    symbols: &[
        0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71, 0x13,
        0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xa1, 0xb1, 0xc1, 0x09, 0x23, 0x33, 0x52, 0xf0, 0x15, 0x62,
        0x72, 0xd1, 0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25, 0xf1, 0x17, 0x18, 0x19, 0x1a, 0x26, 0x27, 0x28, 0x29,
        0x2a, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54,
        0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75,
        0x76, 0x77, 0x78, 0x79, 0x7a, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94,
        0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3,
        0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2,
        0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea,
        0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
    ],
};

/// The JPEG of `picture` at `quality` 1–100. `exif` is the content of an Exif APP1 segment without its identifier;
/// without one the file begins as JFIF, as pictures from the web do.
pub(super) fn encode(picture: &Picture, quality: u16, exif: Option<&[u8]>) -> Vec<u8> {
    let steps = [scaled(&LUMA_STEPS, quality), scaled(&CHROMA_STEPS, quality)];
    let mut file = vec![0xff, 0xd8];
    match exif {
        Some(exif) => segment(&mut file, 0xe1, &[b"Exif\0\0", exif].concat()),
        None => segment(&mut file, 0xe0, b"JFIF\0\x01\x01\x01\0\x48\0\x48\0\0"),
    }
    for (id, table) in (0u8..).zip(&steps) {
        let along = ZIGZAG.map(|place| u8::try_from(table[place]).unwrap_or(u8::MAX));
        segment(&mut file, 0xdb, &[&[id][..], &along].concat());
    }
    frame(&mut file, picture);
    for (id, codes) in [
        (0x00, &LUMA_DC),
        (0x10, &LUMA_AC),
        (0x01, &CHROMA_DC),
        (0x11, &CHROMA_AC),
    ] {
        segment(
            &mut file,
            0xc4,
            &[&[id][..], &codes.counts, codes.symbols].concat(),
        );
    }
    segment(&mut file, 0xda, &[3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0]);
    scan(&mut file, picture, &steps);
    file.extend_from_slice(&[0xff, 0xd9]);
    file
}

fn segment(file: &mut Vec<u8>, marker: u8, content: &[u8]) {
    file.extend_from_slice(&[0xff, marker]);
    file.be16(len16(content.len() + 2));
    file.extend_from_slice(content);
}

/// Start of frame: luma sampled twice as finely as chroma in both directions.
fn frame(file: &mut Vec<u8>, picture: &Picture) {
    let mut content = vec![8];
    content.be16(len16(picture.height));
    content.be16(len16(picture.width));
    content.extend_from_slice(&[3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]);
    segment(file, 0xc0, &content);
}

/// The quantiser steps for a quality of 1–100, by the rule of thumb everybody took over from the IJG library.
fn scaled(steps: &[u16; 64], quality: u16) -> [u16; 64] {
    let quality = quality.clamp(1, 100);
    let percent = if quality < 50 {
        5000 / quality
    } else {
        200 - 2 * quality
    };
    steps.map(|step| {
        let scaled = (u32::from(step) * u32::from(percent) + 50) / 100;
        u16::try_from(scaled.clamp(1, 255)).unwrap_or(255)
    })
}

fn scan(file: &mut Vec<u8>, picture: &Picture, steps: &[[u16; 64]; 2]) {
    let mut bits = BitWriter {
        file,
        held: 0,
        count: 0,
    };
    let mut luma = Channel::new(&steps[0], &LUMA_DC, &LUMA_AC);
    let mut blue = Channel::new(&steps[1], &CHROMA_DC, &CHROMA_AC);
    let mut red = Channel::new(&steps[1], &CHROMA_DC, &CHROMA_AC);
    let stride = picture.stride;
    for top in (0..picture.height).step_by(16) {
        for left in (0..picture.width).step_by(16) {
            for (down, right) in [(0, 0), (0, 8), (8, 0), (8, 8)] {
                luma.block(
                    &mut bits,
                    &picture.luma,
                    stride,
                    (top + down) * stride + left + right,
                );
            }
            let place = top / 2 * (stride / 2) + left / 2;
            blue.block(&mut bits, &picture.blue, stride / 2, place);
            red.block(&mut bits, &picture.red, stride / 2, place);
        }
    }
    bits.finish();
}

/// What one of the three components needs from block to block.
struct Channel {
    /// Half of each step, and 2^16 divided by the step.
    quantiser: [(i32, i32); 64],
    dc: Vec<(u16, u32)>,
    ac: Vec<(u16, u32)>,
    last_dc: i32,
}

impl Channel {
    fn new(steps: &[u16; 64], dc: &Codes, ac: &Codes) -> Self {
        let quantiser = steps.map(|step| (i32::from(step) / 2, 65_536 / i32::from(step) + 1));
        Self {
            quantiser,
            dc: lookup(dc),
            ac: lookup(ac),
            last_dc: 0,
        }
    }

    fn block(&mut self, bits: &mut BitWriter<'_>, plane: &[u8], stride: usize, place: usize) {
        let mut block = [0i32; 64];
        for (row, out) in block.chunks_exact_mut(8).enumerate() {
            let start = place + row * stride;
            for (sample, &byte) in out.iter_mut().zip(&plane[start..start + 8]) {
                *sample = i32::from(byte) - 128;
            }
        }
        // Three bits of fraction stay between the passes over the rows and over the columns.
        block = transform(&transform(&block, 10), 16);
        for (value, &(half, inverse)) in block.iter_mut().zip(&self.quantiser) {
            let sign = *value >> 31;
            let size = (((*value ^ sign) - sign + half) * inverse) >> 16;
            *value = (size ^ sign) - sign;
        }
        bits.number(&self.dc, 0, block[0] - self.last_dc);
        self.last_dc = block[0];
        self.rest(bits, &block);
    }

    /// All coefficients of a quantised block but the first.
    fn rest(&self, bits: &mut BitWriter<'_>, block: &[i32; 64]) {
        let mut zeros = 0;
        for &place in &ZIGZAG[1..] {
            let level = block[place];
            if level == 0 {
                zeros += 1;
                continue;
            }
            while zeros > 15 {
                bits.code(self.ac[0xf0]);
                zeros -= 16;
            }
            bits.number(&self.ac, zeros, level);
            zeros = 0;
        }
        if zeros > 0 {
            bits.code(self.ac[0]);
        }
    }
}

/// Code and length of every symbol (T.81 Annex C).
fn lookup(codes: &Codes) -> Vec<(u16, u32)> {
    let mut table = vec![(0, 0); 256];
    let mut symbols = codes.symbols.iter();
    let mut code = 0u16;
    for (length, &count) in (1..).zip(&codes.counts) {
        for &symbol in symbols.by_ref().take(usize::from(count)) {
            table[usize::from(symbol)] = (code, length);
            code = code.wrapping_add(1);
        }
        code = code.wrapping_shl(1);
    }
    table
}

struct BitWriter<'a> {
    file: &'a mut Vec<u8>,
    held: u64,
    count: u32,
}

impl BitWriter<'_> {
    fn code(&mut self, (code, length): (u16, u32)) {
        self.put(u32::from(code), length);
    }

    /// A coefficient: the symbol for the zeros before it and its size, then its bits.
    fn number(&mut self, codes: &[(u16, u32)], zeros: usize, level: i32) {
        let size = 32 - level.unsigned_abs().leading_zeros();
        let (code, length) = codes[zeros << 4 | size as usize];
        let shifted = (level + (level >> 31)).cast_unsigned() & ((1 << size) - 1);
        self.put(u32::from(code) << size | shifted, length + size);
    }

    fn put(&mut self, value: u32, length: u32) {
        self.held = self.held << length | u64::from(value);
        self.count += length;
        // Nothing is longer than 27 bits, so that 32 held ones always leave room.
        if self.count >= 32 {
            self.count -= 32;
            let word = (self.held >> self.count).to_le_bytes();
            for byte in [word[3], word[2], word[1], word[0]] {
                self.byte(byte);
            }
        }
    }

    /// A byte that looks like a marker is told from one by a zero behind it.
    fn byte(&mut self, byte: u8) {
        self.file.push(byte);
        if byte == 0xff {
            self.file.push(0);
        }
    }

    /// Fills the last byte with ones (T.81 F.1.2.3).
    fn finish(mut self) {
        let missing = (8 - self.count % 8) % 8;
        self.put((1 << missing) - 1, missing);
        while self.count > 0 {
            self.count -= 8;
            self.byte((self.held >> self.count).to_le_bytes()[0]);
        }
    }
}

/// Half the cosines of π/16 … 7π/16 times 2^13; the fourth is also the factor of the constant term.
const COS: [i32; 8] = [0, 4017, 3784, 3406, 2896, 2276, 1567, 799];

/// One pass of the forward cosine transform (T.81 A.3.3) by the plain sums of its definition; only the symmetry of
/// the cosines is used. It turns rows into columns, so that the second pass meets the columns and turns them back.
fn transform(block: &[i32; 64], shift: u32) -> [i32; 64] {
    let mut turned = [0; 64];
    for (place, line) in block.as_chunks::<8>().0.iter().enumerate() {
        let sums = transform_line(line);
        for row in 0..8 {
            turned[row * 8 + place] = (sums[row] + (1 << (shift - 1))) >> shift;
        }
    }
    turned
}

#[inline]
fn transform_line(line: &[i32; 8]) -> [i32; 8] {
    let [_, c1, c2, c3, c4, c5, c6, c7] = COS;
    let [s0, s1, s2, s3] = [
        line[0] + line[7],
        line[1] + line[6],
        line[2] + line[5],
        line[3] + line[4],
    ];
    let [d0, d1, d2, d3] = [
        line[0] - line[7],
        line[1] - line[6],
        line[2] - line[5],
        line[3] - line[4],
    ];
    [
        c4 * (s0 + s1 + s2 + s3),
        c1 * d0 + c3 * d1 + c5 * d2 + c7 * d3,
        c2 * (s0 - s3) + c6 * (s1 - s2),
        c3 * d0 - c7 * d1 - c1 * d2 - c5 * d3,
        c4 * (s0 - s1 - s2 + s3),
        c5 * d0 - c1 * d1 + c7 * d2 + c3 * d3,
        c6 * (s0 - s3) - c2 * (s1 - s2),
        c7 * d0 - c5 * d1 + c3 * d2 - c1 * d3,
    ]
}
