//! What a training run was like, epoch by epoch.

use std::{collections::BTreeSet, fmt, path::Path};

use serde::{Deserialize, Serialize};

use super::Frame;
use crate::{
    Error, Result,
    io::files::{self, write_atomically},
    objectives::Means,
};

/// One epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Counted from 1.
    pub epoch: usize,
    /// Optimizer steps made since the start of training.
    pub steps: u64,
    /// Means over the training images as they were seen, while the weights moved. Nats per image.
    pub train: Means,
    /// Means over the held-out images at the end of the epoch. Nats per image.
    pub validation: Option<Means>,
    /// What the objective [watches](crate::objectives::Objective::watched) on them: early stopping and the best weights go by
    /// the smallest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watched: Option<f64>,
    /// The KL of each latent dimension over the held-out items, in nats; `None` without validation, and where a dimension has
    /// [none of its own](crate::objectives::kl_per_dimension).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kl_per_dimension: Option<Vec<f64>>,
    /// The weight of the KL at the epoch's last step.
    pub beta: f64,
    /// Training images per second, loading and optimizer included, validation excluded.
    pub images_per_second: f64,
    /// Seconds that the epoch took, validation included.
    pub seconds: f64,
}

/// The record of a training run. Displays as a table, in a notebook too.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The epochs in order.
    pub epochs: Vec<EpochRecord>,
    /// Samples at the epochs that [`Trainer::film`](super::Trainer::film) names, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub film: Vec<Frame>,
}

impl History {
    /// The last epoch, when there is one.
    pub fn last(&self) -> Option<&EpochRecord> {
        self.epochs.last()
    }

    /// The epoch with the smallest [watched](EpochRecord::watched) value, the loss unless the objective says otherwise, on the
    /// held-out images, the first of equals; `None` without validation.
    pub fn best(&self) -> Option<&EpochRecord> {
        // A history from before there was a choice has the loss.
        let watched = |record: &EpochRecord| record.watched.or(record.validation.as_ref().map(|means| means.loss));
        self.epochs
            .iter()
            .filter(|record| record.validation.is_some())
            .reduce(|best, record| if watched(record) < watched(best) { record } else { best })
    }

    /// The names of the metrics that were recorded, in order.
    pub(crate) fn metrics(&self) -> BTreeSet<&str> {
        self.epochs.iter().flat_map(|record| record.train.metrics.keys()).map(String::as_str).collect()
    }

    /// Writes the history as JSON, whole or not at all. Every float comes back bit for bit.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let text = serde_json::to_string_pretty(self).map_err(|error| Error::file(path, error.to_string()))?;
        write_atomically(path, text.as_bytes())
    }

    /// Reads a history that [`History::save`] wrote.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be read, [`Error::File`] when it holds something else.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = files::read(path, "a training history")?;
        let wrong = |problem: String| Error::file(path, format!("not a training history: {problem}"));
        let history: Self = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        history.check().map_err(wrong)?;
        Ok(history)
    }

    /// Refuses epochs that are not numbered 1, 2, 3, … with ever more steps; says what is wrong.
    pub(super) fn check(&self) -> Result<(), String> {
        let mut steps = 0;
        for (record, expected) in self.epochs.iter().zip(1..) {
            if record.epoch != expected || record.steps <= steps {
                let (epoch, got) = (record.epoch, record.steps);
                return Err(format!(
                    "expected epoch {expected} with more than {steps} steps, got epoch {epoch} with {got}"
                ));
            }
            steps = record.steps;
        }
        self.film.iter().try_for_each(Frame::check)
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let metrics: Vec<(&str, usize)> =
            self.metrics().into_iter().map(|m| (m, m.chars().count().max(8) + 2)).collect();
        write!(f, "epoch      ELBO     recon        KL   val ELBO   images/s")?;
        for (name, width) in &metrics {
            write!(f, "{name:>width$}")?;
        }
        for record in &self.epochs {
            let Means { elbo, reconstruction, kl, metrics: values, .. } = &record.train;
            let validation = record.validation.as_ref().map_or("–".into(), |means| format!("{:.2}", means.elbo));
            let (epoch, speed) = (record.epoch, record.images_per_second);
            write!(f, "\n{epoch:>5}{elbo:>10.2}{reconstruction:>10.2}{kl:>10.2}{validation:>11}{speed:>11.0}")?;
            for (name, width) in &metrics {
                let value = values.get(*name).map_or("–".into(), |value| format!("{value:.3}"));
                write!(f, "{value:>width$}")?;
            }
        }
        Ok(())
    }
}

/// The table again: a notebook shows a value by its `Debug`.
impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
