//! Learned priors: densities, draws, flows, and models that have one.
#![allow(clippy::unwrap_used)]

#[path = "guests/harness.rs"]
mod harness;

use vae_core::prelude::*;

fn families() -> [PriorFamily; 3] {
    [
        PriorFamily::Mixture { components: 16 },
        PriorFamily::Vamp { components: 16 },
        PriorFamily::RealNvp { couplings: 4, hidden: vec![32] },
    ]
}

#[test]
fn all_learn() -> Result<()> {
    let digits = data::digits(&Device::Cpu)?.train.take(512);
    let config = MlpVaeConfig { hidden: vec![64], latent: 5, ..Default::default() };
    for family in families() {
        let vae = || {
            let vae = MlpVae::new(config.clone(), &Device::Cpu, 1).unwrap();
            let mut vae = WithPrior::new(vae, family.clone(), 2).unwrap();
            vae.initialize(&digits, 3).unwrap();
            vae
        };
        let settings = |trainer: Trainer| trainer.learning_rate(1e-2).validation(64);
        let (trained, history) = harness::trains_and_resumes(vae, Elbo::default, &digits, settings);
        let elbo = |vae: &dyn Vae| evaluate(&Elbo::default(), vae, &digits, false, 1).map(|means| means.elbo);
        println!("{family:?} {history}\n{} {}", elbo(&trained)?, elbo(trained.inner())?);
        assert!(elbo(&trained)? > elbo(trained.inner())?);
        println!("{}", trained.summary());
    }
    Ok(())
}
