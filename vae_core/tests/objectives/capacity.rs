//! The KL at a capacity.

use super::{Unlearned, harness};
use vae_core::prelude::*;

/// The KL follows the capacity while that rises, each epoch's loss is the formula's, what is watched is judged at the final capacity,
/// and a run that was stopped ends with the same bits.
#[test]
fn the_kl_follows() {
    let digits = data::digits(&Device::Cpu).unwrap().train.take(1024);
    let config = MlpVaeConfig { hidden: vec![64], latent: 4, ..Default::default() };
    let vae = || MlpVae::new(config.clone(), &Device::Cpu, 1).unwrap();
    let objective = || Capacity { gamma: 100.0, capacity: 8.0, epochs: 3.0 };
    let settings = |trainer: Trainer| trainer.learning_rate(3e-3).validation(128);
    let (_, history) = harness::trains_and_resumes(vae, objective, &digits, settings);
    for record in &history.epochs {
        let (train, held_out) = (&record.train, record.validation.as_ref().unwrap());
        let epoch = record.epoch as f64;
        // 28 steps an epoch, of which the first is at its begin.
        let mean = (8.0 / 3.0 * (epoch - 1.0 + 13.5 / 28.0)).min(8.0);
        assert!((train.metrics["capacity"] - mean).abs() < 1e-4, "{record:?}");
        assert_eq!(held_out.metrics["capacity"], 8.0);
        // One batch.
        let expected = 100.0 * (held_out.kl - 8.0).abs() - held_out.reconstruction;
        assert!((held_out.loss - expected).abs() < 1e-2, "{held_out:?}");
        assert_eq!(record.watched, Some(held_out.loss));
        assert!((train.kl - train.metrics["capacity"]).abs() < 1.0, "{record:?}");
    }
    let watched: Vec<f64> = history.epochs.iter().map(|record| record.watched.unwrap()).collect();
    assert!(watched[..3].is_sorted_by(|a, b| a > b), "{watched:?}");
}

/// On either side of the capacity, the gradient pushes the KL towards it, and with the weight γ.
#[test]
fn pushes_towards_the_capacity() -> Result<()> {
    let mu = Var::new(&[[1.5f64, -1.0], [0.5, 2.0]], &Device::Cpu)?; // KL ½ ‖μ‖², 1.875 in the mean
    let vae = Unlearned { width: 2, posterior: |x| Ok(Box::new(standard(x)?)), params: Params::new() };
    let slope = |capacity: f64, gamma: f64| -> Result<Vec<f64>> {
        let objective = Capacity { gamma, capacity, epochs: 0.0 };
        let batch = Batch { x: mu.as_tensor().clone(), y: None };
        let loss = objective.terms(&vae, &batch, 0.0, &mut Random::new(1))?.loss;
        Ok(harness::numbers(loss.backward()?.get(&mu).unwrap()))
    };
    let without = slope(0.0, 0.0)?;
    for (capacity, sign) in [(1.0, 1.0), (3.0, -1.0)] {
        for (i, slope) in slope(capacity, 50.0)?.into_iter().enumerate() {
            // dKL/dμ = μ / B.
            let expected = without[i] + sign * 50.0 * harness::numbers(&mu)[i] / 2.0;
            assert!((slope - expected).abs() < 1e-9, "{capacity}: {slope} {expected}");
        }
    }
    Ok(())
}

/// N(x, I).
fn standard(x: &Tensor) -> Result<DiagonalGaussian> {
    DiagonalGaussian::new(x.clone(), x.zeros_like()?)
}
