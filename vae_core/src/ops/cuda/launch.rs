//! Launching a kernel: the tensors' addresses, the numbers, one call.
#![allow(unsafe_code)] // a launch hands raw addresses to a device; each `unsafe` says why they are good

use candle_core::{CpuStorage, DType, Device, Shape, Storage, Tensor};

use crate::{Error, Result, ops::node::Output};

/// Threads in a block. A multiple of 32, as the sums over a block want it.
const THREADS: u32 = 256;

/// One argument of a kernel, after its output.
pub(crate) enum Arg<'a> {
    /// The address of a contiguous tensor's numbers.
    Tensor(&'a Tensor),
    /// No tensor.
    Null,
    /// An `int`.
    Int(usize),
    /// An `unsigned long long`.
    Long(u64),
    /// A `float`.
    Float(f64),
    /// A `Key`.
    Key([u32; 8]),
}

/// What arrives at a kernel.
#[cfg_attr(not(any(feature = "cuda", test)), allow(dead_code))] // nothing reads them where nothing can be launched
pub(crate) enum Value {
    Int(i32),
    Long(u64),
    Float(f32),
    Key(Key),
    Parameters(Box<Parameters>),
}

/// The seed of a ChaCha generator, as in `kernels.cu`.
#[repr(C)]
pub(crate) struct Key(pub(super) [u32; 8]);

/// Parameters that one launch of `adam` takes at most, as in `kernels.cu`.
pub(crate) const MOST: usize = 48;

/// The table of `adam`, as in `kernels.cu`: addresses of parameters, gradients and both means, and their lengths.
#[repr(C)]
#[derive(Clone)]
pub(crate) struct Parameters {
    pub(crate) addresses: [[u64; MOST]; 4],
    pub(crate) lengths: [i32; MOST],
}

/// How many blocks, and for what.
#[derive(Clone, Copy)]
pub(crate) enum Grid {
    /// A thread for each element of the output.
    Elements,
    /// A thread for each of so many.
    Threads(usize),
    /// A block for each.
    Blocks(usize),
    /// 32 columns in a block, and so many blocks above each other.
    Columns(usize, usize),
}

/// A count as the kernels' `int`.
///
/// Its limit is half of what an `int` holds: a loop that steps by all threads of a launch may pass the end by that many.
pub(crate) fn as_int(n: usize) -> Result<i32> {
    const MOST: usize = 1 << 30;
    if n > MOST {
        let problem = format!(
            "{n} numbers in one tensor are too many for the CUDA kernels, which take {MOST}; use smaller batches"
        );
        return Err(Error::argument(problem));
    }
    Ok(n as i32)
}

/// Calls `f` with the address of a contiguous tensor's first number.
pub(crate) fn with_address<R>(x: &Tensor, f: impl FnOnce(u64) -> Result<R>) -> Result<R> {
    let (storage, layout) = x.storage_and_layout();
    if !layout.is_contiguous() {
        return Err(Error::argument(format!("a CUDA kernel expected a contiguous tensor, got the layout {layout:?}")));
    }
    let first = address(&storage)? + (layout.start_offset() * x.dtype().size_in_bytes()) as u64;
    f(first)
}

fn address(storage: &Storage) -> Result<u64> {
    match storage {
        #[cfg(feature = "cuda")]
        Storage::Cuda(storage) => {
            use candle_core::{backend::BackendStorage, cuda::cudarc::driver::DevicePtr};
            let stream = storage.device().cuda_stream();
            Ok(match storage.dtype() {
                DType::U8 => storage.as_cuda_slice::<u8>()?.device_ptr(&stream).0,
                DType::U32 => storage.as_cuda_slice::<u32>()?.device_ptr(&stream).0,
                _ => storage.as_cuda_slice::<f32>()?.device_ptr(&stream).0,
            })
        }
        Storage::Cpu(CpuStorage::F32(numbers)) => Ok(numbers.as_ptr() as u64),
        Storage::Cpu(CpuStorage::U8(numbers)) => Ok(numbers.as_ptr() as u64),
        Storage::Cpu(CpuStorage::U32(numbers)) => Ok(numbers.as_ptr() as u64),
        _ => Err(Error::argument("a CUDA kernel expected a tensor of float32 or bytes on its device")),
    }
}

/// Runs `kernel` on the device of its tensors; the output is float32 and comes first among the arguments.
pub(crate) fn run(
    kernel: &'static str,
    device: &Device,
    shape: impl Into<Shape>,
    grid: Grid,
    args: &[Arg],
) -> Result<Output> {
    let shape = shape.into();
    let count = shape.elem_count();
    as_int(count)?;
    let storage = match device {
        #[cfg(feature = "cuda")]
        Device::Cuda(device) => {
            // SAFETY: every kernel writes each number of its output, so nothing reads what was there before.
            let numbers = unsafe { device.alloc::<f32>(count)? };
            Storage::Cuda(candle_core::CudaStorage::wrap_cuda_slice(numbers, device.clone()))
        }
        _ => Storage::Cpu(CpuStorage::F32(vec![0.0; count])),
    };
    let mut values = vec![Value::Long(address(&storage)?)];
    collect(args, &mut values, &mut |values| launch(kernel, device, blocks(grid, count), values))?;
    Ok(Output { storage, shape })
}

/// The arguments as values, then `f`: inside all of the tensors' locks.
fn collect(args: &[Arg], values: &mut Vec<Value>, f: &mut dyn FnMut(&[Value]) -> Result<()>) -> Result<()> {
    let Some((first, rest)) = args.split_first() else { return f(values) };
    let value = match first {
        Arg::Tensor(tensor) => {
            // A set of images may be larger: its kernel counts in 64 bits.
            if tensor.dtype() != DType::U8 {
                as_int(tensor.elem_count())?;
            }
            return with_address(tensor, |address| {
                values.push(Value::Long(address));
                collect(rest, values, f)
            });
        }
        Arg::Null => Value::Long(0),
        Arg::Int(n) => Value::Int(as_int(*n)?),
        Arg::Long(n) => Value::Long(*n),
        Arg::Float(x) => Value::Float(*x as f32),
        Arg::Key(words) => Value::Key(Key(*words)),
    };
    values.push(value);
    collect(rest, values, f)
}

/// (blocks across, blocks down, threads in each).
fn blocks(grid: Grid, count: usize) -> (usize, usize, u32) {
    match grid {
        Grid::Elements => (count.div_ceil(THREADS as usize), 1, THREADS),
        Grid::Threads(n) => (n.div_ceil(THREADS as usize), 1, THREADS),
        Grid::Blocks(n) => (n, 1, THREADS),
        Grid::Columns(columns, down) => (columns.div_ceil(32), down, 32),
    }
}

#[cfg_attr(not(feature = "cuda"), allow(unused_variables))] // what only a device asks for
pub(crate) fn launch(
    kernel: &'static str,
    device: &Device,
    (across, down, threads): (usize, usize, u32),
    values: &[Value],
) -> Result<()> {
    let (across, down) = (as_int(across.max(1))? as u32, as_int(down.max(1))? as u32);
    #[cfg(feature = "cuda")]
    if let Device::Cuda(device) = device {
        return on_device(kernel, device, (across, down, threads), values);
    }
    #[cfg(test)]
    if super::emulator::is_on() {
        return super::emulator::launch(kernel, (across, down), values);
    }
    Err(Error::argument(format!("the CUDA kernel {kernel} was called without a CUDA device")))
}

#[cfg(feature = "cuda")]
fn on_device(
    kernel: &str,
    device: &candle_core::CudaDevice,
    (across, down, threads): (u32, u32, u32),
    values: &[Value],
) -> Result<()> {
    use candle_core::cuda::cudarc::driver::{LaunchConfig, PushKernelArg};
    let function = device.get_or_load_custom_func(kernel, "vae_core", super::compile::ptx()?)?;
    let mut builder = function.builder();
    for value in values {
        match value {
            Value::Int(n) => builder.arg(n),
            Value::Long(n) => builder.arg(n),
            Value::Float(x) => builder.arg(x),
            Value::Key(key) => builder.arg(key),
            Value::Parameters(table) => builder.arg(&**table),
        };
    }
    let config = LaunchConfig { grid_dim: (across, down, 1), block_dim: (threads, 1, 1), shared_mem_bytes: 0 };
    // SAFETY: number, order and size of the arguments are those of the kernel (the tests run each one through the emulator,
    // which compares them); every address is that of memory on this device which its tensor keeps until after the launch, and
    // which is freed on the same stream, after the kernel; the kernels stay inside the lengths that they are given.
    unsafe { builder.launch(config) }.map_err(candle_core::Error::wrap)?;
    Ok(())
}

#[cfg(feature = "cuda")]
mod arguments {
    use candle_core::cuda::cudarc::driver::DeviceRepr;

    // SAFETY: `repr(C)`, without padding that matters, and laid out as in `kernels.cu`.
    unsafe impl DeviceRepr for super::Key {}
    // SAFETY: the same.
    unsafe impl DeviceRepr for super::Parameters {}
}
