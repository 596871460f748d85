//! The backward pass, without candle's accumulators for the parameters of a [`Stack`](super::Stack).
//!
//! `loss.backward()` gives the same gradients. It fills an accumulator with zeros for each of them and adds to it, which is
//! three more passes over all parameters.
//!
//! ```
//! use vae_core::{candle::{Device, Tensor}, nn::{self, Linear, Params}, random::Random};
//!
//! let (mut params, cpu) = (Params::new(), Device::Cpu);
//! let layer = Linear::new(&mut params, "fc", 3, 2, &mut Random::new(0), &cpu)?;
//! let loss = layer.forward(&Tensor::new(&[[1f32, 2., 3.]], &cpu)?)?.sum_all()?;
//! let weight = params.get("fc.weight").ok_or(vae_core::Error::Argument("no weight".into()))?;
//! let [ours, candles] = [nn::backward(&loss)?, loss.backward()?].map(|g| g.get(weight).map(|g| g.to_vec2::<f32>()));
//! assert_eq!(ours.transpose()?, Some(vec![vec![1., 2., 3.]; 2]));
//! assert_eq!(candles.transpose()?, Some(vec![vec![1., 2., 3.]; 2]));
//! # Ok::<(), vae_core::Error>(())
//! ```

use std::cell::RefCell;

use candle_core::{Tensor, backprop::GradStore};

use crate::Result;

thread_local! {
    /// Parameters with their gradients, while [`backward`] runs.
    static COLLECTED: RefCell<Option<Vec<(Tensor, Tensor)>>> = const { RefCell::new(None) };
}

/// The gradients of `loss` with respect to all variables: those of `loss.backward()`, sooner.
///
/// # Errors
/// [`crate::Error::Candle`] for an operation without a gradient.
pub fn backward(loss: &Tensor) -> Result<GradStore> {
    COLLECTED.set(Some(vec![]));
    let store = loss.backward();
    let collected = COLLECTED.take().unwrap_or_default();
    let mut store = store?;
    for (parameter, gradient) in collected {
        let sum = match store.remove(&parameter) {
            Some(other) => (other + gradient)?,
            None => gradient,
        };
        store.insert(&parameter, sum);
    }
    Ok(store)
}

/// Puts the gradient of a parameter aside when [`backward`] runs; gives it back when candle has to add it up itself.
pub(super) fn collect(parameter: &Tensor, gradient: Tensor) -> candle_core::Result<Option<Tensor>> {
    COLLECTED.with_borrow_mut(|collected| match collected {
        Some(collected) if parameter.is_variable() => {
            collected.push((parameter.clone(), gradient));
            Ok(None)
        }
        _ => Ok(Some(gradient)),
    })
}
