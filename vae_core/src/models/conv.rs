//! Convolutional VAE with any list of layers.
//!
//! ```text
//! encoder   x (B, C, H, W) → Conv2d → f → … → Conv2d → flatten → mu (B, D), log_var (B, D)
//! decoder   z (B, D) → Linear → unflatten → ConvTranspose2d → f → … → ConvTranspose2d → (B, C, H, W)
//! ```
//! The activation f stands between convolutions only, and the decoder starts from the shape in which the encoder ends.
//! The layers are named as in the PyTorch class that puts each half into an `nn.Sequential` with its activations:
//! `encoder.0`, `encoder.2`, … with the activations between, `z_mean`, `z_log_var`, `decoder.0` (linear; 1 is the
//! reshape), `decoder.2`, `decoder.4`, …
//!
//! ```
//! use vae_core::{candle::Device, models::{ConvVae, ConvVaeConfig, Vae}, random::Random};
//!
//! let vae = ConvVae::new(ConvVaeConfig::default(), &Device::Cpu, 42)?;
//! assert_eq!(vae.params().count(), 807_025);
//! assert_eq!(vae.generate(3, &mut Random::new(0))?.dims(), [3, 1, 28, 28]);
//!
//! let colour = ConvVaeConfig::mirrored((3, 32, 32), &[(16, 2), (32, 2)], 20)?; // 32 → 16 → 8 → 16 → 32
//! assert_eq!(ConvVae::new(colour, &Device::Cpu, 42)?.generate(3, &mut Random::new(0))?.dims(), [3, 3, 32, 32]);
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::{Device, Tensor};

use super::{
    ConvVaeConfig, Halves, LayerRow, Vae, describe,
    networks::{Beside, Networks},
    open::Architecture,
};
use crate::{
    Result,
    data::Data,
    distributions::{DiagonalGaussian, Distribution},
    nn::{Conv2d, ConvTranspose2d, Layer, Linear, Params, Stack},
    random::Random,
};

impl ConvVaeConfig {
    /// How many weights more there are with y `beside` what either half takes in.
    pub(super) fn weights_beside(&self, beside: Beside) -> Result<u128> {
        let (c, h, w) = self.shapes()?.0.last().copied().unwrap_or(self.image);
        let start = c as u128 * h as u128 * w as u128;
        Ok(2 * beside.encoder as u128 * self.latent as u128 + beside.decoder as u128 * start)
    }

    /// The layers, with weights drawn from `random`.
    pub(super) fn networks(&self, beside: Beside, random: &mut Random, device: &Device) -> Result<Networks> {
        let Self { image, latent, activation, observation, .. } = *self;
        let (c, h, w) = self.shapes()?.0.last().copied().unwrap_or(image);
        let mut params = Params::new();
        let between = |i: usize, layers: usize| (i + 1 < layers).then_some(activation);

        let mut features = Stack::new();
        for (i, &conv) in self.encoder.iter().enumerate() {
            let conv = Conv2d::new(&mut params, &format!("encoder.{}", 2 * i), conv, random, device)?;
            features = features.push(conv, between(i, self.encoder.len()));
        }
        let features = features.push(Layer::Flatten, None);
        let mut linear = |name, inputs, outputs| Linear::new(&mut params, name, inputs, outputs, random, device);
        let mu = linear("z_mean", c * h * w + beside.encoder, latent)?;
        let log_var = linear("z_log_var", c * h * w + beside.encoder, latent)?;
        let encoder = if beside.encoder == 0 { features.clone() } else { Stack::new() };
        let encoder = encoder.heads(mu, log_var);
        let mut decoder = Stack::new()
            .push(linear("decoder.0", latent + beside.decoder, c * h * w)?, None)
            .push(Layer::Unflatten(c, h, w), None);
        for (i, &conv) in self.decoder.iter().enumerate() {
            let name = format!("decoder.{}", 2 * i + 2);
            let conv = ConvTranspose2d::new(&mut params, &name, conv, random, device)?;
            decoder = decoder.push(conv, between(i, self.decoder.len()));
        }
        let log_var = observation.parameter(&mut params, device)?;
        Ok(Networks { image, latent, beside, params, features, posterior: encoder, decoder, observation, log_var })
    }
}

/// A VAE of convolutions; see the top of this module.
#[derive(Clone, Debug)]
pub struct ConvVae {
    config: ConvVaeConfig,
    networks: Networks,
}

impl ConvVae {
    /// A model with weights drawn from `seed`.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) with the arithmetic for layers that do not fit together or do not lead back to the image's
    /// shape.
    pub fn new(config: ConvVaeConfig, device: &Device, seed: u64) -> Result<Self> {
        config.weights()?;
        let networks = config.networks(Beside::default(), &mut Random::new(seed), device)?;
        Ok(Self { config, networks })
    }

    /// The model that [`Vae::save`] wrote: architecture and weights.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) and [`Error::File`](crate::Error::File) when the file cannot be read or holds no `ConvVae`.
    pub fn open(path: impl AsRef<std::path::Path>, device: &Device) -> Result<Self> {
        super::open::open_as::<ConvVaeConfig>(path.as_ref(), device)
    }

    /// q(z|x): (B, C, H, W) → Gaussians of shape (B, D).
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for images of another shape, [`Error::Argument`](crate::Error::Argument) for
    /// another type than the weights'.
    pub fn encode(&self, x: &Tensor) -> Result<DiagonalGaussian> {
        self.networks.encode(x, None, false)
    }

    /// Makes the decoder begin with the mean of the data: the bias of its last layer becomes what p(x|z) has that mean for, channel by channel.
    /// For a model that was not trained yet; training goes on from there.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) for an empty set, [`Error::Shape`](crate::Error::Shape) for images of another shape.
    pub fn set_output_bias(&mut self, data: &dyn Data) -> Result<()> {
        self.networks.set_output_bias(data)
    }

    /// The layers of the encoder up to the flattened features, for a look at what each makes of an image.
    pub fn encoder(&self) -> &Stack {
        &self.networks.features
    }

    /// The layers of the decoder.
    pub fn decoder(&self) -> &Stack {
        &self.networks.decoder
    }
}

impl Vae for ConvVae {
    fn encode(&self, x: &Tensor) -> Result<Box<dyn Distribution>> {
        Ok(Box::new(self.encode(x)?))
    }

    fn decode(&self, z: &Tensor) -> Result<Box<dyn Distribution>> {
        self.networks.decode(z, None)
    }

    fn latent(&self) -> usize {
        self.networks.latent
    }

    fn shape(&self) -> candle_core::Shape {
        self.networks.shape()
    }

    fn params(&self) -> &Params {
        &self.networks.params
    }

    fn layers(&self) -> Vec<LayerRow> {
        self.networks.layers()
    }

    fn halves(&self) -> Option<Halves> {
        Some(self.networks.halves())
    }

    fn config(&self) -> serde_json::Value {
        describe(ConvVaeConfig::KIND, &self.config)
    }
}
