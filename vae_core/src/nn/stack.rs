//! Layers one after the other, as one operation.
//!
//! ```
//! use vae_core::{candle::{DType, Device, Tensor}, nn::*, random::Random};
//!
//! let (mut params, mut random, cpu) = (Params::new(), Random::new(0), Device::Cpu);
//! let conv = Conv2dConfig { stride: 2, padding: 1, ..Conv2dConfig::new(1, 8, 3) };
//! let stack = Stack::new()
//!     .push(Conv2d::new(&mut params, "conv1", conv, &mut random, &cpu)?, Activation::LeakyRelu(0.01))
//!     .push(Layer::Flatten, None)
//!     .push(Linear::new(&mut params, "fc", 8 * 14 * 14, 20, &mut random, &cpu)?, None);
//! let y = stack.forward(&Tensor::zeros((5, 1, 28, 28), DType::F32, &cpu)?)?;
//! assert_eq!(y.dims(), [5, 20]);
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::Tensor;

use super::{Activation, Conv2d, ConvTranspose2d, Linear, Outlet, cuda, fused};
use crate::{Error, Result};

/// What a [`Stack`] is made of.
#[derive(Clone, Debug)]
pub enum Layer {
    /// (B, in) → (B, out).
    Linear(Linear),
    /// (B, in) → (B, out₁ + out₂): two layers on the same input, their outputs side by side.
    Pair(Linear, Linear),
    /// (B, in, H, W) → (B, out, H', W').
    Conv2d(Conv2d),
    /// (B, in, H, W) → (B, out, H', W'), usually larger.
    ConvTranspose2d(ConvTranspose2d),
    /// (B, C, H, W) → (B, C·H·W).
    Flatten,
    /// (B, C·H·W) → (B, C, H, W), for these C, H and W.
    Unflatten(usize, usize, usize),
}

impl From<Linear> for Layer {
    fn from(layer: Linear) -> Self {
        Self::Linear(layer)
    }
}

impl From<Conv2d> for Layer {
    fn from(layer: Conv2d) -> Self {
        Self::Conv2d(layer)
    }
}

impl From<ConvTranspose2d> for Layer {
    fn from(layer: ConvTranspose2d) -> Self {
        Self::ConvTranspose2d(layer)
    }
}

impl Layer {
    /// The shape of the output for that of an input, both without the batch.
    ///
    /// # Errors
    /// [`Error::Shape`] for an input that the layer is not made for, [`Error::Argument`] for one that is too small.
    pub fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let refuse = |what, expected| Err(Error::Shape { what, expected, got: input.to_vec() });
        match (self, input) {
            (Self::Linear(layer), _) => match layer.weight.dims() {
                &[outputs, inputs] if *input == [inputs] => Ok(vec![outputs]),
                &[_, inputs] => refuse("input of a linear layer, without the batch", format!("({inputs})")),
                other => refuse("weight of a linear layer", format!("(out, in), not {other:?}")),
            },
            (Self::Pair(first, second), _) => {
                let widths = [first, second].map(|layer| Self::Linear(layer.clone()).output_shape(input));
                let [first, second] = widths;
                Ok(vec![first?[0] + second?[0]])
            }
            (Self::Conv2d(layer), &[c, h, w]) if c == layer.config.in_channels => {
                let (h, w) = layer.config.output_size((h, w))?;
                Ok(vec![layer.config.out_channels, h, w])
            }
            (Self::Conv2d(layer), _) => {
                let expected = format!("({}, height, width)", layer.config.in_channels);
                refuse("input of a convolution, without the batch", expected)
            }
            (Self::ConvTranspose2d(layer), &[c, h, w]) if c == layer.config.in_channels => {
                let (h, w) = layer.config.output_size((h, w))?;
                Ok(vec![layer.config.out_channels, h, w])
            }
            (Self::ConvTranspose2d(layer), _) => {
                let expected = format!("({}, height, width)", layer.config.in_channels);
                refuse("input of a transposed convolution, without the batch", expected)
            }
            (Self::Flatten, _) => Ok(vec![input.iter().product()]),
            (&Self::Unflatten(c, h, w), _) if *input == [c * h * w] => Ok(vec![c, h, w]),
            (&Self::Unflatten(c, h, w), _) => {
                refuse("input to unflatten, without the batch", format!("({c}·{h}·{w} = {})", c * h * w))
            }
        }
    }

    /// The same by candle's own operations, on any device and in any precision.
    pub(super) fn reference(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Linear(layer) => layer.reference(x),
            Self::Pair(first, second) => Ok(Tensor::cat(&[first.reference(x)?, second.reference(x)?], 1)?),
            Self::Conv2d(layer) => layer.reference(x),
            Self::ConvTranspose2d(layer) => layer.reference(x),
            Self::Flatten => Ok(x.flatten_from(1)?),
            &Self::Unflatten(c, h, w) => Ok(x.reshape(((), c, h, w))?),
        }
    }
}

/// Layers with the nonlinearity that follows each.
#[derive(Clone, Debug, Default)]
pub struct Stack {
    layers: Vec<(Layer, Option<Activation>)>,
}

impl Stack {
    /// No layers: the identity.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more layer at the end, and the nonlinearity after it.
    #[must_use]
    pub fn push(mut self, layer: impl Into<Layer>, activation: impl Into<Option<Activation>>) -> Self {
        self.layers.push((layer.into(), activation.into()));
        self
    }

    /// The layers, first to last.
    pub fn layers(&self) -> impl Iterator<Item = (&Layer, Option<Activation>)> {
        self.layers.iter().map(|(layer, activation)| (layer, *activation))
    }

    /// The shapes after each layer for that of an input, all without the batch.
    ///
    /// # Errors
    /// Those of [`Layer::output_shape`], for the first layer that does not fit.
    pub fn shapes(&self, input: &[usize]) -> Result<Vec<Vec<usize>>> {
        let mut shapes: Vec<Vec<usize>> = Vec::with_capacity(self.layers.len());
        for (layer, _) in &self.layers {
            let next = layer.output_shape(shapes.last().map_or(input, Vec::as_slice))?;
            shapes.push(next);
        }
        Ok(shapes)
    }

    /// (B, …) → (B, …), through all layers.
    ///
    /// # Errors
    /// Those of [`Stack::shapes`].
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(self.forward_with_outlet(x)?.0)
    }

    /// The same with the way back for the output's gradient, where there is one.
    pub(crate) fn forward_with_outlet(&self, x: &Tensor) -> Result<(Tensor, Option<Outlet>)> {
        let shapes = self.shapes(x.dims().get(1..).unwrap_or_default())?;
        if let Some(y) = cuda::forward(&self.layers, &shapes, x)? {
            return Ok((y, None));
        }
        Ok(match fused::forward(&self.layers, &shapes, x)? {
            Some((y, outlet)) => (y, Some(outlet)),
            None => (self.reference(x)?, None),
        })
    }

    pub fn heads(self, mu: Linear, log_var: Linear) -> Self {
        self.push(Layer::Pair(mu, log_var), None)
    }

    pub fn gaussian(&self, x: &Tensor) -> Result<crate::distributions::DiagonalGaussian> {
        let (mu, log_var) = self.forward_pair(x)?;
        crate::distributions::DiagonalGaussian::new(mu, log_var)
    }

    /// The outputs of both layers of a [`Layer::Pair`] at the end: (B, out₁) and (B, out₂), on their own and contiguous.
    ///
    /// # Errors
    /// Those of [`Stack::shapes`], and [`Error::Argument`] for a stack that ends otherwise.
    pub(crate) fn forward_pair(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        let shapes = self.shapes(x.dims().get(1..).unwrap_or_default())?;
        if let Some(pair) = cuda::forward_pair(&self.layers, &shapes, x)? {
            return Ok(pair);
        }
        let Some((Layer::Pair(first, second), _)) = self.layers.last() else {
            return Err(Error::argument("expected a stack that ends in a pair of layers"));
        };
        let y = self.forward(x)?;
        let (first, second) = (first.bias.elem_count(), second.bias.elem_count());
        // Contiguous here, once, and not in each operation on them.
        Ok((y.narrow(1, 0, first)?.contiguous()?, y.narrow(1, first, second)?.contiguous()?))
    }

    /// The same by candle's own operations, on any device and in any precision.
    fn reference(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = x.clone();
        for (layer, activation) in &self.layers {
            x = layer.reference(&x)?;
            if let Some(activation) = activation {
                x = activation.forward(&x)?;
            }
        }
        Ok(x)
    }
}
