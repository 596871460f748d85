//! A diagonal Gaussian's reparameterized draw, and its divergence from N(0, I).
//!
//! ```text
//! z  = μ + σ ⊙ ε,  σ = exp(½ v)          μ, v = ln σ², ε: (B, …) → (B, …)     dz/dμ = 1      dz/dv = ½ σ ε
//! KL = Σ ½ (σ² + μ² − 1 − v)             μ, v: (B, …) → (B,)                  dKL/dμ = μ     dKL/dv = ½ (σ² − 1)
//! ```
//! The noise ε has no gradient on the fast paths; one that needs it goes by the reference.

mod cpu;
mod cuda;

use candle_core::Tensor;

use super::{
    Path,
    node::{node2, node3},
    path, sum_per_item,
};
use crate::Result;

/// In candle's own operations.
mod reference {
    use super::*;

    pub(super) fn draw(mu: &Tensor, log_var: &Tensor, epsilon: &Tensor) -> Result<Tensor> {
        Ok((mu + ((log_var * 0.5)?.exp()? * epsilon)?)?)
    }

    pub(super) fn kl(mu: &Tensor, log_var: &Tensor) -> Result<Tensor> {
        sum_per_item(&kl_per_dimension(mu, log_var)?)
    }
}

/// ½ (σ² + μ² − 1 − v) of each dimension, in the shape of μ; by candle's operations on every device.
pub(crate) fn kl_per_dimension(mu: &Tensor, log_var: &Tensor) -> Result<Tensor> {
    Ok(((log_var.exp()? + mu.sqr()?)? - log_var)?.affine(0.5, -0.5)?)
}

/// z = μ + σ ⊙ ε, in the shape of all three.
pub(crate) fn draw(mu: &Tensor, log_var: &Tensor, epsilon: &Tensor) -> Result<Tensor> {
    let path = path([mu, log_var, epsilon]);
    if path == Path::Reference || epsilon.track_op() {
        return reference::draw(mu, log_var, epsilon);
    }
    let (mu, log_var, epsilon) = (mu.contiguous()?, log_var.contiguous()?, epsilon.contiguous()?);
    let [forward, slope] =
        if path == Path::Cuda { [cuda::draw, cuda::draw_gradient] } else { [cpu::draw, cpu::draw_gradient] };
    let z = forward(&mu, &log_var, &epsilon)?;
    node3("vae_core reparameterized draw", (&mu, &log_var, &epsilon), z, move |[_, log_var, epsilon], _, dz| {
        Ok([Some(dz.clone()), Some(slope(log_var, epsilon, dz)?.tensor()), None])
    })
}

/// KL(N(μ, σ²) ‖ N(0, I)) of each item: (B, …) twice → (B,).
pub(crate) fn kl(mu: &Tensor, log_var: &Tensor) -> Result<Tensor> {
    let path = path([mu, log_var]);
    if path == Path::Reference {
        return reference::kl(mu, log_var);
    }
    let (mu, log_var) = (mu.contiguous()?, log_var.contiguous()?);
    let kl = if path == Path::Cuda { cuda::kl(&mu, &log_var) } else { cpu::kl(&mu, &log_var) };
    let gradients = if path == Path::Cuda { cuda::kl_gradients } else { cpu::kl_gradients };
    node2("vae_core KL to N(0, I)", (&mu, &log_var), kl?, move |[mu, log_var], _, dy| {
        Ok(gradients(mu, log_var, dy)?.map(|gradient| Some(gradient.tensor())))
    })
}

/// Codes of a shape that fills no vector.
#[cfg(any(test, feature = "cuda"))]
pub(crate) fn check(place: &super::compare::Place) {
    let [mu, log_var, epsilon] = [5, 6, 8].map(|seed| super::compare::normal(seed, &[7, 21]));
    let both = [mu, log_var];
    place.agrees("KL", 2e-6, &both, &[], |x| kl(&x[0], &x[1]), |x| reference::kl(&x[0], &x[1]));
    let reference = |x: &[Tensor]| reference::draw(&x[0], &x[1], &x[2]);
    place.agrees("draw", 2e-6, &both, &[epsilon], |x| draw(&x[0], &x[1], &x[2]), reference);
}

#[cfg(test)]
mod tests {
    /// The paths agree with the reference in float64, values and gradients.
    #[test]
    fn paths_agree() {
        super::super::compare::everywhere(super::check);
    }
}
