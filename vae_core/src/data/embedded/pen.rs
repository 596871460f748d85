//! A pen: strokes through points, bent as a hand would, drawn with a round nib of varying width.

use rand::Rng;

use super::{SIDE, normal};

/// A point in the plane: x to the right, y down.
pub(super) type Point = (f32, f32);

/// Straight pieces between two points of a skeleton.
const PIECES: usize = 6;
/// The box that MNIST fits every digit into before it centres it.
const BOX: f32 = 20.0;
/// Over how many pixels ink fades at the edge of a stroke: MNIST was scaled down from larger black-and-white scans.
const FADE: std::ops::Range<f32> = 0.9..1.5;

/// A stroke as a curve through `points` (Catmull & Rom 1974), sampled; a point given twice is a corner.
pub(super) fn spline(points: &[Point]) -> Vec<Point> {
    let at = |i: isize| points[i.clamp(0, points.len() as isize - 1) as usize];
    let mut curve = Vec::with_capacity(points.len() * PIECES);
    for i in 0..points.len() as isize - 1 {
        let [p, q, r, s] = [at(i - 1), at(i), at(i + 1), at(i + 2)];
        if q == r {
            continue;
        }
        let between = |p: f32, q: f32, r: f32, s: f32, t: f32| {
            let (b, c, d) = (r - p, 2.0 * p - 5.0 * q + 4.0 * r - s, 3.0 * (q - r) + s - p);
            q + 0.5 * t * (b + t * (c + t * d))
        };
        for piece in 0..PIECES {
            let t = piece as f32 / PIECES as f32;
            curve.push((between(p.0, q.0, r.0, s.0, t), between(p.1, q.1, r.1, s.1, t)));
        }
    }
    curve.extend(points.last());
    curve
}

/// Moves each point by its own small draw; a corner (a point given twice) moves as one.
pub(super) fn jitter(points: &[Point], amount: f32, rng: &mut (impl Rng + ?Sized)) -> Vec<Point> {
    let mut moved: Vec<Point> = Vec::with_capacity(points.len());
    for (i, &(x, y)) in points.iter().enumerate() {
        let again = moved.last().copied().filter(|_| i > 0 && points[i - 1] == (x, y));
        moved.push(again.unwrap_or_else(|| (x + normal(rng, 0.0, amount), y + normal(rng, 0.0, amount))));
    }
    moved
}

/// A random smooth map of the plane: where the waist sits and how the width tapers, then slant, rotation and stretching,
/// then an elastic bend of a few long waves.
pub(super) struct Hand {
    /// How far down the middle of the height moves.
    waist: f32,
    /// How much wider the bottom is than the top, as a share.
    taper: f32,
    matrix: [f32; 4],
    /// Direction of the displacement, wave vector and phase of each wave.
    waves: [[f32; 5]; 3],
}

impl Hand {
    pub(super) fn new(slant: f32, turn: f32, stretch: f32, bend: f32, rng: &mut (impl Rng + ?Sized)) -> Self {
        let (sin, cos) = turn.sin_cos();
        // Stretch the width, slant to the right (y points down), turn.
        let matrix = [cos * stretch, -cos * slant - sin, sin * stretch, cos - sin * slant];
        let waves = std::array::from_fn(|_| {
            let [dx, dy] = [normal(rng, 0.0, bend), normal(rng, 0.0, bend)];
            let [kx, ky] = [normal(rng, 0.0, 3.5), normal(rng, 0.0, 3.5)];
            [dx, dy, kx, ky, rng.random_range(0.0..std::f32::consts::TAU)]
        });
        Self { waist: normal(rng, 0.0, 0.065), taper: normal(rng, 0.0, 0.35), matrix, waves }
    }

    pub(super) fn bend(&self, (x, y): Point) -> Point {
        let x = 0.35 + (x - 0.35) * (1.0 + self.taper * (y - 0.5));
        let y = y + self.waist * 4.0 * y * (1.0 - y);
        let [a, b, c, d] = self.matrix;
        let (mut u, mut v) = (a * x + b * y, c * x + d * y);
        for [dx, dy, kx, ky, phase] in self.waves {
            let wave = (kx * x + ky * y + phase).sin();
            u += dx * wave;
            v += dy * wave;
        }
        (u, v)
    }
}

/// Draws the strokes with a nib of `radius` pixels, scaled into MNIST's box of 20×20, the centre of mass in the middle.
///
/// `pressure` is how much the radius varies along a stroke, as a share of it.
pub(super) fn ink(
    strokes: &[Vec<Point>],
    radius: f32,
    pressure: f32,
    rng: &mut (impl Rng + ?Sized),
    pixels: &mut [u8],
) {
    let all = || strokes.iter().flatten();
    let (low, high) = all().fold(((f32::MAX, f32::MAX), (f32::MIN, f32::MIN)), |(low, high), &(x, y)| {
        ((low.0.min(x), low.1.min(y)), (high.0.max(x), high.1.max(y)))
    });
    let scale = (BOX - 2.0 * radius) / (high.0 - low.0).max(high.1 - low.1).max(1e-3);
    let (margin, width, height) = ((SIDE as f32 - BOX) / 2.0 + radius, high.0 - low.0, high.1 - low.1);
    let inside = BOX - 2.0 * radius;
    let corner = (margin + (inside - scale * width) / 2.0, margin + (inside - scale * height) / 2.0);
    let place = |&(x, y): &Point| (corner.0 + scale * (x - low.0), corner.1 + scale * (y - low.1));

    let fade = rng.random_range(FADE);
    // Per pixel: how deep it lies inside the nib's path, at the best place of it.
    let mut depth = [f32::MIN; super::PIXELS];
    let reach = radius * (1.0 + pressure) + fade;
    for stroke in strokes {
        let (speed, phase) = (rng.random_range(0.05..0.25), rng.random_range(0.0..std::f32::consts::TAU));
        for (i, pair) in stroke.windows(2).enumerate() {
            let (a, b) = (place(&pair[0]), place(&pair[1]));
            let radius = radius * (1.0 + pressure * (speed * i as f32 + phase).sin());
            let range = |p: f32, q: f32| {
                let low = (p.min(q) - reach).floor().max(0.0) as usize;
                low..((p.max(q) + reach).ceil().max(0.0) as usize).min(SIDE)
            };
            let along = (b.0 - a.0, b.1 - a.1);
            let norm = 1.0 / (along.0 * along.0 + along.1 * along.1).max(1e-9);
            for row in range(a.1, b.1) {
                for column in range(a.0, b.0) {
                    let (x, y) = (column as f32 + 0.5 - a.0, row as f32 + 0.5 - a.1);
                    let t = ((x * along.0 + y * along.1) * norm).clamp(0.0, 1.0);
                    let (x, y) = (x - t * along.0, y - t * along.1);
                    let inside = radius - (x * x + y * y).sqrt();
                    let depth = &mut depth[row * SIDE + column];
                    *depth = depth.max(inside);
                }
            }
        }
    }
    let drawn = depth.map(|depth| (255.0 * (0.5 + depth / fade).clamp(0.0, 1.0)) as u8);
    centre(&drawn, pixels);
}

/// Copies the picture, moved by whole pixels so that its centre of mass comes to the middle, as MNIST was made.
fn centre(drawn: &[u8], pixels: &mut [u8]) {
    let (mut mass, mut moment) = (1.0, (0.0, 0.0));
    for (i, &byte) in drawn.iter().enumerate() {
        let byte = f32::from(byte);
        mass += byte;
        moment.0 += byte * (i % SIDE) as f32;
        moment.1 += byte * (i / SIDE) as f32;
    }
    let middle = (SIDE / 2) as f32;
    let shift = ((middle - moment.0 / mass).round() as isize, (middle - moment.1 / mass).round() as isize);
    for (i, pixel) in pixels.iter_mut().enumerate() {
        let (x, y) = ((i % SIDE) as isize - shift.0, (i / SIDE) as isize - shift.1);
        let inside = (0..SIDE as isize).contains(&x) && (0..SIDE as isize).contains(&y);
        *pixel = if inside { drawn[y as usize * SIDE + x as usize] } else { 0 };
    }
}
