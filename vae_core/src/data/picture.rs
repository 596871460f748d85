//! A picture of one's own, from a PNG or JPEG file, in the shape that a model takes.
//!
//! MNIST is white ink on black; a scan is usually black on white: [`Picture::invert`]. A picture of another size than
//! the model's is refused unless [`Picture::resize`] or [`Picture::crop`] is asked for, since a digit that fills a
//! photograph's corner is not a digit of 28×28 pixels. Transparent pixels are shown over black.
//!
//! ```
//! use vae_core::{candle::Device, data::Picture, image};
//!
//! let folder = tempfile::tempdir().map_err(vae_core::candle::Error::wrap)?;
//! let path = folder.path().join("mine.png");
//! image::GrayImage::from_pixel(56, 56, image::Luma([255])).save(&path).map_err(vae_core::candle::Error::wrap)?;
//!
//! let x = Picture::open(&path)?.invert().resize(28, 28)?.tensor((1, 28, 28), &Device::Cpu)?;
//! assert_eq!(x.dims(), [1, 1, 28, 28]); // (B, C, H, W), white paper now 0
//! assert_eq!(x.sum_all()?.to_scalar::<f32>()?, 0.0);
//! # Ok::<(), vae_core::Error>(())
//! ```

use std::{
    fmt,
    path::{Path, PathBuf},
};

use candle_core::{Device, Tensor};
use image::{Rgb, RgbImage, imageops};

use super::decode;
use crate::{Error, Result};

/// The longest side that a picture can be resized to.
const LONGEST: u32 = 4096;

/// A decoded picture; eight bits for each of red, green and blue.
#[derive(Clone)]
pub struct Picture {
    path: PathBuf,
    pixels: RgbImage,
}

impl Picture {
    /// Reads a PNG or JPEG file of any kind (grey, colour, palette, transparent, up to 16 bits a channel), with sides of at most
    /// 16,384 pixels and 192 MiB when decoded. A photograph is turned upright as its EXIF data say.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be read, [`Error::File`] when it is of another format, broken or too large. A JPEG
    /// file that is damaged but whole may decode to damaged pixels.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Ok(Self { path: path.into(), pixels: decode::read(path)? })
    }

    /// (height, width) in pixels.
    pub fn size(&self) -> (usize, usize) {
        (self.pixels.height() as usize, self.pixels.width() as usize)
    }

    /// White for black and black for white.
    #[must_use]
    pub fn invert(mut self) -> Self {
        imageops::invert(&mut self.pixels);
        self
    }

    /// The whole picture at another size. Where both sides shrink by whole factors, a pixel is the mean of its block, so
    /// that a picture enlarged by repeating pixels comes back as it was; else it is interpolated linearly, which where it
    /// shrinks averages over twice the block, and so blurs. It is stretched where the proportions differ; see
    /// [`Picture::crop`].
    ///
    /// # Errors
    /// [`Error::Argument`] for a side of 0 or above 4096.
    pub fn resize(self, height: usize, width: usize) -> Result<Self> {
        let (h, w) = sides(height, width)?;
        Ok(Self { pixels: scaled(&self.pixels, h, w), ..self })
    }

    /// The middle of the picture at another size: the largest part with the proportions height : width, resized as by
    /// [`Picture::resize`]. Where they differ, the same is cut off left and right or above and below.
    ///
    /// # Errors
    /// [`Error::Argument`] for a side of 0 or above 4096.
    pub fn crop(self, height: usize, width: usize) -> Result<Self> {
        let (h, w) = sides(height, width)?;
        let (own_w, own_h) = self.pixels.dimensions();
        // a·b/c to the nearest whole number, at least 1.
        let share = |a: u32, b: u32, c: u32| {
            let (a, b, c) = (u64::from(a), u64::from(b), u64::from(c));
            ((a * b + c / 2) / c).max(1) as u32
        };
        let (cut_w, cut_h) = (share(own_h, w, h).min(own_w), share(own_w, h, w).min(own_h));
        let (left, top) = ((own_w - cut_w) / 2, (own_h - cut_h) / 2);
        let middle = imageops::crop_imm(&self.pixels, left, top, cut_w, cut_h).to_image();
        Ok(Self { pixels: scaled(&middle, h, w), ..self })
    }

    /// The picture as a batch of one, (1, C, H, W) in [0, 1], float32. `shape` is (C, H, W): one channel has the
    /// luminance 0.2126·R + 0.7152·G + 0.0722·B (ITU-R BT.709), three have red, green and blue.
    ///
    /// # Errors
    /// [`Error::File`] when the picture has another size, with both and what to call; [`Error::Argument`] for neither
    /// one nor three channels.
    pub fn tensor(&self, shape: (usize, usize, usize), device: &Device) -> Result<Tensor> {
        let (c, h, w) = shape;
        if c != 1 && c != 3 {
            return Err(Error::argument(format!("a picture has 1 channel (grey) or 3 (red, green, blue), not {c}")));
        }
        let (height, width) = self.size();
        if (height, width) != (h, w) {
            let problem = format!(
                "is {height}×{width} pixels (height × width) and not {h}×{w}; call `.resize({h}, {w})?` before \
                 `.tensor(…)` if the whole picture is meant"
            );
            return Err(Error::file(&self.path, problem));
        }
        let values: Vec<f32> = match c {
            1 => self.pixels.pixels().map(|pixel| (luminance(pixel) / 2_550_000.0) as f32).collect(),
            _ => self.bytes(3).into_iter().map(|byte| (f64::from(byte) / 255.0) as f32).collect(),
        };
        Ok(Tensor::from_vec(values, (1, c, h, w), device)?)
    }

    /// The pixels as bytes, channel by channel and row by row: the luminance, rounded, for one channel, else red, green
    /// and blue.
    pub(super) fn bytes(&self, channels: usize) -> Vec<u8> {
        match channels {
            1 => self.pixels.pixels().map(|pixel| (luminance(pixel) / 10_000.0).round() as u8).collect(),
            _ => (0..3).flat_map(|i| self.pixels.pixels().map(move |pixel| pixel.0[i])).collect(),
        }
    }
}

/// The pixels at another size, as [`Picture::resize`] says.
fn scaled(pixels: &RgbImage, h: u32, w: u32) -> RgbImage {
    let (own_w, own_h) = pixels.dimensions();
    if !own_h.is_multiple_of(h) || !own_w.is_multiple_of(w) {
        return imageops::resize(pixels, w, h, imageops::FilterType::Triangle);
    }
    let (rows, columns) = (own_h / h, own_w / w);
    let count = u64::from(rows) * u64::from(columns);
    RgbImage::from_fn(w, h, |x, y| {
        let mut sums = [0u64; 3];
        for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
            let pixel = pixels.get_pixel(x * columns + column, y * rows + row);
            sums.iter_mut().zip(pixel.0).for_each(|(sum, byte)| *sum += u64::from(byte));
        }
        Rgb(sums.map(|sum| ((sum + count / 2) / count) as u8)) // to the nearest
    })
}

/// 10,000 times the luminance, 0 to 2,550,000: whole weights have an exact sum, so that white is exactly 1.
fn luminance(pixel: &Rgb<u8>) -> f64 {
    let [r, g, b] = pixel.0.map(f64::from);
    2126.0 * r + 7152.0 * g + 722.0 * b
}

/// (height, width) of a size that can be made.
pub(super) fn sides(height: usize, width: usize) -> Result<(u32, u32)> {
    let side = |n: usize| u32::try_from(n).ok().filter(|n| (1..=LONGEST).contains(n));
    side(height).zip(side(width)).ok_or_else(|| {
        Error::argument(format!(
            "pictures are resized to sides of 1 to {LONGEST} pixels, got {height}×{width} (height × width)"
        ))
    })
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (height, width) = self.size();
        write!(f, "Picture({}, {height}×{width} pixels)", self.path.display())
    }
}
