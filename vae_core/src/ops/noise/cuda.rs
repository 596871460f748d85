//! On a CUDA device: a thread for each 16 numbers, a block of ChaCha's own.

use candle_core::{Device, Shape, Tensor};

use super::Kind;
use crate::{
    Result,
    ops::cuda::launch::{Arg, Grid, run},
};

pub(super) fn noise(kind: Kind, seed: [u8; 32], position: u64, shape: Shape, device: &Device) -> Result<Tensor> {
    let mut key = [0; 8];
    for (word, bytes) in key.iter_mut().zip(seed.as_chunks().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    let count = shape.elem_count();
    let args = [Arg::Int(count), Arg::Key(key), Arg::Long(position), Arg::Int((kind == Kind::Normal).into())];
    Ok(run("noise", device, shape, Grid::Threads(count.div_ceil(16)), &args)?.tensor())
}
