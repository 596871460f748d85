//! Number by number.

use rayon::prelude::*;

/// Numbers that one task works on; fixed, so that the work is cut alike for any number of threads.
const CHUNK: usize = 1 << 15;

/// tanh of each number.
pub(crate) fn tanh(x: &mut [f32]) {
    x.par_chunks_mut(CHUNK).for_each(|x| x.iter_mut().for_each(|x| *x = x.tanh()));
}

/// x · f(y), in place.
pub(crate) fn multiply(x: &mut [f32], y: &[f32], f: impl Fn(f32) -> f32 + Sync) {
    x.par_chunks_mut(CHUNK).zip(y.par_chunks(CHUNK)).for_each(|(x, y)| {
        for (x, &y) in x.iter_mut().zip(y) {
            *x *= f(y);
        }
    });
}

/// The sums of the columns of a matrix that is `width` wide.
pub(crate) fn sum_rows(x: &[f32], width: usize) -> Vec<f32> {
    let add = |mut sum: Vec<f32>, row: &[f32]| {
        sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        sum
    };
    let rows = (CHUNK / width).max(1);
    let parts: Vec<Vec<f32>> =
        x.par_chunks(rows * width).map(|x| x.chunks_exact(width).fold(vec![0.0; width], add)).collect();
    parts.iter().fold(vec![0.0; width], |sum, part| add(sum, part))
}
