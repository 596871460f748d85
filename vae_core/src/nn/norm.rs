//! Layer normalization (Ba, Kiros & Hinton 2016): y = w ⊙ (x − μ)/√(σ² + ε) + b, with the mean μ and the variance σ² of each
//! item's own numbers.
//!
//! ```
//! use vae_core::{candle::{Device, Tensor}, nn::*, random::Random};
//!
//! let mut params = Params::new();
//! let norm = LayerNorm::new(&mut params, "norm", &[2], &Device::Cpu)?;
//! let y = Stack::new().push(norm, None).forward(&Tensor::new(&[[3f32, 5.], [-7., 7.]], &Device::Cpu)?)?;
//! let distance = (y - Tensor::new(&[[-1f32, 1.], [-1., 1.]], &Device::Cpu)?)?.abs()?.max_all()?;
//! assert!(distance.to_scalar::<f32>()? < 1e-4);
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::{D, DType, Device, Tensor, Var};

use super::{CustomLayer, Params};
use crate::{Error, Result};

/// ε, added to the variance so that equal numbers do not divide by 0; PyTorch's default.
const EPSILON: f64 = 1e-5;

/// Layer normalization over the last dimensions; weight and bias have their shape, as in PyTorch.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    /// Weight and bias.
    pub(super) parameters: [Tensor; 2],
}

impl LayerNorm {
    /// A layer for inputs that end in `shape`, whose parameters `{name}.weight` and `{name}.bias` begin as ones and zeros and are
    /// registered in `params`.
    ///
    /// # Errors
    /// [`Error::Argument`] for a shape without numbers.
    pub fn new(params: &mut Params, name: &str, shape: &[usize], device: &Device) -> Result<Self> {
        if shape.is_empty() || shape.contains(&0) {
            return Err(Error::argument(format!("layer normalization needs sides of 1 or more, got {shape:?}")));
        }
        let weight = params.register(format!("{name}.weight"), Var::ones(shape, DType::F32, device)?)?;
        let bias = params.register(format!("{name}.bias"), Var::zeros(shape, DType::F32, device)?)?;
        Ok(Self { parameters: [weight, bias] })
    }
}

impl CustomLayer for LayerNorm {
    fn name(&self) -> &'static str {
        "LayerNorm"
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let own = self.parameters[0].dims();
        if input.ends_with(own) {
            return Ok(input.to_vec());
        }
        let expected = format!("one that ends in {own:?}, as the layer was made");
        Err(Error::Shape { what: "input of layer normalization, without the batch", expected, got: input.to_vec() })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let [weight, bias] = &self.parameters;
        // The last dimensions as one.
        let rows = x.flatten_from(x.rank() - weight.rank())?;
        let centred = rows.broadcast_sub(&rows.mean_keepdim(D::Minus1)?)?;
        let std = (centred.sqr()?.mean_keepdim(D::Minus1)? + EPSILON)?.sqrt()?;
        let normal = centred.broadcast_div(&std)?.reshape(x.shape())?;
        Ok(normal.broadcast_mul(weight)?.broadcast_add(bias)?)
    }

    fn parameters(&self) -> Vec<Tensor> {
        self.parameters.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of the formula, over one dimension and over two, with the variance of n numbers and not of n − 1.
    ///
    /// ```python
    /// def norm(x):
    ///     mean = sum(x) / len(x)
    ///     return [(a - mean) / (sum((a - mean) ** 2 for a in x) / len(x) + 1e-5) ** 0.5 for a in x]
    /// ```
    #[test]
    fn follows_the_formula() {
        let x = Tensor::new(&[[[1f64, 2.], [4., 0.]]], &Device::Cpu).unwrap();
        let [weight, bias] = [[2f64, 3.], [0.5, -0.5]].map(|numbers| Tensor::new(&numbers, &Device::Cpu).unwrap());
        let one = LayerNorm { parameters: [weight, bias] };
        let plain = |x: &Tensor| LayerNorm {
            parameters: [x.get(0).unwrap().ones_like().unwrap(), x.get(0).unwrap().zeros_like().unwrap()],
        };
        for (layer, wanted) in [
            (one, [-1.499_960, 2.499_940, 2.499_998, -3.499_996]),
            (plain(&x), [-0.507_091, 0.169_030, 1.521_274, -1.183_213]),
        ] {
            let got = layer.forward(&x).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
            assert!(got.iter().zip(wanted).all(|(got, wanted)| (got - wanted).abs() < 1e-6), "{got:?} {wanted:?}");
        }
    }
}
