//! Grey values as probabilities of ink: binary images for a Bernoulli likelihood.
//!
//! A pixel of grey value p becomes 1 with probability p and else 0 (Salakhutdinov & Murray 2008, "On the quantitative
//! analysis of deep belief networks"). *Dynamic* binarization draws anew each time a batch is used, which also works
//! against overfitting; *static* binarization draws once, so that numbers from different runs can be compared.
//!
//! ```
//! use vae_core::{candle::{Device, Tensor}, data::binarize, random::Random};
//!
//! let grey = Tensor::full(0.25f32, (1, 1, 100, 100), &Device::Cpu)?;
//! let ink = binarize(&grey, &mut Random::new(1))?;
//! assert!((ink.mean_all()?.to_scalar::<f32>()? - 0.25).abs() < 0.02);
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::{DType, Tensor};

use super::Images;
use crate::Result;
use crate::random::Random;

/// Dynamic binarization: each value in [0, 1] becomes 1 with that probability, else 0. Any shape, float32 or float64;
/// the result has the same shape, type and device.
///
/// # Errors
/// When candle cannot compute with the tensor's type.
pub fn binarize(images: &Tensor, random: &mut Random) -> Result<Tensor> {
    // u is in [0, 1), so grey 0 is never ink and grey 1 always.
    let u = random.uniform(images.shape(), images.device())?;
    Ok(u.lt(&images.to_dtype(DType::F32)?)?.to_dtype(images.dtype())?)
}

impl Images {
    /// Static binarization: each byte b becomes 255 with probability b/255, else 0, once, with `seed`.
    pub fn binarized(&self, seed: u64) -> Self {
        let mut u = vec![0.0; self.bytes().len()];
        Random::new(seed).fill_uniform(&mut u);
        let ink = |(&byte, u): (&u8, f32)| if u * 255.0 < f32::from(byte) { 255 } else { 0 };
        self.with_pixels(self.bytes().iter().zip(u).map(ink).collect())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    /// The share of ink is the grey value within five standard errors, and black and white stay what they are.
    #[test]
    fn ink_is_as_likely_as_the_pixel_is_bright() {
        let n = 100_000;
        for byte in [0u8, 26, 128, 230, 255] {
            let p = f32::from(byte) / 255.0;
            let error = 5.0 * (p * (1.0 - p) / n as f32).sqrt();
            let grey = Tensor::full(p, n, &Device::Cpu).unwrap();
            let ink = binarize(&grey, &mut Random::new(4)).unwrap();
            let values = ink.to_vec1::<f32>().unwrap();
            assert!(values.iter().all(|&x| x == 0.0 || x == 1.0));
            assert!((values.iter().sum::<f32>() / n as f32 - p).abs() <= error);

            let images = Images::new(vec![byte; n], vec![0; n], (1, 1, 1), &Device::Cpu).unwrap().binarized(4);
            assert!(images.bytes().iter().all(|&x| x == 0 || x == 255));
            assert!((images.statistics().0 as f32 - p).abs() <= error);
        }
    }

    /// Static draws repeat with their seed; dynamic draws are new each time.
    #[test]
    fn static_repeats_and_dynamic_does_not() {
        let images = Images::new(vec![128; 64], vec![0], (1, 8, 8), &Device::Cpu).unwrap();
        assert_eq!(images.binarized(1).bytes(), images.binarized(1).bytes());
        assert_ne!(images.binarized(1).bytes(), images.binarized(2).bytes());
        let (grey, mut random) = (images.tensor().unwrap(), Random::new(3));
        let mut draw = || binarize(&grey, &mut random).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_ne!(draw(), draw());
    }
}
