//! Disentanglement, completeness and informativeness (DCI, Eastwood & Williams 2018), with a lasso as the regressor.
//!
//! ```text
//! w_k  = argmin_w 1/2N ‖y_k − Zw‖² + α ‖w‖₁      factor k from all dimensions, both with mean 0 and variance 1
//! R_jk = |w_jk|                                   how much factor k depends on dimension j
//! disentanglement  Σ_j ρ_j (1 − H_K(R_j·/Σ_k R_jk))     H_K: entropy with logarithms to base K;  ρ_j, ρ_k: the share of all R that the
//! completeness     Σ_k ρ_k (1 − H_D(R_·k/Σ_j R_jk))     row or the column has
//! informativeness  1/K Σ_k R² of the predictions of factor k on items that they were not fitted to, at least 0
//! ```
//! Disentanglement: does a dimension serve one factor? Completeness: is a factor served by one dimension? The paper gives the error of
//! the predictions where here is R², and the plain mean of completeness; the weights ρ_k are those of `disentanglement_lib`.
//!
//! The lasso is one of the paper's two regressors. It sees straight lines only: a rotation, or a shape, can be known to a code and not to it.
//! `disentanglement_lib` has gradient boosted trees, which see more, and larger numbers come of it: the two do not compare. No crate does
//! either at a price that suits a notebook, which compiles this crate before its first cell: `perpetual` (2.3) is 30,000 lines and asks the
//! system for its memory, `gbdt` and `forust-ml` (0.8) are at rest, `linfa-elasticnet` (0.8) brings seven crates for these thirty lines.
//!
//! Of two equal dimensions a lasso takes either and leaves the other: an exact copy is not seen as incomplete.
//!
//! ```
//! use vae_core::{candle::{Device, Tensor}, eval::disentangle::Codes, random::Random};
//!
//! let z = Random::new(1).uniform((1000, 2), &Device::Cpu)?;
//! let values = |j: usize| -> Vec<usize> { z.to_vec2::<f32>().unwrap().iter().map(|z| (z[j] * 8.0) as usize).collect() };
//! let dci = Codes::new(&z, &[("x", values(0)), ("y", values(1))])?.dci();
//! assert!(dci.disentanglement > 0.9 && dci.completeness > 0.9 && dci.informativeness > 0.9);
//! # Ok::<(), vae_core::Error>(())
//! ```

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Codes;
use crate::random::Random;

/// α: a correlation below it counts as none. Of 10,000 independent pairs of numbers it is 0.01 by chance.
const ALPHA: f64 = 0.02;
/// Rounds of coordinate descent, at most; it ends when no weight moves.
const ROUNDS: usize = 1000;
/// The part of the items that is held out for the informativeness.
const HELD_OUT: usize = 3;

/// What a code is as a description of the factors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dci {
    /// The names of the K factors.
    pub factors: Vec<String>,
    /// R, D rows of K.
    pub importance: Vec<Vec<f64>>,
    /// Whether a dimension serves one factor: 0 to 1.
    pub disentanglement: f64,
    /// Whether a factor is served by one dimension: 0 to 1.
    pub completeness: f64,
    /// How much of the factors' variance the code predicts: 0 to 1.
    pub informativeness: f64,
}

impl Codes {
    /// Disentanglement, completeness and informativeness. All are 0 where no dimension tells anything; a single factor is always
    /// disentangled, and complete in a single dimension. A third of the items, always the same, is held out for the informativeness.
    pub fn dci(&self) -> Dci {
        // Codes may come in an order that follows the factors.
        let order = Random::new(0).permutation(self.len());
        let (held, fitted) = order.split_at(self.len() / HELD_OUT);
        let scale = |column: &Vec<f64>| Scaled::new(column, fitted);
        let inputs: Vec<Scaled> = self.dimensions.par_iter().map(scale).collect();
        let targets: Vec<Scaled> = self.factors.par_iter().map(|factor| scale(&factor.values)).collect();
        let gram: Vec<Vec<f64>> =
            inputs.par_iter().map(|a| inputs.iter().map(|b| a.correlation(b, fitted)).collect()).collect();
        let fits = targets.par_iter().map(|y| {
            let weights = lasso(&gram, &inputs.iter().map(|z| z.correlation(y, fitted)).collect::<Vec<_>>());
            let told = explained(&inputs, &weights, y, held);
            (weights, told)
        });
        let (weights, told): (Vec<Vec<f64>>, Vec<f64>) = fits.unzip();
        let importance: Vec<Vec<f64>> =
            (0..inputs.len()).map(|j| weights.iter().map(|w| w[j].abs()).collect()).collect();
        let columns: Vec<Vec<f64>> = weights.iter().map(|w| w.iter().map(|w| w.abs()).collect()).collect();
        Dci {
            factors: self.names(),
            disentanglement: purity(&importance),
            completeness: purity(&columns),
            informativeness: told.iter().sum::<f64>() / told.len() as f64,
            importance,
        }
    }
}

/// Numbers with mean 0 and variance 1 over the items that are fitted to; all 0 where they have no variance.
struct Scaled(Vec<f64>);

impl Scaled {
    fn new(numbers: &[f64], fitted: &[usize]) -> Self {
        let n = fitted.len() as f64;
        let mean = fitted.iter().map(|&i| numbers[i]).sum::<f64>() / n;
        let std = (fitted.iter().map(|&i| (numbers[i] - mean).powi(2)).sum::<f64>() / n).sqrt();
        let scale = |&x: &f64| if std > 1e-12 * mean.abs() { (x - mean) / std } else { 0.0 };
        Self(numbers.iter().map(scale).collect())
    }

    fn correlation(&self, other: &Self, fitted: &[usize]) -> f64 {
        fitted.iter().map(|&i| self.0[i] * other.0[i]).sum::<f64>() / fitted.len() as f64
    }
}

/// The lasso's weights by coordinate descent (Friedman, Hastie & Tibshirani 2010), from ZᵀZ/N and Zᵀy/N.
fn lasso(gram: &[Vec<f64>], target: &[f64]) -> Vec<f64> {
    let mut weights = vec![0.0; target.len()];
    for _ in 0..ROUNDS {
        let mut moved = 0f64;
        for j in (0..target.len()).filter(|&j| gram[j][j] > 0.0) {
            let others: f64 = (0..target.len()).filter(|&l| l != j).map(|l| gram[j][l] * weights[l]).sum();
            let rest = target[j] - others;
            let weight = rest.signum() * (rest.abs() - ALPHA).max(0.0) / gram[j][j];
            moved = moved.max((weight - weights[j]).abs());
            weights[j] = weight;
        }
        if moved < 1e-9 {
            break;
        }
    }
    weights
}

/// R² of the predictions Zw of y on some items, at least 0.
fn explained(inputs: &[Scaled], weights: &[f64], y: &Scaled, items: &[usize]) -> f64 {
    let mean = items.iter().map(|&i| y.0[i]).sum::<f64>() / items.len() as f64;
    let prediction = |i: usize| inputs.iter().zip(weights).map(|(z, w)| z.0[i] * w).sum::<f64>();
    let error: f64 = items.iter().map(|&i| (y.0[i] - prediction(i)).powi(2)).sum();
    let variance: f64 = items.iter().map(|&i| (y.0[i] - mean).powi(2)).sum();
    // Too few items to say anything are as good as no prediction.
    if variance > 0.0 { (1.0 - error / variance).max(0.0) } else { 0.0 }
}

/// The mean over rows of 1 − their entropy as shares, each row weighted by its sum; 0 where all are 0.
fn purity(rows: &[Vec<f64>]) -> f64 {
    let total: f64 = rows.iter().flatten().sum();
    let pure = |row: &Vec<f64>| {
        let sum: f64 = row.iter().sum();
        let shares = row.iter().map(|x| x / sum).filter(|&p| p > 0.0);
        let entropy: f64 = shares.map(|p| -p * p.ln()).sum();
        // Where there is one column only there is nothing to share with.
        if row.len() > 1 { sum * (1.0 - entropy / (row.len() as f64).ln()) } else { sum }
    };
    if total > 0.0 {
        rows.iter().filter(|row| row.iter().any(|&x| x > 0.0)).map(pure).sum::<f64>() / total
    } else {
        0.0
    }
}
