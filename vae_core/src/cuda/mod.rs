//! A page to read: the same notebooks on an NVIDIA GPU.

pub(crate) mod adam;
#[cfg(feature = "cuda")]
mod compile;
pub(crate) mod dist;
#[cfg(test)]
mod emulator;
pub(crate) mod images;
pub(crate) mod launch;
pub(crate) mod node;
pub(crate) mod noise;
#[cfg(test)]
mod tests;

use candle_core::{DType, Device, Tensor};

/// Whether the kernels can work on tensors of this device.
pub(crate) fn on(device: &Device) -> bool {
    #[cfg(test)]
    if emulator::on() {
        return true;
    }
    device.is_cuda()
}

/// Whether the kernels can work on this tensor.
pub(crate) fn takes(x: &Tensor) -> bool {
    on(x.device()) && x.dtype() == DType::F32 && x.elem_count() > 0
}
