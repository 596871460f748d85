//! Corruptions: what a denoiser is trained to undo.
//!
//! | written | corrupted pixel |
//! |---|---|
//! | `gaussian:0.2` | x + 0.2·ε, ε ~ N(0, 1), clipped to [0, 1] |
//! | `salt-and-pepper:0.1` | 0 or 1, each with probability 0.05; x otherwise |
//! | `mask:10` | 0 in one 10×10 square at a random place, the same in all channels; x elsewhere |
//! | `blur:1.0` | Σ w(i)·w(j)·x(· + i, · + j), w(i) ∝ exp(−i²/(2·1.0²)) |
//!
//! Images are (B, C, H, W) in [0, 1] and stay so. The noise is drawn anew at each call, for each image (and, where it
//! is noise of pixels, for each channel) from the generator that is passed in: the same seed gives the same corrupted images
//! on every device, to rounding. A CUDA device does the noise itself, without the check of the pixels (which would make it
//! wait); squares and blurs are made on the CPU.
//!
//! ```
//! use vae_core::{candle::{Device, Tensor}, data::Corruption, random::Random};
//!
//! let corruption: Corruption = "salt-and-pepper:0.1".parse()?;
//! let grey = Tensor::full(0.5f32, (1, 1, 100, 100), &Device::Cpu)?;
//! let noisy = corruption.apply(&grey, &mut Random::new(1))?;
//! let changed = noisy.ne(&grey)?.to_dtype(grey.dtype())?.mean_all()?.to_scalar::<f32>()?;
//! assert!((changed - 0.1).abs() < 0.02);
//! # Ok::<(), vae_core::Error>(())
//! ```

use std::{fmt, str::FromStr};

use candle_core::{DType, Device, Tensor};
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::{Error, Result, ops, random::Random};

/// The forms in which a [`Corruption`] is written.
const FORMS: &str = "gaussian:0.2 (standard deviation, 0 or more), salt-and-pepper:0.1 (share of the pixels, 0 to 1), \
                     mask:10 (side of the square in pixels), blur:1.0 (standard deviation in pixels, 0 to 100)";

/// A blur wider than this is no longer one, and would take long.
const WIDEST_BLUR: f64 = 100.0;

/// How images are spoiled. A strength of 0 leaves them as they are. Written, in files too, as in the table at the top
/// of this module.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Corruption {
    /// Noise of every pixel and channel, then clipped: with 0.2, the usual noise of denoising examples on MNIST.
    Gaussian {
        /// Standard deviation of the noise before clipping, in pixel values.
        std: f64,
    },
    /// Pixels (each channel by itself) that are black or white, whatever was there.
    SaltAndPepper {
        /// The share of such pixels, half of them black.
        share: f64,
    },
    /// One black square per image, uniform among the places where it is whole.
    Mask {
        /// Its side in pixels, at most the image's smaller side.
        side: usize,
    },
    /// A Gaussian blur; nothing of it is random. The kernel ends at four standard deviations, and beyond its border the
    /// image is mirrored (… b a | a b c …), so that the sum of the pixels and a flat image stay what they are.
    Blur {
        /// Standard deviation of the kernel in pixels.
        std: f64,
    },
}

impl Corruption {
    /// Refuses strengths that make no sense.
    ///
    /// # Errors
    /// [`Error::Argument`], with the forms that are accepted.
    pub fn check(&self) -> Result<()> {
        let fine = match *self {
            Self::Gaussian { std } => std >= 0.0 && std.is_finite(),
            Self::SaltAndPepper { share } => (0.0..=1.0).contains(&share),
            Self::Mask { .. } => true,
            Self::Blur { std } => (0.0..=WIDEST_BLUR).contains(&std),
        };
        if fine { Ok(()) } else { Err(Error::argument(format!("the corruption {self}: expected one of {FORMS}"))) }
    }

    /// The corrupted images: (B, C, H, W) in [0, 1] → the same shape, type and device, in [0, 1], without a gradient.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there are four dimensions; [`Error::NotFinite`] for NaN or infinite pixels;
    /// [`Error::Argument`] for pixels outside [0, 1], a strength that makes no sense, a square larger than the image.
    pub fn apply(&self, images: &Tensor, random: &mut Random) -> Result<Tensor> {
        self.check()?;
        let (_, c, h, w) = images.dims4().map_err(|_| Error::Shape {
            what: "images to corrupt",
            expected: "(batch, channels, height, width)".into(),
            got: images.dims().to_vec(),
        })?;
        if let Self::Mask { side } = *self
            && side > h.min(w)
        {
            return Err(Error::argument(format!("the corruption {self} does not fit into images of {h}×{w} pixels")));
        }
        if ops::noise::is_made_beside(images)
            && let Some(corrupted) = self.on_device(&images.detach(), random)?
        {
            return Ok(corrupted);
        }
        let mut pixels = unit_pixels("images to corrupt", images)?;
        match *self {
            Self::Gaussian { std } => {
                let mut noise = vec![0.0; pixels.len()];
                random.fill_normal(&mut noise);
                // An infinite factor would make NaN of ε = 0.
                let std = (std as f32).min(f32::MAX);
                pixels.iter_mut().zip(noise).for_each(|(x, e)| *x = (*x + std * e).clamp(0.0, 1.0));
            }
            Self::SaltAndPepper { share } => {
                let mut u = vec![0.0; pixels.len()];
                random.fill_uniform(&mut u);
                let black = share as f32 / 2.0;
                for (x, u) in pixels.iter_mut().zip(u).filter(|(_, u)| *u < share as f32) {
                    *x = if u < black { 0.0 } else { 1.0 };
                }
            }
            Self::Mask { side } => {
                let mut places = random.rng();
                for image in pixels.chunks_mut((c * h * w).max(1)) {
                    let top = places.random_range(0..=(h - side) as u64) as usize;
                    let left = places.random_range(0..=(w - side) as u64) as usize;
                    for channel in image.chunks_mut(h * w) {
                        for row in channel.chunks_mut(w).skip(top).take(side) {
                            row[left..left + side].fill(0.0);
                        }
                    }
                }
            }
            Self::Blur { std } => pixels.chunks_mut((h * w).max(1)).for_each(|plane| blur(plane, h, w, std)),
        }
        Ok(Tensor::from_vec(pixels, images.shape(), &Device::Cpu)?
            .to_dtype(images.dtype())?
            .to_device(images.device())?)
    }
}

impl Corruption {
    /// The corrupted images, computed where the images are; `None` for what is not noise of pixels. Nothing is read back, so
    /// pixels are not checked: what is not a number stays so, and what is outside of [0, 1] is clipped or left.
    fn on_device(&self, images: &Tensor, random: &mut Random) -> Result<Option<Tensor>> {
        Ok(match *self {
            Self::Gaussian { std } => {
                let noise = random.normal(images.shape(), images.device())?;
                Some((images + (noise * std.min(f64::from(f32::MAX)))?)?.clamp(0f32, 1f32)?)
            }
            Self::SaltAndPepper { share } => {
                let u = random.uniform(images.shape(), images.device())?;
                let (touched, black) = (u.lt(share as f32)?, u.lt(share as f32 / 2.0)?);
                let salted = touched.where_cond(&images.ones_like()?, images)?;
                Some(black.where_cond(&images.zeros_like()?, &salted)?)
            }
            Self::Mask { .. } | Self::Blur { .. } => None,
        })
    }
}

/// The pixels as float32 on the CPU, one image after the other.
///
/// # Errors
/// [`Error::NotFinite`] and [`Error::Argument`] when one is NaN, infinite or outside [0, 1].
fn unit_pixels(what: &str, images: &Tensor) -> Result<Vec<f32>> {
    let pixels: Vec<f32> = images.to_device(&Device::Cpu)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
    match pixels.iter().find(|x| !(0.0..=1.0).contains(*x)) {
        None => Ok(pixels),
        Some(x) if x.is_finite() => Err(Error::argument(format!(
            "{what}: expected pixels in [0, 1], got {x}; divide bytes by 255, or clamp what a decoder gave"
        ))),
        Some(x) => Err(Error::NotFinite(format!("{what}: a pixel is {x}; expected values in [0, 1]"))),
    }
}

/// The place of row or column `i` of a mirrored image of `n`: … 1 0 | 0 1 … n−1 | n−1 n−2 …
pub(crate) fn mirrored(i: isize, n: usize) -> usize {
    let place = i.rem_euclid(2 * n as isize) as usize;
    place.min(2 * n - 1 - place)
}

/// Blurs one channel of one image in place: first along the rows, then along the columns.
fn blur(plane: &mut [f32], h: usize, w: usize, std: f64) {
    let radius = (4.0 * std).ceil() as isize;
    // A width of 0 is the kernel of one weight, which leaves everything in place.
    let weight = |i: isize| if i == 0 { 1.0 } else { (-0.5 * (i as f64 / std).powi(2)).exp() };
    let mut kernel: Vec<f64> = (-radius..=radius).map(weight).collect();
    let sum: f64 = kernel.iter().sum();
    kernel.iter_mut().for_each(|k| *k /= sum);
    let along = |n: usize, at: &dyn Fn(usize) -> f64, i: usize| -> f64 {
        kernel.iter().zip(-radius..).map(|(k, d)| k * at(mirrored(i as isize + d, n))).sum()
    };
    let mut rows = vec![0.0; plane.len()];
    for (place, value) in rows.iter_mut().enumerate() {
        let (y, x) = (place / w, place % w);
        *value = along(w, &|x| f64::from(plane[y * w + x]), x);
    }
    for (place, value) in plane.iter_mut().enumerate() {
        let (y, x) = (place / w, place % w);
        *value = (along(h, &|y| rows[y * w + x], y) as f32).clamp(0.0, 1.0);
    }
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gaussian { std } => write!(f, "gaussian:{std:?}"),
            Self::SaltAndPepper { share } => write!(f, "salt-and-pepper:{share:?}"),
            Self::Mask { side } => write!(f, "mask:{side}"),
            Self::Blur { std } => write!(f, "blur:{std:?}"),
        }
    }
}

impl FromStr for Corruption {
    type Err = Error;

    /// # Errors
    /// [`Error::Argument`] with the forms that are accepted.
    fn from_str(text: &str) -> Result<Self> {
        let refused = || Error::argument(format!("the corruption {text:?}: expected one of {FORMS}"));
        let (kind, strength) = text.split_once(':').ok_or_else(refused)?;
        let number = || strength.parse::<f64>().map_err(|_| refused());
        let corruption = match kind {
            "gaussian" => Self::Gaussian { std: number()? },
            "salt-and-pepper" => Self::SaltAndPepper { share: number()? },
            "mask" => Self::Mask { side: strength.parse().map_err(|_| refused())? },
            "blur" => Self::Blur { std: number()? },
            _ => return Err(refused()),
        };
        corruption.check()?;
        Ok(corruption)
    }
}

impl TryFrom<String> for Corruption {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Corruption> for String {
    fn from(corruption: Corruption) -> Self {
        corruption.to_string()
    }
}
