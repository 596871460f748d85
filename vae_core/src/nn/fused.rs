//! A [`Stack`](super::Stack) as one operation of candle: float32 on the CPU.
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
//! how its gradient comes back, is in [`super::outlet`].

use std::sync::{Arc, Mutex};

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Device, Layout, Shape, Tensor};

use super::{
    Activation, Conv2dConfig, ConvTranspose2dConfig, Layer,
    gradients::{Collected, collect},
    outlet::{Outlet, Passage},
};
use crate::{
    Error, Result,
    ops::kernels::{
        conv::{Conv, Direction, Geometry},
        elementwise::{in_chunks, multiply, tanh},
        in_pool,
        linear::{Linear, WeightGradient},
        scratch::{Scratch, lock},
        slices::{in_float32_on_cpu as fits, slice, with_slice},
        tile::Finish,
        transpose::transpose_each,
    },
};

/// What one step computes. Images are channels last between steps.
enum Kernel {
    Linear(Linear),
    Conv(Box<Conv>, Direction),
    /// (C, H·W) → (H·W, C), with C and H·W.
    ChannelsLast(usize, usize),
    /// (H·W, C) → (C, H·W), with C and H·W.
    ChannelsFirst(usize, usize),
}

struct Step {
    kernel: Kernel,
    activation: Option<Activation>,
    /// Weights and biases: of two layers for a pair, of none where numbers only change places.
    parameters: Vec<(Tensor, Tensor)>,
}

/// The slope below zero, for the nonlinearities that have one.
fn leak(activation: Option<Activation>) -> Option<f32> {
    match activation {
        Some(Activation::Relu) => Some(0.0),
        Some(Activation::LeakyRelu(slope)) => Some(slope as f32),
        Some(Activation::Tanh) | None => None,
    }
}

/// Whether the derivative can be told from the value, which all of this relies on.
pub(super) fn supported(activation: Option<Activation>) -> bool {
    !matches!(activation, Some(Activation::LeakyRelu(slope)) if !(0.0..=1.0).contains(&slope))
}

/// The stack as steps, with the shapes after each layer; `None` when the general path has to be taken.
fn steps(layers: &[(Layer, Option<Activation>)], shapes: &[Vec<usize>], x: &Tensor) -> Result<Option<Vec<Step>>> {
    let mut steps = vec![];
    let mut shape = x.dims().get(1..).unwrap_or_default().to_vec();
    let mut channels_last = false;
    // With one channel or one pixel both orders are the same.
    let differ = |shape: &[usize]| matches!(shape, &[c, h, w] if c > 1 && h * w > 1);
    let turn = |steps: &mut Vec<Step>, shape: &[usize], channels_last: &mut bool, last: bool| {
        if *channels_last != last && differ(shape) {
            let (c, pixels) = (shape[0], shape[1] * shape[2]);
            let kernel = if last { Kernel::ChannelsLast(c, pixels) } else { Kernel::ChannelsFirst(c, pixels) };
            steps.push(Step { kernel, activation: None, parameters: vec![] });
        }
        *channels_last = last;
    };
    for ((layer, activation), output) in layers.iter().zip(shapes) {
        let parameters = match layer {
            Layer::Linear(layer) => vec![(&layer.weight, &layer.bias)],
            Layer::Pair(first, second) => vec![(&first.weight, &first.bias), (&second.weight, &second.bias)],
            Layer::Conv2d(layer) => vec![(&layer.weight, &layer.bias)],
            Layer::ConvTranspose2d(layer) => vec![(&layer.weight, &layer.bias)],
            Layer::Flatten | Layer::Unflatten(..) => {
                if activation.is_some() {
                    return Ok(None);
                }
                turn(&mut steps, &shape, &mut channels_last, false);
                shape = output.clone();
                continue;
            }
        };
        if !(supported(*activation) && parameters.iter().all(|(weight, bias)| fits(weight) && fits(bias))) {
            return Ok(None);
        }
        let kernel = match (layer, &shape[..], &output[..]) {
            (Layer::Conv2d(layer), &[big_channels, h, w], &[small_channels, oh, ow]) => {
                let Conv2dConfig { kernel, stride, padding, dilation, .. } = layer.config;
                let (big, small) = ((h, w), (oh, ow));
                let geometry = Geometry { big, small, big_channels, small_channels, kernel, stride, padding, dilation };
                Kernel::Conv(Box::new(Conv::new(geometry)), Direction::Down)
            }
            (Layer::ConvTranspose2d(layer), &[small_channels, h, w], &[big_channels, oh, ow]) => {
                let ConvTranspose2dConfig { kernel, stride, padding, dilation, .. } = layer.config;
                let (big, small) = ((oh, ow), (h, w));
                let geometry = Geometry { big, small, big_channels, small_channels, kernel, stride, padding, dilation };
                Kernel::Conv(Box::new(Conv::new(geometry)), Direction::Up)
            }
            (_, &[inputs], &[outputs]) => Kernel::Linear(Linear { inputs, outputs }),
            _ => return Ok(None),
        };
        if matches!(kernel, Kernel::Conv(..)) {
            turn(&mut steps, &shape, &mut channels_last, true);
        }
        let contiguous = |(weight, bias): (&Tensor, &Tensor)| Ok((weight.contiguous()?, bias.contiguous()?));
        let parameters = parameters.into_iter().map(contiguous).collect::<Result<_>>()?;
        steps.push(Step { kernel, activation: *activation, parameters });
        shape = output.clone();
    }
    turn(&mut steps, &shape, &mut channels_last, false);
    let worthwhile = steps.iter().any(|step| !step.parameters.is_empty());
    Ok((fits(x) && x.elem_count() > 0 && worthwhile).then_some(steps))
}

/// The stack on `x`, with the shapes after each layer, and the way back, unless it needs the general path.
pub(super) fn forward(
    layers: &[(Layer, Option<Activation>)],
    shapes: &[Vec<usize>],
    x: &Tensor,
) -> Result<Option<(Tensor, Outlet)>> {
    let Some(steps) = steps(layers, shapes, x)? else { return Ok(None) };
    let x = x.contiguous()?;
    let gradients: Gradients = Arc::default();
    let mut token = Tensor::zeros(1, candle_core::DType::F32, &Device::Cpu)?;
    for (step, layer) in steps.iter().enumerate() {
        for (index, (weight, bias)) in layer.parameters.iter().enumerate() {
            token = token.apply_op3(weight, bias, Entry { step, index, gradients: gradients.clone() })?;
        }
    }
    let output = shapes.last().map_or(&x.dims()[1..], Vec::as_slice);
    let shape = Shape::from([&x.dims()[..1], output].concat());
    let (passage, saved) = (Arc::<Passage>::default(), Mutex::default());
    let layers = Layers { steps, input_gradient: x.track_op(), gradients, passage: passage.clone(), saved };
    let token = x.apply_op2(&token, layers)?;
    Ok(Some(Outlet::open(token, passage, shape)?))
}

/// The gradients of weights and biases by step, between `Layers` and its `Entry`s.
type Gradients = Arc<Mutex<Vec<Vec<Option<WeightAndBias>>>>>;

/// The gradients of a weight and its bias.
type WeightAndBias = (Collected, Scratch);

struct Layers {
    steps: Vec<Step>,
    /// Whether x has a gradient: images have none.
    input_gradient: bool,
    gradients: Gradients,
    passage: Arc<Passage>,
    /// The outputs of all steps; of the last only if a nonlinearity made it.
    saved: Mutex<Vec<Scratch>>,
}

impl Step {
    /// Calls `f` with the weight, that of a pair one above the other.
    fn with_weight<R>(&self, f: impl FnOnce(&[f32]) -> Result<R>) -> Result<R> {
        joined(&self.parameters.iter().map(|(weight, _)| weight).collect::<Vec<_>>(), f)
    }

    /// The same with the bias.
    fn with_bias<R>(&self, f: impl FnOnce(&[f32]) -> Result<R>) -> Result<R> {
        joined(&self.parameters.iter().map(|(_, bias)| bias).collect::<Vec<_>>(), f)
    }

    /// The gradients of joined weights and biases for each of the layers.
    fn shared_out(&self, (dw, db): (WeightGradient, Scratch)) -> Vec<Option<WeightAndBias>> {
        let mut first = 0;
        let part = |(_, bias): &(Tensor, Tensor)| {
            let rows = first..first + bias.elem_count();
            first = rows.end;
            Some((Collected::product(dw.rows(rows.clone())), Scratch::copy(&db[rows])))
        };
        self.parameters.iter().map(part).collect()
    }

    fn forward(&self, x: &[f32], batch: usize) -> Result<Scratch> {
        let leak = leak(self.activation);
        let mut y = match (&self.kernel, &self.parameters[..]) {
            (Kernel::Linear(linear), _) => {
                self.with_weight(|weight| self.with_bias(|bias| Ok(linear.forward(x, weight, bias, leak, batch))))?
            }
            (Kernel::Conv(conv, direction), [(weight, bias)]) => with_slice(weight, |weight| {
                with_slice(bias, |bias| {
                    let mut y = Scratch::new(batch * conv.output_len(*direction));
                    let panels = conv.pack(*direction, weight);
                    conv.apply(*direction, x, &panels, Finish { bias: Some(bias), leak, ..Default::default() }, &mut y);
                    Ok(y)
                })
            })?,
            (&Kernel::ChannelsLast(c, pixels), _) => transpose_each(x, c, pixels),
            (&Kernel::ChannelsFirst(c, pixels), _) => transpose_each(x, pixels, c),
            (Kernel::Conv(..), _) => return Err(Error::argument("a convolution without a weight")),
        };
        if self.activation == Some(Activation::Tanh) {
            tanh(&mut y);
        }
        Ok(y)
    }

    /// From the gradient of the output, `dy`, those of the input (if asked for) and of weight and bias (if asked for, and if
    /// there are any). dy is that before this step's nonlinearity, and the result is that before the nonlinearity of the
    /// `previous` step, which made `x`.
    fn backward(
        &self,
        x: &[f32],
        dy: &[f32],
        batch: usize,
        previous: Option<Option<Activation>>,
        weights: bool,
    ) -> Result<(Option<Scratch>, Vec<Option<WeightAndBias>>)> {
        let input = previous.is_some();
        let before = |x: &[f32], dx: &mut [f32]| backward_activation(previous.flatten(), x, dx);
        match (&self.kernel, &self.parameters[..]) {
            (Kernel::Linear(linear), _) => self.with_weight(|weight| {
                // Side by side: where one runs out of tasks for all threads, there are those of the other.
                let (dx, parameters) = rayon::join(
                    || input.then(|| linear.input_gradient(x, dy, weight, batch, before)),
                    || weights.then(|| WeightGradient::and_bias(*linear, x, dy, batch)),
                );
                Ok((dx, parameters.map_or(vec![], |parameters| self.shared_out(parameters))))
            }),
            (Kernel::Conv(conv, direction), [(weight, _)]) => {
                let panels = match input {
                    true => Some(with_slice(weight, |weight| Ok(conv.pack(direction.reversed(), weight)))?),
                    false => None,
                };
                let (dx, parameters) = conv.backward(*direction, x, dy, panels.as_deref(), weights, before);
                Ok((dx, vec![parameters.map(|(dw, db)| (Collected::Numbers(dw), db))]))
            }
            (&Kernel::ChannelsLast(c, pixels), _) => {
                let mut dx = transpose_each(dy, pixels, c);
                in_chunks(x, &mut dx, before);
                Ok((Some(dx), vec![]))
            }
            (&Kernel::ChannelsFirst(c, pixels), _) => {
                let mut dx = transpose_each(dy, c, pixels);
                in_chunks(x, &mut dx, before);
                Ok((Some(dx), vec![]))
            }
            (Kernel::Conv(..), _) => Err(Error::argument("a convolution without a weight")),
        }
    }
}

/// dx · f'(x) for the nonlinearity f that made x; the derivative is told from the value.
fn backward_activation(activation: Option<Activation>, x: &[f32], dx: &mut [f32]) {
    match activation {
        Some(Activation::Tanh) => multiply(dx, x, |x| 1.0 - x * x),
        Some(Activation::Relu) => multiply(dx, x, |x| if x > 0.0 { 1.0 } else { 0.0 }),
        Some(Activation::LeakyRelu(slope)) => {
            let slope = slope as f32;
            multiply(dx, x, |x| if x > 0.0 { 1.0 } else { slope });
        }
        None => {}
    }
}

impl Layers {
    /// Leaves the gradients of the parameters for their `Entry`s, if asked for, and returns that of x, if there is one.
    fn backward(&self, x: &[f32], batch: usize, mut dy: Scratch, weights: bool) -> Result<Option<Scratch>> {
        let saved = lock(&self.saved);
        if let Some((step, y)) = self.steps.last().zip(saved.get(self.steps.len() - 1)) {
            in_chunks(y, &mut dy, |y, dy| backward_activation(step.activation, y, dy));
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

/// Calls `f` with the numbers of all tensors, one after the other.
fn joined<R>(tensors: &[&Tensor], f: impl FnOnce(&[f32]) -> Result<R>) -> Result<R> {
    if let [tensor] = tensors {
        return with_slice(tensor, f);
    }
    let mut all = Scratch::new(tensors.iter().map(|tensor| tensor.elem_count()).sum());
    let mut rest = &mut all[..];
    for tensor in tensors {
        let (part, after) = rest.split_at_mut(tensor.elem_count());
        with_slice(tensor, |numbers| {
            part.copy_from_slice(numbers);
            Ok(())
        })?;
        rest = after;
    }
    f(&all)
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
        Ok((Some(token.zeros_like()?), collect(weight, dw)?, collect(bias, Collected::Numbers(db))?))
    }
}
