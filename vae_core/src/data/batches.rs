//! Batches: images as float tensors, a few at a time, shuffled with a seed or in order.

use candle_core::Tensor;

use super::Images;
use crate::random::Random;
use crate::{Error, Result, ops::gather::Order};

/// Some images as a tensor, with their labels.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Float32 of shape (B, C, H, W), values in [0, 1].
    pub images: Tensor,
    /// The B labels.
    pub labels: Vec<u8>,
}

/// An owned iterator over the batches of one pass; made by [`Images::batches`] and [`Images::chunks`].
#[derive(Clone, Debug)]
pub struct Batches {
    images: Images,
    order: Order,
    size: usize,
    next: usize,
}

impl Images {
    /// The images at `indices` as one batch.
    ///
    /// # Errors
    /// When an index is past the end, or candle cannot make the tensor.
    pub fn batch(&self, indices: &[usize]) -> Result<Batch> {
        let images = self.at(indices)?;
        Ok(Batch { images, labels: indices.iter().map(|&i| self.labels()[i]).collect() })
    }

    /// One pass over all images in an order drawn from `random`, in batches of `size`; the last may be smaller.
    ///
    /// # Errors
    /// When `size` is 0 or there are no images.
    pub fn batches(&self, size: usize, random: &mut Random) -> Result<Batches> {
        self.in_order(size, random.permutation(self.len()))
    }

    /// One pass over all images as they stand, in batches of `size`; the last may be smaller.
    ///
    /// # Errors
    /// When `size` is 0 or there are no images.
    pub fn chunks(&self, size: usize) -> Result<Batches> {
        self.in_order(size, (0..self.len()).collect())
    }

    fn in_order(&self, size: usize, order: Vec<usize>) -> Result<Batches> {
        if size == 0 {
            return Err(Error::argument("batches of 0 images: expected a batch size of 1 or more"));
        }
        if self.is_empty() {
            return Err(Error::argument("batches of an empty set: expected at least one image"));
        }
        Ok(Batches { images: self.clone(), order: self.source().order(order)?, size, next: 0 })
    }
}

impl Iterator for Batches {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        let end = self.next.saturating_add(self.size).min(self.order.indices().len());
        let start = std::mem::replace(&mut self.next, end);
        let labels: Vec<u8> = self.order.indices()[start..end].iter().map(|&i| self.images.labels()[i]).collect();
        if labels.is_empty() {
            return None;
        }
        Some(self.images.source().gather(&self.order, start..end).map(|images| Batch { images, labels }))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.order.indices().len() - self.next).div_ceil(self.size);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Batches {}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn numbered(n: usize) -> Images {
        let bytes = (0..n).map(|i| i as u8).collect::<Vec<_>>();
        Images::new(bytes.clone(), bytes, (1, 1, 1), &Device::Cpu).unwrap()
    }

    fn order(batches: Batches) -> Vec<u8> {
        batches.flat_map(|batch| batch.unwrap().labels).collect()
    }

    /// A shuffled pass shows every image once, each with its own label, and keeps the smaller last batch.
    #[test]
    fn every_image_once() {
        let images = numbered(10);
        let batches = images.batches(4, &mut Random::new(1)).unwrap();
        assert_eq!(batches.len(), 3);
        let sizes: Vec<_> = batches.clone().map(|batch| batch.unwrap().labels.len()).collect();
        assert_eq!(sizes, [4, 4, 2]);
        for batch in batches.clone() {
            let batch = batch.unwrap();
            let pixels = batch.images.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let labels: Vec<_> = batch.labels.iter().map(|&label| f32::from(label) / 255.0).collect();
            assert_eq!(pixels, labels);
        }
        let mut all = order(batches);
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<u8>>());
    }

    /// The order comes from the generator: equal for equal seeds, another in the next pass; `chunks` keeps the order.
    #[test]
    fn the_order_is_seeded() {
        let images = numbered(100);
        let mut random = Random::new(2);
        let first = order(images.batches(7, &mut random).unwrap());
        let second = order(images.batches(7, &mut random).unwrap());
        assert_eq!(first, order(images.batches(13, &mut Random::new(2)).unwrap()));
        assert_ne!(first, second);
        assert_eq!(order(images.chunks(7).unwrap()), (0..100).collect::<Vec<u8>>());
    }

    /// A batch size of 0 and an empty set are refused; a batch larger than the set is the whole set.
    #[test]
    fn odd_sizes() {
        let images = numbered(3);
        assert!(images.chunks(0).unwrap_err().to_string().contains("batch size of 1 or more"));
        assert!(images.take(0).chunks(2).unwrap_err().to_string().contains("empty set"));
        assert_eq!(
            images.chunks(usize::MAX).unwrap().map(|batch| batch.unwrap().labels.len()).collect::<Vec<_>>(),
            [3]
        );
        assert!(images.batch(&[3]).is_err());
    }
}
