pub(crate) mod adam;
#[cfg(feature = "cuda")]
mod compile;
pub(crate) mod distributions;
#[cfg(test)]
pub(crate) mod emulator;
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

/// Whether work on this device may move to another thread: not a GPU's, where another thread may have another stream.
pub(crate) fn any_thread(device: &Device) -> bool {
    device.is_cpu() && !on(device)
}

/// Whether the kernels can work on this tensor.
pub(crate) fn takes(x: &Tensor) -> bool {
    on(x.device()) && x.dtype() == DType::F32 && x.elem_count() > 0
}

/// Computes a little on a CUDA device, with candle's kernels, cuBLAS and ours: what is too old or built for another GPU fails
/// here, and not in the middle of a training.
#[cfg(feature = "cuda")]
pub(crate) fn probe(device: &Device) -> crate::Result<()> {
    let draw = |device| crate::random::Random::new(1).uniform((4, 4), device);
    let product = |x: &Tensor| x.matmul(&x.t()?)?.affine(2.0, 1.0)?.sum_all()?.to_scalar::<f32>();
    let (ours, expected) = (product(&draw(device)?)?, product(&draw(&Device::Cpu)?)?);
    if (ours - expected).abs() > 1e-4 * expected {
        let problem = format!("a first computation on the GPU gave {ours} instead of {expected}");
        return Err(crate::Error::argument(problem));
    }
    Ok(())
}

/// Has the driver keep memory that was freed for the next tensors, instead of giving it back whenever somebody waits for the
/// GPU: what candle asks for anew in each step is there at once. Does nothing on a device without memory pools.
#[cfg(feature = "cuda")]
pub(crate) fn keep_memory(device: &Device) -> crate::Result<()> {
    use candle_core::cuda::cudarc::driver::{result, sys};
    let context = device.as_cuda_device()?.cuda_stream().context().clone();
    let mut all = u64::MAX;
    let attribute = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
    // SAFETY: the device is that of a context that is alive; the pool is the driver's own and outlives the call; the attribute
    // is a 64-bit number, which the driver reads before it returns.
    #[allow(unsafe_code)]
    unsafe {
        if let Ok(pool) = result::device::get_default_mem_pool(context.cu_device()) {
            let status = sys::cuMemPoolSetAttribute(pool, attribute, (&raw mut all).cast());
            status.result().map_err(candle_core::Error::wrap)?;
        }
    }
    Ok(())
}
