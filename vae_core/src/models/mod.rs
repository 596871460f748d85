//! Models: an encoder, a decoder and nothing else.
//!
//! A model does not know its loss: [`Vae::encode`] returns a distribution, [`Vae::decode`] returns a distribution, and an
//! [objective](crate::objectives) makes a number of them.
//!
//! - [`MlpVae`]: fully connected layers
//! - [`ConvVae`]: convolutions and transposed convolutions

mod conv;
mod conv_config;
mod mlp;
mod open;
mod summary;

pub use conv::ConvVae;
pub use conv_config::ConvVaeConfig;
pub use mlp::{MlpVae, MlpVaeConfig};
pub(crate) use open::build;
pub use open::open;
pub(crate) use summary::thousands;
pub use summary::{LayerRow, Summary};

use std::path::Path;

use candle_core::{DType, Device, Tensor, Var};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    distributions::{Bernoulli, ContinuousBernoulli, DiagonalGaussian, Gaussian, Likelihood},
    io::{pytorch, storage},
    nn::{Params, Stack},
    random::Random,
};

/// More weights than this would not fit into memory beside their gradients.
const MOST_WEIGHTS: u128 = 1 << 31;
/// More layers than this are a mistake, and would take for ever to name.
const MOST_LAYERS: usize = 1000;

/// What every variational autoencoder can do. Images are (B, C, H, W) in [0, 1], codes are (B, D).
pub trait Vae {
    /// q(z|x): (B, C, H, W) → Gaussians of shape (B, D).
    fn encode(&self, x: &Tensor) -> Result<DiagonalGaussian>;

    /// p(x|z): (B, D) → a distribution over (B, C, H, W).
    fn decode(&self, z: &Tensor) -> Result<Box<dyn Likelihood>>;

    /// D, the dimension of the latent space.
    fn latent(&self) -> usize;

    /// (channels, height, width) of an image.
    fn image_shape(&self) -> (usize, usize, usize);

    /// Where the parameters are.
    fn device(&self) -> &Device;

    /// The trainable parameters.
    fn params(&self) -> &Params;

    /// The rows of the layer table.
    fn layers(&self) -> Vec<LayerRow>;

    /// What the model was built from; stored beside its weights and compared when they are loaded.
    fn config(&self) -> serde_json::Value;

    /// The layer table: name, output shape, parameters, total.
    fn summary(&self) -> Summary {
        Summary::new(self.layers())
    }

    /// E\[x|z\] at the posterior mean, z = μ(x): (B, C, H, W) → (B, C, H, W), without a gradient.
    fn reconstruct(&self, x: &Tensor) -> Result<Tensor> {
        Ok(self.decode(&self.encode(x)?.mu().detach())?.mean()?.detach())
    }

    /// E\[x|z\] for `n` codes drawn from the prior N(0, I): (n, C, H, W), without a gradient.
    fn generate(&self, n: usize, random: &mut Random) -> Result<Tensor> {
        let z = random.normal((n, self.latent()), self.device())?;
        Ok(self.decode(&z)?.mean()?.detach())
    }

    /// Writes the weights and the configuration to a safetensors file, whole or not at all. The tensors have the names of
    /// [`Params`], so that other programs can read them.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be written.
    fn save(&self, path: impl AsRef<Path>) -> Result<()>
    where
        Self: Sized,
    {
        storage::save(self.params(), &self.config(), path.as_ref())
    }

    /// Replaces the weights by those of a file written by [`Vae::save`]. Nothing is changed unless all fit.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::File`] when the file cannot be read or belongs to another model.
    fn load(&mut self, path: impl AsRef<Path>) -> Result<()>
    where
        Self: Sized,
    {
        storage::load(self.params(), &self.config(), path.as_ref())
    }

    /// Replaces the weights by those of a PyTorch module of the same layers, from a safetensors file with its
    /// `state_dict`: `safetensors.torch.save_file(module.state_dict(), path)`. Nothing is changed unless all fit.
    ///
    /// | this crate | in PyTorch |
    /// |---|---|
    /// | `encoder.fc1`, `encoder.fc2`, …; `encoder.0`, `encoder.2`, … | the layers of `encoder…` in the order of their numbers: `encoder.fc1`, `encoder.0`, `encoder.net.1`, `encoder.3.0`; `encoder_hidden` |
    /// | `encoder.fc_mu`; `z_mean` | `fc_mu`, `z_mean` or `mu`, inside `encoder` or beside it |
    /// | `encoder.fc_logvar`; `z_log_var` | `fc_logvar`, `fc_log_var`, `z_log_var`, `z_logvar`, `logvar` or `log_var`, likewise |
    /// | both | the last layer of `encoder…`, with 2·D outputs: first μ, then ln σ² |
    /// | `decoder.fc1`, `decoder.fc2`, …; `decoder.0`, `decoder.2`, … | the layers of `decoder…` in the order of their numbers; `decoder_hidden`, `decoder_out` |
    /// | `decoder.log_var`, of a learned variance | `decoder.log_var`, of shape () or (1,) |
    ///
    /// A layer has `.weight` and `.bias` of PyTorch's own shapes; layers without parameters do not count, so that an
    /// `nn.Sequential` may begin with `nn.Flatten` or end with `nn.Sigmoid`. Where the number of layers differs, only equal
    /// names are taken to mean the same. `module.` and `_orig_mod.`, which `DataParallel` and `torch.compile` put in, are
    /// skipped wherever they stand; all names may begin with the name of what holds the module (`model.encoder.0.weight`).
    /// Numbers may be float64, float32, float16 or bfloat16; they become the parameter's own type, here float32.
    ///
    /// The other way, what [`Vae::save`] writes has the names of the left column, which are those of the usual PyTorch
    /// classes: `module.load_state_dict(safetensors.torch.load_file(path))`. For a module with others there is
    /// [`Vae::save_pytorch`].
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be read; [`Error::File`] with every name that is missing, unexpected, of another
    /// shape or type, or no longer finite in the parameter's own type.
    fn load_pytorch(&mut self, path: impl AsRef<Path>) -> Result<()>
    where
        Self: Sized,
    {
        pytorch::load(self.params(), path.as_ref())
    }

    /// Writes the weights, in their own type, to a safetensors file that a PyTorch module loads: under the names and in the shapes
    /// of its `state_dict` in the file `like`, whole or not at all.
    ///
    /// # Errors
    /// Those of [`Vae::load_pytorch`] about `like`; [`Error::Io`] when `path` cannot be written.
    fn save_pytorch(&self, like: impl AsRef<Path>, path: impl AsRef<Path>) -> Result<()>
    where
        Self: Sized,
    {
        pytorch::save(self.params(), like.as_ref(), path.as_ref())
    }
}

/// The distribution of an image given its code: what a decoder's output means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observation {
    /// Binary pixels; the decoder's output is logits.
    #[default]
    Bernoulli,
    /// Grey pixels in [0, 1]; the decoder's output is logits.
    ContinuousBernoulli,
    /// Real pixels with the same, given variance; the decoder's output is the mean.
    Gaussian {
        /// σ², in squared pixel values.
        variance: f64,
    },
    /// Real pixels with one variance for all, learned with the weights (the σ-VAE of Rybkin et al. 2021); the decoder's
    /// output is the mean.
    GaussianLearned,
}

/// Refuses tensors of another type than the weights.
fn check_type(what: &str, x: &Tensor, params: &Params) -> Result<()> {
    match params.iter().map(|(_, var)| var.dtype()).find(|&dtype| dtype != x.dtype()) {
        Some(expected) => {
            let got = x.dtype();
            Err(Error::argument(format!(
                "{what}: expected type {expected:?}, that of the weights, got {got:?}; convert with \
                 .to_dtype(DType::{expected:?})?"
            )))
        }
        None => Ok(()),
    }
}

/// Refuses codes that are not (batch, latent), or of another type than the weights.
fn check_codes(z: &Tensor, latent: usize, params: &Params) -> Result<()> {
    if z.rank() == 2 && z.dims()[1] == latent {
        return check_type("codes to decode", z, params);
    }
    Err(Error::Shape { what: "codes to decode", expected: format!("(batch, {latent})"), got: z.dims().to_vec() })
}

/// What an encoder whose last layer is both heads says of x.
fn posterior(encoder: &Stack, x: &Tensor) -> Result<DiagonalGaussian> {
    encoder.gaussian(x)
}

impl Observation {
    /// Refuses a variance that is none.
    fn check(self) -> Result<()> {
        match self {
            Self::Gaussian { variance } if !(variance > 0.0 && variance.is_finite()) => {
                let problem = format!("the variance of a Gaussian must be positive and finite, got {variance}");
                Err(Error::argument(problem))
            }
            _ => Ok(()),
        }
    }

    /// The parameter that the distribution itself has, registered as `decoder.log_var`: () for a learned variance.
    fn parameter(self, params: &mut Params, device: &Device) -> Result<Option<Tensor>> {
        match self {
            Self::GaussianLearned => Ok(Some(params.register("decoder.log_var", Var::zeros((), DType::F32, device)?)?)),
            Self::Bernoulli | Self::ContinuousBernoulli | Self::Gaussian { .. } => Ok(None),
        }
    }

    /// Its row in the layer table.
    fn row(self) -> Option<LayerRow> {
        (self == Self::GaussianLearned).then(|| LayerRow::new("decoder.log_var".into(), "Parameter", &[], 1))
    }

    /// The distribution that the decoder makes of `z`, (B, D), over images, (B, C, H, W); `log_var`, (), is read by
    /// [`Observation::GaussianLearned`].
    fn likelihood(self, decoder: &Stack, z: &Tensor, log_var: Option<&Tensor>) -> Result<Box<dyn Likelihood>> {
        let output = decoder.forward(z)?;
        Ok(match (self, log_var) {
            (Self::Bernoulli, _) => Box::new(Bernoulli::new(output)?),
            (Self::ContinuousBernoulli, _) => Box::new(ContinuousBernoulli::new(output)?),
            (Self::Gaussian { variance }, _) => Box::new(Gaussian::fixed(output, variance)?),
            (Self::GaussianLearned, Some(log_var)) => Box::new(Gaussian::learned(output, log_var.clone())?),
            (Self::GaussianLearned, None) => {
                return Err(Error::argument("a learned variance needs its parameter `log_var`"));
            }
        })
    }
}
