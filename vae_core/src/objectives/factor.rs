//! FactorVAE (Kim & Mnih 2018, "Disentangling by factorising", arXiv 1802.05983): the ELBO and a price on the total
//! correlation of the codes, which a discriminator tells.
//!
//! ```text
//! TC     = KL(q(z) ‖ Πⱼ q(zⱼ)) = E_q(z)[ln q(z)/Πⱼ q(zⱼ)] ≈ E_q(z)[ln D(z) − ln(1 − D(z))] = mean logit of D(z)
//! loss   = −reconstruction + KL + γ · TC                                             over the model's weights
//! critic = −½ E_q(z)[ln D(z)] − ½ E_Πq(zⱼ)[ln(1 − D(z))]                             over those of D
//! ```
//! D(z) is the probability that a code came from q(z) and not from Πⱼ q(zⱼ); codes of the latter are those of the batch with
//! each dimension put in an order of its own. Were D the best there is, its logit were the ratio of the densities.
//!
//! Where this departs from the paper's algorithm 2: there the model makes its step first, and the discriminator then sees
//! codes of the new model, those to be shuffled from a second batch. Here both gradients are taken at the same weights and on
//! the same codes, and both steps made then, which saves a second pass through the encoder.
//!
//! # What the number is worth
//!
//! "total correlation" is what the discriminator says. One that has learned nothing says about 0; one that lags behind the
//! model says too little; and **it can be negative**, which no KL can be: where the model has moved on to codes that the
//! discriminator still takes for shuffled ones, the mean logit is below 0. That is no mistake of the program, and passes as
//! the discriminator learns; where it stays, a smaller learning rate of the model or a larger one of the discriminator helps.
//! "discriminator accuracy" beside it tells what it knows. ½ is guessing: right for codes whose dimensions are independent,
//! and all that a discriminator can do that learns too slowly. So the best weights are those of the best ELBO, and not of the
//! smallest loss, which a confused discriminator could make small.
//!
//! ```
//! use vae_core::prelude::*;
//!
//! let digits = data::digits(&Device::Cpu)?.train.take(512);
//! let mut vae = MlpVae::new(MlpVaeConfig { hidden: vec![32], latent: 4, ..Default::default() }, &Device::Cpu, 1)?;
//! let config = FactorVaeConfig { latent: 4, hidden: vec![32], ..Default::default() };
//! let trainer = Trainer::new(FactorVae::new(config, &Device::Cpu, 2)?).epochs(2).quiet();
//! let history = trainer.fit(&mut vae, &digits)?;
//! let metrics = &history.epochs[1].train.metrics;
//! assert!(metrics["total correlation"].is_finite() && metrics["critic loss"] < 0.8); // ln 2 = 0.69 is guessing
//! assert!((0.3..1.0).contains(&metrics["discriminator accuracy"]));
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};

use super::{Means, Objective, Terms};
use crate::{
    Error, Result,
    data::Batch,
    distributions::{Bernoulli, Distribution},
    models::Vae,
    nn::{Activation, Linear, Params, Stack},
    optim::AdamConfig,
    random::Random,
};

/// The slope of the discriminator's leaky ReLUs for negative numbers, as in the paper.
const SLOPE: f64 = 0.2;

/// The settings of a [`FactorVae`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FactorVaeConfig {
    /// γ, the weight of the total correlation.
    pub gamma: f64,
    /// D, the model's latent dimensions.
    pub latent: usize,
    /// Widths of the discriminator's hidden layers; the paper has 6 of 1000, `vec![1000; 6]`.
    pub hidden: Vec<usize>,
    /// The optimizer of the discriminator.
    pub adam: AdamConfig,
}

impl Default for FactorVaeConfig {
    /// γ = 10 and 10 latent dimensions; Adam with the paper's learning rate 1e-4, β₁ = 0.5 and β₂ = 0.9; and three hidden
    /// layers of 256, that have a fortieth of the weights of the paper's and cost about what a small VAE costs.
    fn default() -> Self {
        let adam = AdamConfig { learning_rate: 1e-4, beta1: 0.5, beta2: 0.9, ..Default::default() };
        Self { gamma: 10.0, latent: 10, hidden: vec![256; 3], adam }
    }
}

impl FactorVaeConfig {
    fn check(&self) -> Result<()> {
        if !(self.gamma >= 0.0 && self.gamma.is_finite()) {
            let gamma = self.gamma;
            return Err(Error::argument(format!("gamma of a FactorVae must be 0 or more and finite, got {gamma}")));
        }
        let hidden = self.hidden.iter().map(|&width| ("a hidden width", width));
        match hidden.chain([("latent", self.latent)]).find(|&(_, value)| value == 0) {
            Some((what, _)) => Err(Error::argument(format!("{what} of a FactorVae must be 1 or more, got 0"))),
            None => Ok(()),
        }
    }
}

/// The negative ELBO with a weight on the total correlation that a discriminator tells; see the top of this module.
///
/// The discriminator is trained beside the model, and kept in its checkpoints. Clones share it, so that one can be kept to
/// look at; a second training with the same `FactorVae` goes on with what it has learned.
#[derive(Clone, Debug)]
pub struct FactorVae {
    config: FactorVaeConfig,
    seed: u64,
    params: Params,
    discriminator: Stack,
    /// The same with weights that have no gradient, for the model's loss.
    fixed: Stack,
}

impl FactorVae {
    /// The objective with a discriminator whose weights are drawn from `seed`, on the model's device.
    ///
    /// # Errors
    /// [`Error::Argument`] for a γ below 0, and for widths of 0.
    pub fn new(config: FactorVaeConfig, device: &Device, seed: u64) -> Result<Self> {
        config.check()?;
        let (mut params, mut random) = (Params::new(), Random::new(seed));
        let (mut discriminator, mut fixed) = (Stack::new(), Stack::new());
        let mut width = config.latent;
        for (i, &next) in config.hidden.iter().chain(&[1]).enumerate() {
            let layer = Linear::new(&mut params, &format!("fc{}", i + 1), width, next, &mut random, device)?;
            let activation = (i < config.hidden.len()).then_some(Activation::LeakyRelu(SLOPE));
            fixed = fixed.push(layer.detached(), activation);
            discriminator = discriminator.push(layer, activation);
            width = next;
        }
        Ok(Self { config, seed, params, discriminator, fixed })
    }

    /// The layers of the discriminator: codes (B, D) → logits of D(z) (B, 1).
    pub fn discriminator(&self) -> &Stack {
        &self.discriminator
    }

    /// The discriminator's loss and how often it is right, on codes without a gradient, (B, D).
    fn judge(&self, z: &Tensor, noise: &mut Random) -> Result<[Tensor; 2]> {
        let logits = self.discriminator.forward(&Tensor::cat(&[z, &shuffled(z, noise)?], 0)?)?;
        let labels = Tensor::cat(&[z.narrow(1, 0, 1)?.ones_like()?, z.narrow(1, 0, 1)?.zeros_like()?], 0)?;
        let loss = Bernoulli::new(logits.clone())?.log_prob(&labels)?.mean_all()?.neg()?;
        let right = logits.detach().gt(0.0)?.eq(&labels.to_dtype(DType::U8)?)?;
        let accuracy = right.to_dtype(z.dtype())?.mean_all()?;
        Ok([loss, accuracy])
    }
}

/// Each column in an order of its own, (B, D): draws from Πⱼ q(zⱼ).
fn shuffled(z: &Tensor, noise: &mut Random) -> Result<Tensor> {
    let (items, width) = z.dims2()?;
    let mut rows = vec![0u32; items * width];
    for column in 0..width {
        for (row, from) in noise.permutation(items).into_iter().enumerate() {
            rows[row * width + column] = from as u32;
        }
    }
    Ok(z.contiguous()?.gather(&Tensor::from_vec(rows, (items, width), z.device())?, 0)?)
}

impl Objective for FactorVae {
    fn terms(&self, vae: &dyn Vae, batch: &Batch, _epoch: f64, noise: &mut Random) -> Result<Terms> {
        let q = vae.encode(&batch.x)?;
        let z = q.sample(noise)?;
        let codes = z.flatten_from(1)?;
        if codes.dims()[1] != self.config.latent {
            let (expected, got) = (self.config.latent, codes.dims()[1]);
            return Err(Error::argument(format!(
                "the discriminator of this FactorVae is for {expected} latent dimensions, the model has {got}: make it with \
                 `latent: {got}`"
            )));
        }
        let reconstruction = vae.decode(&z)?.log_prob(&batch.x)?;
        let total_correlation = self.fixed.forward(&codes)?.mean_all()?;
        let [critic, accuracy] = self.judge(&codes.detach(), noise)?;
        Ok(Terms::weighted(&reconstruction, &q.kl(&vae.prior(batch.len())?, &z)?, 1.0)?
            .plus("total correlation", self.config.gamma, &total_correlation)?
            .metric("discriminator accuracy", &accuracy)
            .critic(critic))
    }

    fn config(&self) -> serde_json::Value {
        let FactorVaeConfig { gamma, latent, hidden, .. } = &self.config;
        serde_json::json!({
            "objective": "factor", "gamma": gamma, "latent": latent, "hidden": hidden, "seed": self.seed,
        })
    }

    fn check(&self) -> Result<()> {
        self.config.check()
    }

    fn critic(&self) -> Option<(&Params, AdamConfig)> {
        Some((&self.params, self.config.adam))
    }

    /// −ELBO: the total correlation is worth what the discriminator is.
    fn watched(&self, means: &Means) -> f64 {
        -means.elbo
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shuffling keeps the numbers of each column, and no two columns come in one order.
    #[test]
    fn shuffles_columns() -> Result<()> {
        let z = Tensor::arange(0f32, 200.0, &Device::Cpu)?.reshape((50, 4))?;
        let shuffled = shuffled(&z, &mut Random::new(3))?;
        let (before, mut after) = (z.t()?.to_vec2::<f32>()?, shuffled.t()?.to_vec2::<f32>()?);
        let rows: Vec<Vec<f32>> =
            after.iter().map(|column| column.iter().map(|z| (z / 4.0).floor()).collect()).collect();
        assert!((0..4).all(|i| (0..i).all(|j| rows[i] != rows[j])));
        after.iter_mut().for_each(|column| column.sort_by(f32::total_cmp));
        assert_eq!(before, after);
        Ok(())
    }
}
