//! A picture of one's own, from a PNG file, in the shape that a model takes.
//!
//! MNIST is white ink on black; a scan is usually black on white: [`Picture::invert`]. A picture of another size than
//! the model's is refused unless [`Picture::resize`] is asked for, since a digit that fills a photograph's corner is
//! not a digit of 28×28 pixels. Transparent pixels are shown over black.
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
    io::BufReader,
    path::{Path, PathBuf},
};

use candle_core::{Device, Tensor};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage, imageops};

use crate::{Error, Result, io::files};

/// The longest side that is read, and that a picture can be resized to: enough for a scanned page.
const LONGEST: u32 = 4096;
/// What decoding may allocate: 4096×4096 pixels of four channels of two bytes, and some room.
const MEMORY: u64 = 192 << 20;
/// Deflate packs at most 1032 bytes into one, and a byte holds eight pixels of a palette, each with red, green, blue and
/// transparency.
const MOST_PER_BYTE: u64 = 1032 * 8 * 4;

/// A decoded picture; eight bits for each of red, green and blue.
#[derive(Clone)]
pub struct Picture {
    path: PathBuf,
    pixels: RgbImage,
}

impl Picture {
    /// Reads a PNG file of any kind (grey, colour, palette, transparent, up to 16 bits), at most 4096 pixels high and
    /// wide.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be read, [`Error::File`] when it is no PNG picture, broken or too large.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = files::open(path, "a PNG picture")?;
        let on_disk = file.metadata().map_err(Error::io(path))?.len();
        // By the content alone: what the file is called says nothing about what it is.
        let mut reader = ImageReader::new(BufReader::new(file)).with_guessed_format().map_err(Error::io(path))?;
        if reader.format() != Some(ImageFormat::Png) {
            let problem = "is not a PNG picture, the one format that is read; save or convert it as PNG";
            return Err(Error::file(path, problem));
        }
        let mut limits = Limits::default();
        (limits.max_image_width, limits.max_image_height) = (Some(LONGEST), Some(LONGEST));
        limits.max_alloc = Some(MEMORY);
        reader.limits(limits);
        let unreadable = |error| match error {
            image::ImageError::Limits(_) => Error::file(
                path,
                format!("is larger than the {LONGEST}×{LONGEST} pixels that are read; make it smaller first"),
            ),
            other => Error::file(path, format!("is not a readable PNG picture: {other}")),
        };
        let decoder = reader.into_decoder().map_err(unreadable)?;
        if decoder.total_bytes() > on_disk.saturating_mul(MOST_PER_BYTE) {
            let (width, height) = decoder.dimensions();
            let problem = format!("is cut short: a file of {on_disk} bytes cannot hold {height}×{width} pixels");
            return Err(Error::file(path, problem));
        }
        let picture = DynamicImage::from_decoder(decoder).map_err(unreadable)?;
        let rgba = picture.into_rgba8();
        let (width, height) = rgba.dimensions();
        let over_black = |pixel: &image::Rgba<u8>| {
            let [r, g, b, a] = pixel.0.map(u32::from);
            [r, g, b].map(|c| ((c * a + 127) / 255) as u8)
        };
        let pixels: Vec<u8> = rgba.pixels().flat_map(over_black).collect();
        match RgbImage::from_raw(width, height, pixels) {
            Some(pixels) if width > 0 && height > 0 => Ok(Self { path: path.into(), pixels }),
            _ => Err(Error::file(path, "has no pixels")),
        }
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

    /// The whole picture at another size, by linear interpolation (averaging where it gets smaller). It is stretched
    /// where the proportions differ; cut it out first, in a program for pictures, where they matter.
    ///
    /// # Errors
    /// [`Error::Argument`] for a side of 0 or above 4096.
    pub fn resize(mut self, height: usize, width: usize) -> Result<Self> {
        let side = |n: usize| u32::try_from(n).ok().filter(|n| (1..=LONGEST).contains(n));
        let (Some(h), Some(w)) = (side(height), side(width)) else {
            return Err(Error::argument(format!(
                "pictures are resized to sides of 1 to {LONGEST} pixels, got {height}×{width} (height × width)"
            )));
        };
        self.pixels = imageops::resize(&self.pixels, w, h, imageops::FilterType::Triangle);
        Ok(self)
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
        let pixels = || self.pixels.pixels().map(|pixel| pixel.0.map(f64::from));
        let values: Vec<f32> = match c {
            // The weights in ten-thousandths: their sum is exact, so white is exactly 1.
            1 => pixels().map(|[r, g, b]| ((2126.0 * r + 7152.0 * g + 722.0 * b) / 2_550_000.0) as f32).collect(),
            _ => (0..3).flat_map(|i| pixels().map(move |pixel| (pixel[i] / 255.0) as f32)).collect(),
        };
        Ok(Tensor::from_vec(values, (1, c, h, w), device)?)
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (height, width) = self.size();
        write!(f, "Picture({}, {height}×{width} pixels)", self.path.display())
    }
}
