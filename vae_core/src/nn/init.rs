//! How the parameters of a layer begin: PyTorch's defaults.

use candle_core::{Device, Tensor, Var};

use super::Params;
use crate::{Result, random::Random};

/// Weight and bias, registered as `{name}.weight` and `{name}.bias`, with every number from U(−1/√fan_in, 1/√fan_in), in the type of what is
/// registered already.
pub(super) fn weight_and_bias(
    params: &mut Params,
    name: &str,
    (weight, bias): (&[usize], usize),
    fan_in: usize,
    random: &mut Random,
    device: &Device,
) -> Result<[Tensor; 2]> {
    let (bound, dtype) = (1.0 / (fan_in as f64).sqrt(), params.dtype());
    let mut draw = |shape: &[usize]| -> Result<Var> {
        let draw = random.uniform(shape, device)?.affine(2.0 * bound, -bound)?;
        Ok(Var::from_tensor(&draw.to_dtype(dtype)?)?)
    };
    let weight = params.register(format!("{name}.weight"), draw(weight)?)?;
    let bias = params.register(format!("{name}.bias"), draw(&[bias])?)?;
    Ok([weight, bias])
}
