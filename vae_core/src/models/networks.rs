//! What the models of this crate have in common: layers from an item to both heads, layers back, and what the output means.
//!
//! ```text
//! encoder   x → features ─┬→ heads → mu, log_var          decoder   z ─┬→ … → (B, C, H, W)
//!                         y, where it is told                          y
//! ```
//! What a conditional VAE is told stands beside the features of x, and beside z, as more columns.

use candle_core::{Shape, Tensor};

use super::{Halves, LayerRow, Observation};
use crate::{
    Error, Result,
    distributions::{DiagonalGaussian, Distribution},
    nn::{Params, Stack},
};

/// How many numbers of y stand beside what either half takes in: none, unless the VAE is conditional.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Beside {
    pub(super) encoder: usize,
    pub(super) decoder: usize,
}

/// Encoder, decoder and their parameters.
#[derive(Clone, Debug)]
pub(super) struct Networks {
    /// (channels, height, width) of an image.
    pub(super) image: (usize, usize, usize),
    /// D, the width of a code.
    pub(super) latent: usize,
    pub(super) beside: Beside,
    pub(super) params: Params,
    /// What x goes through before y comes beside it; in a VAE whose encoder is told nothing, the beginning of `posterior`.
    pub(super) features: Stack,
    /// Ends in both heads.
    pub(super) posterior: Stack,
    pub(super) decoder: Stack,
    pub(super) observation: Observation,
    /// The parameter of a variance that is learned.
    pub(super) log_var: Option<Tensor>,
}

impl Networks {
    /// q(z|x): (B, C, H, W), or with `flat` (B, C·H·W) as well → (B, D); `y` is what [`Beside`] asks for.
    pub(super) fn encode(&self, x: &Tensor, y: Option<&Tensor>, flat: bool) -> Result<DiagonalGaussian> {
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
        match y {
            None => self.posterior.gaussian(x),
            Some(y) => self.posterior.gaussian(&Tensor::cat(&[&self.features.forward(x)?, y], 1)?),
        }
    }

    /// p(x|z): (B, D) → (B, C, H, W).
    pub(super) fn decode(&self, z: &Tensor, y: Option<&Tensor>) -> Result<Box<dyn Distribution>> {
        self.check_codes(z)?;
        let output = match y {
            None => self.decoder.forward(z)?,
            Some(y) => self.decoder.forward(&Tensor::cat(&[z, y], 1)?)?,
        };
        self.observation.likelihood(output, self.log_var.as_ref())
    }

    /// Refuses codes that the decoder is not made for.
    pub(super) fn check_codes(&self, z: &Tensor) -> Result<()> {
        if z.rank() != 2 || z.dims()[1] != self.latent {
            let expected = format!("(batch, {})", self.latent);
            return Err(Error::Shape { what: "codes to decode", expected, got: z.dims().to_vec() });
        }
        self.check_type("codes to decode", z)
    }

    /// The shape of an image.
    pub(super) fn shape(&self) -> Shape {
        self.image.into()
    }

    /// The layers, of a model that is given nothing.
    pub(super) fn halves(&self) -> Halves {
        let told = self.beside.encoder > 0;
        Halves {
            features: if told { self.features.clone() } else { Stack::new() },
            beside_features: self.beside.encoder,
            beside_z: self.beside.decoder,
            ..Halves::new(self.posterior.clone(), self.decoder.clone(), self.observation)
        }
    }

    /// The rows of the layer table: those of the layers, under the names of their parameters. What only turns an image into a row of
    /// numbers, at either end, is left out.
    pub(super) fn layers(&self) -> Vec<LayerRow> {
        let (c, h, w) = self.image;
        // The shapes were checked when the layers were put together.
        let encoder = match self.beside.encoder {
            0 => self.posterior.rows(&[c, h, w]).unwrap_or_default(),
            told => {
                let mut rows = self.features.rows(&[c, h, w]).unwrap_or_default();
                let width = rows.last().map_or(c * h * w, |row| row.output.iter().product());
                rows.extend(self.posterior.rows(&[width + told]).unwrap_or_default());
                rows
            }
        };
        let mut decoder = self.decoder.rows(&[self.latent + self.beside.decoder]).unwrap_or_default();
        decoder.pop_if(|row| row.kind == "Unflatten");
        let rows = encoder.into_iter().skip_while(|row| row.kind == "Flatten").chain(decoder);
        rows.map(|row| LayerRow::of(&self.params, row)).chain(self.observation.row()).collect()
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
