//! On the CPU: some codes at a time against a block of parts, whose numbers lie side by side, a vector for each dimension. Forward, a
//! task has some codes; backward it has a block, and what a block adds to the gradients of the codes is added up first to last, so that no
//! sum depends on the number of threads.

// Loops over all codes and vectors of a tile, which become straight code.
#![allow(clippy::needless_range_loop)]

use candle_core::Tensor;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::{
    Result,
    ops::{
        LN_2PI,
        kernels::{
            elementary::exp,
            elementwise::{log_sum_exp, sum_parts},
            scratch::Scratch,
            slices::with_slices,
        },
        node::Output,
    },
};

/// Parts of a block: two vectors of AVX-512.
const BLOCK: usize = 32;

/// Codes of one task.
const CODES: usize = 16;

/// Codes that are compared together with each vector of parts that is loaded.
const TILE: usize = 4;

/// The log-weight of parts that only fill up the last block.
const NOWHERE: f32 = -1e30;

/// A part that answers for less than e^−50 of a code has no gradient from it: what is lost is far below rounding, and products with what would
/// be left are numbers that a processor takes many times as long for.
const LEAST: f32 = -50.0;

/// What the gradients need beside the arguments.
pub(super) struct Kept {
    parts: Parts,
    /// lᵢₖ: (B, P), where P is K in whole blocks.
    pairs: Scratch,
    /// yᵢ: (B,).
    sums: Scratch,
}

/// The densities of contiguous codes (B, D), by contiguous parts (2, K, D), μ and v, and log-weights (K,): (B,).
pub(super) fn log_prob(z: &Tensor, parts: &Tensor, log_weights: &Tensor) -> Result<(Output, Kept)> {
    let (items, width) = z.dims2()?;
    with_slices([z, parts, log_weights], |[z, parts, log_weights]| {
        let parts = Parts::new(parts, log_weights, width);
        let padded = parts.constants.len();
        let (mut pairs, mut sums) = (Scratch::new(items * padded), Scratch::new(items));
        let tasks = pairs.par_chunks_mut(CODES * padded).zip(sums.par_chunks_mut(CODES));
        tasks.zip(z.par_chunks(CODES * width)).for_each(|((pairs, sums), z)| {
            Arch::new().dispatch(Forward { parts: &parts, z, pairs, sums });
        });
        Ok((Output::on_cpu(sums.to_vec(), items), Kept { parts, pairs, sums }))
    })
}

/// The gradients of z, parts and log-weights, from that of the densities, (B,).
pub(super) fn gradients([z, parts, log_weights]: [&Tensor; 3], kept: &Kept, dy: &Tensor) -> Result<[Output; 3]> {
    let (items, width) = z.dims2()?;
    let count = log_weights.elem_count();
    let (codes, blocks) = with_slices([z, dy], |[z, dy]| {
        let tasks = kept.parts.table.par_chunks(2 * width * BLOCK).enumerate().map(|(block, table)| {
            let (mut dz, mut slopes) = (Scratch::zeros(items * width), Scratch::zeros((2 * width + 1) * BLOCK));
            Arch::new().dispatch(Backward { table, block, width, z, kept, dy, dz: &mut dz, slopes: &mut slopes });
            (dz, slopes)
        });
        Ok(tasks.collect::<(Vec<Scratch>, Vec<Scratch>)>())
    })?;
    let dz = sum_parts(&codes, items * width).to_vec();
    let part = |half: usize| {
        let numbers = (0..count * width).map(move |n| (n / width, n % width));
        numbers.map(move |(k, d)| (k, (2 * d + half) * BLOCK))
    };
    let at = |(k, row): (usize, usize)| blocks[k / BLOCK][row + k % BLOCK];
    let dparts = part(0).chain(part(1)).map(at).collect();
    let dweights = (0..count).map(|k| at((k, 2 * width * BLOCK))).collect();
    Ok([
        Output::on_cpu(dz, z.shape()),
        Output::on_cpu(dparts, parts.shape()),
        Output::on_cpu(dweights, log_weights.shape()),
    ])
}

/// All parts in blocks.
struct Parts {
    width: usize,
    /// For each block and dimension, μ and e^(−½ v) of its parts: (K/32, D, 2, 32).
    table: Scratch,
    /// ln w − ½ Σ v + ln 2π: (P,).
    constants: Scratch,
}

impl Parts {
    /// From (2, K, D) and (K,).
    fn new(parts: &[f32], log_weights: &[f32], width: usize) -> Self {
        let padded = log_weights.len().next_multiple_of(BLOCK);
        let (mu, log_var) = parts.split_at(parts.len() / 2);
        let (mut table, mut constants) = (Scratch::zeros(2 * width * padded), Scratch::new(padded));
        let blocks = table.par_chunks_mut(2 * width * BLOCK).zip(constants.par_chunks_mut(BLOCK));
        blocks.enumerate().for_each(|(block, (table, constants))| {
            constants.fill(NOWHERE);
            let (first, last) = (block * BLOCK, log_weights.len().min((block + 1) * BLOCK));
            for k in first..last {
                constants[k - first] = log_weights[k];
                for (d, row) in table.chunks_exact_mut(2 * BLOCK).enumerate() {
                    row[k - first] = mu[k * width + d];
                    row[BLOCK + k - first] = log_var[k * width + d];
                }
            }
            Arch::new().dispatch(Prepare { table, constants });
        });
        Self { width, table, constants }
    }
}

/// Makes e^(−½ v) of the v of a block, and its constants of log-weights.
struct Prepare<'a> {
    table: &'a mut [f32],
    constants: &'a mut [f32],
}

impl WithSimd for Prepare<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let constants = &mut self.constants[..BLOCK];
        for row in self.table.chunks_exact_mut(2 * BLOCK) {
            let log_var = &mut row[BLOCK..2 * BLOCK];
            for lane in 0..BLOCK {
                constants[lane] -= 0.5 * (log_var[lane] + LN_2PI as f32);
                log_var[lane] = exp::<S>(-0.5 * log_var[lane]);
            }
        }
    }
}

/// The codes of a task, forward.
struct Forward<'a> {
    parts: &'a Parts,
    z: &'a [f32],
    pairs: &'a mut [f32],
    sums: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { parts: &Parts { width, ref table, ref constants }, z, pairs, sums } = self;
        let (padded, codes) = (constants.len(), sums.len());
        for (block, table) in table.chunks_exact(2 * width * BLOCK).enumerate() {
            let constants = &constants[block * BLOCK..][..BLOCK];
            let whole = codes - codes % TILE;
            for first in (0..whole).step_by(TILE) {
                let pairs = &mut pairs[first * padded + block * BLOCK..];
                compare::<S, TILE>(simd, table, constants, (&z[first * width..], width), (pairs, padded));
            }
            for first in whole..codes {
                let pairs = &mut pairs[first * padded + block * BLOCK..];
                compare::<S, 1>(simd, table, constants, (&z[first * width..], width), (pairs, padded));
            }
        }
        for (sum, pairs) in sums.iter_mut().zip(pairs.chunks_exact(padded)) {
            *sum = log_sum_exp::<S>(pairs);
        }
    }
}

/// Two vectors of a block's numbers, from the `first` of them on.
#[inline(always)]
fn lanes<S: Simd>(numbers: &[f32], first: usize) -> [S::f32s; 2] {
    let vectors = S::as_simd_f32s(&numbers[first..][..2 * S::F32_LANES]).0;
    [vectors[0], vectors[1]]
}

/// lᵢₖ of `N` codes and a block of parts; codes and results come with the distance from one row to the next.
#[inline(always)]
fn compare<S: Simd, const N: usize>(
    simd: S,
    table: &[f32],
    constants: &[f32],
    (z, width): (&[f32], usize),
    (pairs, padded): (&mut [f32], usize),
) {
    let mut codes = [z; N];
    for n in 0..N {
        codes[n] = &z[n * width..][..width];
    }
    let half = simd.splat_f32s(-0.5);
    // Two vectors at a time.
    for first in (0..BLOCK).step_by(2 * S::F32_LANES) {
        let mut sums = [[simd.splat_f32s(0.0); 2]; N];
        for (d, row) in table.chunks_exact(2 * BLOCK).enumerate() {
            let (mu, scale) = (lanes::<S>(&row[..BLOCK], first), lanes::<S>(&row[BLOCK..], first));
            for n in 0..N {
                let z = simd.splat_f32s(codes[n][d]);
                for v in 0..2 {
                    let t = simd.mul_f32s(simd.sub_f32s(z, mu[v]), scale[v]);
                    sums[n][v] = simd.mul_add_e_f32s(t, t, sums[n][v]);
                }
            }
        }
        let constants = lanes::<S>(constants, first);
        for n in 0..N {
            let to = S::as_mut_simd_f32s(&mut pairs[n * padded + first..][..2 * S::F32_LANES]).0;
            for v in 0..2 {
                to[v] = simd.mul_add_e_f32s(sums[n][v], half, constants[v]);
            }
        }
    }
}

/// A block of parts, backward.
struct Backward<'a> {
    table: &'a [f32],
    block: usize,
    width: usize,
    z: &'a [f32],
    kept: &'a Kept,
    dy: &'a [f32],
    /// What the block adds to the gradient of z: (B, D), zeros so far.
    dz: &'a mut [f32],
    /// The gradients of μ and v of each dimension, and of the log-weights: (2 D + 1, 32), zeros so far.
    slopes: &'a mut [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { table, block, width, z, kept, dy, dz, slopes } = self;
        let padded = kept.parts.constants.len();
        // Codes that a part of the block answers for, and rᵢₖ dyᵢ.
        let (mut codes, mut shares) = (vec![], Scratch::new(dy.len() * BLOCK));
        for (i, (&dy, &sum)) in dy.iter().zip(&*kept.sums).enumerate() {
            let pairs = &kept.pairs[i * padded + block * BLOCK..][..BLOCK];
            let shares = &mut shares[codes.len() * BLOCK..][..BLOCK];
            let mut any = false;
            for lane in 0..BLOCK {
                let log = pairs[lane] - sum;
                // Not the other way round: NaN has a gradient.
                let none = log < LEAST;
                shares[lane] = if none { 0.0 } else { dy * exp::<S>(log) };
                any |= !none;
            }
            if any {
                codes.push(i);
            }
        }
        let shares = &shares[..codes.len() * BLOCK];
        let (slopes, total) = slopes.split_at_mut(2 * width * BLOCK);
        let total = &mut total[..BLOCK];
        for shares in shares.chunks_exact(BLOCK) {
            for lane in 0..BLOCK {
                total[lane] += shares[lane];
            }
        }
        for first in (0..BLOCK).step_by(2 * S::F32_LANES) {
            let totals = lanes::<S>(total, first);
            let rows = table.chunks_exact(2 * BLOCK).zip(slopes.chunks_exact_mut(2 * BLOCK));
            for (d, (row, slopes)) in rows.enumerate() {
                let (mu, scale) = (lanes::<S>(&row[..BLOCK], first), lanes::<S>(&row[BLOCK..], first));
                let (mut dmu, mut dv) = ([simd.splat_f32s(0.0); 2], [simd.splat_f32s(0.0); 2]);
                for (&i, shares) in codes.iter().zip(shares.chunks_exact(BLOCK)) {
                    let (z, shares) = (simd.splat_f32s(z[i * width + d]), lanes::<S>(shares, first));
                    let mut sum = simd.splat_f32s(0.0);
                    for v in 0..2 {
                        let t = simd.mul_f32s(simd.sub_f32s(z, mu[v]), scale[v]);
                        let share = simd.mul_f32s(shares[v], t);
                        dv[v] = simd.mul_add_e_f32s(share, t, dv[v]);
                        dmu[v] = simd.mul_add_e_f32s(share, scale[v], dmu[v]);
                        sum = simd.mul_add_e_f32s(share, scale[v], sum);
                    }
                    dz[i * width + d] -= simd.reduce_sum_f32s(sum);
                }
                let half = simd.splat_f32s(0.5);
                let (to_mu, to_v) = slopes.split_at_mut(BLOCK);
                let to_mu = S::as_mut_simd_f32s(&mut to_mu[first..][..2 * S::F32_LANES]).0;
                let to_v = S::as_mut_simd_f32s(&mut to_v[first..][..2 * S::F32_LANES]).0;
                for v in 0..2 {
                    to_mu[v] = dmu[v];
                    to_v[v] = simd.mul_f32s(half, simd.sub_f32s(dv[v], totals[v]));
                }
            }
        }
    }
}
