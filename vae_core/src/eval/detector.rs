//! A detector: model, score and threshold in one, fitted on normal images, kept in one file, applied to new images.
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

use std::{fmt, path::Path};

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Threshold,
    anomaly::{Pixels, Score, error_map, scores},
};
use crate::{
    Error, Result,
    models::{self, Vae, storage},
    nn::Params,
};

/// Changes when a file of an older release can no longer be read.
const FORMAT: u32 = 1;

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
    vae: Box<dyn Vae>,
    config: DetectorConfig,
    threshold: Threshold,
}

impl Detector {
    /// A detector whose threshold keeps the false-positive rate on images like `normal`: those held out, which training
    /// has not seen. See [`Threshold`] for what is promised. The detector has weights of its own: training `vae` further
    /// does not change it.
    ///
    /// # Errors
    /// Those of [`scores`] and [`Threshold::fit`], and [`Error::Argument`] for a model of a kind that is not this crate's.
    pub fn fit<'a>(vae: &dyn Vae, normal: impl Into<Pixels<'a>>, config: DetectorConfig) -> Result<Self> {
        let own = models::build(&vae.config(), vae.device())?;
        own.params().restore(&vae.params().snapshot()?)?;
        let normal = scores(own.as_ref(), normal, config.score, config.samples, config.seed)?;
        let threshold = Threshold::fit(&normal, config.false_positive_rate)?;
        Ok(Self { vae: own, config, threshold })
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
    /// Those of [`scores`]: among others [`Error::Shape`], with both shapes, for images of another shape than those that
    /// the detector was fitted on.
    pub fn scores<'a>(&self, images: impl Into<Pixels<'a>>) -> Result<Vec<f64>> {
        let DetectorConfig { score, samples, seed, .. } = self.config;
        scores(self.vae(), images, score, samples, seed)
    }

    /// The verdict on every image, in order.
    ///
    /// # Errors
    /// As [`Detector::scores`].
    pub fn judge<'a>(&self, images: impl Into<Pixels<'a>>) -> Result<Vec<Verdict>> {
        let threshold = self.threshold;
        let verdict = |score| Verdict { score, threshold: threshold.value, anomalous: threshold.is_exceeded_by(score) };
        Ok(self.scores(images)?.into_iter().map(verdict).collect())
    }

    /// Where the images differ from their reconstructions, (B, C, H, W): see [`error_map`].
    ///
    /// # Errors
    /// As [`Detector::scores`].
    pub fn error_map<'a>(&self, images: impl Into<Pixels<'a>>) -> Result<Tensor> {
        error_map(self.vae(), images)
    }

    /// Writes the detector to one safetensors file, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::File`] when the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let description = json!({
            "format": FORMAT,
            "model": self.vae.config(),
            "detector": serde_json::to_value(self.config).map_err(|error| Error::file(path, error.to_string()))?,
            "threshold": serde_json::to_value(self.threshold).map_err(|error| Error::file(path, error.to_string()))?,
        });
        let checksum = checksum(&description, self.vae.params())?;
        let value = json!({ "kind": "detector", "checksum": checksum, "description": description });
        storage::save(self.vae.params(), &value, path)
    }

    /// The detector that [`Detector::save`] wrote; its scores have the same bits on the same kind of device.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be read, [`Error::File`] when it is damaged or holds no detector.
    pub fn load(path: impl AsRef<Path>, device: &Device) -> Result<Self> {
        let path = path.as_ref();
        let wrong = |problem: String| Error::file(path, problem);
        let (tensors, value) = storage::read(path)?;
        if value["kind"] != "detector" {
            return Err(wrong(format!("expected a detector, as Detector::save writes it, got {}", value["kind"])));
        }
        let description = &value["description"];
        if description["format"] != FORMAT {
            let format = &description["format"];
            return Err(wrong(format!("a detector of format {format}; this release reads format {FORMAT}")));
        }
        let vae = models::build(&description["model"], device).map_err(|error| wrong(error.to_string()))?;
        vae.params().restore(&tensors).map_err(|error| wrong(error.to_string()))?;
        if value["checksum"] != checksum(description, vae.params())? {
            return Err(wrong("is damaged: its checksum is not that of its content; save it anew".into()));
        }
        fn part<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T, serde_json::Error> {
            serde_json::from_value(value.clone())
        }
        let config = part(&description["detector"]).map_err(|error| wrong(format!("its settings: {error}")))?;
        let threshold = part(&description["threshold"]).map_err(|error| wrong(format!("its threshold: {error}")))?;
        Ok(Self { vae, config, threshold })
    }
}

impl fmt::Display for Detector {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (c, h, w) = self.vae.image_shape();
        write!(f, "{} of images {c}×{h}×{w}, anomalous above {}", self.config.score, self.threshold)
    }
}

impl fmt::Debug for Detector {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Detector({self})")
    }
}

/// CRC-32 of the description and of every weight: safetensors notices a file that was cut short, not a flipped bit.
fn checksum(description: &Value, params: &Params) -> Result<u32> {
    let mut crc = flate2::Crc::new();
    crc.update(description.to_string().as_bytes());
    for (name, var) in params.iter() {
        crc.update(name.as_bytes());
        let weights = var.flatten_all()?.to_vec1::<f32>()?;
        crc.update(&weights.iter().flat_map(|weight| weight.to_le_bytes()).collect::<Vec<_>>());
    }
    Ok(crc.sum())
}
