//! The backward pass, without candle's accumulators for the parameters of a [`Stack`](crate::nn::Stack).
//!
//! `loss.backward()` gives the same gradients. For each of them it fills an accumulator with zeros, adds to it, and frees it
//! after the step: more passes over all parameters than the optimizer makes. Here the gradients of a `Stack` stay in memory
//! that is used again in the next step.
//!
//! ```
//! use vae_core::{candle::{Device, Tensor}, nn::{self, Linear, Params}, random::Random};
//!
//! let (mut params, cpu) = (Params::new(), Device::Cpu);
//! let layer = Linear::new(&mut params, "fc", 3, 2, &mut Random::new(0), &cpu)?;
//! let loss = layer.forward(&Tensor::new(&[[1f32, 2., 3.]], &cpu)?)?.sum_all()?;
//! let weight = params.get("fc.weight").ok_or(vae_core::Error::Argument("no weight".into()))?;
//! let ours = nn::backward(&loss)?.get(weight)?.map(|g| g.to_vec2::<f32>()).transpose()?;
//! let candles = loss.backward()?.get(weight).map(|g| g.to_vec2::<f32>()).transpose()?;
//! assert!(ours == candles && ours == Some(vec![vec![1., 2., 3.]; 2]));
//! # Ok::<(), vae_core::Error>(())
//! ```

use std::{cell::RefCell, fmt};

use candle_core::{Device, Tensor, backprop::GradStore};

use super::{
    any_thread,
    kernels::{in_pool, scratch::Scratch},
    no_grad,
};
use crate::{Error, Result};

thread_local! {
    /// Parameters with their gradients, while [`backward`] runs.
    static COLLECTED: RefCell<Option<Vec<(Tensor, Collected)>>> = const { RefCell::new(None) };
}

/// What [`backward`] found: a gradient for each variable that the loss depends on. Of what candle's own `loss.backward()?`
/// returns, `into()` makes one, for [`Adam::step`](crate::optim::Adam::step).
pub struct Gradients {
    store: GradStore,
    /// Those that candle has not seen.
    collected: Vec<(Tensor, Collected)>,
}

/// One gradient, in the shape of its variable.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Gradient<'a> {
    /// A tensor of candle's.
    Tensor(&'a Tensor),
    /// Its numbers, row after row: the variable is float32 on the CPU.
    Numbers(&'a [f32]),
}

impl From<GradStore> for Gradients {
    fn from(store: GradStore) -> Self {
        Self { store, collected: vec![] }
    }
}

impl Gradients {
    /// The gradient of a variable as it is kept; `None` when the loss does not depend on it.
    pub(crate) fn gradient(&self, variable: &Tensor) -> Option<Gradient<'_>> {
        let collected = self.collected.iter().find(|(parameter, _)| parameter.id() == variable.id());
        match collected {
            Some((_, Collected::Numbers(numbers))) => Some(Gradient::Numbers(numbers)),
            Some((_, Collected::Tensor(tensor))) => Some(Gradient::Tensor(tensor)),
            None => self.store.get(variable).map(Gradient::Tensor),
        }
    }

    /// The gradient of a variable as a tensor of its shape; `None` when the loss does not depend on it.
    ///
    /// # Errors
    /// [`Error::Candle`] when there is no memory for it.
    pub fn get(&self, variable: &Tensor) -> Result<Option<Tensor>> {
        Ok(match self.gradient(variable) {
            Some(Gradient::Tensor(gradient)) => Some(gradient.clone()),
            Some(Gradient::Numbers(numbers)) => Some(Tensor::from_slice(numbers, variable.shape(), &Device::Cpu)?),
            None => None,
        })
    }
}

impl fmt::Debug for Gradients {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Gradients of {} variables", self.collected.len() + self.store.get_ids().count())
    }
}

/// The gradients of `loss` with respect to all variables: those of `loss.backward()`, sooner.
///
/// # Errors
/// [`Error::Argument`] inside [`no_grad`](no_grad::no_grad), where losses have no gradients; [`Error::Candle`] for an operation without a
/// gradient.
pub fn backward(loss: &Tensor) -> Result<Gradients> {
    if no_grad::active() {
        return Err(Error::argument(
            "gradients were asked for inside `no_grad`, where no loss has any: call what takes gradients outside, or inside \
             `enable_grad`",
        ));
    }
    let collect = || {
        // Put back afterwards: a thread of the pool that waits for others may begin with another loss meanwhile.
        let outer = COLLECTED.replace(Some(vec![]));
        let store = loss.backward();
        (store, COLLECTED.replace(outer).unwrap_or_default())
    };
    let (store, found) = if any_thread(loss.device()) { in_pool(collect) } else { collect() };
    let mut gradients = Gradients::from(store?);
    for (parameter, mut gradient) in found {
        // A parameter may be used by several stacks, and by other operations too.
        let earlier = gradients.collected.iter().position(|(other, _)| other.id() == parameter.id());
        if let Some(at) = earlier {
            gradient = gradient.plus(gradients.collected.swap_remove(at).1)?;
        }
        if let Some(other) = gradients.store.remove(&parameter) {
            gradient = gradient.plus(Collected::Tensor(other))?;
        }
        gradients.collected.push((parameter, gradient));
    }
    Ok(gradients)
}

/// A gradient that candle does not see.
pub(super) enum Collected {
    Numbers(Scratch),
    Tensor(Tensor),
}

impl Collected {
    fn numbers(self) -> Result<Scratch> {
        Ok(match self {
            Self::Numbers(numbers) => numbers,
            Self::Tensor(tensor) => Scratch::copy(&tensor.flatten_all()?.to_vec1::<f32>()?),
        })
    }

    fn plus(self, other: Self) -> Result<Self> {
        Ok(match (self, other) {
            (Self::Tensor(a), Self::Tensor(b)) => Self::Tensor((a + b)?),
            (a, b) => {
                let mut sum = a.numbers()?;
                sum.iter_mut().zip(&*b.numbers()?).for_each(|(sum, x)| *sum += x);
                Self::Numbers(sum)
            }
        })
    }
}

/// Puts the gradient of a parameter aside when [`backward`] runs; gives it back when candle has to add it up itself.
pub(super) fn collect(parameter: &Tensor, gradient: Collected) -> Result<Option<Tensor>> {
    COLLECTED.with_borrow_mut(|collected| match collected {
        Some(collected) if parameter.is_variable() => {
            collected.push((parameter.clone(), gradient));
            Ok(None)
        }
        _ => Ok(Some(match gradient {
            Collected::Tensor(gradient) => gradient,
            Collected::Numbers(numbers) => Tensor::from_vec(numbers.to_vec(), parameter.shape(), &Device::Cpu)?,
        })),
    })
}
