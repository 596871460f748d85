//! The fully connected layer, y = x Wᵀ + b.
//!
//! ```text
//! x (B, in)   W (out, in)   b (out)   y (B, out)        dx = dy W        dW = dyᵀ x        db = Σ dy over the batch
//! ```

pub(super) mod cpu;
pub(super) mod cuda;

use candle_core::Tensor;

use crate::Result;

/// By candle's own operations, on any device and in any precision.
pub(super) fn reference(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    Ok(x.matmul(&weight.t()?)?.broadcast_add(bias)?)
}

#[cfg(test)]
mod tests {
    use crate::{
        ops::stack::tests::{Case, agrees, any_activation, pick},
        random::Random,
    };

    /// Layers of random widths, two in a row, agree with candle in float64 on all paths, forward and backward.
    #[test]
    fn linear_layers_agree_with_float64() {
        let random = &mut Random::new(3);
        let mut tried = 0;
        while tried < 100 {
            let sizes: [usize; 3] = std::array::from_fn(|_| pick(random, 1, 150));
            let (batch, activation) = (pick(random, 1, 150), any_activation(random));
            tried += usize::from(agrees(&Case::linear(random, &sizes, activation), batch, random));
        }
    }
}
