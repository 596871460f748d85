//! Where to draw the line: a threshold from held-out normal scores, at a stated false-positive rate.
//!
//! ```text
//! k = n + 1 − ⌊α (n + 1)⌋        threshold = the k-th smallest of n normal scores        anomalous: score > threshold
//! ```
//! A new normal image is equally likely to take any of the n + 1 places among the n held-out ones, so that P(score >
//! threshold) ≤ α, exactly, for every n and every distribution: the split conformal quantile (Vovk, Gammerman & Shafer
//! 2005; Laxhammar & Falkman 2010 for anomalies). It asks that held-out and new images are drawn alike and that the
//! model has not been trained on the held-out ones. The probability is over both: for the threshold at hand the rate on
//! new images is a draw from Beta(n + 1 − k, k) when scores do not tie, whose mean and spread are
//! [`Threshold::expected_rate`] and [`Threshold::spread`].
//!
//! ```
//! use vae_core::eval::Threshold;
//!
//! let normal: Vec<f64> = (1..=199).map(f64::from).collect();
//! let threshold = Threshold::fit(&normal, 0.05)?;
//! assert_eq!((threshold.rank, threshold.value), (190, 190.0)); // 200 − ⌊0.05 · 200⌋
//! assert!(!threshold.is_exceeded_by(190.0) && threshold.is_exceeded_by(190.5));
//! # Ok::<(), vae_core::Error>(())
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ranking::finite;
use crate::{Error, Result};

/// A line between normal and anomalous scores; see the top of this module for what it guarantees.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// The largest score that is still normal, in the score's unit.
    pub value: f64,
    /// α, the false-positive rate that was asked for.
    pub false_positive_rate: f64,
    /// k: the value is the k-th smallest of the normal scores.
    pub rank: usize,
    /// n, the number of normal scores.
    pub count: usize,
}

impl Threshold {
    /// The threshold at the false-positive rate α on scores of held-out normal images, which training has not seen.
    ///
    /// # Errors
    /// [`Error::Argument`] for scores that are empty or not finite, for a rate outside (0, 1), and for one below
    /// 1/(n + 1), which n scores cannot promise; it says how many could.
    pub fn fit(normal: &[f64], false_positive_rate: f64) -> Result<Self> {
        finite("normal", normal)?;
        if !(false_positive_rate > 0.0 && false_positive_rate < 1.0) {
            return Err(Error::argument(format!(
                "the false-positive rate must lie between 0 and 1, got {false_positive_rate}"
            )));
        }
        let count = normal.len();
        // The margin is for products such as 0.29 · 100, which fall short of the whole number by rounding.
        let above = (false_positive_rate * (count + 1) as f64 * (1.0 + 1e-12)).floor() as usize;
        if above == 0 {
            let needed = (1.0 / false_positive_rate - 1e-9).ceil() - 1.0;
            return Err(Error::argument(format!(
                "{count} normal scores cannot promise a false-positive rate of {false_positive_rate}: expected at \
                 least {needed}, or a rate of {:.2e} or more",
                1.0 / (count + 1) as f64
            )));
        }
        let rank = count + 1 - above;
        let mut sorted = normal.to_vec();
        sorted.sort_by(f64::total_cmp);
        Ok(Self { value: sorted[rank - 1], false_positive_rate, rank, count })
    }

    /// Refuses numbers that [`Threshold::fit`] does not give; they may come from a file.
    pub(super) fn check(&self) -> Result<()> {
        let Self { value, false_positive_rate: rate, rank, count } = *self;
        if value.is_finite() && rate > 0.0 && rate < 1.0 && (1..=count).contains(&rank) && count < usize::MAX - 1 {
            return Ok(());
        }
        Err(Error::argument(format!(
            "a threshold of {value}, number {rank} of {count} normal scores at a rate of {rate}: expected a finite value, a \
             number between 1 and that of the scores, and a rate between 0 and 1"
        )))
    }

    /// Whether a score is anomalous: above the threshold. NaN is.
    pub fn is_exceeded_by(&self, score: f64) -> bool {
        !matches!(score.partial_cmp(&self.value), Some(std::cmp::Ordering::Less | std::cmp::Ordering::Equal))
    }

    /// The false-positive rate to expect, (n + 1 − k)/(n + 1): α rounded down to what n scores can give.
    pub fn expected_rate(&self) -> f64 {
        (self.count + 1 - self.rank) as f64 / (self.count + 1) as f64
    }

    /// The standard deviation, from one held-out set of n images to another, of the rate on ever more new images:
    /// √(r (1 − r)/(n + 2)), r the expected rate.
    pub fn spread(&self) -> f64 {
        let rate = self.expected_rate();
        (rate * (1.0 - rate) / (self.count + 2) as f64).sqrt()
    }
}

/// The p-value of each score among those of held-out normal images: p = (1 + #{normal ≥ score}) / (n + 1), (0, 1].
///
/// A new normal image has p ≤ α with probability at most α, whatever the scores' distribution, so p-values of scores in
/// different units can be compared, and combined: Fisher (1932) adds up −ln p.
///
/// ```
/// let p = vae_core::eval::p_values(&[3.0, 1.0, 2.0], &[0.0, 2.0, 9.0])?;
/// assert_eq!(p, [1.0, 0.75, 0.25]);
/// # Ok::<(), vae_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Argument`] when there are no scores on either side, or one that is not finite.
pub fn p_values(normal: &[f64], scores: &[f64]) -> Result<Vec<f64>> {
    finite("normal", normal)?;
    finite("new", scores)?;
    let mut sorted = normal.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = normal.len();
    Ok(scores.iter().map(|score| (1 + n - sorted.partition_point(|x| x < score)) as f64 / (n + 1) as f64).collect())
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { value, rank, count, .. } = self;
        let (rate, spread) = (100.0 * self.expected_rate(), 100.0 * self.spread());
        write!(f, "{value:.5}, number {rank} of {count} normal scores: {rate:.2} ± {spread:.2} % false positives")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// The rank is that of the definition for every small n and rate, never one that promises too much.
    #[test]
    fn ranks() {
        for count in 1..200usize {
            let normal: Vec<f64> = (1..=count).rev().map(|i| i as f64).collect();
            for percent in 1..100usize {
                let above = percent * (count + 1) / 100;
                match Threshold::fit(&normal, percent as f64 / 100.0) {
                    Ok(threshold) => {
                        assert_eq!(threshold.rank, count + 1 - above, "{count} scores at {percent} %");
                        assert_eq!(threshold.value, threshold.rank as f64);
                    }
                    Err(_) => assert_eq!(above, 0, "{count} scores at {percent} %"),
                }
            }
        }
    }

    /// Over many held-out sets the rate on new images has the promised mean and spread.
    #[test]
    fn the_promise_holds() {
        let (n, repeats) = (99, 4_000);
        let mut random = Random::new(3);
        let mut rates = Vec::new();
        for _ in 0..repeats {
            let mut normal = vec![0f32; n];
            random.fill_uniform(&mut normal);
            let normal: Vec<f64> = normal.into_iter().map(f64::from).collect();
            // A new score is above u with probability 1 − u.
            rates.push(1.0 - Threshold::fit(&normal, 0.1).unwrap().value);
        }
        let mean = rates.iter().sum::<f64>() / repeats as f64;
        let spread = (rates.iter().map(|rate| (rate - mean).powi(2)).sum::<f64>() / repeats as f64).sqrt();
        let promised = Threshold::fit(&vec![0.0; n], 0.1).unwrap();
        assert_eq!(promised.expected_rate(), 0.1);
        let error = promised.spread() / (repeats as f64).sqrt();
        assert!((mean - 0.1).abs() < 4.0 * error, "{mean}");
        assert!((spread / promised.spread() - 1.0).abs() < 0.05, "{spread}");
    }

    /// Too few scores, impossible rates, no scores and NaN are refused, saying what would do; a NaN score is anomalous.
    #[test]
    fn refusals() {
        let message = |normal: &[f64], rate| Threshold::fit(normal, rate).unwrap_err().to_string();
        assert!(message(&[0.0; 98], 0.01).contains("expected at least 99"), "{}", message(&[0.0; 98], 0.01));
        assert!(Threshold::fit(&[0.0; 99], 0.01).is_ok());
        for rate in [0.0, 1.0, -0.1, f64::NAN] {
            assert!(message(&[0.0; 9], rate).contains("between 0 and 1"));
        }
        assert!(message(&[], 0.5).contains("no normal scores"));
        assert!(message(&[0.0, f64::NAN], 0.5).contains("score 1 of the normal images is NaN"));
        assert!(Threshold::fit(&[0.0; 9], 0.5).unwrap().is_exceeded_by(f64::NAN));
    }
}
