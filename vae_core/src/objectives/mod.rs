//! Objectives: what training makes small, with its parts in view.
//!
//! An objective returns its terms in **nats per item**: summed over pixels and latent dimensions, averaged over the batch.
//! β and its warm-up are visible numbers, never hidden in a mean.
//!
//! | objective | what it is |
//! |---|---|
//! | [`Elbo`] | the evidence lower bound; the β-VAE (Higgins et al. 2017) with its `beta` above 1 |
//! | [`Denoising`] | the ELBO of clean images, with an encoder that sees corrupted ones |
//! | [`Capacity`] | the ELBO with a KL that is held at a number of nats, which rises (Burgess et al. 2018) |
//! | [`BetaTcVae`] | β-TCVAE: the KL in three parts, with a weight on the total correlation (Chen et al. 2018) |
//! | [`FactorVae`] | FactorVAE: the ELBO and a total correlation that a discriminator tells (Kim & Mnih 2018) |
//! | [`Iwae`] | a bound of several draws, which rises with their number (Burda et al. 2016), with gradients of less noise (DReG) |
//! | [`FreeBits`] | the ELBO with some nats of the KL for free (Kingma et al. 2016) |
//!
//! [`evaluate`] has an objective's terms over a whole set, [`kl_per_dimension`] the KL of each latent dimension; [`effective_beta`] tells which β a loss has in truth.

mod beta_tc;
mod capacity;
mod denoising;
mod dimensions;
mod effective_beta;
mod elbo;
mod evaluate;
mod factor;
mod free_bits;
mod iwae;
mod means;

pub use beta_tc::{BetaTcVae, Sampling};
pub use capacity::Capacity;
pub use denoising::{Criterion, Denoising};
pub use dimensions::kl_per_dimension;
pub use effective_beta::{EffectiveBeta, effective_beta};
pub use elbo::Elbo;
pub use evaluate::evaluate;
pub use factor::{FactorVae, FactorVaeConfig};
pub use free_bits::{FreeBits, Per};
pub use iwae::{Estimator, Iwae};
pub(crate) use means::Accumulator;
pub use means::Means;

use candle_core::Tensor;

use crate::{Result, data::Batch, models::Vae, nn::Params, ops, optim::AdamConfig, random::Random};

/// The terms of an objective on one batch: scalars in nats per item.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Terms {
    /// What is minimized over the parameters of the model; the only one to call `backward` on.
    pub loss: Tensor,
    /// E_q\[log p(x|z)\], the negative distortion.
    pub reconstruction: Tensor,
    /// KL(q(z|x) ‖ p(z)), the rate, not yet weighted.
    pub kl: Tensor,
    /// The weight that the KL has in the loss.
    pub beta: f64,
    /// What is minimized over the parameters of [`Objective::critic`].
    pub critic: Option<Tensor>,
    /// Other numbers to record, by name.
    pub metrics: Vec<(String, Tensor)>,
}

impl Terms {
    /// Terms with a loss of one's own; each a scalar.
    pub fn new(loss: Tensor, reconstruction: Tensor, kl: Tensor, beta: f64) -> Self {
        Self { loss, reconstruction, kl, beta, critic: None, metrics: vec![] }
    }

    /// loss = β · KL − reconstruction, from what each item has: (B,) twice.
    ///
    /// # Errors
    /// [`Error::Candle`](crate::Error::Candle) when the two do not fit together.
    pub fn weighted(reconstruction: &Tensor, kl: &Tensor, beta: f64) -> Result<Self> {
        let [loss, reconstruction, kl] = ops::weigh::weigh(reconstruction, kl, beta)?;
        Ok(Self::new(loss, reconstruction, kl, beta))
    }

    /// With one more addend of the loss, `weight` times `value`, a scalar; `value` is recorded under its name.
    ///
    /// # Errors
    /// [`Error::Candle`](crate::Error::Candle) unless `value` is a scalar of the loss's type.
    pub fn plus(self, name: &str, weight: f64, value: &Tensor) -> Result<Self> {
        let loss = (&self.loss + (value * weight)?)?;
        Ok(Self { loss, ..self.metric(name, value) })
    }

    /// With a number to record, a scalar; it has no part in the loss.
    #[must_use]
    pub fn metric(mut self, name: &str, value: &Tensor) -> Self {
        self.metrics.push((name.into(), value.detach()));
        self
    }

    /// With the loss of [`Objective::critic`], a scalar.
    #[must_use]
    pub fn critic(self, loss: Tensor) -> Self {
        Self { critic: Some(loss), ..self }
    }
}

/// Something to train a VAE with. One of one's own takes a dozen lines:
///
/// ```
/// use vae_core::{prelude::*, serde_json::{Value, json}};
///
/// /// An autoencoder: the code is the posterior mean, and nothing is asked of it.
/// struct Autoencoder;
///
/// impl Objective for Autoencoder {
///     fn terms(&self, vae: &dyn Vae, batch: &Batch, _epoch: f64, noise: &mut Random) -> Result<Terms> {
///         let q = vae.encode(&batch.x)?;
///         let reconstruction = vae.decode(&q.mean()?)?.log_prob(&batch.x)?.mean_all()?;
///         let kl = q.kl(&vae.prior(batch.len())?, &q.sample(noise)?)?.mean_all()?.detach();
///         Ok(Terms::new(reconstruction.neg()?, reconstruction, kl, 0.0))
///     }
///
///     fn config(&self) -> Value {
///         json!({ "objective": "autoencoder" })
///     }
/// }
///
/// let digits = data::digits(&Device::Cpu)?.train.take(256);
/// let mut vae = MlpVae::new(MlpVaeConfig { hidden: vec![16], latent: 2, ..Default::default() }, &Device::Cpu, 1)?;
/// let history = Trainer::new(Autoencoder).epochs(2).quiet().fit(&mut vae, &digits)?;
/// assert!(history.epochs[1].train.loss < history.epochs[0].train.loss);
/// # Ok::<(), vae_core::Error>(())
/// ```
pub trait Objective {
    /// The terms on one batch; computes, and changes nothing. `epoch` is the training time in epochs with its fraction (0 at
    /// the first step, infinite in [`evaluate`]), for weights that change with time; `noise` is where every random number
    /// comes from. A conditional model is given [`Batch::y`] already.
    ///
    /// # Errors
    /// Whatever hinders; training tries a first batch before anything is written.
    fn terms(&self, vae: &dyn Vae, batch: &Batch, epoch: f64, noise: &mut Random) -> Result<Terms>;

    /// The settings as JSON, with a name; stored in checkpoints and compared on resuming.
    fn config(&self) -> serde_json::Value;

    /// Refuses settings that make no sense, before any work is done.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument), naming the setting.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// Parameters of the objective itself, such as those of a discriminator, with the settings of the Adam that makes
    /// [`Terms::critic`] small over them: one step for each step of the model, from gradients at the same weights. They are
    /// kept in checkpoints, and come back, with those of the model.
    fn critic(&self) -> Option<(&Params, AdamConfig)> {
        None
    }

    /// What early stopping and the best weights go by, on held-out items: the smaller, the better.
    fn watched(&self, means: &Means) -> f64 {
        means.loss
    }
}
