//! Layers and the parameters that they share out.

mod activation;
mod conv;
mod conv_transpose;
mod init;
mod layer;
mod linear;
mod norm;
mod params;
mod receptive;
mod residual;
mod stack;
#[cfg(test)]
mod tests;
mod var_builder;

pub use crate::ops::{
    gradients::{Gradients, backward},
    no_grad::{enable_grad, no_grad},
};
pub use activation::{Activation, CustomActivation};
pub use conv::{Conv2d, Conv2dConfig};
pub use conv_transpose::{ConvTranspose2d, ConvTranspose2dConfig};
pub use layer::{CustomLayer, Layer, Row};
pub use linear::Linear;
pub use norm::LayerNorm;
pub use params::Params;
pub(crate) use params::finite;
pub use receptive::Field;
pub use residual::Residual;
pub use stack::Stack;
pub use var_builder::var_builder;
