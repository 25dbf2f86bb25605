//! Music: little tunes from a synthesiser of integers, as FLAC (RFC 9639) and as WAV.

use super::put::{Put, len16, len32};
use super::rng::Rng;

/// Samples in a second, and in one FLAC frame.
pub(super) const RATE: u32 = 22_050;
const FRAME: usize = 4096;
/// A pentatonic scale from A3 on, in thousandths of a hertz.
const SCALE: [u64; 8] = [
    220_000, 261_626, 293_665, 329_628, 391_995, 440_000, 523_251, 587_330,
];

/// A tune of `samples` mono samples: one plucked note after the other, an octave below every other beat.
pub(super) fn tune(rng: &mut Rng, samples: usize) -> Vec<i16> {
    let beat = RATE as usize / 4;
    let mut tune = Vec::with_capacity(samples);
    let mut degree = 3i32;
    while tune.len() < samples {
        degree = (degree + rng.between(-2, 2)).clamp(0, 7);
        let pitch = SCALE[degree.unsigned_abs() as usize];
        // A full turn of the phase is 2^32.
        let turn = u32::try_from((pitch << 32) / (u64::from(RATE) * 1000)).unwrap_or(0);
        let (mut high, mut low) = (0u32, 0u32);
        for left in (1..=beat.min(samples - tune.len())).rev() {
            high = high.wrapping_add(turn);
            low = low.wrapping_add(turn / 2);
            let loud = i32::try_from(left * 256 / beat).unwrap_or(0);
            let hiss = rng.between(-12, 12);
            let sum = (wave(high) + wave(low) / 2) * loud / 512 + hiss;
            tune.push(i16::try_from(sum).unwrap_or(0));
        }
    }
    tune
}

/// A sine drawn with two parabolas, from −16384 to 16384.
fn wave(phase: u32) -> i32 {
    let turn = phase.cast_signed() >> 16;
    (turn * (32_768 - turn.abs())) >> 14
}

/// A RIFF WAVE file.
pub(super) fn wav(samples: &[i16]) -> Vec<u8> {
    let mut file = b"RIFF".to_vec();
    file.le32(len32(36 + samples.len() * 2));
    file.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.le32(RATE);
    file.le32(RATE * 2);
    file.extend_from_slice(b"\x02\0\x10\0data");
    file.le32(len32(samples.len() * 2));
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    file
}

/// A FLAC file with its comments, given as `NAME=value`. Samples beyond the last whole frame are left out.
pub(super) fn flac(samples: &[i16], comments: &[String]) -> Vec<u8> {
    let frames = samples.chunks_exact(FRAME);
    let total = len32(frames.len() * FRAME);
    let mut file = b"fLaC\0\0\0\x22".to_vec();
    file.be16(len16(FRAME));
    file.be16(len16(FRAME));
    file.extend_from_slice(&[0; 6]); // sizes of the frames: not told
    file.be32(RATE << 12 | 15 << 4); // one channel, 16 bits, and four bits of the sample count, all zero
    file.be32(total);
    file.extend_from_slice(&[0; 16]); // MD5: not told

    let mut words = Vec::new();
    text(&mut words, "lumivault sample");
    words.le32(len32(comments.len()));
    comments.iter().for_each(|comment| text(&mut words, comment));
    file.be32(0x84 << 24 | len32(words.len()));
    file.extend_from_slice(&words);
    for (number, frame) in (0..).zip(frames) {
        let encoded = flac_frame(frame, number);
        file.extend_from_slice(&encoded);
        file.be16(crc(&encoded, 0x8005, 16));
    }
    file
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.le32(len32(text.len()));
    out.extend_from_slice(text.as_bytes());
}

/// A frame up to its checksum: a header, and one subframe predicted from the two samples before each.
fn flac_frame(samples: &[i16], number: u32) -> Vec<u8> {
    let mut out = vec![0xff, 0xf8, 0xc6, 0x08]; // 4096 samples, 22.05 kHz, mono, 16 bits
    let coded = char::from_u32(number).unwrap_or_default();
    out.extend_from_slice(coded.encode_utf8(&mut [0; 4]).as_bytes());
    out.push(crc(&out, 0x07, 8).to_le_bytes()[0]);

    let residues: Vec<u32> = samples
        .windows(3)
        .map(|three| i32::from(three[2]) - 2 * i32::from(three[1]) + i32::from(three[0]))
        .map(|residue| (residue << 1 ^ residue >> 31).cast_unsigned())
        .collect();
    let mean = residues.iter().map(|&residue| u64::from(residue)).sum::<u64>() / residues.len().max(1) as u64;
    let rice = (mean + 1).ilog2().min(14);

    let mut bits = Bits {
        out,
        held: 0,
        count: 0,
    };
    bits.put(0b0001_0100, 8); // a fixed predictor of the second order
    for &sample in &samples[..2] {
        bits.put(u32::from(sample.cast_unsigned()), 16);
    }
    bits.put(rice, 10); // four-bit Rice parameters, one partition
    for residue in residues {
        for _ in 0..residue >> rice {
            bits.put(0, 1);
        }
        bits.put(1, 1);
        bits.put(residue & ((1 << rice) - 1), rice);
    }
    bits.finish()
}

struct Bits {
    out: Vec<u8>,
    held: u64,
    count: u32,
}

impl Bits {
    /// `length` bits of `value`, highest first.
    fn put(&mut self, value: u32, length: u32) {
        self.held = self.held << length | u64::from(value);
        self.count += length;
        while self.count >= 8 {
            self.count -= 8;
            self.out.push((self.held >> self.count).to_le_bytes()[0]);
        }
    }

    fn finish(mut self) -> Vec<u8> {
        self.put(0, (8 - self.count % 8) % 8);
        self.out
    }
}

/// The checksums of FLAC: no reflection, starting from zero.
pub(super) fn crc(bytes: &[u8], polynomial: u16, width: u32) -> u16 {
    let top = 1u16 << (width - 1);
    let crc = bytes.iter().fold(0u16, |crc, &byte| {
        (0..8).fold(crc ^ u16::from(byte) << (width - 8), |crc, _| {
            if crc & top == 0 {
                crc << 1
            } else {
                crc << 1 ^ polynomial
            }
        })
    });
    if width == 8 { crc & 0xff } else { crc }
}
