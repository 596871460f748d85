//! β-TCVAE (Chen, Li, Grosse & Duvenaud 2018, "Isolating sources of disentanglement in VAEs", arXiv 1802.04942): the KL in
//! three parts, each with a weight of its own.
//!
//! ```text
//! E[KL(q(z|x) ‖ p(z))] = KL(q(z, x) ‖ q(z) p(x))  +  KL(q(z) ‖ Πⱼ q(zⱼ))  +  Σⱼ KL(q(zⱼ) ‖ p(zⱼ))
//!                        mutual information          total correlation        dimension-wise KL
//! loss = −reconstruction + α · mutual information + β · total correlation + γ · dimension-wise KL
//! ```
//! q(z) = (1/N) Σₙ q(z|xₙ) is the aggregate posterior of all N items that are trained on. Nobody can compute it in every
//! step; the M items of a batch stand for the N, with weights wᵢₖ of q(zᵢ|xₖ), of which zᵢ was drawn from the i-th:
//!
//! ```text
//! ln q(zᵢ) ≈ ln Σₖ wᵢₖ q(zᵢ|xₖ)          Σⱼ ln q(zᵢⱼ) ≈ Σⱼ ln Σₖ wᵢₖ q(zᵢⱼ|xₖ)
//! weighted     wᵢₖ = 1/(N M)
//! stratified   wᵢᵢ = 1/N                 wᵢₖ = (N − 1)/N · 1/(M − 1) for k ≠ i
//! ```
//! The *weighted* sum (the paper's section 4.1) is N times too small, and its logarithm a lower bound on average; the constant
//! has no gradient, but makes the mutual information ln N too large and the total correlation (D − 1) ln N. The *stratified*
//! sum (its appendix C) is right on average: zᵢ was drawn for one item of the N, which is in the batch and counts once, and
//! each of the other M − 1 stands for (N − 1)/(M − 1). (The paper's form gives one of them the whole remainder; it is the
//! mean of that over which one.) The own pairs are the *diagonal* of the matrix: four well-known programs fill its first column
//! instead. A logarithm of what is right on average is still too small on average, the more the fewer items a batch has: of a
//! total correlation of 0.64 in three dimensions, at 2.8 nats of mutual information, batches of 100 see 0.47, of 400 0.59, of
//! 1600 0.62. Compare runs of one batch size, then, and validation (500 items at a time) with validation. A batch of a single
//! item has all the weight itself, and all of its KL is dimension-wise. `tests/objectives` measures all
//! of this on a q(z) that is known.
//!
//! What is called the KL here is the sum of the parts, ln q(z|x) − ln p(z) at the sample, which no weight leaves biased. The
//! posterior must be a [`DiagonalGaussian`], whose dimensions have densities of their own; the prior may be any, and where it
//! does not factorize, what the third part holds is ln of Πⱼ q(zⱼ) against that prior.
//!
//! ```
//! use vae_core::prelude::*;
//!
//! let digits = data::digits(&Device::Cpu)?.train.take(512);
//! let mut vae = MlpVae::new(MlpVaeConfig { hidden: vec![32], latent: 4, ..Default::default() }, &Device::Cpu, 1)?;
//! let objective = BetaTcVae { dataset: digits.len(), ..Default::default() };
//! let history = Trainer::new(objective).epochs(2).quiet().fit(&mut vae, &digits)?;
//! let means = &history.epochs[1].train;
//! let parts = ["mutual information", "total correlation", "dimension-wise KL"].map(|part| means.metrics[part]);
//! assert!((parts.iter().sum::<f64>() - means.kl).abs() < 1e-3);
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
    ops::aggregate::{self, LogWeights},
    random::Random,
};

/// How the items of a batch stand for all; see the top of this module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// All alike, minibatch-weighted sampling: what the paper's results were made with.
    Weighted,
    /// The own item by itself, minibatch-stratified sampling.
    #[default]
    Stratified,
}

/// The negative ELBO whose KL has three parts with weights of their own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BetaTcVae {
    /// α, the weight of the mutual information of code and item.
    pub alpha: f64,
    /// β, the weight of the total correlation of the code's dimensions.
    pub beta: f64,
    /// γ, the weight of the divergence of each dimension from the prior's.
    pub gamma: f64,
    /// N, how many items there are to train on, validation left out.
    pub dataset: usize,
    /// How a batch stands for all of them.
    pub sampling: Sampling,
}

impl Default for BetaTcVae {
    /// α = γ = 1 and β = 6, the paper's, with stratified sampling; `dataset` must be set.
    fn default() -> Self {
        Self { alpha: 1.0, beta: 6.0, gamma: 1.0, dataset: 0, sampling: Sampling::default() }
    }
}

impl BetaTcVae {
    /// ln q(z) and Σⱼ ln q(zⱼ) of codes z, (B, D), as the posteriors of a batch tell them, in nats: (B,) twice. The i-th code
    /// counts as drawn for the i-th item.
    ///
    /// # Errors
    /// [`Error::Shape`] unless z has the shape of the posteriors' means.
    pub fn aggregate(&self, z: &Tensor, q: &DiagonalGaussian) -> Result<[Tensor; 2]> {
        if z.dims() != q.mu().dims() {
            let expected = format!("{:?}, that of the posteriors", q.mu().dims());
            return Err(Error::Shape { what: "z of an aggregate posterior", expected, got: z.dims().to_vec() });
        }
        aggregate::log_prob([z, q.mu(), q.log_var()], self.log_weights(z.dims()[0]))
    }

    /// The logarithms of the weights in a batch of that size.
    fn log_weights(&self, batch: usize) -> LogWeights {
        let (n, m) = (self.dataset as f64, batch as f64);
        match self.sampling {
            Sampling::Weighted => LogWeights { own: -(n * m).ln(), others: -(n * m).ln() },
            // Alone, it stands for all; and in a set of one item there are no others.
            Sampling::Stratified if batch < 2 || self.dataset < 2 => LogWeights { own: -m.ln(), others: -m.ln() },
            Sampling::Stratified => LogWeights { own: -n.ln(), others: ((n - 1.0) / n / (m - 1.0)).ln() },
        }
    }
}

impl Objective for BetaTcVae {
    fn terms(&self, vae: &dyn Vae, batch: &Batch, _epoch: f64, noise: &mut Random) -> Result<Terms> {
        let q = vae.encode(&batch.x)?;
        let q: &DiagonalGaussian = q.downcast()?;
        let z = q.rsample(noise)?;
        let (posterior, prior) = (q.log_prob(&z)?, vae.prior(batch.len())?.log_prob(&z)?);
        let [joint, product] = self.aggregate(&z, q)?;
        let reconstruction = vae.decode(&z)?.log_prob(&batch.x)?;
        // With weights of 1, the parts are the KL; what is more is added.
        let mut terms = Terms::weighted(&reconstruction, &(&posterior - &prior)?, 1.0)?;
        for (name, weight, [upper, lower]) in [
            ("mutual information", self.alpha, [&posterior, &joint]),
            ("total correlation", self.beta, [&joint, &product]),
            ("dimension-wise KL", self.gamma, [&product, &prior]),
        ] {
            let part = (upper - lower)?.mean_all()?;
            terms = if weight == 1.0 { terms.metric(name, &part) } else { terms.plus(name, weight - 1.0, &part)? };
        }
        Ok(terms)
    }

    fn config(&self) -> serde_json::Value {
        let Self { alpha, beta, gamma, dataset, sampling } = self;
        serde_json::json!({
            "objective": "beta-tc", "alpha": alpha, "beta": beta, "gamma": gamma, "dataset": dataset, "sampling": sampling,
        })
    }

    fn check(&self) -> Result<()> {
        for (what, value) in [("alpha", self.alpha), ("beta", self.beta), ("gamma", self.gamma)] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(Error::argument(format!(
                    "{what} of a BetaTcVae must be 0 or more and finite, got {value}"
                )));
            }
        }
        if self.dataset == 0 {
            return Err(Error::argument(
                "dataset of a BetaTcVae must be the number of items that are trained on, got 0; write `dataset: train.len()`",
            ));
        }
        Ok(())
    }
}
