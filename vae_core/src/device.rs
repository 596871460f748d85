//! Which device, and why.

use std::fmt;

use candle_core::Device;

use crate::{Error, Result};

/// The environment variable that chooses a device: `cpu`, `cuda` or `metal`.
const VARIABLE: &str = "VAE_CORE_DEVICE";

/// A device, and why it was chosen. Shown as "device: CPU (2 threads)", with the reason where there is one to give.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The device.
    pub device: Device,
    /// What was asked for, and what stood against another device; empty when nothing did.
    pub why: String,
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.why.is_empty() { "" } else { "; " };
        write!(f, "device: {}{separator}{}", describe(&self.device), self.why)
    }
}

/// The fastest device that this build can use: CUDA, then Metal, then the CPU. [`choose`] also says why.
///
/// CUDA and Metal need the feature of that name and a device that answers; when a build has the feature and the device
/// does not answer, the CPU is returned. `VAE_CORE_DEVICE=cpu` in the environment keeps to the CPU; `cuda` and `metal` ask
/// for that device and go on with the CPU where it cannot be had.
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
    Ok(choose()?.device)
}

/// The device that [`best_device`] returns, with the reasons.
///
/// # Errors
/// [`Error::Argument`] when `VAE_CORE_DEVICE` names no device.
pub fn choose() -> Result<Choice> {
    choose_by(&std::env::var(VARIABLE).unwrap_or_default())
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

fn choose_by(wanted: &str) -> Result<Choice> {
    if !["", "cpu", "cuda", "metal"].contains(&wanted) {
        return Err(Error::argument(format!("{VARIABLE} is {wanted:?}: expected cpu, cuda, metal or nothing")));
    }
    if wanted == "cpu" {
        return Ok(Choice { device: Device::Cpu, why: format!("{VARIABLE} asks for it") });
    }
    let mut why = vec![];
    #[cfg(feature = "cuda")]
    if wanted != "metal" {
        match crate::ops::first_gpu() {
            Ok(device) => return Ok(Choice { device, why: why.join("; ") }),
            Err(error) => why.push(format!("CUDA is built in but cannot be used: {}", reason(&error.to_string()))),
        }
    }
    #[cfg(feature = "metal")]
    if wanted != "cuda" {
        match Device::new_metal(0) {
            Ok(device) => return Ok(Choice { device, why: why.join("; ") }),
            Err(error) => why.push(format!("Metal is built in but did not start: {error}")),
        }
    }
    let built = [("cuda", cfg!(feature = "cuda")), ("metal", cfg!(feature = "metal"))];
    if built.contains(&(wanted, false)) {
        why.push(format!("{VARIABLE} asks for {wanted}, but vae_core was built without the feature `{wanted}`"));
    }
    Ok(Choice { device: Device::Cpu, why: why.join("; ") })
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
        let asked = choose_by("cpu").unwrap();
        assert!(asked.device.is_cpu());
        let line = asked.to_string();
        assert!(line.starts_with("device: CPU (") && line.ends_with("; VAE_CORE_DEVICE asks for it"), "{line}");
        assert!(choose_by("gpu").unwrap_err().to_string().contains("expected cpu, cuda, metal"));
        #[cfg(not(any(feature = "cuda", feature = "metal")))]
        {
            let free = choose_by("").unwrap();
            assert!(free.why.is_empty() && free.to_string().ends_with(" threads)"), "{free}");
            assert!(choose_by("cuda").unwrap().why.contains("without the feature `cuda`"));
        }
    }

    /// A build with CUDA either has a device, the same each time, or says why not and goes on with the CPU.
    #[cfg(feature = "cuda")]
    #[test]
    fn cuda_is_there_or_says_why_not() {
        let [Choice { device, why }, second] = ["cuda", ""].map(|wanted| choose_by(wanted).unwrap());
        assert!(device.same_device(&second.device));
        if device.is_cuda() {
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
