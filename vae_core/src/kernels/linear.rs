//! The fully connected layer, y = x Wᵀ + b, and its gradients.
//!
//! ```text
//! yᵀ = W xᵀ       (out, B)  = (out, in) · (in, B)      rows of W times panels of xᵀ
//! dx = dy W       (B, in)   = (B, out) · (out, in)     rows of dy times panels of W
//! dW = dyᵀ x      (out, in) = (out, B) · (B, in)       rows of dyᵀ times panels of x
//! ```
//! The weight, by far the largest matrix, is read once each way; what is turned round is the batch.

use rayon::prelude::*;

use super::{
    scratch::Scratch,
    tile::{Finish, Panels, Run, leaky, multiples, rows_by_panel},
    transpose::{transpose, transpose_into},
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

/// Images whose panels stay in the second-level cache while all rows of the weight pass by.
const IMAGES: usize = 256;

/// Blocks of [`COLUMNS`] columns as one matrix of `width` columns.
fn side_by_side(blocks: &[Scratch], width: usize, rows: usize) -> Scratch {
    let mut y = Scratch::new(rows * width);
    y.par_chunks_mut(width).enumerate().with_min_len(16).for_each(|(row, y)| {
        for (y, block) in y.chunks_mut(COLUMNS).zip(blocks) {
            y.copy_from_slice(&block[row * y.len()..][..y.len()]);
        }
    });
    y
}

impl Linear {
    /// y, (B, out).
    pub(crate) fn forward(self, x: &[f32], weight: &[f32], bias: &[f32], leak: Option<f32>, batch: usize) -> Scratch {
        if batch <= IMAGES {
            return self.forward_part(x, weight, bias, leak, batch);
        }
        let mut y = Scratch::new(batch * self.outputs);
        for (y, x) in y.chunks_mut(IMAGES * self.outputs).zip(x.chunks(IMAGES * self.inputs)) {
            y.copy_from_slice(&self.forward_part(x, weight, bias, leak, x.len() / self.inputs));
        }
        y
    }

    fn forward_part(self, x: &[f32], weight: &[f32], bias: &[f32], leak: Option<f32>, batch: usize) -> Scratch {
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
                rows_by_panel(weight, &rows, &runs, &panels, Finish::default(), &outs, &mut y);
                for (y, bias) in y.chunks_exact_mut(batch).zip(bias) {
                    y.iter_mut().for_each(|y| *y = leaky(*y + bias, leak));
                }
                let mut turned = Scratch::new(width * batch);
                transpose_into(&y, batch, width, batch, &mut turned, width);
                turned
            })
            .collect();
        side_by_side(&blocks, outputs, batch)
    }

    /// The gradient with respect to x, (B, in), from that of y, (B, out).
    pub(crate) fn input_gradient(self, dy: &[f32], weight: &[f32], batch: usize) -> Scratch {
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
        side_by_side(&blocks, inputs, batch)
    }

    /// The gradient with respect to the weight, (out, in).
    pub(crate) fn weight_gradient(self, x: &[f32], dy: &[f32], batch: usize) -> Scratch {
        let Self { inputs, outputs } = self;
        let dy = transpose(dy, batch, outputs);
        let panels = Panels::of_rows(x, inputs, batch, inputs);
        let runs = [Run { offset: 0, len: batch }];
        let mut dw = Scratch::new(outputs * inputs);
        dw.par_chunks_mut(COLUMNS * inputs).zip(dy.par_chunks(COLUMNS * batch)).for_each(|(dw, dy)| {
            let rows = multiples(batch, dy.len() / batch);
            let outs = multiples(inputs, dy.len() / batch);
            rows_by_panel(dy, &rows, &runs, &panels, Finish::default(), &outs, dw);
        });
        dw
    }
}
