//! The backward pass, without candle's accumulators for the parameters of a [`Stack`](super::Stack).
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

use crate::{Result, kernels::scratch::Scratch};

thread_local! {
    /// Parameters with their gradients, while [`backward`] runs.
    static COLLECTED: RefCell<Option<Vec<(Tensor, Scratch)>>> = const { RefCell::new(None) };
    /// The same for parameters on a device.
    static COLLECTED_TENSORS: RefCell<Option<Vec<(Tensor, Tensor)>>> = const { RefCell::new(None) };
}

/// What [`backward`] found: a gradient for each variable that the loss depends on.
pub struct Gradients {
    store: GradStore,
    /// Those that candle has not seen.
    collected: Vec<(Tensor, Scratch)>,
}

/// One gradient, in the shape of its variable.
#[derive(Clone, Copy, Debug)]
pub enum Gradient<'a> {
    /// A tensor of candle's.
    Tensor(&'a Tensor),
    /// Its numbers, row after row: the variable is float32 on the CPU.
    Numbers(&'a [f32]),
}

/// Where an optimizer finds gradients: in the [`Gradients`] of [`backward`], or in candle's own store.
pub trait GradientSource: Sync {
    /// The gradient of a variable; `None` when the loss does not depend on it.
    fn gradient(&self, variable: &Tensor) -> Option<Gradient<'_>>;
}

impl GradientSource for GradStore {
    fn gradient(&self, variable: &Tensor) -> Option<Gradient<'_>> {
        self.get(variable).map(Gradient::Tensor)
    }
}

impl GradientSource for Gradients {
    fn gradient(&self, variable: &Tensor) -> Option<Gradient<'_>> {
        let numbers = self.collected.iter().find(|(parameter, _)| parameter.id() == variable.id());
        numbers.map(|(_, numbers)| Gradient::Numbers(numbers)).or_else(|| self.store.gradient(variable))
    }
}

impl Gradients {
    /// The gradient of a variable as a tensor of its shape; `None` when the loss does not depend on it.
    ///
    /// # Errors
    /// [`crate::Error::Candle`] when there is no memory for it.
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
/// [`crate::Error::Candle`] for an operation without a gradient.
pub fn backward(loss: &Tensor) -> Result<Gradients> {
    COLLECTED.set(Some(vec![]));
    COLLECTED_TENSORS.set(Some(vec![]));
    let store = loss.backward();
    let (collected, tensors) = (COLLECTED.take(), COLLECTED_TENSORS.take());
    let mut gradients = Gradients { store: store?, collected: vec![] };
    for (parameter, gradient) in tensors.unwrap_or_default() {
        let sum = match gradients.store.remove(&parameter) {
            Some(other) => (other + gradient)?,
            None => gradient,
        };
        gradients.store.insert(&parameter, sum);
    }
    for (parameter, mut numbers) in collected.unwrap_or_default() {
        // A parameter may be used by several stacks, and by other operations too.
        let earlier = gradients.collected.iter().position(|(other, _)| other.id() == parameter.id());
        if let Some(at) = earlier {
            add(&mut numbers, &gradients.collected.swap_remove(at).1);
        }
        if let Some(other) = gradients.store.remove(&parameter) {
            add(&mut numbers, &other.flatten_all()?.to_vec1()?);
        }
        gradients.collected.push((parameter, numbers));
    }
    Ok(gradients)
}

fn add(sum: &mut [f32], x: &[f32]) {
    sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += x);
}

/// Puts the gradient of a parameter aside when [`backward`] runs; gives it back when candle has to add it up itself.
pub(super) fn collect(parameter: &Tensor, gradient: Scratch) -> candle_core::Result<Option<Tensor>> {
    COLLECTED.with_borrow_mut(|collected| match collected {
        Some(collected) if parameter.is_variable() => {
            collected.push((parameter.clone(), gradient));
            Ok(None)
        }
        _ => Tensor::from_vec(gradient.to_vec(), parameter.shape(), &Device::Cpu).map(Some),
    })
}

/// The same for the gradient of a parameter on a device.
pub(super) fn collect_tensor(parameter: &Tensor, gradient: Tensor) -> Result<Option<Tensor>> {
    COLLECTED_TENSORS.with_borrow_mut(|collected| match collected {
        Some(collected) if parameter.is_variable() => {
            collected.push((parameter.clone(), gradient));
            Ok(None)
        }
        _ => Ok(Some(gradient)),
    })
}
