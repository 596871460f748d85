//! A detector: model, score and threshold in one, fitted on normal images, kept in one file, applied to new images.
//!
//! [`Detector::fit`] draws the line on one [`Score`]. [`Detector::fit_near`] asks two questions of an image: does its
//! reconstruction fit, and do normal images have such codes? Each answer is made a p-value on half of the held-out
//! images, and Fisher's (1932) −ln p₁ − ln p₂ is the score on which the line is drawn with the other half.
//!
//! ```
//! use vae_core::prelude::*;
//!
//! let digits = data::digits(&Device::Cpu)?;
//! let mut vae = MlpVae::new(MlpVaeConfig { hidden: vec![32], latent: 2, ..Default::default() }, &Device::Cpu, 1)?;
//! let (train, held_out) = digits.train.of_class(3).take(900).split(199, 1)?;
//! Trainer::new(Elbo::default()).epochs(2).quiet().fit(&mut vae, &train)?;
//!
//! let config = DetectorConfig { score: Score::NegativeElbo, false_positive_rate: 0.05, ..Default::default() };
//! let detector = Detector::fit(&vae, &held_out, config)?;
//! let verdicts = detector.judge(&digits.test.of_class(0))?;
//! assert!(verdicts.iter().all(|verdict| verdict.anomalous == (verdict.score > detector.threshold().value)));
//! # Ok::<(), vae_core::Error>(())
//! ```

use std::fmt;

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::{
    Threshold,
    anomaly::{Score, error_map, scores},
    neighbours::{Familiar, code_distances, codes},
};
use crate::{
    Result,
    data::Data,
    models::{self, Vae},
    random::Random,
};

/// What a [`Detector`] computes, and how often it may cry wolf.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DetectorConfig {
    /// The score of an image.
    pub score: Score,
    /// Draws from q(z|x) for the scores that draw.
    pub samples: usize,
    /// Where these draws come from.
    pub seed: u64,
    /// The share of normal images that may be called anomalous.
    pub false_positive_rate: f64,
}

impl Default for DetectorConfig {
    /// The negative ELBO from 10 draws, at 5 % false positives.
    fn default() -> Self {
        Self { score: Score::NegativeElbo, samples: 10, seed: 0, false_positive_rate: 0.05 }
    }
}

/// What a [`Detector`] says of one image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// The score, in its own unit.
    pub score: f64,
    /// The largest score that is still normal.
    pub threshold: f64,
    /// Whether the score is larger.
    pub anomalous: bool,
}

/// A VAE with a score and a threshold; see the top of this module.
pub struct Detector {
    pub(super) vae: Box<dyn Vae>,
    pub(super) config: DetectorConfig,
    pub(super) threshold: Threshold,
    pub(super) familiar: Option<Familiar>,
}

impl Detector {
    /// A detector whose threshold keeps the false-positive rate on images like `normal`: those held out, which training
    /// has not seen. See [`Threshold`] for what is promised. The detector has weights of its own: training `vae`
    /// further does not change it.
    ///
    /// # Errors
    /// Those of [`scores`] and [`Threshold::fit`], and [`Error::Argument`](crate::Error::Argument) for a model that is
    /// neither this crate's nor [registered](crate::models::register).
    pub fn fit(vae: &dyn Vae, normal: &dyn Data, config: DetectorConfig) -> Result<Self> {
        let vae = copy(vae)?;
        let normal = scores(vae.as_ref(), normal, config.score, config.samples, config.seed)?;
        let threshold = Threshold::fit(&normal, config.false_positive_rate)?;
        Ok(Self { vae, config, threshold, familiar: None })
    }

    /// A detector that also asks how far the code is from the `neighbours` nearest codes of `known` normal images,
    /// usually those of training. `normal` are held-out ones, as in [`Detector::fit`]; a half of them, drawn with the
    /// seed of
    /// `config`, makes p-values of score and distance, and the other half sets the threshold.
    ///
    /// # Errors
    /// As [`Detector::fit`], and [`Error::Argument`](crate::Error::Argument) unless `neighbours` is between 1 and the
    /// number of known images.
    pub fn fit_near(
        vae: &dyn Vae,
        known: &dyn Data,
        neighbours: usize,
        normal: &dyn Data,
        config: DetectorConfig,
    ) -> Result<Self> {
        let vae = copy(vae)?;
        let known = codes(vae.as_ref(), known)?;
        let all = scores(vae.as_ref(), normal, config.score, config.samples, config.seed)?;
        let distances = code_distances(&known, &codes(vae.as_ref(), normal)?, neighbours)?;
        let order = Random::new(config.seed).permutation(all.len());
        let (first, second) = order.split_at(all.len() / 2);
        let pick = |values: &[f64], places: &[usize]| places.iter().map(|&i| values[i]).collect::<Vec<_>>();
        let familiar =
            Familiar { codes: known, neighbours, scores: pick(&all, first), distances: pick(&distances, first) };
        let combined = familiar.combine(&pick(&all, second), &pick(&distances, second))?;
        let threshold = Threshold::fit(&combined, config.false_positive_rate)?;
        Ok(Self { vae, config, threshold, familiar: Some(familiar) })
    }

    /// What was asked for.
    pub fn config(&self) -> &DetectorConfig {
        &self.config
    }

    /// The line between normal and anomalous, and what it promises.
    pub fn threshold(&self) -> &Threshold {
        &self.threshold
    }

    /// The model.
    pub fn vae(&self) -> &dyn Vae {
        self.vae.as_ref()
    }

    /// The score of every image, in order.
    ///
    /// # Errors
    /// Those of [`scores`]: among others [`Error::Shape`](crate::Error::Shape), with both shapes, for images of another
    /// shape than those that the detector was fitted on.
    pub fn scores(&self, images: &dyn Data) -> Result<Vec<f64>> {
        let DetectorConfig { score, samples, seed, .. } = self.config;
        let own = scores(self.vae(), images, score, samples, seed)?;
        let Some(familiar) = &self.familiar else { return Ok(own) };
        familiar.combine(&own, &familiar.distances_of(&codes(self.vae(), images)?)?)
    }

    /// The verdict on every image, in order.
    ///
    /// # Errors
    /// As [`Detector::scores`].
    pub fn judge(&self, images: &dyn Data) -> Result<Vec<Verdict>> {
        let threshold = self.threshold;
        let verdict = |score| Verdict { score, threshold: threshold.value, anomalous: threshold.is_exceeded_by(score) };
        Ok(self.scores(images)?.into_iter().map(verdict).collect())
    }

    /// Where the images differ from their reconstructions, (B, C, H, W): see [`error_map`].
    ///
    /// # Errors
    /// As [`Detector::scores`].
    pub fn error_map(&self, images: &dyn Data) -> Result<Tensor> {
        error_map(self.vae(), images)
    }
}

impl fmt::Display for Detector {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let shape = self.vae.shape();
        let shape: Vec<String> = shape.dims().iter().map(usize::to_string).collect();
        let near = match &self.familiar {
            Some(familiar) => format!(" and distance from {} codes", familiar.codes.dims()[0]),
            None => String::new(),
        };
        write!(f, "{}{near} of images {}, anomalous above {}", self.config.score, shape.join("×"), self.threshold)
    }
}

impl fmt::Debug for Detector {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Detector({self})")
    }
}

/// A copy of a model, with weights of its own.
fn copy(vae: &dyn Vae) -> Result<Box<dyn Vae>> {
    let own = models::build(&vae.config(), vae.params().count() as u128, vae.device())?;
    own.params().restore(&vae.params().snapshot()?)?;
    Ok(own)
}
