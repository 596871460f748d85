//! Means of an objective's terms.

use std::collections::BTreeMap;

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::Terms;
use crate::{Error, Result, ops::scalars};

/// The name under which the loss of a critic is recorded.
const CRITIC: &str = "critic loss";

/// Means over items, in nats per item.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Means {
    /// What training minimizes.
    pub loss: f64,
    /// reconstruction − KL, whatever β is.
    pub elbo: f64,
    /// E_q\[log p(x|z)\].
    pub reconstruction: f64,
    /// KL(q(z|x) ‖ p(z)).
    pub kl: f64,
    /// What else the objective records, by name, each in its own unit; "critic loss" where there is a critic.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, f64>,
}

/// A running mean of terms, each batch weighted by its items.
///
/// What lies on a device stays there until somebody asks: reading a number back waits for all work before it.
#[derive(Default)]
pub(crate) struct Accumulator {
    items: f64,
    /// Loss, reconstruction and KL.
    sums: [f64; 3],
    /// The sum of each metric, and of how many items.
    metrics: BTreeMap<String, (f64, f64)>,
    /// Batches that were not read back yet.
    waiting: Vec<Waiting>,
    /// How many batches were read.
    batches: u64,
}

/// The terms of one batch: loss, reconstruction, KL, and the metrics by name.
struct Waiting {
    names: Vec<String>,
    scalars: Vec<Tensor>,
    items: usize,
}

impl Accumulator {
    /// Adds the terms of a batch.
    ///
    /// # Errors
    /// [`Error::NotFinite`], naming the term, when one is NaN or infinite; nothing is added then. On a device that is found
    /// out in [`Accumulator::read`].
    pub(crate) fn add(&mut self, terms: &Terms, items: usize) -> Result<()> {
        let critic = terms.critic.as_ref().map(|loss| (CRITIC.to_string(), loss));
        let metrics = terms.metrics.iter().map(|(name, value)| (name.clone(), value)).chain(critic);
        let (names, metrics): (Vec<_>, Vec<_>) = metrics.unzip();
        let scalars = [&terms.loss, &terms.reconstruction, &terms.kl].into_iter().chain(metrics);
        let waiting = Waiting { names, scalars: scalars.map(Tensor::detach).collect(), items };
        match scalars::at_hand(&waiting.scalars)? {
            Some(numbers) => self.add_numbers(&waiting, &numbers),
            None => {
                self.waiting.push(waiting);
                Ok(())
            }
        }
    }

    /// Reads what waits on a device, all of it at once.
    ///
    /// # Errors
    /// [`Error::NotFinite`], naming the term, for the first batch with one that is NaN or infinite.
    pub(crate) fn read(&mut self) -> Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.is_empty() {
            return Ok(());
        }
        let scalars: Vec<Tensor> = waiting.iter().flat_map(|batch| batch.scalars.clone()).collect();
        let numbers = scalars::read(&scalars)?;
        let mut rest = &numbers[..];
        for batch in &waiting {
            let own;
            (own, rest) = rest.split_at(batch.scalars.len());
            self.add_numbers(batch, own)?;
        }
        Ok(())
    }

    /// How many batches were added and read.
    pub(crate) fn batches(&self) -> u64 {
        self.batches
    }

    fn add_numbers(&mut self, batch: &Waiting, numbers: &[f64]) -> Result<()> {
        let (terms, metrics) = numbers.split_at(self.sums.len());
        if numbers.iter().any(|number| !number.is_finite()) {
            let metrics = batch.names.iter().zip(metrics).map(|(name, number)| format!(", {name} {number}"));
            let [loss, reconstruction, kl] = [terms[0], terms[1], terms[2]];
            let metrics: String = metrics.collect();
            return Err(Error::NotFinite(format!("loss {loss}, reconstruction {reconstruction}, KL {kl}{metrics}")));
        }
        let items = batch.items as f64;
        for (sum, number) in self.sums.iter_mut().zip(terms) {
            *sum += number * items;
        }
        for (name, number) in batch.names.iter().zip(metrics) {
            let (sum, count) = self.metrics.entry(name.clone()).or_default();
            *sum += number * items;
            *count += items;
        }
        self.items += items;
        self.batches += 1;
        Ok(())
    }

    /// The means over all that was read.
    pub(crate) fn means(&self) -> Means {
        let [loss, reconstruction, kl] = self.sums.map(|sum| sum / self.items.max(1.0));
        let metrics = self.metrics.iter().map(|(name, (sum, count))| (name.clone(), sum / count.max(1.0)));
        Means { loss, elbo: reconstruction - kl, reconstruction, kl, metrics: metrics.collect() }
    }
}
