//! Fully connected VAE with any list of hidden widths.
//!
//! ```text
//! encoder   x (B, C·H·W) → hidden[0] → … → hidden[n-1] → mu (B, D), log_var (B, D)
//! decoder   z (B, D) → hidden[n-1] → … → hidden[0] → (B, C, H, W)
//! ```
//! The layers are named as in the usual PyTorch class: `encoder.fc1 … encoder.fc_mu, encoder.fc_logvar`,
//! `decoder.fc1 … decoder.fc{n+1}`.
//!
//! ```
//! use vae_core::{candle::Device, models::{MlpVae, MlpVaeConfig, Vae}, random::Random};
//!
//! let vae = MlpVae::new(MlpVaeConfig { hidden: vec![400, 400], latent: 20, ..Default::default() }, &Device::Cpu, 42)?;
//! assert_eq!(vae.params().count(), 973_624);
//! assert_eq!(vae.generate(3, &mut Random::new(0))?.dims(), [3, 1, 28, 28]);
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::{Device, Shape, Tensor};
use serde::{Deserialize, Serialize};

use super::{
    Halves, LayerRow, MOST_LAYERS, MOST_WEIGHTS, Observation, Vae, describe,
    networks::{Beside, Networks},
    open::Architecture,
};
use crate::{
    Error, Result,
    data::Data,
    distributions::{DiagonalGaussian, Distribution},
    nn::{Activation, Layer, Linear, Params, Stack},
    random::Random,
};

/// The architecture of an [`MlpVae`]. The default is 784–400–20 with ReLU and Bernoulli pixels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MlpVaeConfig {
    /// (channels, height, width) of an image.
    pub image: (usize, usize, usize),
    /// Widths of the encoder's hidden layers; the decoder mirrors them. Empty makes a linear VAE.
    pub hidden: Vec<usize>,
    /// D, the dimension of the latent space.
    pub latent: usize,
    /// Between the layers.
    pub activation: Activation,
    /// What the decoder's output means.
    pub observation: Observation,
}

impl Default for MlpVaeConfig {
    fn default() -> Self {
        Self {
            image: (1, 28, 28),
            hidden: vec![400],
            latent: 20,
            activation: Activation::Relu,
            observation: Observation::Bernoulli,
        }
    }
}

impl Architecture for MlpVaeConfig {
    const KIND: &str = "mlp";
    type Model = MlpVae;

    fn weights(&self) -> Result<u128> {
        self.check()?;
        let (c, h, w) = self.image;
        let pixels = (c as u128).saturating_mul(h as u128).saturating_mul(w as u128);
        let hidden = || self.hidden.iter().map(|&width| width as u128);
        let inputs = std::iter::once(pixels).chain(hidden());
        // Encoder and decoder mirror each other, but for the encoder's second head.
        let between: u128 = inputs.zip(hidden()).fold(0, |sum: u128, (inputs, outputs)| {
            sum.saturating_add(inputs.saturating_mul(outputs).saturating_mul(2))
        });
        let last = hidden().next_back().unwrap_or(pixels);
        let total = between.saturating_add(last.saturating_mul(self.latent as u128).saturating_mul(3));
        if total <= MOST_WEIGHTS {
            return Ok(total);
        }
        Err(Error::argument(format!(
            "this MlpVae would have {total} weights, more than {MOST_WEIGHTS}; make its hidden layers smaller"
        )))
    }

    fn model(self, device: &Device) -> Result<MlpVae> {
        MlpVae::new(self, device, 0)
    }
}

impl MlpVaeConfig {
    /// How many weights more there are with y `beside` what either half takes in.
    pub(super) fn weights_beside(&self, beside: Beside) -> u128 {
        let (c, h, w) = self.image;
        let first = self.hidden.first().map_or(2 * self.latent as u128, |&width| width as u128);
        let last = self.hidden.last().map_or(c as u128 * h as u128 * w as u128, |&width| width as u128);
        beside.encoder as u128 * first + beside.decoder as u128 * last
    }

    /// The layers, with weights drawn from `random`.
    pub(super) fn networks(&self, beside: Beside, random: &mut Random, device: &Device) -> Result<Networks> {
        let Self { image, ref hidden, latent, activation, observation } = *self;
        let (c, h, w) = image;
        let mut params = Params::new();
        let mut linear =
            |name: String, inputs, outputs| Linear::new(&mut params, &name, inputs, outputs, random, device);

        let features = Stack::new().push(Layer::Flatten, None);
        let mut encoder = if beside.encoder == 0 { features.clone() } else { Stack::new() };
        let mut width = c * h * w + beside.encoder;
        for (i, &next) in hidden.iter().enumerate() {
            encoder = encoder.push(linear(format!("encoder.fc{}", i + 1), width, next)?, activation);
            width = next;
        }
        let mu = linear("encoder.fc_mu".into(), width, latent)?;
        let log_var = linear("encoder.fc_logvar".into(), width, latent)?;
        let encoder = encoder.heads(mu, log_var);

        let mut width = latent + beside.decoder;
        let mut decoder = Stack::new();
        for (i, &next) in hidden.iter().rev().enumerate() {
            decoder = decoder.push(linear(format!("decoder.fc{}", i + 1), width, next)?, activation);
            width = next;
        }
        let last = linear(format!("decoder.fc{}", hidden.len() + 1), width, c * h * w)?;
        let decoder = decoder.push(last, None).push(Layer::Unflatten(c, h, w), None);
        let log_var = observation.parameter(&mut params, device)?;
        Ok(Networks { image, latent, beside, params, features, posterior: encoder, decoder, observation, log_var })
    }

    fn check(&self) -> Result<()> {
        let (c, h, w) = self.image;
        self.observation.check()?;
        if self.hidden.len() > MOST_LAYERS {
            let layers = self.hidden.len();
            return Err(Error::argument(format!("an MlpVae has at most {MOST_LAYERS} hidden layers, got {layers}")));
        }
        let positive = [("latent", self.latent), ("channels", c), ("height", h), ("width", w)];
        let hidden = self.hidden.iter().map(|&width| ("a hidden width", width));
        match positive.into_iter().chain(hidden).find(|&(_, value)| value == 0) {
            Some((what, _)) => Err(Error::argument(format!("{what} of an MlpVae must be 1 or more, got 0"))),
            None => Ok(()),
        }
    }
}

/// A VAE of fully connected layers; see the top of this module.
#[derive(Clone, Debug)]
pub struct MlpVae {
    config: MlpVaeConfig,
    networks: Networks,
}

impl MlpVae {
    /// A model with weights drawn from `seed`.
    ///
    /// # Errors
    /// [`Error::Argument`] for a width, a latent dimension or an image side of 0, for a variance that is none, and for more
    /// weights than fit into memory.
    pub fn new(config: MlpVaeConfig, device: &Device, seed: u64) -> Result<Self> {
        config.weights()?;
        let networks = config.networks(Beside::default(), &mut Random::new(seed), device)?;
        Ok(Self { config, networks })
    }

    /// The model that [`Vae::save`] wrote: architecture and weights.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::File`] when the file cannot be read or holds no `MlpVae`.
    pub fn open(path: impl AsRef<std::path::Path>, device: &Device) -> Result<Self> {
        super::open::open_as::<MlpVaeConfig>(path.as_ref(), device)
    }

    /// q(z|x): (B, C, H, W) or (B, C·H·W) → Gaussians of shape (B, D).
    ///
    /// # Errors
    /// [`Error::Shape`] for images of another shape, [`Error::Argument`] for another type than the weights'.
    pub fn encode(&self, x: &Tensor) -> Result<DiagonalGaussian> {
        self.networks.encode(x, None, true)
    }

    /// Makes the decoder begin with the mean of the data: the bias of its last layer becomes what p(x|z) has that mean for, pixel by pixel.
    /// For a model that was not trained yet; training goes on from there.
    ///
    /// # Errors
    /// [`Error::Argument`] for an empty set, [`Error::Shape`] for images of another shape.
    pub fn set_output_bias(&mut self, data: &dyn Data) -> Result<()> {
        self.networks.set_output_bias(data)
    }
}

impl Vae for MlpVae {
    fn encode(&self, x: &Tensor) -> Result<Box<dyn Distribution>> {
        Ok(Box::new(self.encode(x)?))
    }

    fn decode(&self, z: &Tensor) -> Result<Box<dyn Distribution>> {
        self.networks.decode(z, None)
    }

    fn latent(&self) -> usize {
        self.networks.latent
    }

    fn shape(&self) -> Shape {
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
        describe(MlpVaeConfig::KIND, &self.config)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Var};

    use super::*;

    fn vae(config: MlpVaeConfig) -> MlpVae {
        MlpVae::new(config, &Device::Cpu, 1).unwrap()
    }

    /// The table's total is the number of parameters there are, for none, one and several hidden layers.
    #[test]
    fn the_table_adds_up() {
        for hidden in [vec![], vec![7], vec![9, 8, 7]] {
            for observation in [Observation::Bernoulli, Observation::GaussianLearned] {
                let vae = vae(MlpVaeConfig { hidden: hidden.clone(), observation, ..Default::default() });
                assert_eq!(vae.summary().total(), vae.params().count(), "{hidden:?}");
            }
        }
    }

    /// Images of another size, codes of another width and empty dimensions are refused with both shapes in the message.
    #[test]
    fn wrong_shapes_are_named() {
        let vae = vae(MlpVaeConfig::default());
        let x = Tensor::zeros((2, 1, 27, 28), DType::F32, &Device::Cpu).unwrap();
        let message = vae.encode(&x).unwrap_err().to_string();
        assert!(message.contains("(batch, 1, 28, 28)") && message.contains("27"), "{message}");
        let z = Tensor::zeros((2, 3), DType::F32, &Device::Cpu).unwrap();
        let message = vae.decode(&z).err().unwrap().to_string();
        assert!(message.contains("(batch, 20)") && message.contains("[2, 3]"), "{message}");
        for config in [
            MlpVaeConfig { latent: 0, ..Default::default() },
            MlpVaeConfig { hidden: vec![3, 0], ..Default::default() },
            MlpVaeConfig { image: (0, 28, 28), ..Default::default() },
        ] {
            assert!(MlpVae::new(config, &Device::Cpu, 1).unwrap_err().to_string().contains("must be 1 or more"));
        }
    }

    /// A saved model opens with the same architecture and bits; a file of another architecture is refused and changes nothing.
    #[test]
    fn files_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let vae = vae(MlpVaeConfig { hidden: vec![5, 6], latent: 3, ..Default::default() });
        vae.save(&path).unwrap();
        let opened = MlpVae::open(&path, &Device::Cpu).unwrap();
        for ((name, a), (_, b)) in vae.params().iter().zip(opened.params().iter()) {
            let bits = |v: &Var| v.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(bits(a), bits(b), "{name}");
        }
        let mut other = MlpVae::new(MlpVaeConfig::default(), &Device::Cpu, 2).unwrap();
        let message = other.load(&path).unwrap_err().to_string();
        assert!(message.contains("model.safetensors") && message.contains("hidden"), "{message}");
        std::fs::write(&path, b"not a model").unwrap();
        assert!(MlpVae::open(&path, &Device::Cpu).unwrap_err().to_string().contains("model.safetensors"));
    }
}
