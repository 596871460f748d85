//! Distributions: the encoder's posterior and the decoder's likelihoods.
//!
//! | type | is | parameters |
//! |---|---|---|
//! | [`DiagonalGaussian`] | q(z\|x), p(z) | `mu`, `log_var`: (B, D) |
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

pub use bernoulli::Bernoulli;
pub use continuous_bernoulli::ContinuousBernoulli;
pub use diagonal_gaussian::DiagonalGaussian;
pub use gaussian::Gaussian;

use candle_core::Tensor;

use crate::{Error, Result, ops::sum_per_item, random::Random};

/// ln 2π.
pub(crate) const LN_2PI: f64 = 1.837_877_066_409_345_5;

/// The distribution of an image given its latent code, p(x|z): what a decoder returns.
pub trait Likelihood {
    /// log p(x|z) of each image, in nats, summed over channels and pixels: (B,).
    ///
    /// # Errors
    /// [`Error::Shape`] unless `x` has the shape of the parameters.
    fn log_prob(&self, x: &Tensor) -> Result<Tensor>;

    /// E\[x|z\], the picture to look at; the shape of the parameters.
    fn mean(&self) -> Result<Tensor>;

    /// A draw from p(x|z), without a gradient; the shape of the parameters.
    fn sample(&self, random: &mut Random) -> Result<Tensor>;
}

/// Refuses a tensor that has not the shape of the distribution's parameters.
fn same_shape(what: &'static str, x: &Tensor, parameters: &Tensor) -> Result<()> {
    if x.dtype() != parameters.dtype() {
        let (expected, got) = (parameters.dtype(), x.dtype());
        return Err(Error::argument(format!(
            "{what}: expected type {expected:?}, that of the parameters, got {got:?}; convert with \
             .to_dtype(DType::{expected:?})?"
        )));
    }
    if x.dims() == parameters.dims() {
        return Ok(());
    }
    Err(Error::Shape {
        what,
        expected: format!("{:?}, the parameters' own", parameters.dims()),
        got: x.dims().to_vec(),
    })
}

/// Refuses parameters without a batch dimension.
fn batched(what: &'static str, x: &Tensor) -> Result<()> {
    if x.rank() >= 2 {
        return Ok(());
    }
    Err(Error::Shape { what, expected: "(batch, …), two dimensions or more".into(), got: x.dims().to_vec() })
}
