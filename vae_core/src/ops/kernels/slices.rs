//! The numbers of candle's tensors as slices.

use candle_core::{CpuStorage, DType, Device, Layout, Storage, Tensor};

use crate::{Error, Result};

/// Whether the kernels can work on a tensor.
pub(crate) fn in_float32_on_cpu(x: &Tensor) -> bool {
    x.dtype() == DType::F32 && matches!(x.device(), Device::Cpu)
}

/// Calls `f` with the numbers of a contiguous float32 tensor on the CPU.
pub(crate) fn with_slice<R>(x: &Tensor, f: impl FnOnce(&[f32]) -> Result<R>) -> Result<R> {
    let (storage, layout) = x.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => f(slice(storage, layout)?),
        _ => Err(Error::argument("expected a tensor on the CPU")),
    }
}

/// Calls `f` with the numbers of several contiguous float32 tensors on the CPU.
pub(crate) fn with_slices<R, const N: usize>(
    tensors: [&Tensor; N],
    f: impl FnOnce([&[f32]; N]) -> Result<R>,
) -> Result<R> {
    let locked = tensors.map(Tensor::storage_and_layout);
    let mut slices: [&[f32]; N] = [&[]; N];
    for (numbers, (storage, layout)) in slices.iter_mut().zip(&locked) {
        *numbers = match &**storage {
            Storage::Cpu(storage) => slice(storage, layout)?,
            _ => return Err(Error::argument("expected a tensor on the CPU")),
        };
    }
    f(slices)
}

/// The numbers of a contiguous float32 storage.
pub(crate) fn slice<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => Ok(&values[start..end]),
        _ => Err(Error::argument(format!("expected a contiguous float32 tensor, got the layout {layout:?}"))),
    }
}
