//! What the models of this crate have in common: layers from an item to both heads, layers back, and what the output means.

use candle_core::{Shape, Tensor};

use super::Observation;
use crate::{
    Error, Result,
    distributions::{DiagonalGaussian, Distribution},
    nn::{Params, Stack},
};

/// Encoder, decoder and their parameters.
#[derive(Clone, Debug)]
pub(super) struct Networks {
    /// (channels, height, width) of an image.
    pub(super) image: (usize, usize, usize),
    /// D, the width of a code.
    pub(super) latent: usize,
    pub(super) params: Params,
    /// Ends in both heads.
    pub(super) encoder: Stack,
    pub(super) decoder: Stack,
    pub(super) observation: Observation,
    /// The parameter of a variance that is learned.
    pub(super) log_var: Option<Tensor>,
}

impl Networks {
    /// q(z|x): (B, C, H, W), or with `flat` (B, C·H·W) as well → (B, D).
    pub(super) fn encode(&self, x: &Tensor, flat: bool) -> Result<DiagonalGaussian> {
        let (c, h, w) = self.image;
        let fits = match x.dims() {
            [_, rest @ ..] if rest == [c, h, w] => true,
            [_, rest @ ..] => flat && !rest.is_empty() && rest.iter().product::<usize>() == c * h * w,
            [] => false,
        };
        if !fits {
            let either = if flat { format!(" or (batch, {})", c * h * w) } else { String::new() };
            let expected = format!("(batch, {c}, {h}, {w}){either}");
            return Err(Error::Shape { what: "images to encode", expected, got: x.dims().to_vec() });
        }
        self.check_type("images to encode", x)?;
        self.encoder.gaussian(x)
    }

    /// p(x|z): (B, D) → (B, C, H, W).
    pub(super) fn decode(&self, z: &Tensor) -> Result<Box<dyn Distribution>> {
        if z.rank() != 2 || z.dims()[1] != self.latent {
            let expected = format!("(batch, {})", self.latent);
            return Err(Error::Shape { what: "codes to decode", expected, got: z.dims().to_vec() });
        }
        self.check_type("codes to decode", z)?;
        self.observation.likelihood(self.decoder.forward(z)?, self.log_var.as_ref())
    }

    /// The shape of an image.
    pub(super) fn shape(&self) -> Shape {
        self.image.into()
    }

    /// Refuses tensors of another type than the weights.
    fn check_type(&self, what: &str, x: &Tensor) -> Result<()> {
        let (expected, got) = (self.params.dtype(), x.dtype());
        if expected == got {
            return Ok(());
        }
        Err(Error::argument(format!(
            "{what}: expected type {expected:?}, that of the weights, got {got:?}; convert with \
             .to_dtype(DType::{expected:?})?"
        )))
    }
}
