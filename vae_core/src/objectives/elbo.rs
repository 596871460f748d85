//! The evidence lower bound (Kingma & Welling 2014), with a weight on the KL (Higgins et al. 2017).
//!
//! ```text
//! ELBO(x) = E_q(z|x)[log p(x|z)] − KL(q(z|x) ‖ p(z)) ≤ log p(x)
//! loss    = −reconstruction + β(t) · KL          β(t) = β · min(1, t / warmup_epochs)
//! ```
//! One reparameterized sample estimates the expectation; the KL is in closed form where there is one,
//! and estimated from that sample otherwise. Nats per item.
//!
//! ```
//! use vae_core::prelude::*;
//!
//! let vae = MlpVae::new(MlpVaeConfig::default(), &Device::Cpu, 1)?;
//! let batch = Images::new(vec![200; 8 * 784], vec![0; 8], (1, 28, 28), &Device::Cpu)?.batch(&[0, 3, 5])?;
//! let terms = Elbo::default().terms(&vae, &batch, 0.0, &mut Random::new(3))?;
//! let [loss, reconstruction, kl] = [&terms.loss, &terms.reconstruction, &terms.kl].map(|t| t.to_scalar::<f32>());
//! assert!((loss? - (kl? - reconstruction?)).abs() < 1e-3); // β = 1
//! # Ok::<(), vae_core::Error>(())
//! ```

use serde::{Deserialize, Serialize};

use super::{Objective, Terms};
use crate::{Error, Result, data::Batch, distributions::Distribution, models::Vae, random::Random};

/// The negative ELBO with a weight β on the KL and a linear warm-up of that weight.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Elbo {
    /// The weight of the KL once warm; 1 is the ELBO.
    pub beta: f64,
    /// Over how many epochs β rises from 0; 0 for no warm-up.
    pub warmup_epochs: f64,
}

impl Default for Elbo {
    /// β = 1 from the first step: the ELBO itself.
    fn default() -> Self {
        Self { beta: 1.0, warmup_epochs: 0.0 }
    }
}

impl Elbo {
    /// The weight of the KL after `epoch` epochs.
    ///
    /// ```
    /// let elbo = vae_core::objectives::Elbo { beta: 2.0, warmup_epochs: 4.0 };
    /// assert_eq!([0.0, 1.0, 4.0, 9.0].map(|epoch| elbo.beta_at(epoch)), [0.0, 0.5, 2.0, 2.0]);
    /// ```
    pub fn beta_at(&self, epoch: f64) -> f64 {
        if epoch < self.warmup_epochs { self.beta * epoch / self.warmup_epochs } else { self.beta }
    }
}

impl Objective for Elbo {
    fn terms(&self, vae: &dyn Vae, batch: &Batch, epoch: f64, noise: &mut Random) -> Result<Terms> {
        let beta = self.beta_at(epoch);
        let q = vae.encode(&batch.x)?;
        let z = q.sample(noise)?;
        let reconstruction = vae.decode(&z)?.log_prob(&batch.x)?;
        Terms::weighted(&reconstruction, &q.kl(&vae.prior(batch.len())?, &z)?, beta)
    }

    fn config(&self) -> serde_json::Value {
        serde_json::json!({ "objective": "elbo", "beta": self.beta, "warmup_epochs": self.warmup_epochs })
    }

    fn check(&self) -> Result<()> {
        for (what, value) in [("beta", self.beta), ("warmup_epochs", self.warmup_epochs)] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(Error::argument(format!("{what} of an Elbo must be 0 or more and finite, got {value}")));
            }
        }
        Ok(())
    }
}
