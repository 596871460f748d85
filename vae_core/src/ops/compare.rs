//! How the paths of an operation are compared: with its reference in float64 on the CPU, or one device with another.
//!
//! A check is a function of a [`Place`]. Unit tests call it in every place that this machine has, [`everywhere`]; the programs that run
//! on a GPU call all of them there, [`crate::cuda_checks`].
#![allow(clippy::unwrap_used, clippy::expect_used)] // a check that fails panics, and says where

use candle_core::{DType, Device, Tensor, Var};

use crate::Result;

/// Where something is computed that has to come out the same.
pub struct Place<'a> {
    /// The device of its tensors.
    pub device: Device,
    /// Calls its argument; the emulator of the CUDA kernels is on meanwhile, where it takes the place of a device.
    pub around: &'a dyn Fn(&mut dyn FnMut()),
}

impl Place<'_> {
    /// Computes `f` here, without a comparison.
    pub(crate) fn compute<R>(&self, f: impl Fn(&Device) -> R) -> R {
        let mut result = None;
        (self.around)(&mut || result = Some(f(&self.device)));
        result.expect("`around` calls its argument")
    }

    /// Computes `operation` here in float32 and `reference` on the CPU in float64, and asserts that values and gradients are equal to
    /// `tolerance`, relative to the largest number. Both get `variables`, whose gradients are compared, then `constants`.
    pub(crate) fn agrees(
        &self,
        what: &str,
        tolerance: f64,
        variables: &[Tensor],
        constants: &[Tensor],
        operation: impl Fn(&[Tensor]) -> Result<Tensor>,
        reference: impl Fn(&[Tensor]) -> Result<Tensor>,
    ) {
        let with_gradients = |f: &dyn Fn(&[Tensor]) -> Result<Tensor>, to: &dyn Fn(&Tensor) -> Tensor| -> Vec<Tensor> {
            let vars: Vec<Var> = variables.iter().map(|x| Var::from_tensor(&to(x)).unwrap()).collect();
            let args: Vec<_> = vars.iter().map(|var| var.as_tensor().clone()).chain(constants.iter().map(to)).collect();
            let y = f(&args).unwrap();
            // Every number of y with a weight of its own, so that no mistake in its place can hide.
            let weights = to(&normal(99, y.dims()));
            let gradients = (&y * weights).unwrap().sum_all().unwrap().backward().unwrap();
            let zeros = |var: &Var| var.zeros_like().unwrap();
            let of = |var: &Var| gradients.get(var).cloned().unwrap_or_else(|| zeros(var));
            std::iter::once(y.detach()).chain(vars.iter().map(of)).collect()
        };
        let got = self.compute(|device| with_gradients(&operation, &|x| x.to_device(device).unwrap()));
        let expected = with_gradients(&reference, &double);
        for (i, (got, expected)) in got.iter().zip(&expected).enumerate() {
            assert_eq!(got.dims(), expected.dims(), "{what}, tensor {i}");
            let expected = expected.flatten_all().unwrap().to_vec1().unwrap();
            self.close(
                &format!("{what}, {}", if i == 0 { "value".into() } else { format!("gradient {i}") }),
                tolerance,
                got,
                &expected,
            );
        }
    }

    /// Computes `f` on the CPU and here, and asserts that all tensors are equal to `tolerance`, relative to the largest number.
    pub(crate) fn both(&self, what: &str, tolerance: f64, f: impl Fn(&Device) -> Result<Vec<Tensor>>) {
        let expected = f(&Device::Cpu).unwrap();
        let got = self.compute(|device| f(device).unwrap());
        assert_eq!(got.len(), expected.len(), "{what}");
        for (i, (got, expected)) in got.iter().zip(&expected).enumerate() {
            assert_eq!(got.dims(), expected.dims(), "{what}, tensor {i}");
            let expected = double(expected).flatten_all().unwrap().to_vec1().unwrap();
            self.close(&format!("{what}, tensor {i}"), tolerance, got, &expected);
        }
    }

    /// Asserts that a tensor has the numbers `expected`, to `tolerance`, relative to the largest of them.
    pub(crate) fn close(&self, what: &str, tolerance: f64, got: &Tensor, expected: &[f64]) {
        let got: Vec<f64> = double(&got.to_device(&Device::Cpu).unwrap()).flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(got.len(), expected.len(), "{what}");
        let scale = expected.iter().fold(1e-3f64, |max, x| max.max(x.abs()));
        for (n, (got, expected)) in got.iter().zip(expected).enumerate() {
            assert!((got - expected).abs() <= tolerance * scale, "{what}, number {n}: {got}, expected {expected}");
        }
    }
}

/// A tensor in float64.
pub(crate) fn double(x: &Tensor) -> Tensor {
    x.to_dtype(DType::F64).unwrap()
}

/// Normal numbers on the CPU.
pub(crate) fn normal(seed: u64, shape: &[usize]) -> Tensor {
    made(super::noise::Kind::Normal, seed, shape)
}

/// Numbers in [0, 1) on the CPU.
pub(crate) fn uniform(seed: u64, shape: &[usize]) -> Tensor {
    made(super::noise::Kind::Uniform, seed, shape)
}

fn made(kind: super::noise::Kind, seed: u64, shape: &[usize]) -> Tensor {
    let mut values = vec![0.0; shape.iter().product()];
    super::noise::fill(kind, [0; 32], seed << 32, &mut values);
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// Calls `check` for the CPU's own path; for the CUDA path through the emulator, where there is a C++ compiler; and on a CUDA device,
/// where there is one.
#[cfg(test)]
pub(crate) fn everywhere(check: fn(&Place)) {
    use super::cuda::emulator;
    check(&Place { device: Device::Cpu, around: &|f| f() });
    if emulator::works() {
        check(&Place { device: Device::Cpu, around: &|f| emulator::emulate(f) });
    }
    #[cfg(feature = "cuda")]
    if let Ok(device) = super::cuda::gpu::first() {
        check(&Place { device, around: &|f| f() });
    }
}
