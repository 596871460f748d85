//! Objectives: what training makes small, with its parts in view.
//!
//! An objective returns its terms in **nats per image**: summed over pixels and latent dimensions, averaged over the batch.
//! β and its warm-up are visible numbers, never hidden in a mean.
//!
//! - [`Elbo`]: the evidence lower bound with a weight on the KL
//! - [`Denoising`]: the same of clean images, with an encoder that sees corrupted ones
//! - [`evaluate`]: an objective's terms over a whole set

mod denoising;
mod elbo;
mod evaluate;

pub use denoising::{Criterion, Denoising};
pub use elbo::Elbo;
pub(crate) use evaluate::Accumulator;
pub use evaluate::{Means, evaluate};

use candle_core::Tensor;

use crate::{Result, data::Batch, models::Vae, ops, random::Random};

/// The terms of an objective on one batch: scalars in nats per image.
#[derive(Clone, Debug)]
pub struct Terms {
    /// What is minimized; the only one to call `backward` on.
    pub loss: Tensor,
    /// E_q\[log p(x|z)\], the negative distortion.
    pub reconstruction: Tensor,
    /// KL(q(z|x) ‖ p(z)), the rate, not yet weighted.
    pub kl: Tensor,
    /// The weight that the KL has in the loss.
    pub beta: f64,
}

impl Terms {
    /// loss = β · KL − reconstruction, from what each image has: (B,) twice.
    fn weighted(reconstruction: &Tensor, kl: &Tensor, beta: f64) -> Result<Self> {
        let [loss, reconstruction, kl] = ops::weigh::weigh(reconstruction, kl, beta)?;
        Ok(Self { loss, reconstruction, kl, beta })
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
///     fn terms(&self, vae: &dyn Vae, batch: &Batch, _epoch: f64, _noise: &mut Random) -> Result<Terms> {
///         let q = vae.encode(&batch.images)?;
///         let reconstruction = vae.decode(q.mu())?.log_prob(&batch.images)?.mean_all()?;
///         let kl = q.kl_to_standard()?.mean_all()?.detach();
///         Ok(Terms { loss: reconstruction.neg()?, reconstruction, kl, beta: 0.0 })
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
    /// The terms on one batch. `epoch` is the training time in epochs with its fraction (0 at the first step), for weights
    /// that change with time; `noise` is where every random number comes from.
    fn terms(&self, vae: &dyn Vae, batch: &Batch, epoch: f64, noise: &mut Random) -> Result<Terms>;

    /// The settings as JSON, with a name; stored in checkpoints and compared on resuming.
    fn config(&self) -> serde_json::Value;

    /// Refuses settings that make no sense, before any work is done.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}
