//! What a [`Stack`](super::Stack) is made of: the crate's own layers, and layers of one's own.
//!
//! ```
//! use vae_core::{Result, candle::Tensor, nn::CustomLayer, prelude::*};
//!
//! /// x + b, with a bias of its own for each feature.
//! #[derive(Debug)]
//! struct Shift {
//!     bias: Tensor,
//! }
//!
//! impl CustomLayer for Shift {
//!     fn name(&self) -> &'static str {
//!         "Shift"
//!     }
//!
//!     fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
//!         Ok(input.to_vec())
//!     }
//!
//!     fn forward(&self, x: &Tensor) -> Result<Tensor> {
//!         Ok(x.broadcast_add(&self.bias)?)
//!     }
//!
//!     fn parameters(&self) -> Vec<Tensor> {
//!         vec![self.bias.clone()]
//!     }
//! }
//!
//! let (mut params, mut random, cpu) = (Params::new(), Random::new(0), Device::Cpu);
//! let bias = params.register("shift.bias", Var::zeros(7, DType::F32, &cpu)?)?;
//! let stack = Stack::new()
//!     .push(Linear::new(&mut params, "fc", 3, 7, &mut random, &cpu)?, Activation::Silu)
//!     .push(Shift { bias }, Activation::Tanh);
//! assert_eq!(stack.forward(&Tensor::zeros((5, 3), DType::F32, &cpu)?)?.dims(), [5, 7]);
//! let kinds: Vec<_> = stack.rows(&[3])?.iter().map(|row| row.kind).collect();
//! assert_eq!(kinds, ["Linear", "SiLU", "Shift", "Tanh"]);
//! # Ok::<(), vae_core::Error>(())
//! ```

use std::{fmt, sync::Arc};

use candle_core::Tensor;

use super::{Conv2d, ConvTranspose2d, Linear};
use crate::{
    Error, Result,
    ops::stack::{self, Kind},
};

/// A layer of a [`Stack`](super::Stack).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Layer {
    /// (B, in) → (B, out).
    Linear(Linear),
    /// (B, in, H, W) → (B, out, H', W').
    Conv2d(Conv2d),
    /// (B, in, H, W) → (B, out, H', W'), usually larger.
    ConvTranspose2d(ConvTranspose2d),
    /// (B, C, H, W) → (B, C·H·W).
    Flatten,
    /// (B, C·H·W) → (B, C, H, W), for these C, H and W.
    Unflatten(usize, usize, usize),
    /// Any other.
    Custom(Arc<dyn CustomLayer>),
}

/// A layer of one's own; see the top of this module. Clones share it.
pub trait CustomLayer: fmt::Debug + Send + Sync {
    /// What layer tables and errors call it.
    fn name(&self) -> &'static str;

    /// The shape of the output for that of an input, both without the batch.
    ///
    /// # Errors
    /// Whatever the layer has to say of an input that it is not made for.
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>>;

    /// (B, …) → (B, …), in candle's operations; the stack has asked for the output's shape before, and compares it after.
    fn forward(&self, x: &Tensor) -> Result<Tensor>;

    /// The parameters, as [`Params::register`](super::Params::register) returned them.
    fn parameters(&self) -> Vec<Tensor> {
        vec![]
    }

    /// Its rows in a layer table: one, unless it has layers inside.
    ///
    /// # Errors
    /// Those of [`CustomLayer::output_shape`].
    fn rows(&self, input: &[usize]) -> Result<Vec<Row>> {
        Ok(vec![Row { kind: self.name(), output: self.output_shape(input)?, parameters: self.parameters() }])
    }
}

/// A row of a layer table.
#[derive(Clone, Debug)]
pub struct Row {
    /// "Linear", "ReLU", …
    pub kind: &'static str,
    /// The shape of the output, without the batch.
    pub output: Vec<usize>,
    /// The layer's parameters.
    pub parameters: Vec<Tensor>,
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

impl<L: CustomLayer + 'static> From<L> for Layer {
    fn from(layer: L) -> Self {
        Self::Custom(Arc::new(layer))
    }
}

impl Layer {
    /// The shape of the output for that of an input, both without the batch.
    ///
    /// # Errors
    /// [`Error::Shape`] for an input that the layer is not made for, [`Error::Argument`] for one that is too small.
    pub fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        match self {
            Self::Linear(layer) => layer.output_shape(input),
            Self::Conv2d(layer) => layer.output_shape(input),
            Self::ConvTranspose2d(layer) => layer.output_shape(input),
            Self::Flatten => Ok(vec![input.iter().product()]),
            &Self::Unflatten(c, h, w) if *input == [c * h * w] => Ok(vec![c, h, w]),
            &Self::Unflatten(c, h, w) => Err(Error::Shape {
                what: "input to unflatten, without the batch",
                expected: format!("({c}·{h}·{w} = {})", c * h * w),
                got: input.to_vec(),
            }),
            Self::Custom(layer) => layer.output_shape(input),
        }
    }

    /// The rows in a layer table for an input of that shape, without the batch.
    pub(super) fn rows(&self, input: &[usize]) -> Result<Vec<Row>> {
        let (kind, parameters) = match self {
            Self::Linear(layer) => ("Linear", layer.parameters.to_vec()),
            Self::Conv2d(layer) => ("Conv2d", layer.parameters.to_vec()),
            Self::ConvTranspose2d(layer) => ("ConvTranspose2d", layer.parameters.to_vec()),
            Self::Flatten => ("Flatten", vec![]),
            Self::Unflatten(..) => ("Unflatten", vec![]),
            Self::Custom(layer) => return layer.rows(input),
        };
        Ok(vec![Row { kind, output: self.output_shape(input)?, parameters }])
    }

    /// What the fast paths know it as, between inputs and outputs of these shapes; or the layer that they do not know.
    pub(super) fn operation(&self, input: &[usize], output: &[usize]) -> Result<stack::Layer, &dyn CustomLayer> {
        let (kind, parameters) = match self {
            Self::Linear(layer) => (Kind::Linear, vec![layer.parameters.clone()]),
            Self::Conv2d(layer) => (layer.kind(input, output), vec![layer.parameters.clone()]),
            Self::ConvTranspose2d(layer) => (layer.kind(input, output), vec![layer.parameters.clone()]),
            Self::Flatten | Self::Unflatten(..) => (Kind::Reshape, vec![]),
            Self::Custom(layer) => return Err(layer.as_ref()),
        };
        Ok(stack::Layer { kind, parameters, activation: None, output: output.to_vec() })
    }
}
