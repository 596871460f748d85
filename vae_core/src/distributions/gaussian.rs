//! Real pixels: p(x|z) = ∏ N(x; μ, σ²), with a variance that is fixed or learned.
//!
//! With a fixed variance σ² the log-density is −‖x − μ‖²/(2σ²) − ½·D·ln(2πσ²): "mean squared error" with a weight that
//! σ² states instead of hiding. σ² = ½ makes the weight of the summed squared error 1.
//!
//! ```
//! use vae_core::{candle::{Device, Tensor}, distributions::{Gaussian, Distribution}};
//!
//! let x = Tensor::new(&[[1f32, 2.]], &Device::Cpu)?;
//! let log_prob = Gaussian::fixed(x.zeros_like()?, 1.0)?.log_prob(&x)?.to_vec1::<f32>()?[0];
//! assert!((log_prob + 2.5 + 1.837877).abs() < 1e-5); // −(1 + 4)/2 − ln 2π
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::Tensor;

use super::{Distribution, LN_2PI, batched, same_shape, sum_per_item};
use crate::{Error, Result, ops::rows::by_rows, random::Random};

/// Independent Gaussian pixels.
#[derive(Clone, Debug)]
pub struct Gaussian {
    mu: Tensor,
    log_var: Tensor,
}

impl Gaussian {
    /// Mean `mu`, (B, …), and the same variance for every pixel.
    ///
    /// # Errors
    /// [`Error::Argument`] unless the variance is positive and finite.
    pub fn fixed(mu: Tensor, variance: f64) -> Result<Self> {
        if !(variance > 0.0 && variance.is_finite()) {
            return Err(Error::argument(format!(
                "the variance of a Gaussian must be positive and finite, got {variance}"
            )));
        }
        let log_var = Tensor::full(variance.ln(), (), mu.device())?.to_dtype(mu.dtype())?;
        Self::learned(mu, log_var)
    }

    /// Mean `mu`, (B, …), and a log-variance of any shape that broadcasts to it: (), one for all; (B, …), one for each pixel.
    ///
    /// # Errors
    /// [`Error::Shape`] when it does not broadcast.
    pub fn learned(mu: Tensor, log_var: Tensor) -> Result<Self> {
        batched("mean of a Gaussian", &mu)?;
        let log_var = log_var.broadcast_as(mu.shape()).map_err(|_| Error::Shape {
            what: "log-variance of a Gaussian",
            expected: format!("one that broadcasts to the mean's {:?}", mu.dims()),
            got: log_var.dims().to_vec(),
        })?;
        Ok(Self { mu, log_var })
    }

    /// The log-variance, broadcast to the shape of the mean.
    pub fn log_var(&self) -> &Tensor {
        &self.log_var
    }
}

impl Distribution for Gaussian {
    /// −½ Σ (x − μ)²/σ² + ln σ² + ln 2π.
    fn log_prob(&self, x: &Tensor) -> Result<Tensor> {
        same_shape("x of a Gaussian", x, &self.mu)?;
        gaussian_log_prob(x, &self.mu, &self.log_var)
    }

    fn mean(&self) -> Result<Tensor> {
        Ok(self.mu.clone())
    }

    fn sample(&self, random: &mut Random) -> Result<Tensor> {
        let epsilon = random.normal(self.mu.shape(), self.mu.device())?.to_dtype(self.mu.dtype())?;
        Ok((&self.mu + (&self.log_var * 0.5)?.exp()? * epsilon)?.detach())
    }
}

/// −½ Σ (x − μ)²/σ² + ln σ² + ln 2π over all but the first dimension: (B,).
pub(super) fn gaussian_log_prob(x: &Tensor, mu: &Tensor, log_var: &Tensor) -> Result<Tensor> {
    by_rows([x, mu, log_var], |[x, mu, log_var]| {
        let square = ((x - mu)?.sqr()? * log_var.neg()?.exp()?)?;
        sum_per_item(&((square + log_var)?.affine(-0.5, -0.5 * LN_2PI)?))
    })
}
