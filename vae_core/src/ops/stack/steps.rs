//! What the CPU does for each layer, on slices: forward, and backward by hand. Images are channels last between steps.

use candle_core::Tensor;

use super::{Kind, Layer};
use crate::{
    Error, Result,
    ops::{
        activation::Activation,
        convolution::{Direction, cpu::Conv},
        kernels::{
            elementwise::{in_chunks, tanh, tanh_each},
            scratch::Scratch,
            slices::with_slice,
            tile::Finish,
            transpose::transpose_each,
        },
        linear::cpu::{Linear, Packed},
    },
};

/// What one step computes.
enum Kernel {
    Linear(Linear),
    Conv(Box<Conv>, Direction),
    /// A matrix of so many rows and columns for each item, turned round: (C, H·W) → (H·W, C), or back.
    Turn(usize, usize),
}

pub(super) struct Step {
    kernel: Kernel,
    pub(super) activation: Option<Activation>,
    /// Weights and biases: of several layers side by side, of none where numbers only change places.
    pub(super) parameters: Vec<[Tensor; 2]>,
}

/// A dense layer with its weight packed, for values alone.
pub(super) struct Dense {
    packed: Packed,
    tanh: bool,
}

impl Dense {
    pub(super) fn sides(&self) -> Linear {
        self.packed.sides
    }

    /// y, (B, out), of up to [`IMAGES`](crate::ops::linear::cpu::IMAGES) images; on this thread.
    pub(super) fn forward(&self, x: &[f32], y: &mut [f32]) {
        self.packed.forward(x, y);
        if self.tanh {
            tanh(y);
        }
    }
}

/// The gradients of a weight and its bias.
pub(super) type WeightAndBias = (Scratch, Scratch);

/// The layers as steps.
pub(super) fn steps(layers: &[Layer], x: &Tensor) -> Result<Vec<Step>> {
    let mut steps = vec![];
    let mut shape = &x.dims()[1..];
    let mut channels_last = false;
    for layer in layers {
        let kernel = match (&layer.kind, shape, &layer.output[..]) {
            (Kind::Linear, &[inputs], &[outputs]) => Kernel::Linear(Linear { inputs, outputs }),
            (Kind::Linear, ..) => return Err(Error::argument(format!("a linear layer takes rows, not {shape:?}"))),
            (Kind::Convolution(geometry, way), ..) => {
                turn(&mut steps, shape, &mut channels_last, true);
                Kernel::Conv(Box::new(Conv::new(*geometry)), *way)
            }
            (Kind::Reshape, ..) => {
                turn(&mut steps, shape, &mut channels_last, false);
                shape = &layer.output;
                continue;
            }
        };
        let contiguous = |[weight, bias]: &[Tensor; 2]| Ok([weight.contiguous()?, bias.contiguous()?]);
        let parameters = layer.parameters.iter().map(contiguous).collect::<Result<_>>()?;
        steps.push(Step { kernel, activation: layer.activation, parameters });
        shape = &layer.output;
    }
    turn(&mut steps, shape, &mut channels_last, false);
    Ok(steps)
}

/// One more step where the channels have to come last, or first, and are elsewhere.
fn turn(steps: &mut Vec<Step>, shape: &[usize], channels_last: &mut bool, last: bool) {
    if let &[c, h, w] = shape
        && *channels_last != last
        // With one channel or one pixel both orders are the same.
        && c > 1
        && h * w > 1
    {
        let kernel = if last { Kernel::Turn(c, h * w) } else { Kernel::Turn(h * w, c) };
        steps.push(Step { kernel, activation: None, parameters: vec![] });
    }
    *channels_last = last;
}

impl Step {
    /// Calls `f` with the weights, one above the other, and the biases.
    fn with_parameters<R>(&self, f: impl FnOnce(&[f32], &[f32]) -> Result<R>) -> Result<R> {
        let all = |i: usize| self.parameters.iter().map(|both| &both[i]).collect::<Vec<_>>();
        joined(&all(0), |weight| joined(&all(1), |bias| f(weight, bias)))
    }

    /// The gradients of joined weights and biases for each of the layers.
    fn shared_out(&self, (dw, db): WeightAndBias) -> Vec<Option<WeightAndBias>> {
        if self.parameters.len() == 1 {
            return vec![Some((dw, db))];
        }
        let (inputs, mut first) = (dw.len() / db.len(), 0);
        let part = |[_, bias]: &[Tensor; 2]| {
            let rows = first..first + bias.elem_count();
            first = rows.end;
            Some((Scratch::copy(&dw[rows.start * inputs..rows.end * inputs]), Scratch::copy(&db[rows])))
        };
        self.parameters.iter().map(part).collect()
    }

    /// The sides of a dense layer; `None` for any other.
    pub(super) fn sides(&self) -> Option<Linear> {
        match self.kernel {
            Kernel::Linear(sides) => Some(sides),
            Kernel::Conv(..) | Kernel::Turn(..) => None,
        }
    }

    /// The dense layer of these sides that the step is.
    pub(super) fn dense(&self, sides: Linear) -> Result<Dense> {
        let leak = self.activation.and_then(Activation::leak);
        let packed = self.with_parameters(|weight, bias| Ok(sides.packed(weight, bias, leak)))?;
        Ok(Dense { packed, tanh: self.activation == Some(Activation::Tanh) })
    }

    pub(super) fn forward(&self, x: &[f32], batch: usize) -> Result<Scratch> {
        let leak = self.activation.and_then(Activation::leak);
        let mut y = match &self.kernel {
            Kernel::Linear(linear) => {
                self.with_parameters(|weight, bias| Ok(linear.forward(x, weight, bias, leak, batch)))?
            }
            Kernel::Conv(conv, way) => self.with_parameters(|weight, bias| {
                let mut y = Scratch::new(batch * conv.output_len(*way));
                let panels = conv.pack(*way, weight);
                conv.apply(*way, x, &panels, Finish { bias: Some(bias), leak, ..Default::default() }, &mut y);
                Ok(y)
            })?,
            &Kernel::Turn(rows, columns) => transpose_each(x, rows, columns),
        };
        if self.activation == Some(Activation::Tanh) {
            tanh_each(&mut y);
        }
        Ok(y)
    }

    /// From the gradient of the output, `dy`, those of the input (if asked for) and of weights and biases (if asked for, and if
    /// there are any). dy is that before this step's nonlinearity, and the result is that before the nonlinearity of the
    /// `previous` step, which made `x`.
    pub(super) fn backward(
        &self,
        x: &[f32],
        dy: &[f32],
        batch: usize,
        previous: Option<Option<Activation>>,
        weights: bool,
    ) -> Result<(Option<Scratch>, Vec<Option<WeightAndBias>>)> {
        let input = previous.is_some();
        let before = |x: &[f32], dx: &mut [f32]| {
            if let Some(activation) = previous.flatten() {
                activation.backward(x, dx);
            }
        };
        match &self.kernel {
            Kernel::Linear(linear) => self.with_parameters(|weight, _| {
                // Side by side: where one runs out of tasks for all threads, there are those of the other.
                let (dx, parameters) = rayon::join(
                    || input.then(|| linear.input_gradient(x, dy, weight, batch, before)),
                    || weights.then(|| linear.weight_gradient(x, dy, batch)),
                );
                Ok((dx, parameters.map_or(vec![], |parameters| self.shared_out(parameters))))
            }),
            Kernel::Conv(conv, way) => self.with_parameters(|weight, _| {
                let panels = input.then(|| conv.pack(way.reversed(), weight));
                let (dx, parameters) = conv.backward(*way, x, dy, panels.as_deref(), weights, before);
                Ok((dx, vec![parameters]))
            }),
            &Kernel::Turn(rows, columns) => {
                let mut dx = transpose_each(dy, columns, rows);
                in_chunks(x, &mut dx, before);
                Ok((Some(dx), vec![]))
            }
        }
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
