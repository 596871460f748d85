//! Number by number.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::scratch::Scratch;

/// Numbers that one task works on; fixed, so that the work is cut alike for any number of threads.
const CHUNK: usize = 1 << 13;

/// tanh of each number.
pub(crate) fn tanh(x: &mut [f32]) {
    x.par_chunks_mut(CHUNK).for_each(|x| x.iter_mut().for_each(|x| *x = x.tanh()));
}

/// x · f(y), in place.
pub(crate) fn multiply(x: &mut [f32], y: &[f32], f: impl Fn(f32) -> f32 + Copy + Sync) {
    let arch = Arch::new();
    let chunks = x.par_chunks_mut(CHUNK).zip(y.par_chunks(CHUNK));
    chunks.for_each(|(x, y)| arch.dispatch(Multiply { x, y, f }));
}

struct Multiply<'a, F> {
    x: &'a mut [f32],
    y: &'a [f32],
    f: F,
}

impl<F: Fn(f32) -> f32> WithSimd for Multiply<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (x, &y) in self.x.iter_mut().zip(self.y) {
            *x *= (self.f)(y);
        }
    }
}

/// The sums of the columns of a matrix that is `width` wide.
pub(crate) fn sum_rows(x: &[f32], width: usize) -> Scratch {
    let add = |mut sum: Scratch, row: &[f32]| {
        sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        sum
    };
    let zeros = || {
        let mut zeros = Scratch::new(width);
        zeros.fill(0.0);
        zeros
    };
    let rows = (CHUNK / width).max(1);
    let parts: Vec<Scratch> = x.par_chunks(rows * width).map(|x| x.chunks_exact(width).fold(zeros(), add)).collect();
    parts.iter().fold(zeros(), |sum, part| add(sum, part))
}
