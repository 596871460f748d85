//! Two register tiles, from which every matrix product and convolution of this crate is made.
//!
//! ```text
//! rows_by_panel    Y[m, n]  = Σ_k A[row(m) + k] · B[k, n]     A is read where it lies, row by row; B is packed in panels
//! rows_by_rows     C[k, n] += Σ_m A[row(m) + k] · B[m, n]     the same, but the sum runs over the rows of A
//! ```
//! `row(m)` is an arbitrary table. For a matrix it is m times its width; for a convolution it is where the window of output
//! pixel m begins in the padded image, so that no window is ever copied (Dukhan, "The indirect convolution algorithm", 2019).
//! The k of one row are cut into runs that lie together: one for a matrix, one for each line of a window.
//!
//! A tile keeps some rows by up to five vectors of sums in registers: each vector that is loaded serves all rows, each number
//! of A all vectors. Which vectors the processor has is found at run time. Each sum is made in one fixed order, whatever the
//! number of threads.

// Loops over all rows and vectors of a tile, which become straight code.
#![allow(clippy::needless_range_loop)]

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::{scratch::Scratch, transpose::transpose_into};

/// A vector's worth of columns that every supported instruction set can make of whole vectors.
const UNIT: usize = 16;

/// Neighbouring k's: where they are in A, seen from the beginning of the row, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) offset: usize,
    pub(crate) len: usize,
}

/// Where the first `count` rows of a matrix begin whose rows are `width` apart.
pub(crate) fn multiples(width: usize, count: usize) -> Vec<usize> {
    (0..count).map(|row| row * width).collect()
}

/// How many units of columns one tile takes: four vectors of AVX-512, two of AVX2, four of NEON.
fn widest(arch: Arch) -> usize {
    match arch {
        #[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), feature = "avx512"))]
        Arch::V4(_) => 4,
        _ => 1,
    }
}

/// `n` columns cut into blocks of nearly equal width: (first column, units).
fn blocks(arch: Arch, n: usize) -> Vec<(usize, usize)> {
    let units = n.div_ceil(UNIT);
    // Five units are one block, though a tile of them is low: two blocks would be of two and three, which is slower.
    let count = if units == 5 && widest(arch) == 4 { 1 } else { units.div_ceil(widest(arch)).max(1) };
    let mut first = 0;
    (0..count)
        .map(|i| {
            let width = units * (i + 1) / count - units * i / count;
            let block = (first, width);
            first += width * UNIT;
            block
        })
        .collect()
}

/// A right-hand side B of `k` rows and `n` columns, cut into blocks of columns; within a block, row after row.
pub(crate) struct Panels {
    arch: Arch,
    k: usize,
    n: usize,
    blocks: Vec<(usize, usize)>,
    data: Scratch,
}

impl Panels {
    /// Packs B; `fill(k, first, row)` writes B[k, first + j] to `row[j]`. What stands in columns beyond the last does not matter.
    pub(crate) fn pack(k: usize, n: usize, fill: impl Fn(usize, usize, &mut [f32]) + Sync) -> Self {
        Self::pack_for(Arch::new(), k, n, fill)
    }

    fn pack_for(arch: Arch, k: usize, n: usize, fill: impl Fn(usize, usize, &mut [f32]) + Sync) -> Self {
        Self::by_blocks(arch, k, n, |first, valid, width, block| {
            for (i, row) in block.chunks_exact_mut(width).enumerate() {
                fill(i, first, &mut row[..valid]);
            }
        })
    }

    /// Packs the first `n` columns of a matrix of `k` rows that are `stride` apart.
    pub(crate) fn of_rows(b: &[f32], stride: usize, k: usize, n: usize) -> Self {
        let arch = Arch::new();
        Self::by_blocks(arch, k, n, |first, valid, width, block| {
            arch.dispatch(CopyRows { b: &b[first..], stride, valid, block, width });
        })
    }

    /// Packs the transpose of an (n, k) matrix.
    pub(crate) fn of_columns(b: &[f32], k: usize, n: usize) -> Self {
        Self::by_blocks(Arch::new(), k, n, |first, valid, width, block| {
            transpose_into(&b[first * k..], k, valid, k, block, width);
        })
    }

    /// Packs B, blocks side by side: `fill(first column, columns, width of a row, block)`.
    fn by_blocks(arch: Arch, k: usize, n: usize, fill: impl Fn(usize, usize, usize, &mut [f32]) + Sync) -> Self {
        let blocks = blocks(arch, n);
        let mut data = Scratch::new(k * n.div_ceil(UNIT) * UNIT);
        let mut rest = &mut data[..];
        let mut parts = vec![];
        for &(first, units) in &blocks {
            let (part, after) = rest.split_at_mut(k * units * UNIT);
            parts.push((first, units * UNIT, part));
            rest = after;
        }
        parts.into_par_iter().for_each(|(first, width, part)| fill(first, width.min(n - first), width, part));
        Self { arch, k, n, blocks, data }
    }
}

/// The first `valid` numbers of rows that are `stride` apart, into rows that are `width` apart: a few vectors each, for which a
/// call of `memcpy` takes longer than the copy.
struct CopyRows<'a> {
    b: &'a [f32],
    stride: usize,
    valid: usize,
    block: &'a mut [f32],
    width: usize,
}

impl WithSimd for CopyRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for (to, from) in self.block.chunks_exact_mut(self.width).zip(self.b.chunks(self.stride)) {
            let (from, rest) = S::as_simd_f32s(&from[..self.valid]);
            let to = S::as_mut_simd_f32s(to).0;
            for (to, from) in to.iter_mut().zip(from) {
                *to = *from;
            }
            if let Some(to) = to.get_mut(from.len()) {
                *to = simd.partial_load_f32s(rest);
            }
        }
    }
}

/// What happens to a sum before it is written.
#[derive(Clone, Copy, Default)]
pub(crate) struct Finish<'a> {
    /// Added to each column: n numbers.
    pub(crate) bias: Option<&'a [f32]>,
    /// Added to each row instead: as many numbers as there are rows.
    pub(crate) row_bias: Option<&'a [f32]>,
    /// Then negative values are multiplied by this slope, which is in 0..=1: 0 is ReLU.
    pub(crate) leak: Option<f32>,
}

impl Finish<'_> {
    /// Finishes one row of sums that were made elsewhere.
    pub(crate) fn write(self, y: &mut [f32], sums: &[f32]) {
        for (i, (y, sum)) in y.iter_mut().zip(sums).enumerate() {
            *y = leaky(sum + self.bias.map_or(0.0, |bias| bias[i]), self.leak);
        }
    }
}

/// max(x, leak · x), for a leak in 0..=1.
pub(crate) fn leaky(x: f32, leak: Option<f32>) -> f32 {
    leak.map_or(x, |leak| x.max(x * leak))
}

/// y[out(m) + n] = finish(Σ_k A[row(m) + k] · B[k, n]) for all m and all columns n of B.
///
/// `rows` and `outs` have one entry for each m; the lengths of `runs` sum to the rows of B.
pub(crate) fn rows_by_panel(
    a: &[f32],
    rows: &[usize],
    runs: &[Run],
    b: &Panels,
    finish: Finish,
    outs: &[usize],
    y: &mut [f32],
) {
    debug_assert_eq!(runs.iter().map(|run| run.len).sum::<usize>(), b.k);
    debug_assert_eq!(rows.len(), outs.len());
    b.arch.dispatch(RowsByPanel { a, rows, runs, b, finish, outs, y });
}

struct RowsByPanel<'a> {
    a: &'a [f32],
    rows: &'a [usize],
    runs: &'a [Run],
    b: &'a Panels,
    finish: Finish<'a>,
    outs: &'a [usize],
    y: &'a mut [f32],
}

impl WithSimd for RowsByPanel<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        for i in 0..self.b.blocks.len() {
            let block = self.b.blocks[i];
            match (S::F32_LANES, block.1) {
                (16, 1) => self.block::<S, 1, 12>(simd, block.0),
                (16, 2) => self.block::<S, 2, 12>(simd, block.0),
                (16, 3) => self.block::<S, 3, 8>(simd, block.0),
                (16, 5) => self.block::<S, 5, 5>(simd, block.0),
                (16, _) => self.block::<S, 4, 6>(simd, block.0),
                (8, _) => self.block::<S, 2, 6>(simd, block.0),
                (4, _) => self.block::<S, 4, 6>(simd, block.0),
                _ => self.block::<S, 16, 1>(simd, block.0),
            }
        }
    }
}

impl RowsByPanel<'_> {
    /// One block of columns: NV vectors, MR rows at a time.
    #[inline(always)]
    fn block<S: Simd, const NV: usize, const MR: usize>(&mut self, simd: S, first: usize) {
        let width = NV * S::F32_LANES;
        let panel = S::as_simd_f32s(&self.b.data[first * self.b.k..][..self.b.k * width]).0.as_chunks::<NV>().0;
        let valid = width.min(self.b.n - first);
        let mut start = [simd.splat_f32s(0.0); NV];
        if let Some(bias) = self.finish.bias {
            let (whole, rest) = S::as_simd_f32s(&bias[first..first + valid]);
            for (v, start) in start.iter_mut().enumerate() {
                if v < whole.len() {
                    *start = whole[v];
                } else if v == whole.len() {
                    *start = simd.partial_load_f32s(rest);
                }
            }
        }
        for (i, (rows, outs)) in self.rows.chunks(MR).zip(self.outs.chunks(MR)).enumerate() {
            // Rows that are missing in the last tile are its first row once more; they are not written.
            let row: [usize; MR] = std::array::from_fn(|r| *rows.get(r).unwrap_or(&rows[0]));
            let mut sums = [start; MR];
            if let Some(bias) = self.finish.row_bias {
                sums = std::array::from_fn(|r| [simd.splat_f32s(bias.get(i * MR + r).copied().unwrap_or(0.0)); NV]);
            }
            let mut k = 0;
            for run in self.runs {
                let a: [&[f32]; MR] = std::array::from_fn(|r| &self.a[row[r] + run.offset..][..run.len]);
                let b = &panel[k..][..run.len];
                for j in 0..run.len {
                    for r in 0..MR {
                        let x = simd.splat_f32s(a[r][j]);
                        for v in 0..NV {
                            sums[r][v] = simd.mul_add_e_f32s(x, b[j][v], sums[r][v]);
                        }
                    }
                }
                k += run.len;
            }
            // A copy: an array that is indexed by a variable stays in memory, and the loop above wants registers.
            let mut finished = sums;
            if let Some(leak) = self.finish.leak {
                let leak = simd.splat_f32s(leak);
                for sum in finished.iter_mut().flatten() {
                    // In this order: where one of the two is NaN, as 0 · ∞ is, x86 takes the second.
                    *sum = simd.max_f32s(simd.mul_f32s(*sum, leak), *sum);
                }
            }
            for (r, &out) in outs.iter().enumerate() {
                let (whole, rest) = S::as_mut_simd_f32s(&mut self.y[out + first..][..valid]);
                for v in 0..NV {
                    if v < whole.len() {
                        whole[v] = finished[r][v];
                    } else if v == whole.len() {
                        simd.partial_store_f32s(rest, finished[r][v]);
                    }
                }
            }
        }
    }
}

/// c[k · n + j] += Σ_m A[row(m) + place(k)] · B[m, j] for all columns of B; `runs` says where the places lie.
///
/// `rows` has one entry for each row of B, and C as many rows as the runs have k's together. A is read up to [`BEYOND`] numbers
/// past the last one that counts.
pub(crate) fn rows_by_rows(a: &[f32], rows: &[usize], runs: &[Run], b: &Panels, c: &mut [f32]) {
    debug_assert_eq!(runs.iter().map(|run| run.len).sum::<usize>() * b.n, c.len());
    debug_assert_eq!(rows.len(), b.k);
    b.arch.dispatch(RowsByRows { a, rows, runs, b, c });
}

/// Rows of C in the highest tile of [`rows_by_rows`], less one.
pub(crate) const BEYOND: usize = 11;

struct RowsByRows<'a> {
    a: &'a [f32],
    rows: &'a [usize],
    runs: &'a [Run],
    b: &'a Panels,
    c: &'a mut [f32],
}

impl WithSimd for RowsByRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        // With one or three colours a run is shorter than a tile is high.
        let short = self.runs.iter().all(|run| run.len <= 4);
        for i in 0..self.b.blocks.len() {
            let (first, units) = self.b.blocks[i];
            match (S::F32_LANES, units, short) {
                (16, 1, true) => self.block::<S, 1, 4>(simd, first),
                (16, 1, false) => self.block::<S, 1, 12>(simd, first),
                (16, 2, true) => self.block::<S, 2, 4>(simd, first),
                (16, 2, false) => self.block::<S, 2, 12>(simd, first),
                (16, 3, true) => self.block::<S, 3, 4>(simd, first),
                (16, 3, false) => self.block::<S, 3, 8>(simd, first),
                (16, 5, _) => self.block::<S, 5, 5>(simd, first),
                (16, _, true) => self.block::<S, 4, 4>(simd, first),
                (16, _, false) => self.block::<S, 4, 6>(simd, first),
                (8, _, true) => self.block::<S, 2, 4>(simd, first),
                (8, _, false) => self.block::<S, 2, 6>(simd, first),
                (4, _, _) => self.block::<S, 4, 6>(simd, first),
                _ => self.block::<S, 16, 1>(simd, first),
            }
        }
    }
}

impl RowsByRows<'_> {
    #[inline(always)]
    fn block<S: Simd, const NV: usize, const MR: usize>(&mut self, simd: S, first: usize) {
        let width = NV * S::F32_LANES;
        let Panels { k: rows, n, ref data, .. } = *self.b;
        let panel = S::as_simd_f32s(&data[first * rows..][..rows * width]).0.as_chunks::<NV>().0;
        let valid = width.min(n - first);
        let mut k = 0;
        for run in self.runs {
            for j in (0..run.len).step_by(MR) {
                let a = &self.a[run.offset + j..];
                let mut sums = [[simd.splat_f32s(0.0); NV]; MR];
                for (&row, b) in self.rows.iter().zip(panel) {
                    let a = &a[row..][..MR];
                    for r in 0..MR {
                        let x = simd.splat_f32s(a[r]);
                        for v in 0..NV {
                            sums[r][v] = simd.mul_add_e_f32s(x, b[v], sums[r][v]);
                        }
                    }
                }
                // A copy, for the same reason as above.
                let finished = sums;
                for (r, sums) in finished.iter().enumerate().take(run.len - j) {
                    let (whole, rest) = S::as_mut_simd_f32s(&mut self.c[(k + j + r) * n + first..][..valid]);
                    for v in 0..NV {
                        if v < whole.len() {
                            whole[v] = simd.add_f32s(whole[v], sums[v]);
                        } else if v == whole.len() {
                            let old = simd.partial_load_f32s(rest);
                            simd.partial_store_f32s(rest, simd.add_f32s(old, sums[v]));
                        }
                    }
                }
            }
            k += run.len;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// The instruction sets that this processor can be asked to use.
    fn architectures() -> Vec<Arch> {
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        {
            let v3 = pulp::x86::V3::try_new().map(Arch::V3);
            [Some(Arch::Scalar), v3, Some(Arch::new())].into_iter().flatten().collect()
        }
        #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
        vec![Arch::new()]
    }

    /// Both tiles agree with plain loops in float64, for every instruction set, odd sizes, several runs and rows in any place.
    #[test]
    fn tiles_agree_with_loops() {
        let random = &mut Random::new(1);
        for arch in architectures() {
            for case in 0..60 {
                let mut pick = |from: usize, to: usize| from + random.below(to - from);
                let (m, n) = (pick(1, 40), pick(1, 150));
                let lens: Vec<usize> = (0..pick(1, 4)).map(|_| pick(1, 30)).collect();
                let mut runs: Vec<Run> = vec![];
                for len in lens {
                    let offset = runs.last().map_or(0, |run| run.offset + run.len) + pick(0, 5);
                    runs.push(Run { offset, len });
                }
                let k: usize = runs.iter().map(|run| run.len).sum();
                let reach = runs.last().map_or(0, |run| run.offset + run.len);
                let rows: Vec<usize> = (0..m).map(|_| pick(0, 50)).collect();
                let outs: Vec<usize> = (0..m).map(|m| m * n).collect();
                let mut numbers = |count: usize| {
                    let mut x = vec![0.0; count];
                    random.fill_uniform(&mut x);
                    x
                };
                let (a, b, d) = (numbers(50 + reach + BEYOND), numbers(k * n), numbers(m * n));
                let places: Vec<usize> = runs.iter().flat_map(|run| run.offset..run.offset + run.len).collect();
                let at = |m: usize, k: usize| a[rows[m] + places[k]] as f64;

                let panels =
                    Panels::pack_for(arch, k, n, |k, first, row| row.copy_from_slice(&b[k * n + first..][..row.len()]));
                let mut y = vec![0.0; m * n];
                rows_by_panel(
                    &a,
                    &rows,
                    &runs,
                    &panels,
                    Finish { bias: Some(&b[..n]), ..Default::default() },
                    &outs,
                    &mut y,
                );
                let panels =
                    Panels::pack_for(arch, m, n, |m, first, row| row.copy_from_slice(&d[m * n + first..][..row.len()]));
                let mut c = vec![1.0; k * n];
                rows_by_rows(&a, &rows, &runs, &panels, &mut c);

                let close =
                    |got: f32, want: f64| assert!((got as f64 / want - 1.0).abs() < 1e-5, "{case} {got} {want}");
                for (i, &y) in y.iter().enumerate() {
                    let (m, n_) = (i / n, i % n);
                    close(y, b[n_] as f64 + (0..k).map(|k| at(m, k) * b[k * n + n_] as f64).sum::<f64>());
                }
                for (i, &c) in c.iter().enumerate() {
                    let (k, n_) = (i / n, i % n);
                    close(c, 1.0 + (0..m).map(|m| at(m, k) * d[m * n + n_] as f64).sum::<f64>());
                }
            }
        }
    }
}
