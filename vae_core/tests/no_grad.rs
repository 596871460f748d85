//! Without gradients models say the same, to the last bit, and what their layers return depends on nothing.
#![allow(clippy::unwrap_used)]

use vae_core::{nn::no_grad, prelude::*};

const CPU: Device = Device::Cpu;

fn bits(x: &Tensor) -> Vec<u32> {
    let numbers = x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    numbers.into_iter().map(f32::to_bits).collect()
}

/// What a model says of some images: q(z|x) and p(x|z) and p(z) at a draw.
fn said(vae: &dyn Vae, x: &Tensor) -> Result<Vec<Tensor>> {
    let (q, prior) = (vae.encode(x)?, vae.prior(x.dims()[0])?);
    let z = q.sample(&mut Random::new(1))?;
    let likelihood = vae.decode(&z)?;
    Ok(vec![
        q.mean()?,
        z.clone(),
        likelihood.mean()?,
        likelihood.log_prob(x)?,
        prior.log_prob(&z)?,
        q.log_prob(&z)?,
        q.kl(&prior, &z)?,
    ])
}

fn models() -> Vec<(&'static str, Box<dyn Vae>)> {
    let mlp = |activation, observation| {
        let config = MlpVaeConfig { hidden: vec![40, 30], latent: 6, activation, observation, ..Default::default() };
        MlpVae::new(config, &CPU, 1).unwrap()
    };
    let tanh = || mlp(Activation::Tanh, Observation::Bernoulli);
    let told = |prior, told| {
        let network = MlpVaeConfig { hidden: vec![40], latent: 6, ..Default::default() }.into();
        let vae = ConditionalVae::new(ConditionalVaeConfig { network, prior, told, ..Default::default() }, &CPU, 1);
        vae.unwrap().given(&Tensor::new(&[3u32], &CPU).unwrap()).unwrap()
    };
    let conv = ConvVae::new(ConvVaeConfig { latent: 6, ..Default::default() }, &CPU, 1).unwrap();
    let with = |family| Box::new(WithPrior::new(tanh(), family, 1).unwrap());
    vec![
        ("tanh", Box::new(tanh())),
        ("SiLU, Gaussian pixels", Box::new(mlp(Activation::Silu, Observation::GaussianLearned))),
        ("ReLU, continuous Bernoulli", Box::new(mlp(Activation::Relu, Observation::ContinuousBernoulli))),
        ("convolutions", Box::new(conv)),
        ("conditional", Box::new(told(Prior::Learned { hidden: vec![8] }, Told::Both))),
        ("conditional decoder", Box::new(told(Prior::Standard, Told::Decoder))),
        ("mixture", with(PriorFamily::Mixture { components: 5 })),
        ("VampPrior", with(PriorFamily::Vamp { components: 5 })),
        ("flow", with(PriorFamily::RealNvp { couplings: 2, hidden: vec![8] })),
    ]
}

/// All models, for batches that are computed layer by layer and in tiles of several images.
#[test]
fn models_say_the_same() {
    let digits = data::digits(&CPU).unwrap().test;
    for (name, vae) in models() {
        for count in [3, 250] {
            let x = digits.take(count).tensor().unwrap();
            let (with, without) = (said(&*vae, &x).unwrap(), no_grad(|| said(&*vae, &x)).unwrap());
            for (i, (with, without)) in with.iter().zip(&without).enumerate() {
                assert!(bits(with) == bits(without), "{name}, {count} images, number {i}");
            }
            // q(z|x) comes from layers alone.
            assert!(with[0].track_op() && !without[0].track_op(), "{name}");
        }
    }
}
