//! Values alone: no way back is remembered, and nothing is kept for one.
//!
//! Layers and the other operations of this crate build no graph inside [`no_grad`]: activations are gone as soon as the next layer has
//! read them, and a run of dense layers stays in the processor's cache (`ops/stack/tiles.rs`). The numbers are the same to the last
//! bit. What is computed from variables by candle's own operations has a graph as ever.
//!
//! ```
//! use vae_core::{candle::{DType, Device, Tensor}, nn::{self, Linear, Params}, random::Random};
//!
//! let layer = Linear::new(&mut Params::new(), "fc", 3, 2, &mut Random::new(0), &Device::Cpu)?;
//! let x = Tensor::ones((5, 3), DType::F32, &Device::Cpu)?;
//! let (with, without) = (layer.forward(&x)?, nn::no_grad(|| layer.forward(&x))?);
//! assert!(with.track_op() && !without.track_op());
//! assert_eq!(with.to_vec2::<f32>()?, without.to_vec2::<f32>()?);
//! # Ok::<(), vae_core::Error>(())
//! ```

use std::cell::Cell;

use candle_core::Tensor;

thread_local! {
    /// Whether nobody wants gradients of what this thread computes.
    static OFF: Cell<bool> = const { Cell::new(false) };
}

/// Calls `f` without gradients: what the layers and other operations of this crate return inside depends on nothing. It holds for this
/// thread, until `f` returns or panics, and may be nested.
///
/// The evaluations of [`eval`](crate::eval) compute inside it. On a thread of a rayon pool it changes nothing: while such a thread waits
/// it runs tasks of others, a training perhaps.
pub fn no_grad<R>(f: impl FnOnce() -> R) -> R {
    with(true, f)
}

/// Calls `f` with gradients, also inside [`no_grad`]: for a model whose `encode` takes gradients itself.
///
/// ```
/// use vae_core::{candle::{DType, Device, Tensor}, nn::{self, Linear, Params}, random::Random};
///
/// let layer = Linear::new(&mut Params::new(), "fc", 3, 2, &mut Random::new(0), &Device::Cpu)?;
/// let x = Tensor::ones((5, 3), DType::F32, &Device::Cpu)?;
/// assert!(nn::no_grad(|| nn::enable_grad(|| layer.forward(&x)))?.track_op());
/// # Ok::<(), vae_core::Error>(())
/// ```
pub fn enable_grad<R>(f: impl FnOnce() -> R) -> R {
    with(false, f)
}

fn with<R>(off: bool, f: impl FnOnce() -> R) -> R {
    let off = off && rayon::current_thread_index().is_none();
    let _before = Before(OFF.replace(off));
    f()
}

/// Puts back what was, also when a panic passes.
struct Before(bool);

impl Drop for Before {
    fn drop(&mut self) {
        OFF.set(self.0);
    }
}

/// Whether this thread is inside [`no_grad`].
pub(super) fn active() -> bool {
    OFF.get()
}

/// The result of candle's own operations, without its history inside [`no_grad`].
pub(super) fn result(y: Tensor) -> Tensor {
    if active() { y.detach() } else { y }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It nests, both ways, and each level puts back what was before it.
    #[test]
    fn nests() {
        assert!(!active());
        no_grad(|| {
            no_grad(|| assert!(active()));
            enable_grad(|| {
                assert!(!active());
                no_grad(|| assert!(active()));
                assert!(!active());
            });
            assert!(active());
        });
        assert!(!active());
    }

    /// After a panic everything is as it was.
    #[test]
    fn a_panic_puts_it_back() {
        let caught = no_grad(|| {
            let caught = std::panic::catch_unwind(|| enable_grad(|| panic!("on purpose")));
            assert!(active());
            caught
        });
        assert!(caught.is_err() && std::panic::catch_unwind(|| no_grad(|| panic!("on purpose"))).is_err());
        assert!(!active());
    }

    /// Another thread does not hear of it, and a thread of a pool does not listen: its next task may be somebody else's.
    #[test]
    fn each_thread_for_itself() {
        no_grad(|| assert!(!std::thread::spawn(active).join().unwrap()));
        rayon::scope(|_| {
            no_grad(|| assert!(!active()));
            enable_grad(|| assert!(!active()));
        });
    }
}
