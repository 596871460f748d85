//! Data made of known factors: what disentanglement is measured on.

use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::{Batch, Data};
use crate::{Error, Result, random::Random};

/// Data with one item for each combination of the values of some factors, in the order of counting: the last factor changes
/// fastest. Values are counted from 0. [`Sprites`](super::Sprites) are such data.
///
/// ```
/// use vae_core::{candle::Device, data::{self, Data, Factored}, random::Random};
///
/// let sprites = data::sprites(32, &Device::Cpu)?;
/// let index = sprites.index(&[2, 5, 0, 31, 0])?; // a large upright heart, at the right and at the top
/// assert_eq!(sprites.factors(index), [2, 5, 0, 31, 0]);
/// let hearts = sprites.sample(64, Some((0, 2)), &mut Random::new(1))?;
/// assert!(hearts.iter().all(|&index| sprites.factors(index)[0] == 2));
/// # Ok::<(), vae_core::Error>(())
/// ```
pub trait Factored: Data {
    /// What each factor is called, and how many values it has; the product of these is [`Data::len`].
    fn sizes(&self) -> &[(&str, usize)];

    /// The number of the item with these values, one for each factor.
    ///
    /// # Errors
    /// [`Error::Argument`] unless there is a value for each factor, each below the factor's size.
    fn index(&self, values: &[usize]) -> Result<usize> {
        let sizes = self.sizes();
        if values.len() != sizes.len() {
            let names: Vec<&str> = sizes.iter().map(|&(name, _)| name).collect();
            let (wanted, names) = (sizes.len(), names.join(", "));
            return Err(Error::argument(format!("expected {wanted} values ({names}), got {}", values.len())));
        }
        sizes.iter().zip(values).try_fold(0, |index, (&(name, size), &value)| match value < size {
            true => Ok(index * size + value),
            false => Err(Error::argument(format!("{name} {value}: there are {size}, counted from 0"))),
        })
    }

    /// The values that make up the item of this number, one for each factor.
    fn factors(&self, index: usize) -> Vec<usize> {
        combination(index, self.sizes().iter().map(|&(_, size)| size))
    }

    /// The numbers of `count` items, each value drawn uniformly; that of one factor may be fixed, as (factor, value).
    ///
    /// # Errors
    /// [`Error::Argument`] for a factor or a value that there is not.
    fn sample(&self, count: usize, fixed: Option<(usize, usize)>, random: &mut Random) -> Result<Vec<usize>> {
        let sizes = self.sizes();
        if let Some((factor, _)) = fixed.filter(|&(factor, _)| factor >= sizes.len()) {
            return Err(Error::argument(format!("factor {factor}: there are {}, counted from 0", sizes.len())));
        }
        let draw = |(factor, &(_, size)): (usize, &(&str, usize)), random: &mut Random| match fixed {
            Some((chosen, value)) if chosen == factor => value,
            _ => random.below(size),
        };
        let mut item = || self.index(&sizes.iter().enumerate().map(|f| draw(f, random)).collect::<Vec<_>>());
        (0..count).map(|_| item()).collect()
    }
}

/// The values of the combination of this number, in the order of counting: the last of `sizes` changes fastest.
pub(crate) fn combination(mut index: usize, sizes: impl DoubleEndedIterator<Item = usize>) -> Vec<usize> {
    let mut values: Vec<usize> = sizes.rev().map(|size| (index % size, index /= size).0).collect();
    values.reverse();
    values
}

/// A batch of pictures: black, then each drawn over by `draw`, which gets its number and its pixels; and the values of its factors,
/// u32 (B, number of factors).
///
/// # Errors
/// [`Error::Argument`] when an index is past the end.
pub(super) fn batch(
    data: &dyn Factored,
    indices: &[usize],
    device: &Device,
    draw: impl Fn(usize, &mut [f32]) + Sync,
) -> Result<Batch> {
    let (count, shape) = (data.len(), data.shape());
    if let Some(index) = indices.iter().find(|&&index| index >= count) {
        return Err(Error::argument(format!("sprite {index}: there are {count}, counted from 0")));
    }
    let mut pixels = vec![0f32; indices.len() * shape.elem_count()];
    pixels.par_chunks_exact_mut(shape.elem_count()).zip(indices).for_each(|(picture, &index)| draw(index, picture));
    let known: Vec<u32> = indices.iter().flat_map(|&index| data.factors(index)).map(|value| value as u32).collect();
    let x = Tensor::from_vec(pixels, [&[indices.len()], shape.dims()].concat(), device)?;
    Ok(Batch { x, y: Some(Tensor::from_vec(known, (indices.len(), data.sizes().len()), device)?) })
}

/// One line: name, count, shape, factors, and where the pictures come from.
pub(super) fn summary(name: &str, data: &dyn Factored, from: &str) -> String {
    let shape = data.shape().dims().iter().map(usize::to_string).collect::<Vec<_>>().join("×");
    let factors = data.sizes().iter().map(|(name, size)| format!("{size} {name}")).collect::<Vec<_>>().join(" × ");
    format!("{name}: {} images of {shape} ({factors}), {from}", data.len())
}
