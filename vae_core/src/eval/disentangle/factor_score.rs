//! The FactorVAE metric (Kim & Mnih 2018, section 4): which dimension of the code moves least while one factor is held?
//!
//! ```text
//! vote        d* = argmin_d Var_l[μ_d(x_l)] / s_d²     x_1 … x_L with one value of factor k, all else drawn;  s_d² = Var[μ_d] over the data
//! classifier  c(d) = argmax_k V[d][k]                  V[d][k]: votes for d with factor k held, among the training votes
//! score       the share of other votes with c(d*) = k
//! ```
//! Dimensions with s_d below a threshold are dead and get no vote. Guessing scores 1/K. One factor in two dimensions costs nothing, two
//! factors in one dimension do.
//!
//! The paper counts its 800 votes once, for the classifier and for its score; here, as in `disentanglement_lib`, the score is that of
//! votes which the classifier has not seen. [`FactorScore::disentanglement_lib`] has that library's numbers.
//!
//! ```
//! use vae_core::{candle::Device, data, eval::disentangle::{FactorScore, factor_score}, models::{MlpVae, MlpVaeConfig}, random::Random};
//!
//! let sprites = data::sprites(32, &Device::Cpu)?;
//! let config = MlpVaeConfig { image: (1, 32, 32), hidden: vec![32], latent: 4, ..Default::default() };
//! let settings = FactorScore { train: 50, test: 50, ..Default::default() };
//! let votes = factor_score(&MlpVae::new(config, &Device::Cpu, 1)?, &sprites, &settings, &mut Random::new(1))?;
//! assert!((0.0..=1.0).contains(&votes.score));
//! assert_eq!(votes.table.iter().flatten().sum::<usize>(), 50);
//! # Ok::<(), vae_core::Error>(())
//! ```

use serde::{Deserialize, Serialize};

use super::{
    codes::{means, some},
    countable, counted,
};
use crate::{Error, Result, data::Factored, models::Vae, random::Random};

/// How the votes are taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FactorScore {
    /// L, the items of a vote.
    pub items: usize,
    /// Votes that make the classifier.
    pub train: usize,
    /// Votes that it is scored on.
    pub test: usize,
    /// Items from which the variances s² of the whole data are taken.
    pub spread: usize,
    /// Dimensions with a smaller standard deviation s are dead.
    pub least_std: f64,
    /// Names of factors that are never held.
    pub leave_out: Vec<String>,
}

/// 800 votes and a threshold of .05 as in the paper, 64 items a vote and 10,000 for the variances as in `disentanglement_lib`.
impl Default for FactorScore {
    fn default() -> Self {
        Self { items: 64, train: 800, test: 800, spread: 10_000, least_std: 0.05, leave_out: vec![] }
    }
}

impl FactorScore {
    /// The settings of `disentanglement_lib`: 10,000 and 5,000 votes, nearly a million items to encode; a threshold of .06.
    pub fn disentanglement_lib() -> Self {
        Self { train: 10_000, test: 5_000, least_std: 0.06, ..Self::default() }
    }

    fn check(&self) -> Result<()> {
        for (what, count, least) in [
            ("items of a vote", self.items, 2),
            ("votes for training", self.train, 1),
            ("votes for the test", self.test, 1),
            ("items for the variances", self.spread, 2),
        ] {
            if count < least {
                return Err(Error::argument(format!("{what} of a FactorScore must be {least} or more, got {count}")));
            }
        }
        let votes = self.train.checked_add(self.test).and_then(|votes| votes.checked_mul(self.items));
        countable("a FactorScore", votes.and_then(|items| items.checked_add(self.spread)))?;
        if !(self.least_std >= 0.0 && self.least_std.is_finite()) {
            let got = self.least_std;
            return Err(Error::argument(format!("least_std of a FactorScore must be 0 or more and finite, got {got}")));
        }
        Ok(())
    }
}

/// What came of the votes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Votes {
    /// The names of the K factors that were held.
    pub factors: Vec<String>,
    /// The standard deviation of each of the D dimensions over the data.
    pub std: Vec<f64>,
    /// D rows of K: how often each dimension was voted for in training, by the factor held.
    pub table: Vec<Vec<usize>>,
    /// The share of test votes in which the dimension's factor is the one that was held: the metric. 0 where all dimensions are dead.
    pub score: f64,
}

/// Takes the votes on posterior means of `vae`, all draws from `random`.
///
/// # Errors
/// [`Error::Argument`] for settings out of range, a name that no factor has, and data without items or without factors that vary;
/// otherwise as [`eval::codes`](crate::eval::codes).
pub fn factor_score(vae: &dyn Vae, data: &dyn Factored, settings: &FactorScore, random: &mut Random) -> Result<Votes> {
    settings.check()?;
    let factors = counted(some(data)?, &settings.leave_out)?;
    let sizes = data.sizes();
    let encode = |items: Vec<usize>| -> Result<Vec<Vec<f64>>> {
        let rows: Vec<Vec<f32>> = means(vae, data, items)?.to_vec2()?;
        Ok(rows.into_iter().map(|row| row.into_iter().map(f64::from).collect()).collect())
    };
    let spread = variances(&encode(data.sample(settings.spread, None, random)?)?);
    if let Some(j) = spread.iter().position(|variance| !variance.is_finite()) {
        let variance = spread[j];
        return Err(Error::NotFinite(format!("the variance of dimension {j} is {variance}; is the model trained?")));
    }
    let alive = |variance: f64| variance.sqrt() >= settings.least_std && variance > 0.0;

    // (k, d*) of `count` votes; d* is none where every dimension is dead.
    let mut vote = |count: usize| -> Result<Vec<(usize, Option<usize>)>> {
        let mut held = Vec::with_capacity(count);
        let mut items = Vec::with_capacity(count * settings.items);
        for _ in 0..count {
            let k = random.below(factors.len());
            let value = random.below(sizes[factors[k]].1);
            held.push(k);
            items.extend(data.sample(settings.items, Some((factors[k], value)), random)?);
        }
        let codes = encode(items)?;
        let least = |codes: &[Vec<f64>]| {
            let moved = variances(codes).into_iter().zip(&spread).map(|(v, s)| v / s).enumerate();
            let living = moved.filter(|&(j, _)| alive(spread[j]));
            living.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(j, _)| j)
        };
        Ok(held.into_iter().zip(codes.chunks_exact(settings.items).map(least)).collect())
    };
    let (train, test) = (vote(settings.train)?, vote(settings.test)?);

    let mut table = vec![vec![0; factors.len()]; spread.len()];
    train.iter().for_each(|&(k, d)| d.into_iter().for_each(|d| table[d][k] += 1));
    // Of equal counts the first, as of no votes at all.
    let class = |d: usize| (0..factors.len()).rev().max_by_key(|&k| table[d][k]);
    let right = test.iter().filter(|&&(k, d)| d.and_then(class) == Some(k)).count();
    Ok(Votes {
        factors: factors.iter().map(|&k| sizes[k].0.to_string()).collect(),
        std: spread.iter().map(|variance| variance.sqrt()).collect(),
        score: right as f64 / settings.test as f64,
        table,
    })
}

/// The variance of each column, Σ (x − mean)² / (N − 1).
fn variances(rows: &[Vec<f64>]) -> Vec<f64> {
    let n = rows.len() as f64;
    let column = |j: usize| {
        let mean = rows.iter().map(|row| row[j]).sum::<f64>() / n;
        rows.iter().map(|row| (row[j] - mean).powi(2)).sum::<f64>() / (n - 1.0)
    };
    (0..rows[0].len()).map(column).collect()
}
