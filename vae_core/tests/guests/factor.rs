//! FactorVAE (Kim & Mnih 2018, "Disentangling by factorising"): an ELBO, and the total correlation of the aggregate posterior
//! q(z) as a discriminator D tells it, which learns to know codes from codes whose dimensions were shuffled one by one.
//!
//! ```text
//! loss   = −ELBO + γ · TC           TC = KL(q(z) ‖ ∏ⱼ q(zⱼ)) ≈ E_q(z)[ln D(z) − ln(1 − D(z))]
//! critic = −½ E_q(z)[ln D(z)] − ½ E_∏q(zⱼ)[ln(1 − D(z))]
//! ```
//! The paper shuffles the codes of a second batch; here both terms have those of the one batch.

use super::harness;
use vae_core::{prelude::*, serde_json};

/// Clones share the discriminator, so that one can be kept to look at.
#[derive(Clone)]
struct FactorVae {
    gamma: f64,
    adam: AdamConfig,
    params: Params,
    /// (B, D) → (B, 1): the logit of D(z), which is ln D(z) − ln(1 − D(z)).
    discriminator: Stack,
}

impl FactorVae {
    fn new(gamma: f64, latent: usize, hidden: usize, learning_rate: f64) -> Result<Self> {
        let (mut params, mut random) = (Params::new(), Random::new(1));
        let mut linear =
            |name, inputs, outputs| Linear::new(&mut params, name, inputs, outputs, &mut random, &Device::Cpu);
        let discriminator = Stack::new()
            .push(linear("fc1", latent, hidden)?, Activation::LeakyRelu(0.2))
            .push(linear("fc2", hidden, hidden)?, Activation::LeakyRelu(0.2))
            .push(linear("fc3", hidden, 1)?, None);
        let adam = AdamConfig { learning_rate, beta1: 0.5, beta2: 0.9, ..Default::default() };
        Ok(Self { gamma, adam, params, discriminator })
    }

    /// ln p(label|z) of each code, where D(z) is the probability of 1: (B,).
    fn log_prob(&self, z: &Tensor, label: f32) -> Result<Tensor> {
        let logits = self.discriminator.forward(z)?;
        Bernoulli::new(logits.clone())?.log_prob(&logits.zeros_like()?.affine(1.0, label.into())?)
    }
}

/// (B, D) → (B, D): each column in an order of its own, draws from ∏ⱼ q(zⱼ).
fn shuffled(z: &Tensor, random: &mut Random) -> Result<Tensor> {
    let (rows, columns) = z.dims2()?;
    let column = |j| {
        let order: Vec<u32> = random.permutation(rows).into_iter().map(|i| i as u32).collect();
        Ok(z.narrow(1, j, 1)?.contiguous()?.index_select(&Tensor::new(order, z.device())?, 0)?)
    };
    Ok(Tensor::cat(&(0..columns).map(column).collect::<Result<Vec<_>>>()?, 1)?)
}

impl Objective for FactorVae {
    fn terms(&self, vae: &dyn Vae, batch: &Batch, _epoch: f64, noise: &mut Random) -> Result<Terms> {
        let q = vae.encode(&batch.x)?;
        let z = q.sample(noise)?;
        let reconstruction = vae.decode(&z)?.log_prob(&batch.x)?;
        let total_correlation = self.discriminator.forward(&z)?.mean_all()?;
        let z_fixed = z.detach();
        let told = (self.log_prob(&z_fixed, 1.0)? + self.log_prob(&shuffled(&z_fixed, noise)?, 0.0)?)?;
        Ok(Terms::weighted(&reconstruction, &q.kl(&vae.prior(batch.len())?, &z)?, 1.0)?
            .plus("total correlation", self.gamma, &total_correlation)?
            .critic(told.mean_all()?.affine(-0.5, 0.0)?))
    }

    fn config(&self) -> serde_json::Value {
        serde_json::json!({ "objective": "factor", "gamma": self.gamma, "discriminator": self.params.count() })
    }

    fn critic(&self) -> Option<(&Params, AdamConfig)> {
        Some((&self.params, self.adam))
    }

    /// −ELBO: the total correlation is worth what the discriminator is.
    fn watched(&self, means: &Means) -> f64 {
        -means.elbo
    }
}

/// Digits are learned, the discriminator comes to know codes from shuffled ones, its weights and its Adam are kept in
/// checkpoints, and the best epoch is that of the ELBO.
#[test]
fn trains_with_its_critic() -> Result<()> {
    let digits = data::digits(&Device::Cpu)?.train.take(512);
    let config = MlpVaeConfig { hidden: vec![64], latent: 4, ..Default::default() };
    let vae = || MlpVae::new(config.clone(), &Device::Cpu, 1).unwrap();
    let objective = || FactorVae::new(2.0, 4, 32, 5e-3).unwrap();
    let settings = |trainer: Trainer| trainer.learning_rate(3e-3).validation(64);
    let (_, history) = harness::trains_and_resumes(vae, objective, &digits, settings);
    let [first, last] = [0, 3].map(|epoch: usize| history.epochs[epoch].train.clone());
    assert!(last.elbo > first.elbo + 50.0, "{first:?} {last:?}");
    assert!(last.metrics["critic loss"] < first.metrics["critic loss"] - 0.005, "{first:?} {last:?}");
    assert!(history.epochs.iter().all(|e| e.watched == e.validation.as_ref().map(|means| -means.elbo)));
    Ok(())
}

/// On codes with q(z) = N(0, Σ), what the trained discriminator says of held-out ones is the exact total correlation,
/// −½ ln det of the correlations, 0.70, within 0.05 nats; as a mean over ten epochs, since Adam keeps it moving.
#[test]
fn total_correlation_of_a_gaussian() -> Result<()> {
    let posterior = |x: &Tensor| -> Result<Box<dyn Distribution>> {
        Ok(Box::new(DiagonalGaussian::new(x.clone(), x.zeros_like()?.affine(1.0, 0.01f64.ln())?)?))
    };
    let mut vae = harness::Unlearned { width: 3, posterior, params: Params::new() };
    // z = A ε + 0.1 ε', with rows of length 1 in A, so that Σ = A Aᵀ + 0.01 I.
    let a = Tensor::new(&[[1f32, 0.0, 0.0], [0.8, 0.6, 0.0], [0.0, 0.6, 0.8]], &Device::Cpu)?;
    let table = Random::new(2).normal((64_000, 3), &Device::Cpu)?.matmul(&a.t()?)?;
    let [r01, r12] = [0.8, 0.36].map(|covariance: f64| covariance / 1.01);
    let exact = -0.5 * (1.0 - r01 * r01 - r12 * r12).ln();
    let trainer = Trainer::new(FactorVae::new(1.0, 3, 64, 5e-4)?).epochs(20).batch_size(500).validation(40_000);
    let history = trainer.quiet().fit(&mut vae, &table)?;
    let told = history.epochs.iter().map(|e| e.validation.as_ref().unwrap().metrics["total correlation"]);
    let told = told.skip(10).sum::<f64>() / 10.0;
    assert!((told - exact).abs() < 0.05, "{told} {exact}");
    Ok(())
}

/// Shuffling keeps the numbers of each column, and no two columns come in one order.
#[test]
fn shuffles_columns() -> Result<()> {
    let z = Tensor::arange(0f32, 200.0, &Device::Cpu)?.reshape((50, 4))?;
    let shuffled = shuffled(&z, &mut Random::new(3))?;
    let (before, mut after) = (z.t()?.to_vec2::<f32>()?, shuffled.t()?.to_vec2::<f32>()?);
    let rows: Vec<Vec<f32>> = after.iter().map(|column| column.iter().map(|z| (z / 4.0).floor()).collect()).collect();
    assert!((0..4).all(|i| (0..i).all(|j| rows[i] != rows[j])));
    after.iter_mut().for_each(|column| column.sort_by(f32::total_cmp));
    assert_eq!(before, after);
    Ok(())
}
