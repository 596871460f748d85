//! On a CUDA device: one layer after the other, images channels last, (B, H, W, C), from the first convolution to the last.

use candle_core::Tensor;

use super::{Kind, Layer};
use crate::{
    Error, Result,
    ops::{convolution, linear},
};

/// All layers.
pub(super) fn forward(layers: &[Layer], x: &Tensor) -> Result<Tensor> {
    let (mut x, mut last) = (x.contiguous()?, false);
    for layer in layers {
        x = match (&layer.kind, &layer.parameters[..]) {
            (Kind::Linear, [parameters]) => linear::cuda::forward(&x, parameters, layer.activation)?,
            (Kind::Linear, several) => {
                let each = several.iter().map(|parameters| linear::cuda::forward(&x, parameters, layer.activation));
                Tensor::cat(&each.collect::<Result<Vec<_>>>()?, 1)?
            }
            (Kind::Convolution(geometry, way), [parameters]) => {
                let x = channels_last(&x, &mut last)?;
                convolution::cuda::forward(&x, parameters, geometry, *way, layer.activation)?
            }
            (Kind::Convolution(..), _) => return Err(Error::argument("a convolution has one weight and one bias")),
            (Kind::Reshape, _) => {
                let x = channels_first(&x, &mut last)?;
                x.reshape([&x.dims()[..1], &layer.output].concat())?
            }
        };
    }
    channels_first(&x, &mut last)
}

fn channels_last(x: &Tensor, last: &mut bool) -> Result<Tensor> {
    if std::mem::replace(last, true) {
        return Ok(x.clone());
    }
    Ok(x.permute((0, 2, 3, 1))?.contiguous()?)
}

fn channels_first(x: &Tensor, last: &mut bool) -> Result<Tensor> {
    if !std::mem::replace(last, false) {
        return Ok(x.clone());
    }
    Ok(x.permute((0, 3, 1, 2))?.contiguous()?)
}
