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

use super::{ConvVaeConfig, LayerRow, Vae, check_codes, check_type, conv_config::Shape, open::Architecture, posterior};
use crate::{
    Error, Result,
    distributions::{DiagonalGaussian, Likelihood},
    nn::{Conv2d, ConvTranspose2d, Layer, Linear, Params, Stack},
    random::Random,
};

/// A VAE of convolutions; see the top of this module.
#[derive(Clone, Debug)]
pub struct ConvVae {
    config: ConvVaeConfig,
    device: Device,
    params: Params,
    /// Up to the flattened features.
    encoder: Stack,
    /// The same and both heads: its outputs are `mu` and `log_var` side by side.
    with_heads: Stack,
    decoder: Stack,
    observation_log_var: Option<Tensor>,
}

impl ConvVae {
    /// A model with weights drawn from `seed`.
    ///
    /// # Errors
    /// [`Error::Argument`] with the arithmetic for layers that do not fit together or do not lead back to the image's
    /// shape.
    pub fn new(config: ConvVaeConfig, device: &Device, seed: u64) -> Result<Self> {
        config.weights()?;
        let (shapes, _) = config.shapes()?;
        let (c, h, w) = shapes.last().copied().unwrap_or(config.image);
        let mut params = Params::new();
        let mut random = Random::new(seed);
        let between = |i: usize, layers: usize| (i + 1 < layers).then_some(config.activation);

        let mut encoder = Stack::new();
        for (i, &conv) in config.encoder.iter().enumerate() {
            let conv = Conv2d::new(&mut params, &format!("encoder.{}", 2 * i), conv, &mut random, device)?;
            encoder = encoder.push(conv, between(i, config.encoder.len()));
        }
        let encoder = encoder.push(Layer::Flatten, None);
        let mut linear = |name, inputs, outputs| Linear::new(&mut params, name, inputs, outputs, &mut random, device);
        let mu = linear("z_mean", c * h * w, config.latent)?;
        let log_var = linear("z_log_var", c * h * w, config.latent)?;
        let with_heads = encoder.clone().heads(mu, log_var);
        let mut decoder = Stack::new()
            .push(linear("decoder.0", config.latent, c * h * w)?, None)
            .push(Layer::Unflatten(c, h, w), None);
        for (i, &conv) in config.decoder.iter().enumerate() {
            let name = format!("decoder.{}", 2 * i + 2);
            let conv = ConvTranspose2d::new(&mut params, &name, conv, &mut random, device)?;
            decoder = decoder.push(conv, between(i, config.decoder.len()));
        }
        let observation_log_var = config.observation.parameter(&mut params, device)?;
        let device = device.clone();
        Ok(Self { config, device, params, encoder, with_heads, decoder, observation_log_var })
    }

    /// The model that [`Vae::save`] wrote: architecture and weights.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::File`] when the file cannot be read or holds no `ConvVae`.
    pub fn open(path: impl AsRef<std::path::Path>, device: &Device) -> Result<Self> {
        super::open::open_as::<ConvVaeConfig>(path.as_ref(), device)
    }

    /// The layers of the encoder up to the flattened features, for a look at what each makes of an image.
    pub fn encoder(&self) -> &Stack {
        &self.encoder
    }

    /// The layers of the decoder.
    pub fn decoder(&self) -> &Stack {
        &self.decoder
    }

    /// How many numbers the layer of that name has.
    fn count(&self, name: &str) -> usize {
        let own = |part: &str| self.params.get(&format!("{name}.{part}")).map_or(0, |var| var.elem_count());
        own("weight") + own("bias")
    }
}

impl Vae for ConvVae {
    fn encode(&self, x: &Tensor) -> Result<DiagonalGaussian> {
        let (c, h, w) = self.config.image;
        if x.rank() != 4 || x.dims()[1..] != [c, h, w] {
            let expected = format!("(batch, {c}, {h}, {w})");
            return Err(Error::Shape { what: "images to encode", expected, got: x.dims().to_vec() });
        }
        check_type("images to encode", x, &self.params)?;
        posterior(&self.with_heads, x)
    }

    fn decode(&self, z: &Tensor) -> Result<Box<dyn Likelihood>> {
        check_codes(z, self.config.latent, &self.params)?;
        self.config.observation.likelihood(&self.decoder, z, self.observation_log_var.as_ref())
    }

    fn latent(&self) -> usize {
        self.config.latent
    }

    fn image_shape(&self) -> (usize, usize, usize) {
        self.config.image
    }

    fn device(&self) -> &Device {
        &self.device
    }

    fn params(&self) -> &Params {
        &self.params
    }

    fn layers(&self) -> Vec<LayerRow> {
        let row = |name: String, kind, output: &[usize]| {
            let parameters = self.count(&name);
            LayerRow::new(name, kind, output, parameters)
        };
        let half = |name: &str, kind, first: usize, shapes: &[Shape]| -> Vec<LayerRow> {
            let mut rows = vec![];
            for (i, &(c, h, w)) in shapes.iter().enumerate() {
                rows.push(row(format!("{name}.{}", 2 * i + first), kind, &[c, h, w]));
                if i + 1 < shapes.len() {
                    rows.push(LayerRow::new(String::new(), self.config.activation.name(), &[c, h, w], 0));
                }
            }
            rows
        };
        // The configuration was checked when the model was made.
        let (encoder, decoder) = self.config.shapes().unwrap_or_default();
        let (c, h, w) = encoder.last().copied().unwrap_or(self.config.image);
        let mut rows = half("encoder", "Conv2d", 0, &encoder);
        rows.push(LayerRow::new(String::new(), "Flatten", &[c * h * w], 0));
        rows.extend(["z_mean", "z_log_var"].map(|name| row(name.into(), "Linear", &[self.config.latent])));
        rows.push(row("decoder.0".into(), "Linear", &[c * h * w]));
        rows.push(LayerRow::new(String::new(), "Unflatten", &[c, h, w], 0));
        rows.extend(half("decoder", "ConvTranspose2d", 2, &decoder));
        rows.extend(self.config.observation.row());
        rows
    }

    fn config(&self) -> serde_json::Value {
        crate::io::storage::describe(ConvVaeConfig::KIND, &self.config)
    }
}
