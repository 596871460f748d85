//! On the CPU, as products of matrices in float32.
//!
//! ```text
//! yᵀ = W xᵀ       (out, B)  = (out, in) · (in, B)      rows of W times panels of xᵀ, for a small batch
//! y  = x Wᵀ       (B, out)  = (B, in) · (in, out)      rows of x times panels of Wᵀ, for a large one
//! dx = dy W       (B, in)   = (B, out) · (out, in)     rows of dy times panels of W
//! dW = dyᵀ x      (out, in) = (out, B) · (B, in)       rows of dyᵀ times panels of x
//! ```
//! The weight, mostly by far the largest matrix, is read once each way; what is turned round is the batch, as long as it is
//! the smaller of the two.

use rayon::prelude::*;

use crate::ops::kernels::{
    scratch::Scratch,
    tile::{Finish, Panels, Run, multiples, rows_by_panel},
    transpose::{transpose_and_sum, transpose_into},
};

/// Columns of an output, or rows of a weight's gradient, that one task makes; fixed, so that the work is cut alike for any
/// number of threads.
const COLUMNS: usize = 48;

/// Sides of the layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Linear {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
}

/// Images that one task takes where the weight is turned round: rows for all tiles, and activations that stay in its core's cache.
pub(crate) const IMAGES: usize = 24;

/// Blocks of [`COLUMNS`] columns as one matrix of `width` columns; then `finish(row, numbers)` of each row.
fn side_by_side(blocks: &[Scratch], width: usize, rows: usize, finish: impl Fn(usize, &mut [f32]) + Sync) -> Scratch {
    let mut y = Scratch::new(rows * width);
    y.par_chunks_mut(width).enumerate().with_min_len(16).for_each(|(row, y)| {
        for (y, block) in y.chunks_mut(COLUMNS).zip(blocks) {
            y.copy_from_slice(&block[row * y.len()..][..y.len()]);
        }
        finish(row, y);
    });
    y
}

impl Linear {
    /// y, (B, out).
    pub(crate) fn forward(self, x: &[f32], weight: &[f32], bias: &[f32], leak: Option<f32>, batch: usize) -> Scratch {
        if self.turns_weight(batch) {
            self.forward_by_rows(x, weight, bias, leak, batch)
        } else {
            self.forward_by_columns(x, weight, bias, leak, batch)
        }
    }

    /// Whether the weight is the smaller of what has to be moved: x once and y three times, or the weight; across its rows, which takes
    /// twice as long.
    pub(crate) fn turns_weight(self, batch: usize) -> bool {
        let Self { inputs, outputs } = self;
        batch * (inputs + 3 * outputs) >= 2 * inputs * outputs
    }

    fn forward_by_rows(self, x: &[f32], weight: &[f32], bias: &[f32], leak: Option<f32>, batch: usize) -> Scratch {
        let Self { inputs, outputs } = self;
        let packed = self.packed(weight, bias, leak);
        let mut y = Scratch::new(batch * outputs);
        let tasks = y.par_chunks_mut(IMAGES * outputs).zip(x.par_chunks(IMAGES * inputs));
        tasks.for_each(|(y, x)| packed.forward(x, y));
        y
    }

    /// The layer with its weight turned round, on all threads: for a large batch, and for many.
    pub(crate) fn packed(self, weight: &[f32], bias: &[f32], leak: Option<f32>) -> Packed {
        let Self { inputs, outputs } = self;
        Packed {
            sides: self,
            panels: Panels::of_columns(weight, inputs, outputs),
            bias: Scratch::copy(bias),
            leak,
            rows: multiples(inputs, IMAGES),
            outs: multiples(outputs, IMAGES),
        }
    }

    fn forward_by_columns(self, x: &[f32], weight: &[f32], bias: &[f32], leak: Option<f32>, batch: usize) -> Scratch {
        let Self { inputs, outputs } = self;
        let panels = Panels::of_columns(x, inputs, batch);
        let runs = [Run { offset: 0, len: inputs }];
        let blocks: Vec<Scratch> = weight
            .par_chunks(COLUMNS * inputs)
            .zip(bias.par_chunks(COLUMNS))
            .map(|(weight, bias)| {
                let width = bias.len();
                let rows = multiples(inputs, width);
                let outs = multiples(batch, width);
                let mut y = Scratch::new(width * batch);
                let finish = Finish { row_bias: Some(bias), leak, ..Default::default() };
                rows_by_panel(weight, &rows, &runs, &panels, finish, &outs, &mut y);
                let mut turned = Scratch::new(width * batch);
                transpose_into(&y, batch, width, batch, &mut turned, width);
                turned
            })
            .collect();
        side_by_side(&blocks, outputs, batch, |_, _| {})
    }

    /// The gradient with respect to x, (B, in), from that of y, (B, out); `before(x, dx)` takes that of each image on, to before
    /// the nonlinearity that made x.
    pub(crate) fn input_gradient(
        self,
        x: &[f32],
        dy: &[f32],
        weight: &[f32],
        batch: usize,
        before: impl Fn(&[f32], &mut [f32]) + Sync,
    ) -> Scratch {
        let Self { inputs, outputs } = self;
        let runs = [Run { offset: 0, len: outputs }];
        let rows = multiples(outputs, batch);
        let blocks: Vec<Scratch> = (0..inputs.div_ceil(COLUMNS))
            .into_par_iter()
            .map(|block| {
                let first = block * COLUMNS;
                let width = COLUMNS.min(inputs - first);
                let panels = Panels::of_rows(&weight[first..], inputs, outputs, width);
                let outs = multiples(width, batch);
                let mut dx = Scratch::new(batch * width);
                rows_by_panel(dy, &rows, &runs, &panels, Finish::default(), &outs, &mut dx);
                dx
            })
            .collect();
        side_by_side(&blocks, inputs, batch, |image, dx| before(&x[image * inputs..][..inputs], dx))
    }

    /// The gradients of the weight, (out, in), and of the bias, (out,), from x and dy.
    pub(crate) fn weight_gradient(self, x: &[f32], dy: &[f32], batch: usize) -> (Scratch, Scratch) {
        let Self { inputs, outputs } = self;
        let (dy, db) = transpose_and_sum(dy, batch, outputs);
        let panels = Panels::of_rows(x, inputs, batch, inputs);
        let runs = [Run { offset: 0, len: batch }];
        let mut dw = Scratch::new(outputs * inputs);
        dw.par_chunks_mut(COLUMNS * inputs).zip(dy.par_chunks(COLUMNS * batch)).for_each(|(dw, dy)| {
            let count = dw.len() / inputs;
            let (rows, outs) = (multiples(batch, count), multiples(inputs, count));
            rows_by_panel(dy, &rows, &runs, &panels, Finish::default(), &outs, dw);
        });
        (dw, db)
    }
}

/// A layer whose weight is turned round and packed.
pub(crate) struct Packed {
    pub(crate) sides: Linear,
    panels: Panels,
    bias: Scratch,
    leak: Option<f32>,
    /// Where the rows of x and of y begin.
    rows: Vec<usize>,
    outs: Vec<usize>,
}

impl Packed {
    /// y, (B, out), of up to [`IMAGES`] images; on this thread.
    pub(crate) fn forward(&self, x: &[f32], y: &mut [f32]) {
        let Linear { inputs, outputs } = self.sides;
        let (images, runs) = (y.len() / outputs, [Run { offset: 0, len: inputs }]);
        let finish = Finish { bias: Some(&self.bias), leak: self.leak, ..Default::default() };
        rows_by_panel(x, &self.rows[..images], &runs, &self.panels, finish, &self.outs[..images], y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// Both ways forward give the same bits, so that what is computed of an image does not depend on the rest of its batch.
    #[test]
    fn both_ways_have_the_same_bits() {
        let random = &mut Random::new(1);
        for (inputs, outputs, batch) in [(1, 1, 1), (7, 100, 30), (100, 7, 49), (60, 49, 24), (64, 64, 100)] {
            let mut numbers = |count: usize| {
                let mut x = vec![0.0; count];
                random.fill_uniform(&mut x);
                x.iter_mut().for_each(|x| *x -= 0.5);
                x
            };
            let (x, weight, bias) = (numbers(batch * inputs), numbers(outputs * inputs), numbers(outputs));
            let linear = Linear { inputs, outputs };
            for leak in [None, Some(0.1)] {
                let by_rows = linear.forward_by_rows(&x, &weight, &bias, leak, batch);
                let by_columns = linear.forward_by_columns(&x, &weight, &bias, leak, batch);
                assert_eq!(*by_rows, *by_columns, "{inputs} → {outputs}, {batch} images");
            }
        }
    }
}
