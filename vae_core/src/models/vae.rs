//! The trait of all models.

use std::path::Path;

use candle_core::{Device, Shape, Tensor, Var};
use serde_json::{Map, Value, json};

use super::{LayerRow, Summary};
use crate::{
    Result,
    data::Batch,
    distributions::{DiagonalGaussian, Distribution, short_name},
    io::{pytorch, storage},
    nn::Params,
    random::Random,
};

/// A variational autoencoder: three distributions, p(z), q(z|x) and p(x|z), and the parameters that they share.
///
/// Items x are (B, …), all of one shape; codes z are (B, D). Whatever the latent variables are, they are kept as one row: two
/// levels stand side by side, discrete codes stand for themselves as the vectors that they name. One of one's own takes five
/// methods:
///
/// ```
/// use vae_core::prelude::*;
///
/// /// Two numbers and their code, which is one.
/// struct Line {
///     params: Params,
///     encoder: Stack,
///     decoder: Stack,
/// }
///
/// impl Vae for Line {
///     fn encode(&self, x: &Tensor) -> Result<Box<dyn Distribution>> {
///         let mu = self.encoder.forward(x)?;
///         Ok(Box::new(DiagonalGaussian::new(mu.clone(), mu.zeros_like()?)?))
///     }
///
///     fn decode(&self, z: &Tensor) -> Result<Box<dyn Distribution>> {
///         Ok(Box::new(Gaussian::fixed(self.decoder.forward(z)?, 0.1)?))
///     }
///
///     fn latent(&self) -> usize {
///         1
///     }
///
///     fn shape(&self) -> Shape {
///         2.into()
///     }
///
///     fn params(&self) -> &Params {
///         &self.params
///     }
/// }
///
/// let (mut params, random, cpu) = (Params::new(), &mut Random::new(1), Device::Cpu);
/// let encoder = Stack::new().push(Linear::new(&mut params, "encoder", 2, 1, random, &cpu)?, None);
/// let decoder = Stack::new().push(Linear::new(&mut params, "decoder", 1, 2, random, &cpu)?, None);
/// let mut line = Line { params, encoder, decoder };
///
/// let table = random.normal((500, 1), &cpu)?.repeat((1, 2))?; // 500 points on a diagonal
/// let history = Trainer::new(Elbo::default()).epochs(20).learning_rate(0.01).quiet().fit(&mut line, &table)?;
/// assert!(history.epochs[19].train.elbo > history.epochs[0].train.elbo + 1.0);
/// assert_eq!(line.generate(3, random)?.dims(), [3, 2]);
/// # Ok::<(), vae_core::Error>(())
/// ```
pub trait Vae {
    /// q(z|x): (B, …) → a distribution over (B, D).
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for items of another shape.
    fn encode(&self, x: &Tensor) -> Result<Box<dyn Distribution>>;

    /// p(x|z): (B, D) → a distribution over (B, …).
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for codes of another width.
    fn decode(&self, z: &Tensor) -> Result<Box<dyn Distribution>>;

    /// D, the width of a code.
    fn latent(&self) -> usize;

    /// The shape of an item; (channels, height, width) of an image.
    fn shape(&self) -> Shape;

    /// The trainable parameters, those of a learned prior among them.
    fn params(&self) -> &Params;

    /// p(z), for `n` codes: N(0, I) unless the model has another, learned or not.
    fn prior(&self, n: usize) -> Result<Box<dyn Distribution>> {
        let params = self.params();
        Ok(Box::new(DiagonalGaussian::standard((n, self.latent()), params.dtype(), params.device())?))
    }

    /// The model of p(x|y), an ordinary VAE: this one with what it is conditioned on, (B, …), filled in; one row serves any batch.
    /// A model that is not conditional, or was given something already, is itself.
    ///
    /// Training, [`evaluate`](crate::objectives::evaluate) and the [scores](crate::eval::scores) call it with
    /// [`Batch::y`](crate::data::Batch::y); no objective needs to know of it.
    ///
    /// # Errors
    /// Whatever the model says of a `y` that does not suit it.
    fn given(&self, _y: &Tensor) -> Result<Box<dyn Vae + '_>> {
        Ok(Box::new(self))
    }

    /// Where the parameters are.
    fn device(&self) -> &Device {
        self.params().device()
    }

    /// The rows of the layer table: one for each parameter, unless the model knows its layers.
    fn layers(&self) -> Vec<LayerRow> {
        let row = |(name, var): (&str, &Var)| LayerRow::new(name.into(), "Parameter", var.dims(), var.elem_count());
        self.params().iter().map(row).collect()
    }

    /// What the model was built from, with the kind of model it is; stored beside its weights and compared when they are
    /// loaded. [`describe`](super::describe) makes one that [`open`](super::open) can read; without it, this is the name of the type, with the names and
    /// shapes of its parameters.
    fn config(&self) -> Value {
        let shapes: Map<String, Value> =
            self.params().iter().map(|(name, var)| (name.to_string(), var.dims().into())).collect();
        json!({ "kind": short_name::<Self>(), "parameters": shapes })
    }

    /// The layer table: name, output shape, parameters, total.
    fn summary(&self) -> Summary {
        Summary::new(self.layers())
    }

    /// E\[x|z\], what a code is decoded to: (B, D) → (B, …), without a gradient.
    fn decode_mean(&self, z: &Tensor) -> Result<Tensor> {
        Ok(self.decode(&z.detach())?.mean()?.detach())
    }

    /// E\[x|z\] at the mean of the posterior: (B, …) → (B, …), without a gradient.
    fn reconstruct(&self, x: &Tensor) -> Result<Tensor> {
        self.decode_mean(&self.encode(x)?.mean()?)
    }

    /// E\[x|z\] for `n` codes drawn from the prior: (n, …), without a gradient.
    fn generate(&self, n: usize, random: &mut Random) -> Result<Tensor> {
        self.decode_mean(&self.prior(n)?.sample(random)?)
    }

    /// Writes the weights and the configuration to a safetensors file, whole or not at all. The tensors have the names of
    /// [`Params`], so that other programs can read them.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) when the file cannot be written.
    fn save(&self, path: impl AsRef<Path>) -> Result<()>
    where
        Self: Sized,
    {
        storage::save(self.params(), &self.config(), path.as_ref())
    }

    /// Replaces the weights by those of a file written by [`Vae::save`]. Nothing is changed unless all fit.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) and [`Error::File`](crate::Error::File) when the file cannot be read or belongs to another model.
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
    /// For the way from here to PyTorch: what [`Vae::save`] writes has the names of the left column, which are those of the usual PyTorch
    /// classes: `module.load_state_dict(safetensors.torch.load_file(path))`. For a module with others there is
    /// [`Vae::save_pytorch`].
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) when the file cannot be read; [`Error::File`](crate::Error::File) with every name that is missing, unexpected, of another
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
    /// Those of [`Vae::load_pytorch`] about `like`; [`Error::Io`](crate::Error::Io) when `path` cannot be written.
    fn save_pytorch(&self, like: impl AsRef<Path>, path: impl AsRef<Path>) -> Result<()>
    where
        Self: Sized,
    {
        pytorch::save(self.params(), like.as_ref(), path.as_ref())
    }
}

/// What points to a model is a model: `given` can return the model itself, and a box can be trained and scored.
macro_rules! a_pointer_is_a_model {
    ($($pointer:ty),+) => {$(
        impl<V: Vae + ?Sized> Vae for $pointer {
            fn encode(&self, x: &Tensor) -> Result<Box<dyn Distribution>> {
                (**self).encode(x)
            }

            fn decode(&self, z: &Tensor) -> Result<Box<dyn Distribution>> {
                (**self).decode(z)
            }

            fn latent(&self) -> usize {
                (**self).latent()
            }

            fn shape(&self) -> Shape {
                (**self).shape()
            }

            fn params(&self) -> &Params {
                (**self).params()
            }

            fn prior(&self, n: usize) -> Result<Box<dyn Distribution>> {
                (**self).prior(n)
            }

            fn given(&self, y: &Tensor) -> Result<Box<dyn Vae + '_>> {
                (**self).given(y)
            }

            fn layers(&self) -> Vec<LayerRow> {
                (**self).layers()
            }

            fn config(&self) -> Value {
                (**self).config()
            }

            fn reconstruct(&self, x: &Tensor) -> Result<Tensor> {
                (**self).reconstruct(x)
            }

            fn generate(&self, n: usize, random: &mut Random) -> Result<Tensor> {
                (**self).generate(n, random)
            }
        }
    )+};
}

a_pointer_is_a_model!(&V, Box<V>);

/// The model of p(x|y) where something is known of the items, the model itself where nothing is.
pub(crate) fn given<'a>(vae: &'a dyn Vae, batch: &Batch) -> Result<Box<dyn Vae + 'a>> {
    match &batch.y {
        Some(y) => vae.given(y),
        None => Ok(Box::new(vae)),
    }
}
