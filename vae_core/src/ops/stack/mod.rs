//! Layers one after the other, each y = f(layer(x) + b): (B, …) → (B, …).
//!
//! On the CPU they are one operation of candle's ([`cpu`]), or no operation where nobody wants gradients ([`tiles`]); on a CUDA device
//! a few launches each ([`cuda`]); all in float32, and anything else goes through candle's own operations. What a layer computes is in the rooms of [`linear`],
//! [`convolution`] and [`activation`](super::activation).

#[cfg(any(test, feature = "cuda"))]
pub(crate) mod check;
mod cpu;
mod cuda;
mod steps;
mod tiles;

use candle_core::Tensor;

use super::{
    Path,
    activation::Activation,
    convolution::{self, Direction, Geometry},
    linear, no_grad, path,
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
    /// Another shape of as many numbers.
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

/// The path of all layers together.
fn path_of(layers: &[Layer], x: &Tensor) -> Path {
    let mut parameters = layers.iter().flat_map(|layer| &layer.parameters).flatten().peekable();
    let own = path([x]);
    // Where numbers only change places there is nothing to be sped up.
    if parameters.peek().is_some() && parameters.all(|parameter| path([parameter]) == own) {
        own
    } else {
        Path::Reference
    }
}

/// `x` through all layers.
pub(crate) fn forward(layers: &[Layer], x: &Tensor) -> Result<Tensor> {
    match path_of(layers, x) {
        Path::Cuda => cuda::forward(layers, x),
        Path::Cpu if no_grad::active() => tiles::forward(layers, x),
        Path::Cpu => cpu::forward(layers, x),
        Path::Reference => layers.iter().try_fold(x.clone(), |x, layer| layer.reference(&x).map(no_grad::result)),
    }
}

/// `x` through layers of which the last has two outputs side by side: each by itself, contiguous.
pub(crate) fn pair(layers: &[Layer], x: &Tensor) -> Result<(Tensor, Tensor)> {
    let Some((last, before)) = layers.split_last() else {
        return Err(Error::argument("expected layers, of which the last has two outputs, got none"));
    };
    let [first, second] = &last.parameters[..] else {
        let problem = format!("expected two outputs of the last layer, got {}", last.parameters.len());
        return Err(Error::argument(problem));
    };
    if path_of(layers, x) == Path::Cuda {
        // Each by itself: no need to put them side by side.
        let x = cuda::forward(before, x)?;
        let head = |parameters| linear::cuda::forward(&x, parameters, last.activation);
        return Ok((head(first)?, head(second)?));
    }
    let (y, [first, second]) = (forward(layers, x)?, [first, second].map(|[_, bias]| bias.elem_count()));
    // Contiguous here, once, and not in each operation on them.
    Ok((y.narrow(1, 0, first)?.contiguous()?, y.narrow(1, first, second)?.contiguous()?))
}

#[cfg(test)]
mod tests {
    /// The paths agree with the reference in float64, values and gradients.
    #[test]
    fn paths_agree() {
        crate::ops::compare::everywhere(super::check::check);
    }
}
