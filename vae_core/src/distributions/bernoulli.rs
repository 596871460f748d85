//! Binary pixels: p(x|z) = ∏ σ(l)ˣ (1 − σ(l))¹⁻ˣ, kept as logits l.
//!
//! ```
//! use vae_core::{candle::{Device, Tensor}, distributions::{Bernoulli, Distribution}};
//!
//! let logits = Tensor::new(&[[0f32, 1e4], [-1e4, 0.]], &Device::Cpu)?;
//! let x = Tensor::new(&[[1f32, 1.], [0., 1.]], &Device::Cpu)?;
//! let log_prob = Bernoulli::new(logits)?.log_prob(&x)?.to_vec1::<f32>()?;
//! assert!(log_prob.iter().all(|l| (l + 2f32.ln()).abs() < 1e-6)); // ln ½ for l = 0, 0 for the sure ones
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::Tensor;

use super::{Distribution, batched, same_shape};
use crate::{Result, ops, random::Random};

/// Independent Bernoulli pixels given by logits.
///
/// Grey pixels in [0, 1] are accepted, as in most VAE code; the result is then the expected log-probability of the image
/// binarized at random, not the log-density of a grey image. [`super::ContinuousBernoulli`] is one for grey pixels.
#[derive(Clone, Debug)]
pub struct Bernoulli {
    logits: Tensor,
}

impl Bernoulli {
    /// The distribution with the given logits, (B, …).
    ///
    /// # Errors
    /// [`crate::Error::Shape`] without a batch dimension.
    pub fn new(logits: Tensor) -> Result<Self> {
        batched("logits of a Bernoulli", &logits)?;
        Ok(Self { logits })
    }

    /// The logits ln(p / (1 − p)), as given.
    pub fn logits(&self) -> &Tensor {
        &self.logits
    }
}

impl Distribution for Bernoulli {
    /// Σ x·l − ln(1 + eˡ), finite for every finite logit: `max(l,0) − l·x + log1p(exp(−|l|))`, negated.
    fn log_prob(&self, x: &Tensor) -> Result<Tensor> {
        same_shape("x of a Bernoulli", x, &self.logits)?;
        ops::bernoulli::log_prob(&self.logits, x)
    }

    /// σ(l).
    fn mean(&self) -> Result<Tensor> {
        ops::bernoulli::mean(&self.logits)
    }

    fn sample(&self, random: &mut Random) -> Result<Tensor> {
        let p = self.mean()?.detach();
        let u = random.uniform(p.shape(), p.device())?.to_dtype(p.dtype())?;
        Ok(u.lt(&p)?.to_dtype(p.dtype())?)
    }

    fn support(&self) -> (f64, f64) {
        (0.0, 1.0)
    }
}
