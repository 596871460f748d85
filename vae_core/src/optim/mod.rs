//! Optimizers: how gradients move parameters.

mod adam;
mod clip;

pub use adam::{Adam, AdamConfig};
pub use clip::gradient_norm;
