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

use std::{cell::RefCell, fmt, sync::OnceLock};

use candle_core::{Device, Tensor, backprop::GradStore};

use crate::{
    Result,
    ops::cuda,
    ops::kernels::{in_pool, linear::WeightGradient, scratch::Scratch},
};

thread_local! {
    /// Parameters with their gradients, while [`backward`] runs.
    static COLLECTED: RefCell<Option<Vec<(Tensor, Collected)>>> = const { RefCell::new(None) };
}

/// What [`backward`] found: a gradient for each variable that the loss depends on.
pub struct Gradients {
    store: GradStore,
    /// Those that candle has not seen.
    collected: Vec<(Tensor, Collected)>,
}

/// One gradient, in the shape of its variable.
#[derive(Clone, Copy, Debug)]
pub enum Gradient<'a> {
    /// A tensor of candle's.
    Tensor(&'a Tensor),
    /// Its numbers, row after row: the variable is float32 on the CPU.
    Numbers(&'a [f32]),
    /// The same of a [`Linear`](super::Linear) layer's weight, not multiplied out yet.
    Product(&'a Product),
}

/// The gradient of the weight of a fully connected layer as the product that it is, dyᵀ x.
///
/// [`Adam`](crate::optim::Adam) multiplies it out in pieces that stay in the processor's caches, so that it is neither
/// written to memory nor read from there as a whole.
pub struct Product {
    factors: WeightGradient,
    numbers: OnceLock<Scratch>,
}

/// Where an optimizer finds gradients: in the [`Gradients`] of [`backward`], or in candle's own store.
pub trait GradientSource: Sync {
    /// The gradient of a variable; `None` when the loss does not depend on it.
    fn gradient(&self, variable: &Tensor) -> Option<Gradient<'_>>;
}

impl Product {
    /// The numbers, row after row; multiplied out on the first call.
    pub fn numbers(&self) -> &[f32] {
        self.numbers.get_or_init(|| self.factors.numbers())
    }

    /// The factors, as long as nobody asked for the numbers.
    pub(crate) fn factors(&self) -> Option<&WeightGradient> {
        self.numbers.get().is_none().then_some(&self.factors)
    }
}

impl fmt::Debug for Product {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Product of {} numbers", self.factors.len())
    }
}

impl GradientSource for GradStore {
    fn gradient(&self, variable: &Tensor) -> Option<Gradient<'_>> {
        self.get(variable).map(Gradient::Tensor)
    }
}

impl GradientSource for Gradients {
    fn gradient(&self, variable: &Tensor) -> Option<Gradient<'_>> {
        let collected = self.collected.iter().find(|(parameter, _)| parameter.id() == variable.id());
        collected.map(|(_, gradient)| gradient.view()).or_else(|| self.store.gradient(variable))
    }
}

impl Gradients {
    /// The gradient of a variable as a tensor of its shape; `None` when the loss does not depend on it.
    ///
    /// # Errors
    /// [`crate::Error::Candle`] when there is no memory for it.
    pub fn get(&self, variable: &Tensor) -> Result<Option<Tensor>> {
        let numbers = match self.gradient(variable) {
            Some(Gradient::Tensor(gradient)) => return Ok(Some(gradient.clone())),
            Some(Gradient::Numbers(numbers)) => numbers,
            Some(Gradient::Product(product)) => product.numbers(),
            None => return Ok(None),
        };
        Ok(Some(Tensor::from_slice(numbers, variable.shape(), &Device::Cpu)?))
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
    let collect = || {
        // Put back afterwards: a thread of the pool that waits for others may begin with another loss meanwhile.
        let outer = COLLECTED.replace(Some(vec![]));
        let store = loss.backward();
        (store, COLLECTED.replace(outer).unwrap_or_default())
    };
    let (store, found) = if cuda::any_thread(loss.device()) { in_pool(collect) } else { collect() };
    let mut gradients = Gradients { store: store?, collected: vec![] };
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
    Product(Product),
    Tensor(Tensor),
}

impl Collected {
    pub(super) fn product(factors: WeightGradient) -> Self {
        Self::Product(Product { factors, numbers: OnceLock::new() })
    }

    fn view(&self) -> Gradient<'_> {
        match self {
            Self::Numbers(numbers) => Gradient::Numbers(numbers),
            Self::Product(product) => Gradient::Product(product),
            Self::Tensor(tensor) => Gradient::Tensor(tensor),
        }
    }

    fn numbers(self) -> Result<Scratch> {
        Ok(match self {
            Self::Numbers(numbers) => numbers,
            Self::Product(product) => product.factors.numbers(),
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
        _ => match gradient {
            Collected::Tensor(gradient) => Ok(Some(gradient)),
            other => Ok(Some(Tensor::from_vec(other.numbers()?.to_vec(), parameter.shape(), &Device::Cpu)?)),
        },
    })
}
