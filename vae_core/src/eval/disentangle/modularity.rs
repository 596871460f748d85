//! Modularity (Ridgeway & Mozer 2018): whether each dimension tells of one factor only.
//!
//! ```text
//! modularity = 1/D Σ_j (1 − Σ_{k ≠ k*} I(z_j; v_k)² / (K − 1) I(z_j; v_k*)²),     k* = argmax_k I(z_j; v_k)
//! ```
//! I is that of [`Codes::mig`]: counts, in bins. It does not ask whether a factor is told at all, or how often. A dimension that is
//! constant counts 0, as in `disentanglement_lib`. One that tells nothing but is not constant, as an unused dimension of a VAE, has
//! what the noise of the counts gives it: the score is one of used dimensions only where all are.
//!
//! ```
//! use vae_core::{candle::{Device, Tensor}, eval::disentangle::{BINS, Codes}};
//!
//! let mu = Tensor::new(&[[0f32, 0.], [0., 1.], [1., 2.], [1., 3.]], &Device::Cpu)?; // x, and x and y in one
//! let codes = Codes::new(&mu, &[("x", vec![0, 0, 1, 1]), ("y", vec![0, 1, 0, 1])])?;
//! assert!((codes.modularity(BINS)? - (1.0 + 0.0) / 2.0).abs() < 1e-9);
//! # Ok::<(), vae_core::Error>(())
//! ```

use super::Codes;
use crate::Result;

impl Codes {
    /// The modularity of codes in `bins` bins a dimension. With a single factor there is nothing else to tell: each dimension that
    /// tells of it counts 1.
    ///
    /// # Errors
    /// As [`Codes::mig`].
    pub fn modularity(&self, bins: usize) -> Result<f64> {
        let information = self.information(bins)?;
        let modular = |row: &Vec<f64>| {
            let most = row.iter().fold(0f64, |most, told| most.max(told * told));
            let rest = row.iter().map(|told| told * told).sum::<f64>() - most;
            match row.len() {
                _ if most == 0.0 => 0.0,
                1 => 1.0,
                k => 1.0 - rest / (most * (k - 1) as f64),
            }
        };
        Ok(information.iter().map(modular).sum::<f64>() / information.len() as f64)
    }
}
