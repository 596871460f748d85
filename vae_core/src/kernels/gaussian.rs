//! A diagonal Gaussian's divergence from N(0, I) and its reparameterized draw, with their gradients, in one pass each.
//!
//! ```text
//! KL      = Σ ½ (σ² + μ² − 1 − ln σ²)      d/dμ = μ        d/d ln σ² = ½ (σ² − 1)
//! z       = μ + σ ε,  σ = exp(½ ln σ²)     dz/dμ = 1       dz/d ln σ² = ½ σ ε
//! ```

use rayon::prelude::*;

/// Numbers that one task works on. Fewer are not worth waking a thread.
const CHUNK: usize = 1 << 13;

/// f of each index below `count`, where `size` numbers are read for one.
fn each<T: Send>(count: usize, size: usize, f: impl Fn(usize) -> T + Sync + Send) -> Vec<T> {
    match count * size <= CHUNK {
        true => (0..count).map(f).collect(),
        false => (0..count).into_par_iter().with_min_len(CHUNK.div_ceil(size.max(1))).map(f).collect(),
    }
}

/// The divergence of each row of `width` numbers.
pub(crate) fn kl_to_standard(mu: &[f32], log_var: &[f32], width: usize) -> Vec<f32> {
    let one = |(mu, log_var): (&f32, &f32)| 0.5 * (log_var.exp() + mu * mu - 1.0 - log_var);
    each(mu.len() / width, width, |row| {
        let row = row * width..(row + 1) * width;
        mu[row.clone()].iter().zip(&log_var[row]).map(one).sum()
    })
}

/// Its gradients with respect to μ and ln σ², from that of each row's divergence.
pub(crate) fn kl_gradients(mu: &[f32], log_var: &[f32], gradient: &[f32], width: usize) -> (Vec<f32>, Vec<f32>) {
    let by_mu = each(mu.len(), 1, |i| gradient[i / width] * mu[i]);
    (by_mu, each(mu.len(), 1, |i| gradient[i / width] * 0.5 * (log_var[i].exp() - 1.0)))
}

/// z.
pub(crate) fn rsample(mu: &[f32], log_var: &[f32], epsilon: &[f32]) -> Vec<f32> {
    each(mu.len(), 1, |i| mu[i] + (0.5 * log_var[i]).exp() * epsilon[i])
}

/// The gradient with respect to ln σ², from that of z.
pub(crate) fn rsample_gradient(log_var: &[f32], epsilon: &[f32], gradient: &[f32]) -> Vec<f32> {
    each(log_var.len(), 1, |i| gradient[i] * 0.5 * (0.5 * log_var[i]).exp() * epsilon[i])
}
