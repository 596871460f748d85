//! The mean of some runs, and how far it may be off.
//!
//! ```text
//! mean = 1/n Σ x        standard error = √(Σ (x − mean)² / (n − 1)) / √n
//! ```
//! Over training runs that differ in their seed alone, it tells how far the mean of other seeds may lie. The standard *deviation*, √n
//! times as much, which some papers give after ±, tells it of a single run.
//!
//! ```
//! use vae_core::eval::mean_error;
//!
//! let mig = mean_error(&[0.1, 0.2, 0.3])?;
//! assert!((mig.mean - 0.2).abs() < 1e-12 && (mig.error - 0.1 / 3f64.sqrt()).abs() < 1e-12);
//! assert_eq!(mig.to_string(), "0.200 ± 0.058");
//! # Ok::<(), vae_core::Error>(())
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A mean with its standard error.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeanError {
    /// The mean.
    pub mean: f64,
    /// Its standard error.
    pub error: f64,
}

impl fmt::Display for MeanError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:.3} ± {:.3}", self.mean, self.error)
    }
}

/// The mean and its standard error.
///
/// # Errors
/// [`Error::Argument`] for fewer than two numbers, and for one that is not finite.
pub fn mean_error(numbers: &[f64]) -> Result<MeanError> {
    let n = numbers.len() as f64;
    if numbers.len() < 2 {
        return Err(Error::argument(format!("the standard error of {n} numbers: expected 2 or more")));
    }
    if let Some(i) = numbers.iter().position(|x| !x.is_finite()) {
        return Err(Error::argument(format!("number {i} is {}: expected finite numbers", numbers[i])));
    }
    let mean = numbers.iter().sum::<f64>() / n;
    let variance = numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    Ok(MeanError { mean, error: (variance / n).sqrt() })
}
