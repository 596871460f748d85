//! Where the output of layers leaves them, and where its gradient comes back.
//!
//! candle adds the gradients of a tensor up in an accumulator that it fills with zeros first, and does so on threads of its
//! own, which then stay in the way of ours. An operation that computes the gradient of the output leaves it here instead:
//!
//! ```text
//! Layers ──▶ token ──Output──▶ y ──▶ any operation of candle's
//!              └───────────────────▶ an operation that knows the outlet
//! ```
//! The token is a single zero, and its gradient counts the gradients of y that lie here. y itself is a tensor like any other:
//! an operation finds the way back by y's number, in a list of the outputs that are alive. The list keeps none of them alive;
//! what is behind y does, and takes the entry away in the end.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, OnceLock, Weak},
};

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Shape, Tensor, TensorId};

use super::kernels::{
    scratch::{Scratch, lock},
    slices::with_slice,
};
use crate::{Error, Result};

/// The ways back of all outputs that are alive.
static WAYS: LazyLock<Mutex<HashMap<TensorId, Weak<Way>>>> = LazyLock::new(Mutex::default);

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
pub(crate) struct Outlet(Arc<Way>);

struct Way {
    token: Tensor,
    passage: Arc<Passage>,
    /// The output's number, as soon as there is one.
    output: OnceLock<TensorId>,
}

impl Drop for Way {
    fn drop(&mut self) {
        if let Some(id) = self.output.get() {
            lock(&WAYS).remove(id);
        }
    }
}

/// The output of layers that have run, in its shape.
pub(super) fn open(token: Tensor, passage: Arc<Passage>, shape: Shape) -> Result<Tensor> {
    let way = Arc::new(Way { token, passage, output: OnceLock::new() });
    let y = way.token.apply_op1(Output { way: way.clone(), shape })?;
    way.output.get_or_init(|| y.id());
    // An output without a gradient has nothing behind it: its entry goes at once, with the last handle, at the end of this.
    lock(&WAYS).insert(y.id(), Arc::downgrade(&way));
    Ok(y)
}

/// The way back into the layers that made `x`; `None` for a tensor that no layers made, and for what was computed from one.
pub(crate) fn of(x: &Tensor) -> Option<Outlet> {
    lock(&WAYS).get(&x.id()).and_then(Weak::upgrade).map(Outlet)
}

impl Outlet {
    /// What an operation takes as its argument in place of the output.
    pub(crate) fn token(&self) -> &Tensor {
        &self.0.token
    }

    /// Leaves a gradient of the output, and returns that of the token: what the operation's `bwd` has to return.
    pub(crate) fn leave(&self, gradient: Scratch) -> candle_core::Result<Tensor> {
        self.0.passage.leave(gradient)
    }
}

/// From the token to the tensor.
struct Output {
    way: Arc<Way>,
    shape: Shape,
}

impl CustomOp1 for Output {
    fn name(&self) -> &'static str {
        "vae_core output"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let y = lock(&self.way.passage.y).take();
        let y = y.ok_or_else(|| Error::argument("the output of the layers was handed out before"))?;
        Ok((CpuStorage::F32(y.to_vec()), self.shape.clone()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let numbers = with_slice(&gradient.contiguous()?, |numbers| Ok(Scratch::copy(numbers)))?;
        self.way.passage.leave(numbers).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{
        activation::Activation,
        bernoulli::log_prob,
        compare::{normal, uniform},
        gradients::backward,
        stack::{
            self,
            check::{Case, Dice},
        },
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
        let dice = &mut Dice::new(1);
        let z = normal(1, &[5, 3]);
        let x = uniform(2, &[5, 7]);
        for activation in [None, Some(Activation::Tanh)] {
            let layers = Case::linear(dice, &[3, 7], activation).layers;
            let gradient = |way_back: bool, order: bool, fails: bool| {
                let y = stack::forward(&layers, &z).unwrap();
                assert!(of(&y).is_some());
                // What is computed from the output has no way back of its own.
                let logits = if way_back { y.clone() } else { y.affine(1.0, 0.0).unwrap() };
                let likelihood = log_prob(&logits, &x).unwrap().sum_all().unwrap();
                let squares = y.sqr().unwrap().sum_all().unwrap();
                let sum = |a: &Tensor, b: &Tensor| if order { a + b } else { b + a }.unwrap();
                if fails {
                    let one_way = y.apply_op1(OneWay).unwrap().sum_all().unwrap();
                    assert!(backward(&sum(&one_way, &likelihood)).is_err());
                }
                let gradients = backward(&sum(&likelihood, &squares)).unwrap();
                gradients.get(&layers[0].parameters[0][0]).unwrap().unwrap().to_vec2::<f32>().unwrap()
            };
            let wanted = gradient(false, true, false);
            for case in 0..8 {
                let got = gradient(case & 1 > 0, case & 2 > 0, case & 4 > 0);
                for (got, wanted) in got.iter().flatten().zip(wanted.iter().flatten()) {
                    assert!(
                        (got - wanted).abs() < 1e-5 * wanted.abs().max(1.0),
                        "{activation:?} {case}: {got} {wanted}"
                    );
                }
            }
        }
    }

    /// An output's entry is there as long as something can still send a gradient back, and goes with it; one without a
    /// gradient, or detached, has none; and nothing that the list knows of is kept alive by it.
    #[test]
    fn entries_go_with_their_outputs() {
        let dice = &mut Dice::new(2);
        let x = normal(1, &[5, 3]);
        let mut case = Case::linear(dice, &[3, 7, 4], None);
        let listed = |id: TensorId| lock(&WAYS).contains_key(&id);

        let y = stack::forward(&case.layers, &x).unwrap();
        let (id, way) = (y.id(), Arc::downgrade(&of(&y).unwrap().0));
        assert!(listed(id) && of(&y.clone()).is_some() && of(&y.detach()).is_none());
        let square = y.sqr().unwrap();
        assert!(of(&square).is_none());
        drop(y);
        assert!(listed(id));
        drop(square);
        assert!(!listed(id) && way.upgrade().is_none());

        // A loss keeps the way back open; once the output itself is gone, nobody asks for it any more.
        let y = stack::forward(&case.layers, &x).unwrap();
        let (id, way) = (y.id(), Arc::downgrade(&of(&y).unwrap().0));
        let loss = log_prob(&y, &uniform(2, &[5, 4])).unwrap();
        drop(y);
        assert!(listed(id) && way.upgrade().is_some());
        assert!(backward(&loss.sum_all().unwrap()).unwrap().get(&case.layers[0].parameters[0][0]).unwrap().is_some());
        drop(loss);
        assert!(!listed(id) && way.upgrade().is_none());

        case.layers.iter_mut().flat_map(|layer| &mut layer.parameters).flatten().for_each(|p| *p = p.detach());
        let y = stack::forward(&case.layers, &x).unwrap();
        assert!(of(&y).is_none() && !listed(y.id()));
    }
}
