//! Small defects with the pixels that they cover: for detectors that say *where* an image is strange.
//!
//! | defect | what it does |
//! |---|---|
//! | [`Defect::Spot`] | a disk of some radius, around a place that is drawn on the object |
//! | [`Defect::Scratch`] | a line one pixel wide and so many long, through such a place, in a direction that is drawn |
//!
//! A pixel in a defect becomes white where it was dark and black where it was bright: it changes by half the range or more, so that the
//! mask holds what can be seen, and nothing else.
//!
//! ```
//! use vae_core::{candle::{Device, Tensor}, data::Defect, random::Random};
//!
//! let images = Tensor::full(0.8f32, (4, 1, 28, 28), &Device::Cpu)?;
//! let (damaged, masks) = Defect::Spot { radius: 2 }.apply(&images, &mut Random::new(1))?;
//! let changed = damaged.ne(&images)?.to_dtype(masks.dtype())?;
//! assert_eq!(changed.flatten_all()?.to_vec1::<f32>()?, masks.flatten_all()?.to_vec1::<f32>()?);
//! # Ok::<(), vae_core::Error>(())
//! ```

use candle_core::{DType, Device, Tensor};
use rand::Rng;

use crate::{Error, Result, random::Random};

/// A pixel is on the object where one of its channels is brighter than this.
const OBJECT: f32 = 0.25;

/// A defect of some pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// All pixels within `radius` of a place.
    Spot {
        /// In pixels.
        radius: usize,
    },
    /// A line through a place.
    Scratch {
        /// In pixels.
        length: usize,
    },
}

impl Defect {
    /// The damaged images, (B, C, H, W) as they came, and which pixels were damaged, (B, 1, H, W) of zeros and ones; both float32 on the CPU.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there are four dimensions, none but the first of them 0; [`Error::Argument`] for a defect of no pixels, or one
    /// as large as the image, and for images that are black everywhere.
    pub fn apply(&self, images: &Tensor, random: &mut Random) -> Result<(Tensor, Tensor)> {
        let (b, c, h, w) = images.dims4().ok().filter(|(_, c, h, w)| c * h * w > 0).ok_or_else(|| Error::Shape {
            what: "images to damage",
            expected: "(batch, channels, height, width), the last three 1 or more".into(),
            got: images.dims().to_vec(),
        })?;
        let (Self::Spot { radius: size } | Self::Scratch { length: size }) = *self;
        if size == 0 || size >= h.min(w) {
            return Err(Error::argument(format!("{self:?} in images of {h}×{w}: expected 1 to {}", h.min(w) - 1)));
        }
        let mut pixels: Vec<f32> = images.to_device(&Device::Cpu)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
        let mut masks = vec![0f32; b * h * w];
        let mut places = random.rng();
        for (i, (image, mask)) in pixels.chunks_mut(c * h * w).zip(masks.chunks_mut(h * w)).enumerate() {
            let bright = |place: &usize| (0..c).any(|channel| image[channel * h * w + place] > OBJECT);
            let object: Vec<usize> = (0..h * w).filter(bright).collect();
            if object.is_empty() {
                return Err(Error::argument(format!("image {i} has no pixel above {OBJECT} to put a {self:?} on")));
            }
            let place = object[places.random_range(0..object.len() as u64) as usize];
            let angle = places.random_range(0.0..std::f64::consts::PI);
            for pixel in self.pixels((place / w, place % w), angle, (h, w)) {
                mask[pixel] = 1.0;
                for channel in 0..c {
                    let value = &mut image[channel * h * w + pixel];
                    *value = if *value > 0.5 { 0.0 } else { 1.0 };
                }
            }
        }
        let damaged = Tensor::from_vec(pixels, (b, c, h, w), &Device::Cpu)?;
        Ok((damaged, Tensor::from_vec(masks, (b, 1, h, w), &Device::Cpu)?))
    }

    /// The pixels of a defect at (row, column), each once; those beyond the edge are left out.
    fn pixels(self, (row, column): (usize, usize), angle: f64, (h, w): (usize, usize)) -> Vec<usize> {
        let (row, column) = (row as isize, column as isize);
        let offsets: Vec<(isize, isize)> = match self {
            Self::Spot { radius } => {
                let r = radius as isize;
                let square = (-r..=r).flat_map(|y| (-r..=r).map(move |x| (y, x)));
                square.filter(|(y, x)| y * y + x * x <= r * r).collect()
            }
            Self::Scratch { length } => (0..length as isize)
                .map(|step| {
                    let along = (step - length as isize / 2) as f64;
                    ((along * angle.sin()).round() as isize, (along * angle.cos()).round() as isize)
                })
                .collect(),
        };
        let mut pixels: Vec<usize> = offsets
            .into_iter()
            .map(|(y, x)| (row + y, column + x))
            .filter(|(y, x)| (0..h as isize).contains(y) && (0..w as isize).contains(x))
            .map(|(y, x)| y as usize * w + x as usize)
            .collect();
        pixels.sort_unstable();
        pixels.dedup();
        pixels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(n: usize) -> Tensor {
        Tensor::rand(0f32, 1.0, (n, 2, 20, 24), &Device::Cpu).unwrap()
    }

    /// The mask is what has changed, by half the range or more, in each channel, and the same seed draws the same.
    #[test]
    fn masks_hold_what_changed() {
        let x = images(20);
        for defect in [Defect::Spot { radius: 3 }, Defect::Scratch { length: 9 }] {
            let (y, mask) = defect.apply(&x, &mut Random::new(3)).unwrap();
            let change = (&y - &x).unwrap().abs().unwrap();
            let (change, mask_) =
                (change.flatten_all().unwrap().to_vec1::<f32>().unwrap(), mask.broadcast_as(x.shape()).unwrap());
            for (change, inside) in change.iter().zip(mask_.flatten_all().unwrap().to_vec1::<f32>().unwrap()) {
                assert!(if inside == 1.0 { *change >= 0.5 } else { *change == 0.0 });
            }
            let again = defect.apply(&x, &mut Random::new(3)).unwrap().1;
            assert_eq!(
                again.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
                mask.flatten_all().unwrap().to_vec1::<f32>().unwrap()
            );
        }
    }

    /// Away from the edges, a spot of radius 2 has the 13 pixels of its disk, and a scratch is as long as was asked for, in any direction.
    #[test]
    fn sizes() {
        assert_eq!(Defect::Spot { radius: 2 }.pixels((10, 10), 0.3, (28, 28)).len(), 13);
        for angle in [0.0, 0.7, std::f64::consts::FRAC_PI_2, 3.0] {
            let pixels = Defect::Scratch { length: 9 }.pixels((14, 14), angle, (28, 28));
            let ends = [pixels[0], pixels[pixels.len() - 1]].map(|p| ((p / 28) as f64, (p % 28) as f64));
            let far = ((ends[0].0 - ends[1].0).powi(2) + (ends[0].1 - ends[1].1).powi(2)).sqrt();
            assert!(pixels.len() <= 9 && (far - 8.0).abs() < 1.5, "{angle}: {far}");
        }
    }

    /// A defect of no pixels or as large as the image, black images and other shapes are refused, saying what would do.
    #[test]
    fn refusals() {
        let message = |defect: Defect, x: &Tensor| defect.apply(x, &mut Random::new(1)).unwrap_err().to_string();
        assert_eq!(
            message(Defect::Spot { radius: 0 }, &images(1)),
            "Spot { radius: 0 } in images of 20×24: expected 1 to 19"
        );
        assert!(message(Defect::Scratch { length: 20 }, &images(1)).contains("expected 1 to 19"));
        let black = images(2).zeros_like().unwrap();
        assert!(message(Defect::Spot { radius: 2 }, &black).starts_with("image 0 has no pixel above 0.25"));
        assert!(
            message(Defect::Spot { radius: 2 }, &black.flatten_all().unwrap())
                .contains("(batch, channels, height, width)")
        );
    }
}
