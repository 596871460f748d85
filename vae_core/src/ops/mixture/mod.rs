//! The density of codes under a mixture of diagonal Gaussians.
//!
//! ```text
//! lᵢₖ  = ln wₖ − ½ Σd tᵢₖd² + vₖd + ln 2π,  tᵢₖd = (zᵢd − μₖd) e^(−½ vₖd)       z: (B, D), μ, v: (K, D), ln w: (K,)
//! yᵢ   = ln Σₖ exp lᵢₖ        (B,)              d y / d lᵢₖ = rᵢₖ = exp(lᵢₖ − yᵢ), by how much part k answers for code i
//! dz   = −Σₖ r t e^(−½ v)     dμ = Σᵢ r t e^(−½ v)     dv = ½ Σᵢ r (t² − 1)     d ln w = Σᵢ r
//! ```
//! In candle's operations this takes B·K·D numbers, ten million for a batch of 400 and 500 parts in 50 dimensions; the CPU path keeps
//! B·K. Two matrix products, of z² with e⁻ᵛ and of z with μ e⁻ᵛ, would need as many multiplications as it does, and lose the
//! distance in what cancels: see the test of narrow parts.

mod cpu;

use candle_core::Tensor;

use super::{LN_2PI, Path, node::node3, path};
use crate::Result;

/// In candle's own operations.
mod reference {
    use super::*;

    pub(super) fn log_prob([z, mu, log_var]: [&Tensor; 3], log_weights: &Tensor) -> Result<Tensor> {
        let scale = (log_var * -0.5)?.exp()?.unsqueeze(0)?;
        let squares = z.unsqueeze(1)?.broadcast_sub(&mu.unsqueeze(0)?)?.broadcast_mul(&scale)?.sqr()?.sum(2)?;
        let constants = (log_weights - log_var.affine(0.5, 0.5 * LN_2PI)?.sum(1)?)?;
        Ok((squares * -0.5)?.broadcast_add(&constants)?.log_sum_exp(1)?)
    }
}

/// ln Σₖ wₖ N(z; μₖ, exp vₖ) of each code, (B,), in nats; gradients go to codes, parts and weights.
pub(crate) fn log_prob([z, mu, log_var]: [&Tensor; 3], log_weights: &Tensor) -> Result<Tensor> {
    if ![path([z]), path([mu, log_var]), path([log_weights])].iter().all(|&path| path == Path::Cpu) {
        return reference::log_prob([z, mu, log_var], log_weights);
    }
    let (z, log_weights) = (z.contiguous()?, log_weights.contiguous()?);
    let parts = Tensor::stack(&[mu, log_var], 0)?;
    let (y, kept) = cpu::log_prob(&z, &parts, &log_weights)?;
    node3("vae_core mixture", (&z, &parts, &log_weights), y, move |tensors, _, dy| {
        Ok(cpu::gradients(tensors, &kept, dy)?.map(|gradient| Some(gradient.tensor())))
    })
}

/// Codes and parts that fill no task and no block, a part alone, and a weight of nothing.
#[cfg(any(test, feature = "cuda"))]
pub(crate) fn check(place: &super::compare::Place) {
    use super::compare::normal;
    for (codes, parts, width) in [(37, 45, 5), (16, 32, 1), (1, 1, 4), (3, 70, 11)] {
        let code_and_parts = [normal(1, &[codes, width]), normal(2, &[parts, width]), normal(3, &[parts, width])];
        let mut weights = normal(4, &[parts]).to_vec1::<f32>().unwrap();
        weights[0] -= if parts > 1 { 200.0 } else { 0.0 };
        let variables = [&code_and_parts[..], &[Tensor::new(weights, &candle_core::Device::Cpu).unwrap()]].concat();
        let ours = |x: &[Tensor]| log_prob([&x[0], &x[1], &x[2]], &x[3]);
        let reference = |x: &[Tensor]| reference::log_prob([&x[0], &x[1], &x[2]], &x[3]);
        place.agrees("mixture", 2e-6, &variables, &[], ours, reference);
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Var;

    use super::*;
    use crate::ops::compare::{double, normal};

    /// The paths agree with the reference in float64, values and gradients.
    #[test]
    fn paths_agree() {
        super::super::compare::everywhere(super::check);
    }

    /// Parts as narrow as 1/500 of where they are: the density is right to 1e-5 of itself, where two matrix products are off by nats.
    #[test]
    fn narrow_parts() {
        let (parts, log_weights) = ((normal(1, &[100, 20]) * 2.0).unwrap(), normal(2, &[100]));
        let log_var = Tensor::full(2.0 * 0.004f32.ln(), (100, 20), &candle_core::Device::Cpu).unwrap();
        let z = (&parts + (normal(3, &[100, 20]) * 0.004).unwrap()).unwrap();
        let tensors = [&z, &parts, &log_var];
        let exact = reference::log_prob(tensors.map(double).each_ref(), &double(&log_weights)).unwrap();
        let error = |y: Tensor| -> f64 {
            let error = (double(&y) - &exact).unwrap().abs().unwrap().max_all().unwrap();
            error.to_scalar().unwrap()
        };
        let ours = error(log_prob(tensors, &log_weights).unwrap());
        let products = || -> Result<Tensor> {
            let precision = log_var.neg()?.exp()?;
            let cross = (&parts * &precision)?;
            let own = ((&parts * &cross)? + log_var.affine(1.0, LN_2PI)?)?.sum(1)?;
            let squares = (z.sqr()?.matmul(&precision.t()?)? - (z.matmul(&cross.t()?)? * 2.0)?)?.broadcast_add(&own)?;
            Ok((squares * -0.5)?.broadcast_add(&log_weights)?.log_sum_exp(1)?)
        };
        let theirs = error(products().unwrap());
        println!("narrow parts: {ours:.1e} nats off, two matrix products {theirs:.1e}");
        assert!(ours < 1e-3 && theirs > 0.1, "{ours} {theirs}");
    }

    /// Codes that are far from all parts have numbers for values and gradients; NaN stays.
    #[test]
    fn far_codes() {
        let far = |scale: f64| -> Result<Vec<f32>> {
            let z = Var::from_tensor(&(normal(1, &[20, 3]) * scale)?)?;
            let (mu, log_var) = (normal(2, &[40, 3]), (normal(3, &[40, 3]) - 4.0)?);
            let sum = log_prob([&z, &mu, &log_var], &normal(4, &[40]))?.sum_all()?;
            let gradient = sum.backward()?.get(&z).cloned().unwrap_or(z.zeros_like()?);
            Ok([vec![sum.to_scalar::<f32>()?], gradient.flatten_all()?.to_vec1()?].concat())
        };
        for scale in [1e3, 1e6, 1e15] {
            assert!(far(scale).unwrap().iter().all(|x| x.is_finite()), "{scale}");
        }
        assert!(far(f64::NAN).unwrap().iter().all(|x| x.is_nan()));
    }
}
