//! The GPU itself: one device for the whole process, that was seen to compute.

use std::sync::{Mutex, PoisonError};

use candle_core::{Device, Tensor};

use crate::{
    Error, Result,
    ops::noise::{Kind, noise},
};

/// The first GPU, after a computation on it that came out right: the same device each time.
pub(crate) fn first() -> Result<Device> {
    static FIRST: Mutex<Option<Device>> = Mutex::new(None);
    let mut first = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(device) = &*first {
        return Ok(device.clone());
    }
    // With a stream of its own, work from any thread is done in the order in which it was asked for. candle's `new_cuda` has
    // a stream for each thread, and nothing between them.
    let device = Device::new_cuda_with_stream(0)?;
    // SAFETY: the events are for tensors that are used on several streams; this device and all its tensors have one.
    #[allow(unsafe_code)]
    unsafe {
        device.as_cuda_device()?.disable_event_tracking();
    }
    keep_memory(&device)?;
    probe(&device)?;
    *first = Some(device.clone());
    Ok(device)
}

/// Computes a little on a CUDA device, with candle's kernels, cuBLAS and ours: what is too old or built for another GPU fails
/// here, and not in the middle of a training.
fn probe(device: &Device) -> Result<()> {
    let draw = |device| noise(Kind::Uniform, [1; 32], 0, (4, 4).into(), device);
    let product = |x: &Tensor| x.matmul(&x.t()?)?.affine(2.0, 1.0)?.sum_all()?.to_scalar::<f32>();
    let (ours, expected) = (product(&draw(device)?)?, product(&draw(&Device::Cpu)?)?);
    if (ours - expected).abs() > 1e-4 * expected {
        return Err(Error::argument(format!("a first computation on the GPU gave {ours} instead of {expected}")));
    }
    Ok(())
}

/// Has the driver keep memory that was freed for the next tensors, instead of giving it back whenever somebody waits for the
/// GPU: what candle asks for anew in each step is there at once. Does nothing on a device without memory pools.
fn keep_memory(device: &Device) -> Result<()> {
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
