//! Screenshots: PNG files (ISO/IEC 15948) of a made-up start screen with its tiles.

use super::deflate::{crc32, zlib};
use super::put::{Put, len32};
use super::rng::Rng;

/// The accent colours of the phone's theme, and black.
const COLOURS: [[u8; 3]; 8] = [
    [0, 0, 0],
    [27, 161, 226],
    [162, 0, 255],
    [229, 20, 0],
    [51, 153, 51],
    [240, 150, 9],
    [255, 0, 151],
    [0, 171, 169],
];

/// A start screen of 4 × 7 tiles, each `tile` pixels wide (at least 4).
pub(super) fn start_screen(rng: &mut Rng, tile: usize) -> Vec<u8> {
    let (across, down) = (4, 7);
    let colours: Vec<u8> = (0..across * down)
        .map(|_| rng.pick(&[1u8, 1, 1, 2, 3, 4, 5, 6, 7]).to_owned())
        .collect();
    let icons: Vec<u64> = (0..across * down).map(|_| rng.next()).collect();
    let mut rows = Vec::new();
    for row in 0..down * tile {
        rows.push(0); // no filter
        for column in 0..across * tile {
            let place = row / tile * across + column / tile;
            let (right, low) = (column % tile * 16 / tile, row % tile * 16 / tile);
            let gap = column % tile < 2 || row % tile < 2;
            // An 8×8 icon in the middle of the tile, mirrored so that it looks like one.
            let mirrored = if right < 8 { right } else { 15 - right };
            let lit = right.abs_diff(8) < 4
                && low.abs_diff(8) < 4
                && icons[place] >> ((low * 4 + mirrored) % 64) & 1 == 1;
            let colour = if gap {
                COLOURS[0]
            } else {
                COLOURS[usize::from(colours[place])]
            };
            rows.extend_from_slice(if lit && !gap { &[255; 3] } else { &colour });
        }
    }
    let mut header = Vec::new();
    header.be32(len32(across * tile));
    header.be32(len32(down * tile));
    header.extend_from_slice(&[8, 2, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, content) in [(b"IHDR", header), (b"IDAT", zlib(&rows)), (b"IEND", Vec::new())] {
        file.be32(len32(content.len()));
        file.extend_from_slice(kind);
        file.extend_from_slice(&content);
        file.be32(crc32(&[kind, &content]));
    }
    file
}
