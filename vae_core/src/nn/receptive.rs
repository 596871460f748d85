//! What one number of a feature map depends on: its receptive field, measured.
//!
//! ```text
//! rₗ = rₗ₋₁ + (kₗ − 1) Πₘ<ₗ sₘ        k the kernels, s the strides, r₀ = 1        pixels along a side
//! ```
//! is what the arithmetic says. Here the gradient of a feature with respect to the image says it: outside of the field it is 0.
//!
//! ```
//! use vae_core::{nn::*, candle::Device, random::Random};
//!
//! let (mut params, mut random, cpu) = (Params::new(), Random::new(0), Device::Cpu);
//! let mut conv = |name, from| {
//!     let config = Conv2dConfig { stride: 2, padding: 1, ..Conv2dConfig::new(from, 4, 3) };
//!     Conv2d::new(&mut params, name, config, &mut random, &cpu)
//! };
//! let stack = Stack::new().push(conv("a", 1)?, Activation::LeakyRelu(0.01)).push(conv("b", 4)?, None);
//! let sizes: Vec<_> = stack.receptive_fields((1, 28, 28), &cpu)?.iter().map(Field::size).collect();
//! assert_eq!(sizes, [(3, 3), (7, 7)]); // 1 + 2, 3 + 2 · 2
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::{DType, Device, Tensor, Var};

use super::Stack;
use crate::{Error, Result, random::Random};

/// How strongly each pixel acts on the features in the middle of a map.
#[derive(Clone, Debug)]
pub struct Field {
    /// |∂ Σ_c feature / ∂ pixel|, added up over the image's channels and relative to the largest: (1, 1, H, W) in [0, 1], on the CPU.
    pub map: Tensor,
    /// The first and the last row with a pixel that acts.
    pub rows: (usize, usize),
    /// The first and the last column.
    pub columns: (usize, usize),
}

impl Field {
    /// Height and width in pixels.
    pub fn size(&self) -> (usize, usize) {
        let length = |(first, last): (usize, usize)| last + 1 - first;
        (length(self.rows), length(self.columns))
    }
}

impl Stack {
    /// The receptive field of the middle of the feature map of each layer, up to the first layer without a map, in an image of that shape
    /// (channels, height, width) whose pixels are drawn.
    ///
    /// # Errors
    /// Those of [`Stack::shapes`]; [`Error::Argument`] for a layer whose features depend on no pixel.
    pub fn receptive_fields(&self, shape: (usize, usize, usize), device: &Device) -> Result<Vec<Field>> {
        let (c, h, w) = shape;
        let x = Var::from_tensor(&Random::new(0).uniform((1, c, h, w), device)?)?;
        let mut fields = vec![];
        for (i, features) in self.outputs(&x)?.into_iter().enumerate() {
            let Ok((_, _, height, width)) = features.dims4() else { break };
            let middle = features.narrow(2, height / 2, 1)?.narrow(3, width / 2, 1)?.sum_all()?;
            let gradients = middle.backward()?;
            let unseen =
                || Error::argument(format!("the features of layer {i} depend on no pixel: is its activation dead?"));
            let map = gradients.get(&x).ok_or_else(unseen)?.abs()?.sum_keepdim(1)?;
            let map = map.to_device(&Device::Cpu)?.to_dtype(DType::F32)?;
            let most = f64::from(map.max_all()?.to_scalar::<f32>()?);
            if most == 0.0 {
                return Err(unseen());
            }
            let along = |dim: usize| -> Result<(usize, usize)> {
                let sums: Vec<f32> = map.sum_keepdim(dim)?.flatten_all()?.to_vec1()?;
                let acts = |i: &usize| sums[*i] > 0.0;
                Ok(((0..sums.len()).find(acts).unwrap_or(0), (0..sums.len()).rfind(acts).unwrap_or(0)))
            };
            let (rows, columns) = (along(3)?, along(2)?);
            fields.push(Field { map: (map / most)?, rows, columns });
        }
        Ok(fields)
    }
}
