//! Noise made on the device: the stream of [`Random`](crate::random::Random), number for number.

use candle_core::{Device, Shape, Tensor};

use super::launch::{Arg, Grid, run};
use crate::Result;

/// `shape` draws from U[0, 1), or from N(0, 1), of the generator with this seed from this stream number on.
pub(crate) fn noise(seed: [u8; 32], stream: u64, normal: bool, shape: Shape, device: &Device) -> Result<Tensor> {
    let mut key = [0; 8];
    for (word, bytes) in key.iter_mut().zip(seed.chunks_exact(4)) {
        *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    let count = shape.elem_count();
    let args = [Arg::Int(count), Arg::Key(key), Arg::Long(stream), Arg::Int(normal.into())];
    Ok(run("noise", device, shape, Grid::Threads(count.div_ceil(16)), &args)?.tensor())
}
