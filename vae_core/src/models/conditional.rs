//! Conditional VAE (Sohn, Lee & Yan 2015): what is known of an item, y, is told to encoder and decoder.
//!
//! ```text
//! log p(x|y) ≥ E_q(z|x,y)[log p(x|z, y)] − KL(q(z|x, y) ‖ p(z|y))
//!
//! encoder   (x, y) → mu (B, D), log_var (B, D)        y (B, K): labels as rows of the identity, or vectors
//! decoder   (z, y) → (B, C, H, W)
//! prior     N(0, I), or learned: y → mu (B, D), log_var (B, D)
//! ```
//! y stands beside z, and in the encoder beside the pixels of an MLP, beside the flattened features of convolutions. There it costs
//! K columns of the heads, and shifts μ and ln σ² for each y: enough to take out of the code what y says of its mean and spread. The
//! other way, K constant planes beside the image, is up to its border a shift as well, of the first convolution's output,
//! and for ten classes multiplies that layer's work on the largest images of all by eleven.
//!
//! The layers have the names of [`MlpVae`](super::MlpVae) or [`ConvVae`](super::ConvVae); y is the last columns of the weights that
//! take it in, as where PyTorch code has `torch.cat([z, y], 1)`. A learned prior is `prior.fc1 … prior.fc_mu, prior.fc_logvar`.
//!
//! [`given`](ConditionalVae::given) is an ordinary VAE, of p(x|y): reconstructions, samples, scores, detectors and objectives know of
//! no y. Training, [`evaluate`](crate::objectives::evaluate) and [`scores`](crate::eval::scores) give each item its own.
//!
//! ```
//! use vae_core::prelude::*;
//!
//! let vae = ConditionalVae::new(ConditionalVaeConfig::default(), &Device::Cpu, 42)?;
//! let labels = Tensor::new(&[3u32, 1, 4], &Device::Cpu)?;
//! let pictures = vae.given(&labels)?.generate(3, &mut Random::new(1))?; // of a 3, a 1 and a 4
//! assert_eq!(pictures.dims(), [3, 1, 28, 28]);
//!
//! let sevens = vae.given(&Tensor::new(&[7u32], &Device::Cpu)?)?; // one row serves any batch
//! assert_eq!(sevens.reconstruct(&pictures)?.dims(), [3, 1, 28, 28]);
//!
//! // Attributes, with a prior of their own.
//! let config = ConditionalVaeConfig {
//!     network: MlpVaeConfig { hidden: vec![64], latent: 4, ..Default::default() }.into(),
//!     condition: Condition::Vector(5),
//!     prior: Prior::Learned { hidden: vec![16] },
//!     ..Default::default()
//! };
//! let vae = ConditionalVae::new(config, &Device::Cpu, 42)?;
//! let y = Tensor::new(&[[0.5f32, 1., 0., 0., 0.25]], &Device::Cpu)?;
//! assert_eq!(vae.given(&y)?.generate(8, &mut Random::new(1))?.dims(), [8, 1, 28, 28]);
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::{DType, Device, Tensor};

use super::{
    Condition, ConditionalVaeConfig, Halves, LayerRow, Vae, conditional_config::Stored, describe, networks::Networks,
    open::Architecture,
};
use crate::{
    Error, Result,
    data::Data,
    distributions::{DiagonalGaussian, Distribution},
    nn::{Params, Stack},
    random::Random,
};

/// A VAE of p(x|y); see the top of this module. Clones share their weights.
#[derive(Clone, Debug)]
pub struct ConditionalVae {
    config: ConditionalVaeConfig,
    networks: Networks,
    /// From y to both heads, where the prior is learned.
    prior: Option<Stack>,
    /// What is given, as the networks see it: (B, K), or one row for all.
    y: Option<Tensor>,
}

impl ConditionalVae {
    /// A model with weights drawn from `seed`.
    ///
    /// # Errors
    /// [`Error::Argument`] for what the network's own model refuses, for no classes or a y of no width, for a hidden width of
    /// 0, and for more weights than fit into memory.
    pub fn new(config: ConditionalVaeConfig, device: &Device, seed: u64) -> Result<Self> {
        config.weights()?;
        let (networks, prior) = config.layers(&mut Random::new(seed), device)?;
        Ok(Self { config, networks, prior, y: None })
    }

    /// The model that [`Vae::save`] wrote: architecture, weights, and what it was given.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::File`] when the file cannot be read or holds no `ConditionalVae`.
    pub fn open(path: impl AsRef<std::path::Path>, device: &Device) -> Result<Self> {
        super::open::open_as::<Stored>(path.as_ref(), device)
    }

    /// The model of p(x|y), an ordinary VAE: labels (B,) or vectors (B, K), one for each item, or one for all. A model that was
    /// given something keeps it.
    ///
    /// # Errors
    /// [`Error::Shape`] for vectors of another width, [`Error::Argument`] for labels of which there is no class, or that are no
    /// whole numbers.
    pub fn given(&self, y: &Tensor) -> Result<Self> {
        if self.y.is_some() {
            return Ok(self.clone());
        }
        Ok(self.with_rows(self.rows(y)?))
    }

    /// q(z|x, y): (B, C, H, W) → Gaussians of shape (B, D). With [`Told::Decoder`](super::Told::Decoder) it is q(z|x) and needs no y.
    ///
    /// # Errors
    /// As [`MlpVae::encode`](super::MlpVae::encode); [`Error::Argument`] where nothing is given, [`Error::Shape`] where y has
    /// other rows than `x`.
    pub fn encode(&self, x: &Tensor) -> Result<DiagonalGaussian> {
        let told = self.networks.beside.encoder > 0;
        let y = told.then(|| self.y(x.dims().first().copied().unwrap_or(0))).transpose()?;
        let flat = matches!(self.config.network, super::Network::Mlp(_));
        self.networks.encode(x, y.as_ref(), flat)
    }

    /// Makes the decoder begin with the mean of the data: the bias of its last layer becomes what p(x|z) has that mean for, pixel by pixel or channel by channel.
    /// For a model that was not trained yet; training goes on from there.
    ///
    /// # Errors
    /// [`Error::Argument`] for an empty set, [`Error::Shape`] for images of another shape.
    pub fn set_output_bias(&mut self, data: &dyn Data) -> Result<()> {
        self.networks.set_output_bias(data)
    }

    /// E\[x|z, y\] of every code under every y: (Z, D) and (Y,) or (Y, K) → (Z·Y, C, H, W), code after code: in a grid of Y
    /// columns each row is one code. What the model was given plays no part.
    ///
    /// ```
    /// use vae_core::prelude::*;
    ///
    /// let vae = ConditionalVae::new(ConditionalVaeConfig::default(), &Device::Cpu, 42)?;
    /// let z = Random::new(1).normal((4, vae.latent()), &Device::Cpu)?; // four styles
    /// let labels = Tensor::arange(0u32, 10, &Device::Cpu)?;
    /// let grid = ImageGrid::new(&vae.under_each(&z, &labels)?)?.columns(10);
    /// # Ok::<(), vae_core::Error>(())
    /// ```
    /// With a learned prior a code has its place relative to p(z|y): what one y is to another there is μ(y) + σ(y) ⊙ ε of the same
    /// ε, `vae.given(&labels)?.prior(n)?`.
    ///
    /// # Errors
    /// Those of [`ConditionalVae::given`] and [`Vae::decode`].
    pub fn under_each(&self, z: &Tensor, y: &Tensor) -> Result<Tensor> {
        self.networks.check_codes(z)?;
        let y = self.rows(y)?;
        let (codes, labels) = (z.dims()[0], y.dims()[0]);
        let every = y.repeat((codes, 1))?;
        let z = z.unsqueeze(1)?.repeat((1, labels, 1))?.flatten(0, 1)?;
        Ok(self.networks.decode(&z, Some(&every))?.mean()?.detach())
    }

    /// What the networks see of y.
    fn rows(&self, y: &Tensor) -> Result<Tensor> {
        self.config.condition.rows(y, self.params().dtype(), self.device())
    }

    /// This model with y as the networks see it.
    pub(super) fn with_rows(&self, y: Tensor) -> Self {
        Self { y: Some(y), ..self.clone() }
    }

    /// y for `n` items: (n, K).
    fn y(&self, n: usize) -> Result<Tensor> {
        let Some(y) = &self.y else {
            return Err(Error::argument(
                "expected what p(x|y) is given: call vae.given(&y)? first, or take data that have a y (labels)",
            ));
        };
        match *y.dims() {
            [rows, _] if rows == n => Ok(y.clone()),
            [1, width] => Ok(y.broadcast_as((n, width))?.contiguous()?),
            _ => {
                let expected = format!("1 row, or {n}, one for each item");
                Err(Error::Shape { what: "y that the model was given", expected, got: y.dims().to_vec() })
            }
        }
    }
}

impl Vae for ConditionalVae {
    fn encode(&self, x: &Tensor) -> Result<Box<dyn Distribution>> {
        Ok(Box::new(self.encode(x)?))
    }

    fn decode(&self, z: &Tensor) -> Result<Box<dyn Distribution>> {
        let y = self.y(z.dims().first().copied().unwrap_or(0))?;
        self.networks.decode(z, Some(&y))
    }

    fn prior(&self, n: usize) -> Result<Box<dyn Distribution>> {
        let Some(prior) = &self.prior else {
            let params = self.params();
            let standard = DiagonalGaussian::standard((n, self.latent()), params.dtype(), params.device())?;
            return Ok(Box::new(standard));
        };
        Ok(Box::new(prior.gaussian(&self.y(n)?)?))
    }

    fn given(&self, y: &Tensor) -> Result<Box<dyn Vae + '_>> {
        Ok(Box::new(self.given(y)?))
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
        let width = self.config.condition.width();
        let prior = self.prior.iter().flat_map(|prior| prior.rows(&[width]).unwrap_or_default());
        self.networks.layers().into_iter().chain(prior.map(|row| LayerRow::of(self.params(), row))).collect()
    }

    fn halves(&self) -> Option<Halves> {
        let rows = self.y.as_ref().and_then(|y| y.to_dtype(DType::F32).and_then(|y| y.to_vec2()).ok());
        if rows.as_ref().is_some_and(|rows: &Vec<Vec<f32>>| rows.len() != 1) {
            return None; // A row for each item of a batch: no decoder of its own.
        }
        let classes = matches!(self.config.condition, Condition::Classes(_));
        let given = rows.and_then(|mut rows| rows.pop());
        Some(Halves { given, classes, ..self.networks.halves() })
    }

    fn config(&self) -> serde_json::Value {
        let rows = |y: &Tensor| y.to_dtype(DType::F32)?.to_vec2();
        let given = self.y.as_ref().and_then(|y| rows(y).ok());
        describe(Stored::KIND, &Stored { config: self.config.clone(), given })
    }
}
