//! Short films: MP4 files (ISO/IEC 14496-12 and -14) with one track of JPEG pictures, which players know as
//! object type 0x6C, since an H.264 encoder would be out of proportion here.

use super::jpeg;
use super::picture::Picture;
use super::put::{Put, len16, len32};
use super::rng::Rng;

/// Ticks of the clock in a second, and of one picture.
const TIMESCALE: u32 = 600;
const PICTURE_TICKS: u32 = 50;
/// Seconds from 1904-01-01, where MP4 counts from, to 1970-01-01.
const UNIX_EPOCH: i64 = 2_082_844_800;
/// The unity matrix of the movie and track headers.
const MATRIX: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];

/// A pan over a landscape: `frames` pictures of `width` × `height`, taken at `taken` (Unix seconds).
pub(super) fn film(rng: &mut Rng, width: usize, height: usize, frames: usize, taken: i64) -> Vec<u8> {
    let scene = Picture::landscape(rng, width + 16 * frames, height);
    let pictures: Vec<Vec<u8>> = (0..frames)
        .map(|frame| jpeg::encode(&scene.window(16 * frame, width), 70, None))
        .collect();
    let track = Track {
        width: len16(width),
        height: len16(height),
        created: u32::try_from(taken + UNIX_EPOCH).unwrap_or(0),
    };

    let mut file = Vec::new();
    boxed(&mut file, *b"ftyp", |out| {
        out.extend_from_slice(b"mp42\0\0\0\0mp41isom");
    });
    let first = len32(file.len() + 8);
    boxed(&mut file, *b"mdat", |out| {
        pictures.iter().for_each(|picture| out.extend_from_slice(picture));
    });
    // The index comes last, as on a phone that wrote the pictures while they came in.
    boxed(&mut file, *b"moov", |out| track.movie(out, &pictures, first));
    file
}

/// Appends a box: its size, its name, and what `content` writes.
fn boxed(out: &mut Vec<u8>, name: [u8; 4], content: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.be32(0);
    out.extend_from_slice(&name);
    content(out);
    let size = len32(out.len() - start);
    out[start..start + 4].copy_from_slice(&size.to_be_bytes());
}

fn numbers(out: &mut Vec<u8>, values: &[u32]) {
    values.iter().for_each(|&value| out.be32(value));
}

struct Track {
    width: u16,
    height: u16,
    created: u32,
}

impl Track {
    fn movie(&self, out: &mut Vec<u8>, pictures: &[Vec<u8>], first: u32) {
        let duration = len32(pictures.len()) * PICTURE_TICKS;
        boxed(out, *b"mvhd", |out| {
            numbers(
                out,
                &[
                    0,
                    self.created,
                    self.created,
                    TIMESCALE,
                    duration,
                    0x1_0000,
                    0x0100_0000,
                    0,
                    0,
                ],
            );
            numbers(out, &MATRIX);
            numbers(out, &[0, 0, 0, 0, 0, 0, 2]);
        });
        boxed(out, *b"trak", |out| {
            boxed(out, *b"tkhd", |out| {
                numbers(out, &[7, self.created, self.created, 1, 0, duration, 0, 0, 0, 0]);
                numbers(out, &MATRIX);
                numbers(out, &[u32::from(self.width) << 16, u32::from(self.height) << 16]);
            });
            boxed(out, *b"mdia", |out| {
                boxed(out, *b"mdhd", |out| {
                    // 0x55c4 says: language undetermined.
                    numbers(
                        out,
                        &[0, self.created, self.created, TIMESCALE, duration, 0x55c4_0000],
                    );
                });
                boxed(out, *b"hdlr", |out| {
                    out.extend_from_slice(b"\0\0\0\0\0\0\0\0vide\0\0\0\0\0\0\0\0\0\0\0\0VideoHandler\0");
                });
                boxed(out, *b"minf", |out| self.media(out, pictures, first));
            });
        });
    }

    fn media(&self, out: &mut Vec<u8>, pictures: &[Vec<u8>], first: u32) {
        boxed(out, *b"vmhd", |out| numbers(out, &[1, 0, 0]));
        boxed(out, *b"dinf", |out| {
            boxed(out, *b"dref", |out| {
                numbers(out, &[0, 1]);
                boxed(out, *b"url ", |out| out.be32(1));
            });
        });
        boxed(out, *b"stbl", |out| {
            let count = len32(pictures.len());
            boxed(out, *b"stsd", |out| {
                numbers(out, &[0, 1]);
                boxed(out, *b"mp4v", |out| self.sample_entry(out));
            });
            boxed(out, *b"stts", |out| numbers(out, &[0, 1, count, PICTURE_TICKS]));
            boxed(out, *b"stsc", |out| numbers(out, &[0, 1, 1, count, 1]));
            boxed(out, *b"stsz", |out| {
                numbers(out, &[0, 0, count]);
                pictures.iter().for_each(|picture| out.be32(len32(picture.len())));
            });
            boxed(out, *b"stco", |out| numbers(out, &[0, 1, first]));
        });
    }

    fn sample_entry(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1]);
        out.extend_from_slice(&[0; 16]);
        out.be16(self.width);
        out.be16(self.height);
        numbers(out, &[72 << 16, 72 << 16, 0]);
        out.be16(1);
        out.extend_from_slice(&[0; 32]);
        out.extend_from_slice(&[0, 24, 0xff, 0xff]);
        boxed(out, *b"esds", |out| {
            out.be32(0);
            // An elementary stream (3) holding its decoder (4: JPEG, visual, rates unknown) and the sync layer (6).
            out.extend_from_slice(&[
                3, 21, 0, 1, 0, 4, 13, 0x6c, 0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 1, 2,
            ]);
        });
    }
}
