//! Separated attribute predictability (SAP, Kumar et al. 2018): how much better the best dimension predicts a factor than the second best.
//!
//! ```text
//! SAP = 1/K Σ_k (S_j*k − max_{j ≠ j*} S_jk),     S_jk = Cov[z_j, v_k]² / (Var[z_j] Var[v_k]),     j* = argmax_j S_jk
//! ```
//! S is R² of a straight line, the paper's score of an ordered factor, for all factors. For one without an order, such as a shape, the
//! paper has the accuracy of a threshold instead, and `disentanglement_lib` has that of a linear SVM for every factor of dSprites: its
//! numbers do not compare with these.
//!
//! ```
//! use vae_core::{candle::{Device, Tensor}, eval::disentangle::Codes};
//!
//! let mu = Tensor::new(&[[-3f32, 1.], [-1., -1.], [1., -1.], [3., 1.]], &Device::Cpu)?;
//! let sap = Codes::new(&mu, &[("x", vec![0, 1, 2, 3])])?.sap();
//! assert_eq!(sap.table, [[1.0], [0.0]]); // the second dimension knows x, but bends
//! # Ok::<(), vae_core::Error>(())
//! ```

use rayon::prelude::*;

use super::{Codes, Gaps};

impl Codes {
    /// The gap of R². A dimension that is constant predicts nothing.
    pub fn sap(&self) -> Gaps {
        let row = |z: &Vec<f64>| self.factors.iter().map(|factor| squared_correlation(z, &factor.values)).collect();
        Gaps::new(self.names(), self.dimensions.par_iter().map(row).collect())
    }
}

/// Cov² / (Var Var); 0 where a variance is.
fn squared_correlation(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len() as f64;
    let (mean_a, mean_b) = (a.iter().sum::<f64>() / n, b.iter().sum::<f64>() / n);
    let [mut aa, mut ab, mut bb] = [0.0; 3];
    for (a, b) in a.iter().zip(b).map(|(a, b)| (a - mean_a, b - mean_b)) {
        (aa, ab, bb) = (aa + a * a, ab + a * b, bb + b * b);
    }
    if aa > 1e-24 * n * mean_a * mean_a && aa * bb > 0.0 { ab * ab / (aa * bb) } else { 0.0 }
}
