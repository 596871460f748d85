//! The length of a gradient.

use candle_core::DType;

use crate::{
    Result,
    nn::{Gradients, Params},
    ops::gradients::Gradient,
};

/// ‖g‖₂ over the gradients of all parameters together (Pascanu et al. 2013). Clipping to a norm c multiplies every
/// gradient by min(1, c / ‖g‖₂); [`Adam::step`](super::Adam::step) takes that factor.
pub fn gradient_norm(params: &Params, gradients: &Gradients) -> Result<f64> {
    let mut sum = 0.0;
    for gradient in params.iter().filter_map(|(_, var)| gradients.gradient(var)) {
        let squares = |numbers: &[f32]| numbers.iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>();
        sum += match gradient {
            Gradient::Tensor(gradient) => gradient.to_dtype(DType::F64)?.sqr()?.sum_all()?.to_scalar::<f64>()?,
            Gradient::Numbers(numbers) => squares(numbers),
        };
    }
    Ok(sum.sqrt())
}
