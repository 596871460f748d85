//! From CUDA C to what a driver loads.

use std::sync::OnceLock;

use candle_core::cuda::cudarc::nvrtc::compile_ptx;

use crate::{Error, Result};

const SOURCE: &str = include_str!("kernels.cu");

/// The kernels as PTX, compiled by nvrtc when first asked for (about a second); no GPU is needed for that.
pub(super) fn ptx() -> Result<&'static str> {
    static PTX: OnceLock<std::result::Result<String, String>> = OnceLock::new();
    let compile = || compile_ptx(SOURCE).map(|ptx| ptx.to_src()).map_err(|error| format!("{error:?}"));
    PTX.get_or_init(compile)
        .as_deref()
        .map_err(|error| Error::argument(format!("nvrtc does not compile the CUDA kernels of vae_core: {error}")))
}

#[cfg(test)]
mod tests {
    /// nvrtc compiles every kernel, with an entry of its plain name for each.
    #[test]
    fn the_kernels_compile() {
        let ptx = super::ptx().unwrap();
        let kernels = super::SOURCE.lines().filter_map(|line| line.split_once("__global__ void ")?.1.split('(').next());
        let kernels: Vec<_> = kernels.collect();
        assert!(kernels.len() >= 16, "{kernels:?}");
        for kernel in kernels {
            assert!(ptx.contains(&format!(".entry {kernel}(")), "{kernel}");
        }
    }
}
