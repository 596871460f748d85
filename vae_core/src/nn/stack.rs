//! Layers one after the other.
//!
//! ```
//! use vae_core::{candle::{DType, Device, Tensor}, nn::*, random::Random};
//!
//! let (mut params, mut random, cpu) = (Params::new(), Random::new(0), Device::Cpu);
//! let conv = Conv2dConfig { stride: 2, padding: 1, ..Conv2dConfig::new(1, 8, 3) };
//! let mut linear = |params: &mut Params, name| Linear::new(params, name, 8 * 14 * 14, 20, &mut random, &cpu);
//! let (mu, log_var) = (linear(&mut params, "mu")?, linear(&mut params, "log_var")?);
//! let encoder = Stack::new()
//!     .push(Conv2d::new(&mut params, "conv1", conv, &mut random, &cpu)?, Activation::LeakyRelu(0.01))
//!     .push(Layer::Flatten, None)
//!     .heads(mu, log_var);
//! let x = Tensor::zeros((5, 1, 28, 28), DType::F32, &cpu)?;
//! assert_eq!(encoder.forward(&x)?.dims(), [5, 40]); // both heads side by side
//! assert_eq!(encoder.gaussian(&x)?.mu().dims(), [5, 20]); // q(z|x)
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::Tensor;

use super::{Activation, CustomLayer, Layer, Linear, Row};
use crate::{
    Error, Result,
    distributions::DiagonalGaussian,
    ops::stack::{self, Kind},
};

/// Layers with the nonlinearity that follows each, and perhaps two heads at their end.
///
/// Neighbouring layers of this crate, with [`Relu`](Activation::Relu), [`LeakyRelu`](Activation::LeakyRelu) of a slope from 0 to
/// 1, [`Tanh`](Activation::Tanh) or nothing after them, are computed together and much faster than by candle's operations; other
/// activations and layers stand between such runs.
#[derive(Clone, Debug, Default)]
pub struct Stack {
    layers: Vec<(Layer, Option<Activation>)>,
    heads: Option<[Linear; 2]>,
}

impl Stack {
    /// No layers: the identity.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more layer at the end (before the heads, if there are any), and the nonlinearity after it.
    #[must_use]
    pub fn push(mut self, layer: impl Into<Layer>, activation: impl Into<Option<Activation>>) -> Self {
        self.layers.push((layer.into(), activation.into()));
        self
    }

    /// With two layers on the same input at the end, (B, in) → (B, D) each: the μ and ln σ² that [`Stack::gaussian`] makes a
    /// distribution of.
    #[must_use]
    pub fn heads(mut self, mu: Linear, log_var: Linear) -> Self {
        self.heads = Some([mu, log_var]);
        self
    }

    /// The layers, first to last, without the heads.
    pub fn layers(&self) -> impl Iterator<Item = (&Layer, Option<Activation>)> {
        self.layers.iter().map(|(layer, activation)| (layer, *activation))
    }

    /// The two heads, μ and ln σ², where it ends in them.
    pub(crate) fn both_heads(&self) -> Option<&[Linear; 2]> {
        self.heads.as_ref()
    }

    /// The shapes after each layer for that of an input, all without the batch; the heads, side by side, count as one.
    ///
    /// # Errors
    /// Those of [`Layer::output_shape`], for the first layer that does not fit.
    pub fn shapes(&self, input: &[usize]) -> Result<Vec<Vec<usize>>> {
        let mut shapes: Vec<Vec<usize>> = Vec::with_capacity(self.layers.len() + 1);
        for (layer, _) in &self.layers {
            let next = layer.output_shape(shapes.last().map_or(input, Vec::as_slice))?;
            shapes.push(next);
        }
        if let Some(heads) = &self.heads {
            let input = shapes.last().map_or(input, Vec::as_slice);
            let widths = heads.iter().map(|head| Ok(head.output_shape(input)?[0]));
            shapes.push(vec![widths.sum::<Result<usize>>()?]);
        }
        Ok(shapes)
    }

    /// What each layer makes of `x` with the nonlinearity after it, first to last, without the heads: the feature maps of an encoder.
    ///
    /// # Errors
    /// Those of [`Stack::shapes`].
    pub fn outputs(&self, x: &Tensor) -> Result<Vec<Tensor>> {
        let mut outputs: Vec<Tensor> = Vec::with_capacity(self.layers.len());
        for (layer, activation) in &self.layers {
            let next = Self::new().push(layer.clone(), *activation).forward(outputs.last().unwrap_or(x))?;
            outputs.push(next);
        }
        Ok(outputs)
    }

    /// The rows of a layer table for an input of that shape, without the batch: a row for each layer, nonlinearity and head.
    ///
    /// # Errors
    /// Those of [`Stack::shapes`].
    pub fn rows(&self, input: &[usize]) -> Result<Vec<Row>> {
        let mut rows = vec![];
        let mut shape = input.to_vec();
        for (layer, activation) in &self.layers {
            rows.extend(layer.rows(&shape)?);
            shape = layer.output_shape(&shape)?;
            let row =
                |activation: &Activation| Row { kind: activation.name(), output: shape.clone(), parameters: vec![] };
            rows.extend(activation.as_ref().map(row));
        }
        for head in self.heads.iter().flatten() {
            rows.extend(Layer::from(head.clone()).rows(&shape)?);
        }
        Ok(rows)
    }

    /// (B, …) → (B, …), through all layers; the outputs of two heads are side by side.
    ///
    /// # Errors
    /// Those of [`Stack::shapes`].
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (x, last) = self.up_to_last_run(x)?;
        stack::forward(&last, &x)
    }

    /// What the two heads say: Gaussians N(μ, exp(ln σ²)) of shape (B, D).
    ///
    /// # Errors
    /// Those of [`Stack::shapes`]; [`Error::Argument`] for a stack without heads; [`Error::Shape`] for heads of two widths.
    pub fn gaussian(&self, x: &Tensor) -> Result<DiagonalGaussian> {
        if self.heads.is_none() {
            return Err(Error::argument(
                "expected a stack that ends in two heads, got one without; add them with `.heads(mu, log_var)`",
            ));
        }
        let (x, last) = self.up_to_last_run(x)?;
        let (mu, log_var) = stack::pair(&last, &x)?;
        DiagonalGaussian::new(mu, log_var)
    }

    /// `x` after the last layer or nonlinearity that takes the general path, and the layers after it: a run, as those before
    /// it, that the fast paths know, with the heads at its end.
    fn up_to_last_run(&self, x: &Tensor) -> Result<(Tensor, Vec<stack::Layer>)> {
        let Some(mut shape) = x.dims().get(1..) else {
            return Err(Error::Shape { what: "input of a stack", expected: "(batch, …)".into(), got: vec![] });
        };
        let shapes = self.shapes(shape)?;
        let (mut x, mut run) = (x.clone(), vec![]);
        for ((layer, activation), output) in self.layers.iter().zip(&shapes) {
            match layer.operation(shape, output) {
                Ok(operation) => run.push(operation),
                Err(custom) => x = apply(custom, &stack::forward(&std::mem::take(&mut run), &x)?, output)?,
            }
            shape = output;
            let Some(activation) = activation else { continue };
            // What only moves numbers has no sums to apply a function to.
            match run.last_mut().filter(|last| !last.parameters.is_empty()).zip(activation.fast()) {
                Some((last, fast)) => last.activation = Some(fast),
                None => x = activation.forward(&stack::forward(&std::mem::take(&mut run), &x)?)?,
            }
        }
        if let (Some(heads), Some(output)) = (&self.heads, shapes.last()) {
            let parameters = heads.iter().map(|head| head.parameters.clone()).collect();
            run.push(stack::Layer { kind: Kind::Linear, parameters, activation: None, output: output.clone() });
        }
        Ok((x, run))
    }
}

/// A layer of somebody's own, held to the shape that it promised: what follows relies on it.
fn apply(layer: &dyn CustomLayer, x: &Tensor, output: &[usize]) -> Result<Tensor> {
    let y = layer.forward(x)?;
    let expected = [&x.dims()[..1], output].concat();
    if y.dims() == expected {
        return Ok(y);
    }
    let (name, got) = (layer.name(), y.dims());
    Err(Error::argument(format!(
        "the layer {name} promised an output of shape {expected:?} and returned {got:?}; its `output_shape` and `forward` \
         must agree"
    )))
}
