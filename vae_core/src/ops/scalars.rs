//! Numbers of one element each, brought to this side.
//!
//! On the CPU they are at hand. On a device somebody who reads one waits for all work before it, so they are collected there
//! and read together.

use candle_core::{DType, Device, Tensor};

use super::any_thread;
use crate::Result;

/// The numbers in float64, unless reading them would mean to wait for a device.
pub(crate) fn at_hand(scalars: &[Tensor]) -> Result<Option<Vec<f64>>> {
    if !scalars.iter().all(|scalar| any_thread(scalar.device())) {
        return Ok(None);
    }
    let number = |scalar: &Tensor| Ok(scalar.detach().to_dtype(DType::F64)?.to_scalar::<f64>()?);
    scalars.iter().map(number).collect::<Result<_>>().map(Some)
}

/// The numbers in float64, all at once.
pub(crate) fn read(scalars: &[Tensor]) -> Result<Vec<f64>> {
    let scalars = scalars.iter().map(|scalar| scalar.to_dtype(DType::F32)).collect::<candle_core::Result<Vec<_>>>()?;
    Ok(Tensor::stack(&scalars, 0)?.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_vec1()?)
}
