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
