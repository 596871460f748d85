//! The layers on the CPU in float32: forward, and backward by hand.
//!
//! Plain slices in, plain slices out; the operations that candle sees are made of these in [`crate::nn`] and
//! [`crate::dist`].

pub(crate) mod bernoulli;
pub(crate) mod conv;
pub(crate) mod elementwise;
pub(crate) mod linear;
pub(crate) mod slices;
pub(crate) mod tile;
