//! `vae_core`: variational autoencoders on candle, for Rust notebooks and programs.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod data;
pub mod device;
mod error;
pub mod random;

pub use candle_core as candle;
pub use candle_nn;
pub use device::best_device;
pub use error::{Error, Result};
pub use image;
pub use plotters;

/// What a notebook's first cell imports.
pub mod prelude {
    pub use crate::candle::{DType, Device, Tensor, Var};
    pub use crate::data::{self, Batch, Dataset, Images, binarize};
    pub use crate::device::best_device;
    pub use crate::random::Random;
    pub use crate::{Error, Result};
}
