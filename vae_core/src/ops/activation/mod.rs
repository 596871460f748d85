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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ops::stack::tests::{Case, agrees},
        random::Random,
    };

    /// Each nonlinearity, with its gradient, is that of candle in float64, on all paths.
    #[test]
    fn activations_agree_with_float64() {
        let random = &mut Random::new(6);
        for activation in [None, Some(0.0), Some(0.01), Some(1.0)].map(|slope| slope.and_then(Activation::rectifier)) {
            agrees(&Case::linear(random, &[9, 70], activation), 50, random);
        }
        agrees(&Case::linear(random, &[9, 70], Some(Activation::Tanh)), 50, random);
        assert_eq!(Activation::rectifier(1.5), None);
    }
}
