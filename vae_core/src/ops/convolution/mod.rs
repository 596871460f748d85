//! Convolution and its transpose as one geometry with two sides.
//!
//! A convolution maps the *big* side to the *small* one, a transposed convolution the small one to the big one, and each is
//! the other's gradient with respect to the input. The weight is (small channels, big channels, k, k) for both, PyTorch's
//! order, and its gradient is the same sum for both:
//!
//! ```text
//! down     small[a, i] = Σ_{b, u} w[a, b, u] · big[b, i·s + u·d − p]
//! up       big[b, i·s + u·d − p] += w[a, b, u] · small[a, i]
//! weights  w[a, b, u] += Σ_i small[a, i] · big[b, i·s + u·d − p]           (i, u: two coordinates each)
//! ```
//! To either a bias is added, one number for each channel of the output.

pub(super) mod cpu;
pub(super) mod cuda;
mod plan;

use candle_core::Tensor;

use crate::Result;

/// The sizes of both sides and the window between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    /// (height, width) in pixels.
    pub(crate) big: (usize, usize),
    pub(crate) small: (usize, usize),
    pub(crate) big_channels: usize,
    pub(crate) small_channels: usize,
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
    pub(crate) dilation: usize,
}

/// Which side is the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Down,
    Up,
}

impl Direction {
    pub(crate) fn reversed(self) -> Self {
        match self {
            Self::Down => Self::Up,
            Self::Up => Self::Down,
        }
    }
}

/// By candle's own operations, on any device and in any precision; images are (B, C, H, W).
pub(super) fn reference(
    x: &Tensor,
    [weight, bias]: &[Tensor; 2],
    geometry: &Geometry,
    way: Direction,
) -> Result<Tensor> {
    let y = match way {
        Direction::Down => down(x, weight, geometry)?,
        Direction::Up => {
            let Geometry { big, small, kernel, stride, padding, dilation, .. } = *geometry;
            let least = (small.0 - 1) * stride + dilation * (kernel - 1) + 1;
            x.conv_transpose2d(weight, padding, (big.0 + 2 * padding).saturating_sub(least), stride, dilation)?
        }
    };
    Ok(y.broadcast_add(&bias.reshape((1, (), 1, 1))?)?)
}

fn down(x: &Tensor, weight: &Tensor, geometry: &Geometry) -> Result<Tensor> {
    let Geometry { big: (height, width), kernel, stride, padding, dilation, .. } = *geometry;
    // Pixels at the far end that no window reaches.
    let over = |n: usize| (n + 2 * padding).saturating_sub(dilation * (kernel - 1) + 1) % stride;
    if over(height) == over(width) {
        return Ok(x.conv2d(weight, padding, stride, dilation, 1)?);
    }
    // candle 0.11.1 reckons the gradient's size from the height alone, so these pixels are left out beforehand.
    let x = x.pad_with_zeros(2, padding, padding)?.pad_with_zeros(3, padding, padding)?;
    let x = x.narrow(2, 0, height + 2 * padding - over(height))?;
    Ok(x.narrow(3, 0, width + 2 * padding - over(width))?.conv2d(weight, 0, stride, dilation, 1)?)
}

/// Both ways for random sizes, strides, paddings and dilations, with pixels left over that no window reaches; where they are left
/// over in one direction only, candle's gradient exists as well.
#[cfg(any(test, feature = "cuda"))]
pub(crate) fn check(place: &super::compare::Place) {
    use super::stack::check::{Case, Dice, agrees};
    let dice = &mut Dice::new(1);
    for way in [Direction::Down, Direction::Up] {
        let mut tried = 0;
        while tried < 80 {
            let (kernel, stride, dilation, padding) =
                (dice.pick(1, 5), dice.pick(1, 4), dice.pick(1, 3), dice.pick(0, 4));
            let (batch, small) = (dice.pick(1, 40), (dice.pick(1, 8), dice.pick(1, 8)));
            let (big_channels, small_channels) = (dice.pick(1, 20), dice.pick(1, 90));
            let over = [0; 2].map(|_| dice.pick(0, stride));
            let side = |n: usize, over: usize| {
                ((n - 1) * stride + dilation * (kernel - 1) + 1 + over).saturating_sub(2 * padding)
            };
            // A transposed convolution makes as many more of the height as of the width.
            let big = (side(small.0, over[0]), side(small.1, over[usize::from(way == Direction::Down)]));
            if big.0.min(big.1) == 0 {
                continue;
            }
            let geometry = Geometry { big, small, big_channels, small_channels, kernel, stride, padding, dilation };
            let input = match way {
                Direction::Down => [big_channels, big.0, big.1],
                Direction::Up => [small_channels, small.0, small.1],
            };
            let activation = dice.activation();
            let case = Case::new(&input).and_convolution(dice, geometry, way, activation);
            tried += usize::from(agrees(place, &case, batch, dice));
        }
    }
    let (big, small) = ((8, 7), (4, 4));
    let (kernel, stride, padding, dilation) = (3, 2, 2, 2);
    let geometry = Geometry { big, small, big_channels: 3, small_channels: 4, kernel, stride, padding, dilation };
    let case = Case::new(&[3, 8, 7]).and_convolution(dice, geometry, Direction::Down, None);
    assert!(agrees(place, &case, 2, dice), "no gradient");
}

#[cfg(test)]
mod tests {
    /// The paths agree with the reference in float64, values and gradients.
    #[test]
    fn paths_agree() {
        super::super::compare::everywhere(super::check);
    }
}
