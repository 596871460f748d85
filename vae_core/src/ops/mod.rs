//! The operations, one room each: formula and shapes, candle's own operations as the reference, the CPU path, the CUDA path.

pub(crate) mod cuda;
pub(crate) mod kernels;
pub(crate) mod prefetch;
pub(crate) mod scalars;

pub(crate) use cuda::any_thread;
