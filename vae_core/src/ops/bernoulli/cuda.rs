//! On a CUDA device: a block of threads for each item.

use candle_core::Tensor;

use crate::{
    Result,
    ops::{
        cuda::launch::{Arg, Grid, run},
        node::Output,
        width,
    },
};

/// log p(x|l): contiguous (B, …) twice → (B,).
pub(super) fn log_prob(logits: &Tensor, x: &Tensor) -> Result<Output> {
    let (items, args) = (x.dims()[0], [Arg::Tensor(logits), Arg::Tensor(x), Arg::Int(width(x))]);
    run("bernoulli", x.device(), items, Grid::Blocks(items), &args)
}

/// The gradient of the logits, from that of each item's log-probability.
pub(super) fn gradient(logits: &Tensor, x: &Tensor, dy: &Tensor) -> Result<Tensor> {
    let [a, b, c] = [logits, x, dy].map(Arg::Tensor);
    let args = [a, b, c, Arg::Int(x.elem_count()), Arg::Int(width(x))];
    Ok(run("bernoulli_gradient", x.device(), logits.shape(), Grid::Elements, &args)?.tensor())
}

/// σ(l).
pub(super) fn mean(logits: &Tensor) -> Result<Output> {
    let args = [Arg::Tensor(logits), Arg::Int(logits.elem_count())];
    run("sigmoid", logits.device(), logits.shape(), Grid::Elements, &args)
}
