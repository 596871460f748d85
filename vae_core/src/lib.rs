//! `vae_core`: variational autoencoders on candle, for Rust notebooks and programs.

pub use candle_core as candle;
pub use candle_nn;
pub use image;
pub use plotters;
