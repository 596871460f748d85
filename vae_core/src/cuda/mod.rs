//! A page to read: the same notebooks on an NVIDIA GPU.
//!
//! # What you need
//!
//! Linux on x86-64, a driver of release 580 or later (`nvidia-smi` shows it), a C++ compiler, and 3 GB of disk. The CUDA toolkit
//! is fetched from PyPI into the user's cache folder (500 MB, once) unless `CUDA_HOME` names one; with an older driver, install a
//! toolkit of its age and name it. (Not 13.0 as it comes: its cuBLAS lacks functions that a notebook's shared library binds.)
//!
//! # The switch
//!
//! ```text
//! make lab CUDA=1          JupyterLab, every notebook with CUDA
//! make run CUDA=1 NB=…     one notebook;  make test CUDA=1, make bench CUDA=1: the same of these
//! ```
//! Nothing in a notebook changes: cells that ask for [`best_device`](crate::best_device) get the GPU. The first time, candle's
//! kernels are compiled for the GPU that `nvidia-smi` names (`CUDA_COMPUTE_CAP=90` for another), which takes some minutes; builds
//! with and without CUDA lie side by side.
//!
//! In a notebook outside the repository, one line does it, where `CUDA_HOME` and its `nvcc` are in the environment of Jupyter:
//!
//! ```text
//! :dep vae_core = { path = "/path/to/this/repository/vae_core", features = ["cuda"] }
//! ```
//! and for a program, `tools/cuda_toolkit.py` brings that environment along:
//!
//! ```text
//! python3 tools/cuda_toolkit.py cargo run --release -p vae_core --features cuda --example train -- --model conv --out runs/first
//! ```
//! `best_device` prints what it found. Where CUDA was asked for and cannot be used, its line says why (no driver, no GPU, a driver
//! older than the toolkit, a build for another GPU, a build without the feature), and everything goes on with the CPU. Without a
//! driver there is no `libcuda.so.1` either, without which no program that was linked with it would load; the environment above
//! has a stand-in for it, which answers every call with an error.
//!
//! # What is different there
//!
//! | | |
//! |---|---|
//! | random numbers | those of the CPU, made on the GPU: uniform ones bit for bit, normal ones to the last digit or two |
//! | results | agree with the CPU's to rounding; training magnifies that (see [`random`](crate::random#what-repeats-and-what-does-not)) |
//! | losses | stay on the GPU until a line is printed or an epoch ends; one that is no number is reported then, with its step |
//! | corruptions | noise of pixels is made on the GPU, where pixels are not checked; squares and blurs are made on the CPU |
//! | clipped gradients | their length is read back in each step |
//! | images | the bytes of a set are copied once, batches are gathered there; a set that does not fit stays on the CPU |
//! | memory | stays with the process once it was used, as in PyTorch |
//! | precision | float32 throughout: no TF32, which PyTorch's convolutions use unless told otherwise |
//!
//! `Device::new_cuda` of candle works as well, for work from one thread; `best_device` has one stream for all threads, and the same
//! device each time that it is called.
//!
//! # How a step is made
//!
//! Matrix products are cuBLAS's. Around them are the kernels of `src/cuda/kernels.cu`, CUDA C that nvrtc compiles when the device is
//! first used:
//!
//! | kernel | instead of |
//! |---|---|
//! | bias and nonlinearity of a layer, one kernel forward and two back | four tensor operations |
//! | the windows of a convolution as rows of a matrix, and their overlap-and-add | candle's direct loops, slowest in `conv_transpose2d` |
//! | Bernoulli log-likelihood, KL, reparameterization, each with its gradient | a dozen tensor operations |
//! | Adam, one launch for up to 48 parameters | a dozen tensor operations for each parameter |
//! | noise: ChaCha8, the generator of [`Random`](crate::random::Random) | a copy from the CPU |
//! | a batch from the bytes of a set | a copy from the CPU |
//!
//! # How it is checked
//!
//! - without a GPU, in every test run: the text of the kernels is compiled as C++ and run on the CPU, in place of each launch and
//!   with its very arguments; layers, likelihoods, Adam, noise, batches and whole trainings must come out as on the CPU
//! - `make check-cuda`, without a GPU: lints, builds and links everything with the feature, compiles the kernels with nvrtc
//! - `make test CUDA=1`, with a GPU: the same comparisons on it (`tests/cuda`); tests say so when they are skipped
//! - `make gpu-bundle`: one program of less than 60 MB with a script, for a machine with a GPU and without Rust
//!
//! # How fast it is
//!
//! Not measured yet. The commands are `make bench CUDA=1 TORCH=/path/to/python` and the same with `BENCH_ARGS="--batch 4096"`; on a
//! machine without Rust, `./run.sh all` in the folder of `make gpu-bundle`.
//!
//! # Macs, and other libraries
//!
//! The features `metal` (a Mac's GPU), `accelerate` (Apple's matrix products) and `mkl` (Intel's) are candle's, handed on. On Metal
//! the library computes with candle's own operations, and noise and batches come from the CPU.
//!
//! `mkl` changes what candle multiplies by itself on the CPU; the layers keep their own kernels. Building looks for MKL where
//! `MKLROOT` says, and PyPI has it: `pip install --prefix DIR mkl-static mkl-include intel-openmp`, then `MKLROOT=DIR` for the build
//! and `LD_LIBRARY_PATH=DIR/lib` for the program.

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
