//! Which device, and saying which.

use candle_core::Device;

use crate::{Error, Result};

/// The environment variable that chooses a device: `cpu`, `cuda` or `metal`.
const VARIABLE: &str = "VAE_CORE_DEVICE";

/// The fastest device that this build can use: CUDA, then Metal, then the CPU. Prints one line that says which.
///
/// CUDA and Metal need the feature of that name and a device that answers; when a build has the feature and the device
/// does not answer, the line says why and the CPU is returned. `VAE_CORE_DEVICE=cpu` in the environment keeps to the
/// CPU; `cuda` and `metal` ask for that device and go on with the CPU, saying why, where it cannot be had.
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
    println!("device: {}{why}", describe(&device));
    Ok(device)
}

/// A device in words: "CPU (2 threads)", "CUDA device 0", "Metal device".
pub fn describe(device: &Device) -> String {
    match device {
        Device::Cpu => format!("CPU ({} threads)", rayon::current_num_threads()),
        Device::Cuda(_) => "CUDA device 0".into(),
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
        match Device::new_cuda(0) {
            Ok(device) => return Ok((device, why)),
            Err(error) => why += &format!("; CUDA is built in but did not start: {error}"),
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
}
