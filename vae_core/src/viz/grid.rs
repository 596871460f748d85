//! Images in rows and columns, as one picture.

use std::fmt;
use std::path::Path;

use candle_core::DType;
use image::{
    ExtendedColorType, ImageEncoder,
    codecs::png::{CompressionType, FilterType, PngEncoder},
};

use super::{
    Figure,
    colors::{NOT_FINITE, Rgb},
    output,
};
use crate::{Error, Result, formula::Formula, io::files::write_atomically};

/// More images than this in one grid are a slip, not a picture.
const MOST_IMAGES: usize = 10_000;
/// No side of a picture grows beyond this many pixels by enlargement.
const LONGEST_SIDE: usize = 16_384;

/// Images in rows and columns, as one picture: samples, a latent manifold, an interpolation.
///
/// In a notebook it shows as a PNG; [`save`](Self::save) writes one. Pixels are enlarged by whole factors without
/// smoothing. Values are clamped to [0, 1]; a pixel that is not finite is drawn in magenta, so that a diverged model is
/// seen and not guessed at.
///
/// ```
/// use vae_core::{candle::{Device, Tensor}, viz::ImageGrid};
///
/// let images = Tensor::rand(0f32, 1., (16, 1, 28, 28), &Device::Cpu)?;
/// let path = std::env::temp_dir().join("vae_core_grid_doc.png");
/// ImageGrid::new(&images)?.columns(8).scale(2).save(&path)?;
/// let size = vae_core::image::image_dimensions(path)?;
/// assert_eq!(size, (8 * 56 + 9 * 2, 2 * 56 + 3 * 2)); // two pixels between images and around them
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ImageGrid {
    /// Height and width of one image, in its own pixels.
    height: usize,
    width: usize,
    /// All images, one after the other, row by row.
    pixels: Vec<Rgb>,
    /// The number of images in a row.
    pub(super) columns: usize,
    scale: Option<usize>,
    separator: usize,
    separator_color: Rgb,
}

/// A line instead of every pixel: a notebook shows a value by its `Debug` when it cannot use `evcxr_display`.
impl fmt::Debug for ImageGrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ImageGrid of {} images of {}×{} {}", self.len(), self.height, self.width, output::NOT_DRAWN)
    }
}

impl ImageGrid {
    /// The grid of `images`, or of what a fallible operation returned instead of them: (N, C, H, W), grey (C = 1) or red-green-blue (C = 3), floats in [0, 1], on any device.
    ///
    /// Up to ten images stand in one row, a square number of them in a square, others in rows of ten.
    ///
    /// # Errors
    ///
    /// What went wrong before; [`Error::Shape`] for another shape or no image at all; [`Error::Argument`] for integers (which could mean 0–1
    /// or 0–255) and for more than 10,000 images.
    pub fn new(images: impl Into<Formula>) -> Result<Self> {
        let images = images.into().tensor()?;
        let (n, channels, height, width) = match *images.dims() {
            [n, c, h, w] if n * h * w > 0 && (c == 1 || c == 3) => (n, c, h, w),
            _ => {
                return Err(Error::Shape {
                    what: "images of a grid",
                    expected: "(N, 1 or 3, H, W) with one image or more; flat images need .reshape((n, 1, h, w))"
                        .into(),
                    got: images.dims().to_vec(),
                });
            }
        };
        if !images.dtype().is_float() {
            return Err(Error::argument(format!(
                "images of a grid are floats in [0, 1], got {:?}: convert bytes with .to_dtype(DType::F32)? / 255.",
                images.dtype()
            )));
        }
        check_count(n)?;
        let values = images.detach().to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
        let area = height * width;
        let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0).round() as u8;
        let pixels = values.chunks(channels * area).flat_map(|image| {
            (0..area).map(move |i| {
                let rgb: [f32; 3] = std::array::from_fn(|c| image[(c % channels) * area + i]);
                if rgb.iter().all(|v| v.is_finite()) { rgb.map(byte) } else { NOT_FINITE }
            })
        });
        Ok(Self::of_pixels(n, height, width, pixels.collect()))
    }

    /// The grid of images kept as bytes (0–255), laid out as (N, C, H, W).
    pub(super) fn from_bytes(shape: (usize, usize, usize, usize), bytes: &[u8]) -> Result<Self> {
        let (n, channels, height, width) = shape;
        let expected = n.saturating_mul(channels).saturating_mul(height).saturating_mul(width);
        if expected != bytes.len() || expected == 0 || (channels != 1 && channels != 3) {
            return Err(Error::Shape {
                what: "bytes of an image grid",
                expected: format!(
                    "N·C·H·W of ({n}, {channels}, {height}, {width}), with C = 1 or 3 and one image or more"
                ),
                got: vec![bytes.len()],
            });
        }
        check_count(n)?;
        let area = height * width;
        let pixels = bytes
            .chunks(channels * area)
            .flat_map(|image| (0..area).map(move |i| std::array::from_fn(|c| image[(c % channels) * area + i])));
        Ok(Self::of_pixels(n, height, width, pixels.collect()))
    }

    fn of_pixels(n: usize, height: usize, width: usize, pixels: Vec<Rgb>) -> Self {
        let root = n.isqrt();
        let columns = if n <= 10 {
            n
        } else if root * root == n {
            root
        } else {
            10
        };
        Self { height, width, pixels, columns, scale: None, separator: 2, separator_color: [0xb0; 3] }
    }

    /// How many images stand in a row; at least 1.
    pub fn columns(mut self, columns: usize) -> Self {
        self.columns = columns.clamp(1, self.len());
        self
    }

    /// How many times each pixel is enlarged, in both directions. Without it, a factor that suits a notebook.
    pub fn scale(mut self, scale: usize) -> Self {
        self.scale = Some(scale.max(1));
        self
    }

    /// The lines between images: their width in pixels (0 for none, as in a manifold) and colour.
    pub fn separator(mut self, pixels: usize, color: [u8; 3]) -> Self {
        (self.separator, self.separator_color) = (pixels.min(64), color);
        self
    }

    pub(super) fn len(&self) -> usize {
        self.pixels.len() / (self.height * self.width)
    }

    /// The picture's width and height in pixels.
    pub(super) fn size(&self) -> (usize, usize) {
        let (rows, (cell_width, cell_height)) = (self.len().div_ceil(self.columns), self.cell());
        (self.columns * cell_width + self.separator, rows * cell_height + self.separator)
    }

    /// What the grid holds, where nobody has said what it shows.
    pub(super) fn content(&self) -> String {
        if self.len() == 1 { "an image".into() } else { format!("{} images", self.len()) }
    }

    /// The distance between the left edges, and between the upper edges, of neighbours.
    pub(super) fn cell(&self) -> (usize, usize) {
        let factor = self.factor();
        (self.width * factor + self.separator, self.height * factor + self.separator)
    }

    /// The enlargement: what was asked for, or images of about 90 pixels in a picture of about 680, but never so much
    /// that the picture becomes a memory problem.
    pub(super) fn factor(&self) -> usize {
        let rows = self.len().div_ceil(self.columns);
        let wanted = self.scale.unwrap_or_else(|| {
            (96 / self.height.max(self.width)).min(680 / (self.columns * self.width)).min(1200 / (rows * self.height))
        });
        wanted.min(LONGEST_SIDE / (self.columns * self.width)).min(LONGEST_SIDE / (rows * self.height)).max(1)
    }

    /// The picture's pixels, row by row.
    fn draw(&self) -> (usize, usize, Vec<u8>) {
        let (width, height) = self.size();
        let (factor, (cell_width, cell_height)) = (self.factor(), self.cell());
        let mut out: Vec<Rgb> = vec![self.separator_color; width * height];
        for (index, image) in self.pixels.chunks(self.height * self.width).enumerate() {
            let left = self.separator + index % self.columns * cell_width;
            let top = self.separator + index / self.columns * cell_height;
            for (y, row) in image.chunks(self.width).enumerate() {
                let first = (top + y * factor) * width + left;
                for (x, pixel) in row.iter().enumerate() {
                    out[first + x * factor..][..factor].fill(*pixel);
                }
                for copy in 1..factor {
                    out.copy_within(first..first + self.width * factor, first + copy * width);
                }
            }
        }
        (width, height, out.into_flattened())
    }

    /// The picture as a PNG file's bytes; one byte a pixel where all are grey, which makes it a third as large.
    pub(super) fn to_png(&self) -> Result<Vec<u8>> {
        let (width, height, pixels) = self.draw();
        let grey = pixels.as_chunks::<3>().0.iter().all(|[r, g, b]| r == g && g == b);
        let (pixels, color) = if grey {
            (pixels.into_iter().step_by(3).collect(), ExtendedColorType::L8)
        } else {
            (pixels, ExtendedColorType::Rgb8)
        };
        let mut png = Vec::new();
        PngEncoder::new_with_quality(&mut png, CompressionType::Default, FilterType::Adaptive)
            .write_image(&pixels, width as u32, height as u32, color)
            .map_err(|error| Error::argument(format!("a grid of {width} × {height} pixels as PNG: {error}")))?;
        Ok(png)
    }

    /// Writes the picture to `path`, a `.png` (the pixels) or an `.svg` (the pixels on a white card).
    ///
    /// # Errors
    ///
    /// [`Error::File`] for another extension or a folder that does not exist, [`Error::Io`] when writing fails; a
    /// file that was there before then stays as it was.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        match output::extension(path).as_str() {
            "png" => write_atomically(path, &self.to_png()?),
            "svg" => Figure::from(self.clone()).save(path),
            _ => Err(Error::file(path, "an image grid is saved as .png or .svg; give the name one of these endings")),
        }
    }

    /// The grid as a figure that says `finding` to readers who cannot see it; see [`Figure::alt`].
    pub fn alt(self, finding: impl Into<String>) -> Figure {
        Figure::from(self).alt(finding)
    }

    /// The grid under a title, as a figure.
    pub fn titled(self, title: impl AsRef<str>) -> Figure {
        Figure::from(self).title(title)
    }

    /// The grid with a line of text under each image, in order; as a figure.
    pub fn labelled(self, labels: impl IntoIterator<Item = impl ToString>) -> Figure {
        Figure::labelled_grid(&self, &labels.into_iter().map(|label| label.to_string()).collect::<Vec<_>>())
    }

    /// One image as a grid of its own, without lines.
    pub(super) fn single(&self, index: usize) -> Self {
        let area = self.height * self.width;
        let pixels = self.pixels[index * area..][..area].to_vec();
        Self { pixels, columns: 1, scale: Some(self.factor()), separator: 0, ..*self }
    }

    /// Shows the picture in the notebook cell that is running.
    pub fn evcxr_display(&self) {
        match self.to_png() {
            Ok(png) => output::emit("image/png", &output::base64(&png)),
            Err(error) => Figure::apology("these images", &error.to_string()).evcxr_display(),
        }
    }
}

fn check_count(n: usize) -> Result<()> {
    if n > MOST_IMAGES {
        return Err(Error::argument(format!(
            "a grid shows at most {MOST_IMAGES} images, got {n}: take some, for example images.narrow(0, 0, 100)?"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Tensor};

    /// A PNG decodes to the pixels given: enlarged by whole factors, clamped, separators between and around.
    #[test]
    fn png_round_trip() {
        let values = [0.0f32, 0.5, 1.0, 7.0, -3.0, 0.2, f32::NAN, f32::INFINITY];
        let images = Tensor::new(&values, &Device::Cpu).unwrap().reshape((2, 1, 2, 2)).unwrap();
        let grid = ImageGrid::new(&images).unwrap().scale(3).separator(1, [9, 8, 7]);
        assert_eq!(grid.size(), (15, 8));
        let png = image::load_from_memory(&grid.to_png().unwrap()).unwrap().to_rgb8();
        let at = |x, y| png.get_pixel(x, y).0;
        assert_eq!((png.width(), png.height()), (15, 8));
        assert!((0..15).all(|x| at(x, 0) == [9, 8, 7]) && (0..8).all(|y| at(7, y) == [9, 8, 7]));
        let (left, right) = ([[0; 3], [128; 3], [255; 3], [255; 3]], [[0; 3], [51; 3], NOT_FINITE, NOT_FINITE]);
        for (first, image) in [(1, left), (8, right)] {
            for (i, pixel) in image.into_iter().enumerate() {
                let (x, y) = (first + i as u32 % 2 * 3, 1 + i as u32 / 2 * 3);
                assert!((0..9).all(|k| at(x + k % 3, y + k / 3) == pixel), "{i}");
            }
        }
    }

    /// Channels become red, green and blue, from floats of any width and from bytes alike.
    #[test]
    fn color() {
        let bytes: Vec<u8> = (0..12).map(|i| i * 20).collect();
        let grid = ImageGrid::from_bytes((1, 3, 2, 2), &bytes).unwrap();
        assert_eq!(grid.pixels[1], [20, 100, 180]);
        let floats = Tensor::from_vec(bytes, (1, 3, 2, 2), &Device::Cpu).unwrap().to_dtype(DType::F64).unwrap();
        assert_eq!(ImageGrid::new((floats / 255.).unwrap()).unwrap().pixels, grid.pixels);
    }

    /// Wrong shapes, no images, integers and far too many images are errors that say what was expected.
    #[test]
    fn errors() {
        let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
        for shape in [&[0, 1, 28, 28][..], &[2, 784], &[2, 2, 4, 4], &[3, 1, 0, 4], &[28, 28]] {
            let message = ImageGrid::new(zeros(shape)).unwrap_err().to_string();
            assert!(message.contains("(N, 1 or 3, H, W)") && message.contains(&format!("{shape:?}")), "{message}");
        }
        let bytes = zeros(&[1, 1, 2, 2]).to_dtype(DType::U8).unwrap();
        assert!(ImageGrid::new(&bytes).unwrap_err().to_string().contains("255"));
        assert!(ImageGrid::new(zeros(&[10_001, 1, 1, 1])).unwrap_err().to_string().contains("narrow"));
        assert!(ImageGrid::from_bytes((2, 1, 2, 2), &[0; 7]).is_err());
        assert!(ImageGrid::from_bytes((usize::MAX, 3, 2, 2), &[0; 7]).is_err());
    }

    /// Layout follows the number of images; choices are kept within what makes sense.
    #[test]
    fn layout() {
        let grid = |n| ImageGrid::from_bytes((n, 1, 28, 28), &vec![0; n * 784]).unwrap();
        assert_eq!([1, 10, 16, 40, 64].map(|n| grid(n).columns), [1, 10, 4, 10, 8]);
        assert_eq!((grid(7).columns(0).columns, grid(7).columns(99).columns), (1, 7));
        let (width, height) = grid(4).scale(usize::MAX / 1000).size();
        assert!(width <= LONGEST_SIDE + 200 && height <= LONGEST_SIDE + 200);
    }

    /// A grid is saved as PNG or SVG; another ending is an error that says so.
    #[test]
    fn saving() {
        let folder = tempfile::tempdir().unwrap();
        let grid = ImageGrid::from_bytes((1, 1, 1, 1), &[7]).unwrap();
        grid.save(folder.path().join("a.png")).unwrap();
        grid.save(folder.path().join("a.SVG")).unwrap();
        assert_eq!(std::fs::read(folder.path().join("a.png")).unwrap(), grid.to_png().unwrap());
        assert!(grid.save(folder.path().join("a.jpg")).unwrap_err().to_string().contains(".png or .svg"));
    }
}
