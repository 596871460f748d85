//! The denoising criterion (Im, Ahn, Memisevic & Bengio 2017, "Denoising criterion for variational auto-encoding
//! framework", arXiv 1511.06406): encode the corrupted image x̃, score the clean one x.
//!
//! ```text
//! q̃(z|x)  = E_p(x̃|x)[q(z|x̃)]                             the posterior that corrupting makes
//! plain   = E_p(x̃|x)[ E_q(z|x̃)[log p(x|z)] − KL(q(z|x̃) ‖ p(z)) ]          their tractable bound
//! mixture = E_x̃₁…x̃_M[ (1/M) Σ_m E_q(z|x̃_m)[ log p(x|z) + log p(z) − log (1/M) Σ_k q(z|x̃_k) ] ]
//! loss    = −reconstruction + β(t) · KL                   β(t) as in Elbo
//! ```
//! All three are bounds, in this order:
//!
//! ```text
//! plain = mixture(1) ≤ mixture(M) ≤ mixture(M + 1) ≤ E_q̃(z|x)[log p(x, z) − log q̃(z|x)] ≤ log p(x)
//! ```
//! The last bound but one is that of q̃ itself, whose density is an integral over all corruptions and cannot be computed;
//! the mixture stands in for it, and rises with M since the entropy of a mixture is at least the mean entropy of its parts
//! (Yin & Zhou 2018, "Semi-implicit variational inference", train on the same bound). What `plain` loses against q̃ is
//! E_p(x̃|x)[KL(q(z|x̃) ‖ q̃(z|x))], the information that a code has about *which* corruption it saw: never negative, and of
//! no use to a model of clean images. `tests/denoising.rs`
//! measures the order.
//!
//! With [`Criterion::Plain`] the KL is in closed form. With [`Criterion::Mixture`] it is estimated from the one sample
//! of each corruption, so that it can come out negative for a batch, and a step costs M times as much.
//!
//! # The denoising autoencoder without a KL
//!
//! Many a "denoising VAE" is trained on the squared error alone: `Elbo { beta: 0.0, ..Default::default() }` here, and
//! `Observation::Gaussian { variance: 0.5 }` in the model, whose −log p(x|z) is the summed squared error plus a
//! constant. The mean over the 784 pixels is that error divided by 784: the same minimum at another step size, which
//! Adam does not mind. Nothing then keeps the codes near the prior, so its samples need not show anything, and the
//! noise of z is learned away.
//!
//! ```
//! use vae_core::prelude::*;
//!
//! let objective = Denoising { corruption: Corruption::Gaussian { std: 0.2 }, ..Default::default() };
//! let vae = MlpVae::new(MlpVaeConfig::default(), &Device::Cpu, 1)?;
//! let batch = Images::new(vec![200; 8 * 784], vec![0; 8], (1, 28, 28), &Device::Cpu)?.batch(&[0, 3, 5])?;
//! let terms = objective.terms(&vae, &batch, 0.0, &mut Random::new(3))?;
//! let [loss, reconstruction, kl] = [&terms.loss, &terms.reconstruction, &terms.kl].map(|t| t.to_scalar::<f32>());
//! assert!((loss? - (kl? - reconstruction?)).abs() < 1e-3); // β = 1
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::{Elbo, Objective, Terms};
use crate::{
    Error, Result,
    data::{Batch, Corruption},
    distributions::Distribution,
    models::Vae,
    random::Random,
};

/// Which bound is trained on; see the top of this module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    /// One corruption of each image, the KL of its posterior in closed form: the tractable bound of Im et al.
    #[default]
    Plain,
    /// Several corruptions of each image, whose mixture stands for the posterior in the KL: a tighter bound.
    Mixture {
        /// M, how many corruptions.
        draws: usize,
    },
}

/// The ELBO of clean images whose encoder sees corrupted ones.
///
/// The corruption is drawn from the step's noise, so that every epoch sees others and a run repeats with its seed. In
/// [`evaluate`](super::evaluate) and for validation, the images are corrupted too, with the noise of the given seed:
/// the numbers say how well corrupted images are denoised. What the same model makes of clean images is
/// `evaluate(&objective.elbo, …)`; with a corruption of another kind or strength here, what it makes of that.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Denoising {
    /// What the encoder's images go through.
    pub corruption: Corruption,
    /// The weight of the KL, and its warm-up.
    pub elbo: Elbo,
    /// Which bound.
    pub criterion: Criterion,
}

impl Default for Denoising {
    /// Gaussian noise of standard deviation 0.2, β = 1, the plain criterion.
    fn default() -> Self {
        let corruption = Corruption::Gaussian { std: 0.2 };
        Self { corruption, elbo: Elbo::default(), criterion: Criterion::Plain }
    }
}

impl Denoising {
    /// log p(x|z) and the KL term of one sample for each of `draws` corruptions, both (draws · B,).
    fn mixture(&self, vae: &dyn Vae, x: &Tensor, draws: usize, noise: &mut Random) -> Result<[Tensor; 2]> {
        let prior = vae.prior(x.dims()[0])?;
        let encode = |_| vae.encode(&self.corruption.apply(x, noise)?);
        let posteriors = (0..draws).map(encode).collect::<Result<Vec<_>>>()?;
        let (mut reconstructions, mut kls) = (vec![], vec![]);
        for q in &posteriors {
            let z = q.sample(noise)?;
            // log q(z|x̃_k) under the posterior of each corruption k.
            let components = posteriors.iter().map(|q| q.log_prob(&z)).collect::<Result<Vec<_>>>()?;
            let log_mixture = (Tensor::stack(&components, 0)?.log_sum_exp(0)? - (draws as f64).ln())?;
            kls.push((log_mixture - prior.log_prob(&z)?)?);
            reconstructions.push(vae.decode(&z)?.log_prob(x)?);
        }
        Ok([Tensor::cat(&reconstructions, 0)?, Tensor::cat(&kls, 0)?])
    }
}

impl Objective for Denoising {
    fn terms(&self, vae: &dyn Vae, batch: &Batch, epoch: f64, noise: &mut Random) -> Result<Terms> {
        let [reconstruction, kl] = match self.criterion {
            Criterion::Plain => {
                let q = vae.encode(&self.corruption.apply(&batch.x, noise)?)?;
                self.elbo.parts(vae, &q, &batch.x, noise)?
            }
            Criterion::Mixture { draws } => self.mixture(vae, &batch.x, draws, noise)?,
        };
        Terms::weighted(&reconstruction, &kl, self.elbo.beta_at(epoch))
    }

    fn config(&self) -> serde_json::Value {
        let mut config = self.elbo.settings();
        config["objective"] = "denoising".into();
        config["corruption"] = serde_json::json!(self.corruption);
        config["criterion"] = serde_json::json!(self.criterion);
        config
    }

    fn check(&self) -> Result<()> {
        if self.criterion == (Criterion::Mixture { draws: 0 }) {
            return Err(Error::argument("draws of a Mixture must be 1 or more, got 0"));
        }
        if self.criterion != Criterion::Plain && self.elbo.samples != 1 {
            return Err(Error::argument(format!(
                "a Mixture draws one code for each of its corruptions: set `draws` of the Mixture, not `samples` of the Elbo, to {}",
                self.elbo.samples
            )));
        }
        self.corruption.check()?;
        self.elbo.check()
    }
}
