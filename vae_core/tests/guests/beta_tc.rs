//! β-TCVAE (Chen, Li, Grosse & Duvenaud 2018, "Isolating sources of disentanglement in VAEs"): the KL in three parts, of which
//! the total correlation is weighted by β.
//!
//! ```text
//! E[KL(q(z|x) ‖ p(z))] = KL(q(z, x) ‖ q(z) p(x))  +  KL(q(z) ‖ ∏ⱼ q(zⱼ))  +  Σⱼ KL(q(zⱼ) ‖ p(zⱼ))
//!                        mutual information          total correlation         dimension-wise KL
//! ln q(z) ≈ ln Σₖ q(z|xₖ) − ln(N M)                for M items xₖ of N: minibatch-weighted sampling
//! loss = −E[ln p(x|z)] + MI + β · TC + DWKL
//! ```

use super::harness;
use vae_core::{prelude::*, serde_json};

struct BetaTcVae {
    beta: f64,
    /// N, how many items there are to train on.
    items: usize,
}

/// ln N(z; μ, σ²) of each number of z, in whatever shape the three come to together.
fn log_density(z: &Tensor, mu: &Tensor, log_var: &Tensor) -> Result<Tensor> {
    let squares = z.broadcast_sub(mu)?.sqr()?.broadcast_mul(&log_var.neg()?.exp()?)?;
    Ok(squares.broadcast_add(log_var)?.affine(-0.5, -0.5 * std::f64::consts::TAU.ln())?)
}

impl BetaTcVae {
    /// ln q(z) and Σⱼ ln q(zⱼ) of codes z, (B, D), by the posteriors of M items: (B,) twice.
    fn aggregate(&self, z: &Tensor, q: &DiagonalGaussian) -> Result<[Tensor; 2]> {
        let pairs = log_density(&z.unsqueeze(1)?, &q.mu().unsqueeze(0)?, &q.log_var().unsqueeze(0)?)?; // (B, M, D)
        let weight = ((self.items * q.mu().dims()[0]) as f64).ln();
        let joint = (pairs.sum(2)?.log_sum_exp(1)? - weight)?;
        let product = (pairs.log_sum_exp(1)? - weight)?.sum(1)?;
        Ok([joint, product])
    }
}

impl Objective for BetaTcVae {
    fn terms(&self, vae: &dyn Vae, batch: &Batch, _epoch: f64, noise: &mut Random) -> Result<Terms> {
        let q = vae.encode(&batch.x)?;
        let q: &DiagonalGaussian = q.downcast()?;
        let z = q.rsample(noise)?;
        let (posterior, prior) = (q.log_prob(&z)?, vae.prior(batch.len())?.log_prob(&z)?);
        let [joint, product] = self.aggregate(&z, q)?;
        let total_correlation = (&joint - &product)?.mean_all()?;
        let reconstruction = vae.decode(&z)?.log_prob(&batch.x)?;
        // The three parts with weight 1 are the KL.
        Ok(Terms::weighted(&reconstruction, &(&posterior - &prior)?, 1.0)?
            .plus("total correlation", self.beta - 1.0, &total_correlation)?
            .metric("mutual information", &(posterior - joint)?.mean_all()?)
            .metric("dimension-wise KL", &(product - prior)?.mean_all()?))
    }

    fn config(&self) -> serde_json::Value {
        serde_json::json!({ "objective": "beta-tc", "beta": self.beta, "items": self.items })
    }
}

/// Digits are learned; in every epoch, in training and validation, the three parts add up to the KL, and the loss weights the
/// total correlation by β. Of a single item, all of the KL is dimension-wise.
#[test]
fn parts_add_up() -> Result<()> {
    let digits = data::digits(&Device::Cpu)?.train.take(512);
    let config = MlpVaeConfig { hidden: vec![64], latent: 4, ..Default::default() };
    let vae = || MlpVae::new(config.clone(), &Device::Cpu, 1).unwrap();
    let settings = |trainer: Trainer| trainer.learning_rate(3e-3).validation(64);
    let (vae, history) = harness::trains_and_resumes(vae, || BetaTcVae { beta: 6.0, items: 448 }, &digits, settings);
    let parts = |means: &Means| {
        ["mutual information", "total correlation", "dimension-wise KL"].map(|part| means.metrics[part])
    };
    let means = |epoch: usize| [&history.epochs[epoch].train, history.epochs[epoch].validation.as_ref().unwrap()];
    for means in (0..4).flat_map(means) {
        let [mi, tc, dwkl] = parts(means);
        assert!((mi + tc + dwkl - means.kl).abs() < 1e-4 * means.kl.abs(), "{means:?}");
        assert!((means.loss + means.elbo - 5.0 * tc).abs() < 1e-3, "{means:?}");
    }
    assert!(means(3)[1].elbo > means(0)[1].elbo + 30.0, "{history}");
    let one = evaluate(&BetaTcVae { beta: 6.0, items: 1 }, &vae, &digits.take(1), false, 1)?;
    let [mi, tc, dwkl] = parts(&one);
    assert!(mi.abs() < 1e-4 && tc.abs() < 1e-4 && (dwkl - one.kl).abs() < 1e-4 && one.kl > 0.1, "{one:?}");
    Ok(())
}

/// With all N items in one batch the estimates are those of the exact aggregate posterior (1/N) Σₖ q(z|xₖ), but for the ln N that
/// minibatch-weighted sampling is known to be off by. Over all minibatches of three that hold an item x, that of q(z) has the mean
/// (q(z|x) + 2 q(z)) / 3N, and that of ln q(z) is a lower bound.
#[test]
fn aggregate_of_a_whole_set() -> Result<()> {
    let (mu, log_var) = ([[0.3f64, -1.2], [1.5, 0.4], [-0.7, 2.0]], [[-1.0f64, 0.2], [0.5, -0.8], [0.1, 1.0]]);
    let z = [0.1f64, 0.2];
    let density = |k: usize, j: usize| {
        let variance = log_var[k][j].exp();
        (-0.5 * (z[j] - mu[k][j]).powi(2) / variance).exp() / (std::f64::consts::TAU * variance).sqrt()
    };
    let mean = |f: &dyn Fn(usize) -> f64, count: usize| (0..count).map(f).sum::<f64>() / count as f64;
    let joint = mean(&|k| density(k, 0) * density(k, 1), 3);
    let product = mean(&|k| density(k, 0), 3) * mean(&|k| density(k, 1), 3);

    let estimate = |batch: [u32; 3]| -> Result<[f64; 2]> {
        let rows = |x| Tensor::new(x, &Device::Cpu)?.index_select(&Tensor::new(&batch, &Device::Cpu)?, 0);
        let q = DiagonalGaussian::new(rows(&mu)?, rows(&log_var)?)?;
        let logarithms = BetaTcVae { beta: 1.0, items: 3 }.aggregate(&Tensor::new(&[z], &Device::Cpu)?, &q)?;
        Ok(logarithms.map(|x| harness::numbers(&x)[0]))
    };
    let [whole_joint, whole_product] = estimate([0, 1, 2])?;
    assert!((whole_joint + 3f64.ln() - joint.ln()).abs() < 1e-12);
    assert!((whole_product + 2.0 * 3f64.ln() - product.ln()).abs() < 1e-12);
    let batches = (0..9).map(|i| Ok(estimate([1, i / 3, i % 3])?[0])).collect::<Result<Vec<f64>>>()?;
    let expected = (density(1, 0) * density(1, 1) + 2.0 * joint) / 9.0;
    assert!((mean(&|i| batches[i].exp(), 9) - expected).abs() < 1e-12);
    assert!(mean(&|i| batches[i], 9) < joint.ln());
    Ok(())
}

/// A posterior that is no diagonal Gaussian is refused before anything is written, in one sentence with both types.
#[test]
fn refuses_other_posteriors() -> Result<()> {
    let posterior = |x: &Tensor| -> Result<Box<dyn Distribution>> { Ok(Box::new(Gaussian::fixed(x.clone(), 1.0)?)) };
    let mut vae = harness::Unlearned { width: 2, posterior, params: Params::new() };
    let folder = tempfile::tempdir().unwrap().path().join("run");
    let trainer = Trainer::new(BetaTcVae { beta: 6.0, items: 8 }).checkpoints(&folder).quiet();
    let message = trainer.fit(&mut vae, &Tensor::zeros((8, 2), DType::F32, &Device::Cpu)?).unwrap_err().to_string();
    assert_eq!(message, "expected a distribution of type DiagonalGaussian, got Gaussian");
    assert!(!folder.exists());
    Ok(())
}
