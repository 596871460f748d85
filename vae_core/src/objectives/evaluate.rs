//! An objective's terms over a whole set of images.

use serde::{Deserialize, Serialize};

use super::{Objective, Terms};
use crate::{
    Error, Result,
    data::{Images, binarize},
    models::Vae,
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
#[derive(Clone, Debug, Default)]
pub(crate) struct Accumulator {
    images: f64,
    sums: [f64; 3],
}

impl Accumulator {
    /// Adds the terms of a batch.
    ///
    /// # Errors
    /// [`Error::NotFinite`], naming the term, when one is NaN or infinite; nothing is added then.
    pub(crate) fn add(&mut self, terms: &Terms, images: usize) -> Result<()> {
        let scalar = |t: &candle_core::Tensor| -> Result<f64> {
            Ok(t.detach().to_dtype(candle_core::DType::F64)?.to_scalar::<f64>()?)
        };
        let values = [scalar(&terms.loss)?, scalar(&terms.reconstruction)?, scalar(&terms.kl)?];
        if values.iter().any(|value| !value.is_finite()) {
            let [loss, reconstruction, kl] = values;
            return Err(Error::NotFinite(format!("loss {loss}, reconstruction {reconstruction}, KL {kl}")));
        }
        for (sum, value) in self.sums.iter_mut().zip(values) {
            *sum += value * images as f64;
        }
        self.images += images as f64;
        Ok(())
    }

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
    let noise = Random::new(seed);
    let mut sum = Accumulator::default();
    for (i, batch) in images.chunks(BATCH)?.enumerate() {
        let (mut batch, mut noise) = (batch?, noise.stream(i as u64));
        if binarized {
            batch.images = binarize(&batch.images, &mut noise)?;
        }
        let terms = objective.terms(vae, &batch, f64::INFINITY, &mut noise)?;
        let place = |error| match error {
            Error::NotFinite(what) => Error::NotFinite(format!("evaluation, images {} and on: {what}", i * BATCH)),
            other => other,
        };
        sum.add(&terms, batch.labels.len()).map_err(place)?;
    }
    Ok(sum.means())
}
