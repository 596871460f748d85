//! Anomaly scores: one number per image, the larger the stranger the image is to the model.
//!
//! ```text
//! reconstruction error          1/P ‖x − E[x|z = μ(x)]‖²                                squared pixel value
//! relative error                ‖x − E[x|z = μ(x)]‖² / Σ x                            squared pixel value per ink
//! reconstruction probability    −E_q(z|x)[log p(x|z)]        (An & Cho 2015)            nats
//! negative ELBO                 −E_q(z|x)[log p(x|z)] + KL   (Kingma & Welling 2014)    nats
//! negative log-likelihood       −log 1/K Σ p(x|z) p(z) / q(z|x)    (Burda et al. 2016)  nats
//! KL                            KL(q(z|x) ‖ p(z))                                       nats
//! ```
//! P is the number of pixels; z ~ q(z|x), `samples` times. Images (B, C, H, W) → B numbers.
//!
//! ```
//! use vae_core::{candle::Device, data::Images, eval::{Score, scores}, models::{MlpVae, MlpVaeConfig}};
//!
//! let vae = MlpVae::new(MlpVaeConfig::default(), &Device::Cpu, 1)?;
//! let images = Images::new(vec![200; 3 * 784], vec![0; 3], (1, 28, 28), &Device::Cpu)?;
//! let elbo = scores(&vae, &images, Score::NegativeElbo, 10, 7)?;
//! let probability = scores(&vae, &images, Score::ReconstructionProbability, 10, 7)?;
//! let kl = scores(&vae, &images, Score::Kl, 10, 7)?;
//! assert!((elbo[0] - (probability[0] + kl[0])).abs() < 1e-3);
//! assert_eq!(elbo[0], elbo[2]); // a score depends on its image alone
//! # Ok::<(), vae_core::Error>(())
//! ```

use std::{fmt, str::FromStr};

use candle_core::{D, DType, Tensor};
use serde::{Deserialize, Serialize};

use crate::{Error, Result, data::Images, distributions::DiagonalGaussian, models::Vae, random::Random};

/// Numbers in the decoded images of one step: half a megabyte of float32 stays in the processor's cache, and bounds the
/// memory whatever the set and the samples.
pub(super) const PIXELS_AT_ONCE: usize = 1 << 17;

/// What to call strange. Larger is more anomalous; see the top of this module for the formulas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Score {
    /// Mean squared error of the reconstruction at the posterior mean, in squared pixel values; draws nothing.
    ReconstructionError,
    /// The summed squared error of the same reconstruction relative to the ink of the image, Σ x, for bright strokes on
    /// a dark ground; draws nothing. An image with little ink, such as a 1, is easy to reconstruct in absolute terms
    /// only. The ink counts as at least 1, that of one white pixel.
    RelativeError,
    /// −E_q\[log p(x|z)\] by `samples` draws, in nats (An & Cho 2015).
    ReconstructionProbability,
    /// The same plus the KL in closed form, in nats: an upper bound of −log p(x).
    NegativeElbo,
    /// −log p(x) by `samples` importance-weighted draws, in nats (Burda et al. 2016): the negative ELBO at one sample,
    /// in expectation, and ever tighter with more.
    NegativeLogLikelihood,
    /// KL(q(z|x) ‖ p(z)) in closed form, in nats: how far the code is from the prior; draws nothing.
    Kl,
}

impl Score {
    /// Every score, from the simplest on.
    pub const ALL: [Self; 6] = [
        Self::ReconstructionError,
        Self::RelativeError,
        Self::ReconstructionProbability,
        Self::NegativeElbo,
        Self::NegativeLogLikelihood,
        Self::Kl,
    ];

    /// Whether it is an estimate from draws of q(z|x).
    pub fn draws(self) -> bool {
        matches!(self, Self::ReconstructionProbability | Self::NegativeElbo | Self::NegativeLogLikelihood)
    }

    /// "reconstruction-error", "reconstruction-probability", …
    pub fn name(self) -> &'static str {
        match self {
            Self::ReconstructionError => "reconstruction-error",
            Self::RelativeError => "relative-error",
            Self::ReconstructionProbability => "reconstruction-probability",
            Self::NegativeElbo => "negative-elbo",
            Self::NegativeLogLikelihood => "negative-log-likelihood",
            Self::Kl => "kl",
        }
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Score {
    type Err = Error;

    /// The score of that [name](Score::name).
    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|score| score.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::argument(format!("no score is called {name:?}: expected one of {names}"))
        })
    }
}

/// Images to look at: [`Images`] or a tensor (B, C, H, W) with values in [0, 1].
#[derive(Clone, Copy, Debug)]
pub enum Pixels<'a> {
    /// Bytes, made floats a few at a time.
    Images(&'a Images),
    /// Floats.
    Tensor(&'a Tensor),
}

impl<'a> From<&'a Images> for Pixels<'a> {
    fn from(images: &'a Images) -> Self {
        Self::Images(images)
    }
}

impl<'a> From<&'a Tensor> for Pixels<'a> {
    fn from(images: &'a Tensor) -> Self {
        Self::Tensor(images)
    }
}

impl Pixels<'_> {
    fn dims(&self) -> Vec<usize> {
        match self {
            Self::Images(images) => {
                let (c, h, w) = images.shape();
                vec![images.len(), c, h, w]
            }
            Self::Tensor(tensor) => tensor.dims().to_vec(),
        }
    }

    /// How many images there are, once they fit the model.
    pub(super) fn check(&self, vae: &dyn Vae) -> Result<usize> {
        let (c, h, w) = vae.image_shape();
        match self.dims()[..] {
            [0, ..] => Err(Error::argument("there are no images to score")),
            [n, ic, ih, iw] if (ic, ih, iw) == (c, h, w) => Ok(n),
            _ => {
                let expected = format!("(batch, {c}, {h}, {w}), the images that the model was made for");
                Err(Error::Shape { what: "images to score", expected, got: self.dims() })
            }
        }
    }

    /// Images `start..start + n` as float32 on the model's device.
    pub(super) fn batch(&self, start: usize, n: usize, vae: &dyn Vae) -> Result<Tensor> {
        let x = match self {
            Self::Images(images) => images.at(&(start..start + n).collect::<Vec<_>>())?,
            Self::Tensor(tensor) => tensor.narrow(0, start, n)?.detach().to_dtype(DType::F32)?,
        };
        if let Self::Tensor(_) = self {
            for (i, pixels) in x.flatten_from(1)?.to_vec2::<f32>()?.iter().enumerate() {
                // Written so that NaN is found too; the margin is for sums that round.
                if let Some(value) = pixels.iter().find(|value| !(-1e-3..=1.001).contains(*value)) {
                    let i = start + i;
                    return Err(Error::argument(format!(
                        "image {i} has a pixel of {value}: expected numbers in [0, 1] (bytes are divided by 255)"
                    )));
                }
            }
        }
        Ok(x.to_device(vae.device())?)
    }
}

/// The score of every image, in order.
///
/// The same draws of noise, from `seed`, serve every image. A score is thus a function of its image alone: it depends
/// neither on the images beside it nor on how they are batched (to float32 rounding), and repeats bit for bit.
///
/// `samples` is the number of draws from q(z|x) of the scores that draw; the others ignore it.
///
/// # Errors
/// [`Error::Argument`] for 0 samples, an empty set and pixels that are NaN or outside [0, 1]; [`Error::Shape`] for
/// images of another shape than the model's; [`Error::NotFinite`] for a score that is not a number.
pub fn scores<'a>(
    vae: &dyn Vae,
    images: impl Into<Pixels<'a>>,
    score: Score,
    samples: usize,
    seed: u64,
) -> Result<Vec<f64>> {
    let images = images.into();
    let count = images.check(vae)?;
    if samples == 0 {
        return Err(Error::argument("a score from 0 samples: expected 1 or more"));
    }
    let (c, h, w) = vae.image_shape();
    let at_once = (PIXELS_AT_ONCE / (c * h * w)).max(1);
    let size = if score.draws() { (at_once / samples).max(1) } else { at_once };
    let mut all = Vec::with_capacity(count);
    for start in (0..count).step_by(size) {
        let x = images.batch(start, size.min(count - start), vae)?;
        let batch = match score {
            Score::ReconstructionError => squared_error(vae, &x)?.flatten_from(1)?.mean(1)?,
            Score::RelativeError => {
                let ink = x.flatten_from(1)?.sum(1)?.maximum(1.0)?;
                (squared_error(vae, &x)?.flatten_from(1)?.sum(1)? / ink)?
            }
            Score::Kl => vae.encode(&x)?.kl_to_standard()?,
            _ => sampled(vae, &x, score, samples, &mut Random::new(seed), at_once)?,
        };
        all.extend(batch.to_dtype(DType::F64)?.to_vec1::<f64>()?);
    }
    match all.iter().position(|score| !score.is_finite()) {
        Some(i) => Err(Error::NotFinite(format!("the {score} of image {i} is {}; is the model trained?", all[i]))),
        None => Ok(all),
    }
}

/// The squared difference of each pixel from its reconstruction at the posterior mean: (B, C, H, W), in squared pixel
/// values. The mean over an image is its [`Score::ReconstructionError`]; the bright places are what contributes to it.
///
/// # Errors
/// As [`scores`]; the images are decoded all at once.
pub fn error_map<'a>(vae: &dyn Vae, images: impl Into<Pixels<'a>>) -> Result<Tensor> {
    let images = images.into();
    let count = images.check(vae)?;
    squared_error(vae, &images.batch(0, count, vae)?)
}

fn squared_error(vae: &dyn Vae, x: &Tensor) -> Result<Tensor> {
    Ok((x - vae.reconstruct(x)?)?.sqr()?)
}

/// The scores that draw, of (B, C, H, W) images, decoding at most `at_once` images at a time: (B,), float64.
fn sampled(
    vae: &dyn Vae,
    x: &Tensor,
    score: Score,
    samples: usize,
    noise: &mut Random,
    at_once: usize,
) -> Result<Tensor> {
    let n = x.dims()[0];
    let q = vae.encode(x)?;
    // log p(x|z), or with weights log p(x|z) p(z) / q(z|x), of each image and sample.
    let weighted = score == Score::NegativeLogLikelihood;
    let mut logs = Vec::new();
    let mut left = samples;
    while left > 0 {
        let k = left.min((at_once / n).max(1));
        left -= k;
        // Row i·k + j is image i with draw j.
        let each = |t: &Tensor| -> Result<Tensor> { Ok(t.detach().unsqueeze(1)?.repeat((1, k, 1))?.flatten_to(1)?) };
        let q = DiagonalGaussian::new(each(q.mu())?, each(q.log_var())?)?;
        let epsilon = noise.normal((k, vae.latent()), vae.device())?.repeat((n, 1))?;
        let z = q.rsample_with(&epsilon)?;
        let x = each(&x.flatten_from(1)?)?.reshape([&[n * k], &x.dims()[1..]].concat())?;
        let mut log = vae.decode(&z)?.log_prob(&x)?.detach();
        if weighted {
            log = ((log + DiagonalGaussian::standard_like(&z)?.log_prob(&z)?)? - q.log_prob(&z)?)?;
        }
        logs.push(log.to_dtype(DType::F64)?.reshape((n, k))?);
    }
    let logs = Tensor::cat(&logs, 1)?;
    Ok(match score {
        Score::NegativeLogLikelihood => (logs.log_sum_exp(D::Minus1)?.neg()? + (samples as f64).ln())?,
        Score::NegativeElbo => (q.kl_to_standard()?.to_dtype(DType::F64)? - logs.mean(1)?)?,
        _ => logs.mean(1)?.neg()?,
    })
}
