//! What an objective costs: its step beside one of the plain ELBO on the same network and the same images. β needs no row: it is
//! the ELBO's own number.

use clap::ValueEnum;
use serde_json::{Value, json};
use vae_core::{data, nn, prelude::*, serde_json};

use crate::{Timed, rounds, show, turn};

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Name {
    /// A KL that is held at a capacity.
    Capacity,
    /// The KL in three parts, the aggregate posterior estimated from the batch.
    BetaTc,
    /// A discriminator beside the model, with its own step of Adam.
    Factor,
}

impl Name {
    fn name(self) -> &'static str {
        match self {
            Self::Capacity => "capacity",
            Self::BetaTc => "beta-tc",
            Self::Factor => "factor",
        }
    }

    fn objective(self, latent: usize, dataset: usize, device: &Device) -> Result<Box<dyn Objective>> {
        Ok(match self {
            Self::Capacity => Box::new(Capacity::default()),
            Self::BetaTc => Box::new(BetaTcVae { dataset, ..Default::default() }),
            Self::Factor => Box::new(FactorVae::new(FactorVaeConfig { latent, ..Default::default() }, device, 1)?),
        })
    }
}

/// A network with images for it.
struct Network {
    name: &'static str,
    config: MlpVaeConfig,
    batches: [usize; 2],
    dataset: usize,
    images: Batch,
}

impl Network {
    /// 784–400–20 on digits, and 1024–512–256–10 on sprites of 32 × 32.
    fn all(device: &Device) -> Result<[Self; 2]> {
        let digits = data::digits(device)?.train;
        let sprites = data::sprites(32, device)?;
        let mlp = MlpVaeConfig { hidden: vec![400], latent: 20, ..Default::default() };
        let wide = MlpVaeConfig { image: (1, 32, 32), hidden: vec![512, 256], latent: 10, ..Default::default() };
        let some = |data: &dyn Data| data.batch(&(0..256).map(|i| i * 211).collect::<Vec<_>>());
        Ok([
            Self { name: "mlp", config: mlp, batches: [128, 256], dataset: digits.len(), images: some(&digits)? },
            Self {
                name: "sprites",
                config: wide,
                batches: [128, 256],
                dataset: Data::len(&sprites),
                images: some(&sprites)?,
            },
        ])
    }
}

/// A model in training on one batch, perhaps with a critic.
struct Subject {
    vae: MlpVae,
    objective: Box<dyn Objective>,
    learners: Vec<Adam>,
    batch: Batch,
    noise: Random,
}

impl Subject {
    fn new(network: &Network, batch: usize, objective: Box<dyn Objective>, device: &Device) -> Result<Self> {
        let vae = MlpVae::new(network.config.clone(), device, 1)?;
        let mut learners = vec![Adam::new(vae.params(), AdamConfig::default())?];
        if let Some((params, config)) = objective.critic() {
            learners.push(Adam::new(params, config)?);
        }
        let batch = Batch { x: network.images.x.narrow(0, 0, batch)?, y: None };
        Ok(Self { vae, objective, learners, batch, noise: Random::new(2) })
    }

    /// As the trainer does it.
    fn step(&mut self) -> Result<()> {
        let terms = self.objective.terms(&self.vae, &self.batch, 1.0, &mut self.noise)?;
        let losses = [Some(&terms.loss), terms.critic.as_ref()];
        let gradients = losses.into_iter().flatten().map(nn::backward).collect::<Result<Vec<_>>>()?;
        self.learners.iter_mut().zip(gradients).try_for_each(|(adam, gradients)| adam.step(gradients, 1.0))
    }
}

/// A row for each network, batch size and objective; prints them, and returns them as JSON.
pub(crate) fn measure(names: &[Name], count: usize, device: &Device, place: &str) -> Result<Vec<Value>> {
    println!(
        "\ntraining step of an objective, milliseconds, beside the plain ELBO's\nnetwork    batch objective     ours    elbo | ours/elbo"
    );
    let mut rows = vec![];
    for network in Network::all(device)? {
        for batch in network.batches {
            for &name in names {
                let latent = network.config.latent;
                let objective = name.objective(latent, network.dataset, device)?;
                let mut ours = Subject::new(&network, batch, objective, device)?;
                let mut elbo = Subject::new(&network, batch, Box::new(Elbo::default()), device)?;
                let mut ours = || turn(device, || ours.step()).map(Some);
                let mut elbo = || turn(device, || elbo.step()).map(Some);
                let times = rounds(count, &mut [&mut ours, &mut elbo])?;
                let [Timed { time: ours, .. }, Timed { time: elbo, ratio }] = &times[..] else { continue };
                let (network, name) = (network.name, name.name());
                let ratio = ratio.unwrap_or(f64::NAN);
                println!("{network:<10} {batch:>5} {name:<10} {:>9} {:>7} | {ratio:>9.2}", show(*ours), show(*elbo));
                rows.push(json!({
                    "network": network, "batch": batch, "objective": name, "ours_ms": ours, "elbo_ms": elbo,
                    "ratio": ratio, "device": place,
                }));
            }
        }
    }
    Ok(rows)
}
