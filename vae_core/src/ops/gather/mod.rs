//! A batch of floats from the bytes of images.
//!
//! ```text
//! y[b] = bytes[order[b]] / 255        bytes: (N, C, H, W) of u8, order: (B,) → (B, C, H, W) of float32 in [0, 1]
//! ```
//! A CUDA device keeps a copy of all bytes, so that only the order of a batch goes there. Bytes have no gradient.

mod cpu;
mod cuda;

use std::sync::{Arc, OnceLock};

use candle_core::{Device, Tensor};

use super::cuda::has_kernels;
use crate::{Error, Result};

/// Channels, height and width.
type Sides = (usize, usize, usize);

/// The copy of a set's bytes on its device, made by the first batch. Clones share it; bytes and device must stay the same.
#[derive(Clone, Default)]
pub(crate) struct Resident(Arc<OnceLock<Option<Tensor>>>);

/// Images of one shape, one after the other.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) sides: Sides,
    pub(crate) device: &'a Device,
    pub(crate) resident: &'a Resident,
}

impl Source<'_> {
    fn size(&self) -> usize {
        let (c, h, w) = self.sides;
        c * h * w
    }

    /// The bytes on a CUDA device, copied there once; `None` on others, and when they do not fit.
    fn copy(&self) -> Option<&Tensor> {
        if !has_kernels(self.device) || self.bytes.is_empty() {
            return None;
        }
        let copy = || Tensor::from_slice(self.bytes, self.bytes.len(), self.device).ok();
        self.resident.0.get_or_init(copy).as_ref()
    }

    /// The images at `order`, one after the other; an index may come more than once: (B, C, H, W).
    ///
    /// # Errors
    /// [`Error::Argument`] for an index past the end.
    pub(crate) fn gather(&self, order: &[usize]) -> Result<Tensor> {
        let size = self.size().max(1);
        let count = self.bytes.len() / size;
        if let Some(index) = order.iter().find(|&&index| index >= count) {
            return Err(Error::argument(format!("image {index}: there are {count} images, counted from 0")));
        }
        if let Some(bytes) = self.copy().filter(|_| !order.is_empty()) {
            let order: Vec<u32> = order.iter().map(|&index| index as u32).collect();
            return cuda::gather(bytes, &Tensor::new(order, self.device)?, self.sides);
        }
        self.floats(&order.iter().map(|&index| &self.bytes[index * size..][..size]).collect::<Vec<_>>())
    }

    /// Images of any bytes in the shape of these, made on the CPU: (B, C, H, W).
    pub(crate) fn floats(&self, images: &[&[u8]]) -> Result<Tensor> {
        let (c, h, w) = self.sides;
        Ok(Tensor::from_vec(cpu::intensities(images, self.size()), (images.len(), c, h, w), self.device)?)
    }
}

/// In candle's own operations: bytes (N, C, H, W), order (B,) → (B, C, H, W) of float64.
#[cfg(any(test, feature = "cuda"))]
fn reference(bytes: &Tensor, order: &Tensor) -> Result<Tensor> {
    Ok((bytes.index_select(order, 0)?.to_dtype(candle_core::DType::F64)? / 255.0)?)
}

/// Orders with repetitions and none at all; an index past the end is refused.
#[cfg(any(test, feature = "cuda"))]
pub(crate) fn check(place: &super::compare::Place) {
    let bytes: Vec<u8> = (0..7 * 30).map(|i| (i * 37 % 256) as u8).collect();
    let images = Tensor::from_slice(&bytes, (7, 3, 2, 5), &Device::Cpu).unwrap();
    let gather = |order: &[usize]| {
        place.compute(|device| {
            Source { bytes: &bytes, sides: (3, 2, 5), device, resident: &Resident::default() }.gather(order)
        })
    };
    for order in [vec![6, 0, 6, 3, 1, 5], vec![2], vec![]] {
        let got = gather(&order).unwrap();
        let indices: Vec<u32> = order.iter().map(|&i| i as u32).collect();
        let expected = reference(&images, &Tensor::new(indices, &Device::Cpu).unwrap()).unwrap();
        assert_eq!(got.dims(), expected.dims());
        place.close(&format!("images {order:?}"), 1e-7, &got, &expected.flatten_all().unwrap().to_vec1().unwrap());
    }
    assert_eq!(gather(&[2, 7]).unwrap_err().to_string(), "image 7: there are 7 images, counted from 0");
}

#[cfg(test)]
mod tests {
    /// The paths agree with the reference in float64.
    #[test]
    fn paths_agree() {
        super::super::compare::everywhere(super::check);
    }
}
