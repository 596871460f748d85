//! The functions of formulas: element by element, over a dimension, and the product of matrices.

use candle_core::{Result, Tensor};

use super::{Formula, operators::pair};

/// eˣ.
pub fn exp(x: impl Into<Formula>) -> Formula {
    x.into().then("exp", Tensor::exp)
}

/// ln x, the natural logarithm.
pub fn ln(x: impl Into<Formula>) -> Formula {
    x.into().then("ln", Tensor::log)
}

/// x².
pub fn sqr(x: impl Into<Formula>) -> Formula {
    x.into().then("sqr", Tensor::sqr)
}

/// √x.
pub fn sqrt(x: impl Into<Formula>) -> Formula {
    x.into().then("sqrt", Tensor::sqrt)
}

/// |x|.
pub fn abs(x: impl Into<Formula>) -> Formula {
    x.into().then("abs", Tensor::abs)
}

/// max(x, 0).
pub fn relu(x: impl Into<Formula>) -> Formula {
    x.into().then("relu", Tensor::relu)
}

/// σ(x) = 1 / (1 + e⁻ˣ), from logits to probabilities.
pub fn sigmoid(x: impl Into<Formula>) -> Formula {
    x.into().then("sigmoid", candle_nn::ops::sigmoid)
}

/// The hyperbolic tangent.
pub fn tanh(x: impl Into<Formula>) -> Formula {
    x.into().then("tanh", Tensor::tanh)
}

/// ln(1 + eˣ) = max(x, 0) + ln(1 + e^−|x|), which neither overflows nor rounds to ln 0; its slope is σ(x).
pub fn softplus(x: impl Into<Formula>) -> Formula {
    // max(x, 0) as (x + |x|) / 2: then the slope at 0 is ½ whichever slope |x| is given there.
    x.into().then("softplus", |x| ((x + x.abs()?)? * 0.5)? + log_of_one_plus(&x.abs()?.neg()?.exp()?)?)
}

/// ln(1 + x), exact for small x too, where 1 + x rounds to 1.
pub fn log1p(x: impl Into<Formula>) -> Formula {
    x.into().then("log1p", log_of_one_plus)
}

/// Below this the series is used.
const SMALL: f64 = 1.0 / 32.0;

/// Mercator's series where |x| is small, the logarithm elsewhere.
fn log_of_one_plus(x: &Tensor) -> Result<Tensor> {
    let near = x.clamp(-SMALL, SMALL)?; // so that no power overflows where the series is not used
    // x − x²/2 + x³/3 − … + x⁹/9, by Horner's rule; what is left out is below 3·10⁻¹⁵ of x.
    let mut series = near.affine(0.0, 1.0 / 9.0)?;
    for power in (1..9).rev() {
        series = (1.0 / f64::from(power) - (&near * series)?)?;
    }
    x.abs()?.lt(SMALL)?.where_cond(&(near * series)?, &(x + 1.0)?.log()?)
}

/// The sum over dimension `dim`, which goes.
pub fn sum(x: impl Into<Formula>, dim: usize) -> Formula {
    x.into().then(&format!("sum over dimension {dim}"), |x| x.sum(dim))
}

/// The mean over dimension `dim`, which goes.
pub fn mean(x: impl Into<Formula>, dim: usize) -> Formula {
    x.into().then(&format!("mean over dimension {dim}"), |x| x.mean(dim))
}

/// The largest number over dimension `dim`, which goes.
pub fn max(x: impl Into<Formula>, dim: usize) -> Formula {
    x.into().then(&format!("max over dimension {dim}"), |x| x.max(dim))
}

/// The sum of all numbers.
pub fn sum_all(x: impl Into<Formula>) -> Formula {
    x.into().then("sum_all", Tensor::sum_all)
}

/// The mean of all numbers.
pub fn mean_all(x: impl Into<Formula>) -> Formula {
    x.into().then("mean_all", Tensor::mean_all)
}

/// The product of matrices, (…, m, k) × (…, k, n) → (…, m, n); leading dimensions are broadcast.
pub fn matmul(a: impl Into<Formula>, b: impl Into<Formula>) -> Formula {
    let fit = |a: &[usize], b: &[usize]| matches!((a, b), ([.., _, k], [.., l, _]) if k == l);
    let rule = "the last dimension of the first must be the last but one of the second: (m, k) × (k, n)";
    pair("matmul", a.into(), b.into(), fit, rule, Tensor::broadcast_matmul)
}
