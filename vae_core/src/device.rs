//! Which device, and saying which.

use candle_core::Device;

use crate::{Error, Result, ops};

/// The environment variable that chooses a device: `cpu`, `cuda` or `metal`.
const VARIABLE: &str = "VAE_CORE_DEVICE";

/// The fastest device that this build can use: CUDA, then Metal, then the CPU. Prints one line that says which.
///
/// CUDA and Metal need the feature of that name and a device that answers; when a build has the feature and the device
/// does not answer, the line says why and the CPU is returned. `VAE_CORE_DEVICE=cpu` in the environment keeps to the
/// CPU; `cuda` and `metal` ask for that device and go on with the CPU, saying why, where it cannot be had.
///
/// However often it is called, the CUDA device is the same, so that tensors of different cells go together (candle takes two
/// devices that were made one after the other for different ones).
///
/// ```
/// let device = vae_core::best_device()?;
/// assert!(device.is_cpu() || device.is_cuda() || device.is_metal());
/// # Ok::<(), vae_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Argument`] when `VAE_CORE_DEVICE` names no device.
pub fn best_device() -> Result<Device> {
    let wanted = std::env::var(VARIABLE).unwrap_or_default();
    let (device, why) = choose(&wanted)?;
    ops::heap::keep_freed_memory();
    println!("device: {}{why}", describe(&device));
    Ok(device)
}

/// A device in words: "CPU (2 threads)", "CUDA device 0, NVIDIA H200", "Metal device".
pub fn describe(device: &Device) -> String {
    match device {
        Device::Cpu => format!("CPU ({} threads)", rayon::current_num_threads()),
        #[cfg(feature = "cuda")]
        Device::Cuda(device) => {
            let (stream, gpu) = (device.cuda_stream(), device.cuda_stream().context().ordinal());
            format!("CUDA device {gpu}{}", stream.context().name().map_or(String::new(), |name| format!(", {name}")))
        }
        #[cfg(not(feature = "cuda"))]
        Device::Cuda(_) => "CUDA device".into(),
        Device::Metal(_) => "Metal device".into(),
    }
}

fn choose(wanted: &str) -> Result<(Device, String)> {
    if !["", "cpu", "cuda", "metal"].contains(&wanted) {
        return Err(Error::argument(format!("{VARIABLE} is {wanted:?}: expected cpu, cuda, metal or nothing")));
    }
    if wanted == "cpu" {
        return Ok((Device::Cpu, format!(", as {VARIABLE} asks")));
    }
    let mut why = String::new();
    #[cfg(feature = "cuda")]
    if wanted != "metal" {
        match ops::first_gpu() {
            Ok(device) => return Ok((device, why)),
            Err(error) => why += &format!("; CUDA is built in but cannot be used: {}", reason(&error.to_string())),
        }
    }
    #[cfg(feature = "metal")]
    if wanted != "cuda" {
        match Device::new_metal(0) {
            Ok(device) => return Ok((device, why)),
            Err(error) => why += &format!("; Metal is built in but did not start: {error}"),
        }
    }
    let built = [("cuda", cfg!(feature = "cuda")), ("metal", cfg!(feature = "metal"))];
    if built.contains(&(wanted, false)) {
        why += &format!("; {VARIABLE} asks for {wanted}, but vae_core was built without the feature `{wanted}`");
    }
    Ok((Device::Cpu, why))
}

/// What an error of the driver means, where that is known, on one line.
#[cfg_attr(not(feature = "cuda"), allow(dead_code))]
fn reason(error: &str) -> String {
    // Further lines are a backtrace.
    let error = error.lines().next().unwrap_or_default();
    let meaning = match error {
        e if e.contains("STUB_LIBRARY") => "there is no NVIDIA driver on this machine (no libcuda.so.1); install one",
        e if e.contains("NO_DEVICE") => {
            "the driver finds no GPU (`nvidia-smi` lists what it finds; CUDA_VISIBLE_DEVICES may hide some)"
        }
        e if ["UNSUPPORTED_PTX_VERSION", "INSUFFICIENT_DRIVER"].iter().any(|code| e.contains(code)) => {
            "the driver is older than the CUDA toolkit of this build; update it, or build with CUDA_HOME=/path/to/an/older/toolkit"
        }
        e if ["NO_BINARY_FOR_GPU", "INVALID_PTX", "INVALID_IMAGE"].iter().any(|code| e.contains(code)) => {
            "this was built for another kind of GPU; build again with CUDA_COMPUTE_CAP as `nvidia-smi \
             --query-gpu=compute_cap --format=csv` says, without the point"
        }
        e if e.contains("OUT_OF_MEMORY") => "no memory is left on the GPU (`nvidia-smi` says who has it)",
        other => return other.into(),
    };
    let code =
        error.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).find(|word| word.starts_with("CUDA_ERROR"));
    format!("{meaning} [{}]", code.unwrap_or(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The CPU can be asked for, is what is left when an accelerator is not built in, and says so; other names are refused.
    #[test]
    fn the_variable_chooses() {
        let (device, why) = choose("cpu").unwrap();
        assert!(device.is_cpu() && why.contains("VAE_CORE_DEVICE"));
        assert!(choose("gpu").unwrap_err().to_string().contains("expected cpu, cuda, metal"));
        assert!(describe(&device).starts_with("CPU ("));
        #[cfg(not(any(feature = "cuda", feature = "metal")))]
        {
            assert_eq!(choose("").unwrap().1, "");
            assert!(choose("cuda").unwrap().1.contains("without the feature `cuda`"));
        }
    }

    /// A build with CUDA either has a device, the same each time, or says why not and goes on with the CPU.
    #[cfg(feature = "cuda")]
    #[test]
    fn cuda_is_there_or_says_why_not() {
        let [(first, why), (second, _)] = [choose("cuda").unwrap(), choose("").unwrap()];
        assert!(first.same_device(&second));
        if first.is_cuda() {
            assert_eq!(why, "");
        } else {
            assert!(why.contains("CUDA is built in but cannot be used: "), "{why}");
        }
    }

    /// The driver's codes become sentences that say what to do, with the code; unknown ones stay as they are.
    #[test]
    fn codes_are_explained() {
        let stub = reason("DriverError(CUDA_ERROR_STUB_LIBRARY, \"…\")\n   0: main\n   1: start");
        assert!(stub.contains("no NVIDIA driver") && stub.ends_with(" [CUDA_ERROR_STUB_LIBRARY]"), "{stub}");
        assert!(reason("CUDA_ERROR_NO_DEVICE").contains("nvidia-smi"));
        assert!(reason("CUDA_ERROR_UNSUPPORTED_PTX_VERSION").contains("CUDA_HOME"));
        assert!(reason("CUDA_ERROR_NO_BINARY_FOR_GPU").contains("CUDA_COMPUTE_CAP"));
        assert_eq!(reason("something else"), "something else");
    }
}
