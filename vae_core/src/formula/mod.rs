//! Formulas that look like formulas: arithmetic on tensors whose error travels along and comes out at one `?` at the end.
//!
//! Each of candle's operations returns a `Result`, since shapes meet at run time. Written with them, the KL of a Gaussian posterior
//! (Kingma & Welling 2013, appendix B) has a `?` after every step; here it has one:
//!
//! ```
//! use vae_core::prelude::*;
//!
//! let mu = Var::new(&[[1f32, 0.], [0., 2.]], &Device::Cpu)?; // (B, D)
//! let log_var = Var::new(&[[0f32, 0.], [0., 1.]], &Device::Cpu)?;
//! let kl = (0.5 * (exp(&log_var) + sqr(&mu) - 1.0 - &log_var)).sum(1)?; // (B,)
//! assert_eq!(kl.to_vec1::<f32>()?, [0.5, 2.3591409]);
//!
//! // Below it are candle's operations and nothing else, so gradients flow: ∂KL/∂μ = μ.
//! let [by_mu, _] = gradients(&kl.sum_all()?, [&mu, &log_var])?;
//! assert_eq!(by_mu.to_vec2::<f32>()?, mu.to_vec2::<f32>()?);
//!
//! // What went wrong on the way is said at the end.
//! let row = Tensor::new(&[1f32, 2., 3.], &Device::Cpu)?;
//! let error = (exp(&mu) + row).sum(1).unwrap_err().to_string();
//! assert!(error.starts_with("a formula's +: the shapes [2, 2] and [3] do not fit"));
//! # Ok::<(), vae_core::Error>(())
//! ```
//!
//! **How a formula begins.** With a function: [`exp`], [`ln`], [`sqr`] and the others take a tensor, a `Var`, another formula or
//! anything that a fallible operation returned, such as `fc.forward(&x)`. Where no function stands at the beginning, [`formula`] does:
//! `(formula(&z) - 3.0)`. From there on `+ - * /` combine formulas, tensors, variables and numbers, on either side.
//!
//! **How it ends.** With one of its methods, which return a `Result`: [`sum`](Formula::sum), [`mean`](Formula::mean),
//! [`sum_all`](Formula::sum_all), [`mean_all`](Formula::mean_all), or [`tensor`](Formula::tensor) for the result as it stands;
//! [`numbers`](Formula::numbers) and [`number`](Formula::number) take it out of the tensor. In the middle of a formula [`sum`](sum()) and [`mean`](mean()) are functions, and `sum(exp(&x), 1)` is a formula again.
//!
//! Shapes that differ are broadcast, as by candle's `broadcast_add`: (B, D) − (D,) and (B, D) / (B, 1) are what they look like.
//! Number types are never converted.

mod functions;
mod gradients;
mod operators;

use std::sync::Arc;

use candle_core::{DType, Tensor, Var};

pub use functions::{
    abs, exp, ln, log1p, matmul, max, mean, mean_all, relu, sigmoid, softplus, sqr, sqrt, sum, sum_all, tanh,
};
pub use gradients::gradients;

use crate::{Error, Result};

/// A tensor that is being computed, or the first error on the way there.
///
/// The [module](self) has an example. Cloning is cheap: clones share their numbers.
#[derive(Clone, Debug)]
#[must_use = "a formula ends with `.sum(1)?`, `.mean_all()?` or `.tensor()?`"]
pub struct Formula(Result<Tensor, Arc<Error>>);

/// The formula that is just `x`, to begin one with: `formula(&z) - 3.0`.
pub fn formula(x: impl Into<Formula>) -> Formula {
    x.into()
}

impl Formula {
    /// The result.
    ///
    /// # Errors
    /// The first error on the way: [`Error::Argument`] with the operation and the shapes, or what the tensor's maker returned.
    pub fn tensor(self) -> Result<Tensor> {
        self.0.map_err(|error| Arc::try_unwrap(error).unwrap_or_else(|shared| Error::argument(shared.to_string())))
    }

    /// All its numbers, row after row, whatever their type.
    ///
    /// # Errors
    /// Those of [`Formula::tensor`].
    pub fn numbers(self) -> Result<Vec<f64>> {
        let x = self.tensor()?;
        Ok(x.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?)
    }

    /// The number that it is: `mean_all(sqr(&x)).number()?`.
    ///
    /// # Errors
    /// Those of [`Formula::tensor`], and [`Error::Shape`] where there are more numbers than one, or none.
    pub fn number(self) -> Result<f64> {
        let x = self.tensor()?;
        match formula(&x).numbers()?[..] {
            [number] => Ok(number),
            _ => Err(Error::Shape { what: "a formula that is a number", expected: "one number".into(), got: x.dims().to_vec() }),
        }
    }

    /// The sum over dimension `dim`, which goes: (B, D) → (B,) for `sum(1)`.
    ///
    /// # Errors
    /// Those of [`Formula::tensor`], and [`Error::Argument`] where there is no such dimension.
    pub fn sum(self, dim: usize) -> Result<Tensor> {
        sum(self, dim).tensor()
    }

    /// The mean over dimension `dim`, which goes.
    ///
    /// # Errors
    /// Those of [`Formula::sum`].
    pub fn mean(self, dim: usize) -> Result<Tensor> {
        mean(self, dim).tensor()
    }

    /// The sum of all numbers, a tensor without dimensions.
    ///
    /// # Errors
    /// Those of [`Formula::tensor`].
    pub fn sum_all(self) -> Result<Tensor> {
        sum_all(self).tensor()
    }

    /// The mean of all numbers, a tensor without dimensions.
    ///
    /// # Errors
    /// Those of [`Formula::tensor`].
    pub fn mean_all(self) -> Result<Tensor> {
        mean_all(self).tensor()
    }

    /// One operation more; its error names it and the shape that it was done to.
    fn then(self, name: &str, f: impl FnOnce(&Tensor) -> candle_core::Result<Tensor>) -> Self {
        Self(self.0.and_then(|x| {
            f(&x).map_err(|error| Arc::new(Error::argument(format!("a formula's {name} of {:?}: {error}", x.dims()))))
        }))
    }
}

impl From<Tensor> for Formula {
    fn from(x: Tensor) -> Self {
        Self(Ok(x))
    }
}

impl From<&Tensor> for Formula {
    fn from(x: &Tensor) -> Self {
        Self(Ok(x.clone()))
    }
}

impl From<&Var> for Formula {
    fn from(x: &Var) -> Self {
        Self(Ok(x.as_tensor().clone()))
    }
}

impl From<&Formula> for Formula {
    fn from(x: &Formula) -> Self {
        x.clone()
    }
}

impl From<Result<Tensor>> for Formula {
    fn from(x: Result<Tensor>) -> Self {
        Self(x.map_err(Arc::new))
    }
}

impl From<candle_core::Result<Tensor>> for Formula {
    fn from(x: candle_core::Result<Tensor>) -> Self {
        Self(x.map_err(|error| Arc::new(error.into())))
    }
}

#[cfg(test)]
mod tests;
