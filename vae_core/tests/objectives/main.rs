//! The objectives beyond the ELBO: what they compute where the answer is known, and that a training with them is stopped and resumed
//! bit for bit.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod beta_tc;
mod capacity;
mod factor;
mod free_bits;
#[allow(dead_code)] // guests need more of it
#[path = "../guests/harness.rs"]
mod harness;
mod iwae;

use vae_core::prelude::*;

/// A model with nothing to learn: items are D numbers as their codes are, q(z|x) is what `posterior` says, p(x|z) = N(z, I).
pub(crate) struct Unlearned {
    pub(crate) width: usize,
    pub(crate) posterior: fn(&Tensor) -> Result<Box<dyn Distribution>>,
    pub(crate) params: Params,
}

impl Vae for Unlearned {
    fn encode(&self, x: &Tensor) -> Result<Box<dyn Distribution>> {
        (self.posterior)(x)
    }

    fn decode(&self, z: &Tensor) -> Result<Box<dyn Distribution>> {
        Ok(Box::new(Gaussian::fixed(z.clone(), 1.0)?))
    }

    fn latent(&self) -> usize {
        self.width
    }

    fn shape(&self) -> Shape {
        self.width.into()
    }

    fn params(&self) -> &Params {
        &self.params
    }
}
