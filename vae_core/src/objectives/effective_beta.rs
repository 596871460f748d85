//! Which β a loss has in truth, found from its gradient.
//!
//! ```text
//! ∇loss ≈ a · ∇(−reconstruction) + b · ∇KL        least squares over all parameters of the model
//! β = b / a                                        reconstruction and KL in nats per item
//! ```
//! Reconstruction and KL are summed over pixels and latent dimensions and averaged over the items, whatever the loss does: a mean where
//! a sum belongs, a KL divided twice or a sign is then a number that is not 1. The KL's gradient is zero in the decoder, so that its
//! weights tell a and those of the encoder b. The three gradients are taken at the same draw of z: the posterior's, first of all
//! from the same noise. What of ∇loss is neither of the two remains as a share, [`EffectiveBeta::unexplained`]: of an objective that
//! draws other noise, has other terms, or another likelihood than its model. The more there is of it, the less is a β worth.
//!
//! ```
//! use vae_core::{objectives::effective_beta, prelude::*};
//!
//! let vae = MlpVae::new(MlpVaeConfig { hidden: vec![16], latent: 2, ..Default::default() }, &Device::Cpu, 1)?;
//! let batch = data::digits(&Device::Cpu)?.train.batch(&[0, 1, 2, 3])?;
//! let found = effective_beta(&Elbo { beta: 4.0, ..Default::default() }, &vae, &batch, 3)?;
//! assert!((found.beta - 4.0).abs() < 1e-2 && (found.scale - 1.0).abs() < 1e-3 && found.unexplained < 1e-6);
//! assert_eq!(found.to_string(), "effective β = 4.00");
//! # Ok::<(), vae_core::Error>(())
//! ```

use std::fmt;

use candle_core::{DType, Device, Tensor};
use serde::Serialize;

use super::Objective;
use crate::{
    Error, Result,
    data::Batch,
    distributions::Distribution,
    models::{Vae, given},
    nn::{self, Params},
    random::Random,
};

/// More of the gradient than this unexplained is worth a word.
const EXPLAINED: f64 = 0.01;
/// Less of the squared gradient than this is what float32 rounds away.
const ROUNDING: f64 = 1e-9;

/// The weights that a loss gives to its two terms.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct EffectiveBeta {
    /// The KL's weight beside a reconstruction of weight 1, both in nats per item.
    pub beta: f64,
    /// The weight of the reconstruction in the loss: 1/784 for a mean over 784 pixels. Adam does not see it.
    pub scale: f64,
    /// Of the squared gradient that is not the reconstruction's, the share that is not the KL's either.
    pub unexplained: f64,
}

impl fmt::Display for EffectiveBeta {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (size, beta) = (self.beta.abs(), self.beta);
        match size < 5e-3 {
            true if size > 5e-7 => write!(f, "effective β = {beta:.1e}")?,
            _ => write!(f, "effective β = {:.2}", if size < 5e-3 { 0.0 } else { beta })?,
        }
        if self.unexplained > EXPLAINED {
            write!(f, " ({:.0} % of what is not reconstruction is no KL)", 100.0 * self.unexplained)?;
        }
        Ok(())
    }
}

/// The β of `objective` at the weights that `vae` has, on one batch, all draws from `seed`. Weights that change with time are those at
/// the end of training.
///
/// # Errors
/// [`Error::Argument`] where the gradients tell no weight: when reconstruction or KL has none, or one is a multiple of the other;
/// [`Error::NotFinite`] for gradients that are; otherwise those of [`Objective::terms`].
pub fn effective_beta(objective: &dyn Objective, vae: &dyn Vae, batch: &Batch, seed: u64) -> Result<EffectiveBeta> {
    let vae = given(vae, batch)?;
    let params = vae.params();
    let loss = objective.terms(&vae, batch, f64::INFINITY, &mut Random::new(seed))?.loss;
    let q = vae.encode(&batch.x)?;
    let z = q.sample(&mut Random::new(seed))?;
    let distortion = vae.decode(&z)?.log_prob(&batch.x)?.mean_all()?.neg()?;
    let kl = q.kl(&vae.prior(batch.len())?, &z)?.mean_all()?;

    let [l, d, k] = [gradient(&loss, params)?, gradient(&distortion, params)?, gradient(&kl, params)?];
    let (dd, kk, dk) = (dot(&d, &d), dot(&k, &k), dot(&d, &k));
    let (ld, lk, ll) = (dot(&l, &d), dot(&l, &k), dot(&l, &l));
    if ![ll, dd, kk].iter().all(|square| square.is_finite()) {
        return Err(Error::NotFinite(
            "the gradient of the loss, the reconstruction or the KL is NaN or infinite".into(),
        ));
    }
    let determinant = dd * kk - dk * dk;
    if determinant <= 1e-9 * dd * kk {
        return Err(Error::argument(
            "the gradients of reconstruction and KL tell no β here: one is zero or a multiple of the other; measure at other \
             weights, those of an untrained model for example",
        ));
    }
    let (a, b) = ((ld * kk - lk * dk) / determinant, (lk * dd - ld * dk) / determinant);
    if a.abs() <= 1e-9 * (ll / dd).sqrt() {
        return Err(Error::argument("the loss does not contain the reconstruction, so that its KL has no β"));
    }
    let rest: f64 = (0..l.len()).map(|i| (l[i] - a * d[i] - b * k[i]).powi(2)).sum();
    let unexplained = if rest > ROUNDING * ll { rest / (rest + b * b * kk) } else { 0.0 };
    Ok(EffectiveBeta { beta: b / a, scale: a, unexplained })
}

/// The gradient of a scalar with respect to all parameters, one after the other, zero where there is none.
fn gradient(scalar: &Tensor, params: &Params) -> Result<Vec<f64>> {
    let gradients = nn::backward(scalar)?;
    let mut all = Vec::with_capacity(params.count());
    for (_, var) in params.iter() {
        match gradients.get(var)? {
            Some(gradient) => {
                let gradient = gradient.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.flatten_all()?;
                all.extend(gradient.to_vec1::<f64>()?);
            }
            None => all.resize(all.len() + var.elem_count(), 0.0),
        }
    }
    Ok(all)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
