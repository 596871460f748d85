//! FactorVAE: its critic learns beside the model, and tells the total correlation.

use super::{Unlearned, harness};
use vae_core::{nn, prelude::*};

const CPU: Device = Device::Cpu;

fn objective(gamma: f64, latent: usize, hidden: usize, learning_rate: f64) -> FactorVae {
    let adam = AdamConfig { learning_rate, ..FactorVaeConfig::default().adam };
    FactorVae::new(FactorVaeConfig { gamma, latent, hidden: vec![hidden; 2], adam }, &CPU, 1).unwrap()
}

/// Digits are learned, the discriminator comes to know codes from shuffled ones, its weights and its Adam are kept in
/// checkpoints and come back bit for bit, and the best epoch is that of the ELBO.
#[test]
fn trains_with_its_critic() -> Result<()> {
    let digits = data::digits(&CPU)?.train.take(512);
    let config = MlpVaeConfig { hidden: vec![64], latent: 4, ..Default::default() };
    let vae = || MlpVae::new(config.clone(), &CPU, 1).unwrap();
    let settings = |trainer: Trainer| trainer.learning_rate(3e-3).validation(64);
    let (_, history) = harness::trains_and_resumes(vae, || objective(2.0, 4, 32, 5e-3), &digits, settings);
    let [first, last] = [0, 3].map(|epoch: usize| history.epochs[epoch].train.clone());
    assert!(last.elbo > first.elbo + 50.0, "{first:?} {last:?}");
    assert!(last.metrics["critic loss"] < first.metrics["critic loss"] - 0.005, "{first:?} {last:?}");
    assert!(history.epochs.iter().all(|e| e.watched == e.validation.as_ref().map(|means| -means.elbo)));
    Ok(())
}

/// On codes with q(z) = N(0, Σ), what the trained discriminator says of held-out ones is the exact total correlation,
/// −½ ln det of the correlations, 0.70, within 0.05 nats; as a mean over ten epochs, since Adam keeps it moving. It is right about
/// codes more often than by guessing.
#[test]
fn total_correlation_of_a_gaussian() -> Result<()> {
    let posterior = |x: &Tensor| -> Result<Box<dyn Distribution>> {
        Ok(Box::new(DiagonalGaussian::new(x.clone(), x.zeros_like()?.affine(1.0, 0.01f64.ln())?)?))
    };
    let mut vae = Unlearned { width: 3, posterior, params: Params::new() };
    // z = A ε + 0.1 ε', with rows of length 1 in A, so that Σ = A Aᵀ + 0.01 I.
    let a = Tensor::new(&[[1f32, 0.0, 0.0], [0.8, 0.6, 0.0], [0.0, 0.6, 0.8]], &CPU)?;
    let table = Random::new(2).normal((64_000, 3), &CPU)?.matmul(&a.t()?)?;
    let [r01, r12] = [0.8, 0.36].map(|covariance: f64| covariance / 1.01);
    let exact = -0.5 * (1.0 - r01 * r01 - r12 * r12).ln();
    let trainer = Trainer::new(objective(1.0, 3, 64, 5e-4)).epochs(20).batch_size(500).validation(40_000);
    let history = trainer.quiet().fit(&mut vae, &table)?;
    let late = |metric: &str| {
        let told = history.epochs.iter().map(|e| e.validation.as_ref().unwrap().metrics[metric]);
        told.skip(10).sum::<f64>() / 10.0
    };
    let told = late("total correlation");
    assert!((told - exact).abs() < 0.05, "{told} {exact}");
    let accuracy = late("discriminator accuracy");
    assert!((0.6..0.9).contains(&accuracy), "{accuracy}");
    Ok(())
}

/// The loss is −ELBO + γ TC and moves the model only; the critic's is the cross-entropy, ln 2 for a discriminator of zeros, and moves
/// the discriminator only.
#[test]
fn each_loss_has_its_weights() -> Result<()> {
    let vae = MlpVae::new(MlpVaeConfig { hidden: vec![16], latent: 3, ..Default::default() }, &CPU, 1)?;
    let batch = data::digits(&CPU)?.train.batch(&(0..20).collect::<Vec<_>>())?;
    let objective = objective(5.0, 3, 8, 1e-3);
    let terms = || objective.terms(&vae, &batch, 0.0, &mut Random::new(2));
    let (first, params) = (terms()?, objective.critic().unwrap().0);
    let critic = first.critic.as_ref().unwrap();
    let [loss, elbo, tc] =
        [&first.loss, &(&first.reconstruction - &first.kl)?, &first.metrics[0].1].map(harness::numbers);
    assert!((loss[0] - (5.0 * tc[0] - elbo[0])).abs() < 1e-3);

    let (by_loss, by_critic) = (nn::backward(&first.loss)?, nn::backward(critic)?);
    for (name, var) in vae.params().iter() {
        assert!(by_loss.get(var)?.is_some() && by_critic.get(var)?.is_none(), "{name}");
    }
    for (name, var) in params.iter() {
        assert!(by_loss.get(var)?.is_none() && by_critic.get(var)?.is_some(), "{name}");
    }
    // What the model's loss sees are the discriminator's weights of now.
    for (_, var) in params.iter() {
        var.set(&var.zeros_like()?)?;
    }
    let zeros = terms()?;
    assert_eq!(harness::numbers(&zeros.metrics[0].1), [0.0]);
    assert!((harness::numbers(zeros.critic.as_ref().unwrap())[0] - 2f64.ln()).abs() < 1e-6);
    Ok(())
}

/// A discriminator for another number of latent dimensions is refused, and says how to make the right one.
#[test]
fn refuses_another_width() -> Result<()> {
    let digits = data::digits(&CPU)?.train.take(64);
    let mut vae = MlpVae::new(MlpVaeConfig { hidden: vec![8], latent: 3, ..Default::default() }, &CPU, 1)?;
    let message = Trainer::new(objective(1.0, 4, 8, 1e-3)).fit(&mut vae, &digits).unwrap_err().to_string();
    assert_eq!(
        message,
        "the discriminator of this FactorVae is for 4 latent dimensions, the model has 3: make it with `latent: 3`"
    );
    Ok(())
}
