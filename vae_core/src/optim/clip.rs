//! The length of a gradient.

use candle_core::{DType, backprop::GradStore};

use crate::{Result, nn::Params};

/// ‖g‖₂ over the gradients of all parameters together (Pascanu et al. 2013). Clipping to a norm c multiplies every
/// gradient by min(1, c / ‖g‖₂); [`Adam::step`](super::Adam::step) takes that factor.
pub fn gradient_norm(params: &Params, gradients: &GradStore) -> Result<f64> {
    let mut sum = 0.0;
    for gradient in params.iter().filter_map(|(_, var)| gradients.get(var)) {
        sum += gradient.sqr()?.sum_all()?.to_dtype(DType::F64)?.to_scalar::<f64>()?;
    }
    Ok(sum.sqrt())
}
