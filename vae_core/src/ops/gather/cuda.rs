//! On a CUDA device: a thread for each number.

use candle_core::Tensor;

use super::Sides;
use crate::{
    Result,
    ops::cuda::launch::{Arg, Grid, run},
};

/// The images number `order`[0], `order`[1], … of `bytes` (N · C · H · W,). Every number of `order` (B,) must be below N.
pub(super) fn gather(bytes: &Tensor, order: &Tensor, (c, h, w): Sides) -> Result<Tensor> {
    let images = order.elem_count();
    let count = images * c * h * w;
    let args = [Arg::Tensor(bytes), Arg::Tensor(order), Arg::Int(count), Arg::Int(c * h * w)];
    Ok(run("gather", bytes.device(), (images, c, h, w), Grid::Elements, &args)?.tensor())
}
