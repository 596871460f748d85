//! An objective's terms over a whole set.

use super::{Accumulator, Means, Objective};
use crate::{
    Error, Result,
    data::{Data, binarize, pass},
    models::{Vae, given},
    random::Random,
};

/// Items at a time; bounds the memory, and is part of which noise goes to which item.
pub(super) const BATCH: usize = 500;

/// The objective's terms over all of `data`, in order, with the noise of `seed`: the same numbers each time. A weight that
/// changes during training has its final value. With `binarized`, each pixel is first drawn to 0 or 1 with its grey value as
/// the probability.
///
/// # Errors
/// [`Error::Argument`] for an empty set, [`Error::NotFinite`] for terms that are not numbers.
pub fn evaluate(
    objective: &dyn Objective,
    vae: &dyn Vae,
    data: &dyn Data,
    binarized: bool,
    seed: u64,
) -> Result<Means> {
    if data.is_empty() {
        return Err(Error::argument("there are no images to evaluate on"));
    }
    let place = |error, batch: usize| match error {
        Error::NotFinite(what) => Error::NotFinite(format!("evaluation, images {} and on: {what}", batch * BATCH)),
        other => other,
    };
    let noise = Random::new(seed);
    let mut sum = Accumulator::default();
    let order: Vec<usize> = (0..data.len()).collect();
    pass(data, &order, BATCH, vae.device(), |batches| {
        for (i, batch) in batches.enumerate() {
            let (mut batch, mut noise) = (batch?, noise.stream(i as u64));
            if binarized {
                batch.x = binarize(&batch.x, &mut noise)?;
            }
            let terms = objective.terms(&given(vae, &batch)?, &batch, f64::INFINITY, &mut noise)?;
            sum.add(&terms, batch.len()).map_err(|error| place(error, i))?;
        }
        Ok::<_, Error>(())
    })?;
    sum.read().map_err(|error| place(error, sum.batches() as usize))?;
    Ok(sum.means())
}
