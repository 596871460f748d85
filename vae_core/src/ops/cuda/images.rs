//! Batches gathered on the device.

use candle_core::Tensor;

use super::launch::{Arg, Grid, run};
use crate::Result;

/// The images number `order`[0], `order`[1], … of `bytes` (N, C·H·W), with values in [0, 1]: (B, C, H, W). Every number of
/// `order` (B,) must be below N.
pub(crate) fn gather(bytes: &Tensor, order: &Tensor, (c, h, w): (usize, usize, usize)) -> Result<Tensor> {
    let images = order.elem_count();
    let count = images * c * h * w;
    let args = [Arg::Tensor(bytes), Arg::Tensor(order), Arg::Int(count), Arg::Int(c * h * w)];
    Ok(run("gather", bytes.device(), (images, c, h, w), Grid::Elements, &args)?.tensor())
}
