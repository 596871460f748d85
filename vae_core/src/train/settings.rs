//! What a training run is asked to do.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Schedule, film::FilmConfig};
use crate::{Error, Result, data::Data, models::Vae, objectives::Objective, optim::AdamConfig};

/// The numbers of a training run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainConfig {
    /// How often every training image is seen.
    pub epochs: usize,
    /// Images per optimizer step.
    pub batch_size: usize,
    /// The optimizer.
    pub adam: AdamConfig,
    /// How the learning rate of the model changes; a critic keeps its own.
    #[serde(default)]
    pub schedule: Schedule,
    /// Where shuffling, noise and the validation split come from.
    pub seed: u64,
    /// How many images are held out of training to validate on.
    pub validation: usize,
    /// Stop after so many epochs in which what the objective [watches](Objective::watched) was not better.
    pub early_stopping: Option<usize>,
    /// End with the weights that were best on the held-out images, not with the last ones.
    pub keep_best: bool,
    /// The largest length that the gradient of all parameters together may have.
    pub clip_gradient: Option<f64>,
    /// Draw each pixel anew to 0 or 1, with its grey value as the probability, every time that it is seen.
    pub binarize: bool,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 10,
            batch_size: 128,
            adam: AdamConfig::default(),
            schedule: Schedule::Constant,
            seed: 0,
            validation: 0,
            early_stopping: None,
            keep_best: false,
            clip_gradient: None,
            binarize: false,
        }
    }
}

/// Trains a [`Vae`] on an [`Objective`] with [`Adam`](crate::optim::Adam).
pub struct Trainer {
    pub(super) objective: Box<dyn Objective>,
    pub(super) config: TrainConfig,
    pub(super) folder: Option<PathBuf>,
    pub(super) note: Option<(String, String)>,
    pub(super) film: Option<FilmConfig>,
    pub(super) resume: bool,
    pub(super) verbose: bool,
}

impl Trainer {
    /// A trainer with the settings of [`TrainConfig::default`].
    pub fn new(objective: impl Objective + 'static) -> Self {
        let config = TrainConfig::default();
        let objective = Box::new(objective);
        Self { objective, config, folder: None, note: None, film: None, resume: false, verbose: true }
    }

    /// All numbers at once.
    pub fn config(mut self, config: TrainConfig) -> Self {
        self.config = config;
        self
    }

    /// How often every training image is seen.
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.config.epochs = epochs;
        self
    }

    /// Images per optimizer step.
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.config.batch_size = batch_size;
        self
    }

    /// Adam's step size.
    pub fn learning_rate(mut self, learning_rate: f64) -> Self {
        self.config.adam.learning_rate = learning_rate;
        self
    }

    /// How the learning rate changes over the run.
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.config.schedule = schedule;
        self
    }

    /// Where shuffling, noise and the validation split come from: the same seed, the same bits on the CPU.
    pub fn seed(mut self, seed: u64) -> Self {
        self.config.seed = seed;
        self
    }

    /// Holds `images` images out of training and validates on them after each epoch: the second part of
    /// [`Images::split`](crate::data::Images::split) with the run's seed.
    pub fn validation(mut self, images: usize) -> Self {
        self.config.validation = images;
        self
    }

    /// Stops after `patience` epochs without a better value of what the objective
    /// [watches](Objective::watched) on held-out items, and ends with the best weights.
    pub fn early_stopping(mut self, patience: usize) -> Self {
        self.config.early_stopping = Some(patience);
        self.config.keep_best = true;
        self
    }

    /// Ends with the weights that were best on the held-out images.
    pub fn keep_best(mut self) -> Self {
        self.config.keep_best = true;
        self
    }

    /// Shortens gradients that are longer than `norm`.
    pub fn clip_gradient(mut self, norm: f64) -> Self {
        self.config.clip_gradient = Some(norm);
        self
    }

    /// Draws binary pixels anew every time that an image is seen (Salakhutdinov & Murray 2008; Burda et al. 2016).
    pub fn binarize(mut self) -> Self {
        self.config.binarize = true;
        self
    }

    /// Writes a checkpoint into `folder` after each epoch; the folder is made if need be.
    pub fn checkpoints(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Writes `text` to a file called `name` in the folder of the checkpoints when a run begins there: what the caller
    /// wants to find again after an interruption. Another run that is refused the folder does not touch it.
    pub fn note(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.note = Some((name.into(), text.into()));
        self
    }

    /// Keeps `samples` samples of the same noise after each of these epochs, 0 for before training: the film strip of
    /// [`History::view`](super::History::view). A conditional model draws items with the y of the first training items. The run is the same with and
    /// without.
    pub fn film(mut self, samples: usize, epochs: impl IntoIterator<Item = usize>) -> Self {
        self.film = Some(FilmConfig { samples, epochs: epochs.into_iter().collect() });
        self
    }

    /// Goes on from the folder's last checkpoint, exactly as if training had never stopped; starts at the beginning when
    /// there is none. Without this, a folder that holds a checkpoint is refused, not overwritten.
    pub fn resume(mut self) -> Self {
        self.resume = true;
        self
    }

    /// No lines while training.
    pub fn quiet(mut self) -> Self {
        self.verbose = false;
        self
    }

    /// Refuses settings that make no sense, and data of another shape than the model's.
    pub(super) fn check(&self, vae: &dyn Vae, data: &dyn Data) -> Result<()> {
        let config = &self.config;
        config.adam.check()?;
        config.schedule.check()?;
        self.objective.check()?;
        if let Some((_, adam)) = self.objective.critic() {
            adam.check()?;
        }
        let refuse = |message: String| Err(Error::Argument(message));
        if config.epochs == 0 {
            return refuse("epochs must be 1 or more, got 0".into());
        }
        if config.batch_size == 0 {
            return refuse("the batch size must be 1 or more, got 0".into());
        }
        if data.is_empty() {
            return refuse("there are no images to train on".into());
        }
        if let Some(norm) = config.clip_gradient.filter(|norm| !(*norm > 0.0 && norm.is_finite())) {
            return refuse(format!("the gradient's largest norm must be positive and finite, got {norm}"));
        }
        if config.early_stopping == Some(0) {
            return refuse("the patience of early stopping must be 1 epoch or more, got 0".into());
        }
        if let Some(film) = &self.film {
            film.check(vae, data.len())?;
        }
        if config.validation == 0 && (config.early_stopping.is_some() || config.keep_best) {
            return refuse("early stopping and keeping the best weights need images held out: use `validation`".into());
        }
        if self.resume && self.folder.is_none() {
            return refuse("resuming needs the folder of the checkpoints: use `checkpoints`".into());
        }
        let (wanted, got) = (vae.shape(), data.shape());
        if wanted != got {
            let expected = match wanted.dims() {
                [c, h, w] => format!("({c}, {h}, {w}), the model's"),
                other => format!("{other:?}, the model's"),
            };
            return Err(Error::Shape { what: "training images", expected, got: got.into_dims() });
        }
        Ok(())
    }
}
