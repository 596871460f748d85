//! Pictures of the user's own: what their pixels become, and files that are none.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use vae_core::{
    image::{DynamicImage, GrayImage, ImageBuffer, Luma, LumaA, Rgb, RgbImage, Rgba, RgbaImage},
    prelude::*,
};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn png(&self, image: impl Into<DynamicImage>) -> PathBuf {
        let path = self.0.path().join("mine.png");
        image.into().save(&path).unwrap();
        path
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

fn values(picture: &Picture, shape: (usize, usize, usize)) -> Vec<f32> {
    let tensor = picture.tensor(shape, &Device::Cpu).unwrap();
    assert_eq!(tensor.dims(), [1, shape.0, shape.1, shape.2]);
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// Grey bytes become bytes/255 row by row, black 0 and white 1, and inverting turns them round.
#[test]
fn grey_pixels() {
    let folder = Folder::new();
    let path = folder.png(GrayImage::from_raw(3, 2, vec![0, 51, 102, 153, 204, 255]).unwrap());
    let picture = Picture::open(&path).unwrap();
    assert_eq!(picture.size(), (2, 3));
    assert_eq!(values(&picture, (1, 2, 3)), [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
    assert_eq!(values(&picture.clone().invert(), (1, 2, 3)), [1.0, 0.8, 0.6, 0.4, 0.2, 0.0]);
    assert_eq!(values(&picture, (3, 2, 3))[6..12], [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
}

/// Colour has its luminance in grey and its channels one after the other in colour.
#[test]
fn colour_pixels() {
    let folder = Folder::new();
    let path = folder.png(RgbImage::from_fn(2, 1, |x, _| if x == 0 { Rgb([255, 0, 0]) } else { Rgb([0, 255, 51]) }));
    let picture = Picture::open(&path).unwrap();
    assert_eq!(values(&picture, (3, 1, 2)), [1.0, 0.0, 0.0, 1.0, 0.0, 0.2]);
    let grey = values(&picture, (1, 1, 2));
    assert!((grey[0] - 0.2126).abs() < 1e-6 && (grey[1] - (0.7152 + 0.2 * 0.0722)).abs() < 1e-6, "{grey:?}");
}

/// Transparent pixels are over black, in colour and in grey; 16 bits are read as the nearest of eight.
#[test]
fn transparency_and_depth() {
    let folder = Folder::new();
    let path = folder.png(RgbaImage::from_fn(2, 1, |x, _| Rgba([255, 255, 255, if x == 0 { 0 } else { 51 }])));
    assert_eq!(values(&Picture::open(&path).unwrap(), (1, 1, 2)), [0.0, 0.2]);
    let path = folder.png(DynamicImage::ImageLumaA8(ImageBuffer::from_pixel(1, 1, LumaA([255, 102]))));
    assert_eq!(values(&Picture::open(&path).unwrap(), (1, 1, 1)), [0.4]);
    let path = folder.png(DynamicImage::ImageLuma16(ImageBuffer::from_pixel(1, 1, Luma([u16::MAX / 5]))));
    assert_eq!(values(&Picture::open(&path).unwrap(), (1, 1, 1)), [0.2]);
}

/// Another size is an error with both sizes and the way out; with `resize`, flat stays flat and halves average.
#[test]
fn sizes() {
    let folder = Folder::new();
    let path = folder.png(GrayImage::from_fn(56, 40, |x, _| Luma([if x < 28 { 0 } else { 200 }])));
    let picture = Picture::open(&path).unwrap();
    let text = picture.tensor((1, 28, 28), &Device::Cpu).unwrap_err().to_string();
    for part in ["mine.png", "40×56", "28×28", "resize(28, 28)"] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
    let small = values(&picture.clone().resize(28, 28).unwrap(), (1, 28, 28));
    assert!(small.chunks(28).all(|row| row[..13].iter().all(|x| *x == 0.0) && (row[20] - 200.0 / 255.0).abs() < 1e-6));
    for (h, w) in [(0, 28), (28, 0), (4097, 1), (usize::MAX, 1)] {
        let text = picture.clone().resize(h, w).unwrap_err().to_string();
        assert!(text.contains("1 to 4096") && text.contains(&format!("{h}×{w}")), "{text}");
    }
    assert!(picture.tensor((2, 40, 56), &Device::Cpu).unwrap_err().to_string().contains("not 2"));
}

/// A picture enlarged by repeating each pixel, three times down and twice across, comes back as it was, noise and all.
#[test]
fn whole_factors() {
    let folder = Folder::new();
    let byte = |x: u32, y: u32| ((x * 89 + y * 151 + x * y * 37) % 256) as u8;
    let path = folder.png(GrayImage::from_fn(14, 15, |x, y| Luma([byte(x / 2, y / 3)])));
    let small = values(&Picture::open(&path).unwrap().resize(5, 7).unwrap(), (1, 5, 7));
    let expected = (0..35).map(|i| (f64::from(byte(i % 7, i / 7)) / 255.0) as f32);
    assert!(small.iter().zip(expected).all(|(x, y)| (x - y).abs() < 1e-6));
}

/// Cropping takes the middle, in colour as in grey, and refuses the sides that resizing refuses.
#[test]
fn crops() {
    let folder = Folder::new();
    let path = folder.png(GrayImage::from_fn(2, 4, |_, y| Luma([[0, 51, 102, 255][y as usize]])));
    let picture = Picture::open(&path).unwrap();
    assert_eq!(values(&picture.clone().crop(2, 2).unwrap(), (1, 2, 2)), [0.2, 0.2, 0.4, 0.4]);
    assert_eq!(values(&picture.clone().crop(4, 2).unwrap(), (1, 4, 2))[6..], [1.0, 1.0]);
    assert_eq!(
        values(&picture.clone().crop(1, 1).unwrap(), (3, 1, 1)),
        [0.3, 0.3, 0.3].map(|x: f32| (x * 255.0).round() / 255.0)
    );
    assert!(picture.crop(0, 28).unwrap_err().to_string().contains("1 to 4096"));
}

fn refusal(path: &Path) -> String {
    let text = Picture::open(path).unwrap_err().to_string();
    assert!(text.contains(&path.display().to_string()), "{text}");
    text
}

/// Files that are missing, empty, of another format, cut off, damaged, or that promise more pixels than memory: an
/// error with the path, never a panic.
#[test]
fn hostile_files() {
    let folder = Folder::new();
    refusal(&folder.0.path().join("none.png"));
    refusal(folder.0.path());
    for (name, bytes) in [("empty.png", &b""[..]), ("text.png", b"hello"), ("film.png", b"GIF89a")] {
        assert!(refusal(&folder.file(name, bytes)).contains("convert it as one of them"), "{name}");
    }
    assert!(refusal(&folder.file("photo.png", b"\xff\xd8\xff\xe0\0\x10JFIF\0")).contains("is cut short"));
    let good = std::fs::read(folder.png(GrayImage::from_fn(30, 30, |x, y| Luma([(x * y) as u8])))).unwrap();
    for end in (8..good.len() - 12).step_by(9) {
        refusal(&folder.file("cut.png", &good[..end]));
    }
    for at in (8..good.len()).step_by(7) {
        let mut damaged = good.clone();
        damaged[at] ^= 0x55;
        // Some bytes do not matter to a reader; the others must be an error and no panic.
        if let Err(error) = Picture::open(folder.file("damaged.png", &damaged)) {
            assert!(error.to_string().contains("damaged.png"), "{error}");
        }
    }
    // A header that is in order but for its size: 60,000 × 60,000 pixels, 8 bits, grey.
    let mut huge = good.clone();
    huge[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    let crc = crc32(&huge[12..29]);
    huge[29..33].copy_from_slice(&crc.to_be_bytes());
    let text = refusal(&folder.file("huge.png", &huge));
    assert!(text.contains("sides of 16384 pixels"), "{text}");
    // No pixels at all.
    let mut none = good;
    none[16..24].fill(0);
    let crc = crc32(&none[12..29]);
    none[29..33].copy_from_slice(&crc.to_be_bytes());
    refusal(&folder.file("none.png", &none));
}

/// The checksum of PNG's chunks.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}
