//! The loop.
//!
//! ```
//! use vae_core::prelude::*;
//!
//! let images = data::digits(&Device::Cpu)?.train.take(256);
//! let mut vae = MlpVae::new(MlpVaeConfig { hidden: vec![32], latent: 2, ..Default::default() }, &Device::Cpu, 1)?;
//! let history = Trainer::new(Elbo::default()).epochs(2).batch_size(64).seed(1).fit(&mut vae, &images)?;
//! assert_eq!(history.epochs.len(), 2);
//! assert!(history.epochs[1].train.elbo > history.epochs[0].train.elbo);
//! # Ok::<(), vae_core::Error>(())
//! ```

use std::{path::PathBuf, time::Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    EpochRecord, History,
    checkpoint::Folder,
    progress::{Place, Progress},
};
use crate::{
    Error, Result,
    data::{Images, binarize},
    models::{Vae, thousands},
    nn,
    objectives::{Accumulator, Objective, evaluate},
    ops::{cuda, kernels::heap::keep_freed_memory},
    optim::{Adam, AdamConfig, gradient_norm},
    random::Random,
};

/// The numbers of a training run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainConfig {
    /// How often every training image is seen.
    pub epochs: usize,
    /// Images per optimizer step.
    pub batch_size: usize,
    /// The optimizer.
    pub adam: AdamConfig,
    /// Where shuffling, noise and the validation split come from.
    pub seed: u64,
    /// How many images are held out of training to validate on.
    pub validation: usize,
    /// Stop after so many epochs without a better validation loss.
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
            seed: 0,
            validation: 0,
            early_stopping: None,
            keep_best: false,
            clip_gradient: None,
            binarize: false,
        }
    }
}

/// Trains a [`Vae`] on an [`Objective`] with [`Adam`].
pub struct Trainer {
    objective: Box<dyn Objective>,
    config: TrainConfig,
    folder: Option<PathBuf>,
    note: Option<(String, String)>,
    resume: bool,
    verbose: bool,
}

/// Which numbered stream of the run's seed serves what; fixed, since checkpoints rely on it.
mod stream {
    pub(super) const SHUFFLE: u64 = 1;
    pub(super) const NOISE: u64 = 2;
    pub(super) const TRIAL: u64 = 3;
}

impl Trainer {
    /// A trainer with the settings of [`TrainConfig::default`].
    pub fn new(objective: impl Objective + 'static) -> Self {
        let config = TrainConfig::default();
        Self { objective: Box::new(objective), config, folder: None, note: None, resume: false, verbose: true }
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

    /// Where shuffling, noise and the validation split come from: the same seed, the same bits on the CPU.
    pub fn seed(mut self, seed: u64) -> Self {
        self.config.seed = seed;
        self
    }

    /// Holds `images` images out of training and validates on them after each epoch: the second part of
    /// [`Images::split`] with the run's seed.
    pub fn validation(mut self, images: usize) -> Self {
        self.config.validation = images;
        self
    }

    /// Stops after `patience` epochs without a better validation loss, and ends with the best weights.
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

    /// Trains `vae` on `images` and says how it went.
    ///
    /// # Errors
    /// - [`Error::Argument`] for settings that make no sense, before anything is done
    /// - [`Error::Shape`] for images of another size than the model's
    /// - whatever the objective says of a first batch, before anything is written
    /// - [`Error::File`] for a checkpoint folder in use, or holding another run
    /// - [`Error::NotFinite`] when a loss, its parts or a weight is NaN or infinite: training stops there (on a GPU, when a line
    ///   is due or the epoch ends) and the last checkpoint stays as it is
    pub fn fit(&self, vae: &mut dyn Vae, images: &Images) -> Result<History> {
        self.check(vae, images)?;
        keep_freed_memory();
        let config = &self.config;
        let seed = Random::new(config.seed);
        let mut adam = Adam::new(vae.params(), config.adam)?;
        let (train, held_out) = match config.validation {
            0 => (images.clone(), None),
            count => {
                let (train, held_out) = images.split(count, config.seed)?;
                (train, Some(held_out))
            }
        };

        // What would stop the first step stops here, before anything is written.
        let first = train.batch(&(0..train.len().min(config.batch_size)).collect::<Vec<_>>())?;
        self.objective.terms(vae, &first, 0.0, &mut seed.stream(stream::TRIAL))?;

        let identity = self.identity(vae, images);
        let folder = self.folder.as_deref().map(Folder::open).transpose()?;
        let mut history = self.restore(folder.as_ref(), vae, &mut adam, &identity)?;
        if let (Some(folder), Some((name, text)), None) = (&folder, &self.note, history.last()) {
            folder.note(name, text)?;
        }
        let mut best = None;
        if config.keep_best && history.best().is_some() {
            // The best weights of the epochs before the stop.
            if let Some(folder) = &folder {
                best = Some(folder.read_best(vae)?);
            }
        }

        let mut progress = Progress::new(self.verbose);
        while history.epochs.len() < config.epochs && !self.out_of_patience(&history) {
            let mut record = self.epoch(history.epochs.len() + 1, vae, &mut adam, &train, &seed, &mut progress)?;
            if let Some(held_out) = &held_out {
                let start = Instant::now();
                let means = evaluate(self.objective.as_ref(), vae, held_out, config.binarize, config.seed)?;
                record.validation = Some(means);
                record.seconds += start.elapsed().as_secs_f64();
            }
            let epoch = record.epoch;
            let images_left = (config.epochs - epoch) as f64 * train.len() as f64;
            progress.epoch(&Place { epoch, epochs: config.epochs, step: record.steps, images_left }, &record);
            history.epochs.push(record);
            if history.best().is_some_and(|record| record.epoch == epoch) {
                if let Some(folder) = &folder {
                    folder.save_best(vae)?;
                }
                if config.keep_best {
                    best = Some(vae.params().snapshot()?);
                }
            }
            if let Some(folder) = &folder {
                folder.save(vae, &adam, &history, &identity)?;
            }
        }
        if let (Some(weights), Some(record)) = (best, history.best()) {
            vae.params().restore(&weights)?;
            progress.say(&format!("ends with the weights of epoch {}, the best on the held-out images", record.epoch));
        }
        Ok(history)
    }

    /// One epoch of steps.
    fn epoch(
        &self,
        epoch: usize,
        vae: &dyn Vae,
        adam: &mut Adam,
        train: &Images,
        seed: &Random,
        progress: &mut Progress,
    ) -> Result<EpochRecord> {
        let config = &self.config;
        let start = Instant::now();
        let steps = train.len().div_ceil(config.batch_size);
        let noise = seed.stream(stream::NOISE).stream(epoch as u64);
        let mut shuffle = seed.stream(stream::SHUFFLE).stream(epoch as u64);
        let mut sum = Accumulator::default();
        let mut seen = 0;
        let mut beta = 0.0;
        let before = adam.steps();
        let mut batches = train.batches(config.batch_size, &mut shuffle)?;
        let mut next = batches.next();
        let mut step = 0;
        while let Some(batch) = next {
            let (mut batch, mut noise) = (batch?, noise.stream(step as u64));
            if config.binarize {
                batch.images = binarize(&batch.images, &mut noise)?;
            }
            let time = (epoch - 1) as f64 + step as f64 / steps as f64;
            let terms = self.objective.terms(vae, &batch, time, &mut noise)?;
            // Before the update, so that the weights are still those of the last good step.
            sum.add(&terms, batch.labels.len()).map_err(|error| self.not_finite(error, epoch, adam.steps() + 1))?;
            let gradients = nn::backward(&terms.loss)?;
            let scale = match config.clip_gradient {
                Some(limit) => (limit / gradient_norm(vae.params(), &gradients)?).min(1.0),
                None => 1.0,
            };
            // Side by side: where there is too little of one for all threads, there is the other. A GPU computes while this
            // thread goes on.
            let stepped;
            (stepped, next) = match cuda::any_thread(vae.device()) {
                true => rayon::join(|| adam.step(&gradients, scale), || batches.next()),
                false => (adam.step(&gradients, scale), batches.next()),
            };
            stepped?;
            step += 1;
            beta = terms.beta;
            seen += batch.labels.len();
            let images_left = (config.epochs - epoch + 1) as f64 * train.len() as f64 - seen as f64;
            if progress.is_due() {
                self.read(&mut sum, epoch, before)?;
                let place = Place { epoch, epochs: config.epochs, step: adam.steps(), images_left };
                progress.step(&place, sum.means(), seen as f64 / start.elapsed().as_secs_f64());
            }
        }
        self.read(&mut sum, epoch, before)?;
        if !vae.params().all_finite()? {
            let what = "a weight is NaN or infinite though every loss was a number".into();
            return Err(self.not_finite(Error::NotFinite(what), epoch, adam.steps()));
        }
        let seconds = start.elapsed().as_secs_f64();
        Ok(EpochRecord {
            epoch,
            steps: adam.steps(),
            train: sum.means(),
            validation: None,
            beta,
            images_per_second: train.len() as f64 / seconds.max(1e-9),
            seconds,
        })
    }

    /// Reads the losses that are still on a device. There, a loss that is no number is found out only now, some steps late.
    fn read(&self, sum: &mut Accumulator, epoch: usize, before: u64) -> Result<()> {
        sum.read().map_err(|error| self.not_finite(error, epoch, before + sum.batches() + 1))
    }

    fn restore(&self, folder: Option<&Folder>, vae: &dyn Vae, adam: &mut Adam, identity: &Value) -> Result<History> {
        let Some(folder) = folder else { return Ok(History::default()) };
        if !self.resume {
            if folder.last().exists() {
                let problem = "is the checkpoint of an earlier run; resume it, or choose another folder to start anew";
                return Err(Error::file(&folder.last(), problem));
            }
            return Ok(History::default());
        }
        let history = folder.restore(vae, adam, identity)?.unwrap_or_default();
        if let Some(record) = history.last() {
            let (epoch, steps) = (record.epoch, thousands(record.steps as usize));
            Progress::new(self.verbose).say(&format!("resuming after epoch {epoch} (step {steps})"));
        }
        Ok(history)
    }

    /// Everything that decides the bits of a run, but how long it goes on.
    fn identity(&self, vae: &dyn Vae, images: &Images) -> Value {
        let TrainConfig { batch_size, adam, seed, validation, clip_gradient, binarize, .. } = &self.config;
        json!({
            "model": vae.config(),
            "objective": self.objective.config(),
            "images": images.len(),
            "batch_size": batch_size,
            "adam": serde_json::to_value(adam).unwrap_or(Value::Null),
            "seed": seed,
            "validation": validation,
            "clip_gradient": clip_gradient,
            "binarize": binarize,
        })
    }

    fn out_of_patience(&self, history: &History) -> bool {
        match (self.config.early_stopping, history.best()) {
            (Some(patience), Some(best)) => history.epochs.len() - best.epoch >= patience,
            _ => false,
        }
    }

    fn not_finite(&self, error: Error, epoch: usize, step: u64) -> Error {
        let Error::NotFinite(what) = error else { return error };
        let kept = match &self.folder {
            Some(folder) => format!("the last good checkpoint is in {}", folder.display()),
            None => "no checkpoints were asked for".into(),
        };
        let rate = self.config.adam.learning_rate;
        Error::NotFinite(format!(
            "training stopped in epoch {epoch}, step {step}: {what}; {kept}. A smaller learning rate (now {rate}), \
             gradient clipping or a look at the data (NaN?) may help"
        ))
    }

    fn check(&self, vae: &dyn Vae, images: &Images) -> Result<()> {
        let config = &self.config;
        config.adam.check()?;
        self.objective.check()?;
        let refuse = |message: String| Err(Error::Argument(message));
        if config.epochs == 0 {
            return refuse("epochs must be 1 or more, got 0".into());
        }
        if config.batch_size == 0 {
            return refuse("the batch size must be 1 or more, got 0".into());
        }
        if images.is_empty() {
            return refuse("there are no images to train on".into());
        }
        if let Some(norm) = config.clip_gradient.filter(|norm| !(*norm > 0.0 && norm.is_finite())) {
            return refuse(format!("the gradient's largest norm must be positive and finite, got {norm}"));
        }
        if config.early_stopping == Some(0) {
            return refuse("the patience of early stopping must be 1 epoch or more, got 0".into());
        }
        if config.validation == 0 && (config.early_stopping.is_some() || config.keep_best) {
            return refuse("early stopping and keeping the best weights need images held out: use `validation`".into());
        }
        if self.resume && self.folder.is_none() {
            return refuse("resuming needs the folder of the checkpoints: use `checkpoints`".into());
        }
        let (c, h, w) = vae.image_shape();
        if images.shape() != (c, h, w) {
            let (ic, ih, iw) = images.shape();
            let expected = format!("({c}, {h}, {w}), the model's");
            return Err(Error::Shape { what: "training images", expected, got: vec![ic, ih, iw] });
        }
        Ok(())
    }
}
