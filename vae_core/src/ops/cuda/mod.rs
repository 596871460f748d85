//! What runs kernels on a CUDA device: launching them, compiling them, and, for tests, emulating them on the CPU.

#[cfg(feature = "cuda")]
mod compile;
#[cfg(test)]
pub(crate) mod emulator;
#[cfg(feature = "cuda")]
pub(crate) mod gpu;
pub(crate) mod launch;

use candle_core::{DType, Device, Tensor};

/// Whether the kernels can work on tensors of this device.
pub(crate) fn has_kernels(device: &Device) -> bool {
    #[cfg(test)]
    if emulator::is_on() {
        return true;
    }
    device.is_cuda()
}

/// Whether the kernels can work on this tensor.
pub(crate) fn kernels_take(x: &Tensor) -> bool {
    has_kernels(x.device()) && x.dtype() == DType::F32 && x.elem_count() > 0
}
