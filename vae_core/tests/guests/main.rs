//! Models, objectives, priors and data from outside the crate: each is a file that imports nothing but the public crate, and is
//! trained by the same `Trainer`, with checkpoints, exact resume, history and plot, as what the crate brings along.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod candle_nn;
mod folder;
mod harness;
mod iwae;
mod levels;
mod table;
mod vq;

use vae_core::prelude::*;

/// The harness itself holds for a model of the crate's own.
#[test]
fn a_host() {
    let digits = data::digits(&Device::Cpu).unwrap().train.take(128);
    let config = MlpVaeConfig { hidden: vec![16], latent: 3, ..Default::default() };
    let vae = || MlpVae::new(config.clone(), &Device::Cpu, 1).unwrap();
    let (_, history) = harness::trains_and_resumes(vae, Elbo::default, &digits, |trainer| trainer.validation(32));
    assert!(history.epochs[3].train.loss < history.epochs[0].train.loss);
}
