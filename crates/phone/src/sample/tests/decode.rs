//! Readers that know only the formats, to judge the writers by.

use std::collections::HashMap;

/// A decoded baseline JPEG: luma samples, and what the file says about itself.
pub(super) struct Decoded {
    pub(super) width: usize,
    pub(super) height: usize,
    /// The luma coefficients of every 8×8 block, and which sample of the padded picture is its first.
    blocks: Vec<([f64; 64], usize)>,
    pub(super) exif: Option<Vec<u8>>,
    /// What follows the end-of-image marker.
    pub(super) rest: Vec<u8>,
}

#[derive(Default)]
struct Tables {
    steps: [Vec<f64>; 2],
    codes: HashMap<u8, HashMap<(u32, u32), u8>>,
}

/// Decodes a 4:2:0 JPEG, checking every length and marker on the way.
pub(super) fn jpeg(file: &[u8]) -> Decoded {
    assert_eq!(file[..2], [0xff, 0xd8]);
    let mut tables = Tables::default();
    let (mut size, mut exif, mut at) = ((0, 0), None, 2);
    loop {
        assert_eq!(file[at], 0xff, "a marker at {at}");
        let length = usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]]));
        let content = &file[at + 4..at + 2 + length];
        match file[at + 1] {
            0xe1 => exif = Some(content.strip_prefix(b"Exif\0\0").unwrap().to_vec()),
            0xe0 => assert!(content.starts_with(b"JFIF\0")),
            0xdb => {
                tables.steps[usize::from(content[0])] = content[1..].iter().copied().map(f64::from).collect();
            }
            0xc4 => drop(tables.codes.insert(content[0], codes(content))),
            0xc0 => {
                let number = |at: usize| usize::from(u16::from_be_bytes([content[at], content[at + 1]]));
                size = (number(3), number(1));
                assert_eq!(content[5..], [3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]);
            }
            0xda => {
                assert_eq!(content, [3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0]);
                at += 2 + length;
                break;
            }
            other => panic!("unexpected marker {other:#x}"),
        }
        at += 2 + length;
    }
    let end = at
        + file[at..]
            .windows(2)
            .position(|pair| pair[0] == 0xff && pair[1] != 0)
            .unwrap();
    assert_eq!(file[end + 1], 0xd9);
    let (width, height) = size;
    let blocks = scan(
        &file[at..end],
        &tables,
        width.next_multiple_of(16),
        height.next_multiple_of(16),
    );
    Decoded {
        width,
        height,
        blocks,
        exif,
        rest: file[end + 2..].to_vec(),
    }
}

impl Decoded {
    /// The luma samples of the picture padded to whole 16×16 blocks: the inverse cosine transform, straight from its
    /// definition.
    pub(super) fn luma(&self) -> Vec<f64> {
        let stride = self.width.next_multiple_of(16);
        let mut luma = vec![0.0; stride * self.height.next_multiple_of(16)];
        let table: Vec<f64> = (0..64).map(|place| cosine(place / 8, place % 8)).collect();
        for (block, place) in &self.blocks {
            for at in 0..64 {
                let (row, column) = (at / 8, at % 8);
                let waves = block.iter().enumerate();
                let sum: f64 = waves
                    .map(|(wave, value)| value * table[row * 8 + wave / 8] * table[column * 8 + wave % 8])
                    .sum();
                luma[place + row * stride + column] = (sum + 128.0).clamp(0.0, 255.0);
            }
        }
        luma
    }
}

fn cosine(at: usize, wave: usize) -> f64 {
    let scale = if wave == 0 { 0.5_f64.sqrt() } else { 1.0 };
    let angle = f64::from(u32::try_from((2 * at + 1) * wave).unwrap()) * std::f64::consts::PI / 16.0;
    scale / 2.0 * angle.cos()
}

fn codes(content: &[u8]) -> HashMap<(u32, u32), u8> {
    let (mut code, mut at, mut found) = (0, 17, HashMap::new());
    for length in 1..=16u32 {
        for _ in 0..content[length as usize] {
            found.insert((length, code), content[at]);
            (code, at) = (code + 1, at + 1);
        }
        code <<= 1;
    }
    assert_eq!(at, content.len());
    found
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn bits(&mut self, count: u32) -> u32 {
        (0..count).fold(0, |value, _| {
            let bit = self.bytes[self.at / 8] >> (7 - self.at % 8) & 1;
            self.at += 1;
            value << 1 | u32::from(bit)
        })
    }

    fn symbol(&mut self, codes: &HashMap<(u32, u32), u8>) -> u8 {
        let mut code = 0;
        for length in 1..=16 {
            code = code << 1 | self.bits(1);
            if let Some(&symbol) = codes.get(&(length, code)) {
                return symbol;
            }
        }
        panic!("no such code at bit {}", self.at);
    }

    fn level(&mut self, size: u32) -> i32 {
        let value = self.bits(size).cast_signed();
        if size > 0 && value < 1 << (size - 1) {
            value - (1 << size) + 1
        } else {
            value
        }
    }
}

fn scan(coded: &[u8], tables: &Tables, stride: usize, rows: usize) -> Vec<([f64; 64], usize)> {
    let mut bytes = coded.to_vec();
    let mut last = 0;
    bytes.retain(|&byte| {
        let stuffed = last == 0xff && byte == 0;
        last = byte;
        !stuffed
    });
    let mut reader = Reader { bytes: &bytes, at: 0 };
    let mut blocks = Vec::new();
    let mut constants = [0; 3];
    for top in (0..rows).step_by(16) {
        for left in (0..stride).step_by(16) {
            for (channel, down, right) in [(0, 0, 0), (0, 0, 8), (0, 8, 0), (0, 8, 8), (1, 0, 0), (2, 0, 0)] {
                let block = block(
                    &mut reader,
                    tables,
                    u8::from(channel > 0),
                    &mut constants[channel],
                );
                if channel == 0 {
                    blocks.push((block, (top + down) * stride + left + right));
                }
            }
        }
    }
    let missing = u32::try_from(bytes.len() * 8 - reader.at).unwrap();
    assert!(missing < 8, "{missing} bits are left over");
    assert_eq!(
        reader.bits(missing),
        (1 << missing) - 1,
        "the last byte is filled with ones"
    );
    blocks
}

fn block(reader: &mut Reader<'_>, tables: &Tables, table: u8, constant: &mut i32) -> [f64; 64] {
    let mut block = [0.0; 64];
    let steps = &tables.steps[usize::from(table)];
    let size = u32::from(reader.symbol(&tables.codes[&table]));
    *constant += reader.level(size);
    block[0] = f64::from(*constant) * steps[0];
    let mut along = 1;
    while along < 64 {
        let symbol = reader.symbol(&tables.codes[&(table | 0x10)]);
        if symbol == 0 {
            break;
        }
        along += usize::from(symbol >> 4);
        let level = reader.level(u32::from(symbol & 15));
        block[zigzag(along)] = f64::from(level) * steps[along];
        along += 1;
    }
    assert!(along <= 64);
    block
}

/// The place of a coefficient, found by walking the diagonals.
fn zigzag(along: usize) -> usize {
    let mut left = along;
    for diagonal in 0..15usize {
        let (first, last) = (diagonal.saturating_sub(7), diagonal.min(7));
        let length = last - first + 1;
        if left < length {
            let row = if diagonal % 2 == 0 {
                last - left
            } else {
                first + left
            };
            return row * 8 + diagonal - row;
        }
        left -= length;
    }
    panic!("{along} is not on the way");
}

/// Entries of a little-endian TIFF directory, as tag → (type, count, the four bytes of the value or its offset), and
/// the offset of the next directory.
pub(super) fn directory(tiff: &[u8], at: u32) -> (HashMap<u16, (u16, u32, u32)>, u32) {
    let at = at as usize;
    let short = |at: usize| u16::from_le_bytes([tiff[at], tiff[at + 1]]);
    let long = |at: usize| u32::from_le_bytes([tiff[at], tiff[at + 1], tiff[at + 2], tiff[at + 3]]);
    let count = usize::from(short(at));
    let entries: Vec<(u16, (u16, u32, u32))> = (0..count)
        .map(|entry| at + 2 + 12 * entry)
        .map(|at| (short(at), (short(at + 2), long(at + 4), long(at + 8))))
        .collect();
    assert!(
        entries.is_sorted_by_key(|(tag, _)| *tag),
        "tags must come in order"
    );
    (entries.into_iter().collect(), long(at + 2 + 12 * count))
}

/// The text of a TIFF entry, without its final zero.
pub(super) fn text(tiff: &[u8], (kind, count, at): (u16, u32, u32)) -> String {
    assert_eq!(kind, 2);
    let bytes = &tiff[at as usize..(at + count) as usize];
    String::from_utf8(bytes.strip_suffix(b"\0").unwrap().to_vec()).unwrap()
}

/// The boxes of a piece of an MP4: their names and contents.
pub(super) fn boxes(mut piece: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut found = Vec::new();
    while !piece.is_empty() {
        let size = u32::from_be_bytes([piece[0], piece[1], piece[2], piece[3]]) as usize;
        found.push((&piece[4..8], &piece[8..size]));
        piece = &piece[size..];
    }
    found
}

/// The samples of a FLAC file made of fixed second-order predictors with one partition.
pub(super) fn flac(file: &[u8]) -> Vec<i16> {
    let mut at = 4;
    loop {
        let length = usize::from(file[at + 2]) << 8 | usize::from(file[at + 3]);
        let last = file[at] & 0x80 != 0;
        at += 4 + length;
        if last {
            break;
        }
    }
    let mut reader = Reader {
        bytes: file,
        at: at * 8,
    };
    let mut samples = Vec::new();
    for number in 0u32.. {
        if reader.at / 8 == file.len() {
            break;
        }
        assert_eq!(reader.bits(32), 0xfff8_c608);
        assert!(number < 128, "long frame numbers are not read here");
        assert_eq!(reader.bits(8), number);
        reader.bits(8);
        assert_eq!(reader.bits(8), 0b0001_0100);
        let mut frame: Vec<i32> = (0..2)
            .map(|_| reader.bits(16).cast_signed() << 16 >> 16)
            .collect();
        let rice = reader.bits(10);
        while frame.len() < 4096 {
            let mut quotient = 0;
            while reader.bits(1) == 0 {
                quotient += 1;
            }
            let folded = quotient << rice | reader.bits(rice);
            let residue = (folded >> 1).cast_signed() ^ -(folded & 1).cast_signed();
            let [.., before, last] = frame[..] else {
                unreachable!()
            };
            frame.push(residue + 2 * last - before);
        }
        reader.at = reader.at.next_multiple_of(8) + 16;
        samples.extend(frame.iter().map(|&sample| i16::try_from(sample).unwrap()));
    }
    samples
}
