//! The mutual information gap (MIG) in the protocol of `disentanglement_lib` (Locatello et al. 2019): posterior means, in bins.
//!
//! ```text
//! MIG = 1/K Σ_k (I(z_j*; v_k) − max_{j ≠ j*} I(z_j; v_k)) / H(v_k),     j* = argmax_j I(z_j; v_k)       (Chen et al. 2018, eq. 6)
//! ```
//! for factors v_k and dimensions z_j. Each dimension is cut into equally wide bins, 20 there, and I and H are those of the counts.
//! [`density_mig`](super::density_mig) is the other protocol; numbers of the two do not compare.
//!
//! A factor of more values than bins cannot be told in full: of 32 values in equal steps, a perfect code tells ln 20 of ln 32 nats at most.
//!
//! ```
//! use vae_core::{candle::{Device, Tensor}, eval::disentangle::{BINS, Codes}};
//!
//! // One factor, told by the first dimension wholly and by the second in part.
//! let mu = Tensor::new(&[[0f32, 0.], [1., 0.], [2., 1.], [3., 1.]], &Device::Cpu)?;
//! let gaps = Codes::new(&mu, &[("x", vec![0, 1, 2, 3])])?.mig(BINS)?;
//! assert!((gaps.mean() - (4f64.ln() - 2f64.ln()) / 4f64.ln()).abs() < 1e-12);
//! # Ok::<(), vae_core::Error>(())
//! ```

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    Codes,
    information::{binned, entropy, information},
};
use crate::{Error, Result};

/// Bins of a dimension in `disentanglement_lib`.
pub const BINS: usize = 20;

/// More bins than this are a mistake.
const MOST_BINS: usize = 10_000;

/// How well each dimension tells each factor, and how far the best is ahead of the second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gaps {
    /// The names of the K factors.
    pub factors: Vec<String>,
    /// D rows of K numbers: of a MIG I(z_j; v_k) / H(v_k), of [`Codes::sap`] R².
    pub table: Vec<Vec<f64>>,
    /// Of each factor the largest number of its column less the second largest; less 0 where there is one dimension only.
    pub gaps: Vec<f64>,
}

impl Gaps {
    pub(super) fn new(factors: Vec<String>, table: Vec<Vec<f64>>) -> Self {
        let gap = |k: usize| {
            let best = |(first, second): (f64, f64), row: &Vec<f64>| match row[k] {
                x if x > first => (x, first),
                x => (first, second.max(x)),
            };
            let (first, second) = table.iter().fold((0.0, 0.0), best);
            first - second
        };
        let gaps = (0..factors.len()).map(gap).collect();
        Self { factors, table, gaps }
    }

    /// The mean gap: the score.
    pub fn mean(&self) -> f64 {
        self.gaps.iter().sum::<f64>() / self.gaps.len() as f64
    }
}

impl Codes {
    /// The mutual information gap of codes in `bins` equally wide bins a dimension, [`BINS`] of them in `disentanglement_lib`.
    ///
    /// # Errors
    /// [`Error::Argument`] unless there are 2 to 10,000 bins.
    pub fn mig(&self, bins: usize) -> Result<Gaps> {
        let told = |row: Vec<f64>| -> Vec<f64> {
            let pairs = row.iter().zip(&self.factors);
            pairs.map(|(nats, factor)| nats / entropy(factor.ranks.iter().copied(), factor.count)).collect()
        };
        Ok(Gaps::new(self.names(), self.information(bins)?.into_iter().map(told).collect()))
    }

    /// I(z_j; v_k) in nats, D rows of K.
    pub(super) fn information(&self, bins: usize) -> Result<Vec<Vec<f64>>> {
        if !(2..=MOST_BINS).contains(&bins) {
            return Err(Error::argument(format!("{bins} bins of a dimension: expected 2 to {MOST_BINS}")));
        }
        let row = |column: &Vec<f64>| {
            let labels = binned(column, bins);
            let told = |factor: &super::codes::Factor| information(&labels, bins, &factor.ranks, factor.count);
            self.factors.iter().map(told).collect()
        };
        Ok(self.dimensions.par_iter().map(row).collect())
    }
}
