//! Images and labels kept as bytes, cheap to clone, turned into floats only when a tensor is asked for.
//!
//! A byte b is the intensity b/255 in [0, 1]. 60,000 MNIST images are 47 MB of bytes and would be 188 MB of floats.

use std::fmt;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use super::{Batch, Data, batches};
use crate::ops::gather::{Resident, Source};
use crate::{Error, Result};

/// How many items of other data are in memory as floats at a time.
const AT_ONCE: usize = 1_000;

/// Grey or colour images of one shape, with a label each or without labels, and the device on which they become tensors.
///
/// Clones share the bytes. Nothing here borrows, so a value can live in a notebook's variable.
#[derive(Clone)]
pub struct Images {
    pixels: Arc<Vec<u8>>,
    /// One for each image, or none at all.
    labels: Arc<Vec<u32>>,
    shape: (usize, usize, usize),
    device: Device,
    /// The copy of the bytes on a CUDA device, from the first batch on.
    resident: Resident,
}

impl Images {
    /// Images of `shape` (channels, height, width), one after the other, each channel by channel and row by row, and their
    /// labels. With no labels at all, `vec![]`, the images have none.
    ///
    /// # Errors
    /// When a side of the shape is 0, `pixels` does not hold channels · height · width bytes for each of `labels`, or, where
    /// there are none, for a whole number of images.
    pub fn new(pixels: Vec<u8>, labels: Vec<u32>, shape: (usize, usize, usize), device: &Device) -> Result<Self> {
        let (c, h, w) = shape;
        let size = c.checked_mul(h).and_then(|x| x.checked_mul(w)).filter(|&size| size > 0).ok_or_else(|| {
            Error::argument(format!("images of shape {c}×{h}×{w}: expected channels, height and width of 1 or more"))
        })?;
        if labels.is_empty() && !pixels.len().is_multiple_of(size) {
            let problem = format!(
                "images of {c}×{h}×{w} = {size} bytes each: {} bytes are no whole number of them",
                pixels.len()
            );
            return Err(Error::argument(problem));
        }
        if !labels.is_empty() && Some(pixels.len()) != labels.len().checked_mul(size) {
            return Err(Error::argument(format!(
                "{} labels need {} images of {c}×{h}×{w} = {size} bytes each, got {} bytes",
                labels.len(),
                labels.len(),
                pixels.len()
            )));
        }
        let (pixels, labels) = (Arc::new(pixels), Arc::new(labels));
        Ok(Self { pixels, labels, shape, device: device.clone(), resident: Resident::default() })
    }

    /// The items of other data at `indices`, kept as bytes, as [`Images`] are: rounded to a multiple of 1/255. Labels come along where
    /// what is known of an item is a label.
    ///
    /// # Errors
    /// [`Error::Shape`] unless the items are images, (channels, height, width); and whatever the data say of an index.
    pub fn of(data: &dyn Data, indices: &[usize], device: &Device) -> Result<Self> {
        let shape = data.shape();
        let Ok(image) = shape.dims3() else {
            let expected = "(channels, height, width)".into();
            return Err(Error::Shape { what: "items to keep as images", expected, got: shape.dims().to_vec() });
        };
        let (mut pixels, mut labels) = (Vec::with_capacity(indices.len() * shape.elem_count()), vec![]);
        for indices in indices.chunks(AT_ONCE) {
            let Batch { x, y } = data.batch(indices)?;
            let x: Vec<f32> = x.to_device(&Device::Cpu)?.flatten_all()?.to_vec1()?;
            pixels.extend(x.into_iter().map(|pixel| (pixel * 255.0).round() as u8));
            if let Some(y) = y.filter(|y| y.rank() == 1 && y.dtype() == DType::U32) {
                labels.extend(y.to_vec1::<u32>()?);
            }
        }
        Self::new(pixels, labels, image, device)
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.pixels.len() / self.pixels_per_image()
    }

    /// Whether there is no image at all.
    pub fn is_empty(&self) -> bool {
        self.pixels.is_empty()
    }

    /// Channels, height and width of one image.
    pub fn shape(&self) -> (usize, usize, usize) {
        self.shape
    }

    /// Numbers in one image: channels · height · width.
    pub fn pixels_per_image(&self) -> usize {
        self.shape.0 * self.shape.1 * self.shape.2
    }

    /// The device on which batches become tensors.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// These images, with tensors on another device.
    pub fn to_device(&self, device: &Device) -> Self {
        Self { device: device.clone(), resident: Resident::default(), ..self.clone() }
    }

    /// The label of every image; empty when the images have none.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// The labels of the images at `indices`, which are there; empty when the images have none.
    pub(super) fn labels_at(&self, indices: &[usize]) -> Vec<u32> {
        indices.iter().filter_map(|&index| self.labels.get(index).copied()).collect()
    }

    /// The bytes of all images, one after the other.
    pub fn bytes(&self) -> &[u8] {
        &self.pixels
    }

    /// The bytes of image `index`, channel by channel and row by row; `None` past the end.
    pub fn image(&self, index: usize) -> Option<&[u8]> {
        self.pixels.chunks_exact(self.pixels_per_image()).nth(index)
    }

    /// The images at `indices`, in that order; an index may come more than once.
    ///
    /// # Errors
    /// When an index is past the end.
    pub fn select(&self, indices: &[usize]) -> Result<Self> {
        let mut pixels = Vec::with_capacity(indices.len() * self.pixels_per_image());
        for &index in indices {
            pixels.extend_from_slice(self.image_or_error(index)?);
        }
        Ok(self.with(pixels, self.labels_at(indices)))
    }

    /// The first `n` images, or all when there are fewer.
    pub fn take(&self, n: usize) -> Self {
        let n = n.min(self.len());
        if n == self.len() {
            return self.clone();
        }
        self.with(self.pixels[..n * self.pixels_per_image()].to_vec(), self.labels.iter().take(n).copied().collect())
    }

    /// The images with this label, in order; none when no image has it, or any label.
    pub fn of_class(&self, label: u32) -> Self {
        let of_class = || self.labels.iter().enumerate().filter(move |(_, l)| **l == label).map(|(i, _)| i);
        let pixels = of_class().filter_map(|i| self.image(i)).flatten().copied().collect();
        self.with(pixels, vec![label; of_class().count()])
    }

    /// Sets `count` images aside, drawn at random with `seed`: (the remaining images, the held-out ones).
    ///
    /// The same seed gives the same two sets, which share no image. Both keep the order of the whole.
    ///
    /// # Errors
    /// When `count` is 0 or would leave nothing.
    pub fn split(&self, count: usize, seed: u64) -> Result<(Self, Self)> {
        let [rest, held] = batches::split(self.len(), count, seed)?;
        Ok((self.select(&rest)?, self.select(&held)?))
    }

    /// All images as one float32 tensor of shape (N, C, H, W) with values in [0, 1].
    ///
    /// # Errors
    /// When candle cannot make the tensor, for example for want of memory on the device.
    pub fn tensor(&self) -> Result<Tensor> {
        self.first(self.len())
    }

    /// The first `n` images (all, when there are fewer) as a float32 tensor of shape (n, C, H, W) with values in [0, 1].
    ///
    /// # Errors
    /// When candle cannot make the tensor, for example for want of memory on the device.
    pub fn first(&self, n: usize) -> Result<Tensor> {
        self.source().floats(&self.pixels.chunks_exact(self.pixels_per_image()).take(n).collect::<Vec<_>>())
    }

    /// The images at `indices` as a float32 tensor of shape (B, C, H, W) with values in [0, 1].
    ///
    /// # Errors
    /// When an index is past the end, or candle cannot make the tensor.
    pub fn at(&self, indices: &[usize]) -> Result<Tensor> {
        self.source().gather(indices)
    }

    /// The mean of all images: a float32 tensor of shape (C, H, W) with values in [0, 1].
    ///
    /// # Errors
    /// When there are no images.
    pub fn mean_image(&self) -> Result<Tensor> {
        if self.is_empty() {
            return Err(Error::argument("the mean image of an empty set: expected at least one image"));
        }
        let mut sums = vec![0u64; self.pixels_per_image()];
        for image in self.pixels.chunks_exact(sums.len()) {
            sums.iter_mut().zip(image).for_each(|(sum, &byte)| *sum += u64::from(byte));
        }
        let scale = 255.0 * self.len() as f64;
        let mean: Vec<f32> = sums.iter().map(|&sum| (sum as f64 / scale) as f32).collect();
        Ok(Tensor::from_vec(mean, self.shape, &self.device)?)
    }

    /// Mean and standard deviation of all pixels, as values in [0, 1]; zeros when there are no images.
    pub fn statistics(&self) -> (f64, f64) {
        let mut counts = [0u64; 256];
        self.pixels.iter().for_each(|&byte| counts[usize::from(byte)] += 1);
        let moment = |f: &dyn Fn(f64) -> f64| {
            let sum: f64 = counts.iter().enumerate().map(|(byte, &n)| n as f64 * f(byte as f64 / 255.0)).sum();
            sum / self.pixels.len().max(1) as f64
        };
        let mean = moment(&|x| x);
        (mean, moment(&|x| (x - mean).powi(2)).sqrt())
    }

    /// Other pixels, as many as there are, with these labels, shape and device.
    pub(crate) fn with_pixels(&self, pixels: Vec<u8>) -> Self {
        Self { pixels: Arc::new(pixels), resident: Resident::default(), ..self.clone() }
    }

    fn with(&self, pixels: Vec<u8>, labels: Vec<u32>) -> Self {
        Self { pixels: Arc::new(pixels), labels: Arc::new(labels), resident: Resident::default(), ..self.clone() }
    }

    fn image_or_error(&self, index: usize) -> Result<&[u8]> {
        self.image(index).ok_or_else(|| past_the_end(index, self.len()))
    }

    /// What batches are gathered from.
    fn source(&self) -> Source<'_> {
        Source { bytes: &self.pixels, sides: self.shape, device: &self.device, resident: &self.resident }
    }
}

pub(super) fn past_the_end(index: usize, len: usize) -> Error {
    Error::argument(format!("image {index}: there are {len} images, counted from 0"))
}

impl fmt::Debug for Images {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (c, h, w) = self.shape;
        write!(f, "Images({} of {c}×{h}×{w} bytes, {})", self.len(), crate::device::describe(&self.device))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `n` images of 1×2×2; image i holds the bytes 4i, 4i+1, … and the label i mod 10.
    fn numbered(n: usize) -> Images {
        let labels = (0..n).map(|i| (i % 10) as u32).collect();
        Images::new((0..4 * n).map(|i| i as u8).collect(), labels, (1, 2, 2), &Device::Cpu).unwrap()
    }

    /// Sizes that do not fit are refused with both numbers in the message, and a shape of nothing too.
    #[test]
    fn sizes_are_checked() {
        let error = Images::new(vec![0; 7], vec![0, 1], (1, 2, 2), &Device::Cpu).unwrap_err().to_string();
        assert_eq!(error, "2 labels need 2 images of 1×2×2 = 4 bytes each, got 7 bytes");
        let error = Images::new(vec![], vec![], (1, 0, 2), &Device::Cpu).unwrap_err().to_string();
        assert!(error.contains("1×0×2"), "{error}");
        assert!(Images::new(vec![], vec![3], (usize::MAX, 2, 2), &Device::Cpu).is_err());
        let error = Images::new(vec![0; 7], vec![], (1, 2, 2), &Device::Cpu).unwrap_err().to_string();
        assert_eq!(error, "images of 1×2×2 = 4 bytes each: 7 bytes are no whole number of them");
    }

    /// Images without labels are counted, picked and split as others; no class has any of them.
    #[test]
    fn labels_are_not_needed() {
        let images = Images::new(numbered(25).bytes().to_vec(), vec![], (1, 2, 2), &Device::Cpu).unwrap();
        assert_eq!((images.len(), images.is_empty(), images.labels()), (25, false, &[][..]));
        let picked = images.select(&[3, 0, 3]).unwrap();
        assert_eq!((picked.len(), picked.labels(), picked.image(2)), (3, &[][..], Some(&[12, 13, 14, 15][..])));
        assert!(images.take(2).len() == 2 && images.of_class(0).is_empty());
        let ((rest, held), (other, _)) = (images.split(5, 1).unwrap(), numbered(25).split(5, 1).unwrap());
        assert!(held.len() == 5 && rest.bytes() == other.bytes());
    }

    /// Labels may be larger than a byte.
    #[test]
    fn many_classes() {
        let images = Images::new(vec![0, 1, 2], vec![0, 70_000, 256], (1, 1, 1), &Device::Cpu).unwrap();
        assert_eq!(images.of_class(70_000).bytes(), [1]);
        assert_eq!((images.of_class(0).bytes(), images.of_class(256).labels()), (&[0][..], &[256][..]));
    }

    /// Bytes become floats in [0, 1] in the order (N, C, H, W), white exactly 1.
    #[test]
    fn bytes_become_floats() {
        let images = Images::new(vec![0, 255, 51, 102, 1, 2], vec![7], (3, 1, 2), &Device::Cpu).unwrap();
        let tensor = images.tensor().unwrap();
        assert_eq!(tensor.dims(), [1, 3, 1, 2]);
        let values = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(values, [0.0, 1.0, 0.2, 0.4, 1.0 / 255.0, 2.0 / 255.0]);
        assert_eq!(images.first(0).unwrap().dims(), [0, 3, 1, 2]);
        assert_eq!(images.first(9).unwrap().dims(), [1, 3, 1, 2]);
    }

    /// Picking by index, by number and by class gives the right bytes with the right labels.
    #[test]
    fn picking() {
        let images = numbered(25);
        let picked = images.select(&[3, 0, 3]).unwrap();
        assert_eq!((picked.labels(), picked.image(2)), (&[3, 0, 3][..], Some(&[12, 13, 14, 15][..])));
        assert_eq!((picked.image(3), images.take(99).len(), images.take(2).labels()), (None, 25, &[0, 1][..]));
        let fours = images.of_class(4);
        assert_eq!((fours.labels(), fours.image(1)), (&[4, 4, 4][..], Some(&[56, 57, 58, 59][..])));
        assert!(images.of_class(77).is_empty());
        let error = images.select(&[25]).unwrap_err().to_string();
        assert_eq!(error, "image 25: there are 25 images, counted from 0");
    }

    /// A split is the same for the same seed, another for another, and its parts are disjoint and complete.
    #[test]
    fn splits_are_deterministic_and_disjoint() {
        let images = numbered(50);
        let (rest, held) = images.split(20, 5).unwrap();
        let (again, _) = images.split(20, 5).unwrap();
        let (other, _) = images.split(20, 6).unwrap();
        assert_eq!((rest.len(), held.len()), (30, 20));
        assert!(rest.bytes() == again.bytes() && rest.bytes() != other.bytes());
        let mut all = [rest.bytes(), held.bytes()].concat();
        all.sort_unstable();
        assert_eq!(all, images.bytes());
        for count in [0, 50, 51] {
            let error = images.split(count, 5).unwrap_err().to_string();
            assert!(error.contains(&format!("hold out {count} of 50")), "{error}");
        }
    }

    /// Mean image, mean and standard deviation agree with values worked out by hand.
    #[test]
    fn moments() {
        let images = Images::new(vec![0, 255, 51, 255], vec![0, 0], (1, 1, 2), &Device::Cpu).unwrap();
        let mean = images.mean_image().unwrap();
        assert_eq!(mean.to_vec3::<f32>().unwrap(), [[[0.1, 1.0]]]);
        let (mean, std) = images.statistics();
        // values 0, 1, 0.2, 1: mean 0.55, variance (0.3025 + 2 · 0.2025 + 0.1225) / 4 = 0.2075
        assert!((mean - 0.55).abs() < 1e-12 && (std - 0.2075f64.sqrt()).abs() < 1e-12);
        assert!(images.take(0).mean_image().is_err());
        assert_eq!(images.take(0).statistics(), (0.0, 0.0));
    }
}
