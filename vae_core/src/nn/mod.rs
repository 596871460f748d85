//! Layers and the parameters that they share out.

mod activation;
mod conv;
mod conv_transpose;
mod cuda;
mod fused;
mod gradients;
mod init;
mod linear;
mod outlet;
mod params;
mod stack;
#[cfg(test)]
mod tests;
mod var_builder;

pub use activation::Activation;
pub use conv::{Conv2d, Conv2dConfig};
pub use conv_transpose::{ConvTranspose2d, ConvTranspose2dConfig};
pub use gradients::{Gradient, GradientSource, Gradients, Product, backward};
pub use linear::Linear;
pub(crate) use outlet::Outlet;
pub use params::Params;
pub(crate) use params::finite;
pub use stack::{Layer, Stack};
pub use var_builder::var_builder;
