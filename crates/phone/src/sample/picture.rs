//! Painted landscapes: sky, a sun, three ranges of hills and the grain of a small sensor. Integers only, so that
//! the pixels are the same on every processor.

use std::sync::OnceLock;

use super::rng::{Rng, split_mix};

/// Side of the noise tile, a power of two.
const TILE: usize = 256;
/// Sky, and the ranges of hills before it.
const LAYERS: usize = 4;

/// An image in Y′CbCr with chroma at half the resolution, padded to whole 16×16 blocks.
pub(super) struct Picture {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Samples in a padded row of `luma`; twice those of the chroma planes.
    pub(super) stride: usize,
    pub(super) luma: Vec<u8>,
    pub(super) blue: Vec<u8>,
    pub(super) red: Vec<u8>,
}

/// One layer's look: luma at its top and bottom, strength of its texture, chroma.
#[derive(Clone, Copy)]
struct Layer {
    top: i32,
    bottom: i32,
    rough: i32,
    blue: i32,
    red: i32,
}

/// The palettes: noon, evening, winter, rain. Luma, then Cb and Cr around 128.
#[rustfmt::skip]
const PALETTES: [[Layer; LAYERS]; 4] = [
    [
        Layer { top: 130, bottom: 205, rough: 14, blue: 150, red: 112 },
        Layer { top: 120, bottom: 135, rough: 20, blue: 136, red: 118 },
        Layer { top: 80, bottom: 105, rough: 52, blue: 112, red: 116 },
        Layer { top: 70, bottom: 120, rough: 96, blue: 102, red: 122 },
    ],
    [
        Layer { top: 70, bottom: 190, rough: 18, blue: 118, red: 150 },
        Layer { top: 78, bottom: 95, rough: 18, blue: 128, red: 140 },
        Layer { top: 45, bottom: 60, rough: 36, blue: 124, red: 134 },
        Layer { top: 25, bottom: 55, rough: 60, blue: 122, red: 130 },
    ],
    [
        Layer { top: 150, bottom: 220, rough: 10, blue: 140, red: 122 },
        Layer { top: 170, bottom: 190, rough: 26, blue: 134, red: 124 },
        Layer { top: 95, bottom: 150, rough: 60, blue: 128, red: 126 },
        Layer { top: 200, bottom: 225, rough: 44, blue: 132, red: 126 },
    ],
    [
        Layer { top: 105, bottom: 160, rough: 26, blue: 131, red: 126 },
        Layer { top: 110, bottom: 120, rough: 20, blue: 128, red: 125 },
        Layer { top: 70, bottom: 90, rough: 48, blue: 120, red: 122 },
        Layer { top: 60, bottom: 90, rough: 84, blue: 112, red: 124 },
    ],
];

impl Picture {
    /// A landscape of `width` × `height` pixels, both at least 1.
    pub(super) fn landscape(rng: &mut Rng, width: usize, height: usize) -> Self {
        let scene = Scene::new(rng, width, height);
        let stride = width.next_multiple_of(16);
        let rows = height.next_multiple_of(16);
        let mut picture = Self {
            width,
            height,
            stride,
            luma: Vec::with_capacity(stride * rows),
            blue: Vec::with_capacity(stride * rows / 4),
            red: Vec::with_capacity(stride * rows / 4),
        };
        for row in 0..rows {
            scene.luma_row(rng, row, &mut picture.luma);
            if row % 2 == 0 {
                scene.chroma_row(row, &mut picture.blue, &mut picture.red);
            }
        }
        picture
    }

    /// The part of `width` pixels that begins at `left`, a multiple of 16: a step of a slow pan. `width` may reach
    /// to the padded edge.
    pub(super) fn window(&self, left: usize, width: usize) -> Self {
        let cut = |plane: &[u8], stride: usize, left: usize, wide: usize| {
            plane
                .chunks_exact(stride)
                .flat_map(|row| &row[left..left + wide])
                .copied()
                .collect::<Vec<u8>>()
        };
        let wide = width.next_multiple_of(16);
        Self {
            width,
            height: self.height,
            stride: wide,
            luma: cut(&self.luma, self.stride, left, wide),
            blue: cut(&self.blue, self.stride / 2, left / 2, wide / 2),
            red: cut(&self.red, self.stride / 2, left / 2, wide / 2),
        }
    }
}

/// Where everything stands before the first pixel is painted.
struct Scene {
    layers: [Layer; LAYERS],
    /// For every column, the row at which each range of hills begins.
    ridges: Vec<[i32; LAYERS - 1]>,
    rows: i32,
    /// Column, row and squared radius.
    sun: (i32, i32, i32),
    tile: &'static [i8],
    /// Where in the tile this picture begins.
    shift: usize,
}

impl Scene {
    fn new(rng: &mut Rng, width: usize, height: usize) -> Self {
        let rows = i32::try_from(height).unwrap_or(i32::MAX);
        let columns = i32::try_from(width).unwrap_or(i32::MAX);
        let radius = rows / rng.between(10, 24);
        Self {
            layers: *rng.pick(&PALETTES),
            ridges: ridges(rng, width.next_multiple_of(16), rows),
            rows,
            sun: (
                rng.between(0, columns),
                rng.between(rows / 12, rows / 3),
                radius * radius,
            ),
            tile: tile(),
            shift: rng.below(1 << 16) as usize,
        }
    }

    /// How many ranges begin at or above `row`: the index of the layer seen there.
    fn layer(&self, column: usize, row: i32) -> usize {
        self.ridges[column].iter().filter(|&&ridge| row >= ridge).count()
    }

    fn grain(&self, column: usize, row: usize, coarse: u32) -> i32 {
        let place = ((row >> coarse) * TILE + (column >> coarse)).wrapping_add(self.shift);
        i32::from(self.tile[place % (TILE * TILE)])
    }

    fn luma_row(&self, rng: &mut Rng, row: usize, out: &mut Vec<u8>) {
        let high = i32::try_from(row).unwrap_or(i32::MAX);
        let bases = self
            .layers
            .map(|layer| layer.top + (layer.bottom - layer.top) * high / self.rows.max(1));
        let up = (high - self.sun.1) * (high - self.sun.1);
        let mut noise = 0u64;
        for column in 0..self.ridges.len() {
            if column % 16 == 0 {
                noise = rng.next();
            }
            let speck = i32::try_from(noise & 7).unwrap_or(0) - 3;
            noise >>= 4;
            let layer = self.layer(column, high);
            let coarse = if layer == 0 { 2 } else { 0 };
            let mut light =
                bases[layer] + ((self.grain(column, row, coarse) * self.layers[layer].rough) >> 6);
            if layer == 0 {
                let aside = i32::try_from(column).unwrap_or(i32::MAX) - self.sun.0;
                if aside * aside + up < self.sun.2 {
                    light = 246;
                }
            }
            out.push(byte(light + speck));
        }
    }

    fn chroma_row(&self, row: usize, blue: &mut Vec<u8>, red: &mut Vec<u8>) {
        let high = i32::try_from(row).unwrap_or(i32::MAX);
        for column in (0..self.ridges.len()).step_by(2) {
            let layer = self.layers[self.layer(column, high)];
            let tint = (self.grain(column, row, 1) * layer.rough) >> 10;
            blue.push(byte(layer.blue - tint));
            red.push(byte(layer.red + tint));
        }
    }
}

/// Three skylines, each below the one behind it. The same draws give the same hills at every resolution.
fn ridges(rng: &mut Rng, columns: usize, rows: i32) -> Vec<[i32; LAYERS - 1]> {
    let mut lines = vec![[0; LAYERS - 1]; columns];
    for range in 0..LAYERS - 1 {
        let base = rows * (40 + 17 * number(range)) / 100;
        for line in &mut lines {
            line[range] = base;
        }
        // Three waves of value noise: mountains, hills, trees. Swings in thousandths of the height.
        for (waves, swing) in [(3, 110), (13, 33), (150, 8)] {
            let knots: Vec<i32> = (0..waves + 2).map(|_| rng.between(-swing, swing)).collect();
            for (column, line) in lines.iter_mut().enumerate() {
                let (knot, along) = (column * waves / columns, number(column * waves % columns));
                let slope = (knots[knot + 1] - knots[knot]) * along / number(columns);
                line[range] += (knots[knot] + slope) * rows / 1000;
            }
        }
    }
    lines
}

fn number(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

fn byte(light: i32) -> u8 {
    u8::try_from(light.clamp(0, 255)).unwrap_or(0)
}

/// A tile of noise that is stronger the coarser it is, as in nature; it repeats without a seam. Made once.
fn tile() -> &'static [i8] {
    static GRAIN: OnceLock<Vec<i8>> = OnceLock::new();
    GRAIN.get_or_init(|| {
        let mut sum = vec![0i32; TILE * TILE];
        for (octave, weight) in [(5usize, 26), (4, 22), (3, 18), (2, 16), (1, 14), (0, 14)] {
            let knots = TILE >> octave;
            let mut seed = octave as u64 + 1;
            let lattice: Vec<i32> = (0..knots * knots)
                .map(|_| i32::try_from(split_mix(&mut seed) & 255).unwrap_or(0) - 128)
                .collect();
            let knot = |across: usize, down: usize| lattice[(down % knots) * knots + across % knots];
            for (place, total) in sum.iter_mut().enumerate() {
                let (across, down) = (place % TILE, place / TILE);
                let (left, top) = (across >> octave, down >> octave);
                let long = 1i32 << octave;
                let (right, low) = (number(across) & (long - 1), number(down) & (long - 1));
                let above = knot(left, top) * (long - right) + knot(left + 1, top) * right;
                let below = knot(left, top + 1) * (long - right) + knot(left + 1, top + 1) * right;
                *total += (above * (long - low) + below * low) * weight / (long * long * 128);
            }
        }
        sum.into_iter()
            .map(|total| i8::try_from(total.clamp(-127, 127)).unwrap_or(0))
            .collect()
    })
}
