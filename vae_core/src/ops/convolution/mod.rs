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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ops::stack::tests::{Case, agrees, any_activation, pick},
        random::Random,
    };

    /// A geometry whose small side has this size, with pixels left over that no window reaches, as many of the height as of the
    /// width if `even`; `None` where nothing would be left of the big side.
    fn geometry(random: &mut Random, small: (usize, usize), channels: (usize, usize), even: bool) -> Option<Geometry> {
        let (stride, kernel, dilation) = (pick(random, 1, 4), pick(random, 1, 5), pick(random, 1, 3));
        let (padding, over) = (pick(random, 0, 4), [0; 2].map(|_| pick(random, 0, stride)));
        let side = |n: usize, over: usize| {
            let side = ((n - 1) * stride + dilation * (kernel - 1) + 1 + over).checked_sub(2 * padding);
            side.filter(|&n| n > 0)
        };
        let big = (side(small.0, over[0])?, side(small.1, over[usize::from(!even)])?);
        let (big_channels, small_channels) = channels;
        Some(Geometry { big, small, big_channels, small_channels, kernel, stride, padding, dilation })
    }

    fn try_many(seed: u64, way: Direction) {
        let random = &mut Random::new(seed);
        let mut tried = 0;
        while tried < 150 {
            let (batch, small) = (pick(random, 1, 40), (pick(random, 1, 8), pick(random, 1, 8)));
            let channels = (pick(random, 1, 20), pick(random, 1, 90));
            let Some(geometry) = geometry(random, small, channels, way == Direction::Up) else { continue };
            let input = match way {
                Direction::Down => [geometry.big_channels, geometry.big.0, geometry.big.1],
                Direction::Up => [geometry.small_channels, small.0, small.1],
            };
            let activation = any_activation(random);
            let case = Case::new(&input).and_convolution(random, geometry, way, activation);
            tried += usize::from(agrees(&case, batch, random));
        }
    }

    /// Convolutions of random sizes, strides, paddings and dilations agree with candle in float64 on all paths, forward and
    /// backward.
    #[test]
    fn convolutions_agree_with_float64() {
        try_many(1, Direction::Down);
    }

    /// Transposed convolutions of random sizes, strides, paddings, output paddings and dilations do, too.
    #[test]
    fn transposed_convolutions_agree_with_float64() {
        try_many(2, Direction::Up);
    }

    /// candle's own gradient of a strided convolution with holes exists also where the window leaves a pixel over in one
    /// direction only.
    #[test]
    fn the_reference_has_a_gradient_where_pixels_are_left_over() {
        let random = &mut Random::new(3);
        let geometry = Geometry {
            big: (8, 7),
            small: (4, 4),
            big_channels: 3,
            small_channels: 4,
            kernel: 3,
            stride: 2,
            padding: 2,
            dilation: 2,
        };
        let case = Case::new(&[3, 8, 7]).and_convolution(random, geometry, Direction::Down, None);
        assert!(agrees(&case, 2, random));
    }
}
