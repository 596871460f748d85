//! How well scores tell anomalous images from normal ones, whatever the threshold.
//!
//! ```text
//! AUROC               P(a > n) + ½ P(a = n) for a random anomalous and a random normal score: the area under the ROC
//!                     curve, and the Mann–Whitney U statistic divided by the number of pairs
//! average precision   Σ (Rₜ − Rₜ₋₁) Pₜ over thresholds t from the strictest on, precision P and recall R
//! ```
//! Guessing has an AUROC of ½ and an average precision of the share of anomalous images. Equal scores count half in the
//! one and cross the threshold together in the other.
//!
//! ```
//! use vae_core::eval::Ranking;
//!
//! let ranking = Ranking::new(&[0.1, 0.4], &[0.35, 0.8])?; // normal, anomalous
//! assert_eq!(ranking.auroc(), 0.75);
//! assert!((ranking.average_precision() - 0.8333333).abs() < 1e-6);
//! # Ok::<(), vae_core::Error>(())
//! ```

use std::fmt;

use rand::Rng;

use super::mean_error;
use crate::{Error, Result, random::Random};

/// Normal and anomalous scores, counted at each distinct value.
#[derive(Clone, Debug)]
pub struct Ranking {
    /// (score, normal, anomalous) from the largest score down.
    levels: Vec<(f64, usize, usize)>,
}

/// One point of a ROC curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RocPoint {
    /// The share of normal images that score at least [`RocPoint::score`].
    pub false_positive_rate: f64,
    /// The share of anomalous images that do.
    pub true_positive_rate: f64,
    /// The score; infinite at the first point, where nothing is called anomalous.
    pub score: f64,
}

/// An estimate with a confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The value on the images themselves.
    pub estimate: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The confidence level, 0.95 for 95 %.
    pub level: f64,
    /// The standard deviation of what was drawn anew: the bootstrap's standard error.
    pub error: f64,
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:.3} [{:.3}, {:.3}]", self.estimate, self.low, self.high)
    }
}

impl Ranking {
    /// Ranks the scores of normal images against those of anomalous ones.
    ///
    /// # Errors
    /// [`Error::Argument`] when either has no scores, or one that is not finite.
    pub fn new(normal: &[f64], anomalous: &[f64]) -> Result<Self> {
        finite("normal", normal)?;
        finite("anomalous", anomalous)?;
        let normal = normal.iter().map(|&score| (score, 1, 0));
        let mut levels: Vec<_> = normal.chain(anomalous.iter().map(|&score| (score, 0, 1))).collect();
        levels.sort_by(|a, b| b.0.total_cmp(&a.0));
        levels.dedup_by(|next, level| {
            let tied = next.0 == level.0;
            if tied {
                (level.1, level.2) = (level.1 + next.1, level.2 + next.2);
            }
            tied
        });
        Ok(Self { levels })
    }

    /// Ranks one list of scores, split by the label of each image: those of which `is_normal` holds, and the others.
    ///
    /// # Errors
    /// As [`Ranking::new`], and when there are not as many labels as scores.
    pub fn by_label<L: Copy>(scores: &[f64], labels: &[L], is_normal: impl Fn(L) -> bool) -> Result<Self> {
        if scores.len() != labels.len() {
            let (scores, labels) = (scores.len(), labels.len());
            return Err(Error::argument(format!("{scores} scores with {labels} labels: expected one for each")));
        }
        let pick = |normal: bool| -> Vec<f64> {
            let pairs = scores.iter().zip(labels).filter(|pair| is_normal(*pair.1) == normal);
            pairs.map(|pair| *pair.0).collect()
        };
        Self::new(&pick(true), &pick(false))
    }

    /// How many (normal, anomalous) scores there are.
    pub fn counts(&self) -> (usize, usize) {
        self.levels.iter().fold((0, 0), |(normal, anomalous), level| (normal + level.1, anomalous + level.2))
    }

    /// The area under the ROC curve: the share of (normal, anomalous) pairs in the right order, ties counting half.
    pub fn auroc(&self) -> f64 {
        let (mut above, mut pairs) = (0.0, 0.0);
        for &(_, normal, anomalous) in &self.levels {
            pairs += normal as f64 * (above + 0.5 * anomalous as f64);
            above += anomalous as f64;
        }
        let (normal, anomalous) = self.counts();
        pairs / (normal as f64 * anomalous as f64)
    }

    /// Precision averaged over recall, Σ (Rₜ − Rₜ₋₁) Pₜ, without interpolation; anomalous is the positive class.
    pub fn average_precision(&self) -> f64 {
        let (mut caught, mut flagged, mut sum) = (0.0, 0.0, 0.0);
        for &(_, normal, anomalous) in &self.levels {
            caught += anomalous as f64;
            flagged += (normal + anomalous) as f64;
            if anomalous > 0 {
                sum += anomalous as f64 * caught / flagged;
            }
        }
        sum / caught
    }

    /// The share of anomalous scores that are caught by the strictest line that flags at most a share `rate` of the normal ones: what the
    /// AUROC, the whole curve, does not say of its left end, where a detector works.
    pub fn caught_at(&self, rate: f64) -> f64 {
        let (normal, anomalous) = self.counts();
        let (mut flagged, mut caught) = (0, 0);
        for &(_, n, a) in &self.levels {
            if (flagged + n) as f64 > rate * normal as f64 {
                break;
            }
            (flagged, caught) = (flagged + n, caught + a);
        }
        caught as f64 / anomalous as f64
    }

    /// The ROC curve from (0, 0) to (1, 1): a point for each distinct score but those on a straight line between their
    /// neighbours.
    pub fn roc(&self) -> Vec<RocPoint> {
        let (normal, anomalous) = self.counts();
        let mut points = vec![RocPoint { false_positive_rate: 0.0, true_positive_rate: 0.0, score: f64::INFINITY }];
        let (mut false_positives, mut caught) = (0, 0);
        for (i, &(score, n, a)) in self.levels.iter().enumerate() {
            (false_positives, caught) = (false_positives + n, caught + a);
            // Two steps straight up, or straight to the right, are one.
            let straight = |next: &(f64, usize, usize)| (n == 0 && next.1 == 0) || (a == 0 && next.2 == 0);
            if self.levels.get(i + 1).is_some_and(straight) {
                continue;
            }
            points.push(RocPoint {
                false_positive_rate: false_positives as f64 / normal as f64,
                true_positive_rate: caught as f64 / anomalous as f64,
                score,
            });
        }
        points
    }

    /// A confidence interval for `measure` by the stratified percentile bootstrap (Efron & Tibshirani 1993, chapter
    /// 13): normal and anomalous scores are drawn anew with replacement, each as many as there are, `resamples` times,
    /// and the interval leaves out (1 − `level`)/2 of the results on either side.
    ///
    /// It is about other images of the same kind scored by the *same* model; another training run varies on its own. It
    /// is a little short for few images and near the ends of \[0, 1\].
    ///
    /// ```
    /// use vae_core::eval::Ranking;
    ///
    /// let normal: Vec<f64> = (0..200).map(|i| f64::from(i % 50)).collect();
    /// let anomalous: Vec<f64> = normal.iter().map(|score| score + 20.0).collect();
    /// let interval = Ranking::new(&normal, &anomalous)?.bootstrap(Ranking::auroc, 500, 0.95, 1)?;
    /// assert!(interval.low < interval.estimate && interval.estimate < interval.high);
    /// # Ok::<(), vae_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] for a level outside (0, 1), and for fewer resamples than 2/(1 − level), of which none would
    /// fall outside.
    pub fn bootstrap(
        &self,
        measure: impl Fn(&Self) -> f64,
        resamples: usize,
        level: f64,
        seed: u64,
    ) -> Result<Interval> {
        if !(level > 0.0 && level < 1.0) {
            return Err(Error::argument(format!("the confidence level must lie between 0 and 1, got {level}")));
        }
        let needed = 2.0 / (1.0 - level);
        if (resamples as f64) < needed - 1e-9 {
            let needed = needed.ceil();
            return Err(Error::argument(format!(
                "{resamples} resamples are too few for a level of {level}: expected {needed} or more"
            )));
        }
        // The level of each single score.
        let places = |count: fn(&(f64, usize, usize)) -> usize| -> Vec<usize> {
            self.levels.iter().enumerate().flat_map(|(i, level)| std::iter::repeat_n(i, count(level))).collect()
        };
        let (normal, anomalous) = (places(|level| level.1), places(|level| level.2));
        let seed = Random::new(seed);
        let mut values: Vec<f64> = (0..resamples as u64)
            .map(|i| {
                let mut rng = seed.stream(i).rng();
                let mut drawn = self.clone();
                drawn.levels.iter_mut().for_each(|level| (level.1, level.2) = (0, 0));
                for _ in 0..normal.len() {
                    drawn.levels[normal[rng.random_range(0..normal.len())]].1 += 1;
                }
                for _ in 0..anomalous.len() {
                    drawn.levels[anomalous[rng.random_range(0..anomalous.len())]].2 += 1;
                }
                measure(&drawn)
            })
            .collect();
        values.sort_by(f64::total_cmp);
        let out = ((1.0 - level) / 2.0 * resamples as f64 + 1e-9).floor() as usize;
        // Both ends exist: `out` is at least 1 and less than half of the resamples.
        let (low, high) = (values[out - 1], values[resamples - out]);
        // More than one value: a level above 0 asks for more than two.
        let error = mean_error(&values)?.error * (resamples as f64).sqrt();
        Ok(Interval { estimate: measure(self), low, high, level, error })
    }
}

/// Refuses a set of scores that is empty or holds one that is not finite.
pub(super) fn finite(kind: &str, scores: &[f64]) -> Result<()> {
    if scores.is_empty() {
        return Err(Error::argument(format!("there are no {kind} scores: expected at least one")));
    }
    match scores.iter().position(|score| !score.is_finite()) {
        Some(i) => {
            Err(Error::argument(format!("score {i} of the {kind} images is {}: expected finite numbers", scores[i])))
        }
        None => Ok(()),
    }
}
