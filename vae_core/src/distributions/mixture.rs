//! A mixture of diagonal Gaussians: p(z) = Σₖ wₖ N(z; μₖ, diag σₖ²), the same for each row.
//!
//! - ln p(z) = log-sum-expₖ (ln wₖ + ln N(z; μₖ, diag σₖ²)), the weights w = softmax of logits, or all alike
//! - a draw is one of the part that a draw of the weights names; which part that is has no gradient
//!
//! A prior of parts that are learned by themselves is a mixture prior; of the posteriors of K pseudo-inputs it is the VampPrior (Tomczak &
//! Welling 2018, "VAE with a VampPrior").
//!
//! ```
//! use vae_core::prelude::*;
//!
//! let [mu, log_var] = [[[-3f32], [3.]], [[0.], [0.]]].map(|x| Tensor::new(&x, &Device::Cpu));
//! let parts = DiagonalGaussian::new(mu?, log_var?)?;
//! let p = Mixture::new(parts, 4)?; // half N(−3, 1), half N(3, 1), for four rows
//! let z = p.sample(&mut Random::new(1))?;
//! assert_eq!((z.dims(), p.mean()?.to_vec2::<f32>()?[0][0]), (&[4, 1][..], 0.0));
//! let top = p.log_prob(&Tensor::new(&[[-3f32], [3.], [3.], [3.]], &Device::Cpu)?)?.to_vec1::<f32>()?[0];
//! assert!((top - (0.5 / std::f32::consts::TAU.sqrt()).ln()).abs() < 1e-5); // the other part is far away
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::{D, DType, Device, Tensor};

use super::{DiagonalGaussian, Distribution, same_type};
use crate::{Error, Result, ops, random::Random};

/// A mixture of K Gaussians with independent components, one and the same for each of a number of rows.
#[derive(Clone, Debug)]
pub struct Mixture {
    /// (K, D).
    parts: DiagonalGaussian,
    /// ln w, (K,).
    log_weights: Tensor,
    rows: usize,
}

impl Mixture {
    /// A mixture of these parts, (K, D), in equal shares, for each of `rows` rows.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there is a part, and a dimension.
    pub fn new(parts: DiagonalGaussian, rows: usize) -> Result<Self> {
        let mu = parts.mu();
        let logits = Tensor::zeros(mu.dims()[0], mu.dtype(), mu.device())?;
        Self::weighted(parts, &logits, rows)
    }

    /// A mixture of these parts, (K, D), with the weights softmax(`logits`), (K,), for each of `rows` rows.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there is a part, and a dimension, and a logit for each part.
    pub fn weighted(parts: DiagonalGaussian, logits: &Tensor, rows: usize) -> Result<Self> {
        let mu = parts.mu();
        if mu.rank() != 2 || mu.elem_count() == 0 {
            let expected = "(parts, dimensions), at least one of each".into();
            return Err(Error::Shape { what: "parts of a mixture", expected, got: mu.dims().to_vec() });
        }
        if logits.dims() != &mu.dims()[..1] {
            let expected = format!("{:?}, one for each part", &mu.dims()[..1]);
            return Err(Error::Shape { what: "logits of a mixture's weights", expected, got: logits.dims().to_vec() });
        }
        same_type("logits of a mixture's weights", logits, mu)?;
        let log_weights = logits.broadcast_sub(&logits.log_sum_exp(D::Minus1)?)?;
        Ok(Self { parts, log_weights, rows })
    }

    /// The Gaussians that it is made of, a row for each.
    pub fn parts(&self) -> &DiagonalGaussian {
        &self.parts
    }

    /// The logarithms of their weights, (K,).
    pub fn log_weights(&self) -> &Tensor {
        &self.log_weights
    }

    /// D.
    fn width(&self) -> usize {
        self.parts.mu().dims()[1]
    }
}

impl Distribution for Mixture {
    /// A draw without a gradient: which part it is from cannot be reparameterized.
    fn sample(&self, random: &mut Random) -> Result<Tensor> {
        let (mu, log_var) = (self.parts.mu(), self.parts.log_var());
        let weights = self.log_weights.detach().to_dtype(DType::F64)?.exp()?.to_vec1::<f64>()?;
        let running = weights.iter().scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        });
        let ends: Vec<f64> = running.collect();
        let places = random.uniform(self.rows, &Device::Cpu)?.to_vec1::<f32>()?;
        // The part in whose share the place lies; rounding may leave the end of the last below 1.
        let part = |place: f32| ends.partition_point(|&end| end <= place as f64).min(weights.len() - 1) as u32;
        let part: Vec<u32> = places.into_iter().map(part).collect();
        let part = Tensor::from_vec(part, self.rows, mu.device())?;
        let [mu, log_var] = [mu, log_var].map(|x| x.detach().contiguous()?.index_select(&part, 0));
        DiagonalGaussian::new(mu?, log_var?)?.rsample(random)
    }

    fn log_prob(&self, z: &Tensor) -> Result<Tensor> {
        let shape = [self.rows, self.width()];
        if z.dims() != shape {
            let expected = format!("{shape:?}");
            return Err(Error::Shape { what: "z of a mixture", expected, got: z.dims().to_vec() });
        }
        same_type("z of a mixture", z, self.parts.mu())?;
        ops::mixture::log_prob([z, self.parts.mu(), self.parts.log_var()], &self.log_weights)
    }

    /// Σₖ wₖ μₖ, for each row.
    fn mean(&self) -> Result<Tensor> {
        let mean = self.log_weights.exp()?.unsqueeze(0)?.matmul(&self.parts.mu().contiguous()?)?;
        Ok(mean.broadcast_as((self.rows, self.width()))?.contiguous()?)
    }
}
