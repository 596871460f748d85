//! How far one set of images is from another: squared and absolute error, PSNR, SSIM.
//!
//! ```text
//! MSE   = mean (x − y)²                   MAE = mean |x − y|                 over the channels and pixels of one image
//! PSNR  = 10·log₁₀(1² / MSE)              decibels; the largest pixel value is 1
//! SSIM  = mean of (2·μx·μy + C1)(2·σxy + C2) / ((μx² + μy² + C1)(σx² + σy² + C2)),   C1 = 0.01², C2 = 0.03²
//! ```
//! SSIM is that of Wang, Bovik, Sheikh & Simoncelli 2004 ("Image quality assessment: from error visibility to
//! structural similarity"): local moments under an 11×11 Gaussian window of standard deviation 1.5. Only windows that
//! lie wholly inside the image count, as in the authors' own program, so a 28×28 image has 18×18 of them; colour images
//! have the mean over their channels.
//!
//! Two (B, C, H, W) tensors on any device make B numbers, one for each image, computed in float64.
//!
//! ```
//! use vae_core::{candle::{Device, Tensor}, eval::recon};
//!
//! let black = Tensor::full(0f32, (2, 1, 28, 28), &Device::Cpu)?;
//! let grey = Tensor::full(0.1f32, (2, 1, 28, 28), &Device::Cpu)?;
//! assert!((recon::mse(&grey, &black)?[1] - 0.01).abs() < 1e-9);
//! assert!((recon::psnr(&grey, &black)?[1] - 20.0).abs() < 1e-6); // 10·log₁₀(1/0.01)
//! assert!((recon::ssim(&grey, &black)?[1] - 1e-4 / (0.01 + 1e-4)).abs() < 1e-8); // C1 / (0.1² + C1)
//! # Ok::<(), vae_core::Error>(())
//! ```

use std::fmt;

use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::{Error, Result, data::corrupt::mirrored};

/// Side of the window of SSIM, in pixels.
const WINDOW: usize = 11;
/// Standard deviation of that window, in pixels.
const WINDOW_STD: f64 = 1.5;
/// (K1·L)² with K1 = 0.01 and the range L = 1.
const C1: f64 = 1e-4;
/// (K2·L)² with K2 = 0.03.
const C2: f64 = 9e-4;

/// Images, channels, height and width.
type Shape = (usize, usize, usize, usize);

/// Images as float64 with their common shape.
struct Pair {
    x: Vec<f64>,
    y: Vec<f64>,
    shape: Shape,
}

impl Pair {
    fn new(images: &Tensor, reference: &Tensor) -> Result<Self> {
        let ((x, shape), (y, _)) = (values("images to compare", images)?, values("images to compare with", reference)?);
        if images.dims() != reference.dims() {
            let expected = format!("{:?}, that of the images to compare with", reference.dims());
            return Err(Error::Shape { what: "images to compare", expected, got: images.dims().to_vec() });
        }
        Ok(Self { x, y, shape })
    }

    /// One number for each image: the mean over its pixels.
    fn mean(&self, f: impl Fn(f64, f64) -> f64) -> Vec<f64> {
        let pixels = self.shape.1 * self.shape.2 * self.shape.3;
        let image = |(x, y): (&[f64], &[f64])| x.iter().zip(y).map(|(x, y)| f(*x, *y)).sum::<f64>() / pixels as f64;
        self.x.chunks_exact(pixels).zip(self.y.chunks_exact(pixels)).map(image).collect()
    }
}

/// The pixels in float64 and the four sides, none of which may be 0 but the number of images.
fn values(what: &'static str, images: &Tensor) -> Result<(Vec<f64>, Shape)> {
    let shape = images.dims4().ok().filter(|(_, c, h, w)| c * h * w > 0).ok_or_else(|| Error::Shape {
        what,
        expected: "(batch, channels, height, width), the last three 1 or more".into(),
        got: images.dims().to_vec(),
    })?;
    let values: Vec<f64> = images.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?;
    match values.iter().find(|x| !x.is_finite()) {
        Some(x) => Err(Error::NotFinite(format!("{what}: a pixel is {x}; look where it comes from"))),
        None => Ok((values, shape)),
    }
}

/// The mean squared error of each image: two (B, C, H, W) → B numbers, in squared pixel values.
///
/// # Errors
/// [`Error::Shape`] unless both have the same four dimensions, [`Error::NotFinite`] for NaN or infinite pixels.
pub fn mse(images: &Tensor, reference: &Tensor) -> Result<Vec<f64>> {
    Ok(Pair::new(images, reference)?.mean(|x, y| (x - y).powi(2)))
}

/// The mean absolute error of each image: two (B, C, H, W) → B numbers, in pixel values.
///
/// # Errors
/// Those of [`mse`].
pub fn mae(images: &Tensor, reference: &Tensor) -> Result<Vec<f64>> {
    Ok(Pair::new(images, reference)?.mean(|x, y| (x - y).abs()))
}

/// The peak signal-to-noise ratio of each image for pixels in [0, 1], in decibels: two (B, C, H, W) → B numbers.
/// Infinite for an image that is equal to its reference; [`Quality`] counts such images apart.
///
/// # Errors
/// Those of [`mse`].
pub fn psnr(images: &Tensor, reference: &Tensor) -> Result<Vec<f64>> {
    Ok(mse(images, reference)?.into_iter().map(decibels).collect())
}

fn decibels(mse: f64) -> f64 {
    if mse > 0.0 { -10.0 * mse.log10() } else { f64::INFINITY }
}

/// The structural similarity of each image, at most 1 and 1 only for equal images: two (B, C, H, W) in [0, 1] → B
/// numbers.
///
/// # Errors
/// Those of [`mse`]; [`Error::Shape`] for images with a side below the window's 11 pixels.
pub fn ssim(images: &Tensor, reference: &Tensor) -> Result<Vec<f64>> {
    let pair = Pair::new(images, reference)?;
    let (_, c, h, w) = pair.shape;
    if h.min(w) < WINDOW {
        let expected = format!("a height and a width of {WINDOW} or more, the window's");
        return Err(Error::Shape { what: "images for SSIM", expected, got: images.dims().to_vec() });
    }
    let channel = |(x, y): (&[f64], &[f64])| channel_ssim(x, y, h, w);
    let channels: Vec<f64> = pair.x.chunks_exact(h * w).zip(pair.y.chunks_exact(h * w)).map(channel).collect();
    Ok(channels.chunks_exact(c).map(|channels| channels.iter().sum::<f64>() / c as f64).collect())
}

fn channel_ssim(x: &[f64], y: &[f64], h: usize, w: usize) -> f64 {
    let mean =
        |f: &dyn Fn(f64, f64) -> f64| window_means(&x.iter().zip(y).map(|(x, y)| f(*x, *y)).collect::<Vec<_>>(), h, w);
    let (mx, my) = (mean(&|x, _| x), mean(&|_, y| y));
    let (xx, yy, xy) = (mean(&|x, _| x * x), mean(&|_, y| y * y), mean(&|x, y| x * y));
    let at = |i: usize| {
        let (mx, my) = (mx[i], my[i]);
        let (vx, vy, cov) = (xx[i] - mx * mx, yy[i] - my * my, xy[i] - mx * my);
        (2.0 * mx * my + C1) * (2.0 * cov + C2) / ((mx * mx + my * my + C1) * (vx + vy + C2))
    };
    (0..mx.len()).map(at).sum::<f64>() / mx.len() as f64
}

/// Means under the Gaussian window at each of its (H − 10)·(W − 10) places, row by row; the window is a product of two.
fn window_means(values: &[f64], h: usize, w: usize) -> Vec<f64> {
    let centre = (WINDOW / 2) as f64;
    let weights: Vec<f64> = (0..WINDOW).map(|i| (-0.5 * ((i as f64 - centre) / WINDOW_STD).powi(2)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let mean = |at: &dyn Fn(usize) -> f64| weights.iter().enumerate().map(|(i, k)| k * at(i)).sum::<f64>() / sum;
    let (rows, columns) = (h + 1 - WINDOW, w + 1 - WINDOW);
    let along: Vec<f64> = (0..h * columns).map(|i| mean(&|k| values[i / columns * w + i % columns + k])).collect();
    (0..rows * columns).map(|i| mean(&|k| along[i + k * columns])).collect()
}

/// The median of the `size`×`size` pixels around each one, channel by channel: the classic filter against salt and
/// pepper, as a baseline for denoisers. Beyond its border the image is mirrored. (B, C, H, W) → the same shape,
/// float32, CPU.
///
/// # Errors
/// [`Error::Argument`] for an even size or one above 31, those of [`mse`].
pub fn median_filter(images: &Tensor, size: usize) -> Result<Tensor> {
    if size.is_multiple_of(2) || size > 31 {
        return Err(Error::argument(format!("the side of a median filter must be odd and at most 31, got {size}")));
    }
    let (values, (_, _, h, w)) = values("images to filter", images)?;
    let mut filtered = Vec::with_capacity(values.len());
    let mut near = Vec::with_capacity(size * size);
    for plane in values.chunks_exact(h * w) {
        for place in 0..h * w {
            near.clear();
            for (dy, dx) in (0..size * size).map(|i| (i / size, i % size)) {
                let row = mirrored((place / w + dy) as isize - (size / 2) as isize, h);
                let column = mirrored((place % w + dx) as isize - (size / 2) as isize, w);
                near.push(plane[row * w + column]);
            }
            let (_, median, _) = near.select_nth_unstable_by(size * size / 2, f64::total_cmp);
            filtered.push(*median as f32);
        }
    }
    Ok(Tensor::from_vec(filtered, images.shape(), &Device::Cpu)?)
}

/// Means over a set of images, of one set against another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// How many images.
    pub images: usize,
    /// How many of them are equal to their reference. Their PSNR is infinite and left out of the mean.
    pub equal: usize,
    /// Mean squared error.
    pub mse: f64,
    /// Mean absolute error.
    pub mae: f64,
    /// The mean of the images' PSNRs in decibels, infinite when all are equal. (Not the PSNR of the mean error, which
    /// is smaller: Jensen.)
    pub psnr: f64,
    /// Mean structural similarity.
    pub ssim: f64,
}

impl Quality {
    /// What `images` are against `reference`, both (B, C, H, W) in [0, 1].
    ///
    /// # Errors
    /// Those of [`ssim`], [`Error::Argument`] for an empty set.
    pub fn of(images: &Tensor, reference: &Tensor) -> Result<Self> {
        let (squares, absolute) = (mse(images, reference)?, mae(images, reference)?);
        if squares.is_empty() {
            return Err(Error::argument("there are no images to compare: expected at least one"));
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let finite: Vec<f64> = squares.iter().filter(|mse| **mse > 0.0).map(|mse| decibels(*mse)).collect();
        Ok(Self {
            images: squares.len(),
            equal: squares.len() - finite.len(),
            mse: mean(&squares),
            mae: mean(&absolute),
            psnr: if finite.is_empty() { f64::INFINITY } else { mean(&finite) },
            ssim: mean(&ssim(images, reference)?),
        })
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { images, equal, mse, mae, psnr, ssim } = self;
        let s = if *images == 1 { "" } else { "s" };
        write!(f, "{images} image{s}: MSE {mse:.5}, MAE {mae:.4}, PSNR {psnr:.2} dB, SSIM {ssim:.4}")?;
        if *equal > 0 { write!(f, " ({equal} equal to their reference, left out of the PSNR)") } else { Ok(()) }
    }
}
