//! What a decoder's output means: the choice between "binary cross-entropy" and "mean squared error" as that of a distribution.

use candle_core::{DType, Device, Tensor, Var};
use serde::{Deserialize, Serialize};

use super::LayerRow;
use crate::{
    Error, Result,
    distributions::{Bernoulli, ContinuousBernoulli, Distribution, Gaussian},
    nn::Params,
};

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

impl Observation {
    /// Refuses a variance that is none.
    pub(super) fn check(self) -> Result<()> {
        match self {
            Self::Gaussian { variance } if !(variance > 0.0 && variance.is_finite()) => {
                let problem = format!("the variance of a Gaussian must be positive and finite, got {variance}");
                Err(Error::argument(problem))
            }
            _ => Ok(()),
        }
    }

    /// The parameter that the distribution itself has, registered as `decoder.log_var`: () for a learned variance.
    pub(super) fn parameter(self, params: &mut Params, device: &Device) -> Result<Option<Tensor>> {
        match self {
            Self::GaussianLearned => Ok(Some(params.register("decoder.log_var", Var::zeros((), DType::F32, device)?)?)),
            Self::Bernoulli | Self::ContinuousBernoulli | Self::Gaussian { .. } => Ok(None),
        }
    }

    /// Its row in the layer table.
    pub(super) fn row(self) -> Option<LayerRow> {
        (self == Self::GaussianLearned).then(|| LayerRow::new("decoder.log_var".into(), "Parameter", &[], 1))
    }

    /// The distribution over images that a decoder's output stands for, (B, C, H, W); `log_var`, (), is read by
    /// [`Observation::GaussianLearned`].
    pub(super) fn likelihood(self, output: Tensor, log_var: Option<&Tensor>) -> Result<Box<dyn Distribution>> {
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
