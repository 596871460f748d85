//! A [`Stack`](super::Stack) on a CUDA device, float32: matrix products by cuBLAS, and one kernel for what comes around each.
//!
//! Images are channels last, (B, H, W, C), from the first convolution to the last. A convolution gathers the window of each
//! output pixel into a row; a transposed one multiplies first and adds up overlapping windows then:
//!
//! ```text
//! y = f(windows(x) Wᵀ + b)        dW = dyᵀ windows(x)        dx = overlap(dy W)
//! y = f(overlap(x W) + b)         dW = xᵀ windows(dy)        dx = windows(dy) Wᵀ
//! ```

use candle_core::Tensor;

use super::{
    Activation, Conv2d, ConvTranspose2d, Layer, Linear, fused,
    gradients::{Collected, collect},
};
use crate::{
    Error, Result,
    ops::cuda::{
        launch::{Arg, Grid, Output, run},
        node::node3,
        takes,
    },
};

/// The stack on `x`, with the shapes after each layer, unless it needs the general path.
pub(super) fn forward(
    layers: &[(Layer, Option<Activation>)],
    shapes: &[Vec<usize>],
    x: &Tensor,
) -> Result<Option<Tensor>> {
    if !(takes(x) && layers.iter().all(fits)) {
        return Ok(None);
    }
    let (mut x, mut last) = (x.contiguous()?, false);
    for ((layer, activation), shape) in layers.iter().zip(shapes) {
        x = match layer {
            Layer::Linear(layer) => linear(&x, layer, *activation)?,
            Layer::Pair(first, second) => {
                Tensor::cat(&[linear(&x, first, *activation)?, linear(&x, second, *activation)?], 1)?
            }
            Layer::Conv2d(layer) => {
                x = channels_last(&x, &mut last)?;
                conv(&x, layer, *activation, shape)?
            }
            Layer::ConvTranspose2d(layer) => {
                x = channels_last(&x, &mut last)?;
                conv_transpose(&x, layer, *activation, shape)?
            }
            Layer::Flatten => channels_first(&x, &mut last)?.flatten_from(1)?,
            &Layer::Unflatten(c, h, w) => x.reshape(((), c, h, w))?,
        };
    }
    channels_first(&x, &mut last).map(Some)
}

/// The outputs of a stack that ends in two layers on the same input, each by itself: no need to put them side by side.
pub(super) fn forward_pair(
    layers: &[(Layer, Option<Activation>)],
    shapes: &[Vec<usize>],
    x: &Tensor,
) -> Result<Option<(Tensor, Tensor)>> {
    let Some(((Layer::Pair(first, second), activation), before)) = layers.split_last() else { return Ok(None) };
    if !layers.iter().all(fits) {
        return Ok(None);
    }
    let Some(x) = forward(before, &shapes[..before.len()], x)? else { return Ok(None) };
    Ok(Some((linear(&x, first, *activation)?, linear(&x, second, *activation)?)))
}

fn fits((layer, activation): &(Layer, Option<Activation>)) -> bool {
    let both = |weight: &Tensor, bias: &Tensor| takes(weight) && takes(bias);
    fused::supported(*activation)
        && match layer {
            Layer::Linear(layer) => both(&layer.weight, &layer.bias),
            Layer::Pair(a, b) => both(&a.weight, &a.bias) && both(&b.weight, &b.bias),
            Layer::Conv2d(layer) => both(&layer.weight, &layer.bias),
            Layer::ConvTranspose2d(layer) => both(&layer.weight, &layer.bias),
            Layer::Flatten | Layer::Unflatten(..) => activation.is_none(),
        }
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

/// The number that a kernel knows a nonlinearity by, and its slope below zero.
fn kind(activation: Option<Activation>) -> [Arg<'static>; 2] {
    let (kind, slope) = match activation {
        None => (0, 0.0),
        Some(Activation::Relu) => (1, 0.0),
        Some(Activation::LeakyRelu(slope)) => (1, slope),
        Some(Activation::Tanh) => (2, 0.0),
    };
    [Arg::Int(kind), Arg::Float(slope)]
}

/// f(x + b), where x has a row of b's length for each of b's additions.
fn bias_activation(x: &Tensor, bias: &Tensor, activation: Option<Activation>) -> Result<Output> {
    let bias = bias.contiguous()?;
    let [kind, slope] = kind(activation);
    let numbers = [Arg::Int(x.elem_count()), Arg::Int(bias.elem_count()), kind, slope];
    let args: Vec<_> = [Arg::Tensor(x), Arg::Tensor(&bias)].into_iter().chain(numbers).collect();
    run("bias_activation", x.device(), x.shape(), Grid::Elements, &args)
}

/// dy · f'(x), told from y = f(x).
fn before_activation(dy: &Tensor, y: &Tensor, activation: Option<Activation>) -> Result<Tensor> {
    if activation.is_none() {
        return Ok(dy.clone());
    }
    let [kind, slope] = kind(activation);
    let args = [Arg::Tensor(dy), Arg::Tensor(y), Arg::Int(y.elem_count()), kind, slope];
    Ok(run("activation_gradient", y.device(), y.shape(), Grid::Elements, &args)?.tensor())
}

/// The sum of all rows of x, whose last dimension is `width`: (width,).
fn column_sums(x: &Tensor, width: usize) -> Result<Tensor> {
    let rows = x.elem_count() / width;
    // Many rows in two steps, as many sums in the first as each of them has rows: neither is long then.
    let chunk = if rows <= 256 { rows } else { (rows as f64).sqrt().ceil() as usize };
    let parts = rows.div_ceil(chunk);
    let args = [Arg::Tensor(x), Arg::Int(rows), Arg::Int(width), Arg::Int(chunk)];
    let sums = run("row_sums", x.device(), parts * width, Grid::Columns(width, parts), &args)?.tensor();
    if parts == 1 { Ok(sums) } else { column_sums(&sums, width) }
}

fn linear(x: &Tensor, layer: &Linear, activation: Option<Activation>) -> Result<Tensor> {
    let x = x.contiguous()?;
    let product = x.detach().matmul(&layer.weight.detach().t()?)?;
    let y = bias_activation(&product, &layer.bias, activation)?;
    node3("vae_core linear", (&x, &layer.weight, &layer.bias), y, move |[x, weight, bias], y, dy| {
        let dy = before_activation(dy, y, activation)?;
        let dx = if x.track_op() { Some(dy.matmul(&weight.detach())?) } else { None };
        let dw = dy.t()?.matmul(&x.detach())?;
        Ok([
            dx,
            collect(weight, Collected::Tensor(dw))?,
            collect(bias, Collected::Tensor(column_sums(&dy, bias.elem_count())?))?,
        ])
    })
}

/// A convolution between a large image and a small one, whichever way.
#[derive(Clone, Copy)]
struct Geometry {
    /// Channels of the large image.
    channels: usize,
    big: (usize, usize),
    small: (usize, usize),
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
}

impl Geometry {
    /// Numbers in one window.
    fn window(&self) -> usize {
        self.kernel * self.kernel * self.channels
    }

    fn numbers(&self) -> [Arg<'static>; 9] {
        let Self { channels, big, small, kernel, stride, padding, dilation } = *self;
        [channels, big.0, big.1, small.0, small.1, kernel, stride, padding, dilation].map(Arg::Int)
    }

    /// (B, H, W, C) of the large image → (B·h·w, k·k·C), a row for each pixel of the small one.
    fn windows(&self, x: &Tensor) -> Result<Tensor> {
        let rows = x.elem_count() / (self.channels * self.big.0 * self.big.1) * self.small.0 * self.small.1;
        let mut args = vec![Arg::Tensor(x), Arg::Int(rows * self.window())];
        args.extend(self.numbers());
        Ok(run("windows", x.device(), (rows, self.window()), Grid::Elements, &args)?.tensor())
    }

    /// The other way, summed where windows overlap: (B·h·w, k·k·C) → f(bias + (B, H, W, C)).
    fn overlap(&self, columns: &Tensor, bias: Option<&Tensor>, activation: Option<Activation>) -> Result<Output> {
        let batch = columns.dims()[0] / (self.small.0 * self.small.1);
        let shape = (batch, self.big.0, self.big.1, self.channels);
        let mut args = vec![Arg::Tensor(columns), bias.map_or(Arg::Null, Arg::Tensor)];
        args.push(Arg::Int(batch * self.big.0 * self.big.1 * self.channels));
        args.extend(self.numbers());
        args.extend(kind(activation));
        run("overlap", columns.device(), shape, Grid::Elements, &args)
    }
}

/// A weight (S, C, k, k) as a matrix (S, k·k·C), S being the channels of the small image.
fn matrix(weight: &Tensor) -> Result<Tensor> {
    Ok(weight.detach().permute((0, 2, 3, 1))?.contiguous()?.flatten_from(1)?)
}

/// The gradient of such a matrix in the shape of its weight.
fn like_weight(gradient: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let (s, c, k, _) = weight.dims4()?;
    Ok(gradient.reshape((s, k, k, c))?.permute((0, 3, 1, 2))?.contiguous()?)
}

/// Channels, height and width.
fn image(shape: &[usize]) -> Result<[usize; 3]> {
    shape.try_into().map_err(|_| Error::argument(format!("expected (channels, height, width), got {shape:?}")))
}

fn conv(x: &Tensor, layer: &Conv2d, activation: Option<Activation>, shape: &[usize]) -> Result<Tensor> {
    let (batch, height, width, channels) = x.dims4()?;
    let [outputs, oh, ow] = image(shape)?;
    let super::Conv2dConfig { kernel, stride, padding, dilation, .. } = layer.config;
    let geometry = Geometry { channels, big: (height, width), small: (oh, ow), kernel, stride, padding, dilation };
    let product = geometry.windows(x)?.matmul(&matrix(&layer.weight)?.t()?)?.reshape((batch, oh, ow, outputs))?;
    let y = bias_activation(&product, &layer.bias, activation)?;
    node3("vae_core convolution", (x, &layer.weight, &layer.bias), y, move |[x, weight, bias], y, dy| {
        let dy = before_activation(dy, y, activation)?.reshape((batch * oh * ow, outputs))?;
        let dx = match x.track_op() {
            true => Some(geometry.overlap(&dy.matmul(&matrix(weight)?)?, None, None)?.tensor()),
            false => None,
        };
        let dw = like_weight(&dy.t()?.matmul(&geometry.windows(x)?)?, weight)?;
        Ok([dx, collect(weight, Collected::Tensor(dw))?, collect(bias, Collected::Tensor(column_sums(&dy, outputs)?))?])
    })
}

fn conv_transpose(
    x: &Tensor,
    layer: &ConvTranspose2d,
    activation: Option<Activation>,
    shape: &[usize],
) -> Result<Tensor> {
    let (batch, height, width, inputs) = x.dims4()?;
    let [channels, oh, ow] = image(shape)?;
    let super::ConvTranspose2dConfig { kernel, stride, padding, dilation, .. } = layer.config;
    let geometry = Geometry { channels, big: (oh, ow), small: (height, width), kernel, stride, padding, dilation };
    let rows = (batch * height * width, inputs);
    let columns = x.detach().reshape(rows)?.matmul(&matrix(&layer.weight)?)?;
    let y = geometry.overlap(&columns, Some(&layer.bias.contiguous()?), activation)?;
    node3("vae_core transposed convolution", (x, &layer.weight, &layer.bias), y, move |[x, weight, bias], y, dy| {
        let dy = before_activation(dy, y, activation)?;
        let columns = geometry.windows(&dy)?;
        let dx = match x.track_op() {
            true => Some(columns.matmul(&matrix(weight)?.t()?)?.reshape(x.shape())?),
            false => None,
        };
        let dw = like_weight(&x.detach().reshape(rows)?.t()?.matmul(&columns)?, weight)?;
        Ok([
            dx,
            collect(weight, Collected::Tensor(dw))?,
            collect(bias, Collected::Tensor(column_sums(&dy, channels)?))?,
        ])
    })
}
