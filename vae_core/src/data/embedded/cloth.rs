//! Cloth and scissors: filled outlines, bands along a line, and fabrics with folds and patterns.

use rand::Rng;

use super::pen::Point;
use super::{PIXELS, SIDE, normal};

/// Sub-rows per row of pixels: each contributes a quarter of a pixel's coverage, exactly along x.
const ROWS: usize = 4;

/// A picture in grey values from 0 to 1, black where nothing is.
pub(super) struct Canvas(pub(super) [f32; PIXELS]);

/// What is printed or woven into a fabric.
#[derive(Clone, Copy)]
enum Pattern {
    Plain,
    /// Bands along x, along y, or both.
    Stripes {
        across: bool,
        along: bool,
        period: f32,
        depth: f32,
    },
    /// Blots of about `size` pixels.
    Print {
        size: f32,
        depth: f32,
        salt: u32,
    },
    /// A picture on the chest.
    Badge {
        half: Point,
        depth: f32,
    },
}

/// A grey tone with folds and a pattern.
#[derive(Clone)]
pub(super) struct Fabric {
    pub(super) tone: f32,
    pattern: Pattern,
    /// Amplitude, wave vector and phase of each fold; the last three in turns.
    folds: [[f32; 4]; 3],
    salt: u32,
}

impl Fabric {
    /// A fabric with tone of its own; `patterned` is the probability that it is not plain.
    pub(super) fn new(patterned: f32, rng: &mut (impl Rng + ?Sized)) -> Self {
        // Most cloth is photographed light, some nearly black.
        let tone = 0.16 + 0.82 * rng.random::<f32>().powf(0.45);
        let depth = rng.random_range(0.12..0.6);
        let pattern = match rng.random_range(0..10) {
            _ if rng.random::<f32>() >= patterned => Pattern::Plain,
            0..3 => {
                let kind = rng.random_range(0..4);
                let (across, along) = (kind != 1, kind == 1 || kind == 2);
                Pattern::Stripes { across, along, period: rng.random_range(2.0..6.0), depth: depth * 0.7 }
            }
            3..7 => Pattern::Print { size: rng.random_range(1.2..3.5), depth, salt: rng.random() },
            _ => Pattern::Badge { half: (rng.random_range(1.5..4.5), rng.random_range(1.0..4.0)), depth },
        };
        let folds = std::array::from_fn(|_| {
            let [kx, ky] = [normal(rng, 0.0, 0.11), normal(rng, 0.0, 0.04)];
            [normal(rng, 0.0, 0.045), kx, ky, rng.random_range(16.0..17.0)]
        });
        Self { tone, pattern, folds, salt: rng.random() }
    }

    /// This cloth, pattern and folds, in another tone.
    pub(super) fn toned(&self, tone: f32) -> Self {
        Self { tone: tone.clamp(0.03, 1.0), ..self.clone() }
    }

    /// The grey value at a pixel.
    fn at(&self, x: f32, y: f32) -> f32 {
        let mut light = 1.0 - 0.0011 * (x - 14.0).powi(2);
        for [amplitude, kx, ky, phase] in self.folds {
            light += amplitude * wave(kx * x + ky * y + phase);
        }
        light += 0.08 * (noise(x, y, self.salt) - 0.5);
        let mark = match self.pattern {
            Pattern::Plain => 0.0,
            Pattern::Stripes { across, along, period, depth } => {
                let band = |on: bool, at: f32| if on && (at / period).fract() < 0.5 { 0.5 } else { 0.0 };
                let both = band(across, y) + band(along, x);
                depth * if across && along { both } else { 2.0 * both }
            }
            Pattern::Print { size, depth, salt } => {
                depth * (2.4 * blots(x / size, y / size, salt) - 0.8).clamp(0.0, 1.0)
            }
            Pattern::Badge { half, depth } => {
                let inside = (x - 14.0).abs() < half.0 && (y - 11.0).abs() < half.1;
                if inside { depth * (0.5 + noise(x, y, self.salt)) } else { 0.0 }
            }
        };
        // Dark cloth carries light marks, light cloth dark ones.
        let mark = if self.tone < 0.4 { 1.0 + 1.5 * mark } else { 1.0 - mark };
        (self.tone * light * mark).clamp(0.02, 1.0)
    }
}

/// A wave of period 1 for arguments above 0, two parabolas: near enough to a sine, and quicker.
fn wave(turns: f32) -> f32 {
    let t = turns - turns as u32 as f32 - 0.5;
    16.0 * t * (0.5 - t.abs())
}

/// A grey value in [0, 1) for each cell of the unit grid.
fn noise(x: f32, y: f32, salt: u32) -> f32 {
    let mut hash = (x as u32).wrapping_mul(0x9e37_79b1) ^ (y as u32).wrapping_mul(0x85eb_ca77) ^ salt;
    // The finalizer of MurmurHash3 (Appleby 2011), a good mixer of 32 bits.
    hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    ((hash ^ hash >> 16) >> 8) as f32 / (1 << 24) as f32
}

/// [`noise`], smoothed between the cells.
fn blots(x: f32, y: f32, salt: u32) -> f32 {
    let (u, v) = (x - x as u32 as f32, y - y as u32 as f32);
    let row = |y: f32| (1.0 - u) * noise(x, y, salt) + u * noise(x + 1.0, y, salt);
    (1.0 - v) * row(y) + v * row(y + 1.0)
}

impl Canvas {
    pub(super) fn new() -> Self {
        Self([0.0; PIXELS])
    }

    /// Fills the closed outline (even-odd rule) with the fabric, edges blended by how much of a pixel they cover.
    pub(super) fn fill(&mut self, outline: &[Point], fabric: &Fabric) {
        let mut crossings = Vec::with_capacity(8);
        let (top, bottom) = outline.iter().fold((SIDE as f32, 0f32), |(top, end), (_, y)| (top.min(*y), end.max(*y)));
        for row in top.max(0.0) as usize..(bottom.ceil() as usize).min(SIDE) {
            let mut cover = [0.0f32; SIDE];
            for sub in 0..ROWS {
                let y = row as f32 + (sub as f32 + 0.5) / ROWS as f32;
                crossings.clear();
                let edges = outline.iter().zip(outline.iter().cycle().skip(1));
                crossings.extend(
                    edges
                        .filter(|(a, b)| (a.1 <= y) != (b.1 <= y))
                        .map(|(a, b)| a.0 + (y - a.1) / (b.1 - a.1) * (b.0 - a.0)),
                );
                crossings.sort_unstable_by(f32::total_cmp);
                for span in crossings.chunks_exact(2) {
                    let (from, to) = (span[0].clamp(0.0, SIDE as f32), span[1].clamp(0.0, SIDE as f32));
                    for (x, cover) in cover.iter_mut().enumerate().skip(from as usize).take((to - from) as usize + 2) {
                        *cover += (to.min(x as f32 + 1.0) - from.max(x as f32)).max(0.0) / ROWS as f32;
                    }
                }
            }
            for (x, cover) in cover.into_iter().enumerate().filter(|(_, cover)| *cover > 0.0) {
                let pixel = &mut self.0[row * SIDE + x];
                *pixel += cover.min(1.0) * (fabric.at(x as f32, row as f32) - *pixel);
            }
        }
    }

    /// A band of the given width along a line: straps, handles, seams.
    pub(super) fn band(&mut self, line: &[Point], width: f32, fabric: &Fabric) {
        let side = |i: usize, half: f32| {
            let (a, b) = (line[i.saturating_sub(1)], line[(i + 1).min(line.len() - 1)]);
            let (dx, dy) = (b.0 - a.0, b.1 - a.1);
            let norm = half / dx.hypot(dy).max(1e-3);
            (line[i].0 - dy * norm, line[i].1 + dx * norm)
        };
        let there = (0..line.len()).map(|i| side(i, width / 2.0));
        let back = (0..line.len()).rev().map(|i| side(i, -width / 2.0));
        self.fill(&there.chain(back).collect::<Vec<_>>(), fabric);
    }
}
