//! On the CPU: a code at a time against all posteriors, dimension by dimension. Tasks have a fixed number of codes, and what
//! they have for a posterior's gradient is added up first to last, so that no sum depends on the number of threads.

use candle_core::Tensor;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::LogWeights;
use crate::{
    Result,
    ops::{
        LN_2PI,
        kernels::{
            elementary::exp,
            elementwise::{LANES, Pointwise, apply, log_sum_exp, sum_parts},
            scratch::Scratch,
            slices::{with_slice, with_slices},
        },
        node::Output,
    },
};

/// Codes of one task.
const CODES: usize = 16;

/// The log-variance of posteriors that only fill up the last vector: their density is 0 everywhere.
const NOWHERE: f32 = 1e30;

/// What the gradients need beside the arguments.
pub(super) struct Kept {
    /// Σd lᵢⱼd + ln wᵢⱼ − ln others: (B, P), where P is B in whole vectors.
    pairs: Scratch,
    /// ln Σⱼ of the exponentials of those, and of lᵢⱼd + ln wᵢⱼ − ln others: (B, 1 + D).
    sums: Scratch,
}

/// Joint and product, (2, B), from contiguous tensors of one shape (B, D).
pub(super) fn log_prob(tensors: [&Tensor; 3], weights: LogWeights) -> Result<(Output, Kept)> {
    let (items, width) = tensors[0].dims2()?;
    with_slices(tensors, |[z, mu, log_var]| {
        let posteriors = Posteriors::new(mu, log_var, items, weights);
        let padded = posteriors.padded;
        let (mut pairs, mut sums) = (Scratch::new(items * padded), Scratch::new(items * (1 + width)));
        let tasks = pairs.par_chunks_mut(CODES * padded).zip(sums.par_chunks_mut(CODES * (1 + width)));
        tasks.zip(z.par_chunks(CODES * width)).enumerate().for_each(|(task, ((pairs, sums), z))| {
            Arch::new().dispatch(Forward { posteriors: &posteriors, first: task * CODES, z, pairs, sums });
        });
        let others = weights.others as f32;
        let rows = || sums.chunks_exact(1 + width);
        let joint = rows().map(|row| row[0] + others);
        let product = rows().map(|row| row[1..].iter().sum::<f32>() + width as f32 * others);
        let both = joint.chain(product).collect();
        Ok((Output::on_cpu(both, (2, items)), Kept { pairs, sums }))
    })
}

/// The gradients of z, μ and v, (B, D), from that of joint and product, (2, B).
pub(super) fn gradients(tensors: [&Tensor; 3], weights: LogWeights, kept: &Kept, dy: &Tensor) -> Result<[Output; 3]> {
    let (items, width) = tensors[0].dims2()?;
    let (dz, sum, padded) = with_slices(tensors, |[z, mu, log_var]| {
        with_slice(dy, |dy| {
            let posteriors = Posteriors::new(mu, log_var, items, weights);
            let padded = posteriors.padded;
            let mut dz = vec![0.0; items * width];
            let tasks = dz.par_chunks_mut(CODES * width).zip(z.par_chunks(CODES * width));
            let parts: Vec<Scratch> = tasks
                .enumerate()
                .map(|(task, (dz, z))| {
                    let mut slopes = Scratch::zeros(2 * width * padded);
                    let (dmu, dv) = slopes.split_at_mut(width * padded);
                    let first = task * CODES;
                    Arch::new().dispatch(Backward { posteriors: &posteriors, first, z, kept, dy, dz, dmu, dv });
                    slopes
                })
                .collect();
            Ok((dz, sum_parts(&parts, 2 * width * padded), padded))
        })
    })?;
    let (dmu, dv) = sum.split_at(width * padded);
    let by_item = |slopes: &[f32]| {
        let numbers = (0..items * width).map(|n| slopes[n % width * padded + n / width]).collect();
        Output::on_cpu(numbers, (items, width))
    };
    Ok([Output::on_cpu(dz, (items, width)), by_item(dmu), by_item(dv)])
}

/// μ, v and e⁻ᵛ of all posteriors, (D, P) each, and by how much the weight of a code's own item is larger.
struct Posteriors {
    items: usize,
    padded: usize,
    mu: Scratch,
    log_var: Scratch,
    precision: Scratch,
    bonus: f32,
}

impl Posteriors {
    fn new(mu: &[f32], log_var: &[f32], items: usize, weights: LogWeights) -> Self {
        let (width, padded) = (mu.len() / items, items.next_multiple_of(LANES));
        let by_dimension = |from: &[f32], filling: f32| {
            let mut to = Scratch::new(width * padded);
            for (d, to) in to.chunks_exact_mut(padded).enumerate() {
                to.fill(filling);
                to.iter_mut().zip(from[d..].iter().step_by(width)).for_each(|(to, from)| *to = *from);
            }
            to
        };
        let (mu, log_var) = (by_dimension(mu, 0.0), by_dimension(log_var, NOWHERE));
        let mut precision = Scratch::new(width * padded);
        apply(Precision, &mut precision, [&log_var]);
        Self { items, padded, mu, log_var, precision, bonus: (weights.own - weights.others) as f32 }
    }

    /// μ, v and e⁻ᵛ of dimension `d`.
    #[inline(always)]
    fn dimension(&self, d: usize) -> [&[f32]; 3] {
        [&self.mu, &self.log_var, &self.precision].map(|numbers| &numbers[d * self.padded..][..self.padded])
    }
}

/// e⁻ᵛ.
#[derive(Clone, Copy)]
struct Precision;

impl Pointwise<1> for Precision {
    #[inline(always)]
    fn of<S: Simd>(self, [log_var]: [f32; 1]) -> f32 {
        exp::<S>(-log_var)
    }
}

/// The codes of a task, forward.
struct Forward<'a> {
    posteriors: &'a Posteriors,
    /// The number of the task's first code.
    first: usize,
    z: &'a [f32],
    pairs: &'a mut [f32],
    sums: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { posteriors, first, .. } = self;
        let (padded, bonus) = (posteriors.padded, posteriors.bonus);
        let mut densities = Scratch::new(padded);
        let width = posteriors.mu.len() / padded;
        let rows = self.z.chunks_exact(width).zip(self.pairs.chunks_exact_mut(padded));
        for (n, ((z, pairs), sums)) in rows.zip(self.sums.chunks_exact_mut(1 + width)).enumerate() {
            let own = first + n;
            pairs.fill(0.0);
            for (d, &z) in z.iter().enumerate() {
                let [mu, log_var, precision] = posteriors.dimension(d);
                let densities = &mut densities[..padded];
                for j in 0..padded {
                    let distance = z - mu[j];
                    densities[j] = -0.5 * (distance * distance * precision[j] + log_var[j] + LN_2PI as f32);
                    pairs[j] += densities[j];
                }
                densities[own] += bonus;
                sums[1 + d] = log_sum_exp::<S>(densities);
            }
            pairs[own] += bonus;
            sums[0] = log_sum_exp::<S>(pairs);
        }
    }
}

/// The codes of a task, backward.
struct Backward<'a> {
    posteriors: &'a Posteriors,
    /// The number of the task's first code.
    first: usize,
    z: &'a [f32],
    kept: &'a Kept,
    dy: &'a [f32],
    dz: &'a mut [f32],
    /// What these codes add to the gradients of μ and v: (D, P).
    dmu: &'a mut [f32],
    dv: &'a mut [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { posteriors, first, kept, dy, .. } = self;
        let padded = posteriors.padded;
        let width = posteriors.mu.len() / padded;
        let mut buffers = Scratch::zeros(3 * padded);
        let (shares, buffers) = buffers.split_at_mut(padded);
        let (bonus, slopes) = buffers.split_at_mut(padded);
        for (n, (z, dz)) in self.z.chunks_exact(width).zip(self.dz.chunks_exact_mut(width)).enumerate() {
            let own = first + n;
            let (pairs, sums) = (&kept.pairs[own * padded..][..padded], &kept.sums[own * (1 + width)..][..1 + width]);
            let (d_joint, d_product) = (dy[own], dy[posteriors.items + own]);
            for j in 0..padded {
                shares[j] = d_joint * exp::<S>(pairs[j] - sums[0]);
            }
            bonus[own] = posteriors.bonus;
            for d in 0..width {
                let [mu, log_var, precision] = posteriors.dimension(d);
                let (z, sum) = (z[d], sums[1 + d]);
                let dmu = &mut self.dmu[d * padded..][..padded];
                let dv = &mut self.dv[d * padded..][..padded];
                for j in 0..padded {
                    let distance = z - mu[j];
                    let slope = distance * precision[j];
                    let density = -0.5 * (distance * slope + log_var[j] + LN_2PI as f32) + bonus[j];
                    let share = shares[j] + d_product * exp::<S>(density - sum);
                    slopes[j] = share * slope;
                    dmu[j] += slopes[j];
                    dv[j] += 0.5 * share * (distance * slope - 1.0);
                }
                let mut sums = [0.0; LANES];
                for slopes in slopes.as_chunks::<LANES>().0 {
                    for lane in 0..LANES {
                        sums[lane] += slopes[lane];
                    }
                }
                dz[d] = -sums.iter().sum::<f32>();
            }
            bonus[own] = 0.0;
        }
    }
}
