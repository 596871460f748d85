//! On a CUDA device: one pass for bias and nonlinearity, one back, and the sums that are a bias's gradient.

use candle_core::Tensor;

use super::Activation;
use crate::{
    Result,
    ops::{
        cuda::launch::{Arg, Grid, run},
        node::Output,
    },
};

/// The number that a kernel knows a nonlinearity by, and its slope below zero.
pub(crate) fn arguments(activation: Option<Activation>) -> [Arg<'static>; 2] {
    let (kind, slope) = match activation {
        None => (0, 0.0),
        Some(Activation::Rectifier(slope)) => (1, slope),
        Some(Activation::Tanh) => (2, 0.0),
    };
    [Arg::Int(kind), Arg::Float(slope)]
}

/// f(x + b), where x has a row of b's length for each of b's additions.
pub(crate) fn forward(x: &Tensor, bias: &Tensor, activation: Option<Activation>) -> Result<Output> {
    let bias = bias.contiguous()?;
    let [kind, slope] = arguments(activation);
    let numbers = [Arg::Int(x.elem_count()), Arg::Int(bias.elem_count()), kind, slope];
    let args: Vec<_> = [Arg::Tensor(x), Arg::Tensor(&bias)].into_iter().chain(numbers).collect();
    run("bias_activation", x.device(), x.shape(), Grid::Elements, &args)
}

/// dy · f'(x), told from y = f(x).
pub(crate) fn backward(dy: &Tensor, y: &Tensor, activation: Option<Activation>) -> Result<Tensor> {
    if activation.is_none() {
        return Ok(dy.clone());
    }
    let [kind, slope] = arguments(activation);
    let args = [Arg::Tensor(dy), Arg::Tensor(y), Arg::Int(y.elem_count()), kind, slope];
    Ok(run("activation_gradient", y.device(), y.shape(), Grid::Elements, &args)?.tensor())
}

/// The sum of all rows of x, whose last dimension is `width`: (width,).
pub(crate) fn column_sums(x: &Tensor, width: usize) -> Result<Tensor> {
    let rows = x.elem_count() / width;
    // Many rows in two steps, as many sums in the first as each of them has rows: neither is long then.
    let chunk = if rows <= 256 { rows } else { (rows as f64).sqrt().ceil() as usize };
    let parts = rows.div_ceil(chunk);
    let args = [Arg::Tensor(x), Arg::Int(rows), Arg::Int(width), Arg::Int(chunk)];
    let sums = run("row_sums", x.device(), parts * width, Grid::Columns(width, parts), &args)?.tensor();
    if parts == 1 { Ok(sums) } else { column_sums(&sums, width) }
}
