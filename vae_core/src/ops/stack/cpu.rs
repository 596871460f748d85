//! On the CPU: all layers as one operation of candle's, in float32.
//!
//! candle gives an operation at most three arguments and sums every gradient into an accumulator that it fills with zeros
//! first, for a large activation more work than the layer itself. So the layers run behind one operation, which keeps
//! their activations and their gradients to itself:
//!
//! ```text
//! token₀ ──Entry(w₁, b₁)──▶ token₁ ──Entry(w₂, b₂)──▶ token₂ ─┐
//! x ─────────────────────────────────────────────────────────┴─Layers──▶ token₃ ──▶ y
//! ```
//! The tokens are single zeros that tell candle which parameters y depends on. Going back, `Layers` computes the gradients of
//! x and of all parameters, hands on that of x, and leaves the others where each `Entry` picks up its own. How y leaves, and
//! how its gradient comes back, is in [`outlet`].

use std::sync::{Arc, Mutex};

use candle_core::{CpuStorage, CustomOp2, CustomOp3, DType, Device, Layout, Shape, Tensor};

use super::{
    Layer,
    steps::{Step, WeightAndBias, steps},
};
use crate::{
    Error, Result,
    ops::{
        gradients::{Collected, collect},
        kernels::{
            elementwise::in_chunks,
            in_pool,
            scratch::{Scratch, lock},
            slices::{slice, with_slice},
        },
        outlet::{self, Passage},
    },
};

/// `x` through all layers.
pub(super) fn forward(layers: &[Layer], x: &Tensor) -> Result<Tensor> {
    let steps = steps(layers, x)?;
    let x = x.contiguous()?;
    let gradients: Gradients = Arc::default();
    let mut token = Tensor::zeros(1, DType::F32, &Device::Cpu)?;
    for (step, layer) in steps.iter().enumerate() {
        for (index, [weight, bias]) in layer.parameters.iter().enumerate() {
            token = token.apply_op3(weight, bias, Entry { step, index, gradients: gradients.clone() })?;
        }
    }
    let output = layers.last().map_or(&x.dims()[1..], |layer| &layer.output);
    let shape = Shape::from([&x.dims()[..1], output].concat());
    let (passage, saved) = (Arc::<Passage>::default(), Mutex::default());
    let layers = Layers { steps, input_gradient: x.track_op(), gradients, passage: passage.clone(), saved };
    let token = x.apply_op2(&token, layers)?;
    outlet::open(token, passage, shape)
}

/// The gradients of weights and biases by step, between `Layers` and its `Entry`s.
type Gradients = Arc<Mutex<Vec<Vec<Option<WeightAndBias>>>>>;

struct Layers {
    steps: Vec<Step>,
    /// Whether x has a gradient: images have none.
    input_gradient: bool,
    gradients: Gradients,
    passage: Arc<Passage>,
    /// The outputs of all steps; of the last only if a nonlinearity made it.
    saved: Mutex<Vec<Scratch>>,
}

impl Layers {
    /// Leaves the gradients of the parameters for their `Entry`s, if asked for, and returns that of x, if there is one.
    fn backward(&self, x: &[f32], batch: usize, mut dy: Scratch, weights: bool) -> Result<Option<Scratch>> {
        let saved = lock(&self.saved);
        if let Some(activation) = self.steps.last().and_then(|step| step.activation)
            && let Some(y) = saved.last()
        {
            in_chunks(y, &mut dy, |y, dy| activation.backward(y, dy));
        }
        let mut last = Some(dy);
        let mut gradients = Vec::with_capacity(self.steps.len());
        for (i, step) in self.steps.iter().enumerate().rev() {
            let (x, previous) = match i {
                0 => (x, self.input_gradient.then_some(None)),
                _ => (&saved[i - 1][..], Some(self.steps[i - 1].activation)),
            };
            let (dx, parameters) = step.backward(x, last.as_deref().unwrap_or_default(), batch, previous, weights)?;
            last = dx;
            gradients.push(parameters);
        }
        gradients.reverse();
        *lock(&self.gradients) = gradients;
        Ok(last.filter(|_| self.input_gradient))
    }
}

impl CustomOp2 for Layers {
    fn name(&self) -> &'static str {
        "vae_core layers"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        layout: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let x = slice(x, layout)?;
        let batch = layout.dims()[0];
        let mut outputs: Vec<Scratch> = Vec::with_capacity(self.steps.len());
        in_pool(|| {
            for step in &self.steps {
                let y = step.forward(outputs.last().map_or(x, |y| y), batch)?;
                outputs.push(y);
            }
            Ok::<_, Error>(())
        })?;
        let y = outputs.pop().unwrap_or_default();
        if self.steps.last().is_some_and(|step| step.activation.is_some()) {
            outputs.push(Scratch::copy(&y));
        }
        *lock(&self.saved) = outputs;
        self.passage.hand_out(y);
        Ok((CpuStorage::F32(vec![0.0]), Shape::from(1)))
    }

    fn bwd(
        &self,
        x: &Tensor,
        token: &Tensor,
        _: &Tensor,
        output_gradient: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let weights = token.track_op();
        let dy = self.passage.gradient(output_gradient)?;
        let batch = x.dims()[0];
        let dx = with_slice(x, |x| in_pool(|| self.backward(x, batch, dy, weights)))?;
        let dx = dx.map(|dx| Tensor::from_vec(dx.to_vec(), x.shape(), &Device::Cpu)).transpose()?;
        Ok((dx, Some(token.zeros_like()?)))
    }
}

/// Makes y depend on a weight and a bias.
struct Entry {
    step: usize,
    /// Which of the step's layers.
    index: usize,
    gradients: Gradients,
}

impl CustomOp3 for Entry {
    fn name(&self) -> &'static str {
        "vae_core parameters"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        Ok((CpuStorage::F32(vec![0.0]), Shape::from(1)))
    }

    fn bwd(
        &self,
        token: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _: &Tensor,
        _: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let mut gradients = lock(&self.gradients);
        let own = gradients.get_mut(self.step).and_then(|step| step.get_mut(self.index));
        let Some((dw, db)) = own.and_then(Option::take) else {
            return Ok((Some(token.zeros_like()?), None, None));
        };
        Ok((
            Some(token.zeros_like()?),
            collect(weight, Collected::Numbers(dw))?,
            collect(bias, Collected::Numbers(db))?,
        ))
    }
}
