//! On the CPU: each task finds its own words.

use rand::Rng;
use rayon::prelude::*;

use super::{BLOCK, Kind, generator};

/// Values that one task fills: a part of a block, begun in its middle. An even number, for pairs of normal numbers.
const TASK: usize = 512;

pub(super) fn fill(kind: Kind, seed: [u8; 32], position: u64, values: &mut [f32]) {
    values.par_chunks_mut(TASK).enumerate().for_each(|(i, chunk)| part(kind, seed, position, i * TASK, chunk));
}

/// Rows of `width` numbers, each `step` positions after the one before.
pub(super) fn fill_rows(kind: Kind, seed: [u8; 32], position: u64, step: u64, values: &mut [f32], width: usize) {
    values.par_chunks_mut(width).enumerate().with_min_len(TASK.div_ceil(width)).for_each(|(row, values)| {
        for (i, chunk) in values.chunks_mut(TASK).enumerate() {
            part(kind, seed, position + row as u64 * step, i * TASK, chunk);
        }
    });
}

/// The numbers from `start` on of a draw, on this thread.
fn part(kind: Kind, seed: [u8; 32], position: u64, start: usize, values: &mut [f32]) {
    let mut rng = generator(seed, position + (start / BLOCK) as u64);
    // Each value takes one word of 32 bits.
    rng.set_word_pos((start % BLOCK) as u128);
    match kind {
        Kind::Uniform => values.fill_with(|| rng.random()),
        Kind::Normal => values.chunks_mut(2).for_each(|pair| normal(&mut rng, pair)),
    }
}

/// A pair of normal numbers, or the first of one.
fn normal(rng: &mut impl Rng, pair: &mut [f32]) {
    // 1 − U[0, 1) is in (0, 1], where the logarithm is finite.
    let radius = (-2.0 * (1.0 - rng.random::<f32>()).ln()).sqrt();
    let (sin, cos) = (std::f32::consts::TAU * rng.random::<f32>()).sin_cos();
    pair[0] = radius * cos;
    if let Some(second) = pair.get_mut(1) {
        *second = radius * sin;
    }
}
