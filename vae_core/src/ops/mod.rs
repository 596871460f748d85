//! The operations, one room each, and the only place that knows what kind a device is.
//!
//! A room is a file, or a folder with `cpu.rs` and `cuda.rs`. All are built alike: the formula with its shapes; the *reference* in
//! candle's own operations, right on any device, in any precision and with gradients; the CPU path and the CUDA path, for
//! float32; the one function that picks a path, which is all that the rest of the crate calls; and a check that compares every path,
//! values and gradients, with the reference in float64.
//!
//! | room | operation |
//! |---|---|
//! | [`linear`] | a fully connected layer |
//! | [`convolution`] | a convolution, and the transposed one |
//! | [`activation`] | bias and nonlinearity of a layer |
//! | [`stack`] | layers one after the other, as one operation |
//! | [`bernoulli`] | log-probability of pixels given by logits, and their mean |
//! | [`gaussian`] | reparameterized draw, and divergence from N(0, I) |
//! | [`aggregate`] | log-density of codes under a weighted mixture of a batch's posteriors, and of their dimensions |
//! | [`mixture`] | log-density of codes under a mixture of Gaussians |
//! | [`weigh`] | the means of an objective's terms and their weighted sum |
//! | [`noise`] | uniform and normal numbers of a seed and a position |
//! | [`gather`] | a batch of floats from the bytes of images |
//! | [`adam`] | one step of the optimizer |
//! | [`scalars`] | numbers brought to this side |
//! | [`prefetch`] | the next item while the present one is in use |
//! | [`heap`] | the memory that a process keeps |
//!
//! Beside the rooms stands their machinery: [`kernels`], loops over slices on the CPU; [`cuda`], what launches a kernel; [`node`], how
//! a result becomes an operation of candle's; [`gradients`], the backward pass; [`outlet`], how a gradient comes back to layers;
//! [`mod@no_grad`], doing without; [`rows`], a few rows at a time; `compare`, the checks.

// Checks are part of the library with the feature, where a failed one panics; without it, the lint holds for all else.
#![cfg_attr(feature = "cuda", allow(clippy::unwrap_used))]

pub(crate) mod activation;
pub(crate) mod adam;
pub(crate) mod aggregate;
pub(crate) mod bernoulli;
#[cfg(any(test, feature = "cuda"))]
pub(crate) mod compare;
pub(crate) mod convolution;
pub(crate) mod cuda;
pub(crate) mod gather;
pub(crate) mod gaussian;
pub(crate) mod gradients;
pub(crate) mod heap;
pub(crate) mod kernels;
pub(crate) mod linear;
pub(crate) mod mixture;
pub(crate) mod no_grad;
pub(crate) mod node;
pub(crate) mod noise;
pub(crate) mod outlet;
pub(crate) mod prefetch;
pub(crate) mod rows;
pub(crate) mod scalars;
pub(crate) mod stack;
pub(crate) mod weigh;

#[cfg(feature = "cuda")]
pub(crate) use cuda::gpu::first as first_gpu;

use candle_core::{Device, Tensor};

use crate::Result;

/// ln 2π.
pub(crate) const LN_2PI: f64 = 1.837_877_066_409_345_5;

/// Which path the tensors of an operation go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    /// Float32 on a CUDA device.
    Cuda,
    /// Float32 on the CPU.
    Cpu,
    /// Any other device or type, several of them, several shapes, or no numbers at all: candle's operations refuse what is wrong.
    Reference,
}

/// The path of an operation on these tensors, which have one shape.
pub(crate) fn path<const N: usize>(tensors: [&Tensor; N]) -> Path {
    let all = |fits: fn(&Tensor) -> bool| tensors.iter().all(|x| fits(x));
    if !tensors.iter().all(|x| x.dims() == tensors[0].dims() && x.elem_count() > 0) {
        Path::Reference
    } else if all(cuda::kernels_take) {
        Path::Cuda
    } else if all(kernels::slices::in_float32_on_cpu) {
        Path::Cpu
    } else {
        Path::Reference
    }
}

/// Whether work on this device may move to another thread: not a GPU's, where another thread may have another stream.
pub(crate) fn any_thread(device: &Device) -> bool {
    device.is_cpu() && !cuda::has_kernels(device)
}

/// Sums a (B, …) tensor over all but its first dimension: (B,).
pub(crate) fn sum_per_item(x: &Tensor) -> Result<Tensor> {
    Ok(x.flatten_from(1)?.sum(1)?)
}

/// Numbers in one item of a (B, …) tensor, 1 where there are none.
fn width(x: &Tensor) -> usize {
    (x.elem_count() / x.dims()[0].max(1)).max(1)
}
