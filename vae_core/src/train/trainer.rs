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

use std::time::Instant;

use candle_core::Tensor;
use serde_json::{Value, json};

use super::{
    EpochRecord, Frame, History, Schedule, TrainConfig, Trainer,
    checkpoint::Folder,
    learner::{self, Learner},
    progress::{Place, Progress},
};
use crate::{
    Error, Result,
    data::{Batch, Data, Part, binarize, pass},
    models::{Vae, given, thousands},
    objectives::{Accumulator, Terms, evaluate, kl_per_dimension},
    ops::heap::keep_freed_memory,
    random::Random,
};

/// Which numbered stream of the run's seed serves what; fixed, since checkpoints rely on it.
mod stream {
    pub(super) const SHUFFLE: u64 = 1;
    pub(super) const NOISE: u64 = 2;
    pub(super) const TRIAL: u64 = 3;
    pub(super) const FILM: u64 = 4;
}

impl Trainer {
    /// Trains `vae` on `data` and says how it went. A conditional model is [given](Vae::given) what is known of each item.
    ///
    /// # Errors
    /// - [`Error::Argument`] for settings that make no sense, before anything is done
    /// - [`Error::Shape`] for items of another shape than the model's
    /// - whatever the objective says of a first batch, before anything is written
    /// - [`Error::File`] for a checkpoint folder in use, or holding another run
    /// - [`Error::NotFinite`] when a loss, its parts or a weight is NaN or infinite: training stops there (on a GPU, when a line
    ///   is due or the epoch ends) and the last checkpoint stays as it is
    pub fn fit(&self, vae: &mut dyn Vae, data: &dyn Data) -> Result<History> {
        self.check(vae, data)?;
        keep_freed_memory();
        let config = &self.config;
        let mut learners = vec![Learner::model(vae.params(), config.adam)?];
        if let Some((params, adam)) = self.objective.critic() {
            learners.push(Learner::critic(params, adam)?);
        }
        let (train, held_out) = match config.validation {
            0 => (Part::all(data), None),
            count => Part::split(data, count, config.seed).map(|[train, held_out]| (train, Some(held_out)))?,
        };
        let (seed, progress) = (Random::new(config.seed), Progress::new(self.verbose));
        let mut run = Run { trainer: self, vae, learners, train, seed, progress };
        run.trial()?;

        let identity = self.identity(vae, data);
        let folder = self.folder.as_deref().map(Folder::open).transpose()?;
        let mut history = run.restore(folder.as_ref(), &identity)?;
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

        if history.epochs.is_empty() {
            history.film.extend(run.frame(0)?);
        }
        while history.epochs.len() < config.epochs && !self.out_of_patience(&history) {
            let mut record = run.epoch(history.epochs.len() + 1)?;
            if let Some(held_out) = &held_out {
                let start = Instant::now();
                let means = evaluate(self.objective.as_ref(), vae, held_out, config.binarize, config.seed)?;
                record.watched = Some(self.objective.watched(&means));
                record.validation = Some(means);
                record.kl_per_dimension = kl_per_dimension(vae, held_out, config.binarize, config.seed)?;
                record.seconds += start.elapsed().as_secs_f64();
            }
            let epoch = record.epoch;
            let items_left = (config.epochs - epoch) as f64 * run.train.len() as f64;
            run.progress.epoch(&Place { epoch, epochs: config.epochs, step: record.steps, items_left }, &record);
            history.epochs.push(record);
            history.film.extend(run.frame(epoch)?);
            if history.best().is_some_and(|record| record.epoch == epoch) {
                if let Some(folder) = &folder {
                    folder.save_best(vae)?;
                }
                if config.keep_best {
                    best = Some(vae.params().snapshot()?);
                }
            }
            if let Some(folder) = &folder {
                folder.save(&run.learners, &history, &identity)?;
            }
        }
        if let (Some(weights), Some(record)) = (best, history.best()) {
            vae.params().restore(&weights)?;
            let epoch = record.epoch;
            run.progress.say(&format!("ends with the weights of epoch {epoch}, the best on the held-out images"));
        }
        Ok(history)
    }

    /// Everything that decides the bits of a run, but how long it goes on.
    fn identity(&self, vae: &dyn Vae, data: &dyn Data) -> Value {
        let TrainConfig { batch_size, adam, schedule, seed, validation, clip_gradient, binarize, .. } = &self.config;
        let mut identity = json!({
            "model": vae.config(),
            "objective": self.objective.config(),
            "images": data.len(),
            "batch_size": batch_size,
            "adam": adam,
            "seed": seed,
            "validation": validation,
            "clip_gradient": clip_gradient,
            "binarize": binarize,
        });
        // Checkpoints from before there were schedules have none.
        if *schedule != Schedule::Constant {
            identity["schedule"] = json!(schedule);
        }
        if let Some((_, adam)) = self.objective.critic() {
            identity["critic_adam"] = json!(adam);
        }
        identity
    }

    /// Reads the losses that are still on a device. There, a loss that is no number is found out only now, some steps late.
    fn read(&self, sum: &mut Accumulator, epoch: usize, before: u64) -> Result<()> {
        sum.read().map_err(|error| self.not_finite(error, epoch, before + sum.batches() + 1))
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
}

/// What a run has at hand.
struct Run<'a> {
    trainer: &'a Trainer,
    vae: &'a dyn Vae,
    /// The model, and perhaps a critic.
    learners: Vec<Learner>,
    train: Part<'a>,
    seed: Random,
    progress: Progress,
}

impl Run<'_> {
    /// The terms on one batch, whose pixels are drawn first where that was asked for.
    fn terms(&self, mut batch: Batch, epoch: f64, noise: &mut Random) -> Result<Terms> {
        if self.trainer.config.binarize {
            batch.x = binarize(&batch.x, noise)?;
        }
        self.trainer.objective.terms(&given(self.vae, &batch)?, &batch, epoch, noise)
    }

    /// What would stop the first step stops here, before anything is written.
    fn trial(&self) -> Result<()> {
        let first: Vec<usize> = (0..self.train.len().min(self.trainer.config.batch_size)).collect();
        let batch = self.train.batch(&first)?.to_device(self.vae.device())?;
        let terms = self.terms(batch, 0.0, &mut self.seed.stream(stream::TRIAL))?;
        match (terms.critic.is_some(), self.learners.len() > 1) {
            (true, false) => Err(Error::argument(
                "the objective has a loss for a critic, but no critic: return its parameters from Objective::critic",
            )),
            (false, true) => {
                Err(Error::argument("the objective has a critic, but no loss for it: add Terms::critic to its terms"))
            }
            _ => Ok(()),
        }
    }

    /// The state and the history of the folder's last checkpoint, where the run is to go on from there.
    fn restore(&mut self, folder: Option<&Folder>, identity: &Value) -> Result<History> {
        let Some(folder) = folder else { return Ok(History::default()) };
        if !self.trainer.resume {
            if folder.last().exists() {
                let problem = "is the checkpoint of an earlier run; resume it, or choose another folder to start anew";
                return Err(Error::file(&folder.last(), problem));
            }
            return Ok(History::default());
        }
        let history = folder.restore(&mut self.learners, identity)?.unwrap_or_default();
        if let Some(record) = history.last() {
            let (epoch, steps) = (record.epoch, thousands(record.steps as usize));
            self.progress.say(&format!("resuming after epoch {epoch} (step {steps})"));
        }
        Ok(history)
    }

    /// The samples of this epoch, where they are to be kept: of the first training items' y, and of the same noise in each.
    fn frame(&self, epoch: usize) -> Result<Option<Frame>> {
        let Some(film) = self.trainer.film.as_ref().filter(|film| film.epochs.contains(&epoch)) else {
            return Ok(None);
        };
        let first: Vec<usize> = (0..film.samples.min(self.train.len())).collect();
        let batch = self.train.batch(&first)?.to_device(self.vae.device())?;
        Frame::new(epoch, self.vae, &batch, &mut self.seed.stream(stream::FILM)).map(Some)
    }

    /// How many steps were made.
    fn steps(&self) -> u64 {
        self.learners[0].adam.steps()
    }

    /// One epoch of steps.
    fn epoch(&mut self, epoch: usize) -> Result<EpochRecord> {
        let TrainConfig { epochs, batch_size, clip_gradient, adam, schedule, .. } = self.trainer.config;
        let (start, before, count) = (Instant::now(), self.steps(), self.train.len());
        let noise = self.seed.stream(stream::NOISE).stream(epoch as u64);
        let order = self.seed.stream(stream::SHUFFLE).stream(epoch as u64).permutation(count);
        let order: Vec<usize> = order.iter().map(|&place| self.train.indices[place]).collect();
        let (mut sum, mut seen, mut beta) = (Accumulator::default(), 0, 0.0);
        pass(self.train.data, &order, batch_size, self.vae.device(), |batches| {
            for (step, batch) in batches.enumerate() {
                let (batch, mut noise) = (batch?, noise.stream(step as u64));
                let items = batch.len();
                let time = (epoch - 1) as f64 + step as f64 / count.div_ceil(batch_size) as f64;
                let terms = self.terms(batch, time, &mut noise)?;
                // Before the update, so that the weights are still those of the last good step.
                sum.add(&terms, items).map_err(|error| self.trainer.not_finite(error, epoch, self.steps() + 1))?;
                let losses: Vec<&Tensor> = [Some(&terms.loss), terms.critic.as_ref()].into_iter().flatten().collect();
                let rate = adam.learning_rate * schedule.factor(time);
                learner::step(&mut self.learners, &losses, clip_gradient, rate)?;
                beta = terms.beta;
                seen += items;
                if self.progress.is_due() {
                    self.trainer.read(&mut sum, epoch, before)?;
                    let items_left = (epochs - epoch + 1) as f64 * count as f64 - seen as f64;
                    let place = Place { epoch, epochs, step: self.steps(), items_left };
                    self.progress.step(&place, &sum.means(), seen as f64 / start.elapsed().as_secs_f64());
                }
            }
            Ok::<_, Error>(())
        })?;
        self.trainer.read(&mut sum, epoch, before)?;
        for learner in &self.learners {
            if !learner.params.all_finite()? {
                let what = "a weight is NaN or infinite though every loss was a number".into();
                return Err(self.trainer.not_finite(Error::NotFinite(what), epoch, self.steps()));
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        Ok(EpochRecord {
            epoch,
            steps: self.steps(),
            train: sum.means(),
            validation: None,
            watched: None,
            kl_per_dimension: None,
            beta,
            images_per_second: count as f64 / seconds.max(1e-9),
            seconds,
        })
    }
}
