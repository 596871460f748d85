//! On the CPU: one pass over the numbers for each result and each gradient.

use candle_core::Tensor;
use pulp::Simd;

use crate::{
    Result,
    ops::{
        kernels::{
            elementary::exp,
            elementwise::{Pointwise, apply_each},
            slices::with_slices,
        },
        node::Output,
        width,
    },
};

/// z, from contiguous tensors of one shape.
pub(super) fn draw(mu: &Tensor, log_var: &Tensor, epsilon: &Tensor) -> Result<Output> {
    each(Draw, [mu, log_var, epsilon])
}

/// The gradient with respect to v, from that of z.
pub(super) fn draw_gradient(log_var: &Tensor, epsilon: &Tensor, dz: &Tensor) -> Result<Output> {
    each(DrawSlope, [log_var, epsilon, dz])
}

/// KL of each item.
pub(super) fn kl(mu: &Tensor, log_var: &Tensor) -> Result<Output> {
    let sums = with_slices([mu, log_var], |x| {
        Ok(apply_each(Divergence, x).chunks(width(mu)).map(|row| row.iter().sum()).collect())
    })?;
    Ok(Output::on_cpu(sums, mu.dims()[0]))
}

/// Its gradients with respect to μ and v, from that of each item's divergence.
pub(super) fn kl_gradients(mu: &Tensor, log_var: &Tensor, dy: &Tensor) -> Result<[Output; 2]> {
    let scaled = |mut slopes: Vec<f32>, dy: &[f32]| {
        for (row, dy) in slopes.chunks_mut(width(mu)).zip(dy) {
            row.iter_mut().for_each(|slope| *slope *= dy);
        }
        Output::on_cpu(slopes, mu.shape())
    };
    with_slices([mu, log_var, dy], |[mu, log_var, dy]| {
        Ok([scaled(mu.to_vec(), dy), scaled(apply_each(DivergenceSlope, [log_var]).to_vec(), dy)])
    })
}

fn each<const N: usize>(f: impl Pointwise<N>, x: [&Tensor; N]) -> Result<Output> {
    let y = with_slices(x, |x| Ok(apply_each(f, x).to_vec()))?;
    Ok(Output::on_cpu(y, x[0].shape()))
}

/// The divergence of one dimension.
#[derive(Clone, Copy)]
struct Divergence;

impl Pointwise<2> for Divergence {
    #[inline(always)]
    fn of<S: Simd>(self, [mu, log_var]: [f32; 2]) -> f32 {
        0.5 * (exp::<S>(log_var) + mu * mu - 1.0 - log_var)
    }
}

/// The derivative of a dimension's divergence with respect to v.
#[derive(Clone, Copy)]
struct DivergenceSlope;

impl Pointwise<1> for DivergenceSlope {
    #[inline(always)]
    fn of<S: Simd>(self, [log_var]: [f32; 1]) -> f32 {
        0.5 * (exp::<S>(log_var) - 1.0)
    }
}

/// One number of a draw.
#[derive(Clone, Copy)]
struct Draw;

impl Pointwise<3> for Draw {
    #[inline(always)]
    fn of<S: Simd>(self, [mu, log_var, epsilon]: [f32; 3]) -> f32 {
        mu + exp::<S>(0.5 * log_var) * epsilon
    }
}

/// The derivative of a draw with respect to v, times the gradient.
#[derive(Clone, Copy)]
struct DrawSlope;

impl Pointwise<3> for DrawSlope {
    #[inline(always)]
    fn of<S: Simd>(self, [log_var, epsilon, gradient]: [f32; 3]) -> f32 {
        gradient * 0.5 * exp::<S>(0.5 * log_var) * epsilon
    }
}
