//! The evidence lower bound (Kingma & Welling 2014), with a weight on the KL (Higgins et al. 2017).
//!
//! ```text
//! ELBO(x) = E_q(z|x)[log p(x|z)] − KL(q(z|x) ‖ p(z)) ≤ log p(x)
//! loss    = −reconstruction + β(t) · KL          β(t) = β · min(1, t / warmup_epochs)
//! ```
//! `samples` reparameterized draws, one unless told otherwise, estimate the expectation; the KL is in closed form where there is
//! one, and estimated from those draws otherwise. Nats per item. More draws make the gradient less noisy and change nothing else:
//! the bound that rises with them is that of [`Iwae`](super::Iwae).
//!
//! With `cycle_epochs`, the warm-up begins anew after so many epochs (cyclical annealing, Fu et al. 2019): t is then the time since
//! the cycle began.
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

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::{Objective, Terms};
use crate::{Error, Result, data::Batch, distributions::Distribution, models::Vae, random::Random};

/// The negative ELBO with a weight β on the KL and a linear warm-up of that weight, once or in cycles.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Elbo {
    /// The weight of the KL once warm; 1 is the ELBO.
    pub beta: f64,
    /// Over how many epochs β rises from 0; 0 for no warm-up.
    pub warmup_epochs: f64,
    /// After how many epochs the warm-up begins anew; 0 for never.
    pub cycle_epochs: f64,
    /// K, how many draws a step makes of each item's code.
    pub samples: usize,
}

impl Default for Elbo {
    /// β = 1 from the first step: the ELBO itself.
    fn default() -> Self {
        Self { beta: 1.0, warmup_epochs: 0.0, cycle_epochs: 0.0, samples: 1 }
    }
}

impl Elbo {
    /// The weight of the KL after `epoch` epochs.
    ///
    /// ```
    /// use vae_core::objectives::Elbo;
    ///
    /// let elbo = Elbo { beta: 2.0, warmup_epochs: 4.0, ..Default::default() };
    /// assert_eq!([0.0, 1.0, 4.0, 9.0].map(|epoch| elbo.beta_at(epoch)), [0.0, 0.5, 2.0, 2.0]);
    /// let cyclical = Elbo { cycle_epochs: 8.0, ..elbo };
    /// assert_eq!([0.0, 1.0, 4.0, 9.0].map(|epoch| cyclical.beta_at(epoch)), [0.0, 0.5, 2.0, 0.5]);
    /// ```
    pub fn beta_at(&self, epoch: f64) -> f64 {
        // At the end of time, where `evaluate` is, everything is warm.
        let cyclical = self.cycle_epochs > 0.0 && epoch.is_finite();
        let epoch = if cyclical { epoch % self.cycle_epochs } else { epoch };
        if epoch < self.warmup_epochs { self.beta * epoch / self.warmup_epochs } else { self.beta }
    }

    /// log p(x|z) and the KL of each item whose code is distributed as `q`, means over the draws: (B,) twice.
    pub(super) fn parts(
        &self,
        vae: &dyn Vae,
        q: &dyn Distribution,
        x: &Tensor,
        noise: &mut Random,
    ) -> Result<[Tensor; 2]> {
        let prior = vae.prior(x.dims()[0])?;
        let mut draw = || -> Result<[Tensor; 2]> {
            let z = q.sample(noise)?;
            Ok([vae.decode(&z)?.log_prob(x)?, q.kl(&prior, &z)?])
        };
        if self.samples == 1 {
            return draw();
        }
        let draws = (0..self.samples).map(|_| draw()).collect::<Result<Vec<_>>>()?;
        let mean = |part: usize| -> Result<Tensor> {
            let part: Vec<&Tensor> = draws.iter().map(|parts| &parts[part]).collect();
            Ok(Tensor::stack(&part, 0)?.mean(0)?)
        };
        Ok([mean(0)?, mean(1)?])
    }

    /// The settings as JSON, those only that are not as they are without a word: checkpoints of runs from before there were more
    /// still fit.
    pub(super) fn settings(&self) -> serde_json::Value {
        let mut settings = serde_json::json!({ "beta": self.beta, "warmup_epochs": self.warmup_epochs });
        if self.cycle_epochs > 0.0 {
            settings["cycle_epochs"] = self.cycle_epochs.into();
        }
        if self.samples != 1 {
            settings["samples"] = self.samples.into();
        }
        settings
    }
}

impl Objective for Elbo {
    fn terms(&self, vae: &dyn Vae, batch: &Batch, epoch: f64, noise: &mut Random) -> Result<Terms> {
        let q = vae.encode(&batch.x)?;
        let [reconstruction, kl] = self.parts(vae, &q, &batch.x, noise)?;
        Terms::weighted(&reconstruction, &kl, self.beta_at(epoch))
    }

    fn config(&self) -> serde_json::Value {
        let mut config = self.settings();
        config["objective"] = "elbo".into();
        config
    }

    fn check(&self) -> Result<()> {
        for (what, value) in
            [("beta", self.beta), ("warmup_epochs", self.warmup_epochs), ("cycle_epochs", self.cycle_epochs)]
        {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(Error::argument(format!("{what} of an Elbo must be 0 or more and finite, got {value}")));
            }
        }
        if self.samples == 0 {
            return Err(Error::argument("samples of an Elbo must be 1 or more, got 0"));
        }
        if self.cycle_epochs > 0.0 && self.cycle_epochs < self.warmup_epochs {
            return Err(Error::argument(format!(
                "a cycle of an Elbo must be as long as its warm-up: cycle_epochs {} is less than warmup_epochs {}",
                self.cycle_epochs, self.warmup_epochs
            )));
        }
        Ok(())
    }
}
