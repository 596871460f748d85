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
//! P is the number of pixels; z ~ q(z|x), `samples` times. Images (B, C, H, W) → B numbers. A KL that has no closed form
//! is estimated from the same draws. A conditional model is given what is known of each image: scores are those of p(x|y).
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

use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};

use super::{likelihood::each_draw, weights::Weights};
use crate::{
    Error, Result,
    data::{Batch, Data, pass},
    distributions::Distribution,
    models::{Vae, given},
    nn::no_grad,
    random::Random,
};

/// Numbers in the images of one step: half a megabyte of float32 stays in the processor's cache, and bounds the memory
/// whatever the set and the samples.
const PIXELS_AT_ONCE: usize = 1 << 17;

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
    /// The reconstruction probability plus the KL, in nats: an upper bound of −log p(x).
    NegativeElbo,
    /// −log p(x) by `samples` importance-weighted draws, in nats (Burda et al. 2016): the negative ELBO at one sample,
    /// in expectation, and ever tighter with more.
    NegativeLogLikelihood,
    /// KL(q(z|x) ‖ p(z)), in nats: how far the code is from the prior.
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

/// The score of every image, in order.
///
/// The same draws of noise, from `seed`, serve every image. A score is thus a function of its image alone: it depends
/// neither on the images beside it nor on how they are batched (to float32 rounding), and repeats bit for bit.
///
/// `samples` is the number of draws from q(z|x) of the scores that draw, and of a KL without a closed form; the others ignore it.
///
/// # Errors
/// [`Error::Argument`] for 0 samples, an empty set, pixels that are NaN or outside the [support](Distribution::support) of
/// p(x|z); [`Error::Shape`] for images of another shape than the model's; [`Error::NotFinite`] for a score that is not a
/// number.
pub fn scores(vae: &dyn Vae, images: &dyn Data, score: Score, samples: usize, seed: u64) -> Result<Vec<f64>> {
    if samples == 0 {
        return Err(Error::argument("a score from 0 samples: expected 1 or more"));
    }
    let mut all = Vec::with_capacity(images.len());
    each_batch(vae, images, |vae, x| {
        let scores = match score {
            Score::ReconstructionError => squared_error(vae, x)?.flatten_from(1)?.mean(1)?,
            Score::RelativeError => {
                let ink = x.flatten_from(1)?.sum(1)?.maximum(1.0)?;
                (squared_error(vae, x)?.flatten_from(1)?.sum(1)? / ink)?
            }
            _ => sampled(vae, x, score, samples, seed)?,
        };
        all.extend(scores.to_dtype(DType::F64)?.to_vec1::<f64>()?);
        Ok(())
    })?;
    match all.iter().position(|score| !score.is_finite()) {
        Some(i) => Err(Error::NotFinite(format!("the {score} of image {i} is {}; is the model trained?", all[i]))),
        None => Ok(all),
    }
}

/// The squared difference of each pixel from its reconstruction at the posterior mean: (B, C, H, W), in squared pixel
/// values. The mean over an image is its [`Score::ReconstructionError`]; the bright places are what contributes to it.
///
/// # Errors
/// As [`scores`].
pub fn error_map(vae: &dyn Vae, images: &dyn Data) -> Result<Tensor> {
    let mut all = vec![];
    each_batch(vae, images, |vae, x| {
        all.push(squared_error(vae, x)?);
        Ok(())
    })?;
    Ok(Tensor::cat(&all, 0)?)
}

/// Calls `f` with some items at a time, in the type and on the device of the model, and with the model given what is known of
/// them; without gradients.
///
/// # Errors
/// [`Error::Argument`] for an empty set and for numbers outside the support of p(x|z), [`Error::Shape`] for items of another
/// shape than the model's.
pub(super) fn each_batch(
    vae: &dyn Vae,
    images: &dyn Data,
    f: impl FnMut(&dyn Vae, &Tensor) -> Result<()>,
) -> Result<()> {
    each_batch_of(PIXELS_AT_ONCE, vae, images, f)
}

/// [`each_batch`] of about so many numbers.
pub(super) fn each_batch_of(
    pixels: usize,
    vae: &dyn Vae,
    images: &dyn Data,
    mut f: impl FnMut(&dyn Vae, &Tensor) -> Result<()>,
) -> Result<()> {
    let (wanted, got) = (vae.shape(), images.shape());
    if images.is_empty() {
        return Err(Error::argument("there are no images to score"));
    }
    if wanted != got {
        let wanted: Vec<String> = wanted.dims().iter().map(usize::to_string).collect();
        let expected = format!("(batch, {}), the images that the model was made for", wanted.join(", "));
        return Err(Error::Shape { what: "images to score", expected, got: [&[images.len()], got.dims()].concat() });
    }
    let order: Vec<usize> = (0..images.len()).collect();
    let size = (pixels / wanted.elem_count().max(1)).max(1);
    let all = |batches: &mut dyn Iterator<Item = Result<Batch>>| {
        let (mut first, mut support) = (0, None);
        for batch in batches {
            let batch = batch?;
            let vae = given(vae, &batch)?;
            let x = batch.x.to_dtype(vae.params().dtype())?;
            let ask = || Ok(vae.decode(&Tensor::zeros((batch.len(), vae.latent()), x.dtype(), x.device())?)?.support());
            let support = *support.insert(support.map_or_else(ask, Ok::<_, Error>)?);
            check_support(support, &x, first)?;
            f(&vae, &x)?;
            first += batch.len();
        }
        Ok(())
    };
    no_grad(|| pass(images, &order, size, vae.device(), all))
}

/// Refuses items with numbers that p(x|z) says nothing about; the number of the first one is for the message.
fn check_support((least, most): (f64, f64), x: &Tensor, first: usize) -> Result<()> {
    let items = x.flatten_from(1)?.to_dtype(DType::F64)?.to_vec2::<f64>()?;
    // Written so that NaN is found too; the margin is for sums that round.
    let wrong = |value: &f64| !(value.is_finite() && (least - 1e-3..=most + 1e-3).contains(value));
    for (i, values) in items.iter().enumerate() {
        if let Some(value) = values.iter().find(|value| wrong(value)) {
            let expected = match (least, most) {
                (0.0, 1.0) => "numbers in [0, 1] (bytes are divided by 255)".into(),
                _ if least.is_finite() || most.is_finite() => format!("numbers between {least} and {most}"),
                _ => "finite numbers".into(),
            };
            let i = first + i;
            return Err(Error::argument(format!("image {i} has a pixel of {value}: expected {expected}")));
        }
    }
    Ok(())
}

fn squared_error(vae: &dyn Vae, x: &Tensor) -> Result<Tensor> {
    Ok((x - vae.reconstruct(x)?)?.sqr()?)
}

/// The scores that are means over draws from q(z|x), of items (B, …): (B,), float64.
fn sampled(vae: &dyn Vae, x: &Tensor, score: Score, samples: usize, seed: u64) -> Result<Tensor> {
    let mut noise = Random::new(seed).alike();
    if score == Score::NegativeLogLikelihood {
        let mut weights: Vec<Weights> = (0..x.dims()[0]).map(|_| Weights::new(&[])).collect();
        each_draw(vae, x, samples, noise, |log_weights| {
            weights.iter_mut().zip(log_weights).for_each(|(weights, log_weight)| weights.add(log_weight));
        })?;
        return Ok(Tensor::new(weights.iter().map(|weights| -weights.log_mean()).collect::<Vec<_>>(), &Device::Cpu)?);
    }
    let (q, prior) = (vae.encode(x)?, vae.prior(x.dims()[0])?);
    let mut draws = Vec::with_capacity(samples);
    for _ in 0..samples {
        let z = q.sample(&mut noise)?.detach();
        let log_prob = || vae.decode(&z)?.log_prob(x);
        let value = match score {
            Score::NegativeElbo => (q.kl(&prior, &z)? - log_prob()?)?,
            Score::Kl => q.kl(&prior, &z)?,
            _ => log_prob()?.neg()?,
        };
        draws.push(value.detach().to_dtype(DType::F64)?);
    }
    Ok(Tensor::stack(&draws, 1)?.mean(1)?)
}
