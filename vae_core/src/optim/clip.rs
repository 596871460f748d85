//! The length of a gradient.

use candle_core::DType;

use crate::{
    Result,
    nn::{Gradient, GradientSource, Params},
};

/// ‖g‖₂ over the gradients of all parameters together (Pascanu et al. 2013). Clipping to a norm c multiplies every
/// gradient by min(1, c / ‖g‖₂); [`Adam::step`](super::Adam::step) takes that factor.
pub fn gradient_norm(params: &Params, gradients: &impl GradientSource) -> Result<f64> {
    let mut sum = 0.0;
    for gradient in params.iter().filter_map(|(_, var)| gradients.gradient(var)) {
        sum += match gradient {
            Gradient::Tensor(gradient) => gradient.to_dtype(DType::F64)?.sqr()?.sum_all()?.to_scalar::<f64>()?,
            Gradient::Numbers(numbers) => numbers.iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>(),
        };
    }
    Ok(sum.sqrt())
}
