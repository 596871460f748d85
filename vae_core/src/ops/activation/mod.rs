//! f(x + b): a bias, and the nonlinearity that a layer applies to its sums before they leave the processor's caches.
//!
//! ```text
//! rectifier   f(x) = x for x > 0, otherwise s·x, 0 ≤ s ≤ 1        f' = 1 where f(x) > 0, otherwise s
//! tanh        f(x) = tanh x                                         f' = 1 − f(x)²
//! ```
//! Only these, because their derivative can be told from their value: x itself is never kept.

pub(super) mod cuda;

use candle_core::Tensor;

use crate::{Result, ops::kernels::elementwise::multiply};

/// A nonlinearity that layers can apply on their way; the shape stays.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Activation {
    /// With the slope below zero.
    Rectifier(f64),
    Tanh,
}

impl Activation {
    /// The rectifier with that slope below zero; `None` where the slope hides what x was.
    pub(crate) fn rectifier(slope: f64) -> Option<Self> {
        (0.0..=1.0).contains(&slope).then_some(Self::Rectifier(slope))
    }

    /// By candle's own operations, on any device and in any precision.
    pub(crate) fn reference(self, x: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::Rectifier(0.0) => x.relu()?,
            Self::Rectifier(slope) => candle_nn::ops::leaky_relu(x, slope)?,
            Self::Tanh => x.tanh()?,
        })
    }

    /// The slope below zero that a kernel applies to its sums; `None` for a nonlinearity that takes a pass of its own.
    pub(super) fn leak(self) -> Option<f32> {
        match self {
            Self::Rectifier(slope) => Some(slope as f32),
            Self::Tanh => None,
        }
    }

    /// dx · f'(x), told from y = f(x): in place and on this thread.
    pub(super) fn backward(self, y: &[f32], dx: &mut [f32]) {
        match self {
            Self::Tanh => multiply(dx, y, |y| 1.0 - y * y),
            Self::Rectifier(slope) => {
                let slope = slope as f32;
                multiply(dx, y, |y| if y > 0.0 { 1.0 } else { slope });
            }
        }
    }
}

/// Each nonlinearity after a layer.
#[cfg(any(test, feature = "cuda"))]
pub(crate) fn check(place: &super::compare::Place) {
    use super::stack::check::{Case, Dice, agrees};
    let dice = &mut Dice::new(6);
    let rectifiers = [0.0, 0.01, 1.0].map(Activation::rectifier);
    for activation in rectifiers.into_iter().chain([None, Some(Activation::Tanh)]) {
        assert!((0..9).any(|_| agrees(place, &Case::linear(dice, &[9, 70], activation), 50, dice)), "{activation:?}");
    }
    assert_eq!(Activation::rectifier(1.5), None);
}

#[cfg(test)]
mod tests {
    /// The paths agree with the reference in float64, values and gradients.
    #[test]
    fn paths_agree() {
        super::super::compare::everywhere(super::check);
    }
}
