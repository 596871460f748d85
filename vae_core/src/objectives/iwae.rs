//! The importance-weighted bound (Burda, Grosse & Salakhutdinov 2016, "Importance weighted autoencoders", arXiv 1509.00519), and
//! three ways to its gradient.
//!
//! ```text
//! L_K = E[ln (1/K) Σᵢ wᵢ] ≤ L_K+1 ≤ log p(x)        zᵢ ~ q(z|x),  wᵢ = p(x|zᵢ) p(zᵢ) / q(zᵢ|x),  w̃ᵢ = wᵢ / Σⱼ wⱼ
//! ```
//! K = 1 is the ELBO; more draws make the bound rise towards log p(x). What every parameter of p has for a gradient is the same in
//! all three, Σᵢ w̃ᵢ ∇ ln p(x, zᵢ); what those of q have is chosen by [`Estimator`]:
//!
//! ```text
//! reparameterized          Σᵢ w̃ᵢ ∇ ln wᵢ                          the gradient of the expression itself
//! sticking the landing     Σᵢ w̃ᵢ (∂ ln wᵢ / ∂zᵢ) ∇zᵢ              without what ln q has beside its zᵢ (Roeder et al. 2017)
//! doubly reparameterized   Σᵢ w̃ᵢ² (∂ ln wᵢ / ∂zᵢ) ∇zᵢ             DReG (Tucker et al. 2019, arXiv 1810.04152)
//! ```
//! The first grows noisy against its own size as K grows, like 1/√K (Rainforth et al. 2018): the better the bound, the less the
//! encoder learns from it. The last is unbiased, too, and does not. The second leaves out a term whose mean is 0 for K = 1; there it
//! is the same estimator as the third, unbiased, and without noise where q is the posterior. For more draws it is biased, since
//! that term then has a mean (Tucker et al., section 8).
//!
//! The loss is −L_K in every case, "bound" is recorded, and early stopping goes by it; `elbo` of the history is that of the same
//! draws. The KL is estimated from them, never in closed form.
//!
//! ```
//! use vae_core::prelude::*;
//!
//! let digits = data::digits(&Device::Cpu)?.train.take(256);
//! let mut vae = MlpVae::new(MlpVaeConfig { hidden: vec![32], latent: 4, ..Default::default() }, &Device::Cpu, 1)?;
//! let history = Trainer::new(Iwae::dreg(5)).epochs(2).quiet().fit(&mut vae, &digits)?;
//! let means = &history.epochs[1].train;
//! assert!(means.metrics["bound"] > means.elbo);
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::{Tensor, Var};
use candle_nn::ops::softmax;
use serde::{Deserialize, Serialize};

use super::{Means, Objective, Terms};
use crate::{Error, Result, data::Batch, distributions::Distribution, models::Vae, random::Random};

/// How the gradient of the encoder is estimated; see the top of this module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Estimator {
    /// That of Burda et al.
    #[default]
    Reparameterized,
    /// Through the draws alone; biased unless there is one.
    StickingTheLanding,
    /// Through the draws alone, with squared weights: unbiased.
    DoublyReparameterized,
}

/// The negative importance-weighted bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Iwae {
    /// K, how many draws are made of each item's code.
    pub samples: usize,
    /// How the gradient of the encoder is estimated.
    pub estimator: Estimator,
}

impl Default for Iwae {
    /// Five draws, and the gradient of Burda et al.
    fn default() -> Self {
        Self { samples: 5, estimator: Estimator::default() }
    }
}

impl Iwae {
    /// DReG: the bound of `samples` draws with the doubly reparameterized gradient.
    pub fn dreg(samples: usize) -> Self {
        Self { samples, estimator: Estimator::DoublyReparameterized }
    }
}

/// ln p(x|z), ln p(z) and ln q(z|x) of every draw: (K, B) each.
struct Draws {
    reconstruction: Tensor,
    prior: Tensor,
    posterior: Tensor,
    /// What the gradients of the draws are multiplied with on their way to the encoder, (K, B, 1): 1 until it is set.
    scale: Option<Var>,
}

impl Draws {
    fn of(iwae: &Iwae, vae: &dyn Vae, x: &Tensor, noise: &mut Random) -> Result<Self> {
        let (k, b, params) = (iwae.samples, x.dims()[0], vae.params());
        let (q, prior) = (vae.encode(x)?, vae.prior(b)?);
        let through = iwae.estimator != Estimator::Reparameterized;
        let scale = through.then(|| Var::ones((k, b, 1), params.dtype(), params.device())).transpose()?;
        let mut parts = [vec![], vec![], vec![]];
        for i in 0..k {
            let drawn = q.sample(noise)?;
            let z = match &scale {
                Some(scale) => scaled(&drawn, &scale.get(i)?)?,
                None => drawn.clone(),
            };
            let mut log_q = q.log_prob(&z)?;
            if through {
                // The value stays; what has a gradient is the way through z alone.
                log_q = (&log_q - (q.log_prob(&drawn.detach())? - log_q.detach())?)?;
            }
            for (part, value) in parts.iter_mut().zip([vae.decode(&z)?.log_prob(x)?, prior.log_prob(&z)?, log_q]) {
                part.push(value);
            }
        }
        let [reconstruction, prior, posterior] = parts.map(|part| Tensor::stack(&part, 0));
        Ok(Self { reconstruction: reconstruction?, prior: prior?, posterior: posterior?, scale })
    }

    /// ln w: (K, B).
    fn log_weights(&self) -> Result<Tensor> {
        Ok(((&self.reconstruction + &self.prior)? - &self.posterior)?)
    }
}

/// `z` with a gradient that is multiplied by `scale`, (B, 1). The numbers of `scale` are read on the way back: they may be known only
/// after `z` was used.
fn scaled(z: &Tensor, scale: &Tensor) -> Result<Tensor> {
    let value = z.detach();
    Ok((&value + (z - &value)?.broadcast_mul(scale)?)?)
}

impl Objective for Iwae {
    fn terms(&self, vae: &dyn Vae, batch: &Batch, _epoch: f64, noise: &mut Random) -> Result<Terms> {
        let draws = Draws::of(self, vae, &batch.x, noise)?;
        let log_w = draws.log_weights()?;
        let bound = (log_w.log_sum_exp(0)?.mean_all()? - (self.samples as f64).ln())?;
        let mut loss = bound.neg()?;
        if let Some(scale) = &draws.scale {
            let weights = softmax(&log_w.detach(), 0)?;
            if self.estimator == Estimator::DoublyReparameterized {
                scale.set(&weights.unsqueeze(2)?)?;
            }
            // The weights count as constants: with those of the draws' own gradients they are w̃ or w̃².
            let way = ((weights * log_w)?.sum(0)?.mean_all()?).neg()?;
            loss = (&way + (loss - &way)?.detach())?;
        }
        let kl = (&draws.posterior - &draws.prior)?.mean_all()?;
        Ok(Terms::new(loss, draws.reconstruction.mean_all()?, kl, 1.0).metric("bound", &bound))
    }

    fn config(&self) -> serde_json::Value {
        serde_json::json!({ "objective": "iwae", "samples": self.samples, "estimator": self.estimator })
    }

    fn check(&self) -> Result<()> {
        match self.samples {
            0 => Err(Error::argument("samples of an Iwae must be 1 or more, got 0")),
            _ => Ok(()),
        }
    }

    /// −L_K.
    fn watched(&self, means: &Means) -> f64 {
        means.metrics.get("bound").map_or(means.loss, |bound| -bound)
    }
}
