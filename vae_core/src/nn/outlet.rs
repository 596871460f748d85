//! Where the output of a [`Stack`](super::Stack) leaves it, and where its gradient comes back.
//!
//! candle adds the gradients of a tensor up in an accumulator that it fills with zeros first, and does so on threads of its
//! own, which then stay in the way of ours. An operation that computes the gradient of the output leaves it here instead:
//!
//! ```text
//! Layers ──▶ token ──Output──▶ y ──▶ any operation of candle's
//!              └───────────────────▶ an operation that knows the outlet
//! ```
//! The token is a single zero, and its gradient counts the gradients of y that lie here.

use std::sync::{Arc, Mutex};

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Shape, Tensor};

use crate::{
    Error, Result,
    ops::kernels::{
        scratch::{Scratch, lock},
        slices::with_slice,
    },
};

/// What passes between the layers and whoever reads their output.
#[derive(Default)]
pub(super) struct Passage {
    /// The output, until it is handed out.
    y: Mutex<Option<Scratch>>,
    /// Its gradients, until the layers read them.
    gradients: Mutex<Vec<Scratch>>,
}

impl Passage {
    pub(super) fn hand_out(&self, y: Scratch) {
        *lock(&self.y) = Some(y);
    }

    /// The gradient of the output, from that of the token.
    pub(super) fn gradient(&self, token_gradient: &Tensor) -> Result<Scratch> {
        let count = token_gradient.flatten_all()?.to_vec1::<f32>()?.iter().sum::<f32>() as usize;
        let mut gradients = std::mem::take(&mut *lock(&self.gradients));
        // Those before are left from a backward pass that failed half way.
        let first = gradients.len().saturating_sub(count);
        let mut own = gradients.drain(first..);
        let mut sum = own.next().ok_or_else(|| Error::argument("no gradient came back to the layers"))?;
        own.for_each(|other| sum.iter_mut().zip(&*other).for_each(|(sum, x)| *sum += x));
        Ok(sum)
    }

    /// Leaves a gradient of the output, and returns that of the token.
    fn leave(&self, gradient: Scratch) -> candle_core::Result<Tensor> {
        lock(&self.gradients).push(gradient);
        Tensor::new(&[1f32], &Device::Cpu)
    }
}

/// A way back into the layers that made a tensor.
#[derive(Clone)]
pub(crate) struct Outlet {
    token: Tensor,
    passage: Arc<Passage>,
}

impl std::fmt::Debug for Outlet {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("Outlet")
    }
}

impl Outlet {
    /// The output of layers that have run, in its shape, and the way back to them.
    pub(super) fn open(token: Tensor, passage: Arc<Passage>, shape: Shape) -> Result<(Tensor, Self)> {
        let y = token.apply_op1(Output { passage: passage.clone(), shape })?;
        Ok((y, Self { token, passage }))
    }

    /// What an operation takes as its argument in place of the output.
    pub(crate) fn token(&self) -> &Tensor {
        &self.token
    }

    /// Leaves a gradient of the output, and returns that of the token: what the operation's `bwd` has to return.
    pub(crate) fn leave(&self, gradient: Scratch) -> candle_core::Result<Tensor> {
        self.passage.leave(gradient)
    }
}

/// From the token to the tensor.
struct Output {
    passage: Arc<Passage>,
    shape: Shape,
}

impl CustomOp1 for Output {
    fn name(&self) -> &'static str {
        "vae_core output"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let y = lock(&self.passage.y).take();
        let y = y.ok_or_else(|| Error::argument("the output of the layers was handed out before"))?;
        Ok((CpuStorage::F32(y.to_vec()), self.shape.clone()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let numbers = with_slice(&gradient.contiguous()?, |numbers| Ok(Scratch::copy(numbers)))?;
        self.passage.leave(numbers).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        distributions::{Bernoulli, Distribution},
        nn::{Activation, Linear, Params, Stack, backward},
        random::Random,
    };

    /// An operation that has no gradient.
    struct OneWay;

    impl CustomOp1 for OneWay {
        fn name(&self) -> &'static str {
            "one way"
        }

        fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
            Ok((x.clone(), layout.shape().clone()))
        }
    }

    /// Gradients that come back through the outlet and those that come back through candle add up, in any order, with a
    /// nonlinearity at the end or without, and also after a backward pass that failed half way.
    #[test]
    fn both_ways_back_add_up() {
        let (mut params, random, cpu) = (Params::new(), &mut Random::new(1), Device::Cpu);
        let z = random.normal((5, 3), &cpu).unwrap();
        let x = random.uniform((5, 7), &cpu).unwrap();
        for (name, activation) in [("plain", None), ("bent", Some(Activation::Tanh))] {
            let layer = Linear::new(&mut params, name, 3, 7, random, &cpu).unwrap();
            let stack = Stack::new().push(layer.clone(), activation);
            let gradient = |way_back: bool, order: bool, fails: bool| {
                let (logits, outlet) = stack.forward_with_outlet(&z).unwrap();
                let known = Bernoulli::of_layers(logits.clone(), outlet.filter(|_| way_back)).unwrap();
                let likelihood = known.log_prob(&x).unwrap().sum_all().unwrap();
                let squares = logits.sqr().unwrap().sum_all().unwrap();
                let sum = |a: &Tensor, b: &Tensor| if order { a + b } else { b + a }.unwrap();
                if fails {
                    let one_way = logits.apply_op1(OneWay).unwrap().sum_all().unwrap();
                    assert!(backward(&sum(&one_way, &likelihood)).is_err());
                }
                let loss = sum(&likelihood, &squares);
                backward(&loss).unwrap().get(&layer.weight).unwrap().unwrap().to_vec2::<f32>().unwrap()
            };
            let wanted = gradient(false, true, false);
            for case in 0..8 {
                let got = gradient(case & 1 > 0, case & 2 > 0, case & 4 > 0);
                for (got, wanted) in got.iter().flatten().zip(wanted.iter().flatten()) {
                    assert!((got - wanted).abs() < 1e-5 * wanted.abs().max(1.0), "{name} {case}: {got} {wanted}");
                }
            }
        }
    }
}
