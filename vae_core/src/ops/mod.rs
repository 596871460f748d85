//! The operations, one room each: formula and shapes, candle's own operations as the reference, the CPU path, the CUDA path.

pub(crate) mod activation;
pub(crate) mod convolution;
pub(crate) mod cuda;
pub(crate) mod gradients;
pub(crate) mod kernels;
pub(crate) mod linear;
pub(crate) mod outlet;
pub(crate) mod stack;
