//! The density of codes under a weighted mixture of the posteriors of a batch, jointly and dimension by dimension.
//!
//! ```text
//! lᵢⱼd = ln N(zᵢd; μⱼd, exp vⱼd)       wᵢⱼ = own for i = j, others for i ≠ j       z, μ, v: (B, …), D numbers an item
//! joint   = ln Σⱼ wᵢⱼ exp Σd lᵢⱼd      (B,)                d joint / d lᵢⱼd   = aᵢⱼ  = wᵢⱼ exp(Σd lᵢⱼd − jointᵢ)
//! product = Σd ln Σⱼ wᵢⱼ exp lᵢⱼd      (B,)                d product / d lᵢⱼd = pᵢⱼd = wᵢⱼ exp lᵢⱼd / Σⱼ wᵢⱼ exp lᵢⱼd
//! d lᵢⱼd / dz = −(z − μ) e⁻ᵛ           d lᵢⱼd / dμ = (z − μ) e⁻ᵛ           d lᵢⱼd / dv = ½ ((z − μ)² e⁻ᵛ − 1)
//! ```
//! B² (D + 1) exponentials are all the work: the CPU path makes them twice, forward and backward, and keeps B² numbers
//! instead of B² D. On a CUDA device, the reference computes.

mod cpu;

use candle_core::Tensor;

use super::{LN_2PI, Path, node::node3, path};
use crate::Result;

/// The logarithms of an item's weight in the mixture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LogWeights {
    /// Of the item that the code was drawn for.
    pub(crate) own: f64,
    /// Of each of the others.
    pub(crate) others: f64,
}

/// In candle's own operations.
mod reference {
    use super::*;

    pub(super) fn log_prob([z, mu, log_var]: [&Tensor; 3], weights: LogWeights) -> Result<[Tensor; 2]> {
        let LogWeights { own, others } = weights;
        let [mu, log_var] = [mu.unsqueeze(0)?, log_var.unsqueeze(0)?];
        let squares = z.unsqueeze(1)?.broadcast_sub(&mu)?.sqr()?.broadcast_mul(&log_var.neg()?.exp()?)?;
        let pairs = squares.broadcast_add(&log_var)?.affine(-0.5, -0.5 * LN_2PI)?;
        let weights = Tensor::eye(z.dims()[0], z.dtype(), z.device())?.affine(own - others, others)?;
        let joint = (pairs.sum(2)? + &weights)?.log_sum_exp(1)?;
        let product = pairs.broadcast_add(&weights.unsqueeze(2)?)?.log_sum_exp(1)?.sum(1)?;
        Ok([joint, product])
    }
}

/// Joint and product, (B,) each, of codes z by posteriors N(μ, exp v), in nats; gradients go to all three.
pub(crate) fn log_prob([z, mu, log_var]: [&Tensor; 3], weights: LogWeights) -> Result<[Tensor; 2]> {
    let (z, mu, log_var) = (z.flatten_from(1)?, mu.flatten_from(1)?, log_var.flatten_from(1)?);
    if path([&z, &mu, &log_var]) != Path::Cpu {
        return reference::log_prob([&z, &mu, &log_var], weights);
    }
    let (z, mu, log_var) = (z.contiguous()?, mu.contiguous()?, log_var.contiguous()?);
    let (both, kept) = cpu::log_prob([&z, &mu, &log_var], weights)?;
    let both = node3("vae_core aggregate posterior", (&z, &mu, &log_var), both, move |tensors, _, dy| {
        Ok(cpu::gradients(tensors, weights, &kept, dy)?.map(|gradient| Some(gradient.tensor())))
    })?;
    Ok([both.get(0)?, both.get(1)?])
}

/// Batches that fill no vector and several tasks, a batch of one, and an own item that outweighs all others or has no weight.
#[cfg(any(test, feature = "cuda"))]
pub(crate) fn check(place: &super::compare::Place) {
    use super::compare::normal;
    for (shape, own, others) in
        [([37, 5], -9.0, -3.6), ([16, 1], -1.0, -2.0), ([1, 4], 0.0, -700.0), ([50, 3], -30.0, 0.0)]
    {
        let tensors = [1, 2, 3].map(|seed| normal(seed, &shape));
        for part in 0..2 {
            let weights = LogWeights { own, others };
            let ours = |x: &[Tensor]| Ok(log_prob([&x[0], &x[1], &x[2]], weights)?[part].clone());
            let reference = |x: &[Tensor]| Ok(reference::log_prob([&x[0], &x[1], &x[2]], weights)?[part].clone());
            place.agrees(["joint", "product"][part], 5e-6, &tensors, &[], ours, reference);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::compare::normal;

    /// The paths agree with the reference in float64, values and gradients.
    #[test]
    fn paths_agree() {
        super::super::compare::everywhere(super::check);
    }

    /// Codes that lie far from all posteriors but their own, and far even from that, have numbers for values and gradients; NaN stays.
    #[test]
    fn far_codes() {
        let far = |scale: f64| -> Result<Vec<f32>> {
            let z = candle_core::Var::from_tensor(&(normal(1, &[20, 3]) * scale)?)?;
            let (mu, log_var) = ((z.detach() + normal(2, &[20, 3]))?, (normal(3, &[20, 3]) - 4.0)?);
            let [joint, product] = log_prob([&z, &mu, &log_var], LogWeights { own: -5.0, others: -3.0 })?;
            let sum = (joint.sum_all()? + product.sum_all()?)?;
            let gradient = sum.backward()?.get(&z).cloned().unwrap_or(z.zeros_like()?);
            Ok([vec![sum.to_scalar::<f32>()?], gradient.flatten_all()?.to_vec1()?].concat())
        };
        for scale in [1e3, 1e6, 1e15] {
            assert!(far(scale).unwrap().iter().all(|x| x.is_finite()), "{scale}");
        }
        assert!(far(f64::NAN).unwrap()[0].is_nan());
    }
}
