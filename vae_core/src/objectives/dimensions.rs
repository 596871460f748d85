//! The KL of each latent dimension over a whole set.
//!
//! ```
//! use vae_core::{objectives::kl_per_dimension, prelude::*};
//!
//! let digits = data::digits(&Device::Cpu)?.test.take(200);
//! let vae = MlpVae::new(MlpVaeConfig { hidden: vec![16], latent: 3, ..Default::default() }, &Device::Cpu, 1)?;
//! let kl = kl_per_dimension(&vae, &digits, false, 0)?.unwrap();
//! let whole = evaluate(&Elbo::default(), &vae, &digits, false, 0)?.kl;
//! check::close("their sum is the KL", kl.iter().sum::<f64>(), whole, 1e-4)?;
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::{DType, Tensor};

use super::evaluate::BATCH;
use crate::{
    Error, Result,
    data::{Data, binarize, pass},
    distributions::{DiagonalGaussian, Distribution},
    models::{Vae, given},
    random::Random,
};

/// The mean KL(q(zⱼ|x) ‖ p(zⱼ)) of each dimension j over `data`, in nats: D numbers, whose sum is the KL. Only the encoder is asked. `None` where
/// posterior or prior is no diagonal Gaussian, so that a dimension has no KL of its own. `binarized` and `seed` are those of
/// [`evaluate`](super::evaluate).
///
/// # Errors
/// [`Error::Argument`] for an empty set, and what the model says of items that do not suit it.
pub fn kl_per_dimension(vae: &dyn Vae, data: &dyn Data, binarized: bool, seed: u64) -> Result<Option<Vec<f64>>> {
    if data.is_empty() {
        return Err(Error::argument("there are no images to evaluate on"));
    }
    let (order, noise): (Vec<usize>, _) = ((0..data.len()).collect(), Random::new(seed));
    let sums = pass(data, &order, BATCH, vae.device(), |batches| {
        let mut sums = vec![0f64; vae.latent()];
        for (i, batch) in batches.enumerate() {
            let mut batch = batch?;
            if binarized {
                batch.x = binarize(&batch.x, &mut noise.stream(i as u64))?;
            }
            let view = given(vae, &batch)?;
            let (q, p) = (view.encode(&batch.x)?, view.prior(batch.len())?);
            let Some(kl) = of_each(q.as_ref(), p.as_ref())? else { return Ok(None) };
            let kl = kl.sum(0)?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
            sums.iter_mut().zip(kl).for_each(|(sum, kl)| *sum += kl);
        }
        Ok::<_, Error>(Some(sums))
    })?;
    let count = data.len() as f64;
    Ok(sums.map(|sums| sums.into_iter().map(|sum| sum / count).collect()))
}

/// (B, D) of two diagonal Gaussians: KL(q ‖ p) is that of q, seen from p, to N(0, I).
fn of_each(q: &dyn Distribution, p: &dyn Distribution) -> Result<Option<Tensor>> {
    let (Ok(q), Ok(p)) = (q.downcast::<DiagonalGaussian>(), p.downcast::<DiagonalGaussian>()) else { return Ok(None) };
    if p.is_standard() {
        return Ok(Some(q.kl_per_dimension()?.detach()));
    }
    let mu = ((q.mu() - p.mu())? / p.std()?)?;
    let seen = DiagonalGaussian::new(mu, (q.log_var() - p.log_var())?)?;
    Ok(Some(seen.kl_per_dimension()?.detach()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    /// The dimensions of two Gaussians add up to their KL in closed form; other distributions have none of each.
    #[test]
    fn adds_up() {
        let mut random = Random::new(1);
        let mut gaussian = || {
            let [mu, log_var] = [(); 2].map(|()| random.normal((6, 4), &Device::Cpu).unwrap());
            DiagonalGaussian::new(mu, log_var).unwrap()
        };
        let (q, p) = (gaussian(), gaussian());
        let each = of_each(&q, &p).unwrap().unwrap().sum(1).unwrap().to_vec1::<f32>().unwrap();
        let whole = q.kl_to(&p).unwrap().to_vec1::<f32>().unwrap();
        assert!(each.iter().zip(&whole).all(|(a, b)| (a - b).abs() < 1e-3 * b.abs().max(1.0)), "{each:?} {whole:?}");
        let bernoulli = crate::distributions::Bernoulli::new(q.mu().clone()).unwrap();
        assert!(of_each(&q, &bernoulli).unwrap().is_none());
    }
}
