//! Free bits (Kingma et al. 2016, "Improved variational inference with inverse autoregressive flow", arXiv 1606.04934, appendix C.8):
//! the first λ nats of the KL cost nothing.
//!
//! ```text
//! per dimension   loss = −reconstruction + Σ_d max(λ, KL_d)
//! per code        loss = −reconstruction + max(λ, KL)                KL, KL_d: means over the batch
//! ```
//! Below λ nothing pushes a dimension towards the prior, so that it is not put to sleep before the decoder has learned to use it. The
//! second form is a floor under the whole KL. A KL that is *held* at a number of nats is that of [`Capacity`](super::Capacity).
//!
//! `kl` of the history is the true one, so that `elbo` is a bound; "charged KL" is what the loss has.
//!
//! ```
//! use vae_core::prelude::*;
//!
//! let vae = MlpVae::new(MlpVaeConfig::default(), &Device::Cpu, 1)?; // 20 dimensions, hardly in use yet
//! let batch = Images::new(vec![200; 8 * 784], vec![0; 8], (1, 28, 28), &Device::Cpu)?.batch(&[0, 3, 5])?;
//! let terms = FreeBits { nats: 2.0, per: Per::Dimension }.terms(&vae, &batch, 0.0, &mut Random::new(3))?;
//! let [loss, reconstruction, kl] = [&terms.loss, &terms.reconstruction, &terms.kl].map(|t| t.to_scalar::<f32>());
//! let (loss, reconstruction) = (loss?, reconstruction?);
//! assert!(kl? < 2.0 && (loss - (20.0 * 2.0 - reconstruction)).abs() < 1e-3);
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::{Objective, Terms};
use crate::{
    Error, Result,
    data::Batch,
    distributions::{DiagonalGaussian, Distribution},
    models::Vae,
    random::Random,
};

/// What has nats for free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// Each dimension of the code; the posterior must be a [`DiagonalGaussian`] and the prior N(0, I).
    #[default]
    Dimension,
    /// The code as a whole: a floor under the KL. Any distributions will do.
    Code,
}

/// The negative ELBO with some nats of the KL for free.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FreeBits {
    /// λ, in nats.
    pub nats: f64,
    /// What has them.
    pub per: Per,
}

impl Default for FreeBits {
    /// A quarter of a nat for each dimension, in the middle of what the paper tries.
    fn default() -> Self {
        Self { nats: 0.25, per: Per::Dimension }
    }
}

impl Objective for FreeBits {
    fn terms(&self, vae: &dyn Vae, batch: &Batch, _epoch: f64, noise: &mut Random) -> Result<Terms> {
        let (q, prior) = (vae.encode(&batch.x)?, vae.prior(batch.len())?);
        let z = q.sample(noise)?;
        let reconstruction = vae.decode(&z)?.log_prob(&batch.x)?.mean_all()?;
        let kl = match self.per {
            Per::Code => q.kl(&prior, &z)?.mean_keepdim(0)?,
            Per::Dimension if prior.downcast::<DiagonalGaussian>().is_ok_and(DiagonalGaussian::is_standard) => {
                q.downcast::<DiagonalGaussian>()?.kl_per_dimension()?.mean(0)?
            }
            Per::Dimension => {
                return Err(Error::argument(
                    "free nats per dimension need the prior N(0, I), got another; choose `per: Per::Code`",
                ));
            }
        };
        let charged =
            kl.maximum(&Tensor::full(self.nats, kl.shape(), kl.device())?.to_dtype(kl.dtype())?)?.sum_all()?;
        let loss = (&charged - &reconstruction)?;
        Ok(Terms::new(loss, reconstruction, kl.sum_all()?, 1.0).metric("charged KL", &charged))
    }

    fn config(&self) -> serde_json::Value {
        serde_json::json!({ "objective": "free-bits", "nats": self.nats, "per": self.per })
    }

    fn check(&self) -> Result<()> {
        if self.nats >= 0.0 && self.nats.is_finite() {
            return Ok(());
        }
        Err(Error::argument(format!("nats of FreeBits must be 0 or more and finite, got {}", self.nats)))
    }
}
