//! A batch of floats from the bytes of images.
//!
//! ```text
//! y[b] = bytes[order[b]] / 255        bytes: (N, C, H, W) of u8, order: (B,) → (B, C, H, W) of float32 in [0, 1]
//! ```
//! A CUDA device keeps a copy of all bytes and of the order of a whole pass, so that a batch takes one launch. Bytes have no gradient.

mod cpu;
mod cuda;

use std::{
    ops::Range,
    sync::{Arc, OnceLock},
};

use candle_core::{Device, Tensor};

use super::cuda::on;
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

/// Which images come one after the other, for one batch or a whole pass.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    indices: Vec<usize>,
    /// (len,) of u32 on a CUDA device.
    on_device: Option<Tensor>,
}

impl Source<'_> {
    fn size(&self) -> usize {
        let (c, h, w) = self.sides;
        c * h * w
    }

    /// The bytes on a CUDA device, copied there once; `None` on others, and when they do not fit.
    fn copy(&self) -> Option<&Tensor> {
        if !on(self.device) || self.bytes.is_empty() {
            return None;
        }
        let copy = || Tensor::from_slice(self.bytes, self.bytes.len(), self.device).ok();
        self.resident.0.get_or_init(copy).as_ref()
    }

    /// The order of these images.
    ///
    /// # Errors
    /// [`Error::Argument`] for an index past the end.
    pub(crate) fn order(&self, indices: Vec<usize>) -> Result<Order> {
        let count = self.bytes.len() / self.size().max(1);
        if let Some(index) = indices.iter().find(|&&index| index >= count) {
            return Err(Error::argument(format!("image {index}: there are {count} images, counted from 0")));
        }
        let on_device = if self.copy().is_some() && !indices.is_empty() {
            let order: Vec<u32> = indices.iter().map(|&index| index as u32).collect();
            Some(Tensor::from_vec(order, indices.len(), self.device)?)
        } else {
            None
        };
        Ok(Order { indices, on_device })
    }

    /// The images at places `at` of an order that was made for them: (B, C, H, W).
    pub(crate) fn gather(&self, order: &Order, at: Range<usize>) -> Result<Tensor> {
        if let Some((bytes, order)) = self.copy().zip(order.on_device.as_ref()) {
            return cuda::gather(bytes, &order.narrow(0, at.start, at.len())?, self.sides);
        }
        let size = self.size();
        let images = order.indices[at].iter().map(|&index| &self.bytes[index * size..][..size]);
        self.floats(&images.collect::<Vec<_>>())
    }

    /// Images of any bytes in the shape of these, made on the CPU: (B, C, H, W).
    pub(crate) fn floats(&self, images: &[&[u8]]) -> Result<Tensor> {
        let (c, h, w) = self.sides;
        Ok(Tensor::from_vec(cpu::intensities(images, self.size()), (images.len(), c, h, w), self.device)?)
    }
}

impl Order {
    /// The indices, in order.
    pub(crate) fn indices(&self) -> &[usize] {
        &self.indices
    }
}

/// In candle's own operations: bytes (N, C, H, W), order (B,) → (B, C, H, W) of float64.
#[cfg(any(test, feature = "cuda"))]
fn reference(bytes: &Tensor, order: &Tensor) -> Result<Tensor> {
    Ok((bytes.index_select(order, 0)?.to_dtype(candle_core::DType::F64)? / 255.0)?)
}

/// Parts of an order with repetitions, images as they stand, none at all; an index past the end is refused.
#[cfg(any(test, feature = "cuda"))]
pub(crate) fn check(place: &super::compare::Place) {
    let (sides, count) = ((3, 2, 5), 7);
    let bytes: Vec<u8> = (0..count * 30).map(|i| (i * 37 % 256) as u8).collect();
    let images = Tensor::from_slice(&bytes, (count, 3, 2, 5), &Device::Cpu).unwrap();
    let order = vec![6, 0, 6, 3, 1, 5];
    for part in [0..6, 2..5, 3..3] {
        let of: Vec<u32> = order[part.clone()].iter().map(|&i| i as u32).collect();
        let of = Tensor::from_slice(&of, of.len(), &Device::Cpu).unwrap();
        let got = place.compute(|device| {
            let source = Source { bytes: &bytes, sides, device, resident: &Resident::default() };
            source.gather(&source.order(order.clone()).unwrap(), part.clone()).unwrap()
        });
        let expected = reference(&images, &of).unwrap();
        assert_eq!(got.dims(), expected.dims());
        place.close(&format!("images {part:?}"), 1e-7, &got, &expected.flatten_all().unwrap().to_vec1().unwrap());
    }
    let refused = place.compute(|device| {
        let source = Source { bytes: &bytes, sides, device, resident: &Resident::default() };
        source.order(vec![2, 7]).unwrap_err().to_string()
    });
    assert_eq!(refused, "image 7: there are 7 images, counted from 0");
}

#[cfg(test)]
mod tests {
    /// The paths agree with the reference in float64.
    #[test]
    fn paths_agree() {
        super::super::compare::everywhere(super::check);
    }
}
