//! y = x Wᵀ + b.
//!
//! ```
//! use vae_core::{candle::{Device, Tensor, DType}, nn::{Linear, Params}, random::Random};
//!
//! let mut params = Params::new();
//! let layer = Linear::new(&mut params, "fc", 3, 2, &mut Random::new(0), &Device::Cpu)?;
//! let y = layer.forward(&Tensor::zeros((5, 3), DType::F32, &Device::Cpu)?)?;
//! assert_eq!(y.dims(), [5, 2]);
//! assert_eq!(params.count(), 3 * 2 + 2);
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::{Device, Tensor};

use super::{Params, Stack, init::weight_and_bias};
use crate::{Error, Result, random::Random};

/// A fully connected layer; weight (out, in) and bias (out,), as in PyTorch.
#[derive(Clone, Debug)]
pub struct Linear {
    /// Weight and bias.
    pub(super) parameters: [Tensor; 2],
}

impl Linear {
    /// A layer whose parameters `{name}.weight` and `{name}.bias` are drawn from U(−1/√in, 1/√in), PyTorch's default, and
    /// registered in `params`.
    pub fn new(
        params: &mut Params,
        name: &str,
        inputs: usize,
        outputs: usize,
        random: &mut Random,
        device: &Device,
    ) -> Result<Self> {
        let parameters = weight_and_bias(params, name, (&[outputs, inputs], outputs), inputs, random, device)?;
        Ok(Self { parameters })
    }

    /// x Wᵀ + b: (B, in) → (B, out).
    ///
    /// # Errors
    /// [`Error::Shape`] for another width than `in`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Stack::new().push(self.clone(), None).forward(x)
    }

    /// Weight (out, in) and bias (out,).
    pub(crate) fn parameters(&self) -> &[Tensor; 2] {
        &self.parameters
    }

    /// The same layer, now and after every change of its parameters, whose output has no gradient with respect to them.
    pub(crate) fn detached(&self) -> Self {
        Self { parameters: self.parameters.each_ref().map(Tensor::detach) }
    }

    /// (out) for (in), both without the batch.
    pub(super) fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let (outputs, inputs) = self.parameters[0].dims2()?;
        if *input == [inputs] {
            return Ok(vec![outputs]);
        }
        let what = "input of a linear layer, without the batch";
        Err(Error::Shape { what, expected: format!("({inputs})"), got: input.to_vec() })
    }
}
