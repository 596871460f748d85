//! A diagonal Gaussian's divergence from N(0, I) and its reparameterized draw, with their gradients, in one pass each.
//!
//! ```text
//! KL      = Σ ½ (σ² + μ² − 1 − ln σ²)      d/dμ = μ        d/d ln σ² = ½ (σ² − 1)
//! z       = μ + σ ε,  σ = exp(½ ln σ²)     dz/dμ = 1       dz/d ln σ² = ½ σ ε
//! ```

use pulp::Simd;

use super::{
    elementary::exp,
    elementwise::{Pointwise, apply_each},
};

/// The divergence of one dimension.
#[derive(Clone, Copy)]
struct Divergence;

impl Pointwise<2> for Divergence {
    #[inline(always)]
    fn of<S: Simd>(self, [mu, log_var]: [f32; 2]) -> f32 {
        0.5 * (exp::<S>(log_var) + mu * mu - 1.0 - log_var)
    }
}

/// Its derivative with respect to ln σ².
#[derive(Clone, Copy)]
struct DivergenceSlope;

impl Pointwise<1> for DivergenceSlope {
    #[inline(always)]
    fn of<S: Simd>(self, [log_var]: [f32; 1]) -> f32 {
        0.5 * (exp::<S>(log_var) - 1.0)
    }
}

#[derive(Clone, Copy)]
struct Draw;

impl Pointwise<3> for Draw {
    #[inline(always)]
    fn of<S: Simd>(self, [mu, log_var, epsilon]: [f32; 3]) -> f32 {
        mu + exp::<S>(0.5 * log_var) * epsilon
    }
}

/// The derivative of a draw with respect to ln σ², times the gradient.
#[derive(Clone, Copy)]
struct DrawSlope;

impl Pointwise<3> for DrawSlope {
    #[inline(always)]
    fn of<S: Simd>(self, [log_var, epsilon, gradient]: [f32; 3]) -> f32 {
        gradient * 0.5 * exp::<S>(0.5 * log_var) * epsilon
    }
}

/// The divergence of each row of `width` numbers.
pub(crate) fn kl_to_standard(mu: &[f32], log_var: &[f32], width: usize) -> Vec<f32> {
    apply_each(Divergence, [mu, log_var]).chunks(width).map(|row| row.iter().sum()).collect()
}

/// Its gradients with respect to μ and ln σ², from that of each row's divergence.
pub(crate) fn kl_gradients(mu: &[f32], log_var: &[f32], gradient: &[f32], width: usize) -> (Vec<f32>, Vec<f32>) {
    let (mut by_mu, mut by_log_var) = (mu.to_vec(), apply_each(DivergenceSlope, [log_var]).to_vec());
    for slope in [&mut by_mu, &mut by_log_var] {
        for (row, gradient) in slope.chunks_mut(width).zip(gradient) {
            row.iter_mut().for_each(|slope| *slope *= gradient);
        }
    }
    (by_mu, by_log_var)
}

/// z.
pub(crate) fn rsample(mu: &[f32], log_var: &[f32], epsilon: &[f32]) -> Vec<f32> {
    apply_each(Draw, [mu, log_var, epsilon]).to_vec()
}

/// The gradient with respect to ln σ², from that of z.
pub(crate) fn rsample_gradient(log_var: &[f32], epsilon: &[f32], gradient: &[f32]) -> Vec<f32> {
    apply_each(DrawSlope, [log_var, epsilon, gradient]).to_vec()
}
