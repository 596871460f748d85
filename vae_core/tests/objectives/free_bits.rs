//! Nats for free.

use super::{Unlearned, harness};
use vae_core::prelude::*;

/// Training with free nats is stopped and resumed bit for bit, what is charged is never below them, and the true KL is.
#[test]
fn trains_above_the_floor() {
    let digits = data::digits(&Device::Cpu).unwrap().train.take(512);
    let config = MlpVaeConfig { hidden: vec![64], latent: 8, ..Default::default() };
    let vae = || MlpVae::new(config.clone(), &Device::Cpu, 1).unwrap();
    for (per, floor) in [(Per::Dimension, 8.0 * 0.5), (Per::Code, 0.5)] {
        let objective = || FreeBits { nats: 0.5, per };
        let settings = |trainer: Trainer| trainer.learning_rate(3e-3).validation(64);
        let (_, history) = harness::trains_and_resumes(vae, objective, &digits, settings);
        for Means { loss, reconstruction, kl, metrics, .. } in history.epochs.iter().map(|record| &record.train) {
            let charged = metrics["charged KL"];
            assert!(charged >= floor - 1e-5 && charged >= kl - 1e-4, "{per:?} {charged} {kl}");
            assert!((loss - (charged - reconstruction)).abs() < 1e-2);
        }
    }
}

/// N(x, I): its KL to N(0, I) is ½ x² in each dimension.
fn shifted(x: &Tensor) -> Result<Box<dyn Distribution>> {
    Ok(Box::new(DiagonalGaussian::new(x.clone(), x.zeros_like()?)?))
}

/// A dimension below its free nats has no gradient from the KL, one above has all of it; for a code as a whole both or neither have.
#[test]
fn what_is_free_does_not_push() -> Result<()> {
    let mu = Var::new(&[[2f64, 0.1], [-2.0, 0.1]], &Device::Cpu)?; // 2 and 0.005 nats
    let vae = Unlearned { width: 2, posterior: shifted, params: Params::new() };
    let slope = |nats, per| -> Result<Vec<f64>> {
        let batch = Batch { x: mu.as_tensor().clone(), y: None };
        let terms = FreeBits { nats, per }.terms(&vae, &batch, 0.0, &mut Random::new(1))?;
        let pull = (terms.loss + terms.reconstruction)?; // the KL that is charged
        Ok(pull.backward()?.get(&mu).map_or(vec![0.0; 4], harness::numbers))
    };
    let close = |a: Vec<f64>, b: [f64; 4]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
    assert!(close(slope(0.5, Per::Dimension)?, [1.0, 0.0, -1.0, 0.0])); // μ/B where it is charged
    assert!(close(slope(0.0, Per::Dimension)?, [1.0, 0.05, -1.0, 0.05]));
    assert!(close(slope(0.5, Per::Code)?, [1.0, 0.05, -1.0, 0.05]));
    assert!(close(slope(5.0, Per::Code)?, [0.0; 4]));
    Ok(())
}
