//! Which device, and saying which.

use candle_core::Device;

/// The fastest device that this build can use: CUDA, then Metal, then the CPU. Prints one line that says which.
///
/// CUDA and Metal need the feature of that name and a device that answers; when a build has the feature and the device
/// does not answer, the line says why and the CPU is returned.
///
/// ```
/// let device = vae_core::best_device();
/// assert!(device.is_cpu() || device.is_cuda() || device.is_metal());
/// ```
pub fn best_device() -> Device {
    let (device, why) = choose();
    println!("device: {}{why}", describe(&device));
    device
}

/// A device in words: "CPU (2 threads)", "CUDA device 0", "Metal device".
pub fn describe(device: &Device) -> String {
    match device {
        Device::Cpu => format!("CPU ({} threads)", rayon::current_num_threads()),
        Device::Cuda(_) => "CUDA device 0".into(),
        Device::Metal(_) => "Metal device".into(),
    }
}

fn choose() -> (Device, String) {
    let mut why = String::new();
    #[cfg(feature = "cuda")]
    match Device::new_cuda(0) {
        Ok(device) => return (device, why),
        Err(error) => why += &format!("; CUDA is built in but did not start: {error}"),
    }
    #[cfg(feature = "metal")]
    match Device::new_metal(0) {
        Ok(device) => return (device, why),
        Err(error) => why += &format!("; Metal is built in but did not start: {error}"),
    }
    if cfg!(not(any(feature = "cuda", feature = "metal"))) {
        why += "; built without the features `cuda` and `metal`";
    }
    (Device::Cpu, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without an accelerator feature the CPU is chosen, with the reason.
    #[test]
    #[cfg(not(any(feature = "cuda", feature = "metal")))]
    fn the_cpu_is_always_there() {
        let (device, why) = choose();
        assert!(device.is_cpu() && why.contains("without the features"));
        assert!(describe(&device).starts_with("CPU ("));
    }
}
