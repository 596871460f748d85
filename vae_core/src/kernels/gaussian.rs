//! A diagonal Gaussian's divergence from N(0, I) and its reparameterized draw, with their gradients, in one pass each.
//!
//! ```text
//! KL      = Σ ½ (σ² + μ² − 1 − ln σ²)      d/dμ = μ        d/d ln σ² = ½ (σ² − 1)
//! z       = μ + σ ε,  σ = exp(½ ln σ²)     dz/dμ = 1       dz/d ln σ² = ½ σ ε
//! ```

use rayon::prelude::*;

/// Numbers that one task works on; fixed, so that the work is cut alike for any number of threads.
const CHUNK: usize = 1 << 12;

/// The divergence of each row of `width` numbers.
pub(crate) fn kl_to_standard(mu: &[f32], log_var: &[f32], width: usize) -> Vec<f32> {
    let rows = mu.par_chunks(width).zip(log_var.par_chunks(width)).with_min_len(CHUNK.div_ceil(width));
    let one = |(mu, log_var): (&f32, &f32)| 0.5 * (log_var.exp() + mu * mu - 1.0 - log_var);
    rows.map(|(mu, log_var)| mu.iter().zip(log_var).map(one).sum()).collect()
}

/// Its gradients with respect to μ and ln σ², from that of each row's divergence.
pub(crate) fn kl_gradients(mu: &[f32], log_var: &[f32], gradient: &[f32], width: usize) -> (Vec<f32>, Vec<f32>) {
    let both = (0..mu.len()).into_par_iter().with_min_len(CHUNK).map(|i| {
        let gradient = gradient[i / width];
        (gradient * mu[i], gradient * 0.5 * (log_var[i].exp() - 1.0))
    });
    both.unzip()
}

/// z.
pub(crate) fn rsample(mu: &[f32], log_var: &[f32], epsilon: &[f32]) -> Vec<f32> {
    let parts = mu.par_iter().zip(log_var).zip(epsilon).with_min_len(CHUNK);
    parts.map(|((mu, log_var), epsilon)| mu + (0.5 * log_var).exp() * epsilon).collect()
}

/// The gradient with respect to ln σ², from that of z.
pub(crate) fn rsample_gradient(log_var: &[f32], epsilon: &[f32], gradient: &[f32]) -> Vec<f32> {
    let parts = log_var.par_iter().zip(epsilon).zip(gradient).with_min_len(CHUNK);
    parts.map(|((log_var, epsilon), gradient)| gradient * 0.5 * (0.5 * log_var).exp() * epsilon).collect()
}
