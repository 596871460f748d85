//! The ELBO with a KL that is held at a capacity which grows (Burgess et al. 2018, "Understanding disentangling in β-VAE",
//! arXiv 1804.03599).
//!
//! ```text
//! loss = −reconstruction + γ · |KL − C(t)|          C(t) = C · min(1, t / epochs)
//! ```
//! KL is the mean over the batch and C a number of nats: the code is given that much information about an image and a little
//! more every step, so that dimensions are taken into use one after the other, those first that the reconstruction gains most
//! by. A large γ holds the KL there, so it is the KL that obeys and C that is chosen; β of [`Elbo`](super::Elbo) is the
//! other way round, a price on the KL, which settles where it will.
//!
//! Held-out images are judged at the final capacity, whatever the epoch: the numbers that early stopping and the best
//! weights go by can be compared, and fall while C(t) rises.
//!
//! ```
//! use vae_core::prelude::*;
//!
//! let vae = MlpVae::new(MlpVaeConfig::default(), &Device::Cpu, 1)?;
//! let batch = Images::new(vec![200; 8 * 784], vec![0; 8], (1, 28, 28), &Device::Cpu)?.batch(&[0, 3, 5])?;
//! let objective = Capacity { gamma: 100.0, capacity: 20.0, epochs: 4.0 };
//! let terms = objective.terms(&vae, &batch, 1.0, &mut Random::new(3))?; // after one epoch of four: 5 nats
//! let [loss, reconstruction, kl] = [&terms.loss, &terms.reconstruction, &terms.kl].map(|t| t.to_scalar::<f32>());
//! let (loss, reconstruction, kl) = (loss?, reconstruction?, kl?);
//! assert!((loss - (100.0 * (kl - 5.0).abs() - reconstruction)).abs() < 1e-2);
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::{Objective, Terms};
use crate::{Error, Result, data::Batch, distributions::Distribution, models::Vae, random::Random};

/// The negative reconstruction with a penalty on what the KL is away from a capacity, which rises linearly from 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Capacity {
    /// γ, the weight of that distance.
    pub gamma: f64,
    /// C, what the capacity rises to, in nats.
    pub capacity: f64,
    /// Over how many epochs it rises; 0 to begin with all of it.
    pub epochs: f64,
}

impl Default for Capacity {
    /// γ = 1000 and 25 nats, as in the paper, over 10 epochs: the paper's 100,000 steps of 64 images are nearly 9 of its set.
    fn default() -> Self {
        Self { gamma: 1000.0, capacity: 25.0, epochs: 10.0 }
    }
}

impl Capacity {
    /// The capacity after `epoch` epochs, in nats.
    ///
    /// ```
    /// let objective = vae_core::objectives::Capacity { capacity: 20.0, epochs: 4.0, ..Default::default() };
    /// assert_eq!([0.0, 1.0, 4.0, 9.0].map(|epoch| objective.capacity_at(epoch)), [0.0, 5.0, 20.0, 20.0]);
    /// ```
    pub fn capacity_at(&self, epoch: f64) -> f64 {
        if epoch < self.epochs { self.capacity * epoch / self.epochs } else { self.capacity }
    }
}

impl Objective for Capacity {
    fn terms(&self, vae: &dyn Vae, batch: &Batch, epoch: f64, noise: &mut Random) -> Result<Terms> {
        let capacity = self.capacity_at(epoch);
        let q = vae.encode(&batch.x)?;
        let z = q.sample(noise)?;
        let reconstruction = vae.decode(&z)?.log_prob(&batch.x)?.mean_all()?;
        let kl = q.kl(&vae.prior(batch.len())?, &z)?.mean_all()?;
        let loss = (((&kl - capacity)?.abs()? * self.gamma)? - &reconstruction)?;
        let capacity = Tensor::full(capacity, (), kl.device())?.to_dtype(kl.dtype())?;
        Ok(Terms::new(loss, reconstruction, kl, self.gamma).metric("capacity", &capacity))
    }

    fn config(&self) -> serde_json::Value {
        let Self { gamma, capacity, epochs } = self;
        serde_json::json!({ "objective": "capacity", "gamma": gamma, "capacity": capacity, "epochs": epochs })
    }

    fn check(&self) -> Result<()> {
        for (what, value) in [("gamma", self.gamma), ("capacity", self.capacity), ("epochs", self.epochs)] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(Error::argument(format!("{what} of a Capacity must be 0 or more and finite, got {value}")));
            }
        }
        Ok(())
    }
}
