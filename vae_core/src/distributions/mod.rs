//! Distributions: the encoder's posterior, the prior and the decoder's likelihood, all of one trait, [`Distribution`].
//!
//! | type | is | parameters |
//! |---|---|---|
//! | [`DiagonalGaussian`] | q(z\|x), p(z) | `mu`, `log_var`: (B, D) |
//! | [`Mixture`] | p(z), a sum of Gaussians | a `DiagonalGaussian` of (K, D), `logits`: (K,) |
//! | [`RealNvp`] | p(z), a Gaussian bent by a flow | the networks of its couplings |
//! | [`Bernoulli`] | p(x\|z), binary pixels | `logits`: (B, C, H, W) |
//! | [`ContinuousBernoulli`] | p(x\|z), pixels in [0, 1] | `logits`: (B, C, H, W) |
//! | [`Gaussian`] | p(x\|z), real pixels | `mu`, `log_var`: (B, C, H, W) |
//!
//! All densities are in nats, summed over everything but the batch: a log-probability has shape (B,). The choice between
//! "binary cross-entropy" and "mean squared error" is the choice of a likelihood: `-Bernoulli::log_prob` is the summed
//! cross-entropy, `-Gaussian::log_prob` with a fixed variance is a scaled squared error plus a constant.

mod bernoulli;
mod continuous_bernoulli;
mod diagonal_gaussian;
mod gaussian;
mod mixture;
mod real_nvp;

pub use bernoulli::Bernoulli;
pub use continuous_bernoulli::ContinuousBernoulli;
pub use diagonal_gaussian::DiagonalGaussian;
pub use gaussian::Gaussian;
pub use mixture::Mixture;
pub use real_nvp::{Conditioner, RealNvp};

use std::any::Any;

use candle_core::Tensor;

use crate::{Error, Result, ops::sum_per_item, random::Random};

pub(crate) use crate::ops::LN_2PI;

/// A distribution for each row of a batch: q(z|x), p(z) and p(x|z) alike.
///
/// One of one's own takes three methods; [`Distribution::kl`] then estimates what has no closed form:
///
/// ```
/// use vae_core::prelude::*;
///
/// /// Uniform on (0, 1) in each of two dimensions.
/// struct Square(usize);
///
/// impl Distribution for Square {
///     fn sample(&self, random: &mut Random) -> Result<Tensor> {
///         random.uniform((self.0, 2), &Device::Cpu)
///     }
///
///     fn log_prob(&self, x: &Tensor) -> Result<Tensor> {
///         Ok(x.sum(1)?.zeros_like()?)
///     }
///
///     fn mean(&self) -> Result<Tensor> {
///         Ok(Tensor::full(0.5f32, (self.0, 2), &Device::Cpu)?)
///     }
/// }
///
/// let (q, p) = (Square(3), DiagonalGaussian::standard((3, 2), DType::F32, &Device::Cpu)?);
/// let z = q.sample(&mut Random::new(1))?;
/// let kl = q.kl(&p, &z)?.to_vec1::<f32>()?; // 0 − ln N(z; 0, I) = ln 2π + ½ ‖z‖², between 1.8 and 2.9
/// assert!(kl.iter().all(|kl| (1.83..2.84).contains(kl)));
///
/// let p: Box<dyn Distribution> = Box::new(p);
/// assert_eq!(p.downcast::<DiagonalGaussian>()?.mu().dims(), [3, 2]);
/// let error = p.downcast::<Square>().err().map(|error| error.to_string());
/// assert_eq!(error.as_deref(), Some("expected a distribution of type Square, got DiagonalGaussian"));
/// # Ok::<(), vae_core::Error>(())
/// ```
pub trait Distribution: Any {
    /// A draw for each row, (B, …). Where the distribution can be reparameterized, gradients flow to its parameters.
    fn sample(&self, random: &mut Random) -> Result<Tensor>;

    /// The log-density of each row, in nats, summed over everything but the batch: (B,).
    ///
    /// # Errors
    /// [`Error::Shape`] unless `x` has the shape of a draw.
    fn log_prob(&self, x: &Tensor) -> Result<Tensor>;

    /// The mean, (B, …): the code to reconstruct from, the picture to look at. Where it has no closed form, the point that
    /// stands for it.
    fn mean(&self) -> Result<Tensor>;

    /// KL(self ‖ p) of each row, in nats: (B,). In closed form where there is one, otherwise its estimate ln q(z) − ln p(z)
    /// at a draw `z` from `self`.
    ///
    /// # Errors
    /// [`Error::Shape`] where the two do not fit together.
    fn kl(&self, p: &dyn Distribution, z: &Tensor) -> Result<Tensor> {
        Ok((self.log_prob(z)? - p.log_prob(z)?)?)
    }

    /// The smallest and the largest number that x may hold for `log_prob` to mean something: any, unless the distribution
    /// says otherwise. Scores refuse others.
    fn support(&self) -> (f64, f64) {
        (f64::NEG_INFINITY, f64::INFINITY)
    }

    /// What an error message calls it: the name of its type.
    fn name(&self) -> &'static str {
        short_name::<Self>()
    }
}

/// So that `q.kl(&vae.prior(n)?, &z)?` can be written.
impl Distribution for Box<dyn Distribution> {
    fn sample(&self, random: &mut Random) -> Result<Tensor> {
        (**self).sample(random)
    }

    fn log_prob(&self, x: &Tensor) -> Result<Tensor> {
        (**self).log_prob(x)
    }

    fn mean(&self) -> Result<Tensor> {
        (**self).mean()
    }

    fn kl(&self, p: &dyn Distribution, z: &Tensor) -> Result<Tensor> {
        (**self).kl(p, z)
    }

    fn support(&self) -> (f64, f64) {
        (**self).support()
    }

    fn name(&self) -> &'static str {
        (**self).name()
    }
}

impl dyn Distribution {
    /// The distribution as the type that it is, for who asks for more than [`Distribution`] offers.
    ///
    /// # Errors
    /// [`Error::Argument`] with both types when it is another one.
    pub fn downcast<T: Distribution>(&self) -> Result<&T> {
        let any: &dyn Any = self;
        if let Some(inner) = any.downcast_ref::<Box<dyn Distribution>>() {
            return inner.as_ref().downcast();
        }
        any.downcast_ref().ok_or_else(|| {
            let (expected, got) = (short_name::<T>(), self.name());
            Error::argument(format!("expected a distribution of type {expected}, got {got}"))
        })
    }
}

/// The name of a type without the modules that it is in.
pub(crate) fn short_name<T: ?Sized>() -> &'static str {
    let name = std::any::type_name::<T>();
    // Whatever stands in angle brackets has modules of its own.
    let end = name.find('<').unwrap_or(name.len());
    name[..end].rsplit("::").next().unwrap_or(name)
}

/// Refuses a tensor that has not the shape of the distribution's parameters.
fn same_shape(what: &'static str, x: &Tensor, parameters: &Tensor) -> Result<()> {
    same_type(what, x, parameters)?;
    if x.dims() == parameters.dims() {
        return Ok(());
    }
    Err(Error::Shape {
        what,
        expected: format!("{:?}, the parameters' own", parameters.dims()),
        got: x.dims().to_vec(),
    })
}

/// Refuses a tensor of another type than the distribution's parameters.
fn same_type(what: &'static str, x: &Tensor, parameters: &Tensor) -> Result<()> {
    let (expected, got) = (parameters.dtype(), x.dtype());
    if expected == got {
        return Ok(());
    }
    Err(Error::argument(format!(
        "{what}: expected type {expected:?}, that of the parameters, got {got:?}; convert with .to_dtype(DType::{expected:?})?"
    )))
}

/// Refuses parameters without a batch dimension.
fn batched(what: &'static str, x: &Tensor) -> Result<()> {
    if x.rank() >= 2 {
        return Ok(());
    }
    Err(Error::Shape { what, expected: "(batch, …), two dimensions or more".into(), got: x.dims().to_vec() })
}
