//! Layers and the parameters that they share out.

mod activation;
mod linear;
mod params;

pub use activation::Activation;
pub use linear::Linear;
pub use params::Params;
