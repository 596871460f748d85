//! On a CUDA device: a convolution gathers the window of each output pixel into a row; a transposed one multiplies first and
//! adds up overlapping windows then. Matrix products are cuBLAS's, images channels last, (B, H, W, C).
//!
//! ```text
//! down   y = f(windows(x) Wᵀ + b)        dW = dyᵀ windows(x)        dx = overlap(dy W)
//! up     y = f(overlap(x W) + b)         dW = xᵀ windows(dy)        dx = windows(dy) Wᵀ
//! ```

use candle_core::Tensor;

use super::{Direction, Geometry};
use crate::{
    Result,
    ops::{
        activation::{self, Activation},
        cuda::launch::{Arg, Grid, run},
        gradients::{Collected, collect},
        node::{Output, node3},
    },
};

/// f(the convolution + b), channels last.
pub(crate) fn forward(
    x: &Tensor,
    parameters: &[Tensor; 2],
    geometry: &Geometry,
    way: Direction,
    activation: Option<Activation>,
) -> Result<Tensor> {
    match way {
        Direction::Down => down(x, parameters, *geometry, activation),
        Direction::Up => up(x, parameters, *geometry, activation),
    }
}

impl Geometry {
    /// Numbers in one window.
    fn window(&self) -> usize {
        self.kernel * self.kernel * self.big_channels
    }

    fn arguments(&self) -> [Arg<'static>; 9] {
        let Self { big_channels, big, small, kernel, stride, padding, dilation, .. } = *self;
        [big_channels, big.0, big.1, small.0, small.1, kernel, stride, padding, dilation].map(Arg::Int)
    }

    /// (B, H, W, C) of the big side → (B·h·w, k·k·C), a row for each pixel of the small one.
    fn windows(&self, x: &Tensor) -> Result<Tensor> {
        let rows = x.elem_count() / (self.big_channels * self.big.0 * self.big.1) * self.small.0 * self.small.1;
        let mut args = vec![Arg::Tensor(x), Arg::Int(rows * self.window())];
        args.extend(self.arguments());
        Ok(run("windows", x.device(), (rows, self.window()), Grid::Elements, &args)?.tensor())
    }

    /// The other way, summed where windows overlap: (B·h·w, k·k·C) → f(bias + (B, H, W, C)).
    fn overlap(&self, columns: &Tensor, bias: Option<&Tensor>, activation: Option<Activation>) -> Result<Output> {
        let batch = columns.dims()[0] / (self.small.0 * self.small.1);
        let shape = (batch, self.big.0, self.big.1, self.big_channels);
        let mut args = vec![Arg::Tensor(columns), bias.map_or(Arg::Null, Arg::Tensor)];
        args.push(Arg::Int(batch * self.big.0 * self.big.1 * self.big_channels));
        args.extend(self.arguments());
        args.extend(activation::cuda::arguments(activation));
        run("overlap", columns.device(), shape, Grid::Elements, &args)
    }
}

/// A weight (S, C, k, k) as a matrix (S, k·k·C), S being the channels of the small side.
fn matrix(weight: &Tensor) -> Result<Tensor> {
    Ok(weight.detach().permute((0, 2, 3, 1))?.contiguous()?.flatten_from(1)?)
}

/// The gradient of such a matrix in the shape of its weight.
fn like_weight(gradient: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let (s, c, k, _) = weight.dims4()?;
    Ok(gradient.reshape((s, k, k, c))?.permute((0, 3, 1, 2))?.contiguous()?)
}

fn down(
    x: &Tensor,
    [weight, bias]: &[Tensor; 2],
    geometry: Geometry,
    activation: Option<Activation>,
) -> Result<Tensor> {
    let Geometry { small: (oh, ow), small_channels: outputs, .. } = geometry;
    let batch = x.dims()[0];
    let product = geometry.windows(x)?.matmul(&matrix(weight)?.t()?)?.reshape((batch, oh, ow, outputs))?;
    let y = activation::cuda::forward(&product, bias, activation)?;
    node3("vae_core convolution", (x, weight, bias), y, move |[x, weight, bias], y, dy| {
        let dy = activation::cuda::backward(dy, y, activation)?.reshape((batch * oh * ow, outputs))?;
        let dx = match x.track_op() {
            true => Some(geometry.overlap(&dy.matmul(&matrix(weight)?)?, None, None)?.tensor()),
            false => None,
        };
        let dw = like_weight(&dy.t()?.matmul(&geometry.windows(x)?)?, weight)?;
        let db = activation::cuda::column_sums(&dy, outputs)?;
        Ok([dx, collect(weight, Collected::Tensor(dw))?, collect(bias, Collected::Tensor(db))?])
    })
}

fn up(x: &Tensor, [weight, bias]: &[Tensor; 2], geometry: Geometry, activation: Option<Activation>) -> Result<Tensor> {
    let rows = (x.elem_count() / geometry.small_channels, geometry.small_channels);
    let columns = x.detach().reshape(rows)?.matmul(&matrix(weight)?)?;
    let y = geometry.overlap(&columns, Some(&bias.contiguous()?), activation)?;
    node3("vae_core transposed convolution", (x, weight, bias), y, move |[x, weight, bias], y, dy| {
        let dy = activation::cuda::backward(dy, y, activation)?;
        let columns = geometry.windows(&dy)?;
        let dx = match x.track_op() {
            true => Some(columns.matmul(&matrix(weight)?.t()?)?.reshape(x.shape())?),
            false => None,
        };
        let dw = like_weight(&x.detach().reshape(rows)?.t()?.matmul(&columns)?, weight)?;
        let db = activation::cuda::column_sums(&dy, geometry.big_channels)?;
        Ok([dx, collect(weight, Collected::Tensor(dw))?, collect(bias, Collected::Tensor(db))?])
    })
}
