//! Layers one after the other, each y = f(layer(x) + b): (B, …) → (B, …).
//!
//! On the CPU they are one operation of candle's ([`cpu`]), on a CUDA device a few launches each ([`cuda`]); both in float32,
//! and anything else goes through candle's own operations. What a layer computes is in the rooms of [`linear`],
//! [`convolution`] and [`activation`](super::activation).

mod cpu;
mod cuda;
mod steps;
#[cfg(test)]
pub(super) mod tests;

use candle_core::Tensor;

use super::{
    activation::Activation,
    convolution::{self, Direction, Geometry},
    linear,
};
use crate::{Error, Result};

/// A layer: what it computes, and with which numbers. Whoever makes one has compared the shapes.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    pub(crate) kind: Kind,
    /// Weight and bias: of two layers for outputs side by side, of none where numbers only change places.
    pub(crate) parameters: Vec<[Tensor; 2]>,
    pub(crate) activation: Option<Activation>,
    /// The shape of the output, without the batch.
    pub(crate) output: Vec<usize>,
}

/// What a layer computes.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// (B, in) → (B, out): x Wᵀ; of several weights the products side by side.
    Linear,
    /// (B, C, H, W) → (B, C', H', W').
    Convolution(Geometry, Direction),
    /// The same numbers in another shape.
    Reshape,
}

impl Layer {
    /// By candle's own operations, on any device and in any precision.
    fn reference(&self, x: &Tensor) -> Result<Tensor> {
        let y = match (&self.kind, &self.parameters[..]) {
            (Kind::Linear, [[weight, bias]]) => linear::reference(x, weight, bias)?,
            (Kind::Linear, several) => {
                let each = several.iter().map(|[weight, bias]| linear::reference(x, weight, bias));
                Tensor::cat(&each.collect::<Result<Vec<_>>>()?, 1)?
            }
            (Kind::Convolution(geometry, way), [parameters]) => convolution::reference(x, parameters, geometry, *way)?,
            (Kind::Convolution(..), _) => return Err(Error::argument("a convolution has one weight and one bias")),
            (Kind::Reshape, _) => x.reshape([&x.dims()[..1], &self.output].concat())?,
        };
        self.activation.map_or(Ok(y.clone()), |activation| activation.reference(&y))
    }
}

/// `x` through all layers.
pub(crate) fn forward(layers: &[Layer], x: &Tensor) -> Result<Tensor> {
    if let Some(y) = cuda::forward(layers, x)? {
        return Ok(y);
    }
    if let Some(y) = cpu::forward(layers, x)? {
        return Ok(y);
    }
    layers.iter().try_fold(x.clone(), |x, layer| layer.reference(&x))
}

/// `x` through layers of which the last has two outputs side by side: each by itself, contiguous.
pub(crate) fn pair(layers: &[Layer], x: &Tensor) -> Result<(Tensor, Tensor)> {
    let widths: Option<Vec<usize>> =
        layers.last().map(|layer| layer.parameters.iter().map(|[_, bias]| bias.elem_count()).collect());
    let Some(&[first, second]) = widths.as_deref() else {
        return Err(Error::argument("expected layers of which the last has two outputs"));
    };
    if let Some(pair) = cuda::pair(layers, x)? {
        return Ok(pair);
    }
    let y = forward(layers, x)?;
    // Contiguous here, once, and not in each operation on them.
    Ok((y.narrow(1, 0, first)?.contiguous()?, y.narrow(1, first, second)?.contiguous()?))
}
