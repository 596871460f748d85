//! Log-likelihood by importance sampling: what the published tables compare.
//!
//! ```text
//! z ~ q(z|x), K times        w = p(x|z) p(z) / q(z|x)        E[w] = p(x)
//! log p(x) ≈ ln 1/K Σ w                       a lower bound in expectation, the tighter the larger K (Burda et al. 2016)
//! ELBO     ≈ 1/K Σ ln w                       the bound of a single draw
//! ESS      = (Σ w)² / Σ w²                    the effective sample size, 1 to K (Kong 1992)
//! ```
//! The error of one item's estimate is about √(1/ESS − 1/K) nats, and half the square of that is how much it is too low on average.
//! Where the effective sample size is small, neither can be trusted: a few weights decide, and the one that would have decided may
//! not have been drawn. [Annealed importance sampling](super::annealed()) is the cross-check.
//!
//! The draws are sums as soon as they are made: memory does not depend on K. Each item has noise of its own, that depends on `seed`
//! and on the item's place in the data. So the errors of the items are independent, as the standard error over items supposes, and
//! nothing depends on how they are batched. (The [scores](super::scores) of anomalies use the same noise for all items, since
//! they have to be functions of the item alone; their errors do not average out.)
//!
//! ```
//! use vae_core::{candle::Device, data::Images, eval::likelihood, models::{MlpVae, MlpVaeConfig}};
//!
//! let vae = MlpVae::new(MlpVaeConfig::default(), &Device::Cpu, 1)?;
//! let images = Images::new(vec![255; 3 * 784], vec![0; 3], (1, 28, 28), &Device::Cpu)?;
//! let likelihood = likelihood(&vae, &images, 100, 7)?;
//! let curve = likelihood.curve()?; // estimates with 1, 2, 5, 10, 20, 50 and 100 draws
//! assert!(curve.len() == 7 && curve[0].1.mean < curve[6].1.mean);
//! println!("{likelihood}"); // −log p(x) = 538.41 ± 0.07 nats (3 items, 100 draws each), ELBO −539.86; effective sample size: …
//! # Ok::<(), vae_core::Error>(())
//! ```

use std::fmt;

use candle_core::{DType, Tensor};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    MeanError,
    anomaly::each_batch_of,
    mean_error,
    weights::{Weights, ladder},
};
use crate::{
    Error, Result,
    data::Data,
    distributions::Distribution,
    models::{Vae, thousands},
    random::Random,
};

/// Numbers in the items that are decoded at once: enough for all threads to have much to do between two waits for each other, few
/// enough for 2 MB of logits to stay near the processor.
const PIXELS_AT_ONCE: usize = 1 << 19;

/// An effective sample size below which an estimate is not to be trusted: its error is then about a third of a nat, or any other.
pub const TRUSTED: f64 = 10.0;

/// An estimate of log p(x) for each item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Likelihood {
    /// log p(x) of each item, in nats, from all draws.
    pub log_prob: Vec<f64>,
    /// The effective sample size behind each, 1 to `samples`.
    pub ess: Vec<f64>,
    /// K, the draws for each item.
    pub samples: usize,
    /// What k draws say of each item, for k of 1, 2, 5, 10, … and K: the mean over disjoint groups of k of the K draws.
    pub with_fewer: Vec<(usize, Vec<f64>)>,
}

impl Likelihood {
    /// −log p(x) over the items, in nats, and its standard error.
    ///
    /// # Errors
    /// [`Error::Argument`] for a single item.
    pub fn nll(&self) -> Result<MeanError> {
        let MeanError { mean, error } = mean_error(&self.log_prob)?;
        Ok(MeanError { mean: -mean, error })
    }

    /// The ELBO of each item from the same draws, in nats: the mean of ln w.
    pub fn elbo(&self) -> &[f64] {
        self.with_fewer.first().map_or(&self.log_prob, |(_, one)| one)
    }

    /// log p(x) over the items as k draws estimate it, with its standard error: (k, mean ± error) for k of 1, 2, 5, 10, … and K.
    ///
    /// # Errors
    /// [`Error::Argument`] for a single item.
    pub fn curve(&self) -> Result<Vec<(usize, MeanError)>> {
        self.with_fewer.iter().map(|(k, of_items)| Ok((*k, mean_error(of_items)?))).collect()
    }

    /// The effective sample size below which a share `q` of the items lies: 0 for the smallest, 0.5 for the median.
    pub fn ess_quantile(&self, q: f64) -> f64 {
        let mut sorted = self.ess.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1);
        sorted.get((q.clamp(0.0, 1.0) * last as f64).round() as usize).copied().unwrap_or(f64::NAN)
    }

    /// How many items have an effective sample size below [`TRUSTED`].
    pub fn doubtful(&self) -> usize {
        self.ess.iter().filter(|ess| **ess < TRUSTED).count()
    }

    /// Of the weights of all items, in order.
    pub(super) fn of(weights: &[Weights], samples: usize) -> Result<Self> {
        let log_prob: Vec<f64> = weights.iter().map(Weights::log_mean).collect();
        if let Some(i) = log_prob.iter().position(|log_prob| !log_prob.is_finite()) {
            return Err(Error::NotFinite(format!("log p(x) of item {i} is {}; is the model trained?", log_prob[i])));
        }
        let mut with_fewer: Vec<(usize, Vec<f64>)> = ladder(samples).into_iter().map(|k| (k, vec![])).collect();
        for weights in weights {
            with_fewer.iter_mut().zip(weights.of_groups()).for_each(|((_, all), mean)| all.push(mean));
        }
        Ok(Self { log_prob, ess: weights.iter().map(Weights::effective).collect(), samples, with_fewer })
    }
}

impl fmt::Display for Likelihood {
    /// One line; it says so where the estimate is not to be trusted.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mean = |numbers: &[f64]| numbers.iter().sum::<f64>() / numbers.len() as f64;
        write!(f, "−log p(x) = {:.2}", -mean(&self.log_prob))?;
        if let Ok(nll) = self.nll() {
            write!(f, " ± {:.2}", nll.error)?;
        }
        let (items, samples) = (self.log_prob.len(), self.samples);
        let plural = |n| if n == 1 { "" } else { "s" };
        write!(
            f,
            " nats ({} item{}, {} draw{} each), ELBO {:.2}; effective sample size: median {:.1}, smallest {:.1}",
            thousands(items),
            plural(items),
            thousands(samples),
            plural(samples),
            mean(self.elbo()),
            self.ess_quantile(0.5),
            self.ess_quantile(0.0)
        )?;
        match self.doubtful() {
            0 => Ok(()),
            n => write!(
                f,
                "; NOT TO BE TRUSTED for {} of the items, which rest on fewer than {TRUSTED:.0} effective draws: −log p(x) is too \
                 high there, and how much these draws cannot tell; take more",
                thousands(n)
            ),
        }
    }
}

/// log p(x) of every item by importance sampling with `samples` draws from q(z|x); see the top of this module. A conditional model
/// is given what is known of each item: then it is log p(x|y).
///
/// # Errors
/// [`Error::Argument`] for 0 samples, an empty set, numbers that are NaN or outside the [support](Distribution::support) of p(x|z);
/// [`Error::Shape`] for items of another shape than the model's; [`Error::NotFinite`] for an estimate that is not a number.
pub fn likelihood(vae: &dyn Vae, data: &dyn Data, samples: usize, seed: u64) -> Result<Likelihood> {
    likelihood_watched(vae, data, samples, seed, |_| {})
}

/// [`likelihood()`] that tells `progress`, after each draw, which share of the work is done: 0 to 1.
///
/// # Errors
/// Those of [`likelihood()`].
pub fn likelihood_watched(
    vae: &dyn Vae,
    data: &dyn Data,
    samples: usize,
    seed: u64,
    mut progress: impl FnMut(f64),
) -> Result<Likelihood> {
    if samples == 0 {
        return Err(Error::argument("a likelihood from 0 samples: expected 1 or more"));
    }
    let all = (data.len() * samples) as f64;
    let (mut weights, sizes) = (Vec::with_capacity(data.len()), ladder(samples));
    each_batch_of(PIXELS_AT_ONCE, vae, data, |vae, x| {
        let first = weights.len();
        weights.resize_with(first + x.dims()[0], || Weights::new(&sizes));
        let (of_batch, mut drawn) = (&mut weights[first..], 0);
        each_draw(vae, x, samples, Random::new(seed).apart(first), |log_weights| {
            let pairs = of_batch.par_iter_mut().zip(log_weights).with_min_len(64);
            pairs.for_each(|(weights, log_weight)| weights.add(log_weight));
            drawn += of_batch.len();
            progress((first * samples + drawn) as f64 / all);
        })
    })?;
    Likelihood::of(&weights, samples)
}

/// Calls `f` with ln w of items (B, …), one number each, for each of `samples` draws from q(z|x).
pub(super) fn each_draw(
    vae: &dyn Vae,
    x: &Tensor,
    samples: usize,
    mut noise: Random,
    mut f: impl FnMut(Vec<f64>),
) -> Result<()> {
    let (q, prior) = (vae.encode(x)?, vae.prior(x.dims()[0])?);
    for _ in 0..samples {
        let z = q.sample(&mut noise)?.detach();
        let joint = (vae.decode(&z)?.log_prob(x)? + prior.log_prob(&z)?)?;
        f((joint - q.log_prob(&z)?)?.detach().to_dtype(DType::F64)?.to_vec1()?);
    }
    Ok(())
}
