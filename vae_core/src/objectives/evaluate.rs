//! An objective's terms over a whole set of images.

use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};

use super::{Objective, Terms};
use crate::{
    Error, Result,
    data::{Images, binarize},
    models::Vae,
    ops::cuda,
    random::Random,
};

/// Images at a time; bounds the memory, and is part of which noise goes to which image.
const BATCH: usize = 500;

/// Means over images, in nats per image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Means {
    /// What training minimizes.
    pub loss: f64,
    /// reconstruction − KL, whatever β is.
    pub elbo: f64,
    /// E_q\[log p(x|z)\].
    pub reconstruction: f64,
    /// KL(q(z|x) ‖ p(z)).
    pub kl: f64,
}

/// A running mean of terms, each batch weighted by its images.
///
/// What lies on a device stays there until somebody asks: reading a number back waits for all work before it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accumulator {
    images: f64,
    sums: [f64; 3],
    /// Loss, reconstruction and KL of batches that were not read back yet, with their images.
    waiting: Vec<([Tensor; 3], usize)>,
    /// How many batches were read.
    batches: u64,
}

impl Accumulator {
    /// Adds the terms of a batch.
    ///
    /// # Errors
    /// [`Error::NotFinite`], naming the term, when one is NaN or infinite; nothing is added then. On a device that is found
    /// out in [`Accumulator::read`].
    pub(crate) fn add(&mut self, terms: &Terms, images: usize) -> Result<()> {
        let all = [&terms.loss, &terms.reconstruction, &terms.kl];
        if !terms.loss.device().is_cpu() || cuda::on(terms.loss.device()) {
            self.waiting.push((all.map(Tensor::detach), images));
            return Ok(());
        }
        let scalar = |t: &Tensor| -> Result<f64> { Ok(t.detach().to_dtype(DType::F64)?.to_scalar::<f64>()?) };
        self.add_numbers([scalar(all[0])?, scalar(all[1])?, scalar(all[2])?], images)
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
        let scalars: Vec<&Tensor> = waiting.iter().flat_map(|(terms, _)| terms).collect();
        let numbers = Tensor::stack(&scalars, 0)?.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
        for (values, (_, images)) in numbers.chunks_exact(3).zip(&waiting) {
            self.add_numbers([values[0], values[1], values[2]], *images)?;
        }
        Ok(())
    }

    /// How many batches were added and read.
    pub(crate) fn batches(&self) -> u64 {
        self.batches
    }

    fn add_numbers(&mut self, values: [f64; 3], images: usize) -> Result<()> {
        if values.iter().any(|value| !value.is_finite()) {
            let [loss, reconstruction, kl] = values;
            return Err(Error::NotFinite(format!("loss {loss}, reconstruction {reconstruction}, KL {kl}")));
        }
        for (sum, value) in self.sums.iter_mut().zip(values) {
            *sum += value * images as f64;
        }
        self.images += images as f64;
        self.batches += 1;
        Ok(())
    }

    /// The means over all that was read.
    pub(crate) fn means(&self) -> Means {
        let [loss, reconstruction, kl] = self.sums.map(|sum| sum / self.images.max(1.0));
        Means { loss, elbo: reconstruction - kl, reconstruction, kl }
    }
}

/// The objective's terms over all of `images`, in order, with the noise of `seed`: the same numbers each time. A weight
/// that changes during training has its final value. With `binarized`, each pixel is first drawn to 0 or 1 with its grey
/// value as the probability.
///
/// # Errors
/// [`Error::Argument`] for an empty set, [`Error::NotFinite`] for terms that are not numbers.
pub fn evaluate(
    objective: &dyn Objective,
    vae: &dyn Vae,
    images: &Images,
    binarized: bool,
    seed: u64,
) -> Result<Means> {
    if images.is_empty() {
        return Err(Error::argument("there are no images to evaluate on"));
    }
    let place = |error, batch: usize| match error {
        Error::NotFinite(what) => Error::NotFinite(format!("evaluation, images {} and on: {what}", batch * BATCH)),
        other => other,
    };
    let noise = Random::new(seed);
    let mut sum = Accumulator::default();
    for (i, batch) in images.chunks(BATCH)?.enumerate() {
        let (mut batch, mut noise) = (batch?, noise.stream(i as u64));
        if binarized {
            batch.images = binarize(&batch.images, &mut noise)?;
        }
        let terms = objective.terms(vae, &batch, f64::INFINITY, &mut noise)?;
        sum.add(&terms, batch.labels.len()).map_err(|error| place(error, i))?;
    }
    sum.read().map_err(|error| place(error, sum.batches() as usize))?;
    Ok(sum.means())
}
