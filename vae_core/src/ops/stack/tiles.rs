//! On the CPU, values alone: nothing is kept, and dense layers are computed a tile of the batch at a time.
//!
//! ```text
//! images 0–23    x ─▶ layer 1 ─▶ layer 2 ─▶ … ─▶ y        one task: its activations stay in the cache of its core
//! images 24–47   x ─▶ layer 1 ─▶ layer 2 ─▶ … ─▶ y        another
//! ```
//! Layer after layer, all threads would wait for each other after each, and the activations of a large batch would leave the cache
//! in between. The sums are those of [`super::cpu`], in the same order. A batch that is too small for weights to be packed goes layer after
//! layer, and so does a stack with convolutions, which work image by image already.

use std::mem::swap;

use candle_core::{Device, Shape, Tensor};
use rayon::prelude::*;

use super::{
    Layer,
    steps::{Dense, Step, steps},
};
use crate::{
    Result,
    ops::{
        kernels::{elementwise::LANES, in_pool, scratch::Scratch, slices::with_slice},
        linear::cpu::{IMAGES, Linear},
    },
};

/// `x` through all layers; the result depends on nothing.
pub(super) fn forward(layers: &[Layer], x: &Tensor) -> Result<Tensor> {
    let steps = steps(layers, x)?;
    let output = layers.last().map_or(&x.dims()[1..], |layer| &layer.output);
    let shape = Shape::from([&x.dims()[..1], output].concat());
    let (batch, numbers) = (x.dims()[0], shape.elem_count());
    let y = with_slice(&x.contiguous()?, |x| {
        in_pool(|| match sides_of_large(&steps, batch) {
            Some(sides) => {
                let layers = steps.iter().zip(sides).map(|(step, sides)| step.dense(sides));
                Ok(in_tiles(&layers.collect::<Result<Vec<_>>>()?, x, numbers))
            }
            None => one_by_one(&steps, x, batch),
        })
    })?;
    Ok(Tensor::from_vec(y, shape, &Device::Cpu)?)
}

/// The sides of the layers, where all are dense and the batch is large enough for each to turn its weight round.
fn sides_of_large(steps: &[Step], batch: usize) -> Option<Vec<Linear>> {
    steps.iter().map(|step| step.sides().filter(|sides| sides.turns_weight(batch))).collect()
}

/// Tile by tile through all layers, of which there is one at least.
fn in_tiles(layers: &[Dense], x: &[f32], numbers: usize) -> Vec<f32> {
    let ([first, ..], [.., last]) = (layers, layers) else { return x.to_vec() };
    let widest = layers.iter().map(|layer| layer.sides().outputs).max().unwrap_or(0);
    let mut y = zeros(numbers);
    let tiles = y.par_chunks_mut(IMAGES * last.sides().outputs).zip(x.par_chunks(IMAGES * first.sides().inputs));
    tiles.for_each_init(
        || [IMAGES * widest; 2].map(Scratch::new),
        |activations, (y, x)| tile(layers, x, y, activations),
    );
    y
}

/// Memory that a tensor can keep, so that nothing is copied in the end; filled by all threads, a line of the cache at a time.
fn zeros(count: usize) -> Vec<f32> {
    let lines: Vec<_> = rayon::iter::repeat_n([0.0; LANES], count.div_ceil(LANES)).collect();
    let mut numbers = lines.into_flattened();
    numbers.truncate(count);
    numbers
}

/// Some images through all layers, on this thread.
fn tile(layers: &[Dense], x: &[f32], y: &mut [f32], [now, next]: &mut [Scratch; 2]) {
    let Some((last, before)) = layers.split_last() else { return };
    let images = y.len() / last.sides().outputs;
    for (i, layer) in before.iter().enumerate() {
        let x = if i == 0 { x } else { &now[..images * layer.sides().inputs] };
        layer.forward(x, &mut next[..images * layer.sides().outputs]);
        swap(now, next);
    }
    let x = if before.is_empty() { x } else { &now[..images * last.sides().inputs] };
    last.forward(x, y);
}

/// All images through one step, then through the next.
fn one_by_one(steps: &[Step], x: &[f32], batch: usize) -> Result<Vec<f32>> {
    let y = steps
        .iter()
        .try_fold(None, |y: Option<Scratch>, step| step.forward(y.as_deref().unwrap_or(x), batch).map(Some))?;
    Ok(y.map_or_else(|| x.to_vec(), |y| y.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{
        activation::Activation,
        compare::normal,
        stack::check::{Case, Dice},
    };

    /// Tiles have the same bits with any number of threads, and a batch those of its parts.
    #[test]
    fn bits_do_not_depend_on_threads() {
        let layers = Case::linear(&mut Dice::new(1), &[5, 40, 30, 50], Some(Activation::Tanh)).layers;
        let x = normal(1, &[130, 5]);
        let numbers = |x: &Tensor| forward(&layers, x).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let all = numbers(&x);
        for threads in 1..4 {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert!(pool.install(|| numbers(&x)) == all, "{threads} threads");
        }
        let parts = [(0, 60), (60, 70)].map(|(first, count)| numbers(&x.narrow(0, first, count).unwrap()));
        assert!(parts.concat() == all);
    }
}
