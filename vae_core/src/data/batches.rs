//! Data: items of one shape, and batches of them as tensors, shuffled with a seed or in order.

use candle_core::{Device, Shape, Tensor};

use super::Images;
use crate::random::Random;
use crate::{Error, Result, ops::prefetch::prefetched};

/// Some items, with what is known of each.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The items, (B, …); images are float32 of shape (B, C, H, W), values in [0, 1].
    pub x: Tensor,
    /// What a conditional model is given of each: the labels of images, u32 of shape (B,); attributes or another view, (B, …).
    pub y: Option<Tensor>,
}

impl Batch {
    /// How many items there are.
    pub fn len(&self) -> usize {
        self.x.dims().first().copied().unwrap_or(0)
    }

    /// Whether there is no item at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// With tensors on this device.
    pub fn to_device(&self, device: &Device) -> Result<Self> {
        let y = self.y.as_ref().map(|y| y.to_device(device)).transpose()?;
        Ok(Self { x: self.x.to_device(device)?, y })
    }
}

/// Items of one shape, by number: what a model is trained on. [`Images`] are data, a tensor (N, …) is, and so is a pair of
/// tensors, of which the second holds what is known of each item.
///
/// ```
/// use vae_core::prelude::*;
///
/// /// The first `0` whole numbers and their squares.
/// struct Squares(usize);
///
/// impl Data for Squares {
///     fn len(&self) -> usize {
///         self.0
///     }
///
///     fn shape(&self) -> Shape {
///         2.into()
///     }
///
///     fn batch(&self, indices: &[usize]) -> Result<Batch> {
///         let rows: Vec<f32> = indices.iter().flat_map(|&i| [i as f32, (i * i) as f32]).collect();
///         Ok(Batch { x: Tensor::from_vec(rows, (indices.len(), 2), &Device::Cpu)?, y: None })
///     }
/// }
///
/// assert_eq!(Squares(10).batch(&[3, 5])?.x.to_vec2::<f32>()?, [[3.0, 9.0], [5.0, 25.0]]);
/// # Ok::<(), vae_core::Error>(())
/// ```
pub trait Data: Sync {
    /// How many items there are.
    fn len(&self) -> usize;

    /// The shape of an item.
    fn shape(&self) -> Shape;

    /// The items at `indices`, in that order. Training calls this from a thread of its own, one batch ahead.
    ///
    /// # Errors
    /// When an index is past the end, or an item cannot be had.
    fn batch(&self, indices: &[usize]) -> Result<Batch>;

    /// Whether there is no item at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Data for Images {
    fn len(&self) -> usize {
        self.len()
    }

    fn shape(&self) -> Shape {
        self.shape().into()
    }

    fn batch(&self, indices: &[usize]) -> Result<Batch> {
        self.batch(indices)
    }
}

/// A table: the rows of (N, …) are the items.
impl Data for Tensor {
    fn len(&self) -> usize {
        self.dims().first().copied().unwrap_or(0)
    }

    fn shape(&self) -> Shape {
        self.dims().get(1..).unwrap_or_default().into()
    }

    fn batch(&self, indices: &[usize]) -> Result<Batch> {
        Ok(Batch { x: rows(self, indices)?, y: None })
    }
}

/// A table and what is known of each of its rows: (N, …) twice.
impl Data for (Tensor, Tensor) {
    fn len(&self) -> usize {
        // Where one has fewer rows the others cannot be batches.
        Data::len(&self.0).min(Data::len(&self.1))
    }

    fn shape(&self) -> Shape {
        Data::shape(&self.0)
    }

    fn batch(&self, indices: &[usize]) -> Result<Batch> {
        Ok(Batch { x: rows(&self.0, indices)?, y: Some(rows(&self.1, indices)?) })
    }
}

/// The rows of a table at `indices`.
fn rows(table: &Tensor, indices: &[usize]) -> Result<Tensor> {
    let count = Data::len(table);
    if let Some(index) = indices.iter().find(|&&index| index >= count) {
        return Err(Error::argument(format!("row {index}: there are {count} rows, counted from 0")));
    }
    let order: Vec<u32> = indices.iter().map(|&index| index as u32).collect();
    Ok(table.detach().index_select(&Tensor::from_vec(order, indices.len(), table.device())?, 0)?)
}

/// Some of the items of other data.
pub(crate) struct Part<'a> {
    pub(crate) data: &'a dyn Data,
    pub(crate) indices: Vec<usize>,
}

impl<'a> Part<'a> {
    /// All of it.
    pub(crate) fn all(data: &'a dyn Data) -> Self {
        Self { data, indices: (0..data.len()).collect() }
    }

    /// The items that remain and `count` that are held out, drawn at random with `seed`; both in the order of the whole. Those
    /// of [`Images::split`].
    ///
    /// # Errors
    /// [`Error::Argument`] when `count` is 0 or would leave nothing.
    pub(crate) fn split(data: &'a dyn Data, count: usize, seed: u64) -> Result<[Self; 2]> {
        Ok(split(data.len(), count, seed)?.map(|indices| Self { data, indices }))
    }
}

impl Data for Part<'_> {
    fn len(&self) -> usize {
        self.indices.len()
    }

    fn shape(&self) -> Shape {
        self.data.shape()
    }

    fn batch(&self, indices: &[usize]) -> Result<Batch> {
        self.data.batch(&indices.iter().map(|&index| self.indices[index]).collect::<Vec<_>>())
    }
}

/// The numbers `0..n` in two parts: those that remain, and `count` drawn at random with `seed`, both in order.
///
/// # Errors
/// [`Error::Argument`] when `count` is 0 or would leave nothing.
pub(super) fn split(n: usize, count: usize, seed: u64) -> Result<[Vec<usize>; 2]> {
    if count == 0 || count >= n {
        return Err(Error::argument(format!(
            "cannot hold out {count} of {n} images: expected at least 1, and fewer than there are"
        )));
    }
    let mut held = Random::new(seed).permutation(n);
    let mut rest = held.split_off(count);
    held.sort_unstable();
    rest.sort_unstable();
    Ok([rest, held])
}

/// Calls `f` with the batches of `size` items, in this order; each is made beside the work on the one before, but on a GPU.
pub(crate) fn pass<R>(
    data: &dyn Data,
    order: &[usize],
    size: usize,
    device: &Device,
    f: impl FnOnce(&mut dyn Iterator<Item = Result<Batch>>) -> R,
) -> R {
    let batches: Vec<&[usize]> = order.chunks(size).collect();
    let make = |i: usize| data.batch(batches[i])?.to_device(device);
    prefetched(device, batches.len(), make, f)
}

/// An owned iterator over the batches of one pass; made by [`Images::batches`] and [`Images::chunks`].
#[derive(Clone, Debug)]
pub struct Batches {
    images: Images,
    order: Vec<usize>,
    size: usize,
    next: usize,
}

impl Images {
    /// The images at `indices` as one batch, with their labels where they have any.
    ///
    /// # Errors
    /// When an index is past the end, or candle cannot make the tensor.
    pub fn batch(&self, indices: &[usize]) -> Result<Batch> {
        let x = self.at(indices)?;
        let labels = || Tensor::from_vec(self.labels_at(indices), indices.len(), x.device());
        let y = if self.labels().is_empty() { None } else { Some(labels()?) };
        Ok(Batch { x, y })
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
        Ok(Batches { images: self.clone(), order, size, next: 0 })
    }
}

impl Iterator for Batches {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        let end = self.next.saturating_add(self.size).min(self.order.len());
        let indices = self.order.get(self.next..end).filter(|indices| !indices.is_empty())?;
        self.next = end;
        Some(self.images.batch(indices))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.order.len() - self.next).div_ceil(self.size);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Batches {}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn numbered(n: usize) -> Images {
        let (bytes, labels) = (0..n).map(|i| (i as u8, i as u32)).unzip();
        Images::new(bytes, labels, (1, 1, 1), &Device::Cpu).unwrap()
    }

    fn labels(batch: &Batch) -> Vec<u32> {
        batch.y.as_ref().unwrap().to_vec1().unwrap()
    }

    fn order(batches: Batches) -> Vec<u32> {
        batches.flat_map(|batch| labels(&batch.unwrap())).collect()
    }

    /// A shuffled pass shows every image once, each with its own label, and keeps the smaller last batch.
    #[test]
    fn every_image_once() {
        let images = numbered(10);
        let batches = images.batches(4, &mut Random::new(1)).unwrap();
        assert_eq!(batches.len(), 3);
        let sizes: Vec<_> = batches.clone().map(|batch| batch.unwrap().len()).collect();
        assert_eq!(sizes, [4, 4, 2]);
        for batch in batches.clone() {
            let batch = batch.unwrap();
            let pixels = batch.x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let labels: Vec<_> = labels(&batch).iter().map(|&label| label as f32 / 255.0).collect();
            assert_eq!(pixels, labels);
        }
        let mut all = order(batches);
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<u32>>());
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
        assert_eq!(order(images.chunks(7).unwrap()), (0..100).collect::<Vec<u32>>());
    }

    /// A batch size of 0 and an empty set are refused; a batch larger than the set is the whole set.
    #[test]
    fn odd_sizes() {
        let images = numbered(3);
        assert!(images.chunks(0).unwrap_err().to_string().contains("batch size of 1 or more"));
        assert!(images.take(0).chunks(2).unwrap_err().to_string().contains("empty set"));
        assert_eq!(images.chunks(usize::MAX).unwrap().map(|batch| batch.unwrap().len()).collect::<Vec<_>>(), [3]);
        assert!(images.batch(&[3]).is_err());
    }

    /// Batches of images without labels have none.
    #[test]
    fn without_labels() {
        let images = Images::new(vec![7; 5], vec![], (1, 1, 1), &Device::Cpu).unwrap();
        let batches = images.chunks(2).unwrap().map(|batch| batch.unwrap());
        assert_eq!(
            batches.map(|batch| (batch.len(), batch.y.is_none())).collect::<Vec<_>>(),
            [(2, true), (2, true), (1, true)]
        );
    }

    /// A tensor, a pair of tensors and a part of either hand out the rows that were asked for; an index past the end is refused.
    #[test]
    fn tables() {
        let table = Tensor::arange(0f32, 12.0, &Device::Cpu).unwrap().reshape((6, 2)).unwrap();
        let known = Tensor::arange(0u32, 6, &Device::Cpu).unwrap();
        let both = (table.clone(), known);
        let [rest, held] = Part::split(&both, 2, 1).unwrap();
        assert_eq!((Data::len(&table), both.shape().dims(), rest.len(), held.len()), (6, &[2][..], 4, 2));
        let batch = held.batch(&[1, 0]).unwrap();
        let wanted: Vec<u32> = [1, 0].map(|i| held.indices[i] as u32).to_vec();
        assert_eq!(labels(&batch), wanted);
        assert_eq!(batch.x.to_vec2::<f32>().unwrap()[0], [wanted[0] as f32 * 2.0, wanted[0] as f32 * 2.0 + 1.0]);
        let error = Data::batch(&table, &[6]).unwrap_err().to_string();
        assert_eq!(error, "row 6: there are 6 rows, counted from 0");
    }

    /// A pass has the batches of its order, whichever data they come from.
    #[test]
    fn passes() {
        let images = numbered(7);
        let order: Vec<usize> = vec![6, 0, 5, 1, 4];
        let seen = pass(&images, &order, 2, &Device::Cpu, |batches| {
            batches.map(|batch| labels(&batch.unwrap())).collect::<Vec<_>>()
        });
        assert_eq!(seen, [vec![6, 0], vec![5, 1], vec![4]]);
    }
}
