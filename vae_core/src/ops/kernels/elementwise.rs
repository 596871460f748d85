//! Number by number, and the sums of columns.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{
    elementary::{self, exp},
    scratch::Scratch,
};

/// Numbers that one task works on; fixed, so that the work is cut alike for any number of threads.
const CHUNK: usize = 1 << 13;

/// Sums that run side by side, so that the order of additions is fixed and a vector wide.
pub(crate) const LANES: usize = 16;

/// A number from N others. A type of its own and not a closure: those are not always compiled for the instruction set that
/// they are called with.
pub(crate) trait Pointwise<const N: usize>: Copy + Sync {
    fn of<S: Simd>(self, x: [f32; N]) -> f32;
}

/// y[i] = f(x[i]…), on this thread.
pub(crate) fn apply<const N: usize>(f: impl Pointwise<N>, y: &mut [f32], x: [&[f32]; N]) {
    Arch::new().dispatch(Apply { f, y, x });
}

/// y[i] = f(x[i]…) in new memory, on all threads.
pub(crate) fn apply_each<const N: usize>(f: impl Pointwise<N>, x: [&[f32]; N]) -> Scratch {
    let mut y = Scratch::new(x[0].len());
    y.par_chunks_mut(CHUNK).enumerate().for_each(|(i, y)| apply(f, y, x.map(|x| &x[i * CHUNK..][..y.len()])));
    y
}

struct Apply<'a, F, const N: usize> {
    f: F,
    y: &'a mut [f32],
    x: [&'a [f32]; N],
}

impl<F: Pointwise<N>, const N: usize> WithSimd for Apply<'_, F, N> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let x = self.x.map(|x| &x[..self.y.len()]);
        for (i, y) in self.y.iter_mut().enumerate() {
            *y = self.f.of::<S>(x.map(|x| x[i]));
        }
    }
}

/// tanh of each number, in place and on this thread.
pub(crate) fn tanh(x: &mut [f32]) {
    Arch::new().dispatch(Tanh(x));
}

/// tanh of each number, in place and on all threads.
pub(crate) fn tanh_each(x: &mut [f32]) {
    x.par_chunks_mut(CHUNK).for_each(tanh);
}

struct Tanh<'a>(&'a mut [f32]);

impl WithSimd for Tanh<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.0.iter_mut().for_each(|x| *x = elementary::tanh::<S>(*x));
    }
}

/// x · f(y), in place and on this thread.
pub(crate) fn multiply(x: &mut [f32], y: &[f32], f: impl Fn(f32) -> f32) {
    Arch::new().dispatch(Multiply { x, y, f });
}

/// Calls `f` with parts of both, on all threads.
pub(crate) fn in_chunks(x: &[f32], y: &mut [f32], f: impl Fn(&[f32], &mut [f32]) + Sync) {
    x.par_chunks(CHUNK).zip(y.par_chunks_mut(CHUNK)).for_each(|(x, y)| f(x, y));
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

/// ln Σ exp x, from numbers that fill whole vectors.
#[inline(always)]
pub(crate) fn log_sum_exp<S: Simd>(x: &[f32]) -> f32 {
    let vectors = x.as_chunks::<LANES>().0;
    let mut largest = [f32::NEG_INFINITY; LANES];
    for x in vectors {
        for lane in 0..LANES {
            largest[lane] = if x[lane] > largest[lane] { x[lane] } else { largest[lane] };
        }
    }
    let largest = largest.into_iter().fold(f32::NEG_INFINITY, f32::max);
    let mut sums = [0.0; LANES];
    for x in vectors {
        for lane in 0..LANES {
            sums[lane] += exp::<S>(x[lane] - largest);
        }
    }
    largest + sums.iter().sum::<f32>().ln()
}

/// The sum of each row of a matrix that has as many rows as there are `sums`, on this thread.
pub(crate) fn row_sums(x: &[f32], sums: &mut [f32]) {
    Arch::new().dispatch(RowSums { x, sums });
}

struct RowSums<'a> {
    x: &'a [f32],
    sums: &'a mut [f32],
}

impl WithSimd for RowSums<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let width = self.x.len() / self.sums.len().max(1);
        for (sum, row) in self.sums.iter_mut().zip(self.x.chunks_exact(width.max(1))) {
            let (whole, end) = row.as_chunks::<LANES>();
            let mut parts = [0.0; LANES];
            for numbers in whole {
                for i in 0..LANES {
                    parts[i] += numbers[i];
                }
            }
            *sum = parts.iter().sum::<f32>() + end.iter().sum::<f32>();
        }
    }
}

/// Adds the rows of a matrix as wide as `sum` to it, first to last and on this thread.
pub(crate) fn add_rows(x: &[f32], sum: &mut [f32]) {
    let rows = x.chunks_exact(sum.len().max(1));
    Arch::new().dispatch(AddRows { rows, sum });
}

/// The sum of lists of `len` numbers, first to last.
pub(crate) fn sum_parts(parts: &[Scratch], len: usize) -> Scratch {
    let arch = Arch::new();
    let mut all = Scratch::zeros(len);
    all.par_chunks_mut(CHUNK).enumerate().for_each(|(i, sum)| {
        let len = sum.len();
        let rows = parts.iter().map(|part| &part[i * CHUNK..][..len]);
        arch.dispatch(AddRows { rows, sum });
    });
    all
}

struct AddRows<'a, I> {
    rows: I,
    sum: &'a mut [f32],
}

impl<'a, I: Iterator<Item = &'a [f32]>> WithSimd for AddRows<'_, I> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for row in self.rows {
            for (sum, x) in self.sum.iter_mut().zip(row) {
                *sum += x;
            }
        }
    }
}
