//! Everything that can be asked of an image at once: the scores of a VAE, the distance of its code, and baselines without a VAE.
//!
//! | question | asks |
//! |---|---|
//! | `reconstruction-error` … `kl` | the model: [`Score`] |
//! | `codes` | how far the code is from those of known normal images: [`code_distances`] |
//! | `relative-error + codes` | both, as p-values of held-out images: [`Detector::fit_near`] |
//! | `pca` | the squared error of as many principal components as the code has dimensions: [`Pca`] |
//! | `pixels` | how far the pixels are from those of known normal images: [`pixel_distances`] |
//!
//! The last two know nothing of the model. What a model is worth as a detector is what it is better by.
//!
//! ```
//! use vae_core::{eval::{Panel, PanelConfig}, prelude::*};
//!
//! let digits = data::digits(&Device::Cpu)?;
//! let (known, held_out) = digits.train.of_class(3).take(300).split(99, 1)?;
//! let vae = MlpVae::new(MlpVaeConfig { hidden: vec![8], latent: 2, ..Default::default() }, &Device::Cpu, 1)?;
//! let panel = Panel::new(&vae, &known, &held_out, PanelConfig::default())?;
//! let answers = panel.ask(&digits.test.take(50))?;
//! assert!(answers.iter().all(|(_, scores)| scores.len() == 50));
//! assert_eq!(answers.last().map(|(question, _)| *question), Some("pixels"));
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::Tensor;

use super::{Detector, DetectorConfig, Pca, Score, code_distances, codes, pixel_distances, scores};
use crate::{Result, data::Data, models::Vae};

/// How a [`Panel`] asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PanelConfig {
    /// How many neighbours are looked at.
    pub neighbours: usize,
    /// Draws from q(z|x) for the scores that draw.
    pub samples: usize,
    /// Where these draws come from.
    pub seed: u64,
}

/// Three neighbours, five draws.
impl Default for PanelConfig {
    fn default() -> Self {
        Self { neighbours: 3, samples: 5, seed: 0 }
    }
}

/// A model and its baselines, with the normal images that they know.
pub struct Panel<'a> {
    vae: &'a dyn Vae,
    known: &'a dyn Data,
    codes: Tensor,
    detector: Detector,
    pca: Pca,
    config: PanelConfig,
}

impl<'a> Panel<'a> {
    /// A panel of `vae`. Neighbours and components are those of `known`, usually the images of training; p-values those of one half of
    /// `held_out`, normal images that the model was not trained on.
    ///
    /// # Errors
    /// Those of [`codes`], [`Detector::fit_near`] and [`Pca::fit`].
    pub fn new(vae: &'a dyn Vae, known: &'a dyn Data, held_out: &dyn Data, config: PanelConfig) -> Result<Self> {
        let PanelConfig { neighbours, seed, .. } = config;
        // No line is drawn here; a rate of one half can be had from any number of held-out images.
        let settings = DetectorConfig { score: Score::RelativeError, samples: 1, seed, false_positive_rate: 0.5 };
        let detector = Detector::fit_near(vae, known, neighbours, held_out, settings)?;
        Ok(Self { vae, known, codes: codes(vae, known)?, detector, pca: Pca::fit(known, vae.latent())?, config })
    }

    /// The names of all questions, in order.
    pub fn questions() -> Vec<&'static str> {
        let more = ["codes", "relative-error + codes", "pca", "pixels"];
        Score::ALL.iter().map(|score| score.name()).chain(more).collect()
    }

    /// What each question says of each image: a name with as many numbers as there are images, the larger the stranger.
    ///
    /// # Errors
    /// Those of [`scores`], [`Detector::scores`], [`Pca::errors`] and [`pixel_distances`].
    pub fn ask(&self, images: &dyn Data) -> Result<Vec<(&'static str, Vec<f64>)>> {
        let PanelConfig { neighbours, samples, seed } = self.config;
        let mut answers = vec![];
        for score in Score::ALL {
            answers.push(scores(self.vae, images, score, samples, seed)?);
        }
        answers.push(code_distances(&self.codes, &codes(self.vae, images)?, neighbours)?);
        answers.push(self.detector.scores(images)?);
        answers.push(self.pca.errors(images)?);
        answers.push(pixel_distances(self.known, images, neighbours)?);
        Ok(Self::questions().into_iter().zip(answers).collect())
    }
}
