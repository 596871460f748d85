//! What is timed: four models, their steps, and how many operations a step needs.

use std::time::Instant;

use clap::ValueEnum;
use vae_core::{nn, prelude::*};

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Model {
    /// 784–400–20.
    Mlp,
    /// 784–400–400–20.
    Mlp2,
    /// 784–512–40.
    Dense512,
    /// Four convolutions and four transposed ones, latent dimension 64.
    Conv,
}

impl Model {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mlp => "mlp",
            Self::Mlp2 => "mlp2",
            Self::Dense512 => "dense512",
            Self::Conv => "conv",
        }
    }

    pub(crate) fn batch(self) -> usize {
        if matches!(self, Self::Conv) { 100 } else { 128 }
    }

    /// How many epochs are measured.
    pub(crate) fn epochs(self) -> usize {
        if matches!(self, Self::Conv) { 1 } else { 5 }
    }

    fn hidden(self) -> Vec<usize> {
        match self {
            Self::Mlp => vec![400],
            Self::Mlp2 => vec![400, 400],
            Self::Dense512 => vec![512],
            Self::Conv => vec![],
        }
    }

    pub(crate) fn latent(self) -> usize {
        match self {
            Self::Mlp | Self::Mlp2 => 20,
            Self::Dense512 => 40,
            Self::Conv => 64,
        }
    }
}

/// A model in training on one batch.
pub(crate) struct Subject {
    vae: Box<dyn Vae>,
    adam: Adam,
    batch: Batch,
    noise: Random,
    codes: Tensor,
    operations: f64,
}

impl Subject {
    pub(crate) fn new(model: Model, batch: usize, latent: Option<usize>, images: &Images) -> Result<Self> {
        let device = images.device().clone();
        let latent = latent.unwrap_or(model.latent());
        let (vae, multiplications, first): (Box<dyn Vae>, usize, usize) = match model {
            Model::Conv => {
                let config = ConvVaeConfig { latent, ..Default::default() };
                let vae = ConvVae::new(config, &device, 1)?;
                // A convolution multiplies its weights once for each output pixel, a transposed one for each input pixel.
                let encoder = [(1, 32, 28 * 28), (32, 64, 14 * 14), (64, 72, 7 * 7), (72, 64, 7 * 7)];
                let decoder = [(64, 64, 7 * 7), (64, 72, 7 * 7), (72, 32, 13 * 13)];
                let windows: usize = encoder.iter().chain(&decoder).map(|(i, o, pixels)| i * o * 9 * pixels).sum();
                let last = 32 * 16 * 27 * 27;
                (Box::new(vae), windows + last + 3 * latent * 3136, 32 * 9 * 28 * 28)
            }
            _ => {
                let hidden = model.hidden();
                let vae =
                    MlpVae::new(MlpVaeConfig { hidden: hidden.clone(), latent, ..Default::default() }, &device, 1)?;
                let biases = 2 * hidden.iter().sum::<usize>() + 2 * latent + 784;
                let weights = vae.params().count() - biases;
                (Box::new(vae), weights, 784 * hidden[0])
            }
        };
        // Forward once, backward twice, but nobody needs the gradient of the images; an addition with each multiplication.
        let operations = 2.0 * batch as f64 * (3 * multiplications - first) as f64;
        Self::of(vae, batch, images, operations)
    }

    /// Any model, whose step has so many operations.
    pub(crate) fn of(vae: Box<dyn Vae>, batch: usize, images: &Images, operations: f64) -> Result<Self> {
        let adam = Adam::new(vae.params(), AdamConfig::default())?;
        let batch = images.batch(&(0..batch).collect::<Vec<_>>())?;
        let mut noise = Random::new(2);
        let codes = noise.normal((batch.len(), vae.latent()), images.device())?;
        Ok(Self { vae, adam, batch, noise, codes, operations })
    }

    pub(crate) fn step_operations(&self) -> f64 {
        self.operations
    }

    pub(crate) fn step(&mut self) -> Result<()> {
        let given = self.batch.y.as_ref().map(|y| self.vae.given(y)).transpose()?;
        let vae = given.as_deref().unwrap_or(self.vae.as_ref());
        let terms = Elbo::default().terms(vae, &self.batch, 0.0, &mut self.noise)?;
        let gradients = nn::backward(&terms.loss)?;
        self.adam.step(gradients, 1.0)
    }

    pub(crate) fn infer(&self, what: &str) -> Result<()> {
        if what == "encode" {
            self.vae.encode(&self.batch.x)?;
        } else {
            self.vae.decode(&self.codes)?.mean()?;
        }
        Ok(())
    }

    /// Seconds of one epoch of training.
    pub(crate) fn epoch(&mut self, images: &Images) -> Result<f64> {
        let start = Instant::now();
        let trainer = Trainer::new(Elbo::default()).epochs(1).batch_size(self.batch.len()).quiet();
        trainer.fit(self.vae.as_mut(), images)?;
        images.device().synchronize()?;
        Ok(start.elapsed().as_secs_f64())
    }
}
