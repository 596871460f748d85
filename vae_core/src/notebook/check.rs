//! Checks for notebooks: two ways to a number, compared in the open.
//!
//! [`close`] is for check cells, which must hold: it prints a line and fails if the two sides differ. [`exercise`] is for
//! exercises, which may be unsolved: it prints what is wrong with an answer, though not the right one, and never fails.
//!
//! ```
//! use vae_core::check;
//!
//! check::close("ln 2", 2f64.ln(), 0.693147, 1e-6)?;
//! assert!(check::close("ln 2", 2f64.ln(), 0.7, 1e-6).is_err());
//! check::exercise("the answer", [1.0, 2.0], [1.0, 3.0]); // prints "the answer: not yet: 1 of 2 are right; element 1 is too small"
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::{DType, Tensor};

use super::exercises::Exercise;
use crate::{Error, Result, nn::Params};

/// The tolerance of two sides that must be the same to the last bit.
pub const EXACT: f64 = 0.0;

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

/// Numbers of several tensors, one after the other.
impl Values for Vec<Tensor> {
    fn values(&self) -> Result<(Vec<usize>, Vec<f64>)> {
        let parts = self.iter().map(|tensor| Ok(tensor.values()?.1)).collect::<Result<Vec<_>>>()?;
        let numbers = parts.concat();
        Ok((vec![numbers.len()], numbers))
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

/// What may have failed: its error is what is wrong with it.
impl<T: Values> Values for Result<T> {
    fn values(&self) -> Result<(Vec<usize>, Vec<f64>)> {
        match self {
            Ok(value) => value.values(),
            Err(error) => Err(Error::Check(error.to_string())),
        }
    }
}

impl<T: Values + ?Sized> Values for &T {
    fn values(&self) -> Result<(Vec<usize>, Vec<f64>)> {
        (**self).values()
    }
}

/// The largest absolute difference, or why there is none.
pub(super) fn compare(got: &impl Values, want: &impl Values) -> Result<(Vec<f64>, Vec<f64>, f64), String> {
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
pub(super) fn worst(got: &[f64], want: &[f64]) -> usize {
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

/// Prints a line when two models have the same parameters: equal names in equal order, and no number further apart than `tolerance`.
///
/// # Errors
/// [`Error::Check`] for other names, or with the first parameter that differs by more and both sides of it.
pub fn parameters(name: &str, got: &Params, want: &Params, tolerance: f64) -> Result<()> {
    let names = |params: &Params| params.iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>().join(", ");
    if names(got) != names(want) {
        let problem = format!("expected the parameters {}, got {}", names(want), names(got));
        return Err(Error::Check(format!("{name}: {problem}")));
    }
    let mut largest = 0f64;
    for ((parameter, got), (_, want)) in got.iter().zip(want.iter()) {
        let (got, want) = (got.as_tensor(), want.as_tensor());
        match compare(&got, &want) {
            Ok((.., difference)) if difference <= tolerance => largest = largest.max(difference),
            _ => return close(&format!("{name}: {parameter}"), got, want, tolerance),
        }
    }
    let numbers = got.count();
    println!("ok: {name}: {numbers} numbers in all (largest difference {largest:.1e}, allowed {tolerance:.0e})");
    Ok(())
}

/// Prints whether an answer is right, and where it is not, what is wrong with it; not the right answer. In short for an
/// [`Exercise`] of which no usual slips are known.
pub fn exercise(name: &str, got: impl Values, want: impl Values) {
    Exercise::new(name).check(got, want);
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    /// A failed check names both sides and the allowed difference.
    #[test]
    fn failures() {
        let message = close("KL", 1.0, 1.5, 1e-3).unwrap_err().to_string();
        assert_eq!(message, "KL: got 1.000000, expected 1.500000 (largest difference 5.000e-1, allowed 1e-3)");
        assert!(close("KL", f64::NAN, 1.0, 1e9).is_err() && close("KL", 1.0, f64::NAN, 1e9).is_err());
    }
    /// Equal parameters are one line; the one that differs, and other names, are errors that say so.
    #[test]
    fn parameters_at_once() {
        let params = |names: &[&str], value: f32| {
            let mut params = Params::new();
            for name in names {
                params.register(*name, Var::new(&[0.0, value], &Device::Cpu).unwrap()).unwrap();
            }
            params
        };
        let (a, b) = (params(&["w", "b"], 1.0), params(&["w", "b"], 1.5));
        assert!(parameters("same", &a, &a, 0.0).is_ok());
        let message = |a, b| parameters("same", a, b, 0.1).unwrap_err().to_string();
        assert!(message(&a, &b).starts_with("same: w: element 1 is 1.000000, expected 1.500000"));
        assert_eq!(message(&a, &params(&["w"], 1.0)), "same: expected the parameters w, got w, b");
    }
}
