//! Samples at chosen epochs, of the same noise each time: how a model learned to draw.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::STANDARD};
use candle_core::{DType, Tensor};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    Error, Result,
    data::Batch,
    models::{Vae, given},
    random::Random,
};

/// More samples than this in a frame, or frames in a film, are more than a look takes in.
const MOST: usize = 20;
/// The largest film in bytes; each checkpoint has it.
const MOST_BYTES: usize = 4 << 20;

/// Which samples are kept.
#[derive(Clone, Debug)]
pub(super) struct FilmConfig {
    pub(super) samples: usize,
    pub(super) epochs: BTreeSet<usize>,
}

/// Samples of one epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// After which epoch; 0 is before training.
    pub epoch: usize,
    /// (samples, channels, height, width).
    pub shape: (usize, usize, usize, usize),
    /// Means of p(x|z), from 0 to 255, sample after sample and channel after channel.
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    pub pixels: Vec<u8>,
}

impl Frame {
    /// What the model draws from the noise of `random`; a conditional model draws items with the y of `batch`.
    pub(super) fn new(epoch: usize, vae: &dyn Vae, batch: &Batch, random: &mut Random) -> Result<Self> {
        let images = given(vae, batch)?.generate(batch.len(), random)?;
        let shape = images.dims4()?;
        let bytes = images.to_dtype(DType::F32)?.clamp(0f32, 1f32)?.affine(255.0, 0.0)?.round()?.to_dtype(DType::U8)?;
        Ok(Self { epoch, shape, pixels: bytes.flatten_all()?.to_vec1()? })
    }

    /// The samples as floats in \[0, 1\]: (samples, channels, height, width).
    ///
    /// # Errors
    /// [`Error::Candle`] where the pixels are not as many as the shape says.
    pub fn images(&self) -> Result<Tensor> {
        let pixels: Vec<f32> = self.pixels.iter().map(|byte| f32::from(*byte) / 255.0).collect();
        Ok(Tensor::from_vec(pixels, self.shape, &candle_core::Device::Cpu)?)
    }

    /// Says what is wrong with a frame from a file.
    pub(super) fn check(&self) -> Result<(), String> {
        let (n, c, h, w) = self.shape;
        let expected = [n, c, h, w].iter().try_fold(1usize, |product, side| product.checked_mul(*side));
        if expected == Some(self.pixels.len()) {
            return Ok(());
        }
        Err(format!(
            "the samples of epoch {} have {} pixels, not those of {:?}",
            self.epoch,
            self.pixels.len(),
            self.shape
        ))
    }
}

impl FilmConfig {
    /// Refuses films of nothing, of what is no picture, and of more than a checkpoint should carry.
    pub(super) fn check(&self, vae: &dyn Vae, items: usize) -> Result<()> {
        let shape = vae.shape();
        if !matches!(*shape.dims(), [1 | 3, _, _]) {
            let expected = "(1 or 3, height, width): a film has pictures".into();
            return Err(Error::Shape { what: "items of a film", expected, got: shape.into_dims() });
        }
        if self.samples == 0 || self.samples > MOST.min(items) || self.epochs.is_empty() || self.epochs.len() > MOST {
            return Err(Error::argument(format!(
                "a film has from 1 to {} samples at 1 to {MOST} epochs, got {} at {}",
                MOST.min(items),
                self.samples,
                self.epochs.len()
            )));
        }
        let bytes = self.samples * self.epochs.len() * shape.elem_count();
        if bytes > MOST_BYTES {
            return Err(Error::argument(format!(
                "this film would have {bytes} bytes, more than {MOST_BYTES}: keep fewer samples, or at fewer epochs"
            )));
        }
        Ok(())
    }
}

fn to_base64<S: Serializer>(pixels: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(pixels))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map_err(de::Error::custom)
}
