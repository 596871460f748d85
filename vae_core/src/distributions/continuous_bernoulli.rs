//! Grey pixels in [0, 1]: p(x|z) = ∏ C(l) σ(l)ˣ (1 − σ(l))¹⁻ˣ (Loaiza-Ganem & Cunningham 2019).
//!
//! The constant that a Bernoulli on grey pixels lacks is, in logits, C(l) = l / tanh(l/2), with limit 2 at l = 0.
//!
//! ```
//! use vae_core::{candle::{Device, Tensor}, distributions::{ContinuousBernoulli, Distribution}};
//!
//! let uniform = ContinuousBernoulli::new(Tensor::zeros((1, 4), vae_core::candle::DType::F32, &Device::Cpu)?)?;
//! let x = Tensor::new(&[[0f32, 0.3, 0.5, 1.]], &Device::Cpu)?;
//! assert!(uniform.log_prob(&x)?.to_vec1::<f32>()?[0].abs() < 1e-6); // l = 0 is the uniform density 1
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::{DType, Tensor};

use super::{Distribution, batched, same_shape, sum_per_item};
use crate::{Result, ops::bernoulli::softplus, random::Random};

/// Below this |l|, ln C(l) and the mean are Taylor series. Their closed forms, and still more the gradients of these, cancel
/// as 1/l and 1/l² there; the first terms left out are below 1e-13.
const SERIES: f64 = 0.25;
/// ln C(l) − ln 2 in powers of l², from l² on.
const LOG_NORMALIZER: [f64; 5] =
    [1.0 / 12.0, -7.0 / 1440.0, 31.0 / 90_720.0, -127.0 / 4_838_400.0, 73.0 / 34_214_400.0];
/// The mean less ½ over l, in powers of l² from 1 on: B₂ₖ/(2k)! of the Bernoulli numbers.
const MEAN: [f64; 5] = [1.0 / 12.0, -1.0 / 720.0, 1.0 / 30_240.0, -1.0 / 1_209_600.0, 1.0 / 47_900_160.0];

/// Independent continuous Bernoulli pixels given by logits.
#[derive(Clone, Debug)]
pub struct ContinuousBernoulli {
    logits: Tensor,
}

impl ContinuousBernoulli {
    /// The distribution with the given logits, (B, …).
    ///
    /// # Errors
    /// [`crate::Error::Shape`] without a batch dimension.
    pub fn new(logits: Tensor) -> Result<Self> {
        batched("logits of a continuous Bernoulli", &logits)?;
        Ok(Self { logits })
    }

    /// The logits l, as given. Unlike the Bernoulli's, σ(l) is *not* the mean.
    pub fn logits(&self) -> &Tensor {
        &self.logits
    }

    /// ln C(l) = ln(l / tanh(l/2)), element by element.
    pub fn log_normalizer(&self) -> Result<Tensor> {
        let (large, near) = self.near_zero()?;
        // Where the series is used the closed form sees 1, so that no 0/0 reaches its gradient.
        let safe = large.where_cond(&self.logits.abs()?, &self.logits.ones_like()?)?;
        let closed = (safe.log()? - (&safe * 0.5)?.tanh()?.log()?)?;
        let square = near.sqr()?;
        let series = ((&square * polynomial(&square, &LOG_NORMALIZER)?)? + std::f64::consts::LN_2)?;
        Ok(large.where_cond(&closed, &series)?)
    }

    /// Where |l| is too large for a series, and l with zeros there, so that no power of it overflows.
    fn near_zero(&self) -> Result<(Tensor, Tensor)> {
        let large = self.logits.abs()?.ge(SERIES)?;
        let near = large.where_cond(&self.logits.zeros_like()?, &self.logits)?;
        Ok((large, near))
    }
}

impl Distribution for ContinuousBernoulli {
    /// Σ x·l − ln(1 + eˡ) + ln C(l).
    fn log_prob(&self, x: &Tensor) -> Result<Tensor> {
        same_shape("x of a continuous Bernoulli", x, &self.logits)?;
        sum_per_item(&(((x * &self.logits)? - softplus(&self.logits)?)? + self.log_normalizer()?)?)
    }

    /// 1 / (1 − e⁻ˡ) − 1/l, which is ½ + l/12 − l³/720 + … near 0.
    fn mean(&self) -> Result<Tensor> {
        let (large, near) = self.near_zero()?;
        let safe = large.where_cond(&self.logits, &self.logits.ones_like()?)?;
        // 1/(1 − e⁻ˡ) = (1 + 1/tanh(l/2)) / 2, which does not overflow.
        let closed = ((&safe * 0.5)?.tanh()?.recip()?.affine(0.5, 0.5)? - safe.recip()?)?;
        let series = ((&near * polynomial(&near.sqr()?, &MEAN)?)? + 0.5)?;
        Ok(large.where_cond(&closed, &series)?)
    }

    /// By the inverse of the distribution function, x = ln(1 + u(eˡ − 1)) / l.
    fn sample(&self, random: &mut Random) -> Result<Tensor> {
        let logits = self.logits.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
        let mut values = vec![0.0; logits.len()];
        random.fill_uniform(&mut values);
        for (value, &l) in values.iter_mut().zip(&logits) {
            *value = quantile(*value as f64, l as f64) as f32;
        }
        let samples = Tensor::from_vec(values, self.logits.shape(), self.logits.device())?;
        Ok(samples.to_dtype(self.logits.dtype())?)
    }

    fn support(&self) -> (f64, f64) {
        (0.0, 1.0)
    }
}

/// Σ cₖ xᵏ by Horner's rule.
fn polynomial(x: &Tensor, coefficients: &[f64]) -> Result<Tensor> {
    let mut sum = x.zeros_like()?;
    for &coefficient in coefficients.iter().rev() {
        sum = (x * sum)?.affine(1.0, coefficient)?;
    }
    Ok(sum)
}

/// The x with P(X ≤ x) = u, for logit l.
fn quantile(u: f64, l: f64) -> f64 {
    let x = if l.abs() < 1e-6 {
        u
    } else if l < 0.0 {
        (u * l.exp_m1()).ln_1p() / l
    } else {
        // ln(1 + u (eˡ − 1))/l with eˡ taken out of the logarithm, so that it cannot overflow.
        1.0 + (u + (1.0 - u) * (-l).exp()).ln() / l
    };
    x.clamp(0.0, 1.0)
}
