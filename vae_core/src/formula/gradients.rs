//! The gradients of a number with respect to several variables.

use candle_core::{Tensor, Var};

use crate::{Error, Result};

/// ∂loss/∂v for each of `variables`, in their order and shapes. A loss of several numbers stands for their sum.
///
/// ```
/// use vae_core::prelude::*;
///
/// let (a, b) = (Var::new(3f64, &Device::Cpu)?, Var::new(4f64, &Device::Cpu)?);
/// let [by_a, by_b] = gradients(&(sqr(&a) * &b).tensor()?, [&a, &b])?; // of a²b
/// assert_eq!([by_a.to_scalar::<f64>()?, by_b.to_scalar::<f64>()?], [24.0, 9.0]);
///
/// // No path is an error and not a zero.
/// let error = gradients(&sqr(&a).tensor()?, [&a, &b]).unwrap_err().to_string();
/// assert!(error.starts_with("variable 2 of 2, of shape [], has no gradient"));
/// # Ok::<(), vae_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Argument`] with the number and shape of a variable on which the loss does not depend, so that a gradient cut by `detach` or
/// by a comparison is not taken for zero; those of candle's backward pass.
pub fn gradients<const N: usize>(loss: &Tensor, variables: [&Var; N]) -> Result<[Tensor; N]> {
    let store = loss.backward()?;
    let of = |(i, variable): (usize, &&Var)| {
        store.get(variable).cloned().ok_or_else(|| {
            Error::argument(format!(
                "variable {} of {N}, of shape {:?}, has no gradient: the loss does not depend on it. Was it left out, \
                 detached on the way, or used in a comparison?",
                i + 1,
                variable.dims()
            ))
        })
    };
    let all = variables.iter().enumerate().map(of).collect::<Result<Vec<_>>>()?;
    all.try_into().map_err(|_| Error::argument("as many gradients as variables"))
}
