//! What only notebooks need: loaders that say what they found, check cells, exercises, and quick rehearsals.
//!
//! The library prints nothing but a training's live lines; here its loaders and [`best_device`] have sisters of the same
//! names that print a line. The [prelude](crate::prelude) has these, so that cells read alike:
//!
//! ```
//! use vae_core::prelude::*;
//!
//! let device = best_device()?; // prints "device: CPU (8 threads)"
//! let digits = data::digits(&device)?.rehearsal(600, 100); // prints "digits: 60000 training and 10000 test images of …"
//! assert_eq!(digits.train.len(), if data::fast() { 600 } else { 60_000 });
//! # Ok::<(), vae_core::Error>(())
//! ```

pub mod check;
pub mod data;
pub mod exercises;

use candle_core::Device;

use crate::{Result, device};

/// [`device::best_device`], with a printed line that says which and why; and a process that keeps its memory.
///
/// # Errors
/// [`Error::Argument`](crate::Error::Argument) when `VAE_CORE_DEVICE` names no device.
pub fn best_device() -> Result<Device> {
    // A notebook's process is the notebook's alone, so what it frees may stay with it for the next step.
    crate::ops::heap::keep_freed_memory();
    Ok(said(device::choose()?).device)
}

/// Prints what a value says of itself.
fn said<T: std::fmt::Display>(value: T) -> T {
    println!("{value}");
    value
}
