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

/// Layers of random widths, two in a row.
#[cfg(any(test, feature = "cuda"))]
pub(crate) fn check(place: &super::compare::Place) {
    use super::stack::check::{Case, Dice, agrees};
    let dice = &mut Dice::new(3);
    let mut tried = 0;
    while tried < 60 {
        let sizes: [usize; 3] = std::array::from_fn(|_| dice.pick(1, 150));
        let (batch, activation) = (dice.pick(1, 150), dice.activation());
        tried += usize::from(agrees(place, &Case::linear(dice, &sizes, activation), batch, dice));
    }
}

#[cfg(test)]
mod tests {
    /// The paths agree with the reference in float64, values and gradients.
    #[test]
    fn paths_agree() {
        super::super::compare::everywhere(super::check);
    }
}
