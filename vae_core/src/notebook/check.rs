//! Checks for notebooks: two ways to a number, compared in the open.
//!
//! [`close`] is for check cells, which must hold: it prints a line and fails if the two sides differ. [`exercise`] is for
//! exercises, which may be unsolved: it prints how far an answer is from the right one and never fails.
//!
//! ```
//! use vae_core::check;
//!
//! check::close("ln 2", 2f64.ln(), 0.693147, 1e-6)?;
//! assert!(check::close("ln 2", 2f64.ln(), 0.7, 1e-6).is_err());
//! check::exercise("the answer", [1.0, 2.0], [1.0, 3.0]); // prints "not yet: …"
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::{DType, Tensor};

use crate::{Error, Result};

/// A number, several numbers or a tensor: what can be compared.
pub trait Values {
    /// The shape (empty for a number) and the elements in float64.
    fn values(&self) -> Result<(Vec<usize>, Vec<f64>)>;
}

impl Values for f64 {
    fn values(&self) -> Result<(Vec<usize>, Vec<f64>)> {
        Ok((vec![], vec![*self]))
    }
}

impl Values for f32 {
    fn values(&self) -> Result<(Vec<usize>, Vec<f64>)> {
        (*self as f64).values()
    }
}

impl Values for Tensor {
    fn values(&self) -> Result<(Vec<usize>, Vec<f64>)> {
        Ok((self.dims().to_vec(), self.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?))
    }
}

impl Values for [f64] {
    fn values(&self) -> Result<(Vec<usize>, Vec<f64>)> {
        Ok((vec![self.len()], self.to_vec()))
    }
}

impl Values for Vec<f64> {
    fn values(&self) -> Result<(Vec<usize>, Vec<f64>)> {
        self.as_slice().values()
    }
}

impl<const N: usize> Values for [f64; N] {
    fn values(&self) -> Result<(Vec<usize>, Vec<f64>)> {
        self.as_slice().values()
    }
}

impl<T: Values + ?Sized> Values for &T {
    fn values(&self) -> Result<(Vec<usize>, Vec<f64>)> {
        (**self).values()
    }
}

/// The largest absolute difference, or why there is none.
fn compare(got: &impl Values, want: &impl Values) -> Result<(Vec<f64>, Vec<f64>, f64), String> {
    let side = |values: Result<(Vec<usize>, Vec<f64>)>| values.map_err(|error| error.to_string());
    let ((got_shape, got), (want_shape, want)) = (side(got.values())?, side(want.values())?);
    if got_shape != want_shape {
        return Err(format!("expected the shape {want_shape:?}, got {got_shape:?}"));
    }
    if let Some(i) = (0..got.len()).find(|&i| !(got[i].is_finite() && want[i].is_finite())) {
        return Err(format!("element {i} is {}, expected {}", got[i], want[i]));
    }
    let difference = got.iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    Ok((got, want, difference))
}

/// Where two sides of the same length, not empty, differ most.
fn worst(got: &[f64], want: &[f64]) -> usize {
    let difference = |i: usize| (got[i] - want[i]).abs();
    (0..got.len()).max_by(|&i, &j| difference(i).total_cmp(&difference(j))).unwrap_or(0)
}

/// Prints a line when no element of `got` is further than `tolerance` from that of `want`.
///
/// # Errors
/// [`Error::Check`] with both sides when one is further away, is not finite, or the shapes differ.
pub fn close(name: &str, got: impl Values, want: impl Values, tolerance: f64) -> Result<()> {
    match compare(&got, &want) {
        Ok((got, _, difference)) if difference <= tolerance => {
            let value = if let [value] = got[..] { format!(": {value:.6}") } else { String::new() };
            println!("ok: {name}{value} (largest difference {difference:.1e}, allowed {tolerance:.0e})");
            Ok(())
        }
        Ok((got, want, difference)) => {
            let i = worst(&got, &want);
            let place = if got.len() > 1 { format!("element {i} is") } else { "got".into() };
            let values = format!("{place} {:.6}, expected {:.6}", got[i], want[i]);
            let problem = format!("{values} (largest difference {difference:.3e}, allowed {tolerance:.0e})");
            Err(Error::Check(format!("{name}: {problem}")))
        }
        Err(problem) => Err(Error::Check(format!("{name}: {problem}"))),
    }
}

/// Prints whether an answer is right: exact, right to rounding, or how far off and where.
pub fn exercise(name: &str, got: impl Values, want: impl Values) {
    println!("{name}: {}", verdict(&got, &want));
}

fn verdict(got: &impl Values, want: &impl Values) -> String {
    let (got, want, difference) = match compare(got, want) {
        Ok(sides) => sides,
        Err(problem) => return format!("not yet: {problem}"),
    };
    let size = want.iter().fold(0.0, |size: f64, x| size.max(x.abs()));
    if difference == 0.0 {
        "exact".into()
    } else if difference <= 1e-4 * (1.0 + size) {
        format!("right, to rounding (largest difference {difference:.1e})")
    } else {
        let i = worst(&got, &want);
        format!("not yet: element {i} is {:.5}, expected {:.5} (largest difference {difference:.2e})", got[i], want[i])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each verdict says what a learner needs: exact, rounding, which element, which shape, or that it is not a number.
    #[test]
    fn verdicts() {
        assert_eq!(verdict(&1.0, &1.0), "exact");
        assert!(verdict(&1.000001, &1.0).starts_with("right, to rounding"));
        assert!(verdict(&[1.0, 2.5], &[1.0, 2.0]).contains("element 1 is 2.50000, expected 2.00000"));
        assert!(verdict(&[1.0], &[1.0, 2.0]).contains("expected the shape [2], got [1]"));
        assert!(verdict(&f64::NAN, &1.0).contains("element 0 is NaN"));
    }

    /// A failed check names both sides and the allowed difference.
    #[test]
    fn failures() {
        let message = close("KL", 1.0, 1.5, 1e-3).unwrap_err().to_string();
        assert_eq!(message, "KL: got 1.000000, expected 1.500000 (largest difference 5.000e-1, allowed 1e-3)");
        assert!(close("KL", f64::NAN, 1.0, 1e9).is_err() && close("KL", 1.0, f64::NAN, 1e9).is_err());
    }
}
